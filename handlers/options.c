#include "handlers/options.h"

#include <stdarg.h>

#include "handlers/options_parse.h"
#include "handlers/query.h"
#include "handlers/shown.h"
#include "kernels/utf8.h"

/* ---- the table ---------------------------------------------------------------------------- */

struct choice {
    const char *name;
    int value;
};

static const struct choice executors[] = {{"auto", CN_EXECUTOR_AUTO},
                                          {"serial", CN_EXECUTOR_SERIAL},
                                          {"threads", CN_EXECUTOR_THREADS},
                                          {"processes", CN_EXECUTOR_PROCESSES},
                                          {"gil", CN_EXECUTOR_GIL},
                                          {"dask", CN_EXECUTOR_DASK},
                                          {NULL, 0}};
static const struct choice modes[] = {
    {"vector", CN_MODE_VECTOR}, {"tuple", CN_MODE_TUPLE}, {"row", CN_MODE_ROW}, {NULL, 0}};
static const struct choice overflows[] = {{"error", 0}, {"wrap", 1}, {NULL, 0}};
static const struct choice on_errors[] = {{"fail", 0}, {"null", 1}, {NULL, 0}};
static const struct choice nans[] = {{"null", CN_JSON_NAN_NULL},
                                     {"string", CN_JSON_NAN_STRING},
                                     {"error", CN_JSON_NAN_ERROR},
                                     {NULL, 0}};
static const struct choice headers[] = {{"present", 1}, {"absent", 0}, {NULL, 0}};
static const struct choice delimiters[] = {
    {"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"pipe", '|'}, {NULL, 0}};

struct row {
    const char *name;
    enum cn_option_form form;
    const char *expected;
    const struct choice *choices; /* CN_OPTION_FORM_CHOICE */
    uint64_t min, max;            /* CN_OPTION_FORM_NUMBER */
};

static const struct row rows[CN_OPTION_COUNT] = {
    [CN_OPTION_LET] = {"let", CN_OPTION_FORM_LET, "NAME=EXPRESSION", NULL, 0, 0},
    [CN_OPTION_SELECT] = {"select", CN_OPTION_FORM_LIST, "'all', 'computed' or names of columns",
                          NULL, 0, 0},
    [CN_OPTION_DROP] = {"drop", CN_OPTION_FORM_LIST, "names of columns", NULL, 0, 0},
    [CN_OPTION_RENAME] = {"rename", CN_OPTION_FORM_LIST, "pairs old:new", NULL, 0, 0},
    [CN_OPTION_LIMIT] = {"limit", CN_OPTION_FORM_NUMBER, "a whole number, 0 or more", NULL, 0,
                         INT64_MAX},
    [CN_OPTION_EXECUTOR] = {"executor", CN_OPTION_FORM_CHOICE,
                            "auto, serial, threads, processes, gil or dask", executors, 0, 0},
    [CN_OPTION_WORKERS] = {"workers", CN_OPTION_FORM_NUMBER, "a whole number, 1 or more", NULL, 1,
                           INT64_MAX},
    [CN_OPTION_CHUNK_ROWS] = {"chunk_rows", CN_OPTION_FORM_NUMBER, "a whole number, 1 or more",
                              NULL, 1, INT64_MAX},
    [CN_OPTION_MODE] = {"mode", CN_OPTION_FORM_CHOICE, "vector, tuple or row", modes, 0, 0},
    [CN_OPTION_REPEAT] = {"repeat", CN_OPTION_FORM_NUMBER, "a whole number from 1 to 1000", NULL, 1,
                          1000},
    [CN_OPTION_OVERFLOW] = {"overflow", CN_OPTION_FORM_CHOICE, "error or wrap", overflows, 0, 0},
    [CN_OPTION_ON_ERROR] = {"on_error", CN_OPTION_FORM_CHOICE, "fail or null", on_errors, 0, 0},
    [CN_OPTION_NAN] = {"nan", CN_OPTION_FORM_CHOICE, "null, string or error", nans, 0, 0},
    [CN_OPTION_TYPES] = {"types", CN_OPTION_FORM_LIST,
                         "pairs name:type, the type bool, int64, float64 or string", NULL, 0, 0},
    [CN_OPTION_NULLS] = {"nulls", CN_OPTION_FORM_LIST, "texts that mean null", NULL, 0, 0},
    [CN_OPTION_DELIMITER] = {"delimiter", CN_OPTION_FORM_DELIMITER,
                             "one ASCII character, or comma, semicolon, tab or pipe", NULL, 0, 0},
    [CN_OPTION_HEADER] = {"header", CN_OPTION_FORM_CHOICE, "present or absent", headers, 0, 0},
    [CN_OPTION_TIMEOUT_MS] = {"timeout_ms", CN_OPTION_FORM_NUMBER, "a whole number, 1 or more",
                              NULL, 1, INT64_MAX},
    [CN_OPTION_RETRIES] = {"retries", CN_OPTION_FORM_NUMBER, "a whole number from 0 to 10", NULL, 0,
                           10},
    [CN_OPTION_GENERATE] = {"generate", CN_OPTION_FORM_GENERATE,
                            "an object with rows, columns, distribution and seed", NULL, 0, 0},
};

const char *cn_option_name(enum cn_option_id id) {
    return rows[id].name;
}

/* ---- errors ------------------------------------------------------------------------------- */

enum cn_code cn_given_error(const struct cn_given *given, enum cn_code code, struct cn_error *error,
                            const char *format, ...) {
    char detail[sizeof error->detail];
    va_list list;
    va_start(list, format);
    vsnprintf(detail, sizeof detail, format, list);
    va_end(list);
    cn_error_set_parameter(error, cn_str_c(given->name));
    cn_error_set_value(error, given->value);
    return cn_error_set(error, code, "%s", detail);
}

enum cn_code cn_given_invalid(const struct cn_given *given, struct cn_error *error) {
    if (given->value.len == 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error, "%s is empty, but must be %s",
                              given->name, given->expected);
    return cn_given_error(given, CN_INVALID_PARAMETER, error, "%s is '%.*s', but must be %s",
                          given->name, CN_SHOWN(given->value), given->expected);
}

/* ---- plain values ------------------------------------------------------------------------- */

static void choose(struct cn_options *options, enum cn_option_id id, int value) {
    switch (id) {
    case CN_OPTION_EXECUTOR:
        options->executor = (enum cn_executor_kind)value;
        break;
    case CN_OPTION_OVERFLOW:
        options->wrap_overflow = value != 0;
        break;
    case CN_OPTION_ON_ERROR:
        options->null_on_error = value != 0;
        break;
    case CN_OPTION_NAN:
        options->nan = (enum cn_json_nan)value;
        break;
    case CN_OPTION_HEADER:
        options->header = value != 0;
        break;
    default:
        options->mode = (enum cn_mode)value;
        break;
    }
}

/* The inverse of choose(). */
static int chosen(const struct cn_options *options, enum cn_option_id id) {
    switch (id) {
    case CN_OPTION_EXECUTOR:
        return (int)options->executor;
    case CN_OPTION_OVERFLOW:
        return options->wrap_overflow;
    case CN_OPTION_ON_ERROR:
        return options->null_on_error;
    case CN_OPTION_NAN:
        return (int)options->nan;
    case CN_OPTION_HEADER:
        return options->header;
    default:
        return (int)options->mode;
    }
}

static enum cn_code set_choice(struct cn_options *options, const struct cn_given *given,
                               struct cn_error *error) {
    for (const struct choice *choice = rows[given->id].choices; choice->name; choice++) {
        if (!cn_str_is(given->value, choice->name))
            continue;
        choose(options, given->id, choice->value);
        return CN_OK;
    }
    return cn_given_invalid(given, error);
}

static enum cn_code set_number(struct cn_options *options, const struct cn_given *given,
                               uint64_t value, struct cn_error *error) {
    const struct row *row = &rows[given->id];
    uint64_t max_workers = options->limits->max_workers;
    if (value < row->min || value > row->max)
        return cn_given_invalid(given, error);
    switch (given->id) {
    case CN_OPTION_LIMIT:
        options->has_limit = true;
        options->limit = value;
        return CN_OK;
    case CN_OPTION_WORKERS:
        if (value > max_workers) {
            cn_error_set_limit(error, "--max-workers");
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "workers is %.*s, but must be a whole number from 1 to %llu "
                                  "(--max-workers)",
                                  CN_SHOWN(given->value), (unsigned long long)max_workers);
        }
        options->workers = value;
        return CN_OK;
    case CN_OPTION_CHUNK_ROWS:
        options->chunk_rows = value;
        return CN_OK;
    case CN_OPTION_REPEAT:
        options->repeat = value;
        return CN_OK;
    case CN_OPTION_RETRIES:
        options->retries = (int)value;
        return CN_OK;
    default:
        options->timeout_ms = value;
        return CN_OK;
    }
}

static enum cn_code set_number_text(struct cn_options *options, const struct cn_given *given,
                                    struct cn_error *error) {
    uint64_t value = 0;
    if (given->value.len == 0)
        return cn_given_invalid(given, error);
    for (size_t i = 0; i < given->value.len; i++) {
        char c = given->value.data[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(c - '0'), &value))
            return cn_given_invalid(given, error);
    }
    return set_number(options, given, value, error);
}

static enum cn_code set_delimiter(struct cn_options *options, const struct cn_given *given,
                                  struct cn_error *error) {
    for (const struct choice *choice = delimiters; choice->name; choice++) {
        if (cn_str_is(given->value, choice->name)) {
            options->delimiter = (char)choice->value;
            return CN_OK;
        }
    }
    if (given->value.len != 1)
        return cn_given_invalid(given, error);
    char c = given->value.data[0];
    if ((c < ' ' && c != '\t') || c > '~' || c == '"')
        return cn_given_invalid(given, error);
    options->delimiter = c;
    return CN_OK;
}

/* ---- the ways in -------------------------------------------------------------------------- */

void cn_options_init(struct cn_options *options, struct cn_arena *arena,
                     const struct cn_service_limits *limits) {
    *options = (struct cn_options){.arena = arena,
                                   .limits = limits,
                                   .select = CN_SELECT_DEFAULT,
                                   .executor = CN_EXECUTOR_AUTO,
                                   .repeat = 1,
                                   .retries = -1,
                                   .nan = CN_JSON_NAN_NULL,
                                   .header = true};
}

void cn_option_look(enum cn_option_id id, struct cn_option_look *look) {
    const struct row *row = &rows[id];
    struct cn_options options;
    *look = (struct cn_option_look){row->form, row->name, row->expected, row->min, row->max, NULL};
    cn_options_init(&options, NULL, NULL);
    for (const struct choice *choice = row->choices; choice && choice->name; choice++)
        if (choice->value == chosen(&options, id))
            look->standard = choice->name;
}

const char *cn_option_choice(enum cn_option_id id, size_t i) {
    const struct choice *choice =
        rows[id].form == CN_OPTION_FORM_DELIMITER ? delimiters : rows[id].choices;
    for (; choice && choice->name && i > 0; i--)
        choice++;
    return choice ? choice->name : NULL;
}

/* Finds the option's row and refuses repeats. */
static enum cn_code begin(struct cn_options *options, struct cn_given *given, struct cn_str name,
                          struct cn_error *error) {
    size_t id = 0;
    while (id < CN_OPTION_COUNT && !cn_str_is(name, rows[id].name))
        id++;
    if (id == CN_OPTION_COUNT)
        return cn_option_unknown(name, given->source, error);
    given->id = (enum cn_option_id)id;
    given->name = rows[id].name;
    given->expected = rows[id].expected;
    uint64_t bit = UINT64_C(1) << id;
    bool repeatable = id == CN_OPTION_LET && given->source != CN_OPTION_JSON;
    if ((options->seen & bit) != 0 && !repeatable)
        return cn_given_error(given, CN_INVALID_PARAMETER, error, "%s is given twice", given->name);
    options->seen |= bit;
    return CN_OK;
}

enum cn_code cn_options_set(struct cn_options *options, enum cn_option_source source,
                            struct cn_str name, struct cn_str value, struct cn_str raw,
                            struct cn_error *error) {
    struct cn_given given = {.source = source, .value = value, .raw = raw};
    CN_TRY(begin(options, &given, name, error));
    size_t valid = cn_utf8_check(value.data, value.len);
    if (valid < value.len || memchr(value.data, 0, value.len) != NULL) {
        given.value = cn_str(NULL, 0);
        return cn_given_error(&given, CN_INVALID_PARAMETER, error, "%s must be %s; it %s",
                              given.name, given.expected,
                              valid < value.len ? "is not UTF-8" : "holds a NUL byte");
    }
    switch (rows[given.id].form) {
    case CN_OPTION_FORM_LET:
        return cn_let_set(options, &given, error);
    case CN_OPTION_FORM_LIST:
        return cn_list_set(options, &given, error);
    case CN_OPTION_FORM_CHOICE:
        return set_choice(options, &given, error);
    case CN_OPTION_FORM_NUMBER:
        return set_number_text(options, &given, error);
    case CN_OPTION_FORM_DELIMITER:
        return set_delimiter(options, &given, error);
    default:
        return cn_given_error(&given, CN_INVALID_PARAMETER, error,
                              "generate is a member of a JSON body and cannot stand in a %s",
                              source == CN_OPTION_QUERY ? "query string" : "form");
    }
}

/* Hands a JSON string to the setter for texts. */
static enum cn_code set_string(struct cn_options *options, const struct cn_given *given,
                               const struct cn_json *json, struct cn_error *error) {
    if (json->type != CN_JSON_STRING)
        return cn_given_mistyped(given, json, "a string", error);
    struct cn_given text = *given;
    text.value = json->text;
    return rows[given->id].form == CN_OPTION_FORM_CHOICE ? set_choice(options, &text, error)
                                                         : set_delimiter(options, &text, error);
}

enum cn_code cn_options_set_json(struct cn_options *options, struct cn_str name,
                                 struct cn_str value, struct cn_error *error) {
    struct cn_given given = {.source = CN_OPTION_JSON, .value = value, .raw = value};
    CN_TRY(begin(options, &given, name, error));
    const struct cn_json *json = NULL;
    CN_TRY(cn_given_load(&given, options->arena, &json, error));
    switch (rows[given.id].form) {
    case CN_OPTION_FORM_LET:
        return cn_let_set_json(options, &given, json, error);
    case CN_OPTION_FORM_LIST:
        return cn_list_set_json(options, &given, json, error);
    case CN_OPTION_FORM_NUMBER:
        if (json->type != CN_JSON_INTEGER)
            return cn_given_mistyped(&given, json, "a whole number", error);
        if (json->integer < 0)
            return cn_given_invalid(&given, error);
        return set_number(options, &given, (uint64_t)json->integer, error);
    case CN_OPTION_FORM_GENERATE:
        return cn_generate_set_json(options, &given, json, error);
    default:
        return set_string(options, &given, json, error);
    }
}

enum cn_code cn_options_set_query(struct cn_options *options, const char *query_text,
                                  struct cn_error *error) {
    struct cn_query query;
    struct cn_query_pair pair;
    cn_query_init(&query, query_text, options->arena);
    for (;;) {
        CN_TRY(cn_query_next(&query, &pair, error));
        if (!pair.found)
            return CN_OK;
        CN_TRY(cn_options_set(options, CN_OPTION_QUERY, pair.name, pair.value, pair.raw, error));
    }
}
