/* Trial runs of a compute request: the same result wherever they run, and robust ends. */
#include "tests/unit/service_helpers.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "handlers/workload.h"

static struct test_service test;
static struct cn_inner owner; /* the experiment's exchange */

static void ignore_reply(struct cn_inner *inner) {
    (void)inner;
}

static int set_up_group(void **state) {
    (void)state;
    test_service_start(&test);
    return 0;
}

static int tear_down_group(void **state) {
    (void)state;
    test_service_stop(&test);
    return 0;
}

static int set_up(void **state) {
    static const struct cn_endpoint endpoint = {.methods = "POST", .path = "/v1/compare"};
    (void)state;
    owner.replied = ignore_reply;
    return cn_inner_init(&owner, &test.service, &endpoint, 0, NULL, NULL) == CN_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    cn_inner_release(&owner);
    return 0;
}

static struct cn_workload *make(const char *body, uint64_t most_rows) {
    struct cn_workload *workload = NULL;
    struct cn_error error;
    cn_error_init(&error);
    if (cn_compute_workload_new(&workload, &owner.exchange, cn_str_c(body), most_rows, NULL,
                                &error) != CN_OK)
        fail_msg("%s", error.detail);
    return workload;
}

static struct cn_error refused(const char *body) {
    struct cn_workload *workload = NULL;
    struct cn_error error;
    cn_error_init(&error);
    owner.exchange.expression = NULL;
    enum cn_code code =
        cn_compute_workload_new(&workload, &owner.exchange, cn_str_c(body), 0, NULL, &error);
    assert_true(code != CN_OK && code == error.code);
    return error;
}

static struct cn_trial_result run(struct cn_workload *workload, const struct cn_trial *trial) {
    struct cn_trial_result result;
    const char *expression;
    struct cn_error error;
    cn_error_init(&error);
    if (workload->ops->run(workload, trial, &result, &expression, &error) != CN_OK)
        fail_msg("%s", error.detail);
    assert_null(expression);
    return result;
}

static bool same(const struct cn_trial_result *a, const struct cn_trial_result *b) {
    return memcmp(a->digest, b->digest, sizeof a->digest) == 0;
}

static void alike_wherever_they_run(void **state) {
    static const char *const bodies[] = {
        "{\"generate\":{\"rows\":5000,\"columns\":[\"a\",\"b\"],\"seed\":7},"
        "\"let\":{\"k\":\"md5(a, b)\",\"r\":\"(a-b)/2\"},\"select\":\"all\"}",
        "{\"generate\":{\"rows\":5000,\"columns\":[\"a\",\"b\"],\"distribution\":\"uniform\"},"
        "\"let\":{\"t\":\"md5(a, over='table')\",\"r\":\"a < 0.5\"}}",
        "{\"columns\":{\"s\":[\"x\",null,\"\\n,\"],\"i\":[1,2,0]},\"on_error\":\"null\","
        "\"let\":{\"r\":\"i//i\",\"u\":\"upper(s)\"},\"limit\":2}"};
    static const enum cn_executor_kind kinds[] = {CN_EXECUTOR_SERIAL, CN_EXECUTOR_THREADS,
                                                  CN_EXECUTOR_GIL, CN_EXECUTOR_PROCESSES,
                                                  CN_EXECUTOR_AUTO};
    struct cn_trial_result seen[3];
    size_t runs = 0;
    (void)state;

    for (size_t b = 0; b < 3; b++) {
        struct cn_workload *workload = make(bodies[b], 0);
        bool first = true;
        assert_true(workload->has_modes);
        for (size_t k = 0; k < 5; k++) {
            for (uint64_t chunk = 0; chunk < 3; chunk++) {
                struct cn_trial trial = {.executor = kinds[k],
                                         .workers = 1 + chunk,
                                         .mode = (enum cn_mode)chunk,
                                         .chunk_rows = chunk * 700};
                struct cn_trial_result result = run(workload, &trial);
                int64_t booked = 0;
                if (first)
                    seen[b] = result;
                first = false;
                assert_true(same(&seen[b], &result));
                assert_int_equal(result.rows, workload->rows);
                assert_true(result.executor != CN_EXECUTOR_AUTO);
                assert_true(kinds[k] == CN_EXECUTOR_AUTO || result.executor == kinds[k]);
                assert_true(kinds[k] != CN_EXECUTOR_THREADS || result.workers == 1 + chunk);
                assert_true(chunk == 0 || result.chunk_rows <= chunk * 700);
                for (int s = 0; s < CN_SPAN_COUNT; s++)
                    booked += result.spans.ns[s];
                assert_true(result.sample_ns > 0 && booked > 0 && result.cpu_ns > 0);
            }
        }
        workload->ops->free(workload);
    }
    assert_false(same(&seen[0], &seen[1]));
    assert_false(same(&seen[1], &seen[2]));
    cn_runs_each(test.service.runs, 100, test_count_run, &runs);
    assert_int_equal(runs, 0);
}

/* The first rows of a large frame are a small frame. */
static void sweeps_rows(void **state) {
    static const char body[] = "{\"generate\":{\"rows\":1000,\"columns\":[\"a\",\"b\"]},"
                               "\"let\":{\"k\":\"xxh64(a, b)\"}}";
    struct cn_workload *small = make(body, 0), *large = make(body, 9000);
    struct cn_trial all = {.executor = CN_EXECUTOR_THREADS, .workers = 2};
    struct cn_trial some = all, most = all;
    (void)state;
    some.rows = 1000;
    most.rows = 9000;
    struct cn_trial_result a = run(small, &all), b = run(large, &all), c = run(large, &some),
                           d = run(large, &most);
    assert_true(same(&a, &b) && same(&a, &c) && !same(&a, &d));
    assert_true(large->generated && large->rows == 1000 && d.rows == 9000);
    assert_string_equal(large->what, "k = xxh64(a, b)");
    small->ops->free(small);
    large->ops->free(large);
}

static void refuses_what_it_sets_itself(void **state) {
    static const char *const members[] = {"\"executor\":\"gil\"", "\"workers\":2",
                                          "\"mode\":\"row\"",     "\"chunk_rows\":5",
                                          "\"repeat\":2",         "\"timeout_ms\":10"};
    (void)state;
    for (size_t i = 0; i < 6; i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"columns\":{\"a\":[1]},\"let\":{\"r\":\"a\"},%s}",
                 members[i]);
        struct cn_error error = refused(body);
        assert_int_equal(error.code, CN_INVALID_PARAMETER);
        assert_memory_equal(error.parameter, members[i] + 1, strlen(error.parameter));
        assert_non_null(strstr(error.detail, "experiment"));
    }
}

static void refuses_as_a_plain_call(void **state) {
    struct cn_error error = refused("{\"columns\":{\"a\":[1]},\"let\":{\"r\":\"a + \"}}");
    (void)state;
    assert_int_equal(error.code, CN_SYNTAX_ERROR);
    assert_string_equal(owner.exchange.expression, "a + ");
    error = refused("{\"columns\":{\"a\":[1]},\"let\":{\"q\":\"a\",\"r\":\"b+1\"}}");
    assert_int_equal(error.code, CN_UNKNOWN_COLUMN);
    assert_string_equal(owner.exchange.expression, "b+1");
    error = refused("{\"columns\":{\"a\":[1]},\"let\":{\"r\":\"a+'x'\"}}");
    assert_int_equal(error.code, CN_TYPE_ERROR);
    error = refused("{\"let\":{\"r\":\"a\"}}");
    assert_int_equal(error.code, CN_INVALID_PARAMETER);
    error = refused("{\"columns\":{\"a\":[1]},\"let\":{\"r\":\"a\"},\"nosuch\":1}");
    assert_int_equal(error.code, CN_UNKNOWN_PARAMETER);
    assert_int_equal(refused("{\"columns\":{\"a\":[1],\"b\":[]}}").code, CN_RAGGED_COLUMNS);
}

static void a_row_that_fails(void **state) {
    struct cn_workload *workload =
        make("{\"columns\":{\"a\":[3,2,0,1,0]},\"let\":{\"q\":\"a\",\"r\":\"1//a\"}}", 0);
    struct cn_trial trial = {.executor = CN_EXECUTOR_PROCESSES, .workers = 2, .chunk_rows = 1};
    struct cn_trial_result result;
    const char *expression = NULL;
    struct cn_error error;
    (void)state;
    cn_error_init(&error);
    assert_int_equal(workload->ops->run(workload, &trial, &result, &expression, &error),
                     CN_DIVISION_BY_ZERO);
    assert_int_equal(error.row, 2);
    assert_string_equal(expression, "1//a");
    workload->ops->free(workload);
}

/* Ends long before the work would. */
static void ends_early(void **state) {
    static const enum cn_executor_kind kinds[] = {CN_EXECUTOR_SERIAL, CN_EXECUTOR_THREADS,
                                                  CN_EXECUTOR_PROCESSES};
    struct cn_workload *workload = make("{\"generate\":{\"rows\":2000000,\"columns\":[\"a\"]},"
                                        "\"let\":{\"k\":\"sha3_256(a,a,a,a)\"},\"limit\":1}",
                                        0);
    atomic_int stop;
    (void)state;
    atomic_init(&stop, 1);
    for (size_t k = 0; k < 3; k++) {
        struct cn_trial trial = {.executor = kinds[k], .workers = 2, .stop = &stop};
        struct cn_trial late = {.executor = kinds[k], .workers = 2};
        struct cn_trial_result result;
        const char *expression;
        late.deadline_ns = cn_clock_now() + 30000000;
        assert_int_equal(workload->ops->run(workload, &trial, &result, &expression, NULL),
                         CN_CANCELLED);
        late.deadline_ns = cn_clock_now() + 30000000;
        assert_int_equal(workload->ops->run(workload, &late, &result, &expression, NULL),
                         CN_DEADLINE_EXCEEDED);
    }
    workload->ops->free(workload);
}

/* Kills whatever process works, until it is told to end. */
static void *kill_workers(void *context) {
    struct cn_executor *processes = test.service.executors[CN_EXECUTOR_PROCESSES];
    atomic_bool *end = context;
    while (!atomic_load(end)) {
        struct cn_worker_stats stats[8];
        size_t queued, n = processes->ops->stats(processes, stats, 8, &queued);
        for (size_t i = 0; i < n && i < 8; i++)
            if (stats[i].state == CN_WORKER_BUSY && stats[i].pid > 0)
                kill(stats[i].pid, SIGKILL);
        usleep(5000);
    }
    return NULL;
}

static void workers_that_die(void **state) {
    struct cn_workload *workload = make("{\"generate\":{\"rows\":1000000,\"columns\":[\"a\"]},"
                                        "\"let\":{\"k\":\"sha3_256(a,a,a,a)\"},\"limit\":1}",
                                        0);
    struct cn_trial trial = {
        .executor = CN_EXECUTOR_PROCESSES, .workers = 2, .chunk_rows = 1000000};
    struct cn_trial_result result;
    const char *expression;
    struct cn_error error;
    pthread_t killer;
    atomic_bool end;
    (void)state;
    atomic_init(&end, false);
    cn_error_init(&error);
    assert_int_equal(pthread_create(&killer, NULL, kill_workers, &end), 0);
    enum cn_code code = workload->ops->run(workload, &trial, &result, &expression, &error);
    atomic_store(&end, true);
    pthread_join(killer, NULL);
    assert_int_equal(code, CN_WORKER_LOST);
    assert_non_null(strstr(error.detail, "(rows 0 to 999999)"));
    /* The pool is as good as before. */
    trial.rows = 1000;
    run(workload, &trial);
    workload->ops->free(workload);
}

static void memory_is_bounded(void **state) {
    static const char body[] = "{\"generate\":{\"rows\":100000,\"columns\":[\"a\"]},"
                               "\"let\":{\"k\":\"sha512(a)\"}}";
    struct cn_trial trial = {.executor = CN_EXECUTOR_THREADS, .workers = 2};
    struct cn_trial_result result;
    const char *expression;
    struct cn_error error;
    (void)state;
    cn_error_init(&error);
    test.service.limits.memory_bytes = 4 << 20; /* the values, but not the digests */
    struct cn_workload *workload = make(body, 0);
    assert_int_equal(workload->ops->run(workload, &trial, &result, &expression, &error),
                     CN_LIMIT_EXCEEDED);
    assert_string_equal(error.limit, "--memory-bytes");
    workload->ops->free(workload);
    test.service.limits.memory_bytes = 700000; /* not even those */
    error = refused(body);
    assert_int_equal(error.code, CN_LIMIT_EXCEEDED);
    assert_string_equal(error.limit, "--memory-bytes");
    test.service.limits.memory_bytes = 1 << 30;
}

int main(int argc, char **argv) {
    test_service_enter(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alike_wherever_they_run, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sweeps_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_it_sets_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_as_a_plain_call, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_row_that_fails, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ends_early, set_up, tear_down),
        cmocka_unit_test_setup_teardown(workers_that_die, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_is_bounded, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
