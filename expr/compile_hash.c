/* From the tree to steps: row hashes. */
#include "expr/compile.h"

static struct cn_str null_text(const struct cn_hash_call *call, enum cn_type type) {
    if (call->null == CN_HASH_NULL_TEXT)
        return call->null_text;
    return type == CN_TYPE_FLOAT64 ? CN_STR("nan") : CN_STR("None");
}

/* An input column as an argument: its values, or under text='raw' its fields' own texts. */
static bool column_arg(struct cn_compile *c, const struct cn_hash_call *call, uint32_t column,
                       struct cn_hash_arg *arg) {
    const struct cn_schema_column *schema = &c->check->schema->columns[column];
    bool raw = call->text == CN_HASH_RAW && schema->csv && schema->type != CN_TYPE_NULL;
    struct cn_operand operand;
    if (!cn_compile_input(c, column, raw, &operand))
        return false;
    *arg = (struct cn_hash_arg){operand.reg, operand.type, null_text(call, schema->type)};
    return true;
}

/* How many texts an argument is: `*` is as many as there are columns. */
static size_t arg_width(const struct cn_compile *c, const struct cn_node *arg) {
    return arg->kind == CN_NODE_STAR ? c->check->schema->n_columns : 1;
}

static bool add_hash(struct cn_compile *c, const struct cn_node *node, uint32_t *index) {
    struct cn_program *program = c->program;
    const struct cn_hash_call *call = node->hash;
    size_t n = 0;
    for (uint32_t i = 0; i < node->n_args; i++)
        n += arg_width(c, node->args[i]);
    if (n > UINT32_MAX || !cn_compile_grow(c, (void **)&program->hashes, program->n_hashes,
                                           &c->cap_hashes, sizeof *program->hashes))
        return false;
    struct cn_hash hash = {.kind = node->function->digest,
                           .length_frame = call->frame == CN_HASH_LENGTH,
                           .null_is_null = call->null == CN_HASH_NULL_NULL,
                           .as = call->as,
                           .n_args = (uint32_t)n};
    hash.args = cn_arena_array(&program->arena, n, sizeof *hash.args);
    hash.sep = cn_arena_str(&program->arena, call->sep);
    if (hash.args == NULL || hash.sep.data == NULL)
        return false;
    const struct cn_key *key = NULL;
    if (hash.kind == CN_DIGEST_HMAC_SHA256)
        key = cn_keyring_find(c->options->keys, call->key);
    if (key != NULL)
        hash.key = key->hmac;
    *index = (uint32_t)program->n_hashes;
    program->hashes[program->n_hashes++] = hash;
    return true;
}

static bool expression_arg(struct cn_compile *c, const struct cn_hash_call *call,
                           const struct cn_node *node, struct cn_hash_arg *arg,
                           struct cn_operand *operand) {
    *operand = (struct cn_operand){0};
    if (node->kind == CN_NODE_NAME && c->check->targets[node->id].kind == CN_TARGET_COLUMN)
        return column_arg(c, call, c->check->targets[node->id].index, arg);
    if (!cn_compile_node(c, node, operand))
        return false;
    struct cn_str text = cn_arena_str(&c->program->arena, null_text(call, operand->type));
    *arg = (struct cn_hash_arg){operand->reg, operand->type, text};
    return text.data != NULL;
}

static bool compile_args(struct cn_compile *c, const struct cn_node *node, uint32_t index,
                         struct cn_operand *operands) {
    struct cn_hash_arg *arg = c->program->hashes[index].args;
    for (uint32_t i = 0; i < node->n_args; i++) {
        operands[i] = (struct cn_operand){0};
        if (node->args[i]->kind != CN_NODE_STAR) {
            if (!expression_arg(c, node->hash, node->args[i], arg++, &operands[i]))
                return false;
            continue;
        }
        for (uint32_t column = 0; column < c->check->schema->n_columns; column++) {
            if (!column_arg(c, node->hash, column, arg++))
                return false;
        }
    }
    return true;
}

static float text_cost(const struct cn_hash *hash) {
    float cost = 0;
    for (uint32_t i = 0; i < hash->n_args; i++)
        cost += hash->args[i].type == CN_TYPE_FLOAT64 ? 30.0f
                : hash->args[i].type == CN_TYPE_INT64 ? 12.0f
                                                      : 8.0f;
    return cost;
}

static bool compile_table(struct cn_compile *c, const struct cn_node *node,
                          struct cn_operand *out) {
    enum cn_type type = cn_check_type(c->check, node);
    const struct cn_table_value *value =
        c->options->tables != NULL ? &c->options->tables[node->hash->table] : NULL;
    if (value != NULL && value->known) {
        struct cn_constant constant = {.type = type, .null = value->null};
        if (type == CN_TYPE_INT64)
            constant.integer = value->i64;
        else
            constant.text = cn_str_c(value->text);
        return cn_compile_constant(c, &constant, out);
    }
    struct cn_compile_op step = {.op = CN_STEP_UNKNOWN_TABLE,
                                 .type = type,
                                 .what = node->function->doc.name,
                                 .position = node->position};
    return cn_compile_step(c, &step, NULL, 0, out);
}

bool cn_compile_hash(struct cn_compile *c, const struct cn_node *node, bool preimage,
                     struct cn_operand *out) {
    if (node->hash->over == CN_HASH_TABLE && !preimage)
        return compile_table(c, node, out);
    uint32_t index;
    struct cn_operand *operands =
        cn_arena_array(&c->program->arena, node->n_args, sizeof *operands);
    if (operands == NULL || !add_hash(c, node, &index) || !compile_args(c, node, index, operands))
        return false;
    /* A call in the arguments may have moved the array of hashes: look it up again. */
    const struct cn_hash *hash = &c->program->hashes[index];
    struct cn_compile_op step = {.op = preimage ? CN_STEP_HASH_TEXT : CN_STEP_HASH,
                                 .type = preimage ? CN_TYPE_STRING : cn_check_type(c->check, node),
                                 .what = node->function->doc.name,
                                 .position = node->position,
                                 .index = index,
                                 .cost = node->function->cost + text_cost(hash)};
    if (!cn_compile_step(c, &step, NULL, 0, out))
        return false;
    for (uint32_t i = 0; i < node->n_args; i++)
        cn_compile_release(c, operands[i]);
    return true;
}
