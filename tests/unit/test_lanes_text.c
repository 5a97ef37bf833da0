#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "kernels/lanes_ops.h"

static int set_up(void **state) {
    static struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    *state = &arena;
    return 0;
}

static int tear_down(void **state) {
    cn_arena_release(*state);
    return 0;
}

static struct cn_str text1(void **state, cn_lanes_fn kernel, struct cn_str a) {
    struct cn_str out = CN_STR("unset");
    struct cn_lanes lanes = {.a = &a, .out = &out, .n = 1, .arena = *state};
    assert_int_equal(kernel(&lanes), 0);
    assert_false(lanes.no_memory);
    return out;
}

static void assert_text(struct cn_str got, struct cn_str want) {
    if (!cn_str_equal(got, want))
        fail_msg("'%.*s', wanted '%.*s'", (int)got.len, got.data, (int)want.len, want.data);
}

struct pair {
    struct cn_str from;
    struct cn_str to;
};

static void check_pairs(void **state, cn_lanes_fn kernel, const struct pair *pairs, size_t n) {
    for (size_t i = 0; i < n; i++)
        assert_text(text1(state, kernel, pairs[i].from), pairs[i].to);
}

#define CHECK_PAIRS(state, kernel, pairs)                                                          \
    check_pairs(state, kernel, pairs, sizeof(pairs) / sizeof((pairs)[0]))

static void case_is_that_of_python(void **state) {
    const struct pair lower[] = {
        {CN_STR(""), CN_STR("")},
        {CN_STR("HELLO, World @[`{ 42"), CN_STR("hello, world @[`{ 42")},
        {CN_STR("A\0Z"), CN_STR("a\0z")},
        {CN_STR("ÄÖÜẞ"), CN_STR("äöüß")},
        {CN_STR("\u0130"), CN_STR("i\u0307")},
        {CN_STR("ΟΔΥΣΣΕΥΣ"), CN_STR("οδυσσευς")},
        {CN_STR("Σ"), CN_STR("σ")},
        {CN_STR("ΑΣ. ΑΣ'Α"), CN_STR("ας. ασ'α")},
        {CN_STR("𐐀"), CN_STR("𐐨")},
        {CN_STR("Ⱥ"), CN_STR("ⱥ")},
    };
    const struct pair upper[] = {
        {CN_STR("hello, World @[`{ 42"), CN_STR("HELLO, WORLD @[`{ 42")},
        {CN_STR("straße"), CN_STR("STRASSE")},
        {CN_STR("\u0149 \u01f0 \u0390 \ufb03"), CN_STR("\u02bcN J\u030c \u0399\u0308\u0301 FFI")},
        {CN_STR("ÿ"), CN_STR("Ÿ")},
        {CN_STR("ς"), CN_STR("Σ")},
        {CN_STR("ı"), CN_STR("I")},
        {CN_STR("日本"), CN_STR("日本")},
    };
    CHECK_PAIRS(state, cn_lower_str, lower);
    CHECK_PAIRS(state, cn_upper_str, upper);
}

static void trim_drops_all_white_space(void **state) {
    const struct pair pairs[] = {
        {CN_STR(""), CN_STR("")},
        {CN_STR(" \t\n\v\f\r\x1c\x1f"), CN_STR("")},
        {CN_STR("  a b  "), CN_STR("a b")},
        {CN_STR("\u00a0\u2003\u3000x\u2028\xc2\x85"), CN_STR("x")},
        {CN_STR("\0 x \0"), CN_STR("\0 x \0")},
        {CN_STR("\u200bx"), CN_STR("\u200bx")},
        {CN_STR("é"), CN_STR("é")},
    };
    CHECK_PAIRS(state, cn_trim_str, pairs);
}

static void substr_counts_characters(void **state) {
    (void)state;
    const struct {
        struct cn_str text;
        int64_t start, count;
        struct cn_str want;
        int fails;
    } rows[] = {
        {CN_STR("hällo"), 1, 2, CN_STR("äl"), 0},
        {CN_STR("hällo"), -4, 1, CN_STR("ä"), 0},
        {CN_STR("hällo"), -9, 2, CN_STR("hä"), 0},
        {CN_STR("hällo"), 2, INT64_MAX, CN_STR("llo"), 0},
        {CN_STR("hällo"), 9, 1, CN_STR(""), 0},
        {CN_STR("hällo"), INT64_MAX, INT64_MAX, CN_STR(""), 0},
        {CN_STR("hällo"), INT64_MIN, 1, CN_STR("h"), 0},
        {CN_STR("hällo"), 0, 0, CN_STR(""), 0},
        {CN_STR("hällo"), 0, -1, CN_STR(""), 1},
        {{NULL, 0}, -1, 5, CN_STR(""), 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cn_str out;
        uint8_t fail = 0;
        struct cn_lanes lanes = {.a = &rows[i].text,
                                 .b = &rows[i].start,
                                 .c = &rows[i].count,
                                 .out = &out,
                                 .fail = &fail,
                                 .n = 1};
        assert_int_equal(cn_substr_str(&lanes), rows[i].fails);
        assert_int_equal(fail, rows[i].fails);
        assert_text(out, rows[i].want);
    }
}

static void replace_is_that_of_python(void **state) {
    const struct {
        struct cn_str text, old, new, want;
    } rows[] = {
        {CN_STR("banana"), CN_STR("an"), CN_STR("o"), CN_STR("booa")},
        {CN_STR("aaaa"), CN_STR("aa"), CN_STR("b"), CN_STR("bb")},
        {CN_STR("abc"), CN_STR("x"), CN_STR("y"), CN_STR("abc")},
        {CN_STR("aé"), CN_STR(""), CN_STR("-"), CN_STR("-a-é-")},
        {CN_STR(""), CN_STR(""), CN_STR("-"), CN_STR("-")},
        {CN_STR(""), CN_STR("a"), CN_STR("-"), CN_STR("")},
        {CN_STR("aXa"), CN_STR("a"), CN_STR(""), CN_STR("X")},
        {CN_STR("a"), CN_STR("a"), CN_STR(""), CN_STR("")},
        {{NULL, 0}, {NULL, 0}, {NULL, 0}, CN_STR("")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cn_str out;
        struct cn_lanes lanes = {.a = &rows[i].text,
                                 .b = &rows[i].old,
                                 .c = &rows[i].new,
                                 .out = &out,
                                 .n = 1,
                                 .arena = *state};
        assert_int_equal(cn_replace_str(&lanes), 0);
        assert_text(out, rows[i].want);
    }
}

static void searches_know_the_empty_text(void **state) {
    (void)state;
    struct cn_str a[] = {CN_STR("hello"), CN_STR("hello"), CN_STR(""), {NULL, 0}, CN_STR("a\0b")};
    struct cn_str b[] = {CN_STR("he"), CN_STR(""), CN_STR("x"), {NULL, 0}, CN_STR("\0b")};
    uint8_t out[5];
    struct cn_lanes lanes = {.a = a, .b = b, .out = out, .n = 5};
    assert_int_equal(cn_starts_with_str(&lanes), 0);
    assert_memory_equal(out, ((uint8_t[]){1, 1, 0, 1, 0}), 5);
    assert_int_equal(cn_ends_with_str(&lanes), 0);
    assert_memory_equal(out, ((uint8_t[]){0, 1, 0, 1, 1}), 5);
    assert_int_equal(cn_contains_str(&lanes), 0);
    assert_memory_equal(out, ((uint8_t[]){1, 1, 0, 1, 1}), 5);
    assert_int_equal(cn_lt_str(&lanes), 0);
    assert_memory_equal(out, ((uint8_t[]){0, 0, 1, 0, 0}), 5);
    assert_int_equal(cn_eq_str(&lanes), 0);
    assert_memory_equal(out, ((uint8_t[]){0, 0, 0, 1, 0}), 5);
    assert_int_equal(cn_to_bool_str(&lanes), 0);
    assert_memory_equal(out, ((uint8_t[]){1, 1, 0, 0, 1}), 5);
}

static void results_may_replace_their_operands(void **state) {
    struct cn_str a[] = {CN_STR("a"), CN_STR(""), CN_STR("Ä")};
    struct cn_str b[] = {CN_STR("B"), CN_STR(""), CN_STR("c")};
    struct cn_lanes lanes = {.a = a, .b = b, .out = a, .n = 3, .arena = *state};
    assert_int_equal(cn_concat2_str(&lanes), 0);
    assert_text(a[0], CN_STR("aB"));
    assert_int_equal(cn_lower_str(&lanes), 0);
    assert_text(a[0], CN_STR("ab"));
    assert_text(a[1], CN_STR(""));
    assert_text(a[2], CN_STR("äc"));
    int64_t length[3];
    lanes.out = length;
    assert_int_equal(cn_length_str(&lanes), 0);
    assert_memory_equal(length, ((int64_t[]){2, 0, 2}), sizeof length);
}

static void texts_of_numbers_and_back(void **state) {
    double number[] = {1, 0.1, 1e16, -0.0};
    int64_t integer[] = {0, INT64_MIN, INT64_MAX, -7};
    uint8_t truth[] = {0, 1, 1, 0};
    struct cn_str out[4];
    struct cn_lanes lanes = {.a = number, .out = out, .n = 4, .arena = *state};
    assert_int_equal(cn_to_str_f64(&lanes), 0);
    assert_text(out[0], CN_STR("1.0"));
    assert_text(out[2], CN_STR("1e+16"));
    assert_text(out[3], CN_STR("-0.0"));
    lanes.a = integer;
    assert_int_equal(cn_to_str_i64(&lanes), 0);
    assert_text(out[1], CN_STR("-9223372036854775808"));
    lanes.a = truth;
    assert_int_equal(cn_to_str_bool(&lanes), 0);
    assert_text(out[0], CN_STR("False"));
    assert_text(out[1], CN_STR("True"));

    struct cn_str texts[] = {CN_STR(" 42\n"), CN_STR("1_0"), CN_STR("9223372036854775808"),
                             CN_STR("1.5")};
    uint8_t fail[4] = {0};
    lanes = (struct cn_lanes){.a = texts, .out = integer, .fail = fail, .n = 4};
    assert_int_equal(cn_to_i64_str(&lanes), 3);
    assert_memory_equal(fail, ((uint8_t[]){0, 1, 2, 1}), 4);
    assert_int_equal(integer[0], 42);
    memset(fail, 0, sizeof fail);
    lanes.out = number;
    assert_int_equal(cn_to_f64_str(&lanes), 1);
    assert_memory_equal(fail, ((uint8_t[]){0, 1, 0, 0}), 4);
    assert_true(number[0] == 42 && number[2] == 0x1p63 && number[3] == 1.5);
}

/* Lengths that no memory can hold; the bytes are never looked at. */
static void running_out_of_memory_is_reported(void **state) {
    struct cn_str a[] = {CN_STR("a"), CN_STR("aaaa")};
    struct cn_str b[] = {CN_STR("a"), CN_STR("a")};
    struct cn_str huge[] = {CN_STR("x"), {"", SIZE_MAX / 2}};
    struct cn_str out[2];
    struct cn_lanes lanes = {.a = a, .b = b, .c = huge, .out = out, .n = 2, .arena = *state};
    assert_int_equal(cn_replace_str(&lanes), 0);
    assert_true(lanes.no_memory);
    assert_text(out[0], CN_STR(""));
    assert_text(out[1], CN_STR(""));
    huge[0].len = SIZE_MAX / 2 + 2;
    lanes = (struct cn_lanes){.a = huge, .b = b, .out = out, .n = 2, .arena = *state};
    assert_int_equal(cn_concat2_str(&lanes), 0);
    assert_true(lanes.no_memory);
    assert_text(out[0], CN_STR(""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_is_that_of_python),
        cmocka_unit_test(trim_drops_all_white_space),
        cmocka_unit_test(substr_counts_characters),
        cmocka_unit_test(replace_is_that_of_python),
        cmocka_unit_test(searches_know_the_empty_text),
        cmocka_unit_test(results_may_replace_their_operands),
        cmocka_unit_test(texts_of_numbers_and_back),
        cmocka_unit_test(running_out_of_memory_is_reported),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
