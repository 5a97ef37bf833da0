#include <stdlib.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/pools_document.h"
#include "handlers/service.h"
#include "pool/dask.h"
#include "pool/forkserver.h"

enum { WORKERS_SHOWN = 1024 };

static void write_cpus(struct cn_json_out *out, const struct cn_cpus *cpus) {
    cn_json_out_open(out, "cpus", '{');
    cn_json_out_int(out, "online", cpus->online);
    cn_json_out_int(out, "affinity", cpus->affinity);
    if (cpus->quota > 0)
        cn_json_out_double(out, "quota", cpus->quota);
    else
        cn_json_out_null(out, "quota");
    cn_json_out_int(out, "usable", cpus->usable);
    cn_json_out_close(out, '}');
}

static void write_worker(struct cn_json_out *out, const struct cn_worker_stats *worker) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_int(out, "worker", worker->worker);
    if (worker->pid > 0)
        cn_json_out_int(out, "pid", worker->pid);
    else
        cn_json_out_null(out, "pid");
    cn_json_out_c(out, "state", cn_worker_state_name(worker->state));
    cn_json_out_int(out, "tasks", (int64_t)worker->tasks);
    cn_json_out_int(out, "restarts", (int64_t)worker->restarts);
    cn_json_out_int(out, "cpu_ns", worker->cpu_ns);
    cn_json_out_close(out, '}');
}

/* How the worker processes are confined, and what forks them. */
static void write_isolation(struct cn_json_out *out, struct cn_forkserver *server) {
    const struct cn_confinement *wanted = cn_forkserver_confinement(server);
    struct cn_forkserver_state state = cn_forkserver_state(server);
    cn_json_out_open(out, "isolation", '{');
    cn_json_out_c(out, "level", cn_isolation_name(wanted->level));
    cn_json_out_bool(out, "seccomp", state.isolation.seccomp);
    cn_json_out_int(out, "landlock", state.isolation.landlock);
    cn_json_out_int(out, "memory_bytes", (int64_t)wanted->memory_bytes);
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "fork_server", '{');
    if (state.pid > 0)
        cn_json_out_int(out, "pid", state.pid);
    else
        cn_json_out_null(out, "pid");
    cn_json_out_int(out, "starts", (int64_t)state.starts);
    cn_json_out_close(out, '}');
}

static void write_pool(struct cn_json_out *out, enum cn_executor_kind kind,
                       struct cn_executor *executor, struct cn_forkserver *server,
                       struct cn_worker_stats *stats) {
    size_t queued = 0;
    size_t n = executor->ops->stats(executor, stats, WORKERS_SHOWN, &queued);
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "executor", executor->name);
    if (cn_executor_kind_emulates(kind))
        cn_json_out_bool(out, "emulation", true);
    cn_json_out_open(out, "workers", '[');
    for (size_t i = 0; i < n && i < WORKERS_SHOWN; i++)
        write_worker(out, &stats[i]);
    cn_json_out_close(out, ']');
    cn_json_out_int(out, "queued", (int64_t)queued);
    if (server)
        write_isolation(out, server);
    cn_json_out_close(out, '}');
}

/* ---- a cluster ----------------------------------------------------------------------------- */

static void write_text(struct cn_json_out *out, const char *key, const char *text) {
    cn_json_out_c(out, key, text[0] != '\0' ? text : NULL);
}

static void write_cluster_worker(struct cn_json_out *out, const struct cn_dask_worker *worker) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_int(out, "worker", worker->worker);
    cn_json_out_c(out, "host", worker->host);
    cn_json_out_c(out, "address", worker->address);
    cn_json_out_c(out, "name", worker->name);
    cn_json_out_bool(out, "present", worker->present);
    cn_json_out_bool(out, "usable", worker->usable);
    write_text(out, "problem", worker->problem);
    cn_json_out_int(out, "threads", worker->threads);
    if (worker->memory_bytes > 0 && worker->memory_bytes <= INT64_MAX)
        cn_json_out_int(out, "memory_bytes", (int64_t)worker->memory_bytes);
    else
        cn_json_out_null(out, "memory_bytes");
    cn_json_out_int(out, "tasks", (int64_t)worker->tasks);
    cn_json_out_int(out, "cpu_ns", worker->cpu_ns);
    cn_json_out_close(out, '}');
}

static void write_connection(struct cn_json_out *out, const struct cn_dask_state *state) {
    cn_json_out_c(out, "scheduler", state->scheduler);
    write_text(out, "dashboard", state->dashboard);
    cn_json_out_bool(out, "connected", state->connected);
    write_text(out, "problem", state->problem);
    cn_json_out_open(out, "bridge", '{');
    if (state->bridge > 0)
        cn_json_out_int(out, "pid", state->bridge);
    else
        cn_json_out_null(out, "pid");
    cn_json_out_int(out, "starts", (int64_t)state->starts);
    cn_json_out_int(out, "landlock", state->landlock);
    cn_json_out_close(out, '}');
}

/* The workers of the cluster, in the place of those that carry its tasks there and back. */
static void write_cluster(struct cn_json_out *out, struct cn_executor *executor) {
    struct cn_dask_worker *workers = calloc(WORKERS_SHOWN, sizeof *workers);
    struct cn_dask_state state;
    size_t queued = 0;
    size_t n = workers ? cn_dask_workers(executor, workers, WORKERS_SHOWN) : 0;

    cn_dask_state(executor, &state);
    executor->ops->stats(executor, NULL, 0, &queued);
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "executor", executor->name);
    cn_json_out_open(out, "workers", '[');
    for (size_t i = 0; i < n && i < WORKERS_SHOWN; i++)
        write_cluster_worker(out, &workers[i]);
    cn_json_out_close(out, ']');
    cn_json_out_int(out, "queued", (int64_t)queued);
    write_connection(out, &state);
    cn_json_out_close(out, '}');
    out->ok = out->ok && workers;
    free(workers);
}

/* ---- the document -------------------------------------------------------------------------- */

static void write_costs(struct cn_json_out *out, const struct cn_cluster *cluster) {
    const struct cn_cluster_costs *costs = &cluster->costs;
    char at[32];
    cn_clock_format(costs->measured_at, at);
    cn_json_out_open(out, "dask", '{');
    cn_json_out_int(out, "workers", (int64_t)cluster->workers);
    cn_json_out_int(out, "threads", (int64_t)cluster->threads);
    cn_json_out_int(out, "latency_ns", costs->latency_ns);
    cn_json_out_int(out, "task_ns", costs->task_ns);
    cn_json_out_int(out, "ship_ns_per_mib", costs->ship_ns_per_mib);
    cn_json_out_int(out, "ship_alone_ns_per_mib", costs->ship_alone_ns_per_mib);
    cn_json_out_double(out, "speed", costs->speed);
    cn_json_out_c(out, "measured_at", at);
    cn_json_out_close(out, '}');
}

static void write_calibration(struct cn_json_out *out, const struct cn_service *service) {
    const struct cn_calibration *calibration = &service->calibration;
    struct cn_cluster cluster;
    cn_json_out_open(out, "calibration", '{');
    cn_json_out_int(out, "dispatch_ns", calibration->dispatch_ns);
    cn_json_out_int(out, "process_dispatch_ns", calibration->process_dispatch_ns);
    cn_json_out_int(out, "ship_ns_per_mib", calibration->ship_ns_per_mib);
    cn_json_out_double(out, "csv_ns_per_byte", calibration->csv_ns_per_byte);
    cn_json_out_int(out, "break_even_rows", calibration->break_even_rows);
    if (cn_cluster_read(service, &cluster) && cluster.measured)
        write_costs(out, &cluster);
    cn_json_out_close(out, '}');
}

void cn_pools_write(struct cn_json_out *out, struct cn_service *service) {
    struct cn_worker_stats *stats = calloc(WORKERS_SHOWN, sizeof *stats);
    cn_json_out_open(out, NULL, '{');
    write_cpus(out, &service->cpus);
    cn_json_out_open(out, "pools", '[');
    for (enum cn_executor_kind kind = 0; kind < CN_EXECUTOR_KIND_COUNT && stats; kind++) {
        struct cn_executor *executor = service->executors[kind];
        if (executor && kind == CN_EXECUTOR_DASK)
            write_cluster(out, executor);
        else if (executor)
            write_pool(out, kind, executor,
                       kind == CN_EXECUTOR_PROCESSES ? service->forkserver : NULL, stats);
    }
    cn_json_out_close(out, ']');
    write_calibration(out, service);
    cn_json_out_close(out, '}');
    out->ok = out->ok && stats;
    free(stats);
}

static void pools_finish(struct cn_exchange *exchange) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    cn_pools_write(&out, exchange->service);
    cn_endpoint_reply_json(exchange, 200, &out);
}

const struct cn_endpoint cn_endpoint_pools = {.methods = "GET",
                                              .path = "/v1/pools",
                                              .operation = CN_OPERATION_POOLS,
                                              .open = cn_endpoint_open_plain,
                                              .finish = pools_finish};
