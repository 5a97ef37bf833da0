/*
 * random_wide.h: the random numbers of random.c, a vector of counters at a time. Compiled once for
 * each level, by a file that says what a vector is (WIDE_*), so there is no include guard.
 *
 * The four words of a counter lie in four vectors, each word in the low half of 64 bits; what the
 * high halves hold is never looked at, since the multiplication takes low halves only. Two groups
 * of counters run side by side, for a round waits for its multiplications.
 */
#include <math.h>
#include <sleef.h>
#include <string.h>

#include "kernels/random_philox.h"
#include "kernels/table.h"

#define WIDE_PAIRS (sizeof(wide) / sizeof(double))
#define GROUPS 2
#define GROUP_ROWS (2 * WIDE_PAIRS * GROUPS)

typedef uint64_t wide_bits __attribute__((vector_size(sizeof(wide))));

static inline wide_bits wide_all(uint64_t x) {
    return (wide_bits){0} + x;
}

struct counters {
    wide_bits word[4];
};

static inline void philox_round(struct counters *c, uint32_t key_0, uint32_t key_1) {
    wide_bits a = WIDE_MULTIPLY(c->word[0], wide_all(PHILOX_MULTIPLIER_0));
    wide_bits b = WIDE_MULTIPLY(c->word[2], wide_all(PHILOX_MULTIPLIER_1));
    c->word[0] = (b >> 32) ^ c->word[1] ^ wide_all(key_0);
    c->word[1] = b;
    c->word[2] = (a >> 32) ^ c->word[3] ^ wide_all(key_1);
    c->word[3] = a;
}

/* The words of the pairs from `pair` on: words[2 * group] for even rows, the next for odd ones. */
static inline void draw(uint64_t seed, uint64_t column, uint64_t pair, wide_bits *words) {
    const wide_bits low = wide_all(UINT32_MAX);
    uint32_t key_0 = (uint32_t)seed, key_1 = (uint32_t)(seed >> 32);
    struct counters c[GROUPS];

    for (size_t group = 0; group < GROUPS; group++) {
        wide_bits at = wide_all(pair + group * WIDE_PAIRS);
        for (size_t i = 0; i < WIDE_PAIRS; i++)
            at[i] += i;
        c[group].word[0] = at;
        c[group].word[1] = at >> 32;
        c[group].word[2] = wide_all(column);
        c[group].word[3] = wide_all(column >> 32);
    }
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        for (size_t group = 0; group < GROUPS; group++)
            philox_round(&c[group], key_0, key_1);
        key_0 += PHILOX_WEYL_0;
        key_1 += PHILOX_WEYL_1;
    }
    for (size_t group = 0; group < GROUPS; group++) {
        words[2 * group] = c[group].word[1] << 32 | (c[group].word[0] & low);
        words[2 * group + 1] = c[group].word[3] << 32 | (c[group].word[2] & low);
    }
}

/* [0, 1), a multiple of 2^-53. Both halves of the 53 bits become doubles by way of their place in a
 * mantissa, which is exact, and so is the sum. */
static inline wide to_unit(wide_bits word) {
    const wide_bits high_exponent = wide_all(UINT64_C(0x4530000000000000)); /* 2^84 */
    const wide_bits low_exponent = wide_all(UINT64_C(0x4330000000000000));  /* 2^52 */
    wide_bits bits = word >> 11;
    wide high = (wide)(bits >> 32 | high_exponent) - 0x1p84;
    wide low = (wide)((bits & UINT32_MAX) | low_exponent) - 0x1p52;
    return (high + low) * 0x1p-53;
}

static inline void uniform_pairs(const wide_bits words[2], double *out) {
    WIDE_STORE_PAIRS(out, to_unit(words[0]), to_unit(words[1]));
}

static inline void normal_pairs(const wide_bits words[2], double *out) {
    wide radius = WIDE_SQRT(-2 * WIDE_LOG(1 - to_unit(words[0])));
    WIDE_SINCOS turn = WIDE_SINCOSPI(2 * to_unit(words[1]));
    WIDE_STORE_PAIRS(out, radius * turn.y, radius * turn.x);
}

typedef void (*pairs_fn)(const wide_bits words[2], double *out);

static inline void make_rows(uint64_t seed, uint64_t column, uint64_t row, double *out,
                             pairs_fn make) {
    wide_bits words[2 * GROUPS];

    draw(seed, column, row / 2, words);
    for (size_t group = 0; group < GROUPS; group++)
        make(words + 2 * group, out + 2 * WIDE_PAIRS * group);
}

/* Rows that are no whole run of vectors are picked out of one that is. */
static inline void fill(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out,
                        pairs_fn make) {
    size_t i = 0;

    while (i < n) {
        uint64_t row = first + i;
        double rows[GROUP_ROWS];
        size_t skipped = row % 2, some = GROUP_ROWS - skipped;
        if (skipped == 0 && n - i >= GROUP_ROWS) {
            make_rows(seed, column, row, out + i, make);
            i += GROUP_ROWS;
            continue;
        }
        if (skipped > 0)
            some = 1;
        else if (some > n - i)
            some = n - i;
        make_rows(seed, column, row - skipped, rows, make);
        memcpy(out + i, rows + skipped, some * sizeof *out);
        i += some;
    }
}

void WIDE_NAME(cn_random_uniform)(uint64_t seed, uint64_t column, uint64_t first, size_t n,
                                  double *out) {
    fill(seed, column, first, n, out, uniform_pairs);
}

void WIDE_NAME(cn_random_normal)(uint64_t seed, uint64_t column, uint64_t first, size_t n,
                                 double *out) {
    fill(seed, column, first, n, out, normal_pairs);
}
