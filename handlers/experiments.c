#include "handlers/experiments.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

struct cn_experiments {
    struct cn_service *service;
    size_t most_waiting;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by the lock */
    struct cn_experiment *first; /* those that wait, in order */
    struct cn_experiment *last;
    size_t n_waiting;
    struct cn_experiment *running;
    bool stopping;
};

/* ---- the queue, under the lock ---------------------------------------------------------- */

static void append(struct cn_experiments *experiments, struct cn_experiment *experiment) {
    experiment->next = NULL;
    experiment->waiting = true;
    if (experiments->last)
        experiments->last->next = experiment;
    else
        experiments->first = experiment;
    experiments->last = experiment;
    experiments->n_waiting++;
}

static void take_out(struct cn_experiments *experiments, struct cn_experiment *experiment) {
    struct cn_experiment *before = NULL;
    struct cn_experiment **at = &experiments->first;
    while (*at != experiment) {
        before = *at;
        at = &before->next;
    }
    *at = experiment->next;
    if (experiments->last == experiment)
        experiments->last = before;
    experiments->n_waiting--;
    experiment->waiting = false;
    experiment->next = NULL;
}

/* ---- ends, without the lock ------------------------------------------------------------- */

/* Nobody else knows the experiment any more. */
static void end(struct cn_experiments *experiments, struct cn_experiment *experiment,
                enum cn_code code) {
    atomic_fetch_add(&experiments->service->work_running, 1);
    experiment->end(experiment, code);
}

static bool is_late(const struct cn_experiment *experiment, int64_t now) {
    return experiment->deadline_ns > 0 && experiment->deadline_ns <= now;
}

void cn_experiments_sweep(struct cn_experiments *experiments) {
    struct cn_experiment *late;
    do {
        int64_t now = cn_clock_now();
        pthread_mutex_lock(&experiments->lock);
        for (late = experiments->first; late && !is_late(late, now);)
            late = late->next;
        if (late)
            take_out(experiments, late);
        pthread_mutex_unlock(&experiments->lock);
        if (late)
            end(experiments, late, CN_DEADLINE_EXCEEDED);
    } while (late);
}

static struct cn_experiment *take_next(struct cn_experiments *experiments) {
    pthread_mutex_lock(&experiments->lock);
    while (!experiments->first && !experiments->stopping)
        pthread_cond_wait(&experiments->changed, &experiments->lock);
    struct cn_experiment *next = experiments->stopping ? NULL : experiments->first;
    if (next) {
        take_out(experiments, next);
        experiments->running = next;
    }
    pthread_mutex_unlock(&experiments->lock);
    return next;
}

static void *work(void *context) {
    struct cn_experiments *experiments = context;
    struct cn_experiment *experiment;
    while ((experiment = take_next(experiments)) != NULL) {
        bool late = is_late(experiment, cn_clock_now());
        if (!late)
            experiment->run(experiment);
        pthread_mutex_lock(&experiments->lock);
        experiments->running = NULL; /* its memory may go with its end */
        pthread_mutex_unlock(&experiments->lock);
        end(experiments, experiment, late ? CN_DEADLINE_EXCEEDED : CN_OK);
        cn_experiments_sweep(experiments);
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------- */

struct cn_experiments *cn_experiments_new(struct cn_service *service, size_t most_waiting) {
    struct cn_experiments *experiments = calloc(1, sizeof *experiments);
    if (!experiments)
        return NULL;
    experiments->service = service;
    experiments->most_waiting = most_waiting;
    pthread_mutex_init(&experiments->lock, NULL);
    pthread_cond_init(&experiments->changed, NULL);
    if (pthread_create(&experiments->thread, NULL, work, experiments) != 0) {
        pthread_cond_destroy(&experiments->changed);
        pthread_mutex_destroy(&experiments->lock);
        free(experiments);
        return NULL;
    }
    return experiments;
}

void cn_experiments_free(struct cn_experiments *experiments) {
    struct cn_experiment *waiting;
    if (!experiments)
        return;
    pthread_mutex_lock(&experiments->lock);
    experiments->stopping = true;
    if (experiments->running)
        atomic_store(&experiments->running->stop, CN_DRAINING);
    while ((waiting = experiments->first) != NULL) {
        take_out(experiments, waiting);
        pthread_mutex_unlock(&experiments->lock);
        end(experiments, waiting, CN_DRAINING);
        pthread_mutex_lock(&experiments->lock);
    }
    pthread_cond_signal(&experiments->changed);
    pthread_mutex_unlock(&experiments->lock);
    pthread_join(experiments->thread, NULL);
    pthread_cond_destroy(&experiments->changed);
    pthread_mutex_destroy(&experiments->lock);
    free(experiments);
}

static enum cn_code too_many(const struct cn_experiments *experiments, struct cn_error *error) {
    cn_error_set_limit(error, "--max-queued");
    return cn_error_set(error, CN_OVERLOADED,
                        "%zu experiments wait already, and they run one after another; try again "
                        "later",
                        experiments->n_waiting);
}

enum cn_code cn_experiments_submit(struct cn_experiments *experiments,
                                   struct cn_experiment *experiment, struct cn_error *error) {
    enum cn_code code = CN_OK;
    /* Before it is in the queue: it may be over before this function is. */
    atomic_fetch_sub(&experiments->service->work_running, 1);
    pthread_mutex_lock(&experiments->lock);
    if (experiments->stopping)
        code = cn_error_set(error, CN_DRAINING, "The service is going down.");
    else if (experiments->n_waiting >= experiments->most_waiting)
        code = too_many(experiments, error);
    else
        append(experiments, experiment);
    if (code == CN_OK)
        pthread_cond_signal(&experiments->changed);
    pthread_mutex_unlock(&experiments->lock);
    if (code != CN_OK)
        atomic_fetch_add(&experiments->service->work_running, 1);
    return code;
}

void cn_experiments_stop(struct cn_experiments *experiments, struct cn_experiment *experiment,
                         enum cn_code code) {
    pthread_mutex_lock(&experiments->lock);
    bool waited = experiment->waiting;
    if (waited)
        take_out(experiments, experiment);
    else
        atomic_store(&experiment->stop, (int)code);
    pthread_mutex_unlock(&experiments->lock);
    if (waited)
        end(experiments, experiment, code);
}
