/*
 * check.c: POST /v1/check: the types, the canonical recipe and all errors of a recipe over columns
 * of given types. Nothing is computed, so it is answered on the connection's thread.
 */
#include "handlers/endpoint_reply.h"
#include "handlers/job.h"
#include "handlers/endpoints.h"
#include "handlers/negotiate.h"
#include "handlers/options_parse.h"
#include "handlers/problem.h"
#include "handlers/query.h"
#include "handlers/runs.h"
#include "handlers/shown.h"

/* Errors that are listed beside one for each let. */
#define MOST_ERRORS 256

#define BODY_MAX (4u << 20)

struct check {
    struct cn_buf body;
    struct cn_options options;
    struct cn_schema_column *columns;
    size_t n_columns;
    /* what the check gives, one for each let */
    enum cn_type *types;
    bool *failed;
    struct cn_buf *prints;
    struct cn_error *errors;
    size_t n_errors;
};

/* ---- the body ----------------------------------------------------------------------------- */

static enum cn_code too_large(const struct cn_service_limits *limits, struct cn_error *error) {
    if (limits->max_body_bytes < BODY_MAX) {
        cn_error_set_limit(error, "--max-body-bytes");
        return cn_error_set(error, CN_BODY_TOO_LARGE,
                            "the body is larger than %llu bytes (--max-body-bytes)",
                            (unsigned long long)limits->max_body_bytes);
    }
    return cn_error_set(error, CN_BODY_TOO_LARGE,
                        "the body is larger than %u bytes, the most that a check takes", BODY_MAX);
}

static uint64_t body_max(const struct cn_exchange *exchange) {
    uint64_t most = cn_exchange_limits(exchange)->max_body_bytes;
    return most < BODY_MAX ? most : BODY_MAX;
}

static enum cn_code check_open(struct cn_exchange *exchange, struct cn_error *error) {
    struct cn_body_type type;
    CN_TRY(cn_query_none(exchange->query, &exchange->arena, error));
    const char *content_type = exchange->ops->header(exchange, "Content-Type");
    CN_TRY(cn_negotiate_body(content_type, NULL, true, &type, error));
    if (type.kind != CN_BODY_JSON && type.kind != CN_BODY_UNSTATED)
        return cn_error_set(error, CN_UNSUPPORTED_MEDIA_TYPE,
                            "a check takes application/json, not '%.*s'",
                            CN_SHOWN(cn_str_c(content_type)));
    CN_TRY(cn_exchange_expect_coded(exchange, true, error));
    if (exchange->content_length > 0 && (uint64_t)exchange->content_length > body_max(exchange))
        return too_large(cn_exchange_limits(exchange), error);
    struct check *check = cn_arena_zalloc(&exchange->arena, sizeof *check);
    if (check == NULL)
        return cn_error_memory(error);
    cn_buf_init(&check->body);
    cn_options_init(&check->options, &exchange->arena, cn_exchange_limits(exchange));
    exchange->state = check;
    cn_ledger_enter(&exchange->ledger, CN_STAGE_RECEIVE, cn_clock_now());
    return CN_OK;
}

static enum cn_body_verdict check_body(struct cn_exchange *exchange, const char *data, size_t len) {
    struct check *check = exchange->state;
    if (len > body_max(exchange) - check->body.len) {
        too_large(cn_exchange_limits(exchange), &exchange->error);
        return CN_BODY_REFUSE;
    }
    if (!cn_buf_add(&check->body, data, len)) {
        cn_error_memory(&exchange->error);
        return CN_BODY_REFUSE;
    }
    return CN_BODY_MORE;
}

static void check_broken(struct cn_exchange *exchange, const struct cn_error *error) {
    cn_record_plain(exchange, exchange->service->checks, "check", cn_code_status(error->code),
                    error);
}

static enum cn_code read_columns(struct check *check, struct cn_arena *arena,
                                 const struct cn_given *given, const struct cn_json *json,
                                 struct cn_error *error) {
    size_t n = json->n;
    if (n > check->options.limits->max_columns) {
        cn_error_set_limit(error, "--max-columns");
        return cn_given_error(given, CN_LIMIT_EXCEEDED, error,
                              "there are %zu columns; the limit is %llu (--max-columns)", n,
                              (unsigned long long)check->options.limits->max_columns);
    }
    check->columns = cn_arena_array(arena, n ? n : 1, sizeof *check->columns);
    if (check->columns == NULL)
        return cn_error_memory(error);
    for (const struct cn_json *at = json->first; at; at = at->next) {
        struct cn_schema_column *column = &check->columns[check->n_columns++];
        *column = (struct cn_schema_column){.name = at->key};
        struct cn_str type = cn_json_string(at);
        if (!cn_type_parse(type, &column->type)) {
            cn_error_set_column(error, column->name);
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "the column '%.*s' has the type '%.*s', but a type is \"bool\", "
                                  "\"int64\", \"float64\" or \"string\"",
                                  CN_SHOWN(column->name), CN_SHOWN(type));
        }
    }
    return CN_OK;
}

static enum cn_code load_columns(struct check *check, struct cn_arena *arena, struct cn_str text,
                                 struct cn_error *error) {
    struct cn_given given = {.id = CN_OPTION_TYPES,
                             .name = "columns",
                             .expected = "an object of names and types",
                             .source = CN_OPTION_JSON,
                             .value = text,
                             .raw = text};
    const struct cn_json *json = NULL;
    CN_TRY(cn_given_load(&given, arena, &json, error));
    return read_columns(check, arena, &given, json, error);
}

static enum cn_code read_member(struct check *check, const struct cn_json_member *member,
                                struct cn_error *error) {
    static const char *const known[] = {"let", "overflow", "on_error"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (cn_str_is(member->name, known[i]))
            return cn_options_set_json(&check->options, member->name, member->value, error);
    }
    cn_error_set_parameter(error, member->name);
    return cn_error_set(
        error, CN_UNKNOWN_PARAMETER,
        "a check has no member '%.*s'; it takes columns, let, overflow and on_error",
        CN_SHOWN(member->name));
}

static enum cn_code read_body(struct cn_exchange *exchange, struct check *check,
                              struct cn_error *error) {
    const struct cn_service_limits *limits = cn_exchange_limits(exchange);
    struct cn_json_limits json_limits = {.max_depth = limits->max_json_depth,
                                         .max_columns = limits->max_columns,
                                         .max_rows = limits->max_rows};
    struct cn_json_document document;
    CN_TRY(cn_json_read_document(cn_buf_str(&check->body), &json_limits, &exchange->arena,
                                 &document, error));
    for (size_t i = 0; i < document.n_members; i++)
        CN_TRY(read_member(check, &document.members[i], error));
    if (!document.has_columns) {
        cn_error_set_parameter(error, CN_STR("columns"));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "a check needs columns, an object of names and types: "
                            "{\"columns\": {\"a\": \"float64\"}, \"let\": {...}}");
    }
    return load_columns(check, &exchange->arena, document.columns, error);
}

/* ---- the check and its reply -------------------------------------------------------------- */

static enum cn_code run(struct cn_exchange *exchange, struct check *check, struct cn_error *error) {
    struct cn_options *options = &check->options;
    const struct cn_compile_options compile = {.wrap_overflow = options->wrap_overflow,
                                               .null_on_error = options->null_on_error,
                                               .keys = exchange->service->keys,
                                               .table_preimage = -1};
    const struct cn_schema schema = {.columns = check->columns, .n_columns = check->n_columns};
    size_t n = options->n_lets;
    size_t most = n < MOST_ERRORS ? n + MOST_ERRORS : n + 1;
    struct cn_arena *arena = &exchange->arena;
    check->types = cn_arena_array(arena, n + 1, sizeof *check->types);
    check->failed = cn_arena_zalloc(arena, n + 1);
    check->errors = cn_arena_array(arena, most, sizeof *check->errors);
    struct cn_buf *prints = cn_arena_array(arena, n + 1, sizeof *prints);
    if (!check->types || !check->failed || !check->errors || !prints)
        return cn_error_memory(error);
    for (size_t i = 0; i < n; i++) {
        cn_buf_init(&prints[i]);
        check->types[i] = CN_TYPE_NULL;
    }
    check->prints = prints;
    if (n > 0)
        check->n_errors =
            cn_expr_check(options->lets, n, &schema, &compile, &options->limits->expression,
                          check->types, check->failed, prints, check->errors, most);
    for (size_t i = 0; i < check->n_errors; i++) {
        /* no memory: nothing that is wrong with the recipe */
        if (cn_code_status(check->errors[i].code) >= 500) {
            *error = check->errors[i];
            return error->code;
        }
    }
    return CN_OK;
}

static void write_errors(struct cn_json_out *out, struct check *check) {
    cn_json_out_open(out, "errors", '[');
    for (size_t i = 0; i < check->n_errors; i++) {
        struct cn_error *error = &check->errors[i];
        const char *expression = NULL;
        if (error->let >= 0 && (size_t)error->let < check->options.n_lets) {
            const struct cn_let *let = &check->options.lets[error->let];
            expression = let->text.data;
            cn_error_set_column(error, let->name);
        }
        cn_error_set_parameter(error, CN_STR("let"));
        cn_problem_member(out, NULL, error, expression);
    }
    cn_json_out_close(out, ']');
}

static void write_document(struct cn_json_out *out, struct check *check) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_bool(out, "valid", check->n_errors == 0);
    cn_json_out_open(out, "types", '{');
    for (size_t i = 0; i < check->options.n_lets; i++) {
        /* names end with a NUL and hold none: both are the doing of the options */
        if (!check->failed[i])
            cn_json_out_c(out, check->options.lets[i].name.data, cn_type_name(check->types[i]));
    }
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "recipe", '[');
    for (size_t i = 0; i < check->options.n_lets; i++) {
        struct cn_str line = cn_buf_str(&check->prints[i]);
        if (line.len > 0 && line.data[line.len - 1] == '\n')
            line.len--;
        if (line.len > 0)
            cn_json_out_text(out, NULL, line);
    }
    cn_json_out_close(out, ']');
    write_errors(out, check);
    cn_json_out_close(out, '}');
}

static void add_timing(struct cn_exchange *exchange) {
    cn_ledger_end(&exchange->ledger, cn_clock_now());
    cn_reply_add_timing(exchange, &exchange->ledger);
}

static void check_finish(struct cn_exchange *exchange) {
    struct check *check = exchange->state;
    struct cn_error error;
    cn_error_init(&error);
    cn_ledger_enter(&exchange->ledger, CN_STAGE_DECODE, cn_clock_now());
    enum cn_code code = read_body(exchange, check, &error);
    if (code == CN_OK) {
        cn_ledger_enter(&exchange->ledger, CN_STAGE_PLAN, cn_clock_now());
        code = run(exchange, check, &error);
    }
    if (code != CN_OK) {
        add_timing(exchange);
        cn_record_plain(exchange, exchange->service->checks, "check", cn_code_status(code), &error);
        cn_exchange_fail(exchange, &error, NULL);
        return;
    }
    cn_ledger_enter(&exchange->ledger, CN_STAGE_ENCODE, cn_clock_now());
    struct cn_buf buf = CN_BUF_INIT;
    struct cn_json_out out;
    cn_json_out_init(&out, &buf);
    write_document(&out, check);
    add_timing(exchange);
    cn_record_plain(exchange, exchange->service->checks, "check", 200, NULL);
    cn_endpoint_reply_json(exchange, 200, &out);
}

static void check_gone(struct cn_exchange *exchange) {
    (void)exchange; /* finish replies at once: there is nothing to stop */
}

static void check_close(struct cn_exchange *exchange) {
    struct check *check = exchange->state;
    for (size_t i = 0; check->prints != NULL && i < check->options.n_lets; i++)
        cn_buf_release(&check->prints[i]);
    cn_buf_release(&check->body);
}

const struct cn_endpoint cn_endpoint_check = {
    .methods = "POST",
    .path = "/v1/check",
    .operation = CN_OPERATION_CHECK,
    .takes_body = true,
    .works = true,
    .open = check_open,
    .body = check_body,
    .broken = check_broken,
    .finish = check_finish,
    .gone = check_gone,
    .close = check_close,
};
