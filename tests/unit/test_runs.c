/* The store of runs: bounds, order, deep copies; and the texts of the account of time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "handlers/runs.h"

static struct cn_run_record make_record(int number) {
    struct cn_run_record record = {.operation = "compute",
                                   .executor = "threads",
                                   .mode = "vector",
                                   .workers = 2,
                                   .rows = (uint64_t)number,
                                   .status = 200};
    snprintf(record.id, sizeof record.id, "%032d", number);
    return record;
}

struct seen {
    uint64_t rows[16];
    size_t n;
};

static void note(const struct cn_run_record *record, void *context) {
    struct seen *seen = context;
    if (seen->n < 16)
        seen->rows[seen->n] = record->rows;
    seen->n++;
}

static void newest_first_and_bounded_by_count(void **state) {
    (void)state;
    struct cn_runs *runs = cn_runs_new(3, 1 << 20);
    assert_non_null(runs);
    for (int i = 1; i <= 5; i++) {
        struct cn_run_record record = make_record(i);
        assert_true(cn_runs_add(runs, &record));
    }
    struct seen seen = {.n = 0};
    cn_runs_each(runs, 10, note, &seen);
    assert_int_equal(seen.n, 3);
    assert_int_equal(seen.rows[0], 5);
    assert_int_equal(seen.rows[2], 3);
    seen.n = 0;
    cn_runs_each(runs, 2, note, &seen);
    assert_int_equal(seen.n, 2);
    seen.n = 0;
    cn_runs_each(runs, 0, note, &seen);
    assert_int_equal(seen.n, 0);
    struct cn_run_record gone = make_record(2), kept = make_record(4);
    assert_false(cn_runs_find(runs, gone.id, note, &seen));
    assert_true(cn_runs_find(runs, kept.id, note, &seen));
    assert_int_equal(seen.rows[0], 4);
    cn_runs_free(runs);
}

static void bounded_by_bytes(void **state) {
    (void)state;
    struct cn_runs *runs = cn_runs_new(1000, 64 << 10);
    static struct cn_run_chunk chunks[200];
    for (int i = 0; i < 50; i++) {
        struct cn_run_record record = make_record(i);
        record.chunks = chunks;
        record.listed_chunks = 200;
        assert_true(cn_runs_add(runs, &record));
    }
    struct seen seen = {.n = 0};
    cn_runs_each(runs, 1000, note, &seen);
    assert_true(seen.n >= 1);
    assert_true(seen.n * sizeof chunks <= 64 << 10);
    assert_int_equal(seen.rows[0], 49);
    struct cn_run_record large = make_record(99);
    large.chunks = chunks;
    large.listed_chunks = 200;
    struct cn_runs *tiny = cn_runs_new(1000, 100);
    assert_false(cn_runs_add(tiny, &large)); /* larger than the whole store */
    cn_runs_free(tiny);
    cn_runs_free(runs);
}

static void check_copy(const struct cn_run_record *record, void *context) {
    (void)context;
    assert_string_equal(record->reason, "because");
    assert_int_equal(record->n_recipe, 2);
    assert_true(cn_str_is(record->recipe[0], "x = a + b"));
    assert_true(cn_str_is(record->recipe[1], "y = x"));
    assert_true(cn_str_is(record->input_types, "a:int64,b:int64"));
    assert_int_equal(record->chunks[1].rows, 7);
    assert_int_equal(record->worker[0].wall_ns, 99);
    assert_true(record->emulated);
    assert_int_equal(record->n_samples, 3);
    assert_int_equal(record->samples[2], 33);
    assert_int_equal(record->send_ns, 1234);
    assert_true(record->failed);
    assert_int_equal(record->error.code, CN_WORKER_LOST);
}

static void copies_what_it_points_to(void **state) {
    (void)state;
    struct cn_runs *runs = cn_runs_new(10, 1 << 20);
    char reason[] = "because", first[] = "x = a + b", types[] = "a:int64,b:int64";
    struct cn_str recipe[] = {cn_str_c(first), CN_STR("y = x")};
    struct cn_run_chunk chunks[2] = {{.chunk = 0}, {.chunk = 1, .rows = 7}};
    struct cn_run_worker worker = {.wall_ns = 99};
    struct cn_run_record record = make_record(1);
    record.reason = reason;
    record.recipe = recipe;
    record.n_recipe = 2;
    record.input_types = cn_str_c(types);
    record.chunks = chunks;
    record.listed_chunks = 2;
    record.worker = &worker;
    record.n_worker = 1;
    int64_t samples[] = {11, 22, 33};
    record.samples = samples;
    record.n_samples = 3;
    record.emulated = true;
    assert_true(cn_runs_add(runs, &record));
    memset(reason, '!', sizeof reason - 1);
    memset(first, '!', sizeof first - 1);
    memset(types, '!', sizeof types - 1);
    memset(recipe, 0, sizeof recipe);
    memset(chunks, 0, sizeof chunks);
    memset(&worker, 0, sizeof worker);
    memset(samples, 0, sizeof samples);
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, CN_WORKER_LOST, "It was killed.");
    cn_runs_sent(runs, record.id, 1234);
    cn_runs_fail(runs, record.id, 0, &error);
    cn_runs_sent(runs, "no such run", 1);
    assert_true(cn_runs_find(runs, record.id, check_copy, NULL));
    cn_runs_free(runs);
}

static void timing_sums_and_leaves_out(void **state) {
    (void)state;
    struct cn_ledger ledger;
    cn_ledger_start(&ledger, 1000);
    cn_ledger_enter(&ledger, CN_STAGE_RECEIVE, 1010);
    cn_ledger_enter(&ledger, CN_STAGE_EXECUTE, 1110);
    cn_ledger_end(&ledger, 2501110);
    struct cn_run_worker worker = {
        .worker = 1, .pid = 42, .chunks = 3, .wall_ns = 30, .cpu_ns = 20};
    worker.spans.ns[CN_SPAN_PARSE] = 10;
    worker.spans.ns[CN_SPAN_WAIT] = 20;
    struct cn_buf buf = CN_BUF_INIT;
    assert_true(cn_timing_write(&buf, &(struct cn_timing){&ledger, &worker, 1, NULL, 0}));
    assert_true(cn_str_is(cn_buf_str(&buf),
                          "{\"wall_ns\":2500110,\"ledger\":[{\"stage\":\"receive\",\"ns\":100},"
                          "{\"stage\":\"execute\",\"ns\":2500000}],\"unaccounted_ns\":10,"
                          "\"workers\":[{\"worker\":1,\"pid\":42,\"chunks\":3,\"wall_ns\":30,"
                          "\"cpu_ns\":20,\"stages\":{\"parse\":10,\"wait\":20}}]}"));
    buf.len = 0;
    const int64_t samples[] = {30, 10};
    assert_true(cn_timing_write(&buf, &(struct cn_timing){&ledger, NULL, 0, samples, 2}));
    assert_true(cn_buf_add_char(&buf, '\0'));
    assert_non_null(strstr(buf.data, "\"workers\":[],\"repeat\":{\"runs\":2,\"mean_ns\":20,"
                                     "\"stddev_ns\":10,\"min_ns\":10,\"median_ns\":20,"
                                     "\"samples_ns\":[30,10]}}"));
    buf.len = 0;
    assert_true(cn_server_timing(&buf, &ledger, 2500110));
    assert_true(
        cn_str_is(cn_buf_str(&buf), "receive;dur=0.000, execute;dur=2.500, total;dur=2.500"));
    cn_buf_release(&buf);
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void count_call(void *context) {
    ++*(int *)context;
}

static void numbers_follow_one_another(void **state) {
    (void)state;
    struct cn_runs *runs = cn_runs_new(3, 1 << 20);
    struct seen seen = {.n = 0};
    int calls = 0;
    bool there = false;
    cn_runs_listen(runs, count_call, &calls);
    assert_int_equal(cn_runs_since(runs, 0, 10, note, &seen), 0);
    for (int i = 1; i <= 5; i++) {
        struct cn_run_record record = make_record(i);
        assert_int_equal(cn_runs_add_new(runs, &record, &there, NULL), CN_OK);
        assert_false(there);
    }
    struct cn_run_record again = make_record(4);
    assert_int_equal(cn_runs_add_new(runs, &again, &there, NULL), CN_OK);
    assert_true(there);
    assert_int_equal(calls, 5);
    /* 1 and 2 were dropped */
    assert_int_equal(cn_runs_since(runs, 0, 2, note, &seen), 4);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.rows[0], 3);
    seen.n = 0;
    assert_int_equal(cn_runs_since(runs, 4, 10, note, &seen), 5);
    assert_int_equal(seen.n, 1);
    assert_int_equal(cn_runs_since(runs, 5, 10, note, &seen), 5);
    assert_int_equal(seen.n, 1);
    cn_runs_free(runs);
}

/* ---- saving -------------------------------------------------------------------------------- */

static void count_wake(struct cn_history *history) {
    ++*(int *)(void *)history;
}

static size_t release(struct cn_run_copy *copies) {
    size_t n = 0;
    for (struct cn_run_copy *next; copies; copies = next, n++) {
        next = copies->next;
        free(copies);
    }
    return n;
}

static void what_has_settled_is_to_be_saved(void **state) {
    (void)state;
    struct cn_runs *runs = cn_runs_new(10, 1 << 20);
    int wakes = 0;
    int64_t due;
    const struct cn_runs_saver saver = {(struct cn_history *)(void *)&wakes, count_wake, 100};
    cn_runs_attach(runs, &saver);
    struct cn_run_record first = make_record(1), second = make_record(2);
    cn_runs_add(runs, &first);
    cn_runs_add(runs, &second);
    assert_int_equal(wakes, 1); /* for the first that waits */
    assert_null(cn_runs_unsaved(runs, false, 10, 1 << 20, &due));
    assert_true(due > cn_clock_now());
    cn_runs_sent(runs, second.id, 5);
    struct cn_run_copy *copies = cn_runs_unsaved(runs, false, 10, 1 << 20, &due);
    assert_int_equal(copies->record.seq, 102);
    assert_int_equal(copies->record.send_ns, 5);
    cn_runs_sent(runs, second.id, 6); /* while it is being saved */
    assert_int_equal(cn_runs_saved(runs, copies), 2);
    assert_int_equal(release(copies), 1);
    copies = cn_runs_unsaved(runs, true, 10, 1 << 20, &due);
    assert_int_equal(cn_runs_saved(runs, copies), 0);
    assert_int_equal(release(copies), 2);
    assert_int_equal(due, 0);
    assert_null(cn_runs_unsaved(runs, true, 10, 1 << 20, &due));
    cn_runs_sent(runs, first.id, 7);
    assert_int_equal(wakes, 2);
    cn_runs_detach(runs);
    assert_int_equal(cn_runs_count_unsaved(runs), 0);
    cn_runs_free(runs);
}

static void what_is_not_saved_stays_up_to_four_times_the_bounds(void **state) {
    (void)state;
    struct cn_runs *runs = cn_runs_new(5, 1 << 20);
    struct seen seen = {.n = 0};
    int wakes = 0;
    int64_t due;
    const struct cn_runs_saver saver = {(struct cn_history *)(void *)&wakes, count_wake, 0};
    cn_runs_attach(runs, &saver);
    for (int i = 1; i <= 30; i++) {
        struct cn_run_record record = make_record(i);
        assert_true(cn_runs_add(runs, &record));
    }
    cn_runs_each(runs, 100, note, &seen);
    assert_int_equal(seen.n, 20);
    assert_int_equal(cn_runs_lost(runs), 10);
    struct cn_run_copy *copies = cn_runs_unsaved(runs, true, 18, 1 << 20, &due);
    assert_true(due > 0); /* two are left */
    assert_int_equal(cn_runs_saved(runs, copies), 2);
    assert_int_equal(release(copies), 18);
    seen.n = 0;
    cn_runs_each(runs, 100, note, &seen);
    assert_int_equal(seen.n, 5);
    assert_int_equal(seen.rows[0], 30);
    cn_runs_detach(runs);
    cn_runs_free(runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_follow_one_another),
        cmocka_unit_test(what_has_settled_is_to_be_saved),
        cmocka_unit_test(what_is_not_saved_stays_up_to_four_times_the_bounds),
        cmocka_unit_test(newest_first_and_bounded_by_count),
        cmocka_unit_test(bounded_by_bytes),
        cmocka_unit_test(copies_what_it_points_to),
        cmocka_unit_test(timing_sums_and_leaves_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
