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

const struct cn_api_schema cn_api_work_schemas[] = {
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
    END,
};
