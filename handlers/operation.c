#include "handlers/operation.h"

static const char *const names[CN_OPERATION_COUNT] = {
    [CN_OPERATION_NONE] = "none",
    [CN_OPERATION_COMPUTE] = "compute",
    [CN_OPERATION_MAP] = "map",
    [CN_OPERATION_COMPARE] = "compare",
    [CN_OPERATION_CHECK] = "check",
    [CN_OPERATION_RUNS_IMPORT] = "runs_import",
    [CN_OPERATION_RUNS] = "runs",
    [CN_OPERATION_RUN] = "run",
    [CN_OPERATION_RUN_TRACE] = "run_trace",
    [CN_OPERATION_RUN_EXPORT] = "run_export",
    [CN_OPERATION_JOBS] = "jobs",
    [CN_OPERATION_JOB] = "job",
    [CN_OPERATION_JOB_RESULT] = "job_result",
    [CN_OPERATION_JOB_EVENTS] = "job_events",
    [CN_OPERATION_POOLS] = "pools",
    [CN_OPERATION_LOAD] = "load",
    [CN_OPERATION_EVENTS] = "events",
    [CN_OPERATION_FUNCTIONS] = "functions",
    [CN_OPERATION_METRICS] = "metrics",
    [CN_OPERATION_OPENAPI] = "openapi",
    [CN_OPERATION_SESSION] = "session",
    [CN_OPERATION_LIVEZ] = "livez",
    [CN_OPERATION_READYZ] = "readyz",
    [CN_OPERATION_HOME] = "home",
    [CN_OPERATION_STATIC] = "static",
};

const char *cn_operation_name(enum cn_operation operation) {
    return (unsigned)operation < CN_OPERATION_COUNT ? names[operation] : names[CN_OPERATION_NONE];
}
