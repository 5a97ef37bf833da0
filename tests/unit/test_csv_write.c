/*
 * CSV text from fields and values.
 */
#include "tests/unit/columns_helpers.h"

#include <math.h>

static void check_string(const char *text, size_t len, char delimiter, const char *expected) {
    struct cn_buf out = CN_BUF_INIT;
    assert_true(cn_buf_add_c(&out, "|"));
    assert_true(cn_csv_write_string(&out, cn_str(text, len), delimiter));
    assert_true(cn_buf_add(&out, "|", 2));
    assert_string_equal(out.data, expected);
    cn_buf_release(&out);
}

#define STRING(text, delimiter, expected)                                                          \
    check_string(text, sizeof(text) - 1, delimiter, "|" expected "|")

static void strings(void **state) {
    (void)state;
    STRING("", ',', "\"\"");
    STRING("abc", ',', "abc");
    STRING(" a ", ',', " a ");
    STRING("a,b", ',', "\"a,b\"");
    STRING("a,b", ';', "a,b");
    STRING("a;b", ';', "\"a;b\"");
    STRING("a b", ' ', "\"a b\"");
    STRING("a\tb", '\t', "\"a\tb\"");
    STRING("\"", ',', "\"\"\"\"");
    STRING("say \"no\"", ',', "\"say \"\"no\"\"\"");
    STRING("a\nb", ',', "\"a\nb\"");
    STRING("a\rb", ',', "\"a\rb\"");
    STRING("\xC3\xA9", ',', "\xC3\xA9");
}

static void values(void **state) {
    (void)state;
    static const uint8_t bools[] = {1, 0, 1};
    static const uint8_t nulls[] = {0, 0, 1};
    static const int64_t ints[] = {INT64_MIN, 42, 1};
    const double floats[] = {0.1, (double)NAN, 1};
    static const struct cn_str texts[] = {{"x", 1}, {"", 0}, {"y", 1}};
    const struct cn_vector vectors[] = {
        {CN_TYPE_BOOL, bools, nulls},
        {CN_TYPE_INT64, ints, nulls},
        {CN_TYPE_FLOAT64, floats, nulls},
        {CN_TYPE_STRING, texts, nulls},
        {CN_TYPE_NULL, NULL, NULL},
        {CN_TYPE_INT64, ints, NULL},
        {CN_TYPE_FLOAT64, (const double[]){1, 1e16, -0.0}, NULL},
    };
    struct cn_buf out = CN_BUF_INIT;
    for (size_t v = 0; v < sizeof vectors / sizeof vectors[0]; v++) {
        for (size_t row = 0; row < 3; row++) {
            write_value(&out, &vectors[v], row, ',');
            assert_true(cn_buf_add_char(&out, ';'));
        }
    }
    assert_true(cn_buf_add_char(&out, 0));
    assert_string_equal(out.data, "True;False;;-9223372036854775808;42;;0.1;nan;;x;\"\";;;;;"
                                  "-9223372036854775808;42;1;1.0;1e+16;-0.0;");
    cn_buf_release(&out);
}

/* A random table of texts is written, read, and its fields written again: the same bytes. */
static void round_trip(void **state) {
    (void)state;
    static const char delimiters[] = ",;\t| ";
    static const char letters[] = "ab,;\t| \"\"\n\r1.\xC3\xA9";
    struct dice dice = {7};
    for (int round = 0; round < 3000; round++) {
        char texts[12][16], delimiter = delimiters[dice_below(&dice, 5)];
        size_t lens[12], n_columns = 1 + dice_below(&dice, 4), rows = 12 / n_columns;
        struct cn_buf out = CN_BUF_INIT, again = CN_BUF_INIT;
        struct cn_arena arena;
        for (size_t i = 0; i < rows * n_columns; i++) {
            lens[i] = dice_below(&dice, 8);
            for (size_t k = 0; k < lens[i]; k++)
                texts[i][k] = letters[dice_below(&dice, sizeof letters - 3)];
            assert_true(cn_csv_write_string(&out, cn_str(texts[i], lens[i]), delimiter));
            assert_true(cn_buf_add_char(&out, i % n_columns + 1 < n_columns ? delimiter : '\n'));
        }
        struct cn_csv_reader reader;
        struct cn_csv_block block;
        cn_arena_init(&arena, 4096);
        assert_int_equal(cn_csv_block_init(&block, n_columns, &arena, NULL), CN_OK);
        cn_csv_reader_init(&reader, cn_buf_str(&out), (struct cn_csv_dialect){delimiter, false},
                           n_columns);
        assert_int_equal(cn_csv_reader_next(&reader, &block, NULL), CN_OK);
        assert_int_equal(block.rows, rows);
        for (size_t i = 0; i < rows * n_columns; i++) {
            const struct cn_csv_field *field =
                &block.fields[i % n_columns * block.capacity + i / n_columns];
            struct cn_str text = cn_csv_field_text(field, &arena);
            assert_true(cn_str_equal(text, cn_str(texts[i], lens[i])));
            assert_true(cn_csv_write_field(&again, field));
            assert_true(cn_buf_add_char(&again, i % n_columns + 1 < n_columns ? delimiter : '\n'));
        }
        assert_true(cn_str_equal(cn_buf_str(&out), cn_buf_str(&again)));
        cn_arena_release(&arena);
        cn_buf_release(&out);
        cn_buf_release(&again);
    }
}

/* Rows of a text, with what is added to them. */
static void check_rows(struct cn_csv_rows *rows, size_t most, size_t expected_rows,
                       const char *expected) {
    struct cn_buf out = CN_BUF_INIT;
    struct cn_arena arena;
    size_t written;

    cn_arena_init(&arena, 4096);
    assert_true(cn_csv_write_rows(&out, rows, most, &written, &arena));
    assert_int_equal(written, expected_rows);
    assert_true(cn_buf_add_char(&out, 0));
    assert_string_equal(out.data, expected);
    cn_buf_release(&out);
    cn_arena_release(&arena);
}

static const struct cn_str words[] = {{"a,b", 3}, {"", 0}, {"say \"x\"", 7}};
static const double reals[] = {0.5, 1e300, -1.25};
static const uint8_t second_null[] = {0, 1, 0};

static void rows_of_a_text(void **state) {
    (void)state;
    static const char text[] = "1,\"x\"\r\n2,\n\n3,z";
    const struct cn_vector strings = {CN_TYPE_STRING, words, NULL};
    const struct cn_vector floats = {CN_TYPE_FLOAT64, reals, second_null};
    struct cn_csv_reader reader;
    struct cn_csv_block block;
    struct cn_arena arena;

    cn_arena_init(&arena, 4096);
    assert_int_equal(cn_csv_block_init(&block, 2, &arena, NULL), CN_OK);
    cn_csv_reader_init(&reader, cn_str(text, sizeof text - 1), (struct cn_csv_dialect){',', false},
                       2);
    assert_int_equal(cn_csv_reader_next(&reader, &block, NULL), CN_OK);
    assert_int_equal(block.rows, 3);
    struct cn_csv_cells cells[] = {{.vector = &strings}, {.vector = &floats}};
    struct cn_csv_rows rows = {block.row, true, cells, 2, 3, ','};
    check_rows(&rows, SIZE_MAX, 3, "1,\"x\",\"a,b\",0.5\r\n2,,\"\",\n3,z,\"say \"\"x\"\"\",-1.25");
    /* The row that passes the bound is the last. */
    check_rows(&rows, 0, 1, "1,\"x\",\"a,b\",0.5\r\n");
    check_rows(&rows, 19, 2, "1,\"x\",\"a,b\",0.5\r\n2,,\"\",\n");
    rows.n_cells = 0;
    check_rows(&rows, SIZE_MAX, 3, "1,\"x\"\r\n2,\n3,z");
    rows.verbatim = false;
    rows.n_cells = 2;
    cells[1] = (struct cn_csv_cells){.fields = block.fields + block.capacity};
    cells[0] = (struct cn_csv_cells){.fields = block.fields};
    check_rows(&rows, SIZE_MAX, 3, "1,\"x\"\r\n2,\n3,z");
    cells[0] = (struct cn_csv_cells){.vector = &floats};
    rows.n_cells = 1;
    check_rows(&rows, SIZE_MAX, 3, "0.5\r\n\n-1.25");
    cn_arena_release(&arena);
}

static void rows_of_values(void **state) {
    (void)state;
    static const struct cn_str digests[] = {
        {"0123456789abcdef0123456789abcdef", 32}, {"00ff", 4}, {"e", 1}};
    const struct cn_vector hex = {CN_TYPE_STRING, digests, NULL};
    const struct cn_vector floats = {CN_TYPE_FLOAT64, reals, second_null};
    const struct cn_vector nothing = {CN_TYPE_NULL, NULL, NULL};
    static const int64_t integers[] = {-7, 8, INT64_MAX};
    static const uint8_t truths[] = {1, 0, 0};
    const struct cn_vector whole = {CN_TYPE_INT64, integers, NULL};
    const struct cn_vector bools = {CN_TYPE_BOOL, truths, second_null};
    const struct cn_csv_cells more[] = {{.vector = &whole}, {.vector = &bools}};
    struct cn_csv_rows of_more = {.cells = more, .n_cells = 2, .count = 3, .delimiter = ','};
    check_rows(&of_more, SIZE_MAX, 3, "-7,True\n8,\n9223372036854775807,False\n");
    const struct cn_csv_cells cells[] = {
        {.vector = &nothing}, {.vector = &hex, .bare = true}, {.vector = &floats}};
    struct cn_csv_rows rows = {.cells = cells, .n_cells = 3, .count = 3, .delimiter = ';'};
    check_rows(&rows, SIZE_MAX, 3, ";0123456789abcdef0123456789abcdef;0.5\n;00ff;\n;e;-1.25\n");
    /* A delimiter that may stand in digests and in numbers. */
    rows.delimiter = 'e';
    check_rows(&rows, SIZE_MAX, 3,
               "e\"0123456789abcdef0123456789abcdef\"e0.5\ne00ffe\ne\"e\"e-1.25\n");
    rows.count = 0;
    check_rows(&rows, 0, 0, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),        cmocka_unit_test(values),
        cmocka_unit_test(rows_of_a_text), cmocka_unit_test(rows_of_values),
        cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
