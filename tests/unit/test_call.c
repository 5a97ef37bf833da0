/* Calls as a task, run here without an executor: long_comp against CPython, the roots against
 * pow(), long_io and calc_hash, what a task's output holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "handlers/call.h"
#include "handlers/call_root.h"
#include "kernels/number.h"

struct golden {
    const char *arg;
    uint64_t iterations;
    enum cn_code code;
    const char *text; /* the result, or how the detail begins */
};
#include "tests/unit/call_golden.h"

/* A task without an executor. */
struct bench {
    struct cn_call_plan plan;
    struct cn_plan_ref ref;
    struct cn_shared_map *map;
    struct cn_str inputs[2];
    struct cn_call_args args;
    struct cn_buf out;
    struct cn_spans spans;
    atomic_int stop;
    struct cn_run run;
    struct cn_error error;
};

static void set_up(struct bench *bench, enum cn_call_function function, const char *args,
                   uint64_t calls) {
    *bench = (struct bench){.plan = {.function = function, .iterations = 5}};
    bench->map = cn_shared_map_new();
    bench->ref =
        (struct cn_plan_ref){.id = 1,
                             .bytes = cn_str((const char *)&bench->plan, sizeof bench->plan),
                             .local = bench->map};
    bench->inputs[0] = cn_str_c(args);
    bench->args.calls = calls;
    bench->run = (struct cn_run){.plan = &bench->ref,
                                 .args = &bench->args,
                                 .inputs = bench->inputs,
                                 .n_inputs = 1,
                                 .out = &bench->out,
                                 .spans = &bench->spans,
                                 .stop = &bench->stop};
    cn_error_init(&bench->error);
    assert_int_equal(cn_kind_call.state_new(&bench->run.state, NULL, NULL), CN_OK);
}

static void tear_down(struct bench *bench) {
    cn_kind_call.state_free(bench->run.state);
    cn_shared_map_free(bench->map);
    cn_buf_release(&bench->out);
}

static enum cn_code run(struct bench *bench) {
    bench->out.len = 0;
    return cn_kind_call.run(&bench->run, &bench->error);
}

/* The next call's text; its code in *code. */
static struct cn_str next(struct cn_str *out, enum cn_code *code) {
    struct cn_call_record record;
    struct cn_str text;
    assert_true(cn_call_next(out, &record, &text));
    assert_true(record.started_ns <= record.finished_ns);
    *code = (enum cn_code)record.code;
    return text;
}

static bool begins(struct cn_str text, const char *start) {
    size_t len = strlen(start);
    return text.len >= len && memcmp(text.data, start, len) == 0;
}

static void long_comp_is_cpythons(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof goldens / sizeof *goldens; i++) {
        const struct golden *golden = &goldens[i];
        struct bench bench;
        enum cn_code code;
        set_up(&bench, CN_CALL_LONG_COMP, golden->arg, 1);
        bench.plan.iterations = golden->iterations;
        assert_int_equal(run(&bench), CN_OK);
        struct cn_str out = cn_buf_str(&bench.out);
        struct cn_str text = next(&out, &code);
        if (code != golden->code || !begins(text, golden->text) ||
            (code == CN_OK && !cn_str_is(text, golden->text)))
            fail_msg("long_comp(%s, %llu) is %s %.*s, not %s", golden->arg,
                     (unsigned long long)golden->iterations, cn_code_name(code), (int)text.len,
                     text.data, golden->text);
        tear_down(&bench);
    }
}

static void the_notebook(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, CN_CALL_LONG_COMP, "0, 1,2 , 3", 4);
    bench.plan.iterations = 5000000;
    assert_int_equal(run(&bench), CN_OK);
    struct cn_str out = cn_buf_str(&bench.out);
    for (int i = 0; i < 4; i++) {
        enum cn_code code;
        assert_true(cn_str_is(next(&out, &code), "2236.5678097446853"));
        assert_int_equal(code, CN_OK);
    }
    assert_int_equal(out.len, 0);
    assert_int_equal(cn_shared_map_size(bench.map), 4);
    assert_true(bench.spans.ns[CN_SPAN_EVALUATE] > 0);
    tear_down(&bench);
}

/* ---- roots ---------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void check_root(double v) {
    volatile double half = 0.5;
    if (v > 0 && isfinite(v) && cn_root(v) != pow(v, half))
        fail_msg("cn_root(%a) is %a, not %a", v, cn_root(v), pow(v, half));
}

static double of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void roots_are_pows(void **state) {
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 100000; i++) {
        check_root(of_bits(draw(&random) >> 1)); /* any exponent */
        check_root(of_bits((draw(&random) >> 12) | (UINT64_C(0x3ff) << 52)));
        check_root(of_bits((draw(&random) >> 12) | (UINT64_C(0x400) << 52)));
        /* squares of numbers between two doubles, and their neighbours: the hard cases */
        double s = of_bits((draw(&random) >> 12) | (UINT64_C(0x409) << 52));
        double middle = s + (nextafter(s, INFINITY) - s) / 2;
        double square = fma(s, s, s * (nextafter(s, INFINITY) - s));
        check_root(square);
        check_root(nextafter(square, 0));
        check_root(nextafter(square, INFINITY));
        check_root(middle * middle);
    }
    check_root(5e-324);
    check_root(1.7976931348623157e308);
    check_root(2.2250738585072014e-308);
}

static void even_as_in_python(void **state) {
    (void)state;
    const double even[] = {0.0, -0.0, 2.0, -2.0, 4.0, 0x1p53, 0x1p53 + 2, 1e300, -0x1p60};
    const double other[] = {1.0, -1.0, 0.5, 2.5, 1e-300, 5e-324, 0x1p53 - 1, 0x1p52 + 1, -3.0};
    for (size_t i = 0; i < sizeof even / sizeof *even; i++)
        assert_true(cn_root_even(even[i]));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_false(cn_root_even(other[i]));
}

/* Steps taken side by side are those taken one by one. */
static void steps_side_by_side(void **state) {
    (void)state;
    const double starts[] = {1.0, 3.5, 1e15 + 0.5, 46.25};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        double fast = starts[i], slow = starts[i];
        uint64_t n = 200000 + 777 * i;
        assert_int_equal(cn_root_steps(&fast, i, n), n);
        for (uint64_t y = i; y < i + n; y++)
            slow = cn_root(slow + (double)y);
        assert_true(fast == slow);
    }
}

/* It stops where x becomes even: 9.0 + 7 -> 4. */
static void steps_end_at_even(void **state) {
    (void)state;
    double x = 9.0;
    assert_int_equal(cn_root_steps(&x, 7, 100), 1);
    assert_true(x == 4.0);
    x = 2000.0 * 2000.0 + 0.5 - 5000.0; /* not a square */
    assert_int_equal(cn_root_steps(&x, 5000, 10), 10);
    x = 2000.0 * 2000.0 - 5001.0; /* odd, and its root is 2000 */
    x += 0;
    assert_int_equal(cn_root_steps(&x, 5001, 100000), 1);
    assert_true(x == 2000.0);
}

/* ---- the other functions --------------------------------------------------------------------- */

static void long_io_doubles(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"0", "0"},
        {"-0", "0"},
        {"4", "8"},
        {"5", "10"},
        {"-5", "-10"},
        {"49", "98"},
        {"50", "100"},
        {"995", "1990"},
        {"true", "2"},
        {"false", "0"},
        {"1.25", "2.5"},
        {"-0.0", "-0.0"},
        {"1e308", "null"},
        {"99999999999999999999999999", "199999999999999999999999998"},
        {"-4999999999999999999999999", "-9999999999999999999999998"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        enum cn_code code;
        set_up(&bench, CN_CALL_LONG_IO, rows[i][0], 1);
        assert_int_equal(run(&bench), CN_OK);
        struct cn_str out = cn_buf_str(&bench.out);
        struct cn_str text = next(&out, &code);
        assert_int_equal(code, CN_OK);
        if (!cn_str_is(text, rows[i][1]))
            fail_msg("2 * %s is %.*s, not %s", rows[i][0], (int)text.len, text.data, rows[i][1]);
        tear_down(&bench);
    }
}

static void parameters_of_each_call(void **state) {
    (void)state;
    struct bench bench;
    const uint64_t iterations[] = {0, 1, 2};
    enum cn_code code;
    set_up(&bench, CN_CALL_LONG_COMP, "4,4,4", 3);
    bench.plan.each = 1;
    assert_int_equal(run(&bench), CN_INTERNAL); /* its parameters are not there */
    cn_error_init(&bench.error);
    bench.inputs[1] = cn_str((const char *)iterations, sizeof iterations);
    bench.run.n_inputs = 2;
    assert_int_equal(run(&bench), CN_OK);
    struct cn_str out = cn_buf_str(&bench.out);
    assert_true(cn_str_is(next(&out, &code), "4"));
    assert_true(cn_str_is(next(&out, &code), "16"));
    assert_true(cn_str_is(next(&out, &code), "225"));
    tear_down(&bench);
}

static void calls_fail_alone(void **state) {
    (void)state;
    struct bench bench;
    enum cn_code code;
    set_up(&bench, CN_CALL_HASH, "[42, 2.233, 23, \"hello\"], 5, [[1]], [\"\\u00e4\", -0, null]",
           4);
    assert_int_equal(run(&bench), CN_OK);
    struct cn_str out = cn_buf_str(&bench.out);
    assert_true(cn_str_is(next(&out, &code), "\"de8b962de5f8b353cdc9cc1fc89f0b65\""));
    next(&out, &code);
    assert_int_equal(code, CN_TYPE_ERROR);
    next(&out, &code);
    assert_int_equal(code, CN_TYPE_ERROR);
    next(&out, &code);
    assert_int_equal(code, CN_OK);
    assert_int_equal(cn_shared_map_size(bench.map), 2);
    struct cn_buf text = CN_BUF_INIT;
    assert_true(cn_shared_map_write(bench.map, &text));
    assert_true(begins(cn_buf_str(&text), "[[[42, 2.233, 23, \"hello\"],\"de8b962d"));
    cn_buf_release(&text);
    tear_down(&bench);
}

/* An argument is a key of the dictionary as it came, whatever the function made of it. */
static void arguments_stay_keys(void **state) {
    (void)state;
    static const struct {
        const char *args;
        uint64_t iterations;
        const char *map;
    } rows[] = {
        {"true, 1", 1, "[[true,1.0]]"}, {"1, true", 1, "[[1,1.0]]"},
        {"false, 0", 1, "[[false,0]]"}, {"false, 0", 2, "[[false,1]]"},
        {"true", 0, "[[true,true]]"},   {"1.0, true", 1, "[[1.0,1.0]]"},
        {"-0, false", 1, "[[0,0]]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bench bench;
        struct cn_buf text = CN_BUF_INIT;
        set_up(&bench, CN_CALL_LONG_COMP, rows[i].args, strchr(rows[i].args, ',') ? 2 : 1);
        bench.plan.iterations = rows[i].iterations;
        assert_int_equal(run(&bench), CN_OK);
        assert_true(cn_shared_map_write(bench.map, &text));
        if (!cn_str_is(cn_buf_str(&text), rows[i].map))
            fail_msg("long_comp of %s leaves %.*s, not %s", rows[i].args, (int)text.len, text.data,
                     rows[i].map);
        cn_buf_release(&text);
        tear_down(&bench);
    }
}

/* A worker process has no dictionary of the caller's: what calls write is lost with the task. */
static void a_process_writes_to_its_own(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, CN_CALL_LONG_IO, "1, 2", 2);
    bench.ref.local = NULL;
    assert_int_equal(run(&bench), CN_OK);
    assert_int_equal(cn_shared_map_size(bench.map), 0);
    tear_down(&bench);
}

static void stops(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, CN_CALL_LONG_IO, "1", 1);
    bench.plan.seconds = 1e30;
    bench.run.deadline_ns = cn_clock_now() + 30000000;
    assert_int_equal(run(&bench), CN_CANCELLED);
    tear_down(&bench);
    set_up(&bench, CN_CALL_LONG_COMP, "1", 1);
    bench.plan.iterations = CN_CALL_MAX_ITERATIONS;
    bench.run.deadline_ns = cn_clock_now() + 30000000;
    assert_int_equal(run(&bench), CN_CANCELLED);
    bench.run.deadline_ns = 0;
    atomic_store(&bench.stop, 1);
    assert_int_equal(run(&bench), CN_CANCELLED);
    tear_down(&bench);
}

/* What a process wrote is not believed. */
static void damaged_records(void **state) {
    (void)state;
    struct cn_call_record record = {.code = CN_OK, .len = 3}, back;
    char bytes[sizeof record + 3];
    struct cn_str text;
    memcpy(bytes, &record, sizeof record);
    memcpy(bytes + sizeof record, "1.5", 3);
    struct cn_str out = cn_str(bytes, sizeof bytes);
    assert_true(cn_call_next(&out, &back, &text));
    assert_true(cn_str_is(text, "1.5"));
    assert_int_equal(out.len, 0);
    assert_false(cn_call_next(&out, &back, &text));
    out = cn_str(bytes, sizeof bytes - 1);
    assert_false(cn_call_next(&out, &back, &text));
    record.code = CN_CODE_COUNT;
    memcpy(bytes, &record, sizeof record);
    out = cn_str(bytes, sizeof bytes);
    assert_false(cn_call_next(&out, &back, &text));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_comp_is_cpythons),
        cmocka_unit_test(the_notebook),
        cmocka_unit_test(roots_are_pows),
        cmocka_unit_test(even_as_in_python),
        cmocka_unit_test(steps_side_by_side),
        cmocka_unit_test(steps_end_at_even),
        cmocka_unit_test(long_io_doubles),
        cmocka_unit_test(parameters_of_each_call),
        cmocka_unit_test(calls_fail_alone),
        cmocka_unit_test(arguments_stay_keys),
        cmocka_unit_test(a_process_writes_to_its_own),
        cmocka_unit_test(stops),
        cmocka_unit_test(damaged_records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
