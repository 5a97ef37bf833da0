/*
 * csv_write.c: fields and values as CSV text.
 */
#include "columns/csv.h"

#include "kernels/number.h"

bool cn_csv_write_field(struct cn_buf *out, const struct cn_csv_field *field) {
    size_t quotes = field->quoted ? 1 : 0;

    if (!cn_buf_reserve(out, field->len + 2 * quotes))
        return false;
    char *to = out->data + out->len;
    if (quotes)
        *to++ = '"';
    if (field->len)
        memcpy(to, field->data, field->len);
    if (quotes)
        to[field->len] = '"';
    out->len += field->len + 2 * quotes;
    return true;
}

static bool needs_quotes(struct cn_str text, char delimiter) {
    if (text.len == 0)
        return true;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == delimiter || c == '"' || c == '\n' || c == '\r')
            return true;
    }
    return false;
}

bool cn_csv_write_string(struct cn_buf *out, struct cn_str text, char delimiter) {
    if (!needs_quotes(text, delimiter))
        return cn_buf_add(out, text.data, text.len);
    size_t quotes = 2;
    for (size_t i = 0; i < text.len; i++)
        quotes += text.data[i] == '"';
    if (quotes > SIZE_MAX - text.len || !cn_buf_reserve(out, text.len + quotes))
        return false;
    char *to = out->data + out->len;
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"')
            *to++ = '"';
        *to++ = text.data[i];
    }
    *to++ = '"';
    out->len = (size_t)(to - out->data);
    return true;
}

/* Whether numbers and bools can hold the delimiter. */
static bool is_in_numbers(char delimiter) {
    return (delimiter >= '0' && delimiter <= '9') || (delimiter >= 'a' && delimiter <= 'z') ||
           delimiter == '.' || delimiter == '-' || delimiter == '+' || delimiter == 'T' ||
           delimiter == 'F';
}

/* With a delimiter that numbers are written with, they are texts like others. */
static bool write_quoted(struct cn_buf *out, const struct cn_vector *vector, size_t row,
                         char delimiter) {
    char text[CN_DOUBLE_TEXT > CN_INT64_TEXT ? CN_DOUBLE_TEXT : CN_INT64_TEXT];
    size_t len;

    if (vector->type == CN_TYPE_BOOL)
        return cn_csv_write_string(
            out, ((const uint8_t *)vector->values)[row] ? CN_STR("True") : CN_STR("False"),
            delimiter);
    len = vector->type == CN_TYPE_INT64
              ? cn_int64_format(((const int64_t *)vector->values)[row], text)
              : cn_double_format(((const double *)vector->values)[row], text);
    return cn_csv_write_string(out, cn_str(text, len), delimiter);
}

bool cn_csv_write_value(struct cn_buf *out, const struct cn_vector *vector, size_t row,
                        char delimiter) {
    if (vector->type == CN_TYPE_NULL || (vector->nulls && vector->nulls[row]))
        return true;
    if (vector->type != CN_TYPE_STRING && is_in_numbers(delimiter))
        return write_quoted(out, vector, row, delimiter);
    switch (vector->type) {
    case CN_TYPE_BOOL:
        return ((const uint8_t *)vector->values)[row] ? cn_buf_add(out, "True", 4)
                                                      : cn_buf_add(out, "False", 5);
    case CN_TYPE_INT64:
        if (!cn_buf_reserve(out, CN_INT64_TEXT))
            return false;
        out->len += cn_int64_format(((const int64_t *)vector->values)[row], out->data + out->len);
        return true;
    case CN_TYPE_FLOAT64:
        if (!cn_buf_reserve(out, CN_DOUBLE_TEXT))
            return false;
        out->len += cn_double_format(((const double *)vector->values)[row], out->data + out->len);
        return true;
    default:
        return cn_csv_write_string(out, ((const struct cn_str *)vector->values)[row], delimiter);
    }
}
