/*
 * settings.h: what can be set, by flag or by environment.
 *
 * One table (settings.c) names every setting once: its flag, its type, its default and its range.
 * The environment variable of --max-rows is COLONNADE_MAX_ROWS, its member in the file of settings
 * max-rows; a flag wins over the environment, which wins over the file; the last of several equal
 * flags wins. An empty variable counts as absent.
 */
#ifndef CN_SERVER_SETTINGS_H
#define CN_SERVER_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_t;

/* Texts point into argv, the environment or the document, or are static. Sizes are bytes. */
struct cn_settings {
    const char *settings_file; /* NULL: none */
    struct json_t *document;   /* what was in it; NULL: none */
    const char *listen;        /* ADDRESS:PORT, [ADDRESS]:PORT */
    const char *token_file;    /* NULL: none */
    const char *keys_dir;      /* NULL: none */
    const char *tls_cert;      /* NULL: plain HTTP; also for the next */
    const char *tls_key;
    const char *isolation; /* "available", "required", "off" */
    bool allow_anonymous;
    uint64_t threads; /* 0: as many as there are usable CPUs; also for the next two */
    uint64_t processes;
    uint64_t http_threads;
    const char *dask_scheduler; /* NULL: no executor `dask` */
    const char *dask_python;
    const char *dask_tls_ca; /* NULL: not given; also for the next two */
    const char *dask_tls_cert;
    const char *dask_tls_key;
    uint64_t dask_retries;
    uint64_t worker_memory_bytes; /* 0: memory_bytes */
    uint64_t max_body_bytes;
    uint64_t max_inflate_ratio;
    uint64_t max_window_log;
    uint64_t max_rows;
    uint64_t max_columns;
    uint64_t max_expression_bytes;
    uint64_t max_expression_nodes;
    uint64_t max_expression_depth;
    uint64_t max_json_depth;
    uint64_t max_header_bytes;
    uint64_t max_connections;
    uint64_t max_streams;
    uint64_t max_queued;
    uint64_t max_per_client; /* 0: as many as the queue takes */
    uint64_t max_workers;
    uint64_t max_calls;
    uint64_t max_cases;
    uint64_t max_jobs;
    uint64_t job_bytes;
    uint64_t job_keep_ms;
    const char *access_log; /* NULL: none; "-": standard error */
    const char *data_dir;   /* NULL: runs and bodies are kept in memory only */
    uint64_t history_bytes;
    uint64_t history_days; /* 0: however old */
    uint64_t max_import_bytes;
    uint64_t buffer_bytes;
    uint64_t spool_bytes;  /* 0: half of what the disk of data_dir has free */
    uint64_t memory_bytes; /* 0: three quarters of what the machine or the cgroup has */
    uint64_t header_timeout_ms;
    uint64_t body_timeout_ms;
    uint64_t request_timeout_ms;
    uint64_t grace_ms;
};

enum cn_settings_outcome {
    CN_SETTINGS_RUN,    /* start the service */
    CN_SETTINGS_HEALTH, /* ask a server that has these settings (probe.h) */
    CN_SETTINGS_DONE,   /* --help or --version was printed: exit 0 */
    CN_SETTINGS_WRONG,  /* a message was printed to `err`: exit 2 */
};

/* Reads the arguments, the environment (through `env`, as getenv) and, if they name one, the file
 * of settings. Of CN_SETTINGS_WRONG nothing is kept, else cn_settings_release() gives it back. */
enum cn_settings_outcome cn_settings_read(struct cn_settings *settings, int argc, char **argv,
                                          char *(*env)(const char *name), FILE *out, FILE *err);

void cn_settings_release(struct cn_settings *settings);

/* Copies what may change while the service runs from `wanted`, whose document must outlive it. Of
 * what needs a restart and is not as it was `before`, the flags are named to `err`. */
void cn_settings_adopt(struct cn_settings *settings, const struct cn_settings *wanted,
                       const struct cn_settings *before, FILE *err);

/* Three quarters of the memory that this process may use: the smallest limit of its control groups
 * (base/cgroup.h, which reads below `root`), or the machine's memory if that is less. */
uint64_t cn_settings_memory(const char *root);

#endif
