/*
 * csv_helpers.h: reading a whole CSV text, and the result in a form that can be compared.
 */
#ifndef CN_TESTS_CSV_HELPERS_H
#define CN_TESTS_CSV_HELPERS_H

#include <inttypes.h>

#include "tests/unit/columns_helpers.h"

/* What reading a text gave: rows printed one a line, or a fault. */
struct result {
    struct cn_buf rows;
    enum cn_code code;
    int64_t line;
    char detail[sizeof((struct cn_error *)0)->detail];
};

static inline void result_release(struct result *result) {
    cn_buf_release(&result->rows);
}

static inline void print_row(struct cn_buf *out, const struct cn_csv_block *block, size_t row,
                             int64_t lines_before) {
    const struct cn_csv_row *place = &block->row[row];
    assert_true(cn_buf_printf(out, "%" PRId64 " %zu+%zu:", place->line + lines_before,
                              (size_t)(place->end - place->start),
                              (size_t)(place->next - place->end)));
    for (size_t c = 0; c < block->n_columns; c++) {
        const struct cn_csv_field *field = &block->fields[c * block->capacity + row];
        assert_true(
            cn_buf_printf(out, "%c%c<", field->quoted ? 'q' : '-', field->escaped ? 'e' : '-'));
        assert_true(cn_buf_add(out, field->data, field->len));
        assert_true(cn_buf_add_c(out, ">"));
    }
    assert_true(cn_buf_add_char(out, '\n'));
}

/* Reads a text and adds to `result`; *lines counts on. `rows`: of a block at most, 0 for as many as
 * there may be. False: a fault. */
static inline bool read_blocks(const char *text, size_t len, char delimiter, size_t n_columns,
                               size_t rows, int64_t *lines, struct result *result) {
    struct cn_csv_dialect dialect = {delimiter, true};
    struct cn_csv_block block;
    struct cn_csv_reader reader;
    struct cn_arena arena;
    struct cn_error error;
    char *copy = exact_copy(text, len);

    cn_error_init(&error);
    cn_arena_init(&arena, 1 << 16);
    assert_int_equal(cn_csv_block_init(&block, n_columns, &arena, NULL), CN_OK);
    if (rows > 0 && rows < block.capacity)
        block.capacity = rows; /* many blocks; fields still lie within the memory */
    cn_csv_reader_init(&reader, cn_str(copy, len), dialect, n_columns);
    do {
        result->code = cn_csv_reader_next(&reader, &block, &error);
        for (size_t row = 0; result->code == CN_OK && row < block.rows; row++)
            print_row(&result->rows, &block, row, *lines);
    } while (result->code == CN_OK && block.rows > 0);
    if (result->code != CN_OK) {
        assert_int_equal(block.rows, 0);
        assert_int_equal(error.code, result->code);
        result->line = *lines + error.line;
        snprintf(result->detail, sizeof result->detail, "%s", error.detail);
    }
    *lines += reader.lines;
    cn_arena_release(&arena);
    free(copy);
    return result->code == CN_OK;
}

static inline bool read_piece(const char *text, size_t len, char delimiter, size_t n_columns,
                              int64_t *lines, struct result *result) {
    return read_blocks(text, len, delimiter, n_columns, n_columns > 1 ? 3 : 0, lines, result);
}

static inline void read_whole(const char *text, size_t len, char delimiter, size_t n_columns,
                              struct result *result) {
    int64_t lines = 0;
    *result = (struct result){0};
    read_piece(text, len, delimiter, n_columns, &lines, result);
}

/* Letters that make faults likely. */
#define CSV_LETTERS "aa1,,,\"\"\"\n\n\n\r. \xC3\xA9\xC3\xA9\x80"

#endif
