/*
 * Reading CSV: rows and faults.
 */
#include "tests/unit/csv_helpers.h"

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

/* The rows before a fault come first; a failed reader fails the same way when it is asked again. */
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
    assert_int_equal(cn_csv_reader_next(&reader, &block, NULL), CN_OK);
    assert_int_equal(block.rows, 1);
    for (int i = 0; i < 2; i++) {
        cn_error_init(&error);
        assert_int_equal(cn_csv_reader_next(&reader, &block, &error), CN_INVALID_CSV);
        assert_int_equal(error.line, 2);
        assert_non_null(strstr(error.detail, "first row"));
        assert_int_equal(reader.rows, 1);
    }
    assert_int_equal(cn_csv_reader_next(&reader, &block, NULL), CN_INVALID_CSV);
    cn_arena_release(&arena);
}

static void block_capacity(void **state) {
    (void)state;
    static const struct {
        size_t columns, capacity;
    } cases[] = {{1, 1024},  {64, 1024}, {65, 1008},  {1000, 65},
                 {65536, 1}, {65537, 1}, {1000000, 1}};
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

/* What a reader has passed: whoever cut the text adds it up. */
static void counts(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t rows, lines;
    } cases[] = {{"", 0, 0},
                 {"1,2", 1, 0},
                 {"1,2\n", 1, 1},
                 {"1,2\r\n\r\n3,4\n\n", 2, 4},
                 {"\"\n\n\",2\n3,4", 2, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cn_csv_dialect dialect = {',', false};
        struct cn_csv_reader reader;
        struct cn_csv_block block;
        struct cn_arena arena;
        cn_arena_init(&arena, 4096);
        assert_int_equal(cn_csv_block_init(&block, 2, &arena, NULL), CN_OK);
        cn_csv_reader_init(&reader, cn_str_c(cases[i].text), dialect, 2);
        do {
            assert_int_equal(cn_csv_reader_next(&reader, &block, NULL), CN_OK);
        } while (block.rows > 0);
        assert_int_equal(reader.rows, cases[i].rows);
        assert_int_equal(reader.lines, cases[i].lines);
        cn_arena_release(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows),           cmocka_unit_test(faults),
        cmocka_unit_test(lowest_fault),   cmocka_unit_test(long_texts),
        cmocka_unit_test(fails_again),    cmocka_unit_test(counts),
        cmocka_unit_test(block_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
