/*
 * Numbers to text. Shortest decimals by Schubfach (Giulietti, "The Schubfach way to render
 * doubles", 2020), digits eight at a time.
 */
#include "kernels/number.h"
#include "kernels/number_core.h"

#define MANTISSA_BITS 52
#define HIDDEN_BIT ((uint64_t)1 << MANTISSA_BITS)
#define EXPONENT_MASK 0x7FF
#define EXPONENT_BIAS 1075 /* for a significand that is an integer */
#define ASCII_ZEROS 0x3030303030303030u
#define TEN8 100000000u
#define TEN16 10000000000000000u

static inline void store8(char *out, uint64_t word) {
    memcpy(out, &word, sizeof word);
}

/* Eight digits, one a byte, the first in the lowest; x < 10^8. */
static inline uint64_t split_digits8(uint64_t x) {
    /* Two numbers of four digits, then four of two, then eight of one. */
    uint64_t high = x / 10000;
    uint64_t fours = high | (x - high * 10000) << 32;
    uint64_t hundreds = ((fours * 10486) >> 20) & 0x0000007F0000007Fu;
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = ((twos * 103) >> 10) & 0x000F000F000F000Fu;
    return tens | (twos - tens * 10) << 8;
}

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

/*
 * The same for nearly all doubles, with 60 bits behind the point: the value lies between s and s +
 * 1, `above` over the last multiple of ten, and the neighbours' halfway points are `reach` to
 * either side. False if anything is so close that the exact way must decide.
 */
static inline bool find_shortest_quickly(uint64_t significand, int exponent,
                                         struct shortest *result) {
    const uint64_t ten = (uint64_t)10 << 60;
    const uint64_t margin = 16; /* the errors are under 3 */
    int k = (exponent * 1262611) >> 22;
    int h = exponent + cn_log2_power(-k) + 1; /* 1 .. 4 */
    const struct cn_power *power = cn_power(-k);
    struct product value = multiply(power, significand << h);
    uint64_t s = value.high;
    uint64_t tens = s / 10;
    uint64_t reach = power->hi >> (5 - h);
    uint64_t above = (s - tens * 10) << 60 | value.middle >> 4;
    uint64_t below = ten - above;
    bool down = above < reach;
    bool up = below < reach;
    /* A difference of less than the margin wraps around, or does not. */
    bool unsure = (above - reach + margin <= 2 * margin) | (below - reach + margin <= 2 * margin) |
                  ((value.middle >> 4) - ((uint64_t)1 << 59) + margin <= 2 * margin);
    uint64_t closest = s + (value.middle >> 63);
    /* No branch: whether 16 digits do is as good as random. */
    uint64_t shorter = 0 - (uint64_t)(down | up);
    *result = (struct shortest){((tens + up) * 10 & shorter) | (closest & ~shorter), k};
    return !unsure;
}

static size_t write_exponent(int exponent, char *out) {
    unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
    char *p = out;
    *p++ = 'e';
    *p++ = exponent < 0 ? '-' : '+';
    if (magnitude >= 100) {
        *p++ = (char)('0' + magnitude / 100);
        magnitude %= 100;
    }
    *p++ = (char)('0' + magnitude / 10);
    *p++ = (char)('0' + magnitude % 10);
    return (size_t)(p - out);
}

/* Takes 16 or 17 digits. `out` has room for 31 bytes, of which any may be written. */
static inline size_t write_decimal(struct shortest decimal, char *out) {
    bool sixteen = decimal.digits < TEN16;
    decimal.digits *= 1 + 9 * (uint64_t)sixteen;
    decimal.exponent -= sixteen;
    int exponent = decimal.exponent + 16;
    uint64_t first = decimal.digits / TEN16;
    uint64_t rest = decimal.digits - first * TEN16;
    uint64_t high = rest / TEN8;
    uint64_t a = split_digits8(high);
    uint64_t b = split_digits8(rest - high * TEN8);
    size_t count =
        b ? 17 - (size_t)__builtin_clzll(b) / 8 : (a ? 9 - (size_t)__builtin_clzll(a) / 8 : 1);
    a |= ASCII_ZEROS;
    b |= ASCII_ZEROS;
    char lead = (char)('0' + first);

    if (exponent >= 0 && exponent < 16) {
        size_t point = (size_t)exponent + 1;
        out[0] = lead;
        store8(out + 1, a);
        store8(out + 9, b);
        cn_u128 behind = ((cn_u128)b << 64 | a) >> (8 * exponent);
        out[point] = '.';
        if (point <= 8)
            store8(out + point + 9, (uint64_t)(behind >> 64));
        store8(out + point + 1, (uint64_t)behind);
        if (count > point)
            return count + 1;
        out[point + 1] = '0';
        return point + 2;
    }
    if (exponent < 0 && exponent >= -4) {
        store8(out, 0x303030302E30u); /* "0.0000" */
        char *digits = out + 1 - exponent;
        digits[0] = lead;
        store8(digits + 1, a);
        store8(digits + 9, b);
        return (size_t)(1 - exponent) + count;
    }
    out[0] = lead;
    out[1] = '.';
    store8(out + 2, a);
    store8(out + 10, b);
    size_t len = count == 1 ? 1 : count + 1;
    return len + write_exponent(exponent, out + len);
}

/* Up to 20 digits; `out` has room for 24 bytes, of which any may be written. */
static inline size_t write_unsigned(uint64_t value, char *out) {
    char *p = out;
    uint64_t low = value, high = 0;
    if (value >= TEN16) {
        high = value / TEN16;
        low = value - high * TEN16;
    }
    size_t chunks = high ? 2 : low >= TEN8 ? 1 : 0;
    uint64_t top = high ? high : low / (low >= TEN8 ? TEN8 : 1);
    uint64_t digits = split_digits8(top);
    unsigned zeros = digits ? (unsigned)__builtin_ctzll(digits) / 8 : 7;
    store8(p, (digits | ASCII_ZEROS) >> (8 * zeros));
    p += 8 - zeros;
    if (chunks == 2) {
        store8(p, split_digits8(low / TEN8) | ASCII_ZEROS);
        p += 8;
    }
    if (chunks >= 1) {
        store8(p, split_digits8(low % TEN8) | ASCII_ZEROS);
        p += 8;
    }
    return (size_t)(p - out);
}

size_t cn_int64_format(int64_t value, char *out) {
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *out = '-';
    size_t sign = value < 0;
    return sign + write_unsigned(magnitude, out + sign);
}

static size_t write_subnormal(uint64_t fraction, char *out) {
    struct shortest decimal = find_shortest(fraction, 1 - EXPONENT_BIAS);
    while (decimal.digits < TEN16 / 10) {
        decimal.digits *= 10;
        decimal.exponent--;
    }
    return write_decimal(decimal, out);
}

static size_t write_special(bool nan, char *out) {
    memcpy(out, nan ? "nan" : "inf", 3);
    return 3;
}

size_t cn_double_format(double value, char *out) {
    uint64_t bits = cn_double_bits(value);
    uint64_t fraction = bits & (HIDDEN_BIT - 1);
    int biased = (int)(bits >> MANTISSA_BITS) & EXPONENT_MASK;
    size_t sign = bits >> 63;
    if (biased == EXPONENT_MASK && fraction != 0)
        return write_special(true, out);
    *out = '-';
    out += sign;
    if (biased == EXPONENT_MASK)
        return sign + write_special(false, out);
    if (biased == 0) {
        if (fraction != 0)
            return sign + write_subnormal(fraction, out);
        memcpy(out, "0.0", 3);
        return sign + 3;
    }
    uint64_t significand = fraction | HIDDEN_BIT;
    int exponent = biased - EXPONENT_BIAS;
    unsigned behind_point = (unsigned)-exponent;
    uint64_t fractional = significand & (((uint64_t)1 << (behind_point & 63)) - 1);
    if ((behind_point <= MANTISSA_BITS) & (fractional == 0)) {
        size_t len = write_unsigned(significand >> behind_point, out);
        memcpy(out + len, ".0", 2);
        return sign + len + 2;
    }
    if (fraction == 0 && biased > 1)
        return sign + write_decimal(find_shortest_uneven(significand, exponent), out);
    struct shortest decimal;
    if (__builtin_expect(!find_shortest_quickly(significand, exponent, &decimal), 0))
        decimal = find_shortest(significand, exponent);
    return sign + write_decimal(decimal, out);
}
