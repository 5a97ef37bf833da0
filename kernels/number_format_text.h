/*
 * number_format_text.h: the forms of a double's text, as Python's repr has them. What the variants
 * of number_format share; not for other files.
 */
#ifndef CN_KERNELS_NUMBER_FORMAT_TEXT_H
#define CN_KERNELS_NUMBER_FORMAT_TEXT_H

#include "kernels/number_format_core.h"

/* With a power of ten behind it: 1e-05, 1e+16. */
static inline bool cn_has_exponent(int exponent) {
    return (unsigned)(exponent + 4) >= 20;
}

/* The length of "0.00ddd" or "ddd.ddd", if there are `count` digits up to the last that is not
 * zero; one digit follows the point at least. */
static inline size_t cn_fixed_length(size_t count, int exponent) {
    int zeros = exponent < 0 ? -exponent : 0;
    int behind = (int)count + zeros, before = exponent + 2;
    return (size_t)(behind > before ? behind : before) + 1;
}

/* Puts the exponent behind "d.ddd", of which `count` digits are wanted; no point before none.
 * Writes 8 bytes, returns the length of the whole. */
static inline size_t cn_write_exponent(int exponent, size_t count, char *out) {
    unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
    unsigned hundreds = magnitude / 100, tens = magnitude / 10;
    bool two = magnitude < 100;
    uint64_t digits = hundreds | (tens - hundreds * 10) << 8 | (magnitude - tens * 10) << 16;
    uint64_t word = (digits + 0x303030u) >> (two ? 8 : 0);
    size_t place = count + (count > 1);

    word = 'e' | (exponent < 0 ? (uint64_t)'-' : (uint64_t)'+') << 8 | word << 16;
    memcpy(out + place, &word, sizeof word);
    return place + 5 - two;
}

/* Neither zero, subnormal, infinite nor NaN; of bits without the sign. */
static inline bool cn_is_normal(uint64_t magnitude) {
    return magnitude - CN_HIDDEN_BIT < CN_INFINITY_BITS - CN_HIDDEN_BIT;
}

/* Zero, infinities and NaN are written here; returns 0 for others. */
static inline size_t cn_write_special(uint64_t bits, char *out) {
    uint64_t magnitude = bits & INT64_MAX;
    size_t sign = bits >> 63 & (magnitude <= CN_INFINITY_BITS);

    if (magnitude != 0 && magnitude < CN_INFINITY_BITS)
        return 0;
    *out = '-';
    memcpy(out + sign, magnitude == 0 ? "0.0" : magnitude == CN_INFINITY_BITS ? "inf" : "nan", 3);
    return sign + 3;
}

#endif
