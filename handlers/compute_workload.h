/*
 * compute_workload.h: the work of a compute request as the workload of an experiment: a frame in
 * memory, and the plans for each mode. Private to compute_workload.c and compute_trial.c.
 */
#ifndef CN_HANDLERS_COMPUTE_WORKLOAD_H
#define CN_HANDLERS_COMPUTE_WORKLOAD_H

#include "handlers/compute.h"
#include "handlers/workload.h"

struct cn_compute_workload {
    struct cn_workload workload; /* first */
    struct cn_compute compute;   /* the body as it was read; it never has a job */
    struct cn_frame frame;
    enum cn_type *types; /* of its columns */
    const char **texts;  /* of the lets */
    /* By mode, made when first asked for. Workers that have met a plan need not compile it again,
     * so that the runs of a case are alike. */
    struct cn_spec *specs[CN_MODE_COUNT];
    struct cn_plan *plans[CN_MODE_COUNT];
};

/* The spec and the plan for a mode are there. */
enum cn_code cn_compute_workload_prepare(struct cn_compute_workload *workload, enum cn_mode mode,
                                         struct cn_error *error);

/* One run (compute_trial.c). */
enum cn_code cn_compute_trial_run(struct cn_workload *workload, const struct cn_trial *trial,
                                  struct cn_trial_result *result, const char **expression,
                                  struct cn_error *error);

#endif
