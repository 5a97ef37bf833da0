/*
 * endpoint_trace.c: GET /v1/runs/{id}/trace.
 */
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/run_lookup.h"
#include "handlers/run_trace.h"

static void write_trace(const struct cn_run_record *record, void *context) {
    cn_run_trace_write(context, NULL, record);
}

static void trace_finish(struct cn_exchange *exchange) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    struct cn_error error;
    cn_error_init(&error);
    cn_json_out_init(&out, &buf);
    if (cn_run_lookup(exchange, write_trace, &out, &error) == CN_OK)
        cn_endpoint_reply_json(exchange, 200, &out);
    else
        cn_exchange_fail(exchange, &error, NULL);
}

const struct cn_endpoint cn_endpoint_run_trace = {.methods = "GET",
                                                  .path = "/v1/runs/{id}/trace",
                                                  .operation = CN_OPERATION_RUN_TRACE,
                                                  .open = cn_endpoint_open_plain,
                                                  .finish = trace_finish};
