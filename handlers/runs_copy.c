#include "handlers/runs_copy.h"

#include <stdlib.h>
#include <string.h>

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

/* NULL stays NULL. */
static const char *place_c(struct layout *layout, const char *text) {
    return text ? place(layout, text, strlen(text) + 1, 1) : NULL;
}

static struct cn_str *place_strs(struct layout *layout, const struct cn_str *texts, size_t n) {
    struct cn_str *copies = place(layout, texts, n, sizeof *texts);
    for (size_t i = 0; i < n; i++) {
        struct cn_str text = place_str(layout, texts[i]);
        if (copies)
            copies[i] = text;
    }
    return copies;
}

/* Copies everything behind the record; `copy` is complete when there is a base. */
static void copy_record(struct layout *layout, const struct cn_run_record *record,
                        struct cn_run_record *copy) {
    *copy = *record;
    copy->reason = place_c(layout, record->reason ? record->reason : "");
    copy->recipe = place_strs(layout, record->recipe, record->n_recipe);
    copy->lets = place_strs(layout, record->lets, record->n_lets);
    copy->errors = place(layout, record->errors, record->n_lets, sizeof *record->errors);
    copy->input_types = place_str(layout, record->input_types);
    copy->chunks = place(layout, record->chunks, record->listed_chunks, sizeof *record->chunks);
    copy->worker = place(layout, record->worker, record->n_worker, sizeof *record->worker);
    copy->samples = place(layout, record->samples, record->n_samples, sizeof *record->samples);
    copy->input.media_type = place_c(layout, record->input.media_type);
    copy->input.generate = place_str(layout, record->input.generate);
    copy->request = place_str(layout, record->request);
    copy->document = place_str(layout, record->document);
    copy->machine.version = place_c(layout, record->machine.version);
    copy->machine.cpu = place_c(layout, record->machine.cpu);
}

size_t cn_run_copy_size(const struct cn_run_record *record, size_t head) {
    struct cn_run_record scratch;
    struct layout layout = {.at = head};
    copy_record(&layout, record, &scratch);
    return layout.overflow ? 0 : layout.at;
}

void cn_run_copy_fill(struct cn_run_record *copy, const struct cn_run_record *record, char *base,
                      size_t head) {
    struct layout layout = {.base = base, .at = head};
    copy_record(&layout, record, copy);
}

struct cn_run_copy *cn_run_copy_new(const struct cn_run_copy *from) {
    size_t size = cn_run_copy_size(&from->record, sizeof *from);
    struct cn_run_copy *copy = size == 0 ? NULL : malloc(size);
    if (!copy)
        return NULL;
    copy->next = NULL;
    copy->version = from->version;
    cn_run_copy_fill(&copy->record, &from->record, (char *)copy, sizeof *copy);
    return copy;
}
