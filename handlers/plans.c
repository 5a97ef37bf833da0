#include "handlers/plans.h"

#include <pthread.h>
#include <stdlib.h>

enum { KEPT = 16 };
#define MOST_BYTES 4096u /* of a plan that is kept */

struct kept_plan {
    struct cn_plan *plan; /* NULL: free */
    uint64_t used;
};

struct cn_plans {
    pthread_mutex_t lock;
    struct kept_plan kept[KEPT];
    uint64_t clock;
    uint64_t hits;
    uint64_t misses;
};

struct cn_plans *cn_plans_new(void) {
    struct cn_plans *plans = calloc(1, sizeof *plans);

    if (plans)
        pthread_mutex_init(&plans->lock, NULL);
    return plans;
}

void cn_plans_free(struct cn_plans *plans) {
    if (!plans)
        return;
    for (size_t i = 0; i < KEPT; i++)
        cn_plan_unref(plans->kept[i].plan);
    pthread_mutex_destroy(&plans->lock);
    free(plans);
}

/* With the lock held. */
static struct kept_plan *look_up(struct cn_plans *plans, struct cn_str bytes) {
    for (size_t i = 0; i < KEPT; i++) {
        struct kept_plan *kept = &plans->kept[i];
        if (kept->plan && cn_str_equal(cn_buf_str(&kept->plan->bytes), bytes))
            return kept;
    }
    return NULL;
}

struct cn_plan *cn_plans_find(struct cn_plans *plans, struct cn_str bytes) {
    struct cn_plan *plan = NULL;

    pthread_mutex_lock(&plans->lock);
    struct kept_plan *kept = look_up(plans, bytes);
    if (kept) {
        kept->used = ++plans->clock;
        plan = cn_plan_ref_up(kept->plan);
    }
    plans->hits += kept != NULL;
    plans->misses += kept == NULL;
    pthread_mutex_unlock(&plans->lock);
    return plan;
}

void cn_plans_look(struct cn_plans *plans, uint64_t *hits, uint64_t *misses) {
    pthread_mutex_lock(&plans->lock);
    *hits = plans->hits;
    *misses = plans->misses;
    pthread_mutex_unlock(&plans->lock);
}

void cn_plans_keep(struct cn_plans *plans, struct cn_plan *plan) {
    struct kept_plan *oldest = &plans->kept[0];
    struct cn_plan *dropped;

    if (plan->bytes.len > MOST_BYTES)
        return;
    pthread_mutex_lock(&plans->lock);
    for (size_t i = 1; i < KEPT; i++)
        if (plans->kept[i].used < oldest->used)
            oldest = &plans->kept[i];
    /* Two requests may have made it at the same time. */
    struct kept_plan *same = look_up(plans, cn_buf_str(&plan->bytes));
    if (same)
        oldest = same;
    dropped = oldest->plan;
    *oldest = (struct kept_plan){cn_plan_ref_up(plan), ++plans->clock};
    pthread_mutex_unlock(&plans->lock);
    cn_plan_unref(dropped);
}
