/*
 * The page and its files. They hold no data, so they are open to all; what the page fetches is not.
 *
 * A browser asks for each file again whenever the page is opened (no-cache), and is told with a 304
 * that it has it: so the page always fits the program that serves it.
 */
#include <stdio.h>
#include <string.h>

#include "handlers/assets.h"
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/negotiate.h"

/* Room for a tag in quotes, with the suffix of the form. */
#define ETAG_BYTES 64

static const char *type_of(const char *name) {
    static const struct {
        const char *ending;
        const char *type;
    } types[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
    };
    const char *ending = strrchr(name, '.');
    for (size_t i = 0; ending && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(ending, types[i].ending) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* What a 200 carries and the 304 in its place does too: a browser updates what it keeps. */
static void add_headers(struct cn_exchange *exchange, const char *etag) {
    cn_reply_add_header(exchange, "ETag", etag);
    cn_reply_add_header(exchange, "Vary", "Accept-Encoding");
    cn_reply_add_header(exchange, "Cache-Control", "no-cache");
    cn_reply_add_header(exchange, "Content-Security-Policy",
                        "default-src 'none'; script-src 'self'; style-src 'self'; "
                        "connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; "
                        "form-action 'none'; frame-ancestors 'none'");
    /* Not stricter: the page talks to the window of Perfetto that it opens. */
    cn_reply_add_header(exchange, "Cross-Origin-Opener-Policy", "same-origin-allow-popups");
}

static void reply_asset(struct cn_exchange *exchange, const struct cn_asset *asset) {
    struct cn_error error;
    enum cn_coding coding = CN_CODING_NONE;
    cn_error_init(&error);
    const char *accepted = exchange->ops->header(exchange, "Accept-Encoding");
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    unsigned offered = asset->gzip.data ? CN_OFFER_GZIP : CN_OFFER_PLAIN;
    enum cn_code code = part ? cn_negotiate_coding(accepted, offered, &coding, NULL, &error)
                             : cn_error_memory(&error);
    bool gzip = coding == CN_CODING_GZIP;
    if (code != CN_OK) {
        cn_reply_add_header(exchange, "Vary", "Accept-Encoding");
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    /* The two forms are not the same bytes, so a strong tag must tell them apart. */
    char etag[ETAG_BYTES];
    snprintf(etag, sizeof etag, "\"%s%s\"", asset->tag, gzip ? "-gzip" : "");
    add_headers(exchange, etag);
    const char *known = exchange->ops->header(exchange, "If-None-Match");
    bool same = known && cn_endpoint_has_tag(known, etag);
    if (!same && gzip)
        cn_reply_add_header(exchange, "Content-Encoding", "gzip");
    /* A 304 has no body, but a Content-Length in it must be that of the 200: the server takes it
     * from the parts, and sends none of them. */
    *part = gzip ? asset->gzip : asset->plain;
    exchange->reply.status = same ? 304 : 200;
    exchange->reply.content_type = same ? NULL : type_of(asset->name);
    exchange->reply.parts = part;
    exchange->reply.n_parts = 1;
    cn_exchange_reply(exchange);
}

static const struct cn_asset *find_asset(const char *name) {
    for (size_t i = 0; i < cn_n_assets; i++)
        if (strcmp(cn_assets[i].name, name) == 0)
            return &cn_assets[i];
    return NULL;
}

#define HOME "index.html"

static void home_finish(struct cn_exchange *exchange) {
    const struct cn_asset *asset = find_asset(HOME);
    if (asset)
        reply_asset(exchange, asset);
    else
        cn_endpoint_fail_not_found(exchange, "The page was not built in.");
}

/* The page itself is at / alone: its addresses are relative to that. */
static void static_finish(struct cn_exchange *exchange) {
    const struct cn_asset *asset = find_asset(exchange->segment);
    if (asset && strcmp(asset->name, HOME) != 0)
        reply_asset(exchange, asset);
    else
        cn_endpoint_fail_not_found(exchange, "The page has no file of that name.");
}

const struct cn_endpoint cn_endpoint_home = {.methods = "GET",
                                             .path = "/",
                                             .operation = CN_OPERATION_HOME,
                                             .open_access = true,
                                             .open = cn_endpoint_open_plain,
                                             .finish = home_finish};
const struct cn_endpoint cn_endpoint_static = {.methods = "GET",
                                               .path = "/static/{id}",
                                               .operation = CN_OPERATION_STATIC,
                                               .open_access = true,
                                               .open = cn_endpoint_open_plain,
                                               .finish = static_finish};
