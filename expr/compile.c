/* From a recipe and a schema to a program. */
#include "expr/compile.h"

#include <openssl/crypto.h>

#include <stdlib.h>

/* ---- which lets are needed ---------------------------------------------------------------- */

/* Marks the lets that a subtree uses. The arguments of a table digest are no part of this program:
 * its value is a constant here. */
static void mark_used(const struct cn_check *check, const struct cn_node *node, bool *needed) {
    if (node->kind == CN_NODE_NAME && check->targets[node->id].kind == CN_TARGET_LET)
        needed[check->targets[node->id].index] = true;
    if (node->hash != NULL && node->hash->over == CN_HASH_TABLE)
        return;
    for (uint32_t i = 0; i < node->n_args; i++)
        mark_used(check, node->args[i], needed);
}

static void mark_args(const struct cn_check *check, const struct cn_node *node, bool *needed) {
    for (uint32_t i = 0; i < node->n_args; i++)
        mark_used(check, node->args[i], needed);
}

static void mark_needed(const struct cn_compile *c, const struct cn_table_ref *preimage,
                        bool *needed) {
    const struct cn_recipe *recipe = c->check->recipe;
    for (size_t i = 0; i < recipe->n_lets && preimage == NULL; i++)
        needed[i] = c->options->wanted == NULL || c->options->wanted[i];
    if (preimage != NULL)
        mark_args(c->check, preimage->node, needed);
    for (size_t i = recipe->n_lets; i-- > 0;) {
        if (needed[i])
            mark_used(c->check, recipe->lets[i].root, needed);
    }
}

/* ---- lets --------------------------------------------------------------------------------- */

/* Where the failures of a let become errors or nulls. */
static bool end_let(struct cn_compile *c, struct cn_operand operand) {
    struct cn_program *program = c->program;
    struct cn_step step = {.op = CN_STEP_LET,
                           .type = operand.type,
                           .in = {operand.reg},
                           .n_in = 1,
                           .out = operand.reg,
                           .let = c->let};
    if (!cn_compile_grow(c, (void **)&program->steps, program->n_steps, &c->cap_steps, sizeof step))
        return false;
    program->steps[program->n_steps++] = step;
    return true;
}

static bool compile_let(struct cn_compile *c, uint32_t let) {
    c->let = let;
    struct cn_operand operand;
    if (!cn_compile_node(c, c->check->recipe->lets[let].root, &operand) || !end_let(c, operand))
        return false;
    operand.temporary = false; /* kept to the end of the block */
    c->lets[let] = operand;
    return true;
}

static bool compile_lets(struct cn_compile *c, const struct cn_table_ref *preimage) {
    const struct cn_recipe *recipe = c->check->recipe;
    struct cn_program *program = c->program;
    bool *needed = cn_arena_zalloc(&program->arena, recipe->n_lets + 1);
    c->lets = cn_arena_array(&program->arena, recipe->n_lets + 1, sizeof *c->lets);
    program->n_outputs = preimage != NULL ? 1 : recipe->n_lets;
    program->outputs =
        cn_arena_zalloc(&program->arena, (program->n_outputs + 1) * sizeof *program->outputs);
    if (needed == NULL || c->lets == NULL || program->outputs == NULL)
        return false;
    mark_needed(c, preimage, needed);
    for (uint32_t i = 0; i < recipe->n_lets; i++) {
        if (needed[i] && !compile_let(c, i))
            return false;
        if (preimage != NULL)
            continue;
        program->outputs[i].type = (enum cn_type)c->check->let_types[i];
        program->outputs[i].wanted = c->options->wanted == NULL || c->options->wanted[i];
        program->outputs[i].reg = needed[i] ? c->lets[i].reg : 0;
    }
    if (preimage == NULL)
        return true;
    struct cn_operand text;
    c->let = preimage->let;
    if (!cn_compile_hash(c, preimage->node, true, &text) || !end_let(c, text))
        return false;
    program->outputs[0] =
        (struct cn_program_output){.wanted = true, .type = CN_TYPE_STRING, .reg = text.reg};
    return true;
}

static bool copy_names(struct cn_program *program, const struct cn_recipe *recipe) {
    program->n_lets = recipe->n_lets;
    program->let_names =
        cn_arena_array(&program->arena, recipe->n_lets + 1, sizeof *program->let_names);
    for (size_t i = 0; program->let_names != NULL && i < recipe->n_lets; i++) {
        program->let_names[i] = cn_arena_str(&program->arena, recipe->lets[i].name);
        if (program->let_names[i].data == NULL)
            return false;
    }
    return program->let_names != NULL;
}

/* ---- programs ----------------------------------------------------------------------------- */

static enum cn_code check_lets(struct cn_check *check, struct cn_error *error) {
    for (uint32_t i = 0; i < check->recipe->n_lets; i++) {
        CN_TRY(cn_check_resolve(check, i, error));
        CN_TRY(cn_check_types(check, i, error));
        cn_check_define(check, i, cn_check_type(check, check->recipe->lets[i].root));
    }
    return CN_OK;
}

/* The inputs whose values row hashes take directly. */
static void mark_hashed(struct cn_program *program) {
    for (size_t i = 0; i < program->n_hashes; i++) {
        const struct cn_hash *hash = &program->hashes[i];
        for (uint32_t k = 0; k < hash->n_args; k++) {
            const struct cn_register *reg = &program->registers[hash->args[k].reg];
            if (reg->kind == CN_REGISTER_INPUT && !program->inputs[reg->index].raw)
                program->inputs[reg->index].hashed = true;
        }
    }
}

/* The outputs that are digests in hex. Writers ask for every block and output, so it is found out
 * here, in one pass: a register holds a digest if the step that wrote it last made one. */
static bool mark_hex(struct cn_program *program, struct cn_arena *scratch) {
    bool *hex = cn_arena_zalloc(scratch, (program->n_registers + 1) * sizeof *hex);
    if (hex == NULL)
        return false;
    for (size_t i = 0; i < program->n_steps; i++) {
        const struct cn_step *step = &program->steps[i];
        if (step->op == CN_STEP_LET)
            program->outputs[step->let].hex = hex[step->out];
        else
            hex[step->out] =
                step->op == CN_STEP_HASH && program->hashes[step->index].as == CN_HASH_HEX;
    }
    return true;
}

static enum cn_code compile(struct cn_program *program, const struct cn_recipe *recipe,
                            const struct cn_schema *schema,
                            const struct cn_compile_options *options, struct cn_arena *scratch,
                            struct cn_error *error) {
    struct cn_check check;
    CN_TRY(cn_check_init(&check, recipe, schema, options->keys, scratch, error));
    CN_TRY(check_lets(&check, error));
    struct cn_compile c = {.program = program, .check = &check, .options = options};
    c.input_registers = cn_arena_array(scratch, schema->n_columns, 2 * sizeof *c.input_registers);
    if (c.input_registers == NULL)
        return cn_error_memory(error);
    memset(c.input_registers, 0, schema->n_columns * 2 * sizeof *c.input_registers);
    const struct cn_table_ref *preimage = NULL;
    if (options->table_preimage >= 0) {
        if ((size_t)options->table_preimage >= recipe->n_tables)
            return cn_error_set(error, CN_INTERNAL, "there is no table digest %d",
                                (int)options->table_preimage);
        preimage = &recipe->tables[options->table_preimage];
    }
    program->null_on_error = options->null_on_error;
    if (!copy_names(program, recipe) || !compile_lets(&c, preimage))
        return cn_error_memory(error);
    program->input_types =
        cn_arena_array(&program->arena, program->n_inputs + 1, sizeof *program->input_types);
    if (program->input_types == NULL)
        return cn_error_memory(error);
    for (size_t i = 0; i < program->n_inputs; i++)
        program->input_types[i] = program->inputs[i].raw
                                      ? CN_TYPE_STRING
                                      : schema->columns[program->inputs[i].column].type;
    mark_hashed(program);
    /* The output of a pre-image program is a text, whatever lets it takes on the way. */
    if (preimage == NULL && !mark_hex(program, scratch))
        return cn_error_memory(error);
    return CN_OK;
}

enum cn_code cn_program_compile(struct cn_program **program, const struct cn_recipe *recipe,
                                const struct cn_schema *schema,
                                const struct cn_compile_options *options, struct cn_error *error) {
    *program = NULL;
    struct cn_program *self = calloc(1, sizeof *self);
    if (self == NULL)
        return cn_error_memory(error);
    struct cn_arena scratch;
    cn_arena_init(&self->arena, 8192);
    cn_arena_init(&scratch, 8192);
    enum cn_code code = compile(self, recipe, schema, options, &scratch, error);
    cn_arena_release(&scratch);
    if (code != CN_OK) {
        cn_program_free(self);
        return code;
    }
    *program = self;
    return CN_OK;
}

void cn_program_free(struct cn_program *program) {
    if (program == NULL)
        return;
    for (size_t i = 0; i < program->n_hashes; i++)
        OPENSSL_cleanse(&program->hashes[i].key, sizeof program->hashes[i].key);
    cn_arena_release(&program->arena);
    free(program);
}

const struct cn_program_input *cn_program_inputs(const struct cn_program *program, size_t *n) {
    *n = program->n_inputs;
    return program->inputs;
}

bool cn_program_wants(const struct cn_program *program, size_t let) {
    return program->outputs[let].wanted;
}

enum cn_type cn_program_output_type(const struct cn_program *program, size_t let) {
    return program->outputs[let].type;
}

bool cn_program_output_is_hex(const struct cn_program *program, size_t let) {
    return program->outputs[let].hex;
}

double cn_program_row_cost(const struct cn_program *program) {
    return program->row_cost;
}

double cn_program_digest_cost(const struct cn_program *program) {
    return program->digest_cost;
}
