/*
 * operation.h: one name for each endpoint, the same in /metrics, in the access log and in
 * /openapi.json. The list is closed: no request can add to it.
 */
#ifndef CN_HANDLERS_OPERATION_H
#define CN_HANDLERS_OPERATION_H

enum cn_operation {
    CN_OPERATION_NONE, /* there is no such path, or the request was refused before it was routed */
    CN_OPERATION_COMPUTE,
    CN_OPERATION_MAP,
    CN_OPERATION_COMPARE,
    CN_OPERATION_CHECK,
    CN_OPERATION_RUNS_IMPORT,
    CN_OPERATION_RUNS,
    CN_OPERATION_RUN,
    CN_OPERATION_RUN_TRACE,
    CN_OPERATION_RUN_EXPORT,
    CN_OPERATION_JOBS,
    CN_OPERATION_JOB,
    CN_OPERATION_JOB_RESULT,
    CN_OPERATION_JOB_EVENTS,
    CN_OPERATION_POOLS,
    CN_OPERATION_LOAD,
    CN_OPERATION_EVENTS,
    CN_OPERATION_FUNCTIONS,
    CN_OPERATION_METRICS,
    CN_OPERATION_OPENAPI,
    CN_OPERATION_SESSION,
    CN_OPERATION_LIVEZ,
    CN_OPERATION_READYZ,
    CN_OPERATION_HOME,
    CN_OPERATION_STATIC,
    CN_OPERATION_COUNT
};

const char *cn_operation_name(enum cn_operation operation); /* "runs_import"; "none" */

#endif
