/*
 * json_write.c: values as JSON text.
 */
#include "columns/json.h"

#include <math.h>

#include "kernels/number.h"

/* What a byte of a string becomes: 0: itself, 'u': \u00XX, else a backslash and this letter. */
static const char escapes[256] = {
    [0] = 'u',  [1] = 'u',  [2] = 'u',  [3] = 'u',  [4] = 'u',   [5] = 'u',     [6] = 'u',
    [7] = 'u',  [8] = 'b',  [9] = 't',  [10] = 'n', [11] = 'u',  [12] = 'f',    [13] = 'r',
    [14] = 'u', [15] = 'u', [16] = 'u', [17] = 'u', [18] = 'u',  [19] = 'u',    [20] = 'u',
    [21] = 'u', [22] = 'u', [23] = 'u', [24] = 'u', [25] = 'u',  [26] = 'u',    [27] = 'u',
    [28] = 'u', [29] = 'u', [30] = 'u', [31] = 'u', ['"'] = '"', ['\\'] = '\\',
};

static char *write_escape(char *to, unsigned char byte) {
    static const char digits[] = "0123456789abcdef";

    *to++ = '\\';
    *to++ = escapes[byte];
    if (escapes[byte] == 'u') {
        *to++ = '0';
        *to++ = '0';
        *to++ = digits[byte >> 4];
        *to++ = digits[byte & 15];
    }
    return to;
}

#define EVERY_BYTE UINT64_C(0x0101010101010101)

/* Copies up to the first byte that must be escaped, eight at a time: of those bytes the lowest that
 * is marked is one. (A borrow may mark a byte above one; high bytes are none.) */
static inline const char *copy_plain(const char *at, const char *end, char **to) {
    while (end - at >= 8) {
        uint64_t word, quote, slash, marks;
        memcpy(&word, at, 8);
        memcpy(*to, &word, 8);
        quote = word ^ (EVERY_BYTE * '"');
        slash = word ^ (EVERY_BYTE * '\\');
        marks = ((quote - EVERY_BYTE) & ~quote) | ((slash - EVERY_BYTE) & ~slash) |
                ((word - EVERY_BYTE * 0x20) & ~word);
        marks &= EVERY_BYTE * 0x80;
        if (marks) {
            unsigned plain = (unsigned)__builtin_ctzll(marks) / 8;
            *to += plain;
            return at + plain;
        }
        at += 8;
        *to += 8;
    }
    while (at < end && !escapes[(unsigned char)*at])
        *(*to)++ = *at++;
    return at;
}

/* The string with its quotes, and a comma before it if wanted. */
static bool write_string(struct cn_buf *out, struct cn_str text, bool comma) {
    size_t before = out->len;
    const char *at = text.data, *end = text.len ? at + text.len : at;

    if (text.len > SIZE_MAX - 16 || !cn_buf_reserve(out, text.len + 3))
        return false;
    char *to = out->data + out->len;
    if (comma)
        *to++ = ',';
    *to++ = '"';
    while (at < end) {
        at = copy_plain(at, end, &to);
        if (at == end)
            break;
        /* Room for the escape and for all that is left, unescaped. */
        out->len = (size_t)(to - out->data);
        if (!cn_buf_reserve(out, (size_t)(end - at) + 8)) {
            out->len = before;
            return false;
        }
        to = write_escape(out->data + out->len, (unsigned char)*at++);
    }
    *to++ = '"';
    out->len = (size_t)(to - out->data);
    return true;
}

bool cn_json_write_string(struct cn_buf *out, struct cn_str text) {
    return write_string(out, text, false);
}

bool cn_json_write_int(struct cn_buf *out, int64_t value) {
    if (!cn_buf_reserve(out, CN_INT64_TEXT))
        return false;
    out->len += cn_int64_format(value, out->data + out->len);
    return true;
}

bool cn_json_write_double(struct cn_buf *out, double value) {
    if (!isfinite(value))
        return cn_buf_add(out, "null", 4);
    if (!cn_buf_reserve(out, CN_DOUBLE_TEXT))
        return false;
    out->len += cn_double_format(value, out->data + out->len);
    return true;
}

/* ---- vectors ------------------------------------------------------------------------------ */

/* Room that any value but a string needs, with its comma; and what a text is copied with, whole
 * words beyond its end. */
#define VALUE_ROOM (CN_DOUBLE_TEXT + 4)
/* Values that become texts at once. */
#define BATCH 128

static inline char *put(char *to, const char *text, size_t len) {
    memcpy(to, text, len);
    return to + len;
}

static char *put_not_finite(char *to, double value, enum cn_json_nan nan) {
    if (nan == CN_JSON_NAN_NULL)
        return put(to, "null", 4);
    if (isnan(value))
        return put(to, "\"NaN\"", 5);
    return value > 0 ? put(to, "\"Infinity\"", 10) : put(to, "\"-Infinity\"", 11);
}

static enum cn_code fail_not_finite(struct cn_error *error, size_t row, double value) {
    if (error && error->code == CN_OK) {
        cn_error_set(error, CN_NOT_FINITE,
                     "The value is %s, which JSON cannot hold; with nan=null or nan=string it is "
                     "written as null or as a string.",
                     isnan(value) ? "NaN"
                     : value > 0  ? "Infinity"
                                  : "-Infinity");
        error->row = (int64_t)row;
    }
    return CN_NOT_FINITE;
}

/* Values [first, first + n), n <= BATCH, of floats. Returns the end, or NULL at a value that must
 * not be written: its row is put into *bad. */
static char *put_doubles(char *to, const struct cn_vector *vector, size_t first, size_t n,
                         enum cn_json_nan nan, size_t *bad) {
    const double *values = (const double *)vector->values + first;
    char texts[BATCH * CN_DOUBLE_TEXT];
    uint8_t lengths[BATCH];

    cn_doubles_format(values, n, texts, lengths);
    for (size_t i = 0; i < n; i++) {
        const char *text = texts + i * CN_DOUBLE_TEXT;
        *to++ = ',';
        if (vector->nulls && vector->nulls[first + i]) {
            to = put(to, "null", 4);
        } else if (__builtin_expect(text[lengths[i] - 1] > '9', 0)) { /* nan, inf */
            if (nan == CN_JSON_NAN_ERROR) {
                *bad = first + i;
                return NULL;
            }
            to = put_not_finite(to, values[i], nan);
        } else {
            memcpy(to, text, CN_DOUBLE_TEXT);
            to += lengths[i];
        }
    }
    return to;
}

static char *put_ints(char *to, const struct cn_vector *vector, size_t first, size_t n) {
    const int64_t *values = (const int64_t *)vector->values + first;
    char texts[BATCH * CN_INT64_TEXT];
    uint8_t lengths[BATCH];

    cn_int64s_format(values, n, texts, lengths);
    for (size_t i = 0; i < n; i++) {
        *to++ = ',';
        if (vector->nulls && vector->nulls[first + i]) {
            to = put(to, "null", 4);
        } else {
            memcpy(to, texts + i * CN_INT64_TEXT, CN_INT64_TEXT);
            to += lengths[i];
        }
    }
    return to;
}

/* Bools, and vectors without a type. */
static char *put_words(char *to, const struct cn_vector *vector, size_t first, size_t n) {
    static const char words[3][8] = {",false", ",true", ",null"};
    static const uint8_t lengths[3] = {6, 5, 5};
    const uint8_t *values = vector->values;

    for (size_t row = first; row < first + n; row++) {
        unsigned word = 2;
        if (vector->type != CN_TYPE_NULL && !(vector->nulls && vector->nulls[row]))
            word = values[row] != 0;
        memcpy(to, words[word], sizeof words[word]);
        to += lengths[word];
    }
    return to;
}

static enum cn_code write_strings(struct cn_buf *out, const struct cn_vector *vector, size_t rows,
                                  struct cn_error *error) {
    const struct cn_str *values = vector->values;

    for (size_t row = 0; row < rows; row++) {
        bool null = vector->nulls && vector->nulls[row];
        if (null ? !cn_buf_add(out, ",null", 5) : !write_string(out, values[row], true))
            return cn_error_memory(error);
    }
    return CN_OK;
}

enum cn_code cn_json_write_vector(struct cn_buf *out, const struct cn_vector *vector, size_t rows,
                                  enum cn_json_nan nan, struct cn_error *error) {
    if (vector->type == CN_TYPE_STRING)
        return write_strings(out, vector, rows, error);
    for (size_t first = 0; first < rows; first += BATCH) {
        size_t n = rows - first > BATCH ? BATCH : rows - first;
        size_t bad = 0;
        char *to;
        if (!cn_buf_reserve(out, n * VALUE_ROOM))
            return cn_error_memory(error);
        to = out->data + out->len;
        if (vector->type == CN_TYPE_FLOAT64)
            to = put_doubles(to, vector, first, n, nan, &bad);
        else if (vector->type == CN_TYPE_INT64)
            to = put_ints(to, vector, first, n);
        else
            to = put_words(to, vector, first, n);
        if (!to)
            return fail_not_finite(error, bad, ((const double *)vector->values)[bad]);
        out->len = (size_t)(to - out->data);
    }
    return CN_OK;
}
