/*
 * job_text.c: where the text of a CSV body is: in segments, and, of a body larger than
 * buffer_bytes, what came first in a file of the service (spool.h).
 *
 * A segment that goes to the spool is written at its place in the body, so that a chunk is found
 * there by its own. From then on whoever runs a task of it reads it first, into a block that is
 * given back with the task; who reads the segment already ends that in peace.
 */
#include <stdlib.h>

#include "handlers/job_run.h"

enum cn_code cn_job_add_segment(struct cn_job *job, const struct cn_segment *segment,
                                struct cn_error *error) {
    if (job->n_segments == job->cap_segments) {
        size_t cap = job->cap_segments ? job->cap_segments * 2 : 8;
        struct cn_segment *segments = reallocarray(job->segments, cap, sizeof *segments);
        if (!segments)
            return cn_error_memory(error);
        job->segments = segments;
        job->cap_segments = cap;
    }
    job->segments[job->n_segments] = *segment;
    job->segments[job->n_segments++].first_chunk = job->n_chunks;
    job->segment_bytes += segment->cap;
    return CN_OK;
}

static void give_back(struct cn_job *job, struct cn_segment *segment) {
    cn_blocks_give(job->service->blocks, segment->data, segment->cap);
    segment->data = NULL;
}

/* ---- to the spool -------------------------------------------------------------------------- */

/* What of a segment is not in the file yet. Without the lock: nobody else makes or changes
 * segments, and one that does not leave is not given back. */
static enum cn_code write_segment(struct cn_job *job, const struct cn_segment *segment,
                                  struct cn_error *error) {
    uint64_t end = cn_spool_end(job->spool);
    size_t there = end > segment->at ? (size_t)(end - segment->at) : 0;

    if (there >= segment->len)
        return CN_OK;
    return cn_spool_write(job->spool, segment->at + there,
                          cn_str(segment->data + there, segment->len - there), error);
}

/* Its chunks are found in the file from now on. */
static void leave(struct cn_job *job, size_t index) {
    struct cn_segment *segment = &job->segments[index];
    bool last = index + 1 == job->n_segments;
    size_t end = last ? job->n_chunks : job->segments[index + 1].first_chunk;

    for (size_t i = segment->first_chunk; i < end; i++)
        job->chunks[i].text.data = NULL;
    segment->leaving = true;
    job->segment_bytes -= segment->cap;
    if (segment->readers == 0)
        give_back(job, segment);
}

enum cn_code cn_job_shed(struct cn_job *job, size_t len, struct cn_error *error) {
    struct cn_spools *spools = job->service->spools;

    if (job->n_segments > 0)
        job->segments[job->n_segments - 1].len = len;
    while (spools && job->first_kept < job->n_segments &&
           job->segment_bytes > job->limits->buffer_bytes) {
        struct cn_segment segment = job->segments[job->first_kept];
        enum cn_code code = CN_OK;
        pthread_mutex_unlock(&job->lock);
        if (!job->spool)
            code = cn_spool_new(&job->spool, spools, error);
        if (code == CN_OK)
            code = write_segment(job, &segment, error);
        pthread_mutex_lock(&job->lock);
        if (code != CN_OK)
            return code;
        leave(job, job->first_kept++);
    }
    return CN_OK;
}

/* ---- back ---------------------------------------------------------------------------------- */

enum cn_code cn_job_read_text(struct cn_job *job, const struct cn_chunk *chunk,
                              struct cn_segment *block, struct cn_str *text,
                              struct cn_error *error) {
    *block = (struct cn_segment){.len = chunk->text.len, .cap = chunk->text.len};
    *text = chunk->text;
    if (text->data || text->len == 0)
        return CN_OK;
    block->data = cn_blocks_take(job->service->blocks, &block->cap);
    if (!block->data)
        return cn_error_memory(error);
    *text = cn_str(block->data, block->len);
    return cn_spool_read(job->spool, chunk->at, block->data, block->len, error);
}

/* On the thread that runs the task. */
static enum cn_code load(struct cn_task *task, struct cn_error *error) {
    struct cn_job_slot *slot = task->owner;
    struct cn_segment *text = &slot->text;

    if (atomic_load(&task->group->stop) != 0)
        return CN_CANCELLED;
    text->cap = text->len;
    text->data = cn_blocks_take(slot->job->service->blocks, &text->cap);
    if (!text->data)
        return cn_error_memory(error);
    slot->inputs[0] = cn_str(text->data, text->len);
    return cn_spool_read(slot->job->spool, text->at, text->data, text->len, error);
}

void cn_job_bind_text(struct cn_job_slot *slot, const struct cn_chunk *chunk) {
    slot->inputs[0] = chunk->text;
    slot->task.load = NULL;
    if (chunk->text.data) {
        slot->job->segments[chunk->segment].readers++;
        return;
    }
    slot->task.load = load;
    slot->text = (struct cn_segment){.len = chunk->text.len, .at = chunk->at};
}

void cn_job_drop_text(struct cn_job_slot *slot) {
    struct cn_job *job = slot->job;

    if (job->spec->source != CN_SOURCE_CSV)
        return;
    if (slot->task.load) {
        give_back(job, &slot->text);
        slot->task.load = NULL;
        return;
    }
    struct cn_segment *segment = &job->segments[job->chunks[slot->chunk].segment];
    if (--segment->readers == 0 && segment->leaving)
        give_back(job, segment);
}

void cn_job_free_text(struct cn_job *job) {
    for (size_t i = 0; i < job->n_segments; i++)
        give_back(job, &job->segments[i]);
    free(job->segments);
    cn_spool_free(job->spool);
}
