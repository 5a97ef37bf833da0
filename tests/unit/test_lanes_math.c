#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "kernels/lanes_ops.h"

/* The exact value is `high` and `rest` units in its last place. */
struct golden {
    const char *name;
    cn_lanes_fn kernel;
    double x;
    double y;
    double high;
    double rest;
};

#include "tests/unit/lanes_math_golden.h"

static double call(cn_lanes_fn kernel, double x, double y) {
    double out = 0;
    struct cn_lanes lanes = {.a = &x, .b = &y, .out = &out, .n = 1};
    assert_int_equal(kernel(&lanes), 0);
    return out;
}

/* The distance from |x| to the next double. */
static double ulp(double x) {
    int exponent;
    (void)frexp(x, &exponent);
    return ldexp(1.0, exponent < -1021 ? -1074 : exponent - 53);
}

static void functions_are_within_one_and_a_half_ulp(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        const struct golden *golden = &goldens[i];
        double got = call(golden->kernel, golden->x, golden->y);
        double error = (got - golden->high) / ulp(golden->high) - golden->rest;
        if (!(fabs(error) <= 1.5))
            fail_msg("%s(%a, %a) is %a, wanted %a: %g ulp off", golden->name, golden->x, golden->y,
                     got, golden->high, error);
    }
}

struct special {
    cn_lanes_fn kernel;
    double x;
    double y;
    double want;
};

static const struct special specials[] = {
    {cn_cbrt_f64, -0.0, 0, -0.0},
    {cn_cbrt_f64, -INFINITY, 0, -INFINITY},
    {cn_exp_f64, -0.0, 0, 1},
    {cn_exp_f64, -INFINITY, 0, 0},
    {cn_exp_f64, 709.7827128933841, 0, INFINITY},
    {cn_exp_f64, 2000, 0, INFINITY},
    {cn_exp_f64, -746, 0, 0},
    {cn_exp_f64, INFINITY, 0, INFINITY},
    {cn_expm1_f64, -0.0, 0, -0.0},
    {cn_expm1_f64, -INFINITY, 0, -1},
    {cn_log_f64, 0, 0, -INFINITY},
    {cn_log_f64, -0.0, 0, -INFINITY},
    {cn_log_f64, 1, 0, 0},
    {cn_log_f64, -1, 0, NAN},
    {cn_log2_f64, 0, 0, -INFINITY},
    {cn_log2_f64, 0x1p-1074, 0, -1074},
    {cn_log10_f64, -INFINITY, 0, NAN},
    {cn_log10_f64, 1000, 0, 3},
    {cn_log1p_f64, -0.0, 0, -0.0},
    {cn_log1p_f64, -1, 0, -INFINITY},
    {cn_log1p_f64, -1.5, 0, NAN},
    {cn_log1p_f64, INFINITY, 0, INFINITY},
    {cn_sin_f64, -0.0, 0, -0.0},
    {cn_sin_f64, INFINITY, 0, NAN},
    {cn_cos_f64, 0, 0, 1},
    {cn_cos_f64, -INFINITY, 0, NAN},
    {cn_tan_f64, -0.0, 0, -0.0},
    {cn_tan_f64, INFINITY, 0, NAN},
    {cn_arcsin_f64, -0.0, 0, -0.0},
    {cn_arcsin_f64, 1.0000000000000002, 0, NAN},
    {cn_arccos_f64, 1, 0, 0},
    {cn_arccos_f64, -1.5, 0, NAN},
    {cn_arctan_f64, -0.0, 0, -0.0},
    {cn_arctan_f64, -INFINITY, 0, -M_PI_2},
    {cn_arctan2_f64, 0, -0.0, M_PI},
    {cn_arctan2_f64, -0.0, -0.0, -M_PI},
    {cn_arctan2_f64, -0.0, 0, -0.0},
    {cn_arctan2_f64, -0.0, 1, -0.0},
    {cn_arctan2_f64, -0.0, -1, -M_PI},
    {cn_arctan2_f64, 1, 0, M_PI_2},
    {cn_arctan2_f64, 1, INFINITY, 0},
    {cn_arctan2_f64, -1, -INFINITY, -M_PI},
    {cn_arctan2_f64, INFINITY, INFINITY, M_PI_4},
    {cn_arctan2_f64, -INFINITY, 5, -M_PI_2},
    {cn_arctan2_f64, NAN, 5, NAN},
    {cn_arctan2_f64, 0, NAN, NAN},
    {cn_sinh_f64, -0.0, 0, -0.0},
    {cn_sinh_f64, -710.5, 0, -INFINITY},
    {cn_sinh_f64, -INFINITY, 0, -INFINITY},
    {cn_cosh_f64, -0.0, 0, 1},
    {cn_cosh_f64, -5000, 0, INFINITY},
    {cn_tanh_f64, -0.0, 0, -0.0},
    {cn_tanh_f64, -INFINITY, 0, -1},
    {cn_arcsinh_f64, -0.0, 0, -0.0},
    {cn_arcsinh_f64, -INFINITY, 0, -INFINITY},
    {cn_arccosh_f64, 1, 0, 0},
    {cn_arccosh_f64, 0.5, 0, NAN},
    {cn_arccosh_f64, INFINITY, 0, INFINITY},
    {cn_arctanh_f64, -0.0, 0, -0.0},
    {cn_arctanh_f64, -1, 0, -INFINITY},
    {cn_arctanh_f64, 1.5, 0, NAN},
    {cn_hypot_f64, -0.0, -0.0, 0},
    {cn_hypot_f64, NAN, -INFINITY, INFINITY},
    {cn_hypot_f64, NAN, 1, NAN},
    {cn_hypot_f64, 1.7e308, 1.7e308, INFINITY},
    {cn_hypot_f64, -3, 4, 5},
    {cn_pow_f64, 1, NAN, 1},
    {cn_pow_f64, NAN, 0, 1},
    {cn_pow_f64, NAN, 1, NAN},
    {cn_pow_f64, -8, 1.0 / 3, NAN},
    {cn_pow_f64, 0, -1, INFINITY},
    {cn_pow_f64, -0.0, -3, -INFINITY},
    {cn_pow_f64, -0.0, 3, -0.0},
    {cn_pow_f64, -0.0, 2, 0},
    {cn_pow_f64, -1, INFINITY, 1},
    {cn_pow_f64, 0.5, -INFINITY, INFINITY},
    {cn_pow_f64, -INFINITY, 3, -INFINITY},
    {cn_pow_f64, -INFINITY, -3, -0.0},
    {cn_pow_f64, -2, 1023, -0x1p1023},
    {cn_pow_f64, -2, 1025, -INFINITY},
    {cn_pow_f64, -2, 1024, INFINITY},
    {cn_pow_f64, 10, 308.3, INFINITY},
    {cn_pow_f64, 1e300, -2, 0},
    {cn_degrees_f64, -INFINITY, 0, -INFINITY},
    {cn_radians_f64, -0.0, 0, -0.0},
};

static void special_values_are_those_of_annex_f(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        const struct special *row = &specials[i];
        double got = call(row->kernel, row->x, row->y);
        bool same = isnan(row->want) ? isnan(got)
                                     : got == row->want && !signbit(got) == !signbit(row->want);
        if (!same)
            fail_msg("row %zu: (%a, %a) is %a, wanted %a", i, row->x, row->y, got, row->want);
    }
}

static void nan_goes_through_every_function(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++)
        assert_true(isnan(call(goldens[i].kernel, NAN, 3.0)));
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static double of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A sum over the bits of many results, NaNs all alike. */
static uint64_t checksum(cn_lanes_fn kernel) {
    uint64_t random = 88172645463325252u;
    uint64_t sum = 0;
    for (int i = 0; i < 4000; i++) {
        uint64_t bits = next_random(&random);
        /* every other argument is of common size */
        double x = i % 2 ? of_bits(bits) : (double)(int64_t)bits * 0x1p-58;
        double y = (double)(int64_t)next_random(&random) * 0x1p-59;
        double result = call(kernel, x, y);
        uint64_t out = 0x7ff8000000000000u;
        if (!isnan(result))
            memcpy(&out, &result, sizeof out);
        sum = (sum ^ out) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 29;
    }
    return sum;
}

struct checked {
    const char *name;
    cn_lanes_fn kernel;
    uint64_t sum;
};

static const struct checked checked[] = {
    {"cbrt", cn_cbrt_f64, 0xed1ff6e2363be1ee},
    {"exp", cn_exp_f64, 0x44bcaf70c6ea2070},
    {"expm1", cn_expm1_f64, 0x761d5b881b316ad4},
    {"log", cn_log_f64, 0xf4c2360ab2fe5549},
    {"log2", cn_log2_f64, 0x8d7625217a03e4a1},
    {"log10", cn_log10_f64, 0x5b48fa54c4215822},
    {"log1p", cn_log1p_f64, 0xc6f04a7bc78e5de2},
    {"pow", cn_pow_f64, 0xfc9fdf5c6d0eabda},
    {"sin", cn_sin_f64, 0xe67286e920b4c3cb},
    {"cos", cn_cos_f64, 0xf2797585849502d4},
    {"tan", cn_tan_f64, 0x3ae1404a8fb5057a},
    {"arcsin", cn_arcsin_f64, 0xd02b6c92fc0fc893},
    {"arccos", cn_arccos_f64, 0xa60f9cb17ea0574f},
    {"arctan", cn_arctan_f64, 0x78a3bda07adff4a5},
    {"arctan2", cn_arctan2_f64, 0x2f177bef59a79f46},
    {"sinh", cn_sinh_f64, 0x7f300e1e41aa3a29},
    {"cosh", cn_cosh_f64, 0x1af4c2cedf405dd2},
    {"tanh", cn_tanh_f64, 0x897981d8135a8a9a},
    {"arcsinh", cn_arcsinh_f64, 0x0a332a1223c06d30},
    {"arccosh", cn_arccosh_f64, 0xf3d5b8ed56fcbc20},
    {"arctanh", cn_arctanh_f64, 0x4b8711d0a7addcfb},
    {"hypot", cn_hypot_f64, 0x1aa5b69ff17d8a4a},
    {"degrees", cn_degrees_f64, 0xeabd4dcb74efd6fc},
    {"radians", cn_radians_f64, 0x0873c154200a0500},
};

/* The same on every CPU: these sums are part of what the service promises. */
static void results_have_the_same_bits_everywhere(void **state) {
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < sizeof checked / sizeof checked[0]; i++) {
        uint64_t sum = checksum(checked[i].kernel);
        if (sum == checked[i].sum)
            continue;
        print_error("    {\"%s\", cn_%s_f64, 0x%016llx},\n", checked[i].name, checked[i].name,
                    (unsigned long long)sum);
        wrong++;
    }
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_within_one_and_a_half_ulp),
        cmocka_unit_test(special_values_are_those_of_annex_f),
        cmocka_unit_test(nan_goes_through_every_function),
        cmocka_unit_test(results_have_the_same_bits_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
