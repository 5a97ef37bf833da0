/*
 * Forms: the same parts, bytes and faults come out, however the body is cut. The input is a line
 * with the Content-Type, one byte that seeds the cuts, and the body.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "handlers/multipart.h"
#include "kernels/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static enum cn_code on_begin(void *context, const struct cn_multipart_part *part,
                             struct cn_error *error) {
    struct cn_body_type type;
    require(cn_utf8_check(part->name.data, part->name.len) == part->name.len);
    require(part->has_filename == (part->filename.data != NULL));
    enum cn_code code = cn_negotiate_body(part->content_type, NULL, true, &type, NULL);
    require(cn_buf_printf(context, "\n[%zu %zu %s %d]", part->name.len, part->filename.len,
                          part->content_type ? part->content_type : "-", (int)code));
    require(cn_buf_add(context, part->name.data, part->name.len));
    (void)error;
    return CN_OK;
}

static enum cn_code on_data(void *context, const char *data, size_t len, struct cn_error *error) {
    (void)error;
    require(len > 0);
    require(cn_buf_add(context, data, len));
    return CN_OK;
}

static enum cn_code on_end(void *context, struct cn_error *error) {
    (void)error;
    require(cn_buf_add_c(context, "\n[end]"));
    return CN_OK;
}

/* Parses in pieces of at most `most` bytes; what was seen is in `log`. */
static enum cn_code parse(const struct cn_body_type *type, const char *body, size_t len,
                          size_t most, uint32_t seed, struct cn_buf *log, struct cn_error *error) {
    static struct cn_multipart parser;
    struct cn_multipart_handler handler = {on_begin, on_data, on_end, log};
    cn_multipart_init(&parser, cn_str(type->boundary, type->boundary_len), &handler);
    enum cn_code code = CN_OK;
    for (size_t at = 0; at < len && code == CN_OK;) {
        seed = seed * 1664525 + 1013904223;
        size_t size = most == 0 ? len : 1 + (seed >> 16) % most;
        if (size > len - at)
            size = len - at;
        code = cn_multipart_feed(&parser, body + at, size, error);
        at += size;
    }
    return code != CN_OK ? code : cn_multipart_finish(&parser, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *line_end = size > 0 ? memchr(data, '\n', size) : NULL;
    struct cn_body_type type;
    char head[256];
    size_t head_len = line_end ? (size_t)(line_end - data) : 0;
    if (line_end == NULL || head_len >= sizeof head || size - head_len < 2)
        return 0;
    memcpy(head, data, head_len);
    head[head_len] = '\0';
    if (cn_negotiate_body(head, NULL, false, &type, NULL) != CN_OK ||
        type.kind != CN_BODY_MULTIPART)
        return 0;
    uint8_t seed = line_end[1];
    const char *body = (const char *)line_end + 2;
    size_t len = size - head_len - 2;
    const size_t pieces[] = {1, 3, (size_t)1 + seed};
    struct cn_buf whole = CN_BUF_INIT;
    struct cn_error error;
    cn_error_init(&error);
    enum cn_code code = parse(&type, body, len, 0, seed, &whole, &error);
    for (size_t i = 0; i < 3; i++) {
        struct cn_buf cut = CN_BUF_INIT;
        struct cn_error other;
        cn_error_init(&other);
        require(parse(&type, body, len, pieces[i], seed, &cut, &other) == code);
        require(strcmp(other.detail, error.detail) == 0);
        require(cn_str_equal(cn_buf_str(&cut), cn_buf_str(&whole)));
        cn_buf_release(&cut);
    }
    cn_buf_release(&whole);
    return 0;
}
