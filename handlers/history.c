/*
 * history.c: the history's life, and its writer: one thread that waits for runs that have settled,
 * and saves them in batches.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/history_inside.h"
#include "base/cond.h"
#include "handlers/service.h"

#define BATCH_NS (250 * CN_NS_PER_MS)  /* at most one batch in that time, unless many runs wait */
#define RETRY_NS (1000 * CN_NS_PER_MS) /* after a failure */
#define TRIM_NS (60000 * CN_NS_PER_MS) /* runs become too old when nothing is saved, too */
#define FINAL_TRIES 3                  /* when the server ends and the disk refuses */
#define FINAL_BUSY_NS (700 * CN_NS_PER_MS) /* in all, for others who hold the file */
enum { BATCH_RUNS = CN_RUNS_UNSAVED_MANY, BATCH_BYTES = 4 << 20 };

/* ---- one turn of the writer --------------------------------------------------------------- */

static void say_failed(struct cn_history *history, const char *why) {
    if (!atomic_exchange(&history->failing, true))
        fprintf(stderr,
                "colonnade: the history in %s cannot be written: %s; runs are kept in memory "
                "meanwhile\n",
                history->dir, why);
}

static void say_works(struct cn_history *history) {
    if (atomic_exchange(&history->failing, false))
        fprintf(stderr, "colonnade: the history in %s is written again\n", history->dir);
}

static void say_lost(struct cn_history *history) {
    if (history->said_lost || cn_runs_lost(history->service->runs) == 0)
        return;
    history->said_lost = true;
    fprintf(stderr, "colonnade: more runs than the history in %s can take: some are not saved\n",
            history->dir);
}

/* At the end: what stays behind is lost with the memory. */
static void say_unsaved(const struct cn_history *history) {
    struct cn_runs *runs = history->service->runs;
    uint64_t n = cn_runs_count_unsaved(runs) + cn_runs_lost(runs);
    if (n > 0)
        fprintf(stderr, "colonnade: %" PRIu64 " run%s not saved in the history in %s\n", n,
                n == 1 ? " was" : "s were", history->dir);
}

/* A transaction that failed is undone; its error is said before that forgets it. */
static void undo(struct cn_history *history) {
    int code = sqlite3_errcode(history->db);
    bool by_sqlite = code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW;
    say_failed(history, by_sqlite ? sqlite3_errmsg(history->db) : "there is no memory");
    if (!sqlite3_get_autocommit(history->db))
        sqlite3_exec(history->db, "ROLLBACK", NULL, NULL, NULL);
}

static void free_copies(struct cn_run_copy *copies) {
    while (copies) {
        struct cn_run_copy *next = copies->next;
        free(copies);
        copies = next;
    }
}

static void trim(struct cn_history *history, int64_t now) {
    history->trimmed_ns = now;
    if (!cn_history_trim(history))
        undo(history);
}

/* Saves one batch. Returns when to look again; 0: when there is something new. */
static int64_t save_batch(struct cn_history *history, bool all) {
    struct cn_runs *runs = history->service->runs;
    int64_t due_ns, now = cn_clock_now();
    struct cn_run_copy *copies = cn_runs_unsaved(runs, all, BATCH_RUNS, BATCH_BYTES, &due_ns);
    size_t left = 0;
    if (copies) {
        if (!cn_history_save(history, copies)) {
            atomic_fetch_add(&history->n_failures, 1);
            undo(history);
            free_copies(copies);
            return now + RETRY_NS;
        }
        say_works(history);
        for (const struct cn_run_copy *copy = copies; copy; copy = copy->next)
            atomic_fetch_add(&history->n_saved, 1);
        left = cn_runs_saved(runs, copies);
        free_copies(copies);
    }
    if (copies || now - history->trimmed_ns >= TRIM_NS)
        trim(history, now);
    say_lost(history);
    if (left >= BATCH_RUNS || (due_ns > 0 && due_ns <= now))
        return now;
    return due_ns == 0 && left == 0 ? 0 : now + BATCH_NS;
}

/* Saves everything that is there now, settled or not; gives up when that leads nowhere. */
static void save_all(struct cn_history *history, int tries) {
    struct cn_runs *runs = history->service->runs;
    for (size_t before = cn_runs_count_unsaved(runs); before > 0 && tries > 0;) {
        save_batch(history, true);
        size_t left = cn_runs_count_unsaved(runs);
        tries -= left >= before;
        before = left;
    }
}

/* ---- the writer --------------------------------------------------------------------------- */

static void wait_until(struct cn_history *history, int64_t at_ns) {
    cn_cond_wait_until(&history->wake, &history->lock, at_ns);
}

static bool must_hurry(const struct cn_history *history) {
    return history->closing || history->flush_asked > history->flush_done;
}

/* With the lock. The first run that waits wakes the writer, which then collects for a moment,
 * unless it is woken again because there are many. */
static void wait_for_work(struct cn_history *history, int64_t due_ns) {
    while (!must_hurry(history)) {
        int64_t now = cn_clock_now();
        bool many = history->woken > 0 &&
                    cn_runs_count_unsaved(history->service->runs) >= CN_RUNS_UNSAVED_MANY;
        if (many || (due_ns > 0 && now >= due_ns) || now >= history->trimmed_ns + TRIM_NS)
            break;
        if (due_ns == 0 && history->woken > 0)
            due_ns = now + BATCH_NS;
        wait_until(history, due_ns > 0 ? due_ns : history->trimmed_ns + TRIM_NS);
    }
    history->woken = 0;
}

static void *run_writer(void *argument) {
    struct cn_history *history = argument;
    int64_t due_ns = cn_clock_now();
    pthread_mutex_lock(&history->lock);
    while (!history->closing) {
        wait_for_work(history, due_ns);
        uint64_t flush = history->flush_asked;
        bool all = flush > history->flush_done;
        pthread_mutex_unlock(&history->lock);
        if (all)
            save_all(history, 1);
        due_ns = save_batch(history, false);
        pthread_mutex_lock(&history->lock);
        history->flush_done = flush;
        pthread_cond_broadcast(&history->done);
    }
    pthread_mutex_unlock(&history->lock);
    save_all(history, FINAL_TRIES);
    say_unsaved(history);
    return NULL;
}

static void wake(struct cn_history *history) {
    pthread_mutex_lock(&history->lock);
    history->woken++;
    pthread_cond_signal(&history->wake);
    pthread_mutex_unlock(&history->lock);
}

/* ---- its life ----------------------------------------------------------------------------- */

static char *join(const char *dir, const char *name) {
    struct cn_buf buf = CN_BUF_INIT;
    if (cn_buf_add_c(&buf, dir) && cn_buf_add_char(&buf, '/') && cn_buf_add_c(&buf, name) &&
        cn_buf_add_char(&buf, '\0'))
        return buf.data;
    cn_buf_release(&buf);
    return NULL;
}

static void release(struct cn_history *history) {
    cn_history_close_file(history);
    pthread_mutex_destroy(&history->lock);
    pthread_cond_destroy(&history->wake);
    pthread_cond_destroy(&history->done);
    pthread_mutex_destroy(&history->readers_lock);
    pthread_cond_destroy(&history->reader_free);
    cn_buf_release(&history->search);
    cn_buf_release(&history->summary);
    cn_buf_release(&history->document);
    free(history->dir);
    free(history->path);
    free(history);
}

enum cn_code cn_history_open(struct cn_history **result, const char *dir,
                             const struct cn_history_limits *limits, struct cn_error *error) {
    struct cn_history *history = calloc(1, sizeof *history);
    *result = NULL;
    if (!history)
        return cn_error_memory(error);
    pthread_mutex_init(&history->lock, NULL);
    cn_cond_init(&history->wake);
    pthread_cond_init(&history->done, NULL);
    pthread_mutex_init(&history->readers_lock, NULL);
    pthread_cond_init(&history->reader_free, NULL);
    history->lock_fd = -1;
    history->limits = *limits;
    history->dir = strdup(dir);
    history->path = join(dir, "history.sqlite3");
    enum cn_code code = history->dir && history->path ? cn_history_open_file(history, error)
                                                      : cn_error_memory(error);
    if (code != CN_OK) {
        release(history);
        return code;
    }
    *result = history;
    return CN_OK;
}

enum cn_code cn_history_start(struct cn_history *history, const struct cn_service *service,
                              struct cn_error *error) {
    const struct cn_runs_saver saver = {history, wake, history->last_seq};
    history->service = service;
    cn_runs_attach(service->runs, &saver);
    int failed = pthread_create(&history->writer, NULL, run_writer, history);
    if (failed != 0) {
        cn_runs_detach(service->runs);
        return cn_error_set(error, CN_OVERLOADED, "the history's thread cannot be started: %s",
                            strerror(failed));
    }
    history->has_writer = true;
    return CN_OK;
}

void cn_history_close(struct cn_history *history) {
    if (!history)
        return;
    if (history->has_writer) {
        atomic_store(&history->busy_until_ns, cn_clock_now() + FINAL_BUSY_NS);
        pthread_mutex_lock(&history->lock);
        history->closing = true;
        pthread_cond_signal(&history->wake);
        pthread_mutex_unlock(&history->lock);
        pthread_join(history->writer, NULL);
        cn_runs_detach(history->service->runs);
    }
    release(history);
}

bool cn_history_failing(const struct cn_history *history) {
    return atomic_load(&history->failing);
}

void cn_history_look(const struct cn_history *history, uint64_t *saved, uint64_t *failures) {
    *saved = atomic_load(&history->n_saved);
    *failures = atomic_load(&history->n_failures);
}

void cn_history_flush(struct cn_history *history) {
    pthread_mutex_lock(&history->lock);
    uint64_t ticket = ++history->flush_asked;
    pthread_cond_signal(&history->wake);
    while (history->flush_done < ticket)
        pthread_cond_wait(&history->done, &history->lock);
    pthread_mutex_unlock(&history->lock);
}
