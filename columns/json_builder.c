/*
 * json_builder.c: one column while its cells arrive.
 */
#include "columns/json_builder.h"

#define FIRST_ROOM 256
#define LARGE ((size_t)64 * 1024)

void cn_json_builder_init(struct cn_json_builder *builder, struct cn_frame *frame,
                          size_t max_rows) {
    *builder = (struct cn_json_builder){.frame = frame, .max_rows = max_rows};
}

static void run_release(struct cn_frame *frame, struct cn_json_run *run) {
    cn_frame_give(frame, run->data, run->size);
    *run = (struct cn_json_run){0};
}

void cn_json_builder_release(struct cn_json_builder *builder) {
    run_release(builder->frame, &builder->values);
    run_release(builder->frame, &builder->nulls);
    run_release(builder->frame, &builder->bytes);
}

/* ---- errors ------------------------------------------------------------------------------- */

enum cn_code cn_json_builder_fail(const struct cn_json_builder *builder, enum cn_code code,
                                  struct cn_str value, const char *detail, struct cn_error *error) {
    if (error && error->code == CN_OK) {
        cn_error_set(error, code, "%s", detail);
        error->row = (int64_t)builder->rows;
        cn_error_set_column(error, builder->name);
        if (value.len)
            cn_error_set_value(error, value);
    }
    return code;
}

static const char *plural(enum cn_type type) {
    switch (type) {
    case CN_TYPE_BOOL:
        return "bools";
    case CN_TYPE_STRING:
        return "strings";
    default:
        return "numbers";
    }
}

enum cn_code cn_json_builder_mismatch(const struct cn_json_builder *builder, const char *found,
                                      struct cn_error *error) {
    char detail[160];

    if (builder->declared) {
        snprintf(detail, sizeof detail, "The column is declared %s; this cell is %s.",
                 cn_type_name(builder->type), found);
        return cn_json_builder_fail(builder, CN_INVALID_VALUE, cn_str("", 0), detail, error);
    }
    if (builder->type == CN_TYPE_NULL)
        snprintf(detail, sizeof detail,
                 "A cell must be a number, a string, true, false or null; this one is %s.", found);
    else
        snprintf(detail, sizeof detail, "The cells before are %s; this one is %s.",
                 plural(builder->type), found);
    return cn_json_builder_fail(builder, CN_MIXED_TYPES, cn_str("", 0), detail, error);
}

/* ---- memory ------------------------------------------------------------------------------- */

/* Makes room for `need` bytes and keeps the first `used`. False: no memory. */
static bool run_grow(struct cn_frame *frame, struct cn_json_run *run, size_t used, size_t need) {
    if (need <= run->size)
        return true;
    size_t size = run->size > need / 2 && run->size < SIZE_MAX / 2 ? 2 * run->size : need;
    char *data = cn_frame_take(frame, &size);
    if (!data)
        return false;
    if (used)
        memcpy(data, run->data, used);
    cn_frame_give(frame, run->data, run->size);
    *run = (struct cn_json_run){data, size};
    return true;
}

/* Bytes of `values` for so many rows. */
static size_t values_size(enum cn_type type, size_t rows) {
    if (type == CN_TYPE_STRING)
        return (rows + 1) * sizeof(uint64_t);
    return rows * cn_type_width(type);
}

/* Makes room for one row more. A column of no type yet needs none. */
static bool grow_rows(struct cn_json_builder *builder) {
    size_t used = builder->rows;
    size_t rows = used < FIRST_ROOM / 2 ? FIRST_ROOM : 2 * used;

    if (rows > SIZE_MAX / 32)
        return false;
    if (builder->expected > rows)
        rows = builder->expected;
    /* Without room there is nothing to keep: the run holds what the last column left. */
    size_t keep = builder->room ? values_size(builder->type, used) : 0;
    if (!run_grow(builder->frame, &builder->values, keep, values_size(builder->type, rows)))
        return false;
    if (builder->any_null && !run_grow(builder->frame, &builder->nulls, used, rows))
        return false;
    builder->room = rows;
    return true;
}

/* Counts the row that is to come against the limit, and makes room for it. */
static inline enum cn_code admit(struct cn_json_builder *builder, struct cn_error *error) {
    if (builder->rows >= builder->max_rows) {
        char detail[96];
        snprintf(detail, sizeof detail, "The column has more than %zu rows.", builder->max_rows);
        enum cn_code code =
            cn_json_builder_fail(builder, CN_LIMIT_EXCEEDED, cn_str("", 0), detail, error);
        if (error && error->code == code)
            cn_error_set_limit(error, "--max-rows");
        return code;
    }
    if (builder->rows >= builder->room && builder->type != CN_TYPE_NULL && !grow_rows(builder))
        return cn_error_memory(error);
    return CN_OK;
}

/* Starts to mark nulls: none of the rows so far is one, or (`all`) each is. */
static bool start_nulls(struct cn_json_builder *builder, bool all) {
    size_t need = builder->room > builder->rows ? builder->room : builder->rows + 1;

    if (!run_grow(builder->frame, &builder->nulls, 0, need))
        return false;
    memset(builder->nulls.data, all, builder->rows);
    builder->any_null = true;
    return true;
}

/* The column has a type now; the rows so far, if there are any, are null. */
static bool start_type(struct cn_json_builder *builder, enum cn_type type) {
    builder->type = type;
    if (!grow_rows(builder))
        return false;
    memset(builder->values.data, 0, values_size(type, builder->rows));
    return builder->rows == 0 || start_nulls(builder, true);
}

/* ---- cells -------------------------------------------------------------------------------- */

enum cn_code cn_json_builder_start(struct cn_json_builder *builder, struct cn_str name,
                                   const enum cn_type *type, struct cn_error *error) {
    builder->name = name;
    builder->declared = type != NULL;
    builder->type = CN_TYPE_NULL;
    builder->rows = builder->room = builder->n_bytes = 0;
    builder->any_null = false;
    if (type && *type != CN_TYPE_NULL && !start_type(builder, *type))
        return cn_error_memory(error);
    return CN_OK;
}

/* Makes the column ready for a cell of a kind that is no number. */
static inline enum cn_code accept(struct cn_json_builder *builder, enum cn_type type,
                                  const char *found, struct cn_error *error) {
    if (builder->type != type) {
        if (builder->type != CN_TYPE_NULL || builder->declared)
            return cn_json_builder_mismatch(builder, found, error);
        if (!start_type(builder, type))
            return cn_error_memory(error);
    }
    return admit(builder, error);
}

/* The marks and the end of a row whose value is in place. */
static inline void end_row(struct cn_json_builder *builder, uint8_t null) {
    if (builder->any_null)
        builder->nulls.data[builder->rows] = (char)null;
    builder->rows++;
}

static inline void put_int64(struct cn_json_builder *builder, int64_t value) {
    memcpy(builder->values.data + builder->rows * sizeof value, &value, sizeof value);
}

static inline void put_float64(struct cn_json_builder *builder, double value) {
    memcpy(builder->values.data + builder->rows * sizeof value, &value, sizeof value);
}

/* The end of the string in this row; its bytes are in place. */
static inline void put_offset(struct cn_json_builder *builder) {
    uint64_t offset = builder->n_bytes;
    memcpy(builder->values.data + (builder->rows + 1) * sizeof offset, &offset, sizeof offset);
}

enum cn_code cn_json_builder_null(struct cn_json_builder *builder, struct cn_error *error) {
    size_t width = cn_type_width(builder->type);

    CN_TRY(admit(builder, error));
    if (builder->type == CN_TYPE_NULL) {
        builder->rows++;
        return CN_OK;
    }
    if (!builder->any_null && !start_nulls(builder, false))
        return cn_error_memory(error);
    if (builder->type == CN_TYPE_STRING)
        put_offset(builder);
    else
        memset(builder->values.data + builder->rows * width, 0, width);
    end_row(builder, 1);
    return CN_OK;
}

enum cn_code cn_json_builder_bool(struct cn_json_builder *builder, bool value,
                                  struct cn_error *error) {
    CN_TRY(accept(builder, CN_TYPE_BOOL, "a bool", error));
    builder->values.data[builder->rows] = value;
    end_row(builder, 0);
    return CN_OK;
}

enum cn_code cn_json_builder_int64(struct cn_json_builder *builder, int64_t value,
                                   struct cn_error *error) {
    if (builder->type == CN_TYPE_FLOAT64) {
        CN_TRY(admit(builder, error));
        put_float64(builder, (double)value);
    } else {
        CN_TRY(accept(builder, CN_TYPE_INT64, "a number", error));
        put_int64(builder, value);
    }
    end_row(builder, 0);
    return CN_OK;
}

/* The first float among ints: what was read so far becomes the nearest doubles, which are those
 * of the ints' texts too. */
static void widen(struct cn_json_builder *builder) {
    char *data = builder->values.data;

    for (size_t row = 0; row < builder->rows; row++) {
        int64_t i;
        memcpy(&i, data + row * sizeof i, sizeof i);
        double d = (double)i;
        memcpy(data + row * sizeof d, &d, sizeof d);
    }
    builder->type = CN_TYPE_FLOAT64;
}

enum cn_code cn_json_builder_float64(struct cn_json_builder *builder, double value,
                                     struct cn_error *error) {
    if (builder->type == CN_TYPE_INT64 && !builder->declared)
        widen(builder);
    CN_TRY(accept(builder, CN_TYPE_FLOAT64, builder->type == CN_TYPE_INT64 ? "a float" : "a number",
                  error));
    put_float64(builder, value);
    end_row(builder, 0);
    return CN_OK;
}

size_t cn_json_builder_room(const struct cn_json_builder *builder, void **values) {
    size_t room = builder->room < builder->max_rows ? builder->room : builder->max_rows;

    if (builder->type != CN_TYPE_FLOAT64 && builder->type != CN_TYPE_INT64)
        return 0;
    if (room <= builder->rows)
        return 0;
    *values = builder->values.data + builder->rows * sizeof(double);
    return room - builder->rows;
}

void cn_json_builder_filled(struct cn_json_builder *builder, size_t rows) {
    if (builder->any_null)
        memset(builder->nulls.data + builder->rows, 0, rows);
    builder->rows += rows;
}

bool cn_json_builder_scratch(struct cn_json_builder *builder, size_t size, char **out) {
    size_t need;

    if (__builtin_add_overflow(builder->n_bytes, size, &need) || need == SIZE_MAX ||
        !run_grow(builder->frame, &builder->bytes, builder->n_bytes, need + 1))
        return false;
    *out = builder->bytes.data + builder->n_bytes;
    return true;
}

enum cn_code cn_json_builder_string(struct cn_json_builder *builder, size_t len,
                                    struct cn_error *error) {
    CN_TRY(accept(builder, CN_TYPE_STRING, "a string", error));
    builder->n_bytes += len;
    put_offset(builder);
    end_row(builder, 0);
    return CN_OK;
}

/* ---- the finished column ------------------------------------------------------------------ */

/* The frame's own memory with the first `used` bytes of a run: the run itself when it is large and
 * mostly full, else a copy. NULL: no memory. */
static const void *settle(struct cn_frame *frame, struct cn_json_run *run, size_t used) {
    if (used >= LARGE && used >= run->size / 2) {
        const void *data = run->data;
        if (!cn_frame_keep(frame, run->data, run->size))
            return NULL;
        *run = (struct cn_json_run){0};
        return data;
    }
    void *copy = cn_frame_alloc(frame, used);
    if (copy && used)
        memcpy(copy, run->data, used);
    return copy;
}

enum cn_code cn_json_builder_finish(struct cn_json_builder *builder, struct cn_column *column,
                                    struct cn_error *error) {
    struct cn_frame *frame = builder->frame;
    size_t rows = builder->rows;

    *column = (struct cn_column){.name = builder->name, .type = builder->type};
    if (builder->type == CN_TYPE_NULL)
        return CN_OK;
    const void *values = settle(frame, &builder->values, values_size(builder->type, rows));
    if (!values)
        return cn_error_memory(error);
    if (builder->type == CN_TYPE_STRING) {
        column->offsets = values;
        column->bytes = settle(frame, &builder->bytes, builder->n_bytes);
        if (!column->bytes)
            return cn_error_memory(error);
    } else {
        column->values = values;
    }
    if (builder->any_null) {
        column->nulls = settle(frame, &builder->nulls, rows);
        if (!column->nulls)
            return cn_error_memory(error);
    }
    return CN_OK;
}
