/* The streaming parser of forms, cut at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "handlers/multipart.h"

/* What the callbacks saw, as one text: adjacent pieces of data are joined. */
static void add(struct cn_buf *log, const char *data, size_t len) {
    assert_true(cn_buf_add(log, data, len));
}

static enum cn_code on_begin(void *context, const struct cn_multipart_part *part,
                             struct cn_error *error) {
    struct cn_buf *log = context;
    (void)error;
    assert_true(cn_buf_printf(log, "<%.*s", (int)part->name.len, part->name.data));
    if (part->has_filename)
        assert_true(cn_buf_printf(log, "|%.*s", (int)part->filename.len, part->filename.data));
    if (part->content_type)
        assert_true(cn_buf_printf(log, "|%s", part->content_type));
    add(log, ">", 1);
    return CN_OK;
}

static enum cn_code on_data(void *context, const char *data, size_t len, struct cn_error *error) {
    (void)error;
    assert_true(len > 0);
    add(context, data, len);
    return CN_OK;
}

static enum cn_code on_end(void *context, struct cn_error *error) {
    (void)error;
    add(context, "</>", 3);
    return CN_OK;
}

struct run {
    struct cn_multipart parser;
    struct cn_buf log;
    struct cn_error error;
};

static void start(struct run *run, const char *boundary) {
    struct cn_multipart_handler handler = {on_begin, on_data, on_end, &run->log};
    run->log.len = 0;
    cn_error_init(&run->error);
    cn_multipart_init(&run->parser, cn_str_c(boundary), &handler);
}

/* Feeds a piece from a buffer of its own size, so that the sanitizer sees a read past its end. */
static enum cn_code feed(struct run *run, const char *data, size_t len) {
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    enum cn_code code = cn_multipart_feed(&run->parser, copy, len, &run->error);
    free(copy);
    return code;
}

static enum cn_code whole(struct run *run, const char *boundary, const char *text, size_t len) {
    start(run, boundary);
    enum cn_code code = feed(run, text, len);
    return code != CN_OK ? code : cn_multipart_finish(&run->parser, &run->error);
}

static const char form[] =
    "preamble --b0und\r\n--b0undary is near\r\n"
    "--b0und+ \t\r\n"
    "Content-Disposition: form-data; name=\"let\"\r\n\r\n"
    "r=a-b\r\n"
    "--b0und+\r\n"
    "content-DISPOSITION:form-data;name=data ; FileName=\"a \\\"b\\\" %22.csv\"\r\n"
    "Content-Type: text/csv; charset=utf-8 \r\n"
    "X-Other: 1\r\n\r\n"
    "a,b\r\n1,2\r\r\n--b0und\r\n-\r\n--\r\n--b0un\r\n\r\n--b0und\r--b0und+\n--b0und+\r\r\n\r\n"
    "\r\n--b0und+\r\n"
    "Content-Disposition: form-data; name=\"empty\"\r\n\r\n"
    "\r\n--b0und+\r\n"
    "Content-Disposition: form-data; name=\"none\"\r\n"
    "\r\n--b0und+\r\n"
    "Content-Disposition: form-data; name=\"l\"\r\n\r\n"
    "--b0und\r\n--b0und+--\r\nepilogue\r\n--b0und+\r\n";

#define LOG                                                                                        \
    "<let>r=a-b</>"                                                                                \
    "<data|a \"b\" \".csv|text/csv; charset=utf-8>"                                                \
    "a,b\r\n1,2\r\r\n--b0und\r\n-\r\n--\r\n--b0un\r\n\r\n--b0und\r--b0und+\n--b0und+\r\r\n\r\n"    \
    "</><empty></><none></><l>--b0und</>"

static void expect_log(struct run *run) {
    if (run->log.len != sizeof LOG - 1 || memcmp(run->log.data, LOG, sizeof LOG - 1) != 0)
        fail_msg("saw %.*s", (int)run->log.len, run->log.data);
}

static void test_whole(void **state) {
    (void)state;
    struct run run = {.log = CN_BUF_INIT};
    assert_int_equal(whole(&run, "b0und+", form, sizeof form - 1), CN_OK);
    expect_log(&run);
    cn_buf_release(&run.log);
}

static void test_every_cut(void **state) {
    (void)state;
    const size_t len = sizeof form - 1;
    struct run run = {.log = CN_BUF_INIT};
    for (size_t cut = 0; cut <= len; cut++) {
        start(&run, "b0und+");
        assert_int_equal(feed(&run, form, cut), CN_OK);
        assert_int_equal(feed(&run, form + cut, len - cut), CN_OK);
        assert_int_equal(cn_multipart_finish(&run.parser, &run.error), CN_OK);
        expect_log(&run);
    }
    for (size_t size = 1; size < 64; size++) {
        start(&run, "b0und+");
        for (size_t at = 0; at < len; at += size)
            assert_int_equal(feed(&run, form + at, len - at < size ? len - at : size), CN_OK);
        assert_int_equal(cn_multipart_finish(&run.parser, &run.error), CN_OK);
        expect_log(&run);
    }
    cn_buf_release(&run.log);
}

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33);
}

static void test_random_cuts(void **state) {
    (void)state;
    const size_t len = sizeof form - 1;
    uint64_t seed = 1;
    struct run run = {.log = CN_BUF_INIT};
    for (int round = 0; round < 3000; round++) {
        start(&run, "b0und+");
        for (size_t at = 0; at < len;) {
            size_t size = next_random(&seed) % (1 + next_random(&seed) % 60);
            size = len - at < size ? len - at : size;
            assert_int_equal(feed(&run, form + at, size), CN_OK);
            at += size;
        }
        assert_int_equal(cn_multipart_finish(&run.parser, &run.error), CN_OK);
        expect_log(&run);
    }
    cn_buf_release(&run.log);
}

/* Random data over the boundary's own letters comes out as it went in, however it is cut. */
static void test_random_data(void **state) {
    (void)state;
    static const char head[] = "--ab\r\nContent-Disposition: form-data; name=x\r\n\r\n";
    static const char tail[] = "\r\n--ab--";
    uint64_t seed = 7;
    struct run run = {.log = CN_BUF_INIT};
    for (int round = 0; round < 20000; round++) {
        char text[256];
        size_t n = next_random(&seed) % 40;
        memcpy(text, head, sizeof head - 1);
        char *data = text + sizeof head - 1;
        for (size_t i = 0; i < n; i++)
            data[i] = "\r\n--abab"[next_random(&seed) % 8];
        memcpy(data + n, tail, sizeof tail - 1);
        if (memmem(data, n + 3, "\r\n--ab", 6) || (n >= 4 && memcmp(data, "--ab", 4) == 0))
            continue;
        size_t len = sizeof head - 1 + n + sizeof tail - 1;
        start(&run, "ab");
        for (size_t at = 0; at < len;) {
            size_t size = 1 + next_random(&seed) % 9;
            size = len - at < size ? len - at : size;
            assert_int_equal(feed(&run, text + at, size), CN_OK);
            at += size;
        }
        assert_int_equal(cn_multipart_finish(&run.parser, &run.error), CN_OK);
        assert_int_equal(run.log.len, 3 + n + 3);
        assert_memory_equal(run.log.data, "<x>", 3);
        assert_memory_equal(run.log.data + 3, data, n);
    }
    cn_buf_release(&run.log);
}

static void bad(const char *text, const char *detail) {
    struct run run = {.log = CN_BUF_INIT};
    assert_int_equal(whole(&run, "b", text, strlen(text)), CN_INVALID_MULTIPART);
    if (strstr(run.error.detail, detail) == NULL)
        fail_msg("'%s' is not in '%s'", detail, run.error.detail);
    /* the same fault byte by byte, and it stays */
    char first[sizeof run.error.detail];
    memcpy(first, run.error.detail, sizeof first);
    start(&run, "b");
    enum cn_code code = CN_OK;
    for (size_t i = 0; text[i] != '\0' && code == CN_OK; i++)
        code = feed(&run, text + i, 1);
    if (code == CN_OK)
        code = cn_multipart_finish(&run.parser, &run.error);
    assert_int_equal(code, CN_INVALID_MULTIPART);
    assert_string_equal(run.error.detail, first);
    assert_int_equal(cn_multipart_feed(&run.parser, "x", 1, NULL), CN_INVALID_MULTIPART);
    assert_int_equal(cn_multipart_finish(&run.parser, NULL), CN_INVALID_MULTIPART);
    cn_buf_release(&run.log);
}

#define HEAD(line) "--b\r\n" line "\r\n\r\nx\r\n--b--"
#define DISPOSITION "Content-Disposition: form-data; name=a"

static void test_faults(void **state) {
    (void)state;
    bad("", "has no line '--b'");
    bad("a,b\r\n1,2\r\n", "has no line '--b'");
    bad("x--b\r\n", "has no line '--b'");
    bad("--b", "without its closing boundary");
    bad("--b-", "without its closing boundary");
    bad("--b\r\n" DISPOSITION "\r\n\r\n1,2\r\n", "without its closing boundary");
    bad("--b\r\n" DISPOSITION "\r\n\r\n1,2\r\n--b\r\n", "without its closing boundary");
    bad("--bb\r\n", "something behind a boundary");
    bad("--b-x", "something behind a boundary");
    bad("--b --", "something behind a boundary");
    bad("--b\n", "something behind a boundary");
    bad("--b\rx", "something behind a boundary");
    bad(HEAD("X: y"), "has no name");
    bad("--b\r\n\r\nx\r\n--b--", "has no name");
    bad(HEAD("Content-Disposition: form-data"), "has no name");
    bad(HEAD("Content-Disposition: form-data; filename=x"), "has no name");
    bad(HEAD("Content-Disposition: attachment; name=x"), "not form-data");
    bad(HEAD("Content-Disposition: form-data; name=\"x"), "cannot be read");
    bad(HEAD("Content-Disposition: form-data; name=a b"), "cannot be read");
    bad(HEAD("Content-Disposition: form-data; name=\"\xff\""), "not UTF-8");
    bad(HEAD("Content-Disposition: form-data; name=a; name=b"), "two names");
    bad(HEAD(DISPOSITION "\r\n" DISPOSITION), "two Content-Disposition");
    bad(HEAD(DISPOSITION "\r\nContent-Type: a/b\r\nContent-Type: a/b"), "two Content-Type");
    bad(HEAD(DISPOSITION "\r\nContent-Transfer-Encoding: base64"), "'base64'");
    bad(HEAD(DISPOSITION "\r\nnonsense"), "without a name and ':'");
    bad(HEAD(DISPOSITION "\r\nX : y"), "without a name and ':'");
    bad(HEAD(DISPOSITION "\nX: y"), "does not end in CR LF");
    bad(HEAD(DISPOSITION "\rX: y"), "does not end in CR LF");
    bad(HEAD(DISPOSITION "\r\nX: \x01"), "control character");
}

static void test_head_limit(void **state) {
    (void)state;
    static char text[CN_MULTIPART_HEAD + 200];
    struct run run = {.log = CN_BUF_INIT};
    for (int over = 0; over < 2; over++) {
        size_t len = (size_t)snprintf(text, sizeof text, "--b\r\n" DISPOSITION "\r\nX: ");
        size_t end = 5 + CN_MULTIPART_HEAD - 4 + (size_t)over;
        memset(text + len, 'y', end - len);
        memcpy(text + end, "\r\n\r\nz\r\n--b--", 12);
        enum cn_code code = whole(&run, "b", text, end + 12);
        assert_int_equal(code, over ? CN_INVALID_MULTIPART : CN_OK);
    }
    assert_non_null(strstr(run.error.detail, "longer than 8192 bytes"));
    cn_buf_release(&run.log);
}

static void good(const char *text, const char *log) {
    struct run run = {.log = CN_BUF_INIT};
    assert_int_equal(whole(&run, "b", text, strlen(text)), CN_OK);
    assert_true(cn_str_is(cn_buf_str(&run.log), log));
    cn_buf_release(&run.log);
}

static void test_heads(void **state) {
    (void)state;
    good("--b--", "");
    good("--b--\r\n", "");
    good(HEAD("Content-Disposition: form-data; name=\"\""), "<>x</>");
    good(HEAD(DISPOSITION "; filename=\"\""), "<a|>x</>");
    good(HEAD(DISPOSITION "; filename*=UTF-8''e%20f.tsv; filename=\"C:\\dir\\f.tsv\""),
         "<a|C:\\dir\\f.tsv>x</>");
    good(HEAD("Content-Disposition: form-data; name=\"q%22%0d%0A%41%2\"; other=1;"),
         "<q\"\r\n%41%2>x</>");
    good(HEAD("Content-Disposition: form-data;\r\n name=\"a\";\r\n\tfilename=\"f\""), "<a|f>x</>");
    good(HEAD("Content-Type:\r\n" DISPOSITION), "<a|>x</>");
    good(HEAD("Content-Transfer-Encoding: Binary\r\n" DISPOSITION), "<a>x</>");
    good(HEAD("Content-Disposition: form-data; name=\"\xc3\xa9\"; filename=\"\xff\""),
         "<\xc3\xa9|\xff>x</>");
}

static enum cn_code refuse(void *context, const char *data, size_t len, struct cn_error *error) {
    (void)context;
    (void)data;
    (void)len;
    return cn_error_set(error, CN_BODY_TOO_LARGE, "enough");
}

static void test_callback_fails(void **state) {
    (void)state;
    struct run run = {.log = CN_BUF_INIT};
    start(&run, "b");
    run.parser.handler.data = refuse;
    static const char text[] = HEAD(DISPOSITION);
    assert_int_equal(feed(&run, text, sizeof text - 1), CN_BODY_TOO_LARGE);
    assert_string_equal(run.error.detail, "enough");
    assert_int_equal(feed(&run, text, 1), CN_BODY_TOO_LARGE);
    assert_int_equal(cn_multipart_finish(&run.parser, NULL), CN_BODY_TOO_LARGE);
    cn_buf_release(&run.log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),       cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_random_cuts), cmocka_unit_test(test_random_data),
        cmocka_unit_test(test_faults),      cmocka_unit_test(test_head_limit),
        cmocka_unit_test(test_heads),       cmocka_unit_test(test_callback_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
