/* Accept, Accept-Encoding and Content-Type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/negotiate.h"

static const char *choose_tabs(const char *accept, bool tabs, enum cn_reply_kind kind) {
    struct cn_error error;
    cn_error_init(&error);
    enum cn_code code = cn_negotiate_reply(accept, tabs, &kind, &error);
    if (code == CN_NOT_ACCEPTABLE) {
        assert_int_equal(error.code, CN_NOT_ACCEPTABLE);
        return "none";
    }
    assert_int_equal(code, CN_OK);
    return kind == CN_REPLY_CSV ? "csv" : kind == CN_REPLY_TSV ? "tsv" : "json";
}

static const char *choose(const char *accept, enum cn_reply_kind kind) {
    return choose_tabs(accept, false, kind);
}

/* The choice when CSV is the default, and when JSON is. */
static void expect(const char *accept, const char *from_csv, const char *from_json) {
    const char *csv = choose(accept, CN_REPLY_CSV);
    const char *json = choose(accept, CN_REPLY_JSON);
    if (strcmp(csv, from_csv) != 0 || strcmp(json, from_json) != 0)
        fail_msg("'%s' gives %s and %s", accept, csv, json);
}

static void test_accept(void **state) {
    (void)state;
    expect(NULL, "csv", "json");
    expect("", "csv", "json");
    expect("*/*", "csv", "json");
    expect("*", "csv", "json");
    expect("text/csv", "csv", "csv");
    expect("application/json", "json", "json");
    expect("Text/CSV", "csv", "csv");
    expect("text/tab-separated-values", "none", "none");
    expect("text/*", "csv", "csv");
    expect("application/*", "json", "json");
    expect("text/csv, application/json", "csv", "json");
    expect("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "csv", "json");
    expect("application/json;q=0.5, text/csv;q=0.4", "json", "json");
    expect("application/json;q=0.4,text/csv;q=0.45", "csv", "csv");
    expect("application/json;q=0.5, */*", "csv", "csv");
    expect("*/*;q=0.1, application/json", "json", "json");
    expect("text/csv;q=0, */*", "json", "json");
    expect("text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5", "json", "json");
    expect("text/*;q=0, text/tab-separated-values", "none", "none");
    expect("application/json ; charset=\"a,b;q=0\" ; q=1.000 , text/csv;q=0.999", "json", "json");
    expect("application/json; q=0, text/csv; q=0", "none", "none");
    expect("*/*;q=0", "none", "none");
    expect("*/*;q=0.000, text/csv;q=0.001", "csv", "csv");
    expect("image/png", "none", "none");
    expect("text/html", "none", "none");
    expect("application/problem+json", "none", "none");
    expect("application/json/x", "csv", "json");
}

/* Tabs may call themselves so, and need not. */
static void test_accept_tabs(void **state) {
    (void)state;
    assert_string_equal(choose_tabs(NULL, true, CN_REPLY_TSV), "tsv");
    assert_string_equal(choose_tabs("text/csv", true, CN_REPLY_TSV), "csv");
    assert_string_equal(choose_tabs("text/tab-separated-values", true, CN_REPLY_CSV), "tsv");
    assert_string_equal(choose_tabs("text/*", true, CN_REPLY_TSV), "tsv");
    assert_string_equal(choose_tabs("*/*", true, CN_REPLY_CSV), "csv");
    assert_string_equal(choose_tabs("application/json", true, CN_REPLY_TSV), "json");
}

static void test_accept_malformed(void **state) {
    (void)state;
    expect(",,,", "csv", "json");
    expect("nonsense", "csv", "json");
    expect("nonsense, application/json", "json", "json");
    expect("text/csv;q=x, application/json", "json", "json");
    expect("text/csv;q=2, application/json;q=0.1", "json", "json");
    expect("text/csv;q=1.001, application/json;q=0.1", "json", "json");
    expect("text/csv;q=99999999999, application/json;q=0.1", "json", "json");
    expect("text/csv;q=., application/json;q=0.1", "json", "json");
    expect("text/html, image/gif, *; q=.2, */*; q=.2", "csv", "json");
    expect("text/csv;q=.5;, application/json;q=0.6", "json", "json");
    expect("text/csv;;q=0.7, application/json;q=0.6", "csv", "csv");
    expect("text/csv;x=\"unclosed, application/json", "csv", "json");
    expect("/csv, text/, application/json;q=0.1", "json", "json");
}

static struct cn_body_type type;
static struct cn_error error;

static enum cn_code body(const char *content_type) {
    cn_error_init(&error);
    return cn_negotiate_body(content_type, NULL, false, &type, &error);
}

static void test_body_kinds(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum cn_body_kind kind;
    } cases[] = {
        {NULL, CN_BODY_UNSTATED},
        {"", CN_BODY_UNSTATED},
        {"application/octet-stream", CN_BODY_UNSTATED},
        {"text/plain", CN_BODY_UNSTATED},
        {"text/plain; charset=us-ascii", CN_BODY_UNSTATED},
        {"application/vnd.ms-excel", CN_BODY_UNSTATED},
        {"application/x-www-form-urlencoded", CN_BODY_UNSTATED},
        {"text/csv", CN_BODY_CSV},
        {"TEXT/CSV; Charset=\"UTF-8\"", CN_BODY_CSV},
        {"text/csv;", CN_BODY_CSV},
        {" text/tab-separated-values ; x=y", CN_BODY_TSV},
        {"application/json", CN_BODY_JSON},
        {"application/json;charset=utf-8", CN_BODY_JSON},
        {"application/json; header=foo", CN_BODY_JSON},
        {"multipart/form-data; boundary=x; charset=latin1", CN_BODY_MULTIPART},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(body(cases[i].text), CN_OK);
        assert_int_equal(type.kind, cases[i].kind);
        assert_int_equal(type.header, CN_HEADER_UNSTATED);
    }
    assert_int_equal(body("text/csv; header=absent"), CN_OK);
    assert_int_equal(type.header, CN_HEADER_ABSENT);
    assert_int_equal(body("text/csv; HEADER=\"Present\"; charset=utf-8"), CN_OK);
    assert_int_equal(type.header, CN_HEADER_PRESENT);
}

static void test_body_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "text/html",
        "application/xml",
        "image/png",
        "multipart/mixed; boundary=x",
        "application/vnd.api+json",
        "csv",
        "text/csv, text/csv",
        "text/csv x",
        "text/csv; charset",
        "text/csv; charset=latin1",
        "text/plain; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "text/csv; header=maybe",
        "text/csv; charset=\"utf-8",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (body(cases[i]) != CN_UNSUPPORTED_MEDIA_TYPE)
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(error.code, CN_UNSUPPORTED_MEDIA_TYPE);
    }
    assert_int_equal(body("text/csv; charset=windows-1252"), CN_UNSUPPORTED_MEDIA_TYPE);
    assert_non_null(strstr(error.detail, "iconv -f windows-1252"));
    assert_int_equal(cn_negotiate_body("multipart/form-data; boundary=x", NULL, true, &type, NULL),
                     CN_UNSUPPORTED_MEDIA_TYPE);
}

static void test_boundary(void **state) {
    (void)state;
    char text[128];
    assert_int_equal(body("multipart/form-data; boundary=------------------------d74496d66958873e"),
                     CN_OK);
    assert_string_equal(type.boundary, "------------------------d74496d66958873e");
    assert_int_equal(type.boundary_len, 40);
    assert_int_equal(body("Multipart/Form-Data; x=y; BOUNDARY=\"a b:=,\\\"c\""), CN_OK);
    assert_string_equal(type.boundary, "a b:=,\"c");
    for (int len = 0; len <= 72; len++) {
        char seventy[80];
        memset(seventy, 'x', sizeof seventy);
        snprintf(text, sizeof text, "multipart/form-data; boundary=\"%.*s\"", len, seventy);
        enum cn_code code = body(text);
        assert_int_equal(code, len >= 1 && len <= 70 ? CN_OK : CN_INVALID_MULTIPART);
        if (code == CN_OK)
            assert_int_equal(type.boundary_len, len);
    }
    static const char *const cases[] = {
        "multipart/form-data",
        "multipart/form-data; charset=utf-8",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"x",
        "multipart/form-data; boundary=\"x \"",
        "multipart/form-data; boundary=\"x\ty\"",
        "multipart/form-data; boundary=\"\xc3\xa9\"",
        "multipart/form-data; boundary=a; boundary=b",
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (body(cases[i]) != CN_INVALID_MULTIPART)
            fail_msg("'%s' was taken", cases[i]);
    }
}

static enum cn_body_kind sniff(const char *content_type, const char *filename, const char *text,
                               bool complete) {
    assert_int_equal(cn_negotiate_body(content_type, filename, true, &type, NULL), CN_OK);
    return cn_body_sniff(&type, cn_str_c(text), complete);
}

static void test_sniff(void **state) {
    (void)state;
    assert_int_equal(sniff(NULL, NULL, " \r\n\t{", false), CN_BODY_JSON);
    assert_int_equal(sniff(NULL, NULL, " \r\n\t", false), CN_BODY_UNSTATED);
    assert_int_equal(sniff(NULL, NULL, " \r\n\t", true), CN_BODY_CSV);
    assert_int_equal(sniff(NULL, NULL, "", false), CN_BODY_UNSTATED);
    assert_int_equal(sniff(NULL, NULL, "", true), CN_BODY_CSV);
    assert_int_equal(sniff(NULL, NULL, "a,b", false), CN_BODY_CSV);
    assert_int_equal(sniff(NULL, NULL, "[1]", false), CN_BODY_CSV);
    assert_int_equal(sniff("text/plain", "x/f.TSV", "a", false), CN_BODY_TSV);
    assert_int_equal(sniff("text/plain", "x/f.tsv", "{", false), CN_BODY_JSON);
    assert_int_equal(sniff("text/plain", "tsv", "a", false), CN_BODY_CSV);
    assert_int_equal(sniff("text/csv", "f.tsv", "{", false), CN_BODY_CSV);
    assert_int_equal(sniff("application/json", NULL, "a", false), CN_BODY_JSON);
}

static bool plain;

/* "gzip", "zstd", "plain" or "none" for a reply that is there in those forms. */
static const char *offered(const char *accept_encoding, unsigned forms) {
    static const char *const names[] = {"plain", "gzip", "zstd"};
    enum cn_coding coding;
    cn_error_init(&error);
    if (cn_negotiate_coding(accept_encoding, forms, &coding, &plain, &error) == CN_OK)
        return names[coding];
    assert_int_equal(error.code, CN_NOT_ACCEPTABLE);
    assert_int_equal(coding, CN_CODING_NONE);
    return "none";
}

static const char *coding(const char *accept_encoding, bool packed) {
    return offered(accept_encoding, packed ? CN_OFFER_GZIP : CN_OFFER_PLAIN);
}

static void test_three_codings(void **state) {
    (void)state;
    static const struct {
        const char *header;
        const char *expected;
    } cases[] = {
        {NULL, "plain"},
        {"deflate, gzip, br, zstd", "zstd"}, /* curl --compressed */
        {"gzip, deflate", "gzip"},
        {"zstd;q=0.5, gzip", "gzip"},
        {"zstd;q=0.5, gzip;q=0.5, identity;q=0.4", "zstd"},
        {"zstd;q=0.5, gzip;q=0.2, identity;q=0.9", "plain"},
        {"*", "zstd"},
        {"*, zstd;q=0", "gzip"},
        {"*;q=0", "none"},
        {"*;q=0, zstd;q=0.001", "zstd"},
        {"identity;q=0", "none"},
        {"identity;q=0, gzip", "gzip"},
        {"ZSTD", "zstd"},
        {"br", "plain"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *got = offered(cases[i].header, CN_OFFER_GZIP | CN_OFFER_ZSTD);
        if (strcmp(got, cases[i].expected) != 0)
            fail_msg("'%s' is %s and not %s", cases[i].header, got, cases[i].expected);
    }
    offered("identity;q=0, gzip", CN_OFFER_GZIP);
    assert_false(plain);
    offered("gzip", CN_OFFER_GZIP);
    assert_true(plain);
}

static void test_codings(void **state) {
    (void)state;
    static const struct {
        const char *header;
        const char *expected;
    } cases[] = {
        {NULL, "plain"},
        {"", "plain"},
        {"gzip", "gzip"},
        {"GZip", "gzip"},
        {"x-gzip", "gzip"},
        {"gzip, deflate, br, zstd", "gzip"},
        {"deflate, br", "plain"},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip"},
        {"*", "gzip"},
        {"gzip;q=0", "plain"},
        {"gzip;q=0.000, *", "plain"},
        {"gzip;q=0.001", "gzip"},
        {"gzip;q=0.5, identity", "plain"},
        {"gzip;q=0.5, identity;q=0.5", "gzip"},
        {"identity;q=0.5, gzip;q=1", "gzip"},
        {"identity", "plain"},
        {"identity;q=0, gzip", "gzip"},
        {"*;q=0, gzip", "gzip"},
        {"*;q=0, identity", "plain"},
        {"*;q=0, identity;q=0.1", "plain"},
        {"identity;q=0", "none"},
        {"identity;q=0, br", "none"},
        {"*;q=0", "none"},
        {"gzip;q=0, identity;q=0, *", "none"},
        {"gzip ; q=0.5 , identity ; q=0", "gzip"},
        {"gzip;q=2", "plain"}, /* cannot be read, so it is passed over */
        {"gzip;q=", "plain"},
        {"gzip q=1", "plain"},
        {", ,gzip", "gzip"},
        {"gzippy", "plain"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (strcmp(coding(cases[i].header, true), cases[i].expected) != 0)
            fail_msg("'%s' is not %s", cases[i].header, cases[i].expected);
    /* where gzip does not make it smaller */
    assert_string_equal(coding("gzip", false), "plain");
    assert_string_equal(coding("gzip, identity;q=0", false), "none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept),
        cmocka_unit_test(test_accept_tabs),
        cmocka_unit_test(test_accept_malformed),
        cmocka_unit_test(test_body_kinds),
        cmocka_unit_test(test_body_refused),
        cmocka_unit_test(test_boundary),
        cmocka_unit_test(test_sniff),
        cmocka_unit_test(test_codings),
        cmocka_unit_test(test_three_codings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
