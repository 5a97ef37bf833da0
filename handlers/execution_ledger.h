/*
 * execution_ledger.h: what a request's ledger says of the time behind `queue`, which is known only
 * when the work has ended.
 *
 * On this machine all from the first task's start to the last one's end is `execute`. Of work on
 * other machines that time is divided: moments when at least one worker computed are `execute`; of
 * the others, those when a task was on its way there are `ship`, then those when one waited to be
 * run `schedule`, then those when a result was on its way back `fetch`. Moments between two passes,
 * when no task was under way, stay in `execute`, as they do on this machine.
 */
#ifndef CN_HANDLERS_EXECUTION_LEDGER_H
#define CN_HANDLERS_EXECUTION_LEDGER_H

#include <stdbool.h>

#include "base/clock.h"

struct cn_task;

/* In the order in which they claim a moment. */
enum cn_remote_activity {
    CN_REMOTE_COMPUTE,
    CN_REMOTE_SHIP,
    CN_REMOTE_SCHEDULE,
    CN_REMOTE_FETCH,
    CN_REMOTE_ACTIVITY_COUNT
};

/* Intervals in order, with a gap between any two. There are at most CN_REMOTE_INTERVALS of them:
 * where more would be needed the smallest gaps are closed, so that what a job of any length takes
 * stays small. */
enum { CN_REMOTE_INTERVALS = 4096 };
struct cn_interval {
    int64_t from;
    int64_t to;
};
struct cn_intervals {
    struct cn_interval *list;
    size_t n;
    size_t cap;
    int64_t least_gap; /* shorter ones are closed */
};

/* When at least one task of a run was at each activity, whatever became of its chunk later. All
 * zero: never. Release frees. */
struct cn_remote_times {
    struct cn_intervals of[CN_REMOTE_ACTIVITY_COUNT];
};
void cn_remote_times_release(struct cn_remote_times *times);
/* Adds a task as it came back; one that nobody answered was on its way all the time. False: no
 * memory. */
bool cn_remote_times_add(struct cn_remote_times *times, const struct cn_task *task);
/* Divides [from, to): `ns` sums to to - from exactly. */
void cn_remote_times_divide(const struct cn_remote_times *times, int64_t from, int64_t to,
                            int64_t ns[CN_REMOTE_ACTIVITY_COUNT]);

/* Of a ledger in CN_STAGE_QUEUE: tasks ran from `begun_ns` (0: none did) to `ended_ns`; what
 * follows is CN_STAGE_GATHER. `remote` may be empty. Other ledgers stay as they are. */
void cn_ledger_execution(struct cn_ledger *ledger, int64_t begun_ns, int64_t ended_ns,
                         const struct cn_remote_times *remote);

#endif
