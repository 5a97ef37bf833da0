/*
 * Fuzz target: CSV. The first byte is the delimiter, the second says how many bytes arrive at a
 * time, the rest is the text, header first.
 *
 * What must hold: the header is the same however much text is there; reading the text in pieces
 * gives the rows, the kinds of its fields, or the fault, of reading it whole; a row written again
 * is the row that was read; an inferred type fits every field.
 */
#include "columns/csv.h"
#include "tests/fuzz/check.h"

#define MAX_COLUMNS 100

/* What reading gave, in a form that can be compared. */
struct outcome {
    enum cn_code code;
    int64_t line;
    int64_t rows;
    struct cn_buf text; /* the rows written again */
    uint8_t seen[MAX_COLUMNS];
    struct cn_error error;
};

static void write_row(struct outcome *outcome, const struct cn_csv_block *block, size_t row,
                      char delimiter) {
    const struct cn_csv_row *place = &block->row[row];
    size_t start = outcome->text.len;

    for (size_t c = 0; c < block->n_columns; c++) {
        if (c > 0)
            CHECK(cn_buf_add_char(&outcome->text, delimiter));
        CHECK(cn_csv_write_field(&outcome->text, &block->fields[c * block->capacity + row]));
    }
    CHECK(cn_str_equal(
        cn_str(outcome->text.data ? outcome->text.data + start : "", outcome->text.len - start),
        cn_str(place->start, (size_t)(place->end - place->start))));
    CHECK(cn_buf_add_char(&outcome->text, '\n'));
}

/* False: a fault. */
static bool read_piece(struct cn_str text, struct cn_csv_dialect dialect, size_t n_columns,
                       int64_t *lines, struct outcome *outcome) {
    struct cn_csv_reader reader;
    struct cn_csv_block block;
    struct cn_arena arena;

    cn_arena_init(&arena, 1 << 16);
    CHECK(cn_csv_block_init(&block, n_columns, &arena, NULL) == CN_OK);
    cn_csv_reader_init(&reader, text, dialect, n_columns);
    do {
        cn_error_init(&outcome->error);
        outcome->code = cn_csv_reader_next(&reader, &block, &outcome->error);
        for (size_t row = 0; outcome->code == CN_OK && row < block.rows; row++)
            write_row(outcome, &block, row, dialect.delimiter);
        for (size_t c = 0; outcome->code == CN_OK && c < n_columns; c++)
            outcome->seen[c] |= cn_csv_seen_column(&block, c, NULL);
    } while (outcome->code == CN_OK && block.rows > 0);
    outcome->line = *lines + outcome->error.line;
    outcome->rows += reader.rows;
    *lines += reader.lines;
    cn_arena_release(&arena);
    return outcome->code == CN_OK;
}

/* As it arrives, `step` bytes at a time. */
static void read_cut(struct cn_str text, struct cn_csv_dialect dialect, size_t n_columns,
                     size_t step, size_t rows_per_cut, struct outcome *outcome) {
    struct cn_csv_cutter cutter;
    size_t start = 0, from = 0, have = 0;
    int64_t lines = 0;

    cn_csv_cutter_init(&cutter, rows_per_cut, n_columns == 1);
    while (from < text.len) {
        if (from == have)
            have = text.len - have < step ? text.len : have + step;
        size_t cut = cn_csv_cutter_scan(&cutter, text.data, from, have, &from);
        CHECK(cut == 0 || (cut > start && cut <= have && text.data[cut - 1] == '\n'));
        if (cut == 0)
            continue;
        if (!read_piece(cn_str(text.data + start, cut - start), dialect, n_columns, &lines,
                        outcome))
            return;
        start = cut;
    }
    read_piece(cn_str(text.data + start, text.len - start), dialect, n_columns, &lines, outcome);
}

static void check_same(const struct outcome *a, const struct outcome *b, size_t n_columns) {
    CHECK(a->code == b->code);
    if (a->code != CN_OK) {
        CHECK(a->line == b->line);
        CHECK(strcmp(a->error.detail, b->error.detail) == 0);
        return;
    }
    CHECK(a->rows == b->rows);
    CHECK(cn_str_equal(cn_buf_str(&a->text), cn_buf_str(&b->text)));
    CHECK(memcmp(a->seen, b->seen, n_columns) == 0);
}

/* Every field fits the type that follows from the kinds. */
static void check_types(struct cn_str text, struct cn_csv_dialect dialect, size_t n_columns,
                        const uint8_t *seen) {
    struct cn_csv_reader reader;
    struct cn_csv_block block;
    struct cn_arena arena;

    cn_arena_init(&arena, 1 << 16);
    CHECK(cn_csv_block_init(&block, n_columns, &arena, NULL) == CN_OK);
    cn_csv_reader_init(&reader, text, dialect, n_columns);
    while (cn_csv_reader_next(&reader, &block, NULL) == CN_OK && block.rows > 0) {
        for (size_t c = 0; c < n_columns; c++) {
            struct cn_vector vector;
            enum cn_type type = cn_csv_seen_type(seen[c]);
            CHECK(cn_csv_decode(&block, c, type, true, NULL, &arena, &vector, NULL) == CN_OK);
            CHECK(vector.type == type);
            for (size_t row = 0; row < block.rows; row++) {
                const struct cn_csv_field *field = &block.fields[c * block.capacity + row];
                bool null = vector.nulls && vector.nulls[row];
                CHECK(null == (field->len == 0 && !field->quoted));
            }
        }
    }
    cn_arena_release(&arena);
}

static size_t check_header(struct cn_str text, struct cn_csv_dialect dialect, size_t step,
                           size_t *n_columns) {
    struct cn_error whole, part;
    struct cn_str *names;
    struct cn_arena arena;
    size_t length, line_end, n, part_length;

    cn_arena_init(&arena, 4096);
    cn_error_init(&whole);
    enum cn_code code = cn_csv_read_header(text, true, dialect, MAX_COLUMNS, &arena, &names,
                                           n_columns, &length, &line_end, &whole);
    for (size_t have = 0; have <= text.len && have < 4096; have += step) {
        cn_error_init(&part);
        enum cn_code some = cn_csv_read_header(cn_str(text.data, have), false, dialect, MAX_COLUMNS,
                                               &arena, &names, &n, &part_length, &line_end, &part);
        if (some == CN_OK && n == 0)
            continue;
        CHECK(some == code);
        CHECK(n == *n_columns && part_length == length);
        CHECK(part.line == whole.line && strcmp(part.detail, whole.detail) == 0);
        break;
    }
    cn_arena_release(&arena);
    if (code != CN_OK)
        *n_columns = 0;
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct cn_csv_dialect dialect = {(char)data[0], data[1] % 2 == 0};
    struct cn_str text = cn_str((const char *)data + 2, size - 2);
    size_t step = 1 + data[1] % 97, n_columns;

    if (strchr("\"\r\n", dialect.delimiter))
        dialect.delimiter = ',';
    size_t length = check_header(text, dialect, step, &n_columns);
    if (n_columns == 0)
        return 0;
    text = cn_str(text.data + length, text.len - length);
    struct outcome *whole = calloc(2, sizeof *whole), *cut = whole + 1;
    CHECK(whole);
    int64_t lines = 0;
    read_piece(text, dialect, n_columns, &lines, whole);
    for (size_t rows_per_cut = 0; rows_per_cut < 3; rows_per_cut++) {
        read_cut(text, dialect, n_columns, step, rows_per_cut, cut);
        check_same(whole, cut, n_columns);
        cn_buf_release(&cut->text);
        *cut = (struct outcome){0};
    }
    if (whole->code == CN_OK)
        check_types(text, dialect, n_columns, whole->seen);
    cn_buf_release(&whole->text);
    free(whole);
    return 0;
}
