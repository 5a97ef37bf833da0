/* The public face of the scheduler: making it, submitting, cancelling, draining, ending. */
#include "pool/queue.h"

#include "base/cond.h"

#include <stdlib.h>

#define DEFAULT_IDLE_MS 30000
#define DEFAULT_MAX_QUEUED 65536

static struct cn_queue *queue_of(struct cn_executor *executor) {
    return (struct cn_queue *)(void *)executor;
}

/* Puts a task behind the others of its group, and a group behind the others of the ring. */
static void enqueue(struct cn_queue *queue, struct cn_task *task) {
    struct cn_group *group = task->group;
    if (group->last)
        group->last->next = task;
    else
        group->first = task;
    group->last = task;
    cn_queue_crew(queue, group)->queued++;
    if (group->listed)
        return;
    group->listed = true;
    if (!queue->cursor) {
        group->next = group;
        group->previous = group;
        queue->cursor = group;
        return;
    }
    group->next = queue->cursor;
    group->previous = queue->cursor->previous;
    group->previous->next = group;
    group->next->previous = group;
}

static size_t queued(const struct cn_queue *queue) {
    return queue->crews[false].queued + queue->crews[true].queued;
}

/* Whether the queue takes a task now. */
static enum cn_code admit(const struct cn_queue *queue, struct cn_error *error) {
    if (queue->draining)
        return cn_error_set(error, CN_DRAINING,
                            "The service is shutting down and takes no new work");
    if (queued(queue) >= queue->max_queued) {
        cn_error_set(error, CN_OVERLOADED, "%zu parts of work already wait for a worker",
                     queued(queue));
        cn_error_set_limit(error, "--max-queued");
        return CN_OVERLOADED;
    }
    return CN_OK;
}

static enum cn_code queue_submit(struct cn_executor *executor, struct cn_task *task,
                                 struct cn_error *error) {
    struct cn_queue *queue = queue_of(executor);
    struct cn_group *group = task->group;
    pthread_mutex_lock(&queue->lock);
    enum cn_code code = admit(queue, error);
    if (code == CN_OK) {
        int64_t now = cn_clock_now();
        int stop = atomic_load(&group->stop);
        bool late = group->deadline_ns != 0 && now >= group->deadline_ns;
        cn_task_reset(task, now);
        queue->pending++;
        enqueue(queue, task);
        if (stop != 0 || late) {
            bool cancelled = stop == CN_STOP_CANCELLED;
            cn_queue_end_waiting(queue, group, cancelled ? CN_CANCELLED : CN_DEADLINE_EXCEEDED);
        } else {
            if (group->deadline_ns != 0 && group->deadline_ns < queue->clerk_ns) {
                queue->clerk_ns = group->deadline_ns;
                pthread_cond_signal(&queue->clerk_wake);
            }
            cn_queue_rouse(queue, group);
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return code;
}

static void queue_cancel(struct cn_executor *executor, struct cn_group *group) {
    struct cn_queue *queue = queue_of(executor);
    pthread_mutex_lock(&queue->lock);
    cn_group_stop(group, CN_STOP_CANCELLED);
    if (group->listed)
        cn_queue_end_waiting(queue, group, CN_CANCELLED);
    if (group->running > 0)
        cn_queue_nudge(queue, group);
    pthread_mutex_unlock(&queue->lock);
}

static enum cn_worker_state slot_state(const struct cn_slot *slot) {
    if (!slot->started)
        return CN_WORKER_STARTING;
    if (slot->current)
        return CN_WORKER_BUSY;
    return slot->health == CN_SLOT_READY ? CN_WORKER_IDLE : CN_WORKER_DEAD;
}

static size_t queue_stats(struct cn_executor *executor, struct cn_worker_stats *stats, size_t max,
                          size_t *n_queued) {
    struct cn_queue *queue = queue_of(executor);
    size_t count = queue->ops->stats ? queue->ops->stats(queue->context, stats, max) : 0;
    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < queue->n_slots; i++) {
        const struct cn_slot *slot = &queue->slots[i];
        if (slot->life != CN_SLOT_LIVE || queue->ops->stats)
            continue;
        if (count < max)
            stats[count] = (struct cn_worker_stats){.worker = slot->index,
                                                    .pid = slot->pid,
                                                    .state = slot_state(slot),
                                                    .tasks = slot->tasks,
                                                    .restarts = slot->restarts,
                                                    .cpu_ns = slot->cpu_ns};
        count++;
    }
    if (n_queued)
        *n_queued = queued(queue);
    pthread_mutex_unlock(&queue->lock);
    return count;
}

static void queue_totals(struct cn_executor *executor, struct cn_executor_totals *totals) {
    struct cn_queue *queue = queue_of(executor);
    *totals = (struct cn_executor_totals){0};
    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < queue->n_slots; i++) {
        const struct cn_slot *slot = &queue->slots[i];
        if (slot->life == CN_SLOT_LIVE)
            totals->workers[slot_state(slot)]++;
        totals->tasks += slot->tasks;
        totals->restarts += slot->restarts;
        totals->cpu_ns += slot->cpu_ns;
        for (int d = 0; d < CN_DEATH_COUNT; d++)
            totals->deaths[d] += slot->deaths[d];
    }
    totals->queued = queued(queue);
    pthread_mutex_unlock(&queue->lock);
}

static void stop_everything(struct cn_queue *queue) {
    while (queue->cursor) {
        struct cn_group *group = queue->cursor;
        cn_group_stop(group, CN_STOP_CANCELLED);
        cn_queue_end_waiting(queue, group, CN_CANCELLED);
    }
    for (size_t i = 0; i < queue->n_slots; i++) {
        struct cn_task *task = queue->slots[i].current;
        if (!task)
            continue;
        cn_group_stop(task->group, CN_STOP_CANCELLED);
        if (queue->ops->wake)
            queue->ops->wake(&queue->slots[i]);
    }
}

static void queue_drain(struct cn_executor *executor, int64_t deadline_ns) {
    struct cn_queue *queue = queue_of(executor);
    pthread_mutex_lock(&queue->lock);
    queue->draining = true;
    while (queue->pending > 0 && cn_clock_now() < deadline_ns)
        cn_queue_sleep(&queue->quiet, &queue->lock, deadline_ns);
    if (queue->pending > 0)
        stop_everything(queue);
    while (queue->pending > 0)
        cn_queue_sleep(&queue->quiet, &queue->lock, INT64_MAX);
    pthread_mutex_unlock(&queue->lock);
}

static void queue_destroy(struct cn_executor *executor) {
    cn_queue_free(queue_of(executor));
}

static const struct cn_executor_ops executor_ops = {.submit = queue_submit,
                                                    .cancel = queue_cancel,
                                                    .stats = queue_stats,
                                                    .totals = queue_totals,
                                                    .drain = queue_drain,
                                                    .destroy = queue_destroy};

/* ---- making and ending -------------------------------------------------------------------- */

static void queue_release(struct cn_queue *queue) {
    if (queue->ops->release)
        queue->ops->release(queue->context);
    for (size_t i = 0; i < queue->n_slots; i++)
        pthread_cond_destroy(&queue->slots[i].wake);
    pthread_cond_destroy(&queue->quiet);
    pthread_cond_destroy(&queue->clerk_wake);
    pthread_mutex_destroy(&queue->lock);
    free(queue->slots);
    free(queue);
}

static void init_sync(struct cn_queue *queue) {
    pthread_mutex_init(&queue->lock, NULL);
    cn_cond_init(&queue->quiet);
    cn_cond_init(&queue->clerk_wake);
    for (size_t i = 0; i < queue->n_slots; i++) {
        queue->slots[i].queue = queue;
        queue->slots[i].index = (int)i;
        cn_cond_init(&queue->slots[i].wake);
    }
}

static struct cn_queue *queue_make(const struct cn_queue_face *face,
                                   const struct cn_executor_settings *settings) {
    struct cn_queue *queue = calloc(1, sizeof(*queue));
    if (!queue)
        return NULL;
    size_t base = settings->workers > 0 ? settings->workers : 1;
    if (base > CN_GROUP_MEMBERS / 2)
        base = CN_GROUP_MEMBERS / 2;
    size_t most = settings->max_workers > base ? settings->max_workers : base;
    if (most > CN_GROUP_MEMBERS / 2)
        most = CN_GROUP_MEMBERS / 2;
    queue->slots = calloc(2 * most, sizeof(*queue->slots));
    if (!queue->slots) {
        free(queue);
        return NULL;
    }
    int64_t idle_ms = settings->idle_ms > 0 ? settings->idle_ms : DEFAULT_IDLE_MS;
    queue->executor = (struct cn_executor){
        .ops = &executor_ops, .name = face->name, .in_process = face->in_process};
    queue->ops = face->ops;
    queue->registry = settings->registry;
    queue->context = face->context;
    queue->rest = face->rest;
    queue->serial = face->serial;
    queue->base = base;
    queue->n_slots = 2 * most;
    queue->crews[false].max = most;
    queue->crews[true].max = most;
    queue->max_queued = settings->max_queued > 0 ? settings->max_queued : DEFAULT_MAX_QUEUED;
    queue->idle_ns = idle_ms * CN_NS_PER_MS;
    queue->clerk_ns = INT64_MAX;
    init_sync(queue);
    return queue;
}

enum cn_code cn_queue_new(struct cn_queue **out, const struct cn_queue_face *face,
                          const struct cn_executor_settings *settings, struct cn_error *error) {
    struct cn_queue *queue = queue_make(face, settings);
    *out = NULL;
    if (!queue) {
        if (face->ops->release)
            face->ops->release(face->context);
        return cn_error_memory(error);
    }
    int failed = cn_queue_thread(&queue->clerk, cn_queue_clerk_main, queue);
    if (failed) {
        queue_release(queue);
        return cn_error_set(error, CN_OVERLOADED, "No thread for the %s pool: %s", face->name,
                            strerrordesc_np(failed));
    }
    struct cn_error why;
    cn_error_init(&why);
    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < queue->base; i++)
        if (!cn_queue_grow(queue, false, &why))
            break;
    bool any = queue->crews[false].n_live > 0;
    pthread_mutex_unlock(&queue->lock);
    if (!any) {
        cn_queue_free(queue);
        return cn_error_set(error, why.code, "%s", why.detail);
    }
    *out = queue;
    return CN_OK;
}

size_t cn_queue_wait_started(struct cn_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < queue->n_slots; i++)
        while (queue->slots[i].life == CN_SLOT_LIVE && !queue->slots[i].started)
            cn_queue_sleep(&queue->quiet, &queue->lock, INT64_MAX);
    size_t ready = queue->crews[false].n_ready;
    pthread_mutex_unlock(&queue->lock);
    return ready;
}

void cn_queue_free(struct cn_queue *queue) {
    queue_drain(&queue->executor, 0);
    pthread_mutex_lock(&queue->lock);
    queue->closing = true;
    for (size_t i = 0; i < queue->n_slots; i++) {
        struct cn_slot *slot = &queue->slots[i];
        if (slot->life == CN_SLOT_LIVE && queue->ops->wake)
            queue->ops->wake(slot);
        pthread_cond_signal(&slot->wake);
    }
    pthread_cond_signal(&queue->clerk_wake);
    pthread_mutex_unlock(&queue->lock);
    pthread_join(queue->clerk, NULL);
    queue_release(queue);
}
