/*
 * experiments.h: the thread on which experiments run, one after another, because two at a time
 * would disturb each other.
 *
 * An experiment is written in blocking, sequential code: this thread is the one place of the
 * handlers that may wait. It waits outside of every lock, and looks at `stop`.
 *
 * A request that has an experiment is not counted as work (service.work_running) from its
 * submission to its end, so that an experiment can see whether anything else ran beside it.
 */
#ifndef CN_HANDLERS_EXPERIMENTS_H
#define CN_HANDLERS_EXPERIMENTS_H

#include "handlers/service.h"

struct cn_experiments;

/* Caller's memory, alive until `end` was called; which may free it. */
struct cn_experiment {
    /* Runs it, on the thread of the experiments; not called if it is dropped before. */
    void (*run)(struct cn_experiment *experiment);
    /* Called exactly once, with no lock held. CN_OK: behind `run`; else it never ran and will not,
     * `code` says why, and the thread is that of whoever dropped it. The request is counted as work
     * again. */
    void (*end)(struct cn_experiment *experiment, enum cn_code code);
    int64_t deadline_ns; /* 0: none. While it waits; a run looks at it itself */
    atomic_int stop;     /* an enum cn_code, CN_OK: go on; else why it is to end soon */
    /* its place in the queue */
    struct cn_experiment *next;
    bool waiting;
};

/* At most `most_waiting` experiments (the setting --max-queued) wait. NULL: no memory, or no
 * thread. */
struct cn_experiments *cn_experiments_new(struct cn_service *service, size_t most_waiting);
/* Drops what waits and stops what runs, with CN_DRAINING, and waits for the end of it. */
void cn_experiments_free(struct cn_experiments *experiments);

/* CN_OVERLOADED: too many wait; CN_DRAINING: no more are taken. Nothing is called then. */
enum cn_code cn_experiments_submit(struct cn_experiments *experiments,
                                   struct cn_experiment *experiment, struct cn_error *error);

/* Stops an experiment that was submitted: it is dropped if it waits, and told to stop if it runs.
 * The caller sees to it that its memory is alive; nothing happens when it has ended. */
void cn_experiments_stop(struct cn_experiments *experiments, struct cn_experiment *experiment,
                         enum cn_code code);

/* Drops those that have waited past their deadline: for a run, between its trials. */
void cn_experiments_sweep(struct cn_experiments *experiments);

#endif
