/*
 * csv_write.c: single fields and strings as CSV text.
 */
#include "columns/csv.h"

#include "columns/csv_quote.h"

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

bool cn_csv_write_string(struct cn_buf *out, struct cn_str text, char delimiter) {
    if (!cn_csv_needs_quotes(text, delimiter))
        return cn_buf_add(out, text.data, text.len);
    if (!cn_buf_reserve(out, cn_csv_quoted_length(text)))
        return false;
    char *to = cn_csv_put_quoted(out->data + out->len, text);
    out->len = (size_t)(to - out->data);
    return true;
}
