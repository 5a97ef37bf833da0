#include "server/limits.h"

/* A reply that waits to be sent, and results of jobs, may have so much of --memory-bytes each. */
#define MEMORY_PARTS 4

uint64_t cn_part_of_memory(const struct cn_settings *settings, uint64_t bytes) {
    uint64_t part = settings->memory_bytes / MEMORY_PARTS;
    return bytes < part ? bytes : part;
}

struct cn_service_limits cn_limits_of(const struct cn_settings *settings) {
    return (struct cn_service_limits){
        .max_body_bytes = settings->max_body_bytes,
        .max_inflate_ratio = settings->max_inflate_ratio,
        .max_window_log = settings->max_window_log,
        .max_rows = settings->max_rows,
        .max_columns = settings->max_columns,
        .expression = {.max_bytes = settings->max_expression_bytes,
                       .max_nodes = settings->max_expression_nodes,
                       .max_depth = settings->max_expression_depth},
        .max_json_depth = settings->max_json_depth,
        .max_workers = settings->max_workers,
        .max_calls = settings->max_calls,
        .max_cases = settings->max_cases,
        .max_streams = settings->max_streams,
        .buffer_bytes = cn_part_of_memory(settings, settings->buffer_bytes),
        .memory_bytes = settings->memory_bytes,
        .max_import_bytes = settings->max_import_bytes,
        .request_timeout_ms = (int64_t)settings->request_timeout_ms,
    };
}
