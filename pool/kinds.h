/*
 * kinds.h: one worker's side of the registry: the states of its kinds, made when they are first
 * needed (private to this room; the same for threads and worker processes).
 */
#ifndef CN_POOL_KINDS_H
#define CN_POOL_KINDS_H

#include "pool/executor.h"

struct cn_kinds {
    const struct cn_registry *registry;
    void **states; /* one for each kind */
    bool *made;
};

enum cn_code cn_kinds_init(struct cn_kinds *kinds, const struct cn_registry *registry,
                           struct cn_error *error);
void cn_kinds_release(struct cn_kinds *kinds);

/* Runs one task of a kind, under the run's lock if it has one; fills run->state. An index beyond
 * the registry is CN_INTERNAL. */
enum cn_code cn_kinds_run(struct cn_kinds *kinds, uint32_t kind, struct cn_run *run,
                          struct cn_error *error);

#endif
