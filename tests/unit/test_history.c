/* The history: what is saved, when it is dropped, whose file it is, and that it comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handlers/history.h"
#include "handlers/run_document.h"
#include "handlers/run_read.h"
#include "handlers/run_search.h"
#include "handlers/service.h"
#include "tests/unit/run_helpers.h"

struct place {
    char dir[64];
    char file[96];
    struct cn_service service;
    struct cn_history *history;
};

static const struct cn_history_limits wide = {.bytes = 64 << 20, .days = 30};

static void start(struct place *place, const struct cn_history_limits *limits, size_t kept) {
    struct cn_error error;
    cn_error_init(&error);
    place->service.version = "test";
    place->service.runs = cn_runs_new(kept, 1 << 20);
    assert_int_equal(cn_history_open(&place->history, place->dir, limits, &error), CN_OK);
    assert_int_equal(cn_history_start(place->history, &place->service, &error), CN_OK);
}

static void stop(struct place *place) {
    cn_history_close(place->history);
    cn_runs_free(place->service.runs);
    place->history = NULL;
}

static int make_place(void **state) {
    struct place *place = calloc(1, sizeof *place);
    snprintf(place->dir, sizeof place->dir, "/tmp/colonnade-test-XXXXXX");
    if (!mkdtemp(place->dir))
        return 1;
    snprintf(place->file, sizeof place->file, "%s/history.sqlite3", place->dir);
    *state = place;
    return 0;
}

static int remove_place(void **state) {
    struct place *place = *state;
    DIR *dir = opendir(place->dir);
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(place->dir);
    free(place);
    return 0;
}

/* ---- looking ------------------------------------------------------------------------------- */

struct found {
    char ids[64][33];
    size_t n;
};

static void note(const char *id, struct cn_str summary, void *context) {
    struct found *found = context;
    assert_true(summary.len > 2 && summary.data[0] == '{');
    assert_true(found->n < 64);
    memcpy(found->ids[found->n++], id, 33);
}

static size_t list(struct place *place, const char *words, uint64_t before, struct found *found) {
    struct cn_search search = {.n_words = 0};
    struct cn_arena arena;
    cn_arena_init(&arena, 1024);
    assert_int_equal(cn_search_init(&search, cn_str_c(words), &arena, NULL), CN_OK);
    const struct cn_history_query query = {.before_seq = before, .search = &search, .limit = 60};
    found->n = 0;
    assert_int_equal(cn_history_list(place->history, &query, note, found, NULL), CN_OK);
    cn_arena_release(&arena);
    return found->n;
}

static int64_t ask_file(const struct place *place, const char *sql) {
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(place->file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    int64_t number =
        sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static void add(struct place *place, int number) {
    struct cn_run_record record = run_make(number);
    assert_true(cn_runs_add(place->service.runs, &record));
}

/* ---- tests --------------------------------------------------------------------------------- */

static void runs_come_back_and_numbers_go_on(void **state) {
    struct place *place = *state;
    struct found found;
    uint64_t seq = 0;
    start(place, &wide, 100);
    for (int i = 1; i <= 10; i++)
        add(place, i);
    stop(place); /* nothing had settled: it is saved now */
    start(place, &wide, 100);
    assert_int_equal(list(place, "", UINT64_MAX, &found), 10);
    assert_int_equal(run_number(found.ids[0]), 10);
    assert_int_equal(run_number(found.ids[9]), 1);
    assert_int_equal(list(place, "", 4, &found), 3);
    add(place, 11);
    cn_history_flush(place->history);
    struct cn_run_record last = run_make(11);
    assert_int_equal(cn_history_seq(place->history, last.id, &seq, NULL), CN_OK);
    assert_int_equal(seq, 11);
    last = run_make(12);
    assert_int_equal(cn_history_seq(place->history, last.id, &seq, NULL), CN_NOT_FOUND);
    stop(place);
}

static void changes_are_saved_again(void **state) {
    struct place *place = *state;
    struct cn_run_record record = run_make(1), read;
    struct cn_arena arena;
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_error error;
    cn_error_init(&error);
    cn_arena_init(&arena, 4096);
    start(place, &wide, 100);
    add(place, 1);
    cn_history_flush(place->history);
    cn_error_set(&error, CN_WORKER_LOST, "It was killed.");
    cn_runs_sent(place->service.runs, record.id, 777);
    cn_runs_fail(place->service.runs, record.id, 500, &error);
    cn_history_flush(place->history);
    assert_int_equal(cn_history_document(place->history, record.id, &buf, NULL), CN_OK);
    assert_int_equal(cn_run_record_read(cn_buf_str(&buf), &arena, &read, NULL), CN_OK);
    assert_int_equal(read.send_ns, 777);
    assert_true(read.failed);
    assert_int_equal(read.error.code, CN_WORKER_LOST);
    assert_int_equal(read.status, 500);
    stop(place);
    assert_int_equal(ask_file(place, "SELECT count(*) FROM run"), 1);
    assert_int_equal(ask_file(place, "SELECT count(*) FROM document"), 1);
    cn_buf_release(&buf);
    cn_arena_release(&arena);
}

static void the_ring_keeps_what_is_not_saved(void **state) {
    struct place *place = *state;
    struct found found;
    start(place, &wide, 4);
    for (int i = 1; i <= 50; i++) {
        add(place, i);
        if (i % 10 == 0)
            cn_history_flush(place->history);
    }
    assert_int_equal(cn_runs_lost(place->service.runs), 0);
    assert_int_equal(list(place, "", UINT64_MAX, &found), 50);
    struct cn_run_record old = run_make(1);
    assert_false(cn_runs_find(place->service.runs, old.id, run_ignore, NULL));
    stop(place);
}

static void finds_by_words(void **state) {
    struct place *place = *state;
    struct found found;
    start(place, &wide, 100);
    struct cn_run_record record = run_make(1);
    struct cn_str recipe[] = {CN_STR("Key = md5(a, b)"), CN_STR("r = a / b")};
    record.recipe = recipe;
    record.n_recipe = 2;
    cn_runs_add(place->service.runs, &record);
    record = run_make(2);
    record.failed = true;
    cn_error_init(&record.error);
    cn_error_set(&record.error, CN_UNKNOWN_COLUMN, "No.");
    cn_runs_add(place->service.runs, &record);
    cn_history_flush(place->history);
    assert_int_equal(list(place, "KEY threads", UINT64_MAX, &found), 1);
    assert_int_equal(run_number(found.ids[0]), 1);
    assert_int_equal(list(place, " unknown_col ", UINT64_MAX, &found), 1);
    assert_int_equal(run_number(found.ids[0]), 2);
    assert_int_equal(list(place, "key unknown_column", UINT64_MAX, &found), 0);
    assert_int_equal(list(place, "%", UINT64_MAX, &found), 0);
    assert_int_equal(list(place, "vector", UINT64_MAX, &found), 2);
    stop(place);
}

static void drops_by_bytes(void **state) {
    struct place *place = *state;
    const struct cn_history_limits narrow = {.bytes = 1 << 20, .days = 30};
    static char long_text[20000];
    uint64_t seq;
    memset(long_text, 'x', sizeof long_text - 1);
    start(place, &narrow, 1000);
    for (int i = 1; i <= 200; i++) {
        struct cn_run_record record = run_make(i);
        record.reason = long_text;
        assert_true(cn_runs_add(place->service.runs, &record));
        if (i % 20 == 0)
            cn_history_flush(place->history);
    }
    struct cn_run_record first = run_make(1), last = run_make(200);
    assert_int_equal(cn_history_seq(place->history, first.id, &seq, NULL), CN_NOT_FOUND);
    assert_int_equal(cn_history_seq(place->history, last.id, &seq, NULL), CN_OK);
    stop(place);
    int64_t kept = ask_file(place, "SELECT count(*) FROM run");
    assert_true(kept >= 20 && kept <= 52);
    assert_int_equal(ask_file(place, "SELECT count(*) FROM document"), kept);
    assert_int_equal(ask_file(place, "SELECT max(seq) - min(seq) + 1 FROM run"), kept);
    assert_true(ask_file(place, "SELECT page_count * 4096 FROM pragma_page_count") < 3 << 20);
}

static void drops_by_age(void **state) {
    struct place *place = *state;
    struct found found;
    start(place, &wide, 100);
    for (int i = 1; i <= 5; i++)
        add(place, i);
    stop(place);
    ask_file(place, "UPDATE run SET kept_at = kept_at - 31 * 86400000000000 WHERE seq <= 3");
    start(place, &wide, 100);
    add(place, 6);
    cn_history_flush(place->history);
    assert_int_equal(list(place, "", UINT64_MAX, &found), 3);
    assert_int_equal(run_number(found.ids[2]), 4);
    stop(place);
}

static void goes_on_when_the_disk_refuses(void **state) {
    struct place *place = *state;
    struct found found;
    start(place, &wide, 4);
    /* Another process that holds the file for long, in miniature: the table is away. */
    ask_file(place, "ALTER TABLE document RENAME TO hidden");
    fprintf(stderr, "(messages about a history that cannot be written follow)\n");
    for (int i = 1; i <= 40; i++)
        add(place, i);
    cn_history_flush(place->history);
    assert_int_equal(cn_runs_lost(place->service.runs), 40 - 4 * 4);
    assert_true(cn_history_failing(place->history));
    ask_file(place, "ALTER TABLE hidden RENAME TO document");
    cn_history_flush(place->history);
    assert_false(cn_history_failing(place->history));
    assert_int_equal(list(place, "", UINT64_MAX, &found), 16);
    assert_int_equal(run_number(found.ids[0]), 40);
    stop(place);
}

/* Whatever lies in the file: what is listed has an id and is JSON, and the rest is counted. */
static void damaged_rows_are_left_out(void **state) {
    static const char *const damages[] = {
        "UPDATE run SET id = 'short' WHERE seq = 2",
        "UPDATE run SET id = x'' WHERE seq = 2",
        "UPDATE run SET id = CAST(id AS BLOB) WHERE seq = 2",
        "UPDATE run SET id = replace(id, '0', '\"') WHERE seq = 2",
        "UPDATE run SET summary = x'' WHERE seq = 2",
        "UPDATE run SET summary = 7 WHERE seq = 2",
        "UPDATE run SET summary = '[]' WHERE seq = 2",
        "UPDATE run SET summary = substr(summary, 1, 40) WHERE seq = 2",
        "UPDATE run SET summary = summary || ',{}' WHERE seq = 2",
        "UPDATE run SET summary = CAST(replace(summary, 'compute', x'ff') AS TEXT) WHERE seq = 2",
        "UPDATE run SET search = x'00' WHERE seq = 2",
    };
    struct place *place = *state;
    const struct cn_search any = {.n_words = 0};
    const struct cn_history_query query = {.before_seq = 4, .search = &any, .limit = 2};
    struct found found = {.n = 0};
    struct cn_error error;
    start(place, &wide, 100);
    for (int i = 1; i <= 3; i++)
        add(place, i);
    cn_history_flush(place->history);
    ask_file(place, "CREATE TABLE good AS SELECT * FROM run");
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        ask_file(place, damages[i]);
        found.n = 0;
        cn_error_init(&error);
        enum cn_code code = cn_history_list(place->history, &query, note, &found, &error);
        if (code != CN_INTERNAL || !strstr(error.detail, "damaged: 1 run cannot be read"))
            fail_msg("%s: %s", damages[i], error.detail);
        assert_int_equal(found.n, 2);
        assert_int_equal(run_number(found.ids[0]), 3);
        assert_int_equal(run_number(found.ids[1]), 1);
        ask_file(place, "REPLACE INTO run SELECT * FROM good");
    }
    assert_int_equal(list(place, "", UINT64_MAX, &found), 3);
    stop(place);
}

static void a_damaged_document_is_not_given_out(void **state) {
    struct place *place = *state;
    struct cn_run_record record = run_make(1);
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_error error;
    cn_error_init(&error);
    start(place, &wide, 100);
    add(place, 1);
    cn_history_flush(place->history);
    ask_file(place, "UPDATE document SET json = substr(json, 1, length(json) - 1)");
    assert_int_equal(cn_history_document(place->history, record.id, &buf, &error), CN_INTERNAL);
    assert_non_null(strstr(error.detail, "damaged"));
    stop(place);
    cn_buf_release(&buf);
}

static void the_end_does_not_wait_for_long(void **state) {
    struct place *place = *state;
    sqlite3 *other = NULL;
    start(place, &wide, 100);
    add(place, 1);
    cn_history_flush(place->history);
    assert_false(cn_history_failing(place->history));
    assert_int_equal(sqlite3_open(place->file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    fprintf(stderr, "(two messages about a locked history follow)\n");
    for (int i = 2; i <= 6; i++)
        add(place, i);
    int64_t began = cn_clock_now();
    stop(place);
    assert_true(cn_clock_now() - began < INT64_C(4000000000));
    sqlite3_close(other);
    assert_int_equal(ask_file(place, "SELECT count(*) FROM run"), 1);
}

/* ---- many threads -------------------------------------------------------------------------- */

enum { WRITERS = 4, EACH = 300 };
struct client {
    struct place *place;
    int first;
    pthread_t thread;
};

static void *add_many(void *context) {
    const struct client *client = context;
    struct cn_runs *runs = client->place->service.runs;
    struct cn_error error;
    cn_error_init(&error);
    cn_error_set(&error, CN_CANCELLED, "The client left.");
    for (int i = client->first; i < client->first + EACH; i++) {
        struct cn_run_record record = run_make(i);
        struct cn_buf document = CN_BUF_INIT;
        cn_runs_add(runs, &record);
        cn_runs_sent(runs, record.id, i);
        if (i % 7 == 0)
            cn_runs_fail(runs, record.id, 0, &error);
        if (!cn_runs_find(runs, record.id, run_ignore, NULL) &&
            cn_history_document(client->place->history, record.id, &document, NULL) != CN_OK)
            return context; /* neither here nor there */
        cn_buf_release(&document);
    }
    return NULL;
}

static void many_threads_lose_nothing(void **state) {
    struct place *place = *state;
    struct client clients[WRITERS];
    start(place, &wide, WRITERS * EACH / 4);
    for (int i = 0; i < WRITERS; i++) {
        clients[i] = (struct client){.place = place, .first = 1 + i * EACH};
        assert_int_equal(pthread_create(&clients[i].thread, NULL, add_many, &clients[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        void *missed;
        pthread_join(clients[i].thread, &missed);
        assert_null(missed);
    }
    assert_int_equal(cn_runs_lost(place->service.runs), 0);
    stop(place);
    assert_int_equal(ask_file(place, "SELECT count(*) FROM run"), WRITERS * EACH);
    assert_int_equal(ask_file(place, "SELECT max(seq) FROM run"), WRITERS * EACH);
    /* A change of a run that was saved and dropped before it came is lost; few are. */
    assert_true(ask_file(place, "SELECT count(*) FROM run WHERE search LIKE '%cancelled%'") > 0);
}

/* ---- whose file it is ---------------------------------------------------------------------- */

static void refuse(struct place *place, const char *dir, const char *why) {
    struct cn_error error;
    cn_error_init(&error);
    assert_int_equal(cn_history_open(&place->history, dir, &wide, &error), CN_INVALID_PARAMETER);
    assert_null(place->history);
    if (!strstr(error.detail, dir) || !strstr(error.detail, why))
        fail_msg("not what was expected: %s", error.detail);
}

static void refuses_what_is_not_its_own(void **state) {
    struct place *place = *state;
    refuse(place, "/nowhere/at/all", "No such file");
    refuse(place, "/dev/null", "no directory");
    FILE *file = fopen(place->file, "w");
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    refuse(place, place->dir, "not a database");
    assert_int_equal(truncate(place->file, 50), 0);
    refuse(place, place->dir, "not a database");
    unlink(place->file);
    ask_file(place, "CREATE TABLE somebody (x)");
    refuse(place, place->dir, "not made by Colonnade");
    unlink(place->file);
    start(place, &wide, 10);
    struct place second = *place;
    refuse(&second, place->dir, "another server");
    stop(place);
    ask_file(place, "PRAGMA user_version = 2");
    refuse(place, place->dir, "newer Colonnade");
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
        TEST(runs_come_back_and_numbers_go_on),
        TEST(changes_are_saved_again),
        TEST(the_ring_keeps_what_is_not_saved),
        TEST(finds_by_words),
        TEST(drops_by_bytes),
        TEST(drops_by_age),
        TEST(goes_on_when_the_disk_refuses),
        TEST(damaged_rows_are_left_out),
        TEST(a_damaged_document_is_not_given_out),
        TEST(the_end_does_not_wait_for_long),
        TEST(refuses_what_is_not_its_own),
        TEST(many_threads_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
