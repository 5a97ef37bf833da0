/*
 * uses.c: which columns a recipe names, whatever their types.
 */
#include "expr/ast.h"
#include "expr/names.h"

enum cn_code cn_recipe_uses(const struct cn_recipe *recipe, const struct cn_schema *schema,
                            bool *used, struct cn_error *error) {
    struct cn_arena arena;
    struct cn_names names;
    enum cn_code code;

    cn_arena_init(&arena, 4096);
    code = cn_names_init(&names, schema->n_columns, &arena, error);
    for (size_t c = 0; c < schema->n_columns && code == CN_OK; c++)
        cn_names_add(&names, schema->columns[c].name, (uint32_t)c);
    for (size_t i = 0; i < recipe->n_nodes && code == CN_OK; i++) {
        const struct cn_node *node = recipe->nodes[i];
        if (node->kind == CN_NODE_STAR) {
            memset(used, 1, schema->n_columns * sizeof *used);
        } else if (node->kind == CN_NODE_NAME) {
            const struct cn_names_slot *slot = cn_names_find(&names, node->text);
            if (slot)
                used[slot->index] = true;
        }
    }
    cn_arena_release(&arena);
    return code;
}
