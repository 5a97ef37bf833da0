/*
 * verdict_shipping.c: what carrying the work to another machine costs, and when that would pay.
 */
#include <math.h>

#include "handlers/verdict_say.h"

/* More than this is no figure to plan with. */
#define MOST_TIMES 1e6

static bool is_remote(const struct cn_case *a) {
    return a->executor == CN_EXECUTOR_DASK;
}

static bool is_here(const struct cn_case *a) {
    return a->executor == CN_EXECUTOR_SERIAL || a->executor == CN_EXECUTOR_THREADS ||
           a->executor == CN_EXECUTOR_PROCESSES;
}

/* The fastest such case of the most rows; `like`: among those that differ in executor and workers
 * alone (NULL: among all). */
static const struct cn_case *fastest(const struct cn_verdict_facts *facts,
                                     bool (*is)(const struct cn_case *),
                                     const struct cn_case *like) {
    uint64_t rows = cn_cases_most_rows(facts->cases, facts->n);
    const struct cn_case *best = NULL;

    for (size_t i = 0; i < facts->n; i++) {
        const struct cn_case *a = &facts->cases[i];
        if (is(a) && a->rows == rows && (!like || cn_case_alike(a, like)) &&
            (!best || cn_case_time(a) < cn_case_time(best)))
            best = a;
    }
    return best;
}

static const char *unit_of(const struct cn_case *a) {
    return a->has_mode ? "row" : "call";
}

/* ---- where its time goes --------------------------------------------------------------------- */

/* What of the time of a case its workers spent on what: shares of all that they were busy with. */
static double part_ns(const struct cn_case *a, int64_t ns) {
    double all =
        (double)a->ship_ns + (double)a->schedule_ns + (double)a->compute_ns + (double)a->fetch_ns;
    return all > 0 ? cn_case_time(a) * (double)ns / all : 0;
}

static bool is_booked(const struct cn_case *a) {
    return a->ship_ns + a->schedule_ns + a->fetch_ns > 0 && a->compute_ns > 0;
}

static void say_parts(struct cn_verdict *verdict, const struct cn_case *a) {
    const struct {
        int64_t ns;
        const char *what;
    } parts[] = {{a->ship_ns, " to shipping there, "},
                 {a->schedule_ns, " to waiting in Dask's scheduler, "},
                 {a->compute_ns, " to computing and "},
                 {a->fetch_ns, " to fetching the results."}};

    cn_say(verdict, "Of the ");
    cn_say_time(verdict, cn_case_time(a));
    cn_say(verdict, " of ");
    cn_say_case(verdict, a);
    cn_say(verdict, ", its workers gave ");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        cn_say_time(verdict, part_ns(a, parts[i].ns));
        cn_say(verdict, "%s", parts[i].what);
    }
    cn_say_end(verdict);
}

/* ---- when it would pay ----------------------------------------------------------------------- */

/* With what is carried as it is, how many times the computing would make both take as long. */
static void say_work(struct cn_verdict *verdict, const struct cn_case *there,
                     const struct cn_case *here) {
    double computing = part_ns(there, there->compute_ns);
    double carrying = cn_case_time(there) - computing;
    double gain = cn_case_time(here) - computing;

    if (cn_case_time(there) <= cn_case_time(here)) {
        cn_say(verdict, "The cluster pays: it loses ");
        cn_say_time(verdict, carrying);
        cn_say(verdict, " on the way, and gains more over ");
        cn_say_case_time(verdict, here);
    } else if (gain > 0 && carrying / gain <= MOST_TIMES) {
        cn_say(verdict, "The cluster would win from ");
        cn_say_factor(verdict, carrying / gain);
        cn_say(verdict, " the computing for each %s on, with as much to carry: it loses ",
               unit_of(there));
        cn_say_time(verdict, carrying);
        cn_say(verdict, " on the way, and gains ");
        cn_say_time(verdict, gain);
        cn_say(verdict, " over ");
        cn_say_case_time(verdict, here);
    } else {
        cn_say(verdict,
               "More computing for each %s would not make the cluster win: computing "
               "alone takes it ",
               unit_of(there));
        cn_say_time(verdict, computing);
        cn_say(verdict, ", no less than all of ");
        cn_say_case_time(verdict, here);
    }
    cn_say(verdict, ".");
    cn_say_end(verdict);
}

/* The same placement for the fewest rows; NULL: they were not swept. */
static const struct cn_case *fewest_rows(const struct cn_verdict_facts *facts,
                                         const struct cn_case *a) {
    const struct cn_case *fewest = a;

    for (size_t i = 0; i < facts->n; i++) {
        const struct cn_case *other = &facts->cases[i];
        if (other->executor == a->executor && other->workers == a->workers &&
            other->mode == a->mode && other->chunk_setting == a->chunk_setting &&
            other->rows < fewest->rows)
            fewest = other;
    }
    return fewest == a ? NULL : fewest;
}

/* A straight line through two sizes. */
struct line {
    double row_ns;
    double start_ns;
};

static struct line line_through(const struct cn_case *few, const struct cn_case *many) {
    double row_ns =
        (cn_case_time(many) - cn_case_time(few)) / ((double)many->rows - (double)few->rows);
    return (struct line){row_ns, cn_case_time(few) - row_ns * (double)few->rows};
}

/* A figure that is no count, as one: two digits are all that it holds. */
static uint64_t about(double rows) {
    double unit = rows >= 100 ? pow(10, floor(log10(rows)) - 1) : 1;
    return (uint64_t)(round(rows / unit) * unit);
}

static void say_rows(struct cn_verdict *verdict, const struct cn_case *there,
                     const struct cn_case *here) {
    const struct cn_case *few_there = fewest_rows(verdict->facts, there);
    const struct cn_case *few_here = fewest_rows(verdict->facts, here);

    if (!few_there || !few_here || few_there->rows != few_here->rows)
        return;
    struct line remote = line_through(few_there, there), local = line_through(few_here, here);
    double rows = (remote.start_ns - local.start_ns) / (local.row_ns - remote.row_ns);
    if (remote.row_ns <= 0 || local.row_ns <= 0)
        return; /* times that do not grow with the rows say nothing of them */
    cn_say(verdict, "By the times at ");
    cn_say_count(verdict, few_there->rows);
    cn_say(verdict, " and ");
    cn_say_count(verdict, there->rows);
    cn_say(verdict, " rows, a further row takes ");
    cn_say_time(verdict, remote.row_ns);
    cn_say(verdict, " on dask and ");
    cn_say_time(verdict, local.row_ns);
    cn_say(verdict, " on %s, so ", cn_executor_kind_name(here->executor));
    if (local.row_ns <= remote.row_ns) {
        cn_say(verdict, "no number of rows makes the cluster win.");
    } else if (rows <= (double)few_there->rows) {
        cn_say(verdict, "the cluster wins at all of these sizes.");
    } else if (rows < 1e15) {
        cn_say(verdict, "the cluster wins from about ");
        cn_say_count(verdict, about(rows));
        cn_say(verdict, " rows on.");
    } else {
        cn_say(verdict, "the two stay alike.");
    }
    cn_say_end(verdict);
}

void cn_verdict_shipping(struct cn_verdict *verdict) {
    const struct cn_case *there = fastest(verdict->facts, is_remote, NULL);

    if (!there || !is_booked(there))
        return;
    const struct cn_case *here = fastest(verdict->facts, is_here, there);
    say_parts(verdict, there);
    if (!here)
        return;
    say_work(verdict, there, here);
    say_rows(verdict, there, here);
}
