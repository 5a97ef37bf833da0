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
        const char *run = at;
        while (at < end && !escapes[(unsigned char)*at])
            at++;
        memcpy(to, run, (size_t)(at - run));
        to += at - run;
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

/* Room that any value but a string needs, with its comma. */
#define VALUE_ROOM (CN_DOUBLE_TEXT + 4)

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

/* Rows [first, stop) of a vector that is not of strings; `to` has room for them. Returns the end,
 * or NULL at a value that must not be written: its row is put into *bad. */
static char *put_values(char *to, const struct cn_vector *vector, size_t first, size_t stop,
                        enum cn_json_nan nan, size_t *bad) {
    const void *values = vector->values;

    for (size_t row = first; row < stop; row++) {
        *to++ = ',';
        if (vector->type == CN_TYPE_NULL || (vector->nulls && vector->nulls[row])) {
            to = put(to, "null", 4);
        } else if (vector->type == CN_TYPE_FLOAT64) {
            double value = ((const double *)values)[row];
            if (isfinite(value)) {
                to += cn_double_format(value, to);
            } else if (nan == CN_JSON_NAN_ERROR) {
                *bad = row;
                return NULL;
            } else {
                to = put_not_finite(to, value, nan);
            }
        } else if (vector->type == CN_TYPE_INT64) {
            to += cn_int64_format(((const int64_t *)values)[row], to);
        } else {
            bool value = ((const uint8_t *)values)[row];
            to = value ? put(to, "true", 4) : put(to, "false", 5);
        }
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
    for (size_t first = 0; first < rows; first += CN_BLOCK_ROWS) {
        size_t stop = rows - first > CN_BLOCK_ROWS ? first + CN_BLOCK_ROWS : rows;
        size_t bad = 0;
        if (!cn_buf_reserve(out, (stop - first) * VALUE_ROOM))
            return cn_error_memory(error);
        char *to = put_values(out->data + out->len, vector, first, stop, nan, &bad);
        if (!to)
            return fail_not_finite(error, bad, ((const double *)vector->values)[bad]);
        out->len = (size_t)(to - out->data);
    }
    return CN_OK;
}
