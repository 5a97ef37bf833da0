/*
 * run_read.h: a run's document, as GET /v1/runs/{id} gives it, back into a record: for runs that
 * were saved, and for files from elsewhere, which may hold anything.
 */
#ifndef CN_HANDLERS_RUN_READ_H
#define CN_HANDLERS_RUN_READ_H

#include "base/arena.h"
#include "handlers/runs.h"

/* Of exported files; a higher number is from a newer Colonnade. */
#define CN_RUN_FILE_VERSION 1
/* The deepest that our own documents are: a request's JSON is as deep as its limit allowed. */
enum { CN_RUN_SAVED_DEPTH = 4096 };

/* `document` is what cn_run_document_write() wrote. The record points into `document` and the
 * arena. An error names the member by its path, as in run.timing.ledger[2].ns. */
enum cn_code cn_run_record_read(struct cn_str document, struct cn_arena *arena,
                                struct cn_run_record *record, struct cn_error *error);

/* An exported file: {"colonnade_run": 1, "exported_at", "run": document, "trace"}. The record is
 * marked as imported. */
enum cn_code cn_run_file_read(struct cn_str text, size_t max_depth, struct cn_arena *arena,
                              struct cn_run_record *record, struct cn_error *error);

#endif
