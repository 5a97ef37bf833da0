/*
 * workload.h: what an experiment runs: the work of one request, read and prepared once, then run
 * under one placement after another.
 */
#ifndef CN_HANDLERS_WORKLOAD_H
#define CN_HANDLERS_WORKLOAD_H

#include "handlers/exchange.h"
#include "handlers/service.h"

/* One run. */
struct cn_trial {
    enum cn_executor_kind executor; /* AUTO too */
    uint64_t workers;
    enum cn_mode mode;
    uint64_t chunk_rows;    /* of a map: calls of a task; 0: chosen */
    uint64_t chunk_workers; /* for how many workers it is chosen; 0: those of the run */
    uint64_t rows;          /* of a generated frame: only its first ones; 0: all */
    int64_t deadline_ns;
    const atomic_int *stop; /* looked at every few ms: nonzero ends the run with CN_CANCELLED */
};

struct cn_trial_result {
    int64_t sample_ns;  /* from the first task's start to the gathered result */
    uint64_t digest[2]; /* of the results alone: the same whatever the placement */
    uint64_t rows;
    uint64_t failed;                /* of a map: calls that failed */
    uint64_t chunk_rows;            /* of the largest chunk */
    uint64_t workers;               /* that might take part */
    enum cn_executor_kind executor; /* where `auto` put it */
    int64_t cpu_ns;                 /* of all workers together */
    struct cn_spans spans;
};

struct cn_workload;
struct cn_workload_ops {
    /* Runs it once and waits for the end: for a thread that may wait (the experiments'). On failure
     * an `error` that names a let has its text in *expression (NULL: none). */
    enum cn_code (*run)(struct cn_workload *workload, const struct cn_trial *trial,
                        struct cn_trial_result *result, const char **expression,
                        struct cn_error *error);
    void (*free)(struct cn_workload *workload);
};

struct cn_workload {
    const struct cn_workload_ops *ops;
    bool has_modes;   /* rows of columns: `modes` apply */
    bool generated;   /* `rows` may be swept */
    bool keyed;       /* an expression uses a key, so the work does not leave this machine */
    uint64_t rows;    /* of a run with trial.rows 0 */
    const char *what; /* "hash = md5(a, b)" or "long_comp(i)": the canonical recipe, lines joined
                       * by "; ", at most some hundred bytes; for the verdict */
};

/*
 * From the text of the member "compute" or "map" (an object, checked JSON), whose options
 * executor, workers, mode, chunk_rows (map: chunksize) and repeat are CN_INVALID_PARAMETER: the
 * experiment sets them. `exchange` is the experiment's: small things live in its arena, and an
 * error of a let leaves its text in exchange->expression. `most_rows`: the most that trial.rows,
 * which is then always set, will ask for, so no more need be generated; 0: what the body says.
 * The frame (generated or given) is made here, once.
 */
enum cn_code cn_compute_workload_new(struct cn_workload **workload, struct cn_exchange *exchange,
                                     struct cn_str body, uint64_t most_rows, const atomic_int *stop,
                                     struct cn_error *error);
enum cn_code cn_map_workload_new(struct cn_workload **workload, struct cn_exchange *exchange,
                                 struct cn_str body, struct cn_error *error);

#endif
