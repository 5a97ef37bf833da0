/*
 * history_save.c: runs into the file, and old ones out of it. On the writer's thread.
 */
#include "handlers/history_inside.h"
#include "handlers/run_document.h"
#include "handlers/run_search.h"

/* Rows that one step of dropping looks at, and pages that one step gives back. */
enum { TRIM_ROWS = 256, TRIM_STEPS = 64, VACUUM_PAGES = 512 };
#define NS_PER_DAY (86400 * CN_NS_PER_SECOND)

/* ---- saving ------------------------------------------------------------------------------- */

static bool write_texts(struct cn_history *history, const struct cn_run_record *record) {
    struct cn_json_out out;
    history->summary.len = 0;
    cn_json_out_init(&out, &history->summary);
    cn_run_summary_write(&out, record);
    bool ok = out.ok;
    history->document.len = 0;
    cn_json_out_init(&out, &history->document);
    cn_run_document_write(&out, record, history->service);
    return ok && out.ok && cn_search_text(&history->search, record);
}

static bool bind_text(sqlite3_stmt *statement, int at, struct cn_str text) {
    return sqlite3_bind_text64(statement, at, text.data, text.len, SQLITE_STATIC, SQLITE_UTF8) ==
           SQLITE_OK;
}

static bool bind_c(sqlite3_stmt *statement, int at, const char *text) {
    return text ? bind_text(statement, at, cn_str_c(text))
                : sqlite3_bind_null(statement, at) == SQLITE_OK;
}

static bool bind_number(sqlite3_stmt *statement, int at, int64_t number) {
    return sqlite3_bind_int64(statement, at, number) == SQLITE_OK;
}

/* *seq becomes that of the row, which is another one if the id was there already. */
static bool save_run(struct cn_history *history, const struct cn_run_record *record, int64_t *seq) {
    sqlite3_stmt *insert = history->insert_run;
    size_t bytes = history->document.len + history->summary.len + history->search.len;
    bool ok =
        bind_number(insert, 1, (int64_t)record->seq) && bind_c(insert, 2, record->id) &&
        bind_number(insert, 3, cn_clock_wall()) && bind_number(insert, 4, record->started_at) &&
        bind_c(insert, 5, record->operation) && bind_c(insert, 6, record->executor) &&
        bind_c(insert, 7, record->mode) && bind_number(insert, 8, record->status) &&
        bind_number(insert, 9, record->ledger.ended_ns - record->ledger.started_ns) &&
        bind_number(insert, 10, (int64_t)bytes) &&
        bind_text(insert, 11, cn_buf_str(&history->search)) &&
        bind_text(insert, 12, cn_buf_str(&history->summary)) && sqlite3_step(insert) == SQLITE_ROW;
    if (ok)
        *seq = sqlite3_column_int64(insert, 0);
    ok = ok && sqlite3_step(insert) == SQLITE_DONE;
    sqlite3_reset(insert);
    return ok;
}

static bool save_one(struct cn_history *history, const struct cn_run_record *record) {
    sqlite3_stmt *insert = history->insert_document;
    int64_t seq = 0;
    if (!write_texts(history, record) || !save_run(history, record, &seq))
        return false;
    bool ok = bind_number(insert, 1, seq) && bind_text(insert, 2, cn_buf_str(&history->document)) &&
              sqlite3_step(insert) == SQLITE_DONE;
    sqlite3_reset(insert);
    sqlite3_clear_bindings(insert);
    sqlite3_clear_bindings(history->insert_run);
    return ok;
}

static bool run_sql(struct cn_history *history, const char *sql) {
    return sqlite3_exec(history->db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

bool cn_history_save(struct cn_history *history, const struct cn_run_copy *copies) {
    bool ok = run_sql(history, "BEGIN IMMEDIATE");
    for (const struct cn_run_copy *copy = copies; ok && copy; copy = copy->next)
        ok = save_one(history, &copy->record);
    return ok && run_sql(history, "COMMIT");
}

/* ---- dropping ----------------------------------------------------------------------------- */

static int64_t count_bytes(const struct cn_history *history) {
    int64_t pages = cn_history_number(history->db, "PRAGMA page_count", 0);
    int64_t unused = cn_history_number(history->db, "PRAGMA freelist_count", 0);
    return (pages - unused) * cn_history_number(history->db, "PRAGMA page_size", 0);
}

/* The highest number that is to go; 0: none. The oldest go first. */
static int64_t find_last_to_go(const struct cn_history *history, int64_t excess,
                               int64_t kept_from) {
    sqlite3_stmt *rows = NULL;
    int64_t last = 0;
    if (sqlite3_prepare_v2(history->db, "SELECT seq, bytes, kept_at FROM run ORDER BY seq LIMIT ?1",
                           -1, &rows, NULL) == SQLITE_OK &&
        sqlite3_bind_int(rows, 1, TRIM_ROWS) == SQLITE_OK)
        while (sqlite3_step(rows) == SQLITE_ROW &&
               (excess > 0 || sqlite3_column_int64(rows, 2) < kept_from)) {
            last = sqlite3_column_int64(rows, 0);
            excess -= sqlite3_column_int64(rows, 1);
        }
    sqlite3_finalize(rows);
    return last;
}

static bool drop_until(struct cn_history *history, int64_t seq) {
    char sql[160];
    snprintf(sql, sizeof sql,
             "BEGIN IMMEDIATE; DELETE FROM run WHERE seq <= %lld;"
             "DELETE FROM document WHERE seq <= %lld; COMMIT",
             (long long)seq, (long long)seq);
    return run_sql(history, sql);
}

/* A quarter of the file unused: some of it goes back to the system. */
static bool shrink(struct cn_history *history) {
    char sql[64];
    int64_t pages = cn_history_number(history->db, "PRAGMA page_count", 0);
    int64_t unused = cn_history_number(history->db, "PRAGMA freelist_count", 0);
    if (unused < VACUUM_PAGES || unused < pages / 4)
        return true;
    snprintf(sql, sizeof sql, "PRAGMA incremental_vacuum(%d)", VACUUM_PAGES);
    return run_sql(history, sql);
}

bool cn_history_trim(struct cn_history *history) {
    uint64_t days = history->limits.days;
    int64_t most = history->limits.bytes < INT64_MAX ? (int64_t)history->limits.bytes : INT64_MAX;
    int64_t kept_from = 0;
    if (days > 0 && days < (uint64_t)(INT64_MAX / NS_PER_DAY))
        kept_from = cn_clock_wall() - (int64_t)days * NS_PER_DAY;
    for (int step = 0; step < TRIM_STEPS; step++) {
        int64_t last = find_last_to_go(history, count_bytes(history) - most, kept_from);
        if (last == 0)
            break;
        if (!drop_until(history, last))
            return false;
    }
    return shrink(history);
}
