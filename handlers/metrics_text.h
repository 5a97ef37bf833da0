/*
 * metrics_text.h: writes the Prometheus text format, version 0.0.4.
 *
 * https://github.com/prometheus/docs/blob/main/content/docs/instrumenting/exposition_formats.md:
 * a family has one HELP and one TYPE line, and its samples follow it without others between. In a
 * HELP text backslash and line feed are escaped, in a label's value the double quote too. Numbers
 * are written exactly: seconds are whole nanoseconds, shifted by nine digits.
 *
 * Failures (no memory) are remembered in `ok`.
 */
#ifndef CN_HANDLERS_METRICS_TEXT_H
#define CN_HANDLERS_METRICS_TEXT_H

#include "base/buf.h"
#include "handlers/metrics.h"

#define CN_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct cn_metrics_text {
    struct cn_buf *buf; /* the caller's */
    bool ok;
    const char *name; /* of the family */
};

/* A label; NULL as name: there is none. */
struct cn_label {
    const char *name;
    const char *value;
};
/* At most two labels, and `le` beside them. */
struct cn_labels {
    struct cn_label label[2];
};

void cn_metrics_text_init(struct cn_metrics_text *text, struct cn_buf *buf);
/* `type`: "counter", "gauge", "histogram". */
void cn_metrics_family(struct cn_metrics_text *text, const char *name, const char *type,
                       const char *help);
void cn_metrics_sample(struct cn_metrics_text *text, struct cn_labels labels, uint64_t value);
/* Nanoseconds as seconds. */
void cn_metrics_sample_ns(struct cn_metrics_text *text, struct cn_labels labels, uint64_t ns);
/* The buckets, their sum and their count, which is read off the buckets: so the last bucket and the
 * count are always the same number. */
void cn_metrics_sample_histogram(struct cn_metrics_text *text, struct cn_labels labels,
                                 const struct cn_histogram *histogram);

/* A family of one sample without labels. */
void cn_metrics_counter(struct cn_metrics_text *text, const char *name, const char *help,
                        uint64_t value);
void cn_metrics_gauge(struct cn_metrics_text *text, const char *name, const char *help,
                      uint64_t value);

#endif
