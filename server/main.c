/*
 * main.c: wires the rooms together, in this order: settings, secrets, the fork server (before
 * there is any thread), memory, the record of runs and its history, executors, calibration, HTTP.
 * Then it waits for a signal and takes it all down again. The only file that ends the program.
 */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "handlers/experiments.h"
#include "handlers/history.h"
#include "handlers/hub.h"
#include "handlers/inline_states.h"
#include "handlers/jobs.h"
#include "handlers/kinds.h"
#include "handlers/load.h"
#include "handlers/plans.h"
#include "handlers/runs.h"
#include "kernels/cpu.h"
#include "server/calibrate.h"
#include "server/http.h"
#include "server/listen.h"
#include "server/notify.h"
#include "server/probe.h"
#include "server/secrets.h"
#include "server/settings.h"
#include "server/version.h"

enum {
    EXIT_USAGE = 2,
    RUNS_KEPT = 1000,
    CHECKS_KEPT = 100,
    MAX_QUEUED_TASKS = 1 << 16,
    IDLE_SECONDS = 4
};
#define RUNS_BYTES ((size_t)32 << 20)
#define CHECKS_BYTES ((size_t)1 << 20)
#define IDLE_BLOCK_BYTES ((size_t)256 << 20)

struct app {
    struct cn_settings settings;
    struct cn_secrets secrets;
    struct cn_listener listener;
    struct cn_registry registry;
    struct cn_forkserver *forkserver;
    struct cn_history *history; /* NULL: runs are kept in memory only */
    bool unusable_data_dir;
    struct cn_service service;
    struct cn_http *http;
    sigset_t signals;
};

static int fail(const struct cn_error *error, int status) {
    fprintf(stderr, "colonnade: %s\n", error->detail);
    return status;
}

/* ---- before any thread --------------------------------------------------------------------- */

/* Errors here are the user's: exit status 2. */
static enum cn_code check_settings(struct app *app, struct cn_error *error) {
    const struct cn_settings *settings = &app->settings;
    CN_TRY(cn_cpu_choose(getenv("COLONNADE_CPU"), error));
    CN_TRY(cn_listener_parse(&app->listener, settings->listen, error));
    if (!app->listener.loopback && !settings->token_file && !settings->allow_anonymous)
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "%s can be reached from other machines: give --token-file FILE, or "
                            "--allow-anonymous to serve everybody",
                            app->listener.shown);
    return cn_secrets_read(&app->secrets, settings->token_file, settings->keys_dir, error);
}

static void prepare_process(struct app *app) {
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large things go back to the system when they are freed */
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    sigemptyset(&app->signals);
    sigaddset(&app->signals, SIGTERM);
    sigaddset(&app->signals, SIGINT);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* one descriptor a connection, and some */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (app->settings.memory_bytes == 0)
        app->settings.memory_bytes = cn_settings_memory();
}

static void init_service(struct app *app) {
    const struct cn_settings *settings = &app->settings;
    struct cn_service *service = &app->service;
    service->limits = (struct cn_service_limits){
        .max_body_bytes = settings->max_body_bytes,
        .max_rows = settings->max_rows,
        .max_columns = settings->max_columns,
        .expression = {.max_bytes = settings->max_expression_bytes,
                       .max_nodes = settings->max_expression_nodes,
                       .max_depth = settings->max_expression_depth},
        .max_json_depth = settings->max_json_depth,
        .max_workers = settings->max_workers,
        .max_calls = settings->max_calls,
        .max_cases = settings->max_cases,
        .max_streams = settings->max_streams,
        .buffer_bytes = settings->buffer_bytes,
        .memory_bytes = settings->memory_bytes,
        .max_import_bytes = settings->max_import_bytes,
        .request_timeout_ms = (int64_t)settings->request_timeout_ms,
    };
    service->keys = &app->secrets.keyring;
    service->session_key = app->secrets.token.len > 0 ? &app->secrets.session_key : NULL;
    service->version = CN_VERSION;
    atomic_init(&service->next_plan, 1);
    atomic_init(&service->draining, 0);
    cn_cpus_read(&service->cpus);
}

/* ---- the pools ----------------------------------------------------------------------------- */

static enum cn_code start_executors(struct app *app, struct cn_error *error) {
    const struct cn_settings *settings = &app->settings;
    struct cn_service *service = &app->service;
    size_t usable = (size_t)service->cpus.usable;
    struct cn_executor_settings pool = {.registry = &app->registry, .max_queued = MAX_QUEUED_TASKS};
    pool.max_workers = settings->max_workers;
    pool.workers = usable < pool.max_workers ? usable : pool.max_workers;
    CN_TRY(cn_serial_new(&service->executors[CN_EXECUTOR_SERIAL], &pool, error));
    if (settings->threads)
        pool.workers = settings->threads;
    pool.max_workers = settings->max_workers > pool.workers ? settings->max_workers : pool.workers;
    CN_TRY(cn_threads_new(&service->executors[CN_EXECUTOR_THREADS], &pool, error));
    CN_TRY(cn_gil_new(&service->executors[CN_EXECUTOR_GIL], &pool, 0, error));
    pool.workers = settings->processes ? settings->processes : usable;
    pool.max_workers = settings->max_workers > pool.workers ? settings->max_workers : pool.workers;
    return cn_processes_new(&service->executors[CN_EXECUTOR_PROCESSES], app->forkserver, &pool,
                            error);
}

static enum cn_code start_history(struct app *app, struct cn_error *error) {
    const struct cn_settings *settings = &app->settings;
    struct cn_history_limits limits = {settings->history_bytes, settings->history_days};
    if (!settings->data_dir)
        return CN_OK;
    app->unusable_data_dir = true;
    CN_TRY(cn_history_open(&app->history, settings->data_dir, &limits, error));
    app->unusable_data_dir = false;
    return cn_history_start(app->history, &app->service, error);
}

static enum cn_code start_rooms(struct app *app, struct cn_error *error) {
    struct cn_service *service = &app->service;
    service->blocks = cn_blocks_new(IDLE_BLOCK_BYTES);
    service->runs = cn_runs_new(RUNS_KEPT, RUNS_BYTES);
    service->checks = cn_runs_new(CHECKS_KEPT, CHECKS_BYTES);
    service->load = cn_load_new();
    service->inline_states = cn_inline_states_new(&app->secrets.keyring);
    service->plans = cn_plans_new();
    if (!service->blocks || !service->runs || !service->checks || !service->load ||
        !service->inline_states || !service->plans)
        return cn_error_memory(error);
    CN_TRY(start_history(app, error));
    CN_TRY(start_executors(app, error));
    service->jobs = cn_jobs_new(service, app->settings.max_jobs, app->settings.job_bytes,
                                (int64_t)app->settings.job_keep_ms);
    service->experiments = cn_experiments_new(service, app->settings.max_queued);
    service->hub = cn_hub_new(service);
    if (!service->jobs || !service->experiments || !service->hub)
        return cn_error_memory(error);
    cn_calibrate(service);
    return CN_OK;
}

static void stop_rooms(struct app *app) {
    struct cn_service *service = &app->service;
    cn_jobs_free(service->jobs); /* what jobs run is cancelled, experiments too */
    cn_experiments_free(service->experiments);
    int64_t soon = cn_clock_now() + INT64_C(1000000000);
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++)
        if (service->executors[kind])
            service->executors[kind]->ops->drain(service->executors[kind], soon);
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++)
        if (service->executors[kind])
            service->executors[kind]->ops->destroy(service->executors[kind]);
    cn_forkserver_stop(app->forkserver);
    if (service->inline_states)
        cn_inline_states_free(service->inline_states);
    cn_plans_free(service->plans);
    cn_hub_free(service->hub);
    cn_history_close(app->history); /* what was not saved yet is saved now */
    cn_runs_free(service->runs);
    cn_runs_free(service->checks);
    cn_load_free(service->load);
    if (service->blocks)
        cn_blocks_free(service->blocks);
    cn_secrets_release(&app->secrets);
}

/* ---- HTTP ---------------------------------------------------------------------------------- */

static enum cn_code start_http(struct app *app, struct cn_error *error) {
    unsigned usable = (unsigned)app->service.cpus.usable;
    unsigned threads = (unsigned)app->settings.http_threads;
    if (threads == 0)
        threads = usable < 8 ? usable : 8;
    CN_TRY(cn_listener_open(&app->listener, error));
    struct cn_http_options options = {.settings = &app->settings,
                                      .service = &app->service,
                                      .token = app->secrets.token,
                                      .listen_fd = app->listener.fd,
                                      .listen_address = app->listener.address,
                                      .loopback = app->listener.loopback,
                                      .threads = threads};
    return cn_http_start(&app->http, &options, error);
}

static void serve(struct app *app) {
    /* Memory that was idle for so long goes back: not at once, because it costs time to get it
     * again, and clients often come back after seconds. */
    const struct timespec pause = {.tv_sec = IDLE_SECONDS};
    printf("colonnade %s listening on http://%s\n", CN_VERSION, app->listener.shown);
    fflush(stdout);
    cn_notify("READY=1");
    while (sigtimedwait(&app->signals, NULL, &pause) < 0)
        if (cn_blocks_trim(app->service.blocks) > 0)
            malloc_trim(0); /* the small things of large requests */
    cn_notify("STOPPING=1");
    atomic_store(&app->service.draining, 1);
    int64_t until = cn_clock_now() + (int64_t)app->settings.grace_ms * 1000000;
    cn_jobs_drain(app->service.jobs, until); /* their clients can still ask how they ended */
    int64_t left_ns = until - cn_clock_now();
    if (!cn_http_drain(app->http, left_ns > 0 ? left_ns / 1000000 : 0)) {
        fprintf(stderr, "colonnade: requests did not end in the grace time and were cut off\n");
        if (app->history)
            cn_history_flush(app->history);
        fflush(NULL);
        _exit(EXIT_FAILURE); /* their threads may still use everything, also what exit() ends */
    }
    cn_http_stop(app->http);
}

int main(int argc, char **argv) {
    static struct app app; /* large, and alive as long as the program */
    struct cn_error error;
    cn_error_init(&error);
    enum cn_settings_outcome outcome =
        cn_settings_read(&app.settings, argc, argv, getenv, stdout, stderr);
    if (outcome == CN_SETTINGS_HEALTH)
        return cn_probe_health(&app.settings, &error) == CN_OK ? EXIT_SUCCESS
                                                               : fail(&error, EXIT_FAILURE);
    if (outcome != CN_SETTINGS_RUN)
        return outcome == CN_SETTINGS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    if (check_settings(&app, &error) != CN_OK)
        return fail(&error, EXIT_USAGE);
    prepare_process(&app);
    init_service(&app);
    cn_registry_init(&app.registry, &app.secrets.keyring);
    if (cn_forkserver_start(&app.forkserver, &app.registry, &error) != CN_OK)
        return fail(&error, EXIT_FAILURE);
    pthread_sigmask(SIG_BLOCK, &app.signals, NULL); /* for every thread; main waits for them */
    int status = EXIT_SUCCESS;
    if (start_rooms(&app, &error) == CN_OK && start_http(&app, &error) == CN_OK)
        serve(&app);
    else
        status = fail(&error, app.unusable_data_dir ? EXIT_USAGE : EXIT_FAILURE);
    stop_rooms(&app);
    return status;
}
