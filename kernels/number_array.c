/*
 * number_array.c: runs of plain JSON numbers, eight bytes in a word and without a loop over digits:
 * lengths are as good as random, so that a branch on them would be foreseen wrongly each time.
 */
#include "kernels/number_array.h"

#include <math.h>
#include <stdbool.h>

#include "kernels/number_plain.h"
#include "kernels/number_scan.h"

#define EVERY(byte) ((byte)*UINT64_C(0x0101010101010101))

/* Bytes that are looked at from a cell's start on, as one window. */
#define WINDOW 32u
/* The most digits of a number. */
#define MOST_DIGITS 24u
/* Bytes around a cell's start that may be read: words that end with its digits, the window, and an
 * exponent, a comma and a blank behind it. */
#define BEFORE 32
#define BEHIND 48

/* Loaded from byte k on: the last k of 24 bytes. */
static const uint8_t last_bytes[48] = {[24] = 255, 255, 255, 255, 255, 255, 255, 255,
                                       255,        255, 255, 255, 255, 255, 255, 255,
                                       255,        255, 255, 255, 255, 255, 255, 255};

/* A number that was read. */
struct number {
    struct cn_decimal decimal;
    bool negative;
    bool point;
    bool exponent;
};

/* Eight characters, '0' made 0. */
static inline uint64_t load_digits(const char *at) {
    return cn_load8(at) ^ EVERY((uint64_t)'0');
}

/* Bit i: byte i of the window is no digit. The sums do not carry. */
static inline uint64_t find_others(const char *at) {
    uint64_t others = 0;
    for (unsigned i = 0; i < WINDOW; i += 8) {
        uint64_t word = load_digits(at + i);
        uint64_t above = (((word & EVERY(UINT64_C(0x7F))) + EVERY(UINT64_C(0x76))) | word) >> 7;
        others |= ((above & EVERY(UINT64_C(1))) * UINT64_C(0x0102040810204080)) >> 56 << i;
    }
    return others;
}

/* Word i of three that end with `count` digits before `end`, of which `places` stand behind a
 * point: those before it move up by one. */
static inline uint64_t join_word(const char *end, unsigned i, unsigned places, unsigned count) {
    const char *masks = (const char *)last_bytes + 8 * i;
    const char *from = end - 24 + 8 * i;
    uint64_t behind = cn_load8(masks + places), kept = cn_load8(masks + count);
    uint64_t word = (load_digits(from) & behind) | (load_digits(from - 1) & ~behind & kept);
    return cn_parse_digits8(word + EVERY((uint64_t)'0'));
}

/* The value of the digits. False: more than 19 that count. */
static inline bool join_digits(const char *end, unsigned places, unsigned count, uint64_t *value) {
    *value = join_word(end, 2, places, count);
    if (count <= 8)
        return true;
    uint64_t top = join_word(end, 0, places, count);
    *value +=
        join_word(end, 1, places, count) * UINT64_C(100000000) + top * UINT64_C(10000000000000000);
    return top < 1000;
}

/* [eE][+-]?digits at `at`; NULL: more than three digits, or none. */
static const char *read_exponent(const char *at, int64_t *exponent) {
    bool negative = *++at == '-';
    at += *at == '-' || *at == '+';
    int64_t value = 0;
    unsigned count = 0;
    for (; cn_is_digit(*at) && count < 4; at++, count++)
        value = value * 10 + (*at - '0');
    if (count - 1 >= 3)
        return NULL;
    *exponent += negative ? -value : value;
    return at;
}

/* The number at `at`, up to what is behind it. NULL: none that can be read here. `fractions`:
 * whether it may have a point or an exponent. What the next number waits for is only where this one
 * ends: one look at the window says that. */
__attribute__((always_inline)) static inline const char *
read_number(const char *at, struct number *number, bool fractions) {
    uint64_t others = find_others(at);
    unsigned sign = (unsigned)others & 1;
    others = (others & ~UINT64_C(1)) | UINT64_C(1) << WINDOW;
    unsigned stop = (unsigned)__builtin_ctzll(others);
    unsigned count = stop - sign, places = count;
    const char *end = at + stop;
    bool zero_leads = at[sign] == '0';

    number->negative = sign;
    if (__builtin_expect((sign & (*at != '-')) | (count == 0) | (zero_leads & (count > 1)), 0))
        return NULL;
    number->decimal.exponent = 0;
    number->point = fractions && *end == '.';
    number->exponent = false;
    if (number->point) {
        others &= others - 1;
        stop = (unsigned)__builtin_ctzll(others | UINT64_C(1) << WINDOW);
        end = at + stop;
        count = stop - sign - 1;
        places = count - places;
        number->decimal.exponent = -(int64_t)places;
    }
    if (__builtin_expect((places == 0) | (count > MOST_DIGITS), 0) ||
        __builtin_expect(!join_digits(end, places, count, &number->decimal.digits), 0))
        return NULL;
    if (!number->point && __builtin_expect(number->decimal.digits > INT64_MAX, 0))
        return NULL;
    if (fractions && __builtin_expect((*end | 0x20) == 'e', 0)) {
        number->exponent = true;
        end = read_exponent(end, &number->decimal.exponent);
    }
    return end;
}

/* Whether there is room around a cell for the words that are loaded. */
static inline bool has_room(const struct cn_number_text *text, const char *at) {
    return at - text->start >= BEFORE && text->end - at >= BEHIND;
}

/* Behind a comma: the next cell. */
static inline const char *skip_blanks(const char *at, const char *end) {
    if (*at > ' ')
        return at;
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

static inline uint64_t with_sign(uint64_t magnitude, bool negative) {
    uint64_t sign = 0 - (uint64_t)negative;
    return (magnitude ^ sign) - sign;
}

static inline double to_double(const struct number *number) {
    const struct cn_decimal *decimal = &number->decimal;
    unsigned places = (unsigned)-decimal->exponent;
    bool canonical;
    double value;

    if (__builtin_expect(number->exponent | (places > CN_PLAIN_MOST), 0))
        return cn_decimal_to_double(decimal);
    if (decimal->digits < CN_PLAIN_SHORT)
        return cn_plain_divide(decimal->digits, places, 0, &canonical);
    if (__builtin_expect(!cn_plain_multiply(decimal->digits, places, 0, &value, &canonical), 0))
        return cn_decimal_to_double(decimal);
    return value;
}

size_t cn_array_read_doubles(struct cn_number_text *text, size_t room, double *values) {
    const char *at = text->at;
    struct number number = {.decimal = {.truncated = false}};
    size_t n = 0;

    for (; n < room && has_room(text, at); n++) {
        const char *end = read_number(at, &number, true);
        if (!end || *end != ',')
            break;
        if (number.point | number.exponent) {
            uint64_t bits = cn_double_bits(to_double(&number));
            if (__builtin_expect(bits == cn_double_bits((double)INFINITY), 0))
                break;
            values[n] = cn_double_from_bits(bits | (uint64_t)number.negative << 63);
        } else {
            values[n] = (double)(int64_t)with_sign(number.decimal.digits, number.negative);
        }
        at = skip_blanks(end + 1, text->end);
    }
    text->at = at;
    return n;
}

size_t cn_array_read_int64s(struct cn_number_text *text, size_t room, int64_t *values) {
    const char *at = text->at;
    struct number number;
    size_t n = 0;

    for (; n < room && has_room(text, at); n++) {
        const char *end = read_number(at, &number, false);
        if (!end || *end != ',')
            break;
        values[n] = (int64_t)with_sign(number.decimal.digits, number.negative);
        at = skip_blanks(end + 1, text->end);
    }
    text->at = at;
    return n;
}
