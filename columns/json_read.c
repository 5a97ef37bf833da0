/*
 * json_read.c: a whole document, checked, and the members of its top level.
 */
#include "columns/json_scan.h"

struct members {
    const struct cn_json_limits *limits;
    struct cn_frame *frame; /* where columns are read into on the way; NULL: they are not */
    bool columns_read;
    struct cn_json_member *list;
    size_t n;
    size_t room;
    size_t n_columns; /* how often "columns" was there */
    bool columns_object;
    struct cn_str columns;
};

static enum cn_code add_member(struct members *members, struct cn_arena *arena, struct cn_str name,
                               struct cn_str value, struct cn_error *error) {
    if (cn_str_is(name, "columns")) {
        if (members->n_columns++ == 0) {
            members->columns = value;
            members->columns_object = value.data[0] == '{';
        }
        return CN_OK;
    }
    if (members->n == members->room) {
        size_t room = members->room ? 2 * members->room : 16;
        struct cn_json_member *list = cn_arena_array(arena, room, sizeof *list);
        if (!list)
            return cn_error_memory(error);
        if (members->n)
            memcpy(list, members->list, members->n * sizeof *list);
        members->list = list;
        members->room = room;
    }
    members->list[members->n++] = (struct cn_json_member){name, value};
    return CN_OK;
}

/* The value that the scanner is at, of the member with this name. */
static enum cn_code read_value(struct cn_json_scan *scan, struct members *members,
                               struct cn_str name, struct cn_error *error) {
    if (members->frame && members->n_columns == 0 && cn_json_peek(scan) == '{' &&
        cn_str_is(name, "columns") && cn_json_scan_columns(scan, members->limits, members->frame)) {
        members->columns_read = true;
        return CN_OK;
    }
    return cn_json_scan_value(scan, error);
}

/* The object that the scanner is at. */
static enum cn_code read_members(struct cn_json_scan *scan, struct members *members,
                                 struct cn_error *error) {
    bool more;

    CN_TRY(cn_json_scan_open(scan, error));
    CN_TRY(cn_json_scan_next(scan, true, &more, error));
    while (more) {
        struct cn_json_string string;
        CN_TRY(cn_json_scan_name(scan, &string, error));
        struct cn_str name = cn_json_string_text(&string, scan->arena);
        if (!name.data)
            return cn_error_memory(error);
        cn_json_peek(scan);
        const char *start = scan->at;
        CN_TRY(read_value(scan, members, name, error));
        struct cn_str value = cn_str(start, (size_t)(scan->at - start));
        CN_TRY(add_member(members, scan->arena, name, value, error));
        CN_TRY(cn_json_scan_next(scan, false, &more, error));
    }
    return CN_OK;
}

static enum cn_code fail_parameter(struct cn_error *error, const char *parameter,
                                   const char *detail) {
    if (error && error->code == CN_OK) {
        cn_error_set(error, CN_INVALID_PARAMETER, "%s", detail);
        cn_error_set_parameter(error, cn_str_c(parameter));
    }
    return CN_INVALID_PARAMETER;
}

enum cn_code cn_json_read_body(struct cn_str text, const struct cn_json_limits *limits,
                               struct cn_arena *arena, struct cn_frame *frame,
                               struct cn_json_document *document, struct cn_error *error) {
    struct cn_json_scan scan;
    struct members members = {.limits = limits, .frame = frame};

    *document = (struct cn_json_document){0};
    cn_json_scan_init(&scan, text, limits->max_depth, arena);
    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0)
        return cn_error_set(error, CN_INVALID_JSON,
                            "The text begins with a byte-order mark (0xEF 0xBB 0xBF), which JSON "
                            "does not allow; remove it.");
    if (text.len >= 2 &&
        (memcmp(text.data, "\xFF\xFE", 2) == 0 || memcmp(text.data, "\xFE\xFF", 2) == 0))
        return cn_error_set(error, CN_INVALID_JSON,
                            "The text begins with a UTF-16 byte-order mark; JSON must be UTF-8 "
                            "without one.");
    bool object = cn_json_peek(&scan) == '{';
    if (object)
        CN_TRY(read_members(&scan, &members, error));
    else
        CN_TRY(cn_json_scan_value(&scan, error));
    CN_TRY(cn_json_scan_end(&scan, error));
    if (!object)
        return fail_parameter(error, "",
                              "The JSON text is valid, but not an object; expected "
                              "{\"columns\": {...}, ...}.");
    if (members.n_columns > 1)
        return fail_parameter(error, "columns", "The member \"columns\" is there more than once.");
    if (members.n_columns == 1 && !members.columns_object)
        return fail_parameter(error, "columns",
                              "The member \"columns\" is not an object; expected "
                              "{\"NAME\": [VALUES], ...}.");
    *document = (struct cn_json_document){.has_columns = members.n_columns == 1,
                                          .columns = members.columns,
                                          .members = members.list,
                                          .n_members = members.n,
                                          .columns_read = members.columns_read};
    return CN_OK;
}

enum cn_code cn_json_read_document(struct cn_str text, const struct cn_json_limits *limits,
                                   struct cn_arena *arena, struct cn_json_document *document,
                                   struct cn_error *error) {
    return cn_json_read_body(text, limits, arena, NULL, document, error);
}
