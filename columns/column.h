/*
 * column.h: the types of values, blocks of values, and whole columns.
 *
 * A vector is a block of at most CN_BLOCK_ROWS values on its way through one worker. A column is
 * all values of one name, kept in the server's memory for JSON bodies (CSV never has any: its
 * morsels go straight from text to text). Both mark nulls with one byte a row; the value under a
 * null is unspecified but readable.
 */
#ifndef CN_COLUMNS_COLUMN_H
#define CN_COLUMNS_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "kernels/number_fields.h"

/* CN_TYPE_NULL: a column without any value; it fits wherever another type is wanted. */
enum cn_type {
    CN_TYPE_NULL,
    CN_TYPE_BOOL,
    CN_TYPE_INT64,
    CN_TYPE_FLOAT64,
    CN_TYPE_STRING,
    CN_TYPE_COUNT
};

const char *cn_type_name(enum cn_type type); /* "float64" */
/* "bool", "int64", "float64", "string" and "null". */
bool cn_type_parse(struct cn_str name, enum cn_type *type);
/* Bytes of one value in a column; 0 for strings and null. */
size_t cn_type_width(enum cn_type type);

#define CN_BLOCK_ROWS 1024

/*
 * A block of values. `values` points to rows elements of:
 *   bool: uint8_t (0 or 1), int64: int64_t, float64: double, string: struct cn_str;
 * null-typed vectors have no values (NULL) and every row is null.
 * nulls[i] != 0 marks a null; nulls == NULL means that there is none.
 */
struct cn_vector {
    enum cn_type type;
    const void *values;
    const uint8_t *nulls;
};

/*
 * The fields that a block of numbers was read from, where it was read from text. A field whose mark
 * has CN_FIELD_CANONICAL is, to the byte, what would be written for its value.
 */
struct cn_texts {
    const struct cn_field *fields; /* by row; NULL: there are none */
    const uint8_t *marks;          /* by row */
    const char *end;               /* of the text that they stand in */
};

/*
 * A whole column. Strings are Arrow-like: value i is bytes[offsets[i] .. offsets[i + 1]), so that
 * any range of rows is a few plain runs of bytes, which can be shipped to another process.
 * Owner: the frame's arena or blocks (see frame.h).
 */
struct cn_column {
    struct cn_str name;
    enum cn_type type;
    const void *values;      /* bool, int64, float64 as in a vector; NULL for strings and null */
    const uint64_t *offsets; /* strings only: rows + 1 of them */
    const char *bytes;       /* strings only */
    const uint8_t *nulls;    /* NULL: none */
};

/* Points `vector` at rows [first, first + count) of a column; for strings the views are made in
 * `arena`, for a null-typed column its marks. */
enum cn_code cn_column_vector(const struct cn_column *column, size_t first, size_t count,
                              struct cn_arena *arena, struct cn_vector *vector,
                              struct cn_error *error);

#endif
