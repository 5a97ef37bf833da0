/*
 * functions_table.h: the list of functions. Included twice by functions.c, which makes of each
 * FUNCTION(name, signature, summary, group, other members...) a documentation entry, then a row of
 * the table; so it has no include guard.
 */
/* math */
KEEP(abs, "math", "the absolute value", cn_abs_i64, cn_abs_wrap_i64)
KEEP(sign, "math", "-1, 0 or 1; NaN for NaN", cn_sign_i64, NULL)
FLOAT1(sqrt, "the square root", 4.0f)
FLOAT1(cbrt, "the cube root", 12.0f)
FLOAT1(exp, "e to the power of x", 9.0f)
FLOAT1(expm1, "exp(x) - 1, exact near 0", 12.0f)
FLOAT1(log, "the natural logarithm", 12.0f)
FLOAT1(log2, "the logarithm to base 2", 12.0f)
FLOAT1(log10, "the logarithm to base 10", 12.0f)
FLOAT1(log1p, "log(1 + x), exact near 0", 14.0f)
FLOAT1(sin, "the sine of radians", 15.0f)
FLOAT1(cos, "the cosine of radians", 15.0f)
FLOAT1(tan, "the tangent of radians", 25.0f)
FLOAT1(arcsin, "the inverse sine, in radians", 15.0f)
FLOAT1(arccos, "the inverse cosine, in radians", 15.0f)
FLOAT1(arctan, "the inverse tangent, in radians", 15.0f)
FLOAT2(arctan2, "y, x", "the angle of the point (x, y), in radians", 26.0f)
FLOAT1(sinh, "the hyperbolic sine", 20.0f)
FLOAT1(cosh, "the hyperbolic cosine", 20.0f)
FLOAT1(tanh, "the hyperbolic tangent", 20.0f)
FLOAT1(arcsinh, "the inverse hyperbolic sine", 20.0f)
FLOAT1(arccosh, "the inverse hyperbolic cosine", 20.0f)
FLOAT1(arctanh, "the inverse hyperbolic tangent", 20.0f)
FLOAT2(hypot, "x, y", "sqrt(x*x + y*y) without overflow on the way", 18.0f)
FLOAT1(degrees, "radians to degrees: x * (180 / pi)", 0.7f)
FLOAT1(radians, "degrees to radians: x * (pi / 180)", 0.7f)
FUNCTION("mod", "mod(x, y) -> int64 or float64", "the operator %: the remainder with the sign of y",
         "math", .rule = CN_RULE_MOD, .min_args = 2, .max_args = 2, .cost = 8.0f)
FLOAT2(fmod, "x, y", "the remainder with the sign of x, as in C", 14.0f)
FLOAT2(copysign, "x, y", "x with the sign of y", 0.7f)
FLOAT2(nextafter, "x, y", "the next float64 behind x on the way to y", 4.0f)
/* rounding */
KEEP(floor, "rounding", "down to an integer", cn_pos_i64, NULL)
KEEP(ceil, "rounding", "up to an integer", cn_pos_i64, NULL)
FUNCTION("round", "round(x[, digits]) -> int64 or float64, as x",
         "to so many decimal places (0), half to even on the exact value", "rounding",
         .rule = CN_RULE_ROUND, .min_args = 1, .max_args = 2, .f64 = cn_round_f64,
         .i64 = cn_pos_i64, .cost = 10.0f)
KEEP(trunc, "rounding", "towards zero to an integer", cn_pos_i64, NULL)
FUNCTION("minimum", "minimum(x, y, ...) -> the type of all arguments",
         "the least; NaN if one is NaN, null if one is null", "math", .rule = CN_RULE_EXTREME,
         .min_args = 2, .max_args = CN_ARGS_ANY, .f64 = cn_minimum_f64, .i64 = cn_minimum_i64,
         .boolean = cn_and_bool, .text = cn_le_str, .cost = 1.0f)
FUNCTION("maximum", "maximum(x, y, ...) -> the type of all arguments",
         "the greatest; NaN if one is NaN, null if one is null", "math", .rule = CN_RULE_EXTREME,
         .min_args = 2, .max_args = CN_ARGS_ANY, .f64 = cn_maximum_f64, .i64 = cn_maximum_i64,
         .boolean = cn_or_bool, .text = cn_ge_str, .cost = 1.0f)
FUNCTION("clip", "clip(x, low, high) -> int64 or float64",
         "minimum(maximum(x, low), high); a bound that is None does not apply", "math",
         .rule = CN_RULE_CLIP, .min_args = 3, .max_args = 3, .cost = 2.0f)
/* logic */
FUNCTION("where", "where(condition, x, y) -> the type of x and y",
         "x where the condition is True, y where it is False", "logic", .rule = CN_RULE_WHERE,
         .min_args = 3, .max_args = 3, .cost = 1.0f)
FUNCTION("coalesce", "coalesce(x, ...) -> the type of all arguments",
         "the first argument that is not null", "logic", .rule = CN_RULE_COALESCE, .min_args = 1,
         .max_args = CN_ARGS_ANY, .cost = 1.0f)
FUNCTION("is_null", "is_null(x) -> bool", "whether x is null; never null itself", "logic",
         .rule = CN_RULE_IS_NULL, .min_args = 1, .max_args = 1, .cost = 0.2f)
FLOAT_TEST(isnan, "whether x is NaN (null stays null)")
FLOAT_TEST(isinf, "whether x is infinite")
FLOAT_TEST(isfinite, "whether x is neither NaN nor infinite")
/* conversion */
CONVERT(int, "int64", CN_TYPE_INT64, "to an integer: floats towards zero, texts in decimal")
CONVERT(float, "float64", CN_TYPE_FLOAT64, "to a float, texts as Python's float() reads them")
CONVERT(bool, "bool", CN_TYPE_BOOL, "False for 0 and the empty string, else True")
CONVERT(str, "string", CN_TYPE_STRING, "the text that Python's str() gives")
/* text */
TEXT(lower, "in lower case")
TEXT(upper, "in upper case")
FUNCTION("length", "length(s) -> int64", "how many characters", "text", .rule = CN_RULE_LENGTH,
         .min_args = 1, .max_args = 1, .text = cn_length_str, .cost = 4.0f)
TEXT(trim, "without white space at both ends")
FUNCTION("substr", "substr(s, start[, count]) -> string",
         "count characters from start (0 is the first, -1 the last) on", "text",
         .rule = CN_RULE_SUBSTR, .min_args = 2, .max_args = 3, .text = cn_substr_str, .cost = 8.0f)
FUNCTION("concat", "concat(x, ...) -> string", "the texts of all arguments joined", "text",
         .rule = CN_RULE_CONCAT, .min_args = 1, .max_args = CN_ARGS_ANY, .cost = 15.0f)
TEXT_TEST(starts_with, "whether s begins with t")
TEXT_TEST(ends_with, "whether s ends with t")
TEXT_TEST(contains, "whether t occurs in s")
FUNCTION("replace", "replace(s, old, new) -> string", "s with every old replaced by new", "text",
         .rule = CN_RULE_REPLACE, .min_args = 3, .max_args = 3, .text = cn_replace_str,
         .cost = 40.0f)
/* row hashes */
HASH(md5, CN_DIGEST_MD5, "string", "MD5 of the row's text", 90.0f)
HASH(sha1, CN_DIGEST_SHA1, "string", "SHA-1 of the row's text", 200.0f)
HASH(sha256, CN_DIGEST_SHA256, "string", "SHA-256 of the row's text", 120.0f)
HASH(sha512, CN_DIGEST_SHA512, "string", "SHA-512 of the row's text", 400.0f)
HASH(sha3_256, CN_DIGEST_SHA3_256, "string", "SHA3-256 of the row's text", 500.0f)
HASH(blake2b512, CN_DIGEST_BLAKE2B512, "string", "BLAKE2b-512 of the row's text", 400.0f)
HASH(xxh64, CN_DIGEST_XXH64, "string, or int64 with as='int64'",
     "XXH64 (seed 0) of the row's text; not cryptographic", 20.0f)
HASH(xxh3_64, CN_DIGEST_XXH3_64, "string, or int64 with as='int64'",
     "XXH3-64 (seed 0) of the row's text; not cryptographic", 20.0f)
FUNCTION("hmac_sha256", HASH_SIGNATURE(hmac_sha256, ", key='NAME'") " -> string",
         "HMAC-SHA-256 of the row's text under a key that the server holds", "hash",
         .rule = CN_RULE_HASH, .min_args = 1, .max_args = CN_ARGS_ANY,
         .digest = CN_DIGEST_HMAC_SHA256, .cost = 700.0f)
