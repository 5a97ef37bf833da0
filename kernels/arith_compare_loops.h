/*
 * arith_compare_loops.h: comparisons of numbers in plain loops. Compiled once for each level, so
 * there is no include guard; what is static has names of its own.
 */
#include "kernels/lanes_loop.h"

CN_LANES_BINARY(cn_lt_f64, double, uint8_t, x < y)
CN_LANES_BINARY(cn_le_f64, double, uint8_t, x <= y)
CN_LANES_BINARY(cn_gt_f64, double, uint8_t, x > y)
CN_LANES_BINARY(cn_ge_f64, double, uint8_t, x >= y)
CN_LANES_BINARY(cn_eq_f64, double, uint8_t, x == y)
CN_LANES_BINARY(cn_ne_f64, double, uint8_t, x != y)

CN_LANES_BINARY(cn_lt_i64, int64_t, uint8_t, x < y)
CN_LANES_BINARY(cn_le_i64, int64_t, uint8_t, x <= y)
CN_LANES_BINARY(cn_gt_i64, int64_t, uint8_t, x > y)
CN_LANES_BINARY(cn_ge_i64, int64_t, uint8_t, x >= y)
CN_LANES_BINARY(cn_eq_i64, int64_t, uint8_t, x == y)
CN_LANES_BINARY(cn_ne_i64, int64_t, uint8_t, x != y)

CN_LANES_BINARY(cn_lt_bool, uint8_t, uint8_t, x < y)
CN_LANES_BINARY(cn_le_bool, uint8_t, uint8_t, x <= y)
CN_LANES_BINARY(cn_gt_bool, uint8_t, uint8_t, x > y)
CN_LANES_BINARY(cn_ge_bool, uint8_t, uint8_t, x >= y)
CN_LANES_BINARY(cn_eq_bool, uint8_t, uint8_t, x == y)
CN_LANES_BINARY(cn_ne_bool, uint8_t, uint8_t, x != y)
