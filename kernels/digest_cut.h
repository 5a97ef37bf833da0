/*
 * digest_cut.h: blocks of rows, cut and padded as they are loaded. Included by the kernels of one
 * level, which define WORD, the type of the digest's words, and CUT_BYTES, the bytes of a vector.
 *
 * Byte masks keep what belongs to the row and add the byte 0x80. A load may reach into the rows
 * that follow; what is near the end of all is copied first.
 */
#include <string.h>

#include "kernels/digest_batch.h"

#define WORDS CN_DIGEST_WORDS
#define BLOCK (WORDS * sizeof(WORD))

typedef uint8_t cut_bytes __attribute__((vector_size(CUT_BYTES)));

/* A block with `left` bytes of text to come: that many, 0x80 behind them, zeros. */
static inline void cut_block(const struct cn_digest_batch *batch, size_t at, ptrdiff_t left,
                             uint8_t *out) {
    static const uint8_t keep[2 * BLOCK + 1] = {[0 ... BLOCK - 1] = 0xFF};
    static const uint8_t mark[2 * BLOCK + 1] = {[BLOCK] = 0x80};
    uint8_t copy[BLOCK];
    const char *text = (const char *)copy;

    left = left > (ptrdiff_t)BLOCK ? (ptrdiff_t)BLOCK : left < -1 ? -1 : left;
    if (batch->end >= BLOCK && at <= batch->end - BLOCK) {
        text = batch->base + at;
    } else {
        memset(copy, 0, sizeof copy);
        if (left > 0)
            memcpy(copy, batch->base + at, (size_t)left);
    }
    for (size_t i = 0; i < BLOCK; i += CUT_BYTES) {
        cut_bytes x, kept, marked;
        memcpy(&x, text + i, sizeof x);
        memcpy(&kept, keep + ((ptrdiff_t)BLOCK - left) + i, sizeof kept);
        memcpy(&marked, mark + ((ptrdiff_t)BLOCK - left) + i, sizeof marked);
        x = (x & kept) | marked;
        memcpy(out + i, &x, sizeof x);
    }
}
