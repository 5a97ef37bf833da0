/*
 * number_format_core.h: what the variants of number_format share: the shortest decimal of a double.
 * Not for other files.
 *
 * The method is Schubfach's (Giulietti, "The Schubfach way to render doubles", 2020): 10^k is the
 * largest power of ten that is not above the distance of neighbouring doubles, so the interval
 * that rounds to a double holds a multiple of 10^k, and at most one of 10^(k + 1). As in later
 * work (yy_double by Guo, xjb by Xiang and Wang), the value is scaled by the larger power first:
 * its integer part has the sixteen digits that every text has, its fraction tells the rest. What is
 * too close to call is left to cn_shortest_exact().
 */
#ifndef CN_KERNELS_NUMBER_FORMAT_CORE_H
#define CN_KERNELS_NUMBER_FORMAT_CORE_H

#include "kernels/number_core.h"

#define CN_MANTISSA_BITS 52
#define CN_HIDDEN_BIT ((uint64_t)1 << CN_MANTISSA_BITS)
#define CN_INFINITY_BITS ((uint64_t)0x7FF << CN_MANTISSA_BITS)
#define CN_EXPONENT_BIAS 1075 /* for a significand that is an integer */
#define CN_TEN8 100000000u
#define CN_TEN15 1000000000000000u
#define CN_TEN16 10000000000000000u

/* 10^-(k + 1) = (hi * 2^64 + lo) * 2^(cn_log2_power(-(k + 1)) - 123), cut. */
#define CN_SCALE_MIN (-324)
#define CN_SCALE_MAX 292
extern const struct cn_power cn_scales[CN_SCALE_MAX - CN_SCALE_MIN + 1];

/* A decimal d.ddddddddddddddd[d]: sixteen digits, the first not zero, and one more. */
struct cn_shortest {
    uint64_t digits;
    uint64_t last;
    int exponent; /* of ten, for the first digit */
};

/* The shortest decimal that reads back as the double with these bits (finite, positive), the
 * closest of those; by exact integers, for any of them. */
struct cn_shortest cn_shortest_exact(uint64_t bits);

/* Nearer than this to a bound, in units of 2^-64, nothing is sure; the errors are under 12. */
#define CN_SHORTEST_MARGIN 16

static inline unsigned cn_shortest_near_zero(uint64_t difference) {
    return difference + CN_SHORTEST_MARGIN < 2 * CN_SHORTEST_MARGIN;
}

/* floor(log10(2^exponent)) */
static inline int cn_log10_power2(int exponent) {
    return (exponent * 1262611) >> 22;
}

/* All ones if it holds. The compiler shall not see through it, and branch on what is random. */
static inline uint64_t cn_mask(bool holds) {
    uint64_t mask = 0 - (uint64_t)holds;
    __asm__("" : "+r"(mask));
    return mask;
}

/* Brings sixteen digits of which the first may be zero, and one, to the form above. */
static inline struct cn_shortest cn_shortest_normal(uint64_t digits, uint64_t last, int k) {
    uint64_t small = cn_mask(digits < CN_TEN15);
    return (struct cn_shortest){digits + ((digits * 9 + last) & small), last & ~small,
                                k + 16 + (int)small};
}

/* The same for nearly all normal doubles; false where it is not certain. */
static inline bool cn_shortest_quick(uint64_t bits, struct cn_shortest *result) {
    uint64_t fraction = bits & (CN_HIDDEN_BIT - 1);
    int exponent = (int)(bits >> CN_MANTISSA_BITS) - CN_EXPONENT_BIAS;
    int k = cn_log10_power2(exponent);
    int shift = exponent + cn_log2_power(-k - 1) + 5; /* 1 .. 4 */
    const struct cn_power *scale = &cn_scales[k - CN_SCALE_MIN];
    uint64_t significand = (fraction | CN_HIDDEN_BIT) << shift;
    uint64_t carried = (uint64_t)(((cn_u128)scale->lo * significand) >> 64);
    cn_u128 product = (cn_u128)scale->hi * significand + carried;
    uint64_t digits = (uint64_t)(product >> 64);
    uint64_t rest = (uint64_t)product;

    /* How far the interval reaches; below a power of two only half as far. */
    uint64_t above = scale->hi << (shift - 1);
    uint64_t below = above >> (fraction == 0);
    uint64_t unused;
    bool up = __builtin_add_overflow(rest, above, &unused);
    bool shorter = up | (rest < below);
    cn_u128 tenfold = (cn_u128)rest * 10 + ((uint64_t)1 << 63);
    /* Whether one digit less will do is as good as random: no branch. */
    uint64_t last = (uint64_t)(tenfold >> 64) & ~cn_mask(shorter);
    *result = cn_shortest_normal(digits + up, last, k);
    /* Below a power of two the longer decimals may need another k. */
    bool unsure = cn_shortest_near_zero(rest - below) | cn_shortest_near_zero(rest + above) |
                  cn_shortest_near_zero((uint64_t)tenfold) | ((fraction == 0) & !shorter);
    return !unsure;
}

#endif
