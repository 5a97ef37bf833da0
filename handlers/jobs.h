/*
 * jobs.h: requests that run on after their clients were answered, and their results.
 *
 * A request with `Prefer: respond-async` becomes a job: its endpoint is driven by an exchange
 * without a connection (inner.h), and its reply is copied and kept. The store knows every job that
 * is not yet forgotten; it keeps at most max_jobs of them, at most job_bytes of results, the one
 * that ended first going first, and each for keep_ms after its end.
 *
 * Thread-safe. One thread, the clerk, takes in the replies of jobs and does everything that is due
 * at a time: the ends of waits, the news of event streams, deadlines of jobs, forgetting.
 */
#ifndef CN_HANDLERS_JOBS_H
#define CN_HANDLERS_JOBS_H

#include "handlers/inner.h"
#include "handlers/json_out.h"

struct cn_service;
struct cn_jobs;
struct cn_deferred;

/* NULL: no memory, or no thread. */
struct cn_jobs *cn_jobs_new(struct cn_service *service, size_t max_jobs, uint64_t job_bytes,
                            int64_t keep_ms);
/* Waits until no job is pending or running, or `deadline_ns` of the clock. */
void cn_jobs_drain(struct cn_jobs *jobs, int64_t deadline_ns);
/* Cancels what runs, waits for it to end, and frees the store. No request may be in flight any
 * more; the executors must still be there. */
void cn_jobs_free(struct cn_jobs *jobs);

/* ---- a job's request (deferred.c) ---------------------------------------------------------- */

/* A job for `exchange->deferred`, with the request's method, query and headers, its run id and its
 * deadline. Not known to anybody yet. Its endpoint's `open` was called and succeeded; the text of
 * an expression at fault is left in exchange->expression. CN_OVERLOADED: --max-jobs are there and
 * none has ended. */
enum cn_code cn_deferred_open(struct cn_deferred **deferred, struct cn_exchange *exchange,
                              struct cn_error *error);
/* The exchange that the body is for. */
struct cn_exchange *cn_deferred_exchange(struct cn_deferred *deferred);
/* The body has ended: the job is known from now on, and its endpoint's `finish` was called.
 * CN_OVERLOADED: meanwhile --max-jobs are there; it may be discarded. */
enum cn_code cn_deferred_submit(struct cn_deferred *deferred, struct cn_error *error);
/* Instead of submit: nothing remains of it. */
void cn_deferred_discard(struct cn_deferred *deferred);
/* Ends the caller's use of the job, which may live on. */
void cn_deferred_unref(struct cn_deferred *deferred);

/* ---- looking at jobs ----------------------------------------------------------------------- */

enum cn_deferred_state {
    CN_DEFERRED_PENDING,
    CN_DEFERRED_RUNNING,
    CN_DEFERRED_FINISHED,
    CN_DEFERRED_FAILED,
    CN_DEFERRED_CANCELLED,
    CN_DEFERRED_STATE_COUNT
};

struct cn_jobs_stats {
    uint64_t known[CN_DEFERRED_STATE_COUNT];
    uint64_t ended[CN_DEFERRED_STATE_COUNT]; /* ever, by how they ended */
    uint64_t result_bytes;                   /* of results that are held */
};
void cn_jobs_look(struct cn_jobs *jobs, struct cn_jobs_stats *stats);

/* A job by its id, with a reference; NULL: unknown. */
struct cn_deferred *cn_jobs_find(struct cn_jobs *jobs, const char *id);
/* Writes the documents of at most `limit` jobs, newest first, as elements. */
void cn_jobs_write(struct cn_jobs *jobs, size_t limit, struct cn_json_out *out);
const char *cn_deferred_id(const struct cn_deferred *deferred);
/* Cancels a job that has not ended, and writes its document; true. False: it had ended, and is
 * forgotten. */
bool cn_deferred_cancel(struct cn_deferred *deferred, struct cn_json_out *out);

/* ---- waiting for news ---------------------------------------------------------------------- */

struct cn_deferred_progress {
    enum cn_deferred_state state;
    uint64_t done_rows;
    uint64_t total_rows; /* 0: not known */
};

/* An exchange that waits for a job. With `settle`: for its end or `due_ns`, whatever comes first;
 * without: it is a stream that is woken when there is something to tell. */
struct cn_watcher {
    struct cn_deferred *deferred;
    struct cn_exchange *exchange;
    /* Makes the reply. Called once, on any thread, with the store's lock held, so of the functions
     * above only cn_deferred_id() may be called, and those named _locked. */
    void (*settle)(struct cn_watcher *watcher);
    int64_t due_ns;
    struct cn_deferred_progress told; /* what the stream has told, and when */
    int64_t told_ns;
    bool linked;
    struct cn_watcher *next;
    struct cn_watcher *previous;
};

/* The job's document. */
void cn_deferred_write_locked(struct cn_deferred *deferred, struct cn_json_out *out);
enum cn_deferred_state cn_deferred_state_locked(struct cn_deferred *deferred);
/* What the plain call would have replied, as the reply of `exchange`; of a job that has finished
 * or failed. Nothing is copied: the caller keeps its reference until the exchange is closed. */
void cn_deferred_reply_locked(struct cn_deferred *deferred, struct cn_exchange *exchange);

/* Settles at once if the job has ended or due_ns is 0, otherwise later. */
void cn_watcher_wait(struct cn_watcher *watcher);
/* Nobody waits any more: settles now if that has not happened. */
void cn_watcher_hurry(struct cn_watcher *watcher);

/* A stream: begins to be woken. */
void cn_watcher_begin(struct cn_watcher *watcher);
void cn_watcher_end(struct cn_watcher *watcher);

enum cn_news {
    CN_NEWS_NONE,     /* the watcher will be woken */
    CN_NEWS_PROGRESS, /* watcher->told has changed */
    CN_NEWS_SIGN,     /* nothing, but it is time for a sign of life */
    CN_NEWS_END,      /* the document of the job was written to `out` */
};
/* What a stream is to tell now. */
enum cn_news cn_watcher_news(struct cn_watcher *watcher, struct cn_json_out *out);

/* ---- texts --------------------------------------------------------------------------------- */

const char *cn_deferred_state_name(enum cn_deferred_state state);
/* The members done_rows and total_rows. */
void cn_deferred_progress_write(struct cn_json_out *out,
                                const struct cn_deferred_progress *progress);
/* What is to be said of a job that was cancelled. */
void cn_deferred_cancelled(struct cn_error *error);

#endif
