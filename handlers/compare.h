/*
 * compare.h: one experiment of POST /v1/compare: what is asked for, its cases, and what they gave.
 *
 *   compare_read.c   the body into settings
 *   compare_lists.c  its lists
 *   compare_cases.c  settings into cases
 *   compare_run.c    the trials, on the thread of the experiments
 *   compare_reply.c  the reply and the record
 */
#ifndef CN_HANDLERS_COMPARE_H
#define CN_HANDLERS_COMPARE_H

#include "handlers/compare_case.h"
#include "handlers/exchange.h"
#include "handlers/experiments.h"
#include "handlers/workload.h"

#define CN_COMPARE_REPEAT 5 /* samples of a case, unless asked for others */

/* What the body asks for. Lists are in the exchange's arena; `given` ones stood in the body. */
struct cn_compare_list {
    uint64_t *values;
    size_t n;
    bool given;
};
struct cn_compare_settings {
    struct cn_str compute; /* the workload's text; data NULL: it is the other */
    struct cn_str map;
    struct cn_compare_list executors; /* of enum cn_executor_kind */
    struct cn_compare_list workers;
    struct cn_compare_list modes; /* of enum cn_mode */
    struct cn_compare_list chunk_rows;
    struct cn_compare_list rows;
    uint64_t repeat;
    uint64_t timeout_ms; /* 0: not stated */
};

struct cn_compare {
    struct cn_experiment experiment; /* first */
    struct cn_exchange *exchange;
    struct cn_buf body;
    bool settled; /* settings and cases are there */
    struct cn_compare_settings settings;
    struct cn_workload *workload;
    struct cn_case *cases;
    size_t n_cases;
    uint64_t most_workers; /* of any case */
    int64_t *samples;      /* of all cases */
    size_t *differing;     /* numbers of cases */
    size_t n_differing;
    struct cn_str document; /* the reply, once it is written; for the record */
    struct cn_error error;  /* why there are no results; code CN_OK: there are */
};

/* Reads the settings from the body's text, sets the exchange's deadline, and lays out the cases. */
enum cn_code cn_compare_settle(struct cn_compare *compare, struct cn_error *error);

/* The limit on their number is checked, then all of them are laid out in order: rows, chunk sizes,
 * modes, executors, workers, the last changing fastest. `serial` stands once for each mode. */
enum cn_code cn_compare_lay_out(struct cn_compare *compare, struct cn_error *error);

/* Takes out the cases of work that may not leave this machine. CN_INVALID_PARAMETER: they were
 * asked for by name. */
enum cn_code cn_compare_keep_here(struct cn_compare *compare, struct cn_error *error);

/* For the experiments' thread: makes the workload and measures it. */
enum cn_code cn_compare_run(struct cn_compare *compare, struct cn_error *error);
/* Runs all trials of the workload, and sums up the cases. */
enum cn_code cn_compare_measure(struct cn_compare *compare, struct cn_error *error);

/* Sets the error for an experiment that was stopped. */
enum cn_code cn_compare_stopped(enum cn_code why, struct cn_error *error);

/* Closes the ledger and records the run; `error` NULL: it has results. */
void cn_compare_record(struct cn_compare *compare, const struct cn_error *error);

/* Both record the run, release all but the experiment itself, and reply. The exchange may be closed
 * when they return. */
void cn_compare_reply(struct cn_compare *compare);
void cn_compare_fail(struct cn_compare *compare, const struct cn_error *error);

/* May be called again. */
void cn_compare_release(struct cn_compare *compare);

#endif
