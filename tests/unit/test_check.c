/* POST /v1/check, driven as the server drives it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "handlers/endpoints.h"
#include "handlers/runs.h"
#include "handlers/service.h"

static struct cn_service service;
static const char *content_type;
static int replies;
static struct cn_buf body; /* of the last reply */
static int status;

static const char *header(struct cn_exchange *exchange, const char *name) {
    (void)exchange;
    return strcmp(name, "Content-Type") == 0 ? content_type : NULL;
}

static void reply(struct cn_exchange *exchange) {
    replies++;
    status = exchange->reply.status;
    body.len = 0;
    for (size_t i = 0; i < exchange->reply.n_parts; i++)
        assert_true(cn_buf_add_str(&body, exchange->reply.parts[i]));
    if (status == 200) {
        assert_int_equal(exchange->reply.n_headers, 1);
        assert_string_equal(exchange->reply.headers[0].name, "Server-Timing");
        assert_non_null(strstr(exchange->reply.headers[0].value, "total;dur="));
    }
}

static void nothing(struct cn_exchange *exchange) {
    (void)exchange;
}

static const struct cn_exchange_ops ops = {header, reply, nothing};

static int setup(void **state) {
    (void)state;
    cn_runs_free(service.checks);
    service.checks = cn_runs_new(4, 1 << 16);
    assert_non_null(service.checks);
    service.limits = (struct cn_service_limits){
        .max_body_bytes = UINT64_C(1) << 30,
        .max_rows = 100,
        .max_columns = 100,
        .expression = {.max_bytes = 1000, .max_nodes = 1000, .max_depth = 100},
        .max_json_depth = 20,
        .max_workers = 4,
    };
    content_type = "application/json";
    replies = 0;
    cn_buf_init(&body);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    cn_buf_release(&body);
    return 0;
}

/* The code of the problem, or CN_OK; the reply as JSON in *document (may be NULL). */
static enum cn_code check(const char *query, const char *text, size_t len, json_t **document) {
    const struct cn_endpoint *endpoint = &cn_endpoint_check;
    struct cn_exchange exchange = {.ops = &ops,
                                   .service = &service,
                                   .endpoint = endpoint,
                                   .query = query,
                                   .content_length = -1,
                                   .started_ns = cn_clock_now()};
    cn_arena_init(&exchange.arena, 4096);
    cn_error_init(&exchange.error);
    cn_ledger_start(&exchange.ledger, exchange.started_ns);
    enum cn_code code = endpoint->open(&exchange, &exchange.error);
    bool opened = code == CN_OK;
    for (size_t at = 0; code == CN_OK && at < len; at += 1000) {
        size_t size = len - at < 1000 ? len - at : 1000;
        if (endpoint->body(&exchange, text + at, size) == CN_BODY_REFUSE)
            code = exchange.error.code;
    }
    if (code == CN_OK) {
        endpoint->finish(&exchange);
        assert_int_equal(replies, 1);
        code = exchange.error.code;
        assert_int_equal(status, code == CN_OK ? 200 : cn_code_status(code));
        json_t *json = json_loadb(body.data, body.len, JSON_REJECT_DUPLICATES, NULL);
        assert_non_null(json);
        if (document != NULL)
            *document = json;
        else
            json_decref(json);
    }
    replies = 0;
    if (opened)
        endpoint->close(&exchange);
    cn_arena_release(&exchange.arena);
    return code;
}

static enum cn_code post(const char *text) {
    return check(NULL, text, strlen(text), NULL);
}

static void test_valid(void **state) {
    (void)state;
    static const char text[] =
        "{\"columns\": {\"a\": \"float64\", \"n\": \"int64\", \"s\": \"string\"}, \"overflow\": "
        "\"wrap\", \"let\": {\"r\": \"(a-1)/n\", \"key\": \"md5(a,s)\", \"k 2\": \"r*2\"}}";
    json_t *got = NULL;
    assert_int_equal(check(NULL, text, sizeof text - 1, &got), CN_OK);
    json_t *want = json_pack("{s:b, s:{s:s, s:s, s:s}, s:[s, s, s], s:[]}", "valid", 1, "types",
                             "r", "float64", "key", "string", "k 2", "float64", "recipe",
                             "r = (a - 1) / n", "key = md5(a, s)", "`k 2` = r * 2", "errors");
    assert_non_null(want);
    assert_true(json_equal(got, want));
    json_decref(got);
    json_decref(want);
    content_type = "application/x-www-form-urlencoded"; /* what curl -d says */
    assert_int_equal(post("{\"columns\": {}, \"let\": [\"r=1\"]}"), CN_OK);
    assert_int_equal(post("{\"columns\": {\"a\": \"null\"}}"), CN_OK);
}

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void test_all_errors(void **state) {
    (void)state;
    static const char text[] =
        "{\"columns\": {\"a\": \"float64\", \"s\": \"string\"}, \"let\": {\"r1\": \"a +\", \"r2\": "
        "\"nosuch\", \"r3\": \"s * 2\", \"ok\": \"a * 2\", \"r4\": \"zzz(a)\"}}";
    static const char *const codes[] = {"syntax_error", "unknown_column", "type_error",
                                        "unknown_function"};
    static const char *const names[] = {"r1", "r2", "r3", "r4"};
    json_t *got = NULL;
    assert_int_equal(check(NULL, text, sizeof text - 1, &got), CN_OK);
    assert_true(json_is_false(json_object_get(got, "valid")));
    json_t *errors = json_object_get(got, "errors");
    assert_int_equal(json_array_size(errors), 4);
    for (size_t i = 0; i < 4; i++) {
        json_t *error = json_array_get(errors, i);
        assert_string_equal(text_of(error, "code"), codes[i]);
        assert_string_equal(text_of(error, "column"), names[i]);
        assert_string_equal(text_of(error, "parameter"), "let");
        assert_true(text_of(error, "expression")[0] != '\0');
        assert_true(json_is_integer(json_object_get(error, "position")));
        assert_true(json_is_integer(json_object_get(error, "status")));
    }
    assert_int_equal(json_integer_value(json_object_get(json_array_get(errors, 0), "position")), 3);
    assert_int_equal(json_object_size(json_object_get(got, "types")), 1);
    assert_string_equal(text_of(json_object_get(got, "types"), "ok"), "float64");
    json_decref(got);
    /* two lets alike: one type, one error */
    static const char alike[] = "{\"columns\": {}, \"let\": [\"r=1\", \"r=2\"]}";
    assert_int_equal(check(NULL, alike, sizeof alike - 1, &got), CN_OK);
    errors = json_object_get(got, "errors");
    assert_int_equal(json_array_size(errors), 1);
    assert_string_equal(text_of(json_array_get(errors, 0), "code"), "duplicate_name");
    json_decref(got);
}

static void test_refused(void **state) {
    (void)state;
    assert_int_equal(post("{"), CN_INVALID_JSON);
    assert_int_equal(post(""), CN_INVALID_JSON);
    assert_int_equal(post("[1]"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{}"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{\"let\": {}}"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{\"columns\": [\"a\"]}"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{\"columns\": {\"a\": \"float32\"}}"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{\"columns\": {\"a\": 1}}"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{\"columns\": {\"a\": \"bool\", \"a\": \"bool\"}}"), CN_DUPLICATE_NAME);
    assert_int_equal(post("{\"columns\": {\"a\\u0000\": \"bool\"}}"), CN_INVALID_VALUE);
    assert_int_equal(post("{\"columns\": {}, \"nosuch\": 1}"), CN_UNKNOWN_PARAMETER);
    assert_int_equal(post("{\"columns\": {}, \"select\": \"all\"}"), CN_UNKNOWN_PARAMETER);
    assert_int_equal(post("{\"columns\": {}, \"overflow\": \"x\"}"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{\"columns\": {}, \"let\": {\"r\": 1}}"), CN_INVALID_PARAMETER);
    assert_int_equal(post("{\"columns\": {}, \"let\": {\"r\": \"1\", \"r\": \"2\"}}"),
                     CN_DUPLICATE_NAME);
    assert_int_equal(check("x=1", "{}", 2, NULL), CN_UNKNOWN_PARAMETER);
    content_type = "text/csv";
    assert_int_equal(post("{\"columns\": {}}"), CN_UNSUPPORTED_MEDIA_TYPE);
}

static void test_limits(void **state) {
    (void)state;
    size_t len = (4u << 20) + 1;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, ' ', len);
    memcpy(text, "{\"columns\": {}}", 15);
    assert_int_equal(check(NULL, text, len - 1, NULL), CN_OK);
    assert_int_equal(check(NULL, text, len, NULL), CN_BODY_TOO_LARGE);
    service.limits.max_body_bytes = 100;
    assert_int_equal(check(NULL, text, 100, NULL), CN_OK);
    assert_int_equal(check(NULL, text, 101, NULL), CN_BODY_TOO_LARGE);
    free(text);
    service.limits.max_columns = 1;
    assert_int_equal(post("{\"columns\": {\"a\": \"bool\"}}"), CN_OK);
    assert_int_equal(post("{\"columns\": {\"a\": \"bool\", \"b\": \"bool\"}}"), CN_LIMIT_EXCEEDED);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_valid), TEST(test_all_errors), TEST(test_refused),
                                       TEST(test_limits)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    cn_runs_free(service.checks);
    return failed;
}
