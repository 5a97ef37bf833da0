#include "handlers/options_parse.h"
#include "handlers/shown.h"

#include <stdio.h>

static const char *type_text(const struct cn_json *json) {
    switch (json->type) {
    case CN_JSON_OBJECT:
        return "an object";
    case CN_JSON_ARRAY:
        return "an array";
    case CN_JSON_STRING:
        return "a string";
    case CN_JSON_INTEGER:
        return "a whole number";
    case CN_JSON_REAL:
        return "a number with a fraction or exponent";
    case CN_JSON_BOOL:
        return "a bool";
    default:
        return "null";
    }
}

enum cn_code cn_given_mistyped(const struct cn_given *given, const struct cn_json *json,
                               const char *wanted, struct cn_error *error) {
    return cn_given_error(given, CN_INVALID_PARAMETER, error,
                          "%s is or holds %s, but in JSON it must be %s (%s)", given->name,
                          type_text(json), wanted, given->expected);
}

static enum cn_code twice(const struct cn_given *given, struct cn_str name,
                          struct cn_error *error) {
    enum cn_code code = CN_DUPLICATE_NAME;
    if (given->id == CN_OPTION_GENERATE)
        code = CN_INVALID_PARAMETER;
    else if (name.len > 0)
        cn_error_set_column(error, name);
    return cn_given_error(given, code, error, "%s has two members '%.*s'", given->name,
                          CN_SHOWN(name));
}

enum cn_code cn_given_load(const struct cn_given *given, struct cn_arena *arena,
                           const struct cn_json **json, struct cn_error *error) {
    struct cn_json_doubt doubt;
    if (given->value.len > CN_OPTION_JSON_BYTES)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "%s is longer than %u bytes, the most that an option may have",
                              given->name, CN_OPTION_JSON_BYTES);
    switch (cn_json_tree(given->value, arena, json, &doubt)) {
    case CN_JSON_SOUND:
        return CN_OK;
    case CN_JSON_NO_MEMORY:
        return cn_error_memory(error);
    case CN_JSON_TWICE:
        return twice(given, doubt.name, error);
    case CN_JSON_NUL_NAME:
        return cn_given_error(given, CN_INVALID_VALUE, error,
                              "a name in %s holds a NUL character (\\u0000), which no name can",
                              given->name);
    case CN_JSON_TOO_LARGE:
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "a number in %s is too large; %s must be %s", given->name,
                              given->name, given->expected);
    default:
        return cn_given_error(given, CN_INVALID_JSON, error,
                              "the value of %s is not valid JSON: %s", given->name,
                              doubt.error.detail);
    }
}

/* ---- generate ----------------------------------------------------------------------------- */

static enum cn_code generate_rows(struct cn_options *options, const struct cn_given *given,
                                  const struct cn_json *json, struct cn_error *error) {
    uint64_t most = options->limits->max_rows;
    if (!json || json->type != CN_JSON_INTEGER || json->integer < 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "generate needs rows, a whole number, 0 or more");
    options->generate->rows = (uint64_t)json->integer;
    if (options->generate->rows > most) {
        cn_error_set_limit(error, "--max-rows");
        return cn_given_error(given, CN_LIMIT_EXCEEDED, error,
                              "generate asks for %llu rows; the limit is %llu (--max-rows)",
                              (unsigned long long)options->generate->rows,
                              (unsigned long long)most);
    }
    return CN_OK;
}

static enum cn_code generate_columns(struct cn_options *options, const struct cn_given *given,
                                     const struct cn_json *json, struct cn_error *error) {
    struct cn_generate *generate = options->generate;
    size_t n = json && json->type == CN_JSON_ARRAY ? json->n : 0;
    if (n == 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "generate needs columns, an array of one or more names");
    if (n > options->limits->max_columns) {
        cn_error_set_limit(error, "--max-columns");
        return cn_given_error(given, CN_LIMIT_EXCEEDED, error,
                              "generate asks for %zu columns; the limit is %llu (--max-columns)", n,
                              (unsigned long long)options->limits->max_columns);
    }
    generate->columns = cn_arena_array(options->arena, n, sizeof *generate->columns);
    if (generate->columns == NULL)
        return cn_error_memory(error);
    for (const struct cn_json *item = json->first; item; item = item->next) {
        if (cn_json_string(item).len == 0)
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "generate has a column that is %s; a column is a name",
                                  item->type == CN_JSON_STRING ? "the empty string"
                                                               : type_text(item));
        generate->columns[generate->n_columns++] = item->text;
        CN_TRY(cn_name_check(given, item->text, error));
    }
    return cn_names_distinct(options, given, generate->columns, n, sizeof *generate->columns,
                             error);
}

static enum cn_code generate_rest(struct cn_options *options, const struct cn_given *given,
                                  const struct cn_json *distribution, const struct cn_json *seed,
                                  struct cn_error *error) {
    options->generate->normal = true;
    if (distribution != NULL) {
        struct cn_str word = cn_json_string(distribution);
        options->generate->normal = cn_str_is(word, "normal");
        if (!options->generate->normal && !cn_str_is(word, "uniform"))
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "generate has a distribution that is not \"normal\" or "
                                  "\"uniform\"");
    }
    if (seed != NULL) {
        if (seed->type != CN_JSON_INTEGER || seed->integer < 0)
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "generate has a seed that is not a whole number, 0 or more");
        options->generate->seed = (uint64_t)seed->integer;
    }
    return CN_OK;
}

enum cn_code cn_generate_set_json(struct cn_options *options, const struct cn_given *given,
                                  const struct cn_json *json, struct cn_error *error) {
    static const char *const members[] = {"rows", "columns", "distribution", "seed"};
    const struct cn_json *values[4] = {NULL, NULL, NULL, NULL};
    if (json->type != CN_JSON_OBJECT)
        return cn_given_mistyped(given, json, "an object", error);
    for (const struct cn_json *at = json->first; at; at = at->next) {
        struct cn_str key = at->key;
        size_t i = 0;
        while (i < 4 && !cn_str_is(key, members[i]))
            i++;
        if (i == 4) {
            char parameter[64];
            snprintf(parameter, sizeof parameter, "generate.%.*s", (int)cn_shown(key, 48).len,
                     key.data);
            cn_error_set_parameter(error, cn_str_c(parameter));
            return cn_error_set(error, CN_UNKNOWN_PARAMETER,
                                "generate has an unknown member '%.*s'; it takes rows, columns, "
                                "distribution and seed",
                                CN_SHOWN(key));
        }
        values[i] = at;
    }
    struct cn_generate *generate = cn_arena_zalloc(options->arena, sizeof *generate);
    if (generate == NULL)
        return cn_error_memory(error);
    options->generate = generate;
    CN_TRY(generate_rows(options, given, values[0], error));
    CN_TRY(generate_columns(options, given, values[1], error));
    return generate_rest(options, given, values[2], values[3], error);
}
