/* The queue of experiments: one at a time, ended exactly once, however they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <time.h>

#include "base/clock.h"
#include "handlers/experiments.h"

#define MS INT64_C(1000000)

enum { MOST = 32 };

static struct cn_service service;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct trial {
    struct cn_experiment experiment; /* first */
    bool may_end;                    /* guarded by the lock, as all below */
    bool running;
    int ends;
    enum cn_code code; /* of the end */
    int stopped;       /* what the run saw */
    size_t order;      /* of the ends, from 1 */
    int64_t work_running;
};
static struct trial trials[MOST];
static size_t n_running, n_ended;

static void pause_a_moment(void) {
    const struct timespec moment = {.tv_nsec = MS};
    nanosleep(&moment, NULL);
}

/* Until it may end, or is told to stop. */
static void run(struct cn_experiment *experiment) {
    struct trial *trial = (struct trial *)(void *)experiment;
    pthread_mutex_lock(&lock);
    trial->running = true;
    assert_int_equal(++n_running, 1);
    pthread_cond_broadcast(&changed);
    while (!trial->may_end && atomic_load(&experiment->stop) == 0) {
        pthread_mutex_unlock(&lock);
        pause_a_moment();
        pthread_mutex_lock(&lock);
    }
    trial->stopped = atomic_load(&experiment->stop);
    n_running--;
    pthread_mutex_unlock(&lock);
}

static void end(struct cn_experiment *experiment, enum cn_code code) {
    struct trial *trial = (struct trial *)(void *)experiment;
    pthread_mutex_lock(&lock);
    trial->ends++;
    trial->code = code;
    trial->order = ++n_ended;
    trial->work_running = atomic_load(&service.work_running);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    atomic_fetch_sub(&service.work_running, 1); /* the reply was made */
}

static struct trial *start(size_t i, bool may_end, int64_t deadline_ns) {
    struct trial *trial = &trials[i];
    *trial = (struct trial){.may_end = may_end};
    trial->experiment.run = run;
    trial->experiment.end = end;
    trial->experiment.deadline_ns = deadline_ns;
    atomic_fetch_add(&service.work_running, 1);
    return trial;
}

static enum cn_code submit(struct trial *trial) {
    enum cn_code code = cn_experiments_submit(service.experiments, &trial->experiment, NULL);
    if (code != CN_OK)
        atomic_fetch_sub(&service.work_running, 1);
    return code;
}

static void allow(struct trial *trial) {
    pthread_mutex_lock(&lock);
    trial->may_end = true;
    pthread_mutex_unlock(&lock);
}

static void await_run(struct trial *trial) {
    pthread_mutex_lock(&lock);
    while (!trial->running)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void await_end(struct trial *trial) {
    pthread_mutex_lock(&lock);
    while (trial->ends == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static int setup(void **state) {
    (void)state;
    n_running = n_ended = 0;
    atomic_store(&service.work_running, 0);
    service.experiments = cn_experiments_new(&service, 4);
    return service.experiments ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    cn_experiments_free(service.experiments);
    service.experiments = NULL;
    return atomic_load(&service.work_running) == 0 ? 0 : -1;
}

static void test_in_order(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(submit(start(i, true, 0)), CN_OK);
    for (size_t i = 0; i < 4; i++) {
        await_end(&trials[i]);
        assert_int_equal(trials[i].code, CN_OK);
        assert_int_equal(trials[i].ends, 1);
        assert_int_equal(trials[i].order, i + 1);
    }
}

static void test_what_waits_or_runs_is_no_work(void **state) {
    (void)state;
    struct trial *first = start(0, false, 0), *second = start(1, true, 0);
    submit(first);
    await_run(first);
    submit(second);
    assert_int_equal(atomic_load(&service.work_running), 0);
    allow(first);
    await_end(first);
    assert_true(first->work_running >= 1);
    await_end(second);
    assert_true(second->work_running >= 1);
}

static void test_too_many_wait(void **state) {
    (void)state;
    struct cn_error error;
    struct trial *first = start(0, false, 0);
    submit(first);
    await_run(first);
    for (size_t i = 1; i <= 4; i++)
        assert_int_equal(submit(start(i, true, 0)), CN_OK);
    cn_error_init(&error);
    struct trial *last = start(5, true, 0);
    assert_int_equal(cn_experiments_submit(service.experiments, &last->experiment, &error),
                     CN_OVERLOADED);
    assert_string_equal(error.limit, "--max-queued");
    assert_int_equal(atomic_load(&service.work_running), 1);
    atomic_fetch_sub(&service.work_running, 1);
    assert_int_equal(last->ends, 0);
    allow(first);
    for (size_t i = 0; i <= 4; i++)
        await_end(&trials[i]);
}

static void test_stop_while_it_runs(void **state) {
    (void)state;
    struct trial *trial = start(0, false, 0);
    submit(trial);
    await_run(trial);
    cn_experiments_stop(service.experiments, &trial->experiment, CN_CANCELLED);
    await_end(trial);
    assert_int_equal(trial->code, CN_OK);
    assert_int_equal(trial->stopped, CN_CANCELLED);
    cn_experiments_stop(service.experiments, &trial->experiment, CN_CANCELLED);
    assert_int_equal(trial->ends, 1);
}

static void test_stop_while_it_waits(void **state) {
    (void)state;
    static const size_t orders[][3] = {{1, 2, 3}, {3, 2, 1}, {2, 1, 3}, {2, 3, 1}};
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        struct trial *first = start(0, false, 0);
        submit(first);
        await_run(first);
        for (size_t i = 1; i <= 3; i++)
            submit(start(i, true, 0));
        for (size_t i = 0; i < 2; i++) {
            struct trial *trial = &trials[orders[k][i]];
            cn_experiments_stop(service.experiments, &trial->experiment, CN_DRAINING);
            assert_int_equal(trial->ends, 1); /* at once */
            assert_int_equal(trial->code, CN_DRAINING);
            assert_false(trial->running);
        }
        struct trial *added = start(4, true, 0); /* the queue is sound */
        submit(added);
        allow(first);
        await_end(added);
        assert_int_equal(trials[orders[k][2]].code, CN_OK);
        assert_int_equal(trials[orders[k][2]].ends, 1);
    }
}

static void test_stop_before_it_is_submitted(void **state) {
    (void)state;
    struct trial *trial = start(0, false, 0);
    cn_experiments_stop(service.experiments, &trial->experiment, CN_CANCELLED);
    assert_int_equal(trial->ends, 0);
    submit(trial);
    await_end(trial);
    assert_int_equal(trial->stopped, CN_CANCELLED);
}

static void test_deadlines_of_those_that_wait(void **state) {
    (void)state;
    int64_t now = cn_clock_now();
    struct trial *first = start(0, false, 0);
    submit(first);
    await_run(first);
    struct trial *late = start(1, true, now - 1), *early = start(2, true, now + 3600000 * MS);
    struct trial *later = start(3, true, now - 1);
    submit(late);
    submit(early);
    submit(later);
    cn_experiments_sweep(service.experiments);
    assert_int_equal(late->code, CN_DEADLINE_EXCEEDED);
    assert_int_equal(later->code, CN_DEADLINE_EXCEEDED);
    assert_int_equal(early->ends, 0);
    struct trial *last = start(4, true, now - 1); /* noticed when it would begin */
    submit(last);
    allow(first);
    await_end(last);
    assert_int_equal(last->code, CN_DEADLINE_EXCEEDED);
    assert_false(last->running);
    assert_int_equal(early->code, CN_OK);
}

static void test_free_ends_all(void **state) {
    (void)state;
    struct trial *first = start(0, false, 0);
    submit(first);
    await_run(first);
    for (size_t i = 1; i <= 3; i++)
        submit(start(i, false, 0));
    cn_experiments_free(service.experiments);
    service.experiments = NULL;
    assert_int_equal(first->stopped, CN_DRAINING);
    assert_int_equal(first->code, CN_OK);
    for (size_t i = 1; i <= 3; i++) {
        assert_int_equal(trials[i].ends, 1);
        assert_int_equal(trials[i].code, CN_DRAINING);
        assert_false(trials[i].running);
    }
}

static void *stop_some(void *context) {
    (void)context;
    for (size_t round = 0; round < 200; round++)
        for (size_t i = round % 3; i < MOST; i += 3)
            cn_experiments_stop(service.experiments, &trials[i].experiment, CN_CANCELLED);
    return NULL;
}

/* Stops that meet the beginning and the end of runs. */
static void test_stops_race(void **state) {
    (void)state;
    cn_experiments_free(service.experiments);
    service.experiments = cn_experiments_new(&service, MOST);
    for (size_t i = 0; i < MOST; i++)
        start(i, true, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_some, NULL), 0);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(submit(&trials[i]), CN_OK);
    for (size_t i = 0; i < MOST; i++)
        await_end(&trials[i]);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < MOST; i++)
        assert_int_equal(trials[i].ends, 1);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(test_in_order),
        UNIT(test_what_waits_or_runs_is_no_work),
        UNIT(test_too_many_wait),
        UNIT(test_stop_while_it_runs),
        UNIT(test_stop_while_it_waits),
        UNIT(test_stop_before_it_is_submitted),
        UNIT(test_deadlines_of_those_that_wait),
        UNIT(test_free_ends_all),
        UNIT(test_stops_race),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
