/* The sentences of an experiment: its figures, the choice, and how far to trust it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "handlers/verdict_say.h"
#include "tests/unit/verdict_helpers.h"

/* ---- figures ---------------------------------------------------------------------------- */

static void test_figures(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {5.9213, "5.92"},      {0.57576, "0.576"}, {1, "1"},
        {21.44, "21.4"},       {999.4, "999"},     {999.6, "1000"},
        {1234567, "1230000"},  {0.0421, "0.0421"}, {0, "0"},
        {0.00042, "0.000420"},
    };
    char out[CN_FIGURE];
    for (size_t i = 0; i < COUNT(rows); i++) {
        cn_figure(rows[i].value, out);
        assert_string_equal(out, rows[i].text);
    }
}

static void test_times(void **state) {
    (void)state;
    static const struct {
        double ns;
        const char *text;
    } rows[] = {
        {1, "1 ns"},      {812, "812 ns"},         {1250, "1.25 µs"},
        {999600, "1 ms"}, {57.46 * MS, "57.5 ms"}, {2000 * MS, "2 s"},
        {90e9, "90 s"},   {5e12, "5000 s"},
    };
    char out[CN_FIGURE];
    for (size_t i = 0; i < COUNT(rows); i++) {
        cn_figure_time(rows[i].ns, out);
        assert_string_equal(out, rows[i].text);
    }
}

/* ---- the notebook's question ------------------------------------------------------------ */

static void test_the_notebook(void **state) {
    (void)state;
    const struct cn_case cases[] = {
        SERIAL(ROW, 22.5 * MS),  PROCESSES(1, ROW, 26 * MS),    PROCESSES(2, ROW, 14 * MS),
        SERIAL(TUPLE, 3.8 * MS), PROCESSES(1, TUPLE, 3.9 * MS), PROCESSES(2, TUPLE, 2.1 * MS),
    };
    verdict_of(cases, COUNT(cases), NULL, 0);
    assert_string_equal(
        sentence(0),
        "For hash = md5(a, b) over 1,000 rows choose processes with 2 workers in mode tuple (2.1 "
        "ms): it is x1.81 as fast as the next best executor, serial in mode tuple (3.8 ms), "
        "because of x1.86 from 2 parallel workers instead of 1.");
    const char *why = said("Why a factor of 10.7 and not 2 ");
    assert_non_null(why);
    assert_string_equal(
        why, "Why a factor of 10.7 and not 2 from serial in mode row to processes with 2 workers "
             "in mode tuple: it is more than the number of workers because it is the product of "
             "x5.92 from not making a row object, x0.974 lost in shipping (inputs and results "
             "cross between processes) "
             "and x1.86 from 2 parallel workers instead of 1; all that does not come from more "
             "workers is x5.77.");
}

/* ---- the choice ------------------------------------------------------------------------- */

static void test_equal_within_the_spread(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 10 * MS), THREADS(2, VECTOR, 9.9 * MS),
                              PROCESSES(2, VECTOR, 14 * MS)};
    cases[0].stats.stddev_ns = 0.08 * MS;
    cases[1].stats.stddev_ns = 0.05 * MS;
    verdict_of(cases, 3, NULL, 0);
    assert_string_equal(
        sentence(0), "For hash = md5(a, b) over 1,000 rows choose serial in mode vector (10 ms): "
                     "threads with 2 workers in mode vector (9.9 ms) is equal to it within the "
                     "spread of the two (80 \u00b5s and 50 \u00b5s), and serial is the simpler.");
    cases[0].stats.stddev_ns = 0.04 * MS;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose threads with 2 workers in mode vector (9.9 ms): it "
                                        "is x1.01 as fast as the next best executor, serial"));
}

/* However far they scatter: the slower one was never as fast as the faster one mostly is. */
static void test_noise_does_not_make_equal(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(ROW, 38.6 * MS), THREADS(2, ROW, 23.3 * MS)};
    cases[0].stats.stddev_ns = 17.5 * MS;
    cases[1].stats.stddev_ns = 5 * MS;
    cases[0].stats.min_ns = 31000000;
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose threads with 2 workers in mode row (23.3 ms)"));
    cases[0].stats.min_ns = 23000000;
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose serial in mode row (38.6 ms)"));
}

static void test_fewer_workers_if_they_are_as_fast(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(ROW, 50 * MS), THREADS(2, ROW, 31.5 * MS),
                              THREADS(3, ROW, 31.4 * MS)};
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose threads with 2 workers in mode row (31.5 ms)"));
}

static void test_calls_that_fail(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 10 * MS), THREADS(2, VECTOR, 5 * MS)};
    cases[0].has_mode = cases[1].has_mode = false;
    cases[0].failed = cases[1].failed = 3;
    verdict_of(cases, 2, NULL, 0);
    assert_string_equal(sentence(0), "Of the 1000 calls 3 failed each time, and took part in the "
                                     "times.");
    cases[0].failed = cases[1].failed = 1000;
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(sentence(0), "nothing was computed"));
}

static void test_nothing_to_measure(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 0), THREADS(2, VECTOR, 0)};
    cases[0].rows = cases[1].rows = 0;
    verdict_of(cases, 2, NULL, 0);
    assert_string_equal(sentence(0), "There was nothing to measure: the work has no rows.");
    assert_non_null(strstr(sentence(1), "These are figures"));
}

static void test_the_simpler_one_is_the_fastest(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 10 * MS), THREADS(2, VECTOR, 10.1 * MS)};
    cases[0].stats.stddev_ns = cases[1].stats.stddev_ns = 0.3 * MS;
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose serial in mode vector (10 ms): threads"));
    assert_non_null(strstr(sentence(0), "and serial is the simpler."));
}

static void test_serial_is_chosen_for_small_work(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(VECTOR, 10e3), THREADS(1, VECTOR, 31e3),
                                    PROCESSES(1, VECTOR, 95e3)};
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose serial in mode vector (10 \u00b5s): it is x3.1 as "
                                        "fast as the next best executor, threads with 1 worker"));
    assert_non_null(strstr(sentence(0), "because of x3.1 from serial's thread instead of one of "
                                        "the pool."));
}

/* What both have is no reason; what was not measured apart is none either. */
static void test_why(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(TUPLE, 10 * MS), THREADS(1, TUPLE, 10.2 * MS),
                              THREADS(2, TUPLE, 5 * MS), PROCESSES(1, TUPLE, 16 * MS),
                              PROCESSES(2, TUPLE, 8 * MS)};
    verdict_of(cases, 5, NULL, 0);
    assert_non_null(strstr(sentence(0), "it is x1.6 as fast as the next best executor, processes "
                                        "with 2 workers in mode tuple (8 ms), because of x1.6 from "
                                        "not shipping"));
    /* their workers gain less */
    cases[3].stats.median_ns = 10.4 * MS;
    verdict_of(cases, 5, NULL, 0);
    assert_non_null(strstr(sentence(0), "because its workers gain x1.57 more"));
    cases[4].stats.median_ns = 5.1 * MS;
    verdict_of(cases, 5, NULL, 0);
    assert_non_null(strstr(sentence(0), "processes with 2 workers in mode tuple (5.1 ms)."));
    cases[4].stats.median_ns = 8 * MS;
    cases[3].workers = 3; /* no case with one worker */
    cases[3].stats.median_ns = 9 * MS;
    verdict_of(cases, 5, NULL, 0);
    assert_non_null(strstr(sentence(0), "processes with 2 workers in mode tuple (8 ms)."));
}

static void test_equal_is_symmetric(void **state) {
    (void)state;
    const struct cn_case a = SERIAL(TUPLE, 1000 * MS), b = THREADS(1, TUPLE, 1005.01 * MS);
    assert_true(cn_cases_equal(&a, &b));
    assert_true(cn_cases_equal(&b, &a));
    const struct cn_case c = THREADS(1, TUPLE, 1006 * MS);
    assert_false(cn_cases_equal(&a, &c));
    assert_false(cn_cases_equal(&c, &a));
}

static void test_gil_is_never_recommended(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(VECTOR, 10 * MS), GIL(1, VECTOR, 9 * MS),
                                    GIL(2, VECTOR, 5 * MS)};
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose serial in mode vector"));
    verdict_of(cases + 1, 2, NULL, 0);
    assert_non_null(strstr(sentence(0), "it is an emulation, not an executor to choose"));
}

static void test_auto_says_where_it_went(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 10 * MS), THREADS(2, VECTOR, 5 * MS),
                              AUTO(2, VECTOR, 5.1 * MS)};
    cases[2].placed = CN_EXECUTOR_THREADS;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(sentence(0), "auto went to threads and took x1.02 of that time."));
    verdict_of(cases + 2, 1, NULL, 0);
    assert_non_null(strstr(sentence(0), "to choose between executors, compare them by name."));
}

static void test_only_one_executor(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 20 * MS), SERIAL(TUPLE, 5 * MS)};
    verdict_of(cases, 2, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose serial in mode tuple (5 ms), the fastest case of "
                                        "the only executor"));
}

static void test_sizes(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 1e4), THREADS(2, VECTOR, 4e4), SERIAL(VECTOR, 9e6),
                              THREADS(2, VECTOR, 5e6)};
    for (size_t i = 0; i < 4; i++)
        cases[i].rows = cases[i].row_setting = i < 2 ? 100 : 100000;
    verdict_of(cases, 4, NULL, 0);
    assert_non_null(strstr(sentence(0), "over 100,000 rows choose threads"));
    assert_string_equal(said("The choice by size"),
                        "The choice by size: for 100 rows serial in mode vector (10 \u00b5s); for "
                        "100,000 rows threads with 2 workers in mode vector (5 ms). More than one "
                        "worker pays from 100,000 rows on; up to 100 one is enough.");
    cases[3].stats.median_ns = 9.1e6;
    verdict_of(cases, 4, NULL, 0);
    assert_non_null(strstr(said("The choice by size"), "does not pay at the largest"));
    cases[3].stats.median_ns = 5e6;
    cases[1].stats.median_ns = 5e3;
    verdict_of(cases, 4, NULL, 0);
    assert_non_null(strstr(said("The choice by size"), "pays at all of these sizes."));
}

/* ---- trust ------------------------------------------------------------------------------ */

static void test_results_that_differ_come_first(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(ROW, 20 * MS), SERIAL(TUPLE, 5 * MS),
                              THREADS(1, TUPLE, 5 * MS)};
    static const size_t differing[] = {1, 2};
    verdict_of(cases, 3, differing, 2);
    assert_string_equal(sentence(0),
                        "The results are not identical: cases 1 and 2 gave another result than the "
                        "first case of the same rows, so the times do not compare the same work.");
    assert_null(said("identical results"));
    verdict_of(cases, 3, differing, 1);
    assert_non_null(strstr(sentence(0), ": case 1 gave another"));
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(said("All 3 cases gave identical results."));
}

static void test_cautions(void **state) {
    (void)state;
    struct cn_case cases[12];
    for (size_t i = 0; i < 12; i++)
        cases[i] = THREADS(i + 1, TUPLE, (double)(20 - i) * MS);
    verdict_of(cases, 12, NULL, 0);
    assert_null(said("Caution"));
    cases[3].disturbed = true;
    cases[5].disturbed = true;
    cases[4].stats.stddev_ns = 4 * MS;
    for (size_t i = 0; i < 11; i++)
        cases[i].n_samples = 2;
    verdict_of(cases, 12, NULL, 0);
    assert_non_null(said("Caution: cases 3 and 5 ran beside other work of this service."));
    assert_non_null(said("Caution: case 4 had a spread above 20 % of the median."));
    assert_non_null(said("Caution: cases 0, 1, 2, 3, 4, 5, 6, 7 and 3 more had fewer than 3"));
    cases[11].n_samples = 2;
    verdict_of(cases, 12, NULL, 0);
    assert_non_null(said("Caution: all cases had fewer than 3 samples"));
}

static void test_fewer_chunks_than_workers(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(TUPLE, 10 * MS), THREADS(1, TUPLE, 10 * MS),
                              THREADS(2, TUPLE, 9 * MS), AUTO(2, TUPLE, 10 * MS)};
    for (size_t i = 0; i < 4; i++)
        cases[i].chunk_rows = 999; /* two chunks */
    cases[3].placed = CN_EXECUTOR_SERIAL;
    verdict_of(cases, 4, NULL, 0);
    assert_null(said("Caution"));
    for (size_t i = 0; i < 4; i++)
        cases[i].chunk_rows = 1000;
    verdict_of(cases, 4, NULL, 0);
    assert_non_null(said("Caution: case 2 had fewer chunks than workers, so some workers had "
                         "nothing to do."));
    assert_non_null(strstr(said("From the slowest"),
                           "from 2 parallel workers instead of 1 (not all "
                           "of them had something to do)."));
    for (size_t i = 0; i < 4; i++)
        cases[i].has_mode = false;
    verdict_of(cases, 4, NULL, 0);
    assert_non_null(said("Caution: case 2 had fewer tasks than workers"));
}

static void test_a_single_case(void **state) {
    (void)state;
    const struct cn_case cases[] = {THREADS(1, VECTOR, 5 * MS)};
    verdict_of(cases, 1, NULL, 0);
    assert_non_null(said("There was one case only"));
    assert_null(said("From the slowest"));
}

static void test_whose_figures_these_are(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(VECTOR, 5 * MS)};
    verdict_of(cases, 1, NULL, 0);
    assert_string_equal(sentence(json_array_size(sentences) - 1),
                        "These are figures of this service, which is written in C, on 2 usable "
                        "CPUs; bench/notebook.py has CPython's.");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(test_figures),
        UNIT(test_times),
        UNIT(test_the_notebook),
        UNIT(test_equal_within_the_spread),
        UNIT(test_the_simpler_one_is_the_fastest),
        UNIT(test_serial_is_chosen_for_small_work),
        UNIT(test_why),
        UNIT(test_equal_is_symmetric),
        UNIT(test_gil_is_never_recommended),
        UNIT(test_auto_says_where_it_went),
        UNIT(test_only_one_executor),
        UNIT(test_sizes),
        UNIT(test_results_that_differ_come_first),
        UNIT(test_cautions),
        UNIT(test_noise_does_not_make_equal),
        UNIT(test_fewer_workers_if_they_are_as_fast),
        UNIT(test_calls_that_fail),
        UNIT(test_nothing_to_measure),
        UNIT(test_fewer_chunks_than_workers),
        UNIT(test_a_single_case),
        UNIT(test_whose_figures_these_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
