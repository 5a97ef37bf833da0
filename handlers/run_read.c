#include "handlers/run_read.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "handlers/json_in.h"
#include "handlers/run_read_inside.h"
#include "handlers/service.h"

#define COUNT(name_, type, member)                                                                 \
    {                                                                                              \
        .name = (name_), .kind = CN_IN_INT, .size = sizeof(((type *)0)->member),                   \
        .offset = offsetof(type, member),                                                          \
        .most = sizeof(((type *)0)->member) == 4 ? INT32_MAX : INT64_MAX                           \
    }

/* ---- names that are kept as static texts -------------------------------------------------- */

static enum cn_code read_operation(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const char *const known[] = {"compute", "map", "compare"};
    const struct cn_json_field field = {.kind = CN_IN_NAME};
    const char *name = NULL, **operation = target;
    CN_TRY(cn_json_in_value(in, &field, &name, error));
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i], name) == 0)
            *operation = known[i];
    return *operation ? CN_OK
                      : cn_json_in_wrong(in, cn_str_c(name), "compute, map or compare", error);
}

static enum cn_code read_executor(struct cn_json_in *in, void *target, struct cn_error *error) {
    const struct cn_json_field field = {.kind = CN_IN_NAME};
    const char *name = NULL, **executor = target;
    CN_TRY(cn_json_in_value(in, &field, &name, error));
    for (enum cn_executor_kind kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++)
        if (strcmp(cn_executor_kind_name(kind), name) == 0)
            *executor = cn_executor_kind_name(kind);
    return *executor
               ? CN_OK
               : cn_json_in_wrong(in, cn_str_c(name),
                                  "null, auto, serial, threads, processes, gil or dask", error);
}

static enum cn_code read_mode(struct cn_json_in *in, void *target, struct cn_error *error) {
    const struct cn_json_field field = {.kind = CN_IN_NAME};
    const char *name = NULL, **mode = target;
    CN_TRY(cn_json_in_value(in, &field, &name, error));
    for (enum cn_mode m = 0; m < CN_MODE_COUNT; m++)
        if (strcmp(cn_mode_name(m), name) == 0)
            *mode = cn_mode_name(m);
    return *mode ? CN_OK
                 : cn_json_in_wrong(in, cn_str_c(name), "null, vector, tuple or row", error);
}

/* "2026-11-22T18:00:00.123456Z" */
static enum cn_code read_time(struct cn_json_in *in, void *target, struct cn_error *error) {
    const struct cn_json_field field = {.kind = CN_IN_NAME};
    const char *text = NULL;
    int64_t *wall_ns = target;
    struct tm tm = {0};
    int micros = 0, used = 0;
    CN_TRY(cn_json_in_value(in, &field, &text, error));
    if (strlen(text) == 27 &&
        sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d.%6dZ%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &micros, &used) == 7 &&
        used == 27) {
        char again[32];
        tm.tm_year -= 1900;
        tm.tm_mon -= 1;
        /* Years that nanoseconds since 1970 can hold; whatever is no date reads differently. */
        if (tm.tm_year >= 70 && tm.tm_year < 300 && micros >= 0) {
            *wall_ns = (int64_t)timegm(&tm) * CN_NS_PER_SECOND + (int64_t)micros * 1000;
            cn_clock_format(*wall_ns, again);
            if (strcmp(again, text) == 0)
                return CN_OK;
        }
    }
    return cn_json_in_wrong(in, cn_str_c(text), "a time as in 2026-11-22T18:00:00.123456Z", error);
}

/* ---- small parts ------------------------------------------------------------------------- */

static enum cn_code read_line(struct cn_json_in *in, void *item, struct cn_error *error) {
    const struct cn_json_field field = {.kind = CN_IN_TEXT};
    return cn_json_in_value(in, &field, item, error);
}

static enum cn_code read_recipe(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct run_reading *reading = target;
    struct cn_json_items lines = {.size = sizeof(struct cn_str), .read = read_line};
    CN_TRY(cn_json_in_array(in, &lines, error));
    reading->record.recipe = lines.items;
    reading->record.n_recipe = lines.n;
    return CN_OK;
}

struct let_errors {
    struct cn_str name;
    uint64_t errors;
    struct let_errors *next;
};

static enum cn_code read_let(struct cn_json_in *in, struct cn_str name, void *target,
                             struct cn_error *error) {
    static const struct cn_json_field field = COUNT("errors", struct let_errors, errors);
    struct run_reading *reading = target;
    struct let_errors *let = cn_arena_zalloc(in->arena, sizeof *let);
    if (!let)
        return cn_error_memory(error);
    if (reading->record.n_lets == in->most)
        return cn_json_in_wrong(in, CN_STR(""), "one of fewer computed columns", error);
    CN_TRY(cn_json_in_value(in, &field, &let->errors, error));
    let->name = name;
    *reading->last_let = let;
    reading->last_let = &let->next;
    reading->record.n_lets++;
    return CN_OK;
}

static enum cn_code read_lets(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct run_reading *reading = target;
    struct cn_run_record *record = &reading->record;
    struct let_errors *first = NULL;
    reading->last_let = &first;
    CN_TRY(cn_json_in_members(in, read_let, reading, error));
    record->lets = cn_arena_array(in->arena, record->n_lets, sizeof *record->lets);
    record->errors = cn_arena_array(in->arena, record->n_lets, sizeof *record->errors);
    if (!record->lets || !record->errors)
        return cn_error_memory(error);
    size_t i = 0;
    for (const struct let_errors *let = first; let; let = let->next, i++) {
        record->lets[i] = let->name;
        record->errors[i] = let->errors;
    }
    return CN_OK;
}

static enum cn_code read_execution(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "executor", .kind = CN_IN_SKIP}, /* as in the run itself */
        {.name = "workers", .kind = CN_IN_SKIP},
        COUNT("chunks", struct run_reading, record.n_chunks),
        COUNT("chunk_rows", struct run_reading, record.chunk_rows),
        {.name = "mode", .kind = CN_IN_SKIP},
        {.name = "emulation", .kind = CN_IN_SKIP, .optional = true},
        {.name = "reason",
         .kind = CN_IN_NAME,
         .nullable = true,
         .offset = offsetof(struct run_reading, record.reason)},
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    return cn_json_in_object(in, &shape, target, error);
}

/* ---- the error ---------------------------------------------------------------------------- */

struct read_problem {
    const char *code;
    const char *detail;
    struct cn_str parameter;
    struct cn_str column;
    const char *limit;
    struct cn_str value;
    int64_t position;
    int64_t line;
    int64_t row;
};

#define PROBLEM_TEXT(kind_, member)                                                                \
    {                                                                                              \
        .name = #member, .kind = (kind_), .optional = true,                                        \
        .offset = offsetof(struct read_problem, member)                                            \
    }
#define PROBLEM_NUMBER(member)                                                                     \
    {                                                                                              \
        .name = #member, .kind = CN_IN_INT, .size = 8, .most = INT64_MAX, .optional = true,        \
        .offset = offsetof(struct read_problem, member)                                            \
    }

static enum cn_code settle_problem(struct cn_json_in *in, const struct read_problem *problem,
                                   struct cn_error *to, struct cn_error *error) {
    enum cn_code code = CN_OK + 1;
    while (code < CN_CODE_COUNT && strcmp(cn_code_name(code), problem->code) != 0)
        code++;
    if (code == CN_CODE_COUNT)
        return cn_json_in_wrong_member(in, "code", "the code of a problem, as in docs/errors.md",
                                       error);
    cn_error_init(to);
    cn_error_set(to, code, "%s", problem->detail);
    cn_error_set_parameter(to, problem->parameter);
    cn_error_set_column(to, problem->column);
    if (problem->value.data)
        cn_error_set_value(to, problem->value);
    if (problem->limit)
        cn_error_set_limit(to, problem->limit);
    to->position = problem->position;
    to->line = problem->line;
    to->row = problem->row;
    return CN_OK;
}

static enum cn_code read_problem(struct cn_json_in *in, void *target, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "type", .kind = CN_IN_SKIP}, /* follow from the code */
        {.name = "title", .kind = CN_IN_SKIP},
        {.name = "status", .kind = CN_IN_SKIP},
        {.name = "detail", .kind = CN_IN_NAME, .offset = offsetof(struct read_problem, detail)},
        {.name = "code", .kind = CN_IN_NAME, .offset = offsetof(struct read_problem, code)},
        {.name = "expression", .kind = CN_IN_SKIP, .optional = true},
        PROBLEM_TEXT(CN_IN_TEXT, parameter),
        PROBLEM_TEXT(CN_IN_TEXT, column),
        PROBLEM_TEXT(CN_IN_NAME, limit),
        PROBLEM_TEXT(CN_IN_TEXT, value),
        PROBLEM_NUMBER(position),
        PROBLEM_NUMBER(line),
        PROBLEM_NUMBER(row),
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct run_reading *reading = target;
    struct read_problem problem = {.position = -1, .line = -1, .row = -1};
    problem.parameter = problem.column = CN_STR("");
    CN_TRY(cn_json_in_object(in, &shape, &problem, error));
    CN_TRY(settle_problem(in, &problem, &reading->record.error, error));
    reading->record.failed = true;
    return CN_OK;
}

/* ---- the run ------------------------------------------------------------------------------ */

#define RECORD(member) .offset = offsetof(struct run_reading, record.member)

static const struct cn_json_field run_fields[] = {
    {.name = "id", .kind = CN_IN_ID, RECORD(id)},
    {.name = "started_at", .kind = CN_IN_CALL, .read = read_time, RECORD(started_at)},
    {.name = "operation", .kind = CN_IN_CALL, .read = read_operation, RECORD(operation)},
    {.name = "executor",
     .kind = CN_IN_CALL,
     .read = read_executor,
     .nullable = true,
     RECORD(executor)},
    {.name = "emulation", .kind = CN_IN_BOOL, .optional = true, RECORD(emulated)},
    COUNT("workers", struct run_reading, record.workers),
    {.name = "mode", .kind = CN_IN_CALL, .read = read_mode, .nullable = true, RECORD(mode)},
    COUNT("rows", struct run_reading, record.rows),
    {.name = "status",
     .kind = CN_IN_INT,
     .size = sizeof(int),
     .least = 0,
     .most = 599,
     RECORD(status)},
    COUNT("wall_ns", struct run_reading, wall_ns),
    {.name = "imported", .kind = CN_IN_BOOL, .optional = true, RECORD(imported)},
    {.name = "errors", .kind = CN_IN_CALL, .read = read_lets},
    {.name = "recipe", .kind = CN_IN_CALL, .read = read_recipe},
    {.name = "input_types", .kind = CN_IN_TEXT, RECORD(input_types)},
    {.name = "execution", .kind = CN_IN_CALL, .read = read_execution},
    {.name = "timing", .kind = CN_IN_CALL, .read = cn_run_read_timing},
    {.name = "send_ns", .kind = CN_IN_INT, .size = 8, .most = CN_RUN_MOST_NS, RECORD(send_ns)},
    {.name = "error", .kind = CN_IN_CALL, .read = read_problem, .nullable = true},
    {.name = "chunks", .kind = CN_IN_CALL, .read = cn_run_read_chunks},
    {.name = "input", .kind = CN_IN_CALL, .read = cn_run_read_input, .nullable = true},
    {.name = "request", .kind = CN_IN_CALL, .read = cn_run_read_request, .nullable = true},
    {.name = "machine", .kind = CN_IN_CALL, .read = cn_run_read_machine, .nullable = true},
    {.name = "comparison", .kind = CN_IN_CALL, .read = cn_run_read_comparison, .nullable = true},
};
static const struct cn_json_shape run_shape = CN_SHAPE(run_fields);

static enum cn_code read_run(struct cn_json_in *in, void *target, struct cn_error *error) {
    struct run_reading *reading = target;
    struct cn_run_record *record = &reading->record;
    *record = (struct cn_run_record){
        .reason = "", .input_types = CN_STR(""), .request = CN_STR(""), .document = CN_STR("")};
    CN_TRY(cn_json_in_object(in, &run_shape, reading, error));
    if (record->ledger.ended_ns != reading->wall_ns)
        return cn_json_in_wrong_member(in, "wall_ns", "what run.timing.wall_ns is", error);
    return CN_OK;
}

enum cn_code cn_run_record_read(struct cn_str document, struct cn_arena *arena,
                                struct cn_run_record *record, struct cn_error *error) {
    struct cn_json_in in;
    struct run_reading reading = {.max_depth = CN_RUN_SAVED_DEPTH};
    CN_TRY(cn_json_in_init(&in, document, "run", CN_RUN_SAVED_DEPTH, arena, error));
    in.most = CN_RUN_MOST_LINES_SAVED;
    CN_TRY(read_run(&in, &reading, error));
    *record = reading.record;
    return CN_OK;
}

/* ---- the file ----------------------------------------------------------------------------- */

/* A newer file may have members that nobody here knows: its version is looked at first. */
static enum cn_code check_version(struct cn_json_in *in, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "colonnade_run", .kind = CN_IN_INT, .size = 8, .least = 1, .most = INT64_MAX}};
    static const struct cn_json_shape shape = CN_SHAPE_OPEN(fields);
    int64_t version = 0;
    CN_TRY(cn_json_in_object(in, &shape, &version, error));
    if (version <= CN_RUN_FILE_VERSION)
        return CN_OK;
    cn_error_set_parameter(error, CN_STR("colonnade_run"));
    return cn_error_set(
        error, CN_INVALID_PARAMETER,
        "This file is of version %lld, written by a newer Colonnade; this one reads "
        "version %d.",
        (long long)version, CN_RUN_FILE_VERSION);
}

enum cn_code cn_run_file_read(struct cn_str text, size_t max_depth, struct cn_arena *arena,
                              struct cn_run_record *record, struct cn_error *error) {
    static const struct cn_json_field fields[] = {
        {.name = "colonnade_run", .kind = CN_IN_SKIP},
        {.name = "exported_at",
         .kind = CN_IN_CALL,
         .read = read_time,
         .offset = offsetof(struct run_reading, exported_at)},
        {.name = "run", .kind = CN_IN_CALL, .read = read_run},
        {.name = "trace", .kind = CN_IN_SKIP, .optional = true}, /* is made anew */
    };
    static const struct cn_json_shape shape = CN_SHAPE(fields);
    struct cn_json_in in;
    struct run_reading reading = {.max_depth = max_depth};
    CN_TRY(cn_json_in_init(&in, text, "", max_depth, arena, error));
    CN_TRY(check_version(&in, error));
    CN_TRY(cn_json_in_init(&in, text, "", max_depth, arena, error));
    in.most = CN_RUN_MOST_LINES;
    CN_TRY(cn_json_in_object(&in, &shape, &reading, error));
    *record = reading.record;
    record->imported = true;
    return CN_OK;
}
