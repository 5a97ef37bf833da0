/*
 * cluster.h: what requests know of the Dask cluster (pool/dask.h): whether there is one, what may
 * be sent there, and what that costs. Who measures it is the server's own
 * (server/dask_calibrate.h).
 */
#ifndef CN_HANDLERS_CLUSTER_H
#define CN_HANDLERS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "handlers/executor_kind.h"

struct cn_service;

/* What carrying work to the cluster costs, and what it is worth there. All of it is measured. */
struct cn_cluster_costs {
    int64_t latency_ns;            /* a task with nothing in it, alone: there and back */
    int64_t task_ns;               /* what each such task takes while many are under way */
    int64_t ship_ns_per_mib;       /* there and back, many tasks under way */
    int64_t ship_alone_ns_per_mib; /* the same, one task at a time */
    double speed;        /* of its threads, all at work, over that of this machine's usable CPUs */
    int64_t measured_at; /* of cn_clock_wall() */
};

/* The cluster at one moment; all zero: there is none. */
struct cn_cluster {
    bool connected;
    size_t workers; /* that can be used */
    size_t threads; /* of these */
    bool measured;  /* `costs` are those of these workers */
    struct cn_cluster_costs costs;
};

/* How to look; never waits. */
struct cn_cluster_probe {
    void (*read)(void *context, struct cn_cluster *cluster); /* NULL: nothing is known */
    void *context;
};

/* False: the server was started without one. */
bool cn_cluster_read(const struct cn_service *service, struct cn_cluster *cluster);

/* Whether a request may name the executor. CN_INVALID_PARAMETER: there is no such one here, and how
 * to set it; `parameter` is the request's own name for it. */
enum cn_code cn_executor_available(const struct cn_service *service, enum cn_executor_kind kind,
                                   const char *parameter, struct cn_error *error);

/* Keys do not leave this machine: whether the executor may have expressions that use one.
 * CN_INVALID_PARAMETER: not this one. */
enum cn_code cn_executor_may_have_keys(enum cn_executor_kind kind, const char *parameter,
                                       struct cn_error *error);

/* Tasks under way at once, where a request did not say: twice as many as the cluster has threads,
 * so that work is on its way while other work computes; at most `most`. */
size_t cn_cluster_width(const struct cn_cluster *cluster, uint64_t most);

#endif
