/*
 * From a decimal to the nearest double.
 *
 * w * 10^q with a 64-bit w is w times a 128-bit significand T of 10^q. T is cut, so the true
 * product lies in [w * T, w * T + w). Unless that interval touches a point where the rounding
 * changes, the result is certain (Eisel-Lemire; the interval argument here needs no other proof).
 * What remains is decided by exact integers.
 */
#include "kernels/number_core.h"

#define INFINITY_BITS ((uint64_t)0x7FF << 52)
#define MANTISSA_BITS 52
/* Digits that the exact way looks at; a point halfway between two doubles has at most 768. */
#define EXACT_DIGITS 800

/* A value in [floor, floor + 2) units of the last place of the double `floor_bits`. */
struct approximation {
    uint64_t floor_bits;
    uint64_t bits; /* rounded */
    bool certain;
};

static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high) {
    cn_u128 product = (cn_u128)a * b;
    *high = (uint64_t)(product >> 64);
    return (uint64_t)product;
}

/* The rare case that the first 64 bits of the product do not tell, or that it is subnormal. Also
 * sets floor_bits. */
static void approximate_slowly(uint64_t w, int q, int exponent, struct approximation *result) {
    uint64_t high, middle, carry;
    middle = multiply(w, cn_power(q)->hi, &high);
    uint64_t low = multiply(w, cn_power(q)->lo, &carry);
    high += __builtin_add_overflow(middle, carry, &middle);
    bool exact = q >= 0 && q <= CN_POWER_EXACT_MAX;

    int upper = (int)(high >> 63);
    int biased = exponent + upper;
    int shift = 10 + upper;
    if (biased <= 0) {
        shift += 1 - biased;
        biased = 1;
    }
    if (shift > 64) { /* under half of the smallest subnormal, and high is not all ones */
        *result = (struct approximation){.certain = high != UINT64_MAX || shift > 65};
        return;
    }
    uint64_t base = (uint64_t)(biased - 1) << MANTISSA_BITS;
    uint64_t mantissa = shift == 64 ? 0 : high >> shift;
    uint64_t below = high & ((((uint64_t)1 << (shift - 1)) << 1) - 1);
    uint64_t half = (uint64_t)1 << (shift - 1);
    uint64_t unused;
    bool carries = !exact && middle == UINT64_MAX && __builtin_add_overflow(low, w, &unused);
    bool tie = exact && below == half && (middle | low) == 0;
    bool up = below >= half && (!tie || (mantissa & 1));
    result->floor_bits = base + mantissa;
    result->bits = base + mantissa + up;
    result->certain = !carries || (below & (half - 1)) != half - 1;
}

/* w is not 0, CN_POWER_MIN <= q <= 308. */
static inline void approximate(uint64_t w, int q, struct approximation *result) {
    int zeros = __builtin_clzll(w);
    w <<= zeros;
    /* The biased exponent of the double, if the product has its upper bit clear. */
    int exponent = cn_log2_power(q) - zeros + 1086;
    uint64_t high;
    multiply(w, cn_power(q)->hi, &high);
    int upper = (int)(high >> 63);
    int shift = 10 + upper;
    int biased = exponent + upper;
    uint64_t half = (uint64_t)1 << (shift - 1);
    uint64_t rest = high & (half - 1);
    /* The rest of the product adds at most 1 to `high`. */
    if (rest - 1 >= half - 2 || biased <= 0) {
        approximate_slowly(w, q, exponent, result);
        return;
    }
    uint64_t base = (uint64_t)(biased - 1) << MANTISSA_BITS;
    result->floor_bits = base + (high >> shift);
    result->bits = result->floor_bits + (high >> (shift - 1) & 1);
    result->certain = true;
}

static double finish(uint64_t bits) {
    return cn_double_from_bits(bits < INFINITY_BITS ? bits : INFINITY_BITS);
}

/* The double division is only worth it for short decimals; long ones take the general way, so that
 * one branch is taken for most numbers of a column. */
#define SHORT_DECIMAL 1000000000000000u

static inline bool exactly_small(uint64_t w, int64_t q, uint64_t most, double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (w > most || q < -22 || q > 22)
        return false;
    /* Both operands are exact, so that there is one rounding (Clinger, 1990). */
    *value = q < 0 ? (double)w / powers[-q] : (double)w * powers[q];
    return true;
}

double cn_decimal_to_double(const struct cn_decimal *decimal) {
    uint64_t w = decimal->digits;
    int64_t exponent = decimal->exponent;
    double value;
    if (!decimal->truncated && exactly_small(w, exponent, SHORT_DECIMAL, &value))
        return value;
    if (w == 0 || exponent < CN_POWER_MIN)
        return 0;
    if (exponent > 308)
        return cn_double_from_bits(INFINITY_BITS);
    int q = (int)exponent;
    struct approximation here, next;
    approximate(w, q, &here);
    if (here.certain && !decimal->truncated)
        return finish(here.bits);
    if (here.certain) {
        approximate(w + 1, q, &next);
        if (next.certain && here.bits == next.bits)
            return finish(here.bits);
    } else if (!decimal->truncated) {
        /* "1.500000000000000000" is exact, but 1e-18 is not. */
        for (; w % 10 == 0; w /= 10)
            exponent++;
        if (exactly_small(w, exponent, (uint64_t)1 << 53, &value))
            return value;
    }
    if (here.floor_bits >= INFINITY_BITS)
        return finish(here.floor_bits);
    return cn_decimal_to_double_exact(decimal, here.floor_bits);
}

/* The digits of a decimal as an integer, and the power of ten that belongs to it. */
static int64_t collect_digits(const struct cn_decimal *decimal, struct cn_big *big) {
    if (!decimal->truncated) {
        cn_big_set(big, decimal->digits);
        return decimal->exponent;
    }
    cn_big_set(big, 0);
    size_t taken = 0;
    const char *p = decimal->first;
    uint64_t chunk = 0, scale = 1;
    for (; p < decimal->last && taken < EXACT_DIGITS; p++) {
        if (*p == '.')
            continue;
        chunk = chunk * 10 + (uint64_t)(*p - '0');
        scale *= 10;
        taken++;
        if (scale == 10000000000000000000u) {
            cn_big_multiply_add(big, scale, chunk);
            chunk = 0;
            scale = 1;
        }
    }
    cn_big_multiply_add(big, scale, chunk);
    int64_t exponent = decimal->exponent + 19 - (int64_t)taken;
    for (; p < decimal->last; p++) {
        if (*p != '.' && *p != '0') {
            /* Whatever follows only matters as being more than nothing. */
            cn_big_multiply_add(big, 10, 1);
            return exponent - 1;
        }
    }
    return exponent;
}

double cn_decimal_to_double_exact(const struct cn_decimal *decimal, uint64_t floor_bits) {
    struct cn_big value, halfway;
    int64_t exponent = collect_digits(decimal, &value);
    int biased = (int)(floor_bits >> MANTISSA_BITS);
    uint64_t mantissa = floor_bits & (((uint64_t)1 << MANTISSA_BITS) - 1);
    if (biased > 0)
        mantissa |= (uint64_t)1 << MANTISSA_BITS;
    else
        biased = 1;
    /* Compares value * 10^exponent with (2 * mantissa + 1) * 2^(biased - 1076). */
    cn_big_set(&halfway, 2 * mantissa + 1);
    if (exponent >= 0)
        cn_big_multiply_power5(&value, (unsigned)exponent);
    else
        cn_big_multiply_power5(&halfway, (unsigned)-exponent);
    int64_t shift = exponent - (biased - 1076);
    if (shift >= 0)
        cn_big_shift_left(&value, (unsigned)shift);
    else
        cn_big_shift_left(&halfway, (unsigned)-shift);
    int order = cn_big_compare(&value, &halfway);
    bool up = order > 0 || (order == 0 && (mantissa & 1));
    return finish(floor_bits + up);
}
