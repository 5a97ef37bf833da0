#include "server/routes.h"

#include <stdio.h>
#include <string.h>

#include "handlers/endpoints.h"

static const struct cn_endpoint *const table[] = {
    &cn_endpoint_compute,    &cn_endpoint_map,       &cn_endpoint_compare,
    &cn_endpoint_jobs,       &cn_endpoint_job,       &cn_endpoint_job_result,
    &cn_endpoint_job_events, &cn_endpoint_check,     &cn_endpoint_runs,
    &cn_endpoint_run,        &cn_endpoint_run_trace, &cn_endpoint_pools,
    &cn_endpoint_load,       &cn_endpoint_events,    &cn_endpoint_functions,
    &cn_endpoint_livez,      &cn_endpoint_readyz,    &cn_endpoint_home,
    &cn_endpoint_static,     &cn_endpoint_session,   &cn_endpoint_runs_import,
    &cn_endpoint_run_export, &cn_endpoint_metrics,   &cn_endpoint_openapi,
};

const struct cn_endpoint *const *cn_routes_table(size_t *n) {
    *n = sizeof table / sizeof table[0];
    return table;
}

/* NULL: no memory. A bad escape, a NUL or an escaped slash stays as it is: no route has it. */
static char *decode_path(const char *path, struct cn_arena *arena) {
    size_t len = strlen(path);
    char *out = cn_arena_alloc(arena, len + 1);
    if (!out)
        return NULL;
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        int high = path[i] == '%' ? cn_hex_digit(path[i + 1]) : -1;
        int low = high >= 0 ? cn_hex_digit(path[i + 2]) : -1;
        int byte = low >= 0 ? high * 16 + low : 0;
        if (byte != 0 && byte != '/') {
            out[n++] = (char)byte;
            i += 2;
        } else {
            out[n++] = path[i];
        }
    }
    out[n] = '\0';
    return out;
}

/* Compares segment by segment; what {id} matches must not be empty. */
static bool match(const char *pattern, const char *path, struct cn_str *segment) {
    while (*pattern) {
        if (*pattern == '{') {
            size_t len = strcspn(path, "/");
            if (len == 0)
                return false;
            *segment = cn_str(path, len);
            path += len;
            pattern += strcspn(pattern, "}") + 1;
        } else if (*pattern++ != *path++) {
            return false;
        }
    }
    return *path == '\0';
}

static bool allows(const char *methods, const char *method) {
    size_t len = strlen(method);
    for (const char *at = methods; at; at = strchr(at, ',')) {
        if (*at == ',')
            at++;
        size_t n = strcspn(at, ",");
        if (n == len && memcmp(at, method, n) == 0)
            return true;
    }
    return strcmp(method, "HEAD") == 0 && allows(methods, "GET");
}

enum cn_code cn_routes_find(const char *method, const char *path, struct cn_arena *arena,
                            const struct cn_endpoint **endpoint, const char **segment,
                            struct cn_error *error) {
    const char *decoded = decode_path(path, arena);
    if (!decoded)
        return cn_error_memory(error);
    const struct cn_endpoint *found = NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct cn_str matched = {0};
        if (!match(table[i]->path, decoded, &matched))
            continue;
        found = table[i];
        if (!allows(table[i]->methods, method))
            continue;
        if (matched.data && !(*segment = cn_arena_strndup(arena, matched.data, matched.len)))
            return cn_error_memory(error);
        *endpoint = found;
        return CN_OK;
    }
    if (!found) {
        cn_error_set(error, CN_NOT_FOUND, "There is nothing at %.200s.", decoded);
        return CN_NOT_FOUND;
    }
    *endpoint = found;
    char allow[64];
    cn_routes_allow(found, allow, sizeof allow);
    return cn_error_set(error, CN_METHOD_NOT_ALLOWED, "%s takes %s, not %.40s.", found->path, allow,
                        method);
}

/* Appends "A, B" for "A,B"; returns the new length. */
static size_t list_methods(const char *methods, char *out, size_t n, size_t size) {
    if (n > 0)
        n += (size_t)snprintf(out + n, size - n, ", ");
    for (const char *at = methods; *at && n + 3 < size; at++) {
        out[n++] = *at;
        if (*at == ',')
            out[n++] = ' ';
    }
    out[n] = '\0';
    return n;
}

/* A path may have several endpoints, each with methods of its own. */
void cn_routes_allow(const struct cn_endpoint *endpoint, char *out, size_t size) {
    size_t n = 0;
    bool get = false;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i]->path, endpoint->path) != 0 || n + 3 >= size)
            continue;
        n = list_methods(table[i]->methods, out, n, size);
        get = get || allows(table[i]->methods, "GET");
    }
    if (get && n < size)
        snprintf(out + n, size - n, ", HEAD");
}
