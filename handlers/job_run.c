/*
 * job_run.c: chunks into tasks and back.
 */
#include "handlers/job_run.h"

#include <stdlib.h>
#include <unistd.h>

#include "handlers/kinds.h"

/* Blocks larger than this are given back when a task is done, and not kept for the slot's next one:
 * there are more slots than workers, and each would come to hold one. */
#define LARGE_OUTPUT ((size_t)16 << 20)

enum cn_code cn_job_slots_new(struct cn_job *job, struct cn_error *error) {
    job->slots = calloc(job->window, sizeof *job->slots);
    if (!job->slots)
        return cn_error_memory(error);
    for (size_t i = 0; i < job->window; i++) {
        struct cn_job_slot *slot = &job->slots[i];
        slot->job = job;
        slot->next = job->free_slots;
        cn_buf_init_blocks(&slot->out, job->service->blocks);
        job->free_slots = slot;
    }
    return CN_OK;
}

void cn_job_slots_free(struct cn_job *job) {
    for (size_t i = 0; job->slots && i < job->window; i++) {
        cn_buf_release(&job->slots[i].out);
        free(job->slots[i].inputs);
    }
    free(job->slots);
}

/* What the task reads: a view of the body's text, or of the frame's columns. */
static enum cn_code bind_inputs(struct cn_job_slot *slot, const struct cn_chunk *chunk,
                                struct cn_error *error) {
    struct cn_job *job = slot->job;
    size_t n = 1;

    if (job->spec->source == CN_SOURCE_FRAME)
        n = 4 * slot->plan->n_loaded;
    else if (job->spec->source == CN_SOURCE_GENERATE)
        n = 0;
    if (n > slot->cap_inputs) {
        struct cn_str *inputs = reallocarray(slot->inputs, n, sizeof *inputs);
        if (!inputs)
            return cn_error_memory(error);
        slot->inputs = inputs;
        slot->cap_inputs = n;
    }
    if (job->spec->source == CN_SOURCE_CSV)
        cn_job_bind_text(slot, chunk);
    else if (job->spec->source == CN_SOURCE_FRAME)
        cn_frame_slice(job->view, slot->plan->loaded, slot->plan->n_loaded,
                       (size_t)chunk->first_row, (size_t)chunk->rows, slot->inputs);
    slot->task.inputs = slot->inputs;
    slot->task.n_inputs = n;
    return CN_OK;
}

/* How many rows of a chunk come back; before all chunks ahead were read the bound is the limit. */
static uint64_t output_bound(const struct cn_job *job, const struct cn_chunk *chunk) {
    bool placed = job->spec->source != CN_SOURCE_CSV || job->phase != CN_JOB_BODY;

    if (!job->has_limit)
        return UINT64_MAX;
    if (!placed)
        return job->limit;
    return job->limit > chunk->first_row ? job->limit - chunk->first_row : 0;
}

static struct cn_plan *choose_plan(struct cn_job *job, struct cn_error *error, enum cn_code *code) {
    bool checking = job->phase == CN_JOB_BODY &&
                    (job->failed_compute || job->over || job->failed_body || job->tables);

    *code = CN_OK;
    if (job->phase == CN_JOB_TABLE || (job->phase == CN_JOB_STREAM && job->pass_plan))
        return job->pass_plan;
    if (!checking && job->output_plan)
        return job->output_plan;
    if (!job->check_plan)
        *code = cn_job_compile(job, CN_PASS_CHECK, -1, &job->check_plan, error);
    return job->check_plan;
}

static void task_done(struct cn_task *task) {
    struct cn_job_slot *slot = task->owner;
    struct cn_job *job = slot->job;
    bool deliver;

    pthread_mutex_lock(&job->lock);
    cn_job_drop_text(slot);
    cn_job_collect(job, slot);
    slot->out.len = 0;
    if (slot->out.cap > LARGE_OUTPUT)
        cn_buf_release(&slot->out);
    slot->next = job->free_slots;
    job->free_slots = slot;
    job->in_flight--;
    deliver = cn_job_pump(job);
    pthread_mutex_unlock(&job->lock);
    if (deliver)
        cn_job_deliver(job);
    cn_job_unref(job);
}

/* A small request: the task runs here, at once, without a crossing. */
static void run_here(struct cn_job *job, struct cn_job_slot *slot) {
    struct cn_task *task = &slot->task;
    struct cn_run run = {.plan = task->plan,
                         .args = task->args,
                         .inputs = task->inputs,
                         .n_inputs = task->n_inputs,
                         .out = task->out,
                         .result = task->result,
                         .spans = &task->spans,
                         .stop = &job->group.stop,
                         .deadline_ns = job->group.deadline_ns,
                         .state = job->inline_state};
    int64_t cpu = cn_clock_thread_cpu();
    int64_t booked = 0;

    task->pid = getpid();
    task->worker = 0;
    task->started_ns = run.started_ns = cn_clock_now();
    if (job->group.deadline_ns > 0 && task->started_ns >= job->group.deadline_ns)
        task->code = cn_error_set(&task->error, CN_DEADLINE_EXCEEDED,
                                  "the deadline passed before the work was done");
    else
        task->code = task->load ? task->load(task, &task->error) : CN_OK;
    if (task->code == CN_OK)
        task->code = cn_kind_compute.run(&run, &task->error);
    task->finished_ns = cn_clock_now();
    if (task->code != CN_DEADLINE_EXCEEDED && job->group.deadline_ns > 0 &&
        task->finished_ns >= job->group.deadline_ns) {
        cn_error_init(&task->error);
        memset(task->result, 0, sizeof task->result);
        task->code = cn_error_set(&task->error, CN_DEADLINE_EXCEEDED,
                                  "the deadline passed before the work was done");
    }
    task->cpu_ns = cn_clock_thread_cpu() - cpu;
    for (int s = 0; s < CN_SPAN_COUNT; s++)
        booked += task->spans.ns[s];
    task->spans.ns[CN_SPAN_WAIT] += task->finished_ns - task->started_ns - booked;
    cn_job_drop_text(slot);
    cn_job_collect(job, slot);
}

/* False: the job failed. */
static bool submit(struct cn_job *job, size_t index) {
    struct cn_job_slot *slot = job->free_slots;
    struct cn_chunk *chunk = &job->chunks[index];
    struct cn_morsel_args args = {chunk->first_row, chunk->rows, output_bound(job, chunk)};
    struct cn_error error;
    enum cn_code code;

    cn_error_init(&error);
    slot->plan = choose_plan(job, &error, &code);
    slot->chunk = index;
    slot->output_rows = args.output_rows;
    if (code == CN_OK)
        code = bind_inputs(slot, chunk, &error);
    if (code != CN_OK) {
        cn_job_fail(job, code, &error);
        return false;
    }
    slot->handle = cn_plan_handle(slot->plan);
    slot->out.len = 0;
    slot->task.kind = CN_KIND_COMPUTE;
    slot->task.group = &job->group;
    slot->task.plan = &slot->handle;
    slot->task.out = &slot->out;
    slot->task.done = task_done;
    slot->task.owner = slot;
    slot->task.code = CN_OK;
    cn_error_init(&slot->task.error);
    memset(&slot->task.spans, 0, sizeof slot->task.spans);
    memset(slot->task.result, 0, sizeof slot->task.result);
    memcpy(slot->task.args, &args, sizeof args);
    chunk->state = CN_CHUNK_RUNNING;
    if (job->exchange)
        atomic_store_explicit(&job->exchange->running, true, memory_order_relaxed);
    if (!job->executor) {
        run_here(job, slot);
        return job->code == CN_OK;
    }
    job->free_slots = slot->next;
    job->in_flight++;
    job->refs++;
    code = job->executor->ops->submit(job->executor, &slot->task, &error);
    if (code == CN_OK)
        return true;
    job->refs--;
    job->in_flight--;
    cn_job_drop_text(slot);
    slot->next = job->free_slots;
    job->free_slots = slot;
    cn_job_fail(job, code, &error);
    return false;
}

/* The next chunk that the phase wants run, or n_chunks. */
static size_t next_wanted(struct cn_job *job) {
    size_t ahead = job->phase == CN_JOB_TABLE || job->phase == CN_JOB_STREAM
                       ? job->consumed + job->window
                       : job->n_chunks;

    /* Streamed JSON: the reader begins the first column's pass. */
    if (job->phase == CN_JOB_STREAM && job->spec->sink == CN_SINK_JSON && !job->pass_plan)
        return job->n_chunks;
    if (ahead > job->n_chunks)
        ahead = job->n_chunks;
    /* What is measured runs all chunks, and does so when nothing else is going on. */
    if (job->phase == CN_JOB_BODY && job->measured && (job->cold || !job->body_complete))
        return job->n_chunks;
    if ((job->phase == CN_JOB_OUTPUT && ((job->over && job->run == 0) || job->failed_compute)) ||
        (job->phase == CN_JOB_BODY && job->failed_body))
        return job->n_chunks;
    while (job->next < ahead) {
        if (job->chunks[job->next].state == CN_CHUNK_NEW)
            return job->next;
        job->next++;
    }
    return job->n_chunks;
}

bool cn_job_pump(struct cn_job *job) {
    if (job->running)
        return false;
    job->running = true;
    if (atomic_load(&job->gone) != CN_OK)
        cn_job_fail(job, (enum cn_code)atomic_load(&job->gone), NULL);
    while (job->phase != CN_JOB_ENDED) {
        size_t index = job->code == CN_OK && job->free_slots ? next_wanted(job) : job->n_chunks;
        if (index < job->n_chunks) {
            job->next = index + 1;
            submit(job, index);
        } else if (!cn_job_advance(job)) {
            break;
        }
    }
    job->running = false;
    if (job->phase < CN_JOB_STREAM || !job->wants_reply || job->delivered)
        return false;
    job->delivered = true;
    return true;
}
