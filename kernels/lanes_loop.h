/*
 * lanes_loop.h: the loops that kernels are made of. Private to the lanes kernels.
 *
 * Each macro defines one kernel under the name that it is given, so that a search for that name
 * finds it. `expression` computes one row from x (operand a) and y (operand b); `failed` is what
 * goes to fail[i]: 0, or the reason. Both may use only these, so that every row is independent.
 */
#ifndef CN_KERNELS_LANES_LOOP_H
#define CN_KERNELS_LANES_LOOP_H

#include "kernels/lanes_ops.h"

/* A file of a level defines this before it includes loops: its kernels have the level's name behind
 * theirs (lanes_levels.h). */
#ifndef CN_LANES_NAME
#define CN_LANES_NAME(name) name
#endif

/* out is an operand or overlaps none, so no row reads what another wrote. gcc must be told: its own
 * check at run time takes out == a for a dependence and falls back to the scalar loop. */
#if defined(__clang__)
#define CN_LANES_INDEPENDENT
#elif defined(__GNUC__)
#define CN_LANES_INDEPENDENT _Pragma("GCC ivdep")
#endif

#define CN_LANES_UNARY(name, operand, result, expression)                                          \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const operand *a = lanes->a;                                                               \
        result *out = lanes->out;                                                                  \
        size_t n = lanes->n;                                                                       \
        CN_LANES_INDEPENDENT                                                                       \
        for (size_t i = 0; i < n; i++) {                                                           \
            operand x = a[i];                                                                      \
            out[i] = (expression);                                                                 \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define CN_LANES_BINARY(name, operand, result, expression)                                         \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const operand *a = lanes->a;                                                               \
        const operand *b = lanes->b;                                                               \
        result *out = lanes->out;                                                                  \
        size_t n = lanes->n;                                                                       \
        CN_LANES_INDEPENDENT                                                                       \
        for (size_t i = 0; i < n; i++) {                                                           \
            operand x = a[i];                                                                      \
            operand y = b[i];                                                                      \
            out[i] = (expression);                                                                 \
        }                                                                                          \
        return 0;                                                                                  \
    }

#define CN_LANES_UNARY_CHECKED(name, operand, result, expression, failed)                          \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const operand *a = lanes->a;                                                               \
        result *out = lanes->out;                                                                  \
        uint8_t *fail = lanes->fail;                                                               \
        size_t n = lanes->n;                                                                       \
        size_t failures = 0;                                                                       \
        CN_LANES_INDEPENDENT                                                                       \
        for (size_t i = 0; i < n; i++) {                                                           \
            operand x = a[i];                                                                      \
            uint8_t reason = (failed);                                                             \
            out[i] = (expression);                                                                 \
            fail[i] = (uint8_t)(fail[i] | reason);                                                 \
            failures += reason != 0;                                                               \
        }                                                                                          \
        return failures;                                                                           \
    }

#define CN_LANES_BINARY_CHECKED(name, operand, result, expression, failed)                         \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const operand *a = lanes->a;                                                               \
        const operand *b = lanes->b;                                                               \
        result *out = lanes->out;                                                                  \
        uint8_t *fail = lanes->fail;                                                               \
        size_t n = lanes->n;                                                                       \
        size_t failures = 0;                                                                       \
        CN_LANES_INDEPENDENT                                                                       \
        for (size_t i = 0; i < n; i++) {                                                           \
            operand x = a[i];                                                                      \
            operand y = b[i];                                                                      \
            uint8_t reason = (failed);                                                             \
            out[i] = (expression);                                                                 \
            fail[i] = (uint8_t)(fail[i] | reason);                                                 \
            failures += reason != 0;                                                               \
        }                                                                                          \
        return failures;                                                                           \
    }

/*
 * On int64, with `overflow`, an int64 that is negative where a row fails. Rows hardly ever do, so
 * one look at all of them goes first, without a byte of fail[]; then the loop has nothing to check.
 */
#define CN_LANES_UNARY_SIGNED(name, expression, overflow)                                          \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const int64_t *a = lanes->a;                                                               \
        int64_t *out = lanes->out;                                                                 \
        uint8_t *fail = lanes->fail;                                                               \
        size_t n = lanes->n;                                                                       \
        size_t failures = 0;                                                                       \
        int64_t any = 0;                                                                           \
        for (size_t i = 0; i < n; i++) {                                                           \
            int64_t x = a[i];                                                                      \
            any |= (overflow);                                                                     \
        }                                                                                          \
        for (size_t i = 0; any < 0 && i < n; i++) {                                                \
            int64_t x = a[i];                                                                      \
            uint8_t reason = (overflow) < 0;                                                       \
            fail[i] |= reason;                                                                     \
            failures += reason;                                                                    \
        }                                                                                          \
        CN_LANES_INDEPENDENT                                                                       \
        for (size_t i = 0; i < n; i++) {                                                           \
            int64_t x = a[i];                                                                      \
            out[i] = (expression);                                                                 \
        }                                                                                          \
        return failures;                                                                           \
    }

#define CN_LANES_BINARY_SIGNED(name, expression, overflow)                                         \
    size_t CN_LANES_NAME(name)(struct cn_lanes * lanes) {                                          \
        const int64_t *a = lanes->a;                                                               \
        const int64_t *b = lanes->b;                                                               \
        int64_t *out = lanes->out;                                                                 \
        uint8_t *fail = lanes->fail;                                                               \
        size_t n = lanes->n;                                                                       \
        size_t failures = 0;                                                                       \
        int64_t any = 0;                                                                           \
        for (size_t i = 0; i < n; i++) {                                                           \
            int64_t x = a[i];                                                                      \
            int64_t y = b[i];                                                                      \
            any |= (overflow);                                                                     \
        }                                                                                          \
        for (size_t i = 0; any < 0 && i < n; i++) {                                                \
            int64_t x = a[i];                                                                      \
            int64_t y = b[i];                                                                      \
            uint8_t reason = (overflow) < 0;                                                       \
            fail[i] |= reason;                                                                     \
            failures += reason;                                                                    \
        }                                                                                          \
        CN_LANES_INDEPENDENT                                                                       \
        for (size_t i = 0; i < n; i++) {                                                           \
            int64_t x = a[i];                                                                      \
            int64_t y = b[i];                                                                      \
            out[i] = (expression);                                                                 \
        }                                                                                          \
        return failures;                                                                           \
    }

#endif
