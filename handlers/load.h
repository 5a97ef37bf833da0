/*
 * load.h: how many requests were answered in each of the last seconds, and how long they took.
 *
 * A request is counted in the second in which it was over: when its reply had been sent, or, of a
 * job, when its work had ended. Each second has a histogram on a logarithmic scale (32 buckets an
 * octave, from 1 µs to over an hour), so that percentiles are right to 2 %; the largest duration is
 * kept exactly. The ring of seconds takes 1.2 MiB. Thread-safe; to count takes one short lock.
 *
 * Made by main before anything that counts, freed after all of that: the server and the jobs.
 */
#ifndef CN_HANDLERS_LOAD_H
#define CN_HANDLERS_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "handlers/json_out.h"

enum { CN_LOAD_SECONDS = 300 };

/* What can be said of one second; of one without requests only `second`. */
struct cn_load_point {
    int64_t second; /* whole seconds; cn_load_second() of the time of a request */
    uint64_t requests;
    uint64_t failed; /* status 400 and above */
    int64_t p50_ns;
    int64_t p90_ns;
    int64_t p99_ns;
    int64_t max_ns;
};

struct cn_load;
/* NULL: no memory. */
struct cn_load *cn_load_new(void);
void cn_load_free(struct cn_load *load); /* may be NULL */

/* One request that was over at `now_ns` of the clock. `load` may be NULL: then nothing is kept. */
void cn_load_count(struct cn_load *load, int64_t now_ns, int64_t duration_ns, int status);

/* The second that a time of the clock lies in. Seconds begin as those of the wall clock do. */
int64_t cn_load_second(const struct cn_load *load, int64_t now_ns);
/* False: there were no requests in that second, or it is not kept (any more). */
bool cn_load_look(struct cn_load *load, int64_t second, struct cn_load_point *point);

/* Writes one point as an element; `at` is the wall clock's time at the begin of its second. */
void cn_load_point_write(struct cn_json_out *out, const struct cn_load *load,
                         const struct cn_load_point *point);

#endif
