#include "handlers/cluster_choice.h"

#include <stdio.h>

#include "handlers/verdict_say.h"

#define MIB (1024.0 * 1024.0)
/* Work that takes less here is left here: an estimate may be wrong by as much as could be won. With
 * still less it is not worth telling what the way would cost. */
#define LEAST_NS 1e8
#define TOLD_NS 1e7
/* So many times as fast it must be: a cluster's times vary more than those of this machine. */
#define CLEARLY 1.25

static double least_of(double a, double b) {
    return a < b ? a : b;
}

static void reckon(const struct cn_cluster *cluster, const struct cn_cluster_work *work,
                   struct cn_cluster_estimate *estimate) {
    const struct cn_cluster_costs *costs = &cluster->costs;
    double threads = (double)cluster->threads;
    double busy = least_of(least_of(threads, (double)work->width), work->tasks);

    /* a MiB there and back is two that are carried */
    estimate->ship_ns = work->bytes / 2 / MIB * (double)costs->ship_ns_per_mib +
                        work->tasks * (double)costs->task_ns;
    estimate->compute_ns = work->ns / (double)work->cpus / costs->speed * threads / busy;
    estimate->there_ns =
        (double)costs->latency_ns +
        (estimate->ship_ns > estimate->compute_ns ? estimate->ship_ns : estimate->compute_ns);
}

struct cn_cluster_estimate cn_cluster_estimate(const struct cn_cluster *cluster,
                                               const struct cn_cluster_work *work) {
    struct cn_cluster_estimate estimate = {.verdict = CN_CLUSTER_SLOWER};

    if (work->keyed)
        estimate.verdict = CN_CLUSTER_KEYED;
    else if (work->asleep)
        estimate.verdict = CN_CLUSTER_ASLEEP;
    else if (!cluster->connected)
        estimate.verdict = CN_CLUSTER_AWAY;
    else if (cluster->threads == 0)
        estimate.verdict = CN_CLUSTER_EMPTY;
    else if (work->unbounded)
        estimate.verdict = CN_CLUSTER_UNBOUNDED;
    else if (work->here_ns < TOLD_NS || work->tasks < 1)
        estimate.verdict = CN_CLUSTER_SMALL;
    else if (!cluster->measured || cluster->costs.speed <= 0)
        estimate.verdict = CN_CLUSTER_UNMEASURED;
    if (estimate.verdict != CN_CLUSTER_SLOWER)
        return estimate;
    reckon(cluster, work, &estimate);
    if (estimate.there_ns * CLEARLY <= work->here_ns)
        estimate.verdict = work->here_ns < LEAST_NS ? CN_CLUSTER_SMALL : CN_CLUSTER_WINS;
    return estimate;
}

/* ---- in words -------------------------------------------------------------------------------- */

/* "the 2 Dask workers" */
static void name_workers(const struct cn_cluster *cluster, char out[64]) {
    if (cluster->workers == 1)
        snprintf(out, 64, "the Dask worker");
    else
        snprintf(out, 64, "the %zu Dask workers", cluster->workers);
}

static void name_bytes(double bytes, char out[CN_FIGURE]) {
    char figure[CN_FIGURE];

    const char *unit = bytes < 1024 ? "bytes" : bytes < MIB ? "KiB" : "MiB";

    cn_figure(bytes < 1024 ? bytes : bytes < MIB ? bytes / 1024 : bytes / MIB, figure);
    snprintf(out, CN_FIGURE, "%.24s %s", figure, unit);
}

static void explain_times(const struct cn_cluster *cluster, const struct cn_cluster_work *work,
                          const struct cn_cluster_estimate *estimate, char out[CN_CLUSTER_WORDS]) {
    char workers[64], bytes[CN_FIGURE], ship[CN_FIGURE], there[CN_FIGURE], here[CN_FIGURE];
    bool wins = estimate->verdict == CN_CLUSTER_WINS;

    name_workers(cluster, workers);
    name_bytes(work->bytes, bytes);
    cn_figure_time(estimate->ship_ns, ship);
    cn_figure_time(estimate->there_ns, there);
    cn_figure_time(work->here_ns, here);
    if (!wins && estimate->ship_ns >= estimate->compute_ns)
        snprintf(out, CN_CLUSTER_WORDS, "shipping %s to %s would take %s, computing here takes %s",
                 bytes, workers, ship, here);
    else
        snprintf(out, CN_CLUSTER_WORDS, "%s %s %s with %s shipped, computing here %s %s", workers,
                 !wins                   ? "would take"
                 : cluster->workers == 1 ? "takes about"
                                         : "take about",
                 there, bytes, wins ? "would take" : "takes", here);
}

void cn_cluster_explain(const struct cn_cluster *cluster, const struct cn_cluster_work *work,
                        const struct cn_cluster_estimate *estimate, char out[CN_CLUSTER_WORDS]) {
    static const char *const words[] = {
        [CN_CLUSTER_AWAY] = "the Dask cluster is not connected",
        [CN_CLUSTER_EMPTY] = "the Dask cluster has no worker that can be used",
        [CN_CLUSTER_UNMEASURED] = "what the Dask workers are worth is not measured yet",
        [CN_CLUSTER_KEYED] = "keys do not leave the server for Dask",
        [CN_CLUSTER_UNBOUNDED] = "how much there is to send to Dask is not known before its end",
        [CN_CLUSTER_ASLEEP] = "Dask has no more threads to sleep in than to compute",
        [CN_CLUSTER_SMALL] = "too little to send to Dask",
    };

    if (estimate->verdict == CN_CLUSTER_WINS || estimate->verdict == CN_CLUSTER_SLOWER)
        explain_times(cluster, work, estimate, out);
    else
        snprintf(out, CN_CLUSTER_WORDS, "%s", words[estimate->verdict]);
}
