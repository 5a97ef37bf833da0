/*
 * budget.h: the account of the memory that bodies, replies and kept results may take together.
 *
 * Two sums are kept within one limit, each a single atomic number:
 *
 *   reserved  what work that was let in may come to need. Whoever lets work in reserves first, and
 *             turns it away when that fails: what has begun can then be finished.
 *   held      what really is there: blocks that are in use, idle ones (which are freed before
 *             anybody is denied, base/blocks.h), and results that are kept. A reservation is an
 *             estimate; this is the bound that holds even where the estimate was too low.
 *
 * Thread-safe; no function waits or takes a lock.
 */
#ifndef CN_BASE_BUDGET_H
#define CN_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cn_budget {
    uint64_t limit; /* bytes; does not change */
    atomic_uint_fast64_t reserved;
    atomic_uint_fast64_t held;
    atomic_uint_fast64_t denied; /* how often memory was denied for want of `held` */
};

void cn_budget_init(struct cn_budget *budget, uint64_t limit);

/* False: it does not fit, and nothing was reserved. */
bool cn_budget_reserve(struct cn_budget *budget, uint64_t bytes);
void cn_budget_release(struct cn_budget *budget, uint64_t bytes);

/* False: it does not fit, and nothing is held. Whoever gives up then says so by _deny(). */
bool cn_budget_hold(struct cn_budget *budget, uint64_t bytes);
void cn_budget_drop(struct cn_budget *budget, uint64_t bytes);
void cn_budget_deny(struct cn_budget *budget);

#endif
