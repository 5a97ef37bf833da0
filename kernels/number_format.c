/*
 * number_format.c: numbers to text in portable C, digits eight at a time. Columns of numbers are
 * mixed in length and size, so what depends on the value is computed, not branched on.
 */
#include "kernels/number.h"
#include "kernels/number_format_core.h"
#include "kernels/number_format_text.h"
#include "kernels/table.h"

#define ASCII_ZEROS 0x3030303030303030u

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

/* The first eight digits, the other eight, and the last, each a byte. */
struct digits {
    uint64_t a;
    uint64_t b;
    uint64_t last;
};

/* The digits up to the last that is not zero; the first is not. */
static inline size_t count_digits(const struct digits *digits) {
    size_t count = digits->b ? 16 - (size_t)__builtin_clzll(digits->b) / 8
                             : 8 - (size_t)__builtin_clzll(digits->a) / 8;
    return count + ((17 - count) & cn_mask(digits->last != 0));
}

/* "0.000ddd" or "ddd.ddd", -4 <= exponent < 16. `out` has room for 31 bytes, of which any may be
 * written. */
static inline size_t write_fixed(const struct digits *digits, size_t count, int exponent,
                                 char *out) {
    uint64_t a = digits->a | ASCII_ZEROS, b = digits->b | ASCII_ZEROS;
    size_t whole = exponent >= 0; /* are there digits before the point? */
    uint64_t is_whole = cn_mask(whole);
    size_t before = (size_t)exponent & is_whole;  /* digits but the first before it */
    size_t zeros = (size_t)-exponent & ~is_whole; /* before all digits */
    cn_u128 behind = (((cn_u128)b << 64 | a) >> (8 * before)) >> 8;
    char *start = out + zeros + !whole;
    /* Where the digits go that follow the point, or the first digit if all do. */
    char *rest = start + before + whole + 1;
    size_t upper = (size_t)(rest - out) + 8;

    store8(out, ASCII_ZEROS);
    store8(start, a);
    store8(start + 8, b);
    /* The upper half holds digits only if it fits. */
    store8(out + (upper < 23 ? upper : 23), (uint64_t)(behind >> 64));
    store8(rest, (uint64_t)behind);
    out[before + 1] = '.';
    start[16 + whole] = (char)('0' + digits->last);
    return cn_fixed_length(count, exponent);
}

static inline size_t write_decimal(const struct cn_shortest *decimal, char *out) {
    uint64_t high = decimal->digits / CN_TEN8;
    struct digits digits = {split_digits8(high), split_digits8(decimal->digits - high * CN_TEN8),
                            decimal->last};
    size_t count = count_digits(&digits);

    if (!cn_has_exponent(decimal->exponent))
        return write_fixed(&digits, count, decimal->exponent, out);
    out[0] = (char)('0' + (digits.a & 15));
    out[1] = '.';
    store8(out + 2, digits.a >> 8 | ASCII_ZEROS);
    store8(out + 9, digits.b | ASCII_ZEROS);
    out[17] = (char)('0' + digits.last);
    return cn_write_exponent(decimal->exponent, count, out);
}

/* Up to 20 digits; `out` has room for 24 bytes, of which any may be written. */
static inline size_t write_unsigned(uint64_t value, char *out) {
    char *p = out;
    uint64_t low = value, high = 0;
    if (value >= CN_TEN16) {
        high = value / CN_TEN16;
        low = value - high * CN_TEN16;
    }
    uint64_t upper = low / CN_TEN8, lower = low - upper * CN_TEN8;
    uint64_t top = high ? high : upper ? upper : lower;
    uint64_t digits = split_digits8(top);
    unsigned zeros = digits ? (unsigned)__builtin_ctzll(digits) / 8 : 7;
    store8(p, (digits | ASCII_ZEROS) >> (8 * zeros));
    p += 8 - zeros;
    if (high) {
        store8(p, split_digits8(upper) | ASCII_ZEROS);
        p += 8;
    }
    if (high | upper) {
        store8(p, split_digits8(lower) | ASCII_ZEROS);
        p += 8;
    }
    return (size_t)(p - out);
}

/* Whether the double has no digits behind its point, and at most 53 bits before it. */
static inline bool is_whole(uint64_t magnitude) {
    unsigned behind_point = CN_EXPONENT_BIAS - (unsigned)(magnitude >> CN_MANTISSA_BITS);
    return behind_point <= CN_MANTISSA_BITS &&
           (magnitude & (((uint64_t)1 << behind_point) - 1)) == 0;
}

size_t cn_double_format_scalar(double value, char *out) {
    uint64_t bits = cn_double_bits(value);
    uint64_t magnitude = bits & INT64_MAX;
    size_t sign = bits >> 63;
    struct cn_shortest decimal;

    if (is_whole(magnitude)) {
        unsigned behind_point = CN_EXPONENT_BIAS - (unsigned)(magnitude >> CN_MANTISSA_BITS);
        uint64_t significand = (magnitude & (CN_HIDDEN_BIT - 1)) | CN_HIDDEN_BIT;
        *out = '-';
        size_t len = sign + write_unsigned(significand >> behind_point, out + sign);
        memcpy(out + len, ".0", 2);
        return len + 2;
    }
    if (!cn_is_normal(magnitude) || !cn_shortest_quick(magnitude, &decimal)) {
        size_t len = cn_write_special(bits, out);
        if (len > 0)
            return len;
        decimal = cn_shortest_exact(magnitude);
    }
    *out = '-';
    return sign + write_decimal(&decimal, out + sign);
}

void cn_doubles_format_scalar(const double *values, size_t n, char *out, uint8_t *lengths) {
    for (size_t i = 0; i < n; i++)
        lengths[i] = (uint8_t)cn_double_format_scalar(values[i], out + i * CN_DOUBLE_TEXT);
}

size_t cn_int64_format_scalar(int64_t value, char *out) {
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    *out = '-';
    size_t sign = value < 0;
    return sign + write_unsigned(magnitude, out + sign);
}

void cn_int64s_format_scalar(const int64_t *values, size_t n, char *out, uint8_t *lengths) {
    for (size_t i = 0; i < n; i++)
        lengths[i] = (uint8_t)cn_int64_format_scalar(values[i], out + i * CN_INT64_TEXT);
}

size_t cn_double_format(double value, char *out) {
    return cn_kernels.double_format(value, out);
}

size_t cn_int64_format(int64_t value, char *out) {
    return cn_kernels.int64_format(value, out);
}

void cn_doubles_format(const double *values, size_t n, char *out, uint8_t *lengths) {
    cn_kernels.doubles_format(values, n, out, lengths);
}

void cn_int64s_format(const int64_t *values, size_t n, char *out, uint8_t *lengths) {
    cn_kernels.int64s_format(values, n, out, lengths);
}
