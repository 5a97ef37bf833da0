/*
 * worker_accounts.h: what each worker did for one job or one map, booked task by task.
 */
#ifndef CN_HANDLERS_WORKER_ACCOUNTS_H
#define CN_HANDLERS_WORKER_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "handlers/runs.h"

struct cn_arena;
struct cn_task;

struct cn_worker_account {
    int32_t worker;         /* of the executor */
    int32_t pid;            /* the last one, if it was replaced */
    char host[CN_RUN_HOST]; /* the machine; "": this one */
    uint64_t tasks;
    int64_t first_ns; /* start of its first task */
    int64_t last_ns;  /* end of its last one */
    /* Until where its time is taken. Before last_ns: what ended first came back last, in the place
     * of a result that was on its way. */
    int64_t taken_ns;
    int64_t fetch_ns; /* of the task that is booked last there: its fetch */
    size_t record;    /* of that task */
    int64_t cpu_ns;
    struct cn_spans spans;
};

/* All zero: none. Release frees. */
struct cn_worker_accounts {
    struct cn_worker_account *list;
    size_t n;
    size_t cap;
};

void cn_worker_accounts_release(struct cn_worker_accounts *accounts);

/* The order in which a task on another machine passes its spans; what it waited for is part of the
 * computing. */
extern const enum cn_span cn_remote_spans[CN_SPAN_COUNT];

/* What a task took from one that was booked before it: the end of its fetch. */
struct cn_fetch_cut {
    size_t record;  /* that was given for it */
    int64_t end_ns; /* of its spans until now */
    int64_t ns;     /* 0: nothing */
};

/* Books a task that came back to the worker that ran it, if one did; `record` is where the caller
 * keeps its spans. Several tasks may be under way to a worker on another machine, but its time is
 * booked once. A worker that computes while an earlier result is on its way back computes: where
 * this task's computing began within the fetch of the task before it, that fetch ends, which the
 * caller is told to take from its record. What of this task then lies before the end of what was
 * booked was hidden behind that, and is taken from the task (started_ns, and its first spans in the
 * order of cn_remote_spans). Elsewhere a worker has one task at a time, and nothing is taken.
 * False: no memory. */
bool cn_worker_accounts_book(struct cn_worker_accounts *accounts, struct cn_task *task,
                             size_t record, struct cn_fetch_cut *cut);
/* Takes it from the record, unless that is of another booking by now: its task was run again. */
void cn_fetch_cut_take(const struct cn_fetch_cut *cut, int64_t started_ns, struct cn_spans *spans);
/* Puts them in the order in which they first took a task. */
void cn_worker_accounts_sort(struct cn_worker_accounts *accounts);
/* Its place in the list; -1: it is not there. */
int32_t cn_worker_accounts_number(const struct cn_worker_accounts *accounts, int32_t worker);
/* As a run lists them, numbered by their place; with `chunks` as many as they had tasks. The stages
 * of each sum to its wall time exactly. In the arena; NULL: no memory. */
struct cn_run_worker *cn_worker_accounts_list(const struct cn_worker_accounts *accounts,
                                              struct cn_arena *arena);
/* Of all workers together. */
void cn_worker_accounts_sum(const struct cn_worker_accounts *accounts, int64_t *cpu_ns,
                            struct cn_spans *spans);

#endif
