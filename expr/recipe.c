#include "expr/ast.h"
#include "expr/check.h"
#include "expr/lexer.h"

#include <stdlib.h>

static struct cn_recipe *recipe_new(const struct cn_let *lets, size_t n_lets,
                                    const struct cn_expr_limits *limits) {
    struct cn_recipe *recipe = calloc(1, sizeof *recipe);
    if (recipe == NULL)
        return NULL;
    cn_arena_init(&recipe->arena, 8192);
    recipe->limits = *limits;
    recipe->n_lets = n_lets;
    recipe->lets = cn_arena_array(&recipe->arena, n_lets + 1, sizeof *recipe->lets);
    bool good = recipe->lets != NULL;
    for (size_t i = 0; good && i < n_lets; i++) {
        recipe->lets[i] = (struct cn_recipe_let){
            .name = cn_arena_str(&recipe->arena, lets[i].name),
            .text = cn_arena_str(&recipe->arena, lets[i].text),
        };
        good = recipe->lets[i].name.data != NULL && recipe->lets[i].text.data != NULL;
    }
    if (good)
        return recipe;
    cn_recipe_free(recipe);
    return NULL;
}

static enum cn_code duplicate_let(const struct cn_recipe *recipe, size_t let, uint32_t first,
                                  struct cn_error *error) {
    struct cn_str name = recipe->lets[let].name;
    cn_expr_error(error, CN_DUPLICATE_NAME, (int32_t)let, 0,
                  "two computed columns have the name `%.*s`: numbers %u and %zu",
                  (int)(name.len > 128 ? 128 : name.len), name.data, (unsigned)first + 1, let + 1);
    cn_error_set_column(error, name);
    return CN_DUPLICATE_NAME;
}

/* Parses one let; `names` knows those before it. */
static enum cn_code parse_let(struct cn_recipe *recipe, size_t let, struct cn_names *names,
                              struct cn_error *error) {
    const struct cn_names_slot *slot = cn_names_add(names, recipe->lets[let].name, (uint32_t)let);
    if (slot->count > 1)
        return duplicate_let(recipe, let, slot->index, error);
    enum cn_code code = cn_recipe_parse_let(recipe, let, error);
    if (code != CN_OK)
        cn_error_set_column(error, recipe->lets[let].name);
    return code;
}

enum cn_code cn_recipe_parse(struct cn_recipe **recipe, const struct cn_let *lets, size_t n_lets,
                             const struct cn_expr_limits *limits, struct cn_error *error) {
    *recipe = NULL;
    struct cn_recipe *self = recipe_new(lets, n_lets, limits);
    if (self == NULL)
        return cn_error_memory(error);
    struct cn_names names;
    enum cn_code code = cn_names_init(&names, n_lets, &self->arena, error);
    for (size_t i = 0; code == CN_OK && i < n_lets; i++)
        code = parse_let(self, i, &names, error);
    if (code != CN_OK) {
        cn_recipe_free(self);
        return code;
    }
    *recipe = self;
    return CN_OK;
}

void cn_recipe_free(struct cn_recipe *recipe) {
    if (recipe == NULL)
        return;
    cn_arena_release(&recipe->arena);
    free(recipe);
}

size_t cn_recipe_lets(const struct cn_recipe *recipe) {
    return recipe->n_lets;
}

struct cn_str cn_recipe_name(const struct cn_recipe *recipe, size_t let) {
    return recipe->lets[let].name;
}

struct cn_str cn_recipe_text(const struct cn_recipe *recipe, size_t let) {
    return recipe->lets[let].text;
}

bool cn_recipe_print(const struct cn_recipe *recipe, size_t let, struct cn_buf *out) {
    return cn_expr_print_name(out, recipe->lets[let].name) && cn_buf_add_c(out, " = ") &&
           cn_expr_print_node(out, recipe->lets[let].root);
}

/* What cn_recipe_resolve() and cn_recipe_uses() share; `used` may be NULL. */
static enum cn_code resolve_all(const struct cn_recipe *recipe, const struct cn_schema *schema,
                                bool *used, struct cn_error *error) {
    struct cn_arena arena;
    struct cn_check check;
    cn_arena_init(&arena, 8192);
    enum cn_code code = cn_check_init(&check, recipe, schema, NULL, &arena, error);
    for (uint32_t i = 0; code == CN_OK && i < recipe->n_lets; i++) {
        code = cn_check_resolve(&check, i, error);
        cn_check_define(&check, i, CN_TYPE_UNKNOWN);
    }
    for (size_t i = 0; code == CN_OK && used != NULL && i < recipe->n_nodes; i++) {
        if (check.targets[i].kind == CN_TARGET_COLUMN)
            used[check.targets[i].index] = true;
        for (size_t k = 0; recipe->nodes[i]->kind == CN_NODE_STAR && k < schema->n_columns; k++)
            used[k] = true;
    }
    cn_arena_release(&arena);
    return code;
}

enum cn_code cn_recipe_resolve(const struct cn_recipe *recipe, const struct cn_schema *schema,
                               struct cn_error *error) {
    return resolve_all(recipe, schema, NULL, error);
}

enum cn_code cn_recipe_uses(const struct cn_recipe *recipe, const struct cn_schema *schema,
                            bool *used, struct cn_error *error) {
    return resolve_all(recipe, schema, used, error);
}

/* ---- all errors at once ------------------------------------------------------------------- */

/* The lets of a check, with what is known of each. */
struct survey {
    struct cn_recipe *recipe;
    struct cn_check check;
    struct cn_error *faults; /* by let; code CN_OK: it was parsed */
};

/* Parses, prints and checks one let. */
static enum cn_code check_one(const struct cn_recipe *recipe, struct cn_check *check, uint32_t let,
                              struct cn_buf *print, struct cn_error *error) {
    if (print != NULL && !cn_recipe_print(recipe, let, print))
        return cn_error_memory(error);
    CN_TRY(cn_check_resolve(check, let, error));
    return cn_check_types(check, let, error);
}

static enum cn_code survey_begin(struct survey *survey, const struct cn_let *lets, size_t n_lets,
                                 const struct cn_schema *schema, const struct cn_keyring *keys,
                                 const struct cn_expr_limits *limits, struct cn_error *error) {
    struct cn_recipe *recipe = recipe_new(lets, n_lets, limits);
    survey->recipe = recipe;
    if (recipe == NULL)
        return cn_error_memory(error);
    struct cn_names names;
    survey->faults = cn_arena_array(&recipe->arena, n_lets + 1, sizeof *survey->faults);
    if (survey->faults == NULL)
        return cn_error_memory(error);
    CN_TRY(cn_names_init(&names, n_lets, &recipe->arena, error));
    for (size_t i = 0; i < n_lets; i++) {
        cn_error_init(&survey->faults[i]);
        (void)parse_let(recipe, i, &names, &survey->faults[i]);
    }
    return cn_check_init(&survey->check, recipe, schema, keys, &recipe->arena, error);
}

bool cn_recipe_uses_keys(const struct cn_recipe *recipe) {
    for (size_t i = 0; i < recipe->n_nodes; i++) {
        const struct cn_function *function = recipe->nodes[i]->function;
        if (function && recipe->nodes[i]->hash && function->digest == CN_DIGEST_HMAC_SHA256)
            return true;
    }
    return false;
}

size_t cn_expr_check(const struct cn_let *lets, size_t n_lets, const struct cn_schema *schema,
                     const struct cn_compile_options *options, const struct cn_expr_limits *limits,
                     enum cn_type *types, bool *failed, struct cn_buf *prints,
                     struct cn_error *errors, size_t max_errors) {
    size_t n = 0;
    struct survey survey;
    struct cn_error error;
    cn_error_init(&error);
    enum cn_code begun = survey_begin(&survey, lets, n_lets, schema, options->keys, limits, &error);
    if (begun != CN_OK && max_errors > 0)
        errors[n++] = error;
    for (uint32_t i = 0; i < n_lets; i++) {
        types[i] = CN_TYPE_NULL;
        failed[i] = true;
        if (begun != CN_OK)
            continue;
        struct cn_check *check = &survey.check;
        struct cn_error *fault = &survey.faults[i];
        size_t before = n;
        check->errors = errors;
        check->n_errors = n;
        check->max_errors = max_errors;
        if (fault->code == CN_OK)
            (void)check_one(survey.recipe, check, i, prints != NULL ? &prints[i] : NULL, fault);
        n = check->n_errors;
        enum cn_type type = CN_TYPE_UNKNOWN;
        if (fault->code == CN_OK && n == before) {
            type = cn_check_type(check, survey.recipe->lets[i].root);
            types[i] = type == CN_TYPE_UNKNOWN ? CN_TYPE_NULL : type;
            failed[i] = type == CN_TYPE_UNKNOWN;
        } else if (fault->code != CN_OK && n < max_errors) {
            errors[n++] = *fault;
        }
        cn_check_define(check, i, type);
    }
    cn_recipe_free(survey.recipe);
    return n;
}
