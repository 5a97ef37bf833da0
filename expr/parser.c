/*
 * The parser: precedence climbing (Pratt, "Top down operator precedence", 1973). Every recursion of
 * parse_level() and parse_unary() counts as depth, so the C stack is bounded by the limit.
 */
#include "expr/parser.h"
#include "kernels/utf8.h"

static enum cn_code parse_unary(struct cn_parser *p, struct cn_node **out);

static const struct {
    const char *text;
    enum cn_level level;
} op_table[CN_OP_COUNT] = {
    [CN_OP_NONE] = {"", CN_LEVEL_PRIMARY},     [CN_OP_OR] = {"or", CN_LEVEL_OR},
    [CN_OP_AND] = {"and", CN_LEVEL_AND},       [CN_OP_NOT] = {"not", CN_LEVEL_NOT},
    [CN_OP_LT] = {"<", CN_LEVEL_COMPARE},      [CN_OP_LE] = {"<=", CN_LEVEL_COMPARE},
    [CN_OP_GT] = {">", CN_LEVEL_COMPARE},      [CN_OP_GE] = {">=", CN_LEVEL_COMPARE},
    [CN_OP_EQ] = {"==", CN_LEVEL_COMPARE},     [CN_OP_NE] = {"!=", CN_LEVEL_COMPARE},
    [CN_OP_BIT_OR] = {"|", CN_LEVEL_BIT_OR},   [CN_OP_BIT_XOR] = {"^", CN_LEVEL_BIT_XOR},
    [CN_OP_BIT_AND] = {"&", CN_LEVEL_BIT_AND}, [CN_OP_SHL] = {"<<", CN_LEVEL_SHIFT},
    [CN_OP_SHR] = {">>", CN_LEVEL_SHIFT},      [CN_OP_ADD] = {"+", CN_LEVEL_SUM},
    [CN_OP_SUB] = {"-", CN_LEVEL_SUM},         [CN_OP_MUL] = {"*", CN_LEVEL_PRODUCT},
    [CN_OP_DIV] = {"/", CN_LEVEL_PRODUCT},     [CN_OP_FLOORDIV] = {"//", CN_LEVEL_PRODUCT},
    [CN_OP_MOD] = {"%", CN_LEVEL_PRODUCT},     [CN_OP_NEG] = {"-", CN_LEVEL_UNARY},
    [CN_OP_POS] = {"+", CN_LEVEL_UNARY},       [CN_OP_INVERT] = {"~", CN_LEVEL_UNARY},
    [CN_OP_POW] = {"**", CN_LEVEL_POWER},
};

const char *cn_op_text(enum cn_op op) {
    return op_table[op].text;
}

enum cn_level cn_op_level(enum cn_op op) {
    return op_table[op].level;
}

/* The operator that a token is between two operands. */
static enum cn_op binary_op(enum cn_token_kind kind) {
    switch (kind) {
    case CN_TOKEN_OR:
        return CN_OP_OR;
    case CN_TOKEN_AND:
        return CN_OP_AND;
    case CN_TOKEN_LT:
        return CN_OP_LT;
    case CN_TOKEN_LE:
        return CN_OP_LE;
    case CN_TOKEN_GT:
        return CN_OP_GT;
    case CN_TOKEN_GE:
        return CN_OP_GE;
    case CN_TOKEN_EQ:
        return CN_OP_EQ;
    case CN_TOKEN_NE:
        return CN_OP_NE;
    case CN_TOKEN_BIT_OR:
        return CN_OP_BIT_OR;
    case CN_TOKEN_BIT_XOR:
        return CN_OP_BIT_XOR;
    case CN_TOKEN_BIT_AND:
        return CN_OP_BIT_AND;
    case CN_TOKEN_SHL:
        return CN_OP_SHL;
    case CN_TOKEN_SHR:
        return CN_OP_SHR;
    case CN_TOKEN_PLUS:
        return CN_OP_ADD;
    case CN_TOKEN_MINUS:
        return CN_OP_SUB;
    case CN_TOKEN_STAR:
        return CN_OP_MUL;
    case CN_TOKEN_SLASH:
        return CN_OP_DIV;
    case CN_TOKEN_SLASH_SLASH:
        return CN_OP_FLOORDIV;
    case CN_TOKEN_PERCENT:
        return CN_OP_MOD;
    default:
        return CN_OP_NONE;
    }
}
/* ---- operators ---------------------------------------------------------------------------- */

/* A primary, and perhaps `**` and its exponent. behind_minus: the literal 2**63 may stand here,
 * when no `**` follows. */
static enum cn_code parse_power(struct cn_parser *p, bool behind_minus, struct cn_node **out) {
    struct cn_token first = p->lexer.token;
    struct cn_node *base;
    CN_TRY(cn_parse_primary(p, &base));
    bool power = p->lexer.token.kind == CN_TOKEN_POWER;
    if (first.kind == CN_TOKEN_INT && first.integer > INT64_MAX && (power || !behind_minus)) {
        cn_expr_error(p->error, CN_INTEGER_OUT_OF_RANGE, p->lexer.let, first.position,
                      "the integer does not fit int64 (-9223372036854775808 to "
                      "9223372036854775807)");
        cn_error_set_value(p->error,
                           cn_str(p->lexer.text.data + first.position, first.end - first.position));
        return CN_INTEGER_OUT_OF_RANGE;
    }
    if (!power) {
        *out = base;
        return CN_OK;
    }
    size_t position = p->lexer.token.position;
    CN_TRY(cn_parser_weigh(p, position));
    CN_TRY(cn_parser_next(p));
    struct cn_node *exponent;
    CN_TRY(parse_unary(p, &exponent));
    CN_TRY(cn_parser_node(p, CN_NODE_POWER, position, out));
    CN_TRY(cn_parser_add_arg(p, *out, base));
    return cn_parser_add_arg(p, *out, exponent);
}

static enum cn_op unary_op(enum cn_token_kind kind) {
    switch (kind) {
    case CN_TOKEN_MINUS:
        return CN_OP_NEG;
    case CN_TOKEN_PLUS:
        return CN_OP_POS;
    case CN_TOKEN_BIT_NOT:
        return CN_OP_INVERT;
    default:
        return CN_OP_NONE;
    }
}

static enum cn_code make_unary(struct cn_parser *p, enum cn_op op, size_t position,
                               struct cn_node *operand, struct cn_node **out) {
    CN_TRY(cn_parser_weigh(p, position));
    CN_TRY(cn_parser_node(p, CN_NODE_UNARY, position, out));
    (*out)->op = op;
    return cn_parser_add_arg(p, *out, operand);
}

static enum cn_code parse_unary(struct cn_parser *p, struct cn_node **out) {
    enum cn_op op = unary_op(p->lexer.token.kind);
    CN_TRY(cn_parser_enter(p));
    struct cn_node *operand;
    if (op == CN_OP_NONE) {
        CN_TRY(parse_power(p, false, out));
        p->depth--;
        return CN_OK;
    }
    size_t position = p->lexer.token.position;
    CN_TRY(cn_parser_next(p));
    if (op == CN_OP_NEG && p->lexer.token.kind == CN_TOKEN_INT) {
        bool least = p->lexer.token.integer > INT64_MAX;
        CN_TRY(parse_power(p, true, &operand));
        p->depth--;
        if (least) { /* -2**63 is one literal */
            operand->position = (uint32_t)position;
            *out = operand;
            return CN_OK;
        }
    } else {
        CN_TRY(parse_unary(p, &operand));
        p->depth--;
    }
    return make_unary(p, op, position, operand, out);
}

/* Appends `op right` to `left`, which may be a chain of that level already. */
static enum cn_code extend(struct cn_parser *p, enum cn_node_kind kind, struct cn_operator op,
                           struct cn_node *right, struct cn_node **left) {
    struct cn_node *chain = *left;
    CN_TRY(cn_parser_weigh(p, op.position));
    bool same = chain->kind == kind && kind == CN_NODE_CHAIN &&
                cn_op_level(chain->ops[0].op) == cn_op_level(op.op);
    if (!same) {
        CN_TRY(cn_parser_node(p, kind, op.position, &chain));
        CN_TRY(cn_parser_add_arg(p, chain, *left));
    }
    chain->ops[chain->n_args - 1] = op;
    CN_TRY(cn_parser_add_arg(p, chain, right));
    *left = chain;
    return CN_OK;
}

static enum cn_code parse_level(struct cn_parser *p, enum cn_level level, struct cn_node **out);

/* The comparisons behind `left`: `a < b <= c` is one node. */
static enum cn_code parse_comparisons(struct cn_parser *p, struct cn_node **left) {
    struct cn_node *compare = NULL;
    for (;;) {
        struct cn_operator op = {binary_op(p->lexer.token.kind), (uint32_t)p->lexer.token.position};
        if (op.op == CN_OP_NONE || cn_op_level(op.op) != CN_LEVEL_COMPARE)
            return CN_OK;
        struct cn_node *right;
        CN_TRY(cn_parser_next(p));
        CN_TRY(parse_level(p, CN_LEVEL_BIT_OR, &right));
        if (compare == NULL) {
            CN_TRY(extend(p, CN_NODE_COMPARE, op, right, left));
            compare = *left;
            continue;
        }
        CN_TRY(cn_parser_weigh(p, op.position));
        compare->ops[compare->n_args - 1] = op;
        CN_TRY(cn_parser_add_arg(p, compare, right));
    }
}

static enum cn_code parse_operators(struct cn_parser *p, enum cn_level level,
                                    struct cn_node **left) {
    for (;;) {
        struct cn_operator op = {binary_op(p->lexer.token.kind), (uint32_t)p->lexer.token.position};
        if (op.op == CN_OP_NONE)
            return CN_OK;
        enum cn_level here = cn_op_level(op.op);
        if (here < level)
            return CN_OK;
        if (here == CN_LEVEL_COMPARE) {
            CN_TRY(parse_comparisons(p, left));
            continue;
        }
        struct cn_node *right;
        CN_TRY(cn_parser_next(p));
        CN_TRY(parse_level(p, (enum cn_level)(here + 1), &right));
        CN_TRY(extend(p, CN_NODE_CHAIN, op, right, left));
    }
}

/* An expression whose operators bind at least as tightly as `level`. */
static enum cn_code parse_level(struct cn_parser *p, enum cn_level level, struct cn_node **out) {
    CN_TRY(cn_parser_enter(p));
    if (p->lexer.token.kind == CN_TOKEN_NOT && level <= CN_LEVEL_NOT) {
        size_t position = p->lexer.token.position;
        struct cn_node *operand;
        CN_TRY(cn_parser_next(p));
        CN_TRY(parse_level(p, CN_LEVEL_NOT, &operand));
        CN_TRY(make_unary(p, CN_OP_NOT, position, operand, out));
    } else {
        p->depth--; /* parse_unary counts this level */
        CN_TRY(parse_unary(p, out));
        p->depth++;
    }
    CN_TRY(parse_operators(p, level, out));
    p->depth--;
    return CN_OK;
}

/* X, or X if CONDITION else Y with Y again such an expression. */
enum cn_code cn_parse_expression(struct cn_parser *p, struct cn_node **out) {
    CN_TRY(parse_level(p, CN_LEVEL_OR, out));
    if (p->lexer.token.kind != CN_TOKEN_IF)
        return CN_OK;
    size_t position = p->lexer.token.position;
    struct cn_node *condition;
    struct cn_node *other;
    struct cn_node *value = *out;
    CN_TRY(cn_parser_weigh(p, position));
    CN_TRY(cn_parser_next(p));
    CN_TRY(parse_level(p, CN_LEVEL_OR, &condition));
    if (p->lexer.token.kind != CN_TOKEN_ELSE)
        return cn_parser_unexpected(p, "`else` (X if CONDITION else Y)");
    CN_TRY(cn_parser_next(p));
    CN_TRY(cn_parser_enter(p));
    CN_TRY(cn_parse_expression(p, &other));
    p->depth--;
    CN_TRY(cn_parser_node(p, CN_NODE_CONDITIONAL, position, out));
    CN_TRY(cn_parser_add_arg(p, *out, value));
    CN_TRY(cn_parser_add_arg(p, *out, condition));
    return cn_parser_add_arg(p, *out, other);
}

enum cn_code cn_recipe_parse_let(struct cn_recipe *recipe, size_t let, struct cn_error *error) {
    struct cn_recipe_let *self = &recipe->lets[let];
    struct cn_parser p = {.recipe = recipe, .error = error};
    cn_lexer_init(&p.lexer, self->text, &recipe->arena, (int32_t)let);
    self->first_node = (uint32_t)recipe->n_nodes;
    if (self->text.len > recipe->limits.max_bytes || self->text.len > UINT32_MAX)
        return cn_parser_limit(&p, recipe->limits.max_bytes, "--max-expression-bytes",
                               "has too many bytes", recipe->limits.max_bytes);
    size_t valid = cn_utf8_check(self->text.data, self->text.len);
    if (valid < self->text.len)
        return cn_expr_error(error, CN_SYNTAX_ERROR, (int32_t)let, valid,
                             "the byte 0x%02x here is not valid UTF-8",
                             (unsigned char)self->text.data[valid]);
    CN_TRY(cn_parser_next(&p));
    if (p.lexer.token.kind == CN_TOKEN_END)
        return cn_expr_error(error, CN_SYNTAX_ERROR, (int32_t)let, 0, "the expression is empty");
    CN_TRY(cn_parse_expression(&p, &self->root));
    if (p.lexer.token.kind != CN_TOKEN_END)
        return cn_parser_unexpected_tail(&p);
    self->end_node = (uint32_t)recipe->n_nodes;
    return CN_OK;
}
