/* The parser and the canonical form: precedence, round trips, errors with positions, limits. */
#include "tests/unit/expr_helpers.h"

/* The canonical form of an expression, or "error N". */
static void canonical(const char *text, const struct cn_expr_limits *bounds, char *out,
                      size_t size) {
    struct cn_let let = {CN_STR("r"), cn_str_c(text)};
    struct cn_recipe *recipe;
    struct cn_error error;
    struct cn_buf buf = CN_BUF_INIT;
    cn_error_init(&error);
    if (cn_recipe_parse(&recipe, &let, 1, bounds, &error) != CN_OK) {
        snprintf(out, size, "error %d", (int)error.position);
        return;
    }
    assert_true(cn_recipe_print(recipe, 0, &buf));
    snprintf(out, size, "%.*s", (int)buf.len - 4, buf.data + 4); /* without "r = " */
    cn_buf_release(&buf);
    cn_recipe_free(recipe);
}

static void prints_at(const char *text, const char *expected, const char *file, int line) {
    char once[8192];
    char twice[8192];
    canonical(text, &limits, once, sizeof once);
    _assert_string_equal(once, expected, file, line);
    if (strncmp(once, "error", 5) == 0)
        return;
    canonical(once, &limits, twice, sizeof twice);
    _assert_string_equal(twice, once, file, line);
}
#define prints(text, expected) prints_at(text, expected, __FILE__, __LINE__)

static void precedence(void **state) {
    (void)state;
    prints("(a-b)/(c+d)**2", "(a - b) / (c + d) ** 2");
    prints("a+b*c", "a + b * c");
    prints("(a+b)*c", "(a + b) * c");
    prints("((a))", "a");
    prints("a-b-c", "a - b - c");
    prints("(a-b)-c", "a - b - c");
    prints("a-(b-c)", "a - (b - c)");
    prints("a*b/c//d%e", "a * b / c // d % e");
    prints("a*(b/c)", "a * (b / c)");
    prints("-a**b", "-a ** b");
    prints("(-a)**b", "(-a) ** b");
    prints("a**-b**c", "a ** -b ** c");
    prints("a**b**c", "a ** b ** c");
    prints("(a**b)**c", "(a ** b) ** c");
    prints("a**(b**c)", "a ** b ** c");
    prints("- -+~a", "--+~a");
    prints("-(a+b)", "-(a + b)");
    prints("~a*b", "~a * b");
    prints("~(a*b)", "~(a * b)");
    prints("a<<b+c", "a << b + c");
    prints("(a<<b)+c", "(a << b) + c");
    prints("a|b^c&d<<e", "a | b ^ c & d << e");
    prints("((a|b)^c)&d", "((a | b) ^ c) & d");
    prints("not a==b", "not a == b");
    prints("not not a", "not not a");
    prints("(not a)==b", "(not a) == b");
    prints("a or b and not c", "a or b and not c");
    prints("(a or b) and c", "(a or b) and c");
    prints("a and (b and c)", "a and (b and c)");
    prints("(a and b) and c", "a and b and c");
    prints("0<a<b", "0 < a < b");
    prints("(0<a)<b", "(0 < a) < b");
    prints("0<(a<b)", "0 < (a < b)");
    prints("a==b!=c>=d", "a == b != c >= d");
    prints("x if c else y", "x if c else y");
    prints("x if c else y if d else z", "x if c else y if d else z");
    prints("(x if c else y) if d else z", "(x if c else y) if d else z");
    prints("x if (c if d else e) else z", "x if (c if d else e) else z");
    prints("(x if c else y)+1", "(x if c else y) + 1");
    prints("-9223372036854775808", "-9223372036854775808");
    prints("(-9223372036854775808)**2", "(-9223372036854775808) ** 2");
    prints("2**-9223372036854775808", "2 ** -9223372036854775808");
    prints("a--9223372036854775808", "a - -9223372036854775808");
}

static void literals(void **state) {
    (void)state;
    prints("0x1F+1_000", "31 + 1000");
    prints("1e400", "1e999");
    prints("1e5+.5+1e-7", "100000.0 + 0.5 + 1e-07");
    prints("\"it's\"", "'it\\'s'");
    prints("'a' \"b\"\n'c'", "'abc'");
    prints("'\\\\ \\n\\t\\r\\x00\\x7f\\u00e9'", "'\\\\ \\n\\t\\r\\x00\\x7f\xc3\xa9'");
    prints("True and False==None", "True and False == None");
    prints("`odd name`+`a``b`+`and`+`plain`+``", "`odd name` + `a``b` + `and` + plain + ``");
}

static void calls(void **state) {
    (void)state;
    prints("md5( a,b )", "md5(a, b)");
    prints("md5(*)", "md5(*)");
    prints("md5(a,*,b+1)", "md5(a, *, b + 1)");
    prints("md5(a,b,)", "md5(a, b)");
    prints("md5(a,sep='|')", "md5(a, sep='|')");
    prints("xxh64(a,as='int64',null=None,sep='')", "xxh64(a, sep='', null=None, as='int64')");
    prints("sha256(a,frame='length',over='table',text='raw',null='-')",
           "sha256(a, text='raw', null='-', frame='length', over='table')");
    prints("hmac_sha256(a,key='main')", "hmac_sha256(a, key='main')");
    prints("round(x if c else y,2)", "round(x if c else y, 2)");
    prints("abs (x)", "abs(x)");
    prints("`abs`+abs", "abs + abs");
    prints("md5(md5(a,over='table'),over='table')", "md5(md5(a, over='table'), over='table')");
}

static void syntax_errors(void **state) {
    (void)state;
    fails("", CN_SYNTAX_ERROR, 0);
    fails("  ", CN_SYNTAX_ERROR, 0);
    fails("i +", CN_SYNTAX_ERROR, 3);
    fails("i j", CN_SYNTAX_ERROR, 2);
    fails("i * / j", CN_SYNTAX_ERROR, 4);
    fails("(i", CN_SYNTAX_ERROR, 2);
    fails("i)", CN_SYNTAX_ERROR, 1);
    fails("()", CN_SYNTAX_ERROR, 1);
    fails("(i, j)", CN_SYNTAX_ERROR, 2);
    fails("i = j", CN_SYNTAX_ERROR, 2);
    fails("i if p", CN_SYNTAX_ERROR, 6);
    fails("i if p else", CN_SYNTAX_ERROR, 11);
    fails("i == not p", CN_SYNTAX_ERROR, 5);
    fails("i is None", CN_SYNTAX_ERROR, 2);
    fails("s in t", CN_SYNTAX_ERROR, 2);
    fails("lambda x: x", CN_SYNTAX_ERROR, 0);
    fails("s.lower()", CN_SYNTAX_ERROR, 1);
    fails("s[0]", CN_SYNTAX_ERROR, 1);
    fails("i := 2", CN_SYNTAX_ERROR, 2);
    fails("abs(i", CN_SYNTAX_ERROR, 5);
    fails("abs(i j)", CN_SYNTAX_ERROR, 6);
    fails("abs(,)", CN_SYNTAX_ERROR, 4);
    fails("`abs`(i)", CN_SYNTAX_ERROR, 5);
    fails("abs(*)", CN_SYNTAX_ERROR, 4);
    fails("md5(*i)", CN_SYNTAX_ERROR, 5);
    fails("md5(sep='x', i)", CN_SYNTAX_ERROR, 13);
    fails("2(i)", CN_SYNTAX_ERROR, 1);
    fails("i\xff", CN_SYNTAX_ERROR, 1);
    fails("9223372036854775808", CN_INTEGER_OUT_OF_RANGE, 0);
    fails("i - 9223372036854775808", CN_INTEGER_OUT_OF_RANGE, 4);
    fails("-9223372036854775808 ** 2", CN_INTEGER_OUT_OF_RANGE, 1);
    fails("-(9223372036854775808)", CN_INTEGER_OUT_OF_RANGE, 2);
    fails("+9223372036854775808", CN_INTEGER_OUT_OF_RANGE, 1);
}

static void call_errors(void **state) {
    (void)state;
    fails("i + foo(i)", CN_UNKNOWN_FUNCTION, 4);
    fails("abs()", CN_TYPE_ERROR, 0);
    fails("i + abs(i, j)", CN_TYPE_ERROR, 4);
    fails("substr(s)", CN_TYPE_ERROR, 0);
    fails("minimum(i)", CN_TYPE_ERROR, 0);
    fails("abs(x=i)", CN_TYPE_ERROR, 4);
    fails("md5()", CN_TYPE_ERROR, 0);
    fails("md5(i, separator='x')", CN_TYPE_ERROR, 7);
    fails("md5(i, sep='x', sep='y')", CN_TYPE_ERROR, 16);
    fails("md5(i, sep=1)", CN_TYPE_ERROR, 11);
    fails("md5(i, sep=s)", CN_TYPE_ERROR, 11);
    fails("md5(i, null=1)", CN_TYPE_ERROR, 12);
    fails("md5(i, text='rare')", CN_TYPE_ERROR, 12);
    fails("md5(i, as='int64')", CN_TYPE_ERROR, 0);
    fails("md5(i, key='main')", CN_TYPE_ERROR, 7);
    fails("hmac_sha256(i)", CN_TYPE_ERROR, 0);
    fails("hmac_sha256(i, key='other')", CN_UNKNOWN_KEY, 19);
}

static enum cn_code parse_code(const char *text, const struct cn_expr_limits *bounds,
                               struct cn_error *error) {
    struct cn_let let = {CN_STR("r"), cn_str_c(text)};
    struct cn_recipe *recipe;
    cn_error_init(error);
    enum cn_code code = cn_recipe_parse(&recipe, &let, 1, bounds, error);
    cn_recipe_free(recipe);
    return code;
}

/* `inner` repeated n times in front of and behind a name. */
static void nested(char *out, size_t size, const char *before, const char *after, int n) {
    size_t at = 0;
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, size - at, "%s", before);
    at += (size_t)snprintf(out + at, size - at, "a");
    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, size - at, "%s", after);
}

static void depth_is_limited(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"(", ")"},       {"-", ""},
        {"not ", ""},     {"abs(", ")"},
        {"a ** ", ""},    {"a if b else ", ""},
        {"1 + (", ")"},   {"a if (", ") else c"},
        {"md5(b, ", ")"}, {"a < (", ")"},
    };
    struct cn_expr_limits bounds = {131072, 65536, 100};
    static char text[131072];
    struct cn_error error;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        nested(text, sizeof text, pairs[i][0], pairs[i][1], 45);
        assert_int_equal(parse_code(text, &bounds, &error), CN_OK);
        nested(text, sizeof text, pairs[i][0], pairs[i][1], 5000);
        assert_int_equal(parse_code(text, &bounds, &error), CN_LIMIT_EXCEEDED);
        assert_string_equal(error.limit, "--max-expression-depth");
    }
    /* At the limit, and one past it. */
    nested(text, sizeof text, "(", ")", 99);
    assert_int_equal(parse_code(text, &bounds, &error), CN_OK);
    nested(text, sizeof text, "(", ")", 100);
    assert_int_equal(parse_code(text, &bounds, &error), CN_LIMIT_EXCEEDED);
    nested(text, sizeof text, "-", "", 99);
    assert_int_equal(parse_code(text, &bounds, &error), CN_OK);
    nested(text, sizeof text, "-", "", 100);
    assert_int_equal(parse_code(text, &bounds, &error), CN_LIMIT_EXCEEDED);
    /* Whatever the setting, the C stack is safe. */
    bounds.max_depth = SIZE_MAX;
    nested(text, sizeof text, "(", ")", 30000);
    assert_int_equal(parse_code(text, &bounds, &error), CN_LIMIT_EXCEEDED);
}

static void long_chains_are_flat(void **state) {
    (void)state;
    static char text[16384] = "i";
    static char let[20000];
    size_t at = 1;
    for (int i = 0; i < 1000; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, i % 2 ? " - 1" : " + 1");
    struct cn_compile_options options = default_options();
    struct run run;
    snprintf(let, sizeof let, "r=%s", text);
    run_lets(&run, let, &options);
    assert_int_equal(run.code, CN_OK);
    char values[128];
    vector_text(&run.outputs[0], values, sizeof values);
    assert_string_equal(values, "7|-7|0|3");
    run_release(&run);
}

static void nodes_and_bytes_are_limited(void **state) {
    (void)state;
    struct cn_expr_limits bounds = {100, 5, 100};
    struct cn_error error;
    assert_int_equal(parse_code("a + b + c", &bounds, &error), CN_OK);
    assert_int_equal(parse_code("a + b + -c", &bounds, &error), CN_LIMIT_EXCEEDED);
    assert_string_equal(error.limit, "--max-expression-nodes");
    assert_int_equal(error.position, 6);
    bounds = (struct cn_expr_limits){9, 100, 100};
    assert_int_equal(parse_code("a + b + c", &bounds, &error), CN_OK);
    assert_int_equal(parse_code("a + b + c ", &bounds, &error), CN_LIMIT_EXCEEDED);
    assert_string_equal(error.limit, "--max-expression-bytes");
    /* Nodes are counted over all lets. */
    bounds = (struct cn_expr_limits){100, 5, 100};
    struct cn_let lets[2] = {{CN_STR("a"), CN_STR("x + y")}, {CN_STR("b"), CN_STR("x + y")}};
    struct cn_recipe *recipe;
    cn_error_init(&error);
    assert_int_equal(cn_recipe_parse(&recipe, lets, 2, &bounds, &error), CN_LIMIT_EXCEEDED);
    assert_int_equal(error.let, 1);
    assert_null(recipe);
}

static void recipes(void **state) {
    (void)state;
    struct cn_let lets[3] = {{CN_STR("res1"), CN_STR("a-b")},
                             {CN_STR("odd name"), CN_STR("res1*2")},
                             {CN_STR("res1"), CN_STR("1")}};
    struct cn_recipe *recipe;
    struct cn_error error;
    struct cn_buf buf = CN_BUF_INIT;
    cn_error_init(&error);
    assert_int_equal(cn_recipe_parse(&recipe, lets, 2, &limits, &error), CN_OK);
    assert_int_equal(cn_recipe_lets(recipe), 2);
    assert_true(cn_str_is(cn_recipe_name(recipe, 1), "odd name"));
    assert_true(cn_str_is(cn_recipe_text(recipe, 0), "a-b"));
    assert_true(cn_recipe_print(recipe, 0, &buf) && cn_buf_add_char(&buf, ';') &&
                cn_recipe_print(recipe, 1, &buf));
    assert_true(cn_str_is(cn_buf_str(&buf), "res1 = a - b;`odd name` = res1 * 2"));
    cn_buf_release(&buf);
    cn_recipe_free(recipe);
    assert_int_equal(cn_recipe_parse(&recipe, lets, 3, &limits, &error), CN_DUPLICATE_NAME);
    assert_int_equal(error.let, 2);
    assert_string_equal(error.column, "res1");
}

static void hints(void **state) {
    (void)state;
    struct cn_error error;
    parse_code("sqr(a)", &limits, &error);
    assert_non_null(strstr(error.detail, "`sqrt`"));
    parse_code("a is None", &limits, &error);
    assert_non_null(strstr(error.detail, "is_null"));
    parse_code("a && b", &limits, &error);
    assert_non_null(strstr(error.detail, "`and`"));
    parse_code("'abc", &limits, &error);
    assert_non_null(strstr(error.detail, "never closed"));
    parse_code("012", &limits, &error);
    assert_non_null(strstr(error.detail, "leading zeros"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(precedence),
        cmocka_unit_test(literals),
        cmocka_unit_test(calls),
        cmocka_unit_test(syntax_errors),
        cmocka_unit_test(call_errors),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(long_chains_are_flat),
        cmocka_unit_test(nodes_and_bytes_are_limited),
        cmocka_unit_test(recipes),
        cmocka_unit_test(hints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
