/*
 * compare_run.c: the trials of an experiment.
 *
 * This is blocking, sequential code: it runs on the thread of the experiments (experiments.h), the
 * only one of the handlers that may wait.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handlers/compare.h"
#include "handlers/shown.h"

/* ---- ends that are not the work's own --------------------------------------------------- */

enum cn_code cn_compare_stopped(enum cn_code why, struct cn_error *error) {
    switch (why) {
    case CN_DEADLINE_EXCEEDED:
        return cn_error_set(error, why, "the deadline passed before all cases were measured");
    case CN_DRAINING:
        return cn_error_set(error, why, "the service is going down");
    default:
        return cn_error_set(error, why, "the experiment was cancelled");
    }
}

static bool is_late(const struct cn_exchange *exchange) {
    int64_t deadline = exchange->deadline_ns;
    return deadline > 0 && deadline <= cn_clock_now();
}

/* Names the case in front of what happened. */
static void explain(struct cn_error *error, const struct cn_case *a) {
    struct cn_error full = *error;
    struct cn_buf name = CN_BUF_INIT;
    if (cn_case_name(&name, a, a->chunk_setting > 0)) {
        struct cn_str shown = cn_shown(cn_buf_str(&name), 160);
        int len = snprintf(full.detail, sizeof full.detail, "%.*s: ", (int)shown.len, shown.data);
        struct cn_str rest =
            cn_shown(cn_str_c(error->detail), sizeof full.detail - 1 - (size_t)len);
        memcpy(full.detail + len, rest.data, rest.len);
        full.detail[(size_t)len + rest.len] = '\0';
        *error = full;
    }
    cn_buf_release(&name);
}

/* ---- one trial -------------------------------------------------------------------------- */

static uint64_t rows_of(const struct cn_compare *compare, const struct cn_case *a) {
    return a->row_setting > 0 ? a->row_setting : compare->workload->rows;
}

static enum cn_code try_case(struct cn_compare *compare, const struct cn_case *a,
                             struct cn_trial_result *result, struct cn_error *error) {
    struct cn_exchange *exchange = compare->exchange;
    const struct cn_trial trial = {.executor = a->executor,
                                   .workers = a->workers,
                                   .mode = a->mode,
                                   .chunk_rows = a->chunk_setting,
                                   /* More workers are to change nothing else. */
                                   .chunk_workers = compare->most_workers,
                                   .rows = a->row_setting,
                                   .deadline_ns = exchange->deadline_ns,
                                   .stop = &compare->experiment.stop};
    enum cn_code stopped = (enum cn_code)atomic_load(&compare->experiment.stop);
    const char *expression = NULL;

    *result = (struct cn_trial_result){0};
    if (stopped == CN_OK && is_late(exchange))
        stopped = CN_DEADLINE_EXCEEDED;
    if (stopped != CN_OK)
        return cn_compare_stopped(stopped, error);
    enum cn_code code =
        compare->workload->ops->run(compare->workload, &trial, result, &expression, error);
    if (code == CN_OK) {
        atomic_fetch_add(&exchange->done_rows, rows_of(compare, a));
        return CN_OK;
    }
    /* A run that was told to stop says only that it was. */
    stopped = (enum cn_code)atomic_load(&compare->experiment.stop);
    if (code == CN_DEADLINE_EXCEEDED)
        stopped = code;
    if (stopped != CN_OK) {
        cn_error_init(error);
        return cn_compare_stopped(stopped, error);
    }
    if (expression)
        exchange->expression = cn_arena_strndup(&exchange->arena, expression, strlen(expression));
    explain(error, a);
    return code;
}

/* ---- all of them ------------------------------------------------------------------------ */

/* Also warms caches and pools, and gives what does not vary. */
static enum cn_code warm_up(struct cn_compare *compare, struct cn_case *a, struct cn_error *error) {
    struct cn_trial_result result;
    CN_TRY(try_case(compare, a, &result, error));
    a->digest[0] = result.digest[0];
    a->digest[1] = result.digest[1];
    a->rows = result.rows;
    a->failed = result.failed;
    a->chunk_rows = result.chunk_rows;
    a->placed = result.executor;
    return CN_OK;
}

static void book(struct cn_case *a, const struct cn_spans *spans) {
    a->lock_ns += spans->ns[CN_SPAN_LOCK];
    a->ship_ns += spans->ns[CN_SPAN_SHIP];
    a->schedule_ns += spans->ns[CN_SPAN_SCHEDULE];
    a->fetch_ns += spans->ns[CN_SPAN_FETCH];
    for (enum cn_span span = CN_SPAN_PARSE; span <= CN_SPAN_ENCODE; span++)
        a->compute_ns += spans->ns[span];
}

static enum cn_code sample(struct cn_compare *compare, struct cn_case *a, struct cn_error *error) {
    struct cn_service *service = compare->exchange->service;
    struct cn_trial_result result;
    uint64_t begun = atomic_load(&service->work_begun);
    bool company = atomic_load(&service->work_running) > 0;

    CN_TRY(try_case(compare, a, &result, error));
    company = company || atomic_load(&service->work_running) > 0 ||
              atomic_load(&service->work_begun) != begun;
    a->samples[a->n_samples++] = result.sample_ns;
    a->cpu_ns += result.cpu_ns;
    book(a, &result.spans);
    a->disturbed = a->disturbed || company;
    a->unsteady =
        a->unsteady || result.digest[0] != a->digest[0] || result.digest[1] != a->digest[1];
    return CN_OK;
}

/* SplitMix64 (Steele, Lea, Flood, 2014): the same orders in every experiment. */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Fisher and Yates: what slows down one round, or follows on one case, meets another the next
 * time. */
static void shuffle(size_t *order, size_t n, uint64_t *state) {
    for (size_t i = n; i > 1; i--) {
        size_t k = (size_t)(next_random(state) % i);
        size_t other = order[k];
        order[k] = order[i - 1];
        order[i - 1] = other;
    }
}

static enum cn_code run_rounds(struct cn_compare *compare, size_t *order, struct cn_error *error) {
    uint64_t state = 0;

    for (size_t i = 0; i < compare->n_cases; i++)
        order[i] = i;
    for (uint64_t round = 0; round < compare->settings.repeat; round++) {
        shuffle(order, compare->n_cases, &state);
        for (size_t i = 0; i < compare->n_cases; i++) {
            CN_TRY(sample(compare, &compare->cases[order[i]], error));
            cn_experiments_sweep(compare->exchange->service->experiments);
        }
    }
    return CN_OK;
}

static enum cn_code run_cases(struct cn_compare *compare, struct cn_error *error) {
    struct cn_exchange *exchange = compare->exchange;
    uint64_t total = 0;

    for (size_t i = 0; i < compare->n_cases; i++)
        total += rows_of(compare, &compare->cases[i]) * (compare->settings.repeat + 1);
    atomic_store(&exchange->total_rows, total);
    for (size_t i = 0; i < compare->n_cases; i++) {
        CN_TRY(warm_up(compare, &compare->cases[i], error));
        cn_experiments_sweep(exchange->service->experiments);
    }
    size_t *order = calloc(compare->n_cases, sizeof *order);
    if (!order)
        return cn_error_memory(error);
    enum cn_code code = run_rounds(compare, order, error);
    free(order);
    return code;
}

/* ---- what they say ---------------------------------------------------------------------- */

static void sum_up(struct cn_compare *compare) {
    struct cn_case *cases = compare->cases;
    const struct cn_case *first = cases;

    for (size_t i = 0; i < compare->n_cases; i++) {
        struct cn_case *a = &cases[i];
        cn_samples_sum_up(a->samples, a->n_samples, &a->stats);
        if (a->row_setting != first->row_setting)
            first = a;
        if (a->unsteady || a->digest[0] != first->digest[0] || a->digest[1] != first->digest[1])
            compare->differing[compare->n_differing++] = i;
    }
    for (size_t i = 0; i < compare->n_cases; i++) {
        const struct cn_case *serial = cn_case_serial(cases, compare->n_cases, &cases[i]);
        if (serial)
            cases[i].speedup = cn_case_time(serial) / cn_case_time(&cases[i]);
    }
}

static enum cn_code make_workload(struct cn_compare *compare, struct cn_error *error) {
    struct cn_exchange *exchange = compare->exchange;
    const struct cn_compare_settings *settings = &compare->settings;
    uint64_t most_rows = 0;

    for (size_t i = 0; i < settings->rows.n; i++)
        if (settings->rows.values[i] > most_rows)
            most_rows = settings->rows.values[i];
    if (settings->map.data)
        CN_TRY(cn_map_workload_new(&compare->workload, exchange, settings->map, error));
    else
        CN_TRY(cn_compute_workload_new(&compare->workload, exchange, settings->compute, most_rows,
                                       &compare->experiment.stop, error));
    if (compare->workload->keyed)
        CN_TRY(cn_compare_keep_here(compare, error));
    if (most_rows > 0 && !compare->workload->generated) {
        cn_error_set_parameter(error, CN_STR("rows"));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "rows applies to a generated frame only; the workload has columns");
    }
    return CN_OK;
}

enum cn_code cn_compare_measure(struct cn_compare *compare, struct cn_error *error) {
    struct cn_ledger *ledger = &compare->exchange->ledger;

    cn_ledger_enter(ledger, CN_STAGE_EXECUTE, cn_clock_now());
    CN_TRY(run_cases(compare, error));
    cn_ledger_enter(ledger, CN_STAGE_GATHER, cn_clock_now());
    sum_up(compare);
    return CN_OK;
}

enum cn_code cn_compare_run(struct cn_compare *compare, struct cn_error *error) {
    struct cn_ledger *ledger = &compare->exchange->ledger;

    atomic_store(&compare->exchange->running, true);
    if (!compare->settled) {
        cn_ledger_enter(ledger, CN_STAGE_DECODE, cn_clock_now());
        CN_TRY(cn_compare_settle(compare, error));
    }
    cn_ledger_enter(ledger, CN_STAGE_PLAN, cn_clock_now());
    enum cn_code code = make_workload(compare, error);
    int stopped = atomic_load(&compare->experiment.stop);
    if (code != CN_OK && stopped != CN_OK) {
        cn_error_init(error);
        return cn_compare_stopped((enum cn_code)stopped, error);
    }
    CN_TRY(code);
    return cn_compare_measure(compare, error);
}
