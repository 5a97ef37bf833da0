/*
 * json_columns.c: the "columns" object, into a frame.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "columns/json_builder.h"
#include "columns/json_scan.h"
#include "kernels/number.h"
#include "kernels/number_array.h"

/* What the functions below hand around. */
struct reading {
    struct cn_json_scan scan;
    struct cn_json_builder builder;
    const struct cn_json_limits *limits;
    const struct cn_json_columns_options *options;
    struct cn_frame *frame;
    struct cn_column *columns;
    size_t *lengths; /* rows of each column */
    size_t n;
    size_t room;
};

/* ---- cells -------------------------------------------------------------------------------- */

static enum cn_code read_big_int(struct reading *reading, struct cn_str text,
                                 struct cn_error *error) {
    struct cn_json_builder *builder = &reading->builder;
    int64_t i;
    double d;

    if (cn_int64_parse(text.data, text.len, &i, NULL))
        return cn_json_builder_int64(builder, i, error);
    if (!builder->declared || builder->type != CN_TYPE_FLOAT64)
        return cn_json_builder_fail(builder, CN_INTEGER_OUT_OF_RANGE, text,
                                    "The integer lies beyond int64 (-9223372036854775808 to "
                                    "9223372036854775807). Send it as a string, or with a point "
                                    "if a float64 will do.",
                                    error);
    if (!cn_double_parse(text.data, text.len, &d) || isinf(d))
        return cn_json_builder_fail(builder, CN_NOT_FINITE, text,
                                    "The number lies beyond the range of float64.", error);
    return cn_json_builder_float64(builder, d, error);
}

static enum cn_code read_number(struct reading *reading, struct cn_error *error) {
    struct cn_json_number number;
    struct cn_str text;
    double d;

    CN_TRY(cn_json_scan_number(&reading->scan, &number, error));
    text = number.text;
    if (number.is_float) {
        if (!cn_double_parse(text.data, text.len, &d) || isinf(d))
            return cn_json_builder_fail(&reading->builder, CN_NOT_FINITE, text,
                                        "The number lies beyond the range of float64.", error);
        return cn_json_builder_float64(&reading->builder, d, error);
    }
    if (text.len > 18)
        return read_big_int(reading, text, error);
    bool negative = text.data[0] == '-';
    int64_t i = 0;
    for (size_t k = negative; k < text.len; k++)
        i = i * 10 + (text.data[k] - '0');
    return cn_json_builder_int64(&reading->builder, negative ? -i : i, error);
}

static bool is_null_text(const struct cn_json_columns_options *options, struct cn_str text) {
    for (size_t i = 0; options && i < options->n_nulls; i++) {
        if (cn_str_equal(text, options->nulls[i]))
            return true;
    }
    return false;
}

static enum cn_code read_string(struct reading *reading, struct cn_error *error) {
    struct cn_json_string string;
    char *out;

    CN_TRY(cn_json_scan_string(&reading->scan, &string, error));
    size_t len = string.raw.len;
    if (!cn_json_builder_scratch(&reading->builder, len, &out))
        return cn_error_memory(error);
    if (string.escaped)
        len = cn_json_unescape(string.raw, out);
    else
        memcpy(out, string.raw.data, len);
    if (is_null_text(reading->options, cn_str(out, len)))
        return cn_json_builder_null(&reading->builder, error);
    return cn_json_builder_string(&reading->builder, len, error);
}

static enum cn_code read_cell(struct reading *reading, struct cn_error *error) {
    struct cn_json_scan *scan = &reading->scan;
    int c = cn_json_peek(scan);

    switch (c) {
    case '"':
        return read_string(reading, error);
    case 't':
    case 'f':
        CN_TRY(cn_json_scan_literal(scan, error));
        return cn_json_builder_bool(&reading->builder, c == 't', error);
    case 'n':
        CN_TRY(cn_json_scan_literal(scan, error));
        return cn_json_builder_null(&reading->builder, error);
    case '[':
        return cn_json_builder_mismatch(&reading->builder, "an array", error);
    case '{':
        return cn_json_builder_mismatch(&reading->builder, "an object", error);
    default:
        if (c == '-' || (c >= '0' && c <= '9'))
            return read_number(reading, error);
        return cn_json_fail(scan, scan->at, "a value", error);
    }
}

/* As many numbers as stand there plainly, with their commas. */
static void read_numbers(struct reading *reading) {
    struct cn_json_builder *builder = &reading->builder;
    struct cn_json_scan *scan = &reading->scan;
    void *values;
    size_t room = cn_json_builder_room(builder, &values);

    if (room == 0)
        return;
    cn_json_peek(scan);
    struct cn_number_text text = {scan->start, scan->at, scan->end};
    size_t n = builder->type == CN_TYPE_FLOAT64 ? cn_array_read_doubles(&text, room, values)
                                                : cn_array_read_int64s(&text, room, values);
    scan->at = text.at;
    cn_json_builder_filled(builder, n);
}

/* ---- columns ------------------------------------------------------------------------------ */

/* The declared type of a column, or NULL. A column's own name goes before '*'. */
static const enum cn_type *declared_type(const struct cn_json_columns_options *options,
                                         struct cn_str name) {
    const enum cn_type *any = NULL;

    if (!options)
        return NULL;
    for (size_t i = 0; i < options->n_types; i++) {
        const struct cn_json_declared *declared = &options->types[i];
        if (declared->any)
            any = &declared->type;
        else if (cn_str_equal(declared->name, name))
            return &declared->type;
    }
    return any;
}

static enum cn_code fail_column(struct cn_error *error, enum cn_code code, struct cn_str name,
                                const char *detail) {
    if (error && error->code == CN_OK) {
        cn_error_set(error, code, "%s", detail);
        cn_error_set_column(error, name);
    }
    return code;
}

/* Room for one column more. */
static enum cn_code admit_column(struct reading *reading, struct cn_error *error) {
    if (reading->n >= reading->limits->max_columns) {
        if (error && error->code == CN_OK) {
            cn_error_set(error, CN_LIMIT_EXCEEDED, "There are more than %zu columns.",
                         reading->limits->max_columns);
            cn_error_set_limit(error, "--max-columns");
        }
        return CN_LIMIT_EXCEEDED;
    }
    if (reading->n < reading->room)
        return CN_OK;
    size_t room = reading->room ? 2 * reading->room : 8;
    struct cn_column *columns = cn_arena_array(&reading->frame->arena, room, sizeof *columns);
    size_t *lengths = cn_arena_array(&reading->frame->arena, room, sizeof *lengths);
    if (!columns || !lengths)
        return cn_error_memory(error);
    if (reading->n) {
        memcpy(columns, reading->columns, reading->n * sizeof *columns);
        memcpy(lengths, reading->lengths, reading->n * sizeof *lengths);
    }
    reading->columns = columns;
    reading->lengths = lengths;
    reading->room = room;
    return CN_OK;
}

/* A member's name, as the frame's own text. */
static enum cn_code read_name(struct reading *reading, struct cn_str *name,
                              struct cn_error *error) {
    struct cn_json_string string;

    CN_TRY(cn_json_scan_name(&reading->scan, &string, error));
    *name = cn_json_string_text(&string, &reading->frame->arena);
    if (name->data && !string.escaped)
        *name = cn_arena_str(&reading->frame->arena, *name);
    if (!name->data)
        return cn_error_memory(error);
    return CN_OK;
}

/* The array of a column whose name was read and is counted in reading->n already. */
static enum cn_code read_array(struct reading *reading, struct cn_str name,
                               struct cn_error *error) {
    struct cn_json_scan *scan = &reading->scan;
    bool more;

    if (name.len && memchr(name.data, 0, name.len))
        return fail_column(error, CN_INVALID_VALUE, name,
                           "A column's name holds the character U+0000, which no name may hold.");
    int c = cn_json_peek(scan);
    if (c != '[') {
        CN_TRY(cn_json_scan_value(scan, error));
        fail_column(error, CN_INVALID_PARAMETER, name, "A column must be an array of values.");
        if (error && error->parameter[0] == 0)
            cn_error_set_parameter(error, CN_STR("columns"));
        return CN_INVALID_PARAMETER;
    }
    CN_TRY(cn_json_scan_open(scan, error));
    CN_TRY(cn_json_builder_start(&reading->builder, name, declared_type(reading->options, name),
                                 error));
    CN_TRY(cn_json_scan_next(scan, true, &more, error));
    while (more) {
        read_numbers(reading);
        CN_TRY(read_cell(reading, error));
        if (scan->at < scan->end && *scan->at == ',')
            scan->at++;
        else
            CN_TRY(cn_json_scan_next(scan, false, &more, error));
    }
    reading->lengths[reading->n - 1] = reading->builder.rows;
    if (reading->n == 1)
        reading->builder.expected = reading->builder.rows;
    return cn_json_builder_finish(&reading->builder, &reading->columns[reading->n - 1], error);
}

static enum cn_code read_all(struct reading *reading, struct cn_error *error) {
    struct cn_json_scan *scan = &reading->scan;
    bool more;

    if (cn_json_peek(scan) != '{')
        return cn_json_fail(scan, scan->at, "an object of columns", error);
    CN_TRY(cn_json_scan_open(scan, error));
    CN_TRY(cn_json_scan_next(scan, true, &more, error));
    while (more) {
        struct cn_str name;
        CN_TRY(read_name(reading, &name, error));
        CN_TRY(admit_column(reading, error));
        reading->columns[reading->n++] = (struct cn_column){.name = name};
        CN_TRY(read_array(reading, name, error));
        CN_TRY(cn_json_scan_next(scan, false, &more, error));
    }
    return CN_OK;
}

/* ---- the columns together ----------------------------------------------------------------- */

static int compare_names(const void *a, const void *b) {
    const struct cn_column *x = *(const struct cn_column *const *)a;
    const struct cn_column *y = *(const struct cn_column *const *)b;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = len ? memcmp(x->name.data, y->name.data, len) : 0;

    if (order == 0)
        order = (x->name.len > y->name.len) - (x->name.len < y->name.len);
    return order ? order : (x > y) - (x < y);
}

/* The first column that has the name of one before it. Sorting needs no hash that a body could be
 * made to defeat. */
static enum cn_code check_names(const struct reading *reading, struct cn_error *error) {
    const struct cn_column *twice = NULL;
    const struct cn_column **sorted;

    if (reading->n < 2)
        return CN_OK;
    sorted = cn_arena_array(&reading->frame->arena, reading->n, sizeof(*sorted));
    if (!sorted)
        return cn_error_memory(error);
    for (size_t i = 0; i < reading->n; i++)
        sorted[i] = &reading->columns[i];
    qsort(sorted, reading->n, sizeof(*sorted), compare_names);
    for (size_t i = 1; i < reading->n; i++) {
        if (cn_str_equal(sorted[i]->name, sorted[i - 1]->name) && (!twice || sorted[i] < twice))
            twice = sorted[i];
    }
    if (!twice)
        return CN_OK;
    return fail_column(error, CN_DUPLICATE_NAME, twice->name, "Two columns have the same name.");
}

/* How much of a name to show: at most 48 bytes, no character cut. */
static int shown(struct cn_str name) {
    size_t len = name.len < 48 ? name.len : 48;

    while (len < name.len && len > 0 && ((unsigned char)name.data[len] & 0xC0) == 0x80)
        len--;
    return (int)len;
}

static enum cn_code fail_ragged(const struct reading *reading, size_t odd, struct cn_error *error) {
    char detail[sizeof error->detail - 1];
    size_t at;

    at = (size_t)snprintf(detail, sizeof detail, "The columns differ in length:");
    for (size_t i = 0; i < reading->n && at < sizeof detail; i++) {
        struct cn_str name = reading->columns[i].name;
        if (sizeof detail - at < 96 && i + 1 < reading->n) {
            at +=
                (size_t)snprintf(detail + at, sizeof detail - at, " and %zu more", reading->n - i);
            break;
        }
        at += (size_t)snprintf(detail + at, sizeof detail - at, " %.*s: %zu%s", shown(name),
                               name.data, reading->lengths[i], i + 1 < reading->n ? "," : "");
    }
    fail_column(error, CN_RAGGED_COLUMNS, reading->columns[odd].name, detail);
    if (error && error->row < 0) {
        size_t a = reading->lengths[0], b = reading->lengths[odd];
        error->row = (int64_t)(a < b ? a : b); /* the first that only one of them has */
    }
    return CN_RAGGED_COLUMNS;
}

static enum cn_code check_lengths(const struct reading *reading, struct cn_error *error) {
    for (size_t i = 1; i < reading->n; i++) {
        if (reading->lengths[i] != reading->lengths[0])
            return fail_ragged(reading, i, error);
    }
    return CN_OK;
}

/* The object that the scanner is at, into the frame; the scanner is behind it then. */
static enum cn_code read_object(struct reading *reading, struct cn_error *error) {
    struct cn_error first, cell;

    cn_error_init(&cell);
    cn_error_init(&first);
    cn_json_builder_init(&reading->builder, reading->frame, reading->limits->max_rows);
    enum cn_code code = read_all(reading, &cell);
    cn_json_builder_release(&reading->builder);
    /* A name that is there twice stands before the fault of what is behind it. */
    if (check_names(reading, &first) != CN_OK) {
        cell = first;
        code = first.code;
    } else if (code == CN_OK) {
        code = check_lengths(reading, &cell);
    }
    if (code != CN_OK) {
        if (error && error->code == CN_OK)
            *error = cell;
        return code;
    }
    reading->frame->columns = reading->columns;
    reading->frame->n_columns = reading->n;
    reading->frame->rows = reading->n ? reading->lengths[0] : 0;
    return CN_OK;
}

enum cn_code cn_json_read_columns(struct cn_str text, const struct cn_json_limits *limits,
                                  const struct cn_json_columns_options *options,
                                  struct cn_frame *frame, struct cn_error *error) {
    struct reading reading = {.limits = limits, .options = options, .frame = frame};

    cn_json_scan_init(&reading.scan, text, limits->max_depth, &frame->arena);
    CN_TRY(read_object(&reading, error));
    return cn_json_scan_end(&reading.scan, error);
}

/* ---- columns before the options ----------------------------------------------------------- */

bool cn_json_scan_columns(struct cn_json_scan *scan, const struct cn_json_limits *limits,
                          struct cn_frame *frame) {
    struct reading reading = {.limits = limits, .frame = frame};
    struct cn_str text = cn_str(scan->at, (size_t)(scan->end - scan->at));

    cn_json_scan_init(&reading.scan, text, limits->max_depth - scan->depth, &frame->arena);
    if (read_object(&reading, NULL) != CN_OK) {
        cn_frame_release(frame);
        return false;
    }
    scan->at = reading.scan.at;
    return true;
}

bool cn_json_columns_stand(const struct cn_frame *frame,
                           const struct cn_json_columns_options *options) {
    for (size_t i = 0; i < frame->n_columns; i++) {
        const struct cn_column *column = &frame->columns[i];
        const enum cn_type *declared = declared_type(options, column->name);
        if (declared && *declared != column->type)
            return false;
        if (options && options->n_nulls && column->type == CN_TYPE_STRING)
            return false;
    }
    return true;
}
