/*
 * map_workload.c: a map as the work of an experiment: read once, run under one placement after
 * another by a thread that may wait.
 */
#include <stdlib.h>

#include <xxhash.h>

#include "handlers/map.h"
#include "base/cond.h"
#include "handlers/workload.h"

#define POLL_NS INT64_C(20000000)

struct workload {
    struct cn_workload face; /* first */
    struct cn_service *service;
    struct cn_arena arena;
    struct cn_map_request request;
    int retries; /* as in struct cn_options */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool ended;
};

/* ---- one run ------------------------------------------------------------------------------- */

static void note_end(struct cn_map_run *run) {
    struct workload *workload = run->owner;
    pthread_mutex_lock(&workload->lock);
    workload->ended = true;
    pthread_cond_signal(&workload->changed);
    pthread_mutex_unlock(&workload->lock);
}

/* Waits for the end of the run, which the experiment may ask for early. */
static void wait_for(struct workload *workload, struct cn_map_run *run, const atomic_int *stop) {
    bool told = false;
    pthread_mutex_lock(&workload->lock);
    while (!workload->ended) {
        if (!told && stop && atomic_load(stop) != 0) {
            told = true;
            pthread_mutex_unlock(&workload->lock);
            cn_map_run_stop(run, CN_CANCELLED);
            pthread_mutex_lock(&workload->lock);
            continue;
        }
        cn_cond_wait_until(&workload->changed, &workload->lock, cn_clock_now() + POLL_NS);
    }
    pthread_mutex_unlock(&workload->lock);
}

/* Of results and failures in the order of the arguments. */
static bool digest(const struct cn_map_run *run, uint64_t out[2]) {
    XXH3_state_t *state = XXH3_createState();
    if (!state)
        return false;
    XXH3_128bits_reset(state);
    for (size_t i = 0; i < run->request->n_calls; i++) {
        const struct cn_map_future *future = &run->futures[i];
        struct cn_str text = cn_map_text(run, future);
        if (future->code != CN_OK)
            text = cn_str_c(cn_code_name((enum cn_code)future->code));
        XXH3_128bits_update(state, future->code != CN_OK ? "!" : "=", 1);
        XXH3_128bits_update(state, text.data, text.len);
        XXH3_128bits_update(state, "\n", 1);
    }
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    out[0] = hash.high64;
    out[1] = hash.low64;
    return true;
}

/* What the service could not do says nothing of the function, so it may not count as a result. */
static enum cn_code check_calls(const struct cn_map_run *run, struct cn_error *error) {
    for (size_t i = 0; i < run->request->n_calls; i++) {
        enum cn_code code = (enum cn_code)run->futures[i].code;
        if (cn_code_status(code) >= 500 || code == CN_LIMIT_EXCEEDED)
            return cn_error_set(error, code, "call %zu could not be made: %s", i,
                                cn_code_title(code));
    }
    return CN_OK;
}

static enum cn_code sum_up(const struct cn_map_run *run, struct cn_trial_result *result,
                           struct cn_error *error) {
    *result = (struct cn_trial_result){.rows = run->request->n_calls,
                                       .chunk_rows = run->request->chunksize,
                                       .workers = run->place.width,
                                       .executor = run->place.kind};
    if (run->pass_ns > 0)
        result->sample_ns = run->pass_end_ns - run->pass_ns;
    cn_worker_accounts_sum(&run->workers, &result->cpu_ns, &result->spans);
    for (size_t i = 0; i < run->request->n_calls; i++)
        result->failed += run->futures[i].code != CN_OK;
    return digest(run, result->digest) ? CN_OK : cn_error_memory(error);
}

/* The calls of `one`, which has one in each task, in tasks of `chunksize`. The cuts are the
 * caller's to free. */
static enum cn_code cut_again(const struct cn_map_request *one, uint64_t chunksize,
                              struct cn_map_request *many, struct cn_error *error) {
    size_t each = chunksize < one->n_calls ? (size_t)chunksize : one->n_calls;

    *many = *one;
    many->chunksize = chunksize;
    many->n_tasks = each > 0 ? (one->n_calls + each - 1) / each : 0;
    many->cuts = reallocarray(NULL, many->n_tasks + 1, sizeof *many->cuts);
    if (!many->cuts)
        return cn_error_memory(error);
    for (size_t task = 0; task < many->n_tasks; task++) {
        size_t first = task * each;
        size_t last = one->n_calls - first > each ? first + each - 1 : one->n_calls - 1;
        many->cuts[task] = (struct cn_map_cut){one->cuts[first].start, one->cuts[last].end};
    }
    return CN_OK;
}

static enum cn_code run_once(struct workload *workload, const struct cn_map_request *request,
                             const struct cn_trial *trial, struct cn_trial_result *result,
                             struct cn_error *error) {
    struct cn_map_place place;
    struct cn_map_run run;
    enum cn_code code;

    cn_map_choose(&place, workload->service, request, trial->executor, trial->workers);
    place.retries = workload->retries;
    CN_TRY(cn_map_run_init(&run, workload->service, request, &place, 1, trial->deadline_ns, error));
    run.ended = note_end;
    run.owner = workload;
    workload->ended = false;
    cn_map_run_start(&run);
    wait_for(workload, &run, trial->stop);
    code = run.code;
    if (code != CN_OK && error)
        *error = run.error;
    if (code == CN_OK)
        code = check_calls(&run, error);
    if (code == CN_OK)
        code = sum_up(&run, result, error);
    cn_map_run_release(&run);
    return code;
}

static enum cn_code workload_run(struct cn_workload *face, const struct cn_trial *trial,
                                 struct cn_trial_result *result, const char **expression,
                                 struct cn_error *error) {
    struct workload *workload = (struct workload *)(void *)face;
    struct cn_map_request request;
    enum cn_code code;

    *expression = NULL;
    if (trial->chunk_rows <= 1)
        return run_once(workload, &workload->request, trial, result, error);
    CN_TRY(cut_again(&workload->request, trial->chunk_rows, &request, error));
    code = run_once(workload, &request, trial, result, error);
    free(request.cuts);
    return code;
}

/* ---- making and ending --------------------------------------------------------------------- */

static void workload_free(struct cn_workload *face) {
    struct workload *workload = (struct workload *)(void *)face;

    if (!workload)
        return;
    pthread_cond_destroy(&workload->changed);
    pthread_mutex_destroy(&workload->lock);
    cn_arena_release(&workload->arena);
    free(workload);
}

static const struct cn_workload_ops ops = {.run = workload_run, .free = workload_free};

static void init_sync(struct workload *workload) {
    cn_cond_init(&workload->changed);
    pthread_mutex_init(&workload->lock, NULL);
}

enum cn_code cn_map_workload_new(struct cn_workload **result, struct cn_exchange *exchange,
                                 struct cn_str body, struct cn_error *error) {
    struct workload *workload = calloc(1, sizeof *workload);
    struct cn_options options;

    *result = NULL;
    if (!workload)
        return cn_error_memory(error);
    workload->face.ops = &ops;
    workload->service = exchange->service;
    cn_arena_init(&workload->arena, (size_t)16 << 10);
    init_sync(workload);
    cn_options_init(&options, &workload->arena, cn_exchange_limits(exchange));
    /* The arguments stay in the text that the experiment came with only as long as that does. */
    struct cn_str text = cn_arena_str(&workload->arena, body);
    enum cn_code code = text.data ? cn_map_read(&workload->request, &options, text, true, error)
                                  : cn_error_memory(error);
    if (code != CN_OK) {
        workload_free(&workload->face);
        return code;
    }
    workload->retries = options.retries;
    workload->face.rows = workload->request.n_calls;
    workload->face.what = workload->request.recipe;
    *result = &workload->face;
    return CN_OK;
}
