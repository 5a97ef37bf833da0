#include <stdlib.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/problem.h"
#include "handlers/runs.h"
#include "handlers/service.h"
#include "handlers/timing.h"

enum { RUNS_DEFAULT = 50, RUNS_MOST = 100000 };

/* ---- one record ---------------------------------------------------------------------------- */

/* Said wherever the executor is named. */
static void write_emulation(struct cn_json_out *out, const struct cn_run_record *record) {
    if (record->emulated)
        cn_json_out_bool(out, "emulation", true);
}

/* The members that the list shows. */
static void write_summary(struct cn_json_out *out, const struct cn_run_record *record) {
    char started_at[32];
    cn_clock_format(record->started_at, started_at);
    cn_json_out_c(out, "id", record->id);
    cn_json_out_c(out, "started_at", started_at);
    cn_json_out_c(out, "operation", record->operation);
    cn_json_out_c(out, "executor", record->executor);
    write_emulation(out, record);
    cn_json_out_int(out, "workers", (int64_t)record->workers);
    cn_json_out_c(out, "mode", record->mode);
    cn_json_out_int(out, "rows", (int64_t)record->rows);
    cn_json_out_int(out, "status", record->status);
    cn_json_out_int(out, "wall_ns", record->ledger.ended_ns - record->ledger.started_ns);
}

static void write_execution(struct cn_json_out *out, const struct cn_run_record *record) {
    cn_json_out_open(out, "execution", '{');
    cn_json_out_c(out, "executor", record->executor);
    cn_json_out_int(out, "workers", (int64_t)record->workers);
    cn_json_out_int(out, "chunks", (int64_t)record->n_chunks);
    cn_json_out_int(out, "chunk_rows", (int64_t)record->chunk_rows);
    cn_json_out_c(out, "mode", record->mode);
    write_emulation(out, record);
    cn_json_out_c(out, "reason", record->reason);
    cn_json_out_close(out, '}');
}

static void write_chunks(struct cn_json_out *out, const struct cn_run_record *record) {
    cn_json_out_open(out, "chunks", '[');
    for (size_t i = 0; i < record->listed_chunks; i++) {
        const struct cn_run_chunk *chunk = &record->chunks[i];
        cn_json_out_open(out, NULL, '{');
        cn_json_out_int(out, "chunk", chunk->chunk);
        cn_json_out_int(out, "worker", chunk->worker);
        cn_json_out_int(out, "pid", chunk->pid);
        cn_json_out_int(out, "first_row", (int64_t)chunk->first_row);
        cn_json_out_int(out, "rows", (int64_t)chunk->rows);
        cn_json_out_int(out, "start_ns", chunk->start_ns);
        cn_timing_stages(out, "stages", &chunk->spans);
        cn_json_out_close(out, '}');
    }
    cn_json_out_close(out, ']');
}

static void write_run(const struct cn_run_record *record, void *context) {
    struct cn_json_out *out = context;
    cn_json_out_open(out, NULL, '{');
    write_summary(out, record);
    cn_json_out_open(out, "errors", '{');
    for (size_t i = 0; i < record->n_lets; i++)
        cn_json_out_member_int(out, record->lets[i], (int64_t)record->errors[i]);
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "recipe", '[');
    for (size_t i = 0; i < record->n_recipe; i++)
        cn_json_out_text(out, NULL, record->recipe[i]);
    cn_json_out_close(out, ']');
    cn_json_out_text(out, "input_types", record->input_types);
    write_execution(out, record);
    cn_json_out_key(out, "timing");
    struct cn_timing timing = {&record->ledger, record->worker, record->n_worker, record->samples,
                               record->n_samples};
    out->ok = cn_timing_write(out->buf, &timing) && out->ok;
    cn_json_out_int(out, "send_ns", record->send_ns);
    if (record->failed)
        cn_problem_member(out, "error", &record->error, NULL);
    else
        cn_json_out_null(out, "error");
    write_chunks(out, record);
    cn_json_out_close(out, '}');
}

/* ---- GET /v1/runs -------------------------------------------------------------------------- */

static void write_listed(const struct cn_run_record *record, void *context) {
    struct cn_json_out *out = context;
    cn_json_out_open(out, NULL, '{');
    write_summary(out, record);
    /* What the page of runs draws. */
    cn_json_out_open(out, "ledger", '{');
    for (enum cn_stage stage = 0; stage < CN_STAGE_COUNT; stage++)
        if (record->ledger.ns[stage] != 0)
            cn_json_out_int(out, cn_stage_name(stage), record->ledger.ns[stage]);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

static enum cn_code runs_open(struct cn_exchange *exchange, struct cn_error *error) {
    uint64_t *limit = cn_arena_alloc(&exchange->arena, sizeof *limit);
    if (!limit)
        return cn_error_memory(error);
    *limit = RUNS_DEFAULT;
    exchange->state = limit;
    return cn_endpoint_read_limit(exchange, RUNS_MOST, limit, error);
}

static void runs_finish(struct cn_exchange *exchange) {
    const uint64_t *limit = exchange->state;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_open(&out, "runs", '[');
    cn_runs_each(exchange->service->runs, (size_t)*limit, write_listed, &out);
    cn_json_out_close(&out, ']');
    cn_json_out_close(&out, '}');
    cn_endpoint_reply_json(exchange, 200, &out);
}

const struct cn_endpoint cn_endpoint_runs = {
    .methods = "GET", .path = "/v1/runs", .open = runs_open, .finish = runs_finish};

/* ---- GET /v1/runs/{id} --------------------------------------------------------------------- */

static void run_finish(struct cn_exchange *exchange) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    if (cn_runs_find(exchange->service->runs, exchange->segment, write_run, &out))
        cn_endpoint_reply_json(exchange, 200, &out);
    else
        cn_endpoint_fail_not_found(exchange, "There is no such run; old ones are forgotten.");
}

const struct cn_endpoint cn_endpoint_run = {.methods = "GET",
                                            .path = "/v1/runs/{id}",
                                            .open = cn_endpoint_open_plain,
                                            .finish = run_finish};
