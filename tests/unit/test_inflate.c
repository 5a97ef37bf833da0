/* gzip and zstd inflated piece by piece: every cut, every fault, every limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "handlers/coded_body.h"
#include "handlers/inflate.h"

static const struct cn_inflate_limits ROOMY = {
    .max_bytes = 1u << 30, .max_ratio = 200, .window_log = 23};
static const enum cn_coding CODINGS[] = {CN_CODING_GZIP, CN_CODING_ZSTD};

static struct cn_blocks *blocks;
static struct cn_error error;

static int set_up(void **state) {
    (void)state;
    blocks = cn_blocks_new(1 << 20);
    return blocks ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    cn_blocks_free(blocks);
    return 0;
}

/* ---- packing, with the libraries themselves ------------------------------------------------- */

static struct cn_buf gzip_file(const char *text, size_t len) {
    struct cn_buf out = CN_BUF_INIT;
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)text, .avail_in = (uInt)len};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_true(cn_buf_reserve(&out, len + 1024));
    stream.next_out = (Bytef *)out.data;
    stream.avail_out = (uInt)(len + 1024);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.len = stream.total_out;
    deflateEnd(&stream);
    return out;
}

static struct cn_buf zstd_file(const char *text, size_t len) {
    struct cn_buf out = CN_BUF_INIT;
    ZSTD_CCtx *context = ZSTD_createCCtx();
    assert_non_null(context);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    assert_true(cn_buf_reserve(&out, ZSTD_compressBound(len)));
    out.len = ZSTD_compress2(context, out.data, ZSTD_compressBound(len), text, len);
    assert_false(ZSTD_isError(out.len));
    ZSTD_freeCCtx(context);
    return out;
}

static struct cn_buf file_of(enum cn_coding coding, const char *text, size_t len) {
    return coding == CN_CODING_GZIP ? gzip_file(text, len) : zstd_file(text, len);
}

/* A text that packs a little, as tables do. */
static struct cn_buf table(size_t rows) {
    struct cn_buf text = CN_BUF_INIT;
    uint32_t seed = 1;
    assert_true(cn_buf_add_c(&text, "a,b\n"));
    for (size_t i = 0; i < rows; i++) {
        seed = seed * 1664525 + 1013904223;
        assert_true(cn_buf_printf(&text, "%zu,%u\n", i, seed));
    }
    return text;
}

/* ---- inflating ------------------------------------------------------------------------------ */

static enum cn_code take(void *context, const char *data, size_t len, struct cn_error *failed) {
    (void)failed;
    assert_true(len > 0 && len <= CN_INFLATE_BLOCK);
    assert_true(cn_buf_add(context, data, len));
    return CN_OK;
}

/* In pieces of `piece` bytes, each in memory of its own, so that the sanitizer sees a read past it.
 */
static enum cn_code run(enum cn_coding coding, const struct cn_inflate_limits *limits,
                        struct cn_str packed, size_t piece, struct cn_buf *out) {
    struct cn_inflate *inflater;
    struct cn_inflate_sink sink = {take, out};
    cn_error_init(&error);
    out->len = 0;
    enum cn_code code = cn_inflate_new(&inflater, coding, limits, blocks, &error);
    for (size_t at = 0; code == CN_OK && at < packed.len; at += piece) {
        size_t len = packed.len - at < piece ? packed.len - at : piece;
        char *copy = malloc(len);
        assert_non_null(copy);
        memcpy(copy, packed.data + at, len);
        code = cn_inflate_feed(inflater, copy, len, &sink, &error);
        free(copy);
    }
    if (code == CN_OK)
        code = cn_inflate_end(inflater, &sink, &error);
    cn_inflate_free(inflater);
    assert_int_equal(code, error.code);
    return code;
}

static void test_every_cut(void **state) {
    (void)state;
    struct cn_buf text = table(30000), out = CN_BUF_INIT;
    assert_true(text.len > 4 * CN_INFLATE_BLOCK);
    for (size_t k = 0; k < 2; k++) {
        struct cn_buf packed = file_of(CODINGS[k], text.data, text.len);
        const size_t pieces[] = {1, 2, 3, 7, 1000, 65536, packed.len};
        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            assert_int_equal(run(CODINGS[k], &ROOMY, cn_buf_str(&packed), pieces[i], &out), CN_OK);
            assert_true(cn_str_equal(cn_buf_str(&out), cn_buf_str(&text)));
        }
        cn_buf_release(&packed);
    }
    cn_buf_release(&text);
    cn_buf_release(&out);
}

static void test_members(void **state) {
    (void)state;
    struct cn_buf out = CN_BUF_INIT;
    for (size_t k = 0; k < 2; k++) {
        struct cn_buf all = CN_BUF_INIT;
        const char *const texts[] = {"a,b\n", "", "1,2\n"};
        for (size_t i = 0; i < 3; i++) {
            struct cn_buf one = file_of(CODINGS[k], texts[i], strlen(texts[i]));
            assert_true(cn_buf_add_str(&all, cn_buf_str(&one)));
            cn_buf_release(&one);
            if (CODINGS[k] == CN_CODING_ZSTD) /* a frame to be skipped, of five bytes */
                assert_true(cn_buf_add(&all, "\x5a\x2a\x4d\x18\x05\0\0\0hello", 13));
        }
        for (size_t piece = 1; piece <= all.len; piece++) {
            assert_int_equal(run(CODINGS[k], &ROOMY, cn_buf_str(&all), piece, &out), CN_OK);
            assert_true(cn_str_is(cn_buf_str(&out), "a,b\n1,2\n"));
        }
        cn_buf_release(&all);
    }
    cn_buf_release(&out);
}

/* Cut anywhere it is broken, and says where, whatever the pieces. */
static void test_cut_short(void **state) {
    (void)state;
    struct cn_buf text = table(200), out = CN_BUF_INIT;
    char expected[64];
    for (size_t k = 0; k < 2; k++) {
        struct cn_buf packed = file_of(CODINGS[k], text.data, text.len);
        for (size_t len = 0; len < packed.len; len++)
            for (size_t piece = 1; piece < 2000; piece += 999) {
                struct cn_str some = cn_str(packed.data, len);
                assert_int_equal(run(CODINGS[k], &ROOMY, some, piece, &out), CN_INVALID_ENCODING);
                snprintf(expected, sizeof expected, "at byte %zu: they end too early", len);
                assert_non_null(strstr(error.detail, expected));
            }
        cn_buf_release(&packed);
    }
    cn_buf_release(&text);
    cn_buf_release(&out);
}

/* One bit turned over: found by the checksum if by nothing else, at the same byte in every cut, or
 * one without a meaning for what comes out. In a head it may ask for a larger window. */
static void test_flipped(void **state) {
    (void)state;
    struct cn_buf text = table(300), out = CN_BUF_INIT;
    for (size_t k = 0; k < 2; k++) {
        struct cn_buf packed = file_of(CODINGS[k], text.data, text.len);
        for (size_t at = 0; at < packed.len; at++) {
            packed.data[at] = (char)(packed.data[at] ^ 1 << at % 8);
            enum cn_code code = run(CODINGS[k], &ROOMY, cn_buf_str(&packed), packed.len, &out);
            if (code == CN_OK)
                assert_true(cn_str_equal(cn_buf_str(&out), cn_buf_str(&text)));
            else
                assert_true(code == CN_INVALID_ENCODING || (at < 10 && code == CN_LIMIT_EXCEEDED));
            struct cn_error whole = error;
            assert_int_equal(run(CODINGS[k], &ROOMY, cn_buf_str(&packed), 5, &out), code);
            assert_string_equal(error.detail, whole.detail);
            packed.data[at] = (char)(packed.data[at] ^ 1 << at % 8);
        }
        cn_buf_release(&packed);
    }
    cn_buf_release(&text);
    cn_buf_release(&out);
}

static void test_followed_by_something(void **state) {
    (void)state;
    struct cn_buf out = CN_BUF_INIT;
    static const char *const strangers[] = {"x", "\x1e", "{", "\x25\xb5\x2f\xfd",
                                            "\x27\xb5\x2f\xfd"};
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
            struct cn_buf packed = file_of(CODINGS[k], "a\n1\n", 4);
            char expected[32];
            snprintf(expected, sizeof expected, "at byte %zu: something", packed.len);
            assert_true(cn_buf_add_c(&packed, strangers[i]));
            for (size_t piece = 1; piece <= packed.len; piece++) {
                assert_int_equal(run(CODINGS[k], &ROOMY, cn_buf_str(&packed), piece, &out),
                                 CN_INVALID_ENCODING);
                assert_non_null(strstr(error.detail, expected));
            }
            cn_buf_release(&packed);
        }
    cn_buf_release(&out);
}

static void test_other_files(void **state) {
    (void)state;
    struct cn_buf out = CN_BUF_INIT;
    struct cn_buf gzip = gzip_file("a\n", 2), zstd = zstd_file("a\n", 2);
    assert_int_equal(run(CN_CODING_ZSTD, &ROOMY, cn_buf_str(&gzip), 100, &out),
                     CN_INVALID_ENCODING);
    assert_non_null(strstr(error.detail, "at byte 0: they do not begin"));
    assert_int_equal(run(CN_CODING_GZIP, &ROOMY, cn_buf_str(&zstd), 100, &out),
                     CN_INVALID_ENCODING);
    assert_non_null(strstr(error.detail, "at byte 0: they do not begin"));
    assert_int_equal(run(CN_CODING_GZIP, &ROOMY, CN_STR("a,b\n"), 100, &out), CN_INVALID_ENCODING);
    cn_buf_release(&gzip);
    cn_buf_release(&zstd);
    cn_buf_release(&out);
}

static void test_max_bytes(void **state) {
    (void)state;
    struct cn_buf text = table(20000), out = CN_BUF_INIT;
    for (size_t k = 0; k < 2; k++) {
        struct cn_buf packed = file_of(CODINGS[k], text.data, text.len);
        struct cn_inflate_limits limits = ROOMY;
        limits.max_bytes = text.len;
        assert_int_equal(run(CODINGS[k], &limits, cn_buf_str(&packed), 1000, &out), CN_OK);
        limits.max_bytes = text.len - 1;
        assert_int_equal(run(CODINGS[k], &limits, cn_buf_str(&packed), 1000, &out),
                         CN_BODY_TOO_LARGE);
        assert_string_equal(error.limit, "--max-body-bytes");
        limits.max_bytes = CN_INFLATE_BLOCK;
        assert_int_equal(run(CODINGS[k], &limits, cn_buf_str(&packed), 1000, &out),
                         CN_BODY_TOO_LARGE);
        assert_true(out.len <= CN_INFLATE_BLOCK);
        cn_buf_release(&packed);
    }
    cn_buf_release(&text);
    cn_buf_release(&out);
}

/* Zeros: up to the bytes that are free they come whole, one more is too many; nothing beyond them
 * is handed on, in any cut. */
static void test_max_ratio(void **state) {
    (void)state;
    size_t len = (size_t)CN_INFLATE_FREE_BYTES;
    char *zeros = calloc(1, len + 1);
    struct cn_buf out = CN_BUF_INIT;
    assert_non_null(zeros);
    for (size_t k = 0; k < 2; k++) {
        struct cn_buf fits = file_of(CODINGS[k], zeros, len),
                      more = file_of(CODINGS[k], zeros, len + 1);
        assert_int_equal(run(CODINGS[k], &ROOMY, cn_buf_str(&fits), 50, &out), CN_OK);
        assert_int_equal(out.len, len);
        for (size_t piece = 1; piece <= more.len; piece += more.len - 1) {
            assert_int_equal(run(CODINGS[k], &ROOMY, cn_buf_str(&more), piece, &out),
                             CN_BODY_TOO_LARGE);
            assert_string_equal(error.limit, "--max-inflate-ratio");
            assert_int_equal(out.len, len);
        }
        /* at the ratio, and just below it */
        struct cn_inflate_limits limits = ROOMY;
        limits.max_ratio = (len + 1) / more.len + 1;
        assert_int_equal(run(CODINGS[k], &limits, cn_buf_str(&more), more.len, &out), CN_OK);
        limits.max_ratio--;
        assert_int_equal(run(CODINGS[k], &limits, cn_buf_str(&more), more.len, &out),
                         CN_BODY_TOO_LARGE);
        cn_buf_release(&fits);
        cn_buf_release(&more);
    }
    free(zeros);
    cn_buf_release(&out);
}

static void test_window(void **state) {
    (void)state;
    /* a frame's head that asks for a window of 16 MiB, then an empty block */
    static const char frame[] = "\x28\xb5\x2f\xfd\x00\x70\x01\x00\x00";
    struct cn_str packed = cn_str(frame, sizeof frame - 1);
    struct cn_inflate_limits limits = ROOMY;
    struct cn_buf out = CN_BUF_INIT;
    limits.window_log = 24;
    assert_int_equal(run(CN_CODING_ZSTD, &limits, packed, 100, &out), CN_OK);
    limits.window_log = 23;
    for (size_t piece = 1; piece <= packed.len; piece++) {
        assert_int_equal(run(CN_CODING_ZSTD, &limits, packed, piece, &out), CN_LIMIT_EXCEEDED);
        assert_string_equal(error.limit, "--max-window-log");
    }
    cn_buf_release(&out);
}

static void test_sniff(void **state) {
    (void)state;
    static const struct {
        struct cn_str text;
        enum cn_coding coding;
        bool undecided;
    } cases[] = {
        {{"", 0}, CN_CODING_NONE, true},
        {{"\x1f", 1}, CN_CODING_NONE, true},
        {{"\x1f\x8b", 2}, CN_CODING_GZIP, false},
        {{"\x1f\x8c", 2}, CN_CODING_NONE, false},
        {{"(", 1}, CN_CODING_NONE, true},
        {{"(a)", 3}, CN_CODING_NONE, false},
        {{"\x28\xb5\x2f", 3}, CN_CODING_NONE, true},
        {{"\x28\xb5\x2f\xfd\x04", 5}, CN_CODING_ZSTD, false},
        {{"a", 1}, CN_CODING_NONE, false},
        {{"{", 1}, CN_CODING_NONE, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bool undecided;
        assert_int_equal(cn_coding_sniff(cases[i].text, &undecided), cases[i].coding);
        assert_int_equal(undecided, cases[i].undecided);
    }
}

static void test_stated(void **state) {
    (void)state;
    static const struct {
        const char *header;
        enum cn_coding coding;
    } good[] = {{NULL, CN_CODING_NONE},
                {"", CN_CODING_NONE},
                {"gzip", CN_CODING_GZIP},
                {"X-GZip", CN_CODING_GZIP},
                {" Zstd ", CN_CODING_ZSTD},
                {"identity", CN_CODING_NONE},
                {"identity, gzip", CN_CODING_GZIP}};
    static const char *const bad[] = {"br",       "deflate",   "gzip, gzip", "gzip, zstd",
                                      "gzip;q=1", "gzip zstd", ";"};
    enum cn_coding coding;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(cn_coded_body_stated(good[i].header, &coding, NULL), CN_OK);
        assert_int_equal(coding, good[i].coding);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cn_error_init(&error);
        assert_int_equal(cn_coded_body_stated(bad[i], &coding, &error), CN_UNSUPPORTED_MEDIA_TYPE);
        assert_string_equal(error.value, bad[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_followed_by_something),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_max_bytes),
        cmocka_unit_test(test_max_ratio),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_sniff),
        cmocka_unit_test(test_stated),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
