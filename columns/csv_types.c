/*
 * csv_types.c: what the fields of a column are, and their values.
 */
#include "columns/csv.h"

#include "kernels/number.h"

enum cn_type cn_csv_seen_type(uint8_t seen) {
    switch (seen) {
    case 0:
        return CN_TYPE_NULL;
    case CN_CSV_SEEN_INT64:
        return CN_TYPE_INT64;
    case CN_CSV_SEEN_FLOAT64:
    case CN_CSV_SEEN_FLOAT64 | CN_CSV_SEEN_INT64:
        return CN_TYPE_FLOAT64;
    case CN_CSV_SEEN_BOOL:
        return CN_TYPE_BOOL;
    default:
        return CN_TYPE_STRING;
    }
}

/* ---- texts -------------------------------------------------------------------------------- */

struct cn_str cn_csv_field_text(const struct cn_csv_field *field, struct cn_arena *arena) {
    if (!field->escaped)
        return cn_str(field->data, field->len);
    const char *from = field->data, *end = from + field->len;
    char *text = cn_arena_alloc(arena, field->len);
    size_t len = 0;
    if (!text)
        return cn_str(NULL, 0);
    while (from < end) {
        const char *quote = memchr(from, '"', (size_t)(end - from));
        const char *stop = quote ? quote + 1 : end; /* with the first quote of a pair */
        memcpy(text + len, from, (size_t)(stop - from));
        len += (size_t)(stop - from);
        from = quote ? quote + 2 : end;
    }
    return cn_str(text, len);
}

/* Whether an escaped field's text equals `text`; nothing is copied. */
static bool escaped_equals(const struct cn_csv_field *field, struct cn_str text) {
    size_t at = 0;

    for (size_t i = 0; i < field->len; i++, at++) {
        if (at == text.len || field->data[i] != text.data[at])
            return false;
        if (field->data[i] == '"')
            i++;
    }
    return at == text.len;
}

/* Whether the field means null. */
static inline bool is_null(const struct cn_csv_field *field, const struct cn_csv_nulls *nulls) {
    if (field->len == 0 && !field->quoted)
        return true;
    if (!nulls || nulls->n_texts == 0)
        return false;
    for (size_t i = 0; i < nulls->n_texts; i++) {
        if (field->escaped ? escaped_equals(field, nulls->texts[i])
                           : cn_str_equal(cn_str(field->data, field->len), nulls->texts[i]))
            return true;
    }
    return false;
}

/* What a field that is not null is; an escaped one holds a quote, which no number does. */
static inline enum cn_text_kind scan_field(const struct cn_csv_field *field, int64_t *i,
                                           double *d) {
    if (field->len == 0 || field->escaped)
        return CN_TEXT_STRING;
    return cn_text_scan(field->data, field->len, i, d);
}

uint8_t cn_csv_seen_column(const struct cn_csv_block *block, size_t column,
                           const struct cn_csv_nulls *nulls) {
    static const uint8_t bits[] = {
        [CN_TEXT_INT64] = CN_CSV_SEEN_INT64,
        [CN_TEXT_FLOAT64] = CN_CSV_SEEN_FLOAT64,
        [CN_TEXT_BOOL] = CN_CSV_SEEN_BOOL,
        [CN_TEXT_STRING] = CN_CSV_SEEN_STRING,
    };
    const struct cn_csv_field *fields = block->fields + column * block->capacity;
    uint8_t seen = 0;

    for (size_t row = 0; row < block->rows; row++) {
        const struct cn_csv_field *field = &fields[row];
        if (is_null(field, nulls))
            continue;
        if (field->len == 0 || field->escaped)
            seen |= CN_CSV_SEEN_STRING;
        else
            seen |= bits[cn_text_classify(field->data, field->len)];
    }
    return seen;
}

/* ---- values ------------------------------------------------------------------------------- */

/* One column on its way from text to values. */
struct decoding {
    const struct cn_csv_field *fields;
    const struct cn_csv_nulls *nulls;
    size_t rows;
    bool declared;
    uint8_t *null; /* of each row, zeroed */
    bool any_null;
    size_t misfit; /* the first row whose text does not fit a declared type; SIZE_MAX: none */
};

static inline void set_null(struct decoding *in, size_t row) {
    in->null[row] = 1;
    in->any_null = true;
}

/* A row whose text is not of the type. The result says whether to go on. */
static bool set_misfit(struct decoding *in, size_t row) {
    set_null(in, row);
    if (!in->declared)
        return true;
    in->misfit = row;
    return false;
}

/* The field's text without the blanks around it. */
static struct cn_str trimmed(const struct cn_csv_field *field) {
    const char *data = field->data;
    size_t len = field->len;

    while (len > 0 && (data[0] == ' ' || data[0] == '\t')) {
        data++;
        len--;
    }
    while (len > 0 && (data[len - 1] == ' ' || data[len - 1] == '\t'))
        len--;
    return cn_str(data, len);
}

static void decode_int64(struct decoding *in, int64_t *values) {
    for (size_t row = 0; row < in->rows; row++) {
        const struct cn_csv_field *field = &in->fields[row];
        double ignored;
        values[row] = 0;
        if (is_null(field, in->nulls)) {
            set_null(in, row);
            continue;
        }
        if (scan_field(field, &values[row], &ignored) == CN_TEXT_INT64)
            continue;
        values[row] = 0;
        if (in->declared) { /* a '+' and leading zeros will do */
            struct cn_str text = trimmed(field);
            if (cn_int64_parse(text.data, text.len, &values[row], NULL))
                continue;
            values[row] = 0;
        }
        if (!set_misfit(in, row))
            return;
    }
}

/* The double of a text that cn_text_scan() found to be the integer `i`. Minus zero has its sign:
 * that is what the text says. */
static double double_of_int(const struct cn_csv_field *field, int64_t i) {
    return i == 0 && memchr(field->data, '-', field->len) ? -0.0 : (double)i;
}

static void decode_float64(struct decoding *in, double *values) {
    for (size_t row = 0; row < in->rows; row++) {
        const struct cn_csv_field *field = &in->fields[row];
        int64_t i = 0;
        values[row] = 0;
        if (is_null(field, in->nulls)) {
            set_null(in, row);
            continue;
        }
        enum cn_text_kind kind = scan_field(field, &i, &values[row]);
        if (kind == CN_TEXT_FLOAT64)
            continue;
        if (kind == CN_TEXT_INT64) {
            values[row] = double_of_int(field, i);
            continue;
        }
        values[row] = 0;
        if (in->declared) {
            struct cn_str text = trimmed(field);
            if (cn_double_parse(text.data, text.len, &values[row]))
                continue;
            values[row] = 0;
        }
        if (!set_misfit(in, row))
            return;
    }
}

static void decode_bool(struct decoding *in, uint8_t *values) {
    for (size_t row = 0; row < in->rows; row++) {
        const struct cn_csv_field *field = &in->fields[row];
        int64_t i = 0;
        double ignored;
        values[row] = 0;
        if (is_null(field, in->nulls))
            set_null(in, row);
        else if (scan_field(field, &i, &ignored) == CN_TEXT_BOOL)
            values[row] = i != 0;
        else if (!set_misfit(in, row))
            return;
    }
}

/* False: no memory. */
static bool decode_string(struct decoding *in, struct cn_str *values, struct cn_arena *arena) {
    for (size_t row = 0; row < in->rows; row++) {
        const struct cn_csv_field *field = &in->fields[row];
        values[row] = cn_str("", 0);
        if (is_null(field, in->nulls)) {
            set_null(in, row);
            continue;
        }
        values[row] = cn_csv_field_text(field, arena);
        if (!values[row].data)
            return false;
    }
    return true;
}

static enum cn_code fail_misfit(const struct cn_csv_block *block, const struct decoding *in,
                                enum cn_type type, struct cn_arena *arena, struct cn_error *error) {
    struct cn_str text = cn_csv_field_text(&in->fields[in->misfit], arena);

    if (!text.data)
        return cn_error_memory(error);
    if (error && error->code == CN_OK) {
        cn_error_set(error, CN_INVALID_VALUE,
                     "A field's text does not fit its column's declared type %s.",
                     cn_type_name(type));
        error->row = (int64_t)in->misfit;
        error->line = block->row[in->misfit].line;
        cn_error_set_value(error, text);
    }
    return CN_INVALID_VALUE;
}

/* The rows of a column that has no value. */
static enum cn_code decode_null(size_t rows, struct cn_arena *arena, struct cn_vector *vector,
                                struct cn_error *error) {
    uint8_t *null = cn_arena_alloc(arena, rows);

    if (!null)
        return cn_error_memory(error);
    memset(null, 1, rows);
    *vector = (struct cn_vector){.type = CN_TYPE_NULL, .nulls = null};
    return CN_OK;
}

enum cn_code cn_csv_decode(const struct cn_csv_block *block, size_t column, enum cn_type type,
                           bool declared, const struct cn_csv_nulls *nulls, struct cn_arena *arena,
                           struct cn_vector *vector, struct cn_error *error) {
    static const size_t widths[CN_TYPE_COUNT] = {
        [CN_TYPE_BOOL] = sizeof(uint8_t),
        [CN_TYPE_INT64] = sizeof(int64_t),
        [CN_TYPE_FLOAT64] = sizeof(double),
        [CN_TYPE_STRING] = sizeof(struct cn_str),
    };
    struct decoding in = {.fields = block->fields + column * block->capacity,
                          .nulls = nulls,
                          .rows = block->rows,
                          .declared = declared,
                          .misfit = SIZE_MAX};
    bool enough = true;

    if (type == CN_TYPE_NULL)
        return decode_null(block->rows, arena, vector, error);
    void *values = cn_arena_array(arena, block->rows, widths[type]);
    in.null = cn_arena_zalloc(arena, block->rows);
    if (!values || !in.null)
        return cn_error_memory(error);
    if (type == CN_TYPE_INT64)
        decode_int64(&in, values);
    else if (type == CN_TYPE_FLOAT64)
        decode_float64(&in, values);
    else if (type == CN_TYPE_BOOL)
        decode_bool(&in, values);
    else
        enough = decode_string(&in, values, arena);
    if (!enough)
        return cn_error_memory(error);
    if (in.misfit != SIZE_MAX)
        return fail_misfit(block, &in, type, arena, error);
    *vector =
        (struct cn_vector){.type = type, .values = values, .nulls = in.any_null ? in.null : NULL};
    return CN_OK;
}

enum cn_code cn_csv_decode_raw(const struct cn_csv_block *block, size_t column,
                               const struct cn_csv_nulls *nulls, struct cn_arena *arena,
                               struct cn_vector *vector, struct cn_error *error) {
    return cn_csv_decode(block, column, CN_TYPE_STRING, false, nulls, arena, vector, error);
}
