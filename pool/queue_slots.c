/* The scheduler's rules: which worker serves which group, and when there are more of them. */
#include "pool/queue.h"

#include <errno.h>
#include <signal.h>

size_t cn_queue_width(const struct cn_queue *queue, const struct cn_group *group) {
    return queue->serial || group->width == 0 ? 1 : group->width;
}

static bool is_member(const struct cn_group *group, const struct cn_slot *slot) {
    return group->members[slot->index / 64] >> (slot->index % 64) & 1;
}

void cn_queue_join(struct cn_group *group, const struct cn_slot *slot) {
    group->members[slot->index / 64] |= UINT64_C(1) << (slot->index % 64);
}

struct cn_crew *cn_queue_crew(struct cn_queue *queue, const struct cn_group *group) {
    return &queue->crews[group->sleeps];
}

/* How many of a group's workers are still there. A slot that took part may have come back in the
 * other crew. */
size_t cn_queue_members(const struct cn_queue *queue, const struct cn_group *group) {
    size_t n = 0;
    for (size_t i = 0; i < queue->n_slots; i++) {
        const struct cn_slot *slot = &queue->slots[i];
        n += is_member(group, slot) && slot->sleeps == group->sleeps &&
             slot->life == CN_SLOT_LIVE && slot->health == CN_SLOT_READY;
    }
    return n;
}

/* A group of width n is served by the same n workers from its first task to its last, as long as
 * they live: so many "take part". */
static bool may_join(const struct cn_queue *queue, const struct cn_slot *slot,
                     const struct cn_group *group) {
    size_t width = cn_queue_width(queue, group);
    if (slot->sleeps != group->sleeps)
        return false;
    return is_member(group, slot) || (width > 1 && width >= queue->crews[slot->sleeps].n_live) ||
           cn_queue_members(queue, group) < width;
}

bool cn_queue_eligible(const struct cn_queue *queue, const struct cn_slot *slot,
                       const struct cn_group *group) {
    return group->first && group->running < cn_queue_width(queue, group) &&
           may_join(queue, slot, group);
}

/* A new group that would be pinned, so that two such groups do not end up on one worker while
 * another has none; and a sleeping group that has other workers, which need not wait for this one's
 * groups. */
bool cn_queue_is_for_another(const struct cn_queue *queue, const struct cn_slot *slot,
                             const struct cn_group *group) {
    if (group->sleeps)
        return !is_member(group, slot);
    return cn_queue_width(queue, group) == 1 && cn_queue_members(queue, group) == 0;
}

void cn_queue_set_idle(struct cn_queue *queue, struct cn_slot *slot, bool idle) {
    if (slot->idle == idle)
        return;
    slot->idle = idle;
    queue->n_idle += idle ? 1 : (size_t)-1;
    if (!slot->sleeps)
        atomic_fetch_add_explicit(&queue->executor.idle, idle ? 1 : (size_t)-1,
                                  memory_order_relaxed);
}

static void wake_slot(struct cn_queue *queue, struct cn_slot *slot) {
    cn_queue_set_idle(queue, slot, false);
    slot->fresh = true;
    queue->crews[slot->sleeps].n_coming++;
    if (queue->ops->wake)
        queue->ops->wake(slot);
    else
        pthread_cond_signal(&slot->wake);
}

/* No worker of the crew is ready: those that cannot be started are to fail the tasks. */
static void wake_failing(struct cn_queue *queue, bool sleeps) {
    for (size_t i = 0; i < queue->n_slots; i++) {
        struct cn_slot *slot = &queue->slots[i];
        if (slot->life != CN_SLOT_LIVE || slot->sleeps != sleeps ||
            slot->health != CN_SLOT_FAILING || slot->current)
            continue;
        if (queue->ops->wake)
            queue->ops->wake(slot);
        else
            pthread_cond_signal(&slot->wake);
    }
}

/* A computing group is served by as many workers as it is wide, whoever else they serve: more would
 * not make the CPUs faster. A sleeping one needs them for itself, for each task that waits. */
static bool lacks_worker(struct cn_queue *queue, const struct cn_group *group) {
    const struct cn_crew *crew = cn_queue_crew(queue, group);
    size_t width = cn_queue_width(queue, group);
    if (!group->sleeps)
        return crew->n_live < width;
    return crew->n_coming < crew->queued && cn_queue_members(queue, group) + crew->n_coming < width;
}

void cn_queue_rouse(struct cn_queue *queue, const struct cn_group *group) {
    const struct cn_crew *crew = cn_queue_crew(queue, group);
    size_t width = cn_queue_width(queue, group);
    if (group->running >= width)
        return; /* the worker that ends one of its tasks will see it */
    for (size_t i = 0; queue->n_idle > 0 && i < queue->n_slots; i++) {
        struct cn_slot *slot = &queue->slots[i];
        if (slot->idle && may_join(queue, slot, group)) {
            wake_slot(queue, slot);
            return;
        }
    }
    if (cn_queue_members(queue, group) >= width)
        return; /* its workers are busy, and will come */
    if (lacks_worker(queue, group) && !queue->closing)
        (void)cn_queue_grow(queue, group->sleeps, NULL);
    if (crew->n_live == 0)
        pthread_cond_signal(&queue->clerk_wake);
    else if (crew->n_ready == 0)
        wake_failing(queue, group->sleeps);
}

void cn_queue_nudge(struct cn_queue *queue, const struct cn_group *group) {
    for (size_t i = 0; i < queue->n_slots && queue->ops->wake; i++) {
        const struct cn_task *task = queue->slots[i].current;
        if (task && task->group == group)
            queue->ops->wake(&queue->slots[i]);
    }
}

void cn_queue_unlist(struct cn_queue *queue, struct cn_group *group) {
    if (!group->listed)
        return;
    if (group->next == group) {
        queue->cursor = NULL;
    } else {
        group->next->previous = group->previous;
        group->previous->next = group->next;
        if (queue->cursor == group)
            queue->cursor = group->next;
    }
    group->listed = false;
    group->next = NULL;
    group->previous = NULL;
}

void cn_queue_end_waiting(struct cn_queue *queue, struct cn_group *group, enum cn_code code) {
    int64_t now = cn_clock_now();
    struct cn_task *task = group->first;
    if (!task)
        return;
    if (queue->ended_last)
        queue->ended_last->next = task;
    else
        queue->ended = task;
    queue->ended_last = group->last;
    for (; task; task = task->next) {
        cn_task_end_unrun(task, code, now);
        cn_queue_crew(queue, group)->queued--;
    }
    group->first = NULL;
    group->last = NULL;
    cn_queue_unlist(queue, group);
    pthread_cond_signal(&queue->clerk_wake);
}

int cn_queue_thread(pthread_t *thread, void *(*body)(void *), void *argument) {
    /* Signals are main's business: a thread of a pool must not be the one that gets SIGTERM. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(thread, NULL, body, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* The first slots are kept for those that compute. */
static struct cn_slot *free_slot(struct cn_queue *queue, bool sleeps) {
    for (size_t i = sleeps ? queue->base : 0; i < queue->n_slots; i++)
        if (queue->slots[i].life == CN_SLOT_FREE)
            return &queue->slots[i];
    return NULL;
}

bool cn_queue_grow(struct cn_queue *queue, bool sleeps, struct cn_error *error) {
    struct cn_crew *crew = &queue->crews[sleeps];
    struct cn_slot *slot = crew->n_live < crew->max ? free_slot(queue, sleeps) : NULL;
    if (!slot) {
        cn_error_set(error, CN_OVERLOADED, "All workers of the pool are in use");
        return false;
    }
    slot->worker = NULL;
    slot->sleeps = sleeps;
    if (queue->ops->open && queue->ops->open(slot, error) != CN_OK)
        return false;
    slot->health = CN_SLOT_DOWN;
    slot->started = false;
    slot->idle = false;
    slot->fresh = true;
    slot->owes = false;
    slot->retry_ns = 0;
    slot->rest_ns = cn_clock_now();
    int failed = cn_queue_thread(&slot->thread, cn_queue_worker_main, slot);
    if (failed) {
        if (queue->ops->close)
            queue->ops->close(slot);
        cn_error_set(error, CN_OVERLOADED, "No thread for a worker: %s", strerrordesc_np(failed));
        return false;
    }
    slot->life = CN_SLOT_LIVE;
    crew->n_live++;
    crew->n_coming++;
    return true;
}

void cn_queue_settle(struct cn_queue *queue, size_t count) {
    queue->pending -= count;
    if (queue->pending == 0)
        pthread_cond_broadcast(&queue->quiet);
}

void cn_queue_count_death(struct cn_slot *slot, enum cn_death death) {
    pthread_mutex_lock(&slot->queue->lock);
    slot->deaths[death]++;
    pthread_mutex_unlock(&slot->queue->lock);
}

void cn_queue_set_pid(struct cn_slot *slot, pid_t pid, bool restart) {
    pthread_mutex_lock(&slot->queue->lock);
    slot->pid = pid;
    if (restart)
        slot->restarts++;
    pthread_mutex_unlock(&slot->queue->lock);
}
