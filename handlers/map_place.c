/*
 * map_place.c: where calls run: sleeping ones beside each other, computing ones on other workers
 * when that is worth a crossing into the pool and back.
 */
#include "handlers/map.h"

#include "handlers/service.h"
#include "handlers/verdict_say.h"

#define DEFAULT_DISPATCH_NS 20000.0

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

void cn_map_choose(struct cn_map_place *place, const struct cn_service *service,
                   const struct cn_map_request *request, enum cn_executor_kind asked,
                   uint64_t workers) {
    *place = (struct cn_map_place){
        .kind = asked, .width = workers ? (size_t)workers : (size_t)service->cpus.usable};
    if (asked == CN_EXECUTOR_AUTO)
        choose(place, service, request);
    else
        snprintf(place->reason, sizeof place->reason, "asked for");
    if (place->kind == CN_EXECUTOR_SERIAL)
        place->width = 1;
}
