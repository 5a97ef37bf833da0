/*
 * A run as Chrome trace events, which Perfetto opens: the request's ledger on one lane, and the
 * chunks with their stages nested inside on a lane for each worker.
 */
#include "handlers/run_trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handlers/worker_accounts.h"

/* No process of Linux has a higher number: what a worker on another machine, whose number says
 * nothing here, is given instead, so that each is a lane of its own. */
#define HIGHEST_PID (INT64_C(1) << 22)

/* Microseconds with three decimals: nanoseconds are kept. */
static void write_us(struct cn_json_out *out, const char *key, int64_t ns) {
    cn_json_out_key(out, key);
    out->ok = cn_buf_printf(out->buf, "%" PRId64 ".%03d", ns / 1000, (int)(ns % 1000)) && out->ok;
}

static void write_name(struct cn_json_out *out, const char *kind, int64_t pid, int64_t tid,
                       const char *name) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "ph", "M");
    cn_json_out_c(out, "name", kind);
    cn_json_out_int(out, "pid", pid);
    cn_json_out_int(out, "tid", tid);
    cn_json_out_open(out, "args", '{');
    cn_json_out_c(out, "name", name);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

struct span {
    const char *name;
    const char *category;
    int64_t pid;
    int64_t tid;
    int64_t start_ns;
    int64_t ns;
};

/* The event stays open for "args". */
static void open_span(struct cn_json_out *out, const struct span *span) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "ph", "X");
    cn_json_out_c(out, "name", span->name);
    cn_json_out_c(out, "cat", span->category);
    cn_json_out_int(out, "pid", span->pid);
    cn_json_out_int(out, "tid", span->tid);
    write_us(out, "ts", span->start_ns);
    write_us(out, "dur", span->ns);
}

static void write_span(struct cn_json_out *out, const struct span *span) {
    open_span(out, span);
    cn_json_out_close(out, '}');
}

/* The stages in the order in which a request passes them, laid end to end. */
static void write_ledger(struct cn_json_out *out, const struct cn_run_record *record, int64_t pid) {
    struct span span = {.category = "request", .pid = pid, .tid = 0};
    int64_t wall_ns = record->ledger.ended_ns - record->ledger.started_ns;
    span.name = record->operation;
    span.ns = wall_ns;
    open_span(out, &span);
    cn_json_out_open(out, "args", '{');
    cn_json_out_c(out, "run", record->id);
    cn_json_out_int(out, "rows", (int64_t)record->rows);
    cn_json_out_int(out, "status", record->status);
    cn_json_out_c(out, "executor", record->executor);
    if (record->emulated)
        cn_json_out_bool(out, "emulation", true);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
    for (enum cn_stage stage = 0; stage < CN_STAGE_COUNT; stage++) {
        if (record->ledger.ns[stage] == 0)
            continue;
        span.name = cn_stage_name(stage);
        span.ns = record->ledger.ns[stage];
        write_span(out, &span);
        span.start_ns += span.ns;
    }
    if (record->send_ns > 0) {
        span = (struct span){.name = "send",
                             .category = "request",
                             .pid = pid,
                             .start_ns = wall_ns,
                             .ns = record->send_ns};
        write_span(out, &span);
    }
}

static int64_t lane_pid(const struct cn_run_worker *worker) {
    return worker->host[0] != '\0' ? HIGHEST_PID + 1 + worker->worker : worker->pid;
}

/* What ran a chunk; NULL: the record does not say. */
static const struct cn_run_worker *find_worker(const struct cn_run_record *record,
                                               const struct cn_run_chunk *chunk) {
    if (chunk->worker < 0 || (size_t)chunk->worker >= record->n_worker)
        return NULL;
    const struct cn_run_worker *worker = &record->worker[chunk->worker];
    return worker->worker == chunk->worker ? worker : NULL;
}

/* The stages of a chunk alternate from block to block; their sums are shown end to end. On another
 * machine they come between the ways there and back. */
static void write_chunk(struct cn_json_out *out, const struct cn_run_record *record,
                        const struct cn_run_chunk *chunk) {
    const struct cn_run_worker *worker = find_worker(record, chunk);
    bool remote = worker && worker->host[0] != '\0';
    struct span span = {.category = "chunk",
                        .pid = remote ? lane_pid(worker) : chunk->pid,
                        .tid = (int64_t)chunk->worker + 1,
                        .start_ns = chunk->start_ns};
    char name[32];
    snprintf(name, sizeof name, "chunk %" PRIu32, chunk->chunk);
    span.name = name;
    for (enum cn_span stage = 0; stage < CN_SPAN_COUNT; stage++)
        span.ns += chunk->spans.ns[stage];
    open_span(out, &span);
    cn_json_out_open(out, "args", '{');
    cn_json_out_int(out, "first_row", (int64_t)chunk->first_row);
    cn_json_out_int(out, "rows", (int64_t)chunk->rows);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
    span.category = "stage";
    for (int i = 0; i < CN_SPAN_COUNT; i++) {
        enum cn_span stage = remote ? cn_remote_spans[i] : (enum cn_span)i;
        if (chunk->spans.ns[stage] == 0)
            continue;
        span.name = cn_span_name(stage);
        span.ns = chunk->spans.ns[stage];
        write_span(out, &span);
        span.start_ns += span.ns;
    }
}

/* Names each lane once. A process is the server unless it is a worker's own. */
static void write_lanes(struct cn_json_out *out, const struct cn_run_record *record, int64_t pid) {
    write_name(out, "process_name", pid, 0, "colonnade");
    write_name(out, "thread_name", pid, 0, "request");
    for (size_t i = 0; i < record->n_worker; i++) {
        const struct cn_run_worker *worker = &record->worker[i];
        int64_t lane = lane_pid(worker);
        char name[64 + CN_RUN_HOST];
        snprintf(name, sizeof name, "%s%sworker %" PRId32 "%s%s",
                 record->executor ? record->executor : "",
                 !record->executor  ? ""
                 : record->emulated ? " (emulated) "
                                    : " ",
                 worker->worker, worker->host[0] != '\0' ? " on " : "", worker->host);
        if (lane != pid)
            write_name(out, "process_name", lane, 0, name);
        write_name(out, "thread_name", lane, (int64_t)worker->worker + 1, name);
    }
}

/* The process that served the request. An imported run may say nothing of it; then it is that of
 * the workers, unless they are processes themselves. */
static int64_t find_server(const struct cn_run_record *record) {
    bool own = (record->executor && strcmp(record->executor, "processes") == 0) ||
               (record->n_worker > 0 && record->worker[0].host[0] != '\0');
    if (record->machine.pid > 0)
        return record->machine.pid;
    return record->n_worker > 0 && !own ? record->worker[0].pid : record->imported ? 0 : getpid();
}

void cn_run_trace_write(struct cn_json_out *out, const char *key,
                        const struct cn_run_record *record) {
    int64_t pid = find_server(record);
    cn_json_out_open(out, key, '{');
    cn_json_out_c(out, "displayTimeUnit", "ms");
    cn_json_out_open(out, "traceEvents", '[');
    write_lanes(out, record, pid);
    write_ledger(out, record, pid);
    for (size_t i = 0; i < record->listed_chunks; i++)
        if (record->chunks[i].worker >= 0) /* others were given up before a worker had them */
            write_chunk(out, record, &record->chunks[i]);
    cn_json_out_close(out, ']');
    cn_json_out_close(out, '}');
}
