/*
 * The page of recent runs and its assets. They hold no data, so they are open to all; what the
 * page fetches is not.
 */
#include <string.h>

#include "handlers/assets.h"
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"

static void reply_asset(struct cn_exchange *exchange, const char *name, const char *type) {
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    const struct cn_asset *asset = NULL;
    for (size_t i = 0; i < cn_n_assets; i++)
        if (strcmp(cn_assets[i].name, name) == 0)
            asset = &cn_assets[i];
    if (!part || !asset) {
        cn_endpoint_fail_not_found(exchange, "This page was not built in.");
        return;
    }
    cn_reply_add_header(exchange, "Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src 'self'; "
                        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; "
                        "form-action 'none'; frame-ancestors 'none'");
    cn_reply_add_header(exchange, "Referrer-Policy", "no-referrer");
    cn_reply_add_header(exchange, "Cache-Control", "no-cache");
    *part = cn_str((const char *)asset->data, asset->len);
    exchange->reply.status = 200;
    exchange->reply.content_type = type;
    exchange->reply.parts = part;
    exchange->reply.n_parts = 1;
    cn_exchange_reply(exchange);
}

static void home_finish(struct cn_exchange *exchange) {
    reply_asset(exchange, "index.html", "text/html; charset=utf-8");
}

static void script_finish(struct cn_exchange *exchange) {
    reply_asset(exchange, "app.js", "text/javascript; charset=utf-8");
}

static void style_finish(struct cn_exchange *exchange) {
    reply_asset(exchange, "style.css", "text/css; charset=utf-8");
}

const struct cn_endpoint cn_endpoint_home = {.methods = "GET",
                                             .path = "/",
                                             .open_access = true,
                                             .open = cn_endpoint_open_plain,
                                             .finish = home_finish};
const struct cn_endpoint cn_endpoint_home_script = {.methods = "GET",
                                                    .path = "/app.js",
                                                    .open_access = true,
                                                    .open = cn_endpoint_open_plain,
                                                    .finish = script_finish};
const struct cn_endpoint cn_endpoint_home_style = {.methods = "GET",
                                                   .path = "/style.css",
                                                   .open_access = true,
                                                   .open = cn_endpoint_open_plain,
                                                   .finish = style_finish};
