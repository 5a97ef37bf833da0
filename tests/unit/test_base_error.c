#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/error.h"

static void first_error_wins(void **state) {
    (void)state;
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(error.let, -1);
    assert_int_equal(error.position, -1);
    assert_int_equal(error.line, -1);
    assert_int_equal(error.row, -1);
    assert_string_equal(error.column, "");
    assert_int_equal(cn_error_set(&error, CN_TYPE_ERROR, "row %d", 7), CN_TYPE_ERROR);
    assert_int_equal(cn_error_set(&error, CN_INTERNAL, "later"), CN_INTERNAL);
    assert_int_equal(error.code, CN_TYPE_ERROR);
    assert_string_equal(error.detail, "row 7");
}

static void null_error_is_allowed(void **state) {
    (void)state;
    cn_error_init(NULL);
    assert_int_equal(cn_error_set(NULL, CN_NOT_FOUND, "%s", "x"), CN_NOT_FOUND);
    assert_int_equal(cn_error_memory(NULL), CN_OVERLOADED);
    cn_error_set_column(NULL, CN_STR("a"));
    cn_error_set_parameter(NULL, CN_STR("a"));
    cn_error_set_value(NULL, CN_STR("a"));
    cn_error_set_limit(NULL, "--max-rows");
}

static void texts_are_cut_at_characters(void **state) {
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t c = 0; c < 4; c++) {
        size_t size = strlen(characters[c]);
        for (size_t lead = 0; lead < 4; lead++) {
            char text[1200] = "abc";
            size_t len = lead;
            for (; len + size < sizeof text; len += size)
                memcpy(text + len, characters[c], size);
            text[len] = '\0';
            struct cn_error error;
            cn_error_init(&error);
            cn_error_set_value(&error, cn_str(text, len));
            cn_error_set(&error, CN_INTERNAL, "%s", text);
            size_t expected = lead + (127 - lead) / size * size;
            assert_int_equal(strlen(error.value), expected);
            assert_memory_equal(error.value, text, expected);
            expected = lead + (767 - lead) / size * size;
            assert_int_equal(strlen(error.detail), expected);
            assert_memory_equal(error.detail, text, expected);
        }
    }
}

static void texts_that_fit_stay(void **state) {
    (void)state;
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set_column(&error, CN_STR("na\xC3\xAFve"));
    cn_error_set_parameter(&error, cn_str(NULL, 0));
    cn_error_set_limit(&error, "--max-rows");
    assert_string_equal(error.column, "na\xC3\xAFve");
    assert_string_equal(error.parameter, "");
    assert_string_equal(error.limit, "--max-rows");
}

static void every_code_is_described(void **state) {
    (void)state;
    for (int i = 0; i < CN_CODE_COUNT; i++) {
        enum cn_code code = (enum cn_code)i;
        assert_non_null(cn_code_name(code));
        assert_non_null(cn_code_title(code));
        assert_true(cn_code_status(code) >= (i == 0 ? 200 : 400) && cn_code_status(code) < 600);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(cn_code_name(code), cn_code_name((enum cn_code)j));
    }
    assert_string_equal(cn_code_name((enum cn_code)9999), "internal");
}

static void statuses_are_those_of_the_contract(void **state) {
    (void)state;
    static const struct {
        enum cn_code code;
        const char *name;
        int status;
    } expected[] = {
        {CN_INVALID_JSON, "invalid_json", 400},
        {CN_AMBIGUOUS_REQUEST, "ambiguous_request", 400},
        {CN_UNAUTHORIZED, "unauthorized", 401},
        {CN_FORBIDDEN_ORIGIN, "forbidden_origin", 403},
        {CN_NOT_FOUND, "not_found", 404},
        {CN_METHOD_NOT_ALLOWED, "method_not_allowed", 405},
        {CN_NOT_ACCEPTABLE, "not_acceptable", 406},
        {CN_UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", 415},
        {CN_REQUEST_TIMEOUT, "request_timeout", 408},
        {CN_BODY_TOO_LARGE, "body_too_large", 413},
        {CN_URI_TOO_LONG, "uri_too_long", 414},
        {CN_HEADERS_TOO_LARGE, "headers_too_large", 431},
        {CN_NOT_FINISHED, "not_finished", 409},
        {CN_CANCELLED, "cancelled", 410},
        {CN_UNKNOWN_COLUMN, "unknown_column", 422},
        {CN_LIMIT_EXCEEDED, "limit_exceeded", 422},
        {CN_TOO_MANY_REQUESTS, "too_many_requests", 429},
        {CN_WORKER_LOST, "worker_lost", 500},
        {CN_INTERNAL, "internal", 500},
        {CN_OVERLOADED, "overloaded", 503},
        {CN_DRAINING, "draining", 503},
        {CN_DEADLINE_EXCEEDED, "deadline_exceeded", 504},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        assert_string_equal(cn_code_name(expected[i].code), expected[i].name);
        assert_int_equal(cn_code_status(expected[i].code), expected[i].status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_wins),
        cmocka_unit_test(null_error_is_allowed),
        cmocka_unit_test(texts_are_cut_at_characters),
        cmocka_unit_test(texts_that_fit_stay),
        cmocka_unit_test(every_code_is_described),
        cmocka_unit_test(statuses_are_those_of_the_contract),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
