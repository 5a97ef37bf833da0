/*
 * verdict_choice.c: which executor to choose, and why.
 */
#include "handlers/shown.h"
#include "handlers/verdict_say.h"

/* Simplest first. gil is not among them: it imitates another system. */
static const enum cn_executor_kind by_simplicity[] = {CN_EXECUTOR_SERIAL, CN_EXECUTOR_THREADS,
                                                      CN_EXECUTOR_PROCESSES, CN_EXECUTOR_DASK};
enum { N_CHOICES = sizeof by_simplicity / sizeof by_simplicity[0] };

/* Numbers of rows that one sentence names. */
enum { MOST_SIZES = 12 };

/* A smaller ratio is not taken apart: its parts would be noise. */
#define WORTH_A_REASON 1.05

/* Bytes of the work's own text. */
enum { MOST_WHAT = 400 };

/* The fastest case of an executor, with no more workers than it needs for that. */
static const struct cn_case *fastest_of(const struct cn_verdict_facts *facts,
                                        enum cn_executor_kind executor, uint64_t rows) {
    const struct cn_case *best = NULL;
    for (size_t i = 0; i < facts->n; i++) {
        const struct cn_case *a = &facts->cases[i];
        if (a->executor == executor && a->rows == rows &&
            (!best || cn_case_time(a) < cn_case_time(best)))
            best = a;
    }
    /* Workers that gain nothing are not worth having. */
    const struct cn_case *fewest = best;
    for (size_t i = 0; best && i < facts->n; i++) {
        const struct cn_case *a = &facts->cases[i];
        if (a->executor == executor && cn_case_alike(a, best) && a->workers < fewest->workers &&
            cn_cases_equal(a, best))
            fewest = a;
    }
    return fewest;
}

/* The best case of each executor, simplest first (NULL: it has none), and the fastest of all. */
struct field {
    const struct cn_case *best[N_CHOICES];
    const struct cn_case *fastest;
    const struct cn_case *second; /* of another executor than the fastest */
    const struct cn_case *chosen;
};

static struct field survey(const struct cn_verdict_facts *facts, uint64_t rows) {
    struct field field = {0};
    for (size_t i = 0; i < N_CHOICES; i++) {
        const struct cn_case *a = field.best[i] = fastest_of(facts, by_simplicity[i], rows);
        if (a && (!field.fastest || cn_case_time(a) < cn_case_time(field.fastest))) {
            field.second = field.fastest;
            field.fastest = a;
        } else if (a && (!field.second || cn_case_time(a) < cn_case_time(field.second))) {
            field.second = a;
        }
    }
    for (size_t i = 0; i < N_CHOICES && !field.chosen; i++)
        if (field.best[i] && cn_cases_equal(field.best[i], field.fastest))
            field.chosen = field.best[i];
    return field;
}

/* ---- why -------------------------------------------------------------------------------- */

/* A step that lies between two cases, whichever way and how often it is gone. */
struct part {
    double factor;              /* 1: it does not */
    const struct cn_factor *at; /* the last of its factors */
    size_t n;
};

/* The step that makes most of a path's ratio. False: something on the way was not measured apart,
 * or there is no such step. */
static bool main_part(const struct cn_path *path, struct part *best) {
    struct part parts[CN_STEP_CHUNK_SIZE + 1];

    for (size_t i = 0; i <= CN_STEP_CHUNK_SIZE; i++)
        parts[i] = (struct part){.factor = 1};
    *best = parts[0];
    for (size_t i = 0; i < path->n_factors; i++) {
        const struct cn_factor *factor = &path->factors[i];
        if (factor->n_changes > 1)
            return false;
        struct part *part = &parts[factor->changes[0].step];
        part->factor *= factor->factor;
        part->at = factor;
        part->n++;
    }
    for (size_t i = 0; i <= CN_STEP_CHUNK_SIZE; i++)
        if (parts[i].factor > best->factor)
            *best = parts[i];
    return best->factor * best->factor >= path->ratio;
}

/* What the faster of two cases has that the other one has not, as far as it was measured. */
static void say_why(struct cn_verdict *verdict, const struct cn_case *chosen,
                    const struct cn_case *second) {
    const struct cn_verdict_facts *facts = verdict->facts;
    struct cn_path path;
    struct part part;

    cn_decompose_between(facts->cases, facts->n, (size_t)(second - facts->cases),
                         (size_t)(chosen - facts->cases), &path);
    if (path.ratio < WORTH_A_REASON || !main_part(&path, &part))
        return;
    if (part.n == 1 && cn_cases_equal(&facts->cases[part.at->from], &facts->cases[part.at->to]))
        return;
    if (part.n > 1) { /* to one worker on the one side, back to many on the other */
        cn_say(verdict, ", because its workers gain ");
        cn_say_factor(verdict, part.factor);
        cn_say(verdict, " more");
        return;
    }
    cn_say(verdict, ", because of ");
    cn_say_factor(verdict, part.factor);
    cn_say(verdict, " from ");
    cn_say_change(verdict, &part.at->changes[0]);
}

/* "For hash = md5(a, b) over 100,000 rows". */
static void say_work(struct cn_verdict *verdict, const struct cn_case *a) {
    struct cn_str what = cn_shown(cn_str_c(verdict->facts->what), MOST_WHAT);
    cn_say(verdict, "For %.*s", (int)what.len, what.data);
    cn_say(verdict, " over ");
    cn_say_count(verdict, a->rows);
    cn_say(verdict, " %s%s ", a->has_mode ? "row" : "call", a->rows == 1 ? "" : "s");
}

static void say_equals(struct cn_verdict *verdict, const struct field *field) {
    cn_say(verdict, "choose ");
    cn_say_case_time(verdict, field->chosen);
    cn_say(verdict, ": ");
    const struct cn_case *other = field->chosen == field->fastest ? field->second : field->fastest;
    cn_say_case_time(verdict, other);
    cn_say(verdict, " is equal to it within the spread of the two (");
    cn_say_time(verdict, field->chosen->stats.stddev_ns);
    cn_say(verdict, " and ");
    cn_say_time(verdict, other->stats.stddev_ns);
    cn_say(verdict, "), and %s is the simpler.", cn_executor_kind_name(field->chosen->executor));
}

static void say_faster(struct cn_verdict *verdict, const struct field *field) {
    cn_say(verdict, "choose ");
    cn_say_case_time(verdict, field->chosen);
    if (field->second) {
        cn_say(verdict, ": it is ");
        cn_say_factor(verdict, cn_case_time(field->second) / cn_case_time(field->chosen));
        cn_say(verdict, " as fast as the next best executor, ");
        cn_say_case_time(verdict, field->second);
        say_why(verdict, field->chosen, field->second);
        cn_say(verdict, ".");
    } else {
        cn_say(verdict, ", the fastest case of the only executor that can be chosen here.");
    }
}

static void say_auto(struct cn_verdict *verdict, const struct field *field) {
    const struct cn_case *chosen =
        fastest_of(verdict->facts, CN_EXECUTOR_AUTO, field->fastest->rows);
    if (!chosen)
        return;
    cn_say(verdict, " auto went to %s and took ", cn_executor_kind_name(chosen->placed));
    cn_say_factor(verdict, cn_case_time(chosen) / cn_case_time(field->chosen));
    cn_say(verdict, " of that time.");
}

const struct cn_case *cn_verdict_choice(struct cn_verdict *verdict) {
    const struct cn_verdict_facts *facts = verdict->facts;
    struct field field = survey(facts, cn_cases_most_rows(facts->cases, facts->n));

    if (!field.fastest) {
        /* gil or auto alone */
        const struct cn_case *end = &facts->cases[facts->path->to];
        say_work(verdict, end);
        cn_say(verdict, "the fastest case is ");
        cn_say_case_time(verdict, end);
        cn_say(verdict, end->executor == CN_EXECUTOR_GIL
                            ? "; it is an emulation, not an executor to choose: compare serial, "
                              "threads and processes."
                            : "; to choose between executors, compare them by name.");
        cn_say_end(verdict);
        return NULL;
    }
    say_work(verdict, field.fastest);
    if (field.second &&
        (field.chosen != field.fastest || cn_cases_equal(field.fastest, field.second)))
        say_equals(verdict, &field);
    else
        say_faster(verdict, &field);
    say_auto(verdict, &field);
    cn_say_end(verdict);
    return field.chosen;
}

/* ---- a sweep over rows ------------------------------------------------------------------ */

/* Whether it is worth having more than one worker, at one size. */
struct size_choice {
    uint64_t rows;
    bool many;
};

/* From how many rows on more than one worker is chosen, as far as sizes were measured. */
static void say_from(struct cn_verdict *verdict, const struct size_choice *sizes, size_t n) {
    uint64_t alone = 0, from = 0;
    for (size_t i = 0; i < n; i++)
        if (!sizes[i].many && sizes[i].rows > alone)
            alone = sizes[i].rows;
    for (size_t i = 0; i < n; i++)
        if (sizes[i].many && sizes[i].rows > alone && (from == 0 || sizes[i].rows < from))
            from = sizes[i].rows;
    if (from == 0) {
        cn_say(verdict, ". More than one worker does not pay at the largest of these sizes.");
    } else if (alone == 0) {
        cn_say(verdict, ". More than one worker pays at all of these sizes.");
    } else {
        cn_say(verdict, ". More than one worker pays from ");
        cn_say_count(verdict, from);
        cn_say(verdict, " rows on; up to ");
        cn_say_count(verdict, alone);
        cn_say(verdict, " one is enough.");
    }
}

/* With how many rows which executor is the fastest. */
void cn_verdict_rows(struct cn_verdict *verdict) {
    const struct cn_verdict_facts *facts = verdict->facts;
    struct size_choice sizes[MOST_SIZES];
    size_t n_sizes = 0;

    for (size_t i = 0; i < facts->n && n_sizes < MOST_SIZES; i++) {
        if (i > 0 && facts->cases[i].row_setting == facts->cases[i - 1].row_setting)
            continue;
        struct field field = survey(facts, facts->cases[i].rows);
        if (!field.fastest ||
            (n_sizes == 0 && facts->cases[facts->n - 1].row_setting == facts->cases[i].row_setting))
            break;
        cn_say(verdict, "%s", n_sizes == 0 ? "The choice by size: for " : "; for ");
        sizes[n_sizes++] = (struct size_choice){facts->cases[i].rows, field.chosen->workers > 1};
        cn_say_count(verdict, facts->cases[i].rows);
        cn_say(verdict, " row%s ", facts->cases[i].rows == 1 ? "" : "s");
        cn_say_case_time(verdict, field.chosen);
    }
    if (n_sizes > 0) {
        say_from(verdict, sizes, n_sizes);
        cn_say_end(verdict);
    }
}
