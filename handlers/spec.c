#include "handlers/spec.h"

#include <stdlib.h>

#include "handlers/wire.h"

/* The recipe was checked against the service's limits when it was first parsed. */
static const struct cn_expr_limits no_limits = {SIZE_MAX, SIZE_MAX, 1000};

static struct cn_spec *spec_alloc(void) {
    struct cn_spec *spec = calloc(1, sizeof *spec);

    if (spec) {
        atomic_init(&spec->refs, 1);
        cn_arena_init(&spec->arena, 4096);
    }
    return spec;
}

struct cn_spec *cn_spec_ref(struct cn_spec *spec) {
    atomic_fetch_add_explicit(&spec->refs, 1, memory_order_relaxed);
    return spec;
}

void cn_spec_unref(struct cn_spec *spec) {
    if (!spec || atomic_fetch_sub_explicit(&spec->refs, 1, memory_order_acq_rel) != 1)
        return;
    cn_recipe_free(spec->recipe);
    cn_arena_release(&spec->arena);
    free(spec);
}

static enum cn_code copy_texts(struct cn_arena *arena, const struct cn_str *from, size_t n,
                               struct cn_str **to, struct cn_error *error) {
    struct cn_str *texts = cn_arena_array(arena, n, sizeof *texts);

    if (!texts)
        return cn_error_memory(error);
    for (size_t i = 0; i < n; i++) {
        texts[i] = cn_arena_str(arena, from[i]);
        if (!texts[i].data)
            return cn_error_memory(error);
    }
    *to = texts;
    return CN_OK;
}

/* The declared type of each column; a name in `types` that no column has is an error. */
static enum cn_code declare_types(struct cn_spec *spec, const struct cn_options *options,
                                  struct cn_error *error) {
    for (size_t t = 0; t < options->n_types; t++) {
        const struct cn_declared_type *declared = &options->types[t];
        size_t found = 0;

        for (size_t c = 0; c < spec->n_columns; c++) {
            struct cn_spec_column *column = &spec->columns[c];
            if (declared->any ? column->declared : !cn_str_equal(column->name, declared->name))
                continue;
            found++;
            if (!declared->any || !column->declared) {
                column->declared = true;
                column->type = declared->type;
            }
        }
        if (declared->any || found == 1)
            continue;
        cn_error_set_parameter(error, CN_STR("types"));
        cn_error_set_column(error, declared->name);
        if (found > 1)
            return cn_error_set(error, CN_DUPLICATE_NAME,
                                "%zu columns have the name '%.*s' that `types` uses", found,
                                (int)declared->name.len, declared->name.data);
        return cn_error_set(error, CN_UNKNOWN_COLUMN,
                            "`types` names '%.*s', but no column has "
                            "that name",
                            (int)declared->name.len, declared->name.data);
    }
    return CN_OK;
}

/* '*' stands for what is not named, wherever it stands in the list. */
static enum cn_code declare_rest(struct cn_spec *spec, const struct cn_options *options,
                                 struct cn_error *error) {
    struct cn_options named = *options;
    struct cn_declared_type *types = cn_arena_array(&spec->arena, options->n_types, sizeof *types);
    size_t n = 0;

    if (!types)
        return cn_error_memory(error);
    for (int any = 0; any <= 1; any++) {
        for (size_t t = 0; t < options->n_types; t++) {
            if (options->types[t].any == (any == 1))
                types[n++] = options->types[t];
        }
    }
    named.types = types;
    return declare_types(spec, &named, error);
}

enum cn_code cn_spec_new(struct cn_spec **result, const struct cn_options *options,
                         enum cn_source source, enum cn_sink sink, struct cn_recipe *recipe,
                         const struct cn_str *names, size_t n_names, struct cn_error *error) {
    struct cn_spec *spec = spec_alloc();
    struct cn_str *copies = NULL;
    struct cn_str *nulls = NULL;
    enum cn_code code;

    if (!spec) {
        cn_recipe_free(recipe);
        return cn_error_memory(error);
    }
    spec->recipe = recipe;
    spec->source = source;
    spec->sink = sink;
    spec->mode = options->mode;
    spec->dialect = (struct cn_csv_dialect){options->delimiter, options->header};
    spec->delimiter = options->delimiter;
    spec->nan = options->nan;
    spec->wrap_overflow = options->wrap_overflow;
    spec->null_on_error = options->null_on_error;
    if (options->generate) {
        spec->normal = options->generate->normal;
        spec->seed = options->generate->seed;
    }
    code = copy_texts(&spec->arena, names, n_names, &copies, error);
    if (code == CN_OK)
        code = copy_texts(&spec->arena, options->nulls, options->n_nulls, &nulls, error);
    if (code == CN_OK) {
        spec->nulls = (struct cn_csv_nulls){nulls, options->n_nulls};
        spec->n_columns = n_names;
        spec->columns = cn_arena_array(&spec->arena, n_names, sizeof *spec->columns);
        if (!spec->columns)
            code = cn_error_memory(error);
    }
    if (code == CN_OK) {
        for (size_t i = 0; i < n_names; i++)
            spec->columns[i] = (struct cn_spec_column){copies[i], false, CN_TYPE_NULL};
        code = declare_rest(spec, options, error);
    }
    if (code == CN_OK)
        code = cn_spec_lay_out(spec, options, error);
    if (code != CN_OK) {
        cn_spec_unref(spec);
        return code;
    }
    *result = spec;
    return CN_OK;
}

void cn_spec_write(const struct cn_spec *spec, struct cn_wire *wire) {
    size_t n_lets = cn_recipe_lets(spec->recipe);
    unsigned char flags[] = {(unsigned char)spec->source,
                             (unsigned char)spec->sink,
                             (unsigned char)spec->mode,
                             (unsigned char)spec->dialect.delimiter,
                             spec->dialect.header,
                             (unsigned char)spec->delimiter,
                             (unsigned char)spec->nan,
                             spec->wrap_overflow,
                             spec->null_on_error,
                             spec->normal,
                             spec->verbatim};

    cn_wire_put(wire, flags, sizeof flags);
    cn_wire_put_u64(wire, spec->seed);
    cn_wire_put_u64(wire, spec->nulls.n_texts);
    for (size_t i = 0; i < spec->nulls.n_texts; i++)
        cn_wire_put_str(wire, spec->nulls.texts[i]);
    cn_wire_put_u64(wire, spec->n_columns);
    for (size_t i = 0; i < spec->n_columns; i++) {
        unsigned char column[] = {spec->columns[i].declared, (unsigned char)spec->columns[i].type};
        cn_wire_put_str(wire, spec->columns[i].name);
        cn_wire_put(wire, column, sizeof column);
    }
    cn_wire_put_u64(wire, n_lets);
    for (size_t i = 0; i < n_lets; i++) {
        cn_wire_put_str(wire, cn_recipe_name(spec->recipe, i));
        cn_wire_put_str(wire, cn_recipe_text(spec->recipe, i));
    }
    cn_wire_put_u64(wire, spec->n_outputs);
    for (size_t i = 0; i < spec->n_outputs; i++) {
        cn_wire_put_u64(wire, (uint64_t)(int64_t)spec->outputs[i].let);
        cn_wire_put_u64(wire, spec->outputs[i].column);
        cn_wire_put_str(wire, spec->outputs[i].name);
    }
}

static enum cn_code damaged(struct cn_error *error) {
    return cn_error_set(error, CN_INTERNAL, "a plan arrived damaged");
}

static enum cn_code read_columns(struct cn_spec *spec, struct cn_wire_reader *reader,
                                 struct cn_error *error) {
    size_t n = cn_wire_get_count(reader, 8);
    struct cn_str *nulls = cn_arena_array(&spec->arena, n, sizeof *nulls);

    if (!nulls)
        return cn_error_memory(error);
    for (size_t i = 0; i < n; i++) {
        nulls[i] = cn_arena_str(&spec->arena, cn_wire_get_str(reader));
        if (!nulls[i].data)
            return cn_error_memory(error);
    }
    spec->nulls = (struct cn_csv_nulls){nulls, n};
    spec->n_columns = cn_wire_get_count(reader, 10);
    spec->columns = cn_arena_array(&spec->arena, spec->n_columns, sizeof *spec->columns);
    if (!spec->columns)
        return cn_error_memory(error);
    for (size_t i = 0; i < spec->n_columns; i++) {
        unsigned char column[2];
        struct cn_str name = cn_arena_str(&spec->arena, cn_wire_get_str(reader));
        cn_wire_get(reader, column, sizeof column);
        if (!name.data)
            return cn_error_memory(error);
        if (column[1] >= CN_TYPE_COUNT)
            return damaged(error);
        spec->columns[i] = (struct cn_spec_column){name, column[0] != 0, (enum cn_type)column[1]};
    }
    return reader->bad ? damaged(error) : CN_OK;
}

static enum cn_code read_lets(struct cn_spec *spec, struct cn_wire_reader *reader,
                              struct cn_error *error) {
    size_t n = cn_wire_get_count(reader, 16);
    struct cn_let *lets = cn_arena_array(&spec->arena, n, sizeof *lets);

    if (!lets)
        return cn_error_memory(error);
    for (size_t i = 0; i < n; i++) {
        lets[i].name = cn_wire_get_str(reader);
        lets[i].text = cn_wire_get_str(reader);
    }
    if (reader->bad)
        return damaged(error);
    return cn_recipe_parse(&spec->recipe, lets, n, &no_limits, error);
}

static enum cn_code read_outputs(struct cn_spec *spec, struct cn_wire_reader *reader,
                                 struct cn_error *error) {
    size_t n_lets = cn_recipe_lets(spec->recipe);

    spec->n_outputs = cn_wire_get_count(reader, 24);
    spec->outputs = cn_arena_array(&spec->arena, spec->n_outputs, sizeof *spec->outputs);
    if (!spec->outputs)
        return cn_error_memory(error);
    for (size_t i = 0; i < spec->n_outputs; i++) {
        int64_t let = (int64_t)cn_wire_get_u64(reader);
        uint64_t column = cn_wire_get_u64(reader);
        struct cn_str name = cn_arena_str(&spec->arena, cn_wire_get_str(reader));
        if (!name.data)
            return cn_error_memory(error);
        if (let < -1 || let >= (int64_t)n_lets || (let < 0 && column >= spec->n_columns))
            return damaged(error);
        spec->outputs[i] = (struct cn_output){name, (int32_t)let, (uint32_t)column};
    }
    return reader->bad ? damaged(error) : CN_OK;
}

enum cn_code cn_spec_read(struct cn_spec **result, struct cn_wire_reader *reader,
                          struct cn_error *error) {
    struct cn_spec *spec = spec_alloc();
    unsigned char flags[11];
    enum cn_code code;

    if (!spec)
        return cn_error_memory(error);
    cn_wire_get(reader, flags, sizeof flags);
    spec->source = (enum cn_source)flags[0];
    spec->sink = (enum cn_sink)flags[1];
    spec->mode = (enum cn_mode)flags[2];
    spec->dialect = (struct cn_csv_dialect){(char)flags[3], flags[4] != 0};
    spec->delimiter = (char)flags[5];
    spec->nan = (enum cn_json_nan)flags[6];
    spec->wrap_overflow = flags[7] != 0;
    spec->null_on_error = flags[8] != 0;
    spec->normal = flags[9] != 0;
    spec->verbatim = flags[10] != 0;
    spec->seed = cn_wire_get_u64(reader);
    code = read_columns(spec, reader, error);
    if (code == CN_OK)
        code = read_lets(spec, reader, error);
    if (code == CN_OK)
        code = read_outputs(spec, reader, error);
    if (code != CN_OK) {
        cn_spec_unref(spec);
        return code;
    }
    *result = spec;
    return CN_OK;
}
