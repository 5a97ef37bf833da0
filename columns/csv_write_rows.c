/*
 * csv_write_rows.c: a block of rows as CSV text.
 *
 * Column by column the cells are made ready: numbers as short texts of a fixed stride, strings with
 * a note of what they need. That bounds the bytes of every row, so that they are then put together
 * with one look at the room that is left, by copies whose length is mostly fixed.
 */
#include "columns/csv.h"

#include "columns/csv_quote.h"
#include "kernels/number.h"

/* Short texts are copied whole: there is so much room behind each row, and behind the texts. */
#define SHORT_BYTES ((size_t)CN_DOUBLE_TEXT)
_Static_assert(CN_DOUBLE_TEXT == 32 && CN_INT64_TEXT <= 32, "numbers are short texts");

enum form { FORM_FIELD, FORM_SHORT, FORM_TEXT };
enum need { NEED_NOTHING, NEED_QUOTES, NEED_SILENCE /* a null */ };

/* One column, made ready. */
struct column {
    enum form form;
    const struct cn_csv_field *fields;
    const char *shorts; /* SHORT: text i at shorts + i * stride */
    size_t stride;
    uint8_t *lengths;
    const struct cn_str *texts;
    uint8_t *needs; /* TEXT; NULL: nothing */
};

struct writing {
    const struct cn_csv_rows *rows;
    struct column *columns;
    struct cn_arena *arena;
};

/* ---- making ready -------------------------------------------------------------------------- */

/* Whether numbers and bools can hold the delimiter. */
static bool is_in_numbers(char delimiter) {
    return (delimiter >= '0' && delimiter <= '9') || (delimiter >= 'a' && delimiter <= 'z') ||
           delimiter == '.' || delimiter == '-' || delimiter == '+' || delimiter == 'T' ||
           delimiter == 'F';
}

static bool is_alphanumeric(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* Returns the stride of the texts. */
static size_t format(const struct cn_vector *vector, size_t count, char *shorts, uint8_t *lengths) {
    switch (vector->type) {
    case CN_TYPE_FLOAT64:
        cn_doubles_format(vector->values, count, shorts, lengths);
        return CN_DOUBLE_TEXT;
    case CN_TYPE_INT64:
        cn_int64s_format(vector->values, count, shorts, lengths);
        return CN_INT64_TEXT;
    case CN_TYPE_BOOL:
        for (size_t i = 0; i < count; i++) {
            bool yes = ((const uint8_t *)vector->values)[i] != 0;
            memcpy(shorts + i * SHORT_BYTES, yes ? "True\0" : "False", 5);
            lengths[i] = yes ? 4 : 5;
        }
        return SHORT_BYTES;
    default:
        memset(lengths, 0, count);
        return SHORT_BYTES;
    }
}

/* The needs of texts; false: no memory. */
static bool note_needs(const struct writing *writing, struct column *column, const uint8_t *nulls) {
    size_t count = writing->rows->count;

    column->needs = cn_arena_alloc(writing->arena, count);
    if (!column->needs)
        return false;
    for (size_t i = 0; i < count; i++)
        column->needs[i] =
            (uint8_t)(nulls && nulls[i] ? NEED_SILENCE
                      : cn_csv_needs_quotes(column->texts[i], writing->rows->delimiter)
                          ? NEED_QUOTES
                          : NEED_NOTHING);
    return true;
}

/* With a delimiter that numbers are written with, they are texts like others. */
static bool shorts_as_texts(const struct writing *writing, struct column *column,
                            const uint8_t *nulls) {
    size_t count = writing->rows->count;
    struct cn_str *texts = cn_arena_array(writing->arena, count, sizeof *texts);

    if (!texts)
        return false;
    for (size_t i = 0; i < count; i++)
        texts[i] = cn_str(column->shorts + i * column->stride, column->lengths[i]);
    column->form = FORM_TEXT;
    column->texts = texts;
    return note_needs(writing, column, nulls);
}

static bool ready_shorts(const struct writing *writing, struct column *column,
                         const struct cn_vector *vector) {
    size_t count = writing->rows->count;
    char *shorts = cn_arena_array(writing->arena, count + 1, SHORT_BYTES);

    column->form = FORM_SHORT;
    column->shorts = shorts;
    column->lengths = cn_arena_alloc(writing->arena, count);
    if (!shorts || !column->lengths)
        return false;
    column->stride = format(vector, count, shorts, column->lengths);
    if (is_in_numbers(writing->rows->delimiter) && vector->type != CN_TYPE_NULL)
        return shorts_as_texts(writing, column, vector->nulls);
    for (size_t i = 0; vector->nulls && i < count; i++)
        column->lengths[i] = vector->nulls[i] ? 0 : column->lengths[i];
    return true;
}

static bool ready(const struct writing *writing, struct column *column,
                  const struct cn_csv_cells *cells) {
    const struct cn_vector *vector = cells->vector;

    *column = (struct column){.form = FORM_FIELD, .fields = cells->fields};
    if (cells->fields)
        return true;
    if (vector->type != CN_TYPE_STRING)
        return ready_shorts(writing, column, vector);
    column->form = FORM_TEXT;
    column->texts = vector->values;
    if (cells->bare && !vector->nulls && !is_alphanumeric(writing->rows->delimiter))
        return true;
    return note_needs(writing, column, vector->nulls);
}

/* ---- bounds -------------------------------------------------------------------------------- */

/* The most that a cell may take; texts are of memory that is there, so nothing here overflows. */
static inline size_t cell_bound(const struct column *column, size_t row) {
    size_t len;

    switch (column->form) {
    case FORM_FIELD:
        return (size_t)column->fields[row].len + 2;
    case FORM_SHORT:
        return column->lengths[row];
    default:
        len = column->texts[row].len;
        return column->needs && column->needs[row] == NEED_QUOTES
                   ? cn_csv_quoted_length(column->texts[row])
                   : len;
    }
}

/* Of the rows from `first` to `end`: cells, delimiters, line ends, and the room that a short text
 * is copied with. */
static size_t bound(const struct writing *writing, size_t first, size_t end) {
    const struct cn_csv_rows *rows = writing->rows;
    size_t bytes = (end - first) * (rows->n_cells + 2) + SHORT_BYTES;

    if (rows->verbatim)
        bytes += (size_t)(rows->rows[end - 1].end - rows->rows[first].start);
    for (size_t c = 0; c < rows->n_cells; c++)
        for (size_t row = first; row < end; row++)
            bytes += cell_bound(&writing->columns[c], row);
    return bytes;
}

/* ---- putting together ---------------------------------------------------------------------- */

/* Digests and words are short: two overlapping copies are faster than a call. */
static inline char *put(char *to, const char *from, size_t len) {
    if (len >= 16 && len <= 32) {
        char first[16], last[16];
        memcpy(first, from, 16);
        memcpy(last, from + len - 16, 16);
        memcpy(to, first, 16);
        memcpy(to + len - 16, last, 16);
    } else if (len > 0) {
        memcpy(to, from, len);
    }
    return to + len;
}

static inline char *put_field(char *to, const struct cn_csv_field *field) {
    if (!field->quoted)
        return put(to, field->data, field->len);
    *to++ = '"';
    to = put(to, field->data, field->len);
    *to++ = '"';
    return to;
}

static inline char *put_cell(char *to, const struct column *column, size_t row) {
    uint8_t need;

    switch (column->form) {
    case FORM_FIELD:
        return put_field(to, &column->fields[row]);
    case FORM_SHORT:
        memcpy(to, column->shorts + row * column->stride, SHORT_BYTES);
        return to + column->lengths[row];
    default:
        need = column->needs ? column->needs[row] : NEED_NOTHING;
        if (need == NEED_NOTHING)
            return put(to, column->texts[row].data, column->texts[row].len);
        return need == NEED_QUOTES ? cn_csv_put_quoted(to, column->texts[row]) : to;
    }
}

static inline char *put_line_end(char *to, const struct cn_csv_row *source, bool empty) {
    size_t len = source ? (size_t)(source->next - source->end) : 0;

    /* The last row may have no line end, but a row of one null needs one to be seen. */
    if (!source || (len == 0 && empty))
        *to++ = '\n';
    for (size_t i = 0; i < len; i++)
        *to++ = source->end[i];
    return to;
}

static inline char *put_row(const struct writing *writing, size_t row, char *to) {
    const struct cn_csv_rows *rows = writing->rows;
    const struct cn_csv_row *source = rows->rows ? &rows->rows[row] : NULL;
    const char *start = to;

    if (rows->verbatim) {
        memcpy(to, source->start, (size_t)(source->end - source->start));
        to += source->end - source->start;
    }
    for (size_t c = 0; c < rows->n_cells; c++) {
        if (c > 0 || rows->verbatim)
            *to++ = rows->delimiter;
        to = put_cell(to, &writing->columns[c], row);
    }
    return put_line_end(to, source, to == start);
}

/* Rows whose bound may pass `most`: one by one. */
static bool write_carefully(struct cn_buf *out, const struct writing *writing, size_t most,
                            size_t *written) {
    size_t count = writing->rows->count;

    for (*written = 0; *written < count && out->len <= most; ++*written) {
        if (!cn_buf_reserve(out, bound(writing, *written, *written + 1)))
            return false;
        out->len = (size_t)(put_row(writing, *written, out->data + out->len) - out->data);
    }
    return true;
}

bool cn_csv_write_rows(struct cn_buf *out, const struct cn_csv_rows *rows, size_t most,
                       size_t *written, struct cn_arena *arena) {
    struct writing writing = {.rows = rows, .arena = arena};
    size_t bytes;
    char *to;

    *written = 0;
    if (rows->count == 0)
        return true;
    writing.columns = cn_arena_array(arena, rows->n_cells, sizeof *writing.columns);
    if (!writing.columns)
        return false;
    for (size_t c = 0; c < rows->n_cells; c++)
        if (!ready(&writing, &writing.columns[c], &rows->cells[c]))
            return false;
    bytes = bound(&writing, 0, rows->count);
    if (out->len > most || bytes > most - out->len)
        return write_carefully(out, &writing, most, written);
    if (!cn_buf_reserve(out, bytes))
        return false;
    to = out->data + out->len;
    for (size_t row = 0; row < rows->count; row++)
        to = put_row(&writing, row, to);
    out->len = (size_t)(to - out->data);
    *written = rows->count;
    return true;
}
