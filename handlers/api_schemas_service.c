#include "handlers/api.h"

#define END                                                                                        \
    { NULL, NULL, NULL }

static const struct cn_api_member cpus[] = {{"online", "count", NULL},
                                            {"affinity", "count", NULL},
                                            {"quota", "number?", NULL},
                                            {"usable", "count", NULL},
                                            END};

/* ---- pools and the cluster ------------------------------------------------------------------ */

static const struct cn_api_member pool_worker[] = {{"worker", "count", NULL},
                                                   {"pid", "integer?", NULL},
                                                   {"state", "@worker_state", NULL},
                                                   {"tasks", "count", NULL},
                                                   {"restarts", "count", NULL},
                                                   {"cpu_ns", "integer", NULL},
                                                   END};

static const struct cn_api_member cluster_worker[] = {
    {"worker", "count", NULL},
    {"host", "string", NULL},
    {"address", "string", NULL},
    {"name", "string", "What Dask calls it."},
    {"present", "boolean", "False: it was there, and is gone."},
    {"usable", "boolean", NULL},
    {"problem", "string?", "Why it is not usable."},
    {"threads", "count", NULL},
    {"memory_bytes", "integer?", "That Dask lets it use; null: no limit."},
    {"tasks", "count", NULL},
    {"cpu_ns", "integer", NULL},
    END};

static const struct cn_api_member pool[] = {
    {"executor", "@executor", NULL},
    {"emulation?", "boolean", NULL},
    {"workers", "[#PoolWorker|#ClusterWorker]", "Of dask: those of the cluster."},
    {"queued", "count", NULL},
    {"isolation?", "#Isolation", NULL},
    {"fork_server?", "#ForkServer", NULL},
    {"scheduler?", "string", "Of dask, as the next four: its address."},
    {"dashboard?", "string?", "Dask's own pages."},
    {"connected?", "boolean", "To the scheduler."},
    {"problem?", "string?", "Why it is not connected."},
    {"bridge?", "#Bridge", NULL},
    END};

static const struct cn_api_member bridge[] = {
    {"pid", "integer?", NULL},
    {"starts", "count", NULL},
    {"landlock", "count", "What confines it: the version; 0: nothing, or it has not said so yet."},
    END};

static const struct cn_api_member isolation[] = {
    {"level", "=off|available|required", NULL},
    {"seccomp", "boolean", NULL},
    {"landlock", "count", "The version of its interface; 0: there is none."},
    {"memory_bytes", "count", NULL},
    END};

static const struct cn_api_member fork_server[] = {
    {"pid", "integer?", NULL}, {"starts", "count", NULL}, END};

static const struct cn_api_member calibration[] = {
    {"dispatch_ns", "integer", NULL},
    {"process_dispatch_ns", "integer", NULL},
    {"ship_ns_per_mib", "integer", NULL},
    {"csv_ns_per_byte", "number", NULL},
    {"break_even_rows", "integer", NULL},
    {"dask?", "#ClusterCalibration", "Of the Dask workers that there are now."},
    END};

static const struct cn_api_member cluster_calibration[] = {
    {"workers", "count", NULL},
    {"threads", "count", "Of these workers."},
    {"latency_ns", "integer", "A task with nothing in it, alone: there and back."},
    {"task_ns", "integer", "What each such task takes while many are under way."},
    {"ship_ns_per_mib", "integer", "There and back, many tasks under way."},
    {"ship_alone_ns_per_mib", "integer", "There and back, one task at a time."},
    {"speed", "number", "Of all these threads, over that of this machine's usable CPUs."},
    {"measured_at", "time", NULL},
    END};

static const struct cn_api_member pools[] = {{"cpus", "#Cpus", NULL},
                                             {"pools", "[#Pool]", NULL},
                                             {"calibration", "#Calibration", NULL},
                                             END};

/* ---- what else is said of it --------------------------------------------------------------- */

static const struct cn_api_member load_point[] = {
    {"at", "time", NULL},        {"requests", "count", NULL},
    {"failed", "count", NULL},   {"p50_ns", "integer", NULL},
    {"p90_ns", "integer", NULL}, {"p99_ns", "integer", NULL},
    {"max_ns", "integer", NULL}, END};

static const struct cn_api_member load[] = {
    {"period_ns", "integer", NULL}, {"now", "time", NULL}, {"points", "[#LoadPoint]", NULL}, END};

static const struct cn_api_member function[] = {{"name", "string", NULL},
                                                {"signature", "string", NULL},
                                                {"summary", "string", NULL},
                                                {"group", "string", NULL},
                                                END};

static const struct cn_api_member functions[] = {{"functions", "[#Function]", NULL}, END};

static const struct cn_api_member health[] = {
    {"status", "string", NULL}, {"executor?", "@executor", "A pool without a worker."}, END};

static const struct cn_api_member session[] = {{"token?", "string", NULL}, END};

const struct cn_api_schema cn_api_service_schemas[] = {
    {"Cpus", NULL, cpus},
    {"PoolWorker", NULL, pool_worker},
    {"ClusterWorker", "A worker of the Dask cluster.", cluster_worker},
    {"Pool", NULL, pool},
    {"Bridge", "What connects to the cluster.", bridge},
    {"Isolation", "How worker processes are confined.", isolation},
    {"ForkServer", "What forks them.", fork_server},
    {"Calibration", "What was measured at the start.", calibration},
    {"ClusterCalibration", "What a Dask cluster costs and is worth.", cluster_calibration},
    {"Pools", NULL, pools},
    {"LoadPoint", "One second.", load_point},
    {"Load", NULL, load},
    {"Function", NULL, function},
    {"Functions", NULL, functions},
    {"Health", NULL, health},
    {"Session", "The server's token; it may be sent as the bearer instead.", session},
    END,
};
