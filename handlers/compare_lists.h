/*
 * compare_lists.h: the members of a comparison that are one value or a list of them.
 */
#ifndef CN_HANDLERS_COMPARE_LISTS_H
#define CN_HANDLERS_COMPARE_LISTS_H

#include "handlers/compare.h"

struct cn_compare_member {
    const char *name;
    struct cn_str text; /* checked JSON */
    struct cn_arena *arena;
};

/* Words, each of which `parse` turns into a number (false: it is none of them). `expected` lists
 * them for errors. */
enum cn_code cn_compare_words(const struct cn_compare_member *member,
                              bool (*parse)(struct cn_str word, uint64_t *value),
                              const char *expected, struct cn_compare_list *list,
                              struct cn_error *error);

/* Whole numbers from `min` to `max`; `flag` (may be NULL) is the setting that max is. */
enum cn_code cn_compare_numbers(const struct cn_compare_member *member, uint64_t min, uint64_t max,
                                const char *flag, struct cn_compare_list *list,
                                struct cn_error *error);

/* One such number, which may not stand in a list. */
enum cn_code cn_compare_number(const struct cn_compare_member *member, uint64_t min, uint64_t max,
                               uint64_t *value, struct cn_error *error);

#endif
