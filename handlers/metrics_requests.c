#include "handlers/metrics_document.h"

#include "handlers/admission.h"
#include "kernels/cpu.h"

/* Operations that do work, and so have durations, stages and rows. Only `compute` and `map` run on
 * one executor that can be named. */
static const enum cn_operation working[] = {CN_OPERATION_COMPUTE, CN_OPERATION_MAP,
                                            CN_OPERATION_COMPARE, CN_OPERATION_CHECK,
                                            CN_OPERATION_RUNS_IMPORT};
enum { WORKING = sizeof working / sizeof working[0] };

static bool is_placed(enum cn_operation operation) {
    return operation == CN_OPERATION_COMPUTE || operation == CN_OPERATION_MAP;
}

static const char *executor_name(enum cn_executor_kind kind) {
    return kind == CN_EXECUTOR_AUTO ? "none" : cn_executor_kind_name(kind);
}

static struct cn_labels one(const char *name, const char *value) {
    return (struct cn_labels){{{name, value}, {NULL, NULL}}};
}

static struct cn_labels two(const char *name, const char *value, const char *other,
                            const char *other_value) {
    return (struct cn_labels){{{name, value}, {other, other_value}}};
}

static void write_build(struct cn_metrics_text *text, const struct cn_service *service) {
    uint64_t uptime = (uint64_t)(cn_clock_now() - service->metrics->started_ns);
    cn_metrics_family(text, "colonnade_build_info", "gauge",
                      "The version, and the instruction sets that are in use; always 1.");
    cn_metrics_sample(
        text, two("version", service->version, "cpu_level", cn_cpu_level_name(cn_cpu_level())), 1);
    cn_metrics_family(text, "colonnade_uptime_seconds", "gauge", "Time since the start.");
    cn_metrics_sample_ns(text, (struct cn_labels){0}, uptime);
    cn_metrics_gauge(text, "colonnade_config_last_reload_successful",
                     "Whether what was last read again (SIGHUP) was taken over: 1, else 0.",
                     !atomic_load(&service->metrics->reload_failed));
    cn_metrics_family(text, "colonnade_config_last_reload_success_timestamp_seconds", "gauge",
                      "When settings were last taken over, in seconds since 1970.");
    cn_metrics_sample_ns(text, (struct cn_labels){0},
                         (uint64_t)atomic_load(&service->metrics->configured_at));
    cn_metrics_gauge(text, "colonnade_draining", "Whether the service goes down: 1, else 0.",
                     atomic_load(&service->draining) != 0);
}

static void write_server(struct cn_metrics_text *text, const struct cn_service *service) {
    struct cn_server_state state = {0};
    if (service->server.read)
        service->server.read(service->server.context, &state);
    cn_metrics_gauge(text, "colonnade_connections", "Connections that are open.",
                     state.connections);
    cn_metrics_gauge(text, "colonnade_connections_limit",
                     "The setting --max-connections: on further ones work is refused.",
                     state.max_connections);
    cn_metrics_counter(text, "colonnade_connections_total", "Connections that were taken.",
                       cn_counter_read(&service->metrics->connections));
    cn_metrics_gauge(text, "colonnade_requests_in_flight", "Requests that are not over.",
                     state.in_flight);
    cn_metrics_counter(text, "colonnade_access_log_lines_total",
                       "Requests that were written to the access log.", state.log_lines);
    cn_metrics_counter(text, "colonnade_access_log_dropped_total",
                       "Requests that are missing there: it was written too slowly, or not at "
                       "all.",
                       state.log_dropped);
    cn_metrics_counter(text, "colonnade_access_log_failures_total",
                       "Errors when it was written, or opened anew.", state.log_failures);
}

static void write_responses(struct cn_metrics_text *text, const struct cn_metrics *metrics) {
    cn_metrics_family(text, "colonnade_responses_total", "counter",
                      "Requests by operation and by the class of their status; none: there was "
                      "no reply.");
    for (int operation = 0; operation < CN_OPERATION_COUNT; operation++)
        for (int status = 0; status < CN_STATUS_CLASS_COUNT; status++)
            cn_metrics_sample(text,
                              two("operation", cn_operation_name((enum cn_operation)operation),
                                  "status", cn_status_class_name((enum cn_status_class)status)),
                              cn_counter_read(&metrics->responses[operation][status]));
    cn_metrics_family(text, "colonnade_errors_total", "counter",
                      "Requests that failed, by the code of their problem.");
    for (int code = CN_OK + 1; code < CN_CODE_COUNT; code++)
        cn_metrics_sample(text, one("code", cn_code_name((enum cn_code)code)),
                          cn_counter_read(&metrics->errors[code]));
    cn_metrics_counter(text, "colonnade_aborted_requests_total",
                       "Requests whose client was gone before it had the whole reply.",
                       cn_counter_read(&metrics->aborted));
    cn_metrics_counter(text, "colonnade_request_body_bytes_total", "Bytes of bodies that came.",
                       cn_counter_read(&metrics->received_bytes));
    cn_metrics_counter(text, "colonnade_response_body_bytes_total",
                       "Bytes of replies, without their heads, that were handed over to be sent.",
                       cn_counter_read(&metrics->sent_bytes));
}

/* Places in the queue, and who was turned away. */
static void write_admission(struct cn_metrics_text *text, const struct cn_service *service) {
    struct cn_admission_stats stats = {0};
    if (service->admission)
        cn_admission_stats(service->admission, &stats);
    cn_metrics_gauge(text, "colonnade_work_in_flight",
                     "Requests of work that have a place in the queue.", stats.working);
    cn_metrics_gauge(text, "colonnade_work_limit",
                     "The setting --max-queued: further requests of work are refused.", stats.most);
    cn_metrics_family(text, "colonnade_rejections_total", "counter",
                      "Requests that were refused for lack of room, by what there was too little "
                      "of.");
    for (int refusal = 0; refusal < CN_REFUSAL_COUNT; refusal++)
        cn_metrics_sample(text, one("reason", cn_refusal_name((enum cn_refusal)refusal)),
                          stats.refused[refusal]);
    for (int reason = 0; reason < CN_REJECTION_COUNT; reason++)
        cn_metrics_sample(text, one("reason", cn_rejection_name((enum cn_rejection)reason)),
                          cn_counter_read(&service->metrics->rejections[reason]));
}

static void write_durations(struct cn_metrics_text *text, const struct cn_metrics *metrics) {
    cn_metrics_family(text, "colonnade_request_duration_seconds", "histogram",
                      "Requests of work, from the request line until the reply had left or the "
                      "job had ended, by where they were computed.");
    for (size_t i = 0; i < WORKING; i++) {
        enum cn_operation operation = working[i];
        for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++)
            if (kind == CN_EXECUTOR_AUTO || is_placed(operation))
                cn_metrics_sample_histogram(text,
                                            two("operation", cn_operation_name(operation),
                                                "executor",
                                                executor_name((enum cn_executor_kind)kind)),
                                            &metrics->durations[operation][kind]);
    }
}

static void write_stages(struct cn_metrics_text *text, const struct cn_metrics *metrics) {
    cn_metrics_family(text, "colonnade_stage_seconds_total", "counter",
                      "Time of requests of work by stage; stages do not overlap.");
    for (size_t i = 0; i < WORKING; i++)
        for (int stage = 0; stage < CN_STAGE_COUNT; stage++)
            cn_metrics_sample_ns(text,
                                 two("operation", cn_operation_name(working[i]), "stage",
                                     cn_stage_name((enum cn_stage)stage)),
                                 cn_counter_read(&metrics->stage_ns[working[i]][stage]));
    cn_metrics_family(text, "colonnade_worker_seconds_total", "counter",
                      "Time of workers in the tasks of requests, by what they did.");
    for (int kind = CN_EXECUTOR_AUTO + 1; kind < CN_EXECUTOR_KIND_COUNT; kind++)
        for (int span = 0; span < CN_SPAN_COUNT; span++)
            cn_metrics_sample_ns(text,
                                 two("executor", executor_name((enum cn_executor_kind)kind),
                                     "activity", cn_span_name((enum cn_span)span)),
                                 cn_counter_read(&metrics->span_ns[kind][span]));
    cn_metrics_family(text, "colonnade_rows_total", "counter",
                      "Rows that were computed; of a map its calls, of an experiment the rows of "
                      "its largest case.");
    for (size_t i = 0; i < WORKING; i++)
        cn_metrics_sample(text, one("operation", cn_operation_name(working[i])),
                          cn_counter_read(&metrics->rows[working[i]]));
}

void cn_metrics_write_requests(struct cn_metrics_text *text, const struct cn_service *service) {
    write_build(text, service);
    write_server(text, service);
    write_responses(text, service->metrics);
    write_admission(text, service);
    write_durations(text, service->metrics);
    write_stages(text, service->metrics);
}
