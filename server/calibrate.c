#include "server/calibrate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "handlers/calibration.h"
#include "handlers/kinds.h"

#define MIB ((size_t)1 << 20)
#define BUDGET_NS INT64_C(30000000) /* of each of the three measurements */
#define LULL_NS 150000              /* before each crossing, so that its worker sleeps */
#define SPIN_NS INT64_C(2000000)    /* who takes longer is waited for asleep */

enum { SAMPLES = 40, SHIPMENTS = 5, FAR_OFF = 10 };

/* A crossing: a task that is submitted, and waited for. */
struct crossing {
    struct cn_task task; /* first */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool done;
    int64_t done_ns;
};

static void crossing_done(struct cn_task *task) {
    struct crossing *crossing = task->owner;
    pthread_mutex_lock(&crossing->lock);
    crossing->done_ns = cn_clock_now();
    atomic_store(&crossing->done, true);
    pthread_cond_signal(&crossing->changed);
    pthread_mutex_unlock(&crossing->lock);
}

/* Who submits a part of the work goes on with another, so this thread does not give its CPU up to
 * the worker: it must wake on another one. That is several times what a wake-up on the same CPU
 * takes, which is what would often be measured otherwise. */
static void await(struct crossing *crossing, int64_t start, bool spin) {
    while (spin && !atomic_load(&crossing->done) && cn_clock_now() - start < SPIN_NS)
        continue;
    pthread_mutex_lock(&crossing->lock);
    while (!atomic_load(&crossing->done))
        pthread_cond_wait(&crossing->changed, &crossing->lock);
    pthread_mutex_unlock(&crossing->lock);
}

/* Nanoseconds until the task was done; -1: it failed. */
static int64_t cross(struct crossing *crossing, struct cn_executor *executor, bool spin) {
    struct cn_task *task = &crossing->task;
    const struct timespec lull = {.tv_nsec = LULL_NS};
    atomic_store(&crossing->done, false);
    nanosleep(&lull, NULL);
    int64_t start = cn_clock_now();
    if (executor->ops->submit(executor, task, NULL) != CN_OK)
        return -1;
    await(crossing, start, spin);
    return task->code == CN_OK ? crossing->done_ns - start : -1;
}

static int compare(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

struct measured {
    int64_t usual; /* both 0: nothing was measured */
    int64_t least;
};

/* Some crossings, after one to warm up. */
static struct measured measure(struct cn_executor *executor, uint32_t kind, struct cn_str input,
                               struct cn_plan_ref *plan, int samples, bool spin) {
    int64_t times[SAMPLES];
    int n = 0;
    struct cn_buf out = CN_BUF_INIT;
    struct cn_group group;
    int64_t until = cn_clock_now() + BUDGET_NS;
    cn_group_init(&group, 1, until + BUDGET_NS);
    struct crossing crossing = {.lock = PTHREAD_MUTEX_INITIALIZER,
                                .changed = PTHREAD_COND_INITIALIZER};
    for (int i = 0; i <= samples && cn_clock_now() < until; i++) {
        out.len = 0;
        crossing.task = (struct cn_task){.kind = kind,
                                         .group = &group,
                                         .plan = plan,
                                         .inputs = &input,
                                         .n_inputs = input.len > 0,
                                         .out = &out,
                                         .done = crossing_done,
                                         .owner = &crossing};
        int64_t ns = cross(&crossing, executor, spin);
        if (ns < 0)
            break;
        if (i > 0)
            times[n++] = ns;
    }
    cn_buf_release(&out);
    pthread_cond_destroy(&crossing.changed);
    pthread_mutex_destroy(&crossing.lock);
    if (n == 0)
        return (struct measured){0, 0};
    qsort(times, (size_t)n, sizeof times[0], compare);
    /* Others may be at work on this machine while the service starts: the lower quartile, unless
     * even that is far off. */
    int64_t usual = times[n / 4] < FAR_OFF * times[0] ? times[n / 4] : FAR_OFF * times[0];
    return (struct measured){usual, times[0]};
}

/* What carrying the input costs beyond the crossing itself. On a busy machine the quartiles of so
 * few samples may be in the wrong order; then the least ones tell, and it is never nothing. */
static int64_t beyond(struct measured loaded, struct measured empty) {
    if (loaded.usual > empty.usual)
        return loaded.usual - empty.usual;
    return loaded.least > empty.least ? loaded.least - empty.least : 1;
}

void cn_calibrate(struct cn_service *service) {
    struct cn_calibration *calibration = &service->calibration;
    struct cn_plan_ref plan = {.id = atomic_fetch_add(&service->next_plan, 1)};
    struct cn_executor *threads = service->executors[CN_EXECUTOR_THREADS];
    struct cn_executor *processes = service->executors[CN_EXECUTOR_PROCESSES];
    struct cn_str nothing = {0};
    bool spin = service->cpus.usable > 1;
    struct measured there = measure(threads, CN_KIND_NOOP, nothing, &plan, SAMPLES, spin);
    struct measured empty = measure(processes, CN_KIND_NOOP, nothing, &plan, SAMPLES, spin);
    /* The way back wakes a thread that serves connections. */
    calibration->dispatch_ns = 2 * there.usual;
    calibration->process_dispatch_ns = empty.usual + there.usual;
    char *mib = malloc(MIB);
    if (mib) {
        memset(mib, 'x', MIB);
        struct measured full =
            measure(processes, CN_KIND_ECHO, cn_str(mib, MIB), &plan, SHIPMENTS, spin);
        calibration->ship_ns_per_mib = beyond(full, empty);
        free(mib);
    }
    cn_calibrate_reference(service, NULL);
}
