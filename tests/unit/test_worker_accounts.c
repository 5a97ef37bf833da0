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

static struct cn_fetch_cut book_as(struct cn_worker_accounts *accounts, struct cn_task *task,
                                   size_t record) {
    struct cn_fetch_cut cut;
    assert_true(cn_worker_accounts_book(accounts, task, record, &cut));
    return cut;
}

static void book(struct cn_worker_accounts *accounts, struct cn_task task) {
    assert_int_equal(book_as(accounts, &task, 0).ns, 0);
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
    struct cn_task second = remote_task(3, 110, 20, 45, 60, 10); /* to 245, computing from 175 */
    struct cn_task inside = remote_task(3, 120, 10, 10, 10, 10); /* to 160 */
    struct cn_task later = remote_task(3, 265, 10, 0, 10, 10);   /* to 295 */
    assert_int_equal(book_as(&accounts, &first, 7).ns, 0);
    assert_int_equal(first.started_ns, 100);
    struct cn_fetch_cut cut = book_as(&accounts, &second, 8);
    assert_int_equal(cut.ns, 5); /* of the first one's fetch */
    assert_int_equal(cut.record, 7);
    assert_int_equal(cut.end_ns, 180);
    assert_int_equal(second.started_ns, 175);
    assert_int_equal(second.spans.ns[CN_SPAN_SHIP], 0);
    assert_int_equal(second.spans.ns[CN_SPAN_SCHEDULE], 0);
    assert_int_equal(second.spans.ns[CN_SPAN_EVALUATE], 60);
    assert_int_equal(second.spans.ns[CN_SPAN_FETCH], 10);
    assert_int_equal(book_as(&accounts, &inside, 9).ns, 0);
    assert_int_equal(inside.started_ns, inside.finished_ns);
    assert_int_equal(sum_of(&inside.spans), 0);
    assert_int_equal(book_as(&accounts, &later, 10).ns, 0);
    assert_int_equal(later.started_ns, 265);

    cn_arena_init(&arena, 4096);
    struct cn_run_worker *list = cn_worker_accounts_list(&accounts, &arena);
    assert_string_equal(list[0].host, "far");
    assert_int_equal(list[0].pid, 0);
    assert_int_equal(list[0].chunks, 4);
    assert_int_equal(list[0].wall_ns, 195);
    assert_int_equal(sum_of(&list[0].spans), 195);
    assert_int_equal(list[0].spans.ns[CN_SPAN_WAIT], 20);
    assert_int_equal(list[0].spans.ns[CN_SPAN_FETCH], 5 + 10 + 10);
    assert_int_equal(list[0].spans.ns[CN_SPAN_EVALUATE], 50 + 60 + 10);
    assert_int_equal(cn_worker_accounts_number(&accounts, 3), 0);
    assert_int_equal(cn_worker_accounts_number(&accounts, 0), -1);
    cn_arena_release(&arena);
    cn_worker_accounts_release(&accounts);
}

/* Two threads of a worker: what both compute at once counts once, and no fetch goes back behind its
 * own beginning. */
static void computing_at_once_counts_once(void **unused) {
    (void)unused;
    struct cn_worker_accounts accounts = {0};
    struct cn_task first = remote_task(0, 0, 0, 0, 50, 30);   /* to 80 */
    struct cn_task beside = remote_task(0, 0, 10, 0, 80, 20); /* computing from 10 to 90 */
    struct cn_task early = remote_task(0, 0, 5, 0, 70, 60);   /* computing from 5 to 75, to 135 */
    book_as(&accounts, &first, 1);
    struct cn_fetch_cut cut = book_as(&accounts, &beside, 2);
    assert_int_equal(cut.record, 1);
    assert_int_equal(cut.ns, 30); /* all of it */
    assert_int_equal(beside.started_ns, 50);
    assert_int_equal(beside.spans.ns[CN_SPAN_EVALUATE], 40);
    assert_int_equal(book_as(&accounts, &early, 3).ns, 0); /* it computed before that fetch began */
    assert_int_equal(early.started_ns, 110);
    assert_int_equal(early.spans.ns[CN_SPAN_EVALUATE], 0);
    assert_int_equal(early.spans.ns[CN_SPAN_FETCH], 25);
    assert_int_equal(accounts.list[0].spans.ns[CN_SPAN_EVALUATE], 90);
    assert_int_equal(accounts.list[0].spans.ns[CN_SPAN_FETCH], 45);
    cn_worker_accounts_release(&accounts);
}

/* Its result was there before that of the task before it: what is left of that one's way back is
 * nobody's, until another task has a use for it. */
static void what_ended_earlier_computes_all_the_same(void **unused) {
    (void)unused;
    struct cn_worker_accounts accounts = {0};
    struct cn_arena arena;
    struct cn_task first = remote_task(0, 0, 0, 0, 10, 90); /* to 100 */
    struct cn_task quick = remote_task(0, 0, 20, 0, 10, 5); /* computing from 20, to 35 */
    struct cn_task next = remote_task(0, 30, 30, 0, 5, 5);  /* to 70 */
    book_as(&accounts, &first, 4);
    assert_int_equal(book_as(&accounts, &quick, 5).ns, 80);
    assert_int_equal(quick.started_ns, 20);
    assert_int_equal(quick.spans.ns[CN_SPAN_EVALUATE], 10);
    assert_int_equal(quick.spans.ns[CN_SPAN_FETCH], 5);
    assert_int_equal(book_as(&accounts, &next, 6).ns, 0);
    assert_int_equal(next.started_ns, 35);
    assert_int_equal(next.spans.ns[CN_SPAN_SHIP], 25);
    cn_arena_init(&arena, 4096);
    struct cn_run_worker *list = cn_worker_accounts_list(&accounts, &arena);
    assert_int_equal(list[0].wall_ns, 100);
    assert_int_equal(sum_of(&list[0].spans), 100);
    assert_int_equal(list[0].spans.ns[CN_SPAN_WAIT], 30);
    cn_arena_release(&arena);
    cn_worker_accounts_release(&accounts);
}

static void a_cut_is_taken_from_its_own_booking(void **unused) {
    (void)unused;
    struct cn_fetch_cut cut = {.record = 1, .end_ns = 180, .ns = 4}, none = {.end_ns = 176};
    struct cn_task task = remote_task(0, 100, 10, 10, 50, 10); /* to 180 */
    cn_fetch_cut_take(&cut, 101, &task.spans);                 /* run again: it ends elsewhere */
    assert_int_equal(task.spans.ns[CN_SPAN_FETCH], 10);
    cn_fetch_cut_take(&cut, 100, &task.spans);
    assert_int_equal(task.spans.ns[CN_SPAN_FETCH], 6);
    cn_fetch_cut_take(&none, 100, &task.spans);
    assert_int_equal(sum_of(&task.spans), 76);
}

static void a_host_is_copied_and_cut(void **unused) {
    (void)unused;
    struct cn_worker_accounts accounts = {0};
    char name[200];
    struct cn_task task = remote_task(0, 0, 1, 1, 1, 1);
    memset(name, 'h', sizeof name);
    name[sizeof name - 1] = '\0';
    task.host = name;
    book_as(&accounts, &task, 0);
    memset(name, 'x', sizeof name - 1);
    assert_int_equal(strlen(accounts.list[0].host), CN_RUN_HOST - 1);
    assert_int_equal(strspn(accounts.list[0].host, "h"), CN_RUN_HOST - 1);
    struct cn_task other = remote_task(1, 0, 1, 1, 1, 1);
    memset(name, 'h', 62);
    memcpy(name + 62, "\xc3\xbc", 3); /* no half character */
    other.host = name;
    book_as(&accounts, &other, 1);
    assert_int_equal(strlen(accounts.list[1].host), 62);
    cn_worker_accounts_release(&accounts);
}

/* ---- against lanes of single nanoseconds ---------------------------------------------------- */

enum { TASKS = 60, WORKERS = 3, LONG = 2400, NOBODY = -1 };

/* Whose each nanosecond of a worker is, and in which span of that task. */
struct marked {
    int task[WORKERS][LONG];
    enum cn_span span[WORKERS][LONG];
};

/* The span that a task was in at each nanosecond of its time. */
static void spread(const struct cn_task *task, enum cn_span at[LONG]) {
    int64_t ns = task->started_ns;
    assert_in_range(ns + sum_of(&task->spans), 0, LONG);
    for (int i = 0; i < CN_SPAN_COUNT; i++)
        for (int64_t k = 0; k < task->spans.ns[cn_remote_spans[i]]; k++)
            at[ns++] = cn_remote_spans[i];
    assert_int_equal(ns, task->finished_ns);
}

static bool computes(enum cn_span span) {
    return span != CN_SPAN_SHIP && span != CN_SPAN_SCHEDULE && span != CN_SPAN_FETCH;
}

static void mark(struct marked *marked, const struct cn_task *task, int number) {
    int *lane = marked->task[task->worker];
    enum cn_span *span = marked->span[task->worker], at[LONG];
    int last = LONG - 1;

    spread(task, at);
    while (last >= 0 && lane[last] == NOBODY)
        last--;
    int before = last >= 0 ? lane[last] : NOBODY;
    for (int64_t ns = task->started_ns; ns < task->finished_ns; ns++) {
        if (!computes(at[ns]) || ns > last || lane[ns] != before || span[ns] != CN_SPAN_FETCH)
            continue;
        for (; last >= ns; last--) /* computing wins, and the fetch is over */
            lane[last] = NOBODY;
        break;
    }
    for (int64_t ns = task->started_ns; ns < task->finished_ns; ns++)
        if (ns > last) {
            lane[ns] = number;
            span[ns] = at[ns];
        }
}

/* What the caller has kept of a task is what is marked as its, at the places that follow from it.
 */
static void compare(const struct marked *marked, const struct cn_task *record, int number) {
    enum cn_span at[LONG];
    int64_t n = 0, end_ns = record->started_ns + sum_of(&record->spans);
    struct cn_task kept = *record;

    kept.finished_ns = end_ns;
    spread(&kept, at);
    for (int64_t ns = 0; ns < LONG; ns++)
        if (marked->task[record->worker][ns] == number) {
            assert_true(ns >= record->started_ns && ns < end_ns);
            assert_int_equal(marked->span[record->worker][ns], at[ns]);
            n++;
        }
    assert_int_equal(n, end_ns - record->started_ns);
}

static void compare_lanes(const struct marked *marked, const struct cn_worker_accounts *accounts) {
    struct cn_arena arena;
    cn_arena_init(&arena, 4096);
    struct cn_run_worker *list = cn_worker_accounts_list(accounts, &arena);
    assert_non_null(list);
    for (size_t i = 0; i < accounts->n; i++) {
        const struct cn_worker_account *account = &accounts->list[i];
        struct cn_spans spans = {0};
        for (int ns = 0; ns < LONG; ns++)
            if (marked->task[account->worker][ns] != NOBODY)
                spans.ns[marked->span[account->worker][ns]]++;
        assert_memory_equal(&account->spans, &spans, sizeof spans);
        assert_int_equal(sum_of(&list[i].spans), list[i].wall_ns);
        assert_true(list[i].spans.ns[CN_SPAN_WAIT] >= 0);
    }
    cn_arena_release(&arena);
}

/* One after another on a thread of the worker, and each way back takes its time; or anything. */
static struct cn_task any_task(unsigned *seed, int64_t free_ns[WORKERS][2], bool orderly) {
    int worker = (int)(rand_r(seed) % WORKERS);
    int64_t ship = rand_r(seed) % 40, schedule = rand_r(seed) % 90, evaluate = rand_r(seed) % 60,
            fetch = rand_r(seed) % 120, started_ns = rand_r(seed) % 2000;
    if (orderly) {
        int64_t *thread_ns = &free_ns[worker][rand_r(seed) % 2];
        started_ns = *thread_ns > 40 ? *thread_ns - 40 : 0;
        schedule = *thread_ns > started_ns + ship ? *thread_ns - started_ns - ship : 0;
        *thread_ns = started_ns + ship + schedule + evaluate;
    }
    struct cn_task task = remote_task(worker, started_ns, ship, schedule, evaluate, fetch);
    task.spans.ns[CN_SPAN_WAIT] = evaluate / 3;
    task.spans.ns[CN_SPAN_EVALUATE] -= evaluate / 3;
    return task;
}

/* Whatever overlaps, and in whatever order it comes back. */
static void lanes_are_as_marked(void **unused) {
    (void)unused;
    unsigned seed = 11;
    size_t n_cuts = 0, n_early = 0;

    for (int round = 0; round < 400; round++) {
        struct cn_worker_accounts accounts = {0};
        struct cn_task records[TASKS];
        static struct marked marked;
        int64_t free_ns[WORKERS][2] = {{0}};
        memset(marked.task, 0xff, sizeof marked.task); /* NOBODY */
        for (int i = 0; i < TASKS; i++) {
            struct cn_task task = any_task(&seed, free_ns, round % 2);
            mark(&marked, &task, i);
            struct cn_fetch_cut cut = book_as(&accounts, &task, (size_t)i);
            assert_true(cut.ns >= 0 && (cut.ns == 0 || (int)cut.record < i));
            if (cut.ns > 0)
                cn_fetch_cut_take(&cut, records[cut.record].started_ns, &records[cut.record].spans);
            n_cuts += cut.ns > 0;
            n_early += cut.ns > 0 && task.finished_ns < cut.end_ns;
            records[i] = task;
        }
        for (int i = 0; i < TASKS; i++)
            compare(&marked, &records[i], i);
        compare_lanes(&marked, &accounts);
        cn_worker_accounts_release(&accounts);
    }
    assert_true(n_cuts > 1000 && n_early > 100); /* it was about something */
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
        cmocka_unit_test(computing_at_once_counts_once),
        cmocka_unit_test(what_ended_earlier_computes_all_the_same),
        cmocka_unit_test(a_cut_is_taken_from_its_own_booking),
        cmocka_unit_test(a_host_is_copied_and_cut),
        cmocka_unit_test(lanes_are_as_marked),
        cmocka_unit_test(the_order_has_each_span_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
