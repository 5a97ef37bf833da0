/*
 * metrics.h: what is counted for /metrics where it happens.
 *
 * Only what nothing else counts stands here; the rest of /metrics is asked of its owner when
 * somebody wants to know (metrics_document.c): the executors, the record of runs, the jobs, the
 * hub, the plans, the pool of memory, the server. Everything has its place from the start, and no
 * label has a value that a request could choose, so counting takes some relaxed atomic additions,
 * no lock and no memory. A counter never goes back.
 *
 * Made by main before anything that counts, freed after all of that.
 */
#ifndef CN_HANDLERS_METRICS_H
#define CN_HANDLERS_METRICS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "handlers/executor_kind.h"
#include "handlers/operation.h"

typedef atomic_uint_fast64_t cn_counter;

static inline void cn_counter_add(cn_counter *counter, uint64_t n) {
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline uint64_t cn_counter_read(const cn_counter *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* How a request ended; the last one: nothing was answered. */
enum cn_status_class {
    CN_STATUS_2XX,
    CN_STATUS_3XX,
    CN_STATUS_4XX,
    CN_STATUS_5XX,
    CN_STATUS_NONE,
    CN_STATUS_CLASS_COUNT
};
enum cn_status_class cn_status_class(int status);
const char *cn_status_class_name(enum cn_status_class status); /* "2xx" */

/* Why work was refused that was well formed, by the limit that the error names. Admission counts
 * its own refusals (admission.h); these are the others. */
enum cn_rejection {
    CN_REJECTION_JOBS,
    CN_REJECTION_STREAMS,
    CN_REJECTION_SPOOL,
    CN_REJECTION_OTHER,
    CN_REJECTION_COUNT
};
const char *cn_rejection_name(enum cn_rejection rejection);

/* Durations up to cn_metrics_bounds_ns[i], and those that are longer. */
enum { CN_METRICS_BOUNDS = 16, CN_METRICS_BUCKETS = CN_METRICS_BOUNDS + 1 };
extern const int64_t cn_metrics_bounds_ns[CN_METRICS_BOUNDS];

struct cn_histogram {
    cn_counter buckets[CN_METRICS_BUCKETS]; /* each without those below it */
    cn_counter sum_ns;
};

struct cn_metrics {
    int64_t started_ns; /* of cn_clock_now() */
    int64_t started_at; /* of cn_clock_wall() */
    cn_counter responses[CN_OPERATION_COUNT][CN_STATUS_CLASS_COUNT];
    cn_counter errors[CN_CODE_COUNT];
    cn_counter rejections[CN_REJECTION_COUNT];
    cn_counter aborted;
    cn_counter connections;
    cn_counter received_bytes; /* of bodies, as they came */
    cn_counter sent_bytes;
    /* Requests of work, by where they were computed; AUTO: nowhere, or in several places. */
    struct cn_histogram durations[CN_OPERATION_COUNT][CN_EXECUTOR_KIND_COUNT];
    cn_counter stage_ns[CN_OPERATION_COUNT][CN_STAGE_COUNT];
    cn_counter span_ns[CN_EXECUTOR_KIND_COUNT][CN_SPAN_COUNT];
    cn_counter rows[CN_OPERATION_COUNT];
    atomic_bool reload_failed;     /* the last one (server/reload.h) */
    _Atomic int64_t configured_at; /* wall clock: when settings were last taken over */
};

struct cn_metrics *cn_metrics_new(void); /* NULL: no memory */
void cn_metrics_free(struct cn_metrics *metrics);

struct cn_service;
struct cn_exchange;
struct cn_run_record;

/* A request of work is over, after so long: it counts in the load (load.h) and in the durations.
 * Once for each request; for a job when its work has ended. */
void cn_metrics_work(struct cn_service *service, const struct cn_exchange *exchange, int64_t now_ns,
                     int status);
/* A run was recorded: its stages, its workers' time and its rows count, and the exchange says where
 * it was computed, and how many rows there were. */
void cn_metrics_run(struct cn_exchange *exchange, enum cn_executor_kind kind,
                    const struct cn_run_record *record);
/* A request was answered (status 0: it was not), with what error. */
void cn_metrics_response(struct cn_metrics *metrics, enum cn_operation operation, int status,
                         const struct cn_error *error);

#endif
