/*
 * POST and DELETE /v1/session: a browser exchanges the token for a cookie, because links, downloads
 * and EventSource cannot send a header; and because no script can read a cookie that is HttpOnly.
 *
 * The cookie has no Path: the browser takes the folder of this address as it sees it, which is all
 * of v1/, also behind a proxy that serves the service below a path of its own.
 */
#include <openssl/crypto.h>
#include <stdio.h>
#include <strings.h>

#include "columns/json_scan.h"
#include "handlers/coded_body.h"
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/negotiate.h"
#include "handlers/service.h"
#include "handlers/session.h"
#include "handlers/shown.h"

#define BODY_MAX 4096

/* What the client sent; it may hold the token, so it is overwritten at the end. */
struct session_request {
    bool ends; /* DELETE */
    size_t len;
    char body[BODY_MAX];
    char token[BODY_MAX];
    size_t token_len;
};

static enum cn_code too_large(struct cn_error *error) {
    return cn_error_set(error, CN_BODY_TOO_LARGE,
                        "The body is larger than %d bytes, the most that is taken for a token.",
                        BODY_MAX);
}

/* A token is not worth unpacking. */
static enum cn_code check_plain(const char *content_encoding, struct cn_error *error) {
    enum cn_coding coding;
    if (cn_coded_body_stated(content_encoding, &coding, NULL) == CN_OK && coding == CN_CODING_NONE)
        return CN_OK;
    cn_error_set_value(error, cn_str_c(content_encoding));
    return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                        "the Content-Encoding '%.*s' is not read here; send the body uncompressed",
                        CN_SHOWN(cn_str_c(content_encoding)));
}

static enum cn_code session_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_body_type type;
    CN_TRY(cn_endpoint_open_plain(exchange, error));
    if (exchange->content_length > BODY_MAX)
        return too_large(error);
    const char *content_type = exchange->ops->header(exchange, "Content-Type");
    CN_TRY(cn_negotiate_body(content_type, NULL, true, &type, error));
    if (type.kind != CN_BODY_JSON && type.kind != CN_BODY_UNSTATED)
        return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                            "A session takes application/json, not '%.*s'.",
                            CN_SHOWN(cn_str_c(content_type)));
    CN_TRY(check_plain(exchange->ops->header(exchange, "Content-Encoding"), error));
    struct session_request *request = cn_arena_zalloc(&exchange->arena, sizeof *request);
    if (!request)
        return cn_error_memory(error);
    request->ends = strcmp(exchange->method, "DELETE") == 0;
    exchange->state = request;
    return CN_OK;
}

static enum cn_body_verdict session_body(struct cn_exchange *exchange, const char *data,
                                         size_t len) {
    struct session_request *request = exchange->state;
    if (request->ends) {
        cn_error_set(&exchange->error, CN_INVALID_PARAMETER, "DELETE /v1/session takes no body.");
        return CN_BODY_REFUSE;
    }
    if (len > BODY_MAX - request->len) {
        too_large(&exchange->error);
        return CN_BODY_REFUSE;
    }
    memcpy(request->body + request->len, data, len);
    request->len += len;
    return CN_BODY_MORE;
}

/* ---- the token ----------------------------------------------------------------------------- */

static enum cn_code read_token(struct session_request *request, struct cn_exchange *exchange,
                               struct cn_str value, struct cn_error *error) {
    struct cn_json_scan scan;
    struct cn_json_string text;
    cn_json_scan_init(&scan, value, 1, &exchange->arena);
    cn_error_set_parameter(error, CN_STR("token"));
    if (request->token_len > 0)
        return cn_error_set(error, CN_INVALID_PARAMETER, "The token is given twice.");
    if (cn_json_peek(&scan) != '"')
        return cn_error_set(error, CN_INVALID_PARAMETER, "The token must be a string.");
    CN_TRY(cn_json_scan_string(&scan, &text, error));
    request->token_len = cn_json_unescape(text.raw, request->token);
    if (request->token_len == 0)
        return cn_error_set(error, CN_INVALID_PARAMETER, "The token is empty.");
    return CN_OK;
}

static enum cn_code read_body(struct session_request *request, struct cn_exchange *exchange,
                              struct cn_error *error) {
    const struct cn_json_limits limits = {
        .max_depth = cn_exchange_limits(exchange)->max_json_depth, .max_columns = 1, .max_rows = 1};
    struct cn_json_document document;
    if (request->len == 0)
        return CN_OK;
    CN_TRY(cn_json_read_document(cn_str(request->body, request->len), &limits, &exchange->arena,
                                 &document, error));
    struct cn_str stranger = document.has_columns ? CN_STR("columns") : (struct cn_str){0};
    for (size_t i = 0; i < document.n_members && !stranger.data; i++) {
        const struct cn_json_member *member = &document.members[i];
        if (!cn_str_is(member->name, "token"))
            stranger = member->name;
        else
            CN_TRY(read_token(request, exchange, member->value, error));
    }
    if (!stranger.data)
        return CN_OK;
    cn_error_set_parameter(error, stranger);
    return cn_error_set(error, CN_UNKNOWN_PARAMETER,
                        "A session has no member '%.*s'; it takes token alone.",
                        CN_SHOWN(stranger));
}

/* The body's token, or without one that of the header. */
static enum cn_code check_token(struct session_request *request, struct cn_exchange *exchange,
                                const struct cn_session_key *key, struct cn_error *error) {
    struct cn_str token = cn_str(request->token, request->token_len);
    const char *header = exchange->ops->header(exchange, "Authorization");
    if (token.len == 0 && header && strncasecmp(header, "Bearer ", 7) == 0)
        token = cn_str_c(header + 7 + strspn(header + 7, " "));
    if (cn_session_is_token(key, token))
        return CN_OK;
    cn_reply_add_header(exchange, "WWW-Authenticate", "Bearer");
    return cn_error_set(error, CN_UNAUTHORIZED,
                        token.len > 0
                            ? "The token is not the one that this server was given."
                            : "A session needs the server's token: {\"token\": \"...\"}, or "
                              "'Authorization: Bearer TOKEN'.");
}

/* ---- the reply ----------------------------------------------------------------------------- */

/*
 * SameSite=Strict keeps the cookie out of every request that a page of another site makes, so it
 * also guards changes that come without an Origin header. Other ports of this host are the same
 * site: a page there sends the cookie, and its Origin header with every change, which the server
 * refuses.
 */
static void set_cookie(struct cn_exchange *exchange, const char *value, int seconds) {
    char cookie[CN_SESSION_VALUE_BYTES + 96];
    const char *origin = exchange->ops->header(exchange, "Origin");
    /* A proxy may speak TLS for this server; where the page came so, its cookie goes so. */
    bool secure = exchange->secure || (origin && strncasecmp(origin, "https://", 8) == 0);
    snprintf(cookie, sizeof cookie,
             CN_SESSION_COOKIE "=%s; Max-Age=%d; HttpOnly; SameSite=Strict%s", value, seconds,
             secure ? "; Secure" : "");
    cn_reply_add_header(exchange, "Set-Cookie", cookie);
}

static enum cn_code begin_session(struct session_request *request, struct cn_exchange *exchange,
                                  const struct cn_session_key *key, struct cn_error *error) {
    char value[CN_SESSION_VALUE_BYTES];
    CN_TRY(check_token(request, exchange, key, error));
    int64_t now_s = cn_clock_wall() / CN_NS_PER_SECOND;
    if (!cn_session_make(key, now_s + CN_SESSION_SECONDS, value))
        return cn_error_memory(error);
    set_cookie(exchange, value, CN_SESSION_SECONDS);
    return CN_OK;
}

static enum cn_code begin(struct cn_exchange *exchange, struct session_request *request,
                          struct cn_error *error) {
    struct cn_sessions *sessions = exchange->service->sessions;
    struct cn_session_key key;
    CN_TRY(read_body(request, exchange, error));
    if (!sessions) /* no token is needed, so there is nothing to stand for */
        return CN_OK;
    cn_sessions_key(sessions, &key);
    enum cn_code code = begin_session(request, exchange, &key, error);
    cn_session_key_cleanse(&key);
    return code;
}

static void session_finish(struct cn_exchange *exchange) {
    struct session_request *request = exchange->state;
    struct cn_error error;
    cn_error_init(&error);
    if (request->ends)
        set_cookie(exchange, "", 0);
    else if (begin(exchange, request, &error) != CN_OK) {
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    exchange->reply.status = 204;
    cn_exchange_reply(exchange);
}

static void session_close(struct cn_exchange *exchange) {
    OPENSSL_cleanse(exchange->state, sizeof(struct session_request));
}

/* Open to all: who has no token yet gets a session here, and ending one only clears the cookie. */
const struct cn_endpoint cn_endpoint_session = {.methods = "POST,DELETE",
                                                .path = "/v1/session",
                                                .operation = CN_OPERATION_SESSION,
                                                .open_access = true,
                                                .takes_body = true,
                                                .open = session_open,
                                                .body = session_body,
                                                .finish = session_finish,
                                                .close = session_close};
