/*
 * json_builder.h: one column while its cells arrive. Internal to the JSON files of this folder.
 *
 * The type settles on the way: nothing but nulls so far is CN_TYPE_NULL, the first value decides
 * the kind, and the first float turns the ints before it into doubles, in place. The memory is
 * used again for the next column unless this one is large, in which case the frame gets it. It
 * grows by doubling, so that reading a column takes a bounded number of allocations.
 */
#ifndef CN_COLUMNS_JSON_BUILDER_H
#define CN_COLUMNS_JSON_BUILDER_H

#include "columns/frame.h"

struct cn_json_run {
    char *data;
    size_t size;
};

struct cn_json_builder {
    struct cn_frame *frame;
    size_t max_rows;
    size_t expected; /* rows of the first column: the others should have as many */
    /* the column */
    struct cn_str name;
    bool declared; /* `type` is what the request declared and does not change */
    enum cn_type type;
    size_t rows;
    size_t room; /* rows that `values` and `nulls` have room for */
    bool any_null;
    struct cn_json_run values; /* of strings: the offsets */
    struct cn_json_run nulls;  /* in use once any_null is set */
    struct cn_json_run bytes;
    size_t n_bytes;
};

void cn_json_builder_init(struct cn_json_builder *builder, struct cn_frame *frame, size_t max_rows);
void cn_json_builder_release(struct cn_json_builder *builder);

/* Begins a column; `type` is NULL unless it was declared. */
enum cn_code cn_json_builder_start(struct cn_json_builder *builder, struct cn_str name,
                                   const enum cn_type *type, struct cn_error *error);
/* The column is complete: its values become the frame's. */
enum cn_code cn_json_builder_finish(struct cn_json_builder *builder, struct cn_column *column,
                                    struct cn_error *error);

/* Each adds a cell, or fails with column and row: CN_MIXED_TYPES, CN_INVALID_VALUE (declared),
 * CN_LIMIT_EXCEEDED, no memory. */
enum cn_code cn_json_builder_null(struct cn_json_builder *builder, struct cn_error *error);
enum cn_code cn_json_builder_bool(struct cn_json_builder *builder, bool value,
                                  struct cn_error *error);
enum cn_code cn_json_builder_int64(struct cn_json_builder *builder, int64_t value,
                                   struct cn_error *error);
enum cn_code cn_json_builder_float64(struct cn_json_builder *builder, double value,
                                     struct cn_error *error);
/* Where the next numbers of a column of numbers go, for whoever writes many at once: doubles or
 * int64s, as the type says, at *values. Returns how many there is room for now; 0 for a column of
 * another type too. */
size_t cn_json_builder_room(const struct cn_json_builder *builder, void **values);
/* So many were written there. */
void cn_json_builder_filled(struct cn_json_builder *builder, size_t rows);
/* Room for a string of at most `size` bytes, whatever the column's type. A text that is written
 * there becomes a cell with cn_json_builder_string(). */
CN_NODISCARD bool cn_json_builder_scratch(struct cn_json_builder *builder, size_t size, char **out);
enum cn_code cn_json_builder_string(struct cn_json_builder *builder, size_t len,
                                    struct cn_error *error);

/* The failure of a cell that does not fit, which is `found` ("an array"). */
enum cn_code cn_json_builder_mismatch(const struct cn_json_builder *builder, const char *found,
                                      struct cn_error *error);
/* The failure of the next cell for any other reason. */
enum cn_code cn_json_builder_fail(const struct cn_json_builder *builder, enum cn_code code,
                                  struct cn_str value, const char *detail, struct cn_error *error);

#endif
