/* What each worker did: booked task by task, put in order, listed with stages that sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "handlers/runs.h"
#include "handlers/worker_accounts.h"
#include "pool/executor.h"

static struct cn_task task_of(int worker, pid_t pid, int64_t started_ns, int64_t finished_ns) {
    struct cn_task task = {.worker = worker,
                           .pid = pid,
                           .started_ns = started_ns,
                           .finished_ns = finished_ns,
                           .cpu_ns = 3};
    task.spans.ns[CN_SPAN_PARSE] = finished_ns - started_ns;
    return task;
}

static void book(struct cn_worker_accounts *accounts, struct cn_task task) {
    assert_true(cn_worker_accounts_book(accounts, &task));
}

static void workers_are_listed_as_they_came(void **unused) {
    (void)unused;
    struct cn_worker_accounts accounts = {0};
    book(&accounts, task_of(9, 90, 200, 250));
    book(&accounts, task_of(-1, 0, 0, 0)); /* it never ran */
    book(&accounts, task_of(4, 40, 100, 180));
    book(&accounts, task_of(9, 91, 300, 310)); /* replaced meanwhile */
    cn_worker_accounts_sort(&accounts);

    struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    struct cn_run_worker *list = cn_worker_accounts_list(&accounts, &arena);
    assert_non_null(list);
    assert_int_equal(accounts.n, 2);
    assert_int_equal(list[0].worker, 0);
    assert_int_equal(list[0].pid, 40);
    assert_int_equal(list[0].chunks, 1);
    assert_int_equal(list[0].wall_ns, 80);
    assert_int_equal(list[0].spans.ns[CN_SPAN_WAIT], 0);
    assert_int_equal(list[1].worker, 1);
    assert_int_equal(list[1].pid, 91);
    assert_int_equal(list[1].chunks, 2);
    assert_int_equal(list[1].wall_ns, 110);
    assert_int_equal(list[1].spans.ns[CN_SPAN_PARSE], 60);
    assert_int_equal(list[1].spans.ns[CN_SPAN_WAIT], 50); /* between its two tasks */

    int64_t cpu_ns = 0;
    struct cn_spans spans = {0};
    cn_worker_accounts_sum(&accounts, &cpu_ns, &spans);
    assert_int_equal(cpu_ns, 9);
    assert_int_equal(spans.ns[CN_SPAN_PARSE], 140);
    cn_arena_release(&arena);
    cn_worker_accounts_release(&accounts);
    assert_int_equal(accounts.n, 0);
}

static void many_workers_and_none(void **unused) {
    (void)unused;
    struct cn_worker_accounts accounts = {0};
    struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    cn_worker_accounts_sort(&accounts);
    assert_non_null(cn_worker_accounts_list(&accounts, &arena)); /* not what no memory gives */
    for (int i = 0; i < 1000; i++)
        book(&accounts, task_of(i * 7 % 100, 1, 1000 - i, 1000));
    assert_int_equal(accounts.n, 100);
    for (size_t i = 0; i < accounts.n; i++)
        assert_int_equal(accounts.list[i].tasks, 10);
    cn_worker_accounts_sort(&accounts);
    for (size_t i = 1; i < accounts.n; i++)
        assert_true(accounts.list[i - 1].first_ns < accounts.list[i].first_ns);
    cn_arena_release(&arena);
    cn_worker_accounts_release(&accounts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_listed_as_they_came),
        cmocka_unit_test(many_workers_and_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
