#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>

#include "kernels/lanes_ops.h"

static double f64(cn_lanes_fn kernel, double x, double y) {
    double out = 0;
    struct cn_lanes lanes = {.a = &x, .b = &y, .out = &out, .n = 1};
    assert_int_equal(kernel(&lanes), 0);
    return out;
}

/* NaN or the very same bits. */
static void assert_f64(double got, double want) {
    bool same = isnan(want) ? isnan(got) : got == want && !signbit(got) == !signbit(want);
    if (!same)
        fail_msg("%a, wanted %a", got, want);
}

/* The reason of the failure in *reason, 0: none. */
static int64_t i64(cn_lanes_fn kernel, int64_t x, int64_t y, int *reason) {
    int64_t out = 0;
    uint8_t fail = 0;
    struct cn_lanes lanes = {.a = &x, .b = &y, .out = &out, .fail = &fail, .n = 1};
    size_t failures = kernel(&lanes);
    assert_int_equal(failures, fail != 0);
    *reason = fail;
    return out;
}

static void assert_i64(cn_lanes_fn kernel, int64_t x, int64_t y, int64_t want, int want_reason) {
    int reason;
    int64_t got = i64(kernel, x, y, &reason);
    if (got != want || reason != want_reason)
        fail_msg("(%lld, %lld) is %lld, %d, wanted %lld, %d", (long long)x, (long long)y,
                 (long long)got, reason, (long long)want, want_reason);
}

static void float_division_floors_as_numpy_does(void **state) {
    (void)state;
    assert_f64(f64(cn_floordiv_f64, 7, -2), -4);
    assert_f64(f64(cn_mod_f64, 7, -2), -1);
    assert_f64(f64(cn_fmod_f64, 7, -2), 1);
    assert_f64(f64(cn_mod_f64, -1e-20, 1), 1);
    assert_f64(f64(cn_floordiv_f64, -1e-20, 1), -1);
    assert_f64(f64(cn_floordiv_f64, 1, 0.1), 9);
    assert_f64(f64(cn_mod_f64, 4, -2), -0.0);
    assert_f64(f64(cn_mod_f64, -4, 2), 0);
    assert_f64(f64(cn_floordiv_f64, 1, 0), INFINITY);
    assert_f64(f64(cn_floordiv_f64, -1, 0), -INFINITY);
    assert_f64(f64(cn_floordiv_f64, 0, 0), NAN);
    assert_f64(f64(cn_mod_f64, 1, 0), NAN);
    assert_f64(f64(cn_floordiv_f64, INFINITY, 2), NAN);
    assert_f64(f64(cn_mod_f64, -5, INFINITY), INFINITY);
    assert_f64(f64(cn_floordiv_f64, -5, INFINITY), -1);
    assert_f64(f64(cn_floordiv_f64, -0.0, 3), -0.0);
}

static void rounding_keeps_the_sign_of_zero(void **state) {
    (void)state;
    assert_f64(f64(cn_round_f64, 0.5, 0), 0);
    assert_f64(f64(cn_round_f64, -0.5, 0), -0.0);
    assert_f64(f64(cn_round_f64, 1.5, 0), 2);
    assert_f64(f64(cn_round_f64, 2.5, 0), 2);
    assert_f64(f64(cn_round_f64, 0.49999999999999994, 0), 0);
    assert_f64(f64(cn_floor_f64, -0.0, 0), -0.0);
    assert_f64(f64(cn_floor_f64, -0.3, 0), -1);
    assert_f64(f64(cn_ceil_f64, -0.7, 0), -0.0);
    assert_f64(f64(cn_ceil_f64, 0.3, 0), 1);
    assert_f64(f64(cn_trunc_f64, -0.7, 0), -0.0);
    assert_f64(f64(cn_trunc_f64, 2.9, 0), 2);
    assert_f64(f64(cn_floor_f64, 0x1p52 - 0.5, 0), 0x1p52 - 1);
    assert_f64(f64(cn_ceil_f64, -INFINITY, 0), -INFINITY);
    assert_f64(f64(cn_floor_f64, NAN, 0), NAN);
}

static void extremes_propagate_nan_and_order_zeros(void **state) {
    (void)state;
    assert_f64(f64(cn_minimum_f64, 0, -0.0), -0.0);
    assert_f64(f64(cn_minimum_f64, -0.0, 0), -0.0);
    assert_f64(f64(cn_maximum_f64, -0.0, 0), 0);
    assert_f64(f64(cn_maximum_f64, 0, -0.0), 0);
    assert_f64(f64(cn_minimum_f64, NAN, 1), NAN);
    assert_f64(f64(cn_minimum_f64, 1, NAN), NAN);
    assert_f64(f64(cn_maximum_f64, NAN, INFINITY), NAN);
    assert_f64(f64(cn_maximum_f64, INFINITY, NAN), NAN);
    assert_f64(f64(cn_maximum_f64, 3, 3), 3);
    assert_f64(f64(cn_minimum_f64, -3, -3), -3);
    assert_f64(f64(cn_sign_f64, -0.0, 0), 0);
    assert_f64(f64(cn_sign_f64, -7, 0), -1);
    assert_f64(f64(cn_sign_f64, NAN, 0), NAN);
    assert_f64(f64(cn_one_f64, NAN, 0), 1);
    assert_f64(f64(cn_reciprocal_f64, -0.0, 0), -INFINITY);
}

static void round_to_digits_fails_on_overflow_only(void **state) {
    (void)state;
    double a[] = {2.675, 1e308 * 1.7, INFINITY, -250};
    int64_t digits[] = {2, -308, -308, -2};
    double out[4];
    uint8_t fail[4] = {0};
    struct cn_lanes lanes = {.a = a, .b = digits, .out = out, .fail = fail, .n = 4};
    assert_int_equal(cn_round_digits_f64(&lanes), 1);
    assert_memory_equal(fail, ((uint8_t[]){0, 1, 0, 0}), 4);
    assert_f64(out[0], 2.67);
    assert_f64(out[2], INFINITY);
    assert_f64(out[3], -200);
}

static void int64_overflow_is_seen_or_wraps(void **state) {
    (void)state;
    assert_i64(cn_add_i64, INT64_MAX, 1, INT64_MIN, 1);
    assert_i64(cn_add_wrap_i64, INT64_MAX, 1, INT64_MIN, 0);
    assert_i64(cn_add_i64, INT64_MIN, INT64_MAX, -1, 0);
    assert_i64(cn_sub_i64, INT64_MIN, 1, INT64_MAX, 1);
    assert_i64(cn_sub_i64, -1, INT64_MIN, INT64_MAX, 0);
    assert_i64(cn_sub_wrap_i64, 0, INT64_MIN, INT64_MIN, 0);
    assert_i64(cn_mul_i64, 3037000500, 3037000500, -9223372036709301616, 1);
    assert_i64(cn_mul_i64, INT64_MIN, -1, INT64_MIN, 1);
    assert_i64(cn_mul_wrap_i64, INT64_MIN, -1, INT64_MIN, 0);
    assert_i64(cn_neg_i64, INT64_MIN, 0, INT64_MIN, 1);
    assert_i64(cn_abs_i64, INT64_MIN, 0, INT64_MIN, 1);
    assert_i64(cn_abs_wrap_i64, INT64_MIN, 0, INT64_MIN, 0);
    assert_i64(cn_abs_i64, -7, 0, 7, 0);
    assert_i64(cn_pow_i64, -2, 63, INT64_MIN, 0);
    assert_i64(cn_pow_i64, 2, 63, INT64_MIN, 1);
    assert_i64(cn_pow_wrap_i64, 3, 41, -420491770248316829, 0);
    assert_i64(cn_pow_i64, 0, 0, 1, 0);
    assert_i64(cn_pow_i64, -1, INT64_MAX, -1, 0);
    assert_i64(cn_pow_i64, 2, -1, 0, 2);
    assert_i64(cn_pow_wrap_i64, 2, -1, 0, 2);
}

static void int64_division_tells_its_two_failures_apart(void **state) {
    (void)state;
    assert_i64(cn_floordiv_i64, 7, -2, -4, 0);
    assert_i64(cn_floordiv_i64, -6, 2, -3, 0);
    assert_i64(cn_floordiv_i64, 7, 0, 0, 1);
    assert_i64(cn_floordiv_i64, INT64_MIN, -1, INT64_MIN, 2);
    assert_i64(cn_floordiv_wrap_i64, INT64_MIN, -1, INT64_MIN, 0);
    assert_i64(cn_floordiv_wrap_i64, 1, 0, 0, 1);
    assert_i64(cn_mod_i64, 7, -2, -1, 0);
    assert_i64(cn_mod_i64, -7, 2, 1, 0);
    assert_i64(cn_mod_i64, INT64_MIN, -1, 0, 0);
    assert_i64(cn_mod_i64, 5, 0, 0, 1);
}

static void int64_shifts_and_rounding(void **state) {
    (void)state;
    assert_i64(cn_shl_i64, 3, 63, INT64_MIN, 0);
    assert_i64(cn_shl_i64, 1, 64, 0, 1);
    assert_i64(cn_shl_i64, 1, -1, 0, 1);
    assert_i64(cn_shr_i64, -8, 1, -4, 0);
    assert_i64(cn_shr_i64, -8, 63, -1, 0);
    assert_i64(cn_shr_i64, -8, 64, 0, 1);
    assert_i64(cn_round_digits_i64, 25, -1, 20, 0);
    assert_i64(cn_round_digits_i64, -35, -1, -40, 0);
    assert_i64(cn_round_digits_i64, 25, 3, 25, 0);
    assert_i64(cn_round_digits_i64, INT64_MAX, -1, 0, 1);
    assert_i64(cn_round_digits_i64, INT64_MIN, -1, 0, 1);
    assert_i64(cn_round_digits_i64, -9223372036854775803, -1, -9223372036854775800, 0);
    assert_i64(cn_round_digits_i64, INT64_MIN, -19, 0, 1);
    assert_i64(cn_round_digits_i64, 4000000000000000000, -19, 0, 0);
    assert_i64(cn_round_digits_i64, INT64_MAX, INT64_MIN, 0, 0);
}

static void failures_are_counted_and_marked(void **state) {
    (void)state;
    enum { ROWS = 301 };
    int64_t a[ROWS];
    int64_t b[ROWS];
    uint8_t fail[ROWS];
    for (size_t n = 0; n <= ROWS; n++) {
        memset(fail, 0, sizeof fail);
        size_t want = 0;
        for (size_t i = 0; i < n; i++) {
            a[i] = i % 7 == 3 ? INT64_MAX : (int64_t)i;
            b[i] = 1;
            want += i % 7 == 3;
        }
        /* in place */
        struct cn_lanes lanes = {.a = a, .b = b, .out = a, .fail = fail, .n = n};
        assert_int_equal(cn_add_i64(&lanes), want);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(fail[i], i % 7 == 3);
            assert_int_equal(a[i], i % 7 == 3 ? INT64_MIN : (int64_t)i + 1);
        }
        for (size_t i = n; i < ROWS; i++)
            assert_int_equal(fail[i], 0);
    }
}

static void kernels_work_in_place_at_every_length(void **state) {
    (void)state;
    enum { ROWS = 67 };
    double a[ROWS + 1];
    double b[ROWS];
    for (size_t n = 0; n <= ROWS; n++) {
        for (size_t i = 0; i < ROWS; i++) {
            a[i] = (double)i - 20.5;
            b[i] = 3;
        }
        a[n] = 99;
        struct cn_lanes lanes = {.a = a, .b = b, .out = a, .n = n};
        assert_int_equal(cn_mul_f64(&lanes), 0);
        lanes.a = b;
        lanes.b = a;
        assert_int_equal(cn_sub_f64(&lanes), 0);
        for (size_t i = 0; i < n; i++)
            assert_f64(a[i], 3 - 3 * ((double)i - 20.5));
        assert_f64(a[n], 99);
    }
}

static void conversions_to_int64_check_the_range(void **state) {
    (void)state;
    double a[] = {1.9, -1.9, 0x1p63, -0x1p63, NAN, INFINITY, -0x1.0000000000001p63, 0x1p63 - 1024};
    int64_t want[] = {1, -1, 0, INT64_MIN, 0, 0, 0, INT64_MAX - 1023};
    int64_t out[8];
    uint8_t fail[8] = {0};
    struct cn_lanes lanes = {.a = a, .out = out, .fail = fail, .n = 8};
    assert_int_equal(cn_to_i64_f64(&lanes), 4);
    assert_memory_equal(out, want, sizeof want);
    assert_memory_equal(fail, ((uint8_t[]){0, 0, 1, 0, 1, 1, 1, 0}), 8);
}

static void comparisons_know_nan(void **state) {
    (void)state;
    const cn_lanes_fn kernels[] = {cn_lt_f64, cn_le_f64, cn_gt_f64,
                                   cn_ge_f64, cn_eq_f64, cn_ne_f64};
    double a[] = {1, 2, 1, NAN, NAN, -0.0};
    double b[] = {2, 1, 1, 1, NAN, 0};
    const uint8_t want[][6] = {{1, 0, 0, 0, 0, 0}, {1, 0, 1, 0, 0, 1}, {0, 1, 0, 0, 0, 0},
                               {0, 1, 1, 0, 0, 1}, {0, 0, 1, 0, 0, 1}, {1, 1, 0, 1, 1, 0}};
    for (size_t i = 0; i < 6; i++) {
        uint8_t out[6];
        struct cn_lanes lanes = {.a = a, .b = b, .out = out, .n = 6};
        assert_int_equal(kernels[i](&lanes), 0);
        assert_memory_equal(out, want[i], 6);
    }
}

/* 0: false, 1: true, 2: null */
static void check_kleene(void (*kernel)(const struct cn_kleene *), const int table[3][3]) {
    for (int x = 0; x < 3; x++) {
        for (int y = 0; y < 3; y++) {
            for (uint8_t under = 0; under < 2; under++) {
                uint8_t a = x == 2 ? under : (uint8_t)x;
                uint8_t b = y == 2 ? under : (uint8_t)y;
                uint8_t a_null = x == 2 ? 7 : 0;
                uint8_t b_null = y == 2;
                struct cn_kleene lanes = {.a = &a,
                                          .a_nulls = x == 2 || under ? &a_null : NULL,
                                          .b = &b,
                                          .b_nulls = y == 2 || under ? &b_null : NULL,
                                          .out = &a,
                                          .out_nulls = &b_null,
                                          .n = 1};
                kernel(&lanes);
                assert_int_equal(b_null, table[x][y] == 2);
                assert_int_equal(a, table[x][y] == 1);
            }
        }
    }
}

static void kleene_logic_is_three_valued(void **state) {
    (void)state;
    const int and_table[3][3] = {{0, 0, 0}, {0, 1, 2}, {0, 2, 2}};
    const int or_table[3][3] = {{0, 1, 2}, {1, 1, 1}, {2, 1, 2}};
    check_kleene(cn_kleene_and, and_table);
    check_kleene(cn_kleene_or, or_table);
}

static void where_chooses_by_element_size(void **state) {
    (void)state;
    uint8_t condition[] = {1, 0, 1};
    uint8_t b1[] = {1, 2, 3};
    uint8_t c1[] = {4, 5, 6};
    struct cn_lanes lanes = {.a = condition, .b = b1, .c = c1, .out = c1, .n = 3};
    assert_int_equal(cn_where_1(&lanes), 0);
    assert_memory_equal(c1, ((uint8_t[]){1, 5, 3}), 3);
    double b8[] = {1, 2, 3};
    double c8[] = {4, 5, 6};
    lanes = (struct cn_lanes){.a = condition, .b = b8, .c = c8, .out = b8, .n = 3};
    assert_int_equal(cn_where_8(&lanes), 0);
    assert_memory_equal(b8, ((double[]){1, 5, 3}), sizeof b8);
    struct cn_str b16[] = {CN_STR("one"), CN_STR("two"), CN_STR("three")};
    struct cn_str c16[] = {CN_STR("four"), CN_STR("five"), CN_STR("six")};
    lanes = (struct cn_lanes){.a = condition, .b = b16, .c = c16, .out = b16, .n = 3};
    assert_int_equal(cn_where_16(&lanes), 0);
    assert_true(cn_str_is(b16[0], "one") && cn_str_is(b16[1], "five"));
    assert_true(cn_str_is(b16[2], "three"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(float_division_floors_as_numpy_does),
        cmocka_unit_test(rounding_keeps_the_sign_of_zero),
        cmocka_unit_test(extremes_propagate_nan_and_order_zeros),
        cmocka_unit_test(round_to_digits_fails_on_overflow_only),
        cmocka_unit_test(int64_overflow_is_seen_or_wraps),
        cmocka_unit_test(int64_division_tells_its_two_failures_apart),
        cmocka_unit_test(int64_shifts_and_rounding),
        cmocka_unit_test(failures_are_counted_and_marked),
        cmocka_unit_test(kernels_work_in_place_at_every_length),
        cmocka_unit_test(conversions_to_int64_check_the_range),
        cmocka_unit_test(comparisons_know_nan),
        cmocka_unit_test(kleene_logic_is_three_valued),
        cmocka_unit_test(where_chooses_by_element_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
