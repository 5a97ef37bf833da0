#include "handlers/api.h"

#define END                                                                                        \
    { NULL, NULL, NULL }

static const struct cn_api_member problem[] = {
    {"type", "string", "/problems/<code>"},
    {"title", "string", NULL},
    {"status", "400..599", NULL},
    {"detail", "string", "What is wrong, and what would be right."},
    {"code", "@code", NULL},
    {"parameter?", "string", "The parameter or member at fault."},
    {"expression?", "string", "The expression at fault."},
    {"position?", "count", "Byte offset into the expression, from 0."},
    {"line?", "count", "Line of a CSV text, from 1."},
    {"row?", "count", "Data row, from 0."},
    {"column?", "string", NULL},
    {"limit?", "string", "The setting that was exceeded, as its flag."},
    {"value?", "string", "The text at fault."},
    END};

/* ---- timing -------------------------------------------------------------------------------- */

static const struct cn_api_member stage[] = {
    {"stage", "@stage", NULL}, {"ns", "integer", NULL}, END};

static const struct cn_api_member worker_times[] = {
    {"worker", "count", "The number of the worker within the run."},
    {"pid", "integer", "0: of another machine."},
    {"host?", "string", "The other machine's name; absent: this one."},
    {"chunks", "count", NULL},
    {"wall_ns", "integer", NULL},
    {"cpu_ns", "integer", NULL},
    {"stages", "#WorkerStages", NULL},
    END};

static const struct cn_api_member worker_stages[] = {
    {"parse?", "integer", NULL}, {"evaluate?", "integer", NULL},
    {"hash?", "integer", NULL},  {"encode?", "integer", NULL},
    {"ship?", "integer", NULL},  {"schedule?", "integer", NULL},
    {"fetch?", "integer", NULL}, {"lock?", "integer", NULL},
    {"wait?", "integer", NULL},  END};

static const struct cn_api_member samples[] = {
    {"runs", "count", NULL},
    {"mean_ns", "integer", NULL},
    {"stddev_ns", "integer", NULL},
    {"min_ns", "integer", NULL},
    {"median_ns", "integer", NULL},
    {"samples_ns", "[integer]", "In the order of the runs."},
    END};

static const struct cn_api_member timing[] = {
    {"wall_ns", "integer", "From the request line until the columns were encoded."},
    {"ledger", "[#Stage]", "With unaccounted_ns they sum to wall_ns."},
    {"unaccounted_ns", "integer", NULL},
    {"workers", "[#WorkerTimes]", NULL},
    {"repeat?", "#Samples", NULL},
    END};

static const struct cn_api_member execution[] = {{"executor", "@executor?", "Null: several."},
                                                 {"emulation?", "boolean", NULL},
                                                 {"workers", "count", NULL},
                                                 {"chunks", "count", NULL},
                                                 {"chunk_rows", "count", NULL},
                                                 {"mode", "@mode?", NULL},
                                                 {"reason", "string", "Why it ran there."},
                                                 END};

/* ---- compute, check ------------------------------------------------------------------------ */

static const struct cn_api_member compute_reply[] = {
    {"run", "id", NULL},
    {"rows", "count", NULL},
    {"columns", "{[any]}", "Numbers, texts, bools and nulls by column."},
    {"types", "{@type}", NULL},
    {"input_types", "{@type}", NULL},
    {"recipe", "[string]", "The computed columns in canonical form."},
    {"errors", "{count}", "Rows that could not be computed (on_error=null)."},
    {"execution", "#Execution", NULL},
    {"timing", "#Timing", NULL},
    END};

static const struct cn_api_member generate[] = {{"rows", "count", NULL},
                                                {"columns", "[string]", NULL},
                                                {"distribution?", "=normal|uniform", NULL},
                                                {"seed?", "count", NULL},
                                                END};

static const struct cn_api_member check_request[] = {
    {"columns", "{@type}", "The types of the columns."},
    {"let?", "#Let", NULL},
    {"overflow?", "=error|wrap", NULL},
    {"on_error?", "=fail|null", NULL},
    END};

static const struct cn_api_member check_reply[] = {
    {"valid", "boolean", NULL},
    {"types", "{@type}", "Of the expressions that are right."},
    {"recipe", "[string]", NULL},
    {"errors", "[#Problem]", "All of them, with their positions."},
    END};

/* ---- map ----------------------------------------------------------------------------------- */

static const struct cn_api_member map_request[] = {
    {"function", "@function", NULL},
    {"args", "[any]", "One call for each."},
    {"seconds?", "+number", "How long long_io sleeps; 2."},
    {"iterations?", "+count", "Of long_comp; 5,000,000."},
    {"chunksize?", "@positive", "Calls a task; 1."},
    {"executor?", "@executor", NULL},
    {"workers?", "@workers", NULL},
    {"repeat?", "1..1000", NULL},
    {"timeout_ms?", "@positive", NULL},
    {"retries?", "0..10", NULL},
    END};

static const struct cn_api_member map_execution[] = {
    {"executor", "@executor", NULL}, {"emulation?", "boolean", NULL}, {"workers", "count", NULL},
    {"chunksize", "count", NULL},    {"reason", "string", NULL},      END};

static const struct cn_api_member call_error[] = {
    {"code", "string", NULL}, {"detail", "string", NULL}, END};

static const struct cn_api_member call_future[] = {
    {"index", "count", NULL},
    {"state", "=finished|failed|cancelled", NULL},
    {"result", "any", NULL},
    {"error?", "#CallError", NULL},
    {"worker", "integer", NULL},
    {"pid", "integer", NULL},
    {"submitted_ns", "integer", "Since the request began, as the next two."},
    {"started_ns", "integer", NULL},
    {"finished_ns", "integer", NULL},
    {"started_at", "time?", NULL},
    {"cpu_ns", "integer", NULL},
    {"lock_ns", "integer", "Waiting for the interpreter lock (gil)."},
    END};

static const struct cn_api_member map_reply[] = {
    {"run", "id", NULL},
    {"function", "@function", NULL},
    {"execution", "#MapExecution", NULL},
    {"results", "[any]", "Null for a call that failed."},
    {"futures", "[#Future]", NULL},
    {"completion_order", "[count]", NULL},
    {"shared_results", "[[any]]", "Pairs that the calls wrote to a shared dictionary."},
    {"timing", "#Timing", NULL},
    END};

/* ---- compare ------------------------------------------------------------------------------- */

static const struct cn_api_member workload[] = {
    {"compute?", "#ComputeRequest", "Either this"}, {"map?", "#MapRequest", "or this."}, END};

static const struct cn_api_member compare_request[] = {{"workload", "#Workload", NULL},
                                                       {"executors?", "+@executor", NULL},
                                                       {"workers?", "+@workers", NULL},
                                                       {"modes?", "+@mode", NULL},
                                                       {"chunk_rows?", "+count", "0: chosen."},
                                                       {"rows?", "+count", "Of a generated frame."},
                                                       {"repeat?", "1..1000", NULL},
                                                       {"timeout_ms?", "@positive", NULL},
                                                       END};

static const struct cn_api_member compare_case[] = {
    {"case", "count", NULL},
    {"executor", "@executor", NULL},
    {"placed?", "@executor", "Where auto ran it."},
    {"workers", "count", NULL},
    {"mode", "@mode?", NULL},
    {"chunk_rows", "count", NULL},
    {"rows", "count", NULL},
    {"repeat", "#Samples", NULL},
    {"speedup", "number?", "Over serial in the same mode."},
    {"efficiency", "number?", NULL},
    {"digest", "string", "Of the results."},
    {"disturbed", "boolean", "It ran beside other work."},
    {"emulation?", "boolean", NULL},
    END};

static const struct cn_api_member compare_fit[] = {{"executor", "@executor", NULL},
                                                   {"mode", "@mode?", NULL},
                                                   {"rows?", "count", NULL},
                                                   {"chunk_rows?", "count", NULL},
                                                   {"serial_fraction", "number?", NULL},
                                                   {"reason", "string?", NULL},
                                                   {"emulation?", "boolean", NULL},
                                                   END};

static const struct cn_api_member compare_factor[] = {{"step", "string", NULL},
                                                      {"from", "count", NULL},
                                                      {"to", "count", NULL},
                                                      {"factor", "number", NULL},
                                                      {"measured", "boolean", NULL},
                                                      {"reason?", "string", NULL},
                                                      END};

static const struct cn_api_member compare_path[] = {
    {"name?", "string", NULL},      {"from", "count", NULL},
    {"to", "count", NULL},          {"ratio", "number", "The product of the factors."},
    {"factors", "[#Factor]", NULL}, END};

static const struct cn_api_member what[] = {{"what", "string", NULL}, {"rows", "count", NULL}, END};
static const struct cn_api_member usable[] = {{"usable", "count", NULL}, END};

static const struct cn_api_member compare_reply[] = {
    {"run", "id", NULL},
    {"workload", "#What", NULL},
    {"identical", "boolean", "All cases gave the same results."},
    {"differing", "[count]", NULL},
    {"cases", "[#Case]", NULL},
    {"amdahl", "[#Fit]", NULL},
    {"decomposition", "#Path", "From the slowest case to the fastest."},
    {"paths", "[#Path]", NULL},
    {"verdict", "[string]", NULL},
    {"choice", "count?", "The case that the verdict recommends."},
    {"cpus", "#Usable", NULL},
    {"timing", "#Timing", NULL},
    END};

/* ---- jobs ---------------------------------------------------------------------------------- */

static const struct cn_api_member progress[] = {
    {"done_rows", "count", NULL}, {"total_rows", "count?", NULL}, END};

static const struct cn_api_member job[] = {{"id", "id", NULL},
                                           {"operation", "string", NULL},
                                           {"state", "@job_state", NULL},
                                           {"progress", "#Progress", NULL},
                                           {"submitted_at", "time", NULL},
                                           {"started_at", "time?", NULL},
                                           {"finished_at", "time?", NULL},
                                           {"run", "id", NULL},
                                           {"error", "#Problem?", NULL},
                                           END};

static const struct cn_api_member job_list[] = {{"jobs", "[#Job]", "Newest first."}, END};

/* ---- runs ---------------------------------------------------------------------------------- */

static const struct cn_api_member run_input[] = {
    {"kind", "=upload|generated", NULL}, {"media_type?", "string", NULL},
    {"bytes?", "count", NULL},           {"digest?", "string?", "xxh3_128 of an upload."},
    {"generate?", "#Generate?", NULL},   END};

static const struct cn_api_member machine[] = {{"version", "string?", NULL},
                                               {"cpu", "string?", NULL},
                                               {"usable_cpus", "count", NULL},
                                               {"pid", "integer?", NULL},
                                               END};

static const struct cn_api_member chunk[] = {
    {"chunk", "count", NULL},          {"worker", "integer", NULL},
    {"pid", "integer", NULL},          {"first_row", "count", NULL},
    {"rows", "count", NULL},           {"start_ns", "integer", NULL},
    {"stages", "#WorkerStages", NULL}, END};

#define RUN_HEAD                                                                                   \
    {"id", "id", NULL}, {"started_at", "time", NULL},                                              \
        {"operation", "=compute|map|compare|check", NULL}, {"executor", "@executor?", NULL},       \
        {"emulation?", "boolean", NULL}, {"workers", "count", NULL}, {"mode", "@mode?", NULL},     \
        {"rows", "count", NULL}, {"status", "integer", NULL}, {"wall_ns", "integer", NULL}, {      \
        "imported?", "boolean", NULL                                                               \
    }

static const struct cn_api_member run_summary[] = {RUN_HEAD,
                                                   {"ledger", "{integer}", "Nanoseconds by stage."},
                                                   {"recipe", "[string]", NULL},
                                                   {"input_kind", "string?", NULL},
                                                   {"error_code", "string?", NULL},
                                                   END};

static const struct cn_api_member run[] = {
    RUN_HEAD,
    {"errors", "{count}", NULL},
    {"recipe", "[string]", NULL},
    {"input_types", "string", NULL},
    {"input", "#RunInput?", NULL},
    {"request", "any", "What to send to run it again; null: not kept."},
    {"execution", "#Execution", NULL},
    {"machine", "#Machine", NULL},
    {"timing", "#Timing", NULL},
    {"send_ns", "integer", NULL},
    {"error", "#Problem?", NULL},
    {"comparison", "#CompareReply?", "An experiment's reply."},
    {"chunks", "[#Chunk]", NULL},
    END};

static const struct cn_api_member durable[] = {
    {"durable", "boolean", "Runs survive a restart."}, {"error?", "string", NULL}, END};

static const struct cn_api_member run_list[] = {
    {"runs", "[#RunSummary]", "Newest first."},
    {"next", "id?", "The value of `before` for the page behind this one."},
    {"history", "#Durable", NULL},
    END};

static const struct cn_api_member trace[] = {
    {"displayTimeUnit", "string", NULL}, {"traceEvents", "[any]", NULL}, END};

static const struct cn_api_member run_file[] = {{"colonnade_run", "count", "The file's version."},
                                                {"exported_at", "time", NULL},
                                                {"run", "#Run", NULL},
                                                {"trace", "#Trace", NULL},
                                                END};

static const struct cn_api_member imported[] = {
    {"id", "id", NULL}, {"imported", "boolean", "False: it was there already."}, END};

/* ---- the service --------------------------------------------------------------------------- */

static const struct cn_api_member cpus[] = {{"online", "count", NULL},
                                            {"affinity", "count", NULL},
                                            {"quota", "number?", NULL},
                                            {"usable", "count", NULL},
                                            END};

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

const struct cn_api_schema cn_api_schemas[] = {
    {"Problem", "What went wrong (RFC 9457).", problem},
    {"Stage", NULL, stage},
    {"WorkerStages", "Nanoseconds; what did not happen is left out.", worker_stages},
    {"WorkerTimes", NULL, worker_times},
    {"Samples", NULL, samples},
    {"Timing", "Where the time went.", timing},
    {"Execution", NULL, execution},
    {"ComputeReply", NULL, compute_reply},
    {"Generate", "A reproducible frame, made on the server.", generate},
    {"CheckRequest", NULL, check_request},
    {"CheckReply", NULL, check_reply},
    {"MapRequest", NULL, map_request},
    {"MapExecution", NULL, map_execution},
    {"CallError", NULL, call_error},
    {"Future", "One call.", call_future},
    {"MapReply", NULL, map_reply},
    {"Workload", "Exactly one of the two.", workload},
    {"CompareRequest", NULL, compare_request},
    {"Case", NULL, compare_case},
    {"Fit", "Amdahl's serial fraction.", compare_fit},
    {"Factor", NULL, compare_factor},
    {"Path", NULL, compare_path},
    {"What", NULL, what},
    {"Usable", NULL, usable},
    {"CompareReply", NULL, compare_reply},
    {"Progress", NULL, progress},
    {"Job", NULL, job},
    {"JobList", NULL, job_list},
    {"RunInput", NULL, run_input},
    {"Machine", NULL, machine},
    {"Chunk", NULL, chunk},
    {"RunSummary", NULL, run_summary},
    {"Run", NULL, run},
    {"Durable", NULL, durable},
    {"RunList", NULL, run_list},
    {"Trace", "Chrome trace events.", trace},
    {"RunFile", "One run as a file.", run_file},
    {"Imported", NULL, imported},
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
};
const size_t cn_n_api_schemas = sizeof cn_api_schemas / sizeof cn_api_schemas[0];
