#include "handlers/execution_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "pool/executor.h"

/* ---- intervals ----------------------------------------------------------------------------- */

/* The first one that ends at `ns` or later. */
static size_t first_reaching(const struct cn_intervals *intervals, int64_t ns) {
    size_t low = 0, high = intervals->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (intervals->list[middle].to >= ns)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static bool reserve(struct cn_intervals *intervals) {
    if (intervals->n < intervals->cap)
        return true;
    size_t cap = intervals->cap ? intervals->cap * 2 : 16;
    struct cn_interval *list = reallocarray(intervals->list, cap, sizeof *list);
    if (!list)
        return false;
    intervals->list = list;
    intervals->cap = cap;
    return true;
}

static void close_gaps(struct cn_intervals *intervals) {
    size_t n = 0;

    for (size_t i = 1; i < intervals->n; i++) {
        struct cn_interval next = intervals->list[i];
        if (next.from - intervals->list[n].to < intervals->least_gap)
            intervals->list[n].to = next.to;
        else
            intervals->list[++n] = next;
    }
    intervals->n = n + 1;
}

/* Until half of the room is free. */
static void coarsen(struct cn_intervals *intervals) {
    close_gaps(intervals);
    while (intervals->n > CN_REMOTE_INTERVALS / 2) {
        intervals->least_gap = intervals->least_gap ? intervals->least_gap * 2 : 1000;
        close_gaps(intervals);
    }
}

static bool add(struct cn_intervals *intervals, int64_t from, int64_t to) {
    if (to <= from)
        return true;
    if (intervals->n == CN_REMOTE_INTERVALS)
        coarsen(intervals);
    size_t at = first_reaching(intervals, from);
    size_t end = at; /* of those that this one touches */
    while (end < intervals->n && intervals->list[end].from <= to)
        end++;
    if (at == end) {
        if (!reserve(intervals))
            return false;
        memmove(intervals->list + at + 1, intervals->list + at,
                (intervals->n - at) * sizeof *intervals->list);
        intervals->list[at] = (struct cn_interval){from, to};
        intervals->n++;
        return true;
    }
    struct cn_interval *first = &intervals->list[at];
    int64_t last_to = intervals->list[end - 1].to;
    first->from = from < first->from ? from : first->from;
    first->to = to > last_to ? to : last_to;
    memmove(first + 1, intervals->list + end, (intervals->n - end) * sizeof *intervals->list);
    intervals->n -= end - at - 1;
    return true;
}

/* ---- times of a run's tasks ---------------------------------------------------------------- */

void cn_remote_times_release(struct cn_remote_times *times) {
    for (int i = 0; i < CN_REMOTE_ACTIVITY_COUNT; i++)
        free(times->of[i].list);
    *times = (struct cn_remote_times){0};
}

bool cn_remote_times_add(struct cn_remote_times *times, const struct cn_task *task) {
    int64_t ship_end, schedule_end, compute_end;

    ship_end = task->started_ns + task->spans.ns[CN_SPAN_SHIP];
    schedule_end = ship_end + task->spans.ns[CN_SPAN_SCHEDULE];
    compute_end = task->finished_ns - task->spans.ns[CN_SPAN_FETCH];
    return add(&times->of[CN_REMOTE_SHIP], task->started_ns, ship_end) &&
           add(&times->of[CN_REMOTE_SCHEDULE], ship_end, schedule_end) &&
           add(&times->of[CN_REMOTE_COMPUTE], schedule_end, compute_end) &&
           add(&times->of[CN_REMOTE_FETCH], compute_end, task->finished_ns);
}

/* How far the sweep came in one list. */
struct sweep {
    const struct cn_interval *next; /* the first one that ends behind the sweep */
    const struct cn_interval *end;
};

/* Whether the activity goes on at `now`, and until when that stays so, if that is before *until. */
static bool look(struct sweep *sweep, int64_t now, int64_t *until) {
    while (sweep->next < sweep->end && sweep->next->to <= now)
        sweep->next++;
    if (sweep->next == sweep->end)
        return false;
    bool active = sweep->next->from <= now;
    int64_t change = active ? sweep->next->to : sweep->next->from;
    if (change < *until)
        *until = change;
    return active;
}

void cn_remote_times_divide(const struct cn_remote_times *times, int64_t from, int64_t to,
                            int64_t ns[CN_REMOTE_ACTIVITY_COUNT]) {
    struct sweep sweeps[CN_REMOTE_ACTIVITY_COUNT];

    for (int i = 0; i < CN_REMOTE_ACTIVITY_COUNT; i++) {
        const struct cn_intervals *intervals = &times->of[i];
        sweeps[i] = (struct sweep){intervals->list, intervals->list + intervals->n};
        ns[i] = 0;
    }
    for (int64_t now = from; now < to;) {
        int64_t until = to;
        int claims = CN_REMOTE_COMPUTE; /* also what nobody claims */
        for (int i = CN_REMOTE_ACTIVITY_COUNT; i-- > 0;)
            if (look(&sweeps[i], now, &until))
                claims = i;
        ns[claims] += until - now;
        now = until;
    }
}

/* ---- the ledger ---------------------------------------------------------------------------- */

static void divide_execution(struct cn_ledger *ledger, int64_t from, int64_t to,
                             const struct cn_remote_times *remote) {
    static const enum cn_stage stages[CN_REMOTE_ACTIVITY_COUNT] = {
        [CN_REMOTE_COMPUTE] = CN_STAGE_EXECUTE,
        [CN_REMOTE_SHIP] = CN_STAGE_SHIP,
        [CN_REMOTE_SCHEDULE] = CN_STAGE_SCHEDULE,
        [CN_REMOTE_FETCH] = CN_STAGE_FETCH,
    };
    int64_t ns[CN_REMOTE_ACTIVITY_COUNT];

    cn_remote_times_divide(remote, from, to, ns);
    ledger->ns[CN_STAGE_EXECUTE] -= to - from;
    for (int i = 0; i < CN_REMOTE_ACTIVITY_COUNT; i++)
        ledger->ns[stages[i]] += ns[i];
}

void cn_ledger_execution(struct cn_ledger *ledger, int64_t begun_ns, int64_t ended_ns,
                         const struct cn_remote_times *remote) {
    if (ledger->current != CN_STAGE_QUEUE)
        return;
    if (begun_ns == 0) {
        ledger->current = CN_STAGE_GATHER; /* nothing was queued: a body without rows */
        return;
    }
    int64_t start = begun_ns > ledger->since_ns ? begun_ns : ledger->since_ns;
    int64_t end = ended_ns > start ? ended_ns : start;
    cn_ledger_enter(ledger, CN_STAGE_EXECUTE, start);
    cn_ledger_enter(ledger, CN_STAGE_GATHER, end);
    divide_execution(ledger, start, end, remote);
}
