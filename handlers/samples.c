#include "handlers/samples.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/json_out.h"

static int compare(const void *a, const void *b) {
    int64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* The median needs an order. There are at most some thousand samples; without memory for a sorted
 * copy, the one that has as many below it as above is searched for. */
static double median(const int64_t *samples, size_t n) {
    int64_t *sorted = reallocarray(NULL, n, sizeof *sorted);
    double result = 0;
    if (!sorted) {
        size_t least = SIZE_MAX;
        for (size_t i = 0; i < n; i++) {
            size_t below = 0, above = 0;
            for (size_t k = 0; k < n; k++) {
                below += samples[k] < samples[i];
                above += samples[k] > samples[i];
            }
            size_t skew = below > above ? below - above : above - below;
            if (skew < least) {
                least = skew;
                result = (double)samples[i];
            }
        }
        return result;
    }
    memcpy(sorted, samples, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, compare);
    result = ((double)sorted[(n - 1) / 2] + (double)sorted[n / 2]) / 2;
    free(sorted);
    return result;
}

void cn_samples_sum_up(const int64_t *samples, size_t n, struct cn_sample_stats *stats) {
    double sum = 0, squares = 0;
    *stats = (struct cn_sample_stats){.min_ns = samples[0], .max_ns = samples[0]};
    for (size_t i = 0; i < n; i++) {
        sum += (double)samples[i];
        if (samples[i] < stats->min_ns)
            stats->min_ns = samples[i];
        if (samples[i] > stats->max_ns)
            stats->max_ns = samples[i];
    }
    stats->mean_ns = sum / (double)n;
    for (size_t i = 0; i < n; i++) {
        double distance = (double)samples[i] - stats->mean_ns;
        squares += distance * distance;
    }
    stats->stddev_ns = sqrt(squares / (double)n);
    stats->median_ns = median(samples, n);
}

void cn_samples_write(struct cn_json_out *out, const char *key, const int64_t *samples, size_t n) {
    struct cn_sample_stats stats;
    cn_samples_sum_up(samples, n, &stats);
    cn_json_out_open(out, key, '{');
    cn_json_out_int(out, "runs", (int64_t)n);
    cn_json_out_int(out, "mean_ns", llround(stats.mean_ns));
    cn_json_out_int(out, "stddev_ns", llround(stats.stddev_ns));
    cn_json_out_int(out, "min_ns", stats.min_ns);
    cn_json_out_int(out, "median_ns", llround(stats.median_ns));
    cn_json_out_open(out, "samples_ns", '[');
    for (size_t i = 0; i < n; i++)
        cn_json_out_int(out, NULL, samples[i]);
    cn_json_out_close(out, ']');
    cn_json_out_close(out, '}');
}
