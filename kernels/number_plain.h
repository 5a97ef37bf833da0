/*
 * number_plain.h: plain decimals, a point and up to 22 digits behind it, to doubles; and whether
 * such a text is the one that would be written for its double. Not for other folders.
 */
#ifndef CN_KERNELS_NUMBER_PLAIN_H
#define CN_KERNELS_NUMBER_PLAIN_H

#include "kernels/number_core.h"

/* The most digits behind the point; 10^22 is the largest power of ten that is a double. */
#define CN_PLAIN_MOST 22

/* Up to here a decimal is taken by one division; longer ones by one way for all of them, so that
 * columns of many digits take one branch. */
#define CN_PLAIN_SHORT UINT64_C(1000000000000000)

/* What belongs to a number of digits behind the point. */
struct cn_plain_scale {
    uint64_t hi, lo;  /* of 10^-places, as in struct cn_power */
    uint64_t least;   /* digits that stand for 0.0001 */
    int64_t exponent; /* of the double, less the digits' leading zeros */
};

extern const struct cn_plain_scale cn_plain_scales[CN_PLAIN_MOST + 1];
extern const double cn_plain_powers[CN_PLAIN_MOST + 1];

/* What follows is joined by signs, not by branches or flags: a difference is negative or not. */
static inline bool cn_all_negative(int64_t joined) {
    return joined < 0;
}

/*
 * Fewer than 16 digits. Both operands of the division are exact, so that there is one rounding
 * (Clinger, "How to read floating point numbers accurately", 1990). No two decimals of 15 digits
 * have the same double (DBL_DIG), so that no other decimal is as short: the text is canonical if
 * it is not below 0.0001 and does not end with a zero that is not needed.
 */
static inline double cn_plain_divide(uint64_t digits, unsigned places, unsigned last,
                                     bool *canonical) {
    int64_t too_small = (int64_t)(cn_plain_scales[places].least - 1 - digits);
    *canonical = ((last != 0) & (too_small < 0)) | (places == 1);
    return (double)(int64_t)digits / cn_plain_powers[places];
}

/*
 * 16 digits and more: the digits times a power of ten of 128 bits, which is cut, so that the true
 * product is less than two units of `middle` above what is computed (Lemire, "Number parsing at a
 * gigabyte per second", 2021). No power here is exact, so that a tie shows as a product just below
 * it. False: it takes exact integers to tell.
 *
 * The text is canonical if no shorter decimal has the same double, and none of its length is
 * closer. That is looked at in units of 2^-56 of the double's last place: `off` is how far the
 * decimal is above the double, `unit` is one in its last digit. A shorter decimal is a multiple of
 * ten; the next ones are `below` and `above` the double, and must be farther than half a place.
 * What is within `margin`, more than all errors, is not canonical, nor are powers of two, whose
 * lower neighbour is nearer. Errors: `unit` is cut, by 1, and is taken up to 10 times, `off` by 1.
 */
static inline bool cn_plain_multiply(uint64_t digits, unsigned places, unsigned last, double *value,
                                     bool *canonical) {
    const struct cn_plain_scale *scale = &cn_plain_scales[places];
    unsigned zeros = (unsigned)__builtin_clzll(digits);
    uint64_t scaled = digits << zeros;
    cn_u128 product = (cn_u128)scaled * scale->hi;
    uint64_t high = (uint64_t)(product >> 64), middle;
    high += __builtin_add_overflow((uint64_t)product, (uint64_t)((cn_u128)scaled * scale->lo >> 64),
                                   &middle);
    if (__builtin_expect(middle >= UINT64_MAX - 1, 0))
        return false;
    unsigned upper = (unsigned)(high >> 63);
    uint64_t exponent = (uint64_t)scale->exponent - zeros + upper;
    uint64_t rounded = ((high >> (9 + upper)) + 1) >> 1;
    uint64_t bits = (exponent << 52) + rounded;
    *value = cn_double_from_bits(bits);

    const int64_t farther = ((int64_t)1 << 55) + 64, margin = 64;
    int64_t off = (int64_t)(high << (54 - upper) | middle >> (10 + upper)) >> 8;
    int64_t unit = (int64_t)(scale->hi >> (18 + upper - zeros));
    int64_t below = (int64_t)last * unit - off;
    int64_t above = 10 * unit - below;
    int64_t fraction = (int64_t)(bits & (((uint64_t)1 << 52) - 1));
    *canonical = cn_all_negative((farther - below) & (farther - above) & (2 * off - unit + margin) &
                                 (-2 * off - unit + margin) & (0 - (int64_t)last) & (0 - fraction) &
                                 (int64_t)(scale->least - 1 - digits) &
                                 ((int64_t)(digits / 16) - (int64_t)(100 * CN_PLAIN_SHORT / 16)));
    return true;
}

#endif
