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

/* ---- groups that sleep ---------------------------------------------------------------------- */

/* Tasks that leave only when all of their round have come, `width` of them, and the door is open.
 * Atomics, and no pointers, so that worker processes may share it. */
struct rounds {
    int width;
    int total;
    atomic_int open;
    atomic_int entered;
    atomic_int running;
    atomic_int most; /* that ever ran at once */
};

/* What a kind of task does to take part; a pointer to its rounds is the second half of the
 * arguments. */
static inline enum cn_code rounds_take_part(struct cn_run *run, struct cn_error *error) {
    (void)error;
    struct rounds *rounds;
    memcpy(&rounds, (const char *)run->args + sizeof(size_t), sizeof(rounds));
    int now = atomic_fetch_add(&rounds->running, 1) + 1;
    int most = atomic_load(&rounds->most);
    while (now > most && !atomic_compare_exchange_weak(&rounds->most, &most, now))
        continue;
    int number = atomic_fetch_add(&rounds->entered, 1) + 1;
    int all = (number + rounds->width - 1) / rounds->width * rounds->width;
    all = all < rounds->total ? all : rounds->total;
    cn_run_unlock(run);
    while ((atomic_load(&rounds->entered) < all || atomic_load(&rounds->open) == 0) &&
           atomic_load(run->stop) == 0)
        nap(MILLION);
    cn_run_lock(run);
    atomic_fetch_sub(&rounds->running, 1);
    return atomic_load(run->stop) == 0 ? CN_OK : CN_CANCELLED;
}

static inline void job_sleep(struct job *job, struct rounds *rounds) {
    job->group.sleeps = true;
    for (size_t i = 0; i < job->n_tasks; i++)
        memcpy(job->tasks[i].args + sizeof(size_t), &rounds, sizeof(rounds));
}

static inline void rounds_start(struct rounds *rounds, int width, int total) {
    rounds->width = width;
    rounds->total = total;
    atomic_store(&rounds->open, 0);
    atomic_store(&rounds->entered, 0);
    atomic_store(&rounds->running, 0);
    atomic_store(&rounds->most, 0);
}

static inline void rounds_await(struct rounds *rounds, int entered) {
    while (atomic_load(&rounds->entered) < entered)
        nap(MILLION / 2);
}

/* A task that computes is done while all the sleeping ones sleep, on one of the first workers. */
static inline void assert_computes(struct cn_executor *executor, size_t base, uint32_t kind) {
    struct job job;
    job_init(&job, 3, kind, 1, 0);
    job_submit(executor, &job);
    job_wait(&job);
    for (size_t i = 0; i < job.n_tasks; i++) {
        assert_int_equal(job.tasks[i].code, CN_OK);
        assert_in_range(job.tasks[i].worker, 0, base - 1);
    }
    job_release(&job);
}

/* Many sleeping tasks in one wide group: they take so many rounds as the group is wide, on workers
 * of their own, and the pool of `base` workers computes meanwhile. `kind` takes part in rounds. */
static inline void assert_takes_rounds(struct cn_executor *executor, size_t base,
                                       struct rounds *rounds, uint32_t kind, uint32_t computing) {
    enum { TASKS = 1000, WIDTH = 64 };
    struct job job;
    rounds_start(rounds, WIDTH, TASKS);
    job_init(&job, TASKS, kind, WIDTH, 0);
    job_sleep(&job, rounds);
    job_submit(executor, &job);
    rounds_await(rounds, WIDTH);
    assert_computes(executor, base, computing);
    assert_int_equal(atomic_load(&rounds->entered), WIDTH);
    atomic_store(&rounds->open, 1);
    job_wait(&job);
    assert_int_equal(atomic_load(&rounds->most), WIDTH);
    for (size_t i = 0; i < TASKS; i++) {
        assert_int_equal(job.tasks[i].code, CN_OK);
        assert_in_range(job.tasks[i].worker, base, base + WIDTH - 1);
        assert_spans_exact(&job.tasks[i]);
    }
    job_release(&job);
}

/* Sleeping tasks that are cancelled give their workers back. */
static inline void assert_wakes_on_cancel(struct cn_executor *executor, size_t base,
                                          struct rounds *rounds, uint32_t kind,
                                          uint32_t computing) {
    enum { TASKS = 100, WIDTH = 16 };
    struct job job;
    for (int again = 0; again < 2; again++) {
        rounds_start(rounds, WIDTH, TASKS);
        job_init(&job, TASKS, kind, WIDTH, 0);
        job_sleep(&job, rounds);
        job_submit(executor, &job);
        rounds_await(rounds, WIDTH);
        executor->ops->cancel(executor, &job.group);
        job_wait(&job); /* nobody opens the door */
        assert_int_equal(atomic_load(&rounds->entered), WIDTH);
        assert_int_equal(atomic_load(&rounds->running), 0);
        for (size_t i = 0; i < TASKS; i++)
            assert_int_equal(job.tasks[i].code, CN_CANCELLED);
        job_release(&job);
    }
    assert_computes(executor, base, computing);
}

#endif
