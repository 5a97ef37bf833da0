#include "handlers/compare_case.h"

#include <inttypes.h>
#include <math.h>

double cn_case_time(const struct cn_case *a) {
    return fmax(round(a->stats.median_ns), 1);
}

/* A smaller difference is none, however little the samples vary: it would be read as x1. */
#define NO_DIFFERENCE 0.005

bool cn_cases_equal(const struct cn_case *a, const struct cn_case *b) {
    const struct cn_case *slower = cn_case_time(a) < cn_case_time(b) ? b : a;
    const struct cn_case *faster = slower == a ? b : a;
    double difference = cn_case_time(slower) - cn_case_time(faster);
    if (difference <= NO_DIFFERENCE * cn_case_time(slower))
        return true;
    /* Other programs only ever add to a time. However far the samples scatter, cases differ if not
     * even the slower one's best sample came near to what the faster one does half of the time. */
    return difference <= a->stats.stddev_ns + b->stats.stddev_ns &&
           (double)slower->stats.min_ns <= cn_case_time(faster);
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

uint64_t cn_case_tasks(const struct cn_case *a) {
    uint64_t each = a->chunk_rows > 0 ? a->chunk_rows : 1;
    return a->rows / each + (a->rows % each > 0);
}

bool cn_case_starved(const struct cn_case *a) {
    return a->placed != CN_EXECUTOR_SERIAL && cn_case_tasks(a) < a->workers;
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
    if (a->executor == CN_EXECUTOR_GIL)
        ok = ok && cn_buf_add_c(out, " (emulated)");
    if (a->executor != CN_EXECUTOR_SERIAL)
        ok = ok && cn_buf_printf(out, " with %" PRIu64 " worker%s", a->workers,
                                 a->workers == 1 ? "" : "s");
    if (a->has_mode)
        ok = ok && cn_buf_printf(out, " in mode %s", cn_mode_name(a->mode));
    if (chunks && !a->has_mode)
        ok = ok && cn_buf_printf(out, " in chunks of %" PRIu64 " call%s",
                                 a->chunk_setting > 0 ? a->chunk_setting : 1,
                                 a->chunk_setting > 1 ? "s" : "");
    else if (chunks && a->chunk_setting > 0)
        ok = ok && cn_buf_printf(out, " in chunks of %" PRIu64 " rows", a->chunk_setting);
    else if (chunks)
        ok = ok && cn_buf_add_c(out, " in chunks as chosen");
    return ok;
}
