/* What a Dask cluster is worth, measured. Another pool of threads stands for it. */
#include "tests/unit/service_helpers.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "server/dask_calibrate.h"

#define MOST_WAITS 400 /* of 50 ms each */

static struct test_service test;

static pthread_mutex_t now_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cn_dask_look now;

static void look(struct cn_executor *executor, struct cn_dask_look *seen) {
    (void)executor;
    pthread_mutex_lock(&now_lock);
    *seen = now;
    pthread_mutex_unlock(&now_lock);
}

static void set(bool connected, uint64_t generation, size_t threads) {
    pthread_mutex_lock(&now_lock);
    now = (struct cn_dask_look){connected, generation, threads, threads};
    pthread_mutex_unlock(&now_lock);
}

static int set_up_group(void **state) {
    (void)state;
    test_service_start(&test);
    test.service.cpus.usable = 2;
    test_service_add_cluster(&test, 4);
    return 0;
}

static int tear_down_group(void **state) {
    (void)state;
    test_service_stop(&test);
    return 0;
}

static struct cn_dask_calibrator *start(struct cn_executor *executor) {
    struct cn_dask_calibrator *calibrator = NULL;
    struct cn_error error;
    cn_error_init(&error);
    test.service.executors[CN_EXECUTOR_DASK] = executor;
    assert_int_equal(cn_dask_calibrator_start(&calibrator, &test.service, look, &error), CN_OK);
    return calibrator;
}

static struct cn_cluster read_now(void) {
    struct cn_cluster cluster;
    assert_true(cn_cluster_read(&test.service, &cluster));
    return cluster;
}

static void a_cluster_is_measured_when_it_is_there(void **state) {
    (void)state;
    set(false, 0, 0);
    struct cn_dask_calibrator *calibrator = start(test.elsewhere);
    usleep(700000);
    assert_false(read_now().connected || read_now().measured);
    set(true, 7, 2);
    assert_int_equal(read_now().threads, 2);
    for (int i = 0; i < MOST_WAITS && !read_now().measured; i++)
        usleep(50000);
    struct cn_cluster cluster = read_now();
    assert_true(cluster.connected && cluster.measured);
    assert_true(cluster.costs.latency_ns > 0 && cluster.costs.task_ns > 0);
    assert_true(cluster.costs.ship_ns_per_mib > 0 && cluster.costs.ship_alone_ns_per_mib > 0);
    /* the same CPUs as those it is compared with, whatever else runs on them */
    assert_true(cluster.costs.speed > 0.1 && cluster.costs.speed < 10);
    assert_true(llabs(cluster.costs.measured_at - cn_clock_wall()) < 60 * CN_NS_PER_SECOND);
    /* of other workers nothing is known, and what was known stays with those that it is of */
    set(true, 8, 1);
    assert_false(read_now().measured);
    assert_true(read_now().costs.speed == 0);
    set(true, 7, 2);
    assert_true(read_now().measured);
    cn_dask_calibrator_stop(calibrator);
    assert_false(read_now().connected);
}

/* ---- a cluster that does not answer -------------------------------------------------------- */

struct silent {
    struct cn_executor executor; /* first */
    pthread_mutex_t lock;
    struct cn_task *tasks[64];
    size_t n;
    bool cancelled;
};

static enum cn_code keep(struct cn_executor *executor, struct cn_task *task,
                         struct cn_error *error) {
    struct silent *silent = (struct silent *)(void *)executor;
    (void)error;
    pthread_mutex_lock(&silent->lock);
    assert_true(silent->n < 64);
    silent->tasks[silent->n++] = task;
    pthread_mutex_unlock(&silent->lock);
    return CN_OK;
}

static void give_up(struct cn_executor *executor, struct cn_group *group) {
    struct silent *silent = (struct silent *)(void *)executor;
    (void)group;
    pthread_mutex_lock(&silent->lock);
    silent->cancelled = true;
    size_t n = silent->n;
    silent->n = 0;
    pthread_mutex_unlock(&silent->lock);
    for (size_t i = 0; i < n; i++) {
        silent->tasks[i]->code = CN_CANCELLED;
        silent->tasks[i]->done(silent->tasks[i]);
    }
}

static void stopping_does_not_wait_for_the_cluster(void **state) {
    static const struct cn_executor_ops ops = {.submit = keep, .cancel = give_up};
    struct silent silent = {.executor = {.ops = &ops, .name = "dask"},
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    size_t n = 0;
    (void)state;
    set(true, 1, 2);
    struct cn_dask_calibrator *calibrator = start(&silent.executor);
    for (int i = 0; i < MOST_WAITS && n == 0; i++) {
        usleep(50000);
        pthread_mutex_lock(&silent.lock);
        n = silent.n;
        pthread_mutex_unlock(&silent.lock);
    }
    assert_int_equal(n, 4);
    assert_false(read_now().measured);
    int64_t before = cn_clock_now();
    cn_dask_calibrator_stop(calibrator);
    assert_true(cn_clock_now() - before < CN_NS_PER_SECOND);
    assert_true(silent.cancelled);
}

static enum cn_code refuse(struct cn_executor *executor, struct cn_task *task,
                           struct cn_error *error) {
    (void)executor;
    (void)task;
    return cn_error_set(error, CN_OVERLOADED, "the queue is full");
}

static void a_cluster_that_fails_is_not_measured(void **state) {
    static const struct cn_executor_ops ops = {.submit = refuse, .cancel = give_up};
    struct silent silent = {.executor = {.ops = &ops, .name = "dask"},
                            .lock = PTHREAD_MUTEX_INITIALIZER};
    (void)state;
    set(true, 1, 2);
    struct cn_dask_calibrator *calibrator = start(&silent.executor);
    usleep(200000);
    assert_false(read_now().measured);
    assert_true(read_now().connected);
    cn_dask_calibrator_stop(calibrator);
}

int main(int argc, char **argv) {
    test_service_enter(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_is_measured_when_it_is_there),
        cmocka_unit_test(stopping_does_not_wait_for_the_cluster),
        cmocka_unit_test(a_cluster_that_fails_is_not_measured),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
