/*
 * plans.h: the plans that requests made last, for requests that ask for the same.
 *
 * A plan is found by its bytes (plan.h), which are all that it is made of, so whoever finds one has
 * what it would have compiled. Its id is known to workers that met it: they have its program ready.
 * Thread-safe.
 */
#ifndef CN_HANDLERS_PLANS_H
#define CN_HANDLERS_PLANS_H

#include "handlers/plan.h"

struct cn_plans;

struct cn_plans *cn_plans_new(void); /* NULL: no memory */
void cn_plans_free(struct cn_plans *plans);

/* A reference to the plan with these bytes; NULL: it is not kept. */
struct cn_plan *cn_plans_find(struct cn_plans *plans, struct cn_str bytes);
/* How often a plan was asked for and was there, and was not. */
void cn_plans_look(struct cn_plans *plans, uint64_t *hits, uint64_t *misses);
/* Keeps a plan, in the place of the one that was longest not asked for. Large ones are not kept. */
void cn_plans_keep(struct cn_plans *plans, struct cn_plan *plan);

#endif
