/* What a run's document says of its origin: data, request, machine, comparison. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "handlers/origin.h"
#include "handlers/run_document.h"
#include "kernels/fingerprint.h"

struct test {
    struct cn_exchange exchange;
    struct cn_run_record record;
};

static void test_start(struct test *test, bool data) {
    *test = (struct test){.exchange = {.content_length = -1}};
    cn_arena_init(&test->exchange.arena, 1024);
    assert_int_equal(cn_origin_new(&test->exchange, "/v1/compute", data, NULL), CN_OK);
    test->record = (struct cn_run_record){.operation = "compute", .reason = "", .status = 200};
}

static void test_stop(struct test *test) {
    cn_origin_release(test->exchange.origin);
    cn_arena_release(&test->exchange.arena);
}

/* The document or the summary, read again. */
static json_t *write_and_read(const struct cn_run_record *record, bool summary) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    if (summary)
        cn_run_summary_write(&out, record);
    else
        cn_run_document_write(&out, record, NULL);
    assert_true(out.ok);
    json_t *json = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    cn_buf_release(&buf);
    return json;
}

static void assert_member(const struct cn_run_record *record, const char *name,
                          const char *expected) {
    json_t *json = write_and_read(record, false);
    json_t *member = json_object_get(json, name);
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
    assert_non_null(member);
    assert_non_null(wanted);
    if (!json_equal(member, wanted)) {
        char *text = json_dumps(member, JSON_ENCODE_ANY);
        fail_msg("%s is %s", name, text);
    }
    json_decref(wanted);
    json_decref(json);
}

static void assert_said(struct test *test, const char *input, const char *request) {
    cn_origin_fill(&test->exchange, &test->record);
    assert_member(&test->record, "input", input);
    assert_member(&test->record, "request", request);
}

/* ---- fingerprints -------------------------------------------------------------------------- */

static void pieces_do_not_matter(void **unused) {
    (void)unused;
    char data[3000], whole[CN_FINGERPRINT_TEXT], cut[CN_FINGERPRINT_TEXT];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 37 + i / 256);
    struct cn_fingerprint *one = cn_fingerprint_new();
    assert_non_null(one);
    cn_fingerprint_write(one, whole);
    assert_string_equal(whole, "99aa06d3014798d86001c324468d497f"); /* of nothing, as published */
    cn_fingerprint_add(one, data, sizeof data);
    cn_fingerprint_write(one, whole);
    for (size_t size = 1; size < sizeof data; size = size * 2 + 1) {
        struct cn_fingerprint *many = cn_fingerprint_new();
        assert_non_null(many);
        for (size_t at = 0; at < sizeof data; at += size)
            cn_fingerprint_add(many, data + at, size < sizeof data - at ? size : sizeof data - at);
        cn_fingerprint_write(many, cut);
        assert_string_equal(cut, whole);
        cn_fingerprint_free(many);
    }
    cn_fingerprint_free(one);
    cn_fingerprint_free(NULL);
}

/* ---- origins ------------------------------------------------------------------------------- */

static void nothing_is_known(void **unused) {
    (void)unused;
    struct test test;
    test_start(&test, true);
    assert_said(&test, "null", "null");
    cn_origin_upload(test.exchange.origin, "text/csv"); /* refused by its head */
    assert_said(&test,
                "{\"kind\":\"upload\",\"media_type\":\"text/csv\",\"bytes\":0,\"digest\":null}",
                "{\"path\":\"/v1/compute\",\"options\":[]}");
    cn_origin_upload(test.exchange.origin, CN_ORIGIN_JSON);
    assert_said(&test, "null", "null");
    test_stop(&test);
    test.exchange.origin = NULL;
    cn_origin_data(NULL, CN_STR("x"));
    cn_origin_end(NULL);
    cn_origin_query(NULL, "a=b");
    cn_origin_json(NULL, CN_STR("{}"));
    cn_origin_upload(NULL, "text/csv");
    cn_origin_release(NULL);
    assert_said(&test, "null", "null");
}

static void an_upload_and_its_options(void **unused) {
    (void)unused;
    struct test test;
    test_start(&test, true);
    struct cn_origin *origin = test.exchange.origin;
    cn_origin_query(origin, "let=x%3Da+%2b+1&executor=threads&let=%22\xc3\xa4%5C&a=%ff&late=1");
    cn_origin_upload(origin, "text/csv");
    cn_origin_data(origin, CN_STR("a\n1"));
    const char *request = "{\"path\":\"/v1/compute\",\"options\":[[\"let\",\"x=a + 1\"],"
                          "[\"executor\",\"threads\"],[\"let\",\"\\\"\xc3\xa4\\\\\"]]}";
    assert_said(&test,
                "{\"kind\":\"upload\",\"media_type\":\"text/csv\",\"bytes\":3,\"digest\":null}",
                request);
    cn_origin_data(origin, CN_STR("\n"));
    cn_origin_end(origin);
    cn_origin_end(origin);
    assert_said(&test,
                "{\"kind\":\"upload\",\"media_type\":\"text/csv\",\"bytes\":4,"
                "\"digest\":\"xxh3_128:88628656e70b863b619fa490c55d4bde\"}",
                request);
    test_stop(&test);
}

static void a_body_that_came_whole_has_a_digest(void **unused) {
    (void)unused;
    struct test test;
    test_start(&test, true);
    test.exchange.content_length = 4;
    cn_origin_upload(test.exchange.origin, "text/csv");
    cn_origin_data(test.exchange.origin, CN_STR("a\n1"));
    cn_origin_fill(&test.exchange, &test.record);
    assert_string_equal(test.record.input.digest, "");
    cn_origin_data(test.exchange.origin, CN_STR("\n"));
    cn_origin_fill(&test.exchange, &test.record);
    assert_int_equal(strlen(test.record.input.digest), 32);
    test_stop(&test);
}

static void json_is_kept_without_blanks(void **unused) {
    (void)unused;
    struct test test;
    test_start(&test, true);
    struct cn_origin *origin = test.exchange.origin;
    struct cn_str columns[] = {CN_STR("a"), CN_STR("b \"c")};
    const struct cn_generate generate = {
        .rows = 5, .columns = columns, .n_columns = 2, .normal = false, .seed = 7};
    cn_origin_upload(origin, CN_ORIGIN_JSON); /* until it is read */
    cn_origin_no_upload(origin);
    cn_origin_json(origin, CN_STR(" { \"a b\" :\t[ 1 ,\r\n\"\\\" x \\\\\" , \" y\" ] }\n"));
    cn_origin_generated(origin, &generate);
    cn_origin_end(origin);
    assert_said(&test,
                "{\"kind\":\"generated\",\"generate\":{\"rows\":5,\"columns\":[\"a\",\"b \\\"c\"],"
                "\"distribution\":\"uniform\",\"seed\":7}}",
                "{\"path\":\"/v1/compute\",\"json\":{\"a b\":[1,\"\\\" x \\\\\",\" y\"]}}");
    assert_true(cn_str_is(test.record.request, "{\"path\":\"/v1/compute\",\"json\":"
                                               "{\"a b\":[1,\"\\\" x \\\\\",\" y\"]}}"));
    test_stop(&test);
}

static void json_with_data_is_not_kept(void **unused) {
    (void)unused;
    struct test test;
    test_start(&test, true);
    cn_origin_upload(test.exchange.origin, CN_ORIGIN_JSON);
    cn_origin_data(test.exchange.origin, CN_STR("{\"columns\":{}}"));
    cn_origin_fill(&test.exchange, &test.record);
    assert_int_equal(test.record.request.len, 0);
    assert_int_equal(test.record.input.bytes, 14);
    test_stop(&test);
}

static void long_requests_are_not_kept(void **unused) {
    (void)unused;
    struct test test;
    size_t len = CN_ORIGIN_REQUEST_BYTES + 1;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    test_start(&test, true);
    cn_origin_upload(test.exchange.origin, "text/csv");
    cn_origin_option(test.exchange.origin, CN_STR("let"), cn_str(text, 100));
    cn_origin_fill(&test.exchange, &test.record);
    assert_true(test.record.request.len > 100);
    cn_origin_option(test.exchange.origin, CN_STR("let"), cn_str(text, len));
    cn_origin_option(test.exchange.origin, CN_STR("let"), cn_str(text, 1));
    cn_origin_fill(&test.exchange, &test.record);
    assert_int_equal(test.record.request.len, 0);
    test_stop(&test);
    test_start(&test, true);
    cn_origin_json(test.exchange.origin, cn_str(text, len));
    cn_origin_fill(&test.exchange, &test.record);
    assert_int_equal(test.record.request.len, 0);
    test_stop(&test);
    free(text);
}

/* ---- the rest of the document -------------------------------------------------------------- */

static void members_are_always_there(void **unused) {
    (void)unused;
    struct cn_run_record record = {.operation = "compare", .reason = ""};
    assert_member(&record, "comparison", "null");
    assert_member(&record, "machine",
                  "{\"version\":null,\"cpu\":null,\"usable_cpus\":0,\"pid\":null}");
    record.machine = (struct cn_run_machine){"1.2", "A \"CPU\"", 4, 77};
    record.document = CN_STR("{\"cases\":[1]}");
    assert_member(&record, "comparison", "{\"cases\":[1]}");
    assert_member(&record, "machine",
                  "{\"version\":\"1.2\",\"cpu\":\"A \\\"CPU\\\"\",\"usable_cpus\":4,\"pid\":77}");
}

static void the_summary_is_short(void **unused) {
    (void)unused;
    struct cn_str recipe[] = {CN_STR("x = a"), CN_STR("y = b")};
    struct cn_run_record record = {.operation = "compute",
                                   .recipe = recipe,
                                   .n_recipe = 2,
                                   .input = {.kind = CN_INPUT_GENERATED},
                                   .document = CN_STR("{}"),
                                   .failed = true,
                                   .error = {.code = CN_DIVISION_BY_ZERO}};
    json_t *json = write_and_read(&record, true);
    assert_int_equal(json_array_size(json_object_get(json, "recipe")), 2);
    assert_string_equal(json_string_value(json_object_get(json, "input_kind")), "generated");
    assert_string_equal(json_string_value(json_object_get(json, "error_code")),
                        cn_code_name(CN_DIVISION_BY_ZERO));
    assert_null(json_object_get(json, "comparison"));
    assert_null(json_object_get(json, "chunks"));
    json_decref(json);
    record.failed = false;
    record.input.kind = CN_INPUT_NONE;
    json = write_and_read(&record, true);
    assert_true(json_is_null(json_object_get(json, "input_kind")));
    assert_true(json_is_null(json_object_get(json, "error_code")));
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(nothing_is_known),
        cmocka_unit_test(an_upload_and_its_options),
        cmocka_unit_test(a_body_that_came_whole_has_a_digest),
        cmocka_unit_test(json_is_kept_without_blanks),
        cmocka_unit_test(json_with_data_is_not_kept),
        cmocka_unit_test(long_requests_are_not_kept),
        cmocka_unit_test(members_are_always_there),
        cmocka_unit_test(the_summary_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
