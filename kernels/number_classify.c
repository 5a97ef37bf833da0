/*
 * What the text of a CSV field is, and its value, in one pass.
 */
#include "kernels/number.h"
#include "kernels/number_scan.h"

#include <math.h>

static inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static inline bool is_letters(const char *text, const char *lower) {
    return (text[0] | 0x20) == lower[0] && (text[1] | 0x20) == lower[1] &&
           (text[2] | 0x20) == lower[2];
}

/* Texts that begin with a letter or with "-i": bool, nan, inf, -inf or string. */
static enum cn_text_kind scan_word(const char *text, size_t len, int64_t *i, double *d) {
    if (len == 4 && (memcmp(text, "True", 4) == 0 || memcmp(text, "true", 4) == 0)) {
        *i = 1;
        return CN_TEXT_BOOL;
    }
    if (len == 5 && (memcmp(text, "False", 5) == 0 || memcmp(text, "false", 5) == 0)) {
        *i = 0;
        return CN_TEXT_BOOL;
    }
    const char *p = text, *end = text + len;
    while (p < end && is_blank(*p))
        p++;
    while (p < end && is_blank(end[-1]))
        end--;
    bool negative = p < end && *p == '-';
    p += negative;
    if (end - p != 3)
        return CN_TEXT_STRING;
    if (is_letters(p, "inf"))
        *d = negative ? -(double)INFINITY : (double)INFINITY;
    else if (!negative && is_letters(p, "nan"))
        *d = (double)NAN;
    else
        return CN_TEXT_STRING;
    return CN_TEXT_FLOAT64;
}

static enum cn_text_kind finish_integer(const struct cn_decimal *decimal, size_t digits,
                                        bool negative, int64_t *i) {
    /* 19 digits fit into 64 bits; no zeros lead here, so that more than 19 are beyond int64. */
    if (digits > 19 || decimal->digits > (uint64_t)INT64_MAX + negative)
        return CN_TEXT_STRING;
    *i = (int64_t)(negative ? 0 - decimal->digits : decimal->digits);
    return CN_TEXT_INT64;
}

/* `values` is constant in both callers: without it, no decimal is converted. */
__attribute__((always_inline)) static inline enum cn_text_kind
scan_text(const char *text, size_t len, int64_t *i, double *d, bool values) {
    const char *p = text, *end = text + len;
    while (p < end && is_blank(*p))
        p++;
    if (p == end)
        return CN_TEXT_STRING;
    bool negative = *p == '-';
    p += negative;
    struct cn_decimal decimal;
    struct cn_scan scan;
    const char *behind = cn_scan_number(p, end, &decimal, &scan);
    if (!behind)
        return scan_word(text, len, i, d);
    bool zero_leads = scan.integer_digits > 1 && *p == '0';
    while (behind < end && is_blank(*behind))
        behind++;
    if (behind != end || zero_leads)
        return CN_TEXT_STRING;
    if (!scan.fractional)
        return finish_integer(&decimal, scan.integer_digits, negative, i);
    if (values) {
        /* Signs are as good as random: no branch. */
        uint64_t bits = cn_double_bits(cn_decimal_to_double(&decimal));
        *d = cn_double_from_bits(bits | (uint64_t)negative << 63);
    }
    return CN_TEXT_FLOAT64;
}

enum cn_text_kind cn_text_scan(const char *text, size_t len, int64_t *i, double *d) {
    return scan_text(text, len, i, d, true);
}

enum cn_text_kind cn_text_classify(const char *text, size_t len) {
    int64_t i;
    double d;
    return scan_text(text, len, &i, &d, false);
}
