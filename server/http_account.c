/*
 * http_account.c: what is kept of a request when it is over: it is counted, and has a line in the
 * access log.
 */
#include <string.h>
#include <strings.h>

#include "handlers/metrics.h"
#include "server/access_log.h"
#include "server/mhd.h"

/* A request that was answered past the library (cut) has its reply, though the library was told
 * that it failed. */
static bool has_reply(const struct cn_request *request) {
    return request->complete || request->cut_code != CN_OK;
}

/* What was answered; 0: nothing. Work that was given up because its client had left ends with a
 * reply too, which nobody took. */
static int status_of(const struct cn_request *request) {
    bool in_vain = request->in_vain && !request->complete;
    return request->answered && !in_vain ? request->exchange.reply.status : 0;
}

static void count(const struct cn_request *request, int status) {
    struct cn_metrics *metrics = request->http->service->metrics;
    cn_metrics_response(metrics, cn_exchange_operation(&request->exchange), status,
                        &request->exchange.error);
    if (request->entered && !has_reply(request))
        cn_counter_add(&metrics->aborted, 1);
    cn_counter_add(&metrics->received_bytes, (uint64_t)request->arrived);
    cn_counter_add(&metrics->sent_bytes, (uint64_t)request->sent);
}

/* ---- the access log ------------------------------------------------------------------------ */

void cn_http_note_client(struct sockaddr_in6 *to, const struct sockaddr *client) {
    *to = (struct sockaddr_in6){0};
    if (client && client->sa_family == AF_INET)
        memcpy(to, client, sizeof(struct sockaddr_in));
    else if (client && client->sa_family == AF_INET6)
        memcpy(to, client, sizeof *to);
}

/* The user agent is the library's memory, which goes with the request. */
void cn_http_note_head(struct cn_request *request) {
    struct cn_arena *arena = &request->exchange.arena;
    const char *agent =
        request->http->options.access_log ? cn_head_value(request, "User-Agent") : NULL;
    if (agent)
        request->agent = cn_arena_strndup(arena, agent, strnlen(agent, CN_ACCESS_AGENT_BYTES));
}

/* Without the authority of the absolute form, which may hold a password. */
static const char *path_of(const struct cn_exchange *exchange) {
    const char *path = exchange->path;
    const char *authority = path ? strstr(path, "://") : NULL;
    if (!path || path[0] == '/' || !authority)
        return path;
    path = strchr(authority + 3, '/');
    return path ? path : "/";
}

/* The trace's id of a traceparent that was taken. */
static void set_trace(struct cn_access *access, const struct cn_reply *reply) {
    for (size_t i = 0; i < reply->n_headers; i++)
        if (strcmp(reply->headers[i].name, "traceparent") == 0)
            memcpy(access->trace, reply->headers[i].value + 3, sizeof access->trace - 1);
}

static void log_request(const struct cn_request *request, int status) {
    const struct cn_exchange *exchange = &request->exchange;
    const struct cn_endpoint *endpoint =
        exchange->deferred ? exchange->deferred : exchange->endpoint;
    int64_t duration_ns = request->over_ns - exchange->started_ns;
    struct cn_access access = {
        .at = cn_clock_wall() - (cn_clock_now() - exchange->started_ns),
        .duration_ns = duration_ns > 0 ? duration_ns : 0,
        .bytes_in = request->arrived,
        .bytes_out = request->sent,
        .rows = exchange->rows,
        .route = endpoint ? endpoint->path : NULL,
        .operation = cn_operation_name(cn_exchange_operation(exchange)),
        .error = exchange->error.code != CN_OK ? cn_code_name(exchange->error.code) : NULL,
        .executor = exchange->executor != CN_EXECUTOR_AUTO
                        ? cn_executor_kind_name(exchange->executor)
                        : NULL,
        .status = status,
        .http_minor = request->entered ? exchange->http_minor : -1,
        .complete = request->entered && has_reply(request),
        .tls = exchange->secure,
        .client = request->address,
    };
    memcpy(access.run, exchange->run, sizeof access.run);
    set_trace(&access, &exchange->reply);
    cn_access_set(&access.method_text, access.method, sizeof access.method, exchange->method);
    cn_access_set(&access.path_text, access.path, sizeof access.path, path_of(exchange));
    cn_access_set(&access.agent_text, access.agent, sizeof access.agent, request->agent);
    cn_access_log_add(request->http->options.access_log, &access);
}

/* ---- all of it ----------------------------------------------------------------------------- */

void cn_http_account(struct cn_request *request) {
    const struct cn_exchange *exchange = &request->exchange;
    int status = status_of(request);

    if (exchange->endpoint && exchange->endpoint->works && !exchange->handed_on &&
        exchange->reply.status > 0) /* answered, or it would have been had the client stayed */
        cn_metrics_work(request->http->service, exchange, request->over_ns, exchange->reply.status);
    if (request->bare)
        return;
    count(request, status);
    if (request->http->options.access_log)
        log_request(request, status);
}

void cn_http_account_bare(const struct cn_connection *connection, enum cn_code code) {
    const struct cn_http *http = connection->http;
    bool answered = !connection->tls || atomic_load(&connection->session.shaken);
    int status = answered ? cn_code_status(code) : 0;
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, code, "%s", cn_code_title(code));
    cn_metrics_response(http->service->metrics, CN_OPERATION_NONE, status, &error);
    if (!http->options.access_log)
        return;
    const struct cn_access access = {.at = cn_clock_wall(),
                                     .operation = cn_operation_name(CN_OPERATION_NONE),
                                     .error = cn_code_name(code),
                                     .status = status,
                                     .http_minor = -1,
                                     .complete = answered,
                                     .tls = connection->tls != NULL,
                                     .client = connection->address};
    cn_access_log_add(http->options.access_log, &access);
}
