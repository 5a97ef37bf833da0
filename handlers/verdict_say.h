/*
 * verdict_say.h: sentences and the figures in them. Internal to the verdict.
 */
#ifndef CN_HANDLERS_VERDICT_SAY_H
#define CN_HANDLERS_VERDICT_SAY_H

#include "handlers/json_out.h"
#include "handlers/verdict.h"

struct cn_verdict {
    const struct cn_verdict_facts *facts;
    struct cn_json_out *out;
    struct cn_buf line; /* the sentence so far */
    bool chunks;        /* the chunk setting belongs to a case's name */
};

#define CN_FIGURE 32

/* Three significant digits, without an exponent: "21.4", "0.0532", "1230". */
void cn_figure(double value, char out[CN_FIGURE]);
/* The same as a time, with the unit that fits: "1.25 ms". */
void cn_figure_time(double ns, char out[CN_FIGURE]);

/* A count with its thousands set off: "100,000". */
void cn_figure_count(uint64_t count, char out[CN_FIGURE]);

/* Appends to the sentence; no memory is remembered in `out`. */
void cn_say(struct cn_verdict *verdict, const char *format, ...) CN_PRINTF(2, 3);
void cn_say_factor(struct cn_verdict *verdict, double factor); /* "x5.9" */
void cn_say_count(struct cn_verdict *verdict, uint64_t count);
void cn_say_time(struct cn_verdict *verdict, double ns);
/* "threads with 2 workers in mode tuple", and with its time: "... (1.25 ms)". */
void cn_say_case(struct cn_verdict *verdict, const struct cn_case *a);
void cn_say_case_time(struct cn_verdict *verdict, const struct cn_case *a);
/* Writes the sentence, and begins the next one. */
void cn_say_end(struct cn_verdict *verdict);

/* verdict_factors.c; a change is a noun: what the time was won by, or lost in. */
void cn_say_change(struct cn_verdict *verdict, const struct cn_change *change);
void cn_verdict_product(struct cn_verdict *verdict);
void cn_verdict_row_path(struct cn_verdict *verdict);

/* verdict_workers.c */
void cn_verdict_gil(struct cn_verdict *verdict);
void cn_verdict_overlap(struct cn_verdict *verdict);
void cn_verdict_amdahl(struct cn_verdict *verdict, const struct cn_case *chosen);

/* verdict_shipping.c */
void cn_verdict_shipping(struct cn_verdict *verdict);

/* verdict_choice.c: the case that was recommended. */
const struct cn_case *cn_verdict_choice(struct cn_verdict *verdict);
void cn_verdict_rows(struct cn_verdict *verdict);

#endif
