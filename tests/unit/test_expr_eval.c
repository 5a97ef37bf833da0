/* Values of expressions: operators, functions, nulls and failures. */
#include "tests/unit/expr_helpers.h"

static void arithmetic(void **state) {
    (void)state;
    gives("i + j", "int64 9|-5|-3|null");
    gives("i - 1", "int64 6|-8|-1|2");
    gives("i * j", "int64 14|-14|0|null");
    gives("i / j", "float64 3.5|-3.5|-0.0|null");
    gives("i // j", "int64 3|-4|0|null");
    gives("i % j", "int64 1|1|0|null");
    gives("x + y", "float64 2.0|2.0|1e+300|null");
    gives("x * 2", "float64 3.0|-0.0|2e+300|4.0");
    gives("i + x", "float64 8.5|-7.0|1e+300|5.0");
    gives("x // y", "float64 3.0|-0.0|-1e+300|null");
    gives("x / 0", "float64 inf|nan|inf|inf");
    gives("p + q", "int64 2|1|1|null");
    gives("p / 2", "float64 0.5|0.0|0.5|0.0");
    gives("-i", "int64 -7|7|0|-3");
    gives("-p", "int64 -1|0|-1|0");
    gives("+p", "int64 1|0|1|0");
    gives("-x", "float64 -1.5|0.0|-1e+300|-2.0");
    gives("- - i", "int64 7|-7|0|3");
    gives("1 - 2 - 3", "int64 -4|-4|-4|-4");
    gives("(i - j) / (x + y) ** 2", "float64 1.25|-2.25|0.0|null");
    gives("-9223372036854775808", "int64 -9223372036854775808|-9223372036854775808|"
                                  "-9223372036854775808|-9223372036854775808");
    gives("0x_ff + 0o17 + 0b1_0 + 1_000", "int64 1272|1272|1272|1272");
    gives("i + i + i + i", "int64 28|-28|0|12");
}

static void powers(void **state) {
    (void)state;
    gives("i ** 2", "int64 49|49|0|9");
    gives("i ** 3", "int64 343|-343|0|27");
    gives("i ** 1", "int64 7|-7|0|3");
    gives("i ** 0", "int64 1|1|1|1");
    gives("i ** +2", "int64 49|49|0|9");
    gives("p ** 2", "int64 1|0|1|0");
    gives("i ** -1", "float64 0.14285714285714285|-0.14285714285714285|inf|"
                     "0.3333333333333333");
    gives("i ** 2.0", "float64 49.0|49.0|0.0|9.0");
    gives("i ** j", "float64 49.0|49.0|inf|null");
    gives("x ** 2", "float64 2.25|0.0|inf|4.0");
    gives("x ** 0", "float64 1.0|1.0|1.0|1.0");
    gives("y ** -0.0", "float64 1.0|1.0|1.0|null");
    gives("(x * 0 / 0) ** 0", "float64 1.0|1.0|1.0|1.0");
    gives("y ** 0.5", "float64 0.7071067811865476|1.4142135623730951|nan|null");
    gives("2 ** 3 ** 2", "float64 512.0|512.0|512.0|512.0");
    gives("(2 ** 3) ** 2", "int64 64|64|64|64");
    gives("-2 ** 2", "int64 -4|-4|-4|-4");
    gives("(-2) ** 2", "int64 4|4|4|4");
    gives("y ** 3", "float64 0.125|8.0|-1.0|null");
    gives("None ** 2", "int64 null|null|null|null");
}

static void bits(void **state) {
    (void)state;
    gives("i & 3", "int64 3|1|0|3");
    gives("i | 8", "int64 15|-7|8|11");
    gives("i ^ 1", "int64 6|-8|1|2");
    gives("~i", "int64 -8|6|-1|-4");
    gives("~p", "bool False|True|False|True");
    gives("p & q", "bool True|False|False|null");
    gives("p | q", "bool True|True|True|null");
    gives("p ^ q", "bool False|True|True|null");
    gives("p & i", "int64 1|0|0|0");
    gives("i << 2", "int64 28|-28|0|12");
    gives("i >> 1", "int64 3|-4|0|1");
    gives("1 << 63", "int64 -9223372036854775808|-9223372036854775808|"
                     "-9223372036854775808|-9223372036854775808");
    fails_in_row("i << 64", CN_INTEGER_OUT_OF_RANGE, 2, 0);
    fails_in_row("1 >> j", CN_INTEGER_OUT_OF_RANGE, 2, 2);
}

static void comparisons(void **state) {
    (void)state;
    gives("i < j", "bool False|True|False|null");
    gives("i >= x", "bool True|False|False|True");
    gives("p == 1", "bool True|False|True|False");
    gives("p < q", "bool False|True|False|null");
    gives("s == 'hello'", "bool True|False|False|False");
    gives("s < t", "bool True|True|False|null");
    gives("x != x", "bool False|False|False|False");
    gives("0 < i < 7", "bool False|False|False|True");
    gives("0 < i <= 7 < 8.5", "bool True|False|False|True");
    gives("-8 < i < j", "bool False|True|False|null");
    gives("None == 1", "bool null|null|null|null");
    gives("not i == 3", "bool True|True|True|False");
    gives("(i < j) == q", "bool False|True|True|null");
}

static void logic(void **state) {
    (void)state;
    gives("p and q", "bool True|False|False|False");
    gives("p or q", "bool True|True|True|null");
    gives("not q", "bool False|False|True|null");
    gives("q and nul", "bool null|null|False|null");
    gives("nul or q", "bool True|True|null|null");
    gives("p and q and i > 0", "bool True|False|False|False");
    gives("None and None", "bool null|null|null|null");
    gives("not None", "bool null|null|null|null");
}

static void conditionals(void **state) {
    (void)state;
    gives("i if p else j", "int64 7|2|0|null");
    gives("i if q else x", "float64 7.0|-7.0|1e+300|null");
    gives("'a' if i > 0 else 'b' if i < 0 else 'c'", "string a|b|c|a");
    gives("where(p, s, t)", "string hello|x|\xc3\x84pfel|null");
    gives("where(None, 1, 2)", "int64 null|null|null|null");
    gives("None if p else None", "null null|null|null|null");
    gives("None if p else 1", "int64 null|1|null|1");
    gives("p if q else p", "bool True|False|True|null");
    gives("coalesce(j, 5)", "int64 2|2|-3|5");
    gives("coalesce(nul, y, i)", "float64 0.5|2.0|-1.0|3.0");
    gives("coalesce(t, 'none')", "string l|x|pf|none");
    gives("coalesce(q, True)", "bool True|True|False|True");
    gives("coalesce(None)", "null null|null|null|null");
    gives("is_null(j)", "bool False|False|False|True");
    gives("is_null(i)", "bool False|False|False|False");
    gives("is_null(nul)", "bool True|True|True|True");
}

static void choices_hide_failures(void **state) {
    (void)state;
    gives("10 // i if i != 0 else 0", "int64 1|-2|0|3");
    gives("where(i == 0, 0, 10 // i)", "int64 1|-2|0|3");
    gives("i != 0 and 10 // i > 0", "bool True|False|False|True");
    gives("i == 0 or 10 // i > 0", "bool True|False|True|True");
    gives("coalesce(i, 1 // 0)", "int64 7|-7|0|3");
    gives("0 < i < 100 // i", "bool True|False|False|True");
    fails_in_row("10 // i > 0 and i != 0", CN_DIVISION_BY_ZERO, 3, 2);
    fails_in_row("coalesce(nul, 1 // i)", CN_DIVISION_BY_ZERO, 16, 2);
    fails_in_row("q and 1 // (i - 3) > 0", CN_DIVISION_BY_ZERO, 8, 3);
    /* A null operand: nothing is computed, so nothing fails. */
    gives("j // (j - 99)", "int64 -1|-1|0|null");
    gives("None // 0", "int64 null|null|null|null");
    fails_in_row("(1 // i) + nul", CN_DIVISION_BY_ZERO, 3, 2);
    fails_in_row("is_null(1 // i)", CN_DIVISION_BY_ZERO, 10, 2);
}

static void overflow(void **state) {
    (void)state;
    fails_in_row("i + 9223372036854775807", CN_INTEGER_OVERFLOW, 2, 0);
    fails_in_row("i - 9223372036854775807", CN_INTEGER_OVERFLOW, 2, 1);
    fails_in_row("-(i * 0 - 9223372036854775807 - 1)", CN_INTEGER_OVERFLOW, 0, 0);
    fails_in_row("abs(-9223372036854775808 * 1)", CN_INTEGER_OVERFLOW, 0, 0);
    fails_in_row("(i - i - 9223372036854775807 - 1) // -1", CN_INTEGER_OVERFLOW, 34, 0);
    fails_in_row("i ** 100", CN_INTEGER_OVERFLOW, 2, 0);
    gives("(i - i - 9223372036854775807 - 1) % -1", "int64 0|0|0|0");
    struct cn_compile_options wrap = default_options();
    wrap.wrap_overflow = true;
    gives_at("9223372036854775807 + p",
             "int64 -9223372036854775808|9223372036854775807|"
             "-9223372036854775808|9223372036854775807",
             &wrap, __FILE__, __LINE__);
    gives_at("-(0 * i - 9223372036854775807 - 1) // -1",
             "int64 -9223372036854775808|-9223372036854775808|-9223372036854775808|"
             "-9223372036854775808",
             &wrap, __FILE__, __LINE__);
    gives_at("abs(p - 9223372036854775807 - 2)",
             "int64 -9223372036854775808|9223372036854775807|-9223372036854775808|"
             "9223372036854775807",
             &wrap, __FILE__, __LINE__);
    gives_at("i ** 64",
             "int64 1843124298495784449|1843124298495784449|0|"
             "8733086111712066817",
             &wrap, __FILE__, __LINE__);
}

static void rounding(void **state) {
    (void)state;
    gives("round(i)", "int64 7|-7|0|3");
    gives("round(y)", "float64 0.0|2.0|-1.0|null");
    gives("round(i, -1)", "int64 10|-10|0|0");
    gives("round(2.675, 2)", "float64 2.67|2.67|2.67|2.67");
    gives("round(x, j)", "float64 1.5|-0.0|1e+300|null");
    gives("round(None)", "null null|null|null|null");
    gives("round(None, 2)", "null null|null|null|null");
    gives("floor(x)", "float64 1.0|-0.0|1e+300|2.0");
    gives("ceil(p)", "int64 1|0|1|0");
    gives("trunc(-1.5)", "float64 -1.0|-1.0|-1.0|-1.0");
    gives("sign(i)", "int64 1|-1|0|1");
    gives("abs(i)", "int64 7|7|0|3");
    gives("abs(x)", "float64 1.5|0.0|1e+300|2.0");
    fails_in_row("round(1.7e308, -308)", CN_NOT_FINITE, 0, 0);
    fails_in_row("round(9223372036854775807, -1)", CN_INTEGER_OVERFLOW, 0, 0);
}

static void functions(void **state) {
    (void)state;
    gives("sqrt(y)", "float64 0.7071067811865476|1.4142135623730951|nan|null");
    gives("minimum(i, j)", "int64 2|-7|-3|null");
    gives("maximum(i, x, 2)", "float64 7.0|2.0|1e+300|3.0");
    gives("maximum(s, t)", "string l|x|\xc3\x84pfel|null");
    gives("minimum(s, 'k', t)", "string hello||k|null");
    gives("minimum(p, q)", "bool True|False|False|null");
    gives("maximum(x * 0 / 0, 1)", "float64 nan|nan|nan|nan");
    gives("clip(i, -2, 5)", "int64 5|-2|0|3");
    gives("clip(i, None, 5)", "int64 5|-7|0|3");
    gives("clip(i, 1, None)", "int64 7|1|1|3");
    gives("clip(x, None, None)", "float64 1.5|-0.0|1e+300|2.0");
    gives("clip(i, nul, 5)", "int64 null|null|null|null");
    gives("mod(i, j)", "int64 1|1|0|null");
    gives("fmod(i, j)", "float64 1.0|-1.0|0.0|null");
    gives("copysign(i, y)", "float64 7.0|7.0|-0.0|null");
    gives("hypot(3, 4)", "float64 5.0|5.0|5.0|5.0");
    gives("isnan(x / x)", "bool False|True|False|False");
    gives("isinf(1 / i)", "bool False|False|True|False");
    gives("isfinite(y)", "bool True|True|True|null");
    gives("degrees(3.141592653589793)", "float64 180.0|180.0|180.0|180.0");
    gives("log2(8)", "float64 3.0|3.0|3.0|3.0");
    gives("sqrt(None)", "float64 null|null|null|null");
}

static void conversions(void **state) {
    (void)state;
    gives("int(y)", "int64 0|2|-1|null");
    gives("int(p)", "int64 1|0|1|0");
    gives("float(i)", "float64 7.0|-7.0|0.0|3.0");
    gives("float('nan')", "float64 nan|nan|nan|nan");
    gives("float(' -inf ')", "float64 -inf|-inf|-inf|-inf");
    gives("bool(i)", "bool True|True|False|True");
    gives("bool(s)", "bool True|False|True|True");
    gives("bool(x)", "bool True|False|True|True");
    gives("str(x)", "string 1.5|-0.0|1e+300|2.0");
    gives("str(q)", "string True|True|False|null");
    gives("str(i)", "string 7|-7|0|3");
    gives("int(None)", "int64 null|null|null|null");
    fails_in_row("int(x)", CN_INTEGER_OUT_OF_RANGE, 0, 2);
    fails_in_row("int(s)", CN_INVALID_VALUE, 0, 0);
    fails_in_row("int('99999999999999999999')", CN_INTEGER_OUT_OF_RANGE, 0, 0);
    fails_in_row("1 + float(t)", CN_INVALID_VALUE, 4, 0);
    struct cn_compile_options null = default_options();
    null.null_on_error = true;
    gives_at("int(s)", "int64 null|null|null|12", &null, __FILE__, __LINE__);
}

static void texts(void **state) {
    (void)state;
    gives("s + t", "string hellol|x|\xc3\x84pfelpf|null");
    gives("length(s)", "int64 5|0|5|4");
    gives("lower(s)", "string hello||\xc3\xa4pfel| 12 ");
    gives("upper(t)", "string L|X|PF|null");
    gives("trim(s)", "string hello||\xc3\x84pfel|12");
    gives("substr(s, 1)", "string ello||pfel|12 ");
    gives("substr(s, 1, 2)", "string el||pf|12");
    gives("substr(s, -3, 2)", "string ll||fe|12");
    gives("substr(s, 0, abs(j))", "string he||\xc3\x84pf|null");
    gives("concat(s, i, p, x)", "string hello7True1.5|-7False-0.0|"
                                "\xc3\x84pfel0True1e+300| 12 3False2.0");
    gives("concat(None, s)", "string null|null|null|null");
    gives("starts_with(s, 'h')", "bool True|False|False|False");
    gives("ends_with(s, t)", "bool False|False|False|null");
    gives("contains(s, t)", "bool True|False|True|null");
    gives("replace(s, 'l', 'LL')", "string heLLLLo||\xc3\x84pfeLL| 12 ");
    gives("'a\\x41\\u00e9' 'b'", "string aA\xc3\xa9"
                                 "b|aA\xc3\xa9"
                                 "b|aA\xc3\xa9"
                                 "b|aA\xc3\xa9"
                                 "b");
    fails_in_row("substr(s, 0, j)", CN_INVALID_VALUE, 0, 2);
    gives("s + None", "string null|null|null|null");
}
static void nulls_alone(void **state) {
    (void)state;
    gives("nul", "null null|null|null|null");
    gives("None", "null null|null|null|null");
    gives("nul + None", "null null|null|null|null");
    gives("nul + 1", "int64 null|null|null|null");
    gives("nul + 's'", "string null|null|null|null");
    gives("nul / 2", "float64 null|null|null|null");
    gives("-nul", "null null|null|null|null");
    gives("~nul", "null null|null|null|null");
    gives("nul & True", "bool null|null|null|null");
    gives("lower(nul)", "string null|null|null|null");
    gives("minimum(nul, None)", "null null|null|null|null");
    gives("abs(nul)", "null null|null|null|null");
}

static void lets_build_on_lets(void **state) {
    (void)state;
    char text[256];
    struct run run;
    struct cn_compile_options options = default_options();
    run_lets(&run, "a=i + 1\nb=a * 2\ni=b - a\nc=i\nd=7", &options);
    assert_int_equal(run.code, CN_OK);
    vector_text(&run.outputs[1], text, sizeof text);
    assert_string_equal(text, "16|-12|2|8");
    vector_text(&run.outputs[3], text, sizeof text);
    assert_string_equal(text, "8|-6|1|4");
    vector_text(&run.outputs[4], text, sizeof text);
    assert_string_equal(text, "7|7|7|7");
    assert_true(cn_program_row_cost(run.program) > 0);
    run_release(&run);
}

static void the_lowest_row_is_reported(void **state) {
    (void)state;
    struct run run;
    struct cn_compile_options options = default_options();
    run_lets(&run, "a=1 // i\nb=1 // (i + 7)\nc=1 // (i + 7)", &options);
    assert_int_equal(run.code, CN_DIVISION_BY_ZERO);
    assert_int_equal(run.error.row, 1);
    assert_int_equal(run.error.let, 1);
    assert_int_equal(run.error.position, 2);
    assert_string_equal(run.error.column, "b");
    run_release(&run);
    run_lets(&run, "a=int(s)", &options);
    assert_string_equal(run.error.value, "hello");
    run_release(&run);
}

static void errors_become_nulls(void **state) {
    (void)state;
    char text[256];
    struct run run;
    struct cn_compile_options options = default_options();
    options.null_on_error = true;
    run_lets(&run, "a=1 // i\nb=a + 1\nc=a // i\nd=coalesce(a, -1)", &options);
    assert_int_equal(run.code, CN_OK);
    vector_text(&run.outputs[0], text, sizeof text);
    assert_string_equal(text, "0|-1|null|0");
    vector_text(&run.outputs[3], text, sizeof text);
    assert_string_equal(text, "0|-1|-1|0");
    assert_int_equal(run.failed[0], 1);
    assert_int_equal(run.failed[1], 0);
    assert_int_equal(run.failed[2], 0);
    run_release(&run);
}

static void unwanted_lets_are_left_out(void **state) {
    (void)state;
    struct run run;
    struct cn_compile_options options = default_options();
    const bool wanted[3] = {false, false, true};
    options.wanted = wanted;
    run_lets(&run, "a=1 // 0\nb=i * 2\nc=b + 1", &options);
    assert_int_equal(run.code, CN_OK);
    size_t n;
    const struct cn_program_input *inputs = cn_program_inputs(run.program, &n);
    assert_int_equal(n, 1);
    assert_int_equal(inputs[0].column, 0);
    assert_int_equal(cn_program_output_type(run.program, 0), CN_TYPE_INT64);
    char text[256];
    vector_text(&run.outputs[2], text, sizeof text);
    assert_string_equal(text, "15|-13|1|7");
    run_release(&run);
}

/* More constants than are kept, so that some are filled when they are used. */
static void many_constants(void **state) {
    (void)state;
    char sum[4096] = "i";
    char text[4096] = "s";
    int64_t total = 0;
    for (int k = 1; k <= 150; k++) {
        size_t at = strlen(sum);
        snprintf(sum + at, sizeof sum - at, " + %d", k);
        at = strlen(text);
        snprintf(text + at, sizeof text - at, " + '%d'", k % 10);
        total += k;
    }
    char expected[128];
    snprintf(expected, sizeof expected, "int64 %d|%d|%d|%d", (int)total + 7, (int)total - 7,
             (int)total, (int)total + 3);
    gives(sum, expected);
    struct cn_compile_options options = default_options();
    struct run run;
    char let[4200];
    snprintf(let, sizeof let, "r=%s", text);
    run_lets(&run, let, &options);
    assert_int_equal(run.code, CN_OK);
    const struct cn_str *values = run.outputs[0].values;
    assert_int_equal(values[0].len, 155);
    run_release(&run);
}

static void texts_have_a_bound(void **state) {
    (void)state;
    char lets[2048] = "a0=s + 'x'";
    for (int k = 1; k < 40; k++) {
        size_t at = strlen(lets);
        snprintf(lets + at, sizeof lets - at, "\na%d=a%d + a%d", k, k - 1, k - 1);
    }
    struct cn_compile_options options = default_options();
    struct run run;
    run_lets(&run, lets, &options);
    assert_int_equal(run.code, CN_LIMIT_EXCEEDED);
    run_release(&run);
}

static void blocks_are_independent(void **state) {
    (void)state;
    struct run run;
    struct cn_compile_options options = default_options();
    options.null_on_error = true;
    run_lets(&run, "a=1 // i\nb=j + 1", &options);
    assert_int_equal(run.code, CN_OK);
    /* The same program again, on rows without nulls and failures, then on no rows. */
    static const int64_t ones[ROWS] = {1, 1, 1, 1};
    struct cn_vector inputs[2] = {{CN_TYPE_INT64, ones, NULL}, {CN_TYPE_INT64, ones, NULL}};
    assert_int_equal(cn_eval_block(run.eval, inputs, ROWS, run.outputs, run.failed, 0, NULL, NULL),
                     CN_OK);
    char text[128];
    vector_text(&run.outputs[0], text, sizeof text);
    assert_string_equal(text, "1|1|1|1");
    vector_text(&run.outputs[1], text, sizeof text);
    assert_string_equal(text, "2|2|2|2");
    assert_int_equal(run.failed[0], 1);
    assert_int_equal(cn_eval_block(run.eval, inputs, 0, run.outputs, NULL, 0, NULL, NULL), CN_OK);
    run_release(&run);
}

#define LONG_ROWS 1000

/* Values of the columns i, j, x, y, p (schema_columns) that repeat after other numbers of rows than
 * a strip has; every eleventh row of j and y is null. */
struct long_rows {
    int64_t integer[LONG_ROWS];
    double real[LONG_ROWS];
    uint8_t boolean[LONG_ROWS], nulls[LONG_ROWS];
};

static void fill_long(struct long_rows *rows) {
    for (size_t i = 0; i < LONG_ROWS; i++) {
        rows->integer[i] = (int64_t)(i * 37 % 211) - 100;
        rows->real[i] = (double)(i * 53 % 307) / 8 - 15;
        rows->boolean[i] = i % 3 == 0;
        rows->nulls[i] = i % 11 == 0;
    }
}

static struct cn_vector long_vector(const struct long_rows *rows, uint32_t column, size_t first) {
    bool null = column == 1 || column == 3;
    enum cn_type type = schema_columns[column].type;
    const void *values = type == CN_TYPE_INT64     ? (const void *)(rows->integer + first)
                         : type == CN_TYPE_FLOAT64 ? (const void *)(rows->real + first)
                                                   : (const void *)(rows->boolean + first);
    return (struct cn_vector){type, values, null ? rows->nulls + first : NULL};
}

static void copy_row(const struct cn_vector *vector, size_t row, char text[64]) {
    static const char *const bools[] = {"False", "True"};
    if (vector->nulls != NULL && vector->nulls[row])
        snprintf(text, 64, "null");
    else if (vector->type == CN_TYPE_FLOAT64)
        snprintf(text, 64, "%a", ((const double *)vector->values)[row]);
    else if (vector->type == CN_TYPE_INT64)
        snprintf(text, 64, "%lld", (long long)((const int64_t *)vector->values)[row]);
    else
        snprintf(text, 64, "%s", bools[((const uint8_t *)vector->values)[row]]);
}

/* A block of any length gives what its rows give one by one. */
static void long_blocks_are_their_rows(void **state) {
    (void)state;
    static const char lets[] = "a=(x - y) / (x + y) ** 2\nb=x * 2 + i - 3\nc=a > b or p\n"
                               "d=i // j + 1\ne=where(c, a, b) * x + x * x - x / 3 + a * a - b\n"
                               "f=i + j * i - i * 2\ng=x < y";
    static const size_t lengths[] = {0, 1, 127, 128, 129, 256, 300, LONG_ROWS};
    static struct long_rows rows;
    struct cn_compile_options options = default_options();
    struct run run;
    size_t n;
    fill_long(&rows);
    options.null_on_error = true;
    run_lets(&run, lets, &options);
    assert_int_equal(run.code, CN_OK);
    const struct cn_program_input *inputs = cn_program_inputs(run.program, &n);
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        static char texts[7][LONG_ROWS][64];
        struct cn_vector vectors[8];
        size_t first = l * 3 % 7, length = lengths[l] - (lengths[l] == LONG_ROWS ? first : 0);
        for (size_t i = 0; i < n; i++)
            vectors[i] = long_vector(&rows, inputs[i].column, first);
        assert_int_equal(
            cn_eval_block(run.eval, vectors, length, run.outputs, NULL, 0, NULL, &run.error),
            CN_OK);
        for (size_t let = 0; let < 7; let++)
            for (size_t row = 0; row < length; row++)
                copy_row(&run.outputs[let], row, texts[let][row]);
        for (size_t row = 0; row < length; row++) {
            for (size_t i = 0; i < n; i++)
                vectors[i] = long_vector(&rows, inputs[i].column, first + row);
            assert_int_equal(cn_eval_row(run.eval, vectors, run.outputs, NULL, NULL, &run.error),
                             CN_OK);
            for (size_t let = 0; let < 7; let++) {
                char text[64];
                copy_row(&run.outputs[let], 0, text);
                assert_string_equal(texts[let][row], text);
            }
        }
    }
    run_release(&run);
}

/* What became of a lock during an evaluation: "-+-+", given up and taken twice. */
struct lock_log {
    char text[128];
    size_t len;
    bool held;
};

static void give(void *context) {
    struct lock_log *log = context;
    assert_true(log->held);
    log->held = false;
    log->text[log->len++] = '-';
}

static void take(void *context) {
    struct lock_log *log = context;
    assert_false(log->held);
    log->held = true;
    log->text[log->len++] = '+';
}

static void lock_goes(const char *lets, const char *expected) {
    struct cn_vector inputs[64];
    struct lock_log log = {.held = true};
    const struct cn_eval_lock lock = {give, take, &log};
    struct run run;
    struct cn_compile_options options = default_options();
    run_lets(&run, lets, &options);
    assert_int_equal(run.code, CN_OK);
    run_inputs(&run, inputs);
    cn_eval_share(run.eval, &lock);
    assert_int_equal(cn_eval_block(run.eval, inputs, ROWS, run.outputs, NULL, 0, NULL, NULL),
                     CN_OK);
    assert_true(log.held);
    assert_string_equal(log.text, expected);
    log = (struct lock_log){.held = true};
    assert_int_equal(cn_eval_row(run.eval, inputs, run.outputs, NULL, NULL, NULL), CN_OK);
    cn_eval_share(run.eval, NULL);
    assert_int_equal(cn_eval_block(run.eval, inputs, ROWS, run.outputs, NULL, 0, NULL, NULL),
                     CN_OK);
    assert_string_equal(log.text, "");
    run_release(&run);
}

static void numbers_give_the_lock_up(void **state) {
    (void)state;
    lock_goes("r=(x - y) / (x + y) ** 2", "-+");
    lock_goes("r=md5(x, y)\nk=sha1(s)", "");
    lock_goes("r=md5(x + 1, y)\nq=x * 2", "-+-+");
    lock_goes("r=upper(s) + t\nn=length(s)", "");
    lock_goes("r=x\nq='text'", "");
    /* it is back after a failure, too */
    struct cn_vector inputs[64];
    struct lock_log log = {.held = true};
    const struct cn_eval_lock lock = {give, take, &log};
    struct run run;
    struct cn_compile_options options = default_options();
    run_lets(&run, "r=1 // i", &options);
    assert_int_equal(run.code, CN_DIVISION_BY_ZERO);
    run_inputs(&run, inputs);
    cn_eval_share(run.eval, &lock);
    assert_int_equal(cn_eval_block(run.eval, inputs, ROWS, run.outputs, NULL, 0, NULL, NULL),
                     CN_DIVISION_BY_ZERO);
    assert_true(log.held);
    atomic_int stop = 1;
    cn_eval_watch(run.eval, &stop, 0);
    assert_int_equal(cn_eval_block(run.eval, inputs, ROWS, run.outputs, NULL, 0, NULL, NULL),
                     CN_CANCELLED);
    assert_true(log.held);
    run_release(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic),
        cmocka_unit_test(powers),
        cmocka_unit_test(bits),
        cmocka_unit_test(comparisons),
        cmocka_unit_test(logic),
        cmocka_unit_test(conditionals),
        cmocka_unit_test(choices_hide_failures),
        cmocka_unit_test(overflow),
        cmocka_unit_test(rounding),
        cmocka_unit_test(functions),
        cmocka_unit_test(conversions),
        cmocka_unit_test(texts),
        cmocka_unit_test(nulls_alone),
        cmocka_unit_test(lets_build_on_lets),
        cmocka_unit_test(the_lowest_row_is_reported),
        cmocka_unit_test(errors_become_nulls),
        cmocka_unit_test(unwanted_lets_are_left_out),
        cmocka_unit_test(many_constants),
        cmocka_unit_test(texts_have_a_bound),
        cmocka_unit_test(blocks_are_independent),
        cmocka_unit_test(long_blocks_are_their_rows),
        cmocka_unit_test(numbers_give_the_lock_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
