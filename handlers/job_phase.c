/*
 * job_phase.c: what follows when a phase has nothing left to run.
 */
#include <stdlib.h>

#include "handlers/job.h"

/* Where each chunk stands in the body, as far as the chunks before it were read. */
static void place_chunks(struct cn_job *job) {
    uint64_t row = 0;
    int64_t line = job->first_line;

    if (job->spec->source != CN_SOURCE_CSV)
        return;
    for (size_t i = 0; i < job->n_chunks; i++) {
        struct cn_chunk *chunk = &job->chunks[i];
        chunk->first_row = row;
        chunk->first_line = line;
        row += chunk->rows;
        line += (int64_t)chunk->lines;
    }
}

struct cn_error cn_job_chunk_error(const struct cn_chunk *chunk) {
    struct cn_error error;

    cn_error_init(&error);
    if (chunk->error)
        error = *chunk->error;
    else
        cn_error_set(&error, chunk->code, "%s", cn_code_title(chunk->code));
    if (error.row >= 0)
        error.row += (int64_t)chunk->first_row;
    if (error.line > 0)
        error.line += chunk->first_line - 1;
    return error;
}

static void fail_rows(struct cn_job *job) {
    struct cn_error error;

    cn_error_init(&error);
    cn_error_set(&error, CN_LIMIT_EXCEEDED, "the body has more than %llu rows (--max-rows)",
                 (unsigned long long)job->limits->max_rows);
    cn_error_set_limit(&error, "--max-rows");
    error.row = (int64_t)job->limits->max_rows;
    cn_job_fail(job, CN_LIMIT_EXCEEDED, &error);
}

bool cn_job_body_fault(struct cn_job *job) {
    uint64_t rows = 0;

    if (job->spec->source != CN_SOURCE_CSV)
        return false;
    place_chunks(job);
    for (size_t i = 0; i < job->n_chunks && job->chunks[i].read; i++) {
        const struct cn_chunk *chunk = &job->chunks[i];
        rows += chunk->rows;
        if (rows > job->limits->max_rows) {
            fail_rows(job);
            return true;
        }
        if (chunk->body_fault) {
            struct cn_error error = cn_job_chunk_error(chunk);
            cn_job_fail(job, chunk->code, &error);
            return true;
        }
    }
    return false;
}

/* A chunk's result stands if it was made under the types that hold and for the rows that are
 * wanted. */
static bool stands(const struct cn_job *job, struct cn_chunk *chunk) {
    uint64_t room = UINT64_MAX;
    uint64_t written = chunk->rows < chunk->output_rows ? chunk->rows : chunk->output_rows;

    if (chunk->state != CN_CHUNK_DONE || !chunk->plan || chunk->plan->pass != CN_PASS_OUTPUT ||
        chunk->plan->output >= 0)
        return false;
    if (chunk->plan != job->output_plan && (job->tables || !cn_job_plan_holds(job, chunk->plan)))
        return false;
    if (job->has_limit)
        room = job->limit > chunk->first_row ? job->limit - chunk->first_row : 0;
    if (chunk->code == CN_OK && room == 0 && chunk->rows > 0) {
        chunk->silent = true;
        return true;
    }
    return written <= room && (chunk->code != CN_OK || chunk->has_output);
}

/* Marks what must be run again, and forgets the errors of what does. */
static void begin_output(struct cn_job *job) {
    job->failed_compute = false;
    for (size_t i = 0; i < job->n_chunks; i++) {
        struct cn_chunk *chunk = &job->chunks[i];
        bool keep = !job->failed_compute && stands(job, chunk);
        if (keep && chunk->silent)
            cn_job_count_errors(job, chunk, -1);
        if (!keep || chunk->silent)
            cn_chunk_drop_output(job, chunk);
        if (!keep) {
            chunk->state = CN_CHUNK_NEW;
            chunk->code = CN_OK;
        } else if (chunk->code != CN_OK) {
            /* Nothing behind the lowest error matters; what is before it may have a lower one. */
            job->failed_compute = true;
        }
    }
    job->next = 0;
    job->consumed = 0;
    job->pass_plan = NULL;
    job->pass_rows = 0;
    for (size_t i = 0; i < job->n_chunks; i++) {
        if (job->chunks[i].state == CN_CHUNK_DONE)
            job->pass_rows += job->chunks[i].rows;
    }
    job->over = job->kept_bytes > job->keep_bytes;
    job->phase = CN_JOB_OUTPUT;
    if (job->failed_compute) {
        /* Only the chunks before the failed one are run; the rest stays as it is. */
        size_t last = 0;
        while (job->chunks[last].code == CN_OK)
            last++;
        for (size_t i = last + 1; i < job->n_chunks; i++)
            job->chunks[i].state = CN_CHUNK_DONE;
        for (size_t i = 0; i < job->n_chunks; i++)
            cn_chunk_drop_output(job, &job->chunks[i]);
        job->failed_compute = false;
        job->doomed = true;
        job->over = false;
    }
}

void cn_job_begin_pass(struct cn_job *job, struct cn_plan *plan) {
    for (size_t i = 0; i < job->n_chunks; i++) {
        cn_chunk_drop_output(job, &job->chunks[i]);
        job->chunks[i].state = CN_CHUNK_NEW;
    }
    job->pass_plan = plan;
    job->pass_rows = 0;
    job->next = 0;
    job->consumed = 0;
}

static void fail_compute(struct cn_job *job, const struct cn_chunk *chunk) {
    struct cn_error error = cn_job_chunk_error(chunk);

    cn_job_fail(job, chunk->code, &error);
}

/* The let that the digest belongs to: others can only come behind it. Rows that fail in the
 * digest's arguments count for it; its other failures, and those of other lets, are counted when
 * the columns are made. */
static int32_t find_table_let(const struct cn_job *job) {
    int32_t let = 0;

    while (!cn_recipe_uses_table(job->spec->recipe, (size_t)let, job->table))
        let++;
    return let;
}

/* Compiling is no part of a run that is measured. */
static enum cn_code compile_between(struct cn_job *job, enum cn_pass pass, int32_t which,
                                    struct cn_plan **plan, struct cn_error *error) {
    int64_t started = cn_clock_now();
    enum cn_code code = cn_job_compile(job, pass, which, plan, error);

    if (job->run_start_ns > 0)
        job->run_start_ns += cn_clock_now() - started;
    return code;
}

void cn_job_begin_table(struct cn_job *job) {
    struct cn_plan **plan = &job->table_plans[job->table];
    struct cn_error error;
    enum cn_code code;

    cn_error_init(&error);
    job->table_null = false;
    job->table_let = find_table_let(job);
    code = cn_table_digest_new(&job->digest, job->spec->recipe, job->table, job->service->keys,
                               &error);
    if (code == CN_OK && !*plan)
        code = compile_between(job, CN_PASS_TABLE, (int32_t)job->table, plan, &error);
    if (code != CN_OK) {
        cn_job_fail(job, code, &error);
        return;
    }
    job->phase = CN_JOB_TABLE;
    cn_job_begin_pass(job, *plan);
}

/* All rows are digested: the next digest, or the reply's columns. */
static void end_table(struct cn_job *job) {
    struct cn_error error;
    enum cn_code code;

    cn_error_init(&error);
    code = cn_table_digest_end(job->digest, job->table_null, &job->tables[job->table], &error);
    cn_table_digest_free(job->digest);
    job->digest = NULL;
    if (code == CN_OK && ++job->table < cn_recipe_tables(job->spec->recipe)) {
        cn_job_begin_table(job);
        return;
    }
    /* A run that is repeated finds the same digests. */
    if (code == CN_OK && !job->tables_compiled)
        code = compile_between(job, CN_PASS_OUTPUT, -1, &job->output_plan, &error);
    job->tables_compiled = code == CN_OK;
    if (code != CN_OK)
        cn_job_fail(job, code, &error);
    else if (job->run > 0)
        cn_job_begin_outputs(job);
    else
        begin_output(job);
}

/* A chunk's rows, each with its line feed; the digest adds the last one itself. */
static enum cn_code digest_rows(struct cn_job *job, struct cn_str data, struct cn_error *error) {
    if (data.len == 0)
        return CN_OK;
    return cn_table_digest_update(job->digest, cn_str(data.data, data.len - 1), error);
}

static bool advance_table(struct cn_job *job) {
    bool moved = false;

    while (job->consumed < job->n_chunks && job->chunks[job->consumed].state == CN_CHUNK_DONE &&
           job->code == CN_OK) {
        struct cn_chunk *chunk = &job->chunks[job->consumed];
        struct cn_morsel_trailer trailer;
        struct cn_error error;
        enum cn_code code;

        cn_error_init(&error);
        if (chunk->code != CN_OK) {
            fail_compute(job, chunk);
            return true;
        }
        if (cn_morsel_trailer(chunk->plan, &chunk->result, &chunk->out, &trailer) &&
            trailer.null_rows > 0)
            job->table_null = true;
        cn_job_count_errors(job, chunk, job->table_let);
        code = digest_rows(job, cn_chunk_data(chunk), &error);
        if (code != CN_OK)
            cn_job_fail(job, code, &error);
        cn_chunk_drop_output(job, chunk);
        job->consumed++;
        moved = true;
    }
    if (job->consumed == job->n_chunks && job->code == CN_OK) {
        end_table(job);
        moved = true;
    }
    return moved;
}

/* The body is there and read. */
static void settle(struct cn_job *job) {
    struct cn_error error;
    enum cn_code code;

    if (cn_job_body_fault(job))
        return;
    cn_error_init(&error);
    code = cn_job_settle_types(job, &error);
    cn_job_count_rows(job);
    if (code != CN_OK)
        cn_job_fail(job, code, &error);
    else if (job->cold)
        cn_job_begin_run(job);
    else if (job->tables)
        cn_job_begin_table(job);
    else
        begin_output(job);
}

static bool advance_output(struct cn_job *job) {
    bool missing = false;

    for (size_t i = 0; i < job->n_chunks; i++) {
        const struct cn_chunk *chunk = &job->chunks[i];
        if (chunk->state == CN_CHUNK_DONE && chunk->code != CN_OK) {
            fail_compute(job, chunk);
            return true;
        }
    }
    if (job->over && job->exchange && job->exchange->whole_bytes > 0) {
        cn_job_fail_whole(job);
        return true;
    }
    if (cn_job_end_run(job))
        return true;
    for (size_t i = 0; i < job->n_chunks; i++) {
        struct cn_chunk *chunk = &job->chunks[i];
        /* Run, but there was no room for what it wrote. */
        if (chunk->state == CN_CHUNK_DONE && !chunk->has_output && !chunk->silent)
            chunk->state = CN_CHUNK_NEW;
        missing = missing || chunk->state == CN_CHUNK_NEW;
    }
    if (!missing) {
        job->phase = CN_JOB_ENDED;
        cn_job_progress(job);
    } else {
        /* The reply is larger than what may be kept: the rest is made as it is sent. */
        job->phase = CN_JOB_STREAM;
        job->next = 0;
        job->consumed = 0;
        if (job->spec->sink == CN_SINK_JSON) {
            for (size_t i = 0; i < job->n_chunks; i++)
                cn_chunk_drop_output(job, &job->chunks[i]);
        }
    }
    return true;
}

static void wake_reader(struct cn_job *job) {
    if (!job->stream_waiting || !job->exchange)
        return;
    job->stream_waiting = false;
    job->exchange->ops->wake(job->exchange);
}

bool cn_job_advance(struct cn_job *job) {
    if (job->code != CN_OK) {
        if (job->in_flight > 0)
            return false;
        wake_reader(job);
        job->phase = CN_JOB_ENDED;
        return true;
    }
    switch (job->phase) {
    case CN_JOB_BODY:
        if (!job->body_complete || job->in_flight > 0)
            return false;
        settle(job);
        return true;
    case CN_JOB_TABLE:
        return advance_table(job);
    case CN_JOB_OUTPUT:
        return job->in_flight == 0 && advance_output(job);
    case CN_JOB_STREAM:
        wake_reader(job);
        return false;
    default:
        return false;
    }
}
