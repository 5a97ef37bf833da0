#include "handlers/amdahl.h"

#include <inttypes.h>
#include <stdio.h>

/* The worker counts within the CPUs, each counted once. */
static size_t count_within(const struct cn_amdahl_point *points, size_t n, uint64_t usable) {
    size_t counts = 0;
    for (size_t i = 0; i < n; i++) {
        bool seen = points[i].workers > usable;
        for (size_t k = 0; k < i && !seen; k++)
            seen = points[k].workers == points[i].workers;
        counts += !seen;
    }
    return counts;
}

void cn_amdahl_fit(const struct cn_amdahl_point *points, size_t n, uint64_t usable,
                   struct cn_amdahl *result) {
    double alone_ns = 0, above = 0, below = 0;
    size_t counts = count_within(points, n, usable);

    *result = (struct cn_amdahl){.known = false};
    for (size_t i = 0; i < n && alone_ns == 0; i++)
        if (points[i].workers == 1)
            alone_ns = points[i].time_ns;
    if (counts < 3) {
        snprintf(result->reason, sizeof result->reason,
                 "a fit needs three worker counts within the %" PRIu64 " usable CPUs; there %s %zu",
                 usable, counts == 1 ? "is" : "are", counts);
        return;
    }
    if (alone_ns == 0) {
        snprintf(result->reason, sizeof result->reason, "a fit needs a case with 1 worker");
        return;
    }
    /* With y = 1/S(n) and x = 1 - 1/n the law is the line y - 1/n = f x through the origin. */
    for (size_t i = 0; i < n; i++) {
        if (points[i].workers > usable)
            continue;
        double share = 1 / (double)points[i].workers;
        above += (points[i].time_ns / alone_ns - share) * (1 - share);
        below += (1 - share) * (1 - share);
    }
    double fraction = above / below; /* counts other than 1 were seen: below is above 0 */
    result->known = true;
    result->serial_fraction = fraction < 0 ? 0 : fraction > 1 ? 1 : fraction;
}

size_t cn_amdahl_fit_cases(const struct cn_case *cases, size_t n, size_t first, uint64_t usable,
                           struct cn_amdahl *result) {
    struct cn_amdahl_point points[CN_GROUP_MEMBERS];
    size_t n_points = 0, at = first;

    for (; at < n && cases[at].executor == cases[first].executor &&
           cn_case_alike(&cases[at], &cases[first]);
         at++)
        if (n_points < CN_GROUP_MEMBERS)
            points[n_points++] =
                (struct cn_amdahl_point){cases[at].workers, cn_case_time(&cases[at])};
    cn_amdahl_fit(points, n_points, usable, result);
    if (cases[first].executor == CN_EXECUTOR_AUTO) {
        result->known = false;
        snprintf(result->reason, sizeof result->reason,
                 "auto may choose another executor for each number of workers");
    }
    if (cases[first].executor == CN_EXECUTOR_DASK) {
        result->known = false;
        snprintf(result->reason, sizeof result->reason,
                 "workers of dask are tasks under way at once, whose CPUs are other machines'");
    }
    return at;
}
