/* arith_convert.c: conversions between bool, int64 and float64. */
#include "kernels/arith_convert_loops.h"

CN_LANES_UNARY(cn_to_bool_str, struct cn_str, uint8_t, x.len != 0)
