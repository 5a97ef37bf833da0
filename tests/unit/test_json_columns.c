/*
 * The columns of a JSON document; jansson reads them too.
 */
#include "tests/unit/columns_helpers.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#include "columns/json.h"

static const struct cn_json_limits limits = {.max_depth = 64, .max_columns = 50, .max_rows = 5000};

static struct cn_error column_error;

/* Reading them with the document they stand in must say the same. */
static void check_body(const char *text, size_t len, const struct cn_frame *frame) {
    struct cn_json_limits deeper = limits;
    struct cn_json_document document;
    struct cn_buf body = CN_BUF_INIT;
    struct cn_arena arena;
    struct cn_frame ahead;
    cn_arena_init(&arena, 4096);
    cn_frame_init(&ahead, NULL);
    deeper.max_depth++;
    assert_true(cn_buf_add_c(&body, "{\"columns\" : ") && cn_buf_add(&body, text, len) &&
                cn_buf_add_c(&body, " , \"let\":{}}"));
    enum cn_code code =
        cn_json_read_body(cn_buf_str(&body), &deeper, &arena, &ahead, &document, NULL);
    if (frame) {
        assert_int_equal(code, CN_OK);
        assert_true(document.columns_read);
        assert_int_equal(ahead.n_columns, frame->n_columns);
        assert_int_equal(ahead.rows, frame->rows);
        for (size_t c = 0; c < frame->n_columns; c++) {
            assert_true(cn_str_equal(ahead.columns[c].name, frame->columns[c].name));
            assert_int_equal(ahead.columns[c].type, frame->columns[c].type);
        }
    } else {
        assert_true(!document.columns_read && !ahead.memory && ahead.n_columns == 0);
    }
    cn_frame_release(&ahead);
    cn_arena_release(&arena);
    cn_buf_release(&body);
}

/* Reads columns into a frame; the text may go away afterwards. */
static enum cn_code read_columns(const char *text, size_t len,
                                 const struct cn_json_columns_options *options,
                                 struct cn_frame *frame) {
    char *copy = exact_copy(text, len);
    cn_frame_init(frame, NULL);
    cn_error_init(&column_error);
    enum cn_code code =
        cn_json_read_columns(cn_str(copy, len), &limits, options, frame, &column_error);
    assert_int_equal(code, column_error.code);
    if (!options)
        check_body(copy, len, code == CN_OK ? frame : NULL);
    memset(copy, '#', len);
    free(copy);
    return code;
}

/* A frame as text: "name type: value value ...; " */
static void check_columns(const char *text, const struct cn_json_columns_options *options,
                          const char *expected) {
    struct cn_buf out = CN_BUF_INIT;
    struct cn_frame frame;
    if (read_columns(text, strlen(text), options, &frame) != CN_OK)
        fail_msg("%s: %s", text, column_error.detail);
    for (size_t c = 0; c < frame.n_columns; c++) {
        struct cn_vector vector;
        assert_int_equal(
            cn_column_vector(&frame.columns[c], 0, frame.rows, &frame.arena, &vector, NULL), CN_OK);
        assert_true(cn_buf_printf(&out, "%.*s %s:", (int)frame.columns[c].name.len,
                                  frame.columns[c].name.data, cn_type_name(vector.type)));
        for (size_t row = 0; row < frame.rows; row++) {
            assert_true(cn_buf_add_char(&out, ' '));
            bool null = vector.nulls && vector.nulls[row];
            if (null)
                assert_true(cn_buf_add_c(&out, "null"));
            else
                write_value(&out, &vector, row, ' ');
        }
        assert_true(cn_buf_add_c(&out, ";"));
    }
    assert_true(cn_buf_add_char(&out, 0));
    assert_string_equal(out.data, expected);
    cn_buf_release(&out);
    cn_frame_release(&frame);
}

static void columns(void **state) {
    (void)state;
    check_columns("{}", NULL, "");
    check_columns("{\"a\":[]}", NULL, "a null:;");
    check_columns("{\"a\":[null, null]}", NULL, "a null: null null;");
    check_columns("{\"a\":[1,-2,3]}", NULL, "a int64: 1 -2 3;");
    check_columns("{\"a\":[1.5, 2, null]}", NULL, "a float64: 1.5 2.0 null;");
    check_columns("{\"a\":[2, null, 1.5]}", NULL, "a float64: 2.0 null 1.5;");
    check_columns("{\"a\":[null, 2, 1e0]}", NULL, "a float64: null 2.0 1.0;");
    check_columns("{\"a\":[true,false,null]}", NULL, "a bool: True False null;");
    check_columns(" { \"a\" : [ \"x\" , null , \"\" ] } ", NULL, "a string: x null \"\";");
    check_columns("{\"a\":[null,\"x\\n\\u00e9\"],\"b\":[1,2]}", NULL,
                  "a string: null \"x\n\xC3\xA9\";b int64: 1 2;");
    check_columns("{\"a\":[-0, 9223372036854775807, -9223372036854775808]}", NULL,
                  "a int64: 0 9223372036854775807 -9223372036854775808;");
    check_columns("{\"a\":[-0, 0.5, -0.0]}", NULL, "a float64: 0.0 0.5 -0.0;");
    check_columns("{\"a\":[999999999999999999, -99999999999999999]}", NULL,
                  "a int64: 999999999999999999 -99999999999999999;");
    check_columns("{\"a\":[9007199254740993, 0.5, 9007199254740993]}", NULL,
                  "a float64: 9007199254740992.0 0.5 9007199254740992.0;");
    check_columns("{\"a\":[5e-324, 1.7976931348623157e308, 1e-400]}", NULL,
                  "a float64: 5e-324 1.7976931348623157e+308 0.0;");
    check_columns("{\"\\u0061\\\"\":[1],\"\":[2]}", NULL, "a\" int64: 1; int64: 2;");
}

static void check_failure(const char *text, const struct cn_json_columns_options *options,
                          enum cn_code code, const char *column, int64_t row, const char *word) {
    struct cn_frame frame;
    enum cn_code got = read_columns(text, strlen(text), options, &frame);
    if (got != code || !strstr(column_error.detail, word))
        show_text(column_error.detail, text, strlen(text));
    assert_int_equal(got, code);
    assert_string_equal(column_error.column, column);
    assert_int_equal(column_error.row, row);
    assert_non_null(strstr(column_error.detail, word));
    assert_int_equal(frame.n_columns, 0);
    cn_frame_release(&frame);
}

static void column_faults(void **state) {
    (void)state;
    check_failure("{\"a\":[1,\"x\"]}", NULL, CN_MIXED_TYPES, "a", 1,
                  "numbers; this one is a string");
    check_failure("{\"a\":[1.5,true]}", NULL, CN_MIXED_TYPES, "a", 1, "a bool");
    check_failure("{\"a\":[true,1]}", NULL, CN_MIXED_TYPES, "a", 1, "bools; this one is a number");
    check_failure("{\"a\":[true,1.5]}", NULL, CN_MIXED_TYPES, "a", 1, "a number");
    check_failure("{\"a\":[\"x\",null,2]}", NULL, CN_MIXED_TYPES, "a", 2, "strings");
    check_failure("{\"b\":[1,2,3],\"a\":[null,[]]}", NULL, CN_MIXED_TYPES, "a", 1, "an array");
    check_failure("{\"a\":[1,{}]}", NULL, CN_MIXED_TYPES, "a", 1, "an object");
    check_failure("{\"a\":[9223372036854775808]}", NULL, CN_INTEGER_OUT_OF_RANGE, "a", 0, "int64");
    check_failure("{\"a\":[0.5,-9223372036854775809]}", NULL, CN_INTEGER_OUT_OF_RANGE, "a", 1,
                  "int64");
    check_failure("{\"a\":[1,1e400]}", NULL, CN_NOT_FINITE, "a", 1, "float64");
    check_failure("{\"a\":1}", NULL, CN_INVALID_PARAMETER, "a", -1, "array");
    check_failure("{\"a\\u0000b\":[1]}", NULL, CN_INVALID_VALUE, "a", -1, "U+0000");
    check_failure("{\"a\":[1],\"b\":[],\"a\":[2]}", NULL, CN_DUPLICATE_NAME, "a", -1, "same name");
    check_failure("{\"c\":[],\"b\":[],\"\\u0062\":[],\"c\":[]}", NULL, CN_DUPLICATE_NAME, "b", -1,
                  "same name");
    /* what stands first is reported first */
    check_failure("{\"a\":[1],\"a\":[\"x\",1]}", NULL, CN_DUPLICATE_NAME, "a", -1, "same name");
    check_failure("{\"a\":[1],\"b\":[\"x\",1],\"a\":[1]}", NULL, CN_MIXED_TYPES, "b", 1, "strings");
    check_failure("{\"a\":[1,2],\"b\":[1,2],\"c\":[1],\"d\":[1,2,3]}", NULL, CN_RAGGED_COLUMNS, "c",
                  1, "a: 2, b: 2, c: 1, d: 3");
    check_failure("{\"a\":[],\"b\":[1]}", NULL, CN_RAGGED_COLUMNS, "b", 0, "a: 0, b: 1");
}

static void column_limits(void **state) {
    (void)state;
    struct cn_buf text = CN_BUF_INIT;
    struct cn_frame frame;
    static const char *const cells[] = {"1", "null", "\"x\"", "true", "0.5"};
    for (size_t kind = 0; kind < 5; kind++) {
        for (size_t rows = limits.max_rows; rows <= limits.max_rows + 1; rows++) {
            text.len = 0;
            for (size_t i = 0; i < rows; i++)
                assert_true(cn_buf_printf(&text, "%s%s", i ? "," : "{\"a\":[", cells[kind]));
            assert_true(cn_buf_add_c(&text, "]}"));
            enum cn_code code = read_columns(text.data, text.len, NULL, &frame);
            assert_int_equal(code, rows > limits.max_rows ? CN_LIMIT_EXCEEDED : CN_OK);
            assert_string_equal(column_error.limit, code ? "--max-rows" : "");
            assert_int_equal(frame.rows, code ? 0 : rows);
            cn_frame_release(&frame);
        }
    }
    for (size_t n = limits.max_columns; n <= limits.max_columns + 1; n++) {
        text.len = 0;
        for (size_t i = 0; i < n; i++)
            assert_true(cn_buf_printf(&text, "%s\"c%zu\":[]", i ? "," : "{", i));
        assert_true(cn_buf_add_c(&text, "}"));
        enum cn_code code = read_columns(text.data, text.len, NULL, &frame);
        assert_int_equal(code, n > limits.max_columns ? CN_LIMIT_EXCEEDED : CN_OK);
        assert_string_equal(column_error.limit, code ? "--max-columns" : "");
        cn_frame_release(&frame);
    }
    cn_buf_release(&text);
}

static void long_ragged_list(void **state) {
    (void)state;
    struct cn_buf text = CN_BUF_INIT;
    struct cn_frame frame;
    for (size_t i = 0; i < limits.max_columns; i++)
        assert_true(cn_buf_printf(&text, "%s\"%0*zu\xC3\xA9\":[%s]", i ? "," : "{", 47, i,
                                  i == 1 ? "1" : ""));
    assert_true(cn_buf_add_c(&text, "}"));
    assert_int_equal(read_columns(text.data, text.len, NULL, &frame), CN_RAGGED_COLUMNS);
    assert_non_null(strstr(column_error.detail, " more"));
    assert_null(strchr(column_error.detail, '\xC3')); /* no half characters */
    cn_frame_release(&frame);
    cn_buf_release(&text);
}

static void declared(void **state) {
    (void)state;
    static const struct cn_str nulls[] = {{"NA", 2}, {"\n", 1}, {"", 0}};
    static const struct cn_json_declared types[] = {
        {{"*", 1}, true, CN_TYPE_FLOAT64},
        {{"s", 1}, false, CN_TYPE_STRING},
        {{"i", 1}, false, CN_TYPE_INT64},
        {{"b", 1}, false, CN_TYPE_BOOL},
    };
    const struct cn_json_columns_options only_nulls = {NULL, 0, nulls, 3};
    const struct cn_json_columns_options options = {types, 4, nulls, 3};
    check_columns("{\"a\":[1,\"NA\",\"\\u000a\",\"\\u004eA\",\"\"]}", &only_nulls,
                  "a int64: 1 null null null null;");
    check_columns("{\"a\":[\"x\",\"NA\"]}", &only_nulls, "a string: x null;");
    check_columns("{\"a\":[1,null],\"s\":[null,\"\\u0078\"],\"i\":[1,2],\"b\":[true,null]}",
                  &options, "a float64: 1.0 null;s string: null x;i int64: 1 2;b bool: True null;");
    check_columns("{\"a\":[],\"s\":[]}", &options, "a float64:;s string:;");
    check_columns("{\"a\":[null],\"s\":[null]}", &options, "a float64: null;s string: null;");
    check_columns("{\"*\":[18446744073709551616]}", &options, "* float64: 1.8446744073709552e+19;");
    check_failure("{\"i\":[1,2.0]}", &options, CN_INVALID_VALUE, "i", 1, "declared int64");
    check_failure("{\"i\":[9223372036854775808]}", &options, CN_INTEGER_OUT_OF_RANGE, "i", 0, "");
    check_failure("{\"s\":[1]}", &options, CN_INVALID_VALUE, "s", 0, "declared string");
    check_failure("{\"s\":[[]]}", &options, CN_INVALID_VALUE, "s", 0, "an array");
    check_failure("{\"b\":[0]}", &options, CN_INVALID_VALUE, "b", 0, "declared bool");
    check_failure("{\"a\":[\"1\"]}", &options, CN_INVALID_VALUE, "a", 0, "declared float64");
}

/* Large columns, in which memory grows, moves and is handed over; nulls begin late. */
static void growth(void **state) {
    (void)state;
    const struct cn_json_limits many = {.max_depth = 4, .max_columns = 9, .max_rows = 1000000};
    struct cn_blocks *blocks = cn_blocks_new(1 << 20);
    struct cn_buf text = CN_BUF_INIT;
    const int rows = 40000;
    for (int pass = 0; pass < 2; pass++) {
        struct cn_frame frame;
        text.len = 0;
        for (int c = 0; c < 4; c++) {
            for (int i = 0; i < rows; i++) {
                assert_true(i ? cn_buf_add_char(&text, ',')
                              : cn_buf_printf(&text, "%s\"%d\":[", c ? "]," : "{", c));
                bool null = i % 1000 == 999 && i > (c == 0 ? 20000 : 0);
                assert_true(null     ? cn_buf_add_c(&text, "null")
                            : c == 1 ? cn_buf_printf(&text, "\"s%d\\t%d\"", i, i % 7)
                            : c == 2 ? cn_buf_printf(&text, i < 30000 ? "%d" : "%d.5", i)
                                     : cn_buf_printf(&text, "%d", i));
            }
        }
        assert_true(cn_buf_add_c(&text, "]}"));
        cn_frame_init(&frame, pass ? blocks : NULL);
        assert_int_equal(
            cn_json_read_columns(cn_buf_str(&text), &many, NULL, &frame, &column_error), CN_OK);
        assert_int_equal(frame.rows, rows);
        const int64_t *ints = frame.columns[0].values;
        const double *floats = frame.columns[2].values;
        for (int i = 0; i < rows; i++) {
            bool null = i % 1000 == 999;
            assert_int_equal(frame.columns[0].nulls[i], null && i > 20000);
            assert_int_equal(ints[i], null && i > 20000 ? 0 : i);
            assert_true(floats[i] == (null ? 0 : i < 30000 ? i : i + 0.5));
            const uint64_t *offsets = frame.columns[1].offsets;
            char expected[32];
            int len = null ? 0 : snprintf(expected, sizeof expected, "s%d\t%d", i, i % 7);
            assert_true(cn_str_equal(cn_str(expected, (size_t)len),
                                     cn_str(frame.columns[1].bytes + offsets[i],
                                            (size_t)(offsets[i + 1] - offsets[i]))));
        }
        cn_frame_release(&frame);
    }
    size_t idle, in_use;
    cn_blocks_stats(blocks, &idle, &in_use);
    assert_int_equal(in_use, 0);
    cn_blocks_free(blocks);
    cn_buf_release(&text);
}

/* Columns of odd sizes do not make the frame hold much more than they need. */
static void memory_is_bounded(void **state) {
    (void)state;
    const struct cn_json_limits many = {.max_depth = 4, .max_columns = 99, .max_rows = 1000000};
    struct cn_blocks *blocks = cn_blocks_new(1 << 20);
    struct cn_buf text = CN_BUF_INIT;
    struct cn_frame frame;
    size_t idle, in_use;
    assert_true(cn_buf_add_c(&text, "{\"first\":[0"));
    for (int i = 0; i < 400000; i++)
        assert_true(cn_buf_add_c(&text, ",1"));
    for (int c = 0; c < 20; c++) {
        assert_true(cn_buf_printf(&text, "],\"%d\":[0", c));
        for (int i = 0; i < 9000; i++)
            assert_true(cn_buf_add_c(&text, ",1"));
    }
    assert_true(cn_buf_add_c(&text, "]}"));
    cn_frame_init(&frame, blocks);
    assert_int_equal(cn_json_read_columns(cn_buf_str(&text), &many, NULL, &frame, NULL),
                     CN_RAGGED_COLUMNS);
    cn_blocks_stats(blocks, &idle, &in_use);
    assert_true(in_use < 10 * text.len);
    cn_frame_release(&frame);
    cn_blocks_free(blocks);
    cn_buf_release(&text);
}

/* ---- jansson ------------------------------------------------------------------------------- */

static void add_random_string(struct dice *dice, struct cn_buf *text) {
    static const char *const pieces[] = {"a",          "bc",      " ",       "\\n",
                                         "\\\"",       "\\u0041", "\\u00e9", "\\ud83d\\ude00",
                                         "\xC3\xA9",   "/",       "\\/",     "\xF0\x9F\x98\x80",
                                         "0123456789", "\\\\"};
    assert_true(cn_buf_add_c(text, "\""));
    for (size_t n = dice_below(dice, 12); n > 0; n--)
        assert_true(cn_buf_add_c(text, pieces[dice_below(dice, 14)]));
    assert_true(cn_buf_add_c(text, "\""));
}

static void add_random_number(struct dice *dice, struct cn_buf *text, bool floats) {
    if (floats && dice_below(dice, 2)) {
        double d;
        uint64_t bits = dice_next(dice);
        memcpy(&d, &bits, sizeof d);
        if (!isfinite(d))
            d = 0.5;
        assert_true(cn_buf_printf(text, "%.*e", (int)dice_below(dice, 18), d));
    } else {
        assert_true(
            cn_buf_printf(text, "%" PRId64, (int64_t)dice_next(dice) >> dice_below(dice, 64)));
    }
}

static void same_as_jansson(void **state) {
    (void)state;
    struct dice dice = {8};
    struct cn_buf text = CN_BUF_INIT;
    for (int round = 0; round < 3000; round++) {
        size_t kind = dice_below(&dice, 3), rows = dice_below(&dice, 12);
        text.len = 0;
        assert_true(cn_buf_add_c(&text, "{\"x\":["));
        for (size_t i = 0; i < rows; i++) {
            assert_true(cn_buf_add_c(&text, i ? ", " : ""));
            if (dice_below(&dice, 8) == 0)
                assert_true(cn_buf_add_c(&text, "null"));
            else if (kind == 0)
                add_random_string(&dice, &text);
            else
                add_random_number(&dice, &text, kind == 1);
        }
        assert_true(cn_buf_add_c(&text, "]}"));
        json_error_t error;
        json_t *oracle = json_loadb(text.data, text.len, 0, &error);
        struct cn_frame frame;
        struct cn_vector vector;
        enum cn_code code = read_columns(text.data, text.len, NULL, &frame);
        if (!oracle || code != CN_OK)
            show_text(column_error.detail, text.data, text.len);
        assert_non_null(oracle);
        assert_int_equal(code, CN_OK);
        json_t *array = json_object_get(oracle, "x");
        assert_int_equal(frame.rows, rows);
        assert_int_equal(cn_column_vector(&frame.columns[0], 0, rows, &frame.arena, &vector, NULL),
                         CN_OK);
        for (size_t i = 0; i < rows; i++) {
            json_t *cell = json_array_get(array, i);
            assert_int_equal(vector.nulls && vector.nulls[i], json_is_null(cell));
            if (json_is_null(cell))
                continue;
            if (vector.type == CN_TYPE_STRING) {
                assert_true(
                    cn_str_equal(((const struct cn_str *)vector.values)[i],
                                 cn_str(json_string_value(cell), json_string_length(cell))));
            } else if (vector.type == CN_TYPE_INT64) {
                assert_true(json_is_integer(cell));
                assert_int_equal(((const int64_t *)vector.values)[i], json_integer_value(cell));
            } else {
                double expected = json_number_value(cell);
                assert_memory_equal((const double *)vector.values + i, &expected, sizeof expected);
            }
        }
        json_decref(oracle);
        cn_frame_release(&frame);
    }
    cn_buf_release(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns),           cmocka_unit_test(column_faults),
        cmocka_unit_test(column_limits),     cmocka_unit_test(long_ragged_list),
        cmocka_unit_test(declared),          cmocka_unit_test(growth),
        cmocka_unit_test(memory_is_bounded), cmocka_unit_test(same_as_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
