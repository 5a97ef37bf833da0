/*
 * endpoint_runs_import.c: POST /v1/runs/import: a file that /v1/runs/{id}/export wrote, here or
 * elsewhere. It may hold anything; what is kept was checked, member by member (run_read.h).
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/history.h"
#include "handlers/negotiate.h"
#include "handlers/query.h"
#include "handlers/run_read.h"
#include "handlers/service.h"
#include "handlers/shown.h"

/* An exported file wraps what a request may have sent into a few objects more. */
enum { DEPTH_AROUND = 8 };
/* As text and with its trace a run is larger than in the store; by more than that hardly ever. */
enum { TEXT_FACTOR = 4 };

struct import {
    struct cn_exchange *exchange;
    struct cn_buf body;
};

/* ---- the body ----------------------------------------------------------------------------- */

/* Larger files are not even read: what is in them could not be kept. */
static uint64_t most_bytes(const struct cn_exchange *exchange) {
    uint64_t kept = (uint64_t)cn_runs_max_bytes(exchange->service->runs) * TEXT_FACTOR;
    uint64_t most = cn_exchange_limits(exchange)->max_import_bytes;
    return kept < most ? kept : most;
}

static enum cn_code fail_size(const struct cn_exchange *exchange, struct cn_error *error) {
    cn_error_set_limit(error, "--max-import-bytes");
    return cn_error_set(error, CN_LIMIT_EXCEEDED,
                        "the file is larger than %" PRIu64 " bytes (--max-import-bytes)",
                        most_bytes(exchange));
}

static enum cn_code import_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_body_type type;
    const char *content_type = exchange->ops->header(exchange, "Content-Type");
    CN_TRY(cn_query_none(exchange->query, &exchange->arena, error));
    CN_TRY(cn_negotiate_body(content_type, NULL, true, &type, error));
    if (type.kind != CN_BODY_JSON && type.kind != CN_BODY_UNSTATED)
        return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                            "an exported run is application/json, not '%.*s'",
                            CN_SHOWN(cn_str_c(content_type)));
    CN_TRY(cn_exchange_expect_coded(exchange, true, error));
    if (exchange->content_length > 0 && (uint64_t)exchange->content_length > most_bytes(exchange))
        return fail_size(exchange, error);
    struct import *import = cn_arena_zalloc(&exchange->arena, sizeof *import);
    if (!import)
        return cn_error_memory(error);
    import->exchange = exchange;
    cn_buf_init_blocks(&import->body, exchange->service->blocks);
    exchange->state = import;
    return CN_OK;
}

static enum cn_body_verdict import_body(struct cn_exchange *exchange, const char *data,
                                        size_t len) {
    struct import *import = exchange->state;
    if (len > most_bytes(exchange) - import->body.len) {
        fail_size(exchange, &exchange->error);
        return CN_BODY_REFUSE;
    }
    if (!cn_buf_add(&import->body, data, len)) {
        cn_error_memory(&exchange->error);
        return CN_BODY_REFUSE;
    }
    return CN_BODY_MORE;
}

/* ---- the run ------------------------------------------------------------------------------ */

/* *there: it is kept already, in memory or in the history. */
static enum cn_code keep(struct import *import, struct cn_run_record *record, bool *there,
                         struct cn_error *error) {
    const struct cn_service *service = import->exchange->service;
    struct cn_history *history = cn_runs_history(service->runs);
    uint64_t seq;
    CN_TRY(cn_run_file_read(cn_buf_str(&import->body),
                            (size_t)cn_exchange_limits(import->exchange)->max_json_depth +
                                DEPTH_AROUND,
                            &import->exchange->arena, record, error));
    *there = history && cn_history_seq(history, record->id, &seq, NULL) == CN_OK;
    return *there ? CN_OK : cn_runs_add_new(service->runs, record, there, error);
}

static void settle(struct import *import) {
    struct cn_exchange *exchange = import->exchange;
    struct cn_run_record record;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    struct cn_error error;
    char location[64];
    bool there;
    cn_error_init(&error);
    if (keep(import, &record, &there, &error) != CN_OK) {
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    cn_buf_release(&import->body);
    snprintf(location, sizeof location, "/v1/runs/%s", record.id);
    cn_reply_add_header(exchange, "Location", location);
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_json_out_c(&out, "id", record.id);
    cn_json_out_bool(&out, "imported", !there);
    cn_json_out_close(&out, '}');
    cn_endpoint_reply_json(exchange, there ? 200 : 201, &out);
}

static void *run_settle(void *argument) {
    settle(argument);
    return NULL;
}

/* A thread of its own, which ends with the reply. False: there is none to be had. */
static bool settle_elsewhere(struct import *import) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int failed = pthread_create(&thread, &attributes, run_settle, import);
    pthread_attr_destroy(&attributes);
    return failed == 0;
}

static void import_finish(struct cn_exchange *exchange) {
    struct import *import = exchange->state;
    if (import->body.len < CN_READ_AT_ONCE_BYTES || !settle_elsewhere(import))
        settle(import);
}

static void import_close(struct cn_exchange *exchange) {
    struct import *import = exchange->state;
    cn_buf_release(&import->body);
}

const struct cn_endpoint cn_endpoint_runs_import = {.methods = "POST",
                                                    .path = "/v1/runs/import",
                                                    .operation = CN_OPERATION_RUNS_IMPORT,
                                                    .takes_body = true,
                                                    .works = true,
                                                    .open = import_open,
                                                    .body = import_body,
                                                    .finish = import_finish,
                                                    .close = import_close};
