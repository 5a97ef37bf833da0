/* The sentences of an experiment: what a ratio is made of, and what more workers do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/verdict_helpers.h"

/* ---- factors ---------------------------------------------------------------------------- */

static void test_product(void **state) {
    (void)state;
    const struct cn_case cases[] = {PROCESSES(2, ROW, 30 * MS), PROCESSES(1, ROW, 25 * MS),
                                    SERIAL(ROW, 20 * MS), SERIAL(VECTOR, 4 * MS)};
    verdict_of(cases, 4, NULL, 0);
    assert_string_equal(
        said("From the slowest"),
        "From the slowest case, processes with 2 workers in mode row (30 ms), to the fastest, "
        "serial in mode vector (4 ms), it is x7.5, the product of x1.2 from 1 worker instead of 2, "
        "x1.25 from not shipping (inputs and results stay in one process) and x5 from not making a "
        "row object and vectorisation (a block of rows at a time, not a call for each) (not "
        "measured apart: serial in mode tuple was no case).");
}

static void test_a_factor_within_the_spread(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(ROW, 10.2 * MS), SERIAL(TUPLE, 10 * MS),
                              SERIAL(VECTOR, 5 * MS)};
    cases[0].stats.stddev_ns = 0.3 * MS;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("From the slowest"),
                           "the product of x1.02 from not making a row object (within the spread) "
                           "and x2 from vectorisation (a block of rows at a time, not a call for "
                           "each)."));
}

static void test_chunks_in_words(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(TUPLE, 10 * MS), SERIAL(TUPLE, 8 * MS), SERIAL(TUPLE, 9 * MS)};
    cases[1].chunk_setting = 500;
    cases[2].chunk_setting = 100;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("From the slowest"), "x1.25 from chunks of 500 rows instead of as "
                                                     "chosen."));
    assert_non_null(strstr(sentence(0), "choose serial in mode tuple in chunks of 500 rows"));
    cases[0].stats.median_ns = 2 * MS;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(
        strstr(said("From the slowest"), "from chunks as chosen instead of 100 rows each."));
}

static void test_chunks_of_calls_in_words(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 10 * MS), SERIAL(VECTOR, 8 * MS),
                              SERIAL(VECTOR, 9 * MS)};
    for (size_t i = 0; i < 3; i++)
        cases[i].has_mode = false;
    cases[1].chunk_setting = 500;
    cases[2].chunk_setting = 100;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("From the slowest"), "serial in chunks of 1 call (10 ms), "));
    assert_non_null(
        strstr(said("From the slowest"), "x1.25 from chunks of 500 calls instead of 1."));
    cases[0].stats.median_ns = 2 * MS;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("From the slowest"), "from chunks of 1 call instead of 100."));
}

static void test_not_more_than_the_workers(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 10 * MS), PROCESSES(1, ROW, 12 * MS),
                                    PROCESSES(2, ROW, 7 * MS)};
    verdict_of(cases, 3, NULL, 0);
    const char *why = said("Why a factor of 1.43 and not 2");
    assert_non_null(why);
    assert_non_null(strstr(why, "it is not more than the number of workers, but the product of "
                                "x0.833 lost in shipping (inputs and results cross between "
                                "processes) and x1.71 from 2 parallel workers instead of 1"));
}

/* What does not come from more workers cannot be told from what does. */
static void test_workers_not_measured_apart(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 16 * MS), PROCESSES(2, ROW, 9 * MS),
                                    SERIAL(TUPLE, 10 * MS), PROCESSES(2, TUPLE, 5 * MS)};
    verdict_of(cases, 4, NULL, 0);
    const char *why = said("Why a factor of 3.2 and not 2");
    assert_non_null(why);
    assert_non_null(strstr(why,
                           "and 2 parallel workers instead of 1 (not measured apart: processes "
                           "with 1 worker in mode tuple was no case)."));
    assert_null(strstr(why, "does not come from more workers"));
}

/* ---- workers ---------------------------------------------------------------------------- */

static void test_the_lock(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(ROW, 20 * MS),      GIL(1, ROW, 20.2 * MS),
                              GIL(2, ROW, 21 * MS),      SERIAL(VECTOR, 10 * MS),
                              GIL(1, VECTOR, 10.1 * MS), GIL(2, VECTOR, 6 * MS)};
    cases[2].lock_ns = 5 * 18 * 1000000;
    cases[5].lock_ns = 5 * 1 * 1000000;
    verdict_of(cases, COUNT(cases), NULL, 0);
    assert_string_equal(
        said("interpreter lock (gil"),
        "Under one interpreter lock (gil, an emulation) 2 workers take, of the time in turn "
        "(serial), x1.05 in mode row, x0.6 in mode vector. Where the lock is held, workers take "
        "turns; where it is given up (asleep, or in vector arithmetic), they overlap.");
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("interpreter lock (gil"), "so more workers do not help."));
    verdict_of(cases + 4, 2, NULL, 0);
    assert_non_null(strstr(said("interpreter lock (gil"),
                           "of the time of one worker, x0.594 in mode vector. This work gives the "
                           "lock up"));
    verdict_of(cases, 2, NULL, 0);
    assert_null(said("interpreter lock (gil"));
    /* One of the modes shows neither. */
    cases[5].stats.median_ns = 10 * MS;
    verdict_of(cases, COUNT(cases), NULL, 0);
    assert_non_null(strstr(said("interpreter lock (gil"),
                           "x1 in mode vector. Where the lock is held, workers take turns."));
    cases[5].stats.median_ns = 6 * MS;
    cases[2].lock_ns = 0;
    verdict_of(cases, COUNT(cases), NULL, 0);
    assert_non_null(strstr(said("interpreter lock (gil"),
                           "Where the lock is given up (asleep, or in vector arithmetic), workers "
                           "overlap."));
    cases[2].lock_ns = 5 * 18 * 1000000;
    /* Who waited took turns, even if the time in turn was a slow moment's. */
    cases[0] = SERIAL(ROW, 40 * MS);
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("interpreter lock (gil"), "so more workers do not help."));
}

/* That nobody waited for the lock says nothing when there was nothing to wait for it with. */
static void test_the_lock_of_idle_workers(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(ROW, 20 * MS), GIL(1, ROW, 20 * MS), GIL(2, ROW, 20 * MS)};
    verdict_of(cases, 3, NULL, 0);
    assert_string_equal(said("interpreter lock (gil"),
                        "Under one interpreter lock (gil, an emulation) 2 workers take, of the "
                        "time in turn (serial), x1 in mode row.");
    cases[2].stats.median_ns = 12 * MS;
    cases[2].chunk_rows = 1000; /* one chunk */
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("interpreter lock (gil"), "x0.6 in mode row."));
    assert_null(strstr(said("interpreter lock (gil"), "overlap"));
    /* two chunks for four workers: one of two waits */
    cases[2] = GIL(4, ROW, 20 * MS);
    cases[2].chunk_rows = 500;
    cases[2].lock_ns = 5 * 10 * 1000000;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(said("interpreter lock (gil"), "so more workers do not help."));
}

static void test_sleeping_calls_overlap(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 80 * MS), GIL(1, VECTOR, 80 * MS),
                              GIL(4, VECTOR, 20 * MS), THREADS(1, VECTOR, 80 * MS),
                              THREADS(4, VECTOR, 20 * MS)};
    int64_t sample[COUNT(cases)];
    for (size_t i = 0; i < COUNT(cases); i++) {
        cases[i].has_mode = false;
        cases[i].rows = 4;
        sample[i] = (int64_t)cases[i].stats.median_ns;
        cases[i].samples = &sample[i];
        cases[i].n_samples = 1;
        cases[i].cpu_ns = 20000;
        cases[i].speedup = 80 * MS / cases[i].stats.median_ns;
    }
    verdict_of(cases, COUNT(cases), NULL, 0);
    assert_non_null(strstr(sentence(0), "over 4 calls choose threads with 4 workers (20 ms)"));
    assert_string_equal(
        said("sleep more than"),
        "The calls sleep more than they compute, so workers overlap whatever the "
        "CPUs are: gil (emulated) with 4 workers is x4 as fast as in turn, threads with 4 "
        "workers is x4.");
    for (size_t i = 0; i < COUNT(cases); i++)
        cases[i].cpu_ns = sample[i];
    verdict_of(cases, COUNT(cases), NULL, 0);
    assert_null(said("sleep more than"));
}

static void test_amdahl_of_the_choice(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(TUPLE, 1000), THREADS(1, TUPLE, 1000), THREADS(2, TUPLE, 550),
                              THREADS(4, TUPLE, 325)};
    struct cn_path path;
    cn_decompose(cases, 4, &path);
    const struct cn_verdict_facts facts = {
        .cases = cases, .n = 4, .what = "r = a", .path = &path, .usable = 4};
    write_verdict(&facts);
    assert_string_equal(said("Amdahl"),
                        "By Amdahl's law threads in mode tuple has a serial fraction of 0.1: no "
                        "number of workers would make it more than x10 as fast as one.");
    verdict_of(cases, 4, NULL, 0); /* on two CPUs there is no fit */
    assert_null(said("Amdahl"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(test_product),
        UNIT(test_a_factor_within_the_spread),
        UNIT(test_chunks_in_words),
        UNIT(test_chunks_of_calls_in_words),
        UNIT(test_not_more_than_the_workers),
        UNIT(test_workers_not_measured_apart),
        UNIT(test_the_lock),
        UNIT(test_the_lock_of_idle_workers),
        UNIT(test_sleeping_calls_overlap),
        UNIT(test_amdahl_of_the_choice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
