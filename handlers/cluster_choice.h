/*
 * cluster_choice.h: whether `auto` sends work to the Dask cluster, reckoned with what was measured
 * of it, and the words for that.
 */
#ifndef CN_HANDLERS_CLUSTER_CHOICE_H
#define CN_HANDLERS_CLUSTER_CHOICE_H

#include "handlers/cluster.h"

/* Work that could go there. */
struct cn_cluster_work {
    double ns;      /* on one thread of this machine, all of it */
    double here_ns; /* by the workers that would share it here */
    double bytes;   /* that go there, and those that come back */
    double tasks;
    size_t width; /* tasks under way at once, if it goes there */
    size_t cpus;  /* of this machine: what the cluster's speed is measured in */
    bool keyed;
    bool unbounded; /* how much it is will only be known at its end */
    bool asleep;    /* it sleeps, rather than computes */
};

enum cn_cluster_verdict {
    CN_CLUSTER_WINS,
    CN_CLUSTER_AWAY,       /* no scheduler */
    CN_CLUSTER_EMPTY,      /* no worker that could be used */
    CN_CLUSTER_UNMEASURED, /* what they are worth is not known yet */
    CN_CLUSTER_KEYED,
    CN_CLUSTER_UNBOUNDED,
    CN_CLUSTER_ASLEEP,
    CN_CLUSTER_SMALL, /* so little that it is not worth comparing */
    CN_CLUSTER_SLOWER /* or not faster by enough */
};

struct cn_cluster_estimate {
    enum cn_cluster_verdict verdict;
    double ship_ns;    /* all that goes there and comes back */
    double compute_ns; /* by the threads that would have something to do */
    double there_ns;   /* shipping and computing overlap: the longer of them, and one way */
};

struct cn_cluster_estimate cn_cluster_estimate(const struct cn_cluster *cluster,
                                               const struct cn_cluster_work *work);

#define CN_CLUSTER_WORDS 224

/* Why, or why not: "shipping 76 MiB to the 2 Dask workers would take 900 ms, computing here takes
 * 100 ms". */
void cn_cluster_explain(const struct cn_cluster *cluster, const struct cn_cluster_work *work,
                        const struct cn_cluster_estimate *estimate, char out[CN_CLUSTER_WORDS]);

#endif
