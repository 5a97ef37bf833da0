/*
 * compare_helpers.h: synthetic cases for the tests of comparisons.
 */
#ifndef CN_TESTS_COMPARE_HELPERS_H
#define CN_TESTS_COMPARE_HELPERS_H

#include "handlers/compare_case.h"

#define MS 1e6

/* A case whose samples all took that long. Only what the functions under test look at. */
static inline struct cn_case make_case(enum cn_executor_kind executor, uint64_t workers,
                                       enum cn_mode mode, double time_ns) {
    return (struct cn_case){
        .executor = executor,
        .placed = executor,
        .workers = workers,
        .mode = mode,
        .has_mode = true,
        .rows = 1000,
        .chunk_rows = 50,
        .n_samples = 5,
        .stats = {.mean_ns = time_ns, .median_ns = time_ns, .stddev_ns = 0},
    };
}

#define SERIAL(mode, ns) make_case(CN_EXECUTOR_SERIAL, 1, CN_MODE_##mode, ns)
#define GIL(workers, mode, ns) make_case(CN_EXECUTOR_GIL, workers, CN_MODE_##mode, ns)
#define THREADS(workers, mode, ns) make_case(CN_EXECUTOR_THREADS, workers, CN_MODE_##mode, ns)
#define PROCESSES(workers, mode, ns) make_case(CN_EXECUTOR_PROCESSES, workers, CN_MODE_##mode, ns)
#define DASK(workers, mode, ns) make_case(CN_EXECUTOR_DASK, workers, CN_MODE_##mode, ns)
#define AUTO(workers, mode, ns) make_case(CN_EXECUTOR_AUTO, workers, CN_MODE_##mode, ns)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
