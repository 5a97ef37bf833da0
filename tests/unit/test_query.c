/* The decoder of query strings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/query.h"

static struct cn_arena arena;

static int setup(void **state) {
    (void)state;
    cn_arena_init(&arena, 4096);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cn_arena_release(&arena);
    return 0;
}

static void expect_pair(struct cn_query *query, const char *name, const char *value,
                        const char *raw) {
    struct cn_query_pair pair;
    assert_int_equal(cn_query_next(query, &pair, NULL), CN_OK);
    assert_true(pair.found);
    assert_string_equal(pair.name.data, name);
    assert_string_equal(pair.value.data, value);
    assert_int_equal(pair.name.len, strlen(name));
    assert_int_equal(pair.value.len, strlen(value));
    assert_true(cn_str_is(pair.raw, raw));
}

static void expect_end(struct cn_query *query) {
    struct cn_query_pair pair;
    assert_int_equal(cn_query_next(query, &pair, NULL), CN_OK);
    assert_false(pair.found);
}

static void test_pairs(void **state) {
    (void)state;
    struct cn_query query;
    cn_query_init(&query, "&&let=r%3Da%2Bb&x=1=2&flag&&s=a+b;c%26d&e=&n%61me=%C3%A9&", &arena);
    expect_pair(&query, "let", "r=a+b", "r%3Da%2Bb");
    expect_pair(&query, "x", "1=2", "1=2");
    expect_pair(&query, "flag", "", "");
    expect_pair(&query, "s", "a b;c&d", "a+b;c%26d");
    expect_pair(&query, "e", "", "");
    expect_pair(&query, "name", "\xc3\xa9", "%C3%A9");
    expect_end(&query);
    expect_end(&query);
}

static void test_empty(void **state) {
    (void)state;
    struct cn_query query;
    cn_query_init(&query, NULL, &arena);
    expect_end(&query);
    cn_query_init(&query, "", &arena);
    expect_end(&query);
    cn_query_init(&query, "&", &arena);
    expect_end(&query);
    cn_query_init(&query, "=v", &arena);
    expect_pair(&query, "", "v", "v");
}

static void expect_bad(const char *text, const char *parameter, const char *detail) {
    struct cn_query query;
    struct cn_query_pair pair;
    struct cn_error error;
    cn_error_init(&error);
    cn_query_init(&query, text, &arena);
    assert_int_equal(cn_query_next(&query, &pair, &error), CN_INVALID_PARAMETER);
    assert_false(pair.found);
    assert_int_equal(error.code, CN_INVALID_PARAMETER);
    assert_string_equal(error.parameter, parameter);
    assert_non_null(strstr(error.detail, detail));
}

static void test_faults(void **state) {
    (void)state;
    expect_bad("a=%", "a", "bad escape");
    expect_bad("a=%4", "a", "bad escape, '%4'");
    expect_bad("a=1%zz", "a", "'%zz', at byte 1");
    expect_bad("a=%4g", "a", "bad escape");
    expect_bad("a=%-1", "a", "bad escape");
    expect_bad("%q=1", "%q", "name of a query parameter");
    expect_bad("a=%00", "a", "control character");
    expect_bad("a=x%0Ay", "a", "control character at byte 1");
    expect_bad("a=%09", "a", "control character");
    expect_bad("a=%1f", "a", "control character");
    expect_bad("a=%7F", "a", "control character");
    expect_bad("a=\x01", "a", "control character");
    expect_bad("a%0d=1", "a%0d", "control character");
    expect_bad("a=%FF", "a", "UTF-8");
    expect_bad("a=x%C3", "a", "UTF-8");
    expect_bad("a=%C0%80", "a", "UTF-8");
    expect_bad("a=%ED%A0%80", "a", "UTF-8");
    expect_bad("\xff=1", "%FF", "UTF-8"); /* the reply must stay UTF-8 */
}

static void test_every_byte(void **state) {
    (void)state;
    for (unsigned c = 0; c < 128; c++) {
        char text[8];
        snprintf(text, sizeof text, "a=%%%02x", c);
        struct cn_query query;
        struct cn_query_pair pair;
        cn_query_init(&query, text, &arena);
        enum cn_code code = cn_query_next(&query, &pair, NULL);
        if (c < 0x20 || c == 0x7f) {
            assert_int_equal(code, CN_INVALID_PARAMETER);
        } else {
            assert_int_equal(code, CN_OK);
            assert_int_equal(pair.value.len, 1);
            assert_int_equal((unsigned char)pair.value.data[0], c);
        }
    }
}

static void test_none(void **state) {
    (void)state;
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_query_none(NULL, &arena, &error), CN_OK);
    assert_int_equal(cn_query_none("", &arena, &error), CN_OK);
    assert_int_equal(cn_query_none("&&", &arena, &error), CN_OK);
    assert_int_equal(cn_query_none("x=%zz", &arena, NULL), CN_INVALID_PARAMETER);
    assert_int_equal(cn_query_none("limit=1", &arena, &error), CN_UNKNOWN_PARAMETER);
    assert_string_equal(error.parameter, "limit");
}

static void test_number(void **state) {
    (void)state;
    static const char *const bad[] = {"",    "-1", "+1", "1.0", "1e3",
                                      "0x1", " 1", "1 ", "101", "18446744073709551617"};
    struct cn_query_pair pair = {.found = true, .name = CN_STR("limit"), .value = CN_STR("100")};
    uint64_t number = 7;
    assert_int_equal(cn_query_number(&pair, 0, 100, &number, NULL), CN_OK);
    assert_int_equal(number, 100);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct cn_error error;
        cn_error_init(&error);
        pair.value = cn_str_c(bad[i]);
        assert_int_equal(cn_query_number(&pair, 0, 100, &number, &error), CN_INVALID_PARAMETER);
        assert_string_equal(error.parameter, "limit");
        assert_string_equal(error.value, bad[i]);
        assert_non_null(strstr(error.detail, "from 0 to 100"));
    }
    pair.value = CN_STR("0");
    assert_int_equal(cn_query_number(&pair, 1, 100, &number, NULL), CN_INVALID_PARAMETER);
    assert_int_equal(number, 100);
    pair.value = CN_STR("18446744073709551615");
    assert_int_equal(cn_query_number(&pair, 0, UINT64_MAX, &number, NULL), CN_OK);
    assert_true(number == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pairs, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_number, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
