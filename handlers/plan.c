#include "handlers/plan.h"

#include <stdlib.h>

#include "handlers/wire.h"

struct cn_plan *cn_plan_ref_up(struct cn_plan *plan) {
    atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
    return plan;
}

void cn_plan_unref(struct cn_plan *plan) {
    if (!plan || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) != 1)
        return;
    cn_program_free(plan->program);
    cn_spec_unref(plan->spec);
    cn_buf_release(&plan->bytes);
    cn_arena_release(&plan->arena);
    free(plan);
}

struct cn_plan_ref cn_plan_handle(const struct cn_plan *plan) {
    return (struct cn_plan_ref){plan->id, cn_buf_str(&plan->bytes), plan};
}

enum cn_type cn_plan_output_type(const struct cn_plan *plan, size_t o) {
    const struct cn_output *output = &plan->spec->outputs[o];

    if (output->let >= 0)
        return cn_program_output_type(plan->program, (size_t)output->let);
    return plan->schema[output->column].type;
}

static bool has_output(const struct cn_plan *plan, size_t o) {
    return plan->pass == CN_PASS_OUTPUT && (plan->output < 0 || (size_t)plan->output == o);
}

static enum cn_code compile(struct cn_plan *plan, const struct cn_keyring *keys,
                            struct cn_error *error) {
    const struct cn_spec *spec = plan->spec;
    size_t n_lets = cn_recipe_lets(spec->recipe);
    bool *wanted = cn_arena_zalloc(&plan->arena, n_lets + 1);
    struct cn_schema schema = {plan->schema, spec->n_columns};
    struct cn_compile_options options = {.wrap_overflow = spec->wrap_overflow,
                                         .null_on_error = spec->null_on_error,
                                         .keys = keys,
                                         .tables = plan->tables,
                                         .wanted = plan->output > 0 ? wanted : NULL,
                                         .table_preimage = -1};

    if (!wanted)
        return cn_error_memory(error);
    /* Of the passes for single columns, the first computes every let: it finds and counts the rows
     * that fail. */
    if (plan->output >= 0 && spec->outputs[plan->output].let >= 0)
        wanted[spec->outputs[plan->output].let] = true;
    if (plan->pass == CN_PASS_TABLE)
        options.table_preimage = plan->table;
    CN_TRY(cn_program_compile(&plan->program, spec->recipe, &schema, &options, error));
    plan->computes = plan->pass == CN_PASS_TABLE;
    for (size_t i = 0; i < n_lets && !plan->computes; i++)
        plan->computes = cn_program_wants(plan->program, i);
    return CN_OK;
}

/* Which input columns must be decoded. */
static enum cn_code choose_loaded(struct cn_plan *plan, struct cn_error *error) {
    const struct cn_spec *spec = plan->spec;
    const struct cn_program_input *inputs = NULL;
    size_t n_inputs = 0;

    plan->is_loaded = cn_arena_zalloc(&plan->arena, spec->n_columns + 1);
    plan->loaded = cn_arena_array(&plan->arena, spec->n_columns, sizeof *plan->loaded);
    if (!plan->is_loaded || !plan->loaded)
        return cn_error_memory(error);
    if (plan->program)
        inputs = cn_program_inputs(plan->program, &n_inputs);
    for (size_t i = 0; i < n_inputs; i++) {
        if (!inputs[i].raw)
            plan->is_loaded[inputs[i].column] = true;
    }
    for (size_t o = 0; o < spec->n_outputs; o++) {
        bool as_text = spec->source == CN_SOURCE_CSV && spec->sink == CN_SINK_CSV;
        if (spec->outputs[o].let < 0 && has_output(plan, o) && !as_text)
            plan->is_loaded[spec->outputs[o].column] = true;
    }
    for (size_t c = 0; c < spec->n_columns; c++) {
        /* A declared type is a promise about every field, used or not. */
        if (spec->source == CN_SOURCE_CSV && spec->columns[c].declared &&
            spec->columns[c].type != CN_TYPE_STRING)
            plan->is_loaded[c] = true;
        if (spec->mode == CN_MODE_ROW && plan->computes)
            plan->is_loaded[c] = true;
        if (plan->is_loaded[c])
            plan->loaded[plan->n_loaded++] = (uint32_t)c;
    }
    return CN_OK;
}

bool cn_plan_write(const struct cn_spec *spec, const struct cn_plan_options *options,
                   struct cn_buf *bytes) {
    size_t n_tables = options->tables ? cn_recipe_tables(spec->recipe) : 0;
    struct cn_wire wire = {bytes, false};

    cn_spec_write(spec, &wire);
    cn_wire_put_u64(&wire, options->pass);
    cn_wire_put_u64(&wire, (uint64_t)(int64_t)options->output);
    cn_wire_put_u64(&wire, (uint64_t)(int64_t)options->table);
    for (size_t c = 0; c < spec->n_columns; c++) {
        unsigned char type = (unsigned char)options->types[c];
        cn_wire_put(&wire, &type, 1);
    }
    cn_wire_put_u64(&wire, n_tables);
    for (size_t t = 0; t < n_tables; t++)
        cn_wire_put(&wire, &options->tables[t], sizeof options->tables[t]);
    return !wire.bad;
}

/* Fills a plan whose spec, pass, output, table are set; takes over nothing. */
static enum cn_code fill(struct cn_plan *plan, const enum cn_type *types,
                         const struct cn_table_value *tables, const struct cn_keyring *keys,
                         struct cn_error *error) {
    const struct cn_spec *spec = plan->spec;
    size_t n_tables = tables ? cn_recipe_tables(spec->recipe) : 0;
    struct cn_plan_options written = {plan->pass, plan->output, plan->table, types, tables};

    plan->schema = cn_arena_array(&plan->arena, spec->n_columns, sizeof *plan->schema);
    if (!plan->schema)
        return cn_error_memory(error);
    for (size_t c = 0; c < spec->n_columns; c++) {
        const struct cn_spec_column *column = &spec->columns[c];
        bool csv = spec->source == CN_SOURCE_CSV;
        plan->schema[c] =
            (struct cn_schema_column){column->name, types[c], csv, csv && !column->declared};
    }
    if (n_tables > 0) {
        plan->tables = cn_arena_array(&plan->arena, n_tables, sizeof *plan->tables);
        if (!plan->tables)
            return cn_error_memory(error);
        memcpy(plan->tables, tables, n_tables * sizeof *plan->tables);
    }
    if (plan->pass != CN_PASS_CHECK)
        CN_TRY(compile(plan, keys, error));
    CN_TRY(choose_loaded(plan, error));
    return cn_plan_write(spec, &written, &plan->bytes) ? CN_OK : cn_error_memory(error);
}

static struct cn_plan *plan_alloc(uint64_t id, struct cn_spec *spec) {
    struct cn_plan *plan = calloc(1, sizeof *plan);

    if (plan) {
        atomic_init(&plan->refs, 1);
        cn_arena_init(&plan->arena, 4096);
        cn_buf_init(&plan->bytes);
        plan->id = id;
        plan->spec = cn_spec_ref(spec);
        plan->output = -1;
        plan->table = -1;
    }
    return plan;
}

enum cn_code cn_plan_new(struct cn_plan **result, uint64_t id, struct cn_spec *spec,
                         const struct cn_plan_options *options, const struct cn_keyring *keys,
                         struct cn_error *error) {
    struct cn_plan *plan = plan_alloc(id, spec);
    enum cn_code code;

    if (!plan)
        return cn_error_memory(error);
    plan->pass = options->pass;
    plan->output = options->output;
    plan->table = options->table;
    code = fill(plan, options->types, options->tables, keys, error);
    if (code != CN_OK) {
        cn_plan_unref(plan);
        return code;
    }
    *result = plan;
    return CN_OK;
}

/* Reads what cn_plan_write() wrote behind the spec. */
static enum cn_code read_plan(struct cn_plan *plan, struct cn_wire_reader *reader,
                              const struct cn_keyring *keys, struct cn_error *error) {
    size_t n_columns = plan->spec->n_columns;
    enum cn_type *types = cn_arena_array(&plan->arena, n_columns, sizeof *types);
    struct cn_table_value *tables;
    size_t n_tables;

    if (!types)
        return cn_error_memory(error);
    plan->pass = (enum cn_pass)cn_wire_get_u64(reader);
    plan->output = (int32_t)(int64_t)cn_wire_get_u64(reader);
    plan->table = (int32_t)(int64_t)cn_wire_get_u64(reader);
    for (size_t c = 0; c < n_columns; c++) {
        unsigned char type;
        cn_wire_get(reader, &type, 1);
        types[c] = type < CN_TYPE_COUNT ? (enum cn_type)type : CN_TYPE_NULL;
    }
    n_tables = cn_wire_get_count(reader, sizeof *tables);
    tables = cn_arena_array(&plan->arena, n_tables, sizeof *tables);
    if (!tables)
        return cn_error_memory(error);
    for (size_t t = 0; t < n_tables; t++)
        cn_wire_get(reader, &tables[t], sizeof tables[t]);
    if (reader->bad || plan->output >= (int32_t)plan->spec->n_outputs ||
        (n_tables > 0 && n_tables != cn_recipe_tables(plan->spec->recipe)))
        return cn_error_set(error, CN_INTERNAL, "a plan arrived damaged");
    return fill(plan, types, n_tables > 0 ? tables : NULL, keys, error);
}

enum cn_code cn_plan_read(struct cn_plan **result, uint64_t id, struct cn_str bytes,
                          const struct cn_keyring *keys, struct cn_error *error) {
    struct cn_wire_reader reader = {bytes.data, bytes.len, false};
    struct cn_spec *spec = NULL;
    struct cn_plan *plan;
    enum cn_code code;

    CN_TRY(cn_spec_read(&spec, &reader, error));
    plan = plan_alloc(id, spec);
    cn_spec_unref(spec);
    if (!plan)
        return cn_error_memory(error);
    code = read_plan(plan, &reader, keys, error);
    if (code != CN_OK) {
        cn_plan_unref(plan);
        return code;
    }
    *result = plan;
    return CN_OK;
}
