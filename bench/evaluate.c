#include "bench/evaluate.h"

#include <stdio.h>
#include <stdlib.h>

static const struct cn_schema_column schema_columns[EVALUATE_COLUMNS] = {
    {{"a", 1}, CN_TYPE_FLOAT64, false, false},
    {{"b", 1}, CN_TYPE_FLOAT64, false, false},
    {{"c", 1}, CN_TYPE_FLOAT64, false, false},
    {{"d", 1}, CN_TYPE_FLOAT64, false, false},
};
static const struct cn_schema schema = {schema_columns, EVALUATE_COLUMNS};

void evaluate_die(const struct cn_error *error) {
    fprintf(stderr, "%s\n", error->detail);
    exit(1);
}

void evaluate_init(struct evaluate *evaluate, const char *expression) {
    const struct cn_expr_limits limits = {16384, 4096, 200};
    const struct cn_compile_options options = {.table_preimage = -1};
    const struct cn_let let = {CN_STR("r"), cn_str_c(expression)};
    struct cn_error error;

    *evaluate = (struct evaluate){0};
    cn_error_init(&error);
    if (cn_recipe_parse(&evaluate->recipe, &let, 1, &limits, &error) != CN_OK ||
        cn_program_compile(&evaluate->program, evaluate->recipe, &schema, &options, &error) !=
            CN_OK)
        evaluate_die(&error);
}

void evaluate_release(struct evaluate *evaluate) {
    cn_program_free(evaluate->program);
    cn_recipe_free(evaluate->recipe);
}

enum cn_type evaluate_type(const struct evaluate *evaluate) {
    return cn_program_output_type(evaluate->program, 0);
}

struct cn_eval *evaluate_new_state(const struct evaluate *evaluate) {
    struct cn_eval *state;
    struct cn_error error;

    cn_error_init(&error);
    if (cn_eval_new(&state, evaluate->program, &error) != CN_OK)
        evaluate_die(&error);
    return state;
}

void evaluate_rows(const struct evaluate *evaluate, struct cn_eval *state,
                   double *const columns[EVALUATE_COLUMNS], size_t first, size_t end,
                   evaluate_use use, void *context) {
    struct cn_vector inputs[EVALUATE_COLUMNS], output;
    struct cn_error error;
    size_t n, rows, block = cn_eval_capacity(state);
    const struct cn_program_input *wanted = cn_program_inputs(evaluate->program, &n);

    cn_error_init(&error);
    for (; first < end; first += rows) {
        rows = end - first < block ? end - first : block;
        for (size_t i = 0; i < n; i++)
            inputs[i] =
                (struct cn_vector){CN_TYPE_FLOAT64, columns[wanted[i].column] + first, NULL};
        if (cn_eval_block(state, inputs, rows, &output, NULL, 0, NULL, &error) != CN_OK)
            evaluate_die(&error);
        use(context, &output, first, rows);
    }
}
