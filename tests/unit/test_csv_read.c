/*
 * Reading CSV: rows, faults, headers; and that it does not matter where the text was cut.
 */
#include "tests/unit/columns_helpers.h"

#include <inttypes.h>

/* What reading a text gave: rows printed one a line, or a fault. */
struct result {
    struct cn_buf rows;
    enum cn_code code;
    int64_t line;
    char detail[sizeof((struct cn_error *)0)->detail];
};

static void result_release(struct result *result) {
    cn_buf_release(&result->rows);
}

static void print_row(struct cn_buf *out, const struct cn_csv_block *block, size_t row,
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

/* Reads a text and adds to `result`; *lines counts on. False: a fault. */
static bool read_piece(const char *text, size_t len, char delimiter, size_t n_columns,
                       int64_t *lines, struct result *result) {
    struct cn_csv_dialect dialect = {delimiter, true};
    struct cn_csv_block block;
    struct cn_csv_reader reader;
    struct cn_arena arena;
    struct cn_error error;
    char *copy = exact_copy(text, len);

    cn_error_init(&error);
    cn_arena_init(&arena, 1 << 16);
    assert_int_equal(cn_csv_block_init(&block, n_columns, &arena, NULL), CN_OK);
    if (n_columns > 1)
        block.capacity = 3; /* many blocks; fields still lie within the memory */
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

static void read_whole(const char *text, size_t len, char delimiter, size_t n_columns,
                       struct result *result) {
    int64_t lines = 0;
    *result = (struct result){0};
    read_piece(text, len, delimiter, n_columns, &lines, result);
}

/* As a body arrives: `step` bytes at a time, cut where the cutter says, each piece read alone. */
static void read_cut(const char *text, size_t len, char delimiter, size_t n_columns, size_t step,
                     size_t rows_per_cut, struct result *result) {
    struct cn_csv_cutter cutter;
    size_t start = 0, from = 0, have = 0;
    int64_t lines = 0;

    *result = (struct result){0};
    cn_csv_cutter_init(&cutter, rows_per_cut, n_columns == 1);
    while (from < len || have < len) {
        if (from == have)
            have = len - have < step ? len : have + step;
        size_t cut = cn_csv_cutter_scan(&cutter, text, from, have, &from);
        if (cut > 0) {
            if (!read_piece(text + start, cut - start, delimiter, n_columns, &lines, result))
                return;
            start = cut;
        }
    }
    read_piece(text + start, len - start, delimiter, n_columns, &lines, result);
}

static bool same_result(const struct result *a, const struct result *b) {
    if (a->code != b->code)
        return false;
    if (a->code != CN_OK)
        return a->line == b->line && strcmp(a->detail, b->detail) == 0;
    return cn_str_equal(cn_buf_str(&a->rows), cn_buf_str(&b->rows));
}

/* ---- a second reader, byte by byte --------------------------------------------------------- */

static size_t slow_utf8(const unsigned char *s, size_t left) {
    static const struct {
        unsigned char low, high, second_low, second_high;
        size_t len;
    } forms[] = {
        {0x01, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    for (size_t f = 0; f < sizeof forms / sizeof forms[0]; f++) {
        if (s[0] < forms[f].low || s[0] > forms[f].high)
            continue;
        if (forms[f].len > left)
            return 0;
        if (forms[f].len > 1 && (s[1] < forms[f].second_low || s[1] > forms[f].second_high))
            return 0;
        for (size_t i = 2; i < forms[f].len; i++) {
            if ((s[i] & 0xC0) != 0x80)
                return 0;
        }
        return forms[f].len;
    }
    return 0;
}

/* The first fault of a text as (line, word of its detail); line 0: none. Written from the rules
 * alone: records in order; in a record the fault on the lowest line, then the first byte. */
static int64_t slow_fault(const char *text, size_t len, char delimiter, size_t n_columns,
                          const char **word, size_t *n_rows) {
    size_t at = 0;
    int64_t line = 1;
    *n_rows = 0;
    while (at < len) {
        const size_t start = at;
        const int64_t start_line = line;
        size_t fields = 1, fault_at = SIZE_MAX, understood;
        int64_t fault_line = 0;
        bool ended = false;
        const char *fault = NULL;
        while (!fault && !ended) {
            if (at < len && text[at] == '"') {
                size_t open = at++;
                int64_t open_line = line;
                for (;; at++) {
                    if (at >= len) {
                        fault = "never closed";
                        fault_at = open;
                        fault_line = open_line;
                        break;
                    }
                    if (text[at] == '"' && at + 1 < len && text[at + 1] == '"')
                        at++;
                    else if (text[at] == '"')
                        break;
                    else if (text[at] == '\n')
                        line++;
                }
                if (fault)
                    break;
                at++;
                if (at < len && text[at] != delimiter && text[at] != '\n' && text[at] != '\r') {
                    fault = "behind the closing quote";
                    fault_at = at;
                    fault_line = line;
                    break;
                }
            } else {
                while (at < len && text[at] != delimiter && text[at] != '\n' && text[at] != '\r' &&
                       text[at] != '"')
                    at++;
                if (at < len && text[at] == '"') {
                    fault = "not quoted";
                    fault_at = at;
                    fault_line = line;
                    break;
                }
            }
            if (at >= len || text[at] == '\n') {
                ended = true;
            } else if (text[at] == delimiter) {
                fields++;
                at++;
            } else if (at + 1 < len && text[at + 1] == '\n') {
                ended = true;
            } else {
                fault = "carriage return";
                fault_at = at;
                fault_line = line;
            }
        }
        understood = ended ? at : fault_at;
        if (fault && strcmp(fault, "never closed") == 0)
            understood = len;
        bool empty = ended && at == start;
        if (ended && fields != n_columns && !empty) {
            fault = "fields";
            if (fields == 1)
                fault = "field;";
            fault_at = at;
            fault_line = start_line;
        }
        int64_t bad_line = start_line;
        for (size_t i = start; i < understood;) {
            size_t size = slow_utf8((const unsigned char *)text + i, understood - i);
            if (size == 0) {
                if (!fault || bad_line < fault_line || (bad_line == fault_line && i < fault_at)) {
                    fault = text[i] ? "not valid UTF-8" : "NUL";
                    fault_line = bad_line;
                }
                break;
            }
            bad_line += text[i] == '\n';
            i += size;
        }
        if (fault) {
            *word = fault;
            return fault_line;
        }
        if (!empty || n_columns == 1)
            ++*n_rows;
        if (at < len) {
            at += text[at] == '\r' ? 2 : 1;
            line++;
        }
    }
    return 0;
}

/* ---- tests --------------------------------------------------------------------------------- */

static void check_rows(const char *text, size_t len, char delimiter, size_t n_columns,
                       const char *expected) {
    struct result result;
    read_whole(text, len, delimiter, n_columns, &result);
    assert_int_equal(result.code, CN_OK);
    assert_true(cn_buf_add(&result.rows, "", 1));
    assert_string_equal(result.rows.data, expected);
    result_release(&result);
}

static void check_fault(const char *text, size_t len, size_t n_columns, int64_t line,
                        const char *word) {
    struct result result;
    read_whole(text, len, ',', n_columns, &result);
    assert_int_equal(result.code, CN_INVALID_CSV);
    if (result.line != line || !strstr(result.detail, word))
        show_text(result.detail, text, len);
    assert_int_equal(result.line, line);
    assert_non_null(strstr(result.detail, word));
    result_release(&result);
}

#define ROWS(text, n, expected) check_rows(text, sizeof(text) - 1, ',', n, expected)
#define FAULT(text, n, line, word) check_fault(text, sizeof(text) - 1, n, line, word)

static void rows(void **state) {
    (void)state;
    ROWS("", 2, "");
    ROWS("1,2\n3,4\n", 2, "1 3+1:--<1>--<2>\n2 3+1:--<3>--<4>\n");
    ROWS("1,2\r\n3,4", 2, "1 3+2:--<1>--<2>\n2 3+0:--<3>--<4>\n");
    ROWS("\"a\",\"b\"\"c\"\n", 2, "1 10+1:q-<a>qe<b\"\"c>\n");
    ROWS("\"x\ny\",2\n3,4\n", 2, "1 7+1:q-<x\ny>--<2>\n3 3+1:--<3>--<4>\n");
    ROWS("\"a,b\r\n\",\"\"\r\n", 2, "1 10+2:q-<a,b\r\n>q-<>\n");
    ROWS(",", 2, "1 1+0:--<>--<>\n");
    ROWS("1,\n,2\n", 2, "1 2+1:--<1>--<>\n2 2+1:--<>--<2>\n");
    ROWS("\"\"", 1, "1 2+0:q-<>\n");
    ROWS("\"\"\"\"", 1, "1 4+0:qe<\"\">\n");
    ROWS(" 1 , 2\n", 2, "1 6+1:--< 1 >--< 2>\n");
    ROWS("\xC3\xA9,\xE2\x82\xAC\n", 2, "1 6+1:--<\xC3\xA9>--<\xE2\x82\xAC>\n");
    /* empty lines */
    ROWS("\n1,2\n\r\n\n3,4\n\n", 2, "2 3+1:--<1>--<2>\n5 3+1:--<3>--<4>\n");
    ROWS("1\n\n\r\n2", 1, "1 1+1:--<1>\n2 0+1:--<>\n3 0+2:--<>\n4 1+0:--<2>\n");
    ROWS("\n", 1, "1 0+1:--<>\n");
    /* any byte delimits */
    check_rows("1\t2\n", 4, '\t', 2, "1 3+1:--<1>--<2>\n");
    check_rows("\"a b\" c\n", 8, ' ', 2, "1 7+1:q-<a b>--<c>\n");
    check_rows("  \n", 3, ' ', 3, "1 2+1:--<>--<>--<>\n");
    check_rows("a;b,c\n", 6, ';', 2, "1 5+1:--<a>--<b,c>\n");
}

static void faults(void **state) {
    (void)state;
    FAULT("1,2\n1,2,3\n", 2, 2, "has 3 fields; expected 2");
    FAULT("1,2\n1\n", 2, 2, "has 1 field; expected 2");
    FAULT("1\n1,2\n", 1, 2, "has 2 fields; expected 1");
    FAULT("1,2\n\"a\nb\",\"\n\",3\n", 2, 2, "has 3 fields");
    FAULT("1,2\n\"a\nb\",x\"y\n", 2, 3, "not quoted");
    FAULT("1,a\"b\"\n", 2, 1, "not quoted");
    FAULT("1, \"b\"\n", 2, 1, "not quoted");
    FAULT("1,\"b\"c\n", 2, 1, "behind the closing quote");
    FAULT("1,\"b\" \n", 2, 1, "behind the closing quote");
    FAULT("1,2\n\n1,\"b\nc\n", 2, 3, "never closed");
    FAULT("1,\"", 2, 1, "never closed");
    FAULT("1,\"a\"\"", 2, 1, "never closed");
    FAULT("1,2\r3,4\n", 2, 1, "carriage return");
    FAULT("1,2\r", 2, 1, "carriage return");
    FAULT("\r", 1, 1, "carriage return");
    FAULT("\"1\"\r\"2\"", 1, 1, "carriage return");
    FAULT("\r\r\n", 1, 1, "carriage return");
    FAULT("1,\xE9\n", 2, 1, "0xE9");
    FAULT("1,2\n1,\xE9\n", 2, 2, "iconv");
    FAULT("1,\xE2\x82\n1,2\n", 2, 1, "0xE2");
    FAULT("1,\xED\xA0\x80\n", 2, 1, "0xED");
    FAULT("1,2\n1,\0\n", 2, 2, "NUL");
    FAULT("1,2\n\"a\nb\nc\0\",2\n", 2, 4, "NUL");
}

/* The lowest line wins, whichever kind of fault is on it. */
static void lowest_fault(void **state) {
    (void)state;
    FAULT("1,2,3\n1,\xE9\n", 2, 1, "3 fields");
    FAULT("1,\xE9\n1,2,3\n", 2, 1, "0xE9");
    FAULT("1,\xE9,3\n", 2, 1, "0xE9"); /* the count is known at the end */
    FAULT("1,\"\n\xE9\",3\n", 2, 1, "3 fields");
    FAULT("1,\"\n\xE9\"x,3\n", 2, 2, "0xE9");
    FAULT("1,\"x\ny\"z\xE9\n", 2, 2, "behind the closing quote");
    FAULT("1,\"\xE9\n", 2, 1, "never closed"); /* the quote opened before */
    FAULT("\xE9,\"\n", 2, 1, "0xE9");
    FAULT("\"\n\xE9\",\"\n", 2, 2, "0xE9");
    FAULT("1,\"\n\n\xE9\n", 2, 1, "never closed");
    FAULT("1,\xE9\"\n", 2, 1, "0xE9");
    FAULT("1,\"\"\xE9\n", 2, 1, "behind the closing quote");
    FAULT("\xE9\0", 1, 1, "0xE9");
    FAULT("\0\xE9", 1, 1, "NUL");
}

/* Faults far behind the first block, and long fields that cross many chunks of 64 bytes. */
static void long_texts(void **state) {
    (void)state;
    struct cn_buf text = CN_BUF_INIT;
    struct result result;
    for (int i = 0; i < 5000; i++)
        assert_true(cn_buf_printf(&text, "%d,\"%0*d\"\n", i, i % 300, i));
    read_whole(text.data, text.len, ',', 2, &result);
    assert_int_equal(result.code, CN_OK);
    result_release(&result);
    assert_true(cn_buf_add_c(&text, "1,2,3\n"));
    check_fault(text.data, text.len, 2, 5001, "3 fields");
    cn_buf_release(&text);
}

/* A failed reader fails the same way when it is asked again. */
static void fails_again(void **state) {
    (void)state;
    struct cn_csv_dialect dialect = {',', false};
    struct cn_csv_reader reader;
    struct cn_csv_block block;
    struct cn_arena arena;
    struct cn_error error;
    cn_arena_init(&arena, 4096);
    assert_int_equal(cn_csv_block_init(&block, 2, &arena, NULL), CN_OK);
    cn_csv_reader_init(&reader, CN_STR("1,2\n3\n"), dialect, 2);
    for (int i = 0; i < 2; i++) {
        cn_error_init(&error);
        assert_int_equal(cn_csv_reader_next(&reader, &block, &error), CN_INVALID_CSV);
        assert_int_equal(error.line, 2);
        assert_non_null(strstr(error.detail, "first row"));
        assert_int_equal(reader.rows, 0);
    }
    assert_int_equal(cn_csv_reader_next(&reader, &block, NULL), CN_INVALID_CSV);
    cn_arena_release(&arena);
}

static const char alphabet[] = "aa1,,,\"\"\"\n\n\n\r. \xC3\xA9\xC3\xA9\x80";

static void same_as_the_slow_reader(void **state) {
    (void)state;
    struct dice dice = {3};
    char text[300];
    for (int round = 0; round < 60000; round++) {
        size_t len = dice_text(&dice, CN_STR(alphabet), round % 5 ? 16 : 300, text);
        size_t n_columns = 1 + dice_below(&dice, 3), n_rows = 0;
        struct result result;
        const char *word = "";
        int64_t line = slow_fault(text, len, ',', n_columns, &word, &n_rows);
        read_whole(text, len, ',', n_columns, &result);
        if (line != (result.code ? result.line : 0) || !strstr(result.detail, word))
            show_text(result.detail, text, len);
        assert_int_equal(line, result.code ? result.line : 0);
        assert_non_null(strstr(result.detail, word));
        if (line == 0) {
            size_t printed = 0;
            for (size_t i = 0; i < result.rows.len; i++)
                printed += result.rows.data[i] == '<';
            assert_int_equal(printed, n_rows * n_columns);
        }
        result_release(&result);
    }
}

static void cut_anywhere(void **state) {
    (void)state;
    struct dice dice = {4};
    char text[160];
    for (int round = 0; round < 6000; round++) {
        size_t len = dice_text(&dice, CN_STR(alphabet), round % 5 ? 16 : 160, text);
        size_t n_columns = 1 + dice_below(&dice, 3);
        struct result whole;
        read_whole(text, len, ',', n_columns, &whole);
        for (size_t step = 1; step <= len; step++) {
            for (size_t rows_per_cut = 0; rows_per_cut < 3; rows_per_cut++) {
                struct result cut;
                read_cut(text, len, ',', n_columns, step, rows_per_cut, &cut);
                if (!same_result(&whole, &cut)) {
                    show_text("text", text, len);
                    fail_msg("cut after every %zu bytes: line %" PRId64 " %s; whole: line %" PRId64
                             " %s",
                             step, cut.line, cut.detail, whole.line, whole.detail);
                }
                result_release(&cut);
            }
        }
        result_release(&whole);
    }
}

/* ---- header -------------------------------------------------------------------------------- */

struct header {
    enum cn_code code;
    int64_t line;
    size_t n, length, line_end;
    char names[1024];
};

static void read_header(const char *text, size_t len, bool complete, bool present, size_t max,
                        struct header *header) {
    struct cn_csv_dialect dialect = {',', present};
    struct cn_arena arena;
    struct cn_error error;
    struct cn_str *names;
    char *copy = exact_copy(text, len);

    *header = (struct header){0};
    cn_arena_init(&arena, 4096);
    cn_error_init(&error);
    header->code = cn_csv_read_header(cn_str(copy, len), complete, dialect, max, &arena, &names,
                                      &header->n, &header->length, &header->line_end, &error);
    assert_int_equal(header->code, error.code);
    size_t at = 0;
    if (header->code == CN_OK) {
        for (size_t i = 0; i < header->n && at < sizeof header->names; i++)
            at += (size_t)snprintf(header->names + at, sizeof header->names - at, "<%.*s>",
                                   (int)names[i].len, names[i].data);
    } else {
        snprintf(header->names, sizeof header->names, "%s %s", error.limit, error.detail);
        header->line = error.line;
    }
    cn_arena_release(&arena);
    free(copy);
}

static void check_header(const char *text, bool present, const char *names, size_t length,
                         size_t line_end) {
    struct header header;
    read_header(text, strlen(text), true, present, 100, &header);
    assert_string_equal(header.names, names);
    assert_int_equal(header.code, CN_OK);
    assert_int_equal(header.length, length);
    assert_int_equal(header.line_end, line_end);
}

static void headers(void **state) {
    (void)state;
    struct header header;
    check_header("a,b\n1,2\n", true, "<a><b>", 4, 1);
    check_header("a,b\r\n1,2\n", true, "<a><b>", 5, 2);
    check_header("a,b", true, "<a><b>", 3, 0);
    check_header("\"a\nb\",\"c\"\"d\",,\n", true, "<a\nb><c\"d><><>", 15, 1);
    check_header("a,b\r\n1,2\n", false, "<c0><c1>", 0, 2);
    check_header("1", false, "<c0>", 0, 0);
    /* empty lines before the header of a table of several columns are skipped, as any are */
    check_header("\n\r\na,b\r\n", true, "<a><b>", 8, 2);
    check_header("\n\r\na,b\r\n", false, "<c0><c1>", 0, 2);
    check_header("\n\r\na\r\n", true, "<>", 1, 1);
    check_header("\r\n", true, "<>", 2, 2);
    read_header("", 0, true, true, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    assert_int_equal(header.line, 1);
    read_header("", 0, true, false, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    read_header("", 0, false, true, 10, &header);
    assert_int_equal(header.code, CN_OK);
    assert_int_equal(header.n, 0);
    read_header("\n\na\"b", 5, true, true, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    assert_int_equal(header.line, 3);
    read_header("\n\xE9,b\n", 6, true, true, 10, &header);
    assert_int_equal(header.code, CN_INVALID_CSV);
    assert_int_equal(header.line, 2);
    read_header("a,b,c\n", 6, true, true, 3, &header);
    assert_int_equal(header.code, CN_OK);
    read_header("a,b,c,d\n", 8, true, true, 3, &header);
    assert_int_equal(header.code, CN_LIMIT_EXCEEDED);
    assert_non_null(strstr(header.names, "--max-columns"));
}

/* With every beginning of a text the answer is "more", until it is that of the whole text. */
static void headers_in_pieces(void **state) {
    (void)state;
    struct dice dice = {5};
    char text[100];
    for (int round = 0; round < 20000; round++) {
        size_t len = dice_text(&dice, CN_STR(alphabet), round % 5 ? 12 : 100, text);
        struct header whole, part;
        bool present = round & 1;
        read_header(text, len, true, present, 1000, &whole);
        for (size_t have = 0; have <= len; have++) {
            read_header(text, have, false, present, 1000, &part);
            if (part.code == CN_OK && part.n == 0)
                continue;
            if (part.code != whole.code || strcmp(part.names, whole.names) != 0)
                show_text("text", text, len);
            assert_int_equal(part.code, whole.code);
            assert_string_equal(part.names, whole.names);
            assert_int_equal(part.line, whole.line);
            assert_int_equal(part.n, whole.n);
            assert_int_equal(part.length, whole.length);
            assert_int_equal(part.line_end, whole.line_end);
        }
    }
}

static void block_capacity(void **state) {
    (void)state;
    static const struct {
        size_t columns, capacity;
    } cases[] = {{1, 1024},   {256, 1024}, {257, 1020}, {1000, 262},
                 {262144, 1}, {262145, 1}, {1000000, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cn_csv_block block;
        struct cn_arena arena;
        cn_arena_init(&arena, 4096);
        assert_int_equal(cn_csv_block_init(&block, cases[i].columns, &arena, NULL), CN_OK);
        assert_int_equal(block.capacity, cases[i].capacity);
        assert_int_equal(block.rows, 0);
        cn_arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),
        cmocka_unit_test(faults),
        cmocka_unit_test(lowest_fault),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(fails_again),
        cmocka_unit_test(same_as_the_slow_reader),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(headers),
        cmocka_unit_test(headers_in_pieces),
        cmocka_unit_test(block_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
