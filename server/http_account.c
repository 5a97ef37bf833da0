/*
 * http_account.c: what is kept of a request when it is over: it is counted.
 */
#include "handlers/metrics.h"
#include "server/mhd.h"

/* A request that was answered past the library (cut) has its reply, though the library was told
 * that it failed. */
static bool has_reply(const struct cn_request *request) {
    return request->complete || request->cut_code != CN_OK;
}

/* What was answered; 0: nothing. Work that was given up because its client had left ends with a
 * reply too, which nobody took. */
static int status_of(const struct cn_request *request) {
    bool in_vain = request->gone_called && !request->complete;
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

void cn_http_account(struct cn_request *request) {
    const struct cn_exchange *exchange = &request->exchange;

    if (exchange->endpoint && exchange->endpoint->works && !exchange->handed_on &&
        exchange->reply.status > 0) /* answered, or it would have been had the client stayed */
        cn_metrics_work(request->http->service, exchange, request->over_ns, exchange->reply.status);
    if (!request->bare)
        count(request, status_of(request));
}

void cn_http_account_bare(struct cn_http *http, enum cn_code code) {
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, code, "%s", cn_code_title(code));
    cn_metrics_response(http->service->metrics, CN_OPERATION_NONE, cn_code_status(code), &error);
}
