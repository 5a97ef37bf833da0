#include "handlers/options_parse.h"
#include "handlers/shown.h"

#include <stdio.h>

static const char *type_text(const json_t *json) {
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "a whole number";
    case JSON_REAL:
        return "a number with a fraction or exponent";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a bool";
    default:
        return "null";
    }
}

enum cn_code cn_given_mistyped(const struct cn_given *given, const json_t *json, const char *wanted,
                               struct cn_error *error) {
    return cn_given_error(given, CN_INVALID_PARAMETER, error,
                          "%s is or holds %s, but in JSON it must be %s (%s)", given->name,
                          type_text(json), wanted, given->expected);
}

/* The key that jansson found twice: the string that ends at `position` in the text. */
static struct cn_str duplicate_key(struct cn_str text, int position) {
    size_t end = position > 0 ? (size_t)position : 0;
    if (end < 2 || end > text.len || text.data[end - 1] != '"')
        return cn_str("", 0);
    size_t start = end - 1;
    while (start > 0) {
        start--;
        if (text.data[start] != '"')
            continue;
        size_t slashes = 0;
        while (slashes < start && text.data[start - 1 - slashes] == '\\')
            slashes++;
        if (slashes % 2 == 0)
            return cn_str(text.data + start, end - start);
    }
    return cn_str("", 0);
}

static enum cn_code duplicate(const struct cn_given *given, int position, struct cn_error *error) {
    struct cn_str quoted = duplicate_key(given->value, position);
    json_t *key = quoted.len > 0
                      ? json_loadb(quoted.data, quoted.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL)
                      : NULL;
    struct cn_str name = cn_str("", 0);
    if (key != NULL)
        name = cn_str(json_string_value(key), json_string_length(key));
    enum cn_code code = CN_DUPLICATE_NAME;
    if (given->id == CN_OPTION_GENERATE)
        code = CN_INVALID_PARAMETER;
    else if (name.len > 0)
        cn_error_set_column(error, name);
    code = cn_given_error(given, code, error, "%s has two members '%.*s'", given->name,
                          CN_SHOWN(name));
    json_decref(key);
    return code;
}

enum cn_code cn_given_load(const struct cn_given *given, json_t **json, struct cn_error *error) {
    json_error_t fault;
    if (given->value.len > CN_OPTION_JSON_BYTES) {
        *json = NULL;
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "%s is longer than %u bytes, the most that an option may have",
                              given->name, CN_OPTION_JSON_BYTES);
    }
    *json = json_loadb(given->value.data, given->value.len,
                       JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &fault);
    if (*json != NULL)
        return CN_OK;
    switch (json_error_code(&fault)) {
    case json_error_out_of_memory:
        return cn_error_memory(error);
    case json_error_duplicate_key:
        return duplicate(given, fault.position, error);
    case json_error_null_byte_in_key:
        return cn_given_error(given, CN_INVALID_VALUE, error,
                              "a name in %s holds a NUL character (\\u0000), which no name can",
                              given->name);
    case json_error_numeric_overflow:
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "a number in %s is too large; %s must be %s", given->name,
                              given->name, given->expected);
    default:
        return cn_given_error(given, CN_INVALID_JSON, error,
                              "the value of %s is not valid JSON: %s", given->name, fault.text);
    }
}

/* ---- generate ----------------------------------------------------------------------------- */

static enum cn_code generate_rows(struct cn_options *options, const struct cn_given *given,
                                  const json_t *json, struct cn_error *error) {
    uint64_t most = options->limits->max_rows;
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "generate needs rows, a whole number, 0 or more");
    options->generate->rows = (uint64_t)json_integer_value(json);
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
                                     const json_t *json, struct cn_error *error) {
    struct cn_generate *generate = options->generate;
    size_t n = json_is_array(json) ? json_array_size(json) : 0;
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
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(json, i);
        if (!json_is_string(item) || json_string_length(item) == 0)
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "generate has a column that is %s; a column is a name",
                                  json_is_string(item) ? "the empty string" : type_text(item));
        generate->columns[i] = cn_json_text(item, options->arena);
        if (generate->columns[i].data == NULL)
            return cn_error_memory(error);
        CN_TRY(cn_name_check(given, generate->columns[i], error));
    }
    generate->n_columns = n;
    return cn_names_distinct(options, given, generate->columns, n, sizeof *generate->columns,
                             error);
}

static enum cn_code generate_rest(struct cn_options *options, const struct cn_given *given,
                                  const json_t *distribution, const json_t *seed,
                                  struct cn_error *error) {
    options->generate->normal = true;
    if (distribution != NULL) {
        struct cn_str word = {"", 0};
        if (json_is_string(distribution))
            word = cn_str(json_string_value(distribution), json_string_length(distribution));
        options->generate->normal = cn_str_is(word, "normal");
        if (!options->generate->normal && !cn_str_is(word, "uniform"))
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "generate has a distribution that is not \"normal\" or "
                                  "\"uniform\"");
    }
    if (seed != NULL) {
        if (!json_is_integer(seed) || json_integer_value(seed) < 0)
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "generate has a seed that is not a whole number, 0 or more");
        options->generate->seed = (uint64_t)json_integer_value(seed);
    }
    return CN_OK;
}

enum cn_code cn_generate_set_json(struct cn_options *options, const struct cn_given *given,
                                  const json_t *json, struct cn_error *error) {
    static const char *const members[] = {"rows", "columns", "distribution", "seed"};
    const json_t *values[4] = {NULL, NULL, NULL, NULL};
    if (!json_is_object(json))
        return cn_given_mistyped(given, json, "an object", error);
    json_t *object = (json_t *)(uintptr_t)json;
    for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
        struct cn_str key = cn_str(json_object_iter_key(at), json_object_iter_key_len(at));
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
        values[i] = json_object_iter_value(at);
    }
    struct cn_generate *generate = cn_arena_zalloc(options->arena, sizeof *generate);
    if (generate == NULL)
        return cn_error_memory(error);
    options->generate = generate;
    CN_TRY(generate_rows(options, given, values[0], error));
    CN_TRY(generate_columns(options, given, values[1], error));
    return generate_rest(options, given, values[2], values[3], error);
}
