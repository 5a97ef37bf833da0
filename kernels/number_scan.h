/*
 * number_scan.h: reading the digits of a number in a text. Inline, because it runs on every field
 * of a CSV body. Not for other folders.
 */
#ifndef CN_KERNELS_NUMBER_SCAN_H
#define CN_KERNELS_NUMBER_SCAN_H

#include "kernels/number_core.h"

/* What was seen beside the value. */
struct cn_scan {
    size_t integer_digits; /* before the point, zeros included */
    bool fractional;       /* a point or an exponent */
};

static inline bool cn_is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

static inline uint64_t cn_load8(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Whether all eight bytes are digits. */
static inline bool cn_all_digits8(uint64_t word) {
    uint64_t above = (word + 0x4646464646464646u) | (word - 0x3030303030303030u);
    return (above & 0x8080808080808080u) == 0;
}

/* The value of eight digits without their '0', the first in the lowest byte: pairs, fours, all. */
static inline uint32_t cn_join_digits8(uint64_t word) {
    word = word * 10 + (word >> 8);
    uint64_t even = (word & 0x000000FF000000FFu) * 0x000F424000000064u;
    uint64_t odd = ((word >> 16) & 0x000000FF000000FFu) * 0x0000271000000001u;
    return (uint32_t)((even + odd) >> 32);
}

/* The value of eight digits. */
static inline uint32_t cn_parse_digits8(uint64_t word) {
    return cn_join_digits8(word - 0x3030303030303030u);
}

/* Digits from p on, which stands in the text start .. end. */
static inline const char *cn_scan_digits(const char *start, const char *p, const char *end,
                                         uint64_t *value) {
    static const uint32_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    uint64_t w = *value;
    while (end - p >= 8) {
        uint64_t word = cn_load8(p);
        if (!cn_all_digits8(word))
            break;
        w = w * 100000000 + cn_parse_digits8(word);
        p += 8;
    }
    size_t rest = (size_t)(end - p);
    if (rest < 8 && end - start >= 8) {
        /* Mostly the digits go to the end: the last eight bytes, those before p made zeros. */
        uint64_t zeros = rest ? UINT64_MAX >> 8 * rest : UINT64_MAX;
        uint64_t word = (cn_load8(end - 8) & ~zeros) | (zeros & 0x3030303030303030u);
        if (cn_all_digits8(word)) {
            *value = w * powers[rest] + cn_parse_digits8(word);
            return end;
        }
    }
    for (; p < end && cn_is_digit(*p); p++)
        w = w * 10 + (uint64_t)(*p - '0');
    *value = w;
    return p;
}

/* [eE][+-]?digits at p; p itself if there is none. */
const char *cn_scan_exponent(const char *p, const char *end, int64_t *exponent);

/* Sorts out a number of more than 19 digits: leading zeros, or too many for 64 bits. */
void cn_scan_long(const char *start, const char *end, struct cn_decimal *decimal);

/*
 * Reads digits [. digits*] | . digits, then ([eE] [+-]? digits)?, as far as it goes. Returns the
 * end of it, or NULL if there is no digit. No sign, no blanks.
 */
static inline const char *cn_scan_number(const char *start, const char *end,
                                         struct cn_decimal *decimal, struct cn_scan *scan) {
    uint64_t w = 0;
    const char *p = start;
    while (p < end && cn_is_digit(*p))
        w = w * 10 + (uint64_t)(*p++ - '0');
    size_t digits = scan->integer_digits = (size_t)(p - start);
    int64_t exponent = 0;
    scan->fractional = false;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        p = cn_scan_digits(start, p, end, &w);
        exponent = fraction - p;
        digits += (size_t)(p - fraction);
        scan->fractional = true;
    }
    if (digits == 0)
        return NULL;
    decimal->digits = w;
    decimal->exponent = exponent;
    decimal->truncated = false;
    if (digits > 19)
        cn_scan_long(start, p, decimal);
    if (p < end && (*p | 0x20) == 'e') {
        const char *behind = cn_scan_exponent(p, end, &decimal->exponent);
        scan->fractional = scan->fractional || behind != p;
        p = behind;
    }
    return p;
}

#endif
