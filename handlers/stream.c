/*
 * stream.c: a reply that is larger than what may be kept: chunks are run a few ahead of the reader
 * and forgotten behind it. CSV leaves chunk by chunk; JSON column by column, each a pass of its own
 * over all chunks. What breaks after the head has left breaks the framing, and is told by the
 * record of the run.
 */
#include "handlers/compute.h"

#include <string.h>

/* Texts between the chunks: before the first one, between JSON's columns, at the end. */
static bool next_text(struct cn_job *job) {
    struct cn_error error;

    cn_error_init(&error);
    job->stream_text.len = 0;
    job->stream_offset = 0;
    job->stream_in_text = true;
    job->stream_output++;
    if (job->spec->sink == CN_SINK_CSV) {
        if (job->stream_output > 0)
            job->stream_done = true;
        return job->stream_done || cn_reply_csv_head(job, &job->stream_text);
    }
    if (job->stream_output == 0 && !cn_reply_json_head(job, &job->stream_text))
        return false;
    if ((size_t)job->stream_output == job->spec->n_outputs) {
        job->stream_done = true;
        return cn_reply_json_tail(job, &job->stream_text);
    }
    if (!cn_reply_json_column(job, (size_t)job->stream_output, &job->stream_text))
        return false;
    if (cn_job_compile(job, CN_PASS_OUTPUT, job->stream_output, &job->pass_plan, &error) != CN_OK)
        return false;
    cn_job_begin_pass(job, job->pass_plan);
    job->stream_first = true;
    return true;
}

static size_t copy(struct cn_job *job, struct cn_str data, char *out, size_t max) {
    size_t left = data.len - job->stream_offset;
    size_t len = left < max ? left : max;

    if (len > 0)
        memcpy(out, data.data + job->stream_offset, len);
    job->stream_offset += len;
    return len;
}

static void break_off(struct cn_job *job) {
    if (job->code == CN_OK)
        cn_job_fail(job, CN_OVERLOADED, NULL);
    job->exchange->error = job->error;
    cn_runs_fail(job->service->runs, job->exchange->run,
                 job->exchange->http_minor == 0 ? cn_code_status(job->error.code) : 0, &job->error);
}

/* Rows of a chunk that could not be computed. JSON's first pass computes every let. A silent chunk
 * was counted when it was found to be one. */
static void count_errors(struct cn_job *job, const struct cn_chunk *chunk) {
    if (!chunk->silent && (job->spec->sink == CN_SINK_CSV || job->stream_output == 0))
        cn_job_count_errors(job, chunk, -1);
}

/* The chunk at the head: its bytes, or why not. */
static ssize_t next_bytes(struct cn_job *job, char *out, size_t max) {
    struct cn_chunk *chunk = &job->chunks[job->consumed];
    struct cn_str data;
    size_t len;

    if (chunk->state != CN_CHUNK_DONE) {
        job->stream_waiting = true;
        return CN_STREAM_WAIT;
    }
    if (chunk->code != CN_OK) {
        struct cn_error error = cn_job_chunk_error(chunk);
        cn_job_fail(job, chunk->code, &error);
        return CN_STREAM_BREAK;
    }
    data = cn_chunk_data(chunk);
    if (job->stream_first && data.len > 0) {
        job->stream_offset = 1; /* the comma before the first value */
        job->stream_first = false;
    }
    len = copy(job, data, out, max);
    if (job->stream_offset == data.len) {
        count_errors(job, chunk);
        cn_chunk_drop_output(job, chunk);
        job->consumed++;
        job->stream_offset = 0;
        cn_job_pump(job);
    }
    return (ssize_t)len;
}

static ssize_t step(struct cn_job *job, char *out, size_t max) {
    if (job->code != CN_OK)
        return CN_STREAM_BREAK;
    if (job->stream_output >= 0 && !job->stream_in_text && job->consumed < job->n_chunks)
        return next_bytes(job, out, max);
    if (!job->stream_in_text) {
        if (!next_text(job))
            return CN_STREAM_BREAK;
        cn_job_pump(job);
    }
    if (job->stream_offset < job->stream_text.len)
        return (ssize_t)copy(job, cn_buf_str(&job->stream_text), out, max);
    if (job->stream_done) {
        cn_runs_count(job->service->runs, job->exchange->run, job->let_errors,
                      cn_recipe_lets(job->spec->recipe));
        job->phase = CN_JOB_ENDED;
        return CN_STREAM_END;
    }
    job->stream_in_text = false;
    job->stream_offset = 0;
    return 0;
}

ssize_t cn_job_stream(struct cn_exchange *exchange, char *out, size_t max) {
    struct cn_compute *compute = exchange->state;
    struct cn_job *job = compute->job;
    ssize_t result;

    pthread_mutex_lock(&job->lock);
    do {
        job->stream_waiting = false;
        result = step(job, out, max);
    } while (result == 0 && !job->stream_waiting);
    if (result == CN_STREAM_BREAK)
        break_off(job);
    pthread_mutex_unlock(&job->lock);
    return result;
}
