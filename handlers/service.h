/*
 * service.h: everything that endpoints share. main makes it, wires it and hands it down; nobody
 * reaches it through a global.
 */
#ifndef CN_HANDLERS_SERVICE_H
#define CN_HANDLERS_SERVICE_H

#include "base/blocks.h"
#include "expr/expr.h"
#include "handlers/cluster.h"
#include "handlers/executor_kind.h"
#include "pool/executor.h"

/* Limits that endpoints check; each is a setting of the same name. */
struct cn_service_limits {
    uint64_t max_body_bytes; /* enforced by the server */
    uint64_t max_inflate_ratio;
    uint64_t max_window_log; /* of zstd */
    uint64_t max_rows;
    uint64_t max_columns;
    struct cn_expr_limits expression;
    uint64_t max_json_depth;
    uint64_t max_workers;
    uint64_t max_calls;   /* of one /v1/map request */
    uint64_t max_cases;   /* of one experiment */
    uint64_t max_streams; /* of /v1/events, at a time */
    uint64_t buffer_bytes;
    uint64_t memory_bytes;
    uint64_t max_import_bytes; /* of a run's file */
    int64_t request_timeout_ms;
};

/* What the start-up calibration measured. */
struct cn_calibration {
    int64_t dispatch_ns;         /* one crossing into the thread pool and back */
    int64_t process_dispatch_ns; /* into the process pool and back, nothing shipped */
    int64_t ship_ns_per_mib;
    double csv_ns_per_byte;  /* parse and copy of CSV text on one core */
    double generate_ns;      /* a random number */
    double format_ns;        /* the text of a computed number */
    double step_factor;      /* what expressions take, against their estimates */
    double digest_factor;    /* what row hashes take, against their estimates */
    int64_t break_even_rows; /* of the reference workload: rows from which threads win */
};

/* What one row is to the computation: a lane of a block, a call with plain arguments, or a record
 * of named, boxed values made for it. */
enum cn_mode { CN_MODE_VECTOR, CN_MODE_TUPLE, CN_MODE_ROW, CN_MODE_COUNT };
const char *cn_mode_name(enum cn_mode mode);

struct cn_admission;
struct cn_runs;
struct cn_inline_states;
struct cn_plans;
struct cn_jobs;
struct cn_experiments;
struct cn_load;
struct cn_metrics;
struct cn_hub;
struct cn_sessions;
struct cn_spools;
struct cn_forkserver;
struct cn_endpoint;

/* What only the server knows; it sets service->server when it starts. */
struct cn_server_state {
    uint64_t connections;
    uint64_t max_connections;
    uint64_t in_flight; /* requests whose head was complete, and that are not over */
    uint64_t log_lines; /* of the access log */
    uint64_t log_dropped;
    uint64_t log_failures;
};
struct cn_server_probe {
    void (*read)(void *context, struct cn_server_state *state); /* NULL: nothing is known */
    void *context;
};

struct cn_service {
    struct cn_service_limits limits;                        /* those of the start */
    _Atomic(const struct cn_service_limits *) newer_limits; /* NULL: none were set since */
    struct cn_executor *executors[CN_EXECUTOR_KIND_COUNT];  /* [AUTO] is NULL */
    struct cn_forkserver *forkserver; /* of the processes; NULL in tests that have none */
    struct cn_calibration calibration;
    struct cn_cluster_probe cluster; /* where there is an executor dask */
    struct cn_cpus cpus;
    struct cn_blocks *blocks;
    struct cn_budget *budget;       /* of the memory for requests; NULL: there is no bound */
    struct cn_spools *spools;       /* bodies on disk; NULL: there is no --data-dir */
    struct cn_admission *admission; /* who is let in; NULL: everybody */
    struct cn_runs *runs;
    struct cn_runs *checks; /* the last calls of /v1/check: found by id, not listed, not kept */
    struct cn_inline_states *inline_states;
    struct cn_plans *plans; /* that requests made last; may be NULL */
    struct cn_jobs *jobs;
    struct cn_experiments *experiments;
    struct cn_load *load;         /* how many requests there were, and how long */
    struct cn_metrics *metrics;   /* what is counted; may be NULL */
    struct cn_hub *hub;           /* those who listen to /v1/events */
    struct cn_sessions *sessions; /* NULL: no token is needed */
    /* Requests that compute at the moment, the runs of an experiment not counted, and how many ever
     * did: an experiment looks whether it had company. */
    atomic_int_fast64_t work_running;
    atomic_uint_fast64_t work_begun;
    const struct cn_keyring *keys;
    atomic_uint_fast64_t next_plan; /* ids of plans */
    atomic_int draining;
    const char *version;
    const struct cn_endpoint *const *endpoints; /* the table that routes */
    size_t n_endpoints;
    struct cn_server_probe server;
};

/* The limits of the moment. They never change where they stand, and are kept to the end of the
 * program: newer ones take their place. A request goes by those that it began with
 * (cn_exchange_limits()). */
static inline const struct cn_service_limits *cn_service_limits(const struct cn_service *service) {
    const struct cn_service_limits *newer =
        atomic_load_explicit(&service->newer_limits, memory_order_acquire);
    return newer ? newer : &service->limits;
}

#endif
