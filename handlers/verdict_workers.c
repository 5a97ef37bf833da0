/*
 * verdict_workers.c: what more workers do: under one interpreter lock, while they sleep, and by
 * Amdahl's law.
 */
#include <inttypes.h>

#include "handlers/amdahl.h"
#include "handlers/verdict_say.h"

/* Calls that are on a CPU for less than this share of their time sleep. */
#define SLEEPS_BELOW 0.1
/* Workers that wait for the lock for more than this share of the time take turns. */
#define WAITS_ABOVE 0.3

/* ---- the interpreter lock --------------------------------------------------------------- */

/* The gil case with most workers, above 1, among those that are alike to the case at `first`;
 * *next: the first case that is not alike. */
static const struct cn_case *widest_gil(const struct cn_verdict_facts *facts, size_t first,
                                        size_t *next) {
    const struct cn_case *widest = NULL;
    size_t i = first;
    for (; i < facts->n && cn_case_alike(&facts->cases[i], &facts->cases[first]); i++) {
        const struct cn_case *a = &facts->cases[i];
        if (a->executor == CN_EXECUTOR_GIL && a->workers > 1 &&
            (!widest || a->workers > widest->workers))
            widest = a;
    }
    *next = i;
    return widest;
}

/* The work in turn: serial, or else one worker under the lock. */
static const struct cn_case *in_turn(const struct cn_verdict_facts *facts,
                                     const struct cn_case *a) {
    const struct cn_case *serial = cn_case_serial(facts->cases, facts->n, a);
    for (const struct cn_case *at = a; !serial && at >= facts->cases && cn_case_alike(at, a); at--)
        if (at->executor == CN_EXECUTOR_GIL && at->workers == 1)
            serial = at;
    return serial;
}

/* What the lock did to a case. */
enum lock { LOCK_NOTHING, LOCK_HELD, LOCK_GIVEN_UP, LOCK_COUNT };

/* Of work that holds the lock all the time, all workers but one wait; the times themselves say less
 * where a CPU is shared with other programs. That nobody waited does not mean that they overlapped:
 * there may have been nothing to do for more than one. */
static enum lock lock_of(const struct cn_case *a, double ratio) {
    uint64_t tasks = cn_case_tasks(a);
    double busy = (double)(tasks < a->workers ? tasks : a->workers);
    double elapsed = a->stats.mean_ns * (double)a->n_samples;

    if (busy < 2)
        return LOCK_NOTHING;
    if ((double)a->lock_ns > WAITS_ABOVE * elapsed * (busy - 1))
        return LOCK_HELD;
    return ratio < (1 + 1 / busy) / 2 ? LOCK_GIVEN_UP : LOCK_NOTHING;
}

/* `seen`: what it did to any of the cases. */
static void say_lock(struct cn_verdict *verdict, const bool seen[LOCK_COUNT]) {
    bool held = seen[LOCK_HELD], given_up = seen[LOCK_GIVEN_UP];

    if (held && given_up)
        cn_say(verdict, ". Where the lock is held, workers take turns; where it is given up "
                        "(asleep, or in vector arithmetic), they overlap.");
    else if (held && seen[LOCK_NOTHING])
        cn_say(verdict, ". Where the lock is held, workers take turns.");
    else if (held)
        cn_say(verdict, ". Its holder computes and the others wait, so more workers do not help.");
    else if (given_up && seen[LOCK_NOTHING])
        cn_say(verdict, ". Where the lock is given up (asleep, or in vector arithmetic), workers "
                        "overlap.");
    else if (given_up)
        cn_say(verdict, ". This work gives the lock up (asleep, or in vector arithmetic), so its "
                        "workers overlap.");
    else
        cn_say(verdict, ".");
}

void cn_verdict_gil(struct cn_verdict *verdict) {
    const struct cn_verdict_facts *facts = verdict->facts;
    uint64_t rows = cn_cases_most_rows(facts->cases, facts->n), setting = 0;
    bool any = false, seen[LOCK_COUNT] = {false};

    for (size_t i = 0; i < facts->n;) {
        const struct cn_case *gil = widest_gil(facts, i, &i);
        const struct cn_case *turn = gil && gil->rows == rows ? in_turn(facts, gil) : NULL;
        if (!turn || (any && gil->chunk_setting != setting))
            continue;
        double ratio = cn_case_time(gil) / cn_case_time(turn);
        if (!any)
            cn_say(verdict,
                   "Under one interpreter lock (gil, an emulation) %" PRIu64
                   " workers take, of the time %s, ",
                   gil->workers,
                   turn->executor == CN_EXECUTOR_SERIAL ? "in turn (serial)" : "of one worker");
        else
            cn_say(verdict, ", ");
        cn_say_factor(verdict, ratio);
        if (gil->has_mode)
            cn_say(verdict, " in mode %s", cn_mode_name(gil->mode));
        if (cn_cases_equal(gil, turn) && ratio != 1)
            cn_say(verdict, " (within the spread)");
        setting = gil->chunk_setting;
        any = true;
        seen[lock_of(gil, ratio)] = true;
    }
    if (any) {
        say_lock(verdict, seen);
        cn_say_end(verdict);
    }
}

/* ---- functions that sleep --------------------------------------------------------------- */

/* The share of the time of all cases that was spent on a CPU; of many workers it may be above 1. */
static double cpu_share(const struct cn_verdict_facts *facts) {
    double cpu = 0, elapsed = 0;
    for (size_t i = 0; i < facts->n; i++) {
        const struct cn_case *a = &facts->cases[i];
        cpu += (double)a->cpu_ns;
        elapsed += a->stats.mean_ns * (double)a->n_samples;
    }
    return elapsed > 0 ? cpu / elapsed : 1;
}

void cn_verdict_overlap(struct cn_verdict *verdict) {
    const struct cn_verdict_facts *facts = verdict->facts;
    size_t n_said = 0;

    if (facts->cases[0].has_mode || cpu_share(facts) >= SLEEPS_BELOW)
        return;
    for (size_t i = 0; i < facts->n; i++) {
        const struct cn_case *a = &facts->cases[i];
        /* the last of its executor: workers are listed innermost */
        if (a->workers < 2 || a->speedup <= 0 ||
            (i + 1 < facts->n && facts->cases[i + 1].executor == a->executor))
            continue;
        cn_say(verdict, n_said++ == 0
                            ? "The calls sleep more than they compute, so workers overlap "
                              "whatever the CPUs are: "
                            : ", ");
        cn_say_case(verdict, a);
        cn_say(verdict, " is ");
        cn_say_factor(verdict, a->speedup);
        cn_say(verdict, n_said == 1 ? " as fast as in turn" : "");
    }
    if (n_said > 0) {
        cn_say(verdict, ".");
        cn_say_end(verdict);
    }
}

/* ---- Amdahl ----------------------------------------------------------------------------- */

void cn_verdict_amdahl(struct cn_verdict *verdict, const struct cn_case *chosen) {
    const struct cn_verdict_facts *facts = verdict->facts;
    struct cn_amdahl fit;
    char figure[CN_FIGURE];

    if (!chosen || chosen->executor == CN_EXECUTOR_SERIAL)
        return;
    size_t first = (size_t)(chosen - facts->cases);
    while (first > 0 && facts->cases[first - 1].executor == chosen->executor &&
           cn_case_alike(&facts->cases[first - 1], chosen))
        first--;
    cn_amdahl_fit_cases(facts->cases, facts->n, first, facts->usable, &fit);
    if (!fit.known)
        return;
    cn_figure(fit.serial_fraction, figure);
    cn_say(verdict, "By Amdahl's law %s%s%s has a serial fraction of %s",
           cn_executor_kind_name(chosen->executor), chosen->has_mode ? " in mode " : "",
           chosen->has_mode ? cn_mode_name(chosen->mode) : "", figure);
    if (fit.serial_fraction > 0) {
        cn_say(verdict, ": no number of workers would make it more than ");
        cn_say_factor(verdict, 1 / fit.serial_fraction);
        cn_say(verdict, " as fast as one");
    }
    cn_say(verdict, ".");
    cn_say_end(verdict);
}
