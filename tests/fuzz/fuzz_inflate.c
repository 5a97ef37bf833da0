/*
 * Packed bodies: whatever comes, in any cut, comes out alike, with the same error, and never more
 * than the limits allow. What begins as neither format comes out as it is. A text that was packed
 * comes out again.
 *
 * The first byte of the input says what the rest is: packed data, or a text; the second seeds the
 * cuts.
 */
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/buf.h"
#include "handlers/coded_body.h"
#include "handlers/service.h"
#include "tests/fuzz/check.h"

enum { MAX_BYTES = 300000, WINDOW_LOG = 20 };

static enum cn_code take(void *context, const char *data, size_t len, struct cn_error *error) {
    (void)error;
    CHECK(len > 0 && data != NULL);
    CHECK(cn_buf_add(context, data, len));
    return CN_OK;
}

/* Feeds it in pieces of at most `most` bytes (0: whole), each in memory of its own size. */
static enum cn_code run(struct cn_service *service, enum cn_coding coding, struct cn_str text,
                        size_t most, uint32_t seed, struct cn_buf *out, struct cn_error *error) {
    struct cn_coded_body body;
    struct cn_ledger ledger;
    const struct cn_inflate_sink sink = {take, out};
    cn_error_init(error);
    cn_ledger_start(&ledger, 1);
    CHECK(cn_coded_body_begin(&body, coding, service, &ledger, error) == CN_OK);
    enum cn_code code = CN_OK;
    for (size_t at = 0; at < text.len && code == CN_OK;) {
        seed = seed * 1664525 + 1013904223;
        size_t len = most == 0 ? text.len : 1 + (seed >> 16) % most;
        len = len < text.len - at ? len : text.len - at;
        char *copy = malloc(len);
        CHECK(copy != NULL);
        memcpy(copy, text.data + at, len);
        code = cn_coded_body_feed(&body, service, copy, len, &sink, error);
        free(copy);
        at += len;
    }
    if (code == CN_OK)
        code = cn_coded_body_end(&body, &sink, error);
    cn_coded_body_release(&body);
    CHECK(error->code == code);
    CHECK(coding == CN_CODING_NONE || out->len <= MAX_BYTES);
    return code;
}

/* Whole, and in pieces: of a byte when it is short, and of any size. */
static enum cn_code check_cuts(struct cn_service *service, enum cn_coding coding,
                               struct cn_str text, uint32_t seed, struct cn_buf *whole) {
    const size_t pieces[] = {1, 2 + (size_t)seed * 3};
    struct cn_error error, other;
    enum cn_code code = run(service, coding, text, 0, seed, whole, &error);
    for (size_t i = text.len > 400; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct cn_buf cut = CN_BUF_INIT;
        CHECK(run(service, coding, text, pieces[i], seed, &cut, &other) == code);
        CHECK(strcmp(other.detail, error.detail) == 0 && strcmp(other.limit, error.limit) == 0);
        CHECK(cn_str_equal(cn_buf_str(&cut), cn_buf_str(whole)));
        cn_buf_release(&cut);
    }
    return code;
}

/* Packed data, or anything that is taken for it. */
static void check_packed(struct cn_service *service, struct cn_str text, uint32_t seed) {
    bool undecided;
    enum cn_coding coding = cn_coding_sniff(text, &undecided);
    struct cn_buf out = CN_BUF_INIT, seen = CN_BUF_INIT;
    enum cn_coding stated = seed & 1 ? CN_CODING_GZIP : CN_CODING_ZSTD;
    enum cn_code code = check_cuts(service, stated, text, seed, &out);
    CHECK(code == CN_OK || code == CN_INVALID_ENCODING || code == CN_BODY_TOO_LARGE ||
          code == CN_LIMIT_EXCEEDED);
    struct cn_error error;
    enum cn_code sniffed = run(service, CN_CODING_NONE, text, 1 + seed, seed, &seen, &error);
    if (coding == CN_CODING_NONE)
        CHECK(sniffed == CN_OK && cn_str_equal(cn_buf_str(&seen), text));
    else if (coding == stated)
        CHECK(sniffed == code && cn_str_equal(cn_buf_str(&seen), cn_buf_str(&out)));
    cn_buf_release(&out);
    cn_buf_release(&seen);
}

static size_t gzip(struct cn_str text, char *out, size_t cap) {
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)text.data,
                       .avail_in = (uInt)text.len};
    CHECK(deflateInit2(&stream, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY) == Z_OK);
    stream.next_out = (Bytef *)out;
    stream.avail_out = (uInt)cap;
    CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    size_t len = stream.total_out;
    deflateEnd(&stream);
    return len;
}

static void check_text(struct cn_service *service, struct cn_str text, uint32_t seed) {
    size_t cap = ZSTD_compressBound(text.len) + 64;
    char *packed = malloc(cap);
    struct cn_buf out = CN_BUF_INIT;
    CHECK(packed != NULL);
    size_t len =
        seed & 1 ? gzip(text, packed, cap) : ZSTD_compress(packed, cap, text.data, text.len, 1);
    CHECK(check_cuts(service, CN_CODING_NONE, cn_str(packed, len), seed, &out) == CN_OK);
    CHECK(cn_str_equal(cn_buf_str(&out), text));
    cn_buf_release(&out);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct cn_service service = {.limits = {.max_body_bytes = MAX_BYTES,
                                                   .max_inflate_ratio = 200,
                                                   .max_window_log = WINDOW_LOG}};
    if (!service.blocks)
        service.blocks = cn_blocks_new(1 << 20);
    CHECK(service.blocks != NULL);
    if (size < 2)
        return 0;
    struct cn_str rest = cn_str((const char *)data + 2, size - 2);
    if (data[0] % 2 == 0)
        check_packed(&service, rest, data[1]);
    else if (rest.len <= MAX_BYTES)
        check_text(&service, rest, data[1]);
    return 0;
}
