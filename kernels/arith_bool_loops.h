/*
 * arith_bool_loops.h: logic on bools, and choice, in plain loops. Compiled once for each level, so
 * there is no include guard; what is static has names of its own.
 */
#include "kernels/lanes_loop.h"

CN_LANES_BINARY(cn_and_bool, uint8_t, uint8_t, (x & y))
CN_LANES_BINARY(cn_or_bool, uint8_t, uint8_t, x | y)
CN_LANES_BINARY(cn_xor_bool, uint8_t, uint8_t, x ^ y)
CN_LANES_UNARY(cn_not_bool, uint8_t, uint8_t, x ^ 1)

size_t CN_LANES_NAME(cn_where_1)(struct cn_lanes *lanes) {
    const uint8_t *a = lanes->a;
    const uint8_t *b = lanes->b;
    const uint8_t *c = lanes->c;
    uint8_t *out = lanes->out;
    size_t n = lanes->n;
    CN_LANES_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        uint8_t x = b[i];
        uint8_t y = c[i];
        out[i] = a[i] ? x : y;
    }
    return 0;
}

size_t CN_LANES_NAME(cn_where_8)(struct cn_lanes *lanes) {
    const uint8_t *a = lanes->a;
    const uint64_t *b = lanes->b;
    const uint64_t *c = lanes->c;
    uint64_t *out = lanes->out;
    size_t n = lanes->n;
    CN_LANES_INDEPENDENT
    for (size_t i = 0; i < n; i++) {
        uint64_t x = b[i];
        uint64_t y = c[i];
        out[i] = a[i] ? x : y;
    }
    return 0;
}
