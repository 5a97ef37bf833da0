/*
 * text_case_table.h: what lower and upper do to each character. Private to text_case.c; the data
 * is written by make_case.py.
 */
#ifndef CN_KERNELS_TEXT_CASE_TABLE_H
#define CN_KERNELS_TEXT_CASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

/* Every step-th character from first to last becomes itself + delta. */
struct cn_case_run {
    uint32_t first;
    uint32_t last;
    int32_t delta;
    uint32_t step;
};

/* One character becomes several. */
struct cn_case_special {
    uint32_t from;
    uint32_t length;
    uint32_t to[3];
};

/* Both in ascending order; runs do not overlap; no character is in both. */
struct cn_case_mapping {
    const struct cn_case_run *runs;
    size_t n_runs;
    const struct cn_case_special *specials;
    size_t n_specials;
};

struct cn_case_range {
    uint32_t first;
    uint32_t last;
};

struct cn_case_set {
    const struct cn_case_range *ranges;
    size_t n_ranges;
};

extern const struct cn_case_mapping cn_case_lower;
extern const struct cn_case_mapping cn_case_upper;
/* Characters with case that are not also case-ignorable. */
extern const struct cn_case_set cn_case_cased;
/* Characters that say nothing about where a word ends (marks, apostrophes, ...). */
extern const struct cn_case_set cn_case_ignorable;

#endif
