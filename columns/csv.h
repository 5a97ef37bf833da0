/*
 * csv.h: CSV text, cut, read, typed and written (RFC 4180, and section 5 of the HTTP contract).
 *
 * The text of a body is cut into morsels at record ends by the thread that receives it (cutter),
 * and read by workers block by block (reader). A reader always begins at the start of a record.
 * Nothing here copies a field: fields are views of the text, valid as long as it.
 */
#ifndef CN_COLUMNS_CSV_H
#define CN_COLUMNS_CSV_H

#include "base/buf.h"
#include "columns/column.h"

struct cn_csv_dialect {
    char delimiter; /* one byte; not '"', CR or LF */
    bool header;    /* the first record holds the names */
};

/* ---- cutting ------------------------------------------------------------------------------ */

/*
 * Finds where a text may be cut. Only quotes, line ends and (when rows are counted) empty lines
 * matter to it, so it is fast and never fails; faults of the text are found by the reader, which
 * reports the same fault wherever the text was cut, because up to the first fault the cutter's
 * idea of "inside quotes" is the reader's.
 */
struct cn_csv_cutter {
    bool quoted;         /* inside quotes at the end of what was scanned */
    bool one_column;     /* an empty line is a row then */
    size_t rows_per_cut; /* 0: cut after any record */
    size_t rows;         /* data rows since the last cut (only when rows_per_cut > 0) */
    bool line_empty;     /* nothing but a CR since the last line end */
    bool line_cr;        /* that CR was there */
};

void cn_csv_cutter_init(struct cn_csv_cutter *cutter, size_t rows_per_cut, bool one_column);

/*
 * Scans data[from .. len), each byte once over the whole life of the text.
 * rows_per_cut == 0: all of it is scanned, *scanned = len, and the result is the offset behind the
 *   last record end in the range (0: there was none).
 * rows_per_cut > 0: stops behind the rows_per_cut-th row since the last cut; the result is that
 *   offset and *scanned too, the row count starts anew; or 0 and *scanned = len if it was not
 * reached.
 */
size_t cn_csv_cutter_scan(struct cn_csv_cutter *cutter, const char *data, size_t from, size_t len,
                          size_t *scanned);

/* ---- reading ------------------------------------------------------------------------------ */

/* A field as it stands in the text. data..len is what stands between the delimiters, without the
 * outer quotes when `quoted`; `escaped`: it holds doubled quotes. */
struct cn_csv_field {
    const char *data;
    uint32_t len;
    bool quoted;
    bool escaped;
};

/* A row as it stands in the text: [start, end) without its line end, [start, next) with it. */
struct cn_csv_row {
    const char *start;
    const char *end;
    const char *next;
    int64_t line; /* of its first byte, from 1, relative to the reader's text */
};

/* A block of rows; field of column c in row r: fields[c * capacity + r]. */
struct cn_csv_block {
    struct cn_csv_field *fields;
    struct cn_csv_row *row;
    uint32_t *marks; /* the reader's own: offsets of separators */
    size_t capacity; /* rows at most: CN_BLOCK_ROWS, fewer for wide tables */
    size_t n_columns;
    size_t rows;
};

/* Memory from `arena`; n_columns > 0. */
enum cn_code cn_csv_block_init(struct cn_csv_block *block, size_t n_columns, struct cn_arena *arena,
                               struct cn_error *error);

struct cn_csv_reader {
    const char *at;
    const char *end;
    struct cn_csv_dialect dialect;
    size_t n_columns;
    int64_t rows;  /* data rows read so far */
    int64_t lines; /* line ends passed so far, those inside quotes too */
};

/* `text` begins at a record start and ends at a record end or at the end of the whole text. */
void cn_csv_reader_init(struct cn_csv_reader *reader, struct cn_str text,
                        struct cn_csv_dialect dialect, size_t n_columns);

/*
 * Reads the next rows into `block`; block->rows is 0 at the end. Checks structure and encoding:
 * CN_INVALID_CSV with `line` (relative: 1 is the first line of the reader's text) for a row with
 * more or fewer fields (both counts in the detail), a stray quote, an unclosed quote, text behind a
 * closing quote, a bare CR outside quotes, invalid UTF-8 (detail: the byte, how to convert, e.g.
 * iconv) and NUL. Rows before the line at fault are returned first, and the next call fails:
 * whoever finds fault with those rows comes before. The fault of the lowest line wins, and of those
 * on one line the first (a wrong number of fields counts as being at the record's end). A record
 * with a fault in its quotes or line end has no number of fields. A field of more than UINT32_MAX
 * bytes is CN_LIMIT_EXCEEDED. Empty lines are skipped with two or more columns, null rows with one.
 */
enum cn_code cn_csv_reader_next(struct cn_csv_reader *reader, struct cn_csv_block *block,
                                struct cn_error *error);

/*
 * Reads the header record: names are unquoted and unescaped into `arena`; *length is the record's
 * length with its line end, *n_names the columns; *line_end the length of its line end (0, 1, 2).
 * A UTF-8 byte-order mark must have been dropped before. With dialect.header == false the names are
 * c0, c1, ... and *length is 0. CN_INVALID_CSV for an empty text; CN_LIMIT_EXCEEDED past
 * max_columns. How many columns there are is said by the first record that is not an empty line; if
 * it has two or more fields the empty lines before it are skipped (and part of *length, which may
 * thus span several lines), else the first line is the header, empty or not. `complete` says that
 * the text is the whole body: otherwise, when no record end is in sight, *length stays 0 and
 * *n_names 0 with CN_OK: come again with more.
 */
enum cn_code cn_csv_read_header(struct cn_str text, bool complete, struct cn_csv_dialect dialect,
                                size_t max_columns, struct cn_arena *arena, struct cn_str **names,
                                size_t *n_names, size_t *length, size_t *line_end,
                                struct cn_error *error);

/* The text of a field, unescaped into `arena` if it must be. data is NULL when memory ran out. */
struct cn_str cn_csv_field_text(const struct cn_csv_field *field, struct cn_arena *arena);

/* ---- types -------------------------------------------------------------------------------- */

/*
 * What kinds of text a column holds, as a set. The set of a whole column is the union of those of
 * its parts, and its type follows from the set alone: so the answer does not depend on the cut.
 */
enum {
    CN_CSV_SEEN_INT64 = 1,
    CN_CSV_SEEN_FLOAT64 = 2,
    CN_CSV_SEEN_BOOL = 4,
    CN_CSV_SEEN_STRING = 8,
};
enum cn_type cn_csv_seen_type(uint8_t seen);

/* Texts that mean null beside the empty field; matched against the field's text, quoted or not. */
struct cn_csv_nulls {
    const struct cn_str *texts;
    size_t n_texts;
};

/* The union of the kinds of one column's fields in a block. */
uint8_t cn_csv_seen_column(const struct cn_csv_block *block, size_t column,
                           const struct cn_csv_nulls *nulls);

/*
 * The values of one column of a block. For `declared` types (option `types`) a text that does not
 * fit is CN_INVALID_VALUE with row (relative to the block), line and value; declared numbers may
 * have a leading '+' or zeros. For inferred types the text must fit (the caller has the set of
 * kinds); a text that does not is treated as null, because the morsel will be done again.
 * CN_TYPE_NULL gives an all-null vector. Memory from `arena`.
 */
enum cn_code cn_csv_decode(const struct cn_csv_block *block, size_t column, enum cn_type type,
                           bool declared, const struct cn_csv_nulls *nulls, struct cn_arena *arena,
                           struct cn_vector *vector, struct cn_error *error);

/* What cn_csv_load() is to make of a column: as in cn_csv_decode(). */
struct cn_csv_wanted {
    enum cn_type type;
    bool declared;
    bool canonical; /* marks in `texts` */
    const struct cn_csv_nulls *nulls;
};

struct cn_csv_loaded {
    struct cn_vector vector;
    struct cn_texts texts; /* of int64 and float64, if they are wanted */
    uint8_t seen;          /* as cn_csv_seen_column() tells; of a string column: STRING */
};

/* The same as cn_csv_decode(), and what kinds of text the fields hold, in one pass. */
enum cn_code cn_csv_load(const struct cn_csv_block *block, size_t column,
                         const struct cn_csv_wanted *wanted, struct cn_arena *arena,
                         struct cn_csv_loaded *loaded, struct cn_error *error);

/* The fields' own texts, unquoted, as strings (for text='raw'); nulls as in cn_csv_decode(). */
enum cn_code cn_csv_decode_raw(const struct cn_csv_block *block, size_t column,
                               const struct cn_csv_nulls *nulls, struct cn_arena *arena,
                               struct cn_vector *vector, struct cn_error *error);

/* ---- writing ------------------------------------------------------------------------------ */

/* Appends a field as it stood in the text, with its quotes. False: no memory. */
CN_NODISCARD bool cn_csv_write_field(struct cn_buf *out, const struct cn_csv_field *field);
/* Appends a string, quoted only where needed (delimiter, quote, CR, LF in it, or empty; also
 * leading/trailing blanks are NOT a reason). */
CN_NODISCARD bool cn_csv_write_string(struct cn_buf *out, struct cn_str text, char delimiter);

/* One column of the rows that are written: fields as they stood in a text, or values: null is
 * nothing, bool True/False, float as Python's repr, strings quoted only where needed. */
struct cn_csv_cells {
    const struct cn_csv_field *fields; /* one a row; NULL: the values */
    const struct cn_vector *vector;
    bool bare; /* strings of which none is empty or holds anything but letters and digits */
};

struct cn_csv_rows {
    const struct cn_csv_row *rows; /* as they stood in a text: their line ends are kept, a missing
                                      one too, except behind an empty row; NULL: LF everywhere */
    bool verbatim;                 /* each begins with all of its text */
    const struct cn_csv_cells *cells; /* what follows it, or all there is */
    size_t n_cells;
    size_t count;
    char delimiter;
};

/*
 * Appends rows. out->len grows past `most` only by the row that passes it: *written says how many
 * rows were appended, that one included, and is less than count, or out->len more than most, only
 * then. Scratch memory from `arena`. False: no memory.
 */
CN_NODISCARD bool cn_csv_write_rows(struct cn_buf *out, const struct cn_csv_rows *rows, size_t most,
                                    size_t *written, struct cn_arena *arena);

#endif
