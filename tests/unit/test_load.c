/* The load: percentiles within their error, the ring of seconds, many threads that count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "handlers/load.h"

#define ERROR 0.03

static int compare_ns(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void assert_near(int64_t told, int64_t right) {
    if (fabs((double)(told - right)) > ERROR * (double)right)
        fail_msg("%lld is not within %g of %lld", (long long)told, ERROR, (long long)right);
}

/* Durations from 2 µs to half an hour, as many in each octave. */
static void percentiles_are_right(void **state) {
    (void)state;
    static const size_t counts[] = {1, 2, 3, 10, 99, 100, 101, 5000};
    enum { MOST = 5000 };
    int64_t *ns = malloc(MOST * sizeof *ns);
    struct cn_load_point point;
    assert_non_null(ns);
    srandom(7);
    for (size_t round = 0; round < sizeof counts / sizeof counts[0]; round++) {
        struct cn_load *load = cn_load_new();
        int64_t now = cn_clock_now();
        size_t n = counts[round];
        assert_non_null(load);
        for (size_t i = 0; i < n; i++) {
            ns[i] = (int64_t)exp2(11.0 + 30.0 * (double)random() / (double)RAND_MAX);
            cn_load_count(load, now, ns[i], i % 10 == 0 ? 422 : 200);
        }
        qsort(ns, n, sizeof *ns, compare_ns);
        assert_true(cn_load_look(load, cn_load_second(load, now), &point));
        assert_int_equal(point.requests, n);
        assert_int_equal(point.failed, (n + 9) / 10);
        assert_near(point.p50_ns, ns[(n * 50 + 99) / 100 - 1]);
        assert_near(point.p90_ns, ns[(n * 90 + 99) / 100 - 1]);
        assert_near(point.p99_ns, ns[(n * 99 + 99) / 100 - 1]);
        assert_int_equal(point.max_ns, ns[n - 1]);
        cn_load_free(load);
    }
    free(ns);
}

static void extreme_durations(void **state) {
    (void)state;
    static const int64_t extremes[] = {INT64_MIN, -1, 0, 1, 1023, 1024, INT64_MAX};
    struct cn_load *load = cn_load_new();
    struct cn_load_point point;
    assert_non_null(load);
    for (size_t i = 0; i < sizeof extremes / sizeof extremes[0]; i++) {
        int64_t at = (int64_t)(100 + i) * CN_NS_PER_SECOND;
        cn_load_count(load, at, extremes[i], 200);
        assert_true(cn_load_look(load, cn_load_second(load, at), &point));
        assert_int_equal(point.requests, 1);
        assert_int_equal(point.max_ns, extremes[i] > 0 ? extremes[i] : 0);
        assert_true(point.p50_ns <= point.p90_ns && point.p90_ns <= point.p99_ns);
        assert_true(point.p99_ns <= point.max_ns);
    }
    cn_load_count(NULL, 0, 1, 200);
    cn_load_free(load);
    cn_load_free(NULL);
}

/* Neither what is too old nor what comes too late is mistaken for another second. */
static void the_ring_of_seconds(void **state) {
    (void)state;
    struct cn_load *load = cn_load_new();
    struct cn_load_point point;
    assert_non_null(load);
    int64_t now = 5000 * CN_NS_PER_SECOND;
    int64_t first = cn_load_second(load, now);
    for (int64_t s = 0; s < CN_LOAD_SECONDS; s++)
        for (int64_t n = 0; n <= s % 3; n++)
            cn_load_count(load, now + s * CN_NS_PER_SECOND, 1000, 200);
    for (int64_t s = 0; s < CN_LOAD_SECONDS; s++) {
        assert_true(cn_load_look(load, first + s, &point));
        assert_int_equal(point.requests, s % 3 + 1);
    }
    assert_false(cn_load_look(load, first - 1, &point));
    assert_false(cn_load_look(load, first + CN_LOAD_SECONDS, &point));
    assert_false(cn_load_look(load, -1, &point));

    cn_load_count(load, now + CN_LOAD_SECONDS * CN_NS_PER_SECOND, 1000, 500);
    assert_false(cn_load_look(load, first, &point));
    assert_true(cn_load_look(load, first + CN_LOAD_SECONDS, &point));
    assert_int_equal(point.requests, 1);
    assert_int_equal(point.failed, 1);
    cn_load_count(load, now, 1000, 200);
    assert_false(cn_load_look(load, first, &point));
    assert_true(cn_load_look(load, first + CN_LOAD_SECONDS, &point));
    assert_int_equal(point.requests, 1);
    cn_load_free(load);
}

static void a_point_as_text(void **state) {
    (void)state;
    struct cn_load *load = cn_load_new();
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    assert_non_null(load);
    int64_t second = cn_load_second(load, cn_clock_now());
    int64_t wall = cn_clock_wall();
    struct cn_load_point point = {second, 7, 2, 10, 20, 30, 40};
    cn_json_out_init(&out, &buf);
    cn_load_point_write(&out, load, &point);
    assert_true(out.ok && cn_buf_add_char(&buf, '\0'));
    char at[32], expected[200];
    /* The clock may have turned to the next second in between. */
    for (int later = 0; later < 2; later++) {
        cn_clock_format((wall / CN_NS_PER_SECOND - later) * CN_NS_PER_SECOND, at);
        snprintf(expected, sizeof expected,
                 "{\"at\":\"%s\",\"requests\":7,\"failed\":2,\"p50_ns\":10,\"p90_ns\":20,"
                 "\"p99_ns\":30,\"max_ns\":40}",
                 at);
        if (strcmp(expected, buf.data) == 0)
            break;
    }
    assert_string_equal(buf.data, expected);
    cn_buf_release(&buf);
    cn_load_free(load);
}

/* ---- threads ------------------------------------------------------------------------------- */

enum { THREADS = 4, CALLS = 50000 };

struct crowd {
    struct cn_load *load;
    int64_t begun_ns;
    atomic_int running;
};

static void *count_many(void *context) {
    struct crowd *crowd = context;
    for (int i = 0; i < CALLS; i++)
        cn_load_count(crowd->load, crowd->begun_ns + i % 2 * CN_NS_PER_SECOND, 1000 + i,
                      i % 5 == 0 ? 503 : 200);
    atomic_fetch_sub(&crowd->running, 1);
    return NULL;
}

static void many_threads_count(void **state) {
    (void)state;
    struct crowd crowd = {.load = cn_load_new(), .begun_ns = cn_clock_now(), .running = THREADS};
    struct cn_load_point a, b;
    pthread_t threads[THREADS];
    assert_non_null(crowd.load);
    int64_t second = cn_load_second(crowd.load, crowd.begun_ns);
    int64_t begun = cn_clock_now();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_many, &crowd), 0);
    while (atomic_load(&crowd.running) > 0)
        if (cn_load_look(crowd.load, second, &a))
            assert_true(a.failed <= a.requests && a.p50_ns <= a.max_ns);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    int64_t took = cn_clock_now() - begun;
    assert_true(cn_load_look(crowd.load, second, &a));
    assert_true(cn_load_look(crowd.load, second + 1, &b));
    assert_int_equal(a.requests + b.requests, THREADS * CALLS);
    assert_int_equal(a.failed + b.failed, THREADS * CALLS / 5);
    print_message("cn_load_count: %.0f ns a call, %d threads at once and a reader\n",
                  (double)took / CALLS, THREADS);
    cn_load_free(crowd.load);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles_are_right), cmocka_unit_test(extreme_durations),
        cmocka_unit_test(the_ring_of_seconds),   cmocka_unit_test(a_point_as_text),
        cmocka_unit_test(many_threads_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
