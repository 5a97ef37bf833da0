/*
 * lanes.h: elementwise loops, the instructions of the expression evaluator.
 *
 * Each kernel works on n rows of dense operands and knows nothing of nulls: the caller gives
 * readable values under nulls and ignores results and failures there. Constants are operands like
 * any other (the caller fills a block once). out may alias an operand of the same width.
 *
 * A kernel returns how many rows failed; for each of them fail[i] is set to 1 (or to
 * another reason that lanes_ops.h names; others are left as they are; fail is zeroed by the caller)
 * and out[i] is some readable value. Kernels that cannot fail ignore `fail` and return 0. String
 * results are views into `arena` or into the operands.
 */
#ifndef CN_KERNELS_LANES_H
#define CN_KERNELS_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct cn_lanes {
    const void *a;
    const void *b;
    const void *c;
    void *out;
    size_t n;
    uint8_t *fail;
    struct cn_arena *arena; /* for strings */
    bool no_memory;         /* set by a kernel whose arena ran out */
};

typedef size_t (*cn_lanes_fn)(struct cn_lanes *lanes);

/* What runs for a kernel of lanes_ops.h at the level in use (cpu.h): the same results for every
 * input, but for the sign and the payload of a NaN; the kernel itself where there is no variant. */
cn_lanes_fn cn_lanes_variant(cn_lanes_fn portable);

#endif
