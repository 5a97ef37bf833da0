/*
 * names.h: from names to numbers, for columns and lets.
 */
#ifndef CN_EXPR_NAMES_H
#define CN_EXPR_NAMES_H

#include "base/arena.h"

struct cn_names_slot {
    struct cn_str name;
    uint32_t index; /* of the first that had this name */
    uint32_t count; /* 0: the slot is free */
};

/* Open addressing; at most half full. Memory: the arena of cn_names_init(). */
struct cn_names {
    struct cn_names_slot *slots;
    size_t mask;
};

/* Room for `n` names. */
enum cn_code cn_names_init(struct cn_names *names, size_t n, struct cn_arena *arena,
                           struct cn_error *error);
/* The name is not copied. Returns its slot: count > 1 says that the name was there before. */
const struct cn_names_slot *cn_names_add(struct cn_names *names, struct cn_str name,
                                         uint32_t index);
/* NULL: there is none. */
const struct cn_names_slot *cn_names_find(const struct cn_names *names, struct cn_str name);

#endif
