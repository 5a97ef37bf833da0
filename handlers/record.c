/*
 * record.c: the account of a job: its ledger, its workers, its chunks.
 */
#include "handlers/job.h"
#include "handlers/metrics.h"
#include "handlers/origin.h"

#include <unistd.h>

/* Chunks that a record lists; more are only counted. */
#define MOST_CHUNKS 16384

size_t cn_job_total_rows(const struct cn_job *job) {
    uint64_t rows = 0;

    for (size_t i = 0; i < job->n_chunks; i++)
        rows += job->chunks[i].rows;
    return (size_t)rows;
}

uint64_t cn_job_chunk_rows(const struct cn_job *job) {
    uint64_t most = 0;

    for (size_t i = 0; i < job->n_chunks; i++) {
        if (job->chunks[i].rows > most)
            most = job->chunks[i].rows;
    }
    return most;
}

/* The job's stages are known only now: `execute` began when the first task did, and ended with the
 * last one; what lies between the end of the body and that is `queue`. */
struct cn_ledger cn_job_ledger(const struct cn_job *job, int64_t now) {
    struct cn_ledger ledger = job->exchange->ledger;

    if (job->closed)
        return job->ledger;
    cn_ledger_execution(&ledger, job->first_start_ns, job->last_end_ns, &job->remote);
    if (job->encode_ns > ledger.since_ns)
        cn_ledger_enter(&ledger, CN_STAGE_ENCODE, job->encode_ns);
    cn_ledger_end(&ledger, now);
    return ledger;
}

/* Without repetition only the chunks count that the reply is made of. */
static uint64_t chunks_of(const struct cn_job *job, int32_t worker) {
    uint64_t n = 0;

    for (size_t c = 0; c < job->n_chunks; c++)
        n += job->chunks[c].worker == worker && job->chunks[c].started_ns > 0;
    return n;
}

struct cn_run_worker *cn_job_workers(struct cn_job *job, size_t *n) {
    cn_worker_accounts_sort(&job->workers);
    struct cn_run_worker *workers = cn_worker_accounts_list(&job->workers, &job->exchange->arena);

    *n = workers ? job->workers.n : 0;
    for (size_t i = 0; !job->measured && i < *n; i++)
        workers[i].chunks = chunks_of(job, job->workers.list[i].worker);
    return workers;
}

static struct cn_run_chunk *list_chunks(const struct cn_job *job, size_t *n) {
    size_t most = job->n_chunks < MOST_CHUNKS ? job->n_chunks : MOST_CHUNKS;
    struct cn_run_chunk *chunks = cn_arena_array(&job->exchange->arena, most, sizeof *chunks);

    *n = 0;
    for (size_t i = 0; chunks && i < most; i++) {
        const struct cn_chunk *chunk = &job->chunks[i];
        if (chunk->started_ns == 0)
            continue;
        chunks[(*n)++] =
            (struct cn_run_chunk){.chunk = (uint32_t)i,
                                  .worker = cn_worker_accounts_number(&job->workers, chunk->worker),
                                  .pid = chunk->pid,
                                  .first_row = chunk->first_row,
                                  .rows = chunk->rows,
                                  .start_ns = chunk->started_ns - job->exchange->started_ns,
                                  .spans = chunk->spans};
    }
    return chunks;
}

/* The canonical lines of the recipe. */
static struct cn_str *list_recipe(struct cn_job *job, size_t *n) {
    size_t n_lets = cn_recipe_lets(job->spec->recipe);
    struct cn_str *lines = cn_arena_array(&job->exchange->arena, n_lets, sizeof *lines);
    struct cn_buf line;

    *n = 0;
    if (!lines)
        return NULL;
    cn_buf_init(&line);
    for (size_t i = 0; i < n_lets; i++) {
        line.len = 0;
        if (!cn_recipe_print(job->spec->recipe, i, &line))
            break;
        lines[i] = cn_arena_str(&job->exchange->arena, cn_buf_str(&line));
        if (!lines[i].data)
            break;
        (*n)++;
    }
    cn_buf_release(&line);
    return lines;
}

static struct cn_str list_types(struct cn_job *job) {
    struct cn_buf text;
    struct cn_str result;
    bool ok = true;

    cn_buf_init(&text);
    for (size_t c = 0; c < job->spec->n_columns && ok; c++) {
        ok = (c == 0 || cn_buf_add_char(&text, ',')) &&
             cn_buf_add_str(&text, job->spec->columns[c].name) && cn_buf_add_char(&text, ':') &&
             cn_buf_add_c(&text, cn_type_name(job->types[c]));
    }
    result = cn_arena_str(&job->exchange->arena, cn_buf_str(&text));
    cn_buf_release(&text);
    return result.data ? result : CN_STR("");
}

void cn_record_plain(struct cn_exchange *exchange, struct cn_runs *runs, const char *operation,
                     int status, const struct cn_error *error) {
    struct cn_run_record record = {.operation = operation,
                                   .status = status,
                                   .ledger = exchange->ledger,
                                   .reason = "",
                                   .input_types = CN_STR(""),
                                   .failed = error != NULL};

    memcpy(record.id, exchange->run, sizeof record.id);
    record.started_at = cn_clock_wall() - (cn_clock_now() - exchange->started_ns);
    cn_ledger_end(&record.ledger, cn_clock_now());
    if (error)
        record.error = *error;
    cn_origin_fill(exchange, &record);
    cn_metrics_run(exchange, CN_EXECUTOR_AUTO, &record);
    exchange->recorded = cn_runs_add(runs, &record);
}

void cn_job_record(struct cn_job *job, int status, const struct cn_ledger *ledger,
                   const struct cn_error *error) {
    struct cn_exchange *exchange = job->exchange;
    struct cn_run_record record = {.operation = "compute",
                                   .executor = cn_executor_kind_name(job->executor_kind),
                                   .emulated = job->executor_kind == CN_EXECUTOR_GIL,
                                   .mode = cn_mode_name(job->spec->mode),
                                   .workers = job->width,
                                   .rows = cn_job_total_rows(job),
                                   .status = status,
                                   .n_chunks = job->n_chunks,
                                   .chunk_rows = cn_job_chunk_rows(job),
                                   .reason = cn_job_reason(job),
                                   .samples = job->samples,
                                   .n_samples = job->n_samples};

    memcpy(record.id, exchange->run, sizeof record.id);
    record.started_at = cn_clock_wall() - (cn_clock_now() - exchange->started_ns);
    record.ledger = *ledger;
    record.recipe = list_recipe(job, &record.n_recipe);
    record.input_types = list_types(job);
    record.lets = cn_arena_array(&exchange->arena, record.n_recipe, sizeof *record.lets);
    record.errors = job->let_errors;
    for (size_t i = 0; record.lets && i < record.n_recipe; i++)
        record.lets[i] = cn_recipe_name(job->spec->recipe, i);
    record.n_lets = record.lets ? record.n_recipe : 0;
    record.worker = cn_job_workers(job, &record.n_worker); /* puts them in order */
    record.chunks = list_chunks(job, &record.listed_chunks);
    if (error && error->code != CN_OK) {
        record.failed = true;
        record.error = *error;
    }
    cn_origin_fill(exchange, &record);
    cn_metrics_run(exchange, job->executor_kind, &record);
    exchange->recorded = cn_runs_add(job->service->runs, &record);
}
