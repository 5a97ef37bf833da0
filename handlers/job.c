/*
 * job.c: a job's life and its chunks.
 */
#include "handlers/job.h"

#include <stdlib.h>

#include "handlers/job_run.h"
#include "handlers/inline_states.h"

/* The block that a large chunk's output lies in. */
#define LARGE_OUTPUT (UINT64_C(4) << 20)
#define FEW_CHUNKS 4096u

enum cn_code cn_job_new(struct cn_job **result, struct cn_exchange *exchange, struct cn_spec *spec,
                        struct cn_error *error) {
    struct cn_job *job = calloc(1, sizeof *job);
    size_t n_tables = cn_recipe_tables(spec->recipe);

    if (!job) {
        cn_spec_unref(spec);
        return cn_error_memory(error);
    }
    pthread_mutex_init(&job->lock, NULL);
    job->refs = 1;
    job->service = exchange->service;
    job->limits = cn_exchange_limits(exchange);
    job->exchange = exchange;
    job->spec = spec;
    job->stream_output = -1;
    job->keep_bytes = exchange->whole_bytes > 0 ? exchange->whole_bytes : job->limits->buffer_bytes;
    cn_error_init(&job->error);
    cn_frame_init(&job->frame, job->service->blocks);
    job->view = &job->frame;
    cn_buf_init(&job->head);
    cn_buf_init(&job->stream_text);
    job->seen = calloc(spec->n_columns + 1, sizeof *job->seen);
    job->used = calloc(spec->n_columns + 1, sizeof *job->used);
    job->types = calloc(spec->n_columns + 1, sizeof *job->types);
    job->let_errors = calloc(cn_recipe_lets(spec->recipe) + 1, sizeof *job->let_errors);
    if (n_tables > 0) {
        job->tables = calloc(n_tables, sizeof *job->tables);
        job->table_plans = calloc(n_tables, sizeof(struct cn_plan *));
    }
    if (!job->seen || !job->used || !job->types || !job->let_errors ||
        (n_tables > 0 && (!job->tables || !job->table_plans))) {
        cn_job_unref(job);
        return cn_error_memory(error);
    }
    for (size_t c = 0; c < spec->n_columns; c++) {
        if (spec->source == CN_SOURCE_GENERATE)
            job->types[c] = CN_TYPE_FLOAT64;
        else if (spec->columns[c].declared)
            job->types[c] = spec->columns[c].type;
    }
    *result = job;
    return CN_OK;
}

void cn_chunk_drop_output(struct cn_job *job, struct cn_chunk *chunk) {
    if (chunk->has_output)
        job->kept_bytes -= chunk->kept;
    chunk->has_output = false;
    cn_buf_release(&chunk->out);
}

/* What is counted of so many chunks in the account of memory: few are not worth it. */
static size_t charge_of(size_t chunks) {
    return chunks < FEW_CHUNKS ? 0 : chunks * sizeof(struct cn_chunk);
}

static void job_free(struct cn_job *job) {
    for (size_t i = 0; i < job->n_chunks; i++) {
        cn_buf_release(&job->chunks[i].out);
        free(job->chunks[i].error);
    }
    cn_job_free_text(job);
    for (size_t i = 0; i < job->n_plans; i++)
        cn_plan_unref(job->plans[i]);
    if (job->inline_state)
        cn_inline_give(job->service->inline_states, job->inline_state);
    cn_job_slots_free(job);
    cn_table_digest_free(job->digest);
    cn_frame_release(&job->frame);
    cn_spec_unref(job->spec);
    cn_buf_release(&job->head);
    cn_buf_release(&job->stream_text);
    cn_blocks_discharge(job->service->blocks, charge_of(job->cap_chunks));
    free(job->chunks);
    free(job->plans);
    cn_worker_accounts_release(&job->workers);
    cn_remote_times_release(&job->remote);
    free(job->tables);
    free(job->table_plans);
    free(job->samples);
    free(job->parts);
    free(job->seen);
    free(job->used);
    free(job->let_errors);
    free(job->types);
    pthread_mutex_destroy(&job->lock);
    free(job);
}

void cn_job_unref(struct cn_job *job) {
    unsigned left;

    pthread_mutex_lock(&job->lock);
    left = --job->refs;
    pthread_mutex_unlock(&job->lock);
    if (left == 0)
        job_free(job);
}

/* Enough that no worker waits; but where memory is small, what is under way may not be most of it,
 * or it would be denied in the middle of the work. */
static size_t choose_window(const struct cn_job *job) {
    const struct cn_budget *budget = job->service->budget;
    size_t window = 2 * job->width + 2;
    uint64_t large = LARGE_OUTPUT;

    if (job->executor_kind == CN_EXECUTOR_DASK) {
        window = job->width + 2; /* it is wider than there are workers already */
        large *= 2;              /* as its tasks are */
    }
    uint64_t most = budget ? budget->limit / 4 / large : window;

    if (most < window)
        window = most < 2 ? 2 : (size_t)most;
    return window;
}

enum cn_code cn_job_place(struct cn_job *job, enum cn_executor_kind kind, size_t width,
                          bool on_caller, int64_t deadline_ns, struct cn_error *error) {
    job->executor_kind = kind;
    job->width = kind == CN_EXECUTOR_SERIAL ? 1 : width;
    cn_group_init(&job->group, job->width, deadline_ns);
    /* Who receives requests is not held up by many runs. */
    if (on_caller && !job->measured) {
        job->window = 1;
        CN_TRY(cn_inline_take(job->service->inline_states, &job->inline_state, error));
    } else {
        job->executor = job->service->executors[kind];
        job->window = choose_window(job);
    }
    return cn_job_slots_new(job, error);
}

static enum cn_code grow_chunks(struct cn_job *job, struct cn_error *error) {
    size_t cap = job->cap_chunks ? job->cap_chunks * 2 : 16;
    size_t more = charge_of(cap) - charge_of(job->cap_chunks);
    struct cn_chunk *chunks;

    if (!cn_blocks_charge(job->service->blocks, more))
        return cn_error_memory(error);
    chunks = reallocarray(job->chunks, cap, sizeof *chunks);
    if (!chunks) {
        cn_blocks_discharge(job->service->blocks, more);
        return cn_error_memory(error);
    }
    job->chunks = chunks;
    job->cap_chunks = cap;
    return CN_OK;
}

static enum cn_code add_chunk(struct cn_job *job, struct cn_chunk **result,
                              struct cn_error *error) {
    struct cn_chunk *chunk;

    if (job->n_chunks == job->cap_chunks)
        CN_TRY(grow_chunks(job, error));
    chunk = &job->chunks[job->n_chunks++];
    memset(chunk, 0, sizeof *chunk);
    cn_buf_init(&chunk->out);
    *result = chunk;
    return CN_OK;
}

enum cn_code cn_job_add_text(struct cn_job *job, struct cn_str text, struct cn_error *error) {
    struct cn_chunk *chunk;

    CN_TRY(add_chunk(job, &chunk, error));
    chunk->text = text;
    if (job->n_segments > 0) {
        chunk->segment = job->n_segments - 1;
        const struct cn_segment *segment = &job->segments[chunk->segment];
        chunk->at = segment->at + (uint64_t)(text.data - segment->data);
    }
    return CN_OK;
}

enum cn_code cn_job_add_rows(struct cn_job *job, uint64_t first_row, uint64_t rows,
                             struct cn_error *error) {
    struct cn_chunk *chunk;

    CN_TRY(add_chunk(job, &chunk, error));
    chunk->first_row = first_row;
    chunk->rows = rows;
    return CN_OK;
}

void cn_job_fail(struct cn_job *job, enum cn_code code, const struct cn_error *error) {
    if (job->code != CN_OK)
        return;
    job->code = code;
    if (error && error->code != CN_OK)
        job->error = *error;
    else
        cn_error_set(&job->error, code, "%s", cn_code_title(code));
    atomic_store(&job->group.stop, 1);
    if (job->executor && job->in_flight > 0)
        job->executor->ops->cancel(job->executor, &job->group);
}

void cn_job_fail_whole(struct cn_job *job) {
    struct cn_error error;
    const char *limit = job->exchange ? job->exchange->whole_limit : "";

    cn_error_init(&error);
    cn_error_set(&error, CN_LIMIT_EXCEEDED, "the result has more than %llu bytes (%s)",
                 (unsigned long long)job->keep_bytes, limit);
    cn_error_set_limit(&error, limit);
    cn_job_fail(job, CN_LIMIT_EXCEEDED, &error);
}

void cn_job_give_up(struct cn_job *job, enum cn_code why) {
    bool deliver;

    /* The lock may be held by a long piece of work: first tell that to stop. */
    atomic_store(&job->gone, (int)why);
    atomic_store(&job->group.stop, 1);
    if (job->executor)
        job->executor->ops->cancel(job->executor, &job->group);
    if (pthread_mutex_trylock(&job->lock) != 0)
        return; /* whoever holds it comes across a task that stopped */
    job->refs++;
    cn_job_fail(job, why, NULL);
    deliver = cn_job_pump(job);
    pthread_mutex_unlock(&job->lock);
    if (deliver)
        cn_job_deliver(job);
    cn_job_unref(job);
}

struct cn_str cn_chunk_data(const struct cn_chunk *chunk) {
    if (!chunk->out.data)
        return CN_STR("");
    return cn_str(chunk->out.data, (size_t)chunk->result.data_len);
}

void cn_job_count_errors(struct cn_job *job, const struct cn_chunk *chunk, int32_t let) {
    struct cn_morsel_trailer trailer;
    size_t n_lets = cn_recipe_lets(job->spec->recipe);

    if (!chunk->has_output ||
        !cn_morsel_trailer(chunk->plan, &chunk->result, &chunk->out, &trailer))
        return;
    for (size_t i = 0; i < n_lets; i++) {
        if (let < 0 || (size_t)let == i)
            job->let_errors[i] += cn_morsel_u64(trailer.failed, i);
    }
}
