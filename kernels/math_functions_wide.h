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

/* `function` of x; `odd`: a vector of truth values, which rows the portable kernel is to make. */
#define WIDE_UNARY(name, function, error, odd)                                                     \
    static inline wide name##_of(wide x) {                                                         \
        wide made = WIDE_SLEEF(function, error)(x);                                                \
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

#define WIDE_BINARY(name, function, error, odd)                                                    \
    static inline wide name##_of(wide x, wide y) {                                                 \
        wide made = WIDE_SLEEF(function, error)(x, y);                                             \
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

WIDE_UNARY(cn_cbrt_f64, cbrt, u10, WIDE_NONE)
WIDE_UNARY(cn_exp_f64, exp, u10, (x > 709.78) & (x < 1024))
WIDE_UNARY(cn_expm1_f64, expm1, u10, WIDE_NONE)
WIDE_UNARY(cn_log_f64, log, u10, WIDE_NONE)
WIDE_UNARY(cn_log2_f64, log2, u10, WIDE_NONE)
WIDE_UNARY(cn_log10_f64, log10, u10, WIDE_NONE)
WIDE_UNARY(cn_log1p_f64, log1p, u10, (WIDE_ABS(x) < 0x1p-60) | (x > 0x1p60))
WIDE_UNARY(cn_sin_f64, sin, u10, WIDE_NONE)
WIDE_UNARY(cn_cos_f64, cos, u10, WIDE_NONE)
WIDE_UNARY(cn_tan_f64, tan, u10, WIDE_ABS(x) < 0x1p-30)
WIDE_UNARY(cn_arcsin_f64, asin, u10, WIDE_NONE)
WIDE_UNARY(cn_arccos_f64, acos, u10, WIDE_NONE)
WIDE_UNARY(cn_arctan_f64, atan, u10, WIDE_NONE)
WIDE_UNARY(cn_sinh_f64, sinh, u10, (WIDE_ABS(x) > 709) & (WIDE_ABS(x) < 1024))
WIDE_UNARY(cn_cosh_f64, cosh, u10, (WIDE_ABS(x) > 709) & (WIDE_ABS(x) < 1024))
WIDE_UNARY(cn_tanh_f64, tanh, u10, WIDE_NONE)
WIDE_UNARY(cn_arcsinh_f64, asinh, u10, (WIDE_ABS(x) < 0x1p-30) | (WIDE_ABS(x) > 0x1p500))
WIDE_UNARY(cn_arccosh_f64, acosh, u10, x > 0x1p500)
WIDE_UNARY(cn_arctanh_f64, atanh, u10, WIDE_NONE)
WIDE_BINARY(cn_pow_f64, pow, u10, WIDE_ABS(made) == HUGE_VAL)
WIDE_BINARY(cn_arctan2_f64, atan2, u10, (y > 0) & (WIDE_ABS(x) < y * 0x1p-30))
WIDE_BINARY(cn_hypot_f64, hypot, u05, (WIDE_ABS(x) < 0x1p-900) & (WIDE_ABS(y) < 0x1p-900))
