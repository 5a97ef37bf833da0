/*
 * morsel_columns.c: the rows of a morsel that come as values: slices of a frame, or random numbers.
 */
#include "handlers/morsel.h"
#include "kernels/random.h"

static enum cn_code load_generated(struct cn_morsel *morsel, uint64_t first, size_t rows,
                                   struct cn_error *error) {
    const struct cn_plan *plan = morsel->plan;

    for (size_t i = 0; i < plan->n_loaded; i++) {
        uint32_t c = plan->loaded[i];
        double *values = cn_arena_array(&morsel->state->block, rows, sizeof *values);
        if (!values)
            return cn_error_memory(error);
        /* NumPy's generators give the interpreter lock up, too. */
        cn_run_unlock(morsel->run);
        if (plan->spec->normal)
            cn_random_normal(plan->spec->seed, c, first, rows, values);
        else
            cn_random_uniform(plan->spec->seed, c, first, rows, values);
        cn_run_lock(morsel->run);
        morsel->values[c] = (struct cn_vector){CN_TYPE_FLOAT64, values, NULL};
    }
    return CN_OK;
}

static enum cn_code load_slices(struct cn_morsel *morsel, const struct cn_column *columns,
                                size_t at, size_t rows, struct cn_error *error) {
    const struct cn_plan *plan = morsel->plan;

    for (size_t i = 0; i < plan->n_loaded; i++)
        CN_TRY(cn_column_vector(&columns[i], at, rows, &morsel->state->block,
                                &morsel->values[plan->loaded[i]], error));
    return CN_OK;
}

/* Makes columns of the runs of bytes that the task brought. */
static enum cn_code open_slices(struct cn_morsel *morsel, struct cn_column **result,
                                struct cn_error *error) {
    const struct cn_plan *plan = morsel->plan;
    struct cn_column *columns =
        cn_arena_zalloc(&morsel->state->morsel, plan->n_loaded * sizeof *columns);

    if (!columns)
        return cn_error_memory(error);
    if (morsel->run->n_inputs != 4 * plan->n_loaded)
        return cn_error_set(error, CN_INTERNAL, "a morsel of %zu columns has %zu inputs",
                            plan->n_loaded, morsel->run->n_inputs);
    for (size_t i = 0; i < plan->n_loaded; i++) {
        columns[i].name = plan->schema[plan->loaded[i]].name;
        columns[i].type = plan->schema[plan->loaded[i]].type;
    }
    CN_TRY(cn_frame_unslice(morsel->run->inputs, plan->n_loaded, (size_t)morsel->args.rows, columns,
                            error));
    *result = columns;
    return CN_OK;
}

enum cn_code cn_morsel_run_columns(struct cn_morsel *morsel, struct cn_error *error) {
    bool generated = morsel->plan->spec->source == CN_SOURCE_GENERATE;
    struct cn_column *columns = NULL;
    uint64_t done = 0;

    if (!generated)
        CN_TRY(open_slices(morsel, &columns, error));
    morsel->result->rows = morsel->args.rows;
    while (done < morsel->args.rows && cn_morsel_computes(morsel)) {
        uint64_t left = morsel->args.rows - done;
        size_t most = cn_eval_capacity(morsel->eval);
        size_t rows = left < most ? (size_t)left : most;

        if (cn_run_stopped(morsel->run))
            return CN_CANCELLED;
        cn_run_yield(morsel->run);
        cn_arena_reset(&morsel->state->block, 8u << 20);
        if (generated)
            CN_TRY(load_generated(morsel, morsel->args.first_row + done, rows, error));
        else
            CN_TRY(load_slices(morsel, columns, (size_t)done, rows, error));
        cn_morsel_book(morsel, CN_SPAN_PARSE);
        cn_morsel_evaluate(morsel, rows, done, error);
        if (morsel->code == CN_OK)
            cn_morsel_encode(morsel, NULL, rows, done, error);
        else
            cn_morsel_encode_failed(morsel, NULL, done, error);
        done += rows;
    }
    return CN_OK;
}
