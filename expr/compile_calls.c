/* From the tree to steps: function calls. */
#include "expr/compile.h"
#include "kernels/lanes_ops.h"

/* A step that calls the kernel `fn` for a function. */
static bool call_step(struct cn_compile *c, const struct cn_node *node, enum cn_type type,
                      cn_lanes_fn fn, struct cn_operand *in, uint32_t n, struct cn_operand *out) {
    struct cn_compile_op step = {.op = CN_STEP_LANES,
                                 .type = type,
                                 .fn = fn,
                                 .what = node->function->doc.name,
                                 .position = node->position,
                                 .cost = node->function->cost};
    return cn_compile_step(c, &step, in, n, out);
}

/* All arguments in one type, one kernel. */
static bool compile_plain(struct cn_compile *c, const struct cn_node *node, enum cn_type in_type,
                          cn_lanes_fn fn, struct cn_operand *out) {
    struct cn_operand in[3];
    for (uint32_t i = 0; i < node->n_args; i++) {
        if (!cn_compile_node_as(c, node->args[i], in_type, &in[i]))
            return false;
    }
    return call_step(c, node, cn_check_type(c->check, node), fn, in, node->n_args, out);
}

/* abs, sign, floor, ...: float64 stays, all else is int64. */
static bool compile_keep(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out) {
    const struct cn_function *f = node->function;
    enum cn_type type = cn_check_type(c->check, node);
    if (!cn_compile_node_as(c, node->args[0], type, out))
        return false;
    cn_lanes_fn fn = type == CN_TYPE_FLOAT64                            ? f->f64
                     : c->options->wrap_overflow && f->i64_wrap != NULL ? f->i64_wrap
                                                                        : f->i64;
    if (type == CN_TYPE_NULL || fn == cn_pos_i64)
        return true;
    return call_step(c, node, type, fn, out, 1, out);
}

static bool compile_round(struct cn_compile *c, const struct cn_node *node,
                          struct cn_operand *out) {
    if (node->n_args == 1)
        return compile_keep(c, node, out);
    enum cn_type type = cn_check_type(c->check, node);
    struct cn_operand in[2];
    if (!cn_compile_node_as(c, node->args[0], type, &in[0]) ||
        !cn_compile_node_as(c, node->args[1], CN_TYPE_INT64, &in[1]))
        return false;
    if (type != CN_TYPE_NULL)
        return call_step(c, node, type,
                         type == CN_TYPE_FLOAT64 ? cn_round_digits_f64 : cn_round_digits_i64, in, 2,
                         out);
    struct cn_compile_op step = {.op = CN_STEP_NULL, .type = type, .position = node->position};
    return cn_compile_step(c, &step, in, 2, out);
}

/* minimum or maximum of two operands of one type. */
static bool extreme(struct cn_compile *c, const struct cn_node *node, const struct cn_function *f,
                    enum cn_type type, const struct cn_operand pair[2], struct cn_operand *out) {
    struct cn_operand in[3] = {pair[0], pair[1]};
    struct cn_compile_op step = {.op = CN_STEP_LANES,
                                 .type = type,
                                 .fn = type == CN_TYPE_FLOAT64 ? f->f64
                                       : type == CN_TYPE_BOOL  ? f->boolean
                                                               : f->i64,
                                 .what = node->function->doc.name,
                                 .position = node->position,
                                 .cost = f->cost};
    if (type == CN_TYPE_NULL)
        step.op = CN_STEP_NULL;
    if (type != CN_TYPE_STRING)
        return cn_compile_step(c, &step, in, 2, out);
    /* Strings: a comparison, whose null mark is that of either, then a choice. */
    struct cn_operand choice[3] = {{0}, pair[0], pair[1]};
    in[0].temporary = false;
    in[1].temporary = false;
    step.type = CN_TYPE_BOOL;
    step.fn = f->text;
    if (!cn_compile_step(c, &step, in, 2, &choice[0]))
        return false;
    step.op = CN_STEP_WHERE;
    step.type = CN_TYPE_STRING;
    step.fn = NULL;
    return cn_compile_step(c, &step, choice, 3, out);
}

static bool compile_extreme(struct cn_compile *c, const struct cn_node *node,
                            struct cn_operand *out) {
    enum cn_type type = cn_check_type(c->check, node);
    struct cn_operand pair[2];
    if (!cn_compile_node_as(c, node->args[0], type, &pair[0]))
        return false;
    for (uint32_t i = 1; i < node->n_args; i++) {
        if (!cn_compile_node_as(c, node->args[i], type, &pair[1]) ||
            !extreme(c, node, node->function, type, pair, &pair[0]))
            return false;
    }
    *out = pair[0];
    return true;
}

/* clip(x, low, high): a bound that is the literal None does not apply. */
static bool compile_clip(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out) {
    const struct cn_function *bounds[3] = {NULL, cn_function_find(CN_STR("maximum")),
                                           cn_function_find(CN_STR("minimum"))};
    enum cn_type type = cn_check_type(c->check, node);
    struct cn_operand pair[2];
    if (!cn_compile_node_as(c, node->args[0], type, &pair[0]))
        return false;
    for (uint32_t i = 1; i < 3; i++) {
        if (node->args[i]->kind == CN_NODE_NONE)
            continue;
        if (!cn_compile_node_as(c, node->args[i], type, &pair[1]) ||
            !extreme(c, node, bounds[i], type, pair, &pair[0]))
            return false;
    }
    *out = pair[0];
    return true;
}

static bool compile_coalesce(struct cn_compile *c, const struct cn_node *node,
                             struct cn_operand *out) {
    enum cn_type type = cn_check_type(c->check, node);
    struct cn_compile_op step = {.op = type == CN_TYPE_NULL ? CN_STEP_NULL : CN_STEP_COALESCE,
                                 .type = type,
                                 .what = "coalesce",
                                 .position = node->position,
                                 .cost = node->function->cost};
    struct cn_operand in[2];
    if (!cn_compile_node_as(c, node->args[0], type, &in[0]))
        return false;
    for (uint32_t i = 1; i < node->n_args; i++) {
        if (!cn_compile_node_as(c, node->args[i], type, &in[1]) ||
            !cn_compile_step(c, &step, in, 2, &in[0]))
            return false;
    }
    *out = in[0];
    return true;
}

static bool compile_is_null(struct cn_compile *c, const struct cn_node *node,
                            struct cn_operand *out) {
    struct cn_compile_op step = {.op = CN_STEP_IS_NULL,
                                 .type = CN_TYPE_BOOL,
                                 .what = "is_null",
                                 .position = node->position,
                                 .cost = 0.2f};
    return cn_compile_node(c, node->args[0], out) && cn_compile_step(c, &step, out, 1, out);
}

static bool compile_substr(struct cn_compile *c, const struct cn_node *node,
                           struct cn_operand *out) {
    struct cn_operand in[3];
    if (!cn_compile_node_as(c, node->args[0], CN_TYPE_STRING, &in[0]) ||
        !cn_compile_node_as(c, node->args[1], CN_TYPE_INT64, &in[1]))
        return false;
    struct cn_constant all = {.type = CN_TYPE_INT64, .integer = INT64_MAX};
    bool good = node->n_args == 3 ? cn_compile_node_as(c, node->args[2], CN_TYPE_INT64, &in[2])
                                  : cn_compile_constant(c, &all, &in[2]);
    return good && call_step(c, node, CN_TYPE_STRING, cn_substr_str, in, 3, out);
}

/* Joins arguments [from, to), halving so that no byte is copied more than log2(n) times. */
static bool concat_range(struct cn_compile *c, const struct cn_node *node, uint32_t from,
                         uint32_t to, struct cn_operand *out) {
    if (to - from == 1)
        return cn_compile_node(c, node->args[from], out) &&
               cn_compile_convert(c, out, CN_TYPE_STRING, "concat", node->position);
    uint32_t middle = from + (to - from) / 2;
    struct cn_operand in[2];
    return concat_range(c, node, from, middle, &in[0]) &&
           concat_range(c, node, middle, to, &in[1]) &&
           call_step(c, node, CN_TYPE_STRING, cn_concat2_str, in, 2, out);
}

static bool compile_mod(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out) {
    struct cn_operand a;
    struct cn_operand b;
    return cn_compile_node(c, node->args[0], &a) && cn_compile_node(c, node->args[1], &b) &&
           cn_compile_arithmetic(c, CN_OP_MOD, node->position, a, b, out);
}

bool cn_compile_call(struct cn_compile *c, const struct cn_node *node, struct cn_operand *out) {
    const struct cn_function *f = node->function;
    switch (f->rule) {
    case CN_RULE_FLOAT1:
    case CN_RULE_FLOAT2:
    case CN_RULE_FLOAT_TEST:
        return compile_plain(c, node, CN_TYPE_FLOAT64, f->f64, out);
    case CN_RULE_KEEP:
        return compile_keep(c, node, out);
    case CN_RULE_ROUND:
        return compile_round(c, node, out);
    case CN_RULE_MOD:
        return compile_mod(c, node, out);
    case CN_RULE_EXTREME:
        return compile_extreme(c, node, out);
    case CN_RULE_CLIP:
        return compile_clip(c, node, out);
    case CN_RULE_COALESCE:
        return compile_coalesce(c, node, out);
    case CN_RULE_IS_NULL:
        return compile_is_null(c, node, out);
    case CN_RULE_CONVERT:
        return cn_compile_node(c, node->args[0], out) &&
               cn_compile_convert(c, out, f->type, f->doc.name, node->position);
    case CN_RULE_TEXT:
    case CN_RULE_LENGTH:
    case CN_RULE_TEXT_TEST:
    case CN_RULE_REPLACE:
        return compile_plain(c, node, CN_TYPE_STRING, f->text, out);
    case CN_RULE_SUBSTR:
        return compile_substr(c, node, out);
    case CN_RULE_CONCAT:
        return concat_range(c, node, 0, node->n_args, out);
    default:
        return cn_compile_hash(c, node, false, out);
    }
}
