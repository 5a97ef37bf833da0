/* The plans that are kept for requests that ask for the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "handlers/plans.h"

static const struct cn_service_limits limits = {
    .max_columns = 10,
    .expression = {.max_bytes = 10000, .max_nodes = 1000, .max_depth = 100},
};
static const struct cn_keyring no_keys;

static struct cn_spec *make_spec(const char *text, const char *column) {
    const struct cn_str names[] = {CN_STR("a"), cn_str_c(column)};
    struct cn_schema_column columns[] = {{.name = names[0]}, {.name = names[1]}};
    struct cn_let let = {CN_STR("r"), cn_str_c(text)};
    struct cn_recipe *recipe = NULL;
    struct cn_spec *spec = NULL;
    struct cn_options options;
    struct cn_arena arena;

    cn_arena_init(&arena, 4096);
    cn_options_init(&options, &arena, &limits);
    options.delimiter = ',';
    assert_int_equal(cn_recipe_parse(&recipe, &let, 1, &limits.expression, NULL), CN_OK);
    assert_int_equal(
        cn_spec_new(&spec, &options, CN_SOURCE_CSV, CN_SINK_CSV, recipe, names, 2, NULL), CN_OK);
    assert_int_equal(cn_recipe_resolve(spec->recipe, &(struct cn_schema){columns, 2}, NULL), CN_OK);
    cn_arena_release(&arena);
    return spec;
}

/* A plan, or (with `bytes`) what it would be found by. */
static struct cn_plan *make_plan(const char *text, const char *column, enum cn_type type,
                                 struct cn_buf *bytes) {
    static uint64_t id;
    const enum cn_type types[] = {type, CN_TYPE_STRING};
    struct cn_plan_options options = {
        .pass = CN_PASS_OUTPUT, .output = -1, .table = -1, .types = types};
    struct cn_spec *spec = make_spec(text, column);
    struct cn_plan *plan = NULL;

    if (bytes)
        assert_true(cn_plan_write(spec, &options, bytes));
    else
        assert_int_equal(cn_plan_new(&plan, ++id, spec, &options, &no_keys, NULL), CN_OK);
    cn_spec_unref(spec);
    return plan;
}

static struct cn_plan *find(struct cn_plans *plans, const char *text, const char *column,
                            enum cn_type type) {
    struct cn_buf bytes = CN_BUF_INIT;
    struct cn_plan *plan;

    make_plan(text, column, type, &bytes);
    plan = cn_plans_find(plans, cn_buf_str(&bytes));
    cn_buf_release(&bytes);
    return plan;
}

static void keep(struct cn_plans *plans, const char *text) {
    struct cn_plan *plan = make_plan(text, "b", CN_TYPE_INT64, NULL);

    cn_plans_keep(plans, plan);
    cn_plan_unref(plan);
}

static bool has(struct cn_plans *plans, const char *text) {
    struct cn_plan *plan = find(plans, text, "b", CN_TYPE_INT64);

    cn_plan_unref(plan);
    return plan != NULL;
}

static void test_only_the_same(void **state) {
    struct cn_plans *plans = cn_plans_new();
    struct cn_plan *plan = make_plan("a + 1", "b", CN_TYPE_INT64, NULL);

    (void)state;
    assert_null(find(plans, "a + 1", "b", CN_TYPE_INT64));
    cn_plans_keep(plans, plan);
    struct cn_plan *found = find(plans, "a + 1", "b", CN_TYPE_INT64);
    assert_ptr_equal(found, plan);
    assert_null(find(plans, "a + 2", "b", CN_TYPE_INT64));
    assert_null(find(plans, "a + 1", "c", CN_TYPE_INT64));
    assert_null(find(plans, "a + 1", "b", CN_TYPE_FLOAT64));
    cn_plan_unref(found);
    cn_plan_unref(plan);
    assert_true(has(plans, "a + 1")); /* by its own reference */
    cn_plans_free(plans);
}

static void test_made_twice(void **state) {
    struct cn_plans *plans = cn_plans_new();

    (void)state;
    keep(plans, "a + 1");
    keep(plans, "a + 1");
    assert_true(has(plans, "a + 1"));
    cn_plans_free(plans);
}

static void test_the_oldest_goes(void **state) {
    struct cn_plans *plans = cn_plans_new();
    char text[32];

    (void)state;
    for (int i = 0; i < 16; i++) {
        snprintf(text, sizeof text, "a + %d", i);
        keep(plans, text);
    }
    assert_true(has(plans, "a + 0"));
    keep(plans, "a + 16");
    assert_true(has(plans, "a + 0"));
    assert_false(has(plans, "a + 1"));
    assert_true(has(plans, "a + 2") && has(plans, "a + 16"));
    cn_plans_free(plans);
}

static void test_large_ones_are_not_kept(void **state) {
    struct cn_plans *plans = cn_plans_new();
    char text[8192];

    (void)state;
    snprintf(text, sizeof text, "a + %*d", 5000, 1);
    keep(plans, text);
    assert_false(has(plans, text));
    cn_plans_free(plans);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_same),
        cmocka_unit_test(test_made_twice),
        cmocka_unit_test(test_the_oldest_goes),
        cmocka_unit_test(test_large_ones_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
