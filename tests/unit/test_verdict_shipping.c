/* What a verdict says of a Dask cluster: another machine, what the way there costs, and when that
 * would pay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/verdict_helpers.h"

/* The shares of a case's time, in percent of what its workers were busy with. */
static struct cn_case spent(struct cn_case a, int ship, int schedule, int compute, int fetch) {
    a.ship_ns = ship * 1000000;
    a.schedule_ns = schedule * 1000000;
    a.compute_ns = compute * 1000000;
    a.fetch_ns = fetch * 1000000;
    return a;
}

static void test_a_cluster_that_loses(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(VECTOR, 40 * MS), THREADS(2, VECTOR, 20 * MS),
                                    DASK(1, VECTOR, 150 * MS),
                                    spent(DASK(4, VECTOR, 50 * MS), 50, 6, 20, 24)};
    verdict_of(cases, 4, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose threads with 2 workers in mode vector (20 ms): it "
                                        "is x2 as fast as the next best executor, serial"));
    assert_string_equal(said("Of the 50 ms"),
                        "Of the 50 ms of dask with 4 workers in mode vector, its workers gave 25 "
                        "ms to shipping there, 3 ms to waiting in Dask's scheduler, 10 ms to "
                        "computing and 12 ms to fetching the results.");
    /* 40 ms on the way; 10 ms gained each time that the computing is done once more */
    assert_string_equal(said("The cluster would win"),
                        "The cluster would win from x4 the computing for each row on, with as much "
                        "to carry: it loses 40 ms on the way, and gains 10 ms over threads with 2 "
                        "workers in mode vector (20 ms).");
    assert_null(said("interpreter lock"));
    assert_null(said("emulat"));
}

/* On the same CPUs there is nothing to gain, however much is computed. */
static void test_a_cluster_that_cannot_win(void **state) {
    (void)state;
    const struct cn_case cases[] = {THREADS(2, VECTOR, 20 * MS),
                                    spent(DASK(4, VECTOR, 50 * MS), 40, 10, 40, 10)};
    verdict_of(cases, 2, NULL, 0);
    assert_string_equal(said("More computing"),
                        "More computing for each row would not make the cluster win: computing "
                        "alone takes it 20 ms, no less than all of threads with 2 workers in mode "
                        "vector (20 ms).");
}

static void test_a_cluster_that_wins(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(VECTOR, 400 * MS), THREADS(2, VECTOR, 200 * MS),
                                    DASK(1, VECTOR, 430 * MS),
                                    spent(DASK(8, VECTOR, 80 * MS), 20, 5, 70, 5)};
    verdict_of(cases, 4, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose dask with 8 workers in mode vector (80 ms): it is "
                                        "x2.5 as fast as the next best executor, threads with 2 "
                                        "workers in mode vector (200 ms)"));
    assert_string_equal(said("The cluster pays"),
                        "The cluster pays: it loses 24 ms on the way, and gains more over threads "
                        "with 2 workers in mode vector (200 ms).");
    assert_non_null(
        strstr(said("From the slowest case"),
               "dask with 1 worker in mode vector (430 ms), to the fastest, dask with 8 "
               "workers in mode vector (80 ms), it is x5.38: x5.38 from 8 parallel "
               "workers instead of 1."));
}

static void test_the_step_in_words(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(VECTOR, 40 * MS), DASK(1, VECTOR, 80 * MS)};
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(said("From the slowest"), "x2 from not shipping (inputs and results "
                                                     "stay on this machine)"));
    assert_null(said("Of the 80 ms")); /* nothing was booked */
}

/* Between equals the one that needs no other machine. */
static void test_dask_is_the_least_simple(void **state) {
    (void)state;
    struct cn_case cases[] = {PROCESSES(2, VECTOR, 10 * MS), DASK(4, VECTOR, 9.98 * MS)};
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose processes with 2 workers"));
    assert_non_null(strstr(sentence(0), "and processes is the simpler."));
}

/* Two sizes of each, from 1,000 to 100,000 rows. */
static void by_size(double there_few, double there_many, double here_few, double here_many) {
    struct cn_case cases[] = {
        THREADS(2, VECTOR, here_few), spent(DASK(4, VECTOR, there_few), 50, 5, 20, 25),
        THREADS(2, VECTOR, here_many), spent(DASK(4, VECTOR, there_many), 50, 5, 20, 25)};
    for (size_t i = 0; i < 4; i++)
        cases[i].rows = cases[i].row_setting = i < 2 ? 1000 : 100000;
    verdict_of(cases, 4, NULL, 0);
}

static void test_rows(void **state) {
    (void)state;
    /* 20 ms and 1 µs a row there, 1 ms and 2 µs a row here: alike at 19,000 rows */
    by_size(21 * MS, 120 * MS, 3 * MS, 201 * MS);
    assert_string_equal(said("By the times at"),
                        "By the times at 1,000 and 100,000 rows, a further row takes 1 \u00b5s on "
                        "dask and 2 \u00b5s on threads, so the cluster wins from about 19,000 rows "
                        "on.");
    /* 1.9 µs a row there: alike beyond what was measured */
    by_size(21.9 * MS, 210 * MS, 3 * MS, 201 * MS);
    assert_non_null(
        strstr(said("By the times at"), "the cluster wins from about 190,000 rows on."));
    by_size(21 * MS, 420 * MS, 3 * MS, 201 * MS);
    assert_non_null(strstr(said("By the times at"), "no number of rows makes the cluster win."));
    by_size(2 * MS, 120 * MS, 3 * MS, 201 * MS);
    assert_non_null(strstr(said("By the times at"), "the cluster wins at all of these sizes."));
    /* times that fall with the rows are noise */
    by_size(21 * MS, 20 * MS, 3 * MS, 201 * MS);
    assert_null(said("By the times at"));
}

static void test_calls(void **state) {
    (void)state;
    struct cn_case cases[] = {THREADS(2, VECTOR, 20 * MS),
                              spent(DASK(4, VECTOR, 50 * MS), 50, 6, 20, 24)};
    cases[0].has_mode = cases[1].has_mode = false;
    cases[0].cpu_ns = cases[1].cpu_ns = (int64_t)(1000 * MS);
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(said("The cluster would win"), "the computing for each call on"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(test_a_cluster_that_loses),
        UNIT(test_a_cluster_that_cannot_win),
        UNIT(test_a_cluster_that_wins),
        UNIT(test_the_step_in_words),
        UNIT(test_dask_is_the_least_simple),
        UNIT(test_rows),
        UNIT(test_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
