/* arith_compare.c: comparisons, to 0 or 1. */
#include "kernels/arith_compare_loops.h"

/* Negative, 0, positive. The order of the bytes of UTF-8 is that of the characters. */
static int compare(struct cn_str x, struct cn_str y) {
    size_t common = x.len < y.len ? x.len : y.len;
    int order = common > 0 ? memcmp(x.data, y.data, common) : 0;
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

CN_LANES_BINARY(cn_lt_str, struct cn_str, uint8_t, compare(x, y) < 0)
CN_LANES_BINARY(cn_le_str, struct cn_str, uint8_t, compare(x, y) <= 0)
CN_LANES_BINARY(cn_gt_str, struct cn_str, uint8_t, compare(x, y) > 0)
CN_LANES_BINARY(cn_ge_str, struct cn_str, uint8_t, compare(x, y) >= 0)
CN_LANES_BINARY(cn_eq_str, struct cn_str, uint8_t, cn_str_equal(x, y))
CN_LANES_BINARY(cn_ne_str, struct cn_str, uint8_t, !cn_str_equal(x, y))
