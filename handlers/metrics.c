#include "handlers/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "handlers/exchange.h"
#include "handlers/load.h"
#include "handlers/runs.h"
#include "handlers/service.h"

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

const int64_t cn_metrics_bounds_ns[CN_METRICS_BOUNDS] = {
    500 * US, MS,       2500 * US, 5 * MS,           10 * MS, 25 * MS, 50 * MS, 100 * MS,
    250 * MS, 500 * MS, S,         2 * S + 500 * MS, 5 * S,   10 * S,  30 * S,  60 * S};

struct cn_metrics *cn_metrics_new(void) {
    struct cn_metrics *metrics = calloc(1, sizeof *metrics); /* atomics of value 0 */
    if (metrics) {
        metrics->started_ns = cn_clock_now();
        metrics->started_at = cn_clock_wall();
        atomic_store(&metrics->configured_at, metrics->started_at);
    }
    return metrics;
}

void cn_metrics_free(struct cn_metrics *metrics) {
    free(metrics);
}

/* ---- names --------------------------------------------------------------------------------- */

enum cn_status_class cn_status_class(int status) {
    switch (status / 100) {
    case 2:
        return CN_STATUS_2XX;
    case 3:
        return CN_STATUS_3XX;
    case 4:
        return CN_STATUS_4XX;
    case 5:
        return CN_STATUS_5XX;
    default:
        return CN_STATUS_NONE;
    }
}

const char *cn_status_class_name(enum cn_status_class status) {
    static const char *const names[CN_STATUS_CLASS_COUNT] = {"2xx", "3xx", "4xx", "5xx", "none"};
    return names[status];
}

const char *cn_rejection_name(enum cn_rejection rejection) {
    static const char *const names[CN_REJECTION_COUNT] = {"jobs", "streams", "spool", "other"};
    return names[rejection];
}

/* CN_REJECTION_COUNT: admission has counted it, or whoever keeps the account of memory. */
static enum cn_rejection reason_of(const struct cn_error *error) {
    static const struct {
        const char *limit;
        enum cn_rejection reason;
    } known[] = {{"--max-jobs", CN_REJECTION_JOBS},         {"--max-streams", CN_REJECTION_STREAMS},
                 {"--spool-bytes", CN_REJECTION_SPOOL},     {"--data-dir", CN_REJECTION_SPOOL},
                 {"--max-connections", CN_REJECTION_COUNT}, {"--max-queued", CN_REJECTION_COUNT},
                 {"--max-per-client", CN_REJECTION_COUNT},  {"--memory-bytes", CN_REJECTION_COUNT}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i].limit, error->limit) == 0)
            return known[i].reason;
    return CN_REJECTION_OTHER;
}

/* ---- counting ------------------------------------------------------------------------------ */

static void add_duration(struct cn_histogram *histogram, int64_t ns) {
    size_t bucket = 0;
    while (bucket < CN_METRICS_BOUNDS && ns > cn_metrics_bounds_ns[bucket])
        bucket++;
    cn_counter_add(&histogram->buckets[bucket], 1);
    cn_counter_add(&histogram->sum_ns, (uint64_t)ns);
}

void cn_metrics_work(struct cn_service *service, const struct cn_exchange *exchange, int64_t now_ns,
                     int status) {
    int64_t ns = now_ns > exchange->started_ns ? now_ns - exchange->started_ns : 0;
    cn_load_count(service->load, now_ns, ns, status);
    if (service->metrics)
        add_duration(
            &service->metrics->durations[cn_exchange_operation(exchange)][exchange->executor], ns);
}

static void add_ns(cn_counter *counters, const int64_t *ns, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (ns[i] > 0)
            cn_counter_add(&counters[i], (uint64_t)ns[i]);
}

void cn_metrics_run(struct cn_exchange *exchange, enum cn_executor_kind kind,
                    const struct cn_run_record *record) {
    struct cn_metrics *metrics = exchange->service->metrics;
    enum cn_operation operation = cn_exchange_operation(exchange);
    exchange->executor = kind;
    exchange->rows = record->rows;
    if (!metrics)
        return;
    add_ns(metrics->stage_ns[operation], record->ledger.ns, CN_STAGE_COUNT);
    for (size_t i = 0; i < record->n_worker; i++)
        add_ns(metrics->span_ns[kind], record->worker[i].spans.ns, CN_SPAN_COUNT);
    if (record->rows > 0)
        cn_counter_add(&metrics->rows[operation], record->rows);
}

void cn_metrics_response(struct cn_metrics *metrics, enum cn_operation operation, int status,
                         const struct cn_error *error) {
    cn_counter_add(&metrics->responses[operation][cn_status_class(status)], 1);
    if (error->code == CN_OK)
        return;
    cn_counter_add(&metrics->errors[error->code], 1);
    enum cn_rejection reason = CN_REJECTION_COUNT;
    if (error->code == CN_OVERLOADED || error->code == CN_TOO_MANY_REQUESTS)
        reason = reason_of(error);
    if (reason != CN_REJECTION_COUNT)
        cn_counter_add(&metrics->rejections[reason], 1);
}
