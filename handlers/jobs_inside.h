/*
 * jobs_inside.h: inside of the store of jobs. Private to jobs*.c.
 *
 * One lock guards everything, except what a deferred request does not change after it was
 * submitted. It is never held while an endpoint is called, but it is while watchers are settled and
 * woken: order of locks: the store's, then whatever `reply` and `wake` of a connection take.
 *
 * Life of a deferred request. Memory: counted by `refs`: one of the store while it is known, one of
 * each exchange that looks at it, and one as long as the inner exchange is not closed. The inner
 * exchange: counted by `uses`: one of whoever drives it to its finish, one while its reply is
 * pending, one of each call of `gone`; the last one closes it. The clerk copies the reply before
 * that, so what is kept of a job is its result and not what it was computed from.
 */
#ifndef CN_HANDLERS_JOBS_INSIDE_H
#define CN_HANDLERS_JOBS_INSIDE_H

#include <pthread.h>

#include "handlers/jobs.h"

/* A reply that is kept. */
struct cn_kept {
    struct cn_arena arena;
    int status;
    const char *content_type;
    struct cn_reply_header headers[CN_REPLY_HEADERS];
    size_t n_headers;
    struct cn_str body;
};

struct cn_deferred {
    struct cn_inner inner;
    struct cn_jobs *jobs;
    unsigned refs;
    unsigned uses;
    bool opened;       /* the inner endpoint's `open` succeeded: it must be closed */
    bool working;      /* in service->work_running */
    bool finished;     /* the inner endpoint's `finish` has returned */
    bool replied;      /* the inner reply was made */
    bool cancel_later; /* cancelled before `finish` had returned */
    bool gone_called;
    bool listed; /* known: in the list of all, and in that of the active or of the ended ones */

    char id[33];
    const char *operation;
    int64_t submitted_at, started_at, finished_at; /* wall clock; 0: not yet */
    int64_t complete_at, replied_at;               /* the body was; the inner reply was made */
    int64_t ended_ns;                              /* of the clock */
    bool ended;
    struct cn_deferred_progress progress; /* as it was last seen; final when it has ended */
    struct cn_kept kept;                  /* finished, failed */
    uint64_t bytes;                       /* of a result that is kept */
    uint64_t charged;                     /* to the service's budget, for `kept` */

    struct cn_watcher *watchers; /* none when it has ended */
    struct cn_deferred *newer, *older;
    struct cn_deferred *next, *previous; /* active, or ended in the order of the ends */
    struct cn_deferred *next_reply;      /* replied, for the clerk */
};

struct cn_deferred_list {
    struct cn_deferred *first;
    struct cn_deferred *last;
};

struct cn_jobs {
    struct cn_service *service;
    size_t max_jobs;
    uint64_t job_bytes;
    int64_t keep_ns;

    pthread_mutex_t lock;
    pthread_cond_t news;  /* CLOCK_MONOTONIC, both; for the clerk */
    pthread_cond_t quiet; /* no job is active any more */
    struct cn_deferred *newest;
    struct cn_deferred_list active;
    struct cn_deferred_list ended;
    struct cn_deferred *first_reply, *last_reply;
    size_t n_jobs;                                /* known ones */
    size_t n_ended;                               /* of them */
    size_t n_inner;                               /* inner exchanges that are not closed */
    uint64_t bytes;                               /* of results that are known */
    uint64_t n_ended_as[CN_DEFERRED_STATE_COUNT]; /* ever */
    uint64_t held; /* of all results, those included that were forgotten while they are read */
    bool stopping;
    pthread_t clerk;
};

/* ---- jobs.c: with the lock ----------------------------------------------------------------- */

/* One more, whose body may now arrive. It does not count as a job before it is listed: bodies that
 * come slowly are bounded by the queue of requests, and take no job's place.
 * CN_OVERLOADED: --max-jobs are there and none has ended, or readers of results that were forgotten
 * hold more than --job-bytes. */
enum cn_code cn_jobs_admit(struct cn_jobs *jobs, struct cn_error *error);
/* Known and active from now on; ended ones make room for it. CN_OVERLOADED: --max-jobs are there
 * and none has ended. */
enum cn_code cn_jobs_list(struct cn_deferred *deferred, struct cn_error *error);
void cn_jobs_forget(struct cn_deferred *deferred); /* of one that has ended */
void cn_jobs_unref(struct cn_deferred *deferred);
void cn_jobs_drop_kept(struct cn_deferred *deferred); /* the reply's memory */
/* The end: `state` is final, watchers are told, and older results make room. */
void cn_jobs_end(struct cn_deferred *deferred, enum cn_deferred_state state);
/* Looks how far the inner exchange is. */
void cn_jobs_observe(struct cn_deferred *deferred);

/* ---- jobs_run.c: without the lock ---------------------------------------------------------- */

/* Copies the inner reply. What is too large, and what there is no memory for, becomes an error. */
void cn_jobs_keep(struct cn_deferred *deferred);
/* Ends one use of the inner exchange. */
void cn_jobs_unuse(struct cn_deferred *deferred);

/* ---- jobs_watch.c: with the lock ----------------------------------------------------------- */

void cn_jobs_tell_end(struct cn_deferred *deferred);
/* Settles and wakes what is due. */
void cn_jobs_tell(struct cn_deferred *deferred, int64_t now);

/* ---- jobs_clerk.c -------------------------------------------------------------------------- */

void *cn_jobs_clerk(void *jobs);

#endif
