/*
 * compute_trial.c: one run of an experiment's work: a job over the workload's frame, whose exchange
 * has no connection, and whose owner waits.
 */
#include <stdlib.h>
#include <xxhash.h>

#include "handlers/compute_workload.h"
#include "base/cond.h"
#include "handlers/inner.h"

/* How often a run looks whether it is still wanted. */
#define LOOK_NS INT64_C(20000000)

struct run {
    struct cn_inner inner; /* first */
    struct cn_compute compute;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool replied;
};

/* It is never routed to: it names what the exchange is for. */
static const struct cn_endpoint endpoint = {.methods = "POST", .path = "/v1/compute"};

static void note_reply(struct cn_inner *inner) {
    struct run *run = inner->owner;

    pthread_mutex_lock(&run->lock);
    run->replied = true;
    pthread_cond_signal(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

static enum cn_code init_run(struct run *run, struct cn_compute_workload *workload,
                             const struct cn_trial *trial, struct cn_error *error) {
    struct cn_service *service = workload->compute.exchange->service;
    struct cn_options *options = &run->compute.options;

    CN_TRY(cn_inner_init(&run->inner, service, &endpoint, service->limits.memory_bytes,
                         "--memory-bytes", error));
    run->inner.replied = note_reply;
    run->inner.owner = run;
    run->inner.exchange.deadline_ns = trial->deadline_ns;
    run->compute = (struct cn_compute){.exchange = &run->inner.exchange};
    *options = workload->compute.options;
    options->executor = trial->executor;
    options->workers = trial->workers;
    options->mode = trial->mode;
    options->chunk_rows = trial->chunk_rows;
    run->replied = false;
    pthread_mutex_init(&run->lock, NULL);
    cn_cond_init(&run->changed);
    return CN_OK;
}

static void release_run(struct run *run) {
    struct cn_job *job = run->compute.job;

    if (job) {
        pthread_mutex_lock(&job->lock);
        job->exchange = NULL;
        pthread_mutex_unlock(&job->lock);
        cn_job_unref(job);
    }
    pthread_cond_destroy(&run->changed);
    pthread_mutex_destroy(&run->lock);
    cn_inner_release(&run->inner);
}

/* The job, over the first `rows` of the frame; the caller holds its lock. */
static enum cn_code set_up(struct run *run, struct cn_compute_workload *workload, uint64_t rows,
                           uint64_t chunk_workers, struct cn_error *error) {
    const struct cn_options *options = &run->compute.options;
    struct cn_job *job = run->compute.job;
    /* Of what was sent; long texts take long to write. */
    size_t bytes = workload->compute.document->columns.len;

    job->bare = true;
    job->view = &workload->frame;
    for (size_t c = 0; c < workload->frame.n_columns; c++)
        job->types[c] = workload->types[c];
    job->has_limit = options->has_limit;
    job->limit = options->limit;
    CN_TRY(cn_job_measure(job, 1, true, error));
    CN_TRY(cn_job_use_plan(job, workload->plans[options->mode], error));
    CN_TRY(cn_compute_place(&run->compute, rows, bytes, false, error));
    CN_TRY(cn_intake_add_rows(&run->compute, rows, chunk_workers, error));
    cn_job_count_rows(job);
    return CN_OK;
}

static enum cn_code start(struct run *run, struct cn_compute_workload *workload, uint64_t rows,
                          uint64_t chunk_workers, struct cn_error *error) {
    enum cn_mode mode = run->compute.options.mode;
    struct cn_job *job;
    enum cn_code code;
    bool deliver = false;

    CN_TRY(cn_compute_workload_prepare(workload, mode, error));
    CN_TRY(cn_job_new(&run->compute.job, &run->inner.exchange, cn_spec_ref(workload->specs[mode]),
                      error));
    job = run->compute.job;
    pthread_mutex_lock(&job->lock);
    code = set_up(run, workload, rows, chunk_workers, error);
    if (code == CN_OK) {
        cn_ledger_enter(&run->inner.exchange.ledger, CN_STAGE_QUEUE, cn_clock_now());
        job->body_complete = true;
        job->wants_reply = true;
        deliver = cn_job_pump(job);
    }
    pthread_mutex_unlock(&job->lock);
    if (deliver)
        cn_job_deliver(job);
    return code;
}

/* Why the run is not wanted any more; CN_OK: it is. */
static enum cn_code why_stopped(const struct cn_trial *trial) {
    if (trial->stop && atomic_load(trial->stop) != 0)
        return CN_CANCELLED;
    if (trial->deadline_ns > 0 && cn_clock_now() >= trial->deadline_ns)
        return CN_DEADLINE_EXCEEDED;
    return CN_OK;
}

/* A run that is given up replies all the same, when its last task has stopped. */
static void wait_for_reply(struct run *run, const struct cn_trial *trial) {
    bool given_up = false;

    pthread_mutex_lock(&run->lock);
    while (!run->replied) {
        enum cn_code why = given_up ? CN_OK : why_stopped(trial);
        if (why != CN_OK) {
            given_up = true;
            /* It may reply at once, which takes the lock. */
            pthread_mutex_unlock(&run->lock);
            cn_job_give_up(run->compute.job, why);
            pthread_mutex_lock(&run->lock);
        } else {
            cn_cond_wait_until(&run->changed, &run->lock, cn_clock_now() + LOOK_NS);
        }
    }
    pthread_mutex_unlock(&run->lock);
}

/* What one chunk wrote: the columns' pieces, one behind the other. */
struct pieces {
    const char *lengths; /* unaligned uint64, one for each column; NULL: it wrote nothing */
    const char *next;
};

static struct pieces *find_pieces(const struct cn_job *job) {
    struct pieces *pieces = calloc(job->n_chunks + 1, sizeof *pieces);

    for (size_t i = 0; pieces && i < job->n_chunks; i++) {
        const struct cn_chunk *chunk = &job->chunks[i];
        struct cn_morsel_trailer trailer;
        if (chunk->has_output &&
            cn_morsel_trailer(chunk->plan, &chunk->result, &chunk->out, &trailer))
            pieces[i] = (struct pieces){trailer.pieces, chunk->out.data};
    }
    return pieces;
}

/* Over each column's bytes in order: where they were cut does not show. A line feed, which no JSON
 * text has in it, ends each column. */
static enum cn_code digest_columns(const struct cn_job *job, uint64_t digest[2],
                                   struct cn_error *error) {
    struct pieces *pieces = find_pieces(job);
    XXH3_state_t *state = XXH3_createState();
    XXH128_hash_t hash;

    if (!state || !pieces) {
        free(pieces);
        XXH3_freeState(state);
        return cn_error_memory(error);
    }
    XXH3_128bits_reset(state);
    for (size_t o = 0; o < job->spec->n_outputs; o++) {
        for (size_t i = 0; i < job->n_chunks; i++) {
            size_t len = pieces[i].lengths ? (size_t)cn_morsel_u64(pieces[i].lengths, o) : 0;
            if (len == 0)
                continue;
            XXH3_128bits_update(state, pieces[i].next, len);
            pieces[i].next += len;
        }
        XXH3_128bits_update(state, "\n", 1);
    }
    hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    free(pieces);
    digest[0] = hash.high64;
    digest[1] = hash.low64;
    return CN_OK;
}

static enum cn_code sum_up(const struct cn_job *job, struct cn_trial_result *result,
                           struct cn_error *error) {
    *result = (struct cn_trial_result){.sample_ns = job->samples[0],
                                       .rows = cn_job_total_rows(job),
                                       .chunk_rows = cn_job_chunk_rows(job),
                                       .workers = job->width,
                                       .executor = job->executor_kind};
    cn_worker_accounts_sum(&job->workers, &result->cpu_ns, &result->spans);
    return digest_columns(job, result->digest, error);
}

static enum cn_code conclude(struct run *run, const struct cn_compute_workload *workload,
                             struct cn_trial_result *result, const char **expression,
                             struct cn_error *error) {
    struct cn_job *job = run->compute.job;
    enum cn_code code;

    pthread_mutex_lock(&job->lock);
    code = job->code;
    if (code == CN_OK)
        code = sum_up(job, result, error);
    else if (error && error->code == CN_OK)
        *error = job->error;
    if (job->error.let >= 0 && (size_t)job->error.let < workload->compute.options.n_lets)
        *expression = workload->texts[job->error.let];
    pthread_mutex_unlock(&job->lock);
    return code;
}

enum cn_code cn_compute_trial_run(struct cn_workload *base, const struct cn_trial *trial,
                                  struct cn_trial_result *result, const char **expression,
                                  struct cn_error *error) {
    struct cn_compute_workload *workload = (struct cn_compute_workload *)(void *)base;
    uint64_t rows = trial->rows > 0 ? trial->rows : base->rows;
    struct run run;
    enum cn_code code;

    *expression = NULL;
    if (rows > workload->frame.rows)
        return cn_error_set(error, CN_INTERNAL, "a run asks for %llu of %zu rows",
                            (unsigned long long)rows, workload->frame.rows);
    CN_TRY(init_run(&run, workload, trial, error));
    code = start(&run, workload, rows, trial->chunk_workers, error);
    if (code == CN_OK) {
        wait_for_reply(&run, trial);
        code = conclude(&run, workload, result, expression, error);
    }
    release_run(&run);
    return code;
}
