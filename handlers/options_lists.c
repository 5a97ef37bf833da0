#include "handlers/options_parse.h"
#include "handlers/shown.h"

#include <stdlib.h>

/* ---- small parts -------------------------------------------------------------------------- */

struct cn_str cn_blanks_trim(struct cn_str text) {
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t'))
        text.len--;
    return text;
}

bool cn_backticks_read(struct cn_str quoted, struct cn_arena *arena, struct cn_str *text) {
    *text = cn_str(NULL, 0);
    if (quoted.len < 2 || quoted.data[0] != '`' || quoted.data[quoted.len - 1] != '`')
        return false;
    struct cn_str inner = cn_str(quoted.data + 1, quoted.len - 2);
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.data[i] == '`' && (++i == inner.len || inner.data[i] != '`'))
            return false;
    }
    char *out = cn_arena_alloc(arena, inner.len + 1);
    if (out == NULL)
        return true;
    size_t len = 0;
    for (size_t i = 0; i < inner.len; i++) {
        out[len++] = inner.data[i];
        if (inner.data[i] == '`')
            i++;
    }
    out[len] = '\0';
    *text = cn_str(out, len);
    return true;
}

enum cn_code cn_name_check(const struct cn_given *given, struct cn_str name,
                           struct cn_error *error) {
    if (memchr(name.data, 0, name.len) == NULL)
        return CN_OK;
    return cn_given_error(given, CN_INVALID_VALUE, error,
                          "a name in %s holds a NUL character (\\u0000), which no name can",
                          given->name);
}

static int compare_names(const void *a, const void *b) {
    const struct cn_str *x = *(const struct cn_str *const *)a;
    const struct cn_str *y = *(const struct cn_str *const *)b;
    size_t common = x->len < y->len ? x->len : y->len;
    int order = common ? memcmp(x->data, y->data, common) : 0;
    return order != 0 ? order : (x->len > y->len) - (x->len < y->len);
}

enum cn_code cn_names_distinct(struct cn_options *options, const struct cn_given *given,
                               const struct cn_str *names, size_t n_names, size_t stride,
                               struct cn_error *error) {
    if (n_names < 2)
        return CN_OK;
    const struct cn_str **sorted = cn_arena_array(options->arena, n_names, sizeof *sorted);
    if (sorted == NULL)
        return cn_error_memory(error);
    for (size_t i = 0; i < n_names; i++)
        sorted[i] = (const struct cn_str *)(const void *)((const char *)names + i * stride);
    qsort(sorted, n_names, sizeof *sorted, compare_names);
    for (size_t i = 1; i < n_names; i++) {
        if (!cn_str_equal(*sorted[i - 1], *sorted[i]))
            continue;
        cn_error_set_column(error, *sorted[i]);
        return cn_given_error(given, CN_DUPLICATE_NAME, error, "%s names '%.*s' twice", given->name,
                              CN_SHOWN(*sorted[i]));
    }
    return CN_OK;
}

/* ---- lists as text ------------------------------------------------------------------------ */

/* One element of a list: `left`, and for pairs what stands behind the ':'. */
struct element {
    struct cn_str left;
    struct cn_str right;
    bool left_bare; /* it stood there without backticks */
    bool right_bare;
};

struct list {
    struct element *elements;
    size_t n;
};

static enum cn_code too_many(const struct cn_options *options, const struct cn_given *given,
                             struct cn_error *error) {
    cn_error_set_limit(error, "--max-columns");
    return cn_given_error(given, CN_LIMIT_EXCEEDED, error,
                          "%s has more than %llu entries (--max-columns)", given->name,
                          (unsigned long long)options->limits->max_columns);
}

/* Offset of the first `mark` outside backticks, or the length; *open: backticks not closed. */
static size_t find_mark(struct cn_str text, char mark, bool *open) {
    *open = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '`')
            *open = !*open;
        else if (text.data[i] == mark && !*open)
            return i;
    }
    return text.len;
}

/* A name as it stands in a list, bare or between backticks, blanks around it dropped. */
static enum cn_code read_name(struct cn_options *options, const struct cn_given *given,
                              struct cn_str raw, struct cn_str *name, bool *bare,
                              struct cn_error *error) {
    struct cn_str text = cn_blanks_trim(raw);
    *bare = text.len == 0 || text.data[0] != '`';
    if (text.len == 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "%s has an empty entry; it must be %s, separated by commas",
                              given->name, given->expected);
    if (*bare)
        *name = cn_arena_str(options->arena, text);
    else if (!cn_backticks_read(text, options->arena, name))
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "%s has the entry %.*s, which is not one text between backticks; a "
                              "backtick in a name is doubled",
                              given->name, CN_SHOWN(text));
    return name->data == NULL ? cn_error_memory(error) : CN_OK;
}

static enum cn_code read_element(struct cn_options *options, const struct cn_given *given,
                                 struct cn_str text, bool pair, struct element *element,
                                 struct cn_error *error) {
    bool open = false;
    if (!pair)
        return read_name(options, given, text, &element->left, &element->left_bare, error);
    size_t colon = find_mark(text, ':', &open);
    if (colon == text.len)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "%s has the entry '%.*s' without a ':'; it must be %s", given->name,
                              CN_SHOWN(text), given->expected);
    struct cn_str right = cn_str(text.data + colon + 1, text.len - colon - 1);
    if (find_mark(right, ':', &open) < right.len)
        return cn_given_error(given, CN_INVALID_PARAMETER, error,
                              "%s has the entry '%.*s' with more than one ':'; put a name that "
                              "holds one between backticks",
                              given->name, CN_SHOWN(text));
    CN_TRY(read_name(options, given, cn_str(text.data, colon), &element->left, &element->left_bare,
                     error));
    return read_name(options, given, right, &element->right, &element->right_bare, error);
}

static enum cn_code read_list(struct cn_options *options, const struct cn_given *given, bool pairs,
                              struct list *list, struct cn_error *error) {
    struct cn_str rest = given->value;
    if (cn_blanks_trim(rest).len == 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error, "%s is empty, but must be %s",
                              given->name, given->expected);
    size_t most = 1;
    for (size_t i = 0; i < rest.len; i++)
        most += rest.data[i] == ',';
    list->elements = cn_arena_array(options->arena, most, sizeof *list->elements);
    if (list->elements == NULL)
        return cn_error_memory(error);
    for (;;) {
        bool open = false;
        size_t comma = find_mark(rest, ',', &open);
        if (open)
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "%s has a backtick that is not closed%s", given->name,
                                  given->source == CN_OPTION_FORM
                                      ? "; curl's -F cuts a value at a ';': send it with "
                                        "--form-string"
                                      : "");
        if (list->n == options->limits->max_columns)
            return too_many(options, given, error);
        struct element *element = &list->elements[list->n];
        *element = (struct element){.left_bare = true};
        CN_TRY(read_element(options, given, cn_str(rest.data, comma), pairs, element, error));
        list->n++;
        if (comma == rest.len)
            return CN_OK;
        rest = cn_str(rest.data + comma + 1, rest.len - comma - 1);
    }
}

/* ---- lists as JSON ------------------------------------------------------------------------ */

static enum cn_code load_array(struct cn_options *options, const struct cn_given *given,
                               const struct cn_json *json, struct list *list,
                               struct cn_error *error) {
    if (json->type != CN_JSON_ARRAY)
        return cn_given_mistyped(given, json, "an array of strings", error);
    size_t n = json->n;
    if (n > options->limits->max_columns)
        return too_many(options, given, error);
    list->elements = cn_arena_array(options->arena, n ? n : 1, sizeof *list->elements);
    if (list->elements == NULL)
        return cn_error_memory(error);
    for (const struct cn_json *item = json->first; item; item = item->next) {
        if (item->type != CN_JSON_STRING)
            return cn_given_mistyped(given, item, "an array of strings", error);
        struct element *element = &list->elements[list->n++];
        *element = (struct element){.left = item->text};
        if (given->id != CN_OPTION_NULLS)
            CN_TRY(cn_name_check(given, element->left, error));
    }
    return CN_OK;
}

static enum cn_code load_object(struct cn_options *options, const struct cn_given *given,
                                const struct cn_json *json, struct list *list,
                                struct cn_error *error) {
    if (json->type != CN_JSON_OBJECT)
        return cn_given_mistyped(given, json, "an object", error);
    size_t n = json->n;
    if (n > options->limits->max_columns)
        return too_many(options, given, error);
    list->elements = cn_arena_array(options->arena, n ? n : 1, sizeof *list->elements);
    if (list->elements == NULL)
        return cn_error_memory(error);
    for (const struct cn_json *at = json->first; at; at = at->next) {
        if (at->type != CN_JSON_STRING)
            return cn_given_mistyped(given, at, "an object whose values are all strings", error);
        struct element *element = &list->elements[list->n++];
        *element = (struct element){.left = at->key,
                                    .right = at->text,
                                    .left_bare = cn_str_is(at->key, "*"),
                                    .right_bare = true};
        CN_TRY(cn_name_check(given, element->right, error));
    }
    return CN_OK;
}

/* ---- the options themselves --------------------------------------------------------------- */

static enum cn_code take_names(struct cn_options *options, const struct list *list,
                               struct cn_str **names, size_t *n_names, struct cn_error *error) {
    *names = cn_arena_array(options->arena, list->n ? list->n : 1, sizeof **names);
    if (*names == NULL)
        return cn_error_memory(error);
    for (size_t i = 0; i < list->n; i++)
        (*names)[i] = list->elements[i].left;
    *n_names = list->n;
    return CN_OK;
}

static enum cn_code take_rename(struct cn_options *options, const struct cn_given *given,
                                const struct list *list, struct cn_error *error) {
    options->rename =
        cn_arena_array(options->arena, list->n ? list->n : 1, sizeof *options->rename);
    if (options->rename == NULL)
        return cn_error_memory(error);
    for (size_t i = 0; i < list->n; i++)
        options->rename[i] =
            (struct cn_name_pair){.from = list->elements[i].left, .to = list->elements[i].right};
    options->n_rename = list->n;
    return list->n == 0 ? CN_OK
                        : cn_names_distinct(options, given, &options->rename[0].from, list->n,
                                            sizeof *options->rename, error);
}

static enum cn_code take_types(struct cn_options *options, const struct cn_given *given,
                               const struct list *list, struct cn_error *error) {
    options->types = cn_arena_array(options->arena, list->n ? list->n : 1, sizeof *options->types);
    struct cn_str *names = cn_arena_array(options->arena, list->n ? list->n : 1, sizeof *names);
    if (options->types == NULL || names == NULL)
        return cn_error_memory(error);
    size_t n_names = 0;
    bool any = false;
    for (size_t i = 0; i < list->n; i++) {
        const struct element *element = &list->elements[i];
        struct cn_declared_type *type = &options->types[i];
        *type = (struct cn_declared_type){.name = element->left};
        if (!cn_type_parse(element->right, &type->type) || type->type == CN_TYPE_NULL) {
            cn_error_set_column(error, element->left);
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "types gives '%.*s' the type '%.*s', but a type is bool, int64, "
                                  "float64 or string",
                                  CN_SHOWN(element->left), CN_SHOWN(element->right));
        }
        type->any = element->left_bare && cn_str_is(element->left, "*");
        if (type->any && any)
            return cn_given_error(given, CN_DUPLICATE_NAME, error, "types names '*' twice");
        any = any || type->any;
        if (!type->any)
            names[n_names++] = element->left;
    }
    options->n_types = list->n;
    return cn_names_distinct(options, given, names, n_names, sizeof *names, error);
}

static bool is_keyword(struct cn_str name) {
    return cn_str_is(name, "all") || cn_str_is(name, "computed");
}

static enum cn_code take_select(struct cn_options *options, const struct cn_given *given,
                                struct list *list, struct cn_error *error) {
    bool json = given->source == CN_OPTION_JSON;
    if (list->n == 0)
        return cn_given_error(given, CN_INVALID_PARAMETER, error, "select is empty, but must be %s",
                              given->expected);
    if (list->n == 1) {
        struct element *only = &list->elements[0];
        struct cn_str plain = {NULL, 0};
        if ((json || only->left_bare) && is_keyword(only->left)) {
            options->select = cn_str_is(only->left, "all") ? CN_SELECT_ALL : CN_SELECT_COMPUTED;
            return CN_OK;
        }
        /* ["`all`"]: the way to name a column called all where names need no backticks */
        if (json && cn_backticks_read(only->left, options->arena, &plain) && plain.data != NULL &&
            is_keyword(plain))
            only->left = plain;
    }
    for (size_t i = 0; i < list->n && !json; i++) {
        const struct element *element = &list->elements[i];
        if (list->n > 1 && element->left_bare && is_keyword(element->left))
            return cn_given_error(given, CN_INVALID_PARAMETER, error,
                                  "select has '%.*s' among names; it stands alone, and a column of "
                                  "that name is written `%.*s`",
                                  CN_SHOWN(element->left), CN_SHOWN(element->left));
    }
    options->select = CN_SELECT_NAMES;
    return take_names(options, list, &options->select_names, &options->n_select, error);
}

static enum cn_code take(struct cn_options *options, const struct cn_given *given,
                         struct list *list, struct cn_error *error) {
    switch (given->id) {
    case CN_OPTION_SELECT:
        return take_select(options, given, list, error);
    case CN_OPTION_DROP:
        return take_names(options, list, &options->drop, &options->n_drop, error);
    case CN_OPTION_NULLS:
        return take_names(options, list, &options->nulls, &options->n_nulls, error);
    case CN_OPTION_RENAME:
        return take_rename(options, given, list, error);
    default:
        return take_types(options, given, list, error);
    }
}

static bool has_pairs(enum cn_option_id id) {
    return id == CN_OPTION_RENAME || id == CN_OPTION_TYPES;
}

enum cn_code cn_list_set(struct cn_options *options, const struct cn_given *given,
                         struct cn_error *error) {
    struct list list = {NULL, 0};
    CN_TRY(read_list(options, given, has_pairs(given->id), &list, error));
    return take(options, given, &list, error);
}

enum cn_code cn_list_set_json(struct cn_options *options, const struct cn_given *given,
                              const struct cn_json *json, struct cn_error *error) {
    struct list list = {NULL, 0};
    if (given->id == CN_OPTION_SELECT && json->type == CN_JSON_STRING) {
        struct cn_str word = json->text;
        if (!is_keyword(word))
            return cn_given_mistyped(given, json, "'all', 'computed' or an array of names", error);
        options->select = cn_str_is(word, "all") ? CN_SELECT_ALL : CN_SELECT_COMPUTED;
        return CN_OK;
    }
    if (has_pairs(given->id))
        CN_TRY(load_object(options, given, json, &list, error));
    else
        CN_TRY(load_array(options, given, json, &list, error));
    return take(options, given, &list, error);
}
