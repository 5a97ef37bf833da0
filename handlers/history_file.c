/*
 * history_file.c: the file of the history: whose it is, its tables, and how it is opened.
 *
 * Free pages are used again before the file grows; many of them are given back to the system
 * (auto_vacuum = INCREMENTAL, history_save.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handlers/history_inside.h"

#define BUSY_NS (5000 * INT64_C(1000000))
#define READER_BUSY_MS 200 /* a reader is a connection's thread, which others wait for */
#define BUSY_PAUSE_NS INT64_C(10000000)

/* Bytes of the documents lie apart, so that a search through the runs reads few pages. */
static const char create_sql[] =
    "CREATE TABLE run (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kept_at INTEGER NOT NULL,"
    " started_at INTEGER NOT NULL, operation TEXT NOT NULL, executor TEXT, mode TEXT,"
    " status INTEGER NOT NULL, wall_ns INTEGER NOT NULL, bytes INTEGER NOT NULL,"
    " search TEXT NOT NULL, summary TEXT NOT NULL);"
    "CREATE INDEX run_operation ON run (operation);"
    "CREATE TABLE document (seq INTEGER PRIMARY KEY, json TEXT NOT NULL);";

int64_t cn_history_number(sqlite3 *db, const char *sql, int64_t otherwise) {
    sqlite3_stmt *statement = NULL;
    int64_t number = otherwise;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* ---- the directory ------------------------------------------------------------------------ */

static enum cn_code fail_dir(const struct cn_history *history, const char *why,
                             struct cn_error *error) {
    return cn_error_set(error, CN_INVALID_PARAMETER, "--data-dir %s: %s", history->dir, why);
}

static enum cn_code check_dir(const struct cn_history *history, struct cn_error *error) {
    struct stat status;
    if (stat(history->dir, &status) != 0)
        return fail_dir(history, strerror(errno), error);
    if (!S_ISDIR(status.st_mode))
        return fail_dir(history, "this is no directory", error);
    return CN_OK;
}

/* The lock goes with the process, however it ends. */
static enum cn_code lock_dir(struct cn_history *history, struct cn_error *error) {
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/history.lock", history->dir);
    if (len < 0 || (size_t)len >= sizeof path)
        return fail_dir(history, "the name is too long", error);
    history->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (history->lock_fd < 0)
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--data-dir %s: history.lock cannot be written: %s", history->dir,
                            strerror(errno));
    if (flock(history->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return fail_dir(history, "another server keeps its history there", error);
    return CN_OK;
}

/* Made by us, so that nobody else can read it. SQLite gives the files beside it the same mode. */
static enum cn_code make_file(const struct cn_history *history, struct cn_error *error) {
    int fd = open(history->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--data-dir %s: history.sqlite3 cannot be written: %s", history->dir,
                            strerror(errno));
    close(fd);
    return CN_OK;
}

/* ---- the file ----------------------------------------------------------------------------- */

static enum cn_code fail_sqlite(const struct cn_history *history, sqlite3 *db,
                                struct cn_error *error) {
    return cn_error_set(error, CN_INVALID_PARAMETER, "--data-dir %s: history.sqlite3: %s",
                        history->dir, sqlite3_errmsg(db));
}

static enum cn_code check_owner(const struct cn_history *history, bool *is_new,
                                struct cn_error *error) {
    int64_t tables = cn_history_number(history->db, "SELECT count(*) FROM sqlite_schema", -1);
    if (tables < 0)
        return fail_sqlite(history, history->db, error);
    int64_t application = cn_history_number(history->db, "PRAGMA application_id", -1);
    int64_t schema = cn_history_number(history->db, "PRAGMA user_version", -1);
    *is_new = tables == 0 && application == 0 && schema == 0;
    if (*is_new)
        return CN_OK;
    if (application != CN_HISTORY_APPLICATION)
        return fail_dir(history, "history.sqlite3 was not made by Colonnade", error);
    if (schema > CN_HISTORY_SCHEMA)
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "--data-dir %s: history.sqlite3 is of version %lld, written by a newer "
                            "Colonnade; this one knows version %d",
                            history->dir, (long long)schema, CN_HISTORY_SCHEMA);
    if (schema < CN_HISTORY_SCHEMA)
        return fail_dir(history, "history.sqlite3 has no version that Colonnade ever wrote", error);
    return CN_OK;
}

static bool run_sql(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static bool create_tables(sqlite3 *db) {
    char marks[128];
    snprintf(marks, sizeof marks, "PRAGMA application_id = %d; PRAGMA user_version = %d;",
             CN_HISTORY_APPLICATION, CN_HISTORY_SCHEMA);
    return run_sql(db, "BEGIN IMMEDIATE") && run_sql(db, create_sql) && run_sql(db, marks) &&
           run_sql(db, "COMMIT");
}

static bool prepare(struct cn_history *history) {
    static const char run_sql_text[] =
        "INSERT INTO run (seq, id, kept_at, started_at, operation, executor, mode, status, wall_ns,"
        " bytes, search, summary) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"
        " ON CONFLICT (id) DO UPDATE SET status = excluded.status, bytes = excluded.bytes,"
        " search = excluded.search, summary = excluded.summary RETURNING seq";
    static const char document_sql[] = "INSERT INTO document (seq, json) VALUES (?1, ?2)"
                                       " ON CONFLICT (seq) DO UPDATE SET json = excluded.json";
    return sqlite3_prepare_v3(history->db, run_sql_text, -1, SQLITE_PREPARE_PERSISTENT,
                              &history->insert_run, NULL) == SQLITE_OK &&
           sqlite3_prepare_v3(history->db, document_sql, -1, SQLITE_PREPARE_PERSISTENT,
                              &history->insert_document, NULL) == SQLITE_OK;
}

/* The file is locked by somebody else: a while is waited, less when the server ends. */
static int wait_for_others(void *context, int times) {
    struct cn_history *history = context;
    int64_t now = cn_clock_now();
    if (times == 0)
        history->busy_from_ns = now;
    if (now >= history->busy_from_ns + BUSY_NS || now >= atomic_load(&history->busy_until_ns))
        return 0;
    nanosleep(&(struct timespec){.tv_nsec = BUSY_PAUSE_NS}, NULL);
    return 1;
}

static enum cn_code open_writer(struct cn_history *history, struct cn_error *error) {
    bool is_new;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
    if (sqlite3_open_v2(history->path, &history->db, flags, NULL) != SQLITE_OK)
        return fail_sqlite(history, history->db, error);
    atomic_init(&history->busy_until_ns, INT64_MAX);
    sqlite3_busy_handler(history->db, wait_for_others, history);
    CN_TRY(check_owner(history, &is_new, error));
    /* The way of freeing pages must be set before there is any. */
    if ((is_new && !run_sql(history->db, "PRAGMA auto_vacuum = INCREMENTAL")) ||
        !run_sql(history->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                              "PRAGMA journal_size_limit = 16777216") ||
        (is_new && !create_tables(history->db)) || !prepare(history))
        return fail_sqlite(history, history->db, error);
    history->last_seq =
        (uint64_t)cn_history_number(history->db, "SELECT coalesce(max(seq), 0) FROM run", 0);
    return CN_OK;
}

static enum cn_code open_readers(struct cn_history *history, struct cn_error *error) {
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX; /* WAL wants to write beside it */
    while (history->n_readers < CN_HISTORY_READERS) {
        sqlite3 **reader = &history->readers[history->n_readers++];
        if (sqlite3_open_v2(history->path, reader, flags, NULL) != SQLITE_OK ||
            !run_sql(*reader, "PRAGMA query_only = ON"))
            return fail_sqlite(history, *reader, error);
        sqlite3_busy_timeout(*reader, READER_BUSY_MS);
    }
    return CN_OK;
}

enum cn_code cn_history_open_file(struct cn_history *history, struct cn_error *error) {
    CN_TRY(check_dir(history, error));
    CN_TRY(lock_dir(history, error));
    CN_TRY(make_file(history, error));
    CN_TRY(open_writer(history, error));
    return open_readers(history, error);
}

void cn_history_close_file(struct cn_history *history) {
    while (history->n_readers > 0)
        sqlite3_close(history->readers[--history->n_readers]);
    sqlite3_finalize(history->insert_run);
    sqlite3_finalize(history->insert_document);
    sqlite3_close(history->db); /* the last one tidies up the files beside it */
    if (history->lock_fd >= 0)
        close(history->lock_fd);
}
