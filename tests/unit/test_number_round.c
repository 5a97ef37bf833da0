#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/number.h"

static void expect_rounded(double value, int64_t digits, double expected) {
    double rounded = cn_double_round(value, digits);
    if (rounded != expected || signbit(rounded) != signbit(expected))
        fail_msg("round(%.17g, %lld) became %.17g, not %.17g", value, (long long)digits, rounded,
                 expected);
}

static void rounds_as_python_does(void **state) {
    (void)state;
    static const struct {
        double value;
        int64_t digits;
        double expected;
    } cases[] = {
        {2.675, 2, 2.67},
        {1.005, 2, 1.0},
        {0.5, 0, 0.0},
        {1.5, 0, 2.0},
        {2.5, 0, 2.0},
        {-0.5, 0, -0.0},
        {-2.5, 0, -2.0},
        {0.125, 2, 0.12},
        {0.375, 2, 0.38},
        {1e22, 2, 1e22},
        {123456789.987654321, 4, 123456789.9877},
        {0.1, 20, 0.1},
        {0.1, 17, 0.1},
        {0.3, 16, 0.3},
        {1e-300, 305, 1e-300},
        {1.23456e-300, 302, 1.23e-300},
        {5e-324, 323, 0.0},
        {5e-324, 324, 5e-324},
        {1.5e-323, 323, 1e-323},
        {15.0, -1, 20.0},
        {25.0, -1, 20.0},
        {25.000001, -1, 30.0},
        {5.0, -1, 0.0},
        {5.0000001, -1, 10.0},
        {-5.0, -1, -0.0},
        {4.0, -1, 0.0},
        {12345.678, -2, 12300.0},
        {1e300, -299, 1e300},
        {1.5e300, -300, 2e300},
        {2.5e22, -22, 2e22},
        {3.5e22, -22, 4e22},
        {1.7976931348623157e308, -307, (double)INFINITY},
        {1.7976931348623157e308, -308, (double)INFINITY},
        {-1.7976931348623157e308, -308, -(double)INFINITY},
        {1e308, -309, 0.0},
        {1.7976931348623157e308, -309, 0.0},
        {1.7976931348623157e308, 300, 1.7976931348623157e308},
        {0.0, 3, 0.0},
        {-0.0, -3, -0.0},
        {(double)INFINITY, 2, (double)INFINITY},
        {1.25, INT64_MAX, 1.25},
        {1.25, INT64_MIN, 0.0},
        {-1.25, INT64_MIN, -0.0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_rounded(cases[i].value, cases[i].digits, cases[i].expected);
    assert_true(isnan(cn_double_round((double)NAN, 2)));
}

/* The C library prints exactly, half to even. */
static void agrees_with_the_c_library(void **state) {
    (void)state;
    uint64_t seed = 5;
    char text[400];
    for (int i = 0; i < 50000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        int digits = (int)(seed >> 60);
        double value = (double)(int64_t)(seed >> 20 & 0xFFFFFFFFFF) / (double)(1 << (i % 30));
        snprintf(text, sizeof text, "%.*f", digits, value);
        expect_rounded(value, digits, strtod(text, NULL));
        expect_rounded(-value, digits, -strtod(text, NULL));
    }
    for (int digits = 0; digits <= 323; digits++) {
        double value = 123456789.123456789 * pow(10, -digits);
        snprintf(text, sizeof text, "%.*f", digits, value);
        expect_rounded(value, digits, strtod(text, NULL));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_as_python_does),
        cmocka_unit_test(agrees_with_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
