/* arith_i64.c: arithmetic on int64: the plain loops, and what does not vectorise. */
#include "kernels/arith_i64_loops.h"

/* Square and multiply. *overflow: some product that the result has as a factor did not fit. */
static int64_t power(int64_t base, int64_t exponent, bool *overflow) {
    int64_t result = 1;
    *overflow = false;
    for (;;) {
        if (exponent & 1)
            *overflow |= __builtin_mul_overflow(result, base, &result);
        exponent >>= 1;
        if (exponent == 0)
            return result;
        *overflow |= __builtin_mul_overflow(base, base, &base);
    }
}

static size_t power_rows(struct cn_lanes *lanes, bool wrap) {
    const int64_t *a = lanes->a;
    const int64_t *b = lanes->b;
    int64_t *out = lanes->out;
    size_t failures = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        bool overflow = false;
        uint8_t reason = 0;
        if (b[i] < 0) {
            out[i] = 0;
            reason = 2;
        } else {
            out[i] = power(a[i], b[i], &overflow);
            reason = overflow && !wrap;
        }
        if (reason) {
            lanes->fail[i] = reason;
            failures++;
        }
    }
    return failures;
}

size_t cn_pow_i64(struct cn_lanes *lanes) {
    return power_rows(lanes, false);
}

size_t cn_pow_wrap_i64(struct cn_lanes *lanes) {
    return power_rows(lanes, true);
}

/* -1 apart, for INT64_MIN / -1 traps. */
static inline int64_t floor_div(int64_t x, int64_t y) {
    if (y == 0)
        return 0;
    if (y == -1)
        return wrap_sub(0, x);
    int64_t quotient = x / y;
    return quotient - (x % y != 0 && (x ^ y) < 0);
}

static inline int64_t floor_mod(int64_t x, int64_t y) {
    if (y == 0 || y == -1)
        return 0;
    int64_t rest = x % y;
    return rest != 0 && (rest ^ y) < 0 ? rest + y : rest;
}

static inline uint8_t floor_div_fails(int64_t x, int64_t y) {
    if (y == 0)
        return 1;
    return x == INT64_MIN && y == -1 ? 2 : 0;
}

CN_LANES_BINARY_CHECKED(cn_floordiv_i64, int64_t, int64_t, floor_div(x, y), floor_div_fails(x, y))
CN_LANES_BINARY_CHECKED(cn_floordiv_wrap_i64, int64_t, int64_t, floor_div(x, y), y == 0)
CN_LANES_BINARY_CHECKED(cn_mod_i64, int64_t, int64_t, floor_mod(x, y), y == 0)

/* False: the rounded value is beyond int64. */
static bool round_digits(int64_t x, int64_t digits, int64_t *rounded) {
    *rounded = x;
    if (digits >= 0)
        return true;
    *rounded = 0;
    if (digits < -19) /* half of 10**20 is more than any int64 */
        return true;
    uint64_t unit = 1;
    for (int64_t i = digits; i < 0; i++)
        unit *= 10;
    uint64_t magnitude = x < 0 ? 0 - (uint64_t)x : (uint64_t)x;
    uint64_t quotient = magnitude / unit;
    uint64_t rest = magnitude % unit;
    uint64_t half = unit / 2;
    if (rest > half || (rest == half && (quotient & 1)))
        quotient++;
    uint64_t result = quotient * unit; /* at most 10**19, which 64 bits hold */
    if (result > (uint64_t)INT64_MAX + (x < 0))
        return false;
    *rounded = (int64_t)(x < 0 ? 0 - result : result);
    return true;
}

size_t cn_round_digits_i64(struct cn_lanes *lanes) {
    const int64_t *a = lanes->a;
    const int64_t *digits = lanes->b;
    int64_t *out = lanes->out;
    size_t failures = 0;
    for (size_t i = 0; i < lanes->n; i++) {
        int64_t rounded;
        if (!round_digits(a[i], digits[i], &rounded)) {
            lanes->fail[i] = 1;
            failures++;
        }
        out[i] = rounded;
    }
    return failures;
}
