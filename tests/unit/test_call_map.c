/* Map requests without a connection: whole replies, progress, giving up at any moment; and maps as
 * the work of an experiment. */
#include "tests/unit/service_helpers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/call.h"
#include "handlers/endpoints.h"
#include "handlers/workload.h"

static struct test_service test;

static int set_up_group(void **state) {
    (void)state;
    test_service_start(&test);
    test.service.limits.max_calls = 1000;
    return 0;
}

static int tear_down_group(void **state) {
    (void)state;
    test_service_stop(&test);
    return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* One request and its end. */
struct call {
    struct cn_inner inner; /* first */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool replied;
};

static void note_reply(struct cn_inner *inner) {
    struct call *call = inner->owner;
    pthread_mutex_lock(&call->lock);
    call->replied = true;
    pthread_cond_signal(&call->changed);
    pthread_mutex_unlock(&call->lock);
}

static void start(struct call *call, const char *body, uint64_t whole_bytes) {
    struct cn_exchange *exchange = &call->inner.exchange;
    assert_int_equal(cn_inner_init(&call->inner, &test.service, &cn_endpoint_map, whole_bytes,
                                   "--job-bytes", NULL),
                     CN_OK);
    call->inner.replied = note_reply;
    call->inner.owner = call;
    call->replied = false;
    pthread_mutex_init(&call->lock, NULL);
    pthread_cond_init(&call->changed, NULL);
    assert_int_equal(exchange->endpoint->open(exchange, NULL), CN_OK);
    assert_int_equal(exchange->endpoint->body(exchange, body, strlen(body)), CN_BODY_MORE);
    exchange->endpoint->finish(exchange);
}

static void wait_reply(struct call *call) {
    pthread_mutex_lock(&call->lock);
    while (!call->replied)
        pthread_cond_wait(&call->changed, &call->lock);
    pthread_mutex_unlock(&call->lock);
}

static void end(struct call *call) {
    struct cn_exchange *exchange = &call->inner.exchange;
    exchange->endpoint->close(exchange);
    pthread_mutex_destroy(&call->lock);
    pthread_cond_destroy(&call->changed);
    cn_inner_release(&call->inner);
}

static bool holds(const struct call *call, const char *text) {
    const struct cn_reply *reply = &call->inner.exchange.reply;
    return reply->n_parts == 1 &&
           memmem(reply->parts[0].data, reply->parts[0].len, text, strlen(text)) != NULL;
}

static void whole_reply(void **state) {
    (void)state;
    static const char *const executors[] = {"serial", "threads", "processes", "gil", "auto"};
    for (size_t i = 0; i < sizeof executors / sizeof *executors; i++) {
        struct call call;
        char body[200];
        snprintf(body, sizeof body,
                 "{\"function\": \"long_comp\", \"args\": [0, 1, 4], \"iterations\": 2, "
                 "\"chunksize\": 2, \"executor\": \"%s\"}",
                 executors[i]);
        start(&call, body, 0);
        wait_reply(&call);
        assert_int_equal(call.inner.exchange.reply.status, 200);
        assert_true(holds(&call, "\"results\":[1,1.4142135623730951,225]"));
        assert_int_equal(atomic_load(&call.inner.exchange.done_rows), 3);
        assert_int_equal(atomic_load(&call.inner.exchange.total_rows), 3);
        assert_true(atomic_load(&call.inner.exchange.running));
        assert_true(call.inner.exchange.recorded);
        end(&call);
    }
}

static void whole_bytes(void **state) {
    (void)state;
    struct call call;
    start(&call, "{\"function\": \"long_io\", \"args\": [1, 2], \"seconds\": 0}", 300);
    wait_reply(&call);
    assert_int_equal(call.inner.exchange.error.code, CN_LIMIT_EXCEEDED);
    assert_string_equal(call.inner.exchange.error.limit, "--job-bytes");
    assert_true(call.inner.exchange.recorded);
    end(&call);
}

static void measured_runs_count_all_passes(void **state) {
    (void)state;
    struct call call;
    start(&call,
          "{\"function\": \"long_io\", \"args\": [1, 2, 3], \"seconds\": 0, \"repeat\": 4, "
          "\"executor\": \"threads\"}",
          0);
    wait_reply(&call);
    assert_int_equal(call.inner.exchange.reply.status, 200);
    assert_true(holds(&call, "\"repeat\":{\"runs\":4,"));
    assert_int_equal(atomic_load(&call.inner.exchange.done_rows), 15);
    assert_int_equal(atomic_load(&call.inner.exchange.total_rows), 15);
    end(&call);
}

/* Two calls of 0 seconds; repeated, the workers' accounts hold all passes. */
static void workers_did_all_passes(void **state) {
    (void)state;
    struct call call;
    start(&call,
          "{\"function\": \"long_io\", \"args\": [1, 2], \"seconds\": 0, \"repeat\": 3, "
          "\"executor\": \"serial\"}",
          0);
    wait_reply(&call);
    assert_true(holds(&call, ",\"chunks\":8,\"wall_ns\":"));
    end(&call);
}

/* An executor whose workers write what they like. */
struct liar {
    struct cn_executor executor; /* first */
    struct cn_task *task;
};

static enum cn_code keep_task(struct cn_executor *executor, struct cn_task *task,
                              struct cn_error *error) {
    (void)error;
    ((struct liar *)(void *)executor)->task = task;
    return CN_OK;
}

static void a_process_is_not_believed(void **state) {
    (void)state;
    static const struct cn_executor_ops ops = {.submit = keep_task};
    static const struct cn_call_record records[] = {
        {INT64_MIN, INT64_MAX, INT64_MAX, INT64_MAX, CN_OK, 1},
        {INT64_MAX, INT64_MIN, -1, INT64_MIN, CN_OK, 1},
        {0, 0, 900, -1, CN_OK, 1},
    };
    struct cn_executor *processes = test.service.executors[CN_EXECUTOR_PROCESSES];
    struct liar liar = {.executor = {.ops = &ops, .name = "processes"}};
    struct call call;

    test.service.executors[CN_EXECUTOR_PROCESSES] = &liar.executor;
    start(&call,
          "{\"function\": \"long_io\", \"args\": [1, 2, 3], \"chunksize\": 3, "
          "\"executor\": \"processes\"}",
          0);
    test.service.executors[CN_EXECUTOR_PROCESSES] = processes;
    struct cn_task *task = liar.task;
    assert_non_null(task);
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        assert_true(cn_buf_add(task->out, &records[i], sizeof *records));
        assert_true(cn_buf_add_char(task->out, '7'));
    }
    task->code = CN_OK;
    task->worker = 0;
    task->pid = 1;
    task->submitted_ns = task->started_ns = cn_clock_now();
    task->finished_ns = task->started_ns + 1000;
    task->done(task);
    wait_reply(&call);
    assert_int_equal(call.inner.exchange.reply.status, 200);
    assert_true(holds(&call, "\"results\":[7,7,7]"));
    assert_true(holds(&call, "\"cpu_ns\":101015,\"lock_ns\":0}"));
    assert_true(holds(&call, "\"cpu_ns\":0,\"lock_ns\":0}"));
    assert_true(holds(&call, "\"cpu_ns\":900,\"lock_ns\":0}"));
    assert_false(holds(&call, "922337203685477580")); /* no end of int64 anywhere */
    end(&call);
}

/* Gives up after `wait_ns`: whenever that is, one reply is made. */
static void give_up(const char *executor, const char *work, int64_t wait_ns) {
    struct call call;
    char body[300];
    snprintf(body, sizeof body,
             "{%s, \"args\": [1, 3, 5, 7, 9, 11, 13, 15], \"executor\": \"%s\", \"workers\": 3}",
             work, executor);
    start(&call, body, 0);
    struct timespec time = {.tv_nsec = (long)wait_ns};
    nanosleep(&time, NULL);
    struct cn_exchange *exchange = &call.inner.exchange;
    exchange->endpoint->gone(exchange);
    wait_reply(&call);
    int status = exchange->reply.status;
    assert_true(status == 200 || exchange->error.code == CN_CANCELLED);
    end(&call);
}

static void gone_at_any_moment(void **state) {
    (void)state;
    static const char *const executors[] = {"serial", "threads", "processes", "gil"};
    for (int64_t i = 0; i < 40; i++) {
        const char *executor = executors[i % 4];
        give_up(executor, "\"function\": \"long_io\", \"seconds\": 30", i * 100000);
        give_up(executor, "\"function\": \"long_io\", \"seconds\": 0", i * 3000);
        give_up(executor, "\"function\": \"long_comp\", \"iterations\": 1000000000000", i * 50000);
    }
}

/* A large body is read on a worker; meanwhile the client leaves. */
static void gone_while_the_body_is_read(void **state) {
    (void)state;
    enum { LEN = 400000 };
    static const char head[] = "{\"function\": \"long_io\", \"seconds\": 0, \"args\": [1";
    char *body = malloc(LEN + 1);
    assert_non_null(body);
    memset(body, ' ', LEN);
    memcpy(body, head, sizeof head - 1);
    memcpy(body + LEN - 2, "]}", 3);
    for (int i = 0; i < 20; i++) {
        struct call call;
        start(&call, body, 0);
        call.inner.exchange.endpoint->gone(&call.inner.exchange);
        wait_reply(&call);
        assert_true(call.inner.exchange.reply.status == 200 ||
                    call.inner.exchange.error.code == CN_CANCELLED);
        end(&call);
    }
    free(body);
}

static void what_went_wrong_is_recorded(void **state) {
    (void)state;
    struct call call;
    size_t before = 0, after = 0;
    cn_runs_each(test.service.runs, 1000, test_count_run, &before);
    start(&call, "{\"function\": \"nothing\", \"args\": []}", 0);
    wait_reply(&call);
    assert_int_equal(call.inner.exchange.error.code, CN_UNKNOWN_FUNCTION);
    assert_string_equal(call.inner.exchange.error.value, "nothing");
    end(&call);
    cn_runs_each(test.service.runs, 1000, test_count_run, &after);
    assert_true(after == before + 1 || before == 100);
}

/* ---- workloads ------------------------------------------------------------------------------- */

static struct cn_workload *make(struct cn_inner *inner, const char *body, struct cn_error *error) {
    struct cn_workload *workload = NULL;
    cn_error_init(error);
    assert_int_equal(cn_inner_init(inner, &test.service, &cn_endpoint_map, 0, NULL, NULL), CN_OK);
    enum cn_code code = cn_map_workload_new(&workload, &inner->exchange, cn_str_c(body), error);
    assert_true((code == CN_OK) == (workload != NULL));
    return workload;
}

static void the_same_results_everywhere(void **state) {
    (void)state;
    struct cn_inner inner;
    struct cn_error error;
    struct cn_workload *workload =
        make(&inner, "{\"function\": \"long_comp\", \"args\": [0, 1, 2, \"x\", -3]}", &error);
    assert_non_null(workload);
    assert_false(workload->has_modes);
    assert_int_equal(workload->rows, 5);
    assert_string_equal(workload->what, "long_comp(i, iterations=5000000)");
    uint64_t digest[2] = {0, 0};
    for (int kind = CN_EXECUTOR_AUTO; kind < CN_EXECUTOR_KIND_COUNT; kind++) {
        struct cn_trial trial = {.executor = (enum cn_executor_kind)kind, .workers = 2};
        struct cn_trial_result result;
        const char *expression = "";
        if (kind == CN_EXECUTOR_DASK)
            continue; /* this service has no cluster */
        assert_int_equal(workload->ops->run(workload, &trial, &result, &expression, &error), CN_OK);
        assert_null(expression);
        assert_int_equal(result.rows, 5);
        assert_int_equal(result.chunk_rows, 1);
        assert_int_equal(result.workers, kind == CN_EXECUTOR_SERIAL ? 1 : 2);
        assert_true(result.executor != CN_EXECUTOR_AUTO);
        assert_true(result.sample_ns > 0 && result.cpu_ns > 0);
        assert_true(result.spans.ns[CN_SPAN_EVALUATE] > 0);
        if (kind == CN_EXECUTOR_AUTO)
            memcpy(digest, result.digest, sizeof digest);
        assert_memory_equal(digest, result.digest, sizeof digest);
    }
    workload->ops->free(workload);
    cn_inner_release(&inner);
    workload = make(&inner, "{\"function\": \"long_comp\", \"args\": [0, 1, 2, 3, -3]}", &error);
    struct cn_trial trial = {.executor = CN_EXECUTOR_SERIAL};
    struct cn_trial_result result;
    const char *expression;
    assert_int_equal(workload->ops->run(workload, &trial, &result, &expression, &error), CN_OK);
    assert_memory_not_equal(digest, result.digest, sizeof digest);
    workload->ops->free(workload);
    cn_inner_release(&inner);
}

static void *stop_soon(void *context) {
    atomic_int *stop = context;
    struct timespec time = {.tv_nsec = 30000000};
    nanosleep(&time, NULL);
    atomic_store(stop, 1);
    return NULL;
}

static void a_run_ends_early(void **state) {
    (void)state;
    struct cn_inner inner;
    struct cn_error error;
    atomic_int stop = 0;
    pthread_t thread;
    struct cn_trial trial = {.executor = CN_EXECUTOR_THREADS, .workers = 2, .stop = &stop};
    struct cn_trial_result result;
    const char *expression;
    struct cn_workload *workload =
        make(&inner, "{\"function\": \"long_io\", \"args\": [0, 1, 2], \"seconds\": 100}", &error);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    assert_int_equal(workload->ops->run(workload, &trial, &result, &expression, &error),
                     CN_CANCELLED);
    pthread_join(thread, NULL);
    atomic_store(&stop, 0);
    cn_error_init(&error);
    trial.deadline_ns = cn_clock_now() + 30000000;
    assert_int_equal(workload->ops->run(workload, &trial, &result, &expression, &error),
                     CN_DEADLINE_EXCEEDED);
    assert_int_equal(error.code, CN_DEADLINE_EXCEEDED);
    workload->ops->free(workload);
    cn_inner_release(&inner);
}

static void what_the_experiment_sets(void **state) {
    (void)state;
    static const char *const members[] = {"\"executor\": \"gil\"", "\"workers\": 1",
                                          "\"chunksize\": 2", "\"repeat\": 2"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        struct cn_inner inner;
        struct cn_error error;
        char body[200];
        snprintf(body, sizeof body, "{\"function\": \"long_io\", \"args\": [1], %s}", members[i]);
        assert_null(make(&inner, body, &error));
        assert_int_equal(error.code, CN_INVALID_PARAMETER);
        assert_memory_equal(error.parameter, members[i] + 1, strlen(error.parameter));
        cn_inner_release(&inner);
    }
}

int main(int argc, char **argv) {
    test_service_enter(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_reply),
        cmocka_unit_test(whole_bytes),
        cmocka_unit_test(measured_runs_count_all_passes),
        cmocka_unit_test(workers_did_all_passes),
        cmocka_unit_test(a_process_is_not_believed),
        cmocka_unit_test(gone_at_any_moment),
        cmocka_unit_test(gone_while_the_body_is_read),
        cmocka_unit_test(what_went_wrong_is_recorded),
        cmocka_unit_test(the_same_results_everywhere),
        cmocka_unit_test(a_run_ends_early),
        cmocka_unit_test(what_the_experiment_sets),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
