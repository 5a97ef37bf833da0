/*
 * arith_convert_loops.h: conversions of numbers in plain loops. Compiled once for each level, so
 * there is no include guard; what is static has names of its own.
 */
#include "kernels/lanes_loop.h"

/* 2**63 is the first double that int64 does not hold; -2**63 is held. NaN fails both. */
static inline uint8_t to_i64_fails(double x) {
    return !(x >= -0x1p63 && x < 0x1p63);
}

CN_LANES_UNARY(cn_to_f64_i64, int64_t, double, (double)x)
CN_LANES_UNARY(cn_to_f64_bool, uint8_t, double, (double)x)
CN_LANES_UNARY(cn_to_i64_bool, uint8_t, int64_t, (int64_t)x)
CN_LANES_UNARY_CHECKED(cn_to_i64_f64, double, int64_t, to_i64_fails(x) ? 0 : (int64_t)x,
                       to_i64_fails(x))
CN_LANES_UNARY(cn_to_bool_f64, double, uint8_t, x != 0)
CN_LANES_UNARY(cn_to_bool_i64, int64_t, uint8_t, x != 0)
