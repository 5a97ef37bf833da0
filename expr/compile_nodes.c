/* From the tree to steps: literals, names and operators. */
#include "expr/compile.h"
#include "kernels/lanes_ops.h"

/* ---- kernels of operators ----------------------------------------------------------------- */

static cn_lanes_fn float_kernel(enum cn_op op) {
    switch (op) {
    case CN_OP_ADD:
        return cn_add_f64;
    case CN_OP_SUB:
        return cn_sub_f64;
    case CN_OP_MUL:
        return cn_mul_f64;
    case CN_OP_DIV:
        return cn_div_f64;
    case CN_OP_FLOORDIV:
        return cn_floordiv_f64;
    default:
        return cn_mod_f64;
    }
}

static cn_lanes_fn int_kernel(enum cn_op op, bool wrap) {
    switch (op) {
    case CN_OP_ADD:
        return wrap ? cn_add_wrap_i64 : cn_add_i64;
    case CN_OP_SUB:
        return wrap ? cn_sub_wrap_i64 : cn_sub_i64;
    case CN_OP_MUL:
        return wrap ? cn_mul_wrap_i64 : cn_mul_i64;
    case CN_OP_FLOORDIV:
        return wrap ? cn_floordiv_wrap_i64 : cn_floordiv_i64;
    case CN_OP_MOD:
        return cn_mod_i64;
    case CN_OP_BIT_OR:
        return cn_or_i64;
    case CN_OP_BIT_XOR:
        return cn_xor_i64;
    case CN_OP_BIT_AND:
        return cn_and_i64;
    case CN_OP_SHL:
        return cn_shl_i64;
    default:
        return cn_shr_i64;
    }
}

static cn_lanes_fn bool_kernel(enum cn_op op) {
    return op == CN_OP_BIT_OR ? cn_or_bool : op == CN_OP_BIT_XOR ? cn_xor_bool : cn_and_bool;
}

static cn_lanes_fn compare_kernel(enum cn_op op, enum cn_type type) {
    static const cn_lanes_fn kernels[6][4] = {
        {cn_lt_bool, cn_lt_i64, cn_lt_f64, cn_lt_str},
        {cn_le_bool, cn_le_i64, cn_le_f64, cn_le_str},
        {cn_gt_bool, cn_gt_i64, cn_gt_f64, cn_gt_str},
        {cn_ge_bool, cn_ge_i64, cn_ge_f64, cn_ge_str},
        {cn_eq_bool, cn_eq_i64, cn_eq_f64, cn_eq_str},
        {cn_ne_bool, cn_ne_i64, cn_ne_f64, cn_ne_str},
    };
    return kernels[op - CN_OP_LT][type - CN_TYPE_BOOL];
}

/* ns a row, roughly. */
static float op_cost(enum cn_op op, enum cn_type type) {
    if (type == CN_TYPE_STRING)
        return 15.0f;
    if (op == CN_OP_FLOORDIV || op == CN_OP_MOD)
        return type == CN_TYPE_FLOAT64 ? 14.0f : 4.0f;
    return op == CN_OP_DIV ? 0.8f : 0.5f;
}

/* ---- operators ---------------------------------------------------------------------------- */

bool cn_compile_arithmetic(struct cn_compile *c, enum cn_op op, uint32_t position,
                           struct cn_operand a, struct cn_operand b, struct cn_operand *out) {
    enum cn_type type = CN_TYPE_NULL;
    cn_type_binary(op, a.type, b.type, &type);
    struct cn_operand in[2] = {a, b};
    struct cn_compile_op step = {.op = CN_STEP_LANES,
                                 .type = type,
                                 .what = cn_op_text(op),
                                 .position = position,
                                 .cost = op_cost(op, type)};
    if (type == CN_TYPE_NULL) {
        step.op = CN_STEP_NULL;
        return cn_compile_step(c, &step, in, 2, out);
    }
    for (int i = 0; i < 2; i++) {
        if (!cn_compile_widen(c, &in[i], type, false, position))
            return false;
    }
    step.fn = type == CN_TYPE_STRING    ? cn_concat2_str
              : type == CN_TYPE_FLOAT64 ? float_kernel(op)
              : type == CN_TYPE_BOOL    ? bool_kernel(op)
                                        : int_kernel(op, c->options->wrap_overflow);
    return cn_compile_step(c, &step, in, 2, out);
}

static bool compile_logic(struct cn_compile *c, enum cn_op op, uint32_t position,
                          struct cn_operand a, struct cn_operand b, struct cn_operand *out) {
    struct cn_operand in[2] = {a, b};
    struct cn_compile_op step = {.op = op == CN_OP_AND ? CN_STEP_AND : CN_STEP_OR,
                                 .type = CN_TYPE_BOOL,
                                 .what = cn_op_text(op),
                                 .position = position,
                                 .cost = 0.3f};
    for (int i = 0; i < 2; i++) {
        if (!cn_compile_widen(c, &in[i], CN_TYPE_BOOL, false, position))
            return false;
    }
    return cn_compile_step(c, &step, in, 2, out);
}

static bool compile_chain(struct cn_compile *c, const struct cn_node *node,
                          struct cn_operand *out) {
    if (!cn_compile_node(c, node->args[0], out))
        return false;
    for (uint32_t i = 1; i < node->n_args; i++) {
        struct cn_operator op = node->ops[i - 1];
        struct cn_operand right;
        bool logic = op.op == CN_OP_AND || op.op == CN_OP_OR;
        if (!cn_compile_node(c, node->args[i], &right) ||
            !(logic ? compile_logic : cn_compile_arithmetic)(c, op.op, op.position, *out, right,
                                                             out))
            return false;
    }
    return true;
}

/* One comparison; the right operand stays valid when `keep` says so. */
static bool compile_comparison(struct cn_compile *c, struct cn_operator op, struct cn_operand left,
                               struct cn_operand right, bool keep, struct cn_operand *out) {
    enum cn_type type = cn_type_compared(left.type, right.type);
    struct cn_operand in[2] = {left, right};
    if (!cn_compile_widen(c, &in[0], type, false, op.position) ||
        !cn_compile_widen(c, &in[1], type, keep, op.position))
        return false;
    if (keep && in[1].reg == right.reg)
        in[1].temporary = false;
    struct cn_compile_op step = {.op = CN_STEP_LANES,
                                 .type = CN_TYPE_BOOL,
                                 .fn = compare_kernel(op.op, type),
                                 .what = cn_op_text(op.op),
                                 .position = op.position,
                                 .cost = type == CN_TYPE_STRING ? 4.0f : 0.5f};
    return cn_compile_step(c, &step, in, 2, out);
}

static bool compile_compare(struct cn_compile *c, const struct cn_node *node,
                            struct cn_operand *out) {
    struct cn_operand left;
    if (!cn_compile_node(c, node->args[0], &left))
        return false;
    for (uint32_t i = 1; i < node->n_args; i++) {
        struct cn_operand right;
        struct cn_operand result;
        bool keep = i + 1 < node->n_args;
        if (!cn_compile_node(c, node->args[i], &right) ||
            !compile_comparison(c, node->ops[i - 1], left, right, keep, &result))
            return false;
        if (i == 1)
            *out = result;
        else if (!compile_logic(c, CN_OP_AND, node->ops[i - 1].position, *out, result, out))
            return false;
        left = right;
    }
    return true;
}

static bool compile_unary(struct cn_compile *c, const struct cn_node *node,
                          struct cn_operand *out) {
    const struct cn_node *arg = node->args[0];
    if (node->op == CN_OP_NEG && arg->kind == CN_NODE_INT && arg->integer != INT64_MIN) {
        struct cn_constant constant = {.type = CN_TYPE_INT64, .integer = -arg->integer};
        return cn_compile_constant(c, &constant, out);
    }
    if (node->op == CN_OP_NEG && arg->kind == CN_NODE_FLOAT) {
        struct cn_constant constant = {.type = CN_TYPE_FLOAT64, .real = -arg->real};
        return cn_compile_constant(c, &constant, out);
    }
    enum cn_type type = cn_check_type(c->check, node);
    if (!cn_compile_node_as(c, arg, type, out))
        return false;
    if (type == CN_TYPE_NULL || node->op == CN_OP_POS)
        return true;
    bool wrap = c->options->wrap_overflow;
    struct cn_compile_op step = {.op = CN_STEP_LANES,
                                 .type = type,
                                 .what = cn_op_text(node->op),
                                 .position = node->position,
                                 .cost = 0.4f};
    if (type == CN_TYPE_BOOL)
        step.fn = cn_not_bool;
    else if (node->op == CN_OP_INVERT)
        step.fn = cn_not_i64;
    else if (type == CN_TYPE_FLOAT64)
        step.fn = cn_neg_f64;
    else
        step.fn = wrap ? cn_neg_wrap_i64 : cn_neg_i64;
    return cn_compile_step(c, &step, out, 1, out);
}

/* int64 to the power of an int literal. */
static bool compile_int_power(struct cn_compile *c, const struct cn_node *node, int64_t exponent,
                              struct cn_operand *out) {
    if (!cn_compile_node_as(c, node->args[0], CN_TYPE_INT64, out))
        return false;
    if (exponent == 1)
        return true;
    bool wrap = c->options->wrap_overflow;
    struct cn_operand in[2] = {*out, *out};
    struct cn_compile_op step = {.op = CN_STEP_LANES,
                                 .type = CN_TYPE_INT64,
                                 .fn = wrap ? cn_mul_wrap_i64 : cn_mul_i64,
                                 .what = "**",
                                 .position = node->position,
                                 .cost = 1.0f};
    if (exponent != 2) {
        struct cn_constant constant = {.type = CN_TYPE_INT64, .integer = exponent};
        if (!cn_compile_constant(c, &constant, &in[1]))
            return false;
        step.fn = wrap ? cn_pow_wrap_i64 : cn_pow_i64;
        step.cost = 8.0f;
    }
    return cn_compile_step(c, &step, in, 2, out);
}

static bool compile_power(struct cn_compile *c, const struct cn_node *node,
                          struct cn_operand *out) {
    struct cn_exponent exponent = cn_exponent_of(node->args[1]);
    if (cn_check_type(c->check, node) == CN_TYPE_INT64)
        return compile_int_power(c, node, exponent.integer, out);
    struct cn_operand in[2] = {0};
    struct cn_compile_op step = {.op = CN_STEP_LANES,
                                 .type = CN_TYPE_FLOAT64,
                                 .what = "**",
                                 .position = node->position,
                                 .cost = 0.5f};
    if (!cn_compile_node_as(c, node->args[0], CN_TYPE_FLOAT64, &in[0]))
        return false;
    if (exponent.literal && exponent.real == 1.0) {
        *out = in[0];
        return true;
    }
    if (exponent.literal && exponent.real == 2.0)
        step.fn = cn_square_f64;
    else if (exponent.literal && exponent.real == 0.5)
        step.fn = cn_sqrt_f64;
    else if (exponent.literal && exponent.real == -1.0)
        step.fn = cn_reciprocal_f64;
    else if (exponent.literal && exponent.real == 0.0)
        step.fn = cn_one_f64;
    if (step.fn != NULL)
        return cn_compile_step(c, &step, in, 1, out);
    step.fn = cn_pow_f64;
    step.cost = 45.0f;
    return cn_compile_node_as(c, node->args[1], CN_TYPE_FLOAT64, &in[1]) &&
           cn_compile_step(c, &step, in, 2, out);
}

/* ---- nodes -------------------------------------------------------------------------------- */

static bool compile_literal(struct cn_compile *c, const struct cn_node *node,
                            struct cn_operand *out) {
    struct cn_constant constant = {.type = cn_check_type(c->check, node),
                                   .null = node->kind == CN_NODE_NONE,
                                   .boolean = node->boolean,
                                   .integer = node->kind == CN_NODE_INT ? node->integer : 0,
                                   .real = node->kind == CN_NODE_FLOAT ? node->real : 0,
                                   .text = node->text};
    return cn_compile_constant(c, &constant, out);
}

static bool compile_name(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out) {
    struct cn_target target = c->check->targets[node->id];
    if (target.kind == CN_TARGET_COLUMN)
        return cn_compile_input(c, target.index, false, out);
    *out = c->lets[target.index];
    out->temporary = false; /* the let keeps it */
    return true;
}

static bool compile_conditional(struct cn_compile *c, const struct cn_node *node,
                                struct cn_operand *out) {
    enum cn_type type = cn_check_type(c->check, node);
    enum cn_type held = type == CN_TYPE_NULL ? CN_TYPE_BOOL : type;
    struct cn_operand in[3];
    struct cn_compile_op step = {
        .op = CN_STEP_WHERE, .type = held, .what = "if", .position = node->position, .cost = 1.0f};
    /* where(cond, x, y) and x if cond else y have their parts in different places. */
    bool call = node->kind == CN_NODE_CALL;
    if (!cn_compile_node_as(c, node->args[call ? 0 : 1], CN_TYPE_BOOL, &in[0]) ||
        !cn_compile_node_as(c, node->args[call ? 1 : 0], held, &in[1]) ||
        !cn_compile_node_as(c, node->args[2], held, &in[2]) ||
        !cn_compile_step(c, &step, in, 3, out))
        return false;
    if (type == held)
        return true;
    step.op = CN_STEP_NULL;
    step.type = type;
    return cn_compile_step(c, &step, out, 1, out);
}

bool cn_compile_node(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out) {
    switch (node->kind) {
    case CN_NODE_NAME:
        return compile_name(c, node, out);
    case CN_NODE_UNARY:
        return compile_unary(c, node, out);
    case CN_NODE_CHAIN:
        return compile_chain(c, node, out);
    case CN_NODE_COMPARE:
        return compile_compare(c, node, out);
    case CN_NODE_POWER:
        return compile_power(c, node, out);
    case CN_NODE_CONDITIONAL:
        return compile_conditional(c, node, out);
    case CN_NODE_CALL:
        if (node->function->rule == CN_RULE_WHERE)
            return compile_conditional(c, node, out);
        return cn_compile_call(c, node, out);
    default:
        return compile_literal(c, node, out);
    }
}

bool cn_compile_node_as(struct cn_compile *c, const struct cn_node *node, enum cn_type type,
                        struct cn_operand *out) {
    return cn_compile_node(c, node, out) && cn_compile_widen(c, out, type, false, node->position);
}
