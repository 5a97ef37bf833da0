#include "handlers/runs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A record and all that it points to, in one piece of memory. */
struct run {
    struct cn_run_record record;
    struct run *newer;
    struct run *older;
    size_t size;
};

struct cn_runs {
    pthread_mutex_t lock;
    struct run *newest;
    struct run *oldest;
    size_t n_runs;
    size_t bytes;
    size_t max_runs;
    size_t max_bytes;
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

static void drop_oldest(struct cn_runs *runs) {
    struct run *run = runs->oldest;
    runs->oldest = run->newer;
    if (run->newer)
        run->newer->older = NULL;
    else
        runs->newest = NULL;
    runs->n_runs--;
    runs->bytes -= run->size;
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

/* ---- copying ------------------------------------------------------------------------------- */

/* Lays pieces out one after the other; first only to measure (base NULL), then to copy. */
struct layout {
    char *base;
    size_t at;
    bool overflow;
};

static void *place(struct layout *layout, const void *data, size_t count, size_t size) {
    size_t bytes;
    size_t start = (layout->at + 15) & ~(size_t)15;
    if (__builtin_mul_overflow(count, size, &bytes) ||
        __builtin_add_overflow(start, bytes, &layout->at)) {
        layout->overflow = true;
        return NULL;
    }
    if (!layout->base)
        return NULL;
    if (bytes > 0)
        memcpy(layout->base + start, data, bytes);
    return layout->base + start;
}

static struct cn_str place_str(struct layout *layout, struct cn_str text) {
    const char *copy = place(layout, text.data, text.len, 1);
    return cn_str(copy ? copy : "", copy ? text.len : 0);
}

/* Copies everything behind the record; `copy` is filled when there is a base. */
static void copy_record(struct layout *layout, const struct cn_run_record *record,
                        struct cn_run_record *copy) {
    *copy = *record;
    const char *reason = record->reason ? record->reason : "";
    copy->reason = place(layout, reason, strlen(reason) + 1, 1);
    struct cn_str *recipe = place(layout, record->recipe, record->n_recipe, sizeof *record->recipe);
    for (size_t i = 0; i < record->n_recipe; i++) {
        struct cn_str line = place_str(layout, record->recipe[i]);
        if (recipe)
            recipe[i] = line;
    }
    copy->recipe = recipe;
    struct cn_str *lets = place(layout, record->lets, record->n_lets, sizeof *record->lets);
    for (size_t i = 0; i < record->n_lets; i++) {
        struct cn_str name = place_str(layout, record->lets[i]);
        if (lets)
            lets[i] = name;
    }
    copy->lets = lets;
    copy->errors = place(layout, record->errors, record->n_lets, sizeof *record->errors);
    copy->input_types = place_str(layout, record->input_types);
    copy->chunks = place(layout, record->chunks, record->listed_chunks, sizeof *record->chunks);
    copy->worker = place(layout, record->worker, record->n_worker, sizeof *record->worker);
    copy->samples = place(layout, record->samples, record->n_samples, sizeof *record->samples);
    copy->request = place_str(layout, record->request);
    copy->document = place_str(layout, record->document);
}

bool cn_runs_add(struct cn_runs *runs, const struct cn_run_record *record) {
    struct cn_run_record scratch;
    struct layout layout = {.at = sizeof(struct run)};
    copy_record(&layout, record, &scratch);
    size_t size = layout.at;
    struct run *run = layout.overflow || size > runs->max_bytes ? NULL : malloc(size);
    if (!run)
        return false;
    layout = (struct layout){.base = (char *)run, .at = sizeof *run};
    copy_record(&layout, record, &run->record);
    run->size = size;
    run->newer = NULL;

    pthread_mutex_lock(&runs->lock);
    while (runs->oldest && (runs->n_runs >= runs->max_runs || runs->bytes + size > runs->max_bytes))
        drop_oldest(runs);
    run->older = runs->newest;
    if (runs->newest)
        runs->newest->newer = run;
    else
        runs->oldest = run;
    runs->newest = run;
    runs->n_runs++;
    runs->bytes += size;
    pthread_mutex_unlock(&runs->lock);
    return true;
}

/* ---- looking ------------------------------------------------------------------------------- */

static struct run *find(struct cn_runs *runs, const char *id) {
    for (struct run *run = runs->newest; run; run = run->older)
        if (strcmp(run->record.id, id) == 0)
            return run;
    return NULL;
}

void cn_runs_sent(struct cn_runs *runs, const char *id, int64_t send_ns) {
    pthread_mutex_lock(&runs->lock);
    struct run *run = find(runs, id);
    if (run)
        run->record.send_ns = send_ns;
    pthread_mutex_unlock(&runs->lock);
}

void cn_runs_count(struct cn_runs *runs, const char *id, const uint64_t *errors, size_t n) {
    pthread_mutex_lock(&runs->lock);
    struct run *run = find(runs, id);
    for (size_t i = 0; run && i < n && i < run->record.n_lets; i++)
        run->record.errors[i] = errors[i];
    pthread_mutex_unlock(&runs->lock);
}

void cn_runs_fail(struct cn_runs *runs, const char *id, int status, const struct cn_error *error) {
    pthread_mutex_lock(&runs->lock);
    struct run *run = find(runs, id);
    if (run) {
        run->record.failed = true;
        run->record.error = *error;
        if (status > 0)
            run->record.status = status;
    }
    pthread_mutex_unlock(&runs->lock);
}

void cn_runs_each(struct cn_runs *runs, size_t limit,
                  void (*visit)(const struct cn_run_record *record, void *context), void *context) {
    pthread_mutex_lock(&runs->lock);
    for (struct run *run = runs->newest; run && limit > 0; run = run->older, limit--)
        visit(&run->record, context);
    pthread_mutex_unlock(&runs->lock);
}

bool cn_runs_find(struct cn_runs *runs, const char *id,
                  void (*visit)(const struct cn_run_record *record, void *context), void *context) {
    pthread_mutex_lock(&runs->lock);
    struct run *run = find(runs, id);
    if (run)
        visit(&run->record, context);
    pthread_mutex_unlock(&runs->lock);
    return run != NULL;
}
