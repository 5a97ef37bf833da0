#include "handlers/runs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/runs_copy.h"

/* How far the store may outgrow its bounds while runs wait to be saved. */
enum { UNSAVED_FACTOR = 4 };
/* A run whose reply has not left is saved anyhow when it is that old. */
#define SETTLED_NS INT64_C(1000000000)

/* A record and all that it points to, in one piece of memory. */
struct run {
    struct cn_run_copy copy; /* first: its `version` counts the changes */
    struct run *newer;
    struct run *older;
    size_t size;
    int64_t added_ns;
    uint32_t saved_version; /* 0: never saved */
    bool sent;
};

struct cn_runs {
    pthread_mutex_t lock;
    struct run *newest;
    struct run *oldest;
    size_t n_runs;
    size_t bytes;
    size_t max_runs;
    size_t max_bytes;
    uint64_t last_seq;
    void (*added)(void *context);
    void *added_context;
    struct cn_runs_saver saver; /* history NULL: nothing is saved */
    size_t n_unsaved;
    uint64_t lost;
};

struct cn_runs *cn_runs_new(size_t max_runs, size_t max_bytes) {
    struct cn_runs *runs = calloc(1, sizeof *runs);
    if (!runs)
        return NULL;
    pthread_mutex_init(&runs->lock, NULL);
    runs->max_runs = max_runs;
    runs->max_bytes = max_bytes;
    return runs;
}

static bool is_saved(const struct run *run) {
    return run->saved_version == run->copy.version;
}

static void drop_oldest(struct cn_runs *runs) {
    struct run *run = runs->oldest;
    runs->oldest = run->newer;
    if (run->newer)
        run->newer->older = NULL;
    else
        runs->newest = NULL;
    runs->n_runs--;
    runs->bytes -= run->size;
    if (runs->saver.history && !is_saved(run)) {
        runs->n_unsaved--;
        runs->lost++;
    }
    free(run);
}

void cn_runs_free(struct cn_runs *runs) {
    if (!runs)
        return;
    while (runs->oldest)
        drop_oldest(runs);
    pthread_mutex_destroy(&runs->lock);
    free(runs);
}

void cn_runs_listen(struct cn_runs *runs, void (*added)(void *context), void *context) {
    runs->added = added;
    runs->added_context = context;
}

static struct run *find(struct cn_runs *runs, const char *id) {
    for (struct run *run = runs->newest; run; run = run->older)
        if (strcmp(run->copy.record.id, id) == 0)
            return run;
    return NULL;
}

/* ---- adding -------------------------------------------------------------------------------- */

static bool too_large(const struct cn_runs *runs, size_t more_runs, size_t more_bytes,
                      size_t factor) {
    return runs->n_runs + more_runs > runs->max_runs * factor ||
           runs->bytes + more_bytes > runs->max_bytes * factor;
}

/* Drops the oldest until so much more fits. */
static void make_room(struct cn_runs *runs, size_t more_runs, size_t more_bytes) {
    while (runs->oldest && too_large(runs, more_runs, more_bytes, 1)) {
        bool waits = runs->saver.history && !is_saved(runs->oldest);
        if (waits && !too_large(runs, more_runs, more_bytes, UNSAVED_FACTOR))
            return;
        drop_oldest(runs);
    }
}

static void append(struct cn_runs *runs, struct run *run) {
    make_room(runs, 1, run->size);
    run->copy.record.seq = ++runs->last_seq;
    run->older = runs->newest;
    run->newer = NULL;
    if (runs->newest)
        runs->newest->newer = run;
    else
        runs->oldest = run;
    runs->newest = run;
    runs->n_runs++;
    runs->bytes += run->size;
    if (runs->saver.history)
        runs->n_unsaved++;
}

/* Whether the saver must be told: it sleeps while nothing waits, and for a while when something
 * does. */
static bool must_wake(const struct cn_runs *runs, size_t unsaved_before) {
    return runs->saver.history && runs->n_unsaved != unsaved_before &&
           (runs->n_unsaved == 1 || runs->n_unsaved == CN_RUNS_UNSAVED_MANY);
}

static bool add(struct cn_runs *runs, const struct cn_run_record *record, bool *there) {
    size_t size = cn_run_copy_size(record, sizeof(struct run));
    struct run *run = size == 0 || size > runs->max_bytes ? NULL : malloc(size);
    if (!run)
        return false;
    *run = (struct run){.size = size, .added_ns = cn_clock_now(), .sent = record->imported};
    cn_run_copy_fill(&run->copy.record, record, (char *)run, sizeof *run);
    run->copy.version = 1;

    pthread_mutex_lock(&runs->lock);
    size_t before = runs->n_unsaved;
    bool known = there && find(runs, record->id);
    if (!known)
        append(runs, run);
    bool wake = must_wake(runs, before);
    pthread_mutex_unlock(&runs->lock);
    if (known) {
        *there = true;
        free(run);
        return true;
    }
    if (wake)
        runs->saver.wake(runs->saver.history);
    if (runs->added)
        runs->added(runs->added_context);
    return true;
}

bool cn_runs_add(struct cn_runs *runs, const struct cn_run_record *record) {
    return add(runs, record, NULL);
}

enum cn_code cn_runs_add_new(struct cn_runs *runs, const struct cn_run_record *record, bool *there,
                             struct cn_error *error) {
    size_t size = cn_run_copy_size(record, sizeof(struct run));
    *there = false;
    if (size == 0 || size > runs->max_bytes) {
        cn_error_set_limit(error, "--max-import-bytes");
        return cn_error_set(error, CN_LIMIT_EXCEEDED,
                            "The run needs %zu bytes in memory; runs have %zu there, however large "
                            "a file --max-import-bytes allows.",
                            size, runs->max_bytes);
    }
    return add(runs, record, there) ? CN_OK : cn_error_memory(error);
}

size_t cn_runs_max_bytes(const struct cn_runs *runs) {
    return runs->max_bytes;
}

/* ---- changing ------------------------------------------------------------------------------ */

/* Takes the lock; NULL: no such run. To be followed by end_change(). */
static struct run *begin_change(struct cn_runs *runs, const char *id) {
    pthread_mutex_lock(&runs->lock);
    return find(runs, id);
}

static void end_change(struct cn_runs *runs, struct run *run) {
    size_t before = runs->n_unsaved;
    if (run && runs->saver.history) {
        runs->n_unsaved += is_saved(run);
        run->copy.version++;
    }
    bool wake = must_wake(runs, before);
    pthread_mutex_unlock(&runs->lock);
    if (wake)
        runs->saver.wake(runs->saver.history);
}

void cn_runs_sent(struct cn_runs *runs, const char *id, int64_t send_ns) {
    struct run *run = begin_change(runs, id);
    if (run) {
        run->copy.record.send_ns = send_ns;
        run->sent = true;
    }
    end_change(runs, run);
}

void cn_runs_count(struct cn_runs *runs, const char *id, const uint64_t *errors, size_t n) {
    struct run *run = begin_change(runs, id);
    for (size_t i = 0; run && i < n && i < run->copy.record.n_lets; i++)
        run->copy.record.errors[i] = errors[i];
    end_change(runs, run);
}

void cn_runs_fail(struct cn_runs *runs, const char *id, int status, const struct cn_error *error) {
    struct run *run = begin_change(runs, id);
    if (run) {
        run->copy.record.failed = true;
        run->copy.record.error = *error;
        if (status > 0)
            run->copy.record.status = status;
    }
    end_change(runs, run);
}

/* ---- looking ------------------------------------------------------------------------------- */

void cn_runs_each(struct cn_runs *runs, size_t limit,
                  void (*visit)(const struct cn_run_record *record, void *context), void *context) {
    pthread_mutex_lock(&runs->lock);
    for (struct run *run = runs->newest; run && limit > 0; run = run->older, limit--)
        visit(&run->copy.record, context);
    pthread_mutex_unlock(&runs->lock);
}

/* Without memory for a copy the run itself is visited, under the lock. */
bool cn_runs_find(struct cn_runs *runs, const char *id,
                  void (*visit)(const struct cn_run_record *record, void *context), void *context) {
    pthread_mutex_lock(&runs->lock);
    const struct run *run = find(runs, id);
    struct cn_run_copy *copy = run ? cn_run_copy_new(&run->copy) : NULL;
    if (run && !copy)
        visit(&run->copy.record, context);
    pthread_mutex_unlock(&runs->lock);
    if (copy)
        visit(&copy->record, context);
    free(copy);
    return run != NULL;
}

uint64_t cn_runs_since(struct cn_runs *runs, uint64_t seq, size_t limit,
                       void (*visit)(const struct cn_run_record *record, void *context),
                       void *context) {
    pthread_mutex_lock(&runs->lock);
    struct run *run = NULL;
    for (struct run *at = runs->newest; at && at->copy.record.seq > seq; at = at->older)
        run = at;
    uint64_t last = !run && runs->last_seq > seq ? runs->last_seq : seq;
    for (; run && limit > 0; run = run->newer, limit--) {
        visit(&run->copy.record, context);
        last = run->copy.record.seq;
    }
    pthread_mutex_unlock(&runs->lock);
    return last;
}

/* ---- saving -------------------------------------------------------------------------------- */

void cn_runs_attach(struct cn_runs *runs, const struct cn_runs_saver *saver) {
    pthread_mutex_lock(&runs->lock);
    runs->saver = *saver;
    /* What is there already goes behind what was saved before. */
    for (struct run *run = runs->oldest; run; run = run->newer)
        run->copy.record.seq += saver->last_seq;
    runs->last_seq += saver->last_seq;
    runs->n_unsaved = runs->n_runs;
    pthread_mutex_unlock(&runs->lock);
}

void cn_runs_detach(struct cn_runs *runs) {
    pthread_mutex_lock(&runs->lock);
    runs->saver = (struct cn_runs_saver){0};
    runs->n_unsaved = 0;
    pthread_mutex_unlock(&runs->lock);
}

struct cn_history *cn_runs_history(struct cn_runs *runs) {
    return runs->saver.history;
}

struct cn_run_copy *cn_runs_unsaved(struct cn_runs *runs, bool all, size_t max_runs,
                                    size_t max_bytes, int64_t *due_ns) {
    int64_t now = cn_clock_now();
    struct cn_run_copy *first = NULL, **end = &first;
    size_t bytes = 0;
    *due_ns = 0;
    pthread_mutex_lock(&runs->lock);
    size_t left = runs->n_unsaved;
    for (const struct run *run = runs->oldest; run && left > 0 && max_runs > 0; run = run->newer) {
        if (is_saved(run))
            continue;
        left--;
        int64_t due = run->added_ns + SETTLED_NS;
        if (!all && !run->sent && due > now) {
            if (*due_ns == 0 || due < *due_ns)
                *due_ns = due;
            continue;
        }
        bool fits = bytes == 0 || bytes + run->size <= max_bytes;
        struct cn_run_copy *copy = fits ? cn_run_copy_new(&run->copy) : NULL;
        if (!copy) { /* the rest comes next, or when there is memory */
            *due_ns = fits ? now + SETTLED_NS : now;
            break;
        }
        *end = copy;
        end = &copy->next;
        bytes += run->size;
        max_runs--;
    }
    if (max_runs == 0 && left > 0)
        *due_ns = now;
    pthread_mutex_unlock(&runs->lock);
    return first;
}

size_t cn_runs_saved(struct cn_runs *runs, const struct cn_run_copy *copies) {
    pthread_mutex_lock(&runs->lock);
    struct run *run = runs->oldest;
    for (const struct cn_run_copy *copy = copies; copy; copy = copy->next) {
        while (run && run->copy.record.seq < copy->record.seq)
            run = run->newer;
        if (!run || run->copy.record.seq != copy->record.seq)
            continue; /* dropped meanwhile */
        bool was_saved = is_saved(run);
        run->saved_version = copy->version;
        if (!was_saved && is_saved(run))
            runs->n_unsaved--;
    }
    make_room(runs, 0, 0);
    size_t left = runs->n_unsaved;
    pthread_mutex_unlock(&runs->lock);
    return left;
}

size_t cn_runs_count_unsaved(struct cn_runs *runs) {
    pthread_mutex_lock(&runs->lock);
    size_t left = runs->n_unsaved;
    pthread_mutex_unlock(&runs->lock);
    return left;
}

uint64_t cn_runs_lost(struct cn_runs *runs) {
    pthread_mutex_lock(&runs->lock);
    uint64_t lost = runs->lost;
    pthread_mutex_unlock(&runs->lock);
    return lost;
}
