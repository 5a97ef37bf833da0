/*
 * compute_workload.c: reads the body of a compute request for an experiment, once.
 */
#include "handlers/compute_workload.h"

#include <stdlib.h>

#include "handlers/shown.h"

/* Of the text that names the work in a verdict. */
#define WHAT_BYTES 300

static void workload_free(struct cn_workload *base) {
    struct cn_compute_workload *workload = (struct cn_compute_workload *)(void *)base;

    for (int mode = 0; mode < CN_MODE_COUNT; mode++) {
        cn_plan_unref(workload->plans[mode]);
        cn_spec_unref(workload->specs[mode]);
    }
    cn_recipe_free(workload->compute.recipe);
    cn_frame_release(&workload->compute.columns);
    cn_frame_release(&workload->frame);
    free(workload);
}

static const struct cn_workload_ops ops = {.run = cn_compute_trial_run, .free = workload_free};

static enum cn_code make_frame(struct cn_compute_workload *workload, uint64_t most_rows,
                               const atomic_int *stop, struct cn_error *error) {
    struct cn_compute *compute = &workload->compute;
    const struct cn_generate *generate = compute->options.generate;

    if (!generate) {
        CN_TRY(cn_intake_columns(compute, compute->document->columns, &workload->frame, error));
        workload->workload.rows = workload->frame.rows;
        return CN_OK;
    }
    workload->workload.generated = true;
    workload->workload.rows = generate->rows;
    return cn_frame_generate(&workload->frame, generate, most_rows > 0 ? most_rows : generate->rows,
                             compute->exchange, stop, error);
}

static enum cn_code make_spec(struct cn_compute_workload *workload, enum cn_mode mode,
                              struct cn_error *error) {
    struct cn_compute *compute = &workload->compute;
    const struct cn_frame *frame = &workload->frame;
    struct cn_arena *arena = &compute->exchange->arena;
    struct cn_options options = compute->options;
    struct cn_str *names = cn_arena_array(arena, frame->n_columns, sizeof *names);
    struct cn_schema_column *columns = cn_arena_array(arena, frame->n_columns, sizeof *columns);
    struct cn_recipe *recipe;
    struct cn_schema schema = {columns, frame->n_columns};

    if (!names || !columns)
        return cn_error_memory(error);
    for (size_t i = 0; i < frame->n_columns; i++) {
        names[i] = frame->columns[i].name;
        columns[i] = (struct cn_schema_column){.name = names[i]};
    }
    /* A spec takes its recipe over. */
    if (!compute->recipe)
        CN_TRY(cn_compute_parse_lets(compute, error));
    recipe = compute->recipe;
    compute->recipe = NULL;
    options.mode = mode;
    CN_TRY(cn_spec_new(&workload->specs[mode], &options, CN_SOURCE_FRAME, CN_SINK_JSON, recipe,
                       names, frame->n_columns, error));
    return cn_recipe_resolve(workload->specs[mode]->recipe, &schema, error);
}

enum cn_code cn_compute_workload_prepare(struct cn_compute_workload *workload, enum cn_mode mode,
                                         struct cn_error *error) {
    struct cn_service *service = workload->compute.exchange->service;
    struct cn_plan_options options = {
        .pass = CN_PASS_OUTPUT, .output = -1, .table = -1, .types = workload->types};

    if (workload->plans[mode])
        return CN_OK;
    if (!workload->specs[mode])
        CN_TRY(make_spec(workload, mode, error));
    return cn_plan_new(&workload->plans[mode], atomic_fetch_add(&service->next_plan, 1) + 1,
                       workload->specs[mode], &options, service->keys, error);
}

/* What outlives the reading, in the exchange's arena. */
static enum cn_code keep_texts(struct cn_compute_workload *workload, struct cn_error *error) {
    struct cn_arena *arena = &workload->compute.exchange->arena;
    const struct cn_options *options = &workload->compute.options;
    const struct cn_frame *frame = &workload->frame;

    workload->types = cn_arena_array(arena, frame->n_columns, sizeof *workload->types);
    workload->texts = cn_arena_array(arena, options->n_lets, sizeof *workload->texts);
    if (!workload->types || !workload->texts)
        return cn_error_memory(error);
    for (size_t c = 0; c < frame->n_columns; c++)
        workload->types[c] = frame->columns[c].type;
    for (size_t i = 0; i < options->n_lets; i++) {
        struct cn_str text = options->lets[i].text;
        workload->texts[i] = cn_arena_strndup(arena, text.data, text.len);
        if (!workload->texts[i])
            return cn_error_memory(error);
    }
    return CN_OK;
}

/* The canonical lines, joined, and cut where they are long. */
static enum cn_code name_work(struct cn_compute_workload *workload, struct cn_error *error) {
    const struct cn_recipe *recipe = workload->specs[CN_MODE_VECTOR]->recipe;
    struct cn_str shown;
    struct cn_buf text;
    bool ok = true;

    cn_buf_init(&text);
    for (size_t i = 0; i < cn_recipe_lets(recipe) && text.len <= WHAT_BYTES && ok; i++)
        ok = (i == 0 || cn_buf_add_c(&text, "; ")) && cn_recipe_print(recipe, i, &text);
    if (ok && text.len == 0)
        ok = cn_buf_add_c(&text, "the columns as they are");
    if (ok && text.len > WHAT_BYTES) {
        text.len = cn_shown(cn_buf_str(&text), WHAT_BYTES).len;
        ok = cn_buf_add_c(&text, " …");
    }
    shown = cn_buf_str(&text);
    if (ok)
        workload->workload.what =
            cn_arena_strndup(&workload->compute.exchange->arena, shown.data, shown.len);
    cn_buf_release(&text);
    return workload->workload.what ? CN_OK : cn_error_memory(error);
}

static enum cn_code read_workload(struct cn_compute_workload *workload, struct cn_str body,
                                  uint64_t most_rows, const atomic_int *stop,
                                  struct cn_error *error) {
    struct cn_compute *compute = &workload->compute;

    CN_TRY(cn_intake_document(compute, body, error));
    if (compute->options.delimiter == 0)
        compute->options.delimiter = ',';
    CN_TRY(make_frame(workload, most_rows, stop, error));
    CN_TRY(keep_texts(workload, error));
    CN_TRY(cn_compute_workload_prepare(workload, CN_MODE_VECTOR, error));
    workload->workload.keyed = cn_recipe_uses_keys(workload->specs[CN_MODE_VECTOR]->recipe);
    return name_work(workload, error);
}

enum cn_code cn_compute_workload_new(struct cn_workload **result, struct cn_exchange *exchange,
                                     struct cn_str body, uint64_t most_rows, const atomic_int *stop,
                                     struct cn_error *error) {
    struct cn_compute_workload *workload = calloc(1, sizeof *workload);
    const struct cn_options *options;
    struct cn_error fault;
    enum cn_code code;

    if (!workload)
        return cn_error_memory(error);
    cn_error_init(&fault);
    workload->workload = (struct cn_workload){.ops = &ops, .has_modes = true};
    workload->compute.exchange = exchange;
    workload->compute.experiment = true;
    options = &workload->compute.options;
    cn_options_init(&workload->compute.options, &exchange->arena, cn_exchange_limits(exchange));
    cn_frame_init(&workload->frame, exchange->service->blocks);
    code = read_workload(workload, body, most_rows, stop, &fault);
    if (code == CN_OK) {
        *result = &workload->workload;
        return CN_OK;
    }
    if (fault.let >= 0 && (size_t)fault.let < options->n_lets) {
        struct cn_str text = options->lets[fault.let].text;
        exchange->expression = cn_arena_strndup(&exchange->arena, text.data, text.len);
    }
    if (error && error->code == CN_OK)
        *error = fault;
    workload_free(&workload->workload);
    return code;
}
