#include "handlers/json_tree.h"

#include <math.h>
#include <stdlib.h>

#include "columns/json_scan.h"
#include "kernels/number.h"

/* Above what --max-json-depth can be: the text was checked under it. */
#define DEPTH_OF_A_BODY 4096

struct reading {
    struct cn_json_scan scan;
    struct cn_arena *arena;
    struct cn_json_doubt *doubt;
    size_t level;
};

/* What the scanner said. */
static enum cn_json_fault of_code(enum cn_code code) {
    if (code == CN_OK)
        return CN_JSON_SOUND;
    return code == CN_OVERLOADED ? CN_JSON_NO_MEMORY : CN_JSON_INVALID;
}

/* A copy, which a NUL ends: what reads options may count on it. */
static struct cn_str copy_of(const struct cn_json_string *string, struct cn_arena *arena) {
    struct cn_str text = cn_json_string_text(string, arena);
    return text.data ? cn_arena_str(arena, text) : text;
}

/* ---- members ------------------------------------------------------------------------------- */

static int compare_keys(const void *a, const void *b) {
    const struct cn_json *const *left = a;
    const struct cn_json *const *right = b;
    struct cn_str x = (*left)->key, y = (*right)->key;
    int order = memcmp(x.data, y.data, x.len < y.len ? x.len : y.len);
    return order != 0 ? order : (x.len > y.len) - (x.len < y.len);
}

/* Two members of one name would make the later one hide the other. */
static enum cn_json_fault check_keys(struct reading *reading, const struct cn_json *object) {
    if (object->n < 2)
        return CN_JSON_SOUND;
    const struct cn_json **sorted = cn_arena_array(reading->arena, object->n, sizeof(void *));
    if (!sorted)
        return CN_JSON_NO_MEMORY;
    size_t n = 0;
    for (const struct cn_json *member = object->first; member; member = member->next)
        sorted[n++] = member;
    qsort(sorted, n, sizeof *sorted, compare_keys);
    for (size_t i = 1; i < n; i++)
        if (compare_keys(&sorted[i - 1], &sorted[i]) == 0) {
            reading->doubt->name = sorted[i]->key;
            return CN_JSON_TWICE;
        }
    return CN_JSON_SOUND;
}

static enum cn_json_fault read_key(struct reading *reading, struct cn_str *key) {
    struct cn_json_string name;
    enum cn_json_fault fault =
        of_code(cn_json_scan_name(&reading->scan, &name, &reading->doubt->error));
    if (fault != CN_JSON_SOUND)
        return fault;
    *key = copy_of(&name, reading->arena);
    if (!key->data)
        return CN_JSON_NO_MEMORY;
    return memchr(key->data, '\0', key->len) ? CN_JSON_NUL_NAME : CN_JSON_SOUND;
}

/* ---- values -------------------------------------------------------------------------------- */

static enum cn_json_fault read_value(struct reading *reading, struct cn_json *json);

static enum cn_json_fault read_inside(struct reading *reading, struct cn_json *json) {
    const struct cn_json **link = &json->first;
    enum cn_json_fault fault = of_code(cn_json_scan_open(&reading->scan, &reading->doubt->error));
    for (bool more = true, first = true; fault == CN_JSON_SOUND; first = false) {
        fault = of_code(cn_json_scan_next(&reading->scan, first, &more, &reading->doubt->error));
        if (fault != CN_JSON_SOUND || !more)
            break;
        struct cn_json *item = cn_arena_zalloc(reading->arena, sizeof *item);
        if (!item)
            return CN_JSON_NO_MEMORY;
        if (json->type == CN_JSON_OBJECT)
            fault = read_key(reading, &item->key);
        if (fault == CN_JSON_SOUND)
            fault = read_value(reading, item);
        *link = item;
        link = &item->next;
        json->n++;
    }
    if (fault == CN_JSON_SOUND && json->type == CN_JSON_OBJECT)
        fault = check_keys(reading, json);
    return fault;
}

/* The recursion ends at CN_JSON_LEVELS. */
static enum cn_json_fault read_nest(struct reading *reading, struct cn_json *json, bool array) {
    json->type = array ? CN_JSON_ARRAY : CN_JSON_OBJECT;
    if (reading->level == CN_JSON_LEVELS)
        return of_code(cn_json_scan_value(&reading->scan, &reading->doubt->error));
    reading->level++;
    enum cn_json_fault fault = read_inside(reading, json);
    reading->level--;
    return fault;
}

static enum cn_json_fault read_string(struct reading *reading, struct cn_json *json) {
    struct cn_json_string string;
    json->type = CN_JSON_STRING;
    enum cn_json_fault fault =
        of_code(cn_json_scan_string(&reading->scan, &string, &reading->doubt->error));
    if (fault != CN_JSON_SOUND)
        return fault;
    json->text = copy_of(&string, reading->arena);
    return json->text.data ? CN_JSON_SOUND : CN_JSON_NO_MEMORY;
}

static enum cn_json_fault read_number(struct reading *reading, struct cn_json *json) {
    struct cn_json_number number;
    enum cn_json_fault fault =
        of_code(cn_json_scan_number(&reading->scan, &number, &reading->doubt->error));
    if (fault != CN_JSON_SOUND)
        return fault;
    bool overflow = false;
    double real = 0;
    json->type = number.is_float ? CN_JSON_REAL : CN_JSON_INTEGER;
    bool fits = number.is_float
                    ? cn_double_parse(number.text.data, number.text.len, &real) && isfinite(real)
                    : cn_int64_parse(number.text.data, number.text.len, &json->integer, &overflow);
    return fits ? CN_JSON_SOUND : CN_JSON_TOO_LARGE;
}

static enum cn_json_fault read_value(struct reading *reading, struct cn_json *json) {
    int c = cn_json_peek(&reading->scan);
    switch (c) {
    case '{':
    case '[':
        return read_nest(reading, json, c == '[');
    case '"':
        return read_string(reading, json);
    case 't':
    case 'f':
    case 'n':
        json->type = c == 'n' ? CN_JSON_NULL : CN_JSON_BOOL;
        return of_code(cn_json_scan_literal(&reading->scan, &reading->doubt->error));
    default:
        return read_number(reading, json);
    }
}

enum cn_json_fault cn_json_tree(struct cn_str text, struct cn_arena *arena,
                                const struct cn_json **json, struct cn_json_doubt *doubt) {
    struct reading reading = {.arena = arena, .doubt = doubt};
    *doubt = (struct cn_json_doubt){0};
    cn_error_init(&doubt->error);
    struct cn_json *root = cn_arena_zalloc(arena, sizeof *root);
    *json = root;
    if (!root)
        return CN_JSON_NO_MEMORY;
    cn_json_scan_init(&reading.scan, text, DEPTH_OF_A_BODY, arena);
    enum cn_json_fault fault = read_value(&reading, root);
    if (fault == CN_JSON_SOUND)
        fault = of_code(cn_json_scan_end(&reading.scan, &doubt->error));
    return fault;
}

struct cn_str cn_json_string(const struct cn_json *json) {
    return json && json->type == CN_JSON_STRING ? json->text : cn_str("", 0);
}
