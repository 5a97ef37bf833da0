/*
 * worker_accounts.h: what each worker did for one job or one map, booked task by task.
 */
#ifndef CN_HANDLERS_WORKER_ACCOUNTS_H
#define CN_HANDLERS_WORKER_ACCOUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct cn_arena;
struct cn_run_worker;
struct cn_task;

struct cn_worker_account {
    int32_t worker; /* of the executor */
    int32_t pid;    /* the last one, if it was replaced */
    uint64_t tasks;
    int64_t first_ns; /* start of its first task */
    int64_t last_ns;  /* end of its last one */
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

/* Books a task that came back to the worker that ran it, if one did. False: no memory. */
bool cn_worker_accounts_book(struct cn_worker_accounts *accounts, const struct cn_task *task);
/* Puts them in the order in which they first took a task. */
void cn_worker_accounts_sort(struct cn_worker_accounts *accounts);
/* As a run lists them, numbered by their place; with `chunks` as many as they had tasks. The stages
 * of each sum to its wall time exactly. In the arena; NULL: no memory. */
struct cn_run_worker *cn_worker_accounts_list(const struct cn_worker_accounts *accounts,
                                              struct cn_arena *arena);
/* Of all workers together. */
void cn_worker_accounts_sum(const struct cn_worker_accounts *accounts, int64_t *cpu_ns,
                            struct cn_spans *spans);

#endif
