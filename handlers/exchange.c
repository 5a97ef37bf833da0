#include "handlers/exchange.h"

#include <string.h>

#include <openssl/rand.h>

#include "handlers/problem.h"
#include "kernels/digest.h"

bool cn_exchange_new_run(struct cn_exchange *exchange) {
    unsigned char id[16];
    if (RAND_bytes(id, sizeof id) != 1)
        return false;
    cn_hex_encode(id, sizeof id, exchange->run);
    return true;
}

void cn_reply_add_header(struct cn_exchange *exchange, const char *name, const char *value) {
    struct cn_reply *reply = &exchange->reply;
    if (reply->n_headers == CN_REPLY_HEADERS)
        return;
    char *copy = cn_arena_strndup(&exchange->arena, value, strlen(value));
    if (copy)
        reply->headers[reply->n_headers++] = (struct cn_reply_header){name, copy};
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
        struct cn_error error;
        cn_error_init(&error);
        cn_error_memory(&error);
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    reply->status = status;
    reply->content_type = content_type;
    reply->parts = part;
    reply->n_parts = 1;
    reply->stream = NULL;
    exchange->ops->reply(exchange);
}

void cn_exchange_fail(struct cn_exchange *exchange, const struct cn_error *error,
                      const char *expression) {
    struct cn_reply *reply = &exchange->reply;
    if (error != &exchange->error)
        exchange->error = *error;
    if (!expression)
        expression = exchange->expression;
    reply->status = cn_code_status(error->code);
    reply->content_type = NULL;
    reply->parts = NULL;
    reply->n_parts = 0;
    reply->stream = NULL;
    const char *retry_after = cn_problem_retry_after(error->code);
    if (retry_after)
        cn_reply_add_header(exchange, "Retry-After", retry_after);
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_str *part = cn_arena_alloc(&exchange->arena, sizeof *part);
    if (part && cn_problem_write(&buf, error, expression)) {
        *part = cn_arena_str(&exchange->arena, cn_buf_str(&buf));
        if (part->data) {
            reply->content_type = CN_PROBLEM_TYPE;
            reply->parts = part;
            reply->n_parts = 1;
        }
    }
    /* Without memory for the document the status alone is sent. */
    cn_buf_release(&buf);
    exchange->ops->reply(exchange);
}
