/*
 * dask_pace.h: when the Dask cluster is measured (dask_calibrate.h): soon after other workers can
 * be used, and now and then while they stay the same; but not all the time, because a measurement
 * takes all CPUs here and there for a moment.
 *
 * A cluster that is adapted to its load changes again and again. Each measurement of other workers
 * makes the pause before the next one longer, up to some minutes; workers that stayed the same for
 * so long make it short again. Workers that stayed for a quarter of the pause are not made to wait
 * for its end: what a cluster settled at is known soon.
 *
 * Plain data, and told what time it is.
 */
#ifndef CN_SERVER_DASK_PACE_H
#define CN_SERVER_DASK_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing was seen or measured yet. Times are in nanoseconds of one clock. */
struct cn_dask_pace {
    uint64_t generation; /* that was seen last */
    int64_t since_ns;    /* when it came */
    int64_t next_ns;     /* other workers are not measured before, whatever they do */
    int64_t other_ns;    /* nor before this, if they do not stay the same */
    int64_t other_pause_ns;
    int64_t again_ns; /* the same ones are not measured before */
    int64_t again_pause_ns;
};

/* At each look: which workers there are now. */
void cn_dask_pace_see(struct cn_dask_pace *pace, uint64_t generation, int64_t now_ns);

/* Whether those seen last are to be measured now; `known`: they were. */
bool cn_dask_pace_due(const struct cn_dask_pace *pace, bool known, int64_t now_ns);

/* A measurement has ended. `known`, as cn_dask_pace_due() was told; `done`: it did not fail;
 * `company`: there was other work beside it, so what it says is only about right. */
void cn_dask_pace_measured(struct cn_dask_pace *pace, bool known, bool done, bool company,
                           int64_t now_ns);

#endif
