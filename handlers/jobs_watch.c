/*
 * jobs_watch.c: those who wait for a job.
 */
#include "handlers/jobs_inside.h"

/* Progress is told at most so often. */
#define TELL_NS (250 * CN_NS_PER_MS)
/* A stream says something at least so often: only then can it be seen that its client is gone. */
#define SIGN_NS (15000 * CN_NS_PER_MS)

static void link_watcher(struct cn_watcher *watcher) {
    struct cn_deferred *deferred = watcher->deferred;
    watcher->linked = true;
    watcher->previous = NULL;
    watcher->next = deferred->watchers;
    if (deferred->watchers)
        deferred->watchers->previous = watcher;
    deferred->watchers = watcher;
}

static void unlink_watcher(struct cn_watcher *watcher) {
    if (!watcher->linked)
        return;
    watcher->linked = false;
    if (watcher->next)
        watcher->next->previous = watcher->previous;
    if (watcher->previous)
        watcher->previous->next = watcher->next;
    else
        watcher->deferred->watchers = watcher->next;
}

/* After settling, the watcher may be gone as soon as the lock is free. */
static void settle(struct cn_watcher *watcher) {
    unlink_watcher(watcher);
    watcher->settle(watcher);
}

static bool is_same(const struct cn_deferred_progress *a, const struct cn_deferred_progress *b) {
    return a->state == b->state && a->done_rows == b->done_rows && a->total_rows == b->total_rows;
}

/* What a stream is to tell of a job that has not ended. */
static enum cn_news news(const struct cn_watcher *watcher, int64_t now) {
    int64_t silent = now - watcher->told_ns;
    if (silent >= TELL_NS && !is_same(&watcher->told, &watcher->deferred->progress))
        return CN_NEWS_PROGRESS;
    return silent >= SIGN_NS ? CN_NEWS_SIGN : CN_NEWS_NONE;
}

/* ---- for the store ------------------------------------------------------------------------- */

void cn_jobs_tell_end(struct cn_deferred *deferred) {
    while (deferred->watchers) {
        struct cn_watcher *watcher = deferred->watchers;
        if (watcher->settle) {
            settle(watcher);
        } else {
            unlink_watcher(watcher);
            watcher->exchange->ops->wake(watcher->exchange);
        }
    }
}

void cn_jobs_tell(struct cn_deferred *deferred, int64_t now) {
    struct cn_watcher *next;
    for (struct cn_watcher *watcher = deferred->watchers; watcher; watcher = next) {
        next = watcher->next;
        if (watcher->settle) {
            if (watcher->due_ns <= now)
                settle(watcher);
        } else if (news(watcher, now) != CN_NEWS_NONE) {
            watcher->exchange->ops->wake(watcher->exchange);
        }
    }
}

/* ---- waits --------------------------------------------------------------------------------- */

void cn_watcher_wait(struct cn_watcher *watcher) {
    struct cn_deferred *deferred = watcher->deferred;
    struct cn_jobs *jobs = deferred->jobs; /* what was settled may be gone */
    pthread_mutex_lock(&jobs->lock);
    if (deferred->ended || watcher->due_ns == 0)
        settle(watcher);
    else
        link_watcher(watcher);
    pthread_mutex_unlock(&jobs->lock);
}

void cn_watcher_hurry(struct cn_watcher *watcher) {
    struct cn_jobs *jobs = watcher->deferred->jobs;
    pthread_mutex_lock(&jobs->lock);
    if (watcher->linked)
        settle(watcher);
    pthread_mutex_unlock(&jobs->lock);
}

/* ---- streams ------------------------------------------------------------------------------- */

void cn_watcher_begin(struct cn_watcher *watcher) {
    struct cn_jobs *jobs = watcher->deferred->jobs;
    pthread_mutex_lock(&jobs->lock);
    if (!watcher->deferred->ended)
        link_watcher(watcher);
    pthread_mutex_unlock(&jobs->lock);
}

void cn_watcher_end(struct cn_watcher *watcher) {
    struct cn_jobs *jobs = watcher->deferred->jobs;
    pthread_mutex_lock(&jobs->lock);
    unlink_watcher(watcher);
    pthread_mutex_unlock(&jobs->lock);
}

enum cn_news cn_watcher_news(struct cn_watcher *watcher, struct cn_json_out *out) {
    struct cn_deferred *deferred = watcher->deferred;
    int64_t now = cn_clock_now();
    pthread_mutex_lock(&deferred->jobs->lock);
    cn_jobs_observe(deferred);
    /* Progress is always told once, also of a job that had ended before anybody asked. */
    enum cn_news what = watcher->told_ns == 0 ? CN_NEWS_PROGRESS
                        : deferred->ended     ? CN_NEWS_END
                                              : news(watcher, now);
    if (what == CN_NEWS_END)
        cn_deferred_write_locked(deferred, out);
    if (what != CN_NEWS_NONE) {
        watcher->told = deferred->progress;
        watcher->told_ns = now;
    }
    pthread_mutex_unlock(&deferred->jobs->lock);
    return what;
}
