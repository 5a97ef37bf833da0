/*
 * Shortest decimals by Schubfach (Giulietti, "The Schubfach way to render doubles", 2020): exact
 * for every double, for those that the quick way leaves.
 */
#include "kernels/number_format_core.h"

struct shortest {
    uint64_t digits;
    int exponent; /* of ten */
};
/* A product of 192 bits; what is below its lowest bit is lost and does not matter. */
struct product {
    uint64_t high;
    uint64_t middle;
    uint64_t low;
};

/* The integer part, with its lowest bit set if there is more than the error of the table. */
static inline uint64_t round_to_odd(const struct product *x) {
    return x->high | (x->middle > 1);
}

static inline struct product multiply(const struct cn_power *power, uint64_t factor) {
    cn_u128 low = (cn_u128)power->lo * factor;
    cn_u128 upper = (cn_u128)power->hi * factor + (uint64_t)(low >> 64);
    return (struct product){(uint64_t)(upper >> 64), (uint64_t)upper, (uint64_t)low};
}

/* x +- (power << shift), 0 < shift < 64: so much is half a unit of the last place. */
static inline uint64_t neighbour_above(const struct product *x, const struct cn_power *power,
                                       int shift) {
    uint64_t low = power->lo << shift;
    uint64_t middle = power->hi << shift | power->lo >> (64 - shift);
    cn_u128 lower = (cn_u128)x->low + low;
    cn_u128 upper = (cn_u128)x->middle + middle + (uint64_t)(lower >> 64);
    uint64_t high = x->high + (power->hi >> (64 - shift)) + (uint64_t)(upper >> 64);
    return high | ((uint64_t)upper > 1);
}

static inline uint64_t neighbour_below(const struct product *x, const struct cn_power *power,
                                       int shift) {
    uint64_t low = power->lo << shift;
    uint64_t middle = power->hi << shift | power->lo >> (64 - shift);
    uint64_t rest;
    uint64_t borrow = __builtin_sub_overflow(x->low, low, &rest);
    uint64_t first = __builtin_sub_overflow(x->middle, middle, &rest);
    uint64_t second = __builtin_sub_overflow(rest, borrow, &rest);
    uint64_t high = x->high - (power->hi >> (64 - shift)) - first - second;
    return high | (rest > 1);
}

/* 10^-k for the scaling, rounded up as the method wants it. lo + 1 cannot overflow: no entry has it
 * all ones. */
static inline struct cn_power scaling_power(int k) {
    struct cn_power power = *cn_power(-k);
    power.lo += -k < 0 || -k > CN_POWER_EXACT_MAX;
    return power;
}

/* The shortest decimal in the interval that rounds to significand * 2^exponent, the closest of
 * them, an even digit if two are as close. Both neighbours are equally far away. The result may
 * have zeros at its end. */
static struct shortest find_shortest(uint64_t significand, int exponent) {
    int k = (exponent * 1262611) >> 22; /* floor(log10(2^exponent)) */
    int h = exponent + cn_log2_power(-k) + 1;
    struct cn_power power = scaling_power(k);
    struct product middle = multiply(&power, significand << (h + 2));
    bool odd = significand & 1;
    uint64_t value = round_to_odd(&middle);
    uint64_t lower = neighbour_below(&middle, &power, h + 1) + odd;
    uint64_t upper = neighbour_above(&middle, &power, h + 1) - odd;

    uint64_t s = value / 4;
    uint64_t tens = s / 10;
    bool down = lower <= 40 * tens;
    bool up = 40 * tens + 40 <= upper;
    /* If no multiple of ten is inside, the integer that is closest is: the value is the middle. */
    uint64_t closest = s + ((value & 3) + (s & 1) > 2);
    bool shorter = down != up && s >= 10;
    return (struct shortest){shorter ? (tens + up) * 10 : closest, k};
}

/* The same for a power of two, whose lower neighbour is half as far. */
static struct shortest find_shortest_uneven(uint64_t significand, int exponent) {
    int k = (exponent * 1262611 - 524031) >> 22; /* of 3/4 of 2^exponent */
    int h = exponent + cn_log2_power(-k) + 1;
    struct cn_power power = scaling_power(k);
    struct product middle = multiply(&power, significand << (h + 2));
    uint64_t value = round_to_odd(&middle);
    uint64_t lower = neighbour_below(&middle, &power, h);
    uint64_t upper = neighbour_above(&middle, &power, h + 1);

    uint64_t s = value / 4;
    uint64_t tens = s / 10;
    bool down = lower <= 40 * tens;
    bool up = 40 * tens + 40 <= upper;
    if (down != up)
        return (struct shortest){(tens + up) * 10, k};
    down = lower <= 4 * s;
    up = 4 * s + 4 <= upper;
    if (down == up)
        up = (value & 3) + (s & 1) > 2;
    return (struct shortest){s + up, k};
}

struct cn_shortest cn_shortest_exact(uint64_t bits) {
    uint64_t fraction = bits & (CN_HIDDEN_BIT - 1);
    int biased = (int)(bits >> CN_MANTISSA_BITS);
    struct shortest decimal;

    if (biased == 0)
        decimal = find_shortest(fraction, 1 - CN_EXPONENT_BIAS);
    else if (fraction == 0 && biased > 1)
        decimal = find_shortest_uneven(CN_HIDDEN_BIT, biased - CN_EXPONENT_BIAS);
    else
        decimal = find_shortest(fraction | CN_HIDDEN_BIT, biased - CN_EXPONENT_BIAS);
    while (decimal.digits < CN_TEN15) {
        decimal.digits *= 10;
        decimal.exponent--;
    }
    uint64_t digits = decimal.digits / 10;
    return cn_shortest_normal(digits, decimal.digits - digits * 10, decimal.exponent);
}
