#include "handlers/load.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

/* Durations of [2^k, 2^(k+1)) ns lie in BUCKETS_PER_OCTAVE buckets of equal width, so whatever is
 * in one of them differs from its middle by less than 1/64. */
enum {
    OCTAVE_BITS = 5,
    BUCKETS_PER_OCTAVE = 1 << OCTAVE_BITS,
    FIRST_OCTAVE = 10, /* all that is shorter than 1,024 ns is in the first bucket */
    LAST_OCTAVE = 41,  /* all that is longer than 73 minutes is in the last one */
    BUCKETS = (LAST_OCTAVE - FIRST_OCTAVE + 1) * BUCKETS_PER_OCTAVE
};

struct second {
    int64_t second; /* -1: none yet */
    uint64_t requests;
    uint64_t failed;
    int64_t max_ns;
    uint32_t buckets[BUCKETS];
};

struct cn_load {
    pthread_mutex_t lock;
    int64_t phase_ns; /* added to the clock, seconds begin with those of the wall clock */
    struct second seconds[CN_LOAD_SECONDS]; /* second s at s % CN_LOAD_SECONDS */
};

struct cn_load *cn_load_new(void) {
    struct cn_load *load = calloc(1, sizeof *load);
    if (!load)
        return NULL;
    pthread_mutex_init(&load->lock, NULL);
    int64_t ahead_ns = (cn_clock_wall() - cn_clock_now()) % CN_NS_PER_SECOND;
    load->phase_ns = ahead_ns < 0 ? ahead_ns + CN_NS_PER_SECOND : ahead_ns;
    for (size_t i = 0; i < CN_LOAD_SECONDS; i++)
        load->seconds[i].second = -1;
    return load;
}

void cn_load_free(struct cn_load *load) {
    if (!load)
        return;
    pthread_mutex_destroy(&load->lock);
    free(load);
}

/* ---- counting ------------------------------------------------------------------------------ */

static size_t bucket_of(int64_t ns) {
    if (ns < INT64_C(1) << FIRST_OCTAVE)
        return 0;
    int octave = 63 - __builtin_clzll((unsigned long long)ns);
    if (octave > LAST_OCTAVE)
        return BUCKETS - 1;
    size_t part = (size_t)(ns >> (octave - OCTAVE_BITS)) & (BUCKETS_PER_OCTAVE - 1);
    return (size_t)(octave - FIRST_OCTAVE) * BUCKETS_PER_OCTAVE + part;
}

/* The middle of a bucket. */
static int64_t duration_of(size_t bucket) {
    int octave = FIRST_OCTAVE + (int)(bucket / BUCKETS_PER_OCTAVE);
    int64_t part = (int64_t)(bucket % BUCKETS_PER_OCTAVE);
    int64_t width = INT64_C(1) << (octave - OCTAVE_BITS);
    return (BUCKETS_PER_OCTAVE + part) * width + width / 2;
}

int64_t cn_load_second(const struct cn_load *load, int64_t now_ns) {
    return (now_ns + load->phase_ns) / CN_NS_PER_SECOND;
}

void cn_load_count(struct cn_load *load, int64_t now_ns, int64_t duration_ns, int status) {
    if (!load)
        return;
    if (duration_ns < 0)
        duration_ns = 0;
    int64_t at = cn_load_second(load, now_ns);
    size_t bucket = bucket_of(duration_ns);
    bool failed = status >= 400;
    struct second *second = &load->seconds[at % CN_LOAD_SECONDS];
    pthread_mutex_lock(&load->lock);
    if (second->second < at) {
        memset(second, 0, sizeof *second);
        second->second = at;
    }
    if (second->second == at) { /* else it is told later than the ring reaches back */
        second->requests++;
        second->failed += failed;
        if (second->max_ns < duration_ns)
            second->max_ns = duration_ns;
        second->buckets[bucket]++;
    }
    pthread_mutex_unlock(&load->lock);
}

/* ---- looking ------------------------------------------------------------------------------- */

/* The duration that `percent` of the requests do not exceed. */
static int64_t percentile(const struct second *second, uint64_t percent) {
    uint64_t rank = (second->requests * percent + 99) / 100;
    uint64_t seen = 0;
    size_t bucket = 0;
    while (bucket < BUCKETS && (seen += second->buckets[bucket]) < rank)
        bucket++;
    int64_t ns = duration_of(bucket < BUCKETS ? bucket : BUCKETS - 1);
    return ns < second->max_ns ? ns : second->max_ns;
}

bool cn_load_look(struct cn_load *load, int64_t at, struct cn_load_point *point) {
    *point = (struct cn_load_point){.second = at};
    if (at < 0)
        return false;
    struct second copy; /* 4 KiB, so that nobody waits while percentiles are looked for */
    pthread_mutex_lock(&load->lock);
    const struct second *second = &load->seconds[at % CN_LOAD_SECONDS];
    bool found = second->second == at;
    if (found)
        copy = *second;
    pthread_mutex_unlock(&load->lock);
    if (!found)
        return false;
    point->requests = copy.requests;
    point->failed = copy.failed;
    point->p50_ns = percentile(&copy, 50);
    point->p90_ns = percentile(&copy, 90);
    point->p99_ns = percentile(&copy, 99);
    point->max_ns = copy.max_ns;
    return true;
}

/* Seconds began with those of the wall clock at the start; it may have been set since, and then
 * they begin near to its own. */
static int64_t wall_of(const struct cn_load *load, int64_t second) {
    int64_t ns = second * CN_NS_PER_SECOND - load->phase_ns + (cn_clock_wall() - cn_clock_now());
    return (ns + CN_NS_PER_SECOND / 2) / CN_NS_PER_SECOND * CN_NS_PER_SECOND;
}

void cn_load_point_write(struct cn_json_out *out, const struct cn_load *load,
                         const struct cn_load_point *point) {
    char at[32];
    cn_clock_format(wall_of(load, point->second), at);
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "at", at);
    cn_json_out_int(out, "requests", (int64_t)point->requests);
    cn_json_out_int(out, "failed", (int64_t)point->failed);
    cn_json_out_int(out, "p50_ns", point->p50_ns);
    cn_json_out_int(out, "p90_ns", point->p90_ns);
    cn_json_out_int(out, "p99_ns", point->p99_ns);
    cn_json_out_int(out, "max_ns", point->max_ns);
    cn_json_out_close(out, '}');
}
