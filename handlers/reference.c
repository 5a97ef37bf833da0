#include "handlers/reference.h"

static enum cn_code make_spec(struct cn_spec **spec, const struct cn_reference *reference,
                              const struct cn_service_limits *limits, struct cn_arena *arena,
                              struct cn_error *error) {
    struct cn_generate generate = {.normal = reference->normal, .seed = 1};
    size_t n = reference->n_columns;
    struct cn_schema_column *columns = cn_arena_zalloc(arena, n * sizeof *columns);
    struct cn_recipe *recipe = NULL;
    struct cn_options options;

    if (!columns)
        return cn_error_memory(error);
    cn_options_init(&options, arena, limits);
    options.delimiter = ',';
    options.wrap_overflow = reference->wrap_overflow;
    options.null_on_error = reference->null_on_error;
    options.select = reference->computed ? CN_SELECT_COMPUTED : CN_SELECT_DEFAULT;
    if (reference->source == CN_SOURCE_GENERATE)
        options.generate = &generate;
    for (size_t i = 0; i < n; i++)
        columns[i] = (struct cn_schema_column){.name = reference->names[i]};
    CN_TRY(
        cn_recipe_parse(&recipe, reference->lets, reference->n_lets, &limits->expression, error));
    CN_TRY(cn_spec_new(spec, &options, reference->source, reference->sink, recipe, reference->names,
                       n, error));
    return cn_recipe_resolve((*spec)->recipe, &(struct cn_schema){columns, n}, error);
}

enum cn_code cn_reference_plan(struct cn_plan **plan, uint64_t id,
                               const struct cn_reference *reference,
                               const struct cn_service_limits *limits,
                               const struct cn_keyring *keys, struct cn_error *error) {
    struct cn_plan_options options = {
        .pass = CN_PASS_OUTPUT, .output = -1, .table = -1, .types = reference->types};
    struct cn_spec *spec = NULL;
    struct cn_arena arena;

    cn_arena_init(&arena, 4096);
    enum cn_code code = make_spec(&spec, reference, limits, &arena, error);
    if (code == CN_OK)
        code = cn_plan_new(plan, id, spec, &options, keys, error);
    if (spec)
        cn_spec_unref(spec);
    cn_arena_release(&arena);
    return code;
}

enum cn_code cn_reference_run(const struct cn_plan *plan, struct cn_str text,
                              const struct cn_morsel_args *args, void *state, struct cn_buf *out,
                              struct cn_morsel_result *result, struct cn_error *error) {
    struct cn_plan_ref handle = cn_plan_handle(plan);
    _Alignas(16) unsigned char plain[CN_TASK_ARGS] = {0};
    _Alignas(16) unsigned char room[CN_TASK_RESULT] = {0};
    struct cn_spans spans = {0};
    atomic_int stop = 0;
    struct cn_run run = {.plan = &handle,
                         .args = plain,
                         .inputs = &text,
                         .n_inputs = plan->spec->source == CN_SOURCE_CSV,
                         .out = out,
                         .result = room,
                         .spans = &spans,
                         .stop = &stop,
                         .state = state};

    memcpy(plain, args, sizeof *args);
    CN_TRY(cn_kind_compute.run(&run, error));
    memcpy(result, room, sizeof *result);
    return CN_OK;
}
