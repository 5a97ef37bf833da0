/* arith_f64.c: arithmetic on doubles whose results NumPy shares bit for bit. */
#include <math.h>
#include <string.h>

#include "kernels/lanes_loop.h"
#include "kernels/number.h"

static inline uint64_t bits_of(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline double of_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/*
 * NumPy's floor division and remainder (npy_divmod). They are not floor(a / b) and a - b * that:
 * fmod is exact, and the quotient is what remains, snapped to the nearest integer.
 */
static inline double floor_mod(double a, double b) {
    double rest = fmod(a, b);
    if (b == 0)
        return rest; /* NaN */
    if (rest == 0)
        return copysign(0.0, b);
    return (b < 0) != (rest < 0) ? rest + b : rest;
}

static inline double floor_div(double a, double b) {
    if (b == 0)
        return a / b;
    double rest = fmod(a, b);
    double quotient = (a - rest) / b;
    if (rest != 0 && (b < 0) != (rest < 0))
        quotient -= 1.0;
    if (quotient == 0)
        return copysign(0.0, a / b);
    double whole = floor(quotient);
    return quotient - whole > 0.5 ? whole + 1.0 : whole;
}

/* To an integer, half to even: beyond 2**52 every double is one, below the sum has no room for a
 * fraction. Plain arithmetic, so that it vectorises without SSE4.1. */
static inline double round_even(double x) {
    double magic = copysign(0x1p52, x);
    double rounded = copysign((x + magic) - magic, x);
    return fabs(x) < 0x1p52 ? rounded : x;
}

static inline double floor_of(double x) {
    double rounded = round_even(x);
    return rounded - (rounded > x ? 1.0 : 0.0);
}

static inline double ceil_of(double x) {
    double rounded = round_even(x);
    return copysign(rounded + (rounded < x ? 1.0 : 0.0), x);
}

static inline double sign_of(double x) {
    double sign = x > 0 ? 1.0 : 0.0;
    sign = x < 0 ? -1.0 : sign;
    return x != x ? x : sign;
}

/* Equal operands differ at most in the sign of zero: `or` of the bits has -0, `and` has +0. */
static inline double minimum_of(double x, double y) {
    double least = x < y ? x : y;
    least = x == y ? of_bits(bits_of(x) | bits_of(y)) : least;
    return x != x ? x : least;
}

static inline double maximum_of(double x, double y) {
    double most = x > y ? x : y;
    most = x == y ? of_bits(bits_of(x) & bits_of(y)) : most;
    return x != x ? x : most;
}

CN_LANES_BINARY(cn_add_f64, double, double, x + y)
CN_LANES_BINARY(cn_sub_f64, double, double, x - y)
CN_LANES_BINARY(cn_mul_f64, double, double, (x * y))
CN_LANES_BINARY(cn_div_f64, double, double, x / y)
CN_LANES_BINARY(cn_floordiv_f64, double, double, floor_div(x, y))
CN_LANES_BINARY(cn_mod_f64, double, double, floor_mod(x, y))
CN_LANES_BINARY(cn_fmod_f64, double, double, fmod(x, y))

CN_LANES_UNARY(cn_neg_f64, double, double, -x)
CN_LANES_UNARY(cn_pos_f64, double, double, x)
CN_LANES_UNARY(cn_abs_f64, double, double, fabs(x))
CN_LANES_UNARY(cn_sqrt_f64, double, double, sqrt(x))
CN_LANES_UNARY(cn_square_f64, double, double, (x * x))
CN_LANES_UNARY(cn_reciprocal_f64, double, double, 1.0 / x)
CN_LANES_UNARY(cn_sign_f64, double, double, sign_of(x))

size_t cn_one_f64(struct cn_lanes *lanes) {
    double *out = lanes->out;
    for (size_t i = 0; i < lanes->n; i++)
        out[i] = 1.0;
    return 0;
}

CN_LANES_UNARY(cn_floor_f64, double, double, floor_of(x))
CN_LANES_UNARY(cn_ceil_f64, double, double, ceil_of(x))
CN_LANES_UNARY(cn_trunc_f64, double, double, copysign(floor_of(fabs(x)), x))
CN_LANES_UNARY(cn_round_f64, double, double, round_even(x))

size_t cn_round_digits_f64(struct cn_lanes *lanes) {
    const double *a = lanes->a;
    const int64_t *digits = lanes->b;
    double *out = lanes->out;
    size_t failures = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        double x = a[i];
        double rounded = cn_double_round(x, digits[i]);
        out[i] = rounded;
        if (isinf(rounded) && isfinite(x)) {
            lanes->fail[i] = 1;
            failures++;
        }
    }
    return failures;
}

CN_LANES_BINARY(cn_minimum_f64, double, double, minimum_of(x, y))
CN_LANES_BINARY(cn_maximum_f64, double, double, maximum_of(x, y))
CN_LANES_BINARY(cn_copysign_f64, double, double, copysign(x, y))
CN_LANES_BINARY(cn_nextafter_f64, double, double, nextafter(x, y))

CN_LANES_UNARY(cn_isnan_f64, double, uint8_t, x != x)
CN_LANES_UNARY(cn_isinf_f64, double, uint8_t, fabs(x) == HUGE_VAL)
CN_LANES_UNARY(cn_isfinite_f64, double, uint8_t, fabs(x) < HUGE_VAL)
