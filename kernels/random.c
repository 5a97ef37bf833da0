#include "kernels/random.h"

#include <math.h>
#include <sleef.h>

#include "kernels/random_philox.h"
#include "kernels/table.h"

void cn_random_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]) {
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        uint64_t a = (uint64_t)PHILOX_MULTIPLIER_0 * c0;
        uint64_t b = (uint64_t)PHILOX_MULTIPLIER_1 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += PHILOX_WEYL_0;
        k1 += PHILOX_WEYL_1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* One call makes the words of two rows: 2 * pair and 2 * pair + 1. */
static void draw_pair(uint64_t seed, uint64_t column, uint64_t pair, uint64_t words[2]) {
    const uint32_t counter[4] = {(uint32_t)pair, (uint32_t)(pair >> 32), (uint32_t)column,
                                 (uint32_t)(column >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    uint32_t drawn[4];
    cn_random_philox(counter, key, drawn);
    words[0] = (uint64_t)drawn[1] << 32 | drawn[0];
    words[1] = (uint64_t)drawn[3] << 32 | drawn[2];
}

/* [0, 1), a multiple of 2^-53 */
static double to_unit(uint64_t word) {
    return (double)(word >> 11) * 0x1p-53;
}

static void uniform_pair(const uint64_t words[2], double out[2]) {
    out[0] = to_unit(words[0]);
    out[1] = to_unit(words[1]);
}

static void normal_pair(const uint64_t words[2], double out[2]) {
    /* (0, 1] for the logarithm; sqrt() is correctly rounded everywhere. */
    double radius = sqrt(-2 * Sleef_cinz_logd1_u10purec(1 - to_unit(words[0])));
    Sleef_double_2 turn = Sleef_cinz_sincospid1_u05purec(2 * to_unit(words[1]));
    out[0] = radius * turn.y;
    out[1] = radius * turn.x;
}

typedef void (*pair_fn)(const uint64_t words[2], double out[2]);

static inline void fill(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out,
                        pair_fn make) {
    size_t i = 0;
    while (i < n) {
        uint64_t row = first + i;
        uint64_t words[2];
        double made[2];
        draw_pair(seed, column, row / 2, words);
        make(words, made);
        out[i++] = made[row % 2];
        if (row % 2 == 0 && i < n)
            out[i++] = made[1];
    }
}

void cn_random_uniform_scalar(uint64_t seed, uint64_t column, uint64_t first, size_t n,
                              double *out) {
    fill(seed, column, first, n, out, uniform_pair);
}

void cn_random_normal_scalar(uint64_t seed, uint64_t column, uint64_t first, size_t n,
                             double *out) {
    fill(seed, column, first, n, out, normal_pair);
}

void cn_random_uniform(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out) {
    cn_kernels.random_uniform(seed, column, first, n, out);
}

void cn_random_normal(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out) {
    cn_kernels.random_normal(seed, column, first, n, out);
}
