#include "handlers/json_in.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "handlers/shown.h"

enum { ITEMS_AT_ONCE = 16, SHOWN_VALUE = 100, PATH_STEPS = 32 };

/* A step of the path to what is at hand; each lies in the frame of the call that reads it. */
struct cn_json_place {
    const struct cn_json_place *up;
    struct cn_str name; /* of a member; data NULL: an element */
    size_t i;           /* of an element */
};

enum cn_code cn_json_in_init(struct cn_json_in *in, struct cn_str text, const char *path,
                             size_t max_depth, struct cn_arena *arena, struct cn_error *error) {
    *in = (struct cn_json_in){.arena = arena, .path = path};
    cn_json_scan_init(&in->scan, text, max_depth, arena);
    CN_TRY(cn_json_scan_value(&in->scan, error));
    CN_TRY(cn_json_scan_end(&in->scan, error));
    cn_json_scan_init(&in->scan, text, max_depth, arena);
    return CN_OK;
}

/* ---- where ------------------------------------------------------------------------------- */

/* Written only when something is wrong; cut where it is too long. */
struct path {
    char text[128];
    size_t len;
};

static void add_text(struct path *path, struct cn_str text) {
    struct cn_str shown = cn_shown(text, sizeof path->text - 1 - path->len);
    memcpy(path->text + path->len, shown.data, shown.len);
    path->len += shown.len;
    path->text[path->len] = '\0';
}

static void add_step(struct path *path, const struct cn_json_place *place) {
    char item[32];
    if (!place->name.data) {
        snprintf(item, sizeof item, "[%zu]", place->i);
        add_text(path, cn_str_c(item));
        return;
    }
    if (path->len > 0)
        add_text(path, CN_STR("."));
    add_text(path, place->name);
}

static struct path find_path(const struct cn_json_in *in) {
    const struct cn_json_place *steps[PATH_STEPS];
    struct path path = {.len = 0};
    size_t n = 0;
    for (const struct cn_json_place *at = in->place; at && n < PATH_STEPS; at = at->up)
        steps[n++] = at;
    add_text(&path, cn_str_c(in->path));
    while (n > 0)
        add_step(&path, steps[--n]);
    return path;
}

/* ---- what is wrong ------------------------------------------------------------------------ */

enum cn_code cn_json_in_wrong(const struct cn_json_in *in, struct cn_str value,
                              const char *expected, struct cn_error *error) {
    struct path path = find_path(in);
    struct cn_str shown = cn_shown(value, SHOWN_VALUE);
    const char *what = path.len > 0 ? path.text : "the document";
    cn_error_set_parameter(error, cn_str(path.text, path.len));
    if (value.len == 0)
        return cn_error_set(error, CN_INVALID_PARAMETER, "%s must be %s.", what, expected);
    cn_error_set_value(error, shown);
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s must be %s, not %.*s%s.", what, expected,
                        (int)shown.len, shown.data, shown.len < value.len ? "..." : "");
}

enum cn_code cn_json_in_wrong_member(struct cn_json_in *in, const char *name, const char *expected,
                                     struct cn_error *error) {
    const struct cn_json_place member = {.up = in->place, .name = cn_str_c(name)};
    in->place = &member;
    enum cn_code code = cn_json_in_wrong(in, CN_STR(""), expected, error);
    in->place = member.up;
    return code;
}

static enum cn_code fail_unknown(const struct cn_json_in *in, struct cn_error *error) {
    struct path path = find_path(in);
    cn_error_set_parameter(error, cn_str(path.text, path.len));
    return cn_error_set(error, CN_UNKNOWN_PARAMETER, "There is no member %s in such a file.",
                        path.text);
}

static enum cn_code fail_twice(const struct cn_json_in *in, struct cn_error *error) {
    struct path path = find_path(in);
    cn_error_set_parameter(error, cn_str(path.text, path.len));
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s is given twice.", path.text);
}

static enum cn_code fail_missing(struct cn_json_in *in, const char *name, struct cn_error *error) {
    const struct cn_json_place member = {.up = in->place, .name = cn_str_c(name)};
    in->place = &member;
    struct path path = find_path(in);
    in->place = member.up;
    cn_error_set_parameter(error, cn_str(path.text, path.len));
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s is missing.", path.text);
}

/* ---- values ------------------------------------------------------------------------------- */

/* The text of the value at hand, which is passed. */
static enum cn_code take_raw(struct cn_json_in *in, struct cn_str *raw, struct cn_error *error) {
    cn_json_peek(&in->scan);
    const char *start = in->scan.at;
    CN_TRY(cn_json_scan_value(&in->scan, error));
    *raw = cn_str(start, (size_t)(in->scan.at - start));
    return CN_OK;
}

static bool parse_int(struct cn_str raw, int64_t *value) {
    bool negative = raw.len > 0 && raw.data[0] == '-';
    int64_t sum = 0;
    if (raw.len == (size_t)negative)
        return false;
    for (size_t i = negative; i < raw.len; i++) {
        int digit = raw.data[i] - '0';
        if (digit < 0 || digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, negative ? -digit : digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

static enum cn_code read_int(struct cn_json_in *in, const struct cn_json_field *field, void *target,
                             struct cn_error *error) {
    struct cn_str raw;
    int64_t value;
    CN_TRY(take_raw(in, &raw, error));
    if (!parse_int(raw, &value) || value < field->least || value > field->most) {
        char expected[96];
        snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64,
                 field->least, field->most);
        return cn_json_in_wrong(in, raw, expected, error);
    }
    if (field->size == sizeof(uint32_t)) /* the range is within what the target takes */
        memcpy(target, &(uint32_t){(uint32_t)value}, sizeof(uint32_t));
    else
        memcpy(target, &value, sizeof value);
    return CN_OK;
}

static enum cn_code read_text(struct cn_json_in *in, struct cn_str *text, struct cn_error *error) {
    struct cn_json_string string;
    struct cn_str raw;
    if (cn_json_peek(&in->scan) != '"') {
        CN_TRY(take_raw(in, &raw, error));
        return cn_json_in_wrong(in, raw, "a string", error);
    }
    CN_TRY(cn_json_scan_string(&in->scan, &string, error));
    struct cn_str view = cn_json_string_text(&string, in->arena);
    if (!view.data)
        return cn_error_memory(error);
    *text = cn_arena_str(in->arena, view);
    return text->data ? CN_OK : cn_error_memory(error);
}

static enum cn_code read_name(struct cn_json_in *in, const char **name, struct cn_error *error) {
    struct cn_str text;
    CN_TRY(read_text(in, &text, error));
    if (memchr(text.data, '\0', text.len))
        return cn_json_in_wrong(in, CN_STR(""), "a string without the character U+0000", error);
    *name = text.data;
    return CN_OK;
}

static enum cn_code read_id(struct cn_json_in *in, char *id, struct cn_error *error) {
    struct cn_str text;
    CN_TRY(read_text(in, &text, error));
    bool good = text.len == 32;
    for (size_t i = 0; good && i < text.len; i++)
        good = cn_hex_digit(text.data[i]) >= 0 && (text.data[i] < 'A' || text.data[i] > 'F');
    if (!good)
        return cn_json_in_wrong(in, text, "32 lower-case hexadecimal digits", error);
    memcpy(id, text.data, 33);
    return CN_OK;
}

static enum cn_code read_bool(struct cn_json_in *in, bool *value, struct cn_error *error) {
    struct cn_str raw;
    CN_TRY(take_raw(in, &raw, error));
    *value = cn_str_is(raw, "true");
    if (!*value && !cn_str_is(raw, "false"))
        return cn_json_in_wrong(in, raw, "true or false", error);
    return CN_OK;
}

static enum cn_code check_number(struct cn_json_in *in, struct cn_error *error) {
    struct cn_str raw;
    int c = cn_json_peek(&in->scan);
    CN_TRY(take_raw(in, &raw, error));
    return c == '-' || (c >= '0' && c <= '9') ? CN_OK
                                              : cn_json_in_wrong(in, raw, "a number", error);
}

static enum cn_code check_string(struct cn_json_in *in, struct cn_error *error) {
    struct cn_str raw;
    int c = cn_json_peek(&in->scan);
    CN_TRY(take_raw(in, &raw, error));
    return c == '"' ? CN_OK : cn_json_in_wrong(in, raw, "a string", error);
}

enum cn_code cn_json_in_value(struct cn_json_in *in, const struct cn_json_field *field,
                              void *target, struct cn_error *error) {
    struct cn_str raw;
    if (field->nullable && cn_json_peek(&in->scan) == 'n')
        return take_raw(in, &raw, error);
    switch (field->kind) {
    case CN_IN_INT:
        return read_int(in, field, target, error);
    case CN_IN_TEXT:
        return read_text(in, target, error);
    case CN_IN_NAME:
        return read_name(in, target, error);
    case CN_IN_ID:
        return read_id(in, target, error);
    case CN_IN_BOOL:
        return read_bool(in, target, error);
    case CN_IN_NUMBER:
        return check_number(in, error);
    case CN_IN_STRING:
        return check_string(in, error);
    case CN_IN_RAW:
        return take_raw(in, target, error);
    case CN_IN_CALL:
        return field->read(in, target, error);
    case CN_IN_SKIP:
        break;
    }
    return take_raw(in, &raw, error);
}

/* ---- objects and arrays ------------------------------------------------------------------- */

static enum cn_code open(struct cn_json_in *in, char bracket, struct cn_error *error) {
    if (cn_json_peek(&in->scan) != bracket) {
        struct cn_str raw;
        CN_TRY(take_raw(in, &raw, error));
        return cn_json_in_wrong(in, raw, bracket == '{' ? "an object" : "an array", error);
    }
    return cn_json_scan_open(&in->scan, error);
}

static enum cn_code read_member_name(struct cn_json_in *in, struct cn_str *name,
                                     struct cn_error *error) {
    struct cn_json_string string;
    CN_TRY(cn_json_scan_name(&in->scan, &string, error));
    *name = cn_json_string_text(&string, in->arena);
    return name->data ? CN_OK : cn_error_memory(error);
}

/* The member at hand, whose name was read; *seen has a bit for each field. */
static enum cn_code read_member(struct cn_json_in *in, const struct cn_json_shape *shape,
                                struct cn_str name, uint64_t *seen, void *target,
                                struct cn_error *error) {
    size_t i = 0;
    struct cn_str raw;
    while (i < shape->n_fields && !cn_str_is(name, shape->fields[i].name))
        i++;
    if (i == shape->n_fields)
        return shape->open ? take_raw(in, &raw, error) : fail_unknown(in, error);
    if (*seen >> i & 1)
        return fail_twice(in, error);
    *seen |= UINT64_C(1) << i;
    return cn_json_in_value(in, &shape->fields[i], (char *)target + shape->fields[i].offset, error);
}

enum cn_code cn_json_in_object(struct cn_json_in *in, const struct cn_json_shape *shape,
                               void *target, struct cn_error *error) {
    uint64_t seen = 0;
    bool more;
    CN_TRY(open(in, '{', error));
    CN_TRY(cn_json_scan_next(&in->scan, true, &more, error));
    while (more) {
        struct cn_str name;
        CN_TRY(read_member_name(in, &name, error));
        const struct cn_json_place member = {.up = in->place, .name = name};
        in->place = &member;
        CN_TRY(read_member(in, shape, name, &seen, target, error));
        in->place = member.up;
        CN_TRY(cn_json_scan_next(&in->scan, false, &more, error));
    }
    for (size_t i = 0; i < shape->n_fields; i++)
        if (!shape->fields[i].optional && !(seen >> i & 1))
            return fail_missing(in, shape->fields[i].name, error);
    return CN_OK;
}

enum cn_code cn_json_in_members(struct cn_json_in *in,
                                enum cn_code (*read)(struct cn_json_in *in, struct cn_str name,
                                                     void *target, struct cn_error *error),
                                void *target, struct cn_error *error) {
    bool more;
    CN_TRY(open(in, '{', error));
    CN_TRY(cn_json_scan_next(&in->scan, true, &more, error));
    while (more) {
        struct cn_str name;
        CN_TRY(read_member_name(in, &name, error));
        const struct cn_json_place member = {.up = in->place, .name = name};
        in->place = &member;
        CN_TRY(read(in, name, target, error));
        in->place = member.up;
        CN_TRY(cn_json_scan_next(&in->scan, false, &more, error));
    }
    return CN_OK;
}

/* Room for one more item, doubled when it is used up; the arena keeps the shorter ones. */
static bool make_room(struct cn_json_in *in, struct cn_json_items *items, size_t *room) {
    if (items->n < *room)
        return true;
    size_t more = *room ? 2 * *room : ITEMS_AT_ONCE;
    void *larger = cn_arena_array(in->arena, more, items->size);
    if (!larger)
        return false;
    if (items->n > 0)
        memcpy(larger, items->items, items->n * items->size);
    items->items = larger;
    *room = more;
    return true;
}

static enum cn_code fail_many(const struct cn_json_in *in, size_t most, struct cn_error *error) {
    char expected[64];
    snprintf(expected, sizeof expected, "an array of at most %zu elements", most);
    return cn_json_in_wrong(in, CN_STR(""), expected, error);
}

enum cn_code cn_json_in_array(struct cn_json_in *in, struct cn_json_items *items,
                              struct cn_error *error) {
    const size_t most = items->most > 0 ? items->most : in->most;
    size_t room = 0;
    bool more;
    items->items = NULL;
    items->n = 0;
    CN_TRY(open(in, '[', error));
    CN_TRY(cn_json_scan_next(&in->scan, true, &more, error));
    while (more) {
        if (most > 0 && items->n == most)
            return fail_many(in, most, error);
        if (!make_room(in, items, &room))
            return cn_error_memory(error);
        char *item = (char *)items->items + items->n * items->size;
        memset(item, 0, items->size);
        const struct cn_json_place element = {.up = in->place, .i = items->n};
        in->place = &element;
        CN_TRY(items->read(in, item, error));
        in->place = element.up;
        items->n++;
        CN_TRY(cn_json_scan_next(&in->scan, false, &more, error));
    }
    return CN_OK;
}
