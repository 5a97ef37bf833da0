/*
 * jobs_clerk.c: the thread of the store.
 */
#include <time.h>

#include "handlers/jobs_inside.h"
#include "base/cond.h"
#include "handlers/metrics.h"
#include "handlers/service.h"

/* How often jobs that have not ended are looked at. */
#define TICK_NS (25 * CN_NS_PER_MS)
/* Work has the deadline too and normally answers by itself; this is how long it may take to. */
#define LENIENCE_NS (100 * CN_NS_PER_MS)

/* A job counts as one request, from its request line to the end of its work. */
static void count(const struct cn_deferred *deferred, int status) {
    cn_metrics_work(deferred->jobs->service, &deferred->inner.exchange, cn_clock_now(), status);
}

/* Gives up the lock meanwhile. */
static void take_reply(struct cn_jobs *jobs) {
    struct cn_deferred *deferred = jobs->first_reply;
    jobs->first_reply = deferred->next_reply;
    if (!jobs->first_reply)
        jobs->last_reply = NULL;
    if (!deferred->ended) {
        pthread_mutex_unlock(&jobs->lock);
        cn_jobs_keep(deferred);
        pthread_mutex_lock(&jobs->lock);
    }
    if (!deferred->ended) {
        count(deferred, deferred->kept.status);
        cn_jobs_end(deferred,
                    deferred->kept.status < 400 ? CN_DEFERRED_FINISHED : CN_DEFERRED_FAILED);
    } else { /* cancelled, perhaps just now */
        count(deferred, deferred->inner.exchange.reply.status);
        cn_jobs_drop_kept(deferred);
    }
    pthread_mutex_unlock(&jobs->lock);
    cn_jobs_unuse(deferred);
    pthread_mutex_lock(&jobs->lock);
}

/* Waits and streams that have something due; returns a job whose deadline has passed, or NULL. */
static struct cn_deferred *look_around(struct cn_jobs *jobs, int64_t now) {
    struct cn_deferred *late = NULL;
    for (struct cn_deferred *deferred = jobs->active.first; deferred; deferred = deferred->next) {
        int64_t deadline = deferred->inner.exchange.deadline_ns;
        cn_jobs_observe(deferred);
        cn_jobs_tell(deferred, now);
        if (!late && deferred->finished && !deferred->replied && !deferred->gone_called &&
            deadline > 0 && deadline + LENIENCE_NS <= now)
            late = deferred;
    }
    return late;
}

/* Gives up the lock meanwhile. */
static void stop_late(struct cn_deferred *deferred) {
    struct cn_jobs *jobs = deferred->jobs;
    struct cn_exchange *exchange = &deferred->inner.exchange;
    deferred->gone_called = true;
    deferred->uses++;
    pthread_mutex_unlock(&jobs->lock);
    exchange->endpoint->gone(exchange);
    cn_jobs_unuse(deferred);
    pthread_mutex_lock(&jobs->lock);
}

static void wait_for_news(struct cn_jobs *jobs, int64_t now) {
    int64_t until = INT64_MAX;
    if (jobs->active.first)
        until = now + TICK_NS;
    if (jobs->ended.first && jobs->ended.first->ended_ns + jobs->keep_ns < until)
        until = jobs->ended.first->ended_ns + jobs->keep_ns;
    if (until == INT64_MAX) {
        pthread_cond_wait(&jobs->news, &jobs->lock);
        return;
    }
    cn_cond_wait_until(&jobs->news, &jobs->lock, until);
}

void *cn_jobs_clerk(void *context) {
    struct cn_jobs *jobs = context;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->stopping || jobs->n_inner > 0) {
        if (jobs->first_reply) {
            take_reply(jobs);
            continue;
        }
        int64_t now = cn_clock_now();
        while (jobs->ended.first && jobs->ended.first->ended_ns + jobs->keep_ns <= now)
            cn_jobs_forget(jobs->ended.first);
        struct cn_deferred *late = look_around(jobs, now);
        if (late)
            stop_late(late);
        else
            wait_for_news(jobs, now);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}
