#include "handlers/verdict.h"

#include <inttypes.h>

#include "handlers/verdict_say.h"

/* A caution names so many cases; more are only counted. */
enum { MOST_NAMED = 8 };
/* Below this number of samples a spread says little. */
enum { FEW_SAMPLES = 3 };
#define WIDE_SPREAD 0.2

/* "cases 3, 5 and 4 more" */
static void say_numbers(struct cn_verdict *verdict, const size_t *numbers, size_t n, size_t all) {
    cn_say(verdict, "case%s ", all == 1 ? "" : "s");
    for (size_t i = 0; i < n; i++)
        cn_say(verdict, "%s%zu", i == 0 ? "" : i + 1 < all ? ", " : " and ", numbers[i]);
    if (all > n)
        cn_say(verdict, " and %zu more", all - n);
}

static void say_identity(struct cn_verdict *verdict) {
    const struct cn_verdict_facts *facts = verdict->facts;
    size_t n = facts->n_differing < MOST_NAMED ? facts->n_differing : MOST_NAMED;

    if (facts->n_differing > 0) {
        cn_say(verdict, "The results are not identical: ");
        say_numbers(verdict, facts->differing, n, facts->n_differing);
        cn_say(verdict, " gave another result than the first case of the same rows, so the times "
                        "do not compare the same work.");
    } else if (facts->n == 1) {
        cn_say(verdict, "There was one case only, so there is nothing to compare it with.");
    } else {
        cn_say(verdict, "All %zu cases gave identical results.", facts->n);
    }
    cn_say_end(verdict);
}

/* Times of failing are times too, but perhaps not those that were asked for. */
static void say_failures(struct cn_verdict *verdict) {
    const struct cn_verdict_facts *facts = verdict->facts;
    const struct cn_case *most = &facts->cases[0];

    for (size_t i = 1; i < facts->n; i++)
        if (facts->cases[i].failed > most->failed)
            most = &facts->cases[i];
    if (most->failed == 0)
        return;
    cn_say(verdict, "Of the %" PRIu64 " calls %" PRIu64 " failed", most->rows, most->failed);
    cn_say(verdict, most->failed == most->rows
                        ? ", so nothing was computed: these are the times of failing."
                        : " each time, and took part in the times.");
    cn_say_end(verdict);
}

static bool is_empty(const struct cn_verdict_facts *facts) {
    for (size_t i = 0; i < facts->n; i++)
        if (facts->cases[i].rows > 0)
            return false;
    return true;
}

static void say_emptiness(struct cn_verdict *verdict) {
    cn_say(verdict, "There was nothing to measure: the work has no %s.",
           verdict->facts->cases[0].has_mode ? "rows" : "calls");
    cn_say_end(verdict);
}

/* ---- cautions --------------------------------------------------------------------------- */

static bool is_disturbed(const struct cn_case *a) {
    return a->disturbed;
}

static bool is_wide(const struct cn_case *a) {
    return a->stats.stddev_ns > WIDE_SPREAD * cn_case_time(a);
}

static bool has_few(const struct cn_case *a) {
    return a->n_samples < FEW_SAMPLES;
}

static void say_caution(struct cn_verdict *verdict, bool (*holds)(const struct cn_case *),
                        const char *text) {
    const struct cn_verdict_facts *facts = verdict->facts;
    size_t numbers[MOST_NAMED], n = 0, all = 0;

    for (size_t i = 0; i < facts->n; i++) {
        if (!holds(&facts->cases[i]))
            continue;
        if (n < MOST_NAMED)
            numbers[n++] = i;
        all++;
    }
    if (all == 0)
        return;
    cn_say(verdict, "Caution: ");
    if (all == facts->n && all > 1)
        cn_say(verdict, "all cases");
    else
        say_numbers(verdict, numbers, n, all);
    cn_say(verdict, " %s.", text);
    cn_say_end(verdict);
}

static void say_cautions(struct cn_verdict *verdict) {
    say_caution(verdict, is_disturbed, "ran beside other work of this service");
    say_caution(verdict, is_wide, "had a spread above 20 % of the median");
    say_caution(verdict, has_few,
                "had fewer than 3 samples, too few to tell a difference from noise");
    say_caution(verdict, cn_case_starved,
                verdict->facts->cases[0].has_mode
                    ? "had fewer chunks than workers, so some workers had nothing to do"
                    : "had fewer tasks than workers, so some workers had nothing to do");
}

static void say_origin(struct cn_verdict *verdict) {
    cn_say(verdict,
           "These are figures of this service, which is written in C, on %" PRIu64
           " usable CPU%s; bench/notebook.py has CPython's.",
           verdict->facts->usable, verdict->facts->usable == 1 ? "" : "s");
    cn_say_end(verdict);
}

/* The case to choose; NULL: none. */
static const struct cn_case *say_all(struct cn_verdict *verdict) {
    const struct cn_verdict_facts *facts = verdict->facts;

    if (facts->n_differing > 0) {
        say_identity(verdict);
        say_failures(verdict);
        say_cautions(verdict);
        return NULL; /* times of different work say nothing of each other */
    }
    say_failures(verdict);
    const struct cn_case *chosen = cn_verdict_choice(verdict);
    cn_verdict_rows(verdict);
    cn_verdict_product(verdict);
    cn_verdict_row_path(verdict);
    cn_verdict_gil(verdict);
    cn_verdict_overlap(verdict);
    cn_verdict_amdahl(verdict, chosen);
    cn_verdict_shipping(verdict);
    say_cautions(verdict);
    say_identity(verdict);
    return chosen;
}

size_t cn_verdict_write(struct cn_json_out *out, const char *key,
                        const struct cn_verdict_facts *facts) {
    struct cn_verdict verdict = {.facts = facts, .out = out, .line = CN_BUF_INIT};
    const struct cn_case *chosen = NULL;

    verdict.chunks = cn_cases_sweep_chunks(facts->cases, facts->n);
    cn_json_out_open(out, key, '[');
    if (is_empty(facts))
        say_emptiness(&verdict);
    else
        chosen = say_all(&verdict);
    say_origin(&verdict);
    cn_json_out_close(out, ']');
    cn_buf_release(&verdict.line);
    return chosen ? (size_t)(chosen - facts->cases) : SIZE_MAX;
}
