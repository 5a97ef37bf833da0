/*
 * lanes_ops.h: the elementwise kernels, by name. lanes.h has the calling convention.
 *
 * Names: cn_<operation>_<type of the operands>, and cn_to_<type>_<type of the operand> for
 * conversions. Types: f64 double, i64 int64_t, bool uint8_t (0 or 1), str struct cn_str (valid
 * UTF-8, may hold NUL). Operands are a, b and c in the order in which the comment names them; the
 * result has the operands' type unless the comment says "-> type". A kernel fails only where its
 * comment says so.
 *
 * out is an operand's own memory (same start, same width) or overlaps no operand.
 */
#ifndef CN_KERNELS_LANES_OPS_H
#define CN_KERNELS_LANES_OPS_H

#include "kernels/lanes.h"

/* ---- float64 arithmetic (arith_f64.c) -------------------------------------------------------- */

/* IEEE 754 to nearest even; floordiv and mod by NumPy's algorithm (fmod, then corrected to the sign
 * of the divisor); bit for bit what NumPy gives. */
size_t cn_add_f64(struct cn_lanes *lanes);
size_t cn_sub_f64(struct cn_lanes *lanes);
size_t cn_mul_f64(struct cn_lanes *lanes);
size_t cn_div_f64(struct cn_lanes *lanes);
size_t cn_floordiv_f64(struct cn_lanes *lanes);
size_t cn_mod_f64(struct cn_lanes *lanes);
size_t cn_fmod_f64(struct cn_lanes *lanes); /* C's: the sign of a */

size_t cn_neg_f64(struct cn_lanes *lanes);
size_t cn_pos_f64(struct cn_lanes *lanes); /* a copy */
size_t cn_abs_f64(struct cn_lanes *lanes);
size_t cn_sqrt_f64(struct cn_lanes *lanes);
size_t cn_square_f64(struct cn_lanes *lanes);     /* a * a */
size_t cn_reciprocal_f64(struct cn_lanes *lanes); /* 1 / a */
size_t cn_one_f64(struct cn_lanes *lanes);        /* 1.0 whatever a is: a ** 0 */
size_t cn_sign_f64(struct cn_lanes *lanes);       /* -1, 0, 1; NaN for NaN; +0 for -0 */

size_t cn_floor_f64(struct cn_lanes *lanes);
size_t cn_ceil_f64(struct cn_lanes *lanes);
size_t cn_trunc_f64(struct cn_lanes *lanes);
size_t cn_round_f64(struct cn_lanes *lanes); /* to an integer, half to even; keeps -0 */
/* a rounded to b decimal places (b: i64), cn_double_round(); fails when a finite a becomes
 * infinite. */
size_t cn_round_digits_f64(struct cn_lanes *lanes);

size_t cn_minimum_f64(struct cn_lanes *lanes); /* NaN if one is NaN; -0 < +0 */
size_t cn_maximum_f64(struct cn_lanes *lanes);
size_t cn_copysign_f64(struct cn_lanes *lanes);
size_t cn_nextafter_f64(struct cn_lanes *lanes);

size_t cn_isnan_f64(struct cn_lanes *lanes);    /* -> bool */
size_t cn_isinf_f64(struct cn_lanes *lanes);    /* -> bool */
size_t cn_isfinite_f64(struct cn_lanes *lanes); /* -> bool */

/* ---- float64 functions (math_*.c) ------------------------------------------------------------ */

/* Within 1.5 ulp of the exact value on the whole range, the same bits on every CPU; special values
 * as C17 Annex F has them, which are NumPy's. degrees and radians are one product, as NumPy's. */
size_t cn_cbrt_f64(struct cn_lanes *lanes);
size_t cn_exp_f64(struct cn_lanes *lanes);
size_t cn_expm1_f64(struct cn_lanes *lanes);
size_t cn_log_f64(struct cn_lanes *lanes);
size_t cn_log2_f64(struct cn_lanes *lanes);
size_t cn_log10_f64(struct cn_lanes *lanes);
size_t cn_log1p_f64(struct cn_lanes *lanes);
size_t cn_pow_f64(struct cn_lanes *lanes); /* a ** b */
size_t cn_sin_f64(struct cn_lanes *lanes);
size_t cn_cos_f64(struct cn_lanes *lanes);
size_t cn_tan_f64(struct cn_lanes *lanes);
size_t cn_arcsin_f64(struct cn_lanes *lanes);
size_t cn_arccos_f64(struct cn_lanes *lanes);
size_t cn_arctan_f64(struct cn_lanes *lanes);
size_t cn_arctan2_f64(struct cn_lanes *lanes); /* a: y, b: x */
size_t cn_sinh_f64(struct cn_lanes *lanes);
size_t cn_cosh_f64(struct cn_lanes *lanes);
size_t cn_tanh_f64(struct cn_lanes *lanes);
size_t cn_arcsinh_f64(struct cn_lanes *lanes);
size_t cn_arccosh_f64(struct cn_lanes *lanes);
size_t cn_arctanh_f64(struct cn_lanes *lanes);
size_t cn_hypot_f64(struct cn_lanes *lanes);
size_t cn_degrees_f64(struct cn_lanes *lanes);
size_t cn_radians_f64(struct cn_lanes *lanes);

/* ---- int64 arithmetic (arith_i64.c) ---------------------------------------------------------- */

/* Two forms: the plain one fails where the result does not fit, the _wrap one keeps the low 64
 * bits. Both give the wrapped value in out. */
size_t cn_add_i64(struct cn_lanes *lanes);
size_t cn_add_wrap_i64(struct cn_lanes *lanes);
size_t cn_sub_i64(struct cn_lanes *lanes);
size_t cn_sub_wrap_i64(struct cn_lanes *lanes);
size_t cn_mul_i64(struct cn_lanes *lanes);
size_t cn_mul_wrap_i64(struct cn_lanes *lanes);
size_t cn_neg_i64(struct cn_lanes *lanes);
size_t cn_neg_wrap_i64(struct cn_lanes *lanes);
size_t cn_abs_i64(struct cn_lanes *lanes);
size_t cn_abs_wrap_i64(struct cn_lanes *lanes);
/* a ** b for b >= 0; a negative b fails with 2 in both forms. */
size_t cn_pow_i64(struct cn_lanes *lanes);
size_t cn_pow_wrap_i64(struct cn_lanes *lanes);
/* Rounds towards minus infinity. A zero divisor fails with fail[i] = 1 (out 0), in both forms;
 * overflow (INT64_MIN // -1) fails with fail[i] = 2 in the plain one. */
size_t cn_floordiv_i64(struct cn_lanes *lanes);
size_t cn_floordiv_wrap_i64(struct cn_lanes *lanes);
/* The sign of b; a zero divisor fails (out 0). */
size_t cn_mod_i64(struct cn_lanes *lanes);

size_t cn_pos_i64(struct cn_lanes *lanes); /* a copy */
size_t cn_sign_i64(struct cn_lanes *lanes);
size_t cn_minimum_i64(struct cn_lanes *lanes);
size_t cn_maximum_i64(struct cn_lanes *lanes);
/* Python's round(a, b): b < 0 rounds to tens, hundreds, ..., half to even; else a. Overflow
 * fails. */
size_t cn_round_digits_i64(struct cn_lanes *lanes);

size_t cn_and_i64(struct cn_lanes *lanes); /* bitwise */
size_t cn_or_i64(struct cn_lanes *lanes);
size_t cn_xor_i64(struct cn_lanes *lanes);
size_t cn_not_i64(struct cn_lanes *lanes);
/* A count outside 0 .. 63 fails (out 0). << drops high bits, >> copies the sign. */
size_t cn_shl_i64(struct cn_lanes *lanes);
size_t cn_shr_i64(struct cn_lanes *lanes);

/* ---- comparisons -> bool (arith_compare.c) --------------------------------------------------- */

/* float64 by IEEE (NaN: only ne is true); strings by their bytes; False < True. */
size_t cn_lt_f64(struct cn_lanes *lanes);
size_t cn_le_f64(struct cn_lanes *lanes);
size_t cn_gt_f64(struct cn_lanes *lanes);
size_t cn_ge_f64(struct cn_lanes *lanes);
size_t cn_eq_f64(struct cn_lanes *lanes);
size_t cn_ne_f64(struct cn_lanes *lanes);

size_t cn_lt_i64(struct cn_lanes *lanes);
size_t cn_le_i64(struct cn_lanes *lanes);
size_t cn_gt_i64(struct cn_lanes *lanes);
size_t cn_ge_i64(struct cn_lanes *lanes);
size_t cn_eq_i64(struct cn_lanes *lanes);
size_t cn_ne_i64(struct cn_lanes *lanes);

size_t cn_lt_bool(struct cn_lanes *lanes);
size_t cn_le_bool(struct cn_lanes *lanes);
size_t cn_gt_bool(struct cn_lanes *lanes);
size_t cn_ge_bool(struct cn_lanes *lanes);
size_t cn_eq_bool(struct cn_lanes *lanes);
size_t cn_ne_bool(struct cn_lanes *lanes);

size_t cn_lt_str(struct cn_lanes *lanes);
size_t cn_le_str(struct cn_lanes *lanes);
size_t cn_gt_str(struct cn_lanes *lanes);
size_t cn_ge_str(struct cn_lanes *lanes);
size_t cn_eq_str(struct cn_lanes *lanes);
size_t cn_ne_str(struct cn_lanes *lanes);

/* ---- bool (arith_bool.c) --------------------------------------------------------------------- */

size_t cn_and_bool(struct cn_lanes *lanes);
size_t cn_or_bool(struct cn_lanes *lanes);
size_t cn_xor_bool(struct cn_lanes *lanes);
size_t cn_not_bool(struct cn_lanes *lanes);

/*
 * Three-valued logic over values and null masks (non-zero: null; a NULL mask: none is null). Values
 * under nulls do not matter. A null result has the value 0. out and out_nulls may be operands.
 */
struct cn_kleene {
    const uint8_t *a;
    const uint8_t *a_nulls;
    const uint8_t *b;
    const uint8_t *b_nulls;
    uint8_t *out;
    uint8_t *out_nulls; /* 0 or 1 */
    size_t n;
};
void cn_kleene_and(const struct cn_kleene *lanes);
void cn_kleene_or(const struct cn_kleene *lanes);

/* ---- choice (arith_bool.c) ------------------------------------------------------------------- */

/* out = a ? b : c; a: bool, b and c: elements of 1, 8 or 16 bytes (aligned as their types). */
size_t cn_where_1(struct cn_lanes *lanes);  /* bool, null masks */
size_t cn_where_8(struct cn_lanes *lanes);  /* int64, float64 */
size_t cn_where_16(struct cn_lanes *lanes); /* strings */

/* ---- conversions (arith_convert.c, text_convert.c) ------------------------------------------- */

size_t cn_to_f64_i64(struct cn_lanes *lanes); /* to nearest even */
size_t cn_to_f64_bool(struct cn_lanes *lanes);
size_t cn_to_i64_bool(struct cn_lanes *lanes);
/* Truncates; NaN, infinities and what does not fit fail (out 0). */
size_t cn_to_i64_f64(struct cn_lanes *lanes);
size_t cn_to_bool_f64(struct cn_lanes *lanes); /* != 0; NaN is True */
size_t cn_to_bool_i64(struct cn_lanes *lanes);
size_t cn_to_bool_str(struct cn_lanes *lanes); /* not empty */
/* The text that Python's str() gives. */
size_t cn_to_str_f64(struct cn_lanes *lanes);
size_t cn_to_str_i64(struct cn_lanes *lanes);
size_t cn_to_str_bool(struct cn_lanes *lanes);
/* Python's int(text) in decimal and float(text), white space around allowed, no underscores, ASCII
 * digits only. fail[i] = 1: no number; fail[i] = 2: an integer beyond int64. A float beyond the
 * range is infinite. */
size_t cn_to_i64_str(struct cn_lanes *lanes);
size_t cn_to_f64_str(struct cn_lanes *lanes);

/* ---- strings (text_ops.c, text_case.c) ------------------------------------------------------- */

/* Results are views into the operands or into the arena; when that runs out, no_memory is set, the
 * results are unspecified but readable. Positions and lengths are in characters. */
size_t cn_concat2_str(struct cn_lanes *lanes); /* a + b */
size_t cn_lower_str(struct cn_lanes *lanes);   /* Python's str.lower() */
size_t cn_upper_str(struct cn_lanes *lanes);   /* Python's str.upper(): 'ß' becomes 'SS' */
size_t cn_trim_str(struct cn_lanes *lanes);    /* Python's str.strip() */
size_t cn_length_str(struct cn_lanes *lanes);  /* -> i64 */
/* c (i64) characters of a from b (i64) on; b < 0 counts from the end, and is 0 if that is before
 * the start, as in a slice; fewer where a ends; c = INT64_MAX: all. c < 0 fails. */
size_t cn_substr_str(struct cn_lanes *lanes);
size_t cn_starts_with_str(struct cn_lanes *lanes); /* a starts with b -> bool */
size_t cn_ends_with_str(struct cn_lanes *lanes);   /* -> bool */
size_t cn_contains_str(struct cn_lanes *lanes);    /* b is in a -> bool */
size_t cn_replace_str(struct cn_lanes *lanes); /* Python's a.replace(b, c), for an empty b too */

#endif
