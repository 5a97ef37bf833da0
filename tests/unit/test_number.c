#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/number.h"

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double from_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* From memory of exactly that length, so that reading beyond it is found. */
static bool parse(const char *text, size_t len, double *value) {
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, text, len);
    bool parsed = cn_double_parse(copy, len, value);
    free(copy);
    return parsed;
}

static void expect_double(const char *text, double expected) {
    double value = 0;
    if (!parse(text, strlen(text), &value))
        fail_msg("'%s' was refused", text);
    if (bits_of(value) != bits_of(expected))
        fail_msg("'%s' became %a, not %a", text, value, expected);
}

static void decimals_are_read_exactly(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"0", 0.0},
        {"-0", -0.0},
        {"+0.0", 0.0},
        {"1", 1.0},
        {"5.", 5.0},
        {".5", 0.5},
        {"-.5e1", -5.0},
        {"0001.500", 1.5},
        {"1e22", 1e22},
        {"1E+22", 1e22},
        {"1e23", 0x1.52d02c7e14af6p+76},
        {"9007199254740993", 0x1p53},
        {"9007199254740993.0000000000000000000000000000000000001", 0x1.0000000000001p53},
        {"9007199254740995", 0x1.0000000000002p53},
        {"1.500000000000000000e+00", 1.5},
        {"0.1", 0x1.999999999999ap-4},
        {"8.41e21", 8.41e21},
        {"9.5e-323", 0x13p-1074},
        {"2.2250738585072011e-308", 0x0.fffffffffffffp-1022},
        {"2.2250738585072012e-308", 0x1p-1022},
        {"2.2250738585072014e-308", 0x1p-1022},
        {"4.9406564584124654e-324", 0x1p-1074},
        {"2.4703282292062327e-324", 0.0},
        {"2.4703282292062328e-324", 0x1p-1074},
        {"1e-400", 0.0},
        {"-1e-400", -0.0},
        {"1.7976931348623157e308", 0x1.fffffffffffffp1023},
        {"1.7976931348623158e308", 0x1.fffffffffffffp1023},
        {"1.7976931348623159e308", (double)INFINITY},
        {"-1e309", -(double)INFINITY},
        {"1e99999999999999999999999999", (double)INFINITY},
        {"0e99999999999999999999999999", 0.0},
        {"1e-99999999999999999999999999", 0.0},
        {"10000000000000000000000000000000000000000e-40", 1.0},
        {"0.0000000000000000000000000000000000000001e40", 1.0},
        {"inf", (double)INFINITY},
        {"-Infinity", -(double)INFINITY},
        {"+INF", (double)INFINITY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_double(cases[i].text, cases[i].value);
    double value = 0;
    assert_true(parse("NaN", 3, &value) && isnan(value));
    assert_true(parse("-nan", 4, &value) && isnan(value));
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",     " ",         ".",   "-",    "+",     "e5",    "1e",           "1e+",  "1e-",
        ".e1",  "1 ",        " 1",  "1,5",  "1.2.3", "0x10",  "1_0",          "--1",  "+-1",
        "infi", "infinityx", "na",  "nann", "1f",    "1e5.0", "\xEF\xBC\x91", "1e5 ", "i",
        "in",   "n",         "-in",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double value = 42;
        if (parse(cases[i], strlen(cases[i]), &value))
            fail_msg("'%s' was read as %a", cases[i], value);
    }
    double value;
    assert_false(parse("1\0", 2, &value));
    assert_false(parse("1\0002", 3, &value));
}

/* 2^-1074 * (2 * m + 1) / 2 for the largest subnormal has 767 digits: the longest halfway point. */
static void any_number_of_digits_counts(void **state) {
    (void)state;
    char text[3000] = "0.";
    size_t len = 2;
    for (int i = 0; i < 2000; i++)
        text[len++] = '0';
    text[len++] = '1';
    snprintf(text + len, sizeof text - len, "e2001");
    expect_double(text, 1.0);

    /* 1 + 2^-53 in full, and a digit far behind it. */
    const char *halfway = "1.00000000000000011102230246251565404236316680908203125";
    expect_double(halfway, 1.0);
    len = strlen(halfway);
    memcpy(text, halfway, len);
    memset(text + len, '0', 1500);
    text[len + 1500] = '\0';
    expect_double(text, 1.0);
    text[len + 1499] = '1';
    expect_double(text, 0x1.0000000000001p0);
    expect_double("1.00000000000000011102230246251565404236316680908203124999", 1.0);
    expect_double("1.00000000000000033306690738754696212708950042724609375", 0x1.0000000000002p0);
}

static size_t format(double value, char *out) {
    char guarded[CN_DOUBLE_TEXT + 2];
    memset(guarded, '#', sizeof guarded);
    size_t len = cn_double_format(value, guarded + 1);
    assert_true(len > 0 && len <= CN_DOUBLE_TEXT);
    assert_int_equal(guarded[0], '#');
    assert_int_equal(guarded[CN_DOUBLE_TEXT + 1], '#');
    memcpy(out, guarded + 1, len);
    out[len] = '\0';
    return len;
}

static void doubles_are_written_as_python_does(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {0.3, "0.3"},
        {0.1 + 0.2, "0.30000000000000004"},
        {100.0, "100.0"},
        {123456.789, "123456.789"},
        {1e15, "1000000000000000.0"},
        {1234567890123456.0, "1234567890123456.0"},
        {9007199254740991.0, "9007199254740991.0"},
        {9007199254740992.0, "9007199254740992.0"},
        {9999999999999998.0, "9999999999999998.0"},
        {1e16, "1e+16"},
        {12345678901234567.0, "1.2345678901234568e+16"},
        {1e22, "1e+22"},
        {1e23, "1e+23"},
        {0.0001, "0.0001"},
        {0.00012345678901234567, "0.00012345678901234567"},
        {-0.00012345678901234567, "-0.00012345678901234567"},
        {0.00001, "1e-05"},
        {1.25e-7, "1.25e-07"},
        {1e100, "1e+100"},
        {1e-100, "1e-100"},
        {5e-324, "5e-324"},
        {1.5e-323, "1.5e-323"},
        {2.225073858507201e-308, "2.225073858507201e-308"},
        {2.2250738585072014e-308, "2.2250738585072014e-308"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {-1.7976931348623157e308, "-1.7976931348623157e+308"},
        {0x1p-44, "5.684341886080802e-14"}, /* both sides as close: the even digit */
        {0x1p60, "1.152921504606847e+18"},
        {9.5367431640625e-07, "9.5367431640625e-07"},
        {2.0 / 3, "0.6666666666666666"},
        {4503599627370495.5, "4503599627370495.5"},
        {4503599627370496.0, "4503599627370496.0"},
    };
    char text[CN_DOUBLE_TEXT + 1];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        format(cases[i].value, text);
        assert_string_equal(text, cases[i].text);
    }
    format((double)INFINITY, text);
    assert_string_equal(text, "inf");
    format(-(double)INFINITY, text);
    assert_string_equal(text, "-inf");
    format(-(double)NAN, text);
    assert_string_equal(text, "nan");
}

static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static void expect_round_trip(double value) {
    char text[CN_DOUBLE_TEXT + 1];
    size_t len = format(value, text);
    double back = 0;
    if (!parse(text, len, &back) || (bits_of(back) != bits_of(value) && !isnan(value)))
        fail_msg("%a was written as %s, which is %a", value, text, back);
    /* The C library agrees, and none of its shorter texts (up to 17 digits) reads back. */
    if (isnan(value) || strtod(text, NULL) != value)
        return;
    size_t digits = 0;
    bool significant = false;
    for (size_t i = 0; i < len && text[i] != 'e'; i++) {
        significant = significant || (text[i] >= '1' && text[i] <= '9');
        digits += significant && text[i] != '.';
    }
    char shorter[64];
    if (digits > 1 && digits < 18 && strchr(text, 'e')) {
        snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, value);
        if (strtod(shorter, NULL) == value)
            fail_msg("%s is not the shortest text, %s is shorter", text, shorter);
    }
}

static void every_double_survives_its_text(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++)
        expect_round_trip(from_bits(next_random(&seed)));
    for (uint64_t exponent = 0; exponent < 2047; exponent++) {
        expect_round_trip(from_bits(exponent << 52));
        expect_round_trip(from_bits(exponent << 52 | 1));
        expect_round_trip(from_bits(((exponent + 1) << 52) - 1));
    }
    for (int i = 0; i < 20000; i++) {
        expect_round_trip(i / 100.0);
        expect_round_trip((double)i);
        expect_round_trip(ldexp(i, -30));
    }
}

static void reading_agrees_with_the_c_library(void **state) {
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 100000; i++) {
        char text[128];
        size_t len = 0, digits = 1 + next_random(&seed) % 40, point = next_random(&seed) % 45;
        for (size_t k = 0; k < digits; k++) {
            if (k == point)
                text[len++] = '.';
            text[len++] = (char)('0' + next_random(&seed) % 10);
        }
        text[len] = '\0';
        if (next_random(&seed) % 2)
            snprintf(text + len, sizeof text - len, "e%d", (int)(next_random(&seed) % 700) - 350);
        expect_double(text, strtod(text, NULL));
    }
}

static void integers(void **state) {
    (void)state;
    static const int64_t values[] = {0,
                                     -1,
                                     9,
                                     10,
                                     -99,
                                     12345678,
                                     99999999,
                                     100000000,
                                     -123456789,
                                     9999999999999999,
                                     10000000000000000,
                                     INT64_MAX,
                                     INT64_MIN};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char text[CN_INT64_TEXT + 1], expected[32];
        size_t len = cn_int64_format(values[i], text);
        text[len] = '\0';
        snprintf(expected, sizeof expected, "%lld", (long long)values[i]);
        assert_string_equal(text, expected);
        int64_t back = 7;
        assert_true(cn_int64_parse(text, len, &back, NULL));
        assert_int_equal(back, values[i]);
    }
    uint64_t seed = 3;
    for (int i = 0; i < 100000; i++) {
        int64_t value = (int64_t)(next_random(&seed)) >> next_random(&seed) % 64;
        char text[CN_INT64_TEXT + 1];
        size_t len = cn_int64_format(value, text);
        text[len] = '\0';
        assert_int_equal(strtoll(text, NULL, 10), value);
    }
}

/* Texts of many are those of each, with a '#' behind the last. */
static void many_are_written_as_one_by_one(void **state) {
    (void)state;
    enum { MOST = 200 };
    static double doubles[MOST];
    static int64_t integers[MOST];
    static char text[MOST * CN_DOUBLE_TEXT + 1];
    uint8_t lengths[MOST + 1];
    uint64_t seed = 4;
    for (size_t i = 0; i < MOST; i++) {
        int64_t bits = (int64_t)next_random(&seed);
        doubles[i] =
            i % 3 ? (double)(bits >> next_random(&seed) % 64) / 100 : from_bits((uint64_t)bits);
        integers[i] = bits >> next_random(&seed) % 64;
    }
    doubles[7] = doubles[63] = -0.0;
    doubles[8] = doubles[64] = (double)NAN;
    doubles[9] = doubles[65] = -(double)INFINITY;
    for (size_t n = 0; n <= MOST; n++) {
        char one[CN_DOUBLE_TEXT];
        text[n * CN_DOUBLE_TEXT] = '#';
        lengths[n] = '#';
        cn_doubles_format(doubles, n, text, lengths);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(lengths[i], cn_double_format(doubles[i], one));
            assert_memory_equal(text + i * CN_DOUBLE_TEXT, one, lengths[i]);
        }
        assert_true(text[n * CN_DOUBLE_TEXT] == '#' && lengths[n] == '#');
        text[n * CN_INT64_TEXT] = '#';
        cn_int64s_format(integers, n, text, lengths);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(lengths[i], cn_int64_format(integers[i], one));
            assert_memory_equal(text + i * CN_INT64_TEXT, one, lengths[i]);
        }
        assert_true(text[n * CN_INT64_TEXT] == '#' && lengths[n] == '#');
    }
}

static void integer_texts(void **state) {
    (void)state;
    int64_t value = 0;
    bool overflow = true;
    assert_true(cn_int64_parse("+0042", 5, &value, &overflow));
    assert_int_equal(value, 42);
    assert_false(overflow);
    static const char *const beyond[] = {"9223372036854775808", "-9223372036854775809",
                                         "99999999999999999999", "18446744073709551616",
                                         "1000000000000000000000000000000"};
    for (size_t i = 0; i < 5; i++) {
        assert_false(cn_int64_parse(beyond[i], strlen(beyond[i]), &value, &overflow));
        assert_true(overflow);
    }
    static const char *const refused[] = {
        "", "-", "+", "1.0", " 1", "1 ", "0x1", "1e5", "a", "--1", "99999999999999999999x"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_false(cn_int64_parse(refused[i], strlen(refused[i]), &value, &overflow));
        assert_false(overflow);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_read_exactly),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(any_number_of_digits_counts),
        cmocka_unit_test(doubles_are_written_as_python_does),
        cmocka_unit_test(every_double_survives_its_text),
        cmocka_unit_test(reading_agrees_with_the_c_library),
        cmocka_unit_test(integers),
        cmocka_unit_test(many_are_written_as_one_by_one),
        cmocka_unit_test(integer_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
