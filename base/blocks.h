/*
 * blocks.h: recycled memory for bodies, outputs and columns.
 *
 * A first touch of fresh memory costs more than the arithmetic on it, so large blocks go back to
 * this pool and not to the system. Blocks come in power-of-two sizes from 64 KiB up; the pool
 * keeps at most `keep_bytes` of idle ones and frees the rest. Thread-safe. Under AddressSanitizer
 * idle blocks are poisoned.
 *
 * With a budget the pool holds (base/budget.h) every block that it has from the system, idle ones
 * too, and denies one that does not fit when all idle ones were freed.
 */
#ifndef CN_BASE_BLOCKS_H
#define CN_BASE_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/budget.h"
#include "base/buf.h"

struct cn_blocks;

struct cn_blocks *cn_blocks_new(size_t keep_bytes); /* NULL: no memory */
void cn_blocks_free(struct cn_blocks *blocks);      /* all blocks must have come back */

/* From now on the pool keeps to `budget`, which outlives it; to be called once. What it has already
 * counts, even if that is more than there may be. */
void cn_blocks_set_budget(struct cn_blocks *blocks, struct cn_budget *budget);

/* A block of at least `size` bytes, 64-byte aligned, not zeroed; *size becomes its true size. */
void *cn_blocks_take(struct cn_blocks *blocks, size_t *size);
void cn_blocks_give(struct cn_blocks *blocks, void *block, size_t size);

/* An empty buffer whose memory comes from the pool and returns to it. */
void cn_buf_init_blocks(struct cn_buf *buf, struct cn_blocks *blocks);

/* Frees what was idle all the time since the last call, so that after a burst memory goes back to
 * the system while a steady load keeps what it uses. To be called every second or so. Returns the
 * bytes that were freed. */
size_t cn_blocks_trim(struct cn_blocks *blocks);

/* Memory that does not come from the pool counts in its budget: idle blocks make room for it.
 * False: it does not fit, and is not counted. Without a budget nothing is. */
bool cn_blocks_charge(struct cn_blocks *blocks, size_t size);
void cn_blocks_discharge(struct cn_blocks *blocks, size_t size);

/* Bytes idle in the pool, and bytes handed out. */
void cn_blocks_stats(struct cn_blocks *blocks, size_t *idle, size_t *in_use);

#endif
