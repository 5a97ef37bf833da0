/*
 * job_collect.c: what a finished task gave, into its chunk and the accounts of the job.
 */
#include "handlers/job_run.h"

#include <stdlib.h>

#include "handlers/reserve.h"

/* Outputs smaller than this leave their pooled block, which is for the next task. */
#define SMALL_OUTPUT (32u * 1024)

/* What a chunk is measured by: bytes of text, or rows. */
static double chunk_size(const struct cn_chunk *chunk) {
    return chunk->text.len > 0 ? (double)chunk->text.len : (double)chunk->rows;
}

static void note_written(struct cn_job *job, const struct cn_chunk *chunk, size_t bytes) {
    double size = chunk_size(chunk);
    double written = size > 0 ? (double)bytes / size : 0;

    if (written > job->written)
        job->written = written;
}

static void note_times(struct cn_job *job, const struct cn_task *task) {
    if (task->worker < 0 && task->started_ns == task->finished_ns)
        return; /* it was cancelled in the queue */
    if (job->first_start_ns == 0 || task->started_ns < job->first_start_ns)
        job->first_start_ns = task->started_ns;
    if (job->run_start_ns == 0 || task->started_ns < job->run_start_ns)
        job->run_start_ns = task->started_ns;
    if (task->finished_ns > job->last_end_ns)
        job->last_end_ns = task->finished_ns;
}

/* Takes from the task what was hidden behind others, and from the chunk before it what it hid. */
static void book_task(struct cn_job *job, struct cn_task *task, size_t index) {
    struct cn_error error;
    struct cn_fetch_cut cut;

    if ((job->executor_kind != CN_EXECUTOR_DASK || cn_remote_times_add(&job->remote, task)) &&
        cn_worker_accounts_book(&job->workers, task, index, &cut)) {
        if (cut.ns > 0) {
            struct cn_chunk *before = &job->chunks[cut.record];
            cn_fetch_cut_take(&cut, before->started_ns, &before->spans);
        }
        return;
    }
    cn_error_init(&error);
    cn_error_memory(&error);
    cn_job_fail(job, CN_OVERLOADED, &error);
}

/* Whether a block is worth handing over: most of it may be room that was set aside and not used. */
static bool fills_block(const struct cn_buf *out) {
    return out->len >= SMALL_OUTPUT && out->len >= out->cap / 4;
}

/* Moves a slot's output to the chunk: by handing over its block, or by a copy when it is small. */
static bool keep_output(struct cn_job *job, struct cn_chunk *chunk, struct cn_job_slot *slot) {
    cn_chunk_drop_output(job, chunk);
    note_written(job, chunk, slot->out.len);
    if (!fills_block(&slot->out)) {
        if (slot->out.len < SMALL_OUTPUT)
            cn_buf_init(&chunk->out);
        else
            cn_buf_init_blocks(&chunk->out, job->service->blocks);
        if (!cn_buf_add(&chunk->out, slot->out.data, slot->out.len))
            return false;
        slot->out.len = 0;
    } else {
        chunk->out = slot->out;
        cn_buf_init_blocks(&slot->out, job->service->blocks);
    }
    chunk->has_output = true;
    chunk->kept = chunk->result.data_len;
    job->kept_bytes += chunk->kept;
    return true;
}

static void keep_error(struct cn_chunk *chunk, const struct cn_error *error) {
    if (!chunk->error)
        chunk->error = malloc(sizeof *chunk->error);
    if (chunk->error)
        *chunk->error = *error;
}

static void fail_lost(struct cn_job *job, const struct cn_chunk *chunk,
                      const struct cn_task *task) {
    struct cn_error error = task->error;
    int gone = atomic_load(&job->gone);

    if (task->code == CN_CANCELLED && gone != CN_OK) {
        cn_job_fail(job, (enum cn_code)gone, NULL);
        return;
    }
    if (task->code == CN_WORKER_LOST && (chunk->rows > 0 || chunk->text.len > 0)) {
        size_t len = strlen(error.detail);
        if (job->spec->source != CN_SOURCE_CSV || chunk->read)
            snprintf(error.detail + len, sizeof error.detail - len, " (rows %llu to %llu)",
                     (unsigned long long)chunk->first_row,
                     (unsigned long long)(chunk->first_row + (chunk->rows ? chunk->rows - 1 : 0)));
        else
            snprintf(error.detail + len, sizeof error.detail - len,
                     " (the rows of chunk %zu, %zu bytes)", (size_t)(chunk - job->chunks),
                     chunk->text.len);
    }
    cn_job_fail(job, task->code, &error);
}

/* What came back makes no sense. */
static void fail_unsound(struct cn_job *job, struct cn_job_slot *slot) {
    if (job->executor && cn_task_unsound(&slot->task, job->executor) == CN_WORKER_LOST)
        fail_lost(job, &job->chunks[slot->chunk], &slot->task);
    else
        cn_job_fail(job, CN_INTERNAL, NULL);
}

/* What the task itself says of how it went. */
static void note_task(struct cn_chunk *chunk, const struct cn_job_slot *slot) {
    const struct cn_task *task = &slot->task;
    chunk->state = CN_CHUNK_DONE;
    chunk->plan = slot->plan;
    chunk->output_rows = slot->output_rows;
    chunk->code = task->code;
    chunk->worker = task->worker;
    chunk->pid = (int32_t)task->pid;
    chunk->started_ns = task->started_ns;
    chunk->spans = task->spans;
}

/* What the trailer of the chunk's output says, and the output, if it is kept. */
static void collect_output(struct cn_job *job, struct cn_job_slot *slot) {
    struct cn_chunk *chunk = &job->chunks[slot->chunk];
    struct cn_morsel_trailer trailer;
    struct cn_error error;

    cn_error_init(&error);
    if (!cn_morsel_trailer(slot->plan, &chunk->result, &slot->out, &trailer)) {
        fail_unsound(job, slot);
        return;
    }
    if (job->spec->source == CN_SOURCE_CSV && !job->types_final)
        cn_job_merge_seen(job, trailer.seen);
    if (chunk->result.failed) {
        chunk->code = trailer.error.code;
        keep_error(chunk, &trailer.error);
        job->failed_compute = true;
    } else if (slot->plan->pass != CN_PASS_CHECK && cn_job_keeps_outputs(job) &&
               !keep_output(job, chunk, slot)) {
        cn_error_memory(&error);
        cn_job_fail(job, CN_OVERLOADED, &error);
    } else if (job->exchange && cn_reserve_reply(job->exchange, job->kept_bytes, &error) != CN_OK) {
        cn_job_fail(job, CN_OVERLOADED, &error);
    }
    if (job->phase != CN_JOB_STREAM && job->kept_bytes > job->keep_bytes)
        job->over = true;
    job->pass_rows += chunk->rows;
    cn_job_progress(job);
}

void cn_job_collect(struct cn_job *job, struct cn_job_slot *slot) {
    struct cn_task *task = &slot->task;
    struct cn_chunk *chunk = &job->chunks[slot->chunk];
    struct cn_morsel_result result;
    bool sound = cn_morsel_result_read(&result, task, chunk->text.len);

    note_times(job, task);
    book_task(job, task, slot->chunk);
    note_task(chunk, slot);
    if (task->code != CN_OK && !result.body_fault) {
        /* A failure of the machinery ends the job whatever else was found. */
        fail_lost(job, chunk, task);
        return;
    }
    if (!sound) {
        fail_unsound(job, slot);
        return;
    }
    chunk->result = result;
    chunk->body_fault = result.body_fault;
    if (job->spec->source == CN_SOURCE_CSV && !chunk->read) {
        chunk->rows = result.rows;
        chunk->lines = result.lines;
        chunk->read = true;
    }
    if (result.body_fault) {
        keep_error(chunk, &task->error);
        job->failed_body = true;
        return;
    }
    collect_output(job, slot);
}
