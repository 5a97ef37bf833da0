/*
 * history_inside.h: what the files of the history share. Only they include it.
 */
#ifndef CN_HANDLERS_HISTORY_INSIDE_H
#define CN_HANDLERS_HISTORY_INSIDE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "handlers/history.h"

/* "Coln" */
#define CN_HISTORY_APPLICATION 0x436f6c6e
#define CN_HISTORY_SCHEMA 1

/* So many requests read at the same time; more wait for each other. */
enum { CN_HISTORY_READERS = 4 };

struct cn_history {
    char *dir;
    char *path;
    int lock_fd;
    struct cn_history_limits limits;
    const struct cn_service *service; /* once it was started */
    /* the writer's alone */
    sqlite3 *db;
    sqlite3_stmt *insert_run;
    sqlite3_stmt *insert_document;
    struct cn_buf search;
    struct cn_buf summary;
    struct cn_buf document;
    uint64_t last_seq;            /* when it was opened */
    atomic_bool failing;          /* the last try to write failed, and that was said */
    atomic_uint_fast64_t n_saved; /* since the start */
    atomic_uint_fast64_t n_failures;
    int64_t busy_from_ns;          /* since when it waits for somebody else who writes */
    _Atomic int64_t busy_until_ns; /* it does not wait any longer; set when the server ends */
    bool said_lost;
    int64_t trimmed_ns;
    pthread_t writer;
    bool has_writer;
    /* under the lock */
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of the writer */
    pthread_cond_t done; /* of those who wait for a flush */
    unsigned woken;
    bool closing;
    uint64_t flush_asked;
    uint64_t flush_done;
    pthread_mutex_t readers_lock;
    pthread_cond_t reader_free;
    sqlite3 *readers[CN_HISTORY_READERS]; /* those that nobody uses */
    size_t n_readers;
};

/* history_file.c: opens the file for writing and the connections for reading; what was opened is
 * closed by cn_history_close_file(), after an error too. */
enum cn_code cn_history_open_file(struct cn_history *history, struct cn_error *error);
void cn_history_close_file(struct cn_history *history);
/* A number that a statement gives; `otherwise` if it fails. */
int64_t cn_history_number(sqlite3 *db, const char *sql, int64_t otherwise);

/* history_save.c: one transaction. False: nothing was saved, sqlite3_errmsg() has the reason. */
bool cn_history_save(struct cn_history *history, const struct cn_run_copy *copies);
/* Drops what is too old or too much, in steps. */
bool cn_history_trim(struct cn_history *history);

#endif
