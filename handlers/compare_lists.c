#include "handlers/compare_lists.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "handlers/json_tree.h"
#include "handlers/options.h"
#include "handlers/shown.h"

static enum cn_code refuse(const struct cn_compare_member *member, const char *expected,
                           struct cn_error *error) {
    cn_error_set_parameter(error, cn_str_c(member->name));
    cn_error_set_value(error, member->text);
    return cn_error_set(error, CN_INVALID_PARAMETER, "%s is %.*s, but must be %s", member->name,
                        CN_SHOWN(member->text), expected);
}

/* The text was checked, so only a number that nothing holds can fail. */
static enum cn_code load(const struct cn_compare_member *member, const char *expected,
                         const struct cn_json **json, struct cn_error *error) {
    struct cn_json_doubt doubt;
    if (member->text.len > CN_OPTION_JSON_BYTES) {
        cn_error_set_parameter(error, cn_str_c(member->name));
        return cn_error_set(error, CN_INVALID_PARAMETER,
                            "%s is longer than %u bytes, the most that a list may have",
                            member->name, CN_OPTION_JSON_BYTES);
    }
    switch (cn_json_tree(member->text, member->arena, json, &doubt)) {
    case CN_JSON_SOUND:
        return CN_OK;
    case CN_JSON_NO_MEMORY:
        return cn_error_memory(error);
    default:
        return refuse(member, expected, error);
    }
}

static int compare(const void *a, const void *b) {
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* A case would stand twice. */
static enum cn_code check_distinct(const struct cn_compare_member *member,
                                   const struct cn_compare_list *list, struct cn_error *error) {
    uint64_t *sorted = cn_arena_array(member->arena, list->n, sizeof *sorted);
    if (!sorted)
        return cn_error_memory(error);
    memcpy(sorted, list->values, list->n * sizeof *sorted);
    qsort(sorted, list->n, sizeof *sorted, compare);
    for (size_t i = 1; i < list->n; i++)
        if (sorted[i] == sorted[i - 1])
            return refuse(member, "a list without repeats", error);
    return CN_OK;
}

/* How one element is read. */
struct element {
    bool (*parse)(struct cn_str word, uint64_t *value); /* NULL: a number */
    uint64_t min, max;
    const char *flag; /* the setting that max is; NULL: none */
};

static bool read_element(const struct element *element, const struct cn_json *json,
                         uint64_t *value) {
    if (element->parse)
        return json->type == CN_JSON_STRING && element->parse(json->text, value);
    if (json->type != CN_JSON_INTEGER || json->integer < 0)
        return false;
    *value = (uint64_t)json->integer;
    return *value >= element->min && *value <= element->max;
}

static enum cn_code read_list(const struct cn_compare_member *member, const struct cn_json *json,
                              const struct element *element, const char *expected,
                              struct cn_compare_list *list, struct cn_error *error) {
    bool is_list = json->type == CN_JSON_ARRAY;
    size_t n = is_list ? json->n : 1;
    if (n == 0)
        return refuse(member, "a list that is not empty", error);
    list->values = cn_arena_array(member->arena, n, sizeof *list->values);
    if (!list->values)
        return cn_error_memory(error);
    const struct cn_json *item = is_list ? json->first : json;
    for (size_t i = 0; i < n; i++, item = item->next) {
        list->values[i] = 0;
        if (read_element(element, item, &list->values[i]))
            continue;
        if (element->flag && list->values[i] > element->max)
            cn_error_set_limit(error, element->flag);
        return refuse(member, expected, error);
    }
    list->n = n;
    list->given = true;
    return check_distinct(member, list, error);
}

static enum cn_code read_member(const struct cn_compare_member *member,
                                const struct element *element, const char *expected,
                                struct cn_compare_list *list, struct cn_error *error) {
    const struct cn_json *json = NULL;
    CN_TRY(load(member, expected, &json, error));
    return read_list(member, json, element, expected, list, error);
}

enum cn_code cn_compare_words(const struct cn_compare_member *member,
                              bool (*parse)(struct cn_str word, uint64_t *value),
                              const char *expected, struct cn_compare_list *list,
                              struct cn_error *error) {
    const struct element element = {.parse = parse};
    return read_member(member, &element, expected, list, error);
}

enum cn_code cn_compare_numbers(const struct cn_compare_member *member, uint64_t min, uint64_t max,
                                const char *flag, struct cn_compare_list *list,
                                struct cn_error *error) {
    const struct element element = {.min = min, .max = max, .flag = flag};
    char expected[128];
    if (max == INT64_MAX)
        snprintf(expected, sizeof expected,
                 "a whole number, %" PRIu64 " or more, or a list of such", min);
    else
        snprintf(expected, sizeof expected,
                 "a whole number from %" PRIu64 " to %" PRIu64 "%s%s%s, or a list of such", min,
                 max, flag ? " (" : "", flag ? flag : "", flag ? ")" : "");
    return read_member(member, &element, expected, list, error);
}

enum cn_code cn_compare_number(const struct cn_compare_member *member, uint64_t min, uint64_t max,
                               uint64_t *value, struct cn_error *error) {
    const struct element element = {.min = min, .max = max};
    char expected[128];
    const struct cn_json *json = NULL;
    if (max == INT64_MAX)
        snprintf(expected, sizeof expected, "a whole number, %" PRIu64 " or more", min);
    else
        snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64, min,
                 max);
    CN_TRY(load(member, expected, &json, error));
    return read_element(&element, json, value) ? CN_OK : refuse(member, expected, error);
}
