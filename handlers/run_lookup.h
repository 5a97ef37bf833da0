/*
 * run_lookup.h: one run, from memory or from the history.
 */
#ifndef CN_HANDLERS_RUN_LOOKUP_H
#define CN_HANDLERS_RUN_LOOKUP_H

#include "handlers/exchange.h"
#include "handlers/runs.h"

/* Calls `visit` for the run that the path names. CN_NOT_FOUND with its text, or why the history
 * cannot be read. */
enum cn_code cn_run_lookup(struct cn_exchange *exchange,
                           void (*visit)(const struct cn_run_record *record, void *context),
                           void *context, struct cn_error *error);
/* The same, appending the run's whole document. */
enum cn_code cn_run_lookup_document(struct cn_exchange *exchange, struct cn_buf *document,
                                    struct cn_error *error);

#endif
