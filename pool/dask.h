/*
 * dask.h: the executor `dask`: tasks run on the workers of a Dask cluster, each by a `colonnade
 * --worker` there (pipe_worker.h). The bridge, a Python program that is a client of the cluster,
 * is started with the executor and replaced when it dies; the server speaks no protocol of Dask's.
 *
 * A slot of this executor is a task under way to the cluster, and its thread waits for the answer:
 * so the width of a group bounds what of it is in the cluster's memory. A task that was lost with
 * its worker, bridge or scheduler is sent again, up to `retries` times; as long as the bridge lives
 * it does not count what was lost before a worker had it, or when its result was there already.
 * While no worker can be used a task waits, up to 30 s (then it fails with CN_WORKER_LOST) or its
 * group's deadline.
 */
#ifndef CN_POOL_DASK_H
#define CN_POOL_DASK_H

#include "pool/forkserver.h"

#define CN_DASK_MOST_ADDRESS 255 /* bytes of a scheduler's */

struct cn_dask_settings {
    const char *scheduler; /* "tcp://HOST:8786" */
    const char *python;    /* the program that runs the bridge */
    struct cn_str program; /* the bridge's text */
    const char *tls_ca;    /* PEM files, for tls:// schedulers; NULL: none */
    const char *tls_cert;
    const char *tls_key;
    uint32_t retries;
    const char *identity; /* of this program as a worker (pipe_worker.h); others are not used */
    struct cn_confinement confinement; /* of the workers; its level also of the bridge */
};

/* Returns at once: whether there is a cluster shows later. All texts are copied. */
enum cn_code cn_dask_new(struct cn_executor **executor, const struct cn_dask_settings *dask,
                         const struct cn_executor_settings *settings, struct cn_error *error);

/* All calls below are thread-safe and never wait for the cluster. */

struct cn_dask_state {
    bool connected;      /* to the scheduler */
    pid_t bridge;        /* 0: none at the moment */
    uint64_t starts;     /* of bridges */
    uint64_t generation; /* grows whenever usable workers come or go */
    size_t workers;      /* that can be used now */
    size_t threads;      /* of these */
    int landlock;        /* what confines the bridge, as in struct cn_isolation */
    char scheduler[CN_DASK_MOST_ADDRESS + 1]; /* its address */
    char dashboard[256];                      /* Dask's own pages; empty: none */
    char problem[256];                        /* why there is no connection */
};
void cn_dask_state(struct cn_executor *executor, struct cn_dask_state *state);

/* A worker of the cluster that there is, or was. `worker` is what tasks name (cn_task.worker). */
struct cn_dask_worker {
    int worker;
    bool present; /* of the cluster at this moment */
    bool usable;
    uint32_t threads;
    uint64_t memory_bytes; /* that Dask lets it use; 0: no limit */
    uint64_t tasks;        /* that it answered */
    int64_t cpu_ns;
    char address[128];
    char host[64];
    char name[64];
    char problem[192]; /* why it is not usable */
};
/* Fills at most `max` entries, those present first; returns how many there are. */
size_t cn_dask_workers(struct cn_executor *executor, struct cn_dask_worker *list, size_t max);

#endif
