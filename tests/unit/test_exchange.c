/* What endpoints share: deadlines, why work is given up, the header with the times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/exchange.h"
#include "handlers/service.h"

#define MS INT64_C(1000000)

static void deadlines_come_nearer_only(void **state) {
    (void)state;
    struct cn_exchange exchange = {.started_ns = 1000};
    cn_exchange_shorten_deadline(&exchange, 0);
    assert_int_equal(exchange.deadline_ns, 0);
    cn_exchange_shorten_deadline(&exchange, 70);
    assert_int_equal(exchange.deadline_ns, 1000 + 70 * MS);
    cn_exchange_shorten_deadline(&exchange, 80);
    assert_int_equal(exchange.deadline_ns, 1000 + 70 * MS);
    cn_exchange_shorten_deadline(&exchange, 60);
    assert_int_equal(exchange.deadline_ns, 1000 + 60 * MS);
    /* what no clock will ever show is no deadline */
    cn_exchange_shorten_deadline(&exchange, UINT64_MAX);
    cn_exchange_shorten_deadline(&exchange, INT64_MAX / MS);
    assert_int_equal(exchange.deadline_ns, 1000 + 60 * MS);
    struct cn_exchange other = {.started_ns = 1000};
    cn_exchange_shorten_deadline(&other, UINT64_MAX / MS);
    assert_int_equal(other.deadline_ns, 0);
}

static void why_gone(void **state) {
    (void)state;
    struct cn_service service = {.version = "test"};
    struct cn_exchange exchange = {.service = &service};
    assert_int_equal(cn_exchange_why_gone(&exchange), CN_CANCELLED);
    exchange.deadline_ns = cn_clock_now() + 3600 * 1000 * MS;
    assert_int_equal(cn_exchange_why_gone(&exchange), CN_CANCELLED);
    atomic_store(&service.draining, 1);
    assert_int_equal(cn_exchange_why_gone(&exchange), CN_DRAINING);
    exchange.deadline_ns = cn_clock_now();
    assert_int_equal(cn_exchange_why_gone(&exchange), CN_DEADLINE_EXCEEDED);
}

static void times_in_a_header(void **state) {
    (void)state;
    struct cn_exchange exchange = {0};
    struct cn_ledger ledger = {.started_ns = 5 * MS, .ended_ns = 9 * MS + 123456};
    ledger.ns[CN_STAGE_PLAN] = MS + 2000;
    cn_arena_init(&exchange.arena, 4096);
    cn_reply_add_timing(&exchange, &ledger);
    assert_int_equal(exchange.reply.n_headers, 1);
    assert_string_equal(exchange.reply.headers[0].name, "Server-Timing");
    assert_string_equal(exchange.reply.headers[0].value, "plan;dur=1.002, total;dur=4.123");
    /* one that goes on counts until now */
    ledger.started_ns = cn_clock_now() - 5000 * MS;
    ledger.ended_ns = 0;
    cn_reply_add_timing(&exchange, &ledger);
    const char *total = strstr(exchange.reply.headers[1].value, "total;dur=");
    assert_non_null(total);
    assert_true(strtod(total + strlen("total;dur="), NULL) >= 5000);
    cn_arena_release(&exchange.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadlines_come_nearer_only),
        cmocka_unit_test(why_gone),
        cmocka_unit_test(times_in_a_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
