/*
 * map_read.c: the body of a map request: which function, over what, and how.
 */
#include <math.h>

#include "handlers/map.h"
#include "handlers/shown.h"
#include "kernels/number.h"

#define DEFAULT_SECONDS 2.0
#define DEFAULT_ITERATIONS 5000000u
/* Estimates of costs. */
#define ITERATION_NS 5.0
#define CALL_NS 150.0
#define VALUE_NS 50.0

static const char *const members[] = {"function", "args",    "seconds", "iterations", "chunksize",
                                      "executor", "workers", "repeat",  "timeout_ms", "retries"};
enum member {
    MEMBER_FUNCTION,
    MEMBER_ARGS,
    MEMBER_SECONDS,
    MEMBER_ITERATIONS,
    MEMBER_CHUNKSIZE,
    MEMBER_EXECUTOR,
    MEMBER_COUNT = sizeof members / sizeof *members
};

struct reader {
    struct cn_map_request *request;
    struct cn_options *options;
    struct cn_arena *arena;
    struct cn_str values[MEMBER_COUNT]; /* data is NULL where there is none */
    size_t n_values;                    /* commas in args, about */
};

/* ---- errors -------------------------------------------------------------------------------- */

static enum cn_code fail(enum cn_code code, enum member member, struct cn_str value,
                         const char *detail, struct cn_error *error) {
    cn_error_set_parameter(error, cn_str_c(members[member]));
    if (value.data)
        cn_error_set_value(error, value);
    return cn_error_set(error, code, "%s", detail);
}

static enum cn_code fail_value(enum member member, struct cn_str value, const char *expected,
                               struct cn_error *error) {
    cn_error_set_parameter(error, cn_str_c(members[member]));
    cn_error_set_value(error, value);
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s is %.*s, but must be %s", members[member],
                        CN_SHOWN(value), expected);
}

/* ---- numbers ------------------------------------------------------------------------------- */

static bool read_whole(struct cn_str text, uint64_t least, uint64_t most, uint64_t *number) {
    int64_t value;
    if (!cn_int64_parse(text.data, text.len, &value, NULL) || text.data[0] == '+' || value < 0)
        return false;
    *number = (uint64_t)value;
    return *number >= least && *number <= most;
}

static enum cn_code read_seconds(struct cn_str text, double *seconds, struct cn_error *error) {
    /* What JSON knows as words begins with a letter, and a string with a quote. */
    bool number = text.data[0] == '-' || (text.data[0] >= '0' && text.data[0] <= '9');
    if (!number || !cn_double_parse(text.data, text.len, seconds) || !isfinite(*seconds) ||
        *seconds < 0)
        return fail_value(MEMBER_SECONDS, text, "a number, 0 or more, or an array of such", error);
    return CN_OK;
}

static enum cn_code read_iterations(struct cn_str text, uint64_t *iterations,
                                    struct cn_error *error) {
    if (!read_whole(text, 0, CN_CALL_MAX_ITERATIONS, iterations))
        return fail_value(MEMBER_ITERATIONS, text,
                          "a whole number from 0 to 9007199254740992, or an array of such", error);
    return CN_OK;
}

/* One parameter of each call. */
struct each {
    enum member member;
    uint64_t *values;
    size_t n;
    size_t room;
    double iterations; /* the sum */
};

static enum cn_code take_parameter(void *context, size_t index, struct cn_str element,
                                   struct cn_error *error) {
    struct each *each = context;
    double seconds;

    each->n = index + 1;
    if (index >= each->room)
        return CN_OK; /* counted on, for the error */
    if (each->member == MEMBER_ITERATIONS) {
        CN_TRY(read_iterations(element, &each->values[index], error));
        each->iterations += (double)each->values[index];
        return CN_OK;
    }
    CN_TRY(read_seconds(element, &seconds, error));
    memcpy(&each->values[index], &seconds, sizeof seconds);
    return CN_OK;
}

static enum cn_code read_each(struct reader *reader, enum member member, struct cn_error *error) {
    struct cn_map_request *request = reader->request;
    struct cn_str text = reader->values[member];
    struct each each = {.member = member, .room = request->n_calls};

    each.values = cn_arena_array(reader->arena, request->n_calls + 1, sizeof *each.values);
    if (!each.values)
        return cn_error_memory(error);
    enum cn_code code = cn_call_values_walk(text, reader->arena, take_parameter, &each, error);
    if (code == CN_NOT_FINITE)
        cn_error_set_parameter(error, cn_str_c(members[member]));
    CN_TRY(code);
    if (each.n != request->n_calls) {
        cn_error_set_parameter(error, cn_str_c(members[member]));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "%s has %zu elements, but args has %zu: there must be one for each, or "
                            "one number for all",
                            members[member], each.n, request->n_calls);
    }
    request->parameters = (const char *)each.values;
    request->plan.each = 1;
    request->estimate_ns = ITERATION_NS * each.iterations;
    return CN_OK;
}

/* ---- args ---------------------------------------------------------------------------------- */

struct cutting {
    struct reader *reader;
    size_t room; /* for cuts */
    uint64_t max_calls;
};

static enum cn_code take_arg(void *context, size_t index, struct cn_str element,
                             struct cn_error *error) {
    struct cutting *cutting = context;
    struct cn_map_request *request = cutting->reader->request;
    size_t task = (size_t)(index / request->chunksize);

    request->n_calls = index + 1;
    if (index >= cutting->max_calls)
        return CN_OK; /* counted on, for the error */
    if (task == cutting->room) {
        size_t room = cutting->room ? 2 * cutting->room : 64;
        struct cn_map_cut *cuts = cn_arena_array(cutting->reader->arena, room, sizeof *cuts);
        if (!cuts)
            return cn_error_memory(error);
        if (cutting->room)
            memcpy(cuts, request->cuts, cutting->room * sizeof *cuts);
        request->cuts = cuts;
        cutting->room = room;
    }
    if (index % request->chunksize == 0)
        request->cuts[task].start = element.data;
    request->cuts[task].end = element.data + element.len;
    request->n_tasks = task + 1;
    return CN_OK;
}

static enum cn_code read_args(struct reader *reader, struct cn_error *error) {
    struct cn_str text = reader->values[MEMBER_ARGS];
    struct cutting cutting = {.reader = reader, .max_calls = reader->options->limits->max_calls};

    if (!text.data)
        return fail(CN_INVALID_PARAMETER, MEMBER_ARGS, text,
                    "args is missing: an array of the arguments, one for each call", error);
    if (text.data[0] != '[')
        return fail_value(MEMBER_ARGS, text, "an array of the arguments, one for each call", error);
    enum cn_code code = cn_call_values_walk(text, reader->arena, take_arg, &cutting, error);
    if (code == CN_NOT_FINITE)
        cn_error_set_parameter(error, CN_STR("args"));
    CN_TRY(code);
    if (reader->request->n_calls > cutting.max_calls) {
        cn_error_set_parameter(error, CN_STR("args"));
        cn_error_set_limit(error, "--max-calls");
        return cn_error_set(error, CN_LIMIT_EXCEEDED,
                            "args has %zu elements; the limit is %llu (--max-calls)",
                            reader->request->n_calls, (unsigned long long)cutting.max_calls);
    }
    for (size_t i = 0; i < text.len; i++)
        reader->n_values += text.data[i] == ',';
    return CN_OK;
}

/* ---- the function and its parameters ------------------------------------------------------- */

static enum cn_code read_function(struct reader *reader, struct cn_error *error) {
    struct cn_str text = reader->values[MEMBER_FUNCTION];
    struct cn_str name = text;

    if (!text.data)
        return fail(CN_INVALID_PARAMETER, MEMBER_FUNCTION, text,
                    "function is missing: it must be long_io, long_comp or calc_hash", error);
    if (text.data[0] != '"')
        return fail_value(MEMBER_FUNCTION, text, "a string: long_io, long_comp or calc_hash",
                          error);
    struct cn_json_scan scan;
    struct cn_json_string string;
    cn_json_scan_init(&scan, text, 1, reader->arena);
    CN_TRY(cn_json_scan_string(&scan, &string, error));
    name = cn_json_string_text(&string, reader->arena);
    if (!name.data)
        return cn_error_memory(error);
    for (unsigned i = 0; i < CN_CALL_FUNCTIONS; i++) {
        if (cn_str_is(name, cn_call_function_name(i))) {
            reader->request->plan.function = i;
            return CN_OK;
        }
    }
    cn_error_set_parameter(error, CN_STR("function"));
    cn_error_set_value(error, name);
    return cn_error_set(error, CN_UNKNOWN_FUNCTION,
                        "there is no function '%.*s'; there are long_io, long_comp and calc_hash",
                        CN_SHOWN(name));
}

static enum cn_code read_parameters(struct reader *reader, struct cn_error *error) {
    struct cn_map_request *request = reader->request;
    struct cn_str seconds = reader->values[MEMBER_SECONDS];
    struct cn_str iterations = reader->values[MEMBER_ITERATIONS];
    uint32_t function = request->plan.function;

    if (seconds.data && function != CN_CALL_LONG_IO)
        return fail(CN_INVALID_PARAMETER, MEMBER_SECONDS, seconds, "seconds is for long_io alone",
                    error);
    if (iterations.data && function != CN_CALL_LONG_COMP)
        return fail(CN_INVALID_PARAMETER, MEMBER_ITERATIONS, iterations,
                    "iterations is for long_comp alone", error);
    if (seconds.data && seconds.data[0] == '[')
        return read_each(reader, MEMBER_SECONDS, error);
    if (iterations.data && iterations.data[0] == '[')
        return read_each(reader, MEMBER_ITERATIONS, error);
    if (seconds.data)
        CN_TRY(read_seconds(seconds, &request->plan.seconds, error));
    if (iterations.data)
        CN_TRY(read_iterations(iterations, &request->plan.iterations, error));
    if (function == CN_CALL_LONG_COMP)
        request->estimate_ns =
            ITERATION_NS * (double)request->plan.iterations * (double)request->n_calls;
    return CN_OK;
}

static enum cn_code write_recipe(struct reader *reader, struct cn_error *error) {
    struct cn_map_request *request = reader->request;
    const char *name = cn_call_function_name(request->plan.function);
    char line[96], number[CN_DOUBLE_TEXT];

    if (request->plan.function == CN_CALL_HASH) {
        snprintf(line, sizeof line, "%s(i)", name);
    } else if (request->plan.function == CN_CALL_LONG_COMP) {
        if (request->plan.each)
            snprintf(line, sizeof line, "%s(i, iterations=[...])", name);
        else
            snprintf(line, sizeof line, "%s(i, iterations=%llu)", name,
                     (unsigned long long)request->plan.iterations);
    } else if (request->plan.each) {
        snprintf(line, sizeof line, "%s(i, seconds=[...])", name);
    } else {
        int len = (int)cn_double_format(request->plan.seconds, number);
        snprintf(line, sizeof line, "%s(i, seconds=%.*s)", name, len, number);
    }
    request->recipe = cn_arena_strndup(reader->arena, line, strlen(line));
    return request->recipe ? CN_OK : cn_error_memory(error);
}

/* ---- members ------------------------------------------------------------------------------- */

static enum member find_member(struct cn_str name) {
    enum member id = MEMBER_FUNCTION;
    while (id < MEMBER_COUNT && !cn_str_is(name, members[id]))
        id++;
    return id;
}

bool cn_map_is_member(struct cn_str name) {
    return find_member(name) < MEMBER_COUNT;
}

static enum cn_code take_member(struct reader *reader, const struct cn_json_member *member,
                                bool experiment, struct cn_error *error) {
    enum member id = find_member(member->name);
    if (id == MEMBER_COUNT) {
        cn_error_set_parameter(error, member->name);
        return cn_error_set(
            error, CN_UNKNOWN_PARAMETER,
            "there is no member '%.*s'; a map takes function, args, seconds, "
            "iterations, chunksize, executor, workers, repeat, timeout_ms and retries",
            CN_SHOWN(member->name));
    }
    if (experiment && id >= MEMBER_CHUNKSIZE)
        return fail(CN_INVALID_PARAMETER, id, member->value,
                    "this is for the experiment to say, not for its workload", error);
    if (id >= MEMBER_EXECUTOR)
        return cn_options_set_json(reader->options, member->name, member->value, error);
    if (reader->values[id].data)
        return fail(CN_INVALID_PARAMETER, id, member->value, "the member is there more than once",
                    error);
    reader->values[id] = member->value;
    return CN_OK;
}

static enum cn_code read_document(struct reader *reader, struct cn_str text, bool experiment,
                                  struct cn_error *error) {
    const struct cn_service_limits *limits = reader->options->limits;
    const struct cn_json_limits json = {.max_depth = (size_t)limits->max_json_depth};
    struct cn_json_document document;

    enum cn_code code = cn_json_read_document(text, &json, reader->arena, &document, error);
    if (code == CN_INVALID_PARAMETER && error) {
        /* It speaks of columns. */
        bool columns = error->parameter[0] != '\0';
        cn_error_init(error);
        if (columns)
            code = CN_OK;
        else
            return cn_error_set(error, code,
                                "the JSON text is valid, but not an object; expected "
                                "{\"function\": NAME, \"args\": [...], ...}");
        document.has_columns = true;
    }
    CN_TRY(code);
    if (document.has_columns) {
        struct cn_json_member columns = {CN_STR("columns"), CN_STR("")};
        return take_member(reader, &columns, experiment, error);
    }
    reader->request->plain = true;
    for (size_t i = 0; i < document.n_members; i++)
        CN_TRY(take_member(reader, &document.members[i], experiment, error));
    return CN_OK;
}

enum cn_code cn_map_read(struct cn_map_request *request, struct cn_options *options,
                         struct cn_str text, bool experiment, struct cn_error *error) {
    struct reader reader = {.request = request, .options = options, .arena = options->arena};

    *request = (struct cn_map_request){
        .chunksize = 1, .plan = {.seconds = DEFAULT_SECONDS, .iterations = DEFAULT_ITERATIONS}};
    CN_TRY(read_document(&reader, text, experiment, error));
    struct cn_str chunksize = reader.values[MEMBER_CHUNKSIZE];
    if (chunksize.data && !read_whole(chunksize, 1, INT64_MAX, &request->chunksize))
        return fail_value(MEMBER_CHUNKSIZE, chunksize, "a whole number, 1 or more", error);
    CN_TRY(read_function(&reader, error));
    CN_TRY(read_args(&reader, error));
    CN_TRY(read_parameters(&reader, error));
    if (request->plan.function == CN_CALL_HASH)
        request->estimate_ns =
            CALL_NS * (double)request->n_calls + VALUE_NS * (double)reader.n_values;
    return write_recipe(&reader, error);
}
