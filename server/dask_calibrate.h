/*
 * dask_calibrate.h: what the Dask cluster costs and is worth, measured while the service runs: a
 * cluster comes and goes, and so do its workers.
 *
 * A thread of its own looks twice a second. When other workers can be used than those that were
 * measured, or after some minutes (sooner if there was other work beside it), it sends a few small
 * tasks there, well below a second of the cluster's time, and lets the threads of this machine do
 * the same work as theirs. Where workers come and go all the time it does so less and less often
 * (dask_pace.h).
 */
#ifndef CN_SERVER_DASK_CALIBRATE_H
#define CN_SERVER_DASK_CALIBRATE_H

#include "handlers/service.h"

struct cn_dask_calibrator;

/* The cluster as it is now. */
struct cn_dask_look {
    bool connected;
    uint64_t generation; /* grows whenever usable workers come or go */
    size_t workers;
    size_t threads;
};
/* Asks the executor; never waits. */
void cn_dask_look(struct cn_executor *executor, struct cn_dask_look *look);

/* Starts the thread, and becomes the service's probe of the cluster. There must be an executor
 * `dask`; `look` is cn_dask_look, where that is a real one. */
enum cn_code
cn_dask_calibrator_start(struct cn_dask_calibrator **calibrator, struct cn_service *service,
                         void (*look)(struct cn_executor *executor, struct cn_dask_look *look),
                         struct cn_error *error);
/* Cancels what is under way and joins the thread; while the executors are still there. NULL is
 * none. */
void cn_dask_calibrator_stop(struct cn_dask_calibrator *calibrator);

#endif
