/*
 * json_token.c: strings, numbers and literals.
 */
#include "columns/json_scan.h"

#include "kernels/utf8.h"

#define EVERY_BYTE UINT64_C(0x0101010101010101)
#define TOP_BITS UINT64_C(0x8080808080808080)

/* ---- strings ------------------------------------------------------------------------------ */

/* A byte that ends a plain run: a quote, a backslash, a control or (not ASCII) a high one. */
static inline bool is_special(char c) {
    return c == '"' || c == '\\' || (unsigned char)c < 0x20 || (unsigned char)c >= 0x80;
}

/* The first special byte from `at` on. The test of eight bytes says only whether there is one among
 * them: a borrow can mark the byte above a special one too. */
static inline const char *skip_plain(const char *at, const char *end) {
    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        uint64_t quote = word ^ (EVERY_BYTE * '"');
        uint64_t slash = word ^ (EVERY_BYTE * '\\');
        uint64_t marks =
            (quote - EVERY_BYTE) | (slash - EVERY_BYTE) | (word - EVERY_BYTE * 0x20) | word;
        if (marks & TOP_BITS)
            break;
        at += 8;
    }
    while (at < end && !is_special(*at))
        at++;
    return at;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
        return (c | 0x20) - 'a' + 10;
    return -1;
}

/* The four digits of a \u escape at `at`; -1 if there are not four. */
static int32_t hex4(const char *at, const char *end) {
    int32_t value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t unit) {
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low_surrogate(int32_t unit) {
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

static enum cn_code fail_surrogate(const struct cn_json_scan *scan, const char *at,
                                   struct cn_error *error) {
    char place[80];

    cn_json_place(scan, at, place);
    return cn_error_set(error, CN_INVALID_ENCODING,
                        "%s: the escape %.6s is half of a surrogate pair; the other half is "
                        "missing, so that it names no character.",
                        place, at);
}

/* Checks the escape at *at (its backslash) and passes it. */
static enum cn_code scan_escape(const struct cn_json_scan *scan, const char **at,
                                struct cn_error *error) {
    const char *p = *at + 1;

    if (p == scan->end || !memchr("\"\\/bfnrtu", *p, 9))
        return cn_json_fail(scan, p, "one of \" \\ / b f n r t u behind a backslash", error);
    if (*p != 'u') {
        *at = p + 1;
        return CN_OK;
    }
    int32_t unit = hex4(p + 1, scan->end);
    if (unit < 0) {
        while (++p < scan->end && hex_digit(*p) >= 0)
            ;
        return cn_json_fail(scan, p, "four hexadecimal digits behind \\u", error);
    }
    p += 5;
    if (is_high_surrogate(unit)) {
        bool pair = scan->end - p >= 6 && p[0] == '\\' && p[1] == 'u' &&
                    is_low_surrogate(hex4(p + 2, scan->end));
        if (!pair)
            return fail_surrogate(scan, *at, error);
        p += 6;
    } else if (is_low_surrogate(unit)) {
        return fail_surrogate(scan, *at, error);
    }
    *at = p;
    return CN_OK;
}

static enum cn_code fail_utf8(const struct cn_json_scan *scan, const char *at,
                              struct cn_error *error) {
    char place[80];

    cn_json_place(scan, at, place);
    return cn_error_set(error, CN_INVALID_ENCODING,
                        "%s: the byte 0x%02X is not valid UTF-8 here; JSON text must be UTF-8.",
                        place, (unsigned char)*at);
}

/* Checks a run of bytes that begins with a high one and passes it up to an ASCII byte. */
static enum cn_code scan_high(const struct cn_json_scan *scan, const char **at,
                              struct cn_error *error) {
    const char *p = *at;

    while (p < scan->end && (unsigned char)*p >= 0x80)
        p++;
    size_t good = cn_utf8_check(*at, (size_t)(p - *at));
    if (good < (size_t)(p - *at))
        return fail_utf8(scan, *at + good, error);
    *at = p;
    return CN_OK;
}

enum cn_code cn_json_scan_string(struct cn_json_scan *scan, struct cn_json_string *string,
                                 struct cn_error *error) {
    const char *start = scan->at + 1, *at = start;

    string->escaped = false;
    for (;;) {
        at = skip_plain(at, scan->end);
        if (at == scan->end)
            return cn_json_fail(scan, at, "a closing quote", error);
        if (*at == '"')
            break;
        if (*at == '\\') {
            string->escaped = true;
            CN_TRY(scan_escape(scan, &at, error));
        } else if ((unsigned char)*at >= 0x80) {
            CN_TRY(scan_high(scan, &at, error));
        } else {
            return cn_json_fail(scan, at, "a character of a string (controls must be escaped)",
                                error);
        }
    }
    string->raw = cn_str(start, (size_t)(at - start));
    scan->at = at + 1;
    return CN_OK;
}

static char escape_value(char c) {
    switch (c) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return c;
    }
}

size_t cn_json_unescape(struct cn_str raw, char *out) {
    const char *at = raw.data, *end = at + raw.len;
    char *to = out;

    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash ? slash : end) - at);
        memcpy(to, at, plain);
        to += plain;
        if (!slash)
            break;
        at = slash + 2;
        if (slash[1] != 'u') {
            *to++ = escape_value(slash[1]);
            continue;
        }
        int32_t unit = hex4(at, end);
        at += 4;
        if (is_high_surrogate(unit)) {
            unit = 0x10000 + ((unit - 0xD800) << 10) + (hex4(at + 2, end) - 0xDC00);
            at += 6;
        }
        char bytes[4];
        size_t size = cn_utf8_encode((uint32_t)unit, bytes);
        memcpy(to, bytes, size);
        to += size;
    }
    return (size_t)(to - out);
}

struct cn_str cn_json_string_text(const struct cn_json_string *string, struct cn_arena *arena) {
    if (!string->escaped)
        return string->raw;
    char *text = cn_arena_alloc(arena, string->raw.len);
    return text ? cn_str(text, cn_json_unescape(string->raw, text)) : cn_str(NULL, 0);
}

/* ---- numbers and literals ----------------------------------------------------------------- */

/* Eight bytes at a time: the upper half of each is 3, and still is when 6 was added. (A carry out
 * of a byte needs a byte above 0xF9, which is no digit itself.) */
static inline const char *skip_digits(const char *at, const char *end) {
    const uint64_t upper = EVERY_BYTE * 0xF0, threes = EVERY_BYTE * 0x30;

    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        if ((((word & upper) ^ threes) | (((word + EVERY_BYTE * 6) & upper) ^ threes)) != 0)
            break;
        at += 8;
    }
    while (at < end && (unsigned char)(*at - '0') < 10)
        at++;
    return at;
}

static inline bool is_digit_at(const char *at, const char *end) {
    return at < end && (unsigned char)(*at - '0') < 10;
}

enum cn_code cn_json_scan_number(struct cn_json_scan *scan, struct cn_json_number *number,
                                 struct cn_error *error) {
    const char *start = scan->at, *at = start, *end = scan->end;

    number->is_float = false;
    at += *at == '-';
    if (!is_digit_at(at, end))
        return cn_json_fail(scan, at, "a digit", error);
    if (*at == '0' && is_digit_at(at + 1, end))
        return cn_json_fail(scan, at + 1, "no digit behind a zero that leads", error);
    at = skip_digits(at, end);
    if (at < end && *at == '.') {
        number->is_float = true;
        if (!is_digit_at(++at, end))
            return cn_json_fail(scan, at, "a digit behind the point", error);
        at = skip_digits(at, end);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        number->is_float = true;
        at++;
        at += at < end && (*at == '+' || *at == '-');
        if (!is_digit_at(at, end))
            return cn_json_fail(scan, at, "a digit of the exponent", error);
        at = skip_digits(at, end);
    }
    number->text = cn_str(start, (size_t)(at - start));
    scan->at = at;
    return CN_OK;
}

enum cn_code cn_json_scan_literal(struct cn_json_scan *scan, struct cn_error *error) {
    const char *word = *scan->at == 't' ? "true" : *scan->at == 'f' ? "false" : "null";
    size_t len = strlen(word);

    if ((size_t)(scan->end - scan->at) < len || memcmp(scan->at, word, len) != 0)
        return cn_json_fail(scan, scan->at, "a value (true, false and null are the only words)",
                            error);
    scan->at += len;
    return CN_OK;
}
