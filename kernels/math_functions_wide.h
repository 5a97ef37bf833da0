/*
 * math_functions_wide.h: the transcendental functions, a vector of rows at a time. Compiled once
 * for each level, by a file that says what a vector is (WIDE_*) and which of SLEEF's functions
 * work on one (WIDE_SLEEF); so there is no include guard.
 *
 * SLEEF's cinz functions give the same bits at every width. Where math_functions.c mends them, for
 * a few operands out of all, a vector that has such a row is left to the portable kernel.
 */
#include <math.h>
#include <sleef.h>
#include <string.h>

#include "kernels/lanes_loop.h"
#include "kernels/lanes_levels.h"

#define WIDE_ROWS (sizeof(wide) / sizeof(double))

typedef int64_t wide_bits __attribute__((vector_size(sizeof(wide))));

static inline wide wide_load(const double *from) {
    wide x;
    memcpy(&x, from, sizeof x);
    return x;
}

/* A portable kernel on one vector of rows. */
static __attribute__((noinline)) wide mend(cn_lanes_fn portable, wide x, wide y) {
    double a[WIDE_ROWS], b[WIDE_ROWS];
    memcpy(a, &x, sizeof x);
    memcpy(b, &y, sizeof y);
    struct cn_lanes rows = {.a = a, .b = b, .out = a, .n = WIDE_ROWS};
    portable(&rows);
    return wide_load(a);
}

/* The last rows, fewer than a vector: beside numbers that no function minds. */
static inline wide wide_load_some(const double *from, size_t n) {
    double rows[WIDE_ROWS];
    for (size_t i = 0; i < WIDE_ROWS; i++)
        rows[i] = i < n ? from[i] : 0.5;
    return wide_load(rows);
}

/* The sign of a NaN can be asked for (copysign), and SLEEF's widths differ in it. The portable
 * logarithms make a plain NaN of what has none; what cbrt and they make of an operand that is a NaN
 * follows no rule, so it is left to them. */
static inline wide invalid_nan(wide made) {
    const wide_bits plain = (wide_bits){0} + INT64_C(0x7FF8000000000000);
    const wide_bits where = (wide_bits)(made != made);
    return (wide)(((wide_bits)made & ~where) | (plain & where));
}

/* `value` of x; `odd`: a vector of truth values, which rows the portable kernel is to make. */
#define WIDE_UNARY(name, value, odd)                                                               \
    static inline wide name##_of(wide x) {                                                         \
        wide made = (value);                                                                       \
        return WIDE_ANY(odd) ? mend(name, x, x) : made;                                            \
    }                                                                                              \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const double *a = lanes->a;                                                                \
        double *out = lanes->out;                                                                  \
        size_t i = 0;                                                                              \
        for (; i + WIDE_ROWS <= lanes->n; i += WIDE_ROWS) {                                        \
            wide made = name##_of(wide_load(a + i));                                               \
            memcpy(out + i, &made, sizeof made);                                                   \
        }                                                                                          \
        if (i < lanes->n) {                                                                        \
            wide made = name##_of(wide_load_some(a + i, lanes->n - i));                            \
            memcpy(out + i, &made, (lanes->n - i) * sizeof *out);                                  \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define WIDE_BINARY(name, value, odd)                                                              \
    static inline wide name##_of(wide x, wide y) {                                                 \
        wide made = (value);                                                                       \
        return WIDE_ANY(odd) ? mend(name, x, y) : made;                                            \
    }                                                                                              \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const double *a = lanes->a;                                                                \
        const double *b = lanes->b;                                                                \
        double *out = lanes->out;                                                                  \
        size_t i = 0;                                                                              \
        for (; i + WIDE_ROWS <= lanes->n; i += WIDE_ROWS) {                                        \
            wide made = name##_of(wide_load(a + i), wide_load(b + i));                             \
            memcpy(out + i, &made, sizeof made);                                                   \
        }                                                                                          \
        if (i < lanes->n) {                                                                        \
            size_t left = lanes->n - i;                                                            \
            wide made = name##_of(wide_load_some(a + i, left), wide_load_some(b + i, left));       \
            memcpy(out + i, &made, left * sizeof *out);                                            \
        }                                                                                          \
        return 0;                                                                                  \
    }

WIDE_UNARY(cn_cbrt_f64, WIDE_SLEEF(cbrt, u10)(x), made != made)
WIDE_UNARY(cn_exp_f64, WIDE_SLEEF(exp, u10)(x), (x > 709.78) & (x < 1024))
WIDE_UNARY(cn_expm1_f64, WIDE_SLEEF(expm1, u10)(x), WIDE_NONE)
WIDE_UNARY(cn_log_f64, invalid_nan(WIDE_SLEEF(log, u10)(x)), x != x)
WIDE_UNARY(cn_log2_f64, invalid_nan(WIDE_SLEEF(log2, u10)(x)), x != x)
WIDE_UNARY(cn_log10_f64, invalid_nan(WIDE_SLEEF(log10, u10)(x)), x != x)
WIDE_UNARY(cn_log1p_f64, WIDE_SLEEF(log1p, u10)(x), (WIDE_ABS(x) < 0x1p-60) | (x > 0x1p60))
WIDE_UNARY(cn_sin_f64, WIDE_SLEEF(sin, u10)(x), WIDE_NONE)
WIDE_UNARY(cn_cos_f64, WIDE_SLEEF(cos, u10)(x), WIDE_NONE)
WIDE_UNARY(cn_tan_f64, WIDE_SLEEF(tan, u10)(x), WIDE_ABS(x) < 0x1p-30)
WIDE_UNARY(cn_arcsin_f64, WIDE_SLEEF(asin, u10)(x), WIDE_NONE)
WIDE_UNARY(cn_arccos_f64, WIDE_SLEEF(acos, u10)(x), WIDE_NONE)
WIDE_UNARY(cn_arctan_f64, WIDE_SLEEF(atan, u10)(x), WIDE_NONE)
WIDE_UNARY(cn_sinh_f64, WIDE_SLEEF(sinh, u10)(x), (WIDE_ABS(x) > 709) & (WIDE_ABS(x) < 1024))
WIDE_UNARY(cn_cosh_f64, WIDE_SLEEF(cosh, u10)(x), (WIDE_ABS(x) > 709) & (WIDE_ABS(x) < 1024))
WIDE_UNARY(cn_tanh_f64, WIDE_SLEEF(tanh, u10)(x), WIDE_NONE)
WIDE_UNARY(cn_arcsinh_f64, WIDE_SLEEF(asinh, u10)(x),
           (WIDE_ABS(x) < 0x1p-30) | (WIDE_ABS(x) > 0x1p500))
WIDE_UNARY(cn_arccosh_f64, WIDE_SLEEF(acosh, u10)(x), x > 0x1p500)
WIDE_UNARY(cn_arctanh_f64, WIDE_SLEEF(atanh, u10)(x), WIDE_NONE)
WIDE_BINARY(cn_pow_f64, WIDE_SLEEF(pow, u10)(x, y), WIDE_ABS(made) == HUGE_VAL)
WIDE_BINARY(cn_arctan2_f64, WIDE_SLEEF(atan2, u10)(x, y), (y > 0) & (WIDE_ABS(x) < y * 0x1p-30))
WIDE_BINARY(cn_hypot_f64, WIDE_SLEEF(hypot, u05)(x, y),
            (WIDE_ABS(x) < 0x1p-900) & (WIDE_ABS(y) < 0x1p-900))
