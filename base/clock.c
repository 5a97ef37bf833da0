#include "base/clock.h"

#include <stdio.h>

static int64_t read_clock(clockid_t id) {
    struct timespec time = {0};
    clock_gettime(id, &time);
    return (int64_t)time.tv_sec * CN_NS_PER_SECOND + time.tv_nsec;
}

int64_t cn_clock_now(void) {
    return read_clock(CLOCK_MONOTONIC);
}

int64_t cn_clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t cn_clock_thread_cpu(void) {
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

struct timespec cn_clock_timespec(int64_t ns) {
    return (struct timespec){.tv_sec = (time_t)(ns / CN_NS_PER_SECOND),
                             .tv_nsec = (long)(ns % CN_NS_PER_SECOND)};
}

void cn_clock_format(int64_t wall_ns, char out[32]) {
    int64_t seconds_down = wall_ns / CN_NS_PER_SECOND - (wall_ns % CN_NS_PER_SECOND < 0);
    int64_t nanoseconds = (wall_ns % CN_NS_PER_SECOND + CN_NS_PER_SECOND) % CN_NS_PER_SECOND;
    time_t seconds = (time_t)seconds_down;
    struct tm tm = {0};
    gmtime_r(&seconds, &tm);
    char date[24];
    size_t len = strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out, 32, "%.*s.%06dZ", (int)len, date, (int)(nanoseconds / 1000));
}

const char *cn_span_name(enum cn_span span) {
    static const char *const names[CN_SPAN_COUNT] = {
        [CN_SPAN_PARSE] = "parse", [CN_SPAN_EVALUATE] = "evaluate",
        [CN_SPAN_HASH] = "hash",   [CN_SPAN_ENCODE] = "encode",
        [CN_SPAN_SHIP] = "ship",   [CN_SPAN_SCHEDULE] = "schedule",
        [CN_SPAN_FETCH] = "fetch", [CN_SPAN_LOCK] = "lock",
        [CN_SPAN_WAIT] = "wait",
    };
    return (unsigned)span < CN_SPAN_COUNT ? names[span] : "unknown";
}

const char *cn_stage_name(enum cn_stage stage) {
    static const char *const names[CN_STAGE_COUNT] = {
        [CN_STAGE_RECEIVE] = "receive",
        [CN_STAGE_DECODE] = "decode",
        [CN_STAGE_PLAN] = "plan",
        [CN_STAGE_QUEUE] = "queue",
        [CN_STAGE_SHIP] = "ship",
        [CN_STAGE_SCHEDULE] = "schedule",
        [CN_STAGE_EXECUTE] = "execute",
        [CN_STAGE_FETCH] = "fetch",
        [CN_STAGE_GATHER] = "gather",
        [CN_STAGE_ENCODE] = "encode",
        [CN_STAGE_UNACCOUNTED] = "unaccounted",
    };
    return (unsigned)stage < CN_STAGE_COUNT ? names[stage] : "unknown";
}

void cn_ledger_start(struct cn_ledger *ledger, int64_t now) {
    *ledger =
        (struct cn_ledger){.started_ns = now, .since_ns = now, .current = CN_STAGE_UNACCOUNTED};
}

void cn_ledger_enter(struct cn_ledger *ledger, enum cn_stage stage, int64_t now) {
    if (ledger->ended_ns != 0)
        return;
    /* Readings handed over between threads may be a little older than the last one: the stages
     * must still sum to the wall time, and none may become negative. */
    if (now > ledger->since_ns) {
        ledger->ns[ledger->current] += now - ledger->since_ns;
        ledger->since_ns = now;
    }
    ledger->current = stage;
}

void cn_ledger_end(struct cn_ledger *ledger, int64_t now) {
    if (ledger->ended_ns != 0)
        return;
    cn_ledger_enter(ledger, CN_STAGE_UNACCOUNTED, now);
    ledger->ended_ns = ledger->since_ns;
}
