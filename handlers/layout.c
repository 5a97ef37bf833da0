/*
 * layout.c: which columns come back, in which order, under which names.
 */
#include "handlers/spec.h"

/* Where a name stands among columns and lets. */
struct place {
    int32_t let;     /* -1: none */
    uint32_t column; /* the first column of that name */
    size_t n_columns;
};

static struct place look_up(const struct cn_spec *spec, struct cn_str name) {
    struct place place = {-1, 0, 0};

    for (size_t i = 0; i < cn_recipe_lets(spec->recipe); i++) {
        if (cn_str_equal(cn_recipe_name(spec->recipe, i), name))
            place.let = (int32_t)i;
    }
    for (size_t i = spec->n_columns; i-- > 0;) {
        if (cn_str_equal(spec->columns[i].name, name)) {
            place.column = (uint32_t)i;
            place.n_columns++;
        }
    }
    return place;
}

static enum cn_code name_fault(enum cn_code code, const char *parameter, struct cn_str name,
                               struct cn_error *error) {
    int len = (int)(name.len < 200 ? name.len : 200);

    cn_error_set_parameter(error, cn_str_c(parameter));
    cn_error_set_column(error, name);
    if (code == CN_DUPLICATE_NAME)
        return cn_error_set(error, code, "the name '%.*s' in `%s` stands for more than one column",
                            len, name.data, parameter);
    return cn_error_set(error, code, "`%s` names '%.*s', but there is no such column", parameter,
                        len, name.data);
}

/* A let with the name of several columns cannot replace one of them. */
static enum cn_code check_lets(const struct cn_spec *spec, struct cn_error *error) {
    for (size_t i = 0; i < cn_recipe_lets(spec->recipe); i++) {
        struct cn_str name = cn_recipe_name(spec->recipe, i);
        if (look_up(spec, name).n_columns > 1) {
            if (error && error->code == CN_OK)
                error->let = (int32_t)i;
            return name_fault(CN_DUPLICATE_NAME, "let", name, error);
        }
    }
    return CN_OK;
}

static void add_output(struct cn_spec *spec, struct cn_str name, int32_t let, size_t column) {
    spec->outputs[spec->n_outputs++] = (struct cn_output){name, let, (uint32_t)column};
}

static void add_all(struct cn_spec *spec) {
    size_t n_lets = cn_recipe_lets(spec->recipe);

    if (n_lets == 0) {
        for (size_t c = 0; c < spec->n_columns; c++)
            add_output(spec, spec->columns[c].name, -1, c);
        return;
    }
    for (size_t c = 0; c < spec->n_columns; c++) {
        int32_t let = -1;
        for (size_t i = 0; i < n_lets; i++) {
            if (cn_str_equal(cn_recipe_name(spec->recipe, i), spec->columns[c].name))
                let = (int32_t)i;
        }
        add_output(spec, spec->columns[c].name, let, c);
    }
    for (size_t i = 0; i < n_lets; i++) {
        struct cn_str name = cn_recipe_name(spec->recipe, i);
        if (look_up(spec, name).n_columns == 0)
            add_output(spec, name, (int32_t)i, 0);
    }
}

static void add_computed(struct cn_spec *spec) {
    for (size_t i = 0; i < cn_recipe_lets(spec->recipe); i++)
        add_output(spec, cn_recipe_name(spec->recipe, i), (int32_t)i, 0);
}

static enum cn_code add_names(struct cn_spec *spec, const struct cn_options *options,
                              struct cn_error *error) {
    for (size_t i = 0; i < options->n_select; i++) {
        struct place place = look_up(spec, options->select_names[i]);
        if (place.let >= 0)
            add_output(spec, cn_recipe_name(spec->recipe, (size_t)place.let), place.let, 0);
        else if (place.n_columns == 1)
            add_output(spec, spec->columns[place.column].name, -1, place.column);
        else
            return name_fault(place.n_columns ? CN_DUPLICATE_NAME : CN_UNKNOWN_COLUMN, "select",
                              options->select_names[i], error);
    }
    return CN_OK;
}

static enum cn_code drop_names(struct cn_spec *spec, const struct cn_options *options,
                               struct cn_error *error) {
    for (size_t i = 0; i < options->n_drop; i++) {
        struct place place = look_up(spec, options->drop[i]);
        size_t kept = 0;

        if (place.let < 0 && place.n_columns != 1)
            return name_fault(place.n_columns ? CN_DUPLICATE_NAME : CN_UNKNOWN_COLUMN, "drop",
                              options->drop[i], error);
        for (size_t o = 0; o < spec->n_outputs; o++) {
            if (!cn_str_equal(spec->outputs[o].name, options->drop[i]))
                spec->outputs[kept++] = spec->outputs[o];
        }
        spec->n_outputs = kept;
    }
    return CN_OK;
}

static enum cn_code rename_outputs(struct cn_spec *spec, const struct cn_options *options,
                                   struct cn_error *error) {
    struct cn_str *old = cn_arena_array(&spec->arena, spec->n_outputs, sizeof *old);

    if (!old)
        return cn_error_memory(error);
    for (size_t o = 0; o < spec->n_outputs; o++)
        old[o] = spec->outputs[o].name;
    for (size_t i = 0; i < options->n_rename; i++) {
        struct cn_str to = cn_arena_str(&spec->arena, options->rename[i].to);
        struct place place = look_up(spec, options->rename[i].from);
        if (!to.data)
            return cn_error_memory(error);
        if (place.let < 0 && place.n_columns != 1)
            return name_fault(place.n_columns ? CN_DUPLICATE_NAME : CN_UNKNOWN_COLUMN, "rename",
                              options->rename[i].from, error);
        for (size_t o = 0; o < spec->n_outputs; o++) {
            if (cn_str_equal(old[o], options->rename[i].from))
                spec->outputs[o].name = to;
        }
    }
    return CN_OK;
}

/* Hash set of names with open addressing: a quadratic check would take seconds on wide tables. */
static bool is_renamed(const struct cn_spec *spec, const struct cn_output *output) {
    return !cn_str_equal(output->name, output->let >= 0
                                           ? cn_recipe_name(spec->recipe, (size_t)output->let)
                                           : spec->columns[output->column].name);
}

/* `may_repeat`: names that came in alike may leave alike; a new name must still be its own. */
static enum cn_code check_distinct(struct cn_spec *spec, const char *parameter, bool may_repeat,
                                   struct cn_error *error) {
    size_t size = 16;
    uint32_t *slots;

    while (size < spec->n_outputs * 2)
        size *= 2;
    slots = cn_arena_array(&spec->arena, size, sizeof *slots);
    if (!slots)
        return cn_error_memory(error);
    memset(slots, 0, size * sizeof *slots);
    for (size_t o = 0; o < spec->n_outputs; o++) {
        struct cn_str name = spec->outputs[o].name;
        uint64_t hash = 1469598103934665603u; /* FNV-1a */
        size_t slot;
        for (size_t i = 0; i < name.len; i++)
            hash = (hash ^ (unsigned char)name.data[i]) * 1099511628211u;
        slot = (size_t)(hash ^ (hash >> 32)) & (size - 1);
        while (slots[slot] != 0) {
            const struct cn_output *other = &spec->outputs[slots[slot] - 1];
            if (cn_str_equal(other->name, name) &&
                (!may_repeat || is_renamed(spec, other) || is_renamed(spec, &spec->outputs[o]))) {
                cn_error_set_parameter(error, cn_str_c(parameter));
                cn_error_set_column(error, name);
                return cn_error_set(error, CN_DUPLICATE_NAME,
                                    "two columns of the reply would have the name '%.*s'",
                                    (int)(name.len < 200 ? name.len : 200), name.data);
            }
            slot = (slot + 1) & (size - 1);
        }
        slots[slot] = (uint32_t)o + 1;
    }
    return CN_OK;
}

static bool is_verbatim(const struct cn_spec *spec) {
    if (spec->source != CN_SOURCE_CSV || spec->n_outputs < spec->n_columns)
        return false;
    for (size_t c = 0; c < spec->n_columns; c++) {
        if (spec->outputs[c].let >= 0 || spec->outputs[c].column != c)
            return false;
    }
    for (size_t o = spec->n_columns; o < spec->n_outputs; o++) {
        if (spec->outputs[o].let < 0)
            return false;
    }
    return true;
}

enum cn_code cn_spec_lay_out(struct cn_spec *spec, const struct cn_options *options,
                             struct cn_error *error) {
    enum cn_select_kind select = options->select;
    size_t most = spec->n_columns + cn_recipe_lets(spec->recipe) + options->n_select;

    CN_TRY(check_lets(spec, error));
    spec->outputs = cn_arena_array(&spec->arena, most, sizeof *spec->outputs);
    if (!spec->outputs)
        return cn_error_memory(error);
    if (select == CN_SELECT_DEFAULT)
        select = spec->source == CN_SOURCE_CSV ? CN_SELECT_ALL : CN_SELECT_COMPUTED;
    if (select == CN_SELECT_ALL)
        add_all(spec);
    else if (select == CN_SELECT_COMPUTED)
        add_computed(spec);
    else
        CN_TRY(add_names(spec, options, error));
    CN_TRY(drop_names(spec, options, error));
    CN_TRY(rename_outputs(spec, options, error));
    spec->verbatim = is_verbatim(spec);
    /* A CSV may repeat a name, but only as it came in. */
    if (spec->sink == CN_SINK_JSON || options->n_rename > 0 || options->select == CN_SELECT_NAMES)
        CN_TRY(check_distinct(spec, options->n_rename > 0 ? "rename" : "select",
                              spec->sink == CN_SINK_CSV && options->select != CN_SELECT_NAMES,
                              error));
    return CN_OK;
}
