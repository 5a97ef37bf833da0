/* What names stand for. */
#include "expr/check.h"

#include "expr/lexer.h"

#include <stdio.h>

enum cn_code cn_check_init(struct cn_check *check, const struct cn_recipe *recipe,
                           const struct cn_schema *schema, const struct cn_keyring *keys,
                           struct cn_arena *arena, struct cn_error *error) {
    *check = (struct cn_check){.recipe = recipe, .schema = schema, .keys = keys};
    check->targets = cn_arena_zalloc(arena, (recipe->n_nodes + 1) * sizeof *check->targets);
    check->types = cn_arena_zalloc(arena, recipe->n_nodes + 1);
    check->let_types = cn_arena_zalloc(arena, recipe->n_lets + 1);
    if (check->targets == NULL || check->types == NULL || check->let_types == NULL)
        return cn_error_memory(error);
    CN_TRY(cn_names_init(&check->columns, schema->n_columns, arena, error));
    CN_TRY(cn_names_init(&check->lets, recipe->n_lets, arena, error));
    for (size_t i = 0; i < schema->n_columns; i++)
        cn_names_add(&check->columns, schema->columns[i].name, (uint32_t)i);
    return CN_OK;
}

static void set_column(const struct cn_check *check, struct cn_error *error) {
    cn_error_set_column(error, check->recipe->lets[check->let].name);
}

/* Words for which this language, as Python, has another spelling; NULL: none of them. */
static const char *spelling(struct cn_str name) {
    static const char *const words[][2] = {
        {"true", "True"},        {"TRUE", "True"},        {"false", "False"},
        {"FALSE", "False"},      {"null", "None"},        {"NULL", "None"},
        {"none", "None"},        {"nan", "float('nan')"}, {"NaN", "float('nan')"},
        {"inf", "float('inf')"}, {"NOT", "not"},          {"pi", "3.141592653589793"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (cn_str_is(name, words[i][0]))
            return words[i][1];
    }
    return NULL;
}

/* What there is, as far as it fits, when nothing is near. */
static void list_columns(const struct cn_schema *schema, char *hint, size_t size) {
    size_t len = (size_t)snprintf(hint, size, "; the columns are ");
    for (size_t i = 0; i < schema->n_columns; i++) {
        struct cn_str name = schema->columns[i].name;
        if (name.len > 64 || len + name.len + 10 > size) {
            snprintf(hint + len, size - len, "%s...", i > 0 ? ", " : "");
            return;
        }
        len += (size_t)snprintf(hint + len, size - len, "%s`%.*s`", i > 0 ? ", " : "",
                                (int)name.len, name.data);
    }
}

static enum cn_code unknown_name(const struct cn_check *check, const struct cn_node *node,
                                 struct cn_error *error) {
    struct cn_near near;
    cn_near_init(&near, node->text);
    for (uint32_t i = 0; i < check->let; i++)
        cn_near_offer(&near, check->recipe->lets[i].name);
    for (size_t i = 0; i < check->schema->n_columns; i++)
        cn_near_offer(&near, check->schema->columns[i].name);
    char hint[256];
    cn_near_text(&near, hint, sizeof hint);
    bool later = false;
    for (size_t i = check->let; i < check->recipe->n_lets; i++)
        later = later || cn_str_equal(check->recipe->lets[i].name, node->text);
    if (later)
        snprintf(hint, sizeof hint, "; a computed column can use only those before it");
    else if (spelling(node->text) != NULL)
        snprintf(hint, sizeof hint, "; did you mean %s?", spelling(node->text));
    else if (hint[0] == '\0' && cn_function_find(node->text) != NULL)
        snprintf(hint, sizeof hint, "; it is a function and needs its arguments in parentheses");
    else if (hint[0] == '\0' && check->schema->n_columns > 0)
        list_columns(check->schema, hint, sizeof hint);
    cn_expr_error(error, CN_UNKNOWN_COLUMN, (int32_t)check->let, node->position,
                  "there is no column `%.*s`%s", (int)(node->text.len > 128 ? 128 : node->text.len),
                  node->text.data, hint);
    set_column(check, error);
    return CN_UNKNOWN_COLUMN;
}

static enum cn_code resolve_name(struct cn_check *check, const struct cn_node *node,
                                 struct cn_error *error) {
    struct cn_target *target = &check->targets[node->id];
    const struct cn_names_slot *slot = cn_names_find(&check->lets, node->text);
    if (slot != NULL) {
        *target = (struct cn_target){CN_TARGET_LET, slot->index};
        return CN_OK;
    }
    slot = cn_names_find(&check->columns, node->text);
    if (slot == NULL)
        return unknown_name(check, node, error);
    if (slot->count > 1) {
        cn_expr_error(error, CN_DUPLICATE_NAME, (int32_t)check->let, node->position,
                      "%u columns have the name `%.*s`, so it does not say which is meant",
                      (unsigned)slot->count, (int)(node->text.len > 128 ? 128 : node->text.len),
                      node->text.data);
        set_column(check, error);
        return CN_DUPLICATE_NAME;
    }
    *target = (struct cn_target){CN_TARGET_COLUMN, slot->index};
    return CN_OK;
}

enum cn_code cn_check_collect(struct cn_check *check, enum cn_code code, struct cn_error *error) {
    if (code == CN_OK || check->errors == NULL || error == NULL)
        return code;
    if (check->n_errors < check->max_errors)
        check->errors[check->n_errors++] = *error;
    cn_error_init(error);
    return CN_OK;
}

enum cn_code cn_check_resolve(struct cn_check *check, uint32_t let, struct cn_error *error) {
    check->let = let;
    const struct cn_recipe_let *self = &check->recipe->lets[let];
    for (uint32_t id = self->first_node; id < self->end_node; id++) {
        const struct cn_node *node = check->recipe->nodes[id];
        if (node->kind == CN_NODE_NAME)
            CN_TRY(cn_check_collect(check, resolve_name(check, node, error), error));
    }
    return CN_OK;
}

void cn_check_define(struct cn_check *check, uint32_t let, enum cn_type type) {
    check->let_types[let] = (uint8_t)type;
    cn_names_add(&check->lets, check->recipe->lets[let].name, let);
}
