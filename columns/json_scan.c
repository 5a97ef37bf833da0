/*
 * json_scan.c: structure: arrays, objects, values of any kind, and errors with their places.
 */
#include "columns/json_scan.h"

void cn_json_scan_init(struct cn_json_scan *scan, struct cn_str text, size_t max_depth,
                       struct cn_arena *arena) {
    const char *start = text.len ? text.data : "";

    *scan = (struct cn_json_scan){.at = start,
                                  .start = start,
                                  .end = start + text.len,
                                  .max_depth = max_depth,
                                  .arena = arena};
}

/* ---- errors ------------------------------------------------------------------------------- */

void cn_json_place(const struct cn_json_scan *scan, const char *at, char out[80]) {
    size_t line = 1, column = 1;

    for (const char *p = scan->start; p < at; p++) {
        if (*p == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)*p & 0xC0) != 0x80) {
            column++;
        }
    }
    snprintf(out, 80, "Line %zu, column %zu (byte %zu)", line, column, (size_t)(at - scan->start));
}

enum cn_code cn_json_fail(const struct cn_json_scan *scan, const char *at, const char *expected,
                          struct cn_error *error) {
    char place[80], found[32];

    if (!error || error->code != CN_OK)
        return CN_INVALID_JSON;
    cn_json_place(scan, at, place);
    if (at >= scan->end)
        snprintf(found, sizeof found, "the end of the text");
    else if (*at > ' ' && *at <= '~')
        snprintf(found, sizeof found, "'%c'", *at);
    else
        snprintf(found, sizeof found, "the byte 0x%02X", (unsigned char)*at);
    return cn_error_set(error, CN_INVALID_JSON, "%s: expected %s, found %s.", place, expected,
                        found);
}

static enum cn_code fail_depth(const struct cn_json_scan *scan, struct cn_error *error) {
    char place[80];

    if (error && error->code == CN_OK) {
        cn_json_place(scan, scan->at, place);
        cn_error_set(error, CN_LIMIT_EXCEEDED,
                     "%s: arrays and objects are nested deeper than %zu levels.", place,
                     scan->max_depth);
        cn_error_set_limit(error, "--max-json-depth");
    }
    return CN_LIMIT_EXCEEDED;
}

/* ---- structure ---------------------------------------------------------------------------- */

enum cn_code cn_json_scan_open(struct cn_json_scan *scan, struct cn_error *error) {
    if (scan->depth >= scan->max_depth)
        return fail_depth(scan, error);
    if (scan->depth == scan->stack_size) {
        size_t size = scan->stack_size ? 2 * scan->stack_size : 64;
        char *stack = cn_arena_alloc(scan->arena, size);
        if (!stack)
            return cn_error_memory(error);
        if (scan->depth)
            memcpy(stack, scan->stack, scan->depth);
        scan->stack = stack;
        scan->stack_size = size;
    }
    scan->stack[scan->depth++] = *scan->at++;
    return CN_OK;
}

enum cn_code cn_json_scan_next(struct cn_json_scan *scan, bool first, bool *more,
                               struct cn_error *error) {
    bool array = scan->stack[scan->depth - 1] == '[';
    int c = cn_json_peek(scan);

    if (c == (array ? ']' : '}')) {
        scan->at++;
        scan->depth--;
        *more = false;
        return CN_OK;
    }
    *more = true;
    if (first)
        return CN_OK; /* whoever reads the element complains about it */
    if (c != ',')
        return cn_json_fail(scan, scan->at, array ? "',' or ']'" : "',' or '}'", error);
    scan->at++;
    return CN_OK;
}

enum cn_code cn_json_scan_name(struct cn_json_scan *scan, struct cn_json_string *name,
                               struct cn_error *error) {
    if (cn_json_peek(scan) != '"')
        return cn_json_fail(scan, scan->at, "a name in double quotes", error);
    CN_TRY(cn_json_scan_string(scan, name, error));
    if (cn_json_peek(scan) != ':')
        return cn_json_fail(scan, scan->at, "':' behind the name", error);
    scan->at++;
    return CN_OK;
}

enum cn_code cn_json_scan_end(struct cn_json_scan *scan, struct cn_error *error) {
    if (cn_json_peek(scan) < 0)
        return CN_OK;
    return cn_json_fail(scan, scan->at, "the end of the text behind the document", error);
}

/* A value that has nothing in it. */
static enum cn_code scan_scalar(struct cn_json_scan *scan, int c, struct cn_error *error) {
    struct cn_json_string string;
    struct cn_json_number number;

    if (c == '"')
        return cn_json_scan_string(scan, &string, error);
    if (c == '-' || (c >= '0' && c <= '9'))
        return cn_json_scan_number(scan, &number, error);
    if (c == 't' || c == 'f' || c == 'n')
        return cn_json_scan_literal(scan, error);
    return cn_json_fail(scan, scan->at, "a value", error);
}

enum cn_code cn_json_scan_value(struct cn_json_scan *scan, struct cn_error *error) {
    const size_t outside = scan->depth;
    struct cn_json_string name;
    bool more;

    do {
        int c = cn_json_peek(scan);
        bool opened = c == '[' || c == '{';
        if (opened)
            CN_TRY(cn_json_scan_open(scan, error));
        else
            CN_TRY(scan_scalar(scan, c, error));
        more = false;
        while (!more && scan->depth > outside) {
            CN_TRY(cn_json_scan_next(scan, opened, &more, error));
            opened = false;
        }
        if (more && scan->stack[scan->depth - 1] == '{')
            CN_TRY(cn_json_scan_name(scan, &name, error));
    } while (more);
    return CN_OK;
}
