/*
 * digest_batch.h: rows for the kernels that digest several at once. Private to kernels/ and its
 * tests. Such a kernel takes rows of up to CN_DIGEST_MOST_BLOCKS blocks; digest_batch.c chooses
 * and sorts them, so that the rows of one run have about as many blocks as each other.
 */
#ifndef CN_KERNELS_DIGEST_BATCH_H
#define CN_KERNELS_DIGEST_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A block is 16 words: of 4 bytes for MD5, SHA-1 and SHA-256, of 8 for SHA-512. Behind the text
 * come 0x80, zeros, and the length in bits in the block's last two words. */
#define CN_DIGEST_WORDS 16
#define CN_DIGEST_MOST_BLOCKS 64
#define CN_DIGEST_BATCH 1024 /* rows at most */

struct cn_digest_batch {
    const char *base;      /* not NULL */
    const size_t *offsets; /* row i is base[offsets[i] .. offsets[i + 1]) */
    size_t end;            /* base[offsets[0] .. end) may be read */
    const uint16_t *order; /* the rows to take, by their number of blocks; NULL: rows 0, 1, ... */
    size_t n;              /* how many, at least one */
    const void *state;     /* words: before a row's first block */
    uint32_t before;       /* the bytes that led to this state: 0, or 64 (HMAC's padded key) */
    uint8_t *out;          /* of row 0 */
};

static inline size_t cn_digest_blocks(size_t len, size_t word) {
    return (word == 4 ? (len + 8) / 64 : (len + 16) / 128) + 1;
}

/* A batch as a kernel wants it: short rows in order, and those that are too long for it. */
struct cn_digest_plan {
    bool all_single; /* every row takes one block: order is not filled */
    size_t n_short, n_long;
    uint16_t order[CN_DIGEST_BATCH]; /* the short rows by their number of blocks, then the long */
};

/* Sorts up to CN_DIGEST_BATCH rows for a digest whose words have `word` bytes; a counting sort:
 * rows of as many blocks keep their order. */
void cn_digest_plan_rows(struct cn_digest_plan *plan, const size_t *offsets, size_t n, size_t word);

#endif
