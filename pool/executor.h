/*
 * executor.h: where work runs.
 *
 * A task is plain data: a kind (an index into the registry of kinds), a plan, small fixed
 * arguments, and runs of input bytes; its results are a buffer of bytes and a small fixed result.
 * It is never a closure, so one registry serves a thread and a worker process alike. This room
 * knows tasks, not columns.
 *
 * Tasks belong to groups (one for each job). Workers serve the groups round-robin, one task at a
 * time, so that a large job does not hold up a small one.
 */
#ifndef CN_POOL_EXECUTOR_H
#define CN_POOL_EXECUTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/blocks.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/str.h"

#define CN_TASK_ARGS 128      /* bytes of fixed arguments at most */
#define CN_GROUP_MEMBERS 2048 /* workers of an executor at most: half compute, half sleep */
#define CN_TASK_RESULT 256    /* bytes of fixed result at most */

/* ---- kinds: what a worker can do ---------------------------------------------------------- */

/* What all tasks of a job share. `local` is the same plan in a ready form, for workers in this
 * address space (NULL in a worker process, which makes it from `bytes`). `id` is unique for ever.
 */
struct cn_plan_ref {
    uint64_t id;
    struct cn_str bytes;
    const void *local;
};

struct cn_gil;

/* One run of one task, as the kind's function sees it. */
struct cn_run {
    const struct cn_plan_ref *plan;
    const void *args; /* CN_TASK_ARGS bytes, 16-byte aligned */
    /* Each 64-byte aligned in a worker process (and read-only); in threads wherever they are. */
    const struct cn_str *inputs;
    size_t n_inputs;
    struct cn_buf *out; /* append here */
    void *result;       /* CN_TASK_RESULT bytes, 16-byte aligned, zeroed */
    struct cn_spans *spans;
    int64_t deadline_ns;    /* look at the clock too, because nobody sets `stop` then; 0: no need */
    const atomic_int *stop; /* nonzero: stop. See cn_run_stopped */
    void *state;            /* this worker's state for this kind */
    int64_t started_ns;     /* when the worker took the task, before it waited for any lock */
    struct cn_gil *gil;     /* held when the run begins and when it ends; NULL: there is none */
};

/* Whether the task is to end, for somebody or the deadline says so: a kind looks between blocks of
 * some microseconds, and while it sleeps, and returns CN_CANCELLED. */
static inline bool cn_run_stopped(const struct cn_run *run) {
    return atomic_load_explicit(run->stop, memory_order_relaxed) != 0 ||
           (run->deadline_ns != 0 && cn_clock_now() >= run->deadline_ns);
}

/*
 * The interpreter lock of the executor `gil`, for the kind's functions; all three do nothing where
 * there is none. Between unlock and lock nothing may be done that the lock stands for (computing in
 * the interpreter): that is for sleeping, and for arithmetic that gives the lock up. yield hands
 * the lock over if somebody has waited for it longer than the switch interval; call it where an
 * interpreter would look (between rows, between steps of a loop, some thousand times a second).
 * Time spent waiting is booked to CN_SPAN_LOCK.
 *
 * cn_run_clock is cn_clock_now() less what this run has waited for the lock: its differences are
 * what to book to other spans, so that nothing is booked twice. (What is booked too much is cut
 * from the other spans, never from the lock's.)
 */
void cn_run_unlock(struct cn_run *run);
void cn_run_lock(struct cn_run *run);
void cn_run_yield(struct cn_run *run);
int64_t cn_run_clock(const struct cn_run *run);

struct cn_kind {
    const char *name;
    enum cn_code (*run)(struct cn_run *run, struct cn_error *error);
    /* A worker's state for this kind: made once per worker, before its first task of that kind;
     * `context` is the registry's. Both may be NULL. */
    enum cn_code (*state_new)(void **state, const void *context, struct cn_error *error);
    void (*state_free)(void *state);
};

struct cn_registry {
    const struct cn_kind *kinds;
    size_t n_kinds;
    const void *context; /* read-only (keys) */
};

/* ---- groups and tasks --------------------------------------------------------------------- */

struct cn_executor;
struct cn_task;

/* The tasks of one job. Caller's memory; must outlive its tasks. */
struct cn_group {
    size_t width; /* how many workers may run its tasks at once; with 1 all run on one and
                   * the same worker, in order of submission */
    /* Of cn_clock_now(); 0: none. Past it tasks end with CN_DEADLINE_EXCEEDED. */
    int64_t deadline_ns;
    /* Its tasks sleep more than they compute: they run on workers of their own, beyond the pool's
     * first ones, so that they never hold a worker that computing tasks need. */
    bool sleeps;
    /* How often a task is tried anew when its worker was lost; -1: as the executor does. */
    int retries;
    atomic_int stop; /* set by the executor: on cancel, and when the deadline passes */
    /* the executor's own, guarded by its lock */
    struct cn_group *next;
    struct cn_group *previous;
    struct cn_task *first;
    struct cn_task *last;
    size_t running;
    uint64_t members[CN_GROUP_MEMBERS / 64]; /* workers that took part, one bit each */
    bool listed;
};

void cn_group_init(struct cn_group *group, size_t width, int64_t deadline_ns);

struct cn_task {
    /* set by the submitter, and left alone until `done` was called */
    uint32_t kind;
    struct cn_group *group;
    const struct cn_plan_ref *plan;
    _Alignas(16) unsigned char args[CN_TASK_ARGS];
    const struct cn_str *inputs;
    size_t n_inputs;
    /* Makes the inputs complete. Called once, by whoever is about to run the task, with no lock
     * held; it may wait for a disk. A task whose inputs cannot be had fails with its code. NULL:
     * they are. */
    enum cn_code (*load)(struct cn_task *task, struct cn_error *error);
    struct cn_buf *out; /* results are appended to it; those of a task that failed are taken back */
    /* Called once for each task that was submitted, on a thread of the executor (never within
     * submit or cancel), with no lock held. It may submit, and may free or reuse the task, and with
     * its last task the group; it may not drain or destroy. It should be short: a worker waits. */
    void (*done)(struct cn_task *task);
    void *owner;

    /* set by the executor before `done` */
    /* CN_OK, the kind's code, CN_CANCELLED, CN_DEADLINE_EXCEEDED (whatever the kind said, if its
     * task ended past the deadline), CN_WORKER_LOST */
    enum cn_code code;
    struct cn_error error;
    _Alignas(16) unsigned char result[CN_TASK_RESULT];
    int worker; /* index within the executor, from 0; -1: it never ran */
    pid_t pid;  /* the worker's process; 0: it never ran, or on another machine */
    /* The machine it ran on, by its name; NULL: this one. Lives as long as the executor. */
    const char *host;
    int attempts;
    int64_t submitted_ns;
    int64_t started_ns;
    int64_t finished_ns;
    int64_t cpu_ns;
    struct cn_spans spans; /* sum to finished_ns - started_ns exactly: what the kind did not book is
                            * booked to CN_SPAN_SHIP (processes) or CN_SPAN_WAIT */

    /* the executor's own */
    struct cn_task *next;
};

/* ---- executors ---------------------------------------------------------------------------- */

enum cn_worker_state { CN_WORKER_STARTING, CN_WORKER_IDLE, CN_WORKER_BUSY, CN_WORKER_DEAD };
const char *cn_worker_state_name(enum cn_worker_state state);

struct cn_worker_stats {
    int worker;
    pid_t pid; /* 0: none at the moment */
    enum cn_worker_state state;
    uint64_t tasks;
    uint64_t restarts;
    int64_t cpu_ns;
};

/* How a worker process ended that was not told to: by a signal, by itself, or because it had to be
 * killed, as it did not stop when its task was cancelled. */
enum cn_death {
    CN_DEATH_SEGV,
    CN_DEATH_BUS,
    CN_DEATH_ABRT,
    CN_DEATH_ILL,
    CN_DEATH_FPE,
    CN_DEATH_SYS,
    CN_DEATH_KILL,
    CN_DEATH_TERM,
    CN_DEATH_OTHER_SIGNAL,
    CN_DEATH_EXIT,
    CN_DEATH_STOPPED,
    CN_DEATH_UNKNOWN, /* together with the fork server, which could have told */
    CN_DEATH_COUNT
};
const char *cn_death_name(enum cn_death death); /* "SIGSEGV", "exit" */

/* All workers of an executor together. Those that are gone count in all but `workers`, so the
 * numbers never go back. */
struct cn_executor_totals {
    uint64_t workers[CN_WORKER_DEAD + 1]; /* by state */
    uint64_t queued;
    uint64_t tasks;
    uint64_t restarts;
    int64_t cpu_ns;
    uint64_t deaths[CN_DEATH_COUNT];
};

struct cn_executor_ops {
    /* Never blocks. CN_OVERLOADED: the queue is full; CN_DRAINING: it takes no more. On failure
     * `done` is not called. */
    enum cn_code (*submit)(struct cn_executor *executor, struct cn_task *task,
                           struct cn_error *error);
    /* Ends a group: queued tasks are done with CN_CANCELLED, running ones are told to stop (a
     * worker process that does not within 200 ms is killed and replaced). Returns at once; each
     * task's `done` still comes. */
    void (*cancel)(struct cn_executor *executor, struct cn_group *group);
    /* Fills at most `max` entries; returns the number of workers; *queued: tasks that wait. */
    size_t (*stats)(struct cn_executor *executor, struct cn_worker_stats *stats, size_t max,
                    size_t *queued);
    void (*totals)(struct cn_executor *executor, struct cn_executor_totals *totals);
    /* Takes no new tasks; waits until all are done or `deadline_ns` (then cancels what is left and
     * waits for that); a time that has passed, or 0, cancels at once. */
    void (*drain)(struct cn_executor *executor, int64_t deadline_ns);
    /* Drains with no patience, and frees all: threads are joined, worker processes killed and
     * reaped. Nobody may use the executor meanwhile. */
    void (*destroy)(struct cn_executor *executor);
};

struct cn_executor {
    const struct cn_executor_ops *ops;
    const char *name; /* "threads" */
    bool in_process;  /* workers share this address space */
    /* Workers for computing that wait for a task: a hint, read without a lock. */
    atomic_size_t idle;
};

struct cn_executor_settings {
    const struct cn_registry *registry;
    size_t workers; /* at first; they grow up to max_workers when a group is wider, and idle extra
                     * ones go after idle_ms */
    size_t max_workers; /* of those that compute; and as many more for groups that sleep */
    size_t max_queued;  /* tasks */
    int64_t idle_ms;    /* 0: 30 s */
};

/* The thread pool. */
enum cn_code cn_threads_new(struct cn_executor **executor,
                            const struct cn_executor_settings *settings, struct cn_error *error);
/* One worker thread for each group at a time: any group's width is taken as 1. Shares the machinery
 * of threads; several groups may run on different threads of it, each on one. */
enum cn_code cn_serial_new(struct cn_executor **executor,
                           const struct cn_executor_settings *settings, struct cn_error *error);

/* The thread pool under one interpreter lock, as CPython's threads are since 3.2: an emulation. A
 * task holds the lock while it computes; who waits for longer than `switch_ns` (0: 5 ms) asks the
 * holder to hand it over. */
enum cn_code cn_gil_new(struct cn_executor **executor, const struct cn_executor_settings *settings,
                        int64_t switch_ns, struct cn_error *error);

struct cn_forkserver; /* forkserver.h */

/* The pre-forked process pool. */
enum cn_code cn_processes_new(struct cn_executor **executor, struct cn_forkserver *server,
                              const struct cn_executor_settings *settings, struct cn_error *error);

/* ---- the machine -------------------------------------------------------------------------- */

struct cn_cpus {
    int online;
    int affinity;   /* CPUs this process may run on */
    double quota;   /* of the cgroup (v1 or v2), in CPUs; 0: none */
    int usable;     /* at least 1: affinity, or the quota rounded up if that is less */
    char model[64]; /* "Intel(R) Xeon(R) ...", ASCII; "unknown" */
};
void cn_cpus_read(struct cn_cpus *cpus);

/* What a task that ended with CN_OK brought makes no sense. In this address space that is a fault
 * of the program, CN_INTERNAL; elsewhere it is the worker's, which is named: CN_WORKER_LOST. Sets
 * the task's code, which is returned, and its error. */
enum cn_code cn_task_unsound(struct cn_task *task, const struct cn_executor *executor);

#endif
