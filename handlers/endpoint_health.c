#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/service.h"

static void reply_status(struct cn_exchange *exchange, int code, const char *status,
                         const char *pool) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_c(&out, "status", status);
    if (pool)
        cn_json_out_c(&out, "executor", pool);
    cn_json_out_close(&out, '}');
    if (code == 503)
        cn_reply_add_header(exchange, "Retry-After", "1");
    cn_endpoint_reply_json(exchange, code, &out);
}

static void livez_finish(struct cn_exchange *exchange) {
    reply_status(exchange, 200, "alive", NULL);
}

const struct cn_endpoint cn_endpoint_livez = {.methods = "GET",
                                              .path = "/livez",
                                              .operation = CN_OPERATION_LIVEZ,
                                              .open_access = true,
                                              .open = cn_endpoint_open_plain,
                                              .finish = livez_finish};

enum { WORKERS_LOOKED_AT = 1024 };

static bool has_live_worker(struct cn_executor *executor, struct cn_worker_stats *stats) {
    size_t queued;
    size_t n = executor->ops->stats(executor, stats, WORKERS_LOOKED_AT, &queued);
    for (size_t i = 0; i < n && i < WORKERS_LOOKED_AT; i++)
        if (stats[i].state == CN_WORKER_IDLE || stats[i].state == CN_WORKER_BUSY)
            return true;
    return false;
}

static void readyz_finish(struct cn_exchange *exchange) {
    struct cn_service *service = exchange->service;
    if (atomic_load(&service->draining)) {
        reply_status(exchange, 503, "draining", NULL);
        return;
    }
    struct cn_worker_stats *stats =
        cn_arena_array(&exchange->arena, WORKERS_LOOKED_AT, sizeof *stats);
    if (!stats) {
        cn_exchange_fail_memory(exchange);
        return;
    }
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++) {
        struct cn_executor *executor = service->executors[kind];
        if (kind == CN_EXECUTOR_DASK) /* others' machines: this one serves without them */
            continue;
        if (executor && !has_live_worker(executor, stats)) {
            reply_status(exchange, 503, "no worker", executor->name);
            return;
        }
    }
    reply_status(exchange, 200, "ready", NULL);
}

const struct cn_endpoint cn_endpoint_readyz = {.methods = "GET",
                                               .path = "/readyz",
                                               .operation = CN_OPERATION_READYZ,
                                               .open_access = true,
                                               .open = cn_endpoint_open_plain,
                                               .finish = readyz_finish};
