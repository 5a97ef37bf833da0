/*
 * JSON text from values; jansson reads it again.
 */
#include "tests/unit/columns_helpers.h"

#include <jansson.h>
#include <math.h>

#include "columns/json.h"

static void check_string(const char *text, size_t len, const char *expected) {
    struct cn_buf out = CN_BUF_INIT;
    assert_true(cn_json_write_string(&out, cn_str(text, len)));
    assert_true(cn_buf_add_char(&out, 0));
    assert_string_equal(out.data, expected);
    cn_buf_release(&out);
}

#define STRING(text, expected) check_string(text, sizeof(text) - 1, expected)

static void strings(void **state) {
    (void)state;
    check_string(NULL, 0, "\"\"");
    STRING("", "\"\"");
    STRING("abc", "\"abc\"");
    STRING("\"\\/", "\"\\\"\\\\/\"");
    STRING("\b\f\n\r\t", "\"\\b\\f\\n\\r\\t\"");
    STRING("\0\x01\x1f\x7f", "\"\\u0000\\u0001\\u001f\x7f\"");
    STRING("\xC3\xA9\xF0\x9F\x98\x80", "\"\xC3\xA9\xF0\x9F\x98\x80\"");
}

/* Every string comes back, whatever its length and wherever its escapes are. */
static void strings_come_back(void **state) {
    (void)state;
    static const char letters[] = "abcdefgh\n\"\\\x01\xC3\xA9";
    struct dice dice = {10};
    for (int round = 0; round < 3000; round++) {
        struct cn_buf out = CN_BUF_INIT;
        char text[300];
        size_t len = dice_text(&dice, cn_str(letters, sizeof letters - 3), 299, text);
        assert_true(cn_json_write_string(&out, cn_str(text, len)));
        json_t *string = json_loadb(out.data, out.len, JSON_DECODE_ANY, NULL);
        assert_non_null(string);
        assert_true(cn_str_equal(cn_str(text, len),
                                 cn_str(json_string_value(string), json_string_length(string))));
        json_decref(string);
        cn_buf_release(&out);
    }
}

static void numbers(void **state) {
    (void)state;
    struct cn_buf out = CN_BUF_INIT;
    const double values[] = {0.1, -0.0, 1e16, 1e-5, 123456789.0, (double)NAN, (double)INFINITY};
    for (size_t i = 0; i < 7; i++)
        assert_true(cn_json_write_double(&out, values[i]) && cn_buf_add_c(&out, " "));
    assert_true(cn_json_write_int(&out, INT64_MIN) && cn_buf_add_c(&out, " "));
    assert_true(cn_json_write_int(&out, 7) && cn_buf_add_char(&out, 0));
    assert_string_equal(out.data,
                        "0.1 -0.0 1e+16 1e-05 123456789.0 null null -9223372036854775808 7");
    cn_buf_release(&out);
}

static void check_vector(const struct cn_vector *vector, size_t rows, enum cn_json_nan nan,
                         const char *expected) {
    struct cn_buf out = CN_BUF_INIT;
    assert_int_equal(cn_json_write_vector(&out, vector, rows, nan, NULL), CN_OK);
    assert_true(cn_buf_add_char(&out, 0));
    assert_string_equal(out.data, expected);
    cn_buf_release(&out);
}

static void vectors(void **state) {
    (void)state;
    const double floats[] = {1, (double)NAN, (double)INFINITY, -(double)INFINITY, (double)NAN};
    static const int64_t ints[] = {1, -2, 3};
    static const uint8_t bools[] = {1, 0, 1}, nulls[] = {0, 0, 1, 0, 1};
    static const struct cn_str texts[] = {{"a\n", 2}, {NULL, 0}, {"x", 1}};
    const struct cn_vector f = {CN_TYPE_FLOAT64, floats, nulls}, i = {CN_TYPE_INT64, ints, NULL},
                           b = {CN_TYPE_BOOL, bools, nulls}, s = {CN_TYPE_STRING, texts, nulls},
                           n = {CN_TYPE_NULL, NULL, NULL};
    struct cn_buf out = CN_BUF_INIT;
    struct cn_error error;

    check_vector(&f, 5, CN_JSON_NAN_NULL, ",1.0,null,null,null,null");
    check_vector(&f, 5, CN_JSON_NAN_STRING, ",1.0,\"NaN\",null,\"-Infinity\",null");
    check_vector(&(struct cn_vector){CN_TYPE_FLOAT64, floats, NULL}, 3, CN_JSON_NAN_STRING,
                 ",1.0,\"NaN\",\"Infinity\"");
    check_vector(&f, 1, CN_JSON_NAN_ERROR, ",1.0");
    check_vector(&f, 0, CN_JSON_NAN_NULL, "");
    check_vector(&i, 3, CN_JSON_NAN_ERROR, ",1,-2,3");
    check_vector(&b, 3, CN_JSON_NAN_ERROR, ",true,false,null");
    check_vector(&s, 3, CN_JSON_NAN_ERROR, ",\"a\\n\",\"\",null");
    check_vector(&n, 2, CN_JSON_NAN_ERROR, ",null,null");

    cn_error_init(&error);
    assert_int_equal(cn_json_write_vector(&out, &f, 5, CN_JSON_NAN_ERROR, &error), CN_NOT_FINITE);
    assert_int_equal(error.row, 1);
    cn_error_init(&error);
    assert_int_equal(cn_json_write_vector(&out,
                                          &(struct cn_vector){CN_TYPE_FLOAT64, floats + 2, nulls},
                                          3, CN_JSON_NAN_ERROR, &error),
                     CN_NOT_FINITE);
    assert_int_equal(error.row, 0);
    cn_buf_release(&out);
}

/* Random doubles keep all their bits through text; more rows than one block. */
static void doubles_come_back(void **state) {
    (void)state;
    struct dice dice = {11};
    enum { ROWS = 5000 };
    double values[ROWS];
    struct cn_buf out = CN_BUF_INIT;
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t bits = dice_next(&dice);
        memcpy(&values[i], &bits, sizeof bits);
        if (!isfinite(values[i]))
            values[i] = 0.1;
    }
    const struct cn_vector vector = {CN_TYPE_FLOAT64, values, NULL};
    assert_true(cn_buf_add_c(&out, "{\"x\":"));
    size_t start = out.len;
    assert_int_equal(cn_json_write_vector(&out, &vector, ROWS, CN_JSON_NAN_ERROR, NULL), CN_OK);
    out.data[start] = '[';
    assert_true(cn_buf_add_c(&out, "]}"));
    const struct cn_json_limits limits = {4, 4, ROWS};
    struct cn_frame frame;
    cn_frame_init(&frame, NULL);
    assert_int_equal(cn_json_read_columns(cn_buf_str(&out), &limits, NULL, &frame, NULL), CN_OK);
    assert_memory_equal(frame.columns[0].values, values, sizeof values);
    cn_frame_release(&frame);
    cn_buf_release(&out);
}

/* A buffer without memory is left as it was. */
static bool grow_never(struct cn_buf *buf, size_t cap) {
    return buf->cap >= cap;
}

static void no_memory(void **state) {
    (void)state;
    char room[16];
    struct cn_buf out = {.data = room, .cap = sizeof room, .grow = grow_never};
    assert_true(cn_buf_add_c(&out, "abc"));
    assert_false(cn_json_write_string(&out, CN_STR("0123456789012345")));
    assert_false(cn_json_write_string(&out, CN_STR("01\x01\x01\x01\x01")));
    assert_int_equal(out.len, 3);
    assert_int_equal(cn_json_write_vector(&out, &(struct cn_vector){CN_TYPE_NULL, NULL, NULL}, 9,
                                          CN_JSON_NAN_NULL, NULL),
                     CN_OVERLOADED);
    assert_int_equal(out.len, 3);
}

/* Long vectors are what their values are one by one, whatever stands among them. */
static void long_vectors(void **state) {
    enum { ROWS = 400 };
    static double doubles[ROWS];
    static int64_t ints[ROWS];
    static uint8_t bools[ROWS], nulls[ROWS];
    const void *const values[] = {NULL, bools, ints, doubles};
    struct cn_buf out = CN_BUF_INIT, expected = CN_BUF_INIT;
    struct dice dice = {3};
    struct cn_error error;
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        uint64_t bits = dice_next(&dice);
        memcpy(&doubles[i], &bits, sizeof bits);
        if (i % 3 == 0)
            doubles[i] = i % 2 ? (double)(bits % 1000) / 8 : (double)NAN;
        ints[i] = (int64_t)(bits >> (bits % 64));
        bools[i] = bits % 2;
        nulls[i] = bits % 5 == 0;
    }
    for (enum cn_type type = CN_TYPE_NULL; type <= CN_TYPE_FLOAT64; type++) {
        for (size_t rows = 0; rows <= ROWS; rows += 37) {
            struct cn_vector vector = {type, values[type], rows % 2 ? nulls : NULL};
            out.len = expected.len = 0;
            for (size_t i = 0; i < rows; i++) {
                bool null = type == CN_TYPE_NULL || (vector.nulls && nulls[i]);
                assert_true(cn_buf_add_char(&expected, ','));
                assert_true(null ? cn_buf_add_c(&expected, "null")
                            : type == CN_TYPE_BOOL
                                ? cn_buf_add_c(&expected, bools[i] ? "true" : "false")
                            : type == CN_TYPE_INT64 ? cn_json_write_int(&expected, ints[i])
                                                    : cn_json_write_double(&expected, doubles[i]));
            }
            assert_int_equal(cn_json_write_vector(&out, &vector, rows, CN_JSON_NAN_NULL, NULL),
                             CN_OK);
            assert_true(cn_str_equal(cn_buf_str(&out), cn_buf_str(&expected)));
        }
    }
    for (size_t i = 0; i < ROWS; i++)
        doubles[i] = i == 251 ? (double)-INFINITY : 1.5;
    struct cn_vector vector = {CN_TYPE_FLOAT64, doubles, NULL};
    cn_error_init(&error);
    assert_int_equal(cn_json_write_vector(&out, &vector, ROWS, CN_JSON_NAN_ERROR, &error),
                     CN_NOT_FINITE);
    assert_int_equal(error.row, 251);
    memset(nulls, 0, sizeof nulls);
    vector.nulls = nulls;
    nulls[251] = 1;
    assert_int_equal(cn_json_write_vector(&out, &vector, ROWS, CN_JSON_NAN_ERROR, NULL), CN_OK);
    cn_buf_release(&out);
    cn_buf_release(&expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_vectors),      cmocka_unit_test(strings),
        cmocka_unit_test(strings_come_back), cmocka_unit_test(numbers),
        cmocka_unit_test(vectors),           cmocka_unit_test(doubles_come_back),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
