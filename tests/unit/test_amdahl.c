/* Amdahl's law, fitted to times that follow it exactly, and to such that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "handlers/amdahl.h"
#include "tests/unit/compare_helpers.h"

static double law(double f, uint64_t n) {
    return 40 * MS * (f + (1 - f) / (double)n);
}

static void test_exact(void **state) {
    (void)state;
    static const double fractions[] = {0, 0.04, 0.25, 0.5, 1};
    for (size_t i = 0; i < COUNT(fractions); i++) {
        double f = fractions[i];
        struct cn_amdahl_point points[] = {
            {1, law(f, 1)}, {2, law(f, 2)}, {4, law(f, 4)}, {7, law(f, 7)}};
        struct cn_amdahl fit;
        cn_amdahl_fit(points, COUNT(points), 8, &fit);
        assert_true(fit.known);
        assert_true(fabs(fit.serial_fraction - f) < 1e-12);
        assert_string_equal(fit.reason, "");
    }
}

static void test_order_and_unit_do_not_matter(void **state) {
    (void)state;
    struct cn_amdahl_point points[] = {
        {8, law(0.1, 8) / 1e3}, {1, law(0.1, 1) / 1e3}, {3, law(0.1, 3) / 1e3}};
    struct cn_amdahl fit;
    cn_amdahl_fit(points, COUNT(points), 8, &fit);
    assert_true(fit.known);
    assert_true(fabs(fit.serial_fraction - 0.1) < 1e-12);
}

static void test_least_squares(void **state) {
    (void)state;
    /* y - 1/n = f (1 - 1/n) through (1/2, 0.1) and (3/4, 0.3): f = (0.05 + 0.225) / 0.8125 */
    struct cn_amdahl_point points[] = {{1, 100}, {2, 60}, {4, 55}};
    struct cn_amdahl fit;
    cn_amdahl_fit(points, COUNT(points), 4, &fit);
    assert_true(fabs(fit.serial_fraction - 0.275 / 0.8125) < 1e-12);
}

static void test_clamped(void **state) {
    (void)state;
    struct cn_amdahl_point faster[] = {{1, 100}, {2, 40}, {4, 15}};
    struct cn_amdahl_point slower[] = {{1, 100}, {2, 130}, {4, 150}};
    struct cn_amdahl fit;
    cn_amdahl_fit(faster, 3, 4, &fit);
    assert_true(fit.known && fit.serial_fraction == 0);
    cn_amdahl_fit(slower, 3, 4, &fit);
    assert_true(fit.known && fit.serial_fraction == 1);
}

static void test_beyond_the_cpus(void **state) {
    (void)state;
    struct cn_amdahl_point points[] = {
        {1, law(0.2, 1)}, {2, law(0.2, 2)}, {4, law(0.2, 4)}, {64, 1000 * MS}};
    struct cn_amdahl fit;
    cn_amdahl_fit(points, 4, 4, &fit);
    assert_true(fit.known);
    assert_true(fabs(fit.serial_fraction - 0.2) < 1e-12);
    cn_amdahl_fit(points, 4, 2, &fit);
    assert_false(fit.known);
    assert_string_equal(fit.reason,
                        "a fit needs three worker counts within the 2 usable CPUs; there are 2");
    cn_amdahl_fit(points, 4, 1, &fit);
    assert_non_null(strstr(fit.reason, "there is 1"));
}

static void test_no_single_worker(void **state) {
    (void)state;
    struct cn_amdahl_point points[] = {{2, 50}, {3, 40}, {4, 30}};
    struct cn_amdahl fit;
    cn_amdahl_fit(points, 3, 4, &fit);
    assert_false(fit.known);
    assert_string_equal(fit.reason, "a fit needs a case with 1 worker");
    cn_amdahl_fit(points, 0, 4, &fit);
    assert_false(fit.known);
}

static void test_the_same_count_twice(void **state) {
    (void)state;
    struct cn_amdahl_point points[] = {{1, 100}, {2, 60}, {2, 60}};
    struct cn_amdahl fit;
    cn_amdahl_fit(points, 3, 4, &fit);
    assert_false(fit.known);
}

static void test_cases(void **state) {
    (void)state;
    const struct cn_case cases[] = {
        SERIAL(TUPLE, 40 * MS),          THREADS(1, TUPLE, law(0.1, 1)),
        THREADS(2, TUPLE, law(0.1, 2)),  THREADS(4, TUPLE, law(0.1, 4)),
        AUTO(1, TUPLE, law(0.3, 1)),     AUTO(2, TUPLE, law(0.3, 2)),
        AUTO(4, TUPLE, law(0.3, 4)),     THREADS(1, VECTOR, law(0.5, 1)),
        THREADS(2, VECTOR, law(0.5, 2)), THREADS(4, VECTOR, law(0.5, 4)),
    };
    struct cn_amdahl fit;
    assert_int_equal(cn_amdahl_fit_cases(cases, COUNT(cases), 0, 4, &fit), 1);
    assert_int_equal(cn_amdahl_fit_cases(cases, COUNT(cases), 1, 4, &fit), 4);
    assert_true(fit.known && fabs(fit.serial_fraction - 0.1) < 1e-12);
    assert_int_equal(cn_amdahl_fit_cases(cases, COUNT(cases), 4, 4, &fit), 7);
    assert_false(fit.known);
    assert_non_null(strstr(fit.reason, "auto"));
    assert_int_equal(cn_amdahl_fit_cases(cases, COUNT(cases), 7, 4, &fit), COUNT(cases));
    assert_true(fit.known && fabs(fit.serial_fraction - 0.5) < 1e-12);
}

/* Its workers are no CPUs of this machine. */
static void test_not_of_dask(void **state) {
    (void)state;
    const struct cn_case cases[] = {DASK(1, TUPLE, law(0.1, 1)), DASK(2, TUPLE, law(0.1, 2)),
                                    DASK(4, TUPLE, law(0.1, 4))};
    struct cn_amdahl fit;
    assert_int_equal(cn_amdahl_fit_cases(cases, COUNT(cases), 0, 4, &fit), COUNT(cases));
    assert_false(fit.known);
    assert_string_equal(fit.reason, "workers of dask are tasks under way at once, whose CPUs are "
                                    "other machines'");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),           cmocka_unit_test(test_order_and_unit_do_not_matter),
        cmocka_unit_test(test_least_squares),   cmocka_unit_test(test_clamped),
        cmocka_unit_test(test_beyond_the_cpus), cmocka_unit_test(test_no_single_worker),
        cmocka_unit_test(test_not_of_dask),     cmocka_unit_test(test_the_same_count_twice),
        cmocka_unit_test(test_cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
