/*
 * What the fields of a CSV column are, and their values.
 */
#include "tests/unit/columns_helpers.h"

#include <math.h>

/* A block of one column, one field a line. */
struct table {
    struct cn_arena arena;
    struct cn_csv_block block;
    struct cn_error error;
};

static void table_init(struct table *table, const char *text) {
    struct cn_csv_dialect dialect = {',', false};
    struct cn_csv_reader reader;

    cn_arena_init(&table->arena, 4096);
    cn_error_init(&table->error);
    assert_int_equal(cn_csv_block_init(&table->block, 1, &table->arena, NULL), CN_OK);
    cn_csv_reader_init(&reader, cn_str_c(text), dialect, 1);
    assert_int_equal(cn_csv_reader_next(&reader, &table->block, NULL), CN_OK);
}

static void table_release(struct table *table) {
    cn_arena_release(&table->arena);
}

static const struct cn_str null_texts[] = {{"NA", 2}, {"-", 1}, {"say \"no\"", 8}, {"\"", 1}};
static const struct cn_csv_nulls some_nulls = {null_texts, 4};

static uint8_t seen(const char *text, const struct cn_csv_nulls *nulls) {
    struct table table;
    table_init(&table, text);
    uint8_t set = cn_csv_seen_column(&table.block, 0, nulls);
    table_release(&table);
    return set;
}

enum {
    INT = CN_CSV_SEEN_INT64,
    FLOAT = CN_CSV_SEEN_FLOAT64,
    BOOL = CN_CSV_SEEN_BOOL,
    STRING = CN_CSV_SEEN_STRING
};

static void types_of_sets(void **state) {
    (void)state;
    for (uint8_t set = 0; set < 16; set++) {
        enum cn_type expected = set == 0                               ? CN_TYPE_NULL
                                : set == INT                           ? CN_TYPE_INT64
                                : set == FLOAT || set == (INT | FLOAT) ? CN_TYPE_FLOAT64
                                : set == BOOL                          ? CN_TYPE_BOOL
                                                                       : CN_TYPE_STRING;
        assert_int_equal(cn_csv_seen_type(set), expected);
    }
}

static void kinds(void **state) {
    (void)state;
    assert_int_equal(seen("", NULL), 0);
    assert_int_equal(seen("\n\n", NULL), 0);
    assert_int_equal(seen("1\n-5\n 7 \n", NULL), INT);
    assert_int_equal(seen("\"1\"\n", NULL), INT);
    assert_int_equal(seen("1\n2.5\n", NULL), INT | FLOAT);
    assert_int_equal(seen("nan\nINF\n-inf\n1e5\n", NULL), FLOAT);
    assert_int_equal(seen("True\nfalse\n\n", NULL), BOOL);
    assert_int_equal(seen("02134\n", NULL), STRING);
    assert_int_equal(seen("+1\n", NULL), STRING);
    assert_int_equal(seen("9223372036854775808\n", NULL), STRING);
    assert_int_equal(seen("9223372036854775807\n-9223372036854775808\n", NULL), INT);
    assert_int_equal(seen("\"\"\n", NULL), STRING);
    assert_int_equal(seen(" \n", NULL), STRING);
    assert_int_equal(seen("\"1\"\"\"\n", NULL), STRING);
    assert_int_equal(seen("NA\n1\n-\n", NULL), INT | STRING);
    assert_int_equal(seen("NA\n1\n\"-\"\n", &some_nulls), INT);
    assert_int_equal(seen(" NA\n", &some_nulls), STRING);
    assert_int_equal(seen("\"say \"\"no\"\"\"\n", &some_nulls), 0);
    assert_int_equal(seen("\"\"\"\"\n", &some_nulls), 0);
    assert_int_equal(seen("\"say \"\"no\"\n\"say \"\"no\"\"!\"\n\"\"\"\"\"\"\n", &some_nulls),
                     STRING);
}

/* The kinds of a column are those of its parts. */
static void union_of_parts(void **state) {
    (void)state;
    static const char *const texts[] = {"1\n", "2.5\n", "True\n", "x\n", "\n", "\"\"\n", "007\n"};
    struct dice dice = {6};
    for (int round = 0; round < 2000; round++) {
        char whole[256] = "";
        uint8_t parts = 0;
        size_t at = 0;
        for (size_t i = 0, n = dice_below(&dice, 20); i < n; i++) {
            const char *text = texts[dice_below(&dice, 7)];
            parts |= seen(text, NULL);
            at += (size_t)snprintf(whole + at, sizeof whole - at, "%s", text);
        }
        assert_int_equal(seen(whole, NULL), parts);
    }
}

static void values(void **state) {
    (void)state;
    struct table table;
    struct cn_vector vector;

    table_init(&table, "1\n\n -3\t\n\"4\"\nNA\n");
    assert_int_equal(cn_csv_decode(&table.block, 0, CN_TYPE_INT64, false, &some_nulls, &table.arena,
                                   &vector, NULL),
                     CN_OK);
    assert_int_equal(vector.type, CN_TYPE_INT64);
    const int64_t *ints = vector.values;
    assert_int_equal(ints[0], 1);
    assert_int_equal(ints[2], -3);
    assert_int_equal(ints[3], 4);
    assert_memory_equal(vector.nulls, ((uint8_t[]){0, 1, 0, 0, 1}), 5);
    /* the same as floats */
    assert_int_equal(cn_csv_decode(&table.block, 0, CN_TYPE_FLOAT64, false, &some_nulls,
                                   &table.arena, &vector, NULL),
                     CN_OK);
    const double *floats = vector.values;
    assert_true(floats[0] == 1 && floats[2] == -3 && floats[3] == 4);
    /* and as texts */
    assert_int_equal(cn_csv_decode(&table.block, 0, CN_TYPE_STRING, false, &some_nulls,
                                   &table.arena, &vector, NULL),
                     CN_OK);
    const struct cn_str *strings = vector.values;
    assert_true(cn_str_is(strings[2], " -3\t"));
    assert_true(cn_str_is(strings[3], "4"));
    assert_memory_equal(vector.nulls, ((uint8_t[]){0, 1, 0, 0, 1}), 5);
    table_release(&table);

    table_init(&table, "true\nFalse\n");
    assert_int_equal(
        cn_csv_decode(&table.block, 0, CN_TYPE_BOOL, true, NULL, &table.arena, &vector, NULL),
        CN_OK);
    assert_memory_equal(vector.values, ((uint8_t[]){1, 0}), 2);
    assert_null(vector.nulls);
    assert_int_equal(
        cn_csv_decode(&table.block, 0, CN_TYPE_NULL, false, NULL, &table.arena, &vector, NULL),
        CN_OK);
    assert_null(vector.values);
    assert_memory_equal(vector.nulls, ((uint8_t[]){1, 1}), 2);
    table_release(&table);
}

static void floats(void **state) {
    (void)state;
    struct table table;
    struct cn_vector vector;
    table_init(&table, "-0\n0\n-0.0\n1e400\n-inf\nNaN\n9007199254740993\n0.1\n -0\n");
    assert_int_equal(
        cn_csv_decode(&table.block, 0, CN_TYPE_FLOAT64, false, NULL, &table.arena, &vector, NULL),
        CN_OK);
    const double *d = vector.values;
    assert_true(d[0] == 0 && signbit(d[0]));
    assert_true(d[1] == 0 && !signbit(d[1]));
    assert_true(d[2] == 0 && signbit(d[2]));
    assert_true(isinf(d[3]) && d[3] > 0);
    assert_true(isinf(d[4]) && d[4] < 0);
    assert_true(isnan(d[5]));
    assert_true(d[6] == 9007199254740992.0);
    assert_true(d[7] == 0.1);
    assert_true(d[8] == 0 && signbit(d[8]));
    assert_null(vector.nulls);
    table_release(&table);
}

/* Doubled quotes are single in values, and stay doubled nowhere else. */
static void escapes(void **state) {
    (void)state;
    struct table table;
    struct cn_vector vector;
    table_init(&table, "\"a\"\"b\"\n\"\"\"\"\"\"\n\"\"\n\"c\nd\"\n\"say \"\"no\"\"\"\n");
    assert_int_equal(cn_csv_decode_raw(&table.block, 0, &some_nulls, &table.arena, &vector, NULL),
                     CN_OK);
    const struct cn_str *s = vector.values;
    assert_true(cn_str_is(s[0], "a\"b"));
    assert_true(cn_str_is(s[1], "\"\""));
    assert_true(cn_str_is(s[2], ""));
    assert_true(cn_str_is(s[3], "c\nd"));
    assert_memory_equal(vector.nulls, ((uint8_t[]){0, 0, 0, 0, 1}), 5);
    table_release(&table);
}

/* What does not fit an inferred type is null: the morsel will be done again. */
static void provisional(void **state) {
    (void)state;
    static const enum cn_type types[] = {CN_TYPE_INT64, CN_TYPE_BOOL, CN_TYPE_FLOAT64};
    struct table table;
    struct cn_vector vector;
    table_init(&table, "x\n\"\"\n+1\n9223372036854775808\n\"a\"\"\"\n");
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            cn_csv_decode(&table.block, 0, types[i], false, NULL, &table.arena, &vector, NULL),
            CN_OK);
        assert_memory_equal(vector.nulls, ((uint8_t[]){1, 1, 1, 1, 1}), 5);
    }
    table_release(&table);
}

/* Loading tells what kinds of text there are, as the look at a column does, and which of the texts
 * are as they would be written. */
static void loaded(void **state) {
    (void)state;
    static const char text[] = "0.5\n12.25\n7\n\"0.1\"\n1.50\nNA\n\n-0.0\n1e5\n 2.5\nx\n";
    static const enum cn_type types[] = {CN_TYPE_FLOAT64, CN_TYPE_INT64, CN_TYPE_BOOL,
                                         CN_TYPE_STRING, CN_TYPE_NULL};
    struct table table;
    struct cn_csv_loaded got;
    table_init(&table, text);
    for (size_t i = 0; i < 5; i++) {
        const struct cn_csv_nulls *nulls[] = {NULL, &some_nulls};
        for (size_t k = 0; k < 2; k++) {
            struct cn_csv_wanted wanted = {.type = types[i], .nulls = nulls[k]};
            assert_int_equal(cn_csv_load(&table.block, 0, &wanted, &table.arena, &got, NULL),
                             CN_OK);
            assert_int_equal(got.seen, types[i] == CN_TYPE_STRING
                                           ? STRING
                                           : cn_csv_seen_column(&table.block, 0, nulls[k]));
            assert_null(got.texts.fields);
        }
    }
    struct cn_csv_wanted wanted = {CN_TYPE_FLOAT64, false, true, &some_nulls};
    assert_int_equal(cn_csv_load(&table.block, 0, &wanted, &table.arena, &got, NULL), CN_OK);
    static const bool canonical[] = {1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0};
    for (size_t row = 0; row < table.block.rows; row++) {
        assert_int_equal(got.texts.marks[row] & CN_FIELD_CANONICAL,
                         canonical[row] ? CN_FIELD_CANONICAL : 0);
        assert_ptr_equal(got.texts.fields[row].data, table.block.fields[row].data);
    }
    assert_ptr_equal(got.texts.end, text + sizeof text - 1);
    assert_memory_equal(got.vector.nulls, ((uint8_t[]){0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 1}), 11);
    wanted.type = CN_TYPE_INT64;
    assert_int_equal(cn_csv_load(&table.block, 0, &wanted, &table.arena, &got, NULL), CN_OK);
    assert_int_equal(got.texts.marks[2] & CN_FIELD_CANONICAL, CN_FIELD_CANONICAL);
    assert_int_equal(got.texts.marks[0], 0);
    /* A declared number that was read in a way of its own is not canonical. */
    table_release(&table);
    table_init(&table, "+1\n01\n1\n");
    wanted.declared = true;
    assert_int_equal(cn_csv_load(&table.block, 0, &wanted, &table.arena, &got, NULL), CN_OK);
    assert_int_equal(got.texts.marks[0] | got.texts.marks[1], 0);
    assert_int_equal(((const int64_t *)got.vector.values)[1], 1);
    table_release(&table);
}

static void check_misfit(const char *text, enum cn_type type, int64_t row, int64_t line,
                         const char *value) {
    struct table table;
    struct cn_vector vector;
    table_init(&table, text);
    enum cn_code code = cn_csv_decode(&table.block, 0, type, true, &some_nulls, &table.arena,
                                      &vector, &table.error);
    if (row < 0) {
        assert_int_equal(code, CN_OK);
    } else {
        assert_int_equal(code, CN_INVALID_VALUE);
        assert_int_equal(table.error.row, row);
        assert_int_equal(table.error.line, line);
        assert_string_equal(table.error.value, value);
        assert_non_null(strstr(table.error.detail, cn_type_name(type)));
    }
    table_release(&table);
}

static void declared(void **state) {
    (void)state;
    check_misfit("+1\n007\n -02 \nNA\n\n-0\n", CN_TYPE_INT64, -1, 0, NULL);
    check_misfit("+1\n007\n1.5\n+.5e-3\nNA\n99999999999999999999\n+inf\n infinity \n",
                 CN_TYPE_FLOAT64, -1, 0, NULL);
    check_misfit("x\n\"\"\n1\n", CN_TYPE_STRING, -1, 0, NULL);
    check_misfit("1\n\"x\ny\"\n2.0\n", CN_TYPE_INT64, 1, 2, "x\ny");
    check_misfit("1\n\n9223372036854775808\n", CN_TYPE_INT64, 2, 3, "9223372036854775808");
    check_misfit("1\n1 2\n", CN_TYPE_INT64, 1, 2, "1 2");
    check_misfit("1\n \n", CN_TYPE_INT64, 1, 2, " ");
    check_misfit("\"\"\n", CN_TYPE_INT64, 0, 1, "");
    check_misfit("0x1p3\n", CN_TYPE_FLOAT64, 0, 1, "0x1p3");
    check_misfit("1.5\n1_0\n", CN_TYPE_FLOAT64, 1, 2, "1_0");
    check_misfit("\"1\"\"\"\n", CN_TYPE_FLOAT64, 0, 1, "1\"");
    check_misfit("True\n1\n", CN_TYPE_BOOL, 1, 2, "1");
    check_misfit("TRUE\n", CN_TYPE_BOOL, 0, 1, "TRUE");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_of_sets), cmocka_unit_test(kinds),  cmocka_unit_test(union_of_parts),
        cmocka_unit_test(values),        cmocka_unit_test(floats), cmocka_unit_test(escapes),
        cmocka_unit_test(provisional),   cmocka_unit_test(loaded), cmocka_unit_test(declared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
