/*
 * arith_f64_loops.h: arithmetic on doubles in plain loops. Compiled once for each level, so there
 * is no include guard; what is static has names of its own.
 */
#include <math.h>
#include <string.h>

#include "kernels/lanes_loop.h"

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

CN_LANES_UNARY(cn_neg_f64, double, double, -x)
CN_LANES_UNARY(cn_pos_f64, double, double, x)
CN_LANES_UNARY(cn_abs_f64, double, double, fabs(x))
CN_LANES_UNARY(cn_sqrt_f64, double, double, sqrt(x))
CN_LANES_UNARY(cn_square_f64, double, double, (x * x))
CN_LANES_UNARY(cn_reciprocal_f64, double, double, 1.0 / x)
CN_LANES_UNARY(cn_sign_f64, double, double, sign_of(x))
CN_LANES_UNARY(cn_degrees_f64, double, double, (x * (180.0 / M_PI)))
CN_LANES_UNARY(cn_radians_f64, double, double, (x * (M_PI / 180.0)))

size_t CN_LANES_NAME(cn_one_f64)(struct cn_lanes *lanes) {
    double *out = lanes->out;
    for (size_t i = 0; i < lanes->n; i++)
        out[i] = 1.0;
    return 0;
}

CN_LANES_UNARY(cn_floor_f64, double, double, floor_of(x))
CN_LANES_UNARY(cn_ceil_f64, double, double, ceil_of(x))
CN_LANES_UNARY(cn_trunc_f64, double, double, copysign(floor_of(fabs(x)), x))
CN_LANES_UNARY(cn_round_f64, double, double, round_even(x))

CN_LANES_BINARY(cn_minimum_f64, double, double, minimum_of(x, y))
CN_LANES_BINARY(cn_maximum_f64, double, double, maximum_of(x, y))
CN_LANES_BINARY(cn_copysign_f64, double, double, copysign(x, y))

CN_LANES_UNARY(cn_isnan_f64, double, uint8_t, x != x)
CN_LANES_UNARY(cn_isinf_f64, double, uint8_t, fabs(x) == HUGE_VAL)
CN_LANES_UNARY(cn_isfinite_f64, double, uint8_t, fabs(x) < HUGE_VAL)
