/* Replies that leave packed: whole, from parts, from a stream that waits, ends or breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "handlers/inflate.h"
#include "handlers/packed_reply.h"
#include "handlers/service.h"

static struct cn_service service;

static int set_up(void **state) {
    (void)state;
    service.blocks = cn_blocks_new(1 << 20);
    return service.blocks ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    cn_blocks_free(service.blocks);
    return 0;
}

static void make(struct cn_exchange *exchange, const char *accept_encoding) {
    struct cn_error error;
    cn_error_init(&error);
    *exchange = (struct cn_exchange){.service = &service, .http_minor = 1};
    cn_arena_init(&exchange->arena, 4096);
    assert_int_equal(cn_packed_reply_accept(exchange, accept_encoding, &error), CN_OK);
    exchange->reply.status = 200;
    exchange->reply.content_type = "text/csv; charset=utf-8";
}

static void release(struct cn_exchange *exchange) {
    cn_packed_reply_release(exchange);
    assert_null(exchange->packed);
    cn_arena_release(&exchange->arena);
}

static const char *header(const struct cn_exchange *exchange, const char *name) {
    for (size_t i = 0; i < exchange->reply.n_headers; i++)
        if (strcmp(exchange->reply.headers[i].name, name) == 0)
            return exchange->reply.headers[i].value;
    return "";
}

static char *text_of(size_t len) {
    char *text = malloc(len);
    uint32_t seed = 7;
    assert_non_null(text);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = i % 9 == 8 ? '\n' : (char)('0' + (seed >> 24) % 10);
    }
    return text;
}

/* ---- inflating it again --------------------------------------------------------------------- */

static enum cn_code take(void *context, const char *data, size_t len, struct cn_error *error) {
    (void)error;
    assert_true(cn_buf_add(context, data, len));
    return CN_OK;
}

static void assert_packs(enum cn_coding coding, struct cn_str packed, struct cn_str text) {
    const struct cn_inflate_limits limits = {UINT64_MAX, UINT32_MAX, 30};
    struct cn_inflate *inflater;
    struct cn_buf out = CN_BUF_INIT;
    const struct cn_inflate_sink sink = {take, &out};
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_inflate_new(&inflater, coding, &limits, service.blocks, &error), CN_OK);
    assert_int_equal(cn_inflate_feed(inflater, packed.data, packed.len, &sink, &error), CN_OK);
    assert_int_equal(cn_inflate_end(inflater, &sink, &error), CN_OK);
    assert_true(cn_str_equal(cn_buf_str(&out), text));
    cn_inflate_free(inflater);
    cn_buf_release(&out);
}

/* Reads the stream in pieces of at most `max`, in memory of that size. Returns what ended it. */
static ssize_t read_all(struct cn_exchange *exchange, size_t max, struct cn_buf *out,
                        size_t *waits) {
    char *piece = malloc(max);
    ssize_t n;
    assert_non_null(piece);
    for (;;) {
        n = exchange->reply.stream(exchange, piece, max);
        if (n == CN_STREAM_WAIT)
            ++*waits;
        else if (n < 0)
            break;
        else
            assert_true((size_t)n <= max && cn_buf_add(out, piece, (size_t)n));
    }
    free(piece);
    return n;
}

/* ---- parts ---------------------------------------------------------------------------------- */

static void test_whole(void **state) {
    (void)state;
    static const size_t sizes[] = {CN_PACK_LEAST_BYTES - 1, CN_PACK_LEAST_BYTES, 5000,
                                   CN_PACK_WHOLE_BYTES};
    for (enum cn_coding coding = CN_CODING_GZIP; coding <= CN_CODING_ZSTD; coding++)
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct cn_exchange exchange;
            char *text = text_of(sizes[i]);
            const struct cn_str parts[] = {cn_str(text, 100), cn_str("", 0),
                                           cn_str(text + 100, sizes[i] - 100)};
            make(&exchange, cn_coding_name(coding));
            exchange.reply.parts = parts;
            exchange.reply.n_parts = 3;
            cn_packed_reply_begin(&exchange);
            assert_null(exchange.reply.stream);
            if (sizes[i] < CN_PACK_LEAST_BYTES) {
                assert_ptr_equal(exchange.reply.parts, parts);
                assert_int_equal(exchange.reply.n_headers, 0);
            } else {
                assert_int_equal(exchange.reply.n_parts, 1);
                assert_string_equal(header(&exchange, "Content-Encoding"), cn_coding_name(coding));
                assert_string_equal(header(&exchange, "Vary"), "Accept-Encoding");
                assert_true(exchange.reply.parts[0].len < sizes[i]);
                assert_packs(coding, exchange.reply.parts[0], cn_str(text, sizes[i]));
            }
            release(&exchange);
            free(text);
        }
}

static void test_on_the_way(void **state) {
    (void)state;
    static const size_t maxima[] = {1, 7, 1000, 65536, 10000000};
    size_t len = 700000;
    char *text = text_of(len);
    memset(text + 300000, 'x', 300000); /* so much of it that nothing comes out for a while */
    for (enum cn_coding coding = CN_CODING_GZIP; coding <= CN_CODING_ZSTD; coding++)
        for (size_t i = 0; i < sizeof maxima / sizeof maxima[0]; i++) {
            struct cn_exchange exchange;
            struct cn_buf out = CN_BUF_INIT;
            size_t waits = 0;
            const struct cn_str parts[] = {cn_str(text, 1), cn_str("", 0),
                                           cn_str(text + 1, len - 2), cn_str(text + len - 1, 1)};
            make(&exchange, cn_coding_name(coding));
            exchange.reply.parts = parts;
            exchange.reply.n_parts = 4;
            cn_packed_reply_begin(&exchange);
            assert_non_null(exchange.reply.stream);
            assert_int_equal(read_all(&exchange, maxima[i], &out, &waits), CN_STREAM_END);
            assert_int_equal(exchange.reply.stream(&exchange, text, 1), CN_STREAM_END);
            assert_int_equal(waits, 0);
            assert_packs(coding, cn_buf_str(&out), cn_str(text, len));
            cn_buf_release(&out);
            release(&exchange);
        }
    free(text);
}

/* ---- a stream ------------------------------------------------------------------------------- */

struct source {
    struct cn_str text;
    size_t calls;
    bool breaks;
};

/* Every now and then it has nothing, twice: what was held came out meanwhile. */
static ssize_t source_stream(struct cn_exchange *exchange, char *out, size_t max) {
    struct source *source = exchange->state;
    if (++source->calls % 5 >= 3)
        return CN_STREAM_WAIT;
    if (source->text.len == 0)
        return source->breaks ? CN_STREAM_BREAK : CN_STREAM_END;
    size_t n = 1 + source->calls * 37 % 3000;
    n = n < max ? n : max;
    n = n < source->text.len ? n : source->text.len;
    memcpy(out, source->text.data, n);
    source->text = cn_str(source->text.data + n, source->text.len - n);
    return (ssize_t)n;
}

static void test_stream(void **state) {
    (void)state;
    size_t len = 200000;
    char *text = text_of(len);
    for (int k = 0; k < 8; k++) {
        enum cn_coding coding = k & 1 ? CN_CODING_GZIP : CN_CODING_ZSTD;
        struct source source = {.text = cn_str(text, len), .breaks = (k & 2) != 0};
        struct cn_exchange exchange;
        struct cn_buf out = CN_BUF_INIT;
        size_t waits = 0;
        make(&exchange, cn_coding_name(coding));
        exchange.state = &source;
        exchange.reply.stream = source_stream;
        cn_packed_reply_begin(&exchange);
        assert_string_equal(header(&exchange, "Content-Encoding"), cn_coding_name(coding));
        ssize_t end = read_all(&exchange, k & 4 ? 100 : 65536, &out, &waits);
        assert_true(waits > 0);
        if (source.breaks) {
            assert_int_equal(end, CN_STREAM_BREAK);
        } else {
            assert_int_equal(end, CN_STREAM_END);
            assert_packs(coding, cn_buf_str(&out), cn_str(text, len));
        }
        cn_buf_release(&out);
        release(&exchange);
    }
    free(text);
}

/* What was given before a wait is out before it: whoever waits has all there is. */
static void test_a_wait_flushes(void **state) {
    (void)state;
    struct source source;
    char out[1000];
    for (enum cn_coding coding = CN_CODING_GZIP; coding <= CN_CODING_ZSTD; coding++) {
        struct cn_exchange exchange;
        source = (struct source){.text = CN_STR("a,b\n1,2\n"), .calls = 1};
        make(&exchange, cn_coding_name(coding));
        exchange.state = &source;
        exchange.reply.stream = source_stream;
        cn_packed_reply_begin(&exchange);
        ssize_t n = exchange.reply.stream(&exchange, out, sizeof out);
        assert_true(n > 10);
        struct cn_buf seen = CN_BUF_INIT;
        const struct cn_inflate_limits limits = {1000, 200, 23};
        const struct cn_inflate_sink sink = {take, &seen};
        struct cn_inflate *inflater;
        struct cn_error error;
        cn_error_init(&error);
        assert_int_equal(cn_inflate_new(&inflater, coding, &limits, service.blocks, &error), CN_OK);
        assert_int_equal(cn_inflate_feed(inflater, out, (size_t)n, &sink, &error), CN_OK);
        assert_int_equal(cn_inflate_end(inflater, &sink, &error), CN_INVALID_ENCODING);
        assert_int_equal(source.text.len, 0);
        cn_inflate_free(inflater);
        cn_buf_release(&seen);
        release(&exchange);
    }
}

/* ---- what stays as it is -------------------------------------------------------------------- */

static void test_left_alone(void **state) {
    (void)state;
    char *text = text_of(100000);
    const struct cn_str large = cn_str(text, 100000);
    static const char *const kinds[] = {"text/event-stream; charset=utf-8", "image/svg+xml",
                                        "application/octet-stream", NULL};
    struct cn_exchange exchange;
    for (size_t i = 0; i < 8; i++) {
        make(&exchange, i == 4 ? NULL : "gzip");
        exchange.reply.parts = &large;
        exchange.reply.n_parts = 1;
        if (i < 4)
            exchange.reply.content_type = kinds[i];
        exchange.reply.lasts = i == 5;
        if (i == 6)
            exchange.http_minor = 0;
        if (i == 7)
            cn_reply_add_header(&exchange, "Vary", "Accept-Encoding");
        cn_packed_reply_begin(&exchange);
        assert_ptr_equal(exchange.reply.parts, &large);
        assert_null(exchange.reply.stream);
        assert_string_equal(header(&exchange, "Content-Encoding"), "");
        release(&exchange);
    }
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),      cmocka_unit_test(test_on_the_way),
        cmocka_unit_test(test_stream),     cmocka_unit_test(test_a_wait_flushes),
        cmocka_unit_test(test_left_alone),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
