#include "handlers/inner.h"

#include <strings.h>

#include "handlers/reserve.h"
#include "handlers/service.h"

#define ARENA_BLOCK ((size_t)16 << 10)

static struct cn_inner *inner_of(struct cn_exchange *exchange) {
    return (struct cn_inner *)(void *)exchange;
}

static const char *find_header(struct cn_exchange *exchange, const char *name) {
    const struct cn_inner *inner = inner_of(exchange);
    for (size_t i = 0; i < inner->n_headers; i++)
        if (strcasecmp(inner->headers[i].name, name) == 0)
            return inner->headers[i].value;
    return NULL;
}

static void note_reply(struct cn_exchange *exchange) {
    struct cn_inner *inner = inner_of(exchange);
    inner->replied(inner);
}

/* There is no stream that could wait. */
static void ignore_wake(struct cn_exchange *exchange) {
    (void)exchange;
}

static const struct cn_exchange_ops ops = {
    .header = find_header, .reply = note_reply, .wake = ignore_wake};

enum cn_code cn_inner_init(struct cn_inner *inner, struct cn_service *service,
                           const struct cn_endpoint *endpoint, uint64_t whole_bytes,
                           const char *whole_limit, struct cn_error *error) {
    struct cn_exchange *exchange = &inner->exchange;
    int64_t now = cn_clock_now();

    *inner = (struct cn_inner){.exchange = {.ops = &ops,
                                            .service = service,
                                            .limits = cn_service_limits(service),
                                            .endpoint = endpoint,
                                            .method = "POST",
                                            .path = endpoint->path,
                                            .http_minor = 1,
                                            .content_length = -1,
                                            .started_ns = now,
                                            .whole_bytes = whole_bytes,
                                            .whole_limit = whole_limit}};
    if (!cn_exchange_new_run(exchange))
        return cn_error_set(error, CN_INTERNAL, "there is no randomness for a run id");
    cn_arena_init(&exchange->arena, ARENA_BLOCK);
    exchange->deadline_ns = now + exchange->limits->request_timeout_ms * CN_NS_PER_MS;
    cn_ledger_start(&exchange->ledger, now);
    cn_error_init(&exchange->error);
    return CN_OK;
}

void cn_inner_release(struct cn_inner *inner) {
    cn_reserve_end(&inner->exchange);
    cn_coded_body_release(&inner->exchange.coded);
    cn_arena_release(&inner->exchange.arena);
}
