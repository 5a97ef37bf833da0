/*
 * openapi_types.c: the small language of types (api.h) as JSON Schema.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns/column.h"
#include "handlers/api.h"
#include "handlers/call.h"
#include "handlers/jobs.h"

enum { TYPE_BYTES = 64 };

/* ---- names that the code has --------------------------------------------------------------- */

static const char *name_executor(int i) {
    return i < CN_EXECUTOR_KIND_COUNT ? cn_executor_kind_name((enum cn_executor_kind)i) : NULL;
}

static const char *name_mode(int i) {
    return i < CN_MODE_COUNT ? cn_mode_name((enum cn_mode)i) : NULL;
}

static const char *name_stage(int i) {
    return i < CN_STAGE_UNACCOUNTED ? cn_stage_name((enum cn_stage)i) : NULL;
}

static const char *name_code(int i) {
    return i + 1 < CN_CODE_COUNT ? cn_code_name((enum cn_code)(i + 1)) : NULL;
}

static const char *name_job_state(int i) {
    return i < CN_DEFERRED_STATE_COUNT ? cn_deferred_state_name((enum cn_deferred_state)i) : NULL;
}

static const char *name_worker_state(int i) {
    return i <= CN_WORKER_DEAD ? cn_worker_state_name((enum cn_worker_state)i) : NULL;
}

static const char *name_function(int i) {
    return i < CN_CALL_FUNCTIONS ? cn_call_function_name((enum cn_call_function)i) : NULL;
}

static const char *name_type(int i) {
    return i < CN_TYPE_COUNT ? cn_type_name((enum cn_type)i) : NULL;
}

static const struct {
    const char *name;
    const char *(*get)(int i);
} enumerations[] = {
    {"executor", name_executor}, {"mode", name_mode},           {"stage", name_stage},
    {"code", name_code},         {"job_state", name_job_state}, {"worker_state", name_worker_state},
    {"function", name_function}, {"type", name_type},
};

/* ---- types --------------------------------------------------------------------------------- */

static void write_integer(struct cn_json_out *out, long long least, unsigned long long most) {
    cn_json_out_c(out, "type", "integer");
    cn_json_out_int(out, "minimum", least);
    if (most <= INT64_MAX)
        cn_json_out_int(out, "maximum", (int64_t)most);
}

static void write_names(struct cn_json_out *out, const char *(*get)(int i)) {
    cn_json_out_c(out, "type", "string");
    cn_json_out_open(out, "enum", '[');
    for (int i = 0; get(i); i++)
        cn_json_out_c(out, NULL, get(i));
    cn_json_out_close(out, ']');
}

static void write_known(struct cn_json_out *out, const char *name,
                        const struct cn_service *service) {
    if (strcmp(name, "workers") == 0)
        write_integer(out, 1, cn_service_limits(service)->max_workers);
    if (strcmp(name, "positive") == 0)
        write_integer(out, 1, UINT64_MAX);
    for (size_t i = 0; i < sizeof enumerations / sizeof enumerations[0]; i++)
        if (strcmp(name, enumerations[i].name) == 0)
            write_names(out, enumerations[i].get);
}

static void write_texts(struct cn_json_out *out, const char *texts) {
    cn_json_out_c(out, "type", "string");
    cn_json_out_open(out, "enum", '[');
    while (*texts) {
        size_t len = strcspn(texts, "|");
        cn_json_out_text(out, NULL, cn_str(texts, len));
        texts += len + (texts[len] == '|');
    }
    cn_json_out_close(out, ']');
}

static void write_named(struct cn_json_out *out, const char *type) {
    if (strcmp(type, "count") == 0) {
        write_integer(out, 0, UINT64_MAX);
    } else if (strcmp(type, "id") == 0) {
        cn_json_out_c(out, "type", "string");
        cn_json_out_c(out, "pattern", "^[0-9a-f]{32}$");
    } else if (strcmp(type, "time") == 0) {
        cn_json_out_c(out, "type", "string");
        cn_json_out_c(out, "format", "date-time");
    } else if (strcmp(type, "any") != 0) {
        cn_json_out_c(out, "type", type);
    }
}

static void write_reference(struct cn_json_out *out, const char *name) {
    char path[96];
    snprintf(path, sizeof path, "#/components/schemas/%s", name);
    cn_json_out_c(out, "$ref", path);
}

/* T and another one that is made of it, or null. */
static void write_either(struct cn_json_out *out, const char *type, bool or_array,
                         const struct cn_service *service) {
    cn_json_out_open(out, "anyOf", '[');
    cn_api_write_type(out, NULL, type, NULL, service);
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "type", or_array ? "array" : "null");
    if (or_array)
        cn_api_write_type(out, "items", type, NULL, service);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, ']');
}

/* "#A|#B" */
static void write_any_of(struct cn_json_out *out, const char *types,
                         const struct cn_service *service) {
    cn_json_out_open(out, "anyOf", '[');
    while (*types) {
        char type[TYPE_BYTES];
        size_t len = strcspn(types, "|");
        snprintf(type, sizeof type, "%.*s", (int)len, types);
        cn_api_write_type(out, NULL, type, NULL, service);
        types += len + (types[len] == '|');
    }
    cn_json_out_close(out, ']');
}

/* What is between brackets. */
static void write_inner(struct cn_json_out *out, const char *type,
                        const struct cn_service *service) {
    char inner[TYPE_BYTES];
    bool array = type[0] == '[';
    snprintf(inner, sizeof inner, "%.*s", (int)strlen(type) - 2, type + 1);
    cn_json_out_c(out, "type", array ? "array" : "object");
    cn_api_write_type(out, array ? "items" : "additionalProperties", inner, NULL, service);
}

static void write_form(struct cn_json_out *out, const char *type,
                       const struct cn_service *service) {
    size_t len = strlen(type);
    char text[TYPE_BYTES];
    snprintf(text, sizeof text, "%s", type);
    if (len > 0 && type[len - 1] == '?') {
        text[len - 1] = '\0';
        write_either(out, text, false, service);
    } else if (type[0] == '+') {
        write_either(out, type + 1, true, service);
    } else if (type[0] == '[' || type[0] == '{') {
        write_inner(out, type, service);
    } else if (type[0] == '#' && strchr(type, '|')) {
        write_any_of(out, type, service);
    } else if (type[0] == '#') {
        write_reference(out, type + 1);
    } else if (type[0] == '@') {
        write_known(out, type + 1, service);
    } else if (type[0] == '=') {
        write_texts(out, type + 1);
    } else if (type[0] >= '0' && type[0] <= '9') {
        char *end;
        long long least = strtoll(type, &end, 10);
        write_integer(out, least, strtoull(end + 2, &end, 10));
        if (*end == '=')
            cn_json_out_int(out, "default", strtoll(end + 1, NULL, 10));
    } else {
        write_named(out, type);
    }
}

void cn_api_write_type(struct cn_json_out *out, const char *key, const char *type, const char *help,
                       const struct cn_service *service) {
    cn_json_out_open(out, key, '{');
    write_form(out, type, service);
    if (help)
        cn_json_out_c(out, "description", help);
    cn_json_out_close(out, '}');
}

static void write_object(struct cn_json_out *out, const struct cn_api_schema *schema,
                         const struct cn_service *service) {
    cn_json_out_open(out, schema->name, '{');
    cn_json_out_c(out, "type", "object");
    if (schema->help)
        cn_json_out_c(out, "description", schema->help);
    cn_json_out_open(out, "properties", '{');
    for (const struct cn_api_member *member = schema->members; member->name; member++) {
        char name[TYPE_BYTES];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(member->name, "?"), member->name);
        cn_api_write_type(out, name, member->type, member->help, service);
    }
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "required", '[');
    for (const struct cn_api_member *member = schema->members; member->name; member++)
        if (!strchr(member->name, '?'))
            cn_json_out_c(out, NULL, member->name);
    cn_json_out_close(out, ']');
    cn_json_out_close(out, '}');
}

void cn_api_write_schemas(struct cn_json_out *out, const struct cn_api_schema *schemas,
                          const struct cn_service *service) {
    for (const struct cn_api_schema *schema = schemas; schema->name; schema++)
        write_object(out, schema, service);
}
