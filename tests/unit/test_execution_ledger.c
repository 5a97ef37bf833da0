/* What the ledger says of work on other machines: each moment has one activity, and they sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/execution_ledger.h"
#include "pool/executor.h"

static struct cn_task task_of(int64_t started_ns, int64_t ship, int64_t schedule, int64_t compute,
                              int64_t fetch) {
    struct cn_task task = {.started_ns = started_ns,
                           .finished_ns = started_ns + ship + schedule + compute + fetch,
                           .host = "far"};
    task.spans.ns[CN_SPAN_SHIP] = ship;
    task.spans.ns[CN_SPAN_SCHEDULE] = schedule;
    task.spans.ns[CN_SPAN_EVALUATE] = compute / 2;
    task.spans.ns[CN_SPAN_WAIT] = compute - compute / 2;
    task.spans.ns[CN_SPAN_FETCH] = fetch;
    return task;
}

static void add(struct cn_remote_times *times, struct cn_task task) {
    assert_true(cn_remote_times_add(times, &task));
}

static void expect(const struct cn_remote_times *times, int64_t from, int64_t to, int64_t compute,
                   int64_t ship, int64_t schedule, int64_t fetch) {
    int64_t ns[CN_REMOTE_ACTIVITY_COUNT];

    cn_remote_times_divide(times, from, to, ns);
    assert_int_equal(ns[CN_REMOTE_COMPUTE], compute);
    assert_int_equal(ns[CN_REMOTE_SHIP], ship);
    assert_int_equal(ns[CN_REMOTE_SCHEDULE], schedule);
    assert_int_equal(ns[CN_REMOTE_FETCH], fetch);
}

static void one_task_is_divided_as_it_went(void **unused) {
    (void)unused;
    struct cn_remote_times times = {0};
    struct cn_task never = task_of(90, 0, 0, 0, 0), lost = task_of(200, 30, 0, 0, 0);
    never.worker = lost.worker = -1;
    add(&times, never);
    add(&times, lost);
    add(&times, task_of(100, 10, 20, 40, 5));
    expect(&times, 100, 175, 40, 10, 20, 5);
    expect(&times, 105, 150, 20, 5, 20, 0);      /* a part of it */
    expect(&times, 90, 180, 40 + 15, 10, 20, 5); /* what nobody claims is execute */
    expect(&times, 100, 100, 0, 0, 0, 0);
    expect(&times, 200, 230, 0, 30, 0, 0); /* nobody answered it */
    cn_remote_times_release(&times);
    expect(&times, 0, 7, 7, 0, 0, 0);
}

static void who_computes_claims_first(void **unused) {
    (void)unused;
    struct cn_remote_times times = {0};
    add(&times, task_of(0, 10, 0, 30, 20));  /* ship to 10, compute to 40, fetch to 60 */
    add(&times, task_of(0, 15, 20, 10, 30)); /* ship to 15, schedule to 35, compute to 45, ... 75 */
    add(&times, task_of(50, 5, 5, 0, 0));    /* ship to 55, schedule to 60, while two fetch */
    expect(&times, 0, 75, 35, 10 + 5, 5, 5 + 15);
    cn_remote_times_release(&times);
}

static void execution_is_divided_in_the_ledger(void **unused) {
    (void)unused;
    struct cn_remote_times times = {0}, none = {0};
    struct cn_ledger ledger, local, empty, closed;

    cn_ledger_start(&ledger, 0);
    cn_ledger_enter(&ledger, CN_STAGE_QUEUE, 10);
    local = empty = closed = ledger;
    add(&times, task_of(15, 5, 10, 20, 5)); /* to 55 */
    cn_ledger_execution(&ledger, 15, 55, &times);
    assert_int_equal(ledger.ns[CN_STAGE_QUEUE], 5);
    assert_int_equal(ledger.ns[CN_STAGE_SHIP], 5);
    assert_int_equal(ledger.ns[CN_STAGE_SCHEDULE], 10);
    assert_int_equal(ledger.ns[CN_STAGE_EXECUTE], 20);
    assert_int_equal(ledger.ns[CN_STAGE_FETCH], 5);
    assert_int_equal(ledger.current, CN_STAGE_GATHER);
    assert_int_equal(ledger.since_ns, 55);

    cn_ledger_execution(&local, 15, 55, &none);
    assert_int_equal(local.ns[CN_STAGE_EXECUTE], 40);
    assert_int_equal(local.ns[CN_STAGE_SHIP], 0);

    cn_ledger_execution(&empty, 0, 0, &times);
    assert_int_equal(empty.ns[CN_STAGE_EXECUTE], 0);
    assert_int_equal(empty.current, CN_STAGE_GATHER);

    cn_ledger_end(&closed, 20);
    cn_ledger_execution(&closed, 15, 55, &times);
    assert_int_equal(closed.ns[CN_STAGE_EXECUTE], 0);
    cn_remote_times_release(&times);
}

/* Tasks that began while the body still came in: that time is `receive`. */
static void what_the_ledger_gave_away_before_is_not_counted_twice(void **unused) {
    (void)unused;
    struct cn_remote_times times = {0};
    struct cn_ledger ledger;
    int64_t sum = 0;

    cn_ledger_start(&ledger, 0);
    cn_ledger_enter(&ledger, CN_STAGE_RECEIVE, 0);
    cn_ledger_enter(&ledger, CN_STAGE_QUEUE, 30);
    add(&times, task_of(5, 10, 10, 20, 5)); /* ship to 15, schedule to 25, compute to 45, to 50 */
    cn_ledger_execution(&ledger, 5, 50, &times);
    cn_ledger_end(&ledger, 60);
    assert_int_equal(ledger.ns[CN_STAGE_RECEIVE], 30);
    assert_int_equal(ledger.ns[CN_STAGE_SHIP], 0);
    assert_int_equal(ledger.ns[CN_STAGE_EXECUTE], 15);
    assert_int_equal(ledger.ns[CN_STAGE_FETCH], 5);
    assert_int_equal(ledger.ns[CN_STAGE_GATHER], 10);
    for (int s = 0; s < CN_STAGE_COUNT; s++)
        sum += ledger.ns[s];
    assert_int_equal(sum, 60);
    cn_remote_times_release(&times);
}

/* ---- against marking every nanosecond ------------------------------------------------------ */

enum { MOMENTS = 600 };

static void mark(unsigned char *marks, const struct cn_task *task) {
    static const enum cn_remote_activity order[] = {CN_REMOTE_SHIP, CN_REMOTE_SCHEDULE,
                                                    CN_REMOTE_COMPUTE, CN_REMOTE_FETCH};
    int64_t lengths[] = {task->spans.ns[CN_SPAN_SHIP], task->spans.ns[CN_SPAN_SCHEDULE],
                         task->spans.ns[CN_SPAN_EVALUATE] + task->spans.ns[CN_SPAN_WAIT],
                         task->spans.ns[CN_SPAN_FETCH]};
    int64_t at = task->started_ns;

    for (int i = 0; i < 4; i++)
        for (int64_t end = at + lengths[i]; at < end; at++)
            marks[at] |= (unsigned char)(1u << order[i]);
}

static void any_tasks_in_any_order(void **unused) {
    (void)unused;
    unsigned seed = 7;

    for (int round = 0; round < 2000; round++) {
        struct cn_remote_times times = {0};
        unsigned char marks[MOMENTS] = {0};
        int64_t wanted[CN_REMOTE_ACTIVITY_COUNT] = {0};
        int64_t from = rand_r(&seed) % 100, to = from + rand_r(&seed) % (MOMENTS - 100);
        for (int n = rand_r(&seed) % 12; n > 0; n--) {
            struct cn_task task =
                task_of(rand_r(&seed) % 400, rand_r(&seed) % 50, rand_r(&seed) % 50,
                        rand_r(&seed) % 50, rand_r(&seed) % 50);
            mark(marks, &task);
            add(&times, task);
        }
        for (int64_t at = from; at < to; at++) {
            int claims = 0;
            while (claims < CN_REMOTE_ACTIVITY_COUNT && !(marks[at] >> claims & 1))
                claims++;
            wanted[claims < CN_REMOTE_ACTIVITY_COUNT ? claims : CN_REMOTE_COMPUTE]++;
        }
        expect(&times, from, to, wanted[CN_REMOTE_COMPUTE], wanted[CN_REMOTE_SHIP],
               wanted[CN_REMOTE_SCHEDULE], wanted[CN_REMOTE_FETCH]);
        cn_remote_times_release(&times);
    }
}

/* Of more tasks than intervals are kept the sum stays exact, and only short gaps are closed. */
static void what_is_kept_is_bounded(void **unused) {
    (void)unused;
    struct cn_remote_times times = {0};
    const int64_t n = 20 * CN_REMOTE_INTERVALS, period = 1000000;
    int64_t ns[CN_REMOTE_ACTIVITY_COUNT];

    for (int64_t i = 0; i < n; i++) /* most gaps in shipping are of 1 us, one in 100 is long */
        add(&times, task_of(i * period, period - 1000 - (i % 100 == 0 ? period / 2 : 0), 0, 0, 0));
    for (int i = 0; i < CN_REMOTE_ACTIVITY_COUNT; i++)
        assert_true(times.of[i].n <= CN_REMOTE_INTERVALS);
    cn_remote_times_divide(&times, 0, n * period, ns);
    assert_int_equal(ns[CN_REMOTE_COMPUTE] + ns[CN_REMOTE_SHIP], n * period);
    /* The long gaps, which nobody claims, stay. */
    assert_true(ns[CN_REMOTE_COMPUTE] >= n / 100 * period / 2);
    assert_true(ns[CN_REMOTE_COMPUTE] <= n / 100 * period / 2 + n * 1000);
    cn_remote_times_release(&times);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_task_is_divided_as_it_went),
        cmocka_unit_test(who_computes_claims_first),
        cmocka_unit_test(execution_is_divided_in_the_ledger),
        cmocka_unit_test(what_the_ledger_gave_away_before_is_not_counted_twice),
        cmocka_unit_test(any_tasks_in_any_order),
        cmocka_unit_test(what_is_kept_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
