/* Problem documents, and the replies that every endpoint makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "handlers/exchange.h"
#include "handlers/problem.h"

static json_t *write_and_parse(const struct cn_error *error, const char *expression) {
    struct cn_buf buf = CN_BUF_INIT;
    assert_true(cn_problem_write(&buf, error, expression));
    json_t *json = json_loadb(buf.data, buf.len, 0, NULL);
    assert_non_null(json);
    cn_buf_release(&buf);
    return json;
}

static const char *text(const json_t *json, const char *key) {
    return json_string_value(json_object_get(json, key));
}

static void only_what_applies(void **state) {
    (void)state;
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, CN_NOT_FOUND, "Nothing is here.");
    json_t *json = write_and_parse(&error, NULL);
    assert_int_equal(json_object_size(json), 5);
    assert_string_equal(text(json, "type"), "/problems/not_found");
    assert_string_equal(text(json, "code"), "not_found");
    assert_string_equal(text(json, "detail"), "Nothing is here.");
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 404);
    json_decref(json);
}

static void all_members(void **state) {
    (void)state;
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, CN_INVALID_VALUE, "Not a number.");
    cn_error_set_parameter(&error, CN_STR("let"));
    cn_error_set_column(&error, CN_STR("a\"b"));
    cn_error_set_value(&error, CN_STR("x\xff"
                                      "y\n"));
    cn_error_set_limit(&error, "--max-rows");
    error.position = 0;
    error.line = 7;
    error.row = 5;
    json_t *json = write_and_parse(&error, "int(a)");
    assert_string_equal(text(json, "parameter"), "let");
    assert_string_equal(text(json, "expression"), "int(a)");
    assert_string_equal(text(json, "column"), "a\"b");
    assert_string_equal(text(json, "limit"), "--max-rows");
    assert_non_null(strstr(text(json, "value"), "y\n")); /* the bad byte was replaced */
    assert_int_equal(json_integer_value(json_object_get(json, "position")), 0);
    assert_int_equal(json_integer_value(json_object_get(json, "line")), 7);
    assert_int_equal(json_integer_value(json_object_get(json, "row")), 5);
    json_decref(json);
}

static void retry_after_where_it_helps(void **state) {
    (void)state;
    assert_non_null(cn_problem_retry_after(CN_OVERLOADED));
    assert_non_null(cn_problem_retry_after(CN_DRAINING));
    assert_non_null(cn_problem_retry_after(CN_TOO_MANY_REQUESTS));
    assert_null(cn_problem_retry_after(CN_NOT_FOUND));
    assert_null(cn_problem_retry_after(CN_DEADLINE_EXCEEDED));
}

static void count_reply(struct cn_exchange *exchange) {
    ++*(int *)exchange->state;
}

static const struct cn_exchange_ops ops = {.reply = count_reply};

static void a_failure_replies_once(void **state) {
    (void)state;
    int replies = 0;
    struct cn_exchange exchange = {.ops = &ops, .state = &replies};
    cn_arena_init(&exchange.arena, 4096);
    cn_error_init(&exchange.error);
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, CN_OVERLOADED, "Later.");
    cn_exchange_fail(&exchange, &error, NULL);
    assert_int_equal(replies, 1);
    assert_int_equal(exchange.reply.status, 503);
    assert_int_equal(exchange.error.code, CN_OVERLOADED);
    assert_string_equal(exchange.reply.content_type, CN_PROBLEM_TYPE);
    assert_int_equal(exchange.reply.n_parts, 1);
    assert_string_equal(exchange.reply.headers[0].name, "Retry-After");
    cn_arena_release(&exchange.arena);
}

static void a_text_is_copied(void **state) {
    (void)state;
    int replies = 0;
    char body[] = "hello";
    struct cn_exchange exchange = {.ops = &ops, .state = &replies};
    cn_arena_init(&exchange.arena, 4096);
    cn_exchange_reply_text(&exchange, 201, "text/plain", cn_str_c(body));
    memset(body, '!', 5);
    assert_int_equal(replies, 1);
    assert_int_equal(exchange.reply.status, 201);
    assert_true(cn_str_is(exchange.reply.parts[0], "hello"));
    for (int i = 0; i < CN_REPLY_HEADERS + 3; i++)
        cn_reply_add_header(&exchange, "X", "y"); /* those beyond the room are left out */
    assert_int_equal(exchange.reply.n_headers, CN_REPLY_HEADERS);
    cn_arena_release(&exchange.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_applies),          cmocka_unit_test(all_members),
        cmocka_unit_test(retry_after_where_it_helps), cmocka_unit_test(a_failure_replies_once),
        cmocka_unit_test(a_text_is_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
