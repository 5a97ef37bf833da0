/* Registers, constants and steps. */
#include "expr/compile.h"
#include "kernels/lanes_ops.h"

bool cn_compile_grow(struct cn_compile *c, void **array, size_t n, size_t *cap, size_t size) {
    if (n < *cap)
        return true;
    size_t more = *cap ? *cap * 2 : 16;
    void *grown = cn_arena_array(&c->program->arena, more, size);
    if (grown == NULL)
        return false;
    if (n > 0)
        memcpy(grown, *array, n * size);
    *array = grown;
    *cap = more;
    return true;
}

static bool add_register(struct cn_compile *c, struct cn_register reg, uint32_t *out) {
    struct cn_program *program = c->program;
    if (!cn_compile_grow(c, (void **)&program->registers, program->n_registers, &c->cap_registers,
                         sizeof reg))
        return false;
    program->registers[program->n_registers] = reg;
    *out = (uint32_t)program->n_registers++;
    return true;
}

static bool take_temporary(struct cn_compile *c, uint32_t width, uint32_t *out) {
    /* The one released last is the one still in cache. */
    for (size_t i = c->n_free; i-- > 0;) {
        uint32_t reg = c->free_registers[i];
        if (c->program->registers[reg].width != width)
            continue;
        c->n_free--;
        memmove(c->free_registers + i, c->free_registers + i + 1,
                (c->n_free - i) * sizeof *c->free_registers);
        *out = reg;
        return true;
    }
    struct cn_register reg = {.kind = CN_REGISTER_TEMPORARY, .width = width};
    /* Room for it on the free list, so that releasing cannot fail. */
    if (!cn_compile_grow(c, (void **)&c->free_registers, c->n_temporaries, &c->cap_free,
                         sizeof *c->free_registers))
        return false;
    c->n_temporaries++;
    return add_register(c, reg, out);
}

void cn_compile_release(struct cn_compile *c, struct cn_operand operand) {
    if (operand.temporary)
        c->free_registers[c->n_free++] = operand.reg;
}

bool cn_compile_input(struct cn_compile *c, uint32_t column, bool raw, struct cn_operand *out) {
    struct cn_program *program = c->program;
    enum cn_type type = raw ? CN_TYPE_STRING : c->check->schema->columns[column].type;
    *out = (struct cn_operand){.type = type};
    if (type == CN_TYPE_NULL)
        return cn_compile_null(c, CN_TYPE_NULL, out);
    uint32_t *known = &c->input_registers[2 * (size_t)column + raw];
    if (*known > 0) {
        out->reg = *known - 1;
        return true;
    }
    if (!cn_compile_grow(c, (void **)&program->inputs, program->n_inputs, &c->cap_inputs,
                         sizeof *program->inputs))
        return false;
    program->inputs[program->n_inputs] = (struct cn_program_input){.column = column, .raw = raw};
    struct cn_register reg = {.kind = CN_REGISTER_INPUT, .index = (uint32_t)program->n_inputs++};
    if (!add_register(c, reg, &out->reg))
        return false;
    *known = out->reg + 1;
    return true;
}

static bool same_constant(const struct cn_constant *a, const struct cn_constant *b) {
    if (a->type != b->type || a->null != b->null)
        return false;
    /* Bits, because -0.0 and 0.0 are two constants. */
    return a->null ||
           (a->boolean == b->boolean && a->integer == b->integer &&
            memcmp(&a->real, &b->real, sizeof a->real) == 0 && cn_str_equal(a->text, b->text));
}

static bool add_constant(struct cn_compile *c, const struct cn_constant *constant,
                         uint32_t *index) {
    struct cn_program *program = c->program;
    size_t cap = c->cap_constants;
    if (!cn_compile_grow(c, (void **)&program->constants, program->n_constants, &c->cap_constants,
                         sizeof *program->constants) ||
        !cn_compile_grow(c, (void **)&c->constant_registers, program->n_constants, &cap,
                         sizeof *c->constant_registers))
        return false;
    struct cn_constant copy = *constant;
    if (copy.type == CN_TYPE_STRING && !copy.null) {
        copy.text = cn_arena_str(&program->arena, copy.text);
        if (copy.text.data == NULL)
            return false;
    }
    *index = (uint32_t)program->n_constants;
    program->constants[program->n_constants] = copy;
    c->constant_registers[program->n_constants++] = UINT32_MAX;
    return true;
}

bool cn_compile_constant(struct cn_compile *c, const struct cn_constant *constant,
                         struct cn_operand *out) {
    *out = (struct cn_operand){.type = constant->type};
    uint32_t index = 0;
    while (index < c->program->n_constants &&
           !same_constant(&c->program->constants[index], constant))
        index++;
    if (index == c->program->n_constants && !add_constant(c, constant, &index))
        return false;
    if (c->constant_registers[index] != UINT32_MAX) {
        out->reg = c->constant_registers[index];
        return true;
    }
    /* Nulls cost nothing to keep: they share one block. */
    if (constant->null || index < CN_COMPILE_KEPT_CONSTANTS) {
        struct cn_register reg = {.kind = CN_REGISTER_CONSTANT, .index = index};
        if (!add_register(c, reg, &out->reg))
            return false;
        c->constant_registers[index] = out->reg;
        return true;
    }
    struct cn_compile_op fill = {.op = CN_STEP_FILL,
                                 .type = constant->type,
                                 .what = "a literal",
                                 .index = index,
                                 .cost = 0.2f};
    return cn_compile_step(c, &fill, NULL, 0, out);
}

bool cn_compile_null(struct cn_compile *c, enum cn_type type, struct cn_operand *out) {
    struct cn_constant null = {.type = type, .null = true};
    return cn_compile_constant(c, &null, out);
}

/* The kernel of a step, as the CPU's level has it. Choices and logic have theirs by width. */
static cn_lanes_fn find_kernel(const struct cn_compile_op *op) {
    uint32_t width = cn_register_width(op->type);
    switch (op->op) {
    case CN_STEP_WHERE:
    case CN_STEP_COALESCE:
        return cn_lanes_variant(width == 16 ? cn_where_16 : width == 8 ? cn_where_8 : cn_where_1);
    case CN_STEP_AND:
        return cn_lanes_variant(cn_and_bool);
    case CN_STEP_OR:
        return cn_lanes_variant(cn_or_bool);
    default:
        return op->fn != NULL ? cn_lanes_variant(op->fn) : NULL;
    }
}

bool cn_compile_step(struct cn_compile *c, const struct cn_compile_op *op,
                     const struct cn_operand *in, uint32_t n, struct cn_operand *out) {
    struct cn_program *program = c->program;
    struct cn_step step = {.op = op->op,
                           .type = op->type,
                           .in_type = n > 0 ? in[0].type : CN_TYPE_NULL,
                           .width = cn_register_width(op->type),
                           .n_in = n,
                           .fn = find_kernel(op),
                           .what = op->what,
                           .let = c->let,
                           .position = op->position,
                           .index = op->index};
    step.fallible = op->fn != NULL ? cn_fallible_find(op->fn) : NULL;
    for (uint32_t i = 0; i < n; i++)
        step.in[i] = in[i].reg;
    /* An operand that an error shows, or that hashes read late, must not be written over. */
    bool apart = (step.fallible != NULL && step.fallible->shows_operand) ||
                 op->op == CN_STEP_HASH || op->op == CN_STEP_HASH_TEXT;
    if (apart && !take_temporary(c, step.width, &step.out))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        bool twice = i > 0 && in[i].reg == in[0].reg;
        if (!twice)
            cn_compile_release(c, in[i]);
    }
    if (!apart && !take_temporary(c, step.width, &step.out))
        return false;
    if (!cn_compile_grow(c, (void **)&program->steps, program->n_steps, &c->cap_steps, sizeof step))
        return false;
    program->steps[program->n_steps++] = step;
    program->row_cost += (double)op->cost;
    if (op->op == CN_STEP_HASH)
        program->digest_cost += (double)op->cost;
    *out = (struct cn_operand){.reg = step.out, .type = op->type, .temporary = true};
    return true;
}

/* A constant in another numeric type. */
static bool widen_constant(struct cn_compile *c, struct cn_operand *operand, enum cn_type type) {
    struct cn_constant constant = c->program->constants[c->program->registers[operand->reg].index];
    int64_t integer = constant.type == CN_TYPE_BOOL ? constant.boolean : constant.integer;
    struct cn_constant wide = {.type = type, .null = constant.null};
    if (type == CN_TYPE_INT64)
        wide.integer = integer;
    else
        wide.real = (double)integer;
    return cn_compile_constant(c, &wide, operand);
}

static cn_lanes_fn widening(enum cn_type from, enum cn_type to) {
    if (to == CN_TYPE_INT64)
        return cn_to_i64_bool;
    return from == CN_TYPE_BOOL ? cn_to_f64_bool : cn_to_f64_i64;
}

bool cn_compile_widen(struct cn_compile *c, struct cn_operand *operand, enum cn_type type,
                      bool keep, uint32_t position) {
    if (operand->type == type)
        return true;
    bool constant = c->program->registers[operand->reg].kind == CN_REGISTER_CONSTANT;
    if (operand->type == CN_TYPE_NULL && constant)
        return cn_compile_null(c, type, operand);
    if (constant)
        return widen_constant(c, operand, type);
    struct cn_operand in = *operand;
    if (keep)
        in.temporary = false;
    struct cn_compile_op op = {.op = CN_STEP_LANES,
                               .type = type,
                               .fn = widening(operand->type, type),
                               .what = "a conversion",
                               .position = position,
                               .cost = 0.4f};
    if (operand->type == CN_TYPE_NULL) {
        op.op = CN_STEP_NULL;
        op.fn = NULL;
    }
    return cn_compile_step(c, &op, &in, 1, operand);
}

/* ns a row, roughly. */
static float convert_cost(enum cn_type from, enum cn_type to) {
    if (to == CN_TYPE_STRING)
        return from == CN_TYPE_FLOAT64 ? 25.0f : 8.0f;
    return from == CN_TYPE_STRING ? 15.0f : 1.0f;
}

bool cn_compile_convert(struct cn_compile *c, struct cn_operand *operand, enum cn_type type,
                        const char *what, uint32_t position) {
    static const cn_lanes_fn to_int[CN_TYPE_COUNT] = {
        [CN_TYPE_FLOAT64] = cn_to_i64_f64, [CN_TYPE_STRING] = cn_to_i64_str};
    static const cn_lanes_fn to_float[CN_TYPE_COUNT] = {[CN_TYPE_STRING] = cn_to_f64_str};
    static const cn_lanes_fn to_bool[CN_TYPE_COUNT] = {[CN_TYPE_INT64] = cn_to_bool_i64,
                                                       [CN_TYPE_FLOAT64] = cn_to_bool_f64,
                                                       [CN_TYPE_STRING] = cn_to_bool_str};
    static const cn_lanes_fn to_str[CN_TYPE_COUNT] = {[CN_TYPE_BOOL] = cn_to_str_bool,
                                                      [CN_TYPE_INT64] = cn_to_str_i64,
                                                      [CN_TYPE_FLOAT64] = cn_to_str_f64};
    if (operand->type == type)
        return true;
    cn_lanes_fn fn = type == CN_TYPE_INT64     ? to_int[operand->type]
                     : type == CN_TYPE_FLOAT64 ? to_float[operand->type]
                     : type == CN_TYPE_BOOL    ? to_bool[operand->type]
                                               : to_str[operand->type];
    if (fn == NULL || operand->type == CN_TYPE_NULL)
        return cn_compile_widen(c, operand, type, false, position);
    struct cn_compile_op op = {.op = CN_STEP_LANES,
                               .type = type,
                               .fn = fn,
                               .what = what,
                               .position = position,
                               .cost = convert_cost(operand->type, type)};
    return cn_compile_step(c, &op, operand, 1, operand);
}
