#include "handlers/history.h"
#include "handlers/hub.h"
#include "handlers/jobs.h"
#include "handlers/metrics_document.h"
#include "handlers/plans.h"
#include "handlers/runs.h"
#include "handlers/spool.h"
#include "pool/dask.h"
#include "pool/forkserver.h"

/* ---- pools --------------------------------------------------------------------------------- */

struct pools {
    const char *names[CN_EXECUTOR_KIND_COUNT];
    bool processes[CN_EXECUTOR_KIND_COUNT]; /* its workers are processes here, which can die */
    struct cn_executor_totals totals[CN_EXECUTOR_KIND_COUNT];
    size_t n;
};

static struct cn_labels of_pool(const struct pools *pools, size_t at, const char *name,
                                const char *value) {
    return (struct cn_labels){{{"executor", pools->names[at]}, {name, value}}};
}

static void look_at_pools(struct pools *pools, const struct cn_service *service) {
    pools->n = 0;
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++) {
        struct cn_executor *executor = service->executors[kind];
        if (!executor)
            continue;
        pools->names[pools->n] = executor->name;
        pools->processes[pools->n] = kind == CN_EXECUTOR_PROCESSES;
        executor->ops->totals(executor, &pools->totals[pools->n++]);
    }
}

static void write_workers(struct cn_metrics_text *text, const struct pools *pools) {
    cn_metrics_family(text, "colonnade_pool_workers", "gauge", "Workers of a pool by state.");
    for (size_t i = 0; i < pools->n; i++)
        for (int state = CN_WORKER_STARTING; state <= CN_WORKER_DEAD; state++)
            cn_metrics_sample(
                text, of_pool(pools, i, "state", cn_worker_state_name((enum cn_worker_state)state)),
                pools->totals[i].workers[state]);
    cn_metrics_family(text, "colonnade_worker_restarts_total", "counter",
                      "Worker processes that took the place of one that had ended.");
    for (size_t i = 0; i < pools->n; i++)
        if (pools->processes[i])
            cn_metrics_sample(text, of_pool(pools, i, NULL, NULL), pools->totals[i].restarts);
    cn_metrics_family(text, "colonnade_worker_deaths_total", "counter",
                      "Worker processes that ended without being told to, by signal; exit: by "
                      "themselves; stopped: killed, as they did not stop when they should.");
    for (size_t i = 0; i < pools->n; i++)
        for (int death = 0; death < CN_DEATH_COUNT && pools->processes[i]; death++)
            cn_metrics_sample(text, of_pool(pools, i, "cause", cn_death_name((enum cn_death)death)),
                              pools->totals[i].deaths[death]);
}

/* The names are always there, their values only where a scheduler is set: so a 0 is a cluster that
 * was lost, and no server that never had one looks like it. */
static void write_cluster(struct cn_metrics_text *text, const struct cn_service *service) {
    struct cn_executor *executor = service->executors[CN_EXECUTOR_DASK];
    struct cn_dask_state state = {0};
    if (executor)
        cn_dask_state(executor, &state);
    const struct {
        const char *name;
        const char *type;
        const char *help;
        uint64_t value;
    } rows[] = {
        {"colonnade_dask_connected", "gauge",
         "1 while there is a connection to the Dask scheduler, else 0.", state.connected},
        {"colonnade_dask_workers", "gauge", "Workers of the Dask cluster that can be used.",
         state.workers},
        {"colonnade_dask_threads", "gauge", "Threads of these workers.", state.threads},
        {"colonnade_dask_bridge_starts_total", "counter",
         "Bridges to the Dask cluster that were started: the first one, and those in the place of "
         "one that had ended.",
         state.starts},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cn_metrics_family(text, rows[i].name, rows[i].type, rows[i].help);
        if (executor)
            cn_metrics_sample(text, (struct cn_labels){0}, rows[i].value);
    }
}

static void write_pools(struct cn_metrics_text *text, const struct cn_service *service) {
    struct pools pools;
    look_at_pools(&pools, service);
    write_workers(text, &pools);
    if (service->forkserver)
        cn_metrics_counter(text, "colonnade_fork_server_starts_total",
                           "Fork servers that were started: the first one, and those in the place "
                           "of one that had ended.",
                           cn_forkserver_state(service->forkserver).starts);
    cn_metrics_family(text, "colonnade_pool_queued_tasks", "gauge",
                      "Tasks that wait for a worker.");
    for (size_t i = 0; i < pools.n; i++)
        cn_metrics_sample(text, of_pool(&pools, i, NULL, NULL), pools.totals[i].queued);
    cn_metrics_family(text, "colonnade_pool_tasks_total", "counter", "Tasks that were run.");
    for (size_t i = 0; i < pools.n; i++)
        cn_metrics_sample(text, of_pool(&pools, i, NULL, NULL), pools.totals[i].tasks);
    cn_metrics_family(text, "colonnade_pool_cpu_seconds_total", "counter", "CPU time of tasks.");
    for (size_t i = 0; i < pools.n; i++)
        cn_metrics_sample_ns(text, of_pool(&pools, i, NULL, NULL),
                             (uint64_t)pools.totals[i].cpu_ns);
    write_cluster(text, service);
}

/* ---- what is kept -------------------------------------------------------------------------- */

static void write_memory(struct cn_metrics_text *text, const struct cn_service *service) {
    size_t idle, in_use;
    cn_blocks_stats(service->blocks, &idle, &in_use);
    cn_metrics_gauge(text, "colonnade_memory_used_bytes",
                     "Memory for bodies, columns and replies that is in use.", in_use);
    cn_metrics_gauge(text, "colonnade_memory_idle_bytes", "The same, kept for the next requests.",
                     idle);
    cn_metrics_gauge(text, "colonnade_memory_limit_bytes",
                     "The setting --memory-bytes: beyond it work is refused.",
                     cn_service_limits(service)->memory_bytes);
    if (!service->budget)
        return;
    cn_metrics_gauge(text, "colonnade_memory_reserved_bytes",
                     "What the work that was let in may come to need.",
                     atomic_load(&service->budget->reserved));
    cn_metrics_gauge(text, "colonnade_memory_held_bytes",
                     "What is there: in use, idle, and results that are kept.",
                     atomic_load(&service->budget->held));
    cn_metrics_counter(text, "colonnade_memory_denials_total",
                       "How often work that had been let in was denied memory.",
                       atomic_load(&service->budget->denied));
}

/* Without --data-dir all of it is 0. */
static void write_spools(struct cn_metrics_text *text, struct cn_spools *spools) {
    struct cn_spools_stats stats = {0};
    if (spools)
        cn_spools_look(spools, &stats);
    cn_metrics_gauge(text, "colonnade_spool_files",
                     "Bodies larger than --buffer-bytes that are on disk.", stats.files);
    cn_metrics_gauge(text, "colonnade_spool_used_bytes", "What of these bodies is there.",
                     stats.bytes);
    cn_metrics_gauge(text, "colonnade_spool_limit_bytes",
                     "The setting --spool-bytes: beyond it such bodies are refused.", stats.limit);
}

static void write_jobs(struct cn_metrics_text *text, struct cn_jobs *jobs) {
    struct cn_jobs_stats stats;
    cn_jobs_look(jobs, &stats);
    cn_metrics_family(text, "colonnade_jobs", "gauge", "Jobs that are known, by state.");
    for (int state = 0; state < CN_DEFERRED_STATE_COUNT; state++)
        cn_metrics_sample(
            text,
            (struct cn_labels){{{"state", cn_deferred_state_name((enum cn_deferred_state)state)}}},
            stats.known[state]);
    cn_metrics_family(text, "colonnade_jobs_ended_total", "counter",
                      "Jobs that have ended, by how.");
    for (int state = CN_DEFERRED_FINISHED; state < CN_DEFERRED_STATE_COUNT; state++)
        cn_metrics_sample(
            text,
            (struct cn_labels){{{"state", cn_deferred_state_name((enum cn_deferred_state)state)}}},
            stats.ended[state]);
    cn_metrics_gauge(text, "colonnade_job_result_bytes", "Results of jobs that are kept.",
                     stats.result_bytes);
}

/* Without a history all of it is 0, so that the names are always there. */
static void write_history(struct cn_metrics_text *text, struct cn_runs *runs) {
    const struct cn_history *history = cn_runs_history(runs);
    uint64_t saved = 0, failures = 0;
    if (history)
        cn_history_look(history, &saved, &failures);
    cn_metrics_counter(text, "colonnade_history_saved_runs_total",
                       "Runs that were written to the history.", saved);
    cn_metrics_counter(text, "colonnade_history_failures_total",
                       "Tries to write to the history that failed; they are repeated.", failures);
    cn_metrics_counter(text, "colonnade_history_lost_runs_total",
                       "Runs that were dropped before they could be written.",
                       history ? cn_runs_lost(runs) : 0);
    cn_metrics_gauge(text, "colonnade_history_unsaved_runs", "Runs that wait to be written.",
                     history ? cn_runs_count_unsaved(runs) : 0);
}

static void write_plans(struct cn_metrics_text *text, struct cn_plans *plans) {
    uint64_t hits, misses;
    cn_plans_look(plans, &hits, &misses);
    cn_metrics_counter(text, "colonnade_plan_cache_hits_total",
                       "Requests whose expressions were compiled already.", hits);
    cn_metrics_counter(text, "colonnade_plan_cache_misses_total",
                       "Requests whose expressions had to be compiled.", misses);
}

void cn_metrics_write_rooms(struct cn_metrics_text *text, struct cn_service *service) {
    write_pools(text, service);
    write_memory(text, service);
    write_spools(text, service->spools);
    write_jobs(text, service->jobs);
    write_history(text, service->runs);
    cn_metrics_gauge(text, "colonnade_event_streams", "Clients that listen to /v1/events.",
                     cn_hub_listeners(service->hub));
    if (service->plans)
        write_plans(text, service->plans);
}
