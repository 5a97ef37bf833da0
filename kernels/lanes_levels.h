/*
 * lanes_levels.h: the lanes kernels that have variants for levels of instruction sets (cpu.h).
 * Private to kernels/ and its tests; the compiler of expressions asks cn_lanes_variant().
 *
 * A variant is the same loop, compiled once more with the flags of its level, under a name with the
 * level behind it: cn_add_f64_avx2. lanes_list.h is complete both ways: a kernel that is
 * named there and not made does not link, one that is made and not named has no prototype.
 */
#ifndef CN_KERNELS_LANES_LEVELS_H
#define CN_KERNELS_LANES_LEVELS_H

#include "kernels/lanes.h"

#define KERNEL(name)                                                                               \
    size_t name(struct cn_lanes *lanes);                                                           \
    size_t name##_avx2(struct cn_lanes *lanes);                                                    \
    size_t name##_avx512(struct cn_lanes *lanes);
#include "kernels/lanes_list.h"
#undef KERNEL

/* One row of the table of variants. */
struct cn_lanes_level {
    const char *name;
    cn_lanes_fn portable;
    cn_lanes_fn avx2;   /* NULL where the compiler's target does not have the level */
    cn_lanes_fn avx512; /* likewise */
};
const struct cn_lanes_level *cn_lanes_levels(size_t *n);

#endif
