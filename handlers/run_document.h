/*
 * run_document.h: what is said of a run: its whole document (GET /v1/runs/{id}), and the summary
 * that the list of runs and the stream of events show.
 */
#ifndef CN_HANDLERS_RUN_DOCUMENT_H
#define CN_HANDLERS_RUN_DOCUMENT_H

#include "handlers/json_out.h"
#include "handlers/runs.h"

struct cn_service;

/* Each appends one object as an element. `service` (may be NULL) is where a run ran that does not
 * say so itself. */
void cn_run_document_write(struct cn_json_out *out, const struct cn_run_record *record,
                           const struct cn_service *service);
void cn_run_summary_write(struct cn_json_out *out, const struct cn_run_record *record);

#endif
