/*
 * place.h: inside of place.c (where a job runs) and place_pieces.c (in what pieces).
 */
#ifndef CN_HANDLERS_PLACE_H
#define CN_HANDLERS_PLACE_H

#include "handlers/compute.h"

/* Workers of this machine that may take part. */
size_t cn_place_width(const struct cn_compute *compute);

/* What a row is in bytes on its way to a worker on another machine, and back. */
struct cn_row_bytes {
    double there;
    double back;
};
struct cn_row_bytes cn_place_row_bytes(const struct cn_job *job, uint64_t rows, uint64_t bytes);

/* Tasks that may be under way to the Dask cluster at once, and into how many the job would be cut
 * for it; job->row_ns and row_bytes are known. `row_bytes`: of a row on its way there. */
size_t cn_place_remote_width(const struct cn_compute *compute, const struct cn_cluster *cluster);
double cn_place_remote_tasks(const struct cn_compute *compute, uint64_t rows, double row_bytes,
                             size_t width);

/* The job's place is known: CSV text that is still to come is cut as fits that. */
void cn_place_bound_cut(struct cn_compute *compute, uint64_t rows, uint64_t bytes);

#endif
