/*
 * compare_case.h: one case of an experiment: a placement of the work, and what was measured of it.
 */
#ifndef CN_HANDLERS_COMPARE_CASE_H
#define CN_HANDLERS_COMPARE_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "handlers/samples.h"
#include "handlers/service.h"

struct cn_case {
    /* what was asked for */
    enum cn_executor_kind executor;
    uint64_t workers;
    enum cn_mode mode;
    bool has_mode;          /* false: the work has no rows of columns */
    uint64_t chunk_setting; /* 0: chosen */
    uint64_t row_setting;   /* 0: all */
    /* what was measured; a warm-up is no sample */
    uint64_t chunk_rows; /* of the largest chunk */
    uint64_t rows;
    enum cn_executor_kind placed; /* where `auto` put it, else as `executor` */
    uint64_t digest[2];           /* of the results */
    uint64_t failed;              /* of a map: calls that failed, each time */
    bool unsteady;                /* a sample gave other results than the warm-up */
    int64_t *samples;
    size_t n_samples;
    int64_t cpu_ns;  /* of all workers and all samples together */
    int64_t lock_ns; /* likewise: waited for the interpreter lock */
    /* likewise: what the workers' time went to, so far as it was not hidden behind other work */
    int64_t ship_ns;
    int64_t schedule_ns;
    int64_t compute_ns;
    int64_t fetch_ns;
    bool disturbed; /* other work ran beside one of its samples */
    struct cn_sample_stats stats;
    double speedup; /* over serial in the same mode; 0: serial was no case */
};

/* The time of a case: its median in whole nanoseconds, as it is shown, so that who divides gets the
 * same ratios; at least 1, so that a ratio is a number. */
double cn_case_time(const struct cn_case *a);

/* Their times differ by no more than the spread of both (or by nothing to speak of). */
bool cn_cases_equal(const struct cn_case *a, const struct cn_case *b);

/* Rows, chunk setting and mode are alike. */
bool cn_case_alike(const struct cn_case *a, const struct cn_case *b);

/* The serial case that `a`, one of the cases, is to be seen beside; NULL: there is none. Cases that
 * are alike stand together, those of one executor too. */
const struct cn_case *cn_case_serial(const struct cn_case *cases, size_t n,
                                     const struct cn_case *a);

/* The chunks, or tasks of calls, that it was cut into. */
uint64_t cn_case_tasks(const struct cn_case *a);

/* It had fewer of them than workers, so that some had nothing to do. */
bool cn_case_starved(const struct cn_case *a);

/* Most rows of any case. */
uint64_t cn_cases_most_rows(const struct cn_case *cases, size_t n);

/* Appends "threads with 2 workers in mode tuple" (gil is labelled as what it is); `chunks` says
 * that the chunk setting belongs to the name ("... in chunks of 1000 rows"). False: no memory. */
CN_NODISCARD bool cn_case_name(struct cn_buf *out, const struct cn_case *a, bool chunks);

/* Whether two cases differ in their chunk setting, so that it belongs to their names. */
bool cn_cases_sweep_chunks(const struct cn_case *cases, size_t n);

#endif
