#include "handlers/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>

enum { NUMBER_BYTES = 40 };

void cn_metrics_text_init(struct cn_metrics_text *text, struct cn_buf *buf) {
    *text = (struct cn_metrics_text){.buf = buf, .ok = true};
}

static void add(struct cn_metrics_text *text, const char *piece) {
    text->ok = text->ok && cn_buf_add_c(text->buf, piece);
}

static void add_escaped(struct cn_metrics_text *text, const char *piece, bool quotes) {
    for (; *piece && text->ok; piece++) {
        if (*piece == '\n')
            add(text, "\\n");
        else if (*piece == '\\')
            add(text, "\\\\");
        else if (*piece == '"' && quotes)
            add(text, "\\\"");
        else
            text->ok = cn_buf_add_char(text->buf, *piece);
    }
}

void cn_metrics_family(struct cn_metrics_text *text, const char *name, const char *type,
                       const char *help) {
    text->name = name;
    add(text, "# HELP ");
    add(text, name);
    add(text, " ");
    add_escaped(text, help, false);
    add(text, "\n# TYPE ");
    add(text, name);
    add(text, " ");
    add(text, type);
    add(text, "\n");
}

/* ---- numbers ------------------------------------------------------------------------------- */

static void format_seconds(uint64_t ns, char out[NUMBER_BYTES]) {
    uint64_t rest = ns % (uint64_t)CN_NS_PER_SECOND;
    int n = snprintf(out, NUMBER_BYTES, "%" PRIu64, ns / (uint64_t)CN_NS_PER_SECOND);
    if (rest == 0)
        return;
    n += snprintf(out + n, (size_t)(NUMBER_BYTES - n), ".%09" PRIu64, rest);
    while (out[n - 1] == '0')
        out[--n] = '\0';
}

/* ---- samples ------------------------------------------------------------------------------- */

static void add_label(struct cn_metrics_text *text, const struct cn_label *label, bool *first) {
    if (!label->name)
        return;
    add(text, *first ? "{" : ",");
    *first = false;
    add(text, label->name);
    add(text, "=\"");
    add_escaped(text, label->value, true);
    add(text, "\"");
}

static void add_sample(struct cn_metrics_text *text, const char *suffix, struct cn_labels labels,
                       const char *bound, const char *number) {
    const struct cn_label le = {bound ? "le" : NULL, bound};
    bool first = true;
    add(text, text->name);
    add(text, suffix);
    add_label(text, &labels.label[0], &first);
    add_label(text, &labels.label[1], &first);
    add_label(text, &le, &first);
    add(text, first ? " " : "} ");
    add(text, number);
    add(text, "\n");
}

static void add_count(struct cn_metrics_text *text, const char *suffix, struct cn_labels labels,
                      const char *bound, uint64_t value) {
    char number[NUMBER_BYTES];
    snprintf(number, sizeof number, "%" PRIu64, value);
    add_sample(text, suffix, labels, bound, number);
}

static void add_seconds(struct cn_metrics_text *text, const char *suffix, struct cn_labels labels,
                        uint64_t ns) {
    char number[NUMBER_BYTES];
    format_seconds(ns, number);
    add_sample(text, suffix, labels, NULL, number);
}

void cn_metrics_sample(struct cn_metrics_text *text, struct cn_labels labels, uint64_t value) {
    add_count(text, "", labels, NULL, value);
}

void cn_metrics_sample_ns(struct cn_metrics_text *text, struct cn_labels labels, uint64_t ns) {
    add_seconds(text, "", labels, ns);
}

void cn_metrics_sample_histogram(struct cn_metrics_text *text, struct cn_labels labels,
                                 const struct cn_histogram *histogram) {
    uint64_t count = 0;
    for (size_t i = 0; i < CN_METRICS_BUCKETS; i++) {
        char bound[NUMBER_BYTES] = "+Inf";
        if (i < CN_METRICS_BOUNDS)
            format_seconds((uint64_t)cn_metrics_bounds_ns[i], bound);
        count += cn_counter_read(&histogram->buckets[i]);
        add_count(text, "_bucket", labels, bound, count);
    }
    add_seconds(text, "_sum", labels, cn_counter_read(&histogram->sum_ns));
    add_count(text, "_count", labels, NULL, count);
}

void cn_metrics_counter(struct cn_metrics_text *text, const char *name, const char *help,
                        uint64_t value) {
    cn_metrics_family(text, name, "counter", help);
    cn_metrics_sample(text, (struct cn_labels){0}, value);
}

void cn_metrics_gauge(struct cn_metrics_text *text, const char *name, const char *help,
                      uint64_t value) {
    cn_metrics_family(text, name, "gauge", help);
    cn_metrics_sample(text, (struct cn_labels){0}, value);
}
