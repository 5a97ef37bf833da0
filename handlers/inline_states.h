/*
 * inline_states.h: states of the compute kind for small requests that are answered on the thread
 * that received them, kept for reuse.
 */
#ifndef CN_HANDLERS_INLINE_STATES_H
#define CN_HANDLERS_INLINE_STATES_H

#include "expr/expr.h"

struct cn_inline_states;

struct cn_inline_states *cn_inline_states_new(const struct cn_keyring *keys);
void cn_inline_states_free(struct cn_inline_states *states); /* all must have come back */
enum cn_code cn_inline_take(struct cn_inline_states *states, void **state, struct cn_error *error);
void cn_inline_give(struct cn_inline_states *states, void *state);

#endif
