/* Small JSON values as trees; and every allocation failing in turn, here and where the values are
 * used: what comes is then the same or CN_OVERLOADED, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "expr_helpers.h"
#include "handlers/json_tree.h"
#include "tests/faults/faults.h"

static enum cn_json_fault read(const char *text, struct cn_arena *arena,
                               const struct cn_json **json, struct cn_json_doubt *doubt) {
    cn_arena_init(arena, 256);
    return cn_json_tree(cn_str_c(text), arena, json, doubt);
}

static void values(void **state) {
    (void)state;
    struct cn_arena arena;
    struct cn_json_doubt doubt;
    const struct cn_json *json;
    static const char text[] =
        " {\"a\": [1, -9223372036854775808, 2.5, null], \"b\\n\": \"x\\u0000y\", \"\": true} ";
    assert_int_equal(read(text, &arena, &json, &doubt), CN_JSON_SOUND);
    assert_int_equal(json->type, CN_JSON_OBJECT);
    assert_int_equal(json->n, 3);
    const struct cn_json *array = json->first;
    assert_string_equal(array->key.data, "a"); /* a NUL ends it */
    assert_int_equal(array->n, 4);
    assert_int_equal(array->first->integer, 1);
    assert_true(array->first->next->integer == INT64_MIN);
    assert_int_equal(array->first->next->next->type, CN_JSON_REAL);
    assert_int_equal(array->first->next->next->next->type, CN_JSON_NULL);
    assert_true(cn_str_is(array->next->key, "b\n"));
    assert_true(cn_str_equal(cn_json_string(array->next), cn_str("x\0y", 3)));
    assert_int_equal(array->next->next->type, CN_JSON_BOOL);
    assert_int_equal(array->next->next->key.len, 0);
    assert_int_equal(cn_json_string(array).len, 0);
    cn_arena_release(&arena);
}

static void faults(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum cn_json_fault fault;
    } cases[] = {
        {"{\"a\": 1, \"b\": 2, \"a\": 3}", CN_JSON_TWICE},
        {"{\"a\": {\"x\": 1, \"x\": 2}}", CN_JSON_TWICE},
        {"{\"a\\u0000\": 1}", CN_JSON_NUL_NAME},
        {"9223372036854775808", CN_JSON_TOO_LARGE},
        {"[1e999]", CN_JSON_TOO_LARGE},
        {"[1, 2", CN_JSON_INVALID},
        {"01", CN_JSON_INVALID},
        {"nul", CN_JSON_INVALID},
        {"", CN_JSON_INVALID},
        {"1 2", CN_JSON_INVALID},
        {"[[[[[{\"a\": 01}]]]]]", CN_JSON_INVALID}, /* checked also where it is not kept */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct cn_arena arena;
        struct cn_json_doubt doubt;
        const struct cn_json *json;
        assert_int_equal(read(cases[i].text, &arena, &json, &doubt), cases[i].fault);
        if (cases[i].fault == CN_JSON_INVALID)
            assert_true(doubt.error.detail[0] != '\0');
        if (i == 0)
            assert_true(cn_str_is(doubt.name, "a"));
        cn_arena_release(&arena);
    }
}

/* Nesting costs no stack: what lies deeper than is kept is only passed. */
static void deep(void **state) {
    (void)state;
    enum { DEPTH = 4000 };
    char text[2 * DEPTH + 1];
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    text[2 * DEPTH] = '\0';
    struct cn_arena arena;
    struct cn_json_doubt doubt;
    const struct cn_json *json;
    assert_int_equal(read(text, &arena, &json, &doubt), CN_JSON_SOUND);
    size_t levels = 0;
    for (; json; json = json->type == CN_JSON_ARRAY ? json->first : NULL)
        levels++;
    assert_int_equal(levels, CN_JSON_LEVELS + 1);
    cn_arena_release(&arena);
}

/* ---- every allocation ---------------------------------------------------------------------- */

/* Calls `work` with its first allocation failing, then its second, until none does; `work` says
 * whether it could do without. Returns how many failed. */
static uint64_t fail_in_turn(bool (*work)(void)) {
    struct fault_control *control = fault_control();
    assert_non_null(control);
    uint64_t failed = 0;
    for (uint64_t n = 1; n < 100000; n++) {
        int64_t before = (int64_t)atomic_load(&control->live_blocks);
        atomic_store(&control->kinds, (UINT64_C(1) << (FAULT_MMAP + 1)) - 1);
        atomic_store(&control->calls, 0);
        atomic_store(&control->failed, 0);
        atomic_store(&control->target, n);
        atomic_store(&control->mode, FAULT_NTH);
        bool whole = work();
        atomic_store(&control->mode, FAULT_OFF);
        assert_int_equal((int64_t)atomic_load(&control->live_blocks), before);
        if (atomic_load(&control->failed) == 0) {
            assert_true(whole);
            return failed;
        }
        failed++;
    }
    fail();
    return 0;
}

static bool make_tree(void) {
    struct cn_arena arena;
    struct cn_json_doubt doubt;
    const struct cn_json *json;
    static const char text[] = "{\"r\": \"(a + 3405) - 3405, \\u00e9 and so on\", \"k\": [1, 2, 3],"
                               " \"types\": {\"zip\": \"string\", \"amount\": \"float64\"}}";
    enum cn_json_fault fault = read(text, &arena, &json, &doubt);
    bool whole = fault == CN_JSON_SOUND && json->n == 3 && json->first->text.len == 31 &&
                 json->first->next->n == 3;
    cn_arena_release(&arena);
    assert_true(whole || fault == CN_JSON_NO_MEMORY);
    return whole;
}

static void trees_without_memory(void **state) {
    (void)state;
    assert_true(fail_in_turn(make_tree) >= 2);
}

/* Parsed, checked, compiled and evaluated, hashes too. */
static bool run_program(void) {
    struct run run;
    const struct cn_compile_options options = default_options();
    run_lets(&run,
             "r=(x - i) / (x + j) ** 2\nk=md5(x, lower(s), sep='-')\nw=where(r > 0.5, 'x', s + t)",
             &options);
    enum cn_code code = run.code;
    run_release(&run);
    assert_true(code == CN_OK || code == CN_OVERLOADED);
    return code == CN_OK;
}

static void programs_without_memory(void **state) {
    (void)state;
    assert_true(fail_in_turn(run_program) >= 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(faults),
        cmocka_unit_test(deep),
        cmocka_unit_test(trees_without_memory),
        cmocka_unit_test(programs_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
