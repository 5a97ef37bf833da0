/*
 * queue.h: the scheduler that all executors share (private to this room).
 *
 * A ring of groups that have tasks waiting, served round-robin by a table of slots. A slot is one
 * worker's place: a thread that takes a task, lets the executor's `execute` do it, and tells the
 * task's owner. What a worker is (this thread, or a process that the thread looks after) is the
 * business of cn_queue_ops.
 *
 * A slot belongs to one of two crews from its start to its end: one serves the groups that compute,
 * the other those that sleep. The first slots (`base`) compute and never retire; the others are
 * started for the crew that lacks one, and retire when idle.
 *
 * One more thread, the clerk, ends what waited too long or was cancelled, tells running groups
 * that their deadline passed, joins the threads of slots that retired, and starts one for tasks
 * whose crew has none left. It never computes.
 *
 * Everything here is guarded by one lock, which is held neither while a task runs nor while `done`
 * is called. A group is touched only while one of its tasks is waiting or running, so its owner
 * may free it in the `done` of its last task.
 */
#ifndef CN_POOL_QUEUE_H
#define CN_POOL_QUEUE_H

#include <pthread.h>

#include "pool/executor.h"

struct cn_queue;

enum cn_slot_life {
    CN_SLOT_FREE,    /* no thread */
    CN_SLOT_LIVE,    /* its thread serves */
    CN_SLOT_CLOSING, /* its thread is about to end; it takes and is woken for nothing more */
    CN_SLOT_ENDED    /* its thread has ended and waits to be joined by the clerk */
};

enum cn_slot_health {
    CN_SLOT_READY,
    CN_SLOT_DOWN,   /* no worker at the moment; takes no tasks until its next try */
    CN_SLOT_FAILING /* a worker could not be started; takes tasks (to fail them) only while no slot
                     * is ready, so that they do not wait for ever */
};

/* One worker's place. All but `worker` is the queue's. */
struct cn_slot {
    struct cn_queue *queue;
    int index;
    bool sleeps; /* its crew, while it is not free */
    enum cn_slot_life life;
    enum cn_slot_health health;
    bool started; /* `prepare` was called at least once */
    bool idle;    /* waits, and may be woken for a task */
    bool fresh;   /* was woken or started for a task and has not looked yet */
    bool owes;    /* called `done`, which is not yet taken off `pending` */
    pthread_t thread;
    pthread_cond_t wake;
    struct cn_task *current;
    int64_t retry_ns; /* when it is not ready: call `prepare` again then */
    int64_t rest_ns;  /* when its last task ended */
    int64_t turn_ns;  /* time in tasks since it slept or yielded */
    pid_t pid;
    uint64_t tasks;
    uint64_t restarts;
    uint64_t deaths[CN_DEATH_COUNT];
    int64_t cpu_ns;
    void *worker; /* what `open` made */
};

/* What a kind of executor adds. All but `execute` may be NULL. */
struct cn_queue_ops {
    /* Makes slot->worker before its thread exists; called with the lock held. */
    enum cn_code (*open)(struct cn_slot *slot, struct cn_error *error);
    /* Releases it; called by the slot's thread at its end, without the lock (the field itself is
     * the queue's to clear). */
    void (*close)(struct cn_slot *slot);
    /* Called without the lock before the slot looks for a task: makes the worker ready if it can;
     * otherwise sets *retry_ns. Must not sleep. */
    enum cn_slot_health (*prepare)(struct cn_slot *slot, int64_t *retry_ns);
    /* Sleeps without the lock until `wake`, `until_ns` (0: no limit) or an event of its own. NULL:
     * a condition variable is used. */
    void (*wait)(struct cn_slot *slot, int64_t until_ns);
    /* Ends `wait`, or tells `execute` to look at the group's stop flag. With the lock held; must
     * not block. */
    void (*wake)(struct cn_slot *slot);
    /* Releases the executor's own context, when the queue ends. */
    void (*release)(void *context);
    /* Runs a task: sets code, error, result, cpu_ns, attempts, and what it knows of spans. */
    enum cn_code (*execute)(struct cn_slot *slot, struct cn_task *task);
    /* Where the workers are not the slots but behind them: fills at most `max`, returns how many
     * there are. */
    size_t (*stats)(void *context, struct cn_worker_stats *stats, size_t max);
};

/* The workers that serve groups of one sort, and what waits for them. */
struct cn_crew {
    size_t max;    /* so many live at most */
    size_t queued; /* tasks that wait */
    size_t n_live;
    size_t n_ready;
    size_t n_coming; /* woken or started for a task, and not there yet */
};

struct cn_queue {
    struct cn_executor executor; /* first: the public face */
    const struct cn_queue_ops *ops;
    const struct cn_registry *registry;
    void *context;     /* the executor's own */
    enum cn_span rest; /* where time is booked that nothing else claimed */
    bool serial;       /* every group has width 1 */
    size_t base;       /* slots that compute and never retire */
    size_t n_slots;
    size_t max_queued;
    int64_t idle_ns;

    pthread_mutex_t lock;
    pthread_cond_t quiet; /* pending fell to 0, a slot started, or a slot was joined */
    pthread_cond_t clerk_wake;
    pthread_t clerk;
    int64_t clerk_ns;        /* when the clerk will look again; INT64_MAX: when it is woken */
    struct cn_group *cursor; /* the ring: the group to be served next */
    struct cn_task *ended;   /* tasks that the clerk is to call `done` of */
    struct cn_task *ended_last;
    struct cn_crew crews[2]; /* those that compute, and those that sleep */
    size_t pending;          /* submitted, and `done` has not returned yet */
    size_t n_idle;
    bool draining;
    bool closing;
    struct cn_slot *slots;
};

/* ---- for executors ------------------------------------------------------------------------ */

/* What distinguishes one executor from another. */
struct cn_queue_face {
    const char *name;
    bool in_process;
    bool serial;
    enum cn_span rest;
    const struct cn_queue_ops *ops;
    void *context;
};

/* Makes a queue and starts its first slots; at least one must start. Takes the context over; on
 * failure everything is undone, and the context released. */
enum cn_code cn_queue_new(struct cn_queue **queue, const struct cn_queue_face *face,
                          const struct cn_executor_settings *settings, struct cn_error *error);
/* Waits until each live slot has called `prepare` once; returns how many are ready to compute. */
size_t cn_queue_wait_started(struct cn_queue *queue);
/* Ends all tasks and threads and frees the queue. */
void cn_queue_free(struct cn_queue *queue);
/* The worker behind a slot is another process now (0: none); `restart` counts one. Takes the lock.
 */
void cn_queue_set_pid(struct cn_slot *slot, pid_t pid, bool restart);
/* The worker behind a slot has ended without having been told to. Takes the lock. */
void cn_queue_count_death(struct cn_slot *slot, enum cn_death death);

/* ---- between the files of the queue: all with the lock held ---------------------------------- */

size_t cn_queue_width(const struct cn_queue *queue, const struct cn_group *group);
/* The crew that serves a group. */
struct cn_crew *cn_queue_crew(struct cn_queue *queue, const struct cn_group *group);
/* Notes that a worker takes part in a group, and how many do that are still there. */
void cn_queue_join(struct cn_group *group, const struct cn_slot *slot);
size_t cn_queue_members(const struct cn_queue *queue, const struct cn_group *group);
/* Whether the slot may take a task of this group now. */
bool cn_queue_eligible(const struct cn_queue *queue, const struct cn_slot *slot,
                       const struct cn_group *group);
/* Whether the slot should leave the group's tasks to a worker that is on its way, if there is one.
 */
bool cn_queue_is_for_another(const struct cn_queue *queue, const struct cn_slot *slot,
                             const struct cn_group *group);
/* A slot begins or ends to be idle. */
void cn_queue_set_idle(struct cn_queue *queue, struct cn_slot *slot, bool idle);
/* Finds a worker for a group's waiting task: wakes one, or starts another thread. */
void cn_queue_rouse(struct cn_queue *queue, const struct cn_group *group);
/* Takes all waiting tasks of a group away and hands them to the clerk. */
void cn_queue_end_waiting(struct cn_queue *queue, struct cn_group *group, enum cn_code code);
void cn_queue_unlist(struct cn_queue *queue, struct cn_group *group);
/* Starts one more slot of a crew; false: no free one, or no thread to be had. */
bool cn_queue_grow(struct cn_queue *queue, bool sleeps, struct cn_error *error);
/* Takes `count` off pending. */
void cn_queue_settle(struct cn_queue *queue, size_t count);
/* Tells the workers that run a group's tasks to look at its stop flag. */
void cn_queue_nudge(struct cn_queue *queue, const struct cn_group *group);
/* Starts a thread with all signals blocked. */
int cn_queue_thread(pthread_t *thread, void *(*body)(void *), void *argument);

void *cn_queue_worker_main(void *slot);
void *cn_queue_clerk_main(void *queue);
/* Waits on a condition until `until_ns` of cn_clock_now() (INT64_MAX: no limit). */
void cn_queue_sleep(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ns);

/* ---- tasks (task.c) -------------------------------------------------------------------------- */

enum cn_stop { CN_STOP_CANCELLED = 1, CN_STOP_DEADLINE = 2 }; /* values of cn_group.stop */

/* Sets a group's stop flag unless it is set already. */
void cn_group_stop(struct cn_group *group, enum cn_stop why);
/* Ready for submission: everything that the executor sets is reset. */
void cn_task_reset(struct cn_task *task, int64_t now);
/* The end of a task that never ran. */
void cn_task_end_unrun(struct cn_task *task, enum cn_code code, int64_t now);
/* The end of a task that ran: applies the group's deadline, makes code and error agree, takes the
 * output of a failed task back to `out_len`, and lets the spans sum to the time it took. */
void cn_task_conclude(struct cn_task *task, enum cn_code code, size_t out_len, enum cn_span rest,
                      int64_t now);
/* Makes spans sum to `total` exactly: what is missing goes to `rest`, what is too much is cut, from
 * the last ones first and from that of the lock last of all, since it was measured apart. */
void cn_spans_settle(struct cn_spans *spans, int64_t total, enum cn_span rest);

#endif
