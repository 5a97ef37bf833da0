/*
 * history_read.c: looking into the file, on requests' threads. Readers do not wait for the writer
 * (WAL), nor for each other unless there are many.
 */
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "columns/json_scan.h"
#include "handlers/history_inside.h"
#include "handlers/run_read.h"
#include "handlers/run_search.h"

enum { ID_LEN = 32, SUMMARY_DEPTH = 16, ARENA_KEPT = 1024 };

/* ---- connections -------------------------------------------------------------------------- */

static sqlite3 *take_reader(struct cn_history *history) {
    pthread_mutex_lock(&history->readers_lock);
    while (history->n_readers == 0)
        pthread_cond_wait(&history->reader_free, &history->readers_lock);
    sqlite3 *reader = history->readers[--history->n_readers];
    pthread_mutex_unlock(&history->readers_lock);
    return reader;
}

static void give_reader(struct cn_history *history, sqlite3 *reader) {
    pthread_mutex_lock(&history->readers_lock);
    history->readers[history->n_readers++] = reader;
    pthread_cond_signal(&history->reader_free);
    pthread_mutex_unlock(&history->readers_lock);
}

static enum cn_code fail_read(sqlite3 *reader, struct cn_error *error) {
    return cn_error_set(error, CN_INTERNAL, "The history cannot be read: %s.",
                        sqlite3_errmsg(reader));
}

static struct cn_str column_text(sqlite3_stmt *statement, int column) {
    const unsigned char *text = sqlite3_column_text(statement, column);
    return cn_str((const char *)text, text ? (size_t)sqlite3_column_bytes(statement, column) : 0);
}

/* ---- what a damaged file may hold ---------------------------------------------------------- */

static bool is_id(struct cn_str text) {
    bool good = text.data && text.len == ID_LEN;
    for (size_t i = 0; good && i < text.len; i++)
        good = strchr("0123456789abcdef", text.data[i]) != NULL && text.data[i] != '\0';
    return good;
}

static bool is_object(struct cn_str text, size_t max_depth, struct cn_arena *arena) {
    struct cn_json_scan scan;
    if (!text.data)
        return false;
    cn_arena_reset(arena, ARENA_KEPT);
    cn_json_scan_init(&scan, text, max_depth, arena);
    return cn_json_peek(&scan) == '{' && cn_json_scan_value(&scan, NULL) == CN_OK &&
           cn_json_scan_end(&scan, NULL) == CN_OK;
}

/* To be asked before a column is looked at: that may change its type. */
static bool has_texts(sqlite3_stmt *row, int n_columns) {
    int n = 0;
    while (n < n_columns && sqlite3_column_type(row, n) == SQLITE_TEXT)
        n++;
    return n == n_columns;
}

static enum cn_code fail_damaged(uint64_t n, struct cn_error *error) {
    return cn_error_set(error, CN_INTERNAL,
                        "The history is damaged: %" PRIu64 " run%s cannot be read.", n,
                        n == 1 ? "" : "s");
}

/* ---- one run ------------------------------------------------------------------------------ */

/* The one row that belongs to `id`. */
static enum cn_code find(struct cn_history *history, const char *sql, const char *id,
                         bool (*take)(sqlite3_stmt *statement, void *context), void *context,
                         struct cn_error *error) {
    sqlite3 *reader = take_reader(history);
    sqlite3_stmt *statement = NULL;
    enum cn_code code;
    int step = SQLITE_ERROR;
    if (sqlite3_prepare_v2(reader, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC) == SQLITE_OK)
        step = sqlite3_step(statement);
    if (step == SQLITE_ROW)
        code = take(statement, context) ? CN_OK : cn_error_memory(error);
    else
        code = step == SQLITE_DONE ? CN_NOT_FOUND : fail_read(reader, error);
    sqlite3_finalize(statement);
    give_reader(history, reader);
    return code;
}

static bool take_document(sqlite3_stmt *statement, void *context) {
    struct cn_str text = column_text(statement, 0);
    return text.data && cn_buf_add_str(context, text);
}

enum cn_code cn_history_document(struct cn_history *history, const char *id,
                                 struct cn_buf *document, struct cn_error *error) {
    static const char sql[] =
        "SELECT json FROM document WHERE seq = (SELECT seq FROM run WHERE id = ?1)";
    size_t before = document->len;
    struct cn_arena arena;
    CN_TRY(find(history, sql, id, take_document, document, error));
    cn_arena_init(&arena, ARENA_KEPT);
    bool whole = is_object(cn_str(document->data + before, document->len - before),
                           CN_RUN_SAVED_DEPTH, &arena);
    cn_arena_release(&arena);
    return whole ? CN_OK : fail_damaged(1, error);
}

static bool take_seq(sqlite3_stmt *statement, void *context) {
    *(uint64_t *)context = (uint64_t)sqlite3_column_int64(statement, 0);
    return true;
}

enum cn_code cn_history_seq(struct cn_history *history, const char *id, uint64_t *seq,
                            struct cn_error *error) {
    return find(history, "SELECT seq FROM run WHERE id = ?1", id, take_seq, seq, error);
}

/* ---- many --------------------------------------------------------------------------------- */

static bool bind_query(sqlite3_stmt *statement, const struct cn_history_query *query) {
    uint64_t before = query->before_seq < INT64_MAX ? query->before_seq : INT64_MAX;
    return sqlite3_bind_int64(statement, 1, (int64_t)before) == SQLITE_OK &&
           (!query->operation ||
            sqlite3_bind_text(statement, 2, query->operation, -1, SQLITE_STATIC) == SQLITE_OK);
}

enum cn_code cn_history_list(struct cn_history *history, const struct cn_history_query *query,
                             void (*visit)(const char *id, struct cn_str summary, void *context),
                             void *context, struct cn_error *error) {
    static const char all[] =
        "SELECT id, search, summary FROM run WHERE seq < ?1 ORDER BY seq DESC";
    static const char of_operation[] = "SELECT id, search, summary FROM run WHERE seq < ?1"
                                       " AND operation = ?2 ORDER BY seq DESC";
    const char *sql = query->operation ? of_operation : all;
    sqlite3 *reader = take_reader(history);
    sqlite3_stmt *statement = NULL;
    struct cn_arena arena;
    size_t left = query->limit;
    uint64_t damaged = 0;
    int step = SQLITE_ERROR;
    cn_arena_init(&arena, ARENA_KEPT);
    if (sqlite3_prepare_v2(reader, sql, -1, &statement, NULL) == SQLITE_OK &&
        bind_query(statement, query))
        step = left > 0 ? SQLITE_ROW : SQLITE_DONE;
    while (step == SQLITE_ROW && left > 0) {
        step = sqlite3_step(statement);
        if (step != SQLITE_ROW)
            break;
        bool texts = has_texts(statement, 3);
        if (texts && !cn_search_match(query->search, column_text(statement, 1)))
            continue;
        if (!texts || !is_id(column_text(statement, 0)) ||
            !is_object(column_text(statement, 2), SUMMARY_DEPTH, &arena)) {
            damaged++;
            continue;
        }
        visit((const char *)sqlite3_column_text(statement, 0), column_text(statement, 2), context);
        left--;
    }
    enum cn_code code =
        step == SQLITE_ROW || step == SQLITE_DONE ? CN_OK : fail_read(reader, error);
    if (code == CN_OK && damaged > 0)
        code = fail_damaged(damaged, error);
    sqlite3_finalize(statement);
    give_reader(history, reader);
    cn_arena_release(&arena);
    return code;
}
