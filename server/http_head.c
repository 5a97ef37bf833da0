/*
 * The head of a request: framing, rights, route, admission. The order matters: what could make two
 * programs disagree on where the request ends comes first.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "handlers/endpoints.h"
#include "handlers/packed_reply.h"
#include "handlers/prefer.h"
#include "handlers/reserve.h"
#include "handlers/session.h"
#include "server/mhd.h"
#include "server/routes.h"

/* ---- values -------------------------------------------------------------------------------- */

struct value_search {
    const char *name;
    struct cn_arena *arena;
    const char *value;
};

static enum MHD_Result join_value(void *cls, enum MHD_ValueKind kind, const char *key,
                                  const char *value) {
    (void)kind;
    struct value_search *search = cls;
    if (strcasecmp(key, search->name) != 0)
        return MHD_YES;
    if (!value)
        value = "";
    if (!search->value) {
        search->value = value;
        return MHD_YES;
    }
    size_t size = strlen(search->value) + strlen(value) + 3;
    char *joined = cn_arena_alloc(search->arena, size);
    if (joined)
        snprintf(joined, size, "%s, %s", search->value, value);
    search->value = joined;
    return joined ? MHD_YES : MHD_NO;
}

const char *cn_head_value(struct cn_request *request, const char *name) {
    struct value_search search = {.name = name, .arena = &request->exchange.arena};
    if (request->mhd)
        MHD_get_connection_values(request->mhd, MHD_HEADER_KIND, join_value, &search);
    return search.value;
}

/* ---- framing ------------------------------------------------------------------------------- */

struct head_walk {
    int hosts;
    int lengths;
    int codings;
    const char *host;
    const char *length;
    const char *coding;
    int authorizations;
    const char *authorization;
    bool packing; /* there is an Accept-Encoding */
};

static bool is_name(const char *key, size_t len, const char *name) {
    return len == strlen(name) && strncasecmp(key, name, len) == 0;
}

static enum MHD_Result walk_header(void *cls, enum MHD_ValueKind kind, const char *key,
                                   size_t key_size, const char *value, size_t value_size) {
    (void)kind;
    (void)value_size;
    struct head_walk *walk = cls;
    if (is_name(key, key_size, "host")) {
        walk->hosts++;
        walk->host = value;
    } else if (is_name(key, key_size, "content-length")) {
        walk->lengths++;
        walk->length = value ? value : "";
    } else if (is_name(key, key_size, "transfer-encoding")) {
        walk->codings++;
        walk->coding = value ? value : "";
    } else if (is_name(key, key_size, "authorization")) {
        walk->authorizations++;
        walk->authorization = value ? value : "";
    } else if (is_name(key, key_size, "accept-encoding")) {
        walk->packing = true;
    }
    return MHD_YES;
}

/* Plain digits; a length beyond int64 is as good as the largest. */
static bool parse_length(const char *text, int64_t *length) {
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] != '\0')
        return false;
    *length = 0;
    for (; *text; text++)
        if (__builtin_mul_overflow(*length, 10, length) ||
            __builtin_add_overflow(*length, *text - '0', length)) {
            *length = INT64_MAX;
            break;
        }
    return true;
}

/* Whether the library made of the head what the check in front of it lets pass (framing.h). */
static bool as_checked(const struct head_walk *walk, const struct cn_exchange *exchange) {
    return walk->hosts <= 1 && (walk->hosts == 1 || exchange->http_minor == 0) &&
           walk->lengths + walk->codings <= 1 &&
           (walk->codings == 0 ||
            (exchange->http_minor > 0 && strcasecmp(walk->coding, "chunked") == 0));
}

static enum cn_code read_framing(struct cn_request *request, const struct head_walk *walk,
                                 struct cn_error *error) {
    struct cn_exchange *exchange = &request->exchange;
    if (!as_checked(walk, exchange) ||
        (walk->lengths && !parse_length(walk->length, &exchange->content_length))) {
        request->broken = true;
        exchange->reply.close = true;
        return cn_error_set(error, CN_INTERNAL, "The request's head was read in two ways.");
    }
    request->chunked = walk->codings > 0;
    if (!request->chunked && exchange->content_length < 0)
        exchange->content_length = 0;
    const char *expect = cn_head_value(request, "Expect");
    request->expects_continue = expect && strcasecmp(expect, "100-continue") == 0;
    return CN_OK;
}

/* ---- rights -------------------------------------------------------------------------------- */

/* A token that was sent decides; the cookie counts beside any other Authorization, such as that of
 * a proxy which asks for a password. */
static bool has_right(struct cn_request *request, const char *authorization) {
    struct cn_session_key key;
    bool right = false;
    const char *cookies = cn_head_value(request, "Cookie");
    cn_sessions_key(request->http->service->sessions, &key);
    if (authorization && strncasecmp(authorization, "Bearer ", 7) == 0)
        right =
            cn_session_is_token(&key, cn_str_c(authorization + 7 + strspn(authorization + 7, " ")));
    else if (cookies)
        right = cn_session_check(&key, cn_str_c(cookies), cn_clock_wall() / CN_NS_PER_SECOND);
    cn_session_key_cleanse(&key);
    return right;
}

/* The header is used where it stands, so that no copy of it stays. */
static enum cn_code check_token(struct cn_request *request, const struct head_walk *walk,
                                struct cn_error *error) {
    if (!request->http->service->sessions ||
        (walk->authorizations < 2 && has_right(request, walk->authorization)))
        return CN_OK;
    cn_reply_add_header(&request->exchange, "WWW-Authenticate", "Bearer");
    return cn_error_set(error, CN_UNAUTHORIZED,
                        walk->authorization ? "The token is not the one that this server was given."
                                            : "This server wants 'Authorization: Bearer TOKEN'.");
}

/* The host part of a Host header, without its port. */
static struct cn_str host_name(const char *host) {
    if (host[0] == '[') {
        const char *end = strchr(host, ']');
        return end ? cn_str(host, (size_t)(end - host) + 1) : cn_str_c(host);
    }
    return cn_str(host, strcspn(host, ":"));
}

static bool host_is(struct cn_str name, const char *text) {
    return name.len == strlen(text) && strncasecmp(name.data, text, name.len) == 0;
}

static bool is_listener(const struct cn_http *http, struct cn_str name) {
    for (size_t i = 0; i < http->options.n_listeners; i++)
        if (host_is(name, http->options.listeners[i].address))
            return true;
    return false;
}

static bool local_host(const struct cn_http *http, const char *host) {
    struct cn_str name = host_name(host);
    if (name.len > 0 && name.data[0] == '[') {
        struct cn_str inner = cn_str(name.data + 1, name.len >= 2 ? name.len - 2 : 0);
        return host_is(inner, "::1") || is_listener(http, inner);
    }
    return host_is(name, "localhost") || host_is(name, "127.0.0.1") || is_listener(http, name);
}

/* A page of another site may not use the service through its visitor's browser; nor may one whose
 * name was made to point here (DNS rebinding). */
static enum cn_code check_origin(struct cn_request *request, const char *host,
                                 struct cn_error *error) {
    const struct cn_http *http = request->http;
    if (host && http->options.loopback && !http->service->sessions && !local_host(http, host)) {
        cn_error_set(error, CN_FORBIDDEN_ORIGIN,
                     "The Host header names another host than this one (localhost).");
        cn_error_set_value(error, cn_str_c(host));
        return CN_FORBIDDEN_ORIGIN;
    }
    const char *origin = cn_head_value(request, "Origin");
    if (!origin)
        return CN_OK;
    /* A proxy may speak TLS for this server, so both are taken where it speaks plain HTTP. */
    const char *rest = strncasecmp(origin, "https://", 8) == 0 ? origin + 8 : NULL;
    if (!rest && !request->exchange.secure && strncasecmp(origin, "http://", 7) == 0)
        rest = origin + 7;
    if (rest && host && strcasecmp(rest, host) == 0)
        return CN_OK;
    cn_error_set(error, CN_FORBIDDEN_ORIGIN, "Pages of another origin may not use this service.");
    cn_error_set_value(error, cn_str_c(origin));
    return CN_FORBIDDEN_ORIGIN;
}

/* ---- route and admission ------------------------------------------------------------------- */

static enum cn_code find_route(struct cn_request *request, struct cn_error *error) {
    struct cn_exchange *exchange = &request->exchange;
    const char *path = exchange->path;
    size_t scheme = strncasecmp(path, "http://", 7) == 0    ? 7
                    : strncasecmp(path, "https://", 8) == 0 ? 8
                                                            : 0;
    if (scheme > 0) { /* the absolute form, as a proxy sends it */
        path = strchr(path + scheme, '/');
        exchange->path = path = path ? path : "/";
    }
    return cn_routes_find(exchange->method, path, &exchange->arena, &exchange->endpoint,
                          &exchange->segment, error);
}

static enum cn_code check_body(struct cn_request *request, struct cn_error *error) {
    struct cn_exchange *exchange = &request->exchange;
    uint64_t limit = request->settings->max_body_bytes;
    if (exchange->content_length > 0 && !exchange->endpoint->takes_body)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s %s takes no body.", exchange->method,
                            exchange->endpoint->path);
    if (exchange->content_length > 0 && (uint64_t)exchange->content_length > limit) {
        cn_error_set(error, CN_BODY_TOO_LARGE,
                     "The body has %" PRId64 " bytes; at most %" PRIu64 " are taken.",
                     exchange->content_length, limit);
        cn_error_set_limit(error, "--max-body-bytes");
        return CN_BODY_TOO_LARGE;
    }
    return CN_OK;
}

/* Health checks are answered whatever else is going on. */
static enum cn_code admit(struct cn_request *request, struct cn_error *error) {
    struct cn_http *http = request->http;
    struct cn_exchange *exchange = &request->exchange;
    struct cn_admission *admission = http->service->admission;
    if (request->connection->excess && !exchange->endpoint->open_access &&
        !exchange->endpoint->always) {
        exchange->reply.close = true;
        cn_admission_refused(admission, CN_REFUSAL_CONNECTIONS);
        cn_error_set_limit(error, "--max-connections");
        return cn_error_set(error, CN_OVERLOADED,
                            "There are too many connections; try again in a moment.");
    }
    if (!exchange->endpoint->works)
        return CN_OK;
    if (atomic_load(&http->service->draining)) {
        exchange->reply.close = true;
        cn_admission_refused(admission, CN_REFUSAL_DRAINING);
        return cn_error_set(error, CN_DRAINING, "The service is going down and takes no new work.");
    }
    CN_TRY(cn_reserve_begin(exchange, error)); /* both end with the request */
    enum cn_code code =
        cn_admission_enter(admission, request->connection->client, &request->place, error);
    if (code != CN_OK) {
        cn_reserve_end(exchange);
        return code;
    }
    if (!exchange->deferred) { /* a job is counted as long as it runs (handlers/jobs_run.c) */
        request->computes = true;
        atomic_fetch_add(&http->service->work_running, 1);
        atomic_fetch_add(&http->service->work_begun, 1);
    }
    return CN_OK;
}

/* A client that does not want to wait gets a job. Where that is not offered the preference is
 * ignored (RFC 7240). */
static void defer(struct cn_request *request) {
    struct cn_exchange *exchange = &request->exchange;
    struct cn_prefer prefer;
    if (!exchange->endpoint->deferrable)
        return;
    cn_prefer_read(&prefer, cn_head_value(request, "Prefer"));
    if (!prefer.respond_async)
        return;
    exchange->deferred = exchange->endpoint;
    exchange->endpoint = &cn_endpoint_deferred;
}

/* ---- all of it ----------------------------------------------------------------------------- */

/* W3C trace context: version-trace-parent-flags in lower-case hex, and not all zeros. */
static bool traceparent_ok(const char *text) {
    static const size_t lengths[] = {2, 32, 16, 2};
    if (strlen(text) != 55 || strncmp(text, "ff", 2) == 0)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (strspn(text, "0123456789abcdef") != lengths[i])
            return false;
        bool must_differ = i == 1 || i == 2;
        if (must_differ && strspn(text, "0") >= lengths[i])
            return false;
        text += lengths[i];
        if (i < 3 && *text++ != '-')
            return false;
    }
    return true;
}

enum cn_code cn_head_check(struct cn_request *request, const char *method, const char *version,
                           struct cn_error *error) {
    struct cn_exchange *exchange = &request->exchange;
    exchange->method = cn_arena_strndup(&exchange->arena, method, strlen(method));
    if (!exchange->method)
        return cn_error_memory(error);
    exchange->http_minor = strcmp(version, "HTTP/1.0") == 0 ? 0 : 1;
    CN_TRY(cn_http_framing_check(request, error));
    struct head_walk walk = {0};
    MHD_get_connection_values_n(request->mhd, MHD_HEADER_KIND, walk_header, &walk);
    CN_TRY(read_framing(request, &walk, error));
    const char *traceparent = cn_head_value(request, "traceparent");
    if (traceparent && traceparent_ok(traceparent))
        cn_reply_add_header(exchange, "traceparent", traceparent);
    /* The route comes first only because some endpoints are open to all; whoever has no token
     * does not learn from the answer which paths there are. */
    struct cn_error route_error;
    cn_error_init(&route_error);
    enum cn_code route = find_route(request, &route_error);
    if (route != CN_OK || !exchange->endpoint->open_access)
        CN_TRY(check_token(request, &walk, error));
    CN_TRY(check_origin(request, walk.host, error));
    if (route == CN_METHOD_NOT_ALLOWED) {
        char allow[64];
        cn_routes_allow(exchange->endpoint, allow, sizeof allow);
        cn_reply_add_header(exchange, "Allow", allow);
    }
    if (route != CN_OK) {
        *error = route_error;
        return route;
    }
    if (walk.packing)
        CN_TRY(cn_packed_reply_accept(exchange, cn_head_value(request, "Accept-Encoding"), error));
    CN_TRY(check_body(request, error));
    defer(request);
    return admit(request, error);
}
