/*
 * samples.h: repeated measurements of one thing, summed up as IPython's %timeit does.
 */
#ifndef CN_HANDLERS_SAMPLES_H
#define CN_HANDLERS_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct cn_json_out;

struct cn_sample_stats {
    double mean_ns;
    double stddev_ns; /* of the population: the root of the mean squared distance from the mean */
    int64_t min_ns;
    int64_t max_ns;
    double median_ns; /* of an even number: the mean of the middle two */
};

/* `n` is at least 1; the samples stay as they are. */
void cn_samples_sum_up(const int64_t *samples, size_t n, struct cn_sample_stats *stats);

/* {"runs": 7, "mean_ns": ..., "stddev_ns": ..., "min_ns": ..., "median_ns": ..., "samples_ns":
 * [...]}, all whole nanoseconds. */
void cn_samples_write(struct cn_json_out *out, const char *key, const int64_t *samples, size_t n);

#endif
