/*
 * json.h: JSON documents with columns in them, read and written.
 *
 * The reader is strict (RFC 8259): exact numbers, no duplicate column names, valid UTF-8, bounded
 * depth, no recursion. It walks the document once from left to right and reports the first fault:
 * CN_INVALID_JSON (detail names line, column and byte offset of the text), CN_INVALID_ENCODING for
 * bytes inside a string that are no UTF-8. Lone surrogates in \u escapes are CN_INVALID_ENCODING.
 *
 * Type of an array: all ints -> int64; ints and floats -> float64; all bools; all strings; null may
 * stand anywhere; nothing but nulls (or empty) -> null. A number with '.', 'e' or 'E' is a float.
 * Errors: CN_INTEGER_OUT_OF_RANGE (an int beyond int64, unless the column is declared float64),
 * CN_NOT_FINITE (beyond float64), CN_MIXED_TYPES (row of the first cell that differs in kind; also
 * for a cell that is an array or object), CN_RAGGED_COLUMNS (all columns are named with their
 * lengths), CN_DUPLICATE_NAME, CN_LIMIT_EXCEEDED. Each names column and row.
 */
#ifndef CN_COLUMNS_JSON_H
#define CN_COLUMNS_JSON_H

#include "base/buf.h"
#include "columns/frame.h"

struct cn_json_limits {
    size_t max_depth;   /* --max-json-depth */
    size_t max_columns; /* --max-columns */
    size_t max_rows;    /* --max-rows */
};

/* A member of the top-level object other than "columns": `value` is its text, already checked. */
struct cn_json_member {
    struct cn_str name; /* unescaped; may hold NUL bytes */
    struct cn_str value;
};

struct cn_json_document {
    bool has_columns;               /* a member "columns" was there and is an object */
    struct cn_str columns;          /* its text */
    struct cn_json_member *members; /* in order, duplicates kept; in `arena` */
    size_t n_members;
    bool columns_read; /* by cn_json_read_body() */
};

/* Reads and checks a whole document whose top level must be an object (CN_INVALID_PARAMETER with a
 * clear text when it is valid JSON of another kind). Views point into `text` or `arena`.
 * A duplicate "columns" member is CN_INVALID_PARAMETER; a "columns" that is no object too. */
enum cn_code cn_json_read_document(struct cn_str text, const struct cn_json_limits *limits,
                                   struct cn_arena *arena, struct cn_json_document *document,
                                   struct cn_error *error);

/*
 * The same, and on the way the columns are read into `frame` (empty before) as if there were no
 * options, so that the text is passed once. If that went well, document->columns_read is set. Any
 * fault in them is left for cn_json_read_columns() to find, since a fault of what stands behind
 * them may have to be reported first.
 */
enum cn_code cn_json_read_body(struct cn_str text, const struct cn_json_limits *limits,
                               struct cn_arena *arena, struct cn_frame *frame,
                               struct cn_json_document *document, struct cn_error *error);

/* What the request declares of the columns before they are read. */
struct cn_json_declared {
    struct cn_str name; /* "*" with any=true: every column not named */
    bool any;
    enum cn_type type;
};
struct cn_json_columns_options {
    const struct cn_json_declared *types;
    size_t n_types;
    const struct cn_str *nulls; /* string cells equal to one of these are null */
    size_t n_nulls;
};

/* Reads the text of the "columns" member into `frame`. Under a declared type an int fits float64;
 * any other cell of another kind is CN_INVALID_VALUE with row and column. `options` may be NULL. */
enum cn_code cn_json_read_columns(struct cn_str text, const struct cn_json_limits *limits,
                                  const struct cn_json_columns_options *options,
                                  struct cn_frame *frame, struct cn_error *error);

/* Whether columns that were read without options are what they would be with these. */
bool cn_json_columns_stand(const struct cn_frame *frame,
                           const struct cn_json_columns_options *options);

/* How NaN and infinities are written. */
enum cn_json_nan { CN_JSON_NAN_NULL, CN_JSON_NAN_STRING, CN_JSON_NAN_ERROR };

/* Appends `rows` values as array elements, each preceded by ',' (also the first: whoever joins the
 * pieces drops it). Floats are shortest round-trip text in Python's form, ints are decimal, bools
 * true/false, strings escaped (only what RFC 8259 demands: '"', '\\' and controls; UTF-8 stays).
 * CN_JSON_NAN_ERROR: CN_NOT_FINITE with the row (relative to this vector). */
enum cn_code cn_json_write_vector(struct cn_buf *out, const struct cn_vector *vector, size_t rows,
                                  enum cn_json_nan nan, struct cn_error *error);

/* Appends one JSON string with its quotes. False: no memory. */
CN_NODISCARD bool cn_json_write_string(struct cn_buf *out, struct cn_str text);
CN_NODISCARD bool cn_json_write_int(struct cn_buf *out, int64_t value);
CN_NODISCARD bool cn_json_write_double(struct cn_buf *out, double value); /* NaN, inf: null */

#endif
