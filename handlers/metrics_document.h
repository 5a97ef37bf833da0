/*
 * metrics_document.h: what /metrics says, in parts.
 */
#ifndef CN_HANDLERS_METRICS_DOCUMENT_H
#define CN_HANDLERS_METRICS_DOCUMENT_H

#include "handlers/metrics_text.h"
#include "handlers/service.h"

/* Requests, replies, errors, durations, stages: what was counted (metrics.h), and what the server
 * tells. */
void cn_metrics_write_requests(struct cn_metrics_text *text, const struct cn_service *service);
/* Pools, memory, jobs, history, streams, plans: asked of each. */
void cn_metrics_write_rooms(struct cn_metrics_text *text, struct cn_service *service);
/* This process, under the names that Prometheus's own libraries give: CPU, memory, descriptors.
 * What the system does not tell is left out. */
void cn_metrics_write_process(struct cn_metrics_text *text, const struct cn_metrics *metrics);

#endif
