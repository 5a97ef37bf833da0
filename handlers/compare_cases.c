/*
 * compare_cases.c: all combinations of what is swept.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "handlers/compare.h"

/* Cases of one mode; what a limit cannot hold is far beyond it. */
static uint64_t cases_of_a_mode(const struct cn_compare_settings *settings) {
    uint64_t n = 0;
    for (size_t i = 0; i < settings->executors.n; i++)
        n += settings->executors.values[i] == CN_EXECUTOR_SERIAL ? 1 : settings->workers.n;
    return n;
}

static enum cn_code count(struct cn_compare *compare, uint64_t *n, struct cn_error *error) {
    const struct cn_compare_settings *settings = &compare->settings;
    uint64_t limit = cn_exchange_limits(compare->exchange)->max_cases;

    *n = cases_of_a_mode(settings);
    bool beyond = __builtin_mul_overflow(*n, settings->modes.n, n);
    beyond = __builtin_mul_overflow(*n, settings->chunk_rows.n, n) || beyond;
    beyond = __builtin_mul_overflow(*n, settings->rows.n, n) || beyond;
    if (!beyond && *n <= limit)
        return CN_OK;
    cn_error_set_limit(error, "--max-cases");
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "the lists make %" PRIu64 " cases%s; the limit is %" PRIu64
                        " (--max-cases)",
                        beyond ? UINT64_MAX : *n, beyond ? " or more" : "", limit);
}

/* The cases of one combination of rows, chunk size and mode. */
static void lay_out_alike(struct cn_compare *compare, const struct cn_case *pattern) {
    const struct cn_compare_settings *settings = &compare->settings;
    for (size_t e = 0; e < settings->executors.n; e++) {
        enum cn_executor_kind executor = (enum cn_executor_kind)settings->executors.values[e];
        size_t n = executor == CN_EXECUTOR_SERIAL ? 1 : settings->workers.n;
        for (size_t w = 0; w < n; w++) {
            struct cn_case *a = &compare->cases[compare->n_cases];
            *a = *pattern;
            a->executor = a->placed = executor;
            a->workers = executor == CN_EXECUTOR_SERIAL ? 1 : settings->workers.values[w];
            if (a->workers > compare->most_workers)
                compare->most_workers = a->workers;
            a->samples = compare->samples + compare->n_cases * settings->repeat;
            compare->n_cases++;
        }
    }
}

enum cn_code cn_compare_lay_out(struct cn_compare *compare, struct cn_error *error) {
    const struct cn_compare_settings *settings = &compare->settings;
    struct cn_case pattern = {.has_mode = settings->map.data == NULL};
    uint64_t n = 0, n_samples;

    CN_TRY(count(compare, &n, error));
    if (__builtin_mul_overflow(n, settings->repeat, &n_samples))
        return cn_error_memory(error);
    compare->cases = calloc(n, sizeof *compare->cases);
    compare->samples = calloc(n_samples, sizeof *compare->samples);
    compare->differing = calloc(n, sizeof *compare->differing);
    if (!compare->cases || !compare->samples || !compare->differing)
        return cn_error_memory(error);
    for (size_t r = 0; r < settings->rows.n; r++)
        for (size_t c = 0; c < settings->chunk_rows.n; c++)
            for (size_t m = 0; m < settings->modes.n; m++) {
                pattern.row_setting = settings->rows.values[r];
                pattern.chunk_setting = settings->chunk_rows.values[c];
                pattern.mode = (enum cn_mode)settings->modes.values[m];
                lay_out_alike(compare, &pattern);
            }
    return CN_OK;
}

enum cn_code cn_compare_keep_here(struct cn_compare *compare, struct cn_error *error) {
    const struct cn_compare_list *executors = &compare->settings.executors;
    size_t kept = 0;

    for (size_t i = 0; executors->given && i < executors->n; i++)
        CN_TRY(cn_executor_may_have_keys((enum cn_executor_kind)executors->values[i], "executors",
                                         error));
    for (size_t i = 0; i < compare->n_cases; i++)
        if (compare->cases[i].executor != CN_EXECUTOR_DASK)
            compare->cases[kept++] = compare->cases[i];
    compare->n_cases = kept;
    return CN_OK;
}

void cn_compare_release(struct cn_compare *compare) {
    if (compare->workload)
        compare->workload->ops->free(compare->workload);
    compare->workload = NULL;
    cn_buf_release(&compare->body);
    free(compare->cases);
    free(compare->samples);
    free(compare->differing);
    compare->cases = NULL;
    compare->samples = NULL;
    compare->differing = NULL;
}
