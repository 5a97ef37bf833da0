/*
 * verdict_factors.c: a ratio as a product, in words.
 */
#include <inttypes.h>
#include <stdio.h>

#include "handlers/verdict_say.h"

/* ---- what a change is called ------------------------------------------------------------ */

static void say_workers(struct cn_verdict *verdict, const struct cn_change *change) {
    cn_say(verdict, "%" PRIu64 " %sworker%s instead of %" PRIu64, change->after,
           change->after > 1 ? "parallel " : "", change->after > 1 ? "s" : "", change->before);
}

static void say_chunks(struct cn_verdict *verdict, const struct cn_change *change) {
    /* of calls: without a setting each is a task of its own */
    if (!verdict->facts->cases[0].has_mode)
        cn_say(verdict, "chunks of %" PRIu64 " call%s instead of %" PRIu64,
               change->after > 0 ? change->after : 1, change->after > 1 ? "s" : "",
               change->before > 0 ? change->before : 1);
    else if (change->after == 0)
        cn_say(verdict, "chunks as chosen instead of %" PRIu64 " rows each", change->before);
    else if (change->before == 0)
        cn_say(verdict, "chunks of %" PRIu64 " rows instead of as chosen", change->after);
    else
        cn_say(verdict, "chunks of %" PRIu64 " rows instead of %" PRIu64, change->after,
               change->before);
}

void cn_say_change(struct cn_verdict *verdict, const struct cn_change *change) {
    static const char *const nouns[][2] = {
        [CN_STEP_ROW_OBJECT] = {"not making a row object", "making a row object for each row"},
        [CN_STEP_VECTORISATION] = {"vectorisation (a block of rows at a time, not a call for each)",
                                   "a call for each row instead of a block of rows at a time"},
        [CN_STEP_SHIPPING] = {"shipping (inputs and results cross between processes)",
                              "not shipping (inputs and results stay in one process)"},
        [CN_STEP_SENDING] = {"shipping (inputs go to other machines, results come back)",
                             "not shipping (inputs and results stay on this machine)"},
        [CN_STEP_LOCK] = {"the interpreter lock (an emulation)",
                          "leaving the interpreter lock (an emulation)"},
        [CN_STEP_CROSSING] = {"one thread of the pool instead of serial's",
                              "serial's thread instead of one of the pool"},
    };
    if (change->step == CN_STEP_PARALLEL_WORKERS)
        say_workers(verdict, change);
    else if (change->step == CN_STEP_CHUNK_SIZE)
        say_chunks(verdict, change);
    else
        cn_say(verdict, "%s", nouns[change->step][change->back]);
}

/* Whether more workers were more of them at work. */
static bool starved(const struct cn_verdict *verdict, const struct cn_factor *factor) {
    const struct cn_case *cases = verdict->facts->cases;
    for (size_t i = 0; i < factor->n_changes; i++)
        if (factor->changes[i].step == CN_STEP_PARALLEL_WORKERS)
            return cn_case_starved(&cases[factor->from]) || cn_case_starved(&cases[factor->to]);
    return false;
}

static void say_one(struct cn_verdict *verdict, const struct cn_factor *factor) {
    cn_say_factor(verdict, factor->factor);
    cn_say(verdict, factor->factor < 1 ? " lost in " : " from ");
    for (size_t i = 0; i < factor->n_changes; i++) {
        if (i > 0)
            cn_say(verdict, " and ");
        cn_say_change(verdict, &factor->changes[i]);
    }
    if (factor->n_changes > 1)
        cn_say(verdict, " (not measured apart: %s)", factor->reason);
    if (starved(verdict, factor))
        cn_say(verdict, " (not all of them had something to do)");
    if (cn_cases_equal(&verdict->facts->cases[factor->from], &verdict->facts->cases[factor->to]))
        cn_say(verdict, " (within the spread)");
}

static void say_factors(struct cn_verdict *verdict, const struct cn_path *path) {
    for (size_t i = 0; i < path->n_factors; i++) {
        if (i > 0)
            cn_say(verdict, i + 1 < path->n_factors ? ", " : " and ");
        say_one(verdict, &path->factors[i]);
    }
}

/* ---- the sentences ---------------------------------------------------------------------- */

void cn_verdict_product(struct cn_verdict *verdict) {
    const struct cn_case *cases = verdict->facts->cases;
    const struct cn_path *path = verdict->facts->path;

    if (path->n_factors == 0)
        return;
    cn_say(verdict, "From the slowest case, ");
    cn_say_case_time(verdict, &cases[path->from]);
    cn_say(verdict, ", to the fastest, ");
    cn_say_case_time(verdict, &cases[path->to]);
    cn_say(verdict, ", it is ");
    cn_say_factor(verdict, path->ratio);
    cn_say(verdict, path->n_factors > 1 ? ", the product of " : ": ");
    say_factors(verdict, path);
    cn_say(verdict, ".");
    cn_say_end(verdict);
}

/* The product of what a single worker brings as well. False: some of it is in a factor that more
 * workers have a part in. */
static bool without_workers(const struct cn_path *path, double *product) {
    *product = 1;
    for (size_t i = 0; i < path->n_factors; i++) {
        bool workers = false;
        for (size_t k = 0; k < path->factors[i].n_changes; k++)
            workers = workers || path->factors[i].changes[k].step == CN_STEP_PARALLEL_WORKERS;
        if (workers && path->factors[i].n_changes > 1)
            return false;
        if (!workers)
            *product *= path->factors[i].factor;
    }
    return true;
}

void cn_verdict_row_path(struct cn_verdict *verdict) {
    const struct cn_path *path = verdict->facts->row_path;

    if (!path || path->n_factors == 0)
        return;
    const struct cn_case *to = &verdict->facts->cases[path->to];
    char ratio[CN_FIGURE];
    double product;
    cn_figure(path->ratio, ratio);
    cn_say(verdict, "Why a factor of %s and not %" PRIu64 " from ", ratio, to->workers);
    cn_say_case(verdict, &verdict->facts->cases[path->from]);
    cn_say(verdict, " to ");
    cn_say_case(verdict, to);
    cn_say(verdict, path->ratio > (double)to->workers
                        ? ": it is more than the number of workers because it is "
                        : ": it is not more than the number of workers, but ");
    cn_say(verdict, path->n_factors > 1 ? "the product of " : "");
    say_factors(verdict, path);
    if (without_workers(path, &product)) {
        cn_say(verdict, "; all that does not come from more workers is ");
        cn_say_factor(verdict, product);
    }
    cn_say(verdict, ".");
    cn_say_end(verdict);
}
