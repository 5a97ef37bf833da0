/*
 * arith_i64_loops.h: arithmetic on int64 in plain loops, checked or modulo 2**64. Compiled once for
 * each level, so there is no include guard; what is static has names of its own.
 */
#include "kernels/lanes_loop.h"

/* Two's complement without the undefined behaviour of signed overflow. */
static inline int64_t wrap_add(int64_t x, int64_t y) {
    return (int64_t)((uint64_t)x + (uint64_t)y);
}

static inline int64_t wrap_sub(int64_t x, int64_t y) {
    return (int64_t)((uint64_t)x - (uint64_t)y);
}

static inline int64_t wrap_mul(int64_t x, int64_t y) {
    return (int64_t)((uint64_t)x * (uint64_t)y);
}

static inline int64_t wrap_abs(int64_t x) {
    return x < 0 ? wrap_sub(0, x) : x;
}

/* By signs and not by the compiler's builtins, which do not vectorise: a sum overflowed when both
 * operands have the sign that it has not. Negative where it did. */
static inline int64_t add_overflow(int64_t x, int64_t y) {
    int64_t sum = wrap_add(x, y);
    return (x ^ sum) & (y ^ sum);
}

static inline int64_t sub_overflow(int64_t x, int64_t y) {
    return (x ^ y) & (x ^ wrap_sub(x, y));
}

/* The only number that has no opposite: it and its own opposite are negative. */
static inline int64_t neg_overflow(int64_t x) {
    return x & wrap_sub(0, x);
}

static inline uint8_t mul_overflows(int64_t x, int64_t y) {
    int64_t product;
    return __builtin_mul_overflow(x, y, &product);
}

/* Negative for a count outside 0 .. 63, whatever is shifted. */
static inline int64_t shift_overflow(int64_t x, int64_t count) {
    (void)x;
    return count | wrap_sub(63, count);
}

static inline int64_t shift_left(int64_t x, int64_t count) {
    return (uint64_t)count > 63 ? 0 : (int64_t)((uint64_t)x << (count & 63));
}

static inline int64_t shift_right(int64_t x, int64_t count) {
    return (uint64_t)count > 63 ? 0 : x >> (count & 63);
}

CN_LANES_BINARY_SIGNED(cn_add_i64, wrap_add(x, y), add_overflow(x, y))
CN_LANES_BINARY(cn_add_wrap_i64, int64_t, int64_t, wrap_add(x, y))
CN_LANES_BINARY_SIGNED(cn_sub_i64, wrap_sub(x, y), sub_overflow(x, y))
CN_LANES_BINARY(cn_sub_wrap_i64, int64_t, int64_t, wrap_sub(x, y))
CN_LANES_BINARY(cn_mul_wrap_i64, int64_t, int64_t, wrap_mul(x, y))
CN_LANES_UNARY_SIGNED(cn_neg_i64, wrap_sub(0, x), neg_overflow(x))
CN_LANES_UNARY(cn_neg_wrap_i64, int64_t, int64_t, wrap_sub(0, x))
CN_LANES_UNARY_SIGNED(cn_abs_i64, wrap_abs(x), neg_overflow(x))
CN_LANES_UNARY(cn_abs_wrap_i64, int64_t, int64_t, wrap_abs(x))

/* Whether the numbers are all so small that no product can overflow: a of a bits and b of b bits,
 * without their signs, make at most 2**(a + b). */
static bool products_fit(const int64_t *a, const int64_t *b, size_t n) {
    uint64_t x = 1, y = 1;
    for (size_t i = 0; i < n; i++) {
        x |= (uint64_t)(a[i] ^ a[i] >> 63);
        y |= (uint64_t)(b[i] ^ b[i] >> 63);
    }
    return 128 - __builtin_clzll(x) - __builtin_clzll(y) <= 62;
}

static CN_LANES_BINARY_CHECKED(mul_rows, int64_t, int64_t, wrap_mul(x, y), mul_overflows(x, y))

    size_t CN_LANES_NAME(cn_mul_i64)(struct cn_lanes *lanes) {
    if (products_fit(lanes->a, lanes->b, lanes->n))
        return CN_LANES_NAME(cn_mul_wrap_i64)(lanes);
    return CN_LANES_NAME(mul_rows)(lanes);
}

CN_LANES_UNARY(cn_pos_i64, int64_t, int64_t, x)
CN_LANES_UNARY(cn_sign_i64, int64_t, int64_t, (x > 0) - (x < 0))
CN_LANES_BINARY(cn_minimum_i64, int64_t, int64_t, x < y ? x : y)
CN_LANES_BINARY(cn_maximum_i64, int64_t, int64_t, x > y ? x : y)

CN_LANES_BINARY(cn_and_i64, int64_t, int64_t, (x & y))
CN_LANES_BINARY(cn_or_i64, int64_t, int64_t, x | y)
CN_LANES_BINARY(cn_xor_i64, int64_t, int64_t, x ^ y)
CN_LANES_UNARY(cn_not_i64, int64_t, int64_t, ~x)
CN_LANES_BINARY_SIGNED(cn_shl_i64, shift_left(x, y), shift_overflow(x, y))
CN_LANES_BINARY_SIGNED(cn_shr_i64, shift_right(x, y), shift_overflow(x, y))
