/*
 * main.c: wires the rooms together, in this order: settings, keys, the fork server, token and
 * certificate, memory, the record of runs and its history, executors, calibration, HTTP. (Started
 * with --fork-server or --worker, the program is a fork server or a worker, and nothing else.)
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

#include "handlers/admission.h"
#include "handlers/experiments.h"
#include "handlers/history.h"
#include "handlers/hub.h"
#include "handlers/identity.h"
#include "handlers/inline_states.h"
#include "handlers/jobs.h"
#include "handlers/kinds.h"
#include "handlers/load.h"
#include "handlers/metrics.h"
#include "handlers/plans.h"
#include "handlers/runs.h"
#include "handlers/spool.h"
#include "kernels/cpu.h"
#include "server/access_log.h"
#include "server/activation.h"
#include "server/calibrate.h"
#include "server/dask_calibrate.h"
#include "server/executors.h"
#include "server/framing_socket.h"
#include "server/http.h"
#include "server/keys.h"
#include "server/limits.h"
#include "server/listen.h"
#include "server/notify.h"
#include "server/probe.h"
#include "server/reload.h"
#include "server/routes.h"
#include "server/settings.h"
#include "server/tls.h"
#include "server/token.h"
#include "server/version.h"

enum { EXIT_USAGE = 2, RUNS_KEPT = 1000, CHECKS_KEPT = 100, IDLE_SECONDS = 4 };
#define RUNS_BYTES ((size_t)32 << 20)
#define CHECKS_BYTES ((size_t)1 << 20)
#define IDLE_BLOCK_BYTES ((size_t)256 << 20)

struct app {
    struct cn_settings settings;
    struct cn_keys keys;
    struct cn_keyring keyring; /* of these keys */
    struct cn_listener listeners[CN_MAX_LISTENERS];
    size_t n_listeners;
    bool activated; /* they were passed in, and are open */
    struct cn_executors executors;
    struct cn_history *history;       /* NULL: runs are kept in memory only */
    struct cn_access_log *access_log; /* NULL: there is none */
    struct cn_sessions sessions;
    struct cn_dask_calibrator *dask_calibrator; /* NULL: there is no executor `dask` */
    struct cn_tls *tls;                         /* NULL: plain HTTP */
    bool wrong_settings;                        /* what failed is the user's to mend */
    struct cn_service service;
    struct cn_budget budget;
    struct cn_http *http;
    struct cn_reload reload;
    sigset_t signals;
};

static int fail(const struct cn_error *error, int status) {
    fprintf(stderr, "colonnade: %s\n", error->detail);
    return status;
}

/* ---- before any thread --------------------------------------------------------------------- */

/* What the fork server and its workers do as well. */
static enum cn_code prepare_memory_and_kernels(struct cn_error *error) {
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* large things go back to the system when they are freed */
    mallopt(M_TRIM_THRESHOLD, 8 << 20);
    return cn_cpu_choose(getenv("COLONNADE_CPU"), error);
}

/* Sockets that were passed in are the ones that count, then --listen. */
static enum cn_code find_listeners(struct app *app, struct cn_error *error) {
    const struct cn_settings *settings = &app->settings;
    CN_TRY(cn_activation_take(app->listeners, CN_MAX_LISTENERS, &app->n_listeners, error));
    app->activated = app->n_listeners > 0;
    if (!app->activated) {
        CN_TRY(cn_listener_parse(&app->listeners[0], settings->listen, error));
        app->n_listeners = 1;
    }
    for (size_t i = 0; i < app->n_listeners; i++)
        if (!app->listeners[i].loopback && !settings->token_file && !settings->allow_anonymous)
            return cn_error_set(error, CN_INVALID_PARAMETER,
                                "%s can be reached from other machines: give --token-file FILE, or "
                                "--allow-anonymous to serve everybody",
                                app->listeners[i].shown);
    return CN_OK;
}

/* Errors here are the user's: exit status 2. */
static enum cn_code check_settings(struct app *app, struct cn_error *error) {
    const struct cn_settings *settings = &app->settings;
    CN_TRY(prepare_memory_and_kernels(error));
    CN_TRY(cn_executors_check(&app->executors, settings, error));
    CN_TRY(find_listeners(app, error));
    if (!settings->tls_cert != !settings->tls_key)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s needs %s too",
                            settings->tls_cert ? "--tls-cert" : "--tls-key",
                            settings->tls_cert ? "--tls-key" : "--tls-cert");
    if (settings->keys_dir)
        CN_TRY(cn_keys_read(&app->keys, settings->keys_dir, error));
    app->keyring = cn_keys_ring(&app->keys);
    return CN_OK;
}

/* What workers never need, so it is read when they have been forked. */
static enum cn_code read_credentials(struct app *app, struct cn_error *error) {
    const struct cn_settings *settings = &app->settings;
    app->wrong_settings = true;
    if (settings->token_file) {
        struct cn_session_key key;
        CN_TRY(cn_token_read(&key, settings->token_file, error));
        cn_sessions_init(&app->sessions, &key);
        cn_session_key_cleanse(&key);
        app->service.sessions = &app->sessions;
    }
    if (settings->tls_cert)
        CN_TRY(cn_tls_read(&app->tls, settings->tls_cert, settings->tls_key, error));
    app->wrong_settings = false;
    return CN_OK;
}

static void prepare_process(struct app *app) {
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like any other */
    sigemptyset(&app->signals);
    sigaddset(&app->signals, SIGTERM);
    sigaddset(&app->signals, SIGINT);
    sigaddset(&app->signals, SIGHUP);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* one descriptor a connection, and some */
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    if (app->settings.memory_bytes == 0)
        app->settings.memory_bytes = cn_settings_memory("");
}

static void init_service(struct app *app) {
    const struct cn_settings *settings = &app->settings;
    struct cn_service *service = &app->service;
    service->limits = cn_limits_of(settings);
    service->keys = &app->keyring;
    service->version = CN_VERSION;
    service->endpoints = cn_routes_table(&service->n_endpoints);
    atomic_init(&service->next_plan, 1);
    atomic_init(&service->draining, 0);
    cn_cpus_read(&service->cpus);
}

/* ---- the rooms ----------------------------------------------------------------------------- */

static enum cn_code start_data(struct app *app, struct cn_error *error) {
    const struct cn_settings *settings = &app->settings;
    struct cn_history_limits limits = {settings->history_bytes, settings->history_days};
    if (!settings->data_dir)
        return CN_OK;
    app->wrong_settings = true;
    CN_TRY(cn_history_open(&app->history, settings->data_dir, &limits, error));
    CN_TRY(cn_spools_new(&app->service.spools, settings->data_dir, settings->spool_bytes, error));
    app->wrong_settings = false;
    return cn_history_start(app->history, &app->service, error);
}

static enum cn_code start_access_log(struct app *app, struct cn_error *error) {
    if (!app->settings.access_log)
        return CN_OK;
    app->wrong_settings = true;
    CN_TRY(cn_access_log_open(&app->access_log, app->settings.access_log, error));
    app->wrong_settings = false;
    return CN_OK;
}

static enum cn_code start_rooms(struct app *app, struct cn_error *error) {
    struct cn_service *service = &app->service;
    service->blocks = cn_blocks_new(IDLE_BLOCK_BYTES);
    service->runs = cn_runs_new(RUNS_KEPT, RUNS_BYTES);
    service->checks = cn_runs_new(CHECKS_KEPT, CHECKS_BYTES);
    service->load = cn_load_new();
    service->metrics = cn_metrics_new();
    service->admission = cn_admission_new(
        &(struct cn_admission_limits){app->settings.max_queued, app->settings.max_per_client});
    cn_budget_init(&app->budget, app->settings.memory_bytes);
    service->inline_states = cn_inline_states_new(&app->keyring);
    service->plans = cn_plans_new();
    if (!service->blocks || !service->runs || !service->checks || !service->load ||
        !service->metrics || !service->admission || !service->inline_states || !service->plans)
        return cn_error_memory(error);
    CN_TRY(start_access_log(app, error));
    CN_TRY(start_data(app, error));
    CN_TRY(cn_executors_start(&app->executors, service, &app->settings, error));
    service->jobs = cn_jobs_new(service, app->settings.max_jobs,
                                cn_part_of_memory(&app->settings, app->settings.job_bytes),
                                (int64_t)app->settings.job_keep_ms);
    service->experiments = cn_experiments_new(service, app->settings.max_queued);
    service->hub = cn_hub_new(service);
    if (!service->jobs || !service->experiments || !service->hub)
        return cn_error_memory(error);
    cn_calibrate(service);
    cn_blocks_set_budget(service->blocks, &app->budget); /* what was measured had all it wanted */
    service->budget = &app->budget;
    if (service->executors[CN_EXECUTOR_DASK])
        CN_TRY(cn_dask_calibrator_start(&app->dask_calibrator, service, cn_dask_look, error));
    return CN_OK;
}

static void stop_rooms(struct app *app) {
    struct cn_service *service = &app->service;
    cn_jobs_free(service->jobs); /* what jobs run is cancelled, experiments too */
    cn_experiments_free(service->experiments);
    cn_dask_calibrator_stop(app->dask_calibrator);
    cn_executors_stop(&app->executors, service);
    if (service->inline_states)
        cn_inline_states_free(service->inline_states);
    cn_plans_free(service->plans);
    cn_hub_free(service->hub);
    cn_spools_free(service->spools);
    cn_history_close(app->history); /* what was not saved yet is saved now */
    cn_runs_free(service->runs);
    cn_runs_free(service->checks);
    cn_load_free(service->load);
    cn_admission_free(service->admission);
    cn_metrics_free(service->metrics);
    cn_access_log_close(app->access_log); /* what was not written yet is written now */
    if (service->blocks)
        cn_blocks_free(service->blocks);
    cn_keys_release(&app->keys);
    if (service->sessions)
        cn_sessions_release(service->sessions);
    cn_reload_release(&app->reload);
}

/* ---- HTTP ---------------------------------------------------------------------------------- */

static enum cn_code start_http(struct app *app, struct cn_error *error) {
    unsigned usable = (unsigned)app->service.cpus.usable;
    unsigned threads = (unsigned)app->settings.http_threads;
    if (threads == 0)
        threads = usable < 8 ? usable : 8;
    if (!app->activated)
        CN_TRY(cn_listener_open(&app->listeners[0], error));
    bool loopback = true;
    for (size_t i = 0; i < app->n_listeners; i++)
        loopback = loopback && app->listeners[i].loopback;
    struct cn_http_options options = {.settings = &app->settings,
                                      .service = &app->service,
                                      .tls = app->tls,
                                      .listeners = app->listeners,
                                      .n_listeners = app->n_listeners,
                                      .loopback = loopback,
                                      .threads = threads,
                                      .access_log = app->access_log};
    if (!cn_framing_in_effect())
        fprintf(stderr, "colonnade: the check of framing cannot come before libmicrohttpd (is the "
                        "program linked statically?): every request will be refused\n");
    CN_TRY(cn_http_start(&app->http, &options, error));
    app->reload.now = &app->settings;
    app->reload.service = &app->service;
    app->reload.http = app->http;
    app->reload.keys_dir = app->settings.keys_dir;
    return CN_OK;
}

static void serve(struct app *app) {
    /* Memory that was idle for so long goes back: not at once, because it costs time to get it
     * again, and clients often come back after seconds. */
    const struct timespec pause = {.tv_sec = IDLE_SECONDS};
    printf("colonnade %s listening on ", CN_VERSION);
    for (size_t i = 0; i < app->n_listeners; i++)
        printf("%s%s://%s", i > 0 ? ", " : "", app->tls ? "https" : "http",
               app->listeners[i].shown);
    printf("\n");
    fflush(stdout);
    cn_notify("READY=1");
    for (int signal = 0; signal != SIGTERM && signal != SIGINT;) {
        signal = sigtimedwait(&app->signals, NULL, &pause);
        if (signal == SIGHUP) {
            cn_access_log_reopen(app->access_log);
            cn_reload(&app->reload, stderr);
        } else if (signal < 0 && cn_blocks_trim(app->service.blocks) > 0)
            malloc_trim(0); /* the small things of large requests */
    }
    cn_notify("STOPPING=1");
    atomic_store(&app->service.draining, 1);
    int64_t until = cn_clock_now() + (int64_t)app->reload.now->grace_ms * CN_NS_PER_MS;
    cn_jobs_drain(app->service.jobs, until); /* their clients can still ask how they ended */
    int64_t left_ns = until - cn_clock_now();
    if (!cn_http_drain(app->http, left_ns > 0 ? left_ns / CN_NS_PER_MS : 0)) {
        fprintf(stderr, "colonnade: requests did not end in the grace time and were cut off\n");
        if (app->history)
            cn_history_flush(app->history);
        fflush(NULL);
        _exit(EXIT_FAILURE); /* their threads may still use everything, also what exit() ends */
    }
    cn_http_stop(app->http);
}

/* Comes back only if it could not be one; the status to end with. */
static int be_pipe_worker(struct cn_error *error) {
    static const struct cn_keyring no_keys;
    char identity[CN_PIPE_IDENTITY];
    struct cn_registry registry;
    if (prepare_memory_and_kernels(error) != CN_OK)
        return EXIT_USAGE;
    if (cn_identity_make(identity, CN_VERSION, error) != CN_OK)
        return EXIT_FAILURE;
    cn_registry_init(&registry, &no_keys);
    cn_pipe_worker_enter(&(struct cn_pipe_worker_program){
        .registry = &registry, .identity = identity, .prepare = cn_kinds_program.prepare});
}

int main(int argc, char **argv) {
    static struct app app; /* large, and alive as long as the program */
    struct cn_error error;
    cn_error_init(&error);
    if (cn_forkserver_wanted(argc, argv)) {
        if (prepare_memory_and_kernels(&error) != CN_OK)
            return fail(&error, EXIT_USAGE);
        cn_forkserver_enter(&cn_kinds_program);
    }
    if (cn_pipe_worker_wanted(argc, argv))
        return fail(&error, be_pipe_worker(&error));
    enum cn_settings_outcome outcome =
        cn_settings_read(&app.settings, argc, argv, getenv, stdout, stderr);
    if (outcome == CN_SETTINGS_HEALTH)
        return cn_probe_health(&app.settings, &error) == CN_OK ? EXIT_SUCCESS
                                                               : fail(&error, EXIT_FAILURE);
    if (outcome != CN_SETTINGS_RUN)
        return outcome == CN_SETTINGS_DONE ? EXIT_SUCCESS : EXIT_USAGE;
    app.reload = (struct cn_reload){.argc = argc, .argv = argv, .started = app.settings};
    if (check_settings(&app, &error) != CN_OK)
        return fail(&error, EXIT_USAGE);
    prepare_process(&app);
    init_service(&app);
    if (cn_executors_fork(&app.executors, &app.service, &app.settings, &app.keyring, &error) !=
        CN_OK)
        return fail(&error, EXIT_FAILURE);
    pthread_sigmask(SIG_BLOCK, &app.signals, NULL); /* for every thread; main waits for them */
    int status = EXIT_SUCCESS;
    if (read_credentials(&app, &error) == CN_OK && start_rooms(&app, &error) == CN_OK &&
        start_http(&app, &error) == CN_OK)
        serve(&app);
    else
        status = fail(&error, app.wrong_settings ? EXIT_USAGE : EXIT_FAILURE);
    stop_rooms(&app);
    return status;
}
