/* A ratio taken apart: every path changes one thing a step, and its product is the ratio. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "handlers/decomposition.h"
#include "tests/unit/compare_helpers.h"

/* "row object 0>3 | shipping and parallel workers 3>7" of a path. */
static const char *shape(const struct cn_path *path) {
    static char text[1024];
    struct cn_buf buf = CN_BUF_INIT;
    for (size_t i = 0; i < path->n_factors; i++) {
        const struct cn_factor *factor = &path->factors[i];
        if (i > 0)
            assert_true(cn_buf_add_c(&buf, " | "));
        assert_true(cn_factor_name(&buf, factor));
        assert_true(cn_buf_printf(&buf, " %zu>%zu", factor->from, factor->to));
    }
    assert_true(buf.len < sizeof text);
    memcpy(text, cn_buf_str(&buf).data, buf.len);
    text[buf.len] = '\0';
    cn_buf_release(&buf);
    return text;
}

/* What holds of every path. */
static void check_path(const struct cn_case *cases, const struct cn_path *path) {
    double product = 1;
    size_t at = path->from;
    for (size_t i = 0; i < path->n_factors; i++) {
        const struct cn_factor *factor = &path->factors[i];
        assert_int_equal(factor->from, at);
        assert_true(factor->n_changes >= 1);
        assert_int_equal(factor->n_changes > 1, factor->reason[0] != '\0');
        double expected = cn_case_time(&cases[factor->from]) / cn_case_time(&cases[factor->to]);
        assert_true(factor->factor == expected);
        product *= factor->factor;
        at = factor->to;
    }
    assert_int_equal(at, path->to);
    assert_true(fabs(product / path->ratio - 1) < 1e-12);
    assert_true(path->ratio == cn_case_time(&cases[path->from]) / cn_case_time(&cases[path->to]));
}

static const char *between(const struct cn_case *cases, size_t n, size_t from, size_t to,
                           struct cn_path *path) {
    cn_decompose_between(cases, n, from, to, path);
    check_path(cases, path);
    return shape(path);
}

static const char *decompose(const struct cn_case *cases, size_t n, struct cn_path *path) {
    cn_decompose(cases, n, path);
    check_path(cases, path);
    return shape(path);
}

/* Every combination, as the endpoint lays them out: of each mode serial, then gil, threads and
 * processes with 1 and 2 workers. */
enum { EACH = 7, GRID = 3 * EACH };
enum { S, G1, G2, T1, T2, P1, P2 };
enum { ROW = 0, TUPLE = EACH, VECTOR = 2 * EACH };

static void fill(struct cn_case cases[GRID]) {
    static const enum cn_mode modes[] = {CN_MODE_ROW, CN_MODE_TUPLE, CN_MODE_VECTOR};
    static const double times[] = {22.5 * MS, 3.8 * MS, 3.1 * MS};
    static const double shares[EACH] = {1, 1.02, 1.1, 1.01, 0.55, 1.7, 0.9};
    static const enum cn_executor_kind executors[EACH] = {
        CN_EXECUTOR_SERIAL,  CN_EXECUTOR_GIL,       CN_EXECUTOR_GIL,      CN_EXECUTOR_THREADS,
        CN_EXECUTOR_THREADS, CN_EXECUTOR_PROCESSES, CN_EXECUTOR_PROCESSES};
    for (size_t m = 0; m < 3; m++)
        for (size_t i = 0; i < EACH; i++)
            cases[m * EACH + i] = make_case(executors[i], i > 0 && i % 2 == 0 ? 2 : 1, modes[m],
                                            times[m] * shares[i]);
}

/* ---- the canonical path ----------------------------------------------------------------- */

static void test_the_notebook(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 22.5 * MS), SERIAL(TUPLE, 3.8 * MS),
                                    PROCESSES(1, TUPLE, 6.6 * MS), PROCESSES(2, TUPLE, 4.0 * MS)};
    struct cn_path path;
    assert_string_equal(between(cases, 4, 0, 3, &path),
                        "row object 0>1 | shipping 1>2 | parallel workers 2>3");
    assert_true(fabs(path.ratio - 5.625) < 1e-12);
    assert_true(fabs(path.factors[0].factor - 5.92) < 0.01);
    assert_true(fabs(path.factors[1].factor - 0.576) < 0.01);
    assert_true(fabs(path.factors[2].factor - 1.65) < 0.01);
}

static void test_paths_of_the_grid(void **state) {
    (void)state;
    static const struct {
        size_t from, to;
        const char *shape;
    } rows[] = {
        {ROW + S, VECTOR + T2,
         "row object 0>7 | vectorisation 7>14 | crossing 14>17 | parallel workers 17>18"},
        {ROW + S, VECTOR + S, "row object 0>7 | vectorisation 7>14"},
        {ROW + S, ROW + G2, "lock 0>1 | parallel workers 1>2"},
        {ROW + P2, VECTOR + T2,
         "parallel workers 6>5 | shipping 5>0 | row object 0>7 | vectorisation 7>14 | crossing "
         "14>17 | parallel workers 17>18"},
        {ROW + P2, TUPLE + P1, "row object 6>13 | parallel workers 13>12"},
        {ROW + G2, ROW + S, "parallel workers 2>1 | lock 1>0"},
        {VECTOR + S, ROW + T1, "vectorisation 14>7 | row object 7>0 | crossing 0>3"},
        {TUPLE + P1, TUPLE + G1, "shipping 12>7 | lock 7>8"},
        {TUPLE + S, TUPLE + P1, "shipping 7>12"},
        {TUPLE + T2, TUPLE + T2, ""},
    };
    struct cn_case cases[GRID];
    struct cn_path path;
    fill(cases);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(between(cases, GRID, rows[i].from, rows[i].to, &path), rows[i].shape);
}

static void test_any_two_of_the_grid(void **state) {
    (void)state;
    struct cn_case cases[GRID];
    struct cn_path path;
    fill(cases);
    for (size_t from = 0; from < GRID; from++) {
        for (size_t to = 0; to < GRID; to++) {
            between(cases, GRID, from, to, &path);
            for (size_t i = 0; i < path.n_factors; i++)
                assert_int_equal(path.factors[i].n_changes, 1); /* all was measured */
        }
    }
}

static void test_any_two_with_holes(void **state) {
    (void)state;
    struct cn_case all[GRID], some[GRID];
    struct cn_path path;
    fill(all);
    for (unsigned hole = 1; hole < 1u << EACH; hole++) {
        size_t n = 0;
        for (size_t i = 0; i < GRID; i++)
            if (!(hole >> ((i + i / EACH) % EACH) & 1))
                some[n++] = all[i];
        for (size_t from = 0; from < n; from++)
            for (size_t to = 0; to < n; to++)
                between(some, n, from, to, &path);
    }
}

/* ---- what was not measured -------------------------------------------------------------- */

static void test_a_missing_node_merges_its_steps(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 22.5), SERIAL(TUPLE, 3.8),
                                    PROCESSES(2, TUPLE, 4.0)};
    struct cn_path path;
    assert_string_equal(between(cases, 3, 0, 2, &path),
                        "row object 0>1 | shipping and parallel workers 1>2");
    assert_string_equal(path.factors[0].reason, "");
    assert_string_equal(path.factors[1].reason,
                        "processes with 1 worker in mode tuple was no case");
}

static void test_many_missing_nodes(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 22.5), PROCESSES(2, VECTOR, 4.0)};
    struct cn_path path;
    assert_string_equal(between(cases, 2, 0, 1, &path),
                        "row object, vectorisation, shipping and parallel workers 0>1");
    assert_string_equal(path.factors[0].reason,
                        "serial in mode tuple, serial in mode vector, processes with 1 worker in "
                        "mode vector were no cases");
}

static void test_the_first_node_is_missing(void **state) {
    (void)state;
    const struct cn_case cases[] = {GIL(2, ROW, 30), SERIAL(ROW, 20), SERIAL(TUPLE, 10)};
    struct cn_path path;
    assert_string_equal(decompose(cases, 3, &path),
                        "parallel workers and lock 0>1 | row object 1>2");
}

/* Another machine is reached from this one: what both sides ship is not the same step. */
static void test_dask_is_a_step_of_its_own(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(VECTOR, 100), PROCESSES(1, VECTOR, 110),
                                    PROCESSES(2, VECTOR, 60), DASK(1, VECTOR, 180),
                                    DASK(4, VECTOR, 50)};
    struct cn_path path;
    assert_string_equal(between(cases, 5, 0, 4, &path), "shipping 0>3 | parallel workers 3>4");
    assert_int_equal(path.factors[0].changes[0].step, CN_STEP_SENDING);
    assert_false(path.factors[0].changes[0].back);
    assert_string_equal(between(cases, 5, 2, 4, &path),
                        "parallel workers 2>1 | shipping 1>0 | shipping 0>3 | parallel workers "
                        "3>4");
    assert_int_equal(path.factors[1].changes[0].step, CN_STEP_SHIPPING);
    assert_true(path.factors[1].changes[0].back);
    assert_int_equal(path.factors[2].changes[0].step, CN_STEP_SENDING);
    assert_string_equal(between(cases, 5, 3, 0, &path), "shipping 3>0");
    assert_true(path.factors[0].changes[0].back);
}

/* ---- chunks, rows, auto, calls ---------------------------------------------------------- */

static void test_chunk_size_is_the_last_step(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(TUPLE, 10), THREADS(1, TUPLE, 11), THREADS(2, TUPLE, 7),
                              SERIAL(TUPLE, 9),  THREADS(1, TUPLE, 8),  THREADS(2, TUPLE, 5)};
    struct cn_path path;
    for (size_t i = 3; i < 6; i++)
        cases[i].chunk_setting = 100;
    assert_string_equal(between(cases, 6, 0, 5, &path),
                        "crossing 0>1 | parallel workers 1>2 | chunk size 2>5");
    assert_int_equal(path.factors[2].changes[0].before, 0);
    assert_int_equal(path.factors[2].changes[0].after, 100);
    assert_string_equal(between(cases, 6, 3, 1, &path), "crossing 3>4 | chunk size 4>1");
}

static void test_only_the_most_rows_count(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(TUPLE, 1), THREADS(1, TUPLE, 90), SERIAL(TUPLE, 10),
                              THREADS(1, TUPLE, 7)};
    struct cn_path path;
    cases[0].rows = cases[1].rows = 10;
    cases[0].row_setting = cases[1].row_setting = 10;
    cases[2].row_setting = cases[3].row_setting = 1000;
    assert_string_equal(decompose(cases, 4, &path), "crossing 2>3");
}

static void test_auto_is_no_end_and_no_node(void **state) {
    (void)state;
    const struct cn_case cases[] = {AUTO(1, TUPLE, 100), SERIAL(TUPLE, 10), THREADS(1, TUPLE, 7),
                                    AUTO(2, TUPLE, 1)};
    struct cn_path path;
    assert_string_equal(decompose(cases, 4, &path), "crossing 1>2");
    const struct cn_case alone[] = {AUTO(1, ROW, 100), AUTO(2, ROW, 60), AUTO(1, TUPLE, 50),
                                    AUTO(2, TUPLE, 30)};
    assert_string_equal(decompose(alone, 4, &path), "row object 0>2 | parallel workers 2>3");
}

static void test_one_case(void **state) {
    (void)state;
    const struct cn_case cases[] = {THREADS(2, TUPLE, 7)};
    struct cn_path path;
    assert_string_equal(decompose(cases, 1, &path), "");
    assert_true(path.ratio == 1);
    assert_int_equal(path.n_factors, 0);
}

static void test_calls_have_no_mode(void **state) {
    (void)state;
    struct cn_case cases[] = {SERIAL(VECTOR, 80), THREADS(1, VECTOR, 82), THREADS(4, VECTOR, 20)};
    struct cn_path path;
    for (size_t i = 0; i < 3; i++)
        cases[i].has_mode = false;
    assert_string_equal(decompose(cases, 3, &path), "parallel workers 1>2");
    assert_string_equal(between(cases, 3, 0, 2, &path), "crossing 0>1 | parallel workers 1>2");
    assert_false(cn_decompose_row_to_processes(cases, 3, 2, &path));
}

static void test_no_time_at_all(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 10), SERIAL(TUPLE, 0)};
    struct cn_path path;
    assert_string_equal(decompose(cases, 2, &path), "row object 0>1");
    assert_true(path.ratio == 10);
}

/* ---- from rows to processes ------------------------------------------------------------- */

static void test_row_to_processes(void **state) {
    (void)state;
    struct cn_case cases[GRID];
    struct cn_path path;
    fill(cases);
    assert_true(cn_decompose_row_to_processes(cases, GRID, 2, &path));
    check_path(cases, &path);
    assert_int_equal(path.from, ROW + S);
    assert_int_equal(path.to, TUPLE + P2);
    assert_string_equal(shape(&path), "row object 0>7 | shipping 7>12 | parallel workers 12>13");
}

static void test_row_to_processes_without_tuples(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 30), PROCESSES(1, ROW, 40), SERIAL(VECTOR, 9),
                                    PROCESSES(1, VECTOR, 12)};
    struct cn_path path;
    assert_true(cn_decompose_row_to_processes(cases, 4, 2, &path));
    check_path(cases, &path);
    assert_string_equal(shape(&path), "row object and vectorisation 0>2 | shipping 2>3");
    assert_false(cn_decompose_row_to_processes(cases + 1, 3, 2, &path));
    assert_false(cn_decompose_row_to_processes(cases, 1, 2, &path));
}

/* Not the fastest pool, but the one with a worker for each CPU. */
static void test_row_to_the_whole_pool(void **state) {
    (void)state;
    const struct cn_case cases[] = {SERIAL(ROW, 30), SERIAL(TUPLE, 20), PROCESSES(1, TUPLE, 24),
                                    PROCESSES(2, TUPLE, 25), PROCESSES(8, TUPLE, 22)};
    struct cn_path path;
    assert_true(cn_decompose_row_to_processes(cases, 5, 2, &path));
    check_path(cases, &path);
    assert_string_equal(shape(&path), "row object 0>1 | shipping 1>2 | parallel workers 2>3");
    assert_true(cn_decompose_row_to_processes(cases, 5, 1, &path));
    assert_int_equal(path.to, 2);
    assert_true(cn_decompose_row_to_processes(cases, 5, 16, &path));
    assert_int_equal(path.to, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_notebook),
        cmocka_unit_test(test_paths_of_the_grid),
        cmocka_unit_test(test_any_two_of_the_grid),
        cmocka_unit_test(test_any_two_with_holes),
        cmocka_unit_test(test_a_missing_node_merges_its_steps),
        cmocka_unit_test(test_many_missing_nodes),
        cmocka_unit_test(test_the_first_node_is_missing),
        cmocka_unit_test(test_dask_is_a_step_of_its_own),
        cmocka_unit_test(test_chunk_size_is_the_last_step),
        cmocka_unit_test(test_only_the_most_rows_count),
        cmocka_unit_test(test_auto_is_no_end_and_no_node),
        cmocka_unit_test(test_one_case),
        cmocka_unit_test(test_calls_have_no_mode),
        cmocka_unit_test(test_no_time_at_all),
        cmocka_unit_test(test_row_to_processes),
        cmocka_unit_test(test_row_to_the_whole_pool),
        cmocka_unit_test(test_row_to_processes_without_tuples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
