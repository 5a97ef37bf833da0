/*
 * map_place.c: where calls run: sleeping ones beside each other, computing ones on other workers
 * when that is worth a crossing into the pool and back.
 */
#include "handlers/map.h"

#include "handlers/cluster_choice.h"
#include "handlers/service.h"
#include "handlers/verdict_say.h"

#define DEFAULT_DISPATCH_NS 20000.0
#define RESULT_BYTES 64.0 /* of a call, with its times */

static double crossing(const struct cn_service *service) {
    int64_t measured = service->calibration.dispatch_ns;
    return 2 * (measured > 0 ? (double)measured : DEFAULT_DISPATCH_NS);
}

static void choose(struct cn_map_place *place, const struct cn_service *service,
                   const struct cn_map_request *request) {
    size_t cpus = (size_t)service->cpus.usable;
    size_t parts = place->width < cpus ? place->width : cpus;
    double limit = crossing(service);
    char cost[CN_FIGURE], figure[CN_FIGURE];
    char *reason = place->reason;
    size_t size = sizeof place->reason;

    cn_figure_time(request->estimate_ns, cost);
    cn_figure_time(limit, figure);
    place->kind = CN_EXECUTOR_SERIAL;
    if (request->plan.function == CN_CALL_LONG_IO) {
        if (place->width < 2) {
            snprintf(reason, size, "auto: there is one worker to use, so nothing is shared");
        } else if (request->n_tasks > 1) {
            place->kind = CN_EXECUTOR_THREADS;
            snprintf(reason, size, "auto: %zu calls that sleep, %zu at a time", request->n_calls,
                     place->width);
        } else {
            snprintf(reason, size, "auto: %zu call%s in %zu task%s, with nothing to sleep beside",
                     request->n_calls, request->n_calls == 1 ? "" : "s", request->n_tasks,
                     request->n_tasks == 1 ? "" : "s");
        }
    } else if (parts < 2) {
        snprintf(reason, size,
                 "auto: about %s of work; there is one worker to use, so nothing is shared", cost);
    } else if (request->n_tasks < 2 || request->estimate_ns < limit) {
        snprintf(reason, size, "auto: about %s of work in %zu task%s, %s", cost, request->n_tasks,
                 request->n_tasks == 1 ? "" : "s",
                 request->n_tasks < 2 ? "which cannot be shared"
                                      : "not worth two crossings into the pool");
    } else {
        place->kind = CN_EXECUTOR_THREADS;
        snprintf(reason, size, "auto: about %s of work, over the %s of two crossings", cost,
                 figure);
    }
}

static size_t remote_width(const struct cn_service *service, const struct cn_cluster *cluster,
                           uint64_t workers) {
    return workers ? (size_t)workers
                   : cn_cluster_width(cluster, cn_service_limits(service)->max_workers);
}

/* Whether the calls go to the Dask cluster, if there is one; and why, or why not. */
static bool choose_elsewhere(const struct cn_map_place *place, const struct cn_service *service,
                             const struct cn_map_request *request, size_t width,
                             const struct cn_cluster *cluster, char words[CN_CLUSTER_WORDS]) {
    size_t cpus = (size_t)service->cpus.usable;
    size_t parts = place->width < cpus ? place->width : cpus;
    size_t n = request->n_tasks;
    struct cn_cluster_work work = {.ns = request->estimate_ns,
                                   .bytes = RESULT_BYTES * (double)request->n_calls,
                                   .tasks = (double)n,
                                   .width = width,
                                   .cpus = cpus,
                                   .asleep = request->plan.function == CN_CALL_LONG_IO};

    if (parts > n)
        parts = n;
    work.here_ns = parts > 0 ? work.ns / (double)parts : 0;
    if (n > 0)
        work.bytes += (double)(request->cuts[n - 1].end - request->cuts[0].start);
    struct cn_cluster_estimate estimate = cn_cluster_estimate(cluster, &work);
    cn_cluster_explain(cluster, &work, &estimate, words);
    return estimate.verdict == CN_CLUSTER_WINS;
}

/* `auto`, where there is a Dask cluster. */
static void choose_of_all(struct cn_map_place *place, const struct cn_service *service,
                          const struct cn_map_request *request, const struct cn_cluster *cluster,
                          uint64_t workers) {
    size_t width = remote_width(service, cluster, workers);
    char words[CN_CLUSTER_WORDS], cost[CN_FIGURE];

    if (choose_elsewhere(place, service, request, width, cluster, words)) {
        place->kind = CN_EXECUTOR_DASK;
        cn_figure_time(request->estimate_ns, cost);
        snprintf(place->reason, sizeof place->reason, "auto: about %s of work", cost);
    } else {
        choose(place, service, request);
    }
    size_t len = strlen(place->reason);
    snprintf(place->reason + len, sizeof place->reason - len, "; %s", words);
}

void cn_map_choose(struct cn_map_place *place, const struct cn_service *service,
                   const struct cn_map_request *request, enum cn_executor_kind asked,
                   uint64_t workers) {
    struct cn_cluster cluster;
    bool clustered = cn_cluster_read(service, &cluster);

    *place = (struct cn_map_place){
        .kind = asked, .width = workers ? (size_t)workers : (size_t)service->cpus.usable};
    if (asked != CN_EXECUTOR_AUTO)
        snprintf(place->reason, sizeof place->reason, "asked for");
    else if (clustered)
        choose_of_all(place, service, request, &cluster, workers);
    else
        choose(place, service, request);
    if (place->kind == CN_EXECUTOR_SERIAL)
        place->width = 1;
    else if (place->kind == CN_EXECUTOR_DASK)
        place->width = remote_width(service, &cluster, workers);
}
