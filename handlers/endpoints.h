/*
 * endpoints.h: every endpoint, for the table of routes.
 */
#ifndef CN_HANDLERS_ENDPOINTS_H
#define CN_HANDLERS_ENDPOINTS_H

#include "handlers/exchange.h"

extern const struct cn_endpoint cn_endpoint_compute;     /* POST /v1/compute */
extern const struct cn_endpoint cn_endpoint_map;         /* POST /v1/map */
extern const struct cn_endpoint cn_endpoint_compare;     /* POST /v1/compare */
extern const struct cn_endpoint cn_endpoint_deferred;    /* any of these, as a job */
extern const struct cn_endpoint cn_endpoint_jobs;        /* GET /v1/jobs */
extern const struct cn_endpoint cn_endpoint_job;         /* GET, DELETE /v1/jobs/{id} */
extern const struct cn_endpoint cn_endpoint_job_result;  /* GET /v1/jobs/{id}/result */
extern const struct cn_endpoint cn_endpoint_job_events;  /* GET /v1/jobs/{id}/events */
extern const struct cn_endpoint cn_endpoint_check;       /* POST /v1/check */
extern const struct cn_endpoint cn_endpoint_runs;        /* GET /v1/runs */
extern const struct cn_endpoint cn_endpoint_runs_import; /* POST /v1/runs/import */
extern const struct cn_endpoint cn_endpoint_run;         /* GET /v1/runs/{id} */
extern const struct cn_endpoint cn_endpoint_run_trace;   /* GET /v1/runs/{id}/trace */
extern const struct cn_endpoint cn_endpoint_run_export;  /* GET /v1/runs/{id}/export */
extern const struct cn_endpoint cn_endpoint_pools;       /* GET /v1/pools */
extern const struct cn_endpoint cn_endpoint_load;        /* GET /v1/load */
extern const struct cn_endpoint cn_endpoint_events;      /* GET /v1/events */
extern const struct cn_endpoint cn_endpoint_functions;   /* GET /v1/functions */
extern const struct cn_endpoint cn_endpoint_metrics;     /* GET /metrics */
extern const struct cn_endpoint cn_endpoint_openapi;     /* GET /openapi.json */
extern const struct cn_endpoint cn_endpoint_livez;       /* GET /livez */
extern const struct cn_endpoint cn_endpoint_readyz;      /* GET /readyz */
extern const struct cn_endpoint cn_endpoint_home;        /* GET / */
extern const struct cn_endpoint cn_endpoint_static;      /* GET /static/{id} */
extern const struct cn_endpoint cn_endpoint_session;     /* POST, DELETE /v1/session */

#endif
