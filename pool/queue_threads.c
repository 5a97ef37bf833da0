/* The scheduler's threads: a slot's loop, and the clerk. */
#include "pool/queue.h"

#include "base/cond.h"

#include <sched.h>

#define RETRY_DEFAULT_NS 1000000000
#define TURN_NS 500000 /* of computing, after which others may have the CPU */

void cn_queue_sleep(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns) {
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(cond, lock);
        return;
    }
    cn_cond_wait_until(cond, lock, until_ns);
}

/* ---- a slot ------------------------------------------------------------------------------- */

/* The next task for this slot: the ring is walked once, from the cursor on. */
static struct cn_task *take(struct cn_queue *queue, struct cn_slot *slot, bool fresh) {
    struct cn_group *group = queue->cursor;
    if (!group || slot->health == CN_SLOT_DOWN)
        return NULL;
    const struct cn_crew *crew = &queue->crews[slot->sleeps];
    if (slot->health == CN_SLOT_FAILING && crew->n_ready > 0)
        return NULL;
    do {
        bool leave = !fresh && crew->n_coming > 0 && cn_queue_is_for_another(queue, slot, group);
        if (!leave && cn_queue_eligible(queue, slot, group)) {
            struct cn_task *task = group->first;
            group->first = task->next;
            if (!group->first)
                group->last = NULL;
            task->next = NULL;
            cn_queue_join(group, slot);
            group->running++;
            cn_queue_crew(queue, group)->queued--;
            queue->cursor = group->next;
            if (!group->first)
                cn_queue_unlist(queue, group);
            return task;
        }
        group = group->next;
    } while (group != queue->cursor);
    return NULL;
}

static bool suits_idle(const struct cn_queue *queue, const struct cn_group *group) {
    for (size_t i = 0; i < queue->n_slots; i++)
        if (queue->slots[i].idle && cn_queue_eligible(queue, &queue->slots[i], group))
            return true;
    return false;
}

/* If an idle worker could take something, wakes one. */
static void pass_on(struct cn_queue *queue) {
    struct cn_group *group = queue->cursor;
    if (!group || queue->n_idle == 0)
        return;
    do {
        if (suits_idle(queue, group)) {
            cn_queue_rouse(queue, group);
            return;
        }
        group = group->next;
    } while (group != queue->cursor);
}

/* Who came for one sleeping group may have taken another's task: each that waits is looked at again
 * for the workers that it lacks. */
static void pass_on_sleeping(struct cn_queue *queue) {
    struct cn_group *group = queue->cursor;
    if (!group || queue->crews[true].queued == 0)
        return;
    do {
        if (group->sleeps)
            cn_queue_rouse(queue, group);
        group = group->next;
    } while (group != queue->cursor);
}

static void set_health(struct cn_queue *queue, struct cn_slot *slot, enum cn_slot_health health,
                       int64_t retry_ns) {
    struct cn_crew *crew = &queue->crews[slot->sleeps];
    if (slot->health == CN_SLOT_READY && health != CN_SLOT_READY)
        crew->n_ready--;
    if (slot->health != CN_SLOT_READY && health == CN_SLOT_READY)
        crew->n_ready++;
    slot->health = health;
    if (health != CN_SLOT_READY)
        slot->retry_ns = retry_ns > 0 ? retry_ns : cn_clock_now() + RETRY_DEFAULT_NS;
    if (!slot->started) {
        slot->started = true;
        pthread_cond_broadcast(&queue->quiet);
    }
}

/* Runs a task and tells its owner. Entered and left with the lock held. */
static void run(struct cn_queue *queue, struct cn_slot *slot, struct cn_task *task) {
    struct cn_group *group = task->group;
    slot->current = task;
    /* Where the workers are behind the slots, none has the task yet. */
    task->worker = queue->ops->stats ? -1 : slot->index;
    task->pid = slot->pid;
    pthread_mutex_unlock(&queue->lock);

    size_t out_len = task->out ? task->out->len : 0;
    task->started_ns = cn_clock_now();
    enum cn_code code = task->load ? task->load(task, &task->error) : CN_OK;
    if (code == CN_OK)
        code = queue->ops->execute(slot, task);
    cn_task_conclude(task, code, out_len, queue->rest, cn_clock_now());

    pthread_mutex_lock(&queue->lock);
    slot->current = NULL;
    slot->rest_ns = task->finished_ns;
    slot->turn_ns += task->finished_ns - task->started_ns;
    slot->tasks++;
    slot->cpu_ns += task->cpu_ns;
    slot->owes = true;
    group->running--;
    pthread_mutex_unlock(&queue->lock);
    task->done(task); /* from here on neither the task nor its group is ours */
    if (queue->executor.in_process && slot->turn_ns >= TURN_NS) {
        /* Who serves connections, and was woken meanwhile, need not wait for the next task too. Not
         * after short tasks: to yield may cost the rest of a turn. */
        slot->turn_ns = 0;
        sched_yield();
    }
    pthread_mutex_lock(&queue->lock);
}

static void rest(struct cn_queue *queue, struct cn_slot *slot, int64_t retire_ns) {
    int64_t until = retire_ns;
    slot->turn_ns = 0;
    if (slot->health == CN_SLOT_READY) {
        cn_queue_set_idle(queue, slot, true);
    } else if (slot->retry_ns < until) {
        until = slot->retry_ns;
    }
    if (queue->ops->wait) {
        pthread_mutex_unlock(&queue->lock);
        queue->ops->wait(slot, until == INT64_MAX ? 0 : until);
        pthread_mutex_lock(&queue->lock);
    } else {
        cn_queue_sleep(&slot->wake, &queue->lock, until);
    }
    cn_queue_set_idle(queue, slot, false);
}

/* Serves until the slot is to end. Entered and left with the lock held. */
static void serve(struct cn_queue *queue, struct cn_slot *slot) {
    for (;;) {
        enum cn_slot_health health = CN_SLOT_READY;
        int64_t retry_ns = 0;
        if (queue->ops->prepare) {
            pthread_mutex_unlock(&queue->lock);
            health = queue->ops->prepare(slot, &retry_ns);
            pthread_mutex_lock(&queue->lock);
        }
        set_health(queue, slot, health, retry_ns);
        bool fresh = slot->fresh;
        if (fresh)
            queue->crews[slot->sleeps].n_coming--;
        slot->fresh = false;
        if (slot->owes)
            cn_queue_settle(queue, 1);
        slot->owes = false;

        struct cn_task *task = take(queue, slot, fresh);
        if (slot->sleeps)
            pass_on_sleeping(queue);
        else
            pass_on(queue);
        if (task) {
            run(queue, slot, task);
            continue;
        }
        if (queue->closing)
            return;
        bool extra = (size_t)slot->index >= queue->base;
        int64_t retire_ns = extra ? slot->rest_ns + queue->idle_ns : INT64_MAX;
        if (cn_clock_now() >= retire_ns)
            return;
        rest(queue, slot, retire_ns);
    }
}

void *cn_queue_worker_main(void *argument) {
    struct cn_slot *slot = argument;
    struct cn_queue *queue = slot->queue;
    char name[16];
    snprintf(name, sizeof(name), "%.9s-%d", queue->executor.name, slot->index % 10000);
    pthread_setname_np(pthread_self(), name);

    pthread_mutex_lock(&queue->lock);
    serve(queue, slot);
    struct cn_crew *crew = &queue->crews[slot->sleeps];
    slot->life = CN_SLOT_CLOSING;
    crew->n_live--;
    if (slot->health == CN_SLOT_READY)
        crew->n_ready--;
    slot->health = CN_SLOT_DOWN;
    pthread_mutex_unlock(&queue->lock);

    if (queue->ops->close)
        queue->ops->close(slot);

    pthread_mutex_lock(&queue->lock);
    slot->life = CN_SLOT_ENDED;
    slot->pid = 0;
    slot->worker = NULL;
    pthread_cond_signal(&queue->clerk_wake);
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

/* ---- the clerk ---------------------------------------------------------------------------- */

static struct cn_slot *ended_slot(struct cn_queue *queue) {
    for (size_t i = 0; i < queue->n_slots; i++)
        if (queue->slots[i].life == CN_SLOT_ENDED)
            return &queue->slots[i];
    return NULL;
}

/* Joins the threads of all slots that ended. The lock is given up in between, so the search
 * begins anew each time. */
static void join_ended(struct cn_queue *queue) {
    struct cn_slot *slot;
    while ((slot = ended_slot(queue)) != NULL) {
        pthread_t thread = slot->thread;
        pthread_mutex_unlock(&queue->lock);
        pthread_join(thread, NULL);
        pthread_mutex_lock(&queue->lock);
        slot->life = CN_SLOT_FREE;
    }
}

/* The tasks of sleeping groups may be left to nobody: the last of their crew retired just before,
 * or no thread was to be had. Returns when to try again. */
static int64_t staff(struct cn_queue *queue) {
    const struct cn_crew *crew = &queue->crews[true];
    if (crew->queued == 0 || crew->n_live > 0 || queue->closing || cn_queue_grow(queue, true, NULL))
        return INT64_MAX;
    return cn_clock_now() + RETRY_DEFAULT_NS;
}

static bool all_free(const struct cn_queue *queue) {
    for (size_t i = 0; i < queue->n_slots; i++)
        if (queue->slots[i].life != CN_SLOT_FREE)
            return false;
    return true;
}

static bool is_late(const struct cn_group *group, int64_t now) {
    return group->deadline_ns != 0 && now >= group->deadline_ns;
}

/* Stops a group whose deadline passed. */
static void expire_group(struct cn_queue *queue, struct cn_group *group) {
    cn_group_stop(group, CN_STOP_DEADLINE);
    if (group->running > 0)
        cn_queue_nudge(queue, group);
    cn_queue_end_waiting(queue, group, CN_DEADLINE_EXCEEDED);
}

/* A group in the ring that is past its deadline; NULL: there is none. */
static struct cn_group *late_group(struct cn_queue *queue, int64_t now) {
    struct cn_group *group = queue->cursor;
    if (!group)
        return NULL;
    do {
        if (is_late(group, now))
            return group;
        group = group->next;
    } while (group != queue->cursor);
    return NULL;
}

static void expire(struct cn_queue *queue, int64_t now) {
    struct cn_group *late;
    while ((late = late_group(queue, now)) != NULL)
        expire_group(queue, late);
    for (size_t i = 0; i < queue->n_slots; i++) {
        struct cn_task *task = queue->slots[i].current;
        if (task && is_late(task->group, now) && atomic_load(&task->group->stop) == 0)
            expire_group(queue, task->group);
    }
}

static void earlier(const struct cn_group *group, int64_t *next) {
    if (group->deadline_ns != 0 && group->deadline_ns < *next && atomic_load(&group->stop) == 0)
        *next = group->deadline_ns;
}

static int64_t next_deadline(const struct cn_queue *queue) {
    int64_t next = INT64_MAX;
    const struct cn_group *group = queue->cursor;
    if (group) {
        do {
            earlier(group, &next);
            group = group->next;
        } while (group != queue->cursor);
    }
    for (size_t i = 0; i < queue->n_slots; i++)
        if (queue->slots[i].current)
            earlier(queue->slots[i].current->group, &next);
    return next;
}

/* Calls `done` for all tasks that ended without running. */
static void tell_ended(struct cn_queue *queue) {
    struct cn_task *task = queue->ended;
    size_t count = 0;
    queue->ended = NULL;
    queue->ended_last = NULL;
    pthread_mutex_unlock(&queue->lock);
    while (task) {
        struct cn_task *next = task->next;
        task->next = NULL;
        task->done(task);
        task = next;
        count++;
    }
    pthread_mutex_lock(&queue->lock);
    cn_queue_settle(queue, count);
}

void *cn_queue_clerk_main(void *argument) {
    struct cn_queue *queue = argument;
    pthread_setname_np(pthread_self(), "clerk");
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        join_ended(queue);
        expire(queue, cn_clock_now());
        if (queue->ended) {
            tell_ended(queue);
            continue;
        }
        if (queue->closing && all_free(queue))
            break;
        int64_t retry_ns = staff(queue);
        queue->clerk_ns = next_deadline(queue);
        if (retry_ns < queue->clerk_ns)
            queue->clerk_ns = retry_ns;
        cn_queue_sleep(&queue->clerk_wake, &queue->lock, queue->clerk_ns);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}
