/*
 * csv_types.c: what the fields of a column are, and their values.
 */
#include "columns/csv.h"

#include "kernels/number.h"

/* The kernels take the fields as they are. */
_Static_assert(sizeof(struct cn_csv_field) == sizeof(struct cn_field) &&
                   offsetof(struct cn_csv_field, data) == offsetof(struct cn_field, data) &&
                   offsetof(struct cn_csv_field, len) == offsetof(struct cn_field, len) &&
                   offsetof(struct cn_csv_field, quoted) == offsetof(struct cn_field, quoted) &&
                   offsetof(struct cn_csv_field, escaped) == offsetof(struct cn_field, escaped),
               "a field of a CSV text is a field");
_Static_assert((int)CN_CSV_SEEN_INT64 == (int)CN_FIELD_INT64 &&
                   (int)CN_CSV_SEEN_FLOAT64 == (int)CN_FIELD_FLOAT64 &&
                   (int)CN_CSV_SEEN_BOOL == (int)CN_FIELD_BOOL &&
                   (int)CN_CSV_SEEN_STRING == (int)CN_FIELD_STRING,
               "kinds have the same bits");
#define KINDS 15U

static inline const struct cn_field *fields_of(const struct cn_csv_field *fields) {
    return (const struct cn_field *)fields;
}

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

/* What a field that is not null is, and the value of a bool; an escaped one holds a quote, which
 * neither a number nor a bool does. */
static inline uint8_t look_at(const struct cn_csv_field *field, int64_t *i) {
    double ignored;
    if (field->len == 0 || field->escaped)
        return CN_CSV_SEEN_STRING;
    return (uint8_t)(1U << cn_text_scan(field->data, field->len, i, &ignored));
}

uint8_t cn_csv_seen_column(const struct cn_csv_block *block, size_t column,
                           const struct cn_csv_nulls *nulls) {
    const struct cn_csv_field *fields = block->fields + column * block->capacity;
    uint8_t seen = 0;

    if (block->rows > 0 && (!nulls || nulls->n_texts == 0))
        return cn_fields_classify(fields_of(fields), block->rows, block->row[0].start) & KINDS;
    for (size_t row = 0; row < block->rows; row++) {
        const struct cn_csv_field *field = &fields[row];
        if (is_null(field, nulls))
            continue;
        if (field->len == 0 || field->escaped)
            seen |= CN_CSV_SEEN_STRING;
        else
            seen |= (uint8_t)(1U << cn_text_classify(field->data, field->len));
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
    uint8_t seen;
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

/* A declared number may have a '+' and leading zeros. */
static bool parse_declared(const struct cn_csv_field *field, enum cn_type type, void *value) {
    struct cn_str text = trimmed(field);

    return type == CN_TYPE_INT64 ? cn_int64_parse(text.data, text.len, value, NULL)
                                 : cn_double_parse(text.data, text.len, value);
}

/* Goes over the rows of a column of numbers in which not all are numbers: `values` are right where
 * a mark is in `fits`. */
static void settle_numbers(struct decoding *in, enum cn_type type, unsigned fits, uint64_t *values,
                           uint8_t *marks) {
    bool texts = in->nulls && in->nulls->n_texts > 0;

    for (size_t row = 0; row < in->rows; row++) {
        const struct cn_csv_field *field = &in->fields[row];
        uint8_t mark = marks[row];
        if (texts ? is_null(field, in->nulls) : (mark & CN_FIELD_EMPTY) != 0) {
            set_null(in, row);
            values[row] = 0;
            marks[row] = 0;
            continue;
        }
        in->seen |= mark & KINDS;
        if (mark & fits)
            continue;
        values[row] = 0;
        marks[row] = 0;
        if (in->declared && parse_declared(field, type, &values[row]))
            continue;
        values[row] = 0;
        if (!set_misfit(in, row))
            return;
    }
}

/* False: no memory. */
static bool decode_numbers(struct decoding *in, const struct cn_csv_block *block,
                           const struct cn_csv_wanted *wanted, void *values, struct cn_arena *arena,
                           struct cn_texts *texts) {
    enum cn_type type = wanted->type;
    const struct cn_field *fields = fields_of(in->fields);
    const char *start = block->rows > 0 ? block->row[0].start : NULL;
    unsigned fits = type == CN_TYPE_INT64 ? CN_FIELD_INT64 : CN_FIELD_INT64 | CN_FIELD_FLOAT64;
    uint8_t *marks = cn_arena_alloc(arena, in->rows);
    unsigned found;

    if (!marks)
        return false;
    if (type == CN_TYPE_INT64)
        found = cn_fields_scan_int64s(fields, in->rows, start, values, marks);
    else
        found = cn_fields_scan_doubles(fields, in->rows, start, wanted->canonical, values, marks);
    in->seen = found & KINDS;
    if ((found & ~(fits | CN_FIELD_CANONICAL)) != 0 || (in->nulls && in->nulls->n_texts > 0)) {
        in->null = cn_arena_zalloc(arena, in->rows);
        if (!in->null)
            return false;
        in->seen = 0;
        settle_numbers(in, type, fits, values, marks);
    }
    if (wanted->canonical && in->rows > 0)
        *texts = (struct cn_texts){fields, marks, block->row[in->rows - 1].next};
    return true;
}

/* False: no memory. */
static bool decode_bool(struct decoding *in, uint8_t *values, struct cn_arena *arena) {
    in->null = cn_arena_zalloc(arena, in->rows);
    if (!in->null)
        return false;
    for (size_t row = 0; row < in->rows; row++) {
        const struct cn_csv_field *field = &in->fields[row];
        int64_t i = 0;
        values[row] = 0;
        if (is_null(field, in->nulls)) {
            set_null(in, row);
            continue;
        }
        uint8_t kind = look_at(field, &i);
        in->seen |= kind;
        if (kind == CN_CSV_SEEN_BOOL)
            values[row] = i != 0;
        else if (!set_misfit(in, row))
            break;
    }
    return true;
}

/* False: no memory. */
static bool decode_string(struct decoding *in, struct cn_str *values, struct cn_arena *arena) {
    in->seen = CN_CSV_SEEN_STRING;
    in->null = cn_arena_zalloc(arena, in->rows);
    if (!in->null)
        return false;
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

enum cn_code cn_csv_load(const struct cn_csv_block *block, size_t column,
                         const struct cn_csv_wanted *wanted, struct cn_arena *arena,
                         struct cn_csv_loaded *loaded, struct cn_error *error) {
    static const size_t widths[CN_TYPE_COUNT] = {
        [CN_TYPE_BOOL] = sizeof(uint8_t),
        [CN_TYPE_INT64] = sizeof(int64_t),
        [CN_TYPE_FLOAT64] = sizeof(double),
        [CN_TYPE_STRING] = sizeof(struct cn_str),
    };
    struct decoding in = {.fields = block->fields + column * block->capacity,
                          .nulls = wanted->nulls,
                          .rows = block->rows,
                          .declared = wanted->declared,
                          .misfit = SIZE_MAX};
    enum cn_type type = wanted->type;
    bool enough;

    *loaded = (struct cn_csv_loaded){0};
    if (type == CN_TYPE_NULL) {
        loaded->seen = cn_csv_seen_column(block, column, wanted->nulls);
        return decode_null(block->rows, arena, &loaded->vector, error);
    }
    void *values = cn_arena_array(arena, block->rows, widths[type]);
    if (!values)
        return cn_error_memory(error);
    if (type == CN_TYPE_STRING)
        enough = decode_string(&in, values, arena);
    else if (type == CN_TYPE_BOOL)
        enough = decode_bool(&in, values, arena);
    else
        enough = decode_numbers(&in, block, wanted, values, arena, &loaded->texts);
    if (!enough)
        return cn_error_memory(error);
    if (in.misfit != SIZE_MAX)
        return fail_misfit(block, &in, type, arena, error);
    loaded->seen = in.seen;
    loaded->vector =
        (struct cn_vector){.type = type, .values = values, .nulls = in.any_null ? in.null : NULL};
    return CN_OK;
}

enum cn_code cn_csv_decode(const struct cn_csv_block *block, size_t column, enum cn_type type,
                           bool declared, const struct cn_csv_nulls *nulls, struct cn_arena *arena,
                           struct cn_vector *vector, struct cn_error *error) {
    struct cn_csv_wanted wanted = {.type = type, .declared = declared, .nulls = nulls};
    struct cn_csv_loaded loaded;

    CN_TRY(cn_csv_load(block, column, &wanted, arena, &loaded, error));
    *vector = loaded.vector;
    return CN_OK;
}

enum cn_code cn_csv_decode_raw(const struct cn_csv_block *block, size_t column,
                               const struct cn_csv_nulls *nulls, struct cn_arena *arena,
                               struct cn_vector *vector, struct cn_error *error) {
    return cn_csv_decode(block, column, CN_TYPE_STRING, false, nulls, arena, vector, error);
}
