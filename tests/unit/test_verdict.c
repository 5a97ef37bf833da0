/* The sentences of an experiment: computed from its cases, with the numbers in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "handlers/json_out.h"
#include "handlers/verdict.h"
#include "handlers/verdict_say.h"
#include "tests/unit/compare_helpers.h"

static json_t *sentences; /* of the last verdict */

static int forget(void **state) {
    (void)state;
    json_decref(sentences);
    sentences = NULL;
    return 0;
}

static void write_verdict(const struct cn_verdict_facts *facts) {
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    forget(NULL);
    cn_json_out_init(&out, &buf);
    cn_json_out_open(&out, NULL, '{');
    cn_verdict_write(&out, "verdict", facts);
    cn_json_out_close(&out, '}');
    assert_true(out.ok);
    json_t *document = json_loadb(buf.data, buf.len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    sentences = json_incref(json_object_get(document, "verdict"));
    json_decref(document);
    cn_buf_release(&buf);
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        const char *text = json_string_value(json_array_get(sentences, i));
        assert_non_null(text);
        size_t len = strlen(text);
        assert_true(len > 10 && text[len - 1] == '.' && !strstr(text, "  "));
        assert_null(strstr(text, "inf"));
        assert_null(strstr(text, "nan"));
    }
}

static void verdict_of(const struct cn_case *cases, size_t n, const size_t *differing,
                       size_t n_differing) {
    struct cn_path path, row_path;
    cn_decompose(cases, n, &path);
    bool rows = cn_decompose_row_to_processes(cases, n, 2, &row_path);
    const struct cn_verdict_facts facts = {.cases = cases,
                                           .n = n,
                                           .what = "hash = md5(a, b)",
                                           .differing = differing,
                                           .n_differing = n_differing,
                                           .path = &path,
                                           .row_path = rows ? &row_path : NULL,
                                           .usable = 2};
    write_verdict(&facts);
}

/* The sentence that holds the text; NULL: none does. */
static const char *said(const char *text) {
    for (size_t i = 0; i < json_array_size(sentences); i++) {
        const char *sentence = json_string_value(json_array_get(sentences, i));
        if (strstr(sentence, text))
            return sentence;
    }
    return NULL;
}

static const char *sentence(size_t i) {
    const char *text = json_string_value(json_array_get(sentences, i));
    assert_non_null(text);
    return text;
}

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
        "For hash = md5(a, b) over 1000 rows choose processes with 2 workers in mode tuple (2.1 "
        "ms): it is x1.81 as fast as the next best executor, serial in mode tuple (3.8 ms), "
        "because what its workers do side by side outweighs what shipping costs.");
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
        sentence(0), "For hash = md5(a, b) over 1000 rows choose serial in mode vector (10 ms): "
                     "threads with 2 workers in mode vector (9.9 ms) is equal to it within the "
                     "spread of the two (80 \u00b5s and 50 \u00b5s), and serial is the simpler.");
    cases[0].stats.stddev_ns = 0.04 * MS;
    verdict_of(cases, 3, NULL, 0);
    assert_non_null(strstr(sentence(0), "choose threads with 2 workers in mode vector (9.9 ms): it "
                                        "is x1.01 as fast as the next best executor, serial"));
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
    assert_non_null(strstr(sentence(0), "not worth the cost of handing it out."));
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
    assert_non_null(strstr(sentence(0), "over 100000 rows choose threads"));
    assert_string_equal(said("The choice by size"),
                        "The choice by size: for 100 rows serial in mode vector (10 \u00b5s); for "
                        "100000 rows threads with 2 workers in mode vector (5 ms).");
}

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
    /* Who waited took turns, even if the time in turn was a slow moment's. */
    cases[0] = SERIAL(ROW, 40 * MS);
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
    assert_string_equal(said("sleep more than"),
                        "The calls sleep more than they compute, so workers overlap whatever the "
                        "CPUs are: gil with 4 workers is x4 as fast as in turn, threads with 4 "
                        "workers is x4.");
    for (size_t i = 0; i < COUNT(cases); i++)
        cases[i].cpu_ns = sample[i];
    verdict_of(cases, COUNT(cases), NULL, 0);
    assert_null(said("sleep more than"));
}

static void test_amdahl_of_the_choice(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(TUPLE, 100), THREADS(1, TUPLE, 100), THREADS(2, TUPLE, 55),
                              THREADS(4, TUPLE, 32.5)};
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

#define UNIT(test) cmocka_unit_test_teardown(test, forget)

int main(void) {
    const struct CMUnitTest tests[] = {
        UNIT(test_figures),
        UNIT(test_times),
        UNIT(test_the_notebook),
        UNIT(test_equal_within_the_spread),
        UNIT(test_the_simpler_one_is_the_fastest),
        UNIT(test_serial_is_chosen_for_small_work),
        UNIT(test_gil_is_never_recommended),
        UNIT(test_auto_says_where_it_went),
        UNIT(test_only_one_executor),
        UNIT(test_sizes),
        UNIT(test_product),
        UNIT(test_a_factor_within_the_spread),
        UNIT(test_chunks_in_words),
        UNIT(test_not_more_than_the_workers),
        UNIT(test_the_lock),
        UNIT(test_sleeping_calls_overlap),
        UNIT(test_amdahl_of_the_choice),
        UNIT(test_results_that_differ_come_first),
        UNIT(test_cautions),
        UNIT(test_a_single_case),
        UNIT(test_whose_figures_these_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
