#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "kernels/random.h"

/* The known answers that the authors of Philox publish with Random123. */
static void philox_gives_the_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4];
        uint32_t key[2];
        uint32_t expected[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < 3; i++) {
        uint32_t out[4];
        cn_random_philox(cases[i].counter, cases[i].key, out);
        assert_memory_equal(out, cases[i].expected, sizeof out);
    }
}

typedef void (*fill_fn)(uint64_t, uint64_t, uint64_t, size_t, double *);

static void values_do_not_depend_on_the_cut(void **state) {
    (void)state;
    static const fill_fn fills[] = {cn_random_uniform, cn_random_normal};
    for (size_t f = 0; f < 2; f++) {
        double whole[1000], part[1000];
        uint64_t base = UINT64_C(0xFFFFFFF0);
        fills[f](42, 3, base, 1000, whole);
        static const size_t sizes[] = {1, 2, 3, 7, 100, 999};
        for (size_t s = 0; s < 6; s++) {
            for (size_t at = 0; at < 1000; at += sizes[s]) {
                size_t n = sizes[s] < 1000 - at ? sizes[s] : 1000 - at;
                fills[f](42, 3, base + at, n, part + at);
            }
            assert_memory_equal(part, whole, sizeof whole);
        }
        fills[f](42, 3, 0, 0, part);
        assert_memory_equal(part, whole, sizeof whole);
    }
}

static void seeds_and_columns_differ(void **state) {
    (void)state;
    double a[100], b[100], c[100], d[100];
    cn_random_uniform(1, 0, 0, 100, a);
    cn_random_uniform(2, 0, 0, 100, b);
    cn_random_uniform(1, 1, 0, 100, c);
    cn_random_uniform(1, UINT64_C(1) << 32, 0, 100, d);
    for (size_t i = 0; i < 100; i++) {
        assert_true(a[i] != b[i] && a[i] != c[i] && a[i] != d[i]);
        for (size_t k = 0; k < i; k++)
            assert_true(a[i] != a[k]);
    }
}

#define SAMPLES 200000

static void moments_are_right(void **state) {
    (void)state;
    static double values[SAMPLES];
    double sum = 0, squares = 0;
    cn_random_uniform(7, 0, 0, SAMPLES, values);
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_true(values[i] >= 0 && values[i] < 1);
        sum += values[i];
        squares += values[i] * values[i];
    }
    assert_true(fabs(sum / SAMPLES - 0.5) < 0.005);
    assert_true(fabs(squares / SAMPLES - 1.0 / 3) < 0.005);

    double cubes = 0, fourths = 0, pairs = 0;
    sum = squares = 0;
    cn_random_normal(7, 0, 0, SAMPLES, values);
    for (size_t i = 0; i < SAMPLES; i++) {
        double x = values[i];
        assert_true(isfinite(x));
        sum += x;
        squares += x * x;
        cubes += x * x * x;
        fourths += x * x * x * x;
        pairs += i > 0 ? x * values[i - 1] : 0;
    }
    assert_true(fabs(sum / SAMPLES) < 0.015);
    assert_true(fabs(squares / SAMPLES - 1) < 0.02);
    assert_true(fabs(cubes / SAMPLES) < 0.05);
    assert_true(fabs(fourths / SAMPLES - 3) < 0.15);
    assert_true(fabs(pairs / SAMPLES) < 0.015);
}

/* Frames made from a seed are stored by users: these values may never change. */
static void values_stay_the_same_for_ever(void **state) {
    (void)state;
    double uniform[2], normal[2];
    cn_random_uniform(42, 0, 0, 2, uniform);
    cn_random_normal(42, 0, 0, 2, normal);
    static const double expected[] = {0x1.dfd524ee73abcp-2, 0x1.5d0acf5c4afd4p-2,
                                      -0x1.371e09f80c7dep-1, 0x1.e46d16bfae948p-1};
    assert_memory_equal(uniform, expected, sizeof uniform);
    assert_memory_equal(normal, expected + 2, sizeof normal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(values_do_not_depend_on_the_cut),
        cmocka_unit_test(seeds_and_columns_differ),
        cmocka_unit_test(moments_are_right),
        cmocka_unit_test(values_stay_the_same_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
