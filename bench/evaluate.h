/*
 * evaluate.h: one let over columns a, b, c, d of float64, as a worker of the service evaluates it:
 * block by block, in a state of its own. For the programs of this folder, which end at any error.
 */
#ifndef CN_BENCH_EVALUATE_H
#define CN_BENCH_EVALUATE_H

#include "expr/expr.h"

#define EVALUATE_COLUMNS 4

struct evaluate {
    struct cn_recipe *recipe;
    struct cn_program *program;
};

/* "md5(a, b)" or any other expression. */
void evaluate_init(struct evaluate *evaluate, const char *expression);
void evaluate_release(struct evaluate *evaluate);
enum cn_type evaluate_type(const struct evaluate *evaluate);
struct cn_eval *evaluate_new_state(const struct evaluate *evaluate);

/* Called for each block: `vector` is valid for as long as the call. */
typedef void (*evaluate_use)(void *context, const struct cn_vector *vector, size_t first,
                             size_t rows);

/* The rows [first, end) of the columns; use is called for each block in order. */
void evaluate_rows(const struct evaluate *evaluate, struct cn_eval *state,
                   double *const columns[EVALUATE_COLUMNS], size_t first, size_t end,
                   evaluate_use use, void *context);

/* Ends the program, saying why. */
__attribute__((noreturn)) void evaluate_die(const struct cn_error *error);

#endif
