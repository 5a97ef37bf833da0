#include "handlers/compare_case.h"

#include <inttypes.h>
#include <math.h>

double cn_case_time(const struct cn_case *a) {
    return a->stats.median_ns < 1 ? 1 : a->stats.median_ns;
}

/* A smaller difference is none, however little the samples vary: it would be read as x1. */
#define NO_DIFFERENCE 0.005

bool cn_cases_equal(const struct cn_case *a, const struct cn_case *b) {
    return fabs(cn_case_time(a) - cn_case_time(b)) <=
           fmax(a->stats.stddev_ns + b->stats.stddev_ns, NO_DIFFERENCE * cn_case_time(b));
}

bool cn_case_alike(const struct cn_case *a, const struct cn_case *b) {
    return a->mode == b->mode && a->chunk_setting == b->chunk_setting &&
           a->row_setting == b->row_setting;
}

const struct cn_case *cn_case_serial(const struct cn_case *cases, size_t n,
                                     const struct cn_case *a) {
    /* cases that are alike stand together */
    const struct cn_case *at = a;
    while (at > cases && cn_case_alike(at - 1, a))
        at--;
    for (; at < cases + n && cn_case_alike(at, a); at++)
        if (at->executor == CN_EXECUTOR_SERIAL)
            return at;
    return NULL;
}

uint64_t cn_cases_most_rows(const struct cn_case *cases, size_t n) {
    uint64_t most = 0;
    for (size_t i = 0; i < n; i++)
        if (cases[i].rows > most)
            most = cases[i].rows;
    return most;
}

bool cn_cases_sweep_chunks(const struct cn_case *cases, size_t n) {
    for (size_t i = 1; i < n; i++)
        if (cases[i].chunk_setting != cases[0].chunk_setting)
            return true;
    return false;
}

bool cn_case_name(struct cn_buf *out, const struct cn_case *a, bool chunks) {
    bool ok = cn_buf_add_c(out, cn_executor_kind_name(a->executor));
    if (a->executor != CN_EXECUTOR_SERIAL)
        ok = ok && cn_buf_printf(out, " with %" PRIu64 " worker%s", a->workers,
                                 a->workers == 1 ? "" : "s");
    if (a->has_mode)
        ok = ok && cn_buf_printf(out, " in mode %s", cn_mode_name(a->mode));
    if (chunks && a->chunk_setting > 0)
        ok = ok && cn_buf_printf(out, " in chunks of %" PRIu64 " %s", a->chunk_setting,
                                 a->has_mode ? "rows" : "calls");
    else if (chunks)
        ok = ok && cn_buf_add_c(out, " in chunks as chosen");
    return ok;
}
