/* pool_helpers.h: what the tests of the executors share: a counter to wait on, and jobs. */
#ifndef CN_TESTS_POOL_HELPERS_H
#define CN_TESTS_POOL_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "pool/executor.h"

#define MILLION INT64_C(1000000)

/* Counts up; a thread can wait for a value. */
struct tally {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t count;
};

#define TALLY_INIT                                                                                 \
    { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }

static inline size_t tally_add(struct tally *tally, size_t more) {
    pthread_mutex_lock(&tally->lock);
    tally->count += more;
    size_t now = tally->count;
    pthread_cond_broadcast(&tally->changed);
    pthread_mutex_unlock(&tally->lock);
    return now;
}

static inline void tally_wait(struct tally *tally, size_t count) {
    pthread_mutex_lock(&tally->lock);
    while (tally->count < count)
        pthread_cond_wait(&tally->changed, &tally->lock);
    pthread_mutex_unlock(&tally->lock);
}

static inline size_t tally_read(struct tally *tally) {
    return tally_add(tally, 0);
}

/* A number of tasks of one group, with their buffers. */
struct job {
    struct cn_group group;
    struct cn_plan_ref plan;
    struct cn_task *tasks;
    struct cn_buf *outs;
    struct cn_str *inputs;
    size_t *order; /* the indices of the tasks, as they were done */
    size_t n_tasks;
    struct tally done;
    struct tally *all; /* may be shared by several jobs, to see their order */
    size_t *all_order; /* job number * 1000 + task */
    size_t number;
};

static inline void job_done(struct cn_task *task) {
    struct job *job = task->owner;
    size_t index = (size_t)(task - job->tasks);
    if (job->all) {
        size_t place = tally_add(job->all, 1) - 1;
        job->all_order[place] = job->number * 1000 + index;
    }
    pthread_mutex_lock(&job->done.lock);
    assert_true(job->done.count < job->n_tasks);
    job->order[job->done.count] = index;
    pthread_mutex_unlock(&job->done.lock);
    tally_add(&job->done, 1);
}

static inline void job_init(struct job *job, size_t n_tasks, uint32_t kind, size_t width,
                            int64_t deadline_ns) {
    *job = (struct job){.n_tasks = n_tasks, .done = TALLY_INIT};
    job->plan = (struct cn_plan_ref){.id = 7, .bytes = CN_STR("plan")};
    cn_group_init(&job->group, width, deadline_ns);
    job->tasks = aligned_alloc(64, ((n_tasks * sizeof(struct cn_task)) + 63) / 64 * 64);
    job->outs = calloc(n_tasks, sizeof(*job->outs));
    job->inputs = calloc(n_tasks, sizeof(*job->inputs));
    job->order = calloc(n_tasks, sizeof(*job->order));
    assert_true(job->tasks && job->outs && job->inputs && job->order);
    memset(job->tasks, 0, n_tasks * sizeof(struct cn_task));
    for (size_t i = 0; i < n_tasks; i++) {
        struct cn_task *task = &job->tasks[i];
        task->kind = kind;
        task->group = &job->group;
        task->plan = &job->plan;
        task->inputs = &job->inputs[i];
        task->n_inputs = 1;
        job->inputs[i] = CN_STR("input");
        task->out = &job->outs[i];
        task->done = job_done;
        task->owner = job;
        memcpy(task->args, &i, sizeof(i));
    }
}

static inline void job_release(struct job *job) {
    for (size_t i = 0; i < job->n_tasks; i++)
        cn_buf_release(&job->outs[i]);
    free(job->tasks);
    free(job->outs);
    free(job->inputs);
    free(job->order);
}

static inline void job_submit(struct cn_executor *executor, struct job *job) {
    for (size_t i = 0; i < job->n_tasks; i++)
        assert_int_equal(executor->ops->submit(executor, &job->tasks[i], NULL), CN_OK);
}

static inline void job_wait(struct job *job) {
    tally_wait(&job->done, job->n_tasks);
}

static inline void assert_spans_exact(const struct cn_task *task) {
    int64_t sum = 0;
    for (int i = 0; i < CN_SPAN_COUNT; i++) {
        assert_true(task->spans.ns[i] >= 0);
        sum += task->spans.ns[i];
    }
    assert_true(sum == task->finished_ns - task->started_ns);
    assert_true(task->started_ns >= task->submitted_ns);
}

static inline void nap(int64_t ns) {
    struct timespec time = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    nanosleep(&time, NULL);
}

#endif
