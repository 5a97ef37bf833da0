/*
 * Rounding at a decimal place, exactly: the double is an integer times a power of two, so that
 * value * 10^digits is rounded in integers and read back as a decimal.
 */
#include "kernels/number.h"
#include "kernels/number_core.h"

#include <math.h>

#define MANTISSA_BITS 52
#define MOST_DIGITS                                                                                \
    323                   /* beyond, every double is a multiple of 10^-digits, or rounds to itself \
                           */
#define LEAST_DIGITS -308 /* below, every double is under half of 10^-digits */

/* significand * 2^exponent, exactly */
static uint64_t take_apart(double magnitude, int *exponent) {
    uint64_t bits = cn_double_bits(magnitude);
    uint64_t fraction = bits & (((uint64_t)1 << MANTISSA_BITS) - 1);
    int biased = (int)(bits >> MANTISSA_BITS);
    *exponent = (biased ? biased : 1) - 1075;
    return biased ? fraction | (uint64_t)1 << MANTISSA_BITS : fraction;
}

static double from_decimal(uint64_t digits, int64_t exponent) {
    struct cn_decimal decimal = {.digits = digits, .exponent = exponent};
    return cn_decimal_to_double(&decimal);
}

/* product / 2^shift, half to even; false if it has more than 64 bits. shift > 0 */
static bool round_shift(cn_u128 product, int shift, uint64_t *result) {
    if (shift >= 128) {
        *result = 0; /* the product is under 2^116: less than half */
        return true;
    }
    cn_u128 whole = product >> shift;
    cn_u128 half = (cn_u128)1 << (shift - 1);
    cn_u128 rest = product & ((half << 1) - 1);
    whole += rest > half || (rest == half && (whole & 1));
    *result = (uint64_t)whole;
    return whole >> 64 == 0;
}

/* Where value * 10^digits needs more than 64 bits, 10^-digits is far below a unit in the last place
 * of the value, and what rounding makes of it reads back as the value. */
static double round_behind_point(double magnitude, int digits) {
    int exponent;
    uint64_t significand = take_apart(magnitude, &exponent);
    int shift = -(exponent + digits);
    if (shift <= 0)
        return magnitude; /* a multiple of 10^-digits already */
    uint64_t rounded;
    if (digits <= 27) {
        uint64_t power = 1;
        for (int i = 0; i < digits; i++)
            power *= 5;
        if (!round_shift((cn_u128)significand * power, shift, &rounded))
            return magnitude;
    } else {
        struct cn_big big;
        cn_big_set(&big, significand);
        cn_big_multiply_power5(&big, (unsigned)digits);
        if (!cn_big_round_shift(&big, (size_t)shift, &rounded))
            return magnitude;
    }
    return from_decimal(rounded, -digits);
}

/* places > 0: to a multiple of 10^places */
static double round_before_point(double magnitude, int places) {
    int exponent;
    uint64_t significand = take_apart(magnitude, &exponent);
    struct cn_big big;
    bool fraction = false;
    if (exponent < 0) {
        fraction = exponent < -63 || (significand & (((uint64_t)1 << -exponent) - 1)) != 0;
        cn_big_set(&big, exponent < -63 ? 0 : significand >> -exponent);
    } else {
        cn_big_set(&big, significand);
        cn_big_shift_left(&big, (unsigned)exponent);
    }
    /* Divide by all but one of the tens: the last digit and "is there more" decide. */
    for (int left = places - 1; left > 0;) {
        uint64_t divisor = 1;
        for (; left > 0 && divisor < 1000000000000000000u; left--)
            divisor *= 10;
        fraction = cn_big_divide(&big, divisor) != 0 || fraction;
    }
    uint64_t digit = cn_big_divide(&big, 10);
    bool odd = big.len > 0 && (big.limb[0] & 1);
    bool up = digit > 5 || (digit == 5 && (fraction || odd));
    cn_big_multiply_add(&big, 1, up);
    if (cn_big_bits(&big) <= 64)
        return from_decimal(big.len ? big.limb[0] : 0, places);
    /* More than 64 bits: back to its decimal digits. */
    char text[320];
    char *first = text + sizeof text;
    while (big.len > 0)
        *--first = (char)('0' + cn_big_divide(&big, 10));
    double result = 0;
    struct cn_decimal decimal = {
        .exponent = places, .first = first, .last = text + sizeof text, .truncated = true};
    size_t count = (size_t)(decimal.last - first);
    for (size_t i = 0; i < 19; i++)
        decimal.digits = decimal.digits * 10 + (uint64_t)(first[i] - '0');
    decimal.exponent += (int64_t)count - 19;
    result = cn_decimal_to_double(&decimal);
    return result;
}

double cn_double_round(double value, int64_t digits) {
    if (!isfinite(value) || value == 0 || digits > MOST_DIGITS)
        return value;
    double magnitude = fabs(value);
    double rounded = 0;
    if (digits >= 0)
        rounded = round_behind_point(magnitude, (int)digits);
    else if (digits >= LEAST_DIGITS)
        rounded = round_before_point(magnitude, (int)-digits);
    return copysign(rounded, value);
}
