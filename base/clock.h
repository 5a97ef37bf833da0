/*
 * clock.h: time in integer nanoseconds, and the two accounts that are kept of it.
 *
 * A ledger is the account of one request: at every moment exactly one stage is current, so the
 * stages cannot overlap and, with `unaccounted`, sum to the wall time exactly. Spans are the
 * account of one task on one worker.
 */
#ifndef CN_BASE_CLOCK_H
#define CN_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define CN_NS_PER_MS INT64_C(1000000)
#define CN_NS_PER_SECOND INT64_C(1000000000)

int64_t cn_clock_now(void);        /* CLOCK_MONOTONIC */
int64_t cn_clock_wall(void);       /* CLOCK_REALTIME, since 1970 */
int64_t cn_clock_thread_cpu(void); /* CPU time of the calling thread */

/* Of a time of either clock, or a span of time; not negative. */
struct timespec cn_clock_timespec(int64_t ns);

/* "2026-11-22T18:00:00.123456Z" and a NUL; `out` has 32 bytes. */
void cn_clock_format(int64_t wall_ns, char out[32]);

enum cn_span {
    CN_SPAN_PARSE,
    CN_SPAN_EVALUATE,
    CN_SPAN_HASH,
    CN_SPAN_ENCODE,
    CN_SPAN_SHIP,     /* to a worker; of a process on this machine, there and back */
    CN_SPAN_SCHEDULE, /* waiting in another system's scheduler */
    CN_SPAN_FETCH,    /* back from another machine */
    CN_SPAN_LOCK,
    CN_SPAN_WAIT,
    CN_SPAN_COUNT
};

struct cn_spans {
    int64_t ns[CN_SPAN_COUNT];
};

const char *cn_span_name(enum cn_span span); /* "parse" */

enum cn_stage {
    CN_STAGE_RECEIVE,
    CN_STAGE_DECODE,
    CN_STAGE_PLAN,
    CN_STAGE_QUEUE,
    CN_STAGE_SHIP, /* this and the next: nobody computed, but work was on its way to other machines
                    */
    CN_STAGE_SCHEDULE,
    CN_STAGE_EXECUTE,
    CN_STAGE_FETCH, /* nobody computed any more; results were on their way back */
    CN_STAGE_GATHER,
    CN_STAGE_ENCODE,
    CN_STAGE_UNACCOUNTED,
    CN_STAGE_COUNT
};

const char *cn_stage_name(enum cn_stage stage); /* "receive" */

struct cn_ledger {
    int64_t started_ns; /* of the clock */
    int64_t since_ns;   /* when the current stage began */
    int64_t ended_ns;   /* 0 while it runs */
    enum cn_stage current;
    int64_t ns[CN_STAGE_COUNT];
};

/* Starts at `now` in CN_STAGE_UNACCOUNTED. */
void cn_ledger_start(struct cn_ledger *ledger, int64_t now);
/* Gives the time since the last call to the stage that was current, and makes `stage` current. */
void cn_ledger_enter(struct cn_ledger *ledger, enum cn_stage stage, int64_t now);
/* The same, and the account is closed: wall time is ended_ns - started_ns. */
void cn_ledger_end(struct cn_ledger *ledger, int64_t now);

#endif
