#include "server/dask_pace.h"

#define SECOND_NS INT64_C(1000000000)
#define PAUSE_NS (5 * SECOND_NS)      /* between two attempts, at least */
#define FAILED_NS (30 * SECOND_NS)    /* after one that failed, or first had company */
#define RESTLESS_NS (300 * SECOND_NS) /* the longest pause while workers come and go */
#define AGAIN_NS (600 * SECOND_NS)

enum { SETTLED = 4 }; /* the part of a pause in which workers that stay the same have settled */

static int64_t longer(int64_t pause_ns, int64_t most_ns) {
    return pause_ns < most_ns / 2 ? pause_ns * 2 : most_ns;
}

void cn_dask_pace_see(struct cn_dask_pace *pace, uint64_t generation, int64_t now_ns) {
    if (generation == pace->generation)
        return;
    if (now_ns - pace->since_ns >= RESTLESS_NS)
        pace->other_pause_ns = 0;
    pace->generation = generation;
    pace->since_ns = now_ns;
}

bool cn_dask_pace_due(const struct cn_dask_pace *pace, bool known, int64_t now_ns) {
    if (known)
        return now_ns >= pace->again_ns;
    return now_ns >= pace->next_ns &&
           (now_ns >= pace->other_ns || now_ns - pace->since_ns >= pace->other_pause_ns / SETTLED);
}

void cn_dask_pace_measured(struct cn_dask_pace *pace, bool known, bool done, bool company,
                           int64_t now_ns) {
    if (!known)
        pace->other_pause_ns =
            pace->other_pause_ns == 0 ? PAUSE_NS : longer(pace->other_pause_ns, RESTLESS_NS);
    int64_t settled_ns = pace->other_pause_ns / SETTLED;
    pace->next_ns = now_ns + (done ? PAUSE_NS : settled_ns > FAILED_NS ? settled_ns : FAILED_NS);
    pace->other_ns = now_ns + pace->other_pause_ns;
    /* A service that is always at work is not to measure all the time. */
    pace->again_pause_ns = known && company ? longer(pace->again_pause_ns, AGAIN_NS) : FAILED_NS;
    pace->again_ns = now_ns + (company ? pace->again_pause_ns : AGAIN_NS);
}
