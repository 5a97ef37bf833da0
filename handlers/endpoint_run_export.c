/*
 * endpoint_run_export.c: GET /v1/runs/{id}/export: one run as one file, which POST /v1/runs/import
 * takes.
 */
#include <stdio.h>

#include "handlers/endpoint_reply.h"
#include "handlers/endpoints.h"
#include "handlers/run_document.h"
#include "handlers/run_lookup.h"
#include "handlers/run_read.h"
#include "handlers/run_trace.h"

struct exporting {
    struct cn_json_out out;
    const struct cn_service *service;
};

static void write_file(const struct cn_run_record *record, void *context) {
    struct exporting *exporting = context;
    struct cn_json_out *out = &exporting->out;
    char now[32];
    cn_clock_format(cn_clock_wall(), now);
    cn_json_out_open(out, NULL, '{');
    cn_json_out_int(out, "colonnade_run", CN_RUN_FILE_VERSION);
    cn_json_out_c(out, "exported_at", now);
    cn_json_out_key(out, "run");
    out->first = true;
    cn_run_document_write(out, record, exporting->service);
    cn_run_trace_write(out, "trace", record);
    cn_json_out_close(out, '}');
}

static void export_finish(struct cn_exchange *exchange) {
    struct cn_buf buf = CN_BUF_INIT;
    struct exporting exporting = {.service = exchange->service};
    struct cn_error error;
    char disposition[96];
    cn_error_init(&error);
    cn_json_out_init(&exporting.out, &buf);
    if (cn_run_lookup(exchange, write_file, &exporting, &error) != CN_OK) {
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    /* Found, so it is the id of a run: hex digits. */
    snprintf(disposition, sizeof disposition, "attachment; filename=\"colonnade-run-%.8s.json\"",
             exchange->segment);
    cn_reply_add_header(exchange, "Content-Disposition", disposition);
    cn_endpoint_reply_json(exchange, 200, &exporting.out);
}

const struct cn_endpoint cn_endpoint_run_export = {.methods = "GET",
                                                   .path = "/v1/runs/{id}/export",
                                                   .operation = CN_OPERATION_RUN_EXPORT,
                                                   .open = cn_endpoint_open_plain,
                                                   .finish = export_finish};
