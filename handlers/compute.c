/*
 * compute.c: POST /v1/compute: columns in, computed columns and hashes out.
 */
#include "handlers/compute.h"

#include <stdlib.h>

#include "handlers/endpoints.h"
#include "handlers/kinds.h"
#include "handlers/origin.h"
#include "handlers/reserve.h"

static void compute_release(struct cn_compute *compute) {
    cn_origin_release(compute->exchange->origin);
    cn_form_free(compute);
    cn_recipe_free(compute->recipe);
    cn_buf_release(&compute->text);
    cn_frame_release(&compute->columns);
    if (compute->job) {
        struct cn_job *job = compute->job;
        pthread_mutex_lock(&job->lock);
        if (job->phase != CN_JOB_ENDED)
            cn_job_fail(job, CN_CANCELLED, NULL);
        job->exchange = NULL;
        if (!compute->intake.in_job)
            cn_intake_release(compute);
        pthread_mutex_unlock(&job->lock);
        cn_job_unref(job);
    } else {
        cn_intake_release(compute);
    }
}

/* A request that ends before its job could reply: what runs is stopped, and the run is recorded. */
static void note_refusal(struct cn_compute *compute, const struct cn_error *why) {
    struct cn_job *job = compute->job;
    struct cn_error judged = *why; /* as it will be told */
    const struct cn_error *error = &judged;

    cn_reserve_judge(compute->exchange, &judged);
    /* An error that names a let gets the text of it. */
    if (error->let >= 0 && (size_t)error->let < compute->options.n_lets) {
        struct cn_str text = compute->options.lets[error->let].text;
        compute->exchange->expression =
            cn_arena_strndup(&compute->exchange->arena, text.data, text.len);
    }
    if (!job || !job->slots) {
        cn_record_plain(compute->exchange, compute->exchange->service->runs, "compute",
                        cn_code_status(error->code), error);
        return;
    }
    pthread_mutex_lock(&job->lock);
    cn_job_fail(job, error->code, error);
    job->delivered = true;
    struct cn_ledger ledger = cn_job_ledger(job, cn_clock_now());
    cn_job_record(job, cn_code_status(error->code), &ledger, error);
    pthread_mutex_unlock(&job->lock);
}

static enum cn_code compute_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_compute *compute = cn_arena_zalloc(&exchange->arena, sizeof *compute);
    enum cn_code code;

    if (!compute)
        return cn_error_memory(error);
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    compute->exchange = exchange;
    exchange->state = compute;
    cn_buf_init_blocks(&compute->text, exchange->service->blocks);
    cn_options_init(&compute->options, &exchange->arena, cn_exchange_limits(exchange));
    code = cn_origin_new(exchange, "/v1/compute", true, error);
    if (code == CN_OK)
        code = cn_compute_read_head(compute, error);
    if (code != CN_OK) {
        note_refusal(compute, error);
        compute_release(compute);
        exchange->state = NULL;
        return code;
    }
    cn_ledger_enter(&exchange->ledger, CN_STAGE_RECEIVE, cn_clock_now());
    return CN_OK;
}

/* A body that turned out to be large gets the room for all of it at once, since growing copies.
 * What was only announced takes none. */
static bool make_room(struct cn_compute *compute) {
    int64_t length = cn_exchange_body_length(compute->exchange);
    struct cn_buf *text = &compute->text;

    if (text->len < CN_READ_AT_ONCE_BYTES || length < 0 || (uint64_t)length <= text->cap)
        return true;
    return cn_buf_reserve(text, (size_t)length - text->len);
}

/* JSON is kept until it is complete; so is the start of a body whose kind is not known yet. */
static enum cn_code take(struct cn_compute *compute, struct cn_str text, struct cn_error *error) {
    if (compute->form)
        return cn_form_feed(compute, text, error);
    cn_origin_data(compute->exchange->origin, text);
    if (compute->kind == CN_BODY_CSV || compute->kind == CN_BODY_TSV)
        return cn_intake_text(compute, text, error);
    if (!make_room(compute) || !cn_buf_add_str(&compute->text, text))
        return cn_error_memory(error);
    if (compute->kind == CN_BODY_UNSTATED) {
        struct cn_str so_far = cn_buf_str(&compute->text);
        enum cn_body_kind kind = cn_body_sniff(&compute->type, so_far, false);
        if (kind == CN_BODY_UNSTATED)
            return CN_OK;
        CN_TRY(cn_compute_settle_kind(compute, kind, error));
        if (kind == CN_BODY_JSON) {
            CN_TRY(cn_reserve_whole(compute->exchange, error));
        } else {
            CN_TRY(cn_intake_text(compute, so_far, error));
            cn_buf_release(&compute->text);
        }
    }
    return CN_OK;
}

enum cn_code cn_compute_look(struct cn_compute *compute, struct cn_error *error) {
    struct cn_job *job = compute->job;

    if (atomic_load(&compute->gone)) {
        enum cn_code why = cn_exchange_why_gone(compute->exchange);
        return cn_error_set(error, why, "%s", cn_code_title(why));
    }
    if (!job || !job->slots)
        return CN_OK;
    cn_job_pump(job);
    if (job->code == CN_OK && job->failed_body)
        cn_job_body_fault(job);
    if (job->code != CN_OK)
        *error = job->error;
    return job->code;
}

void cn_compute_let_in(struct cn_compute *compute, bool end) {
    if (compute->job && end)
        pthread_mutex_lock(&compute->job->lock);
    else if (compute->job)
        pthread_mutex_unlock(&compute->job->lock);
}

/* After every step: pump the job, and notice when it has failed. Gives up the job's lock. */
static enum cn_code pump(struct cn_compute *compute, enum cn_code code, struct cn_error *error) {
    if (!compute->job)
        return code;
    if (code == CN_OK)
        code = cn_compute_look(compute, error);
    pthread_mutex_unlock(&compute->job->lock);
    return code;
}

static enum cn_body_verdict compute_body(struct cn_exchange *exchange, const char *data,
                                         size_t len) {
    struct cn_compute *compute = exchange->state;
    struct cn_error error;
    enum cn_code code;

    cn_error_init(&error);
    if (compute->job)
        pthread_mutex_lock(&compute->job->lock);
    code = take(compute, cn_str(data, len), &error);
    code = pump(compute, code, &error);
    if (code == CN_OK)
        return CN_BODY_MORE;
    note_refusal(compute, &error);
    exchange->error = error;
    return CN_BODY_REFUSE;
}

static void compute_broken(struct cn_exchange *exchange, const struct cn_error *error) {
    note_refusal(exchange->state, error);
}

static enum cn_code end_body(struct cn_compute *compute, bool may_cross, bool *cross,
                             struct cn_error *error) {
    if (!compute->form)
        cn_origin_end(compute->exchange->origin);
    if (compute->document) {
        /* Only what was too much for the thread that received it is left to do. */
    } else if (compute->form) {
        CN_TRY(cn_form_end(compute, error));
    } else if (compute->kind == CN_BODY_UNSTATED) {
        CN_TRY(cn_compute_settle_kind(
            compute, cn_body_sniff(&compute->type, cn_buf_str(&compute->text), true), error));
        if (compute->kind != CN_BODY_JSON)
            CN_TRY(cn_intake_text(compute, cn_buf_str(&compute->text), error));
    }
    if (compute->kind == CN_BODY_JSON)
        return cn_intake_json(compute, may_cross, cross, error);
    return cn_intake_end(compute, error);
}

/* The body is complete: what is left to read of it, and the job. True, and nothing was done: what
 * is left is too much for this thread (only if `may_cross`). */
static bool end_and_run(struct cn_compute *compute, bool may_cross) {
    struct cn_exchange *exchange = compute->exchange;
    struct cn_job *job;
    struct cn_error error;
    enum cn_code code;
    bool deliver = false;
    bool cross = false;

    cn_error_init(&error);
    if (compute->job)
        pthread_mutex_lock(&compute->job->lock);
    code = end_body(compute, may_cross, &cross, &error);
    if (code == CN_OK && cross)
        return true;
    job = compute->job;
    atomic_store(&compute->ending, false);
    if (job && code == CN_OK) {
        cn_ledger_enter(&exchange->ledger, CN_STAGE_QUEUE, cn_clock_now());
        job->body_complete = true;
        job->wants_reply = true;
        job->refs++; /* the reply may close the exchange at once */
        if (atomic_load(&compute->gone))
            cn_job_fail(job, cn_exchange_why_gone(exchange), NULL);
        deliver = cn_job_pump(job);
    }
    if (job)
        pthread_mutex_unlock(&job->lock);
    if (deliver)
        cn_job_deliver(job);
    if (job && code == CN_OK)
        cn_job_unref(job);
    if (code != CN_OK) {
        note_refusal(compute, &error);
        cn_exchange_fail(exchange, &error, NULL);
    }
    return false;
}

/* ---- a large body that had to wait for its end ---------------------------------------------- */

/* The crossing of a request whose body (JSON, or a form) can only now be read, and is too large to
 * be read on a thread that serves connections; or of which so much is on disk that what follows
 * might wait for it. */
struct ending {
    struct cn_task task; /* first */
    struct cn_group group;
    struct cn_plan_ref plan;
    struct cn_compute *compute;
    bool ran;
};

enum cn_code cn_compute_run_ending(struct cn_run *run, struct cn_error *error) {
    /* `local` is const for plans, which are shared; this one is the task's own. */
    struct ending *ending = (struct ending *)(uintptr_t)run->plan->local;

    (void)error;
    ending->ran = true;
    end_and_run(ending->compute, false);
    return CN_OK;
}

static void ending_done(struct cn_task *task) {
    struct ending *ending = task->owner;

    if (!ending->ran) {
        note_refusal(ending->compute, &task->error);
        cn_exchange_fail(ending->compute->exchange, &task->error, NULL);
    }
    free(ending);
}

/* False: it stays on this thread. */
static bool cross_over(struct cn_compute *compute) {
    struct cn_executor *threads = compute->exchange->service->executors[CN_EXECUTOR_THREADS];
    struct ending *ending = calloc(1, sizeof *ending);

    if (!ending)
        return false;
    cn_group_init(&ending->group, 1, compute->exchange->deadline_ns);
    ending->compute = compute;
    ending->plan.local = ending;
    ending->task.kind = CN_KIND_INTAKE;
    ending->task.group = &ending->group;
    ending->task.plan = &ending->plan;
    ending->task.done = ending_done;
    ending->task.owner = ending;
    cn_error_init(&ending->task.error);
    atomic_store(&compute->ending, true);
    if (threads->ops->submit(threads, &ending->task, NULL) == CN_OK)
        return true;
    atomic_store(&compute->ending, false);
    free(ending);
    return false;
}

static void compute_finish(struct cn_exchange *exchange) {
    struct cn_compute *compute = exchange->state;
    size_t waiting = compute->text.len + cn_form_waiting(compute);

    /* What is left to do with the text, up to the first chunk, counts as planning. */
    cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
    bool on_disk = compute->job && compute->job->spool;
    if (waiting < CN_READ_AT_ONCE_BYTES && !on_disk && !end_and_run(compute, true))
        return;
    if (!cross_over(compute))
        end_and_run(compute, false);
}

/* The client left, or its time is over. */
static void compute_gone(struct cn_exchange *exchange) {
    struct cn_compute *compute = exchange->state;

    atomic_store(&compute->gone, true);
    if (atomic_load(&compute->ending))
        return; /* it looks when the body is read */
    if (compute->job && compute->job->slots)
        cn_job_give_up(compute->job, cn_exchange_why_gone(exchange));
}

static void compute_close(struct cn_exchange *exchange) {
    struct cn_compute *compute = exchange->state;

    if (!compute)
        return;
    if (exchange->send_ns > 0)
        cn_runs_sent(exchange->service->runs, exchange->run, exchange->send_ns);
    compute_release(compute);
    exchange->state = NULL;
}

const struct cn_endpoint cn_endpoint_compute = {
    .methods = "POST,PUT,QUERY",
    .path = "/v1/compute",
    .operation = CN_OPERATION_COMPUTE,
    .takes_body = true,
    .works = true,
    .deferrable = true,
    .open = compute_open,
    .body = compute_body,
    .broken = compute_broken,
    .finish = compute_finish,
    .gone = compute_gone,
    .close = compute_close,
};
