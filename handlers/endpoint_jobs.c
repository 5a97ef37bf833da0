#include "handlers/api.h"
#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/jobs.h"
#include "handlers/prefer.h"
#include "handlers/service.h"

/* A request about one job. */
struct looking {
    struct cn_watcher watcher; /* first */
    struct cn_deferred *deferred;
    struct cn_prefer prefer;
};

static const char unknown[] = "There is no such job; jobs that have ended are forgotten after a "
                              "while, and when there are too many.";

/* ---- GET /v1/jobs -------------------------------------------------------------------------- */

static enum cn_code jobs_open(struct cn_exchange *exchange, struct cn_error *error) {
    uint64_t *limit = cn_arena_alloc(&exchange->arena, sizeof *limit);
    if (!limit)
        return cn_error_memory(error);
    *limit = CN_JOBS_LIMIT_DEFAULT;
    exchange->state = limit;
    return cn_endpoint_read_number(exchange, "limit", 0, CN_JOBS_LIMIT_MOST, limit, error);
}

static void jobs_finish(struct cn_exchange *exchange) {
    const uint64_t *limit = exchange->state;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_open(&out, "jobs", '[');
    cn_jobs_write(exchange->service->jobs, (size_t)*limit, &out);
    cn_json_out_close(&out, ']');
    cn_json_out_close(&out, '}');
    cn_endpoint_reply_json(exchange, 200, &out);
}

const struct cn_endpoint cn_endpoint_jobs = {.methods = "GET",
                                             .path = "/v1/jobs",
                                             .operation = CN_OPERATION_JOBS,
                                             .open = jobs_open,
                                             .finish = jobs_finish};

/* ---- GET, DELETE /v1/jobs/{id} ------------------------------------------------------------- */

static enum cn_code job_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct looking *looking = cn_arena_zalloc(&exchange->arena, sizeof *looking);
    if (!looking)
        return cn_error_memory(error);
    exchange->state = looking;
    CN_TRY(cn_endpoint_open_plain(exchange, error));
    looking->deferred = cn_jobs_find(exchange->service->jobs, exchange->segment);
    if (!looking->deferred)
        return cn_error_set(error, CN_NOT_FOUND, "%s", unknown);
    return CN_OK;
}

static void job_close(struct cn_exchange *exchange) {
    struct looking *looking = exchange->state;
    cn_deferred_unref(looking->deferred);
}

/* Replies by `settle` when the job has ended, or after `wait_ns`. */
static void wait_for_end(struct cn_exchange *exchange, int64_t wait_ns,
                         void (*settle)(struct cn_watcher *watcher)) {
    struct looking *looking = exchange->state;
    exchange->deadline_ns = 0; /* waiting is no work, and has an end of its own */
    looking->watcher = (struct cn_watcher){.deferred = looking->deferred,
                                           .exchange = exchange,
                                           .settle = settle,
                                           .due_ns = wait_ns > 0 ? cn_clock_now() + wait_ns : 0};
    cn_watcher_wait(&looking->watcher);
}

static void reply_document(struct cn_watcher *watcher) {
    const struct looking *looking = (const struct looking *)watcher;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_deferred_write_locked(watcher->deferred, &out);
    cn_prefer_add_applied(&looking->prefer, watcher->exchange);
    cn_endpoint_reply_json(watcher->exchange, 200, &out);
}

static void job_get(struct cn_exchange *exchange) {
    struct looking *looking = exchange->state;
    cn_prefer_read(&looking->prefer, exchange->ops->header(exchange, "Prefer"));
    looking->prefer.respond_async = false;
    wait_for_end(exchange, cn_prefer_wait_ns(&looking->prefer), reply_document);
}

static void job_delete(struct cn_exchange *exchange) {
    struct looking *looking = exchange->state;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    if (cn_deferred_cancel(looking->deferred, &out)) {
        cn_endpoint_reply_json(exchange, 202, &out);
        return;
    }
    exchange->reply.status = 204;
    cn_exchange_reply(exchange);
}

static void job_finish(struct cn_exchange *exchange) {
    if (strcmp(exchange->method, "DELETE") == 0)
        job_delete(exchange);
    else
        job_get(exchange);
}

static void job_gone(struct cn_exchange *exchange) {
    struct looking *looking = exchange->state;
    cn_watcher_hurry(&looking->watcher);
}

const struct cn_endpoint cn_endpoint_job = {.methods = "GET,DELETE",
                                            .path = "/v1/jobs/{id}",
                                            .operation = CN_OPERATION_JOB,
                                            .open = job_open,
                                            .finish = job_finish,
                                            .gone = job_gone,
                                            .close = job_close};

/* ---- GET /v1/jobs/{id}/result -------------------------------------------------------------- */

static void reply_result(struct cn_watcher *watcher) {
    struct cn_deferred *deferred = watcher->deferred;
    enum cn_deferred_state state = cn_deferred_state_locked(deferred);
    struct cn_error error;

    if (state == CN_DEFERRED_FINISHED || state == CN_DEFERRED_FAILED) {
        cn_deferred_reply_locked(deferred, watcher->exchange);
        return;
    }
    cn_error_init(&error);
    if (state == CN_DEFERRED_CANCELLED)
        cn_deferred_cancelled(&error);
    else
        cn_error_set(&error, CN_NOT_FINISHED,
                     "The job is %s; there is a result when it has ended. GET /v1/jobs/%s with "
                     "'Prefer: wait=N' waits for that.",
                     cn_deferred_state_name(state), cn_deferred_id(deferred));
    cn_exchange_fail(watcher->exchange, &error, NULL);
}

static void result_finish(struct cn_exchange *exchange) {
    wait_for_end(exchange, 0, reply_result);
}

const struct cn_endpoint cn_endpoint_job_result = {.methods = "GET",
                                                   .path = "/v1/jobs/{id}/result",
                                                   .operation = CN_OPERATION_JOB_RESULT,
                                                   .open = job_open,
                                                   .finish = result_finish,
                                                   .close = job_close};
