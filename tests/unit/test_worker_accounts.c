/* What each worker did: booked task by task, put in order, listed with stages that sum. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- several tasks at once ----------------------------------------------------------------- */

static struct cn_task remote_task(int worker, int64_t started_ns, int64_t ship, int64_t schedule,
                                  int64_t evaluate, int64_t fetch) {
    struct cn_task task = {.worker = worker,
                           .host = "far",
                           .started_ns = started_ns,
                           .finished_ns = started_ns + ship + schedule + evaluate + fetch};
    task.spans.ns[CN_SPAN_SHIP] = ship;
    task.spans.ns[CN_SPAN_SCHEDULE] = schedule;
    task.spans.ns[CN_SPAN_EVALUATE] = evaluate;
    task.spans.ns[CN_SPAN_FETCH] = fetch;
    return task;
}

static int64_t sum_of(const struct cn_spans *spans) {
    int64_t sum = 0;
    for (int s = 0; s < CN_SPAN_COUNT; s++)
        sum += spans->ns[s];
    return sum;
}

static void what_was_hidden_is_taken_from_the_front(void **unused) {
    (void)unused;
    struct cn_worker_accounts accounts = {0};
    struct cn_arena arena;
    struct cn_task first = remote_task(3, 100, 10, 10, 50, 10);  /* to 180 */
    struct cn_task second = remote_task(3, 110, 20, 30, 60, 10); /* to 230 */
    struct cn_task inside = remote_task(3, 120, 10, 10, 10, 10); /* to 160 */
    struct cn_task later = remote_task(3, 250, 10, 0, 10, 10);   /* to 280 */
    assert_true(cn_worker_accounts_book(&accounts, &first));
    assert_int_equal(first.started_ns, 100);
    assert_true(cn_worker_accounts_book(&accounts, &second));
    assert_int_equal(second.started_ns, 180);
    assert_int_equal(second.spans.ns[CN_SPAN_SHIP], 0);
    assert_int_equal(second.spans.ns[CN_SPAN_SCHEDULE], 0);
    assert_int_equal(second.spans.ns[CN_SPAN_EVALUATE], 40);
    assert_int_equal(second.spans.ns[CN_SPAN_FETCH], 10);
    assert_true(cn_worker_accounts_book(&accounts, &inside));
    assert_int_equal(inside.started_ns, inside.finished_ns);
    assert_int_equal(sum_of(&inside.spans), 0);
    assert_true(cn_worker_accounts_book(&accounts, &later));
    assert_int_equal(later.started_ns, 250);

    cn_arena_init(&arena, 4096);
    struct cn_run_worker *list = cn_worker_accounts_list(&accounts, &arena);
    assert_string_equal(list[0].host, "far");
    assert_int_equal(list[0].pid, 0);
    assert_int_equal(list[0].chunks, 4);
    assert_int_equal(list[0].wall_ns, 180);
    assert_int_equal(sum_of(&list[0].spans), 180);
    assert_int_equal(list[0].spans.ns[CN_SPAN_WAIT], 20);
    assert_int_equal(cn_worker_accounts_number(&accounts, 3), 0);
    assert_int_equal(cn_worker_accounts_number(&accounts, 0), -1);
    cn_arena_release(&arena);
    cn_worker_accounts_release(&accounts);
}

static void a_host_is_copied_and_cut(void **unused) {
    (void)unused;
    struct cn_worker_accounts accounts = {0};
    char name[200];
    struct cn_task task = remote_task(0, 0, 1, 1, 1, 1);
    memset(name, 'h', sizeof name);
    name[sizeof name - 1] = '\0';
    task.host = name;
    assert_true(cn_worker_accounts_book(&accounts, &task));
    memset(name, 'x', sizeof name - 1);
    assert_int_equal(strlen(accounts.list[0].host), CN_RUN_HOST - 1);
    assert_int_equal(strspn(accounts.list[0].host, "h"), CN_RUN_HOST - 1);
    struct cn_task other = remote_task(1, 0, 1, 1, 1, 1);
    memset(name, 'h', 62);
    memcpy(name + 62, "\xc3\xbc", 3); /* no half character */
    other.host = name;
    assert_true(cn_worker_accounts_book(&accounts, &other));
    assert_int_equal(strlen(accounts.list[1].host), 62);
    cn_worker_accounts_release(&accounts);
}

struct booked {
    int worker;
    int64_t from, to;
};

/* Whatever overlaps, and in whatever order it comes back: tasks lie apart, each within what it was,
 * and what a worker is listed with sums to its wall time with no time waited below zero. */
static void lanes_never_overlap(void **unused) {
    (void)unused;
    enum { TASKS = 60, WORKERS = 3 };
    unsigned seed = 11;

    for (int round = 0; round < 500; round++) {
        struct cn_worker_accounts accounts = {0};
        struct cn_arena arena;
        struct booked booked[TASKS];
        for (int i = 0; i < TASKS; i++) {
            struct cn_task task = remote_task((int)(rand_r(&seed) % WORKERS), rand_r(&seed) % 2000,
                                              rand_r(&seed) % 40, rand_r(&seed) % 90,
                                              rand_r(&seed) % 60, rand_r(&seed) % 30);
            int64_t started_ns = task.started_ns, finished_ns = task.finished_ns;
            struct cn_spans spans = task.spans;
            assert_true(cn_worker_accounts_book(&accounts, &task));
            assert_true(task.started_ns >= started_ns);
            assert_int_equal(task.finished_ns, finished_ns);
            assert_int_equal(sum_of(&task.spans), finished_ns - task.started_ns);
            bool whole = false; /* behind the first span that something is left of */
            for (int s = 0; s < CN_SPAN_COUNT; s++) {
                int64_t left = task.spans.ns[cn_remote_spans[s]];
                int64_t was = spans.ns[cn_remote_spans[s]];
                assert_true(left >= 0 && left <= was);
                assert_true(!whole || left == was);
                whole = whole || left > 0;
            }
            booked[i] = (struct booked){task.worker, task.started_ns, task.finished_ns};
        }
        for (int i = 0; i < TASKS; i++)
            for (int k = 0; k < i; k++)
                assert_true(booked[i].worker != booked[k].worker ||
                            booked[i].from == booked[i].to || booked[k].from == booked[k].to ||
                            booked[i].from >= booked[k].to || booked[k].from >= booked[i].to);
        cn_arena_init(&arena, 4096);
        struct cn_run_worker *list = cn_worker_accounts_list(&accounts, &arena);
        for (size_t i = 0; i < accounts.n; i++) {
            assert_int_equal(sum_of(&list[i].spans), list[i].wall_ns);
            assert_true(list[i].spans.ns[CN_SPAN_WAIT] >= 0);
        }
        cn_arena_release(&arena);
        cn_worker_accounts_release(&accounts);
    }
}

static void the_order_has_each_span_once(void **unused) {
    (void)unused;
    unsigned seen = 0;
    for (int s = 0; s < CN_SPAN_COUNT; s++)
        seen |= 1u << cn_remote_spans[s];
    assert_int_equal(seen, (1u << CN_SPAN_COUNT) - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(workers_are_listed_as_they_came),
        cmocka_unit_test(many_workers_and_none),
        cmocka_unit_test(what_was_hidden_is_taken_from_the_front),
        cmocka_unit_test(a_host_is_copied_and_cut),
        cmocka_unit_test(lanes_never_overlap),
        cmocka_unit_test(the_order_has_each_span_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
