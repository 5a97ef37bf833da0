#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/clock.h"

static void clocks_do_not_go_back(void **state) {
    (void)state;
    int64_t before = cn_clock_now();
    int64_t cpu = cn_clock_thread_cpu();
    for (int i = 0; i < 1000; i++) {
        int64_t now = cn_clock_now();
        assert_true(now >= before);
        before = now;
    }
    assert_true(cn_clock_thread_cpu() > cpu);
    assert_true(cn_clock_wall() > INT64_C(1600000000) * 1000000000);
}

static void times_are_written_in_utc(void **state) {
    (void)state;
    char text[32];
    cn_clock_format(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    cn_clock_format(INT64_C(1795370400123456789), text);
    assert_string_equal(text, "2026-11-22T18:00:00.123456Z");
    cn_clock_format(-1000, text);
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    cn_clock_format(INT64_MIN, text);
    assert_string_equal(text, "1677-09-21T00:12:43.145224Z");
    cn_clock_format(INT64_MAX, text);
    assert_string_equal(text, "2262-04-11T23:47:16.854775Z");
}

static void stages_sum_to_the_wall_time(void **state) {
    (void)state;
    struct cn_ledger ledger;
    cn_ledger_start(&ledger, 1000);
    int64_t now = 1000;
    for (int i = 0; i < 100; i++) {
        now += i * 37 % 11;
        cn_ledger_enter(&ledger, (enum cn_stage)(i % CN_STAGE_COUNT), now);
    }
    now += 5;
    cn_ledger_end(&ledger, now);
    cn_ledger_end(&ledger, now + 100);
    cn_ledger_enter(&ledger, CN_STAGE_QUEUE, now + 200);
    assert_int_equal(ledger.ended_ns, now);
    int64_t sum = 0;
    for (int i = 0; i < CN_STAGE_COUNT; i++)
        sum += ledger.ns[i];
    assert_int_equal(sum, ledger.ended_ns - ledger.started_ns);
}

static void time_goes_to_the_stage_that_was_current(void **state) {
    (void)state;
    struct cn_ledger ledger;
    cn_ledger_start(&ledger, 100);
    cn_ledger_enter(&ledger, CN_STAGE_RECEIVE, 110);
    cn_ledger_enter(&ledger, CN_STAGE_EXECUTE, 140);
    cn_ledger_enter(&ledger, CN_STAGE_EXECUTE, 130); /* a reading that came late */
    cn_ledger_enter(&ledger, CN_STAGE_ENCODE, 190);
    cn_ledger_end(&ledger, 200);
    assert_int_equal(ledger.ns[CN_STAGE_UNACCOUNTED], 10);
    assert_int_equal(ledger.ns[CN_STAGE_RECEIVE], 30);
    assert_int_equal(ledger.ns[CN_STAGE_EXECUTE], 50);
    assert_int_equal(ledger.ns[CN_STAGE_ENCODE], 10);
    assert_int_equal(ledger.ended_ns, 200);
}

static void names(void **state) {
    (void)state;
    assert_string_equal(cn_span_name(CN_SPAN_PARSE), "parse");
    assert_string_equal(cn_span_name(CN_SPAN_WAIT), "wait");
    assert_string_equal(cn_stage_name(CN_STAGE_RECEIVE), "receive");
    assert_string_equal(cn_stage_name(CN_STAGE_UNACCOUNTED), "unaccounted");
    for (int i = 0; i < CN_SPAN_COUNT; i++)
        assert_non_null(cn_span_name((enum cn_span)i));
    for (int i = 0; i < CN_STAGE_COUNT; i++)
        assert_non_null(cn_stage_name((enum cn_stage)i));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_do_not_go_back),
        cmocka_unit_test(times_are_written_in_utc),
        cmocka_unit_test(stages_sum_to_the_wall_time),
        cmocka_unit_test(time_goes_to_the_stage_that_was_current),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
