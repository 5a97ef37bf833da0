#include "handlers/openapi.h"

#include <stdio.h>
#include <string.h>

#include "expr/expr.h"
#include "handlers/api.h"
#include "handlers/exchange.h"
#include "handlers/session.h"

struct writing {
    struct cn_json_out out;
    const struct cn_service *service;
    const struct cn_endpoint *const *endpoints;
    size_t n;
};

/* ---- bodies -------------------------------------------------------------------------------- */

static void write_media(struct writing *writing, const char *media, const char *type) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, media, '{');
    cn_api_write_type(out, "schema", type ? type : "string", NULL, writing->service);
    cn_json_out_close(out, '}');
}

/* What /v1/compute takes: CSV with options in the query, JSON, a form; and bytes of no stated type.
 */
static void write_compute_body(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "content", '{');
    write_media(writing, "application/json", "#ComputeRequest");
    write_media(writing, "text/csv", NULL);
    write_media(writing, "text/tab-separated-values", NULL);
    write_media(writing, "multipart/form-data", "#ComputeForm");
    write_media(writing, "application/octet-stream", NULL);
    cn_json_out_close(out, '}');
}

static void write_body(struct writing *writing, const char *body) {
    struct cn_json_out *out = &writing->out;
    if (!body)
        return;
    cn_json_out_open(out, "requestBody", '{');
    cn_json_out_bool(out, "required", strcmp(body, "#Session") != 0);
    if (strcmp(body, "@compute") == 0) {
        write_compute_body(writing);
    } else {
        cn_json_out_open(out, "content", '{');
        write_media(writing, "application/json", body);
        cn_json_out_close(out, '}');
    }
    cn_json_out_close(out, '}');
}

/* ---- replies ------------------------------------------------------------------------------- */

/* Those of one status, from `reply` on; returns the first one behind them. */
static const struct cn_api_reply *write_status(struct writing *writing,
                                               const struct cn_api_reply *reply,
                                               const struct cn_api_reply *end, bool body) {
    struct cn_json_out *out = &writing->out;
    int status = reply->status;
    char key[8];
    snprintf(key, sizeof key, "%d", status);
    cn_json_out_open(out, key, '{');
    cn_json_out_c(out, "description", reply->help ? reply->help : "");
    bool content = body && reply->media;
    if (content)
        cn_json_out_open(out, "content", '{');
    for (; reply < end && reply->status == status; reply++)
        if (content)
            write_media(writing, reply->media, reply->type);
    if (content)
        cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
    return reply;
}

static void write_responses(struct writing *writing, const struct cn_api_operation *operation,
                            bool body) {
    struct cn_json_out *out = &writing->out;
    const struct cn_api_reply *end = operation->replies;
    while (end < operation->replies + CN_API_REPLIES && end->status > 0)
        end++;
    cn_json_out_open(out, "responses", '{');
    for (const struct cn_api_reply *reply = operation->replies; reply < end;)
        reply = write_status(writing, reply, end, body);
    cn_json_out_open(out, "default", '{');
    cn_json_out_c(out, "$ref", "#/components/responses/Problem");
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

/* ---- operations ---------------------------------------------------------------------------- */

static void write_reference(struct cn_json_out *out, const char *path) {
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "$ref", path);
    cn_json_out_close(out, '}');
}

static void write_parameters(struct writing *writing, const struct cn_endpoint *endpoint,
                             const struct cn_api_operation *operation) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "parameters", '[');
    for (int i = 0; i < CN_API_PARAMETERS && operation->query[i].name; i++) {
        const struct cn_api_parameter *parameter = &operation->query[i];
        cn_json_out_open(out, NULL, '{');
        cn_json_out_c(out, "name", parameter->name);
        cn_json_out_c(out, "in", "query");
        cn_json_out_c(out, "description", parameter->help);
        cn_api_write_type(out, "schema", parameter->type, NULL, writing->service);
        cn_json_out_close(out, '}');
    }
    if (operation->operation == CN_OPERATION_COMPUTE)
        cn_api_write_options_query(out, writing->service);
    if (endpoint->deferrable || operation->operation == CN_OPERATION_JOB ||
        operation->operation == CN_OPERATION_JOB_RESULT)
        write_reference(out, "#/components/parameters/Prefer");
    cn_json_out_close(out, ']');
}

static void write_operation(struct writing *writing, const struct cn_endpoint *endpoint,
                            const char *method, const char *described) {
    struct cn_json_out *out = &writing->out;
    const struct cn_api_operation *operation = cn_api_operation(endpoint->operation, described);
    char key[16], id[64];
    size_t n = strlen(method);
    for (size_t i = 0; i <= n && i < sizeof key; i++)
        key[i] = (char)(method[i] >= 'A' && method[i] <= 'Z' ? method[i] - 'A' + 'a' : method[i]);
    if (!operation)
        return;
    snprintf(id, sizeof id, "%s_%s", cn_operation_name(endpoint->operation), key);
    cn_json_out_open(out, key, '{');
    cn_json_out_c(out, "operationId", id);
    cn_json_out_c(out, "summary", operation->summary);
    if (endpoint->open_access) {
        cn_json_out_open(out, "security", '[');
        cn_json_out_close(out, ']');
    }
    write_parameters(writing, endpoint, operation);
    write_body(writing, operation->body);
    write_responses(writing, operation, strcmp(method, "HEAD") != 0);
    cn_json_out_close(out, '}');
}

/* The methods that OpenAPI 3.1 has a place for; others are named beside them. PUT and QUERY are the
 * same call as POST. */
static void write_methods(struct writing *writing, const struct cn_endpoint *endpoint) {
    struct cn_json_out *out = &writing->out;
    for (const char *at = endpoint->methods; *at;) {
        char method[16];
        size_t len = strcspn(at, ",");
        snprintf(method, sizeof method, "%.*s", (int)len, at);
        at += len + (at[len] == ',');
        if (strcmp(method, "QUERY") == 0) {
            cn_json_out_open(out, "x-query", '{');
            cn_json_out_c(out, "description", "QUERY (RFC 10008) is the same call as POST.");
            cn_json_out_close(out, '}');
            continue;
        }
        write_operation(writing, endpoint, method, strcmp(method, "PUT") == 0 ? "POST" : method);
        if (strcmp(method, "GET") == 0)
            write_operation(writing, endpoint, "HEAD", "GET");
    }
}

static void write_path_parameter(struct cn_json_out *out, const char *path) {
    const char *brace = strchr(path, '{');
    if (!brace)
        return;
    char name[32];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(brace + 1, "}"), brace + 1);
    cn_json_out_open(out, "parameters", '[');
    cn_json_out_open(out, NULL, '{');
    cn_json_out_c(out, "name", name);
    cn_json_out_c(out, "in", "path");
    cn_json_out_bool(out, "required", true);
    cn_json_out_open(out, "schema", '{');
    cn_json_out_c(out, "type", "string");
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
    cn_json_out_close(out, ']');
}

/* Several endpoints may share a path. */
static void write_paths(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "paths", '{');
    for (size_t i = 0; i < writing->n; i++) {
        const char *path = writing->endpoints[i]->path;
        bool before = false;
        for (size_t j = 0; j < i; j++)
            before = before || strcmp(writing->endpoints[j]->path, path) == 0;
        if (before)
            continue;
        cn_json_out_open(out, path, '{');
        write_path_parameter(out, path);
        for (size_t j = i; j < writing->n; j++)
            if (strcmp(writing->endpoints[j]->path, path) == 0)
                write_methods(writing, writing->endpoints[j]);
        cn_json_out_close(out, '}');
    }
    cn_json_out_close(out, '}');
}

/* ---- components ---------------------------------------------------------------------------- */

/* An expression, with the functions that it may use. */
static void write_expression(struct cn_json_out *out) {
    size_t n;
    const struct cn_function_doc *docs = cn_function_docs(&n);
    cn_json_out_open(out, "Expression", '{');
    cn_json_out_c(out, "type", "string");
    cn_json_out_c(out, "description", "An expression over columns, in Python's syntax.");
    cn_json_out_open(out, "x-functions", '{');
    for (size_t i = 0; i < n; i++)
        cn_json_out_c(out, docs[i].name, docs[i].signature);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

static void write_let(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "Let", '{');
    cn_json_out_c(out, "description", "Computed columns, in order: an object, or NAME=EXPRESSION.");
    cn_json_out_open(out, "anyOf", '[');
    cn_api_write_type(out, NULL, "{#Expression}", NULL, writing->service);
    cn_api_write_type(out, NULL, "[string]", NULL, writing->service);
    cn_json_out_close(out, ']');
    cn_json_out_close(out, '}');
}

static void write_compute_request(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "ComputeRequest", '{');
    cn_json_out_c(out, "type", "object");
    cn_json_out_c(out, "description", "Either columns or generate, and options.");
    cn_json_out_open(out, "properties", '{');
    cn_api_write_type(out, "columns", "{[any]}", "Arrays by name, all of one length.",
                      writing->service);
    cn_api_write_options_json(out, writing->service);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

static void write_compute_form(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "ComputeForm", '{');
    cn_json_out_c(out, "type", "object");
    cn_json_out_open(out, "properties", '{');
    cn_api_write_type(out, "data", "string", "The file: CSV or JSON.", writing->service);
    cn_api_write_options_form(out, writing->service);
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "required", '[');
    cn_json_out_c(out, NULL, "data");
    cn_json_out_close(out, ']');
    cn_json_out_close(out, '}');
}

static void write_schemas(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "schemas", '{');
    write_expression(out);
    write_let(writing);
    write_compute_request(writing);
    write_compute_form(writing);
    cn_api_write_schemas(out, cn_api_work_schemas, writing->service);
    cn_api_write_schemas(out, cn_api_service_schemas, writing->service);
    cn_json_out_close(out, '}');
}

static void write_problem_response(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "responses", '{');
    cn_json_out_open(out, "Problem", '{');
    cn_json_out_c(out, "description", "What went wrong; the code says what.");
    cn_json_out_open(out, "headers", '{');
    cn_json_out_open(out, "Retry-After", '{');
    cn_json_out_c(out, "description", "Seconds; with 429 and 503.");
    cn_api_write_type(out, "schema", "count", NULL, writing->service);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "content", '{');
    write_media(writing, "application/problem+json", "#Problem");
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

static void write_prefer(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "parameters", '{');
    cn_json_out_open(out, "Prefer", '{');
    cn_json_out_c(out, "name", "Prefer");
    cn_json_out_c(out, "in", "header");
    cn_json_out_c(out, "description", "RFC 7240: respond-async makes a job of it; wait=N waits.");
    cn_api_write_type(out, "schema", "string", NULL, writing->service);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

static void write_security_schemes(struct cn_json_out *out) {
    cn_json_out_open(out, "securitySchemes", '{');
    cn_json_out_open(out, "bearer", '{');
    cn_json_out_c(out, "type", "http");
    cn_json_out_c(out, "scheme", "bearer");
    cn_json_out_close(out, '}');
    cn_json_out_open(out, "cookie", '{');
    cn_json_out_c(out, "type", "apiKey");
    cn_json_out_c(out, "in", "cookie");
    cn_json_out_c(out, "name", CN_SESSION_COOKIE);
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

static void write_components(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "components", '{');
    write_schemas(writing);
    write_problem_response(writing);
    write_prefer(writing);
    write_security_schemes(out);
    cn_json_out_close(out, '}');
}

/* ---- all of it ----------------------------------------------------------------------------- */

static void write_info(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    cn_json_out_c(out, "openapi", "3.1.0");
    cn_json_out_open(out, "info", '{');
    cn_json_out_c(out, "title", "Colonnade");
    cn_json_out_c(out, "version", writing->service->version);
    cn_json_out_c(out, "summary",
                  "Columns in, computed columns and row hashes out, with an account of the time");
    cn_json_out_open(out, "license", '{');
    cn_json_out_c(out, "name", "MIT");
    cn_json_out_c(out, "identifier", "MIT");
    cn_json_out_close(out, '}');
    cn_json_out_close(out, '}');
}

/* A server without a token asks for nothing. */
static void write_security(struct writing *writing) {
    static const char *const schemes[] = {"bearer", "cookie"};
    struct cn_json_out *out = &writing->out;
    cn_json_out_open(out, "security", '[');
    for (size_t i = 0; i < 2 && writing->service->sessions; i++) {
        cn_json_out_open(out, NULL, '{');
        cn_json_out_open(out, schemes[i], '[');
        cn_json_out_close(out, ']');
        cn_json_out_close(out, '}');
    }
    cn_json_out_close(out, ']');
}

static void write_limits(struct writing *writing) {
    struct cn_json_out *out = &writing->out;
    const struct cn_service_limits *limits = cn_service_limits(writing->service);
    const struct {
        const char *name;
        uint64_t value;
    } shown[] = {{"max_body_bytes", limits->max_body_bytes},
                 {"max_rows", limits->max_rows},
                 {"max_columns", limits->max_columns},
                 {"max_expression_bytes", limits->expression.max_bytes},
                 {"max_expression_nodes", limits->expression.max_nodes},
                 {"max_expression_depth", limits->expression.max_depth},
                 {"max_json_depth", limits->max_json_depth},
                 {"max_workers", limits->max_workers},
                 {"max_calls", limits->max_calls},
                 {"max_cases", limits->max_cases},
                 {"max_streams", limits->max_streams},
                 {"max_import_bytes", limits->max_import_bytes},
                 {"buffer_bytes", limits->buffer_bytes},
                 {"memory_bytes", limits->memory_bytes},
                 {"request_timeout_ms", (uint64_t)limits->request_timeout_ms}};
    cn_json_out_open(out, "x-limits", '{');
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        cn_json_out_int(out, shown[i].name, (int64_t)shown[i].value);
    cn_json_out_close(out, '}');
}

bool cn_openapi_write(struct cn_buf *buf, const struct cn_service *service) {
    struct writing writing = {
        .service = service, .endpoints = service->endpoints, .n = service->n_endpoints};
    cn_json_out_init(&writing.out, buf);
    cn_json_out_open(&writing.out, NULL, '{');
    write_info(&writing);
    write_security(&writing);
    write_limits(&writing);
    write_paths(&writing);
    write_components(&writing);
    cn_json_out_close(&writing.out, '}');
    return writing.out.ok && cn_buf_add_char(buf, '\n');
}
