#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/number.h"

/* From memory of exactly that length, so that reading beyond it is found. */
static enum cn_text_kind scan(const char *text, size_t len, int64_t *i, double *d) {
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, text, len);
    enum cn_text_kind kind = cn_text_scan(copy, len, i, d);
    assert_int_equal(cn_text_classify(copy, len), kind);
    free(copy);
    return kind;
}

static void expect_int(const char *text, int64_t expected) {
    int64_t i = 77;
    double d;
    if (scan(text, strlen(text), &i, &d) != CN_TEXT_INT64 || i != expected)
        fail_msg("'%s' is not the integer %lld", text, (long long)expected);
}

static void expect_float(const char *text, double expected) {
    int64_t i;
    double d = 77;
    if (scan(text, strlen(text), &i, &d) != CN_TEXT_FLOAT64 || memcmp(&d, &expected, sizeof d) != 0)
        fail_msg("'%s' is not the float %a", text, expected);
}

static void integers(void **state) {
    (void)state;
    expect_int("0", 0);
    expect_int("-0", 0);
    expect_int("7", 7);
    expect_int(" 12 ", 12);
    expect_int("\t-12345\t ", -12345);
    expect_int("123456789012345678", 123456789012345678);
    expect_int("9223372036854775807", INT64_MAX);
    expect_int("-9223372036854775808", INT64_MIN);
}

static void floats(void **state) {
    (void)state;
    expect_float("5.", 5.0);
    expect_float(".5", 0.5);
    expect_float("-.5", -0.5);
    expect_float("0.5", 0.5);
    expect_float("-0.0", -0.0);
    expect_float(" 1.5\t", 1.5);
    expect_float("1e5", 1e5);
    expect_float("1e05", 1e5);
    expect_float("1E+16", 1e16);
    expect_float("1e400", (double)INFINITY);
    expect_float("-1e400", -(double)INFINITY);
    expect_float("1e-400", 0.0);
    expect_float("0e0", 0.0);
    expect_float("-0.8422143253479128", -0.8422143253479128);
    expect_float("1.0000000000000000000000000000001", 1.0);
    expect_float("99999999999999999999.0", 1e20);
    expect_float("1234567890123456789012345e-5", 1.2345678901234567890e19);
    expect_float("inf", (double)INFINITY);
    expect_float("-INF", -(double)INFINITY);
    expect_float(" Inf ", (double)INFINITY);
    int64_t i;
    double d = 0;
    static const char *const nans[] = {"nan", "NaN", "NAN", " nan\t"};
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(scan(nans[k], strlen(nans[k]), &i, &d), CN_TEXT_FLOAT64);
        assert_true(isnan(d));
    }
}

static void bools(void **state) {
    (void)state;
    static const char *const texts[] = {"False", "True", "false", "true"};
    for (size_t k = 0; k < 4; k++) {
        int64_t i = 7;
        double d;
        assert_int_equal(scan(texts[k], strlen(texts[k]), &i, &d), CN_TEXT_BOOL);
        assert_int_equal(i, k % 2);
    }
}

static void strings(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        " ",
        "\t",
        "-",
        ".",
        "-.",
        "+1",
        "+1.5",
        "01",
        "-01",
        "00",
        "00.5",
        "02134",
        "-00.5",
        "01e5",
        "9223372036854775808",
        "-9223372036854775809",
        "10000000000000000000",
        "99999999999999999999",
        "184467440737095516160",
        "123456789012345678901234567890",
        "1e",
        "1e+",
        "1.5e",
        "e5",
        ".e5",
        "1 2",
        "1,5",
        "1_000",
        "0x10",
        "1.2.3",
        "- 1",
        "--1",
        "1-",
        "infinity",
        "-nan",
        "+inf",
        "inf inf",
        "nane",
        "na",
        "TRUE",
        "FALSE",
        " True",
        "true ",
        "True\t",
        "tru",
        "falsey",
        "1f",
        "1d",
        "\302\2401",
        "1\n",
        "1\r",
        "\xEF\xBC\x91",
        "12345678a",
        "1.12345678a",
        "1.1234567812345678 x",
        "i",
        "-i",
        "-in",
        "n",
    };
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        int64_t i;
        double d;
        if (scan(texts[k], strlen(texts[k]), &i, &d) != CN_TEXT_STRING)
            fail_msg("'%s' is not a string", texts[k]);
    }
    int64_t i;
    double d;
    assert_int_equal(scan("1\0", 2, &i, &d), CN_TEXT_STRING);
    assert_int_equal(scan("1.5\0", 4, &i, &d), CN_TEXT_STRING);
}

/* Every byte behind eight digits: the eight-at-a-time way must see all that are none. */
static void digits_are_told_from_all_other_bytes(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        for (size_t at = 0; at < 8; at++) {
            char text[] = "0.12345678";
            text[2 + at] = (char)byte;
            int64_t i;
            double d = 0, expected;
            enum cn_text_kind kind = scan(text, 10, &i, &d);
            bool parses = cn_double_parse(text, 10, &expected);
            bool blank_end = (byte == ' ' || byte == '\t') && at == 7;
            assert_int_equal(kind == CN_TEXT_FLOAT64, parses || blank_end);
            if (byte >= '0' && byte <= '9')
                assert_true(kind == CN_TEXT_FLOAT64 && d == strtod(text, NULL));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(floats),
        cmocka_unit_test(bools),
        cmocka_unit_test(strings),
        cmocka_unit_test(digits_are_told_from_all_other_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
