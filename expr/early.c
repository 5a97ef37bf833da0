/*
 * early.c: what can be said against a recipe before its columns are known.
 */
#include "expr/ast.h"
#include "expr/names.h"

/* Every name that could be a column, as a column of type null, which fits anywhere: an error that
 * remains does not depend on the columns. */
static enum cn_code pretend(const struct cn_recipe *recipe, struct cn_arena *arena,
                            struct cn_schema *schema, struct cn_error *error) {
    struct cn_schema_column *columns =
        cn_arena_zalloc(arena, (recipe->n_nodes + 1) * sizeof *columns);
    struct cn_names names;

    if (columns == NULL)
        return cn_error_memory(error);
    CN_TRY(cn_names_init(&names, recipe->n_nodes + 1, arena, error));
    *schema = (struct cn_schema){columns, 0};
    for (size_t i = 0; i < recipe->n_nodes; i++) {
        const struct cn_node *node = recipe->nodes[i];
        if (node->kind != CN_NODE_NAME ||
            cn_names_add(&names, node->text, (uint32_t)schema->n_columns)->count > 1)
            continue;
        columns[schema->n_columns++].name = node->text;
    }
    /* For `*`, which stands for at least one. */
    columns[schema->n_columns++].name = CN_STR("\x01");
    return CN_OK;
}

enum cn_code cn_recipe_check_early(const struct cn_recipe *recipe, const struct cn_keyring *keys,
                                   struct cn_error *error) {
    struct cn_compile_options options = {.keys = keys, .table_preimage = -1};
    struct cn_program *program = NULL;
    struct cn_schema schema;
    struct cn_arena arena;
    enum cn_code code;

    cn_arena_init(&arena, 4096);
    code = pretend(recipe, &arena, &schema, error);
    if (code == CN_OK)
        code = cn_program_compile(&program, recipe, &schema, &options, error);
    cn_program_free(program);
    cn_arena_release(&arena);
    return code;
}
