#include "base/budget.h"

void cn_budget_init(struct cn_budget *budget, uint64_t limit) {
    budget->limit = limit;
    atomic_init(&budget->reserved, 0);
    atomic_init(&budget->held, 0);
    atomic_init(&budget->denied, 0);
}

/* Adds to a sum unless that would pass the limit. */
static bool add(atomic_uint_fast64_t *sum, uint64_t bytes, uint64_t limit) {
    uint64_t before = atomic_load_explicit(sum, memory_order_relaxed);
    do {
        if (before > limit || bytes > limit - before)
            return false;
    } while (!atomic_compare_exchange_weak(sum, &before, before + bytes));
    return true;
}

bool cn_budget_reserve(struct cn_budget *budget, uint64_t bytes) {
    return add(&budget->reserved, bytes, budget->limit);
}

void cn_budget_release(struct cn_budget *budget, uint64_t bytes) {
    atomic_fetch_sub(&budget->reserved, bytes);
}

bool cn_budget_hold(struct cn_budget *budget, uint64_t bytes) {
    return add(&budget->held, bytes, budget->limit);
}

void cn_budget_drop(struct cn_budget *budget, uint64_t bytes) {
    atomic_fetch_sub(&budget->held, bytes);
}

void cn_budget_deny(struct cn_budget *budget) {
    atomic_fetch_add(&budget->denied, 1);
}
