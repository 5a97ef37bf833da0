/*
 * decomposition.h: a ratio of two cases, taken apart into factors.
 *
 * Between two cases lies a path that changes one thing a step. Its nodes are cases; a step's factor
 * is the time before it by the time after it, so that the product of the factors is the ratio of
 * the ends, whatever was measured. A node that was no case is left out, and the steps on both sides
 * of it become one, which is then not measured apart.
 *
 * The canonical path: first the workers of the start become one and its executor serial (if the end
 * has another executor), then the mode changes step by step, then the executor becomes that of the
 * end with one worker, then its workers become many, last the chunk size changes. Within one
 * executor only mode, workers and chunk size change.
 */
#ifndef CN_HANDLERS_DECOMPOSITION_H
#define CN_HANDLERS_DECOMPOSITION_H

#include "handlers/compare_case.h"

enum cn_step {
    CN_STEP_ROW_OBJECT,       /* row <-> tuple */
    CN_STEP_VECTORISATION,    /* tuple <-> vector */
    CN_STEP_SHIPPING,         /* serial <-> one worker of processes */
    CN_STEP_SENDING,          /* serial <-> one worker of dask: shipping, to another machine */
    CN_STEP_LOCK,             /* serial <-> one worker of gil */
    CN_STEP_CROSSING,         /* serial <-> one worker of threads: one thread both times */
    CN_STEP_PARALLEL_WORKERS, /* 1 <-> N of one executor */
    CN_STEP_CHUNK_SIZE
};
const char *cn_step_name(enum cn_step step); /* "row object" */

#define CN_PATH_STEPS 8 /* two of workers, two of executors, two of modes, one of chunks */

/* One change on the way. */
struct cn_change {
    enum cn_step step;
    bool back;       /* against the direction in which the step is named above */
    uint64_t before; /* workers, or the chunk setting */
    uint64_t after;
};

struct cn_factor {
    struct cn_change changes[CN_PATH_STEPS]; /* one, or those that were not measured apart */
    size_t n_changes;
    size_t from, to; /* numbers of cases */
    double factor;
    char reason[384]; /* why it is not one step; "": it was measured */
};

struct cn_path {
    size_t from, to;
    double ratio;
    struct cn_factor factors[CN_PATH_STEPS];
    size_t n_factors;
};

/* The names of a factor's steps: "shipping and parallel workers". False: no memory. */
CN_NODISCARD bool cn_factor_name(struct cn_buf *out, const struct cn_factor *factor);

/* Between two cases of the same rows. */
void cn_decompose_between(const struct cn_case *cases, size_t n, size_t from, size_t to,
                          struct cn_path *path);

/* From the slowest case to the fastest, by their medians, among those of the most rows. Cases of
 * `auto`, which are another executor's, do not take part if there is any other. `n` is at least 1.
 */
void cn_decompose(const struct cn_case *cases, size_t n, struct cn_path *path);

/* From serial in mode row to the pool of processes with the most workers that have a CPU each, in
 * mode tuple or, without one, in its best mode. False: there are no such cases. */
bool cn_decompose_row_to_processes(const struct cn_case *cases, size_t n, uint64_t cpus,
                                   struct cn_path *path);

#endif
