/* Names and types: what is refused, where, and what /v1/check collects. */
#include "tests/unit/expr_helpers.h"

static void unknown_names(void **state) {
    (void)state;
    fails("i + z", CN_UNKNOWN_COLUMN, 4);
    fails("dup + 1", CN_DUPLICATE_NAME, 0);
    fails("r", CN_UNKNOWN_COLUMN, 0);
    fails("md5(*, z)", CN_UNKNOWN_COLUMN, 7);
    gives("`odd name`", "int64 7|-7|0|3");
    struct run run;
    struct cn_compile_options options = default_options();
    run_lets(&run, "a=b\nb=i", &options);
    assert_int_equal(run.code, CN_UNKNOWN_COLUMN);
    assert_non_null(strstr(run.error.detail, "only those before it"));
    run_release(&run);
    run_lets(&run, "total=i\nr=totl", &options);
    assert_int_equal(run.code, CN_UNKNOWN_COLUMN);
    assert_int_equal(run.error.let, 1);
    assert_non_null(strstr(run.error.detail, "`total`"));
    run_release(&run);
}

static void operator_types(void **state) {
    (void)state;
    fails("s + 1", CN_TYPE_ERROR, 2);
    fails("1 - s", CN_TYPE_ERROR, 2);
    fails("i * i - s", CN_TYPE_ERROR, 6);
    fails("-s", CN_TYPE_ERROR, 0);
    fails("s ** 2", CN_TYPE_ERROR, 2);
    fails("2 ** s", CN_TYPE_ERROR, 2);
    fails("~x", CN_TYPE_ERROR, 0);
    fails("x & 1", CN_TYPE_ERROR, 2);
    fails("s | p", CN_TYPE_ERROR, 2);
    fails("i << x", CN_TYPE_ERROR, 2);
    fails("i < s", CN_TYPE_ERROR, 2);
    fails("s == 1", CN_TYPE_ERROR, 2);
    fails("0 < i < s", CN_TYPE_ERROR, 6);
    fails("i and p", CN_TYPE_ERROR, 2);
    fails("p or s", CN_TYPE_ERROR, 2);
    fails("not i", CN_TYPE_ERROR, 0);
    fails("1 if i else 2", CN_TYPE_ERROR, 5);
    fails("1 if p else s", CN_TYPE_ERROR, 2);
}

static void function_types(void **state) {
    (void)state;
    fails("sqrt(s)", CN_TYPE_ERROR, 5);
    fails("abs('x')", CN_TYPE_ERROR, 4);
    fails("lower(i)", CN_TYPE_ERROR, 6);
    fails("substr(s, x)", CN_TYPE_ERROR, 10);
    fails("substr(s, 1, 's')", CN_TYPE_ERROR, 13);
    fails("round(x, 1.5)", CN_TYPE_ERROR, 9);
    fails("where(i, 1, 2)", CN_TYPE_ERROR, 6);
    fails("where(p, 1, 's')", CN_TYPE_ERROR, 0);
    fails("minimum(1, i, s)", CN_TYPE_ERROR, 14);
    fails("coalesce(s, 1)", CN_TYPE_ERROR, 12);
    fails("clip(s, 1, 2)", CN_TYPE_ERROR, 5);
    fails("contains(s, 1)", CN_TYPE_ERROR, 12);
    fails("replace(s, 'a', 1)", CN_TYPE_ERROR, 16);
    fails("isnan(s)", CN_TYPE_ERROR, 6);
    fails("mod(s, 2)", CN_TYPE_ERROR, 4);
    fails("length(1.5)", CN_TYPE_ERROR, 7);
}

static void column_at_fault(const char *expression, const char *column) {
    struct run run;
    struct cn_compile_options options = default_options();
    char let[256];
    snprintf(let, sizeof let, "r=%s", expression);
    run_lets(&run, let, &options);
    assert_int_equal(run.code, CN_TYPE_ERROR);
    assert_string_equal(run.error.column, column);
    assert_string_equal(run.error.value, "");
    run_release(&run);
}

/* A type error over a column whose type came from its values names that column. */
static void inferred_columns_are_named(void **state) {
    (void)state;
    column_at_fault("i - s", "s");
    column_at_fault("s - i", "s");
    column_at_fault("s * 2 + x", "s");
    column_at_fault("lower(i)", "i");
    column_at_fault("not i", "i");
    column_at_fault("-s", "s");
    column_at_fault("1 if p else s", "s");
    column_at_fault("t - 1", "r"); /* t was declared */
    column_at_fault("'x' - 1", "r");
    column_at_fault("lower(i + 1)", "r");
}

static void inputs_are_listed_once(void **state) {
    (void)state;
    struct run run;
    size_t n;
    struct cn_compile_options options = default_options();
    run_lets(&run, "a=y + i + y\nb=md5(x, text='raw')\nc=x", &options);
    assert_int_equal(run.code, CN_OK);
    const struct cn_program_input *inputs = cn_program_inputs(run.program, &n);
    assert_int_equal(n, 4);
    assert_true(inputs[0].column == 3 && !inputs[0].raw);
    assert_true(inputs[1].column == 0 && !inputs[1].raw);
    assert_true(inputs[2].column == 2 && inputs[2].raw);
    assert_true(inputs[3].column == 2 && !inputs[3].raw);
    assert_int_equal(cn_program_output_type(run.program, 1), CN_TYPE_STRING);
    run_release(&run);
}

static struct cn_recipe *parse(const char *text) {
    struct cn_let lets[16];
    struct cn_recipe *recipe;
    size_t n = split_lets(text, lets, 16);
    assert_int_equal(cn_recipe_parse(&recipe, lets, n, &limits, NULL), CN_OK);
    return recipe;
}

static void names_resolve_without_types(void **state) {
    (void)state;
    struct cn_error error;
    cn_error_init(&error);
    struct cn_recipe *recipe = parse("a=s - 1\nb=a + i");
    assert_int_equal(cn_recipe_resolve(recipe, &schema, &error), CN_OK);
    bool used[12] = {false};
    assert_int_equal(cn_recipe_uses(recipe, &schema, used, &error), CN_OK);
    assert_true(used[0] && used[6] && !used[1] && !used[2]);
    cn_recipe_free(recipe);
    recipe = parse("a=md5(*)");
    assert_int_equal(cn_recipe_uses(recipe, &schema, used, &error), CN_OK);
    for (size_t i = 0; i < 12; i++)
        assert_true(used[i]);
    cn_recipe_free(recipe);
    recipe = parse("a=i\nb=a + c\nc=q + z");
    assert_int_equal(cn_recipe_resolve(recipe, &schema, &error), CN_UNKNOWN_COLUMN);
    assert_int_equal(error.let, 1);
    assert_int_equal(error.position, 4);
    cn_recipe_free(recipe);
}

static void all_errors_are_collected(void **state) {
    (void)state;
    struct cn_let lets[16];
    enum cn_type types[16];
    bool failed[16];
    struct cn_error errors[16];
    struct cn_buf prints[16] = {0};
    struct cn_compile_options options = default_options();
    size_t n = split_lets("a=i+\nb=z*2\nc=b+a+1\nd=s-1\ne=i+x\nf=sqrt(d)\ne=1\n"
                          "g=lower(a)\nh=hmac_sha256(i, key='nope')",
                          lets, 16);
    size_t count =
        cn_expr_check(lets, n, &schema, &options, &limits, types, failed, prints, errors, 16);
    assert_int_equal(count, 5);
    const enum cn_code codes[] = {CN_SYNTAX_ERROR, CN_UNKNOWN_COLUMN, CN_TYPE_ERROR,
                                  CN_DUPLICATE_NAME, CN_UNKNOWN_KEY};
    const int32_t at[] = {0, 1, 3, 6, 8};
    const int64_t positions[] = {2, 0, 1, 0, 19};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(errors[i].code, codes[i]);
        assert_int_equal(errors[i].let, at[i]);
        assert_int_equal(errors[i].position, positions[i]);
    }
    const bool bad[] = {true, true, true, true, false, false, true, false, true};
    for (size_t i = 0; i < n; i++)
        assert_int_equal(failed[i], bad[i]);
    assert_int_equal(types[4], CN_TYPE_FLOAT64);
    assert_int_equal(types[5], CN_TYPE_FLOAT64);
    assert_int_equal(types[7], CN_TYPE_STRING);
    assert_int_equal(prints[0].len, 0);
    assert_true(cn_str_is(cn_buf_str(&prints[2]), "c = b + a + 1"));
    for (size_t i = 0; i < 16; i++)
        cn_buf_release(&prints[i]);
    /* No more errors than there is room for. */
    assert_int_equal(
        cn_expr_check(lets, n, &schema, &options, &limits, types, failed, NULL, errors, 2), 2);
}

static void functions_are_documented(void **state) {
    (void)state;
    size_t n;
    const struct cn_function_doc *docs = cn_function_docs(&n);
    assert_true(n > 60);
    for (size_t i = 0; i < n; i++) {
        assert_true(strncmp(docs[i].signature, docs[i].name, strlen(docs[i].name)) == 0);
        assert_non_null(strstr(docs[i].signature, " -> "));
        assert_true(docs[i].summary[0] != '\0' && docs[i].group[0] != '\0');
    }
    assert_string_equal(docs[0].name, "abs");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(operator_types),
        cmocka_unit_test(function_types),
        cmocka_unit_test(inferred_columns_are_named),
        cmocka_unit_test(inputs_are_listed_once),
        cmocka_unit_test(names_resolve_without_types),
        cmocka_unit_test(all_errors_are_collected),
        cmocka_unit_test(functions_are_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
