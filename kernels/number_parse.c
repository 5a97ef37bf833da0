#include "kernels/number.h"
#include "kernels/number_scan.h"

#include <math.h>

/* Exponents beyond this are as good as infinite, however many digits stand before them. */
#define EXPONENT_LIMIT ((int64_t)1 << 60)

const char *cn_scan_exponent(const char *p, const char *end, int64_t *exponent) {
    const char *start = p++;
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || !cn_is_digit(*p))
        return start;
    int64_t value = 0;
    for (; p < end && cn_is_digit(*p); p++)
        if (value < EXPONENT_LIMIT / 16)
            value = value * 10 + (*p - '0');
    *exponent += negative ? -value : value;
    return p;
}

void cn_scan_long(const char *start, const char *end, struct cn_decimal *decimal) {
    const char *first = start;
    while (first < end && (*first == '0' || *first == '.'))
        first++;
    if (first == end) { /* nothing but zeros; digits is 0 */
        decimal->exponent = 0;
        return;
    }
    const char *point = NULL;
    size_t count = 0, taken = 0;
    uint64_t w = 0;
    const char *p = first;
    for (; p < end && taken < 19; p++) {
        if (*p == '.') {
            point = p;
            continue;
        }
        w = w * 10 + (uint64_t)(*p - '0');
        taken++;
    }
    count = taken + (size_t)(end - p);
    if (!point && p < end && memchr(p, '.', (size_t)(end - p)))
        count--;
    decimal->digits = w;
    decimal->exponent += (int64_t)(count - taken);
    decimal->truncated = count > taken;
    decimal->first = first;
    decimal->last = end;
}

static bool is_word(const char *text, size_t len, const char *word) {
    for (size_t i = 0; i < len; i++)
        if ((text[i] | 0x20) != word[i])
            return false;
    return word[len] == '\0';
}

/* nan, inf, infinity in any case; word has no more than 8 letters */
static bool parse_special(const char *text, size_t len, double *value) {
    if (len == 3 && is_word(text, len, "nan"))
        *value = (double)NAN;
    else if ((len == 3 && is_word(text, len, "inf")) ||
             (len == 8 && is_word(text, len, "infinity")))
        *value = (double)INFINITY;
    else
        return false;
    return true;
}

bool cn_double_parse(const char *text, size_t len, double *value) {
    if (len == 0)
        return false;
    const char *p = text, *end = text + len;
    bool negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    struct cn_decimal decimal;
    struct cn_scan scan;
    const char *behind = cn_scan_number(p, end, &decimal, &scan);
    double result;
    if (behind == end)
        result = cn_decimal_to_double(&decimal);
    else if (behind || !parse_special(p, (size_t)(end - p), &result))
        return false;
    *value = negative ? -result : result;
    return true;
}

bool cn_int64_parse(const char *text, size_t len, int64_t *value, bool *overflow) {
    if (overflow)
        *overflow = false;
    const char *p = text, *end = text + len;
    bool negative = len > 0 && *p == '-';
    if (len > 0 && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return false;
    uint64_t magnitude = 0;
    bool beyond = false;
    for (; p < end; p++) {
        if (!cn_is_digit(*p))
            return false;
        beyond = beyond || __builtin_mul_overflow(magnitude, (uint64_t)10, &magnitude) ||
                 __builtin_add_overflow(magnitude, (uint64_t)(*p - '0'), &magnitude);
    }
    if (beyond || magnitude > (uint64_t)INT64_MAX + negative) {
        if (overflow)
            *overflow = true;
        return false;
    }
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}
