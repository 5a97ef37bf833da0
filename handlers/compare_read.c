/*
 * compare_read.c: the body of a comparison.
 */
#include <inttypes.h>

#include "columns/json.h"
#include "handlers/compare_lists.h"
#include "handlers/origin.h"
#include "handlers/shown.h"

#define MOST_REPEAT 1000
#define MEMBERS 8 /* that a comparison has */
#define MOST_TIMEOUT_MS ((uint64_t)INT64_MAX)

static bool parse_executor(struct cn_str word, uint64_t *value) {
    for (int kind = 0; kind < CN_EXECUTOR_KIND_COUNT; kind++) {
        if (!cn_str_is(word, cn_executor_kind_name((enum cn_executor_kind)kind)))
            continue;
        *value = (uint64_t)kind;
        return true;
    }
    return false;
}

static bool parse_mode(struct cn_str word, uint64_t *value) {
    for (int mode = 0; mode < CN_MODE_COUNT; mode++) {
        if (!cn_str_is(word, cn_mode_name((enum cn_mode)mode)))
            continue;
        *value = (uint64_t)mode;
        return true;
    }
    return false;
}

static enum cn_code read_document(struct cn_exchange *exchange, struct cn_str text,
                                  struct cn_json_document *document, struct cn_error *error) {
    const struct cn_service_limits *limits = cn_exchange_limits(exchange);
    const struct cn_json_limits json_limits = {.max_depth = limits->max_json_depth,
                                               .max_columns = limits->max_columns,
                                               .max_rows = limits->max_rows};
    CN_TRY(cn_json_read_document(text, &json_limits, &exchange->arena, document, error));
    /* More members than there are to know: one of the first is unknown, or stands there twice. */
    for (size_t i = 0; i < document->n_members && i <= MEMBERS; i++)
        for (size_t k = 0; k < i; k++)
            if (cn_str_equal(document->members[i].name, document->members[k].name)) {
                cn_error_set_parameter(error, document->members[i].name);
                return cn_error_set(error, CN_INVALID_PARAMETER, "'%.*s' stands there twice",
                                    CN_SHOWN(document->members[i].name));
            }
    return CN_OK;
}

/* ---- the workload ----------------------------------------------------------------------- */

static enum cn_code refuse_workload(struct cn_str parameter, enum cn_code code,
                                    struct cn_error *error) {
    cn_error_set_parameter(error, parameter);
    return cn_error_set(error, code,
                        "a workload is an object with one member: compute, a body as that of "
                        "/v1/compute, or map, one as that of /v1/map");
}

static enum cn_code read_workload(struct cn_compare *compare, struct cn_str text,
                                  struct cn_error *error) {
    struct cn_json_document document;
    struct cn_compare_settings *settings = &compare->settings;

    if (text.len == 0 || text.data[0] != '{')
        return refuse_workload(CN_STR("workload"), CN_INVALID_PARAMETER, error);
    CN_TRY(read_document(compare->exchange, text, &document, error));
    if (document.has_columns)
        return refuse_workload(CN_STR("columns"), CN_UNKNOWN_PARAMETER, error);
    for (size_t i = 0; i < document.n_members; i++) {
        const struct cn_json_member *member = &document.members[i];
        bool compute = cn_str_is(member->name, "compute");
        if (!compute && !cn_str_is(member->name, "map"))
            return refuse_workload(member->name, CN_UNKNOWN_PARAMETER, error);
        if (member->value.len == 0 || member->value.data[0] != '{')
            return refuse_workload(member->name, CN_INVALID_PARAMETER, error);
        *(compute ? &settings->compute : &settings->map) = member->value;
    }
    if (document.n_members != 1)
        return refuse_workload(CN_STR("workload"), CN_INVALID_PARAMETER, error);
    return CN_OK;
}

/* ---- the members ------------------------------------------------------------------------ */

static enum cn_code read_executors(struct cn_compare *compare,
                                   const struct cn_compare_member *member, struct cn_error *error) {
    struct cn_compare_list *list = &compare->settings.executors;

    CN_TRY(cn_compare_words(member, parse_executor,
                            "serial, gil, threads, processes, dask or auto, or a list of them",
                            list, error));
    for (size_t i = 0; i < list->n; i++)
        CN_TRY(cn_executor_available(compare->exchange->service,
                                     (enum cn_executor_kind)list->values[i], member->name, error));
    return CN_OK;
}

static enum cn_code read_member(struct cn_compare *compare, const struct cn_json_member *from,
                                struct cn_error *error) {
    struct cn_compare_settings *settings = &compare->settings;
    uint64_t max_workers = compare->exchange->service->limits.max_workers;
    struct cn_compare_member member = {.text = from->value, .arena = &compare->exchange->arena};

#define IS(text) cn_str_is(from->name, (member.name = (text)))
    if (IS("workload"))
        return read_workload(compare, from->value, error);
    if (IS("executors"))
        return read_executors(compare, &member, error);
    if (IS("workers"))
        return cn_compare_numbers(&member, 1, max_workers, "--max-workers", &settings->workers,
                                  error);
    if (IS("modes"))
        return cn_compare_words(&member, parse_mode, "row, tuple or vector, or a list of them",
                                &settings->modes, error);
    if (IS("chunk_rows"))
        return cn_compare_numbers(&member, 0, INT64_MAX, NULL, &settings->chunk_rows, error);
    if (IS("rows"))
        return cn_compare_numbers(&member, 1, INT64_MAX, NULL, &settings->rows, error);
    if (IS("repeat"))
        return cn_compare_number(&member, 1, MOST_REPEAT, &settings->repeat, error);
    if (IS("timeout_ms"))
        return cn_compare_number(&member, 1, MOST_TIMEOUT_MS, &settings->timeout_ms, error);
#undef IS
    cn_error_set_parameter(error, from->name);
    return cn_error_set(error, CN_UNKNOWN_PARAMETER,
                        "a comparison has no member '%.*s'; it takes workload, executors, workers, "
                        "modes, chunk_rows, rows, repeat and timeout_ms",
                        CN_SHOWN(from->name));
}

/* ---- what was not said, and what does not go together ----------------------------------- */

static enum cn_code set_default(struct cn_compare *compare, struct cn_compare_list *list,
                                const uint64_t *values, size_t n, struct cn_error *error) {
    if (list->given)
        return CN_OK;
    list->values = cn_arena_array(&compare->exchange->arena, n, sizeof *list->values);
    if (!list->values)
        return cn_error_memory(error);
    memcpy(list->values, values, n * sizeof *values);
    list->n = n;
    return CN_OK;
}

static enum cn_code set_defaults(struct cn_compare *compare, struct cn_error *error) {
    static const uint64_t executors[] = {CN_EXECUTOR_SERIAL, CN_EXECUTOR_THREADS,
                                         CN_EXECUTOR_PROCESSES, CN_EXECUTOR_DASK};
    static const uint64_t mode = CN_MODE_VECTOR, zero = 0;
    const struct cn_service *service = compare->exchange->service;
    struct cn_compare_settings *settings = &compare->settings;
    uint64_t usable = (uint64_t)service->cpus.usable;
    uint64_t most = service->limits.max_workers;
    const uint64_t workers[] = {1, usable < most ? usable : most};
    struct cn_cluster cluster;
    bool remote = cn_cluster_read(service, &cluster) && cluster.connected && cluster.workers > 0;

    if (settings->repeat == 0)
        settings->repeat = CN_COMPARE_REPEAT;
    CN_TRY(set_default(compare, &settings->executors, executors, remote ? 4 : 3, error));
    CN_TRY(set_default(compare, &settings->workers, workers, workers[1] > 1 ? 2 : 1, error));
    CN_TRY(set_default(compare, &settings->modes, &mode, 1, error));
    CN_TRY(set_default(compare, &settings->chunk_rows, &zero, 1, error));
    return set_default(compare, &settings->rows, &zero, 1, error);
}

/* A map workload has calls: no rows that could be handed over in one way or another. */
static enum cn_code check_map(const struct cn_compare_settings *settings, struct cn_error *error) {
    const struct {
        const char *name;
        bool given;
    } members[] = {{"modes", settings->modes.given}, {"rows", settings->rows.given}};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!members[i].given)
            continue;
        cn_error_set_parameter(error, cn_str_c(members[i].name));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "%s does not apply to a map workload, which has calls and no rows",
                            members[i].name);
    }
    return CN_OK;
}

static enum cn_code check_rows(const struct cn_compare *compare, struct cn_error *error) {
    const struct cn_compare_list *rows = &compare->settings.rows;
    uint64_t most = cn_exchange_limits(compare->exchange)->max_rows;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->values[i] <= most)
            continue;
        cn_error_set_parameter(error, CN_STR("rows"));
        cn_error_set_limit(error, "--max-rows");
        return cn_error_set(error, CN_LIMIT_EXCEEDED,
                            "rows asks for %" PRIu64 " of them; the limit is %" PRIu64
                            " (--max-rows)",
                            rows->values[i], most);
    }
    return CN_OK;
}

static enum cn_code check(const struct cn_compare *compare, struct cn_error *error) {
    const struct cn_compare_settings *settings = &compare->settings;
    if (!settings->compute.data && !settings->map.data) {
        cn_error_set_parameter(error, CN_STR("workload"));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "a comparison needs a workload: {\"workload\": {\"compute\": {...}}} "
                            "or {\"workload\": {\"map\": {...}}}");
    }
    if (settings->map.data)
        CN_TRY(check_map(settings, error));
    return check_rows(compare, error);
}

/* The body is the whole request unless its workload holds data. A text that is too long to be kept
 * is not looked at for that here: the workload's own reading tells. */
static void note_origin(struct cn_compare *compare) {
    const struct cn_compare_settings *settings = &compare->settings;
    struct cn_origin *origin = compare->exchange->origin;
    struct cn_str text = cn_buf_str(&compare->body);
    struct cn_json_document document = {0};

    if (text.len > CN_ORIGIN_REQUEST_BYTES)
        return;
    if (settings->compute.data &&
        read_document(compare->exchange, settings->compute, &document, NULL) != CN_OK)
        return;
    if (document.has_columns)
        cn_origin_upload(origin, CN_ORIGIN_JSON);
    else
        cn_origin_json(origin, text);
}

/* `timeout_ms` counts from the request line on, and can only shorten the service's deadline. */
static enum cn_code read_body(struct cn_compare *compare, struct cn_error *error) {
    struct cn_json_document document;

    CN_TRY(read_document(compare->exchange, cn_buf_str(&compare->body), &document, error));
    if (document.has_columns) {
        cn_error_set_parameter(error, CN_STR("columns"));
        return cn_error_set(error, CN_UNKNOWN_PARAMETER,
                            "columns stand in the workload: {\"workload\": {\"compute\": "
                            "{\"columns\": {...}, \"let\": {...}}}}");
    }
    enum cn_code code = CN_OK;
    for (size_t i = 0; code == CN_OK && i < document.n_members; i++)
        code = read_member(compare, &document.members[i], error);
    note_origin(compare);
    CN_TRY(code);
    CN_TRY(check(compare, error));
    CN_TRY(set_defaults(compare, error));
    cn_exchange_shorten_deadline(compare->exchange, compare->settings.timeout_ms);
    return CN_OK;
}

enum cn_code cn_compare_settle(struct cn_compare *compare, struct cn_error *error) {
    CN_TRY(read_body(compare, error));
    CN_TRY(cn_compare_lay_out(compare, error));
    compare->settled = true;
    return CN_OK;
}
