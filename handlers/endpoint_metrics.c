/*
 * endpoint_metrics.c: GET /metrics, for Prometheus.
 *
 * It does no work that could be refused: it is answered at any load, while the service drains too.
 */
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/metrics_document.h"

static void metrics_finish(struct cn_exchange *exchange) {
    struct cn_service *service = exchange->service;
    struct cn_metrics_text text;
    struct cn_buf buf = CN_BUF_INIT;
    cn_metrics_text_init(&text, &buf);
    cn_metrics_write_requests(&text, service);
    cn_metrics_write_rooms(&text, service);
    cn_metrics_write_process(&text, service->metrics);
    if (text.ok) {
        cn_exchange_reply_text(exchange, 200, CN_METRICS_TYPE, cn_buf_str(&buf));
    } else {
        cn_exchange_fail_memory(exchange);
    }
    cn_buf_release(&buf);
}

const struct cn_endpoint cn_endpoint_metrics = {.methods = "GET",
                                                .path = "/metrics",
                                                .operation = CN_OPERATION_METRICS,
                                                .always = true,
                                                .open = cn_endpoint_open_plain,
                                                .finish = metrics_finish};
