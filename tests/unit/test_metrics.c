/* The metrics: the text format, exact numbers, histograms, what counts as what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "handlers/exchange.h"
#include "handlers/load.h"
#include "handlers/metrics.h"
#include "handlers/metrics_text.h"
#include "handlers/runs.h"
#include "handlers/service.h"

#define MS INT64_C(1000000)

struct written {
    struct cn_buf buf;
    struct cn_metrics_text text;
};

static void begin(struct written *written) {
    written->buf = CN_BUF_INIT;
    cn_metrics_text_init(&written->text, &written->buf);
}

static void assert_written(struct written *written, const char *expected) {
    assert_true(written->text.ok);
    assert_true(cn_buf_add_char(&written->buf, '\0'));
    assert_string_equal(written->buf.data, expected);
    cn_buf_release(&written->buf);
}

static void families_and_samples(void **state) {
    (void)state;
    struct written written;
    begin(&written);
    cn_metrics_counter(&written.text, "a_total", "What it is.", 0);
    cn_metrics_family(&written.text, "b", "gauge", "Two.");
    cn_metrics_sample(&written.text, (struct cn_labels){{{"x", "1"}}}, UINT64_MAX);
    cn_metrics_sample(&written.text, (struct cn_labels){{{"x", "1"}, {"y", "2"}}}, 7);
    assert_written(&written, "# HELP a_total What it is.\n# TYPE a_total counter\na_total 0\n"
                             "# HELP b Two.\n# TYPE b gauge\n"
                             "b{x=\"1\"} 18446744073709551615\nb{x=\"1\",y=\"2\"} 7\n");
}

static void texts_are_escaped(void **state) {
    (void)state;
    struct written written;
    begin(&written);
    cn_metrics_family(&written.text, "m", "gauge", "back\\slash \"quotes\"\nline");
    cn_metrics_sample(&written.text, (struct cn_labels){{{"l", "a\\b\"c\nd"}}}, 1);
    assert_written(&written, "# HELP m back\\\\slash \"quotes\"\\nline\n# TYPE m gauge\n"
                             "m{l=\"a\\\\b\\\"c\\nd\"} 1\n");
}

static void seconds_are_exact(void **state) {
    (void)state;
    static const struct {
        uint64_t ns;
        const char *seconds;
    } cases[] = {{0, "0"},
                 {1, "0.000000001"},
                 {500000, "0.0005"},
                 {1000000000, "1"},
                 {1000000001, "1.000000001"},
                 {1100000000, "1.1"},
                 {12345678900, "12.3456789"},
                 {UINT64_MAX, "18446744073.709551615"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct written written;
        char expected[64];
        begin(&written);
        written.text.name = "s";
        cn_metrics_sample_ns(&written.text, (struct cn_labels){0}, cases[i].ns);
        snprintf(expected, sizeof expected, "s %s\n", cases[i].seconds);
        assert_written(&written, expected);
    }
}

/* ---- counting ------------------------------------------------------------------------------ */

static const struct cn_endpoint compute = {.path = "/v1/compute",
                                           .operation = CN_OPERATION_COMPUTE};

static void start(struct cn_service *service) {
    *service = (struct cn_service){.metrics = cn_metrics_new(), .load = cn_load_new()};
    assert_true(service->metrics && service->load);
}

static void stop(struct cn_service *service) {
    cn_metrics_free(service->metrics);
    cn_load_free(service->load);
}

/* A duration that equals a bound is within it. */
static void durations_fall_into_their_buckets(void **state) {
    (void)state;
    struct cn_service service;
    struct cn_exchange exchange = {.endpoint = &compute, .service = &service, .started_ns = 1000};
    start(&service);
    exchange.executor = CN_EXECUTOR_GIL;
    const struct cn_histogram *histogram =
        &service.metrics->durations[CN_OPERATION_COMPUTE][CN_EXECUTOR_GIL];
    uint64_t sum = 0;
    for (int i = 0; i < CN_METRICS_BOUNDS; i++) {
        int64_t bound = cn_metrics_bounds_ns[i];
        cn_metrics_work(&service, &exchange, 1000 + bound, 200);
        cn_metrics_work(&service, &exchange, 1000 + bound + 1, 500);
        sum += (uint64_t)(2 * bound + 1);
    }
    cn_metrics_work(&service, &exchange, 0, 200); /* a clock that went back counts as 0 */
    assert_int_equal(cn_counter_read(&histogram->buckets[0]), 2);
    for (int i = 1; i < CN_METRICS_BOUNDS; i++)
        assert_int_equal(cn_counter_read(&histogram->buckets[i]), 2);
    assert_int_equal(cn_counter_read(&histogram->buckets[CN_METRICS_BOUNDS]), 1);
    assert_int_equal(cn_counter_read(&histogram->sum_ns), sum);
    /* The load has counted the same requests. */
    uint64_t requests = 0, failed = 0;
    for (int64_t second = 0; second < CN_LOAD_SECONDS; second++) {
        struct cn_load_point point; /* all zeros for a second without requests */
        cn_load_look(service.load, second, &point);
        requests += point.requests;
        failed += point.failed;
    }
    assert_int_equal(requests, 2 * CN_METRICS_BOUNDS + 1);
    assert_int_equal(failed, CN_METRICS_BOUNDS);
    stop(&service);
}

static void a_histogram_is_cumulative(void **state) {
    (void)state;
    struct cn_histogram histogram = {0};
    struct written written;
    cn_counter_add(&histogram.buckets[0], 2);
    cn_counter_add(&histogram.buckets[15], 1);
    cn_counter_add(&histogram.buckets[16], 4);
    cn_counter_add(&histogram.sum_ns, 1500 * (uint64_t)MS);
    begin(&written);
    cn_metrics_family(&written.text, "h", "histogram", "H.");
    cn_metrics_sample_histogram(&written.text, (struct cn_labels){{{"o", "x"}}}, &histogram);
    assert_true(written.text.ok && cn_buf_add_char(&written.buf, '\0'));
    assert_non_null(strstr(written.buf.data, "\nh_bucket{o=\"x\",le=\"0.0005\"} 2\n"));
    assert_non_null(strstr(written.buf.data, "\nh_bucket{o=\"x\",le=\"30\"} 2\n"));
    assert_non_null(strstr(written.buf.data, "\nh_bucket{o=\"x\",le=\"60\"} 3\n"));
    assert_non_null(strstr(written.buf.data, "\nh_bucket{o=\"x\",le=\"+Inf\"} 7\n"
                                             "h_sum{o=\"x\"} 1.5\nh_count{o=\"x\"} 7\n"));
    cn_buf_release(&written.buf);
}

static void refusals_have_reasons(void **state) {
    (void)state;
    static const struct {
        enum cn_code code;
        const char *limit;
        enum cn_rejection reason;
    } cases[] = {{CN_OVERLOADED, "--max-jobs", CN_REJECTION_JOBS},
                 {CN_OVERLOADED, "--max-streams", CN_REJECTION_STREAMS},
                 {CN_OVERLOADED, "--spool-bytes", CN_REJECTION_SPOOL},
                 {CN_OVERLOADED, "--data-dir", CN_REJECTION_SPOOL},
                 {CN_OVERLOADED, "", CN_REJECTION_OTHER},
                 {CN_TOO_MANY_REQUESTS, "--unheard-of", CN_REJECTION_OTHER}};
    struct cn_service service;
    start(&service);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cn_error error;
        const cn_counter *counter = &service.metrics->rejections[cases[i].reason];
        uint64_t before = cn_counter_read(counter);
        cn_error_init(&error);
        cn_error_set_limit(&error, cases[i].limit);
        cn_error_set(&error, cases[i].code, "no");
        cn_metrics_response(service.metrics, CN_OPERATION_MAP, 503, &error);
        assert_int_equal(cn_counter_read(counter), before + 1);
    }
    /* What admission has counted, and what was wrong with the request itself, is none of these. */
    static const struct {
        enum cn_code code;
        const char *limit;
    } others[] = {{CN_OVERLOADED, "--max-connections"},
                  {CN_OVERLOADED, "--max-queued"},
                  {CN_TOO_MANY_REQUESTS, "--max-per-client"},
                  {CN_OVERLOADED, "--memory-bytes"},
                  {CN_DRAINING, ""},
                  {CN_BODY_TOO_LARGE, "--memory-bytes"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct cn_error error;
        cn_error_init(&error);
        cn_error_set_limit(&error, others[i].limit);
        cn_error_set(&error, others[i].code, "no");
        cn_metrics_response(service.metrics, CN_OPERATION_MAP, cn_code_status(others[i].code),
                            &error);
    }
    uint64_t sum = 0;
    for (int i = 0; i < CN_REJECTION_COUNT; i++)
        sum += cn_counter_read(&service.metrics->rejections[i]);
    assert_int_equal(sum, sizeof cases / sizeof cases[0]);
    assert_int_equal(cn_counter_read(&service.metrics->responses[CN_OPERATION_MAP][CN_STATUS_4XX]),
                     2);
    assert_int_equal(cn_counter_read(&service.metrics->responses[CN_OPERATION_MAP][CN_STATUS_5XX]),
                     10);
    assert_int_equal(cn_counter_read(&service.metrics->errors[CN_BODY_TOO_LARGE]), 1);
    stop(&service);
}

static void a_run_counts_with_its_workers(void **state) {
    (void)state;
    struct cn_service service;
    struct cn_exchange exchange = {.endpoint = &compute, .service = &service};
    struct cn_run_worker workers[2] = {{.spans.ns[CN_SPAN_HASH] = 5},
                                       {.spans.ns[CN_SPAN_HASH] = 7, .spans.ns[CN_SPAN_WAIT] = 1}};
    struct cn_run_record record = {.rows = 1000,
                                   .ledger.ns[CN_STAGE_EXECUTE] = 40,
                                   .ledger.ns[CN_STAGE_QUEUE] = -1,
                                   .worker = workers,
                                   .n_worker = 2};
    start(&service);
    const struct cn_metrics *metrics = service.metrics;
    cn_metrics_run(&exchange, CN_EXECUTOR_THREADS, &record);
    cn_metrics_run(&exchange, CN_EXECUTOR_THREADS, &record);
    assert_int_equal(exchange.rows, 1000);
    assert_int_equal(exchange.executor, CN_EXECUTOR_THREADS);
    assert_int_equal(cn_counter_read(&metrics->rows[CN_OPERATION_COMPUTE]), 2000);
    assert_int_equal(cn_counter_read(&metrics->stage_ns[CN_OPERATION_COMPUTE][CN_STAGE_EXECUTE]),
                     80);
    assert_int_equal(cn_counter_read(&metrics->stage_ns[CN_OPERATION_COMPUTE][CN_STAGE_QUEUE]), 0);
    assert_int_equal(cn_counter_read(&metrics->span_ns[CN_EXECUTOR_THREADS][CN_SPAN_HASH]), 24);
    stop(&service);
}

/* A job is counted for what it is of, not for the endpoint that takes it in. */
static void a_job_is_what_it_is_of(void **state) {
    (void)state;
    static const struct cn_endpoint deferred = {.path = "/v1/jobs"};
    struct cn_exchange exchange = {.endpoint = &deferred, .deferred = &compute};
    assert_int_equal(cn_exchange_operation(&exchange), CN_OPERATION_COMPUTE);
    assert_int_equal(cn_exchange_operation(&(struct cn_exchange){0}), CN_OPERATION_NONE);
}

enum { THREADS = 4, EACH = 20000 };

static void *count_many(void *context) {
    struct cn_service *service = context;
    struct cn_exchange exchange = {.endpoint = &compute, .service = service};
    struct cn_error error;
    cn_error_init(&error);
    for (int i = 0; i < EACH; i++) {
        cn_metrics_work(service, &exchange, 3 * MS, 200);
        cn_metrics_response(service->metrics, CN_OPERATION_COMPUTE, 200, &error);
    }
    return NULL;
}

static void threads_lose_nothing(void **state) {
    (void)state;
    struct cn_service service;
    pthread_t threads[THREADS];
    start(&service);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, &service), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    const struct cn_histogram *histogram =
        &service.metrics->durations[CN_OPERATION_COMPUTE][CN_EXECUTOR_AUTO];
    assert_int_equal(cn_counter_read(&histogram->buckets[3]), THREADS * EACH);
    assert_int_equal(cn_counter_read(&histogram->sum_ns), THREADS * EACH * 3 * MS);
    assert_int_equal(
        cn_counter_read(&service.metrics->responses[CN_OPERATION_COMPUTE][CN_STATUS_2XX]),
        THREADS * EACH);
    stop(&service);
}

/* No two of anything that becomes a label have the same name, and each has one. */
static void names_are_distinct(void **state) {
    (void)state;
    for (int i = 0; i < CN_OPERATION_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(cn_operation_name((enum cn_operation)i),
                                    cn_operation_name((enum cn_operation)j));
    for (int i = 0; i < CN_DEATH_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(cn_death_name((enum cn_death)i),
                                    cn_death_name((enum cn_death)j));
    for (int i = 0; i < CN_REJECTION_COUNT; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(cn_rejection_name((enum cn_rejection)i),
                                    cn_rejection_name((enum cn_rejection)j));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_and_samples),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(seconds_are_exact),
        cmocka_unit_test(durations_fall_into_their_buckets),
        cmocka_unit_test(a_histogram_is_cumulative),
        cmocka_unit_test(refusals_have_reasons),
        cmocka_unit_test(a_run_counts_with_its_workers),
        cmocka_unit_test(a_job_is_what_it_is_of),
        cmocka_unit_test(threads_lose_nothing),
        cmocka_unit_test(names_are_distinct),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
