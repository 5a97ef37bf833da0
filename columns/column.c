/*
 * column.c: names of types, and columns as vectors.
 */
#include "columns/column.h"

static const char *const type_names[CN_TYPE_COUNT] = {
    [CN_TYPE_NULL] = "null",       [CN_TYPE_BOOL] = "bool",     [CN_TYPE_INT64] = "int64",
    [CN_TYPE_FLOAT64] = "float64", [CN_TYPE_STRING] = "string",
};

const char *cn_type_name(enum cn_type type) {
    return (unsigned)type < CN_TYPE_COUNT ? type_names[type] : "unknown";
}

bool cn_type_parse(struct cn_str name, enum cn_type *type) {
    for (unsigned i = 0; i < CN_TYPE_COUNT; i++) {
        if (cn_str_is(name, type_names[i])) {
            *type = (enum cn_type)i;
            return true;
        }
    }
    return false;
}

size_t cn_type_width(enum cn_type type) {
    switch (type) {
    case CN_TYPE_BOOL:
        return sizeof(uint8_t);
    case CN_TYPE_INT64:
        return sizeof(int64_t);
    case CN_TYPE_FLOAT64:
        return sizeof(double);
    default:
        return 0;
    }
}

static enum cn_code string_views(const struct cn_column *column, size_t first, size_t count,
                                 struct cn_arena *arena, struct cn_vector *vector,
                                 struct cn_error *error) {
    const uint64_t *offsets = column->offsets + first;
    struct cn_str *views = cn_arena_array(arena, count, sizeof *views);

    if (!views)
        return cn_error_memory(error);
    for (size_t i = 0; i < count; i++) {
        size_t len = (size_t)(offsets[i + 1] - offsets[i]);
        views[i] = len ? cn_str(column->bytes + offsets[i], len) : cn_str("", 0);
    }
    vector->values = views;
    return CN_OK;
}

enum cn_code cn_column_vector(const struct cn_column *column, size_t first, size_t count,
                              struct cn_arena *arena, struct cn_vector *vector,
                              struct cn_error *error) {
    *vector = (struct cn_vector){.type = column->type,
                                 .nulls = column->nulls ? column->nulls + first : NULL};
    switch (column->type) {
    case CN_TYPE_NULL:
        if (!vector->nulls) {
            uint8_t *nulls = cn_arena_alloc(arena, count);
            if (!nulls)
                return cn_error_memory(error);
            memset(nulls, 1, count);
            vector->nulls = nulls;
        }
        return CN_OK;
    case CN_TYPE_STRING:
        return string_views(column, first, count, arena, vector, error);
    default:
        vector->values = (const char *)column->values + first * cn_type_width(column->type);
        return CN_OK;
    }
}
