/*
 * number_format_block.h: what the AVX2 and AVX-512 variants of cn_doubles_format() share.
 *
 * A block of doubles goes through the steps of cn_shortest_quick() in several sweeps: one after
 * another they are a chain so long that a CPU has too few of them in flight at once.
 */
#ifndef CN_KERNELS_NUMBER_FORMAT_BLOCK_H
#define CN_KERNELS_NUMBER_FORMAT_BLOCK_H

#include "kernels/number.h"
#include "kernels/number_format_place.h"
#include "kernels/table.h"

#define CN_FORMAT_BLOCK 64

struct cn_format_block {
    /* Of the scale 10^-(k + 1), and the shift that belongs to it. */
    _Alignas(64) uint64_t scale_hi[CN_FORMAT_BLOCK];
    uint64_t scale_lo[CN_FORMAT_BLOCK];
    int64_t shift[CN_FORMAT_BLOCK];
    int64_t k[CN_FORMAT_BLOCK];
    /* The first eight digits and the other eight: as numbers, then each digit a byte in reverse. */
    uint64_t upper[CN_FORMAT_BLOCK];
    uint64_t lower[CN_FORMAT_BLOCK];
    uint64_t last[CN_FORMAT_BLOCK]; /* digit */
    int64_t exponent[CN_FORMAT_BLOCK];
    uint64_t count[CN_FORMAT_BLOCK]; /* of digits up to the last that is not zero */
    uint64_t with_exponent, unsure;  /* a bit for each */
};

/* What is left when all texts are placed: exponents behind those that have one, and those that were
 * too close to call, or special. */
static inline void cn_finish_block(const struct cn_format_block *block, const double *values,
                                   char *out, uint8_t *lengths) {
    for (uint64_t bits = block->with_exponent; bits != 0; bits &= bits - 1) {
        size_t i = (size_t)__builtin_ctzll(bits);
        size_t sign = cn_double_bits(values[i]) >> 63;
        char *text = out + i * CN_DOUBLE_TEXT + sign;
        size_t len = cn_write_exponent((int)block->exponent[i], block->count[i], text);
        lengths[i] = (uint8_t)(len + sign);
    }
    for (uint64_t bits = block->unsure; bits != 0; bits &= bits - 1) {
        size_t i = (size_t)__builtin_ctzll(bits);
        lengths[i] = (uint8_t)cn_double_format_avx2(values[i], out + i * CN_DOUBLE_TEXT);
    }
}

#endif
