/*
 * run_trace.h: a run as Chrome trace events, which Perfetto opens.
 */
#ifndef CN_HANDLERS_RUN_TRACE_H
#define CN_HANDLERS_RUN_TRACE_H

#include "handlers/json_out.h"
#include "handlers/runs.h"

/* {"displayTimeUnit": "ms", "traceEvents": [...]} */
void cn_run_trace_write(struct cn_json_out *out, const char *key,
                        const struct cn_run_record *record);

#endif
