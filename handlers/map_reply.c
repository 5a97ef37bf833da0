/*
 * map_reply.c: a run that has ended into a reply, and its record.
 */
#include <stdlib.h>

#include "handlers/json_out.h"
#include "handlers/map.h"
#include "handlers/metrics.h"
#include "handlers/origin.h"
#include "handlers/service.h"
#include "kernels/number.h"

/* Names and numbers of a future, without its result: some more than there can be. */
#define FUTURE_BYTES 512

/* ---- the account --------------------------------------------------------------------------- */

/* The stages behind `queue` are known only now. */
static struct cn_ledger settle_ledger(const struct cn_exchange *exchange,
                                      const struct cn_map_run *run) {
    struct cn_ledger ledger = exchange->ledger;

    if (run)
        cn_ledger_execution(&ledger, run->begun_ns, run->last_end_ns, &run->remote);
    return ledger;
}

/* Numbers of workers within the run, by their index in the executor, as far as there are as many
 * workers at a time. Those of a cluster that come and go have higher ones. */
struct numbers {
    const struct cn_worker_accounts *workers;
    int32_t of[CN_GROUP_MEMBERS];
};

static void number_workers(const struct cn_map_run *run, struct numbers *numbers) {
    for (size_t i = 0; i < CN_GROUP_MEMBERS; i++)
        numbers->of[i] = -1;
    numbers->workers = &run->workers;
    for (size_t i = 0; i < run->workers.n; i++) {
        int32_t worker = run->workers.list[i].worker;
        if (worker < CN_GROUP_MEMBERS)
            numbers->of[worker] = (int32_t)i;
    }
}

static int32_t number_of(const struct numbers *numbers, const struct cn_map_task *task) {
    if (task->worker >= CN_GROUP_MEMBERS)
        return cn_worker_accounts_number(numbers->workers, task->worker);
    return task->worker < 0 ? -1 : numbers->of[task->worker];
}

/* ---- the record ---------------------------------------------------------------------------- */

static void list_chunks(struct cn_exchange *exchange, const struct cn_map_run *run,
                        struct cn_run_record *record) {
    const struct cn_map_request *request = run->request;
    struct numbers numbers;
    size_t n = run->over && run->code == CN_OK ? request->n_tasks : 0; /* all ran */

    n = n < run->n_spans ? n : run->n_spans;
    record->chunks = cn_arena_array(&exchange->arena, n + 1, sizeof *record->chunks);
    record->listed_chunks = record->chunks ? n : 0;
    number_workers(run, &numbers);
    for (size_t i = 0; i < record->listed_chunks; i++) {
        uint64_t first = i * request->chunksize, left = request->n_calls - first;
        record->chunks[i] =
            (struct cn_run_chunk){.chunk = (uint32_t)i,
                                  .worker = number_of(&numbers, &run->tasks[i]),
                                  .pid = run->tasks[i].pid,
                                  .first_row = first,
                                  .rows = left < request->chunksize ? left : request->chunksize,
                                  .start_ns = run->tasks[i].started_ns - exchange->started_ns,
                                  .spans = run->spans[i]};
    }
}

static void add_record(struct cn_exchange *exchange, const struct cn_map_request *request,
                       const struct cn_map_run *run, const struct cn_ledger *ledger,
                       const struct cn_error *error) {
    struct cn_str recipe = cn_str_c(request ? request->recipe : "");
    struct cn_run_record record = {.operation = "map",
                                   .executor = cn_executor_kind_name(CN_EXECUTOR_AUTO),
                                   .status = error ? cn_code_status(error->code) : 200,
                                   .ledger = *ledger,
                                   .reason = "",
                                   .recipe = &recipe,
                                   .n_recipe = request && request->recipe ? 1 : 0,
                                   .input_types = CN_STR(""),
                                   .failed = error != NULL};

    memcpy(record.id, exchange->run, sizeof record.id);
    record.started_at = cn_clock_wall() - (cn_clock_now() - exchange->started_ns);
    if (error)
        record.error = *error;
    if (request) {
        record.rows = request->n_calls;
        record.n_chunks = request->n_tasks;
        record.chunk_rows =
            request->chunksize < request->n_calls ? request->chunksize : request->n_calls;
    }
    if (run) {
        record.executor = cn_executor_kind_name(run->place.kind);
        record.emulated = cn_executor_kind_emulates(run->place.kind);
        record.workers = run->place.width;
        record.reason = run->place.reason;
        record.worker = cn_worker_accounts_list(&run->workers, &exchange->arena);
        record.n_worker = record.worker ? run->workers.n : 0;
        record.samples = run->samples;
        record.n_samples = run->n_samples;
        list_chunks(exchange, run, &record);
    }
    cn_origin_fill(exchange, &record);
    cn_metrics_run(exchange, run ? run->place.kind : CN_EXECUTOR_AUTO, &record);
    exchange->recorded = cn_runs_add(exchange->service->runs, &record);
}

void cn_map_record_failure(struct cn_exchange *exchange, const struct cn_map_request *request,
                           const struct cn_map_run *run, const struct cn_error *error) {
    struct cn_ledger ledger = settle_ledger(exchange, run);
    cn_ledger_end(&ledger, cn_clock_now());
    cn_reply_add_timing(exchange, &ledger);
    add_record(exchange, request, run, &ledger, error);
}

/* ---- the document -------------------------------------------------------------------------- */

static bool put_results(const struct cn_map_run *run, struct cn_buf *out) {
    bool ok = cn_buf_add_c(out, ",\"results\":[");
    for (size_t i = 0; ok && i < run->request->n_calls; i++) {
        const struct cn_map_future *future = &run->futures[i];
        ok = (i == 0 || cn_buf_add_char(out, ',')) &&
             cn_buf_add_str(out, future->code == CN_OK ? cn_map_text(run, future) : CN_STR("null"));
    }
    return ok && cn_buf_add_char(out, ']');
}

/* There is room: FUTURE_BYTES. */
static void put(struct cn_buf *out, const char *text) {
    size_t len = strlen(text);
    memcpy(out->data + out->len, text, len);
    out->len += len;
}

static void put_number(struct cn_buf *out, const char *key, int64_t value) {
    put(out, key);
    out->len += cn_int64_format(value, out->data + out->len);
}

/* When the request began, by both clocks. */
struct origin {
    int64_t clock_ns;
    int64_t wall_ns;
};

/* What the future says besides its result. */
static bool put_times(const struct origin *origin, const struct cn_map_future *future,
                      const struct cn_map_task *task, int32_t worker, struct cn_buf *out) {
    int64_t zero = origin->clock_ns;
    char started_at[32];

    if (!cn_buf_reserve(out, FUTURE_BYTES))
        return false;
    cn_clock_format(origin->wall_ns + (future->started_ns - zero), started_at);
    put_number(out, ",\"worker\":", worker);
    put_number(out, ",\"pid\":", task->pid);
    put_number(out, ",\"submitted_ns\":", task->submitted_ns - zero);
    put_number(out, ",\"started_ns\":", future->started_ns - zero);
    put_number(out, ",\"finished_ns\":", future->finished_ns - zero);
    put(out, ",\"started_at\":\"");
    put(out, started_at);
    put_number(out, "\",\"cpu_ns\":", future->cpu_ns);
    put_number(out, ",\"lock_ns\":", future->lock_ns);
    put(out, "}");
    return true;
}

static bool put_failure(const struct cn_map_run *run, const struct cn_map_future *future,
                        struct cn_buf *out) {
    return cn_buf_add_c(out, ",\"state\":\"failed\",\"result\":null,\"error\":{\"code\":\"") &&
           cn_buf_add_c(out, cn_code_name((enum cn_code)future->code)) &&
           cn_buf_add_c(out, "\",\"detail\":") &&
           cn_json_write_string(out, cn_map_text(run, future)) && cn_buf_add_char(out, '}');
}

static bool put_futures(struct cn_exchange *exchange, const struct cn_map_run *run,
                        struct cn_buf *out) {
    const struct origin origin = {exchange->started_ns,
                                  cn_clock_wall() - (cn_clock_now() - exchange->started_ns)};
    struct numbers numbers;
    bool ok = cn_buf_add_c(out, ",\"futures\":[");

    number_workers(run, &numbers);
    for (size_t i = 0; ok && i < run->request->n_calls; i++) {
        const struct cn_map_future *future = &run->futures[i];
        const struct cn_map_task *task = &run->tasks[i / run->request->chunksize];
        ok = cn_buf_reserve(out, FUTURE_BYTES);
        if (!ok)
            break;
        put_number(out, i == 0 ? "{\"index\":" : ",{\"index\":", (int64_t)i);
        if (future->code == CN_OK)
            ok = cn_buf_add_c(out, ",\"state\":\"finished\",\"result\":") &&
                 cn_buf_add_str(out, cn_map_text(run, future));
        else
            ok = put_failure(run, future, out);
        ok = ok && put_times(&origin, future, task, number_of(&numbers, task), out);
    }
    return ok && cn_buf_add_char(out, ']');
}

static int by_finish(const void *a, const void *b, void *context) {
    const struct cn_map_future *futures = context;
    const uint32_t *x = a, *y = b;
    int64_t left = futures[*x].finished_ns, right = futures[*y].finished_ns;
    return left != right ? (left > right) - (left < right) : (*x > *y) - (*x < *y);
}

static bool put_order(const struct cn_map_run *run, struct cn_buf *out) {
    size_t n = run->request->n_calls;
    uint32_t *order = reallocarray(NULL, n ? n : 1, sizeof *order);
    bool ok = order && cn_buf_add_c(out, ",\"completion_order\":[");

    for (size_t i = 0; ok && i < n; i++)
        order[i] = (uint32_t)i;
    if (ok && n > 0)
        qsort_r(order, n, sizeof *order, by_finish, run->futures);
    for (size_t i = 0; ok && i < n; i++) {
        ok = cn_buf_reserve(out, CN_INT64_TEXT + 1);
        if (ok)
            put_number(out, i == 0 ? "" : ",", order[i]);
    }
    free(order);
    return ok && cn_buf_add_char(out, ']');
}

static bool put_head(struct cn_exchange *exchange, const struct cn_map_run *run,
                     struct cn_buf *out) {
    struct cn_json_out json;
    cn_json_out_init(&json, out);
    cn_json_out_open(&json, NULL, '{');
    cn_json_out_c(&json, "run", exchange->run);
    cn_json_out_c(&json, "function", cn_call_function_name(run->request->plan.function));
    cn_json_out_open(&json, "execution", '{');
    cn_json_out_c(&json, "executor", cn_executor_kind_name(run->place.kind));
    if (cn_executor_kind_emulates(run->place.kind))
        cn_json_out_bool(&json, "emulation", true);
    cn_json_out_int(&json, "workers", (int64_t)run->place.width);
    cn_json_out_int(&json, "chunksize", (int64_t)run->request->chunksize);
    cn_json_out_c(&json, "reason", run->place.reason);
    cn_json_out_close(&json, '}');
    return json.ok;
}

enum cn_code cn_map_reply(struct cn_exchange *exchange, struct cn_map_run *run, struct cn_buf *out,
                          struct cn_error *error) {
    struct cn_ledger ledger = settle_ledger(exchange, run);
    struct cn_run_worker *workers = cn_worker_accounts_list(&run->workers, &exchange->arena);

    cn_ledger_enter(&ledger, CN_STAGE_ENCODE, cn_clock_now());
    if (!workers || !put_head(exchange, run, out) || !put_results(run, out) ||
        !put_futures(exchange, run, out) || !put_order(run, out) ||
        !cn_buf_add_c(out, ",\"shared_results\":") || !cn_shared_map_write(run->shared, out))
        return cn_error_memory(error);
    cn_ledger_end(&ledger, cn_clock_now());
    const struct cn_timing timing = {.ledger = &ledger,
                                     .workers = workers,
                                     .n_workers = run->workers.n,
                                     .samples = run->samples,
                                     .n_samples = run->n_samples};
    if (!cn_buf_add_c(out, ",\"timing\":") || !cn_timing_write(out, &timing) ||
        !cn_buf_add_c(out, "}\n"))
        return cn_error_memory(error);
    if (exchange->whole_bytes > 0 && out->len > exchange->whole_bytes) {
        cn_error_set_limit(error, exchange->whole_limit);
        return cn_error_set(error, CN_LIMIT_EXCEEDED,
                            "the reply has %zu bytes; the limit is %llu (%s)", out->len,
                            (unsigned long long)exchange->whole_bytes, exchange->whole_limit);
    }
    cn_reply_add_timing(exchange, &ledger);
    add_record(exchange, run->request, run, &ledger, NULL);
    return CN_OK;
}
