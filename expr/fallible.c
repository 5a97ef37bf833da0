/* What the failures of kernels mean to a user. */
#include "expr/compile.h"
#include "kernels/lanes_ops.h"

#define OVERFLOW_TEXT                                                                              \
    "the result of %s does not fit int64 (the option overflow=wrap keeps its low 64 bits)"
#define ZERO_TEXT "integer division by zero in %s (with float64, as by `/`, it gives inf or nan)"
#define SHIFT_TEXT "the shift count of %s must be from 0 to 63"
#define FIT_TEXT "%s: the value does not fit int64"

static const struct cn_fallible table[] = {
    {.fn = cn_add_i64, .reason = {{CN_INTEGER_OVERFLOW, OVERFLOW_TEXT}}},
    {.fn = cn_sub_i64, .reason = {{CN_INTEGER_OVERFLOW, OVERFLOW_TEXT}}},
    {.fn = cn_mul_i64, .reason = {{CN_INTEGER_OVERFLOW, OVERFLOW_TEXT}}},
    {.fn = cn_neg_i64, .reason = {{CN_INTEGER_OVERFLOW, OVERFLOW_TEXT}}},
    {.fn = cn_abs_i64, .reason = {{CN_INTEGER_OVERFLOW, OVERFLOW_TEXT}}},
    {.fn = cn_pow_i64, .reason = {{CN_INTEGER_OVERFLOW, OVERFLOW_TEXT}}},
    {.fn = cn_floordiv_i64,
     .reason = {{CN_DIVISION_BY_ZERO, ZERO_TEXT}, {CN_INTEGER_OVERFLOW, OVERFLOW_TEXT}}},
    {.fn = cn_floordiv_wrap_i64, .reason = {{CN_DIVISION_BY_ZERO, ZERO_TEXT}}},
    {.fn = cn_mod_i64, .reason = {{CN_DIVISION_BY_ZERO, ZERO_TEXT}}},
    {.fn = cn_shl_i64, .reason = {{CN_INTEGER_OUT_OF_RANGE, SHIFT_TEXT}}},
    {.fn = cn_shr_i64, .reason = {{CN_INTEGER_OUT_OF_RANGE, SHIFT_TEXT}}},
    {.fn = cn_round_digits_i64,
     .reason = {{CN_INTEGER_OVERFLOW, "the result of %s does not fit int64"}}},
    {.fn = cn_round_digits_f64,
     .reason = {{CN_NOT_FINITE, "the result of %s is beyond the range of float64"}}},
    {.fn = cn_to_i64_f64, .reason = {{CN_INTEGER_OUT_OF_RANGE, FIT_TEXT}}, .shows_operand = true},
    {.fn = cn_to_i64_str,
     .reason = {{CN_INVALID_VALUE, "%s: the text is no decimal integer"},
                {CN_INTEGER_OUT_OF_RANGE, FIT_TEXT}},
     .shows_operand = true},
    {.fn = cn_to_f64_str,
     .reason = {{CN_INVALID_VALUE, "%s: the text is no number"}},
     .shows_operand = true},
    {.fn = cn_substr_str, .reason = {{CN_INVALID_VALUE, "the count of %s must not be negative"}}},
};

const struct cn_fallible *cn_fallible_find(cn_lanes_fn fn) {
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].fn == fn)
            return &table[i];
    }
    return NULL;
}
