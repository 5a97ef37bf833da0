/*
 * endpoint_openapi.c: GET /openapi.json. It needs the token like all that is not the page: it tells
 * limits and version. Made anew for each request, because settings may have been read again.
 */
#include <stdio.h>
#include <xxhash.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/openapi.h"

static void reply_document(struct cn_exchange *exchange, struct cn_str text) {
    char etag[24];
    const char *known = exchange->ops->header(exchange, "If-None-Match");
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    if (part)
        *part = cn_arena_str(&exchange->arena, text);
    if (!part || !part->data) {
        cn_exchange_fail_memory(exchange);
        return;
    }
    snprintf(etag, sizeof etag, "\"%016llx\"",
             (unsigned long long)XXH3_64bits(text.data, text.len));
    bool same = known && cn_endpoint_has_tag(known, etag);
    cn_reply_add_header(exchange, "ETag", etag);
    cn_reply_add_header(exchange, "Cache-Control", "no-cache");
    exchange->reply.status = same ? 304 : 200;
    exchange->reply.content_type = same ? NULL : CN_JSON_TYPE;
    exchange->reply.parts = part;
    exchange->reply.n_parts = 1;
    cn_exchange_reply(exchange);
}

static void openapi_finish(struct cn_exchange *exchange) {
    struct cn_buf buf = CN_BUF_INIT;
    if (cn_openapi_write(&buf, exchange->service))
        reply_document(exchange, cn_buf_str(&buf));
    else
        cn_exchange_fail_memory(exchange);
    cn_buf_release(&buf);
}

const struct cn_endpoint cn_endpoint_openapi = {.methods = "GET",
                                                .path = "/openapi.json",
                                                .operation = CN_OPERATION_OPENAPI,
                                                .open = cn_endpoint_open_plain,
                                                .finish = openapi_finish};
