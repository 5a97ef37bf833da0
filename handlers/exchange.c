#include "handlers/exchange.h"

#include <stdio.h>
#include <string.h>

#include <openssl/rand.h>

#include "handlers/admission.h"
#include "handlers/problem.h"
#include "handlers/reserve.h"
#include "handlers/runs.h"
#include "handlers/service.h"
#include "kernels/digest.h"

const struct cn_service_limits *cn_exchange_limits(const struct cn_exchange *exchange) {
    return exchange->limits ? exchange->limits : cn_service_limits(exchange->service);
}

bool cn_exchange_new_run(struct cn_exchange *exchange) {
    unsigned char id[16];
    if (RAND_bytes(id, sizeof id) != 1)
        return false;
    cn_hex_encode(id, sizeof id, exchange->run);
    return true;
}

void cn_exchange_shorten_deadline(struct cn_exchange *exchange, uint64_t timeout_ms) {
    if (timeout_ms == 0 || timeout_ms > (uint64_t)(INT64_MAX / CN_NS_PER_MS / 2))
        return;
    int64_t at = exchange->started_ns + (int64_t)timeout_ms * CN_NS_PER_MS;
    if (exchange->deadline_ns == 0 || at < exchange->deadline_ns) {
        exchange->deadline_ns = at;
        exchange->shortened = true;
    }
}

enum cn_code cn_exchange_why_gone(const struct cn_exchange *exchange) {
    if (exchange->deadline_ns > 0 && cn_clock_now() >= exchange->deadline_ns)
        return CN_DEADLINE_EXCEEDED;
    return atomic_load(&exchange->service->draining) ? CN_DRAINING : CN_CANCELLED;
}

/* ---- the body ------------------------------------------------------------------------------ */

enum cn_code cn_exchange_expect_coded(struct cn_exchange *exchange, bool look,
                                      struct cn_error *error) {
    enum cn_coding coding;
    const char *stated = exchange->ops->header(exchange, "Content-Encoding");
    exchange->coding_refused = cn_coded_body_stated(stated, &coding, error) != CN_OK;
    if (exchange->coding_refused)
        return error->code;
    if (coding == CN_CODING_NONE && !look)
        return CN_OK;
    return cn_coded_body_begin(&exchange->coded, coding, exchange->service, &exchange->ledger,
                               error);
}

/* For the endpoint: what was inflated. One piece of a body can become very much. */
static enum cn_code take_inflated(void *context, const char *data, size_t len,
                                  struct cn_error *error) {
    struct cn_exchange *exchange = context;
    int64_t deadline = exchange->deadline_ns;
    if (deadline > 0 && deadline < cn_clock_now())
        return cn_error_set(error, CN_DEADLINE_EXCEEDED,
                            "The deadline passed while the body was inflated.");
    /* It was let in on what the packed body takes: no head has declared this. */
    if (exchange->coded.inflated > 0)
        CN_TRY(cn_reserve_body(exchange, exchange->coded.inflated, error));
    if (exchange->endpoint->body(exchange, data, len) == CN_BODY_MORE)
        return CN_OK;
    *error = exchange->error;
    return error->code == CN_OK ? CN_INTERNAL : error->code;
}

/* The endpoint knows of what it refused itself; that its error is set tells the two apart. */
static void note_broken(struct cn_exchange *exchange, const struct cn_error *error) {
    if (exchange->error.code != CN_OK)
        return;
    exchange->error = *error;
    if (exchange->endpoint->broken)
        exchange->endpoint->broken(exchange, error);
}

enum cn_body_verdict cn_exchange_body(struct cn_exchange *exchange, const char *data, size_t len) {
    const struct cn_inflate_sink sink = {take_inflated, exchange};
    struct cn_error error;
    if (exchange->coded.state == CN_CODED_PLAIN)
        return exchange->endpoint->body(exchange, data, len);
    cn_error_init(&error);
    if (cn_coded_body_feed(&exchange->coded, exchange->service, data, len, &sink, &error) == CN_OK)
        return CN_BODY_MORE;
    note_broken(exchange, &error);
    return CN_BODY_REFUSE;
}

void cn_exchange_finish(struct cn_exchange *exchange) {
    const struct cn_inflate_sink sink = {take_inflated, exchange};
    struct cn_error error;
    cn_error_init(&error);
    enum cn_code code = CN_OK;
    if (exchange->coded.state != CN_CODED_PLAIN)
        code = cn_coded_body_end(&exchange->coded, &sink, &error);
    cn_coded_body_release(&exchange->coded);
    if (code == CN_OK) {
        exchange->endpoint->finish(exchange);
        return;
    }
    note_broken(exchange, &error);
    cn_exchange_fail(exchange, &exchange->error, NULL);
}

/* ---- the reply ----------------------------------------------------------------------------- */

void cn_reply_add_header(struct cn_exchange *exchange, const char *name, const char *value) {
    struct cn_reply *reply = &exchange->reply;
    if (reply->n_headers == CN_REPLY_HEADERS)
        return;
    char *copy = cn_arena_strndup(&exchange->arena, value, strlen(value));
    if (copy)
        reply->headers[reply->n_headers++] = (struct cn_reply_header){name, copy};
}

void cn_reply_add_timing(struct cn_exchange *exchange, const struct cn_ledger *ledger) {
    int64_t end = ledger->ended_ns > 0 ? ledger->ended_ns : cn_clock_now();
    struct cn_buf text = CN_BUF_INIT;
    if (cn_server_timing(&text, ledger, end - ledger->started_ns) && cn_buf_add_char(&text, '\0'))
        cn_reply_add_header(exchange, "Server-Timing", text.data);
    cn_buf_release(&text);
}

void cn_exchange_reply(struct cn_exchange *exchange) {
    exchange->ops->reply(exchange);
}

void cn_exchange_reply_text(struct cn_exchange *exchange, int status, const char *content_type,
                            struct cn_str body) {
    struct cn_reply *reply = &exchange->reply;
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    if (part)
        *part = cn_arena_str(&exchange->arena, body);
    if (!part || !part->data) {
        cn_exchange_fail_memory(exchange);
        return;
    }
    reply->status = status;
    reply->content_type = content_type;
    reply->parts = part;
    reply->n_parts = 1;
    reply->stream = NULL;
    exchange->ops->reply(exchange);
}

/* Whoever stopped the work knew the time, not whose it was. */
static void name_deadline(struct cn_exchange *exchange) {
    struct cn_error *error = &exchange->error;
    if (error->code != CN_DEADLINE_EXCEEDED || error->limit[0] || error->parameter[0])
        return;
    if (exchange->shortened)
        cn_error_set_parameter(error, CN_STR("timeout_ms"));
    else
        cn_error_set_limit(error, "--request-timeout-ms");
}

const char *cn_exchange_retry_after(const struct cn_exchange *exchange, enum cn_code code,
                                    char text[CN_RETRY_AFTER_SIZE]) {
    const char *usual = cn_problem_retry_after(code);
    if (!usual || code == CN_DRAINING || !exchange->service)
        return usual;
    snprintf(text, CN_RETRY_AFTER_SIZE, "%u",
             cn_admission_retry_after(exchange->service->admission, cn_clock_now()));
    return text;
}

/* The problem document; data is NULL without memory. Little memory is enough for its fixed part. */
static struct cn_str problem_text(struct cn_exchange *exchange, const char *expression) {
    const struct cn_error *error = &exchange->error;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_str text = {0};
    if (cn_problem_write(&buf, error, expression))
        text = cn_arena_str(&exchange->arena, cn_buf_str(&buf));
    cn_buf_release(&buf);
    char *fixed = text.data ? NULL : cn_arena_alloc(&exchange->arena, CN_PROBLEM_FIXED);
    return fixed ? cn_problem_fixed(error->code, fixed) : text;
}

void cn_exchange_fail(struct cn_exchange *exchange, const struct cn_error *error,
                      const char *expression) {
    struct cn_reply *reply = &exchange->reply;
    if (error != &exchange->error)
        exchange->error = *error;
    error = &exchange->error;
    if (!expression)
        expression = exchange->expression;
    name_deadline(exchange);
    cn_reserve_judge(exchange, &exchange->error);
    reply->status = cn_code_status(error->code);
    reply->content_type = NULL;
    reply->parts = NULL;
    reply->n_parts = 0;
    reply->stream = NULL;
    char text[CN_RETRY_AFTER_SIZE];
    const char *retry_after = cn_exchange_retry_after(exchange, error->code, text);
    if (retry_after)
        cn_reply_add_header(exchange, "Retry-After", retry_after);
    if (exchange->coding_refused)
        cn_reply_add_header(exchange, "Accept-Encoding", CN_CODINGS_READ);
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    if (part)
        *part = problem_text(exchange, expression);
    if (part && part->data) { /* without memory for the document the status alone is sent */
        reply->content_type = CN_PROBLEM_TYPE;
        reply->parts = part;
        reply->n_parts = 1;
    }
    exchange->ops->reply(exchange);
}

void cn_exchange_fail_memory(struct cn_exchange *exchange) {
    struct cn_error error;
    cn_error_init(&error);
    cn_error_memory(&error);
    cn_exchange_fail(exchange, &error, NULL);
}
