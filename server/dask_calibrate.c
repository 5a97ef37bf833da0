#include "server/dask_calibrate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cond.h"
#include "handlers/calibration.h"
#include "handlers/compute_kind.h"
#include "handlers/kinds.h"
#include "handlers/plan.h"
#include "pool/dask.h"
#include "server/dask_pace.h"

#define MIB ((size_t)1 << 20)
#define LOOK_NS INT64_C(500000000)
#define PATIENCE_NS INT64_C(5000000000) /* with what is sent at a time */
#define WORK_NS 30e6                    /* of a task of known work, on a thread of this machine */

enum {
    LATENCIES = 9,
    TURNS = 3,         /* of known work for each thread, so that no one waits for the way */
    ROUNDS = 3,        /* of the known work, of which the fastest counts */
    MOST_SHIPPED = 16, /* MiB at a time */
    FIRST_ROWS = 1 << 14,
    MOST_ROWS = 1 << 22
};

struct cn_dask_calibrator {
    struct cn_service *service;
    struct cn_executor *executor;
    void (*look)(struct cn_executor *executor, struct cn_dask_look *look);
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool stop;
    /* guarded by the lock */
    bool measured;
    uint64_t generation; /* that `costs` are of */
    struct cn_cluster_costs costs;
    struct cn_dask_pace pace; /* the thread's own */
};

/* ---- tasks, and waiting for them ------------------------------------------------------------- */

/* What each task of a batch is. */
struct sample {
    uint32_t kind;
    const struct cn_plan_ref *plan;
    struct cn_str input;
    uint64_t rows;
};

struct batch;
struct probe {
    struct cn_task task; /* first */
    struct cn_buf out;
    struct batch *batch;
};

struct batch {
    struct cn_group group;
    struct probe *probes;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t left;
    bool failed;
    int64_t done_ns; /* the last one */
};

static void probe_done(struct cn_task *task) {
    struct batch *batch = ((struct probe *)task->owner)->batch;
    pthread_mutex_lock(&batch->lock);
    batch->failed = batch->failed || task->code != CN_OK;
    batch->done_ns = cn_clock_now();
    if (--batch->left == 0)
        pthread_cond_signal(&batch->changed);
    pthread_mutex_unlock(&batch->lock);
}

static bool submit(struct cn_executor *executor, struct batch *batch, struct probe *probe,
                   const struct sample *sample) {
    struct cn_morsel_args args = {0, sample->rows, 0};
    probe->batch = batch;
    cn_buf_init(&probe->out);
    probe->task = (struct cn_task){.kind = sample->kind,
                                   .group = &batch->group,
                                   .plan = sample->plan,
                                   .inputs = &sample->input,
                                   .n_inputs = sample->input.len > 0,
                                   .out = &probe->out,
                                   .done = probe_done,
                                   .owner = probe};
    memcpy(probe->task.args, &args, sizeof args);
    return executor->ops->submit(executor, &probe->task, NULL) == CN_OK;
}

/* Until the last one came back; told to stop, all are cancelled, and come back too. */
static void await(struct cn_dask_calibrator *calibrator, struct cn_executor *executor,
                  struct batch *batch) {
    bool told = false;
    pthread_mutex_lock(&batch->lock);
    while (batch->left > 0) {
        if (!told && (atomic_load(&calibrator->stop) || batch->failed)) {
            told = true;
            pthread_mutex_unlock(&batch->lock);
            executor->ops->cancel(executor, &batch->group);
            pthread_mutex_lock(&batch->lock);
            continue;
        }
        cn_cond_wait_until(&batch->changed, &batch->lock, cn_clock_now() + LOOK_NS / 10);
    }
    pthread_mutex_unlock(&batch->lock);
}

/* Nanoseconds from the first of `n` tasks to the end of the last, at most `width` at once; -1: one
 * of them failed, or did not come back in time. */
static int64_t run(struct cn_dask_calibrator *calibrator, struct cn_executor *executor,
                   const struct sample *sample, size_t n, size_t width) {
    struct batch batch = {.probes = calloc(n, sizeof *batch.probes), .left = n};
    if (!batch.probes)
        return -1;
    int64_t start = cn_clock_now();
    cn_group_init(&batch.group, width, start + PATIENCE_NS);
    pthread_mutex_init(&batch.lock, NULL);
    cn_cond_init(&batch.changed);
    for (size_t i = 0; i < n; i++) {
        if (submit(executor, &batch, &batch.probes[i], sample))
            continue;
        pthread_mutex_lock(&batch.lock);
        batch.left -= n - i;
        batch.failed = true;
        pthread_mutex_unlock(&batch.lock);
        break;
    }
    await(calibrator, executor, &batch);
    for (size_t i = 0; i < n; i++)
        cn_buf_release(&batch.probes[i].out);
    free(batch.probes);
    pthread_cond_destroy(&batch.changed);
    pthread_mutex_destroy(&batch.lock);
    return batch.failed ? -1 : batch.done_ns - start;
}

/* The least time of some tasks, one after the other; -1: one failed. */
static int64_t fastest(struct cn_dask_calibrator *calibrator, const struct sample *sample,
                       int rounds) {
    int64_t best = INT64_MAX;
    for (int i = 0; i < rounds; i++) {
        int64_t ns = run(calibrator, calibrator->executor, sample, 1, 1);
        if (ns < 0)
            return -1;
        if (ns < best)
            best = ns;
    }
    return best > 0 ? best : 1;
}

/* ---- what is measured ------------------------------------------------------------------------ */

static int64_t at_least(int64_t value, int64_t least) {
    return value > least ? value : least;
}

static bool measure_tasks(struct cn_dask_calibrator *calibrator, size_t width,
                          struct cn_cluster_costs *costs) {
    struct cn_plan_ref plan = {.id = atomic_fetch_add(&calibrator->service->next_plan, 1) + 1};
    const struct sample nothing = {.kind = CN_KIND_NOOP, .plan = &plan};
    size_t many = 4 * width;

    /* Workers start with the first tasks that they get. */
    if (run(calibrator, calibrator->executor, &nothing, width, width) < 0)
        return false;
    costs->latency_ns = fastest(calibrator, &nothing, LATENCIES);
    int64_t ns = run(calibrator, calibrator->executor, &nothing, many, width);
    costs->task_ns = at_least(ns / (int64_t)many, 1);
    return costs->latency_ns > 0 && ns > 0;
}

/* What a MiB costs beyond the task that carries it. */
static bool measure_shipping(struct cn_dask_calibrator *calibrator, size_t width,
                             struct cn_cluster_costs *costs) {
    struct cn_plan_ref plan = {.id = atomic_fetch_add(&calibrator->service->next_plan, 1) + 1};
    size_t many = 2 * width < MOST_SHIPPED ? 2 * width : MOST_SHIPPED;
    char *mib = malloc(MIB);
    if (!mib)
        return false;
    /* Like nothing that could be packed. */
    for (size_t i = 0; i < MIB; i++)
        mib[i] = (char)((i * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
    const struct sample echo = {.kind = CN_KIND_ECHO, .plan = &plan, .input = cn_str(mib, MIB)};
    int64_t alone = fastest(calibrator, &echo, ROUNDS);
    int64_t all = -1;
    if (alone >= 0)
        all = run(calibrator, calibrator->executor, &echo, many, width);
    free(mib);
    costs->ship_alone_ns_per_mib = at_least(alone - costs->latency_ns, 1);
    costs->ship_ns_per_mib = at_least(all / (int64_t)many - costs->task_ns, 1);
    return all > 0;
}

struct speeds {
    int64_t here_ns; /* of a turn, at best */
    int64_t there_ns;
};

/* One after the other, again and again, so that what else goes on meets both. */
static bool compare_speeds(struct cn_dask_calibrator *calibrator, const struct sample *work,
                           size_t threads, size_t width, int64_t latency_ns,
                           struct speeds *speeds) {
    struct cn_service *service = calibrator->service;
    struct cn_executor *here = service->executors[CN_EXECUTOR_THREADS];
    size_t cpus = (size_t)service->cpus.usable;

    *speeds = (struct speeds){INT64_MAX, INT64_MAX};
    for (int i = 0; i < ROUNDS; i++) {
        int64_t ours = run(calibrator, here, work, TURNS * cpus, cpus);
        int64_t theirs =
            ours < 0 ? -1 : run(calibrator, calibrator->executor, work, TURNS * threads, width);
        if (theirs < 0)
            return false;
        theirs = at_least(theirs - latency_ns, theirs / 4); /* the way there is reckoned apart */
        if (ours < speeds->here_ns)
            speeds->here_ns = at_least(ours, 1);
        if (theirs < speeds->there_ns)
            speeds->there_ns = at_least(theirs, 1);
    }
    return true;
}

/* The same work on all of the cluster's threads and on all CPUs that this machine can use: where
 * they share CPUs, it shows. */
static bool measure_speed(struct cn_dask_calibrator *calibrator, size_t threads, size_t width,
                          struct cn_cluster_costs *costs) {
    struct cn_service *service = calibrator->service;
    struct cn_plan *plan = NULL;
    struct speeds speeds;

    if (cn_calibration_plan(service, &plan, NULL) != CN_OK)
        return false;
    struct cn_plan_ref handle = cn_plan_handle(plan);
    struct sample work = {.kind = CN_KIND_COMPUTE, .plan = &handle, .rows = FIRST_ROWS};
    int64_t first = run(calibrator, service->executors[CN_EXECUTOR_THREADS], &work, 1, 1);
    double rows = FIRST_ROWS * WORK_NS / (double)at_least(first, 1);
    work.rows = rows > MOST_ROWS ? MOST_ROWS : rows > FIRST_ROWS ? (uint64_t)rows : FIRST_ROWS;
    bool done =
        first >= 0 && compare_speeds(calibrator, &work, threads, width, costs->latency_ns, &speeds);
    cn_plan_unref(plan);
    if (done)
        costs->speed = (double)threads / (double)service->cpus.usable * (double)speeds.here_ns /
                       (double)speeds.there_ns;
    return done;
}

static bool measure(struct cn_dask_calibrator *calibrator, const struct cn_dask_look *look,
                    struct cn_cluster_costs *costs) {
    uint64_t most = cn_service_limits(calibrator->service)->max_workers;
    struct cn_cluster cluster = {.threads = look->threads};
    size_t width = cn_cluster_width(&cluster, most);
    size_t threads = look->threads < most ? look->threads : (size_t)most;

    *costs = (struct cn_cluster_costs){0};
    if (!measure_tasks(calibrator, width, costs) || !measure_shipping(calibrator, width, costs) ||
        !measure_speed(calibrator, threads, width, costs))
        return false;
    costs->speed *= (double)look->threads / (double)threads;
    costs->measured_at = cn_clock_wall();
    return true;
}

/* ---- when ------------------------------------------------------------------------------------ */

static void publish(struct cn_dask_calibrator *calibrator, uint64_t generation,
                    const struct cn_cluster_costs *costs) {
    pthread_mutex_lock(&calibrator->lock);
    calibrator->measured = true;
    calibrator->generation = generation;
    calibrator->costs = *costs;
    pthread_mutex_unlock(&calibrator->lock);
}

static void look_around(struct cn_dask_calibrator *calibrator) {
    const struct cn_service *service = calibrator->service;
    struct cn_dask_pace *pace = &calibrator->pace;
    int64_t now = cn_clock_now();
    struct cn_dask_look look, after;
    struct cn_cluster_costs costs;

    calibrator->look(calibrator->executor, &look);
    /* The thread alone writes what is read here. */
    bool known = calibrator->measured && calibrator->generation == look.generation;
    cn_dask_pace_see(pace, look.generation, now);
    if (!look.connected || look.threads == 0 || !cn_dask_pace_due(pace, known, now))
        return;
    uint64_t begun = atomic_load(&service->work_begun);
    bool company = atomic_load(&service->work_running) > 0;
    bool done = measure(calibrator, &look, &costs);
    company = company || atomic_load(&service->work_begun) != begun;
    calibrator->look(calibrator->executor, &after);
    if (done && after.generation == look.generation)
        publish(calibrator, look.generation, &costs);
    cn_dask_pace_measured(pace, known, done, company, cn_clock_now());
}

static void *calibrator_main(void *context) {
    struct cn_dask_calibrator *calibrator = context;
    pthread_setname_np(pthread_self(), "dask-measure");
    pthread_mutex_lock(&calibrator->lock);
    while (!atomic_load(&calibrator->stop)) {
        pthread_mutex_unlock(&calibrator->lock);
        look_around(calibrator);
        pthread_mutex_lock(&calibrator->lock);
        if (!atomic_load(&calibrator->stop))
            cn_cond_wait_until(&calibrator->changed, &calibrator->lock, cn_clock_now() + LOOK_NS);
    }
    pthread_mutex_unlock(&calibrator->lock);
    return NULL;
}

/* ---- from outside ---------------------------------------------------------------------------- */

void cn_dask_look(struct cn_executor *executor, struct cn_dask_look *look) {
    struct cn_dask_state state;
    cn_dask_state(executor, &state);
    *look = (struct cn_dask_look){.connected = state.connected,
                                  .generation = state.generation,
                                  .workers = state.workers,
                                  .threads = state.threads};
}

/* The service's probe. */
static void read_cluster(void *context, struct cn_cluster *cluster) {
    struct cn_dask_calibrator *calibrator = context;
    struct cn_dask_look look;
    calibrator->look(calibrator->executor, &look);
    *cluster = (struct cn_cluster){
        .connected = look.connected, .workers = look.workers, .threads = look.threads};
    pthread_mutex_lock(&calibrator->lock);
    cluster->measured = calibrator->measured && calibrator->generation == look.generation;
    if (cluster->measured)
        cluster->costs = calibrator->costs;
    pthread_mutex_unlock(&calibrator->lock);
}

enum cn_code
cn_dask_calibrator_start(struct cn_dask_calibrator **result, struct cn_service *service,
                         void (*look)(struct cn_executor *executor, struct cn_dask_look *look),
                         struct cn_error *error) {
    struct cn_dask_calibrator *calibrator = calloc(1, sizeof *calibrator);
    *result = NULL;
    if (!calibrator)
        return cn_error_memory(error);
    calibrator->service = service;
    calibrator->executor = service->executors[CN_EXECUTOR_DASK];
    calibrator->look = look;
    pthread_mutex_init(&calibrator->lock, NULL);
    cn_cond_init(&calibrator->changed);
    if (pthread_create(&calibrator->thread, NULL, calibrator_main, calibrator) != 0) {
        pthread_cond_destroy(&calibrator->changed);
        pthread_mutex_destroy(&calibrator->lock);
        free(calibrator);
        return cn_error_memory(error);
    }
    service->cluster = (struct cn_cluster_probe){read_cluster, calibrator};
    *result = calibrator;
    return CN_OK;
}

void cn_dask_calibrator_stop(struct cn_dask_calibrator *calibrator) {
    if (!calibrator)
        return;
    pthread_mutex_lock(&calibrator->lock);
    atomic_store(&calibrator->stop, true);
    pthread_cond_signal(&calibrator->changed);
    pthread_mutex_unlock(&calibrator->lock);
    pthread_join(calibrator->thread, NULL);
    calibrator->service->cluster = (struct cn_cluster_probe){0};
    pthread_cond_destroy(&calibrator->changed);
    pthread_mutex_destroy(&calibrator->lock);
    free(calibrator);
}
