#include "handlers/jobs_inside.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cond.h"
#include "handlers/service.h"

/* ---- the store ----------------------------------------------------------------------------- */

struct cn_jobs *cn_jobs_new(struct cn_service *service, size_t max_jobs, uint64_t job_bytes,
                            int64_t keep_ms) {
    struct cn_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        return NULL;
    jobs->service = service;
    jobs->max_jobs = max_jobs;
    jobs->job_bytes = job_bytes;
    jobs->keep_ns = keep_ms < INT64_MAX / CN_NS_PER_MS / 2 ? keep_ms * CN_NS_PER_MS : INT64_MAX / 2;
    pthread_mutex_init(&jobs->lock, NULL);
    cn_cond_init(&jobs->news);
    cn_cond_init(&jobs->quiet);
    if (pthread_create(&jobs->clerk, NULL, cn_jobs_clerk, jobs) != 0) {
        pthread_cond_destroy(&jobs->quiet);
        pthread_cond_destroy(&jobs->news);
        pthread_mutex_destroy(&jobs->lock);
        free(jobs);
        return NULL;
    }
    return jobs;
}

/* The next one that has not ended, with a reference. */
static struct cn_deferred *next_active(struct cn_jobs *jobs) {
    pthread_mutex_lock(&jobs->lock);
    struct cn_deferred *deferred = jobs->active.first;
    if (deferred)
        deferred->refs++;
    pthread_mutex_unlock(&jobs->lock);
    return deferred;
}

void cn_jobs_drain(struct cn_jobs *jobs, int64_t deadline_ns) {
    pthread_mutex_lock(&jobs->lock);
    while (jobs->active.first && cn_cond_wait_until(&jobs->quiet, &jobs->lock, deadline_ns))
        continue;
    pthread_mutex_unlock(&jobs->lock);
}

void cn_jobs_free(struct cn_jobs *jobs) {
    struct cn_deferred *deferred;
    if (!jobs)
        return;
    while ((deferred = next_active(jobs))) {
        cn_deferred_cancel(deferred, NULL);
        cn_deferred_unref(deferred);
    }
    pthread_mutex_lock(&jobs->lock);
    jobs->stopping = true;
    pthread_cond_signal(&jobs->news);
    pthread_mutex_unlock(&jobs->lock);
    pthread_join(jobs->clerk, NULL); /* it stays until all inner exchanges are closed */
    pthread_mutex_lock(&jobs->lock);
    while (jobs->ended.first)
        cn_jobs_forget(jobs->ended.first);
    pthread_mutex_unlock(&jobs->lock);
    pthread_cond_destroy(&jobs->quiet);
    pthread_cond_destroy(&jobs->news);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

/* ---- lists --------------------------------------------------------------------------------- */

static void list_add(struct cn_deferred_list *list, struct cn_deferred *deferred) {
    deferred->next = NULL;
    deferred->previous = list->last;
    if (list->last)
        list->last->next = deferred;
    else
        list->first = deferred;
    list->last = deferred;
}

static void list_remove(struct cn_deferred_list *list, struct cn_deferred *deferred) {
    if (deferred->next)
        deferred->next->previous = deferred->previous;
    else
        list->last = deferred->previous;
    if (deferred->previous)
        deferred->previous->next = deferred->next;
    else
        list->first = deferred->next;
}

static enum cn_code check_room(const struct cn_jobs *jobs, struct cn_error *error) {
    if (jobs->n_jobs - jobs->n_ended < jobs->max_jobs)
        return CN_OK;
    cn_error_set_limit(error, "--max-jobs");
    return cn_error_set(error, CN_OVERLOADED,
                        "%zu jobs are there and none of them has ended; try again in a moment.",
                        jobs->max_jobs);
}

enum cn_code cn_jobs_list(struct cn_deferred *deferred, struct cn_error *error) {
    struct cn_jobs *jobs = deferred->jobs;
    CN_TRY(check_room(jobs, error));
    jobs->n_jobs++;
    while (jobs->n_jobs > jobs->max_jobs && jobs->ended.first)
        cn_jobs_forget(jobs->ended.first);
    deferred->listed = true;
    deferred->refs++;
    deferred->older = jobs->newest;
    if (jobs->newest)
        jobs->newest->newer = deferred;
    jobs->newest = deferred;
    list_add(&jobs->active, deferred);
    pthread_cond_signal(&jobs->news);
    return CN_OK;
}

void cn_jobs_forget(struct cn_deferred *deferred) {
    struct cn_jobs *jobs = deferred->jobs;
    if (deferred->newer)
        deferred->newer->older = deferred->older;
    else
        jobs->newest = deferred->older;
    if (deferred->older)
        deferred->older->newer = deferred->newer;
    list_remove(&jobs->ended, deferred);
    deferred->listed = false;
    jobs->n_jobs--;
    jobs->n_ended--;
    jobs->bytes -= deferred->bytes;
    cn_jobs_unref(deferred);
}

void cn_jobs_unref(struct cn_deferred *deferred) {
    if (--deferred->refs > 0)
        return;
    deferred->jobs->held -= deferred->bytes;
    cn_jobs_drop_kept(deferred);
    free(deferred);
}

void cn_jobs_drop_kept(struct cn_deferred *deferred) {
    struct cn_service *service = deferred->jobs->service;
    cn_arena_release(&deferred->kept.arena);
    if (deferred->charged > 0) {
        cn_blocks_discharge(service->blocks, deferred->charged);
        cn_budget_release(service->budget, deferred->charged);
    }
    deferred->charged = 0;
}

void cn_deferred_unref(struct cn_deferred *deferred) {
    struct cn_jobs *jobs = deferred->jobs;
    pthread_mutex_lock(&jobs->lock);
    cn_jobs_unref(deferred);
    pthread_mutex_unlock(&jobs->lock);
}

enum cn_code cn_jobs_admit(struct cn_jobs *jobs, struct cn_error *error) {
    CN_TRY(check_room(jobs, error));
    if (jobs->held - jobs->bytes > jobs->job_bytes) {
        cn_error_set_limit(error, "--job-bytes");
        return cn_error_set(error, CN_OVERLOADED,
                            "results that are still being read take %llu bytes; try again in a "
                            "moment.",
                            (unsigned long long)(jobs->held - jobs->bytes));
    }
    jobs->n_inner++;
    return CN_OK;
}

struct cn_deferred *cn_jobs_find(struct cn_jobs *jobs, const char *id) {
    pthread_mutex_lock(&jobs->lock);
    struct cn_deferred *deferred = jobs->newest;
    while (deferred && strcmp(deferred->id, id) != 0)
        deferred = deferred->older;
    if (deferred)
        deferred->refs++;
    pthread_mutex_unlock(&jobs->lock);
    return deferred;
}

/* ---- states -------------------------------------------------------------------------------- */

void cn_jobs_observe(struct cn_deferred *deferred) {
    struct cn_deferred_progress *progress = &deferred->progress;
    struct cn_exchange *exchange = &deferred->inner.exchange;
    if (deferred->ended)
        return;
    if (progress->state == CN_DEFERRED_PENDING && atomic_load(&exchange->running)) {
        progress->state = CN_DEFERRED_RUNNING;
        /* Sooner done than seen? */
        deferred->started_at = deferred->replied ? deferred->complete_at : cn_clock_wall();
    }
    progress->done_rows = atomic_load(&exchange->done_rows);
    progress->total_rows = atomic_load(&exchange->total_rows);
}

/* Results that ended before this one make room for it. Others free nothing. */
static void trim(struct cn_jobs *jobs, const struct cn_deferred *newest) {
    struct cn_deferred *deferred = jobs->ended.first;
    while (deferred && deferred != newest && jobs->bytes > jobs->job_bytes) {
        struct cn_deferred *next = deferred->next;
        if (deferred->bytes > 0)
            cn_jobs_forget(deferred);
        deferred = next;
    }
}

void cn_jobs_end(struct cn_deferred *deferred, enum cn_deferred_state state) {
    struct cn_jobs *jobs = deferred->jobs;
    cn_jobs_observe(deferred);
    deferred->ended = true;
    deferred->progress.state = state;
    deferred->finished_at = state == CN_DEFERRED_CANCELLED ? cn_clock_wall() : deferred->replied_at;
    deferred->ended_ns = cn_clock_now();
    if (deferred->started_at == 0 && state != CN_DEFERRED_CANCELLED)
        deferred->started_at = deferred->complete_at; /* it needed no executor */
    if (state == CN_DEFERRED_FINISHED) {
        if (deferred->progress.total_rows == 0)
            deferred->progress.total_rows = deferred->progress.done_rows;
        deferred->bytes = deferred->kept.body.len;
        jobs->bytes += deferred->bytes;
        jobs->held += deferred->bytes;
    }
    list_remove(&jobs->active, deferred);
    list_add(&jobs->ended, deferred);
    jobs->n_ended++;
    jobs->n_ended_as[state]++;
    if (!jobs->active.first)
        pthread_cond_broadcast(&jobs->quiet);
    cn_jobs_tell_end(deferred);
    trim(jobs, deferred);
    pthread_cond_signal(&jobs->news); /* there may be something to forget earlier */
}

void cn_jobs_look(struct cn_jobs *jobs, struct cn_jobs_stats *stats) {
    *stats = (struct cn_jobs_stats){0};
    pthread_mutex_lock(&jobs->lock);
    for (struct cn_deferred *deferred = jobs->newest; deferred; deferred = deferred->older) {
        if (!deferred->ended)
            cn_jobs_observe(deferred);
        stats->known[deferred->progress.state]++;
    }
    memcpy(stats->ended, jobs->n_ended_as, sizeof stats->ended);
    stats->result_bytes = jobs->held;
    pthread_mutex_unlock(&jobs->lock);
}

bool cn_deferred_cancel(struct cn_deferred *deferred, struct cn_json_out *out) {
    struct cn_jobs *jobs = deferred->jobs;
    struct cn_exchange *exchange = &deferred->inner.exchange;
    pthread_mutex_lock(&jobs->lock);
    bool ended = deferred->ended;
    bool call_gone = false;
    if (ended) {
        if (deferred->listed)
            cn_jobs_forget(deferred);
    } else {
        cn_jobs_end(deferred, CN_DEFERRED_CANCELLED);
        if (out)
            cn_deferred_write_locked(deferred, out);
        deferred->cancel_later = !deferred->finished;
        call_gone = deferred->finished && !deferred->replied && !deferred->gone_called;
        deferred->gone_called = deferred->gone_called || call_gone;
        deferred->uses += call_gone;
    }
    pthread_mutex_unlock(&jobs->lock);
    if (call_gone) {
        exchange->endpoint->gone(exchange);
        cn_jobs_unuse(deferred);
    }
    return !ended;
}
