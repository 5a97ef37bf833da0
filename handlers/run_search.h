/*
 * run_search.h: finding runs by words. A run has a text (operation, executor, mode, recipe, id,
 * error code, each on a line of its own) in which every word must occur. Letters A to Z count as
 * a to z.
 */
#ifndef CN_HANDLERS_RUN_SEARCH_H
#define CN_HANDLERS_RUN_SEARCH_H

#include "base/arena.h"
#include "base/buf.h"
#include "handlers/runs.h"

#define CN_SEARCH_WORDS 16

struct cn_search {
    struct cn_str words[CN_SEARCH_WORDS]; /* lower case */
    size_t n_words;
};

/* Splits `query` at blanks. CN_INVALID_PARAMETER: there are too many words. */
enum cn_code cn_search_init(struct cn_search *search, struct cn_str query, struct cn_arena *arena,
                            struct cn_error *error);

/* Replaces what `text` holds by the run's. False: no memory. */
CN_NODISCARD bool cn_search_text(struct cn_buf *text, const struct cn_run_record *record);

bool cn_search_match(const struct cn_search *search, struct cn_str text);

#endif
