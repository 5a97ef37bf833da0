/*
 * bridge_workers.h: the workers that a cluster has, and had (private to this room).
 *
 * A worker keeps its place while the executor lives: tasks name it. When CN_CLUSTER_WORKERS were
 * seen, the place of one that is gone is used again. Names of hosts stay where they are for ever.
 */
#ifndef CN_POOL_BRIDGE_WORKERS_H
#define CN_POOL_BRIDGE_WORKERS_H

#include "pool/bridge_protocol.h"
#include "pool/dask.h"

#define CN_CLUSTER_WORKERS CN_BRIDGE_WORKERS

struct cn_cluster_worker {
    struct cn_dask_worker facts;
    const char *host;   /* one of `hosts` */
    uint32_t index;     /* the bridge's number for it, while present */
    uint64_t last_seen; /* which report of the bridge */
};

struct cn_bridge_workers {
    struct cn_cluster_worker *list;
    size_t n, cap;
    char **hosts;
    size_t n_hosts, cap_hosts;
    uint64_t reports;
};

void cn_bridge_workers_release(struct cn_bridge_workers *workers);

/* Takes the bridge's report of `n` workers over, in its unaligned form. True: usable ones came or
 * went. Without memory some are left out, and come with a later report. */
bool cn_bridge_workers_update(struct cn_bridge_workers *workers, const char *report, size_t n);
/* None is present any more. True: there was a usable one. */
bool cn_bridge_workers_clear(struct cn_bridge_workers *workers);
/* The one with the bridge's number; NULL: none. */
struct cn_cluster_worker *cn_bridge_workers_find(struct cn_bridge_workers *workers, uint32_t index);
/* Those that can be used, and their threads. */
size_t cn_bridge_workers_usable(const struct cn_bridge_workers *workers, size_t *threads);
/* Why none can be used. */
void cn_bridge_workers_problem(const struct cn_bridge_workers *workers, char *out, size_t size);
/* Fills at most `max`, those present first; returns how many there are. */
size_t cn_bridge_workers_list(const struct cn_bridge_workers *workers, struct cn_dask_worker *list,
                              size_t max);

#endif
