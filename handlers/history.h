/*
 * history.h: runs that survive a restart, in DIR/history.sqlite3.
 *
 * What runs.h holds in memory is saved here by one writer thread, a little after it settled, in
 * batches; no request ever waits for it. Oldest runs are dropped when the file holds more than
 * `bytes`, or when they were kept for `days`. When the disk refuses, the service goes on, says so
 * once on standard error, and tries again.
 *
 * One server a directory: a lock (DIR/history.lock) refuses a second one. Thread-safe.
 */
#ifndef CN_HANDLERS_HISTORY_H
#define CN_HANDLERS_HISTORY_H

#include "base/buf.h"
#include "base/error.h"
#include "handlers/runs.h"

struct cn_history_limits {
    uint64_t bytes; /* of the file */
    uint64_t days;  /* 0: however old */
};

struct cn_history;
struct cn_search;
struct cn_service;

/* Opens or makes the file and checks that it is one of ours. An error (CN_INVALID_PARAMETER, a text
 * for the one who starts the server) names the directory. Not before the last fork(). */
enum cn_code cn_history_open(struct cn_history **history, const char *dir,
                             const struct cn_history_limits *limits, struct cn_error *error);
/* From now on what is added to service->runs is saved; its numbers go on where the file's end.
 * Before there are requests. */
enum cn_code cn_history_start(struct cn_history *history, const struct cn_service *service,
                              struct cn_error *error);
/* Saves what is left, ends the writer, closes the file; waits a second at most for others who write
 * to it, and says how many runs were not saved. After the last request has ended, before
 * cn_runs_free(). NULL is allowed. */
void cn_history_close(struct cn_history *history);

/* Whether the last try to save failed; runs are kept in memory meanwhile. */
bool cn_history_failing(const struct cn_history *history);

/* Runs that were saved since the start, and tries to save that failed. */
void cn_history_look(const struct cn_history *history, uint64_t *saved, uint64_t *failures);

/* Waits until all runs that are in memory now were saved or could not be; for tests. */
void cn_history_flush(struct cn_history *history);

/* ---- reading; each call takes one of a few connections, for as long as it lasts ---- */

struct cn_history_query {
    uint64_t before_seq;   /* only older runs */
    const char *operation; /* NULL: any */
    const struct cn_search *search;
    size_t limit;
};
/* Calls `visit` for the runs that match, newest first, with the run's id (32 hex digits) and its
 * summary, which is valid JSON. Rows of a damaged file that are neither are left out, and it ends
 * with an error. */
enum cn_code cn_history_list(struct cn_history *history, const struct cn_history_query *query,
                             void (*visit)(const char *id, struct cn_str summary, void *context),
                             void *context, struct cn_error *error);
/* Appends the whole document of a run. CN_NOT_FOUND: there is none (no error is set). */
enum cn_code cn_history_document(struct cn_history *history, const char *id,
                                 struct cn_buf *document, struct cn_error *error);
/* The number of a run. CN_NOT_FOUND: there is none (no error is set). */
enum cn_code cn_history_seq(struct cn_history *history, const char *id, uint64_t *seq,
                            struct cn_error *error);

#endif
