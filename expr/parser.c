/*
 * The parser: precedence climbing (Pratt, "Top down operator precedence", 1973). Every recursion of
 * parse_level() and parse_unary() counts as depth, so the C stack is bounded by the limit.
 */
#include "expr/ast.h"
#include "expr/lexer.h"
#include "kernels/utf8.h"

struct parser {
    struct cn_recipe *recipe;
    struct cn_lexer lexer;
    size_t depth;
    size_t open; /* parentheses that are open */
    struct cn_error *error;
};

static enum cn_code parse_expression(struct parser *p, struct cn_node **out);
static enum cn_code parse_unary(struct parser *p, struct cn_node **out);

static const struct {
    const char *text;
    enum cn_level level;
} op_table[CN_OP_COUNT] = {
    [CN_OP_NONE] = {"", CN_LEVEL_PRIMARY},         [CN_OP_OR] = {"or", CN_LEVEL_OR},
    [CN_OP_AND] = {"and", CN_LEVEL_AND},           [CN_OP_NOT] = {"not", CN_LEVEL_NOT},
    [CN_OP_LT] = {"<", CN_LEVEL_COMPARE},          [CN_OP_LE] = {"<=", CN_LEVEL_COMPARE},
    [CN_OP_GT] = {">", CN_LEVEL_COMPARE},          [CN_OP_GE] = {">=", CN_LEVEL_COMPARE},
    [CN_OP_EQ] = {"==", CN_LEVEL_COMPARE},         [CN_OP_NE] = {"!=", CN_LEVEL_COMPARE},
    [CN_OP_BIT_OR] = {"|", CN_LEVEL_BIT_OR},       [CN_OP_BIT_XOR] = {"^", CN_LEVEL_BIT_XOR},
    [CN_OP_BIT_AND] = {"&", CN_LEVEL_BIT_AND},     [CN_OP_SHL] = {"<<", CN_LEVEL_SHIFT},
    [CN_OP_SHR] = {">>", CN_LEVEL_SHIFT},          [CN_OP_ADD] = {"+", CN_LEVEL_SUM},
    [CN_OP_SUB] = {"-", CN_LEVEL_SUM},             [CN_OP_MUL] = {"*", CN_LEVEL_PRODUCT},
    [CN_OP_DIV] = {"/", CN_LEVEL_PRODUCT},         [CN_OP_FLOORDIV] = {"//", CN_LEVEL_PRODUCT},
    [CN_OP_MOD] = {"%", CN_LEVEL_PRODUCT},         [CN_OP_NEG] = {"-", CN_LEVEL_UNARY},
    [CN_OP_POS] = {"+", CN_LEVEL_UNARY},           [CN_OP_INVERT] = {"~", CN_LEVEL_UNARY},
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

/* ---- errors and limits -------------------------------------------------------------------- */

static enum cn_code next_token(struct parser *p) {
    return cn_lexer_next(&p->lexer, p->error);
}

static enum cn_code limit_error(struct parser *p, size_t position, const char *flag,
                                const char *what, size_t limit) {
    cn_expr_error(p->error, CN_LIMIT_EXCEEDED, p->lexer.let, position,
                  "the expression %s; the limit is %zu (%s)", what, limit, flag);
    cn_error_set_limit(p->error, flag);
    return CN_LIMIT_EXCEEDED;
}

static size_t depth_limit(const struct parser *p) {
    size_t limit = p->recipe->limits.max_depth;
    return limit < CN_EXPR_MAX_DEPTH ? limit : CN_EXPR_MAX_DEPTH;
}

static enum cn_code too_deep(struct parser *p, size_t position) {
    return limit_error(p, position, "--max-expression-depth", "is nested too deeply",
                       depth_limit(p));
}

static enum cn_code enter(struct parser *p) {
    if (p->depth >= depth_limit(p))
        return too_deep(p, p->lexer.token.position);
    p->depth++;
    return CN_OK;
}

/* Words that Python has and this language has not. */
static const char *word_hint(struct cn_str word) {
    if (cn_str_is(word, "is"))
        return "; `is` is not supported: use is_null(x), or `==`";
    if (cn_str_is(word, "in"))
        return "; `in` is not supported: use contains(s, t), or `==` joined by `or`";
    if (cn_str_is(word, "elif") || cn_str_is(word, "then"))
        return "; a choice is written X if CONDITION else Y";
    if (cn_str_is(word, "for") || cn_str_is(word, "lambda"))
        return "; comprehensions and lambda are not supported";
    return "";
}

/* The current token is none that may stand here. */
static enum cn_code unexpected(struct parser *p, const char *expected) {
    const struct cn_token *token = &p->lexer.token;
    char found[96];
    cn_token_describe(&p->lexer, token, found, sizeof found);
    const char *hint = "";
    if (token->kind == CN_TOKEN_NAME && !token->quoted)
        hint = word_hint(token->text);
    else if (token->kind == CN_TOKEN_ASSIGN)
        hint = "; equality is written `==`";
    else if (token->kind == CN_TOKEN_NOT)
        hint = "; parenthesise (not x) here, and write `!=` for unequal";
    return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, token->position,
                         "expected %s, found %s%s", expected, found, hint);
}

static enum cn_code unexpected_after_operand(struct parser *p) {
    if (p->lexer.token.kind == CN_TOKEN_CLOSE)
        return unexpected(p, "an operator or the end (no parenthesis is open)");
    return unexpected(p, p->open > 0 ? "an operator or `)`" : "an operator or the end");
}

/* ---- nodes -------------------------------------------------------------------------------- */

/* Leaves, operators and calls have a weight of 1. */
static enum cn_code weigh(struct parser *p, size_t position) {
    if (p->recipe->weight >= p->recipe->limits.max_nodes)
        return limit_error(p, position, "--max-expression-nodes",
                           "has too many names, literals, operators and calls (of all computed "
                           "columns together)",
                           p->recipe->limits.max_nodes);
    p->recipe->weight++;
    return CN_OK;
}

static enum cn_code new_node(struct parser *p, enum cn_node_kind kind, size_t position,
                             struct cn_node **out) {
    struct cn_recipe *recipe = p->recipe;
    if (recipe->n_nodes == recipe->cap_nodes) {
        size_t cap = recipe->cap_nodes ? recipe->cap_nodes * 2 : 64;
        struct cn_node **nodes = cn_arena_array(&recipe->arena, cap, sizeof(struct cn_node *));
        if (nodes == NULL)
            return cn_error_memory(p->error);
        if (recipe->n_nodes > 0)
            memcpy(nodes, recipe->nodes, recipe->n_nodes * sizeof(struct cn_node *));
        recipe->nodes = nodes;
        recipe->cap_nodes = cap;
    }
    struct cn_node *node = cn_arena_zalloc(&recipe->arena, sizeof *node);
    if (node == NULL)
        return cn_error_memory(p->error);
    node->kind = kind;
    node->position = (uint32_t)position;
    node->height = 1;
    node->id = (uint32_t)recipe->n_nodes;
    recipe->nodes[recipe->n_nodes++] = node;
    *out = node;
    return CN_OK;
}

static enum cn_code grow_args(struct parser *p, struct cn_node *node) {
    uint32_t cap = node->cap_args ? node->cap_args * 2 : 2;
    struct cn_node **args = cn_arena_array(&p->recipe->arena, cap, sizeof(struct cn_node *));
    struct cn_operator *ops = cn_arena_array(&p->recipe->arena, cap, sizeof *ops);
    if (args == NULL || ops == NULL)
        return cn_error_memory(p->error);
    if (node->n_args > 0) {
        memcpy(args, node->args, node->n_args * sizeof(struct cn_node *));
        memcpy(ops, node->ops, node->n_args * sizeof *ops);
    }
    node->args = args;
    node->ops = ops;
    node->cap_args = cap;
    return CN_OK;
}

static enum cn_code add_arg(struct parser *p, struct cn_node *node, struct cn_node *arg) {
    if (node->n_args == node->cap_args)
        CN_TRY(grow_args(p, node));
    node->ops[node->n_args] = (struct cn_operator){0};
    node->args[node->n_args++] = arg;
    if (arg->height >= node->height)
        node->height = arg->height + 1;
    if (node->height > depth_limit(p))
        return too_deep(p, node->position);
    return CN_OK;
}

/* ---- primaries ---------------------------------------------------------------------------- */

static enum cn_code parse_string(struct parser *p, struct cn_node **out) {
    CN_TRY(new_node(p, CN_NODE_STRING, p->lexer.token.position, out));
    (*out)->text = p->lexer.token.text;
    CN_TRY(next_token(p));
    if (p->lexer.token.kind != CN_TOKEN_STRING)
        return CN_OK;
    /* Adjacent literals are one. */
    struct cn_buf joined = CN_BUF_INIT;
    bool good = cn_buf_add_str(&joined, (*out)->text);
    enum cn_code code = CN_OK;
    while (good && code == CN_OK && p->lexer.token.kind == CN_TOKEN_STRING) {
        good = cn_buf_add_str(&joined, p->lexer.token.text);
        code = next_token(p);
    }
    if (good && code == CN_OK) {
        (*out)->text = cn_arena_str(&p->recipe->arena, cn_buf_str(&joined));
        good = (*out)->text.data != NULL;
    }
    cn_buf_release(&joined);
    return !good ? cn_error_memory(p->error) : code;
}

/* `name=` in an argument list; a copy of the lexer looks ahead. */
static bool at_keyword_argument(const struct parser *p) {
    if (p->lexer.token.kind != CN_TOKEN_NAME || p->lexer.token.quoted)
        return false;
    struct cn_lexer ahead = p->lexer;
    /* An error ahead is reported when the parser gets there. */
    return cn_lexer_next(&ahead, NULL) == CN_OK && ahead.token.kind == CN_TOKEN_ASSIGN;
}

static enum cn_code parse_keyword_argument(struct parser *p, struct cn_node *call) {
    struct cn_token name = p->lexer.token;
    if (call->function->rule != CN_RULE_HASH)
        return cn_expr_error(p->error, CN_TYPE_ERROR, p->lexer.let, name.position,
                             "%s() takes no keyword arguments", call->function->doc.name);
    CN_TRY(next_token(p)); /* = */
    CN_TRY(next_token(p));
    struct cn_node *value;
    CN_TRY(parse_expression(p, &value));
    return cn_hash_keyword_set(p->recipe, p->lexer.let, call, name.text, name.position, value,
                               p->error);
}

static enum cn_code parse_star(struct parser *p, struct cn_node *call) {
    size_t position = p->lexer.token.position;
    CN_TRY(next_token(p));
    if (p->lexer.token.kind != CN_TOKEN_COMMA && p->lexer.token.kind != CN_TOKEN_CLOSE)
        return unexpected(p, "`,` or `)` behind the `*` that stands for all input columns");
    if (call->function->rule != CN_RULE_HASH)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, position,
                             "`*` (all input columns) is an argument of row hashes only");
    struct cn_node *star;
    CN_TRY(weigh(p, position));
    CN_TRY(new_node(p, CN_NODE_STAR, position, &star));
    return add_arg(p, call, star);
}

static enum cn_code parse_argument(struct parser *p, struct cn_node *call, bool *keywords) {
    if (at_keyword_argument(p)) {
        *keywords = true;
        return parse_keyword_argument(p, call);
    }
    if (*keywords)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, p->lexer.token.position,
                             "positional argument follows keyword argument");
    if (p->lexer.token.kind == CN_TOKEN_STAR)
        return parse_star(p, call);
    struct cn_node *arg;
    CN_TRY(parse_expression(p, &arg));
    return add_arg(p, call, arg);
}

static enum cn_code check_arity(struct parser *p, const struct cn_node *call) {
    const struct cn_function *f = call->function;
    if (call->n_args >= f->min_args && call->n_args <= f->max_args)
        return CN_OK;
    char count[48];
    if (f->max_args == CN_ARGS_ANY)
        snprintf(count, sizeof count, "at least %u", (unsigned)f->min_args);
    else if (f->max_args != f->min_args)
        snprintf(count, sizeof count, "%u to %u", (unsigned)f->min_args, (unsigned)f->max_args);
    else
        snprintf(count, sizeof count, "%u", (unsigned)f->min_args);
    unsigned last = f->max_args == CN_ARGS_ANY ? f->min_args : f->max_args;
    return cn_expr_error(p->error, CN_TYPE_ERROR, p->lexer.let, call->position,
                         "%s() takes %s argument%s, %u given: %s", f->doc.name, count,
                         last == 1 ? "" : "s", (unsigned)call->n_args, f->doc.signature);
}

static enum cn_code find_function(struct parser *p, const struct cn_token *name,
                                  const struct cn_function **function) {
    *function = name->quoted ? NULL : cn_function_find(name->text);
    if (*function != NULL)
        return CN_OK;
    int shown = name->text.len > 64 ? 64 : (int)name->text.len;
    if (name->quoted)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, p->lexer.token.position,
                             "a name between backticks is a column, which cannot be called");
    struct cn_near near;
    cn_near_init(&near, name->text);
    size_t n;
    const struct cn_function_doc *docs = cn_function_docs(&n);
    for (size_t i = 0; i < n; i++)
        cn_near_offer(&near, cn_str_c(docs[i].name));
    char hint[160];
    cn_near_text(&near, hint, sizeof hint);
    return cn_expr_error(p->error, CN_UNKNOWN_FUNCTION, p->lexer.let, name->position,
                         "there is no function `%.*s`%s", shown, name->text.data,
                         hint[0] != '\0' ? hint : "; GET /v1/functions lists them");
}

/* The current token is the `(` behind a name. */
static enum cn_code parse_call(struct parser *p, const struct cn_token *name,
                               struct cn_node **out) {
    const struct cn_function *function;
    CN_TRY(find_function(p, name, &function));
    CN_TRY(weigh(p, name->position));
    CN_TRY(new_node(p, CN_NODE_CALL, name->position, out));
    struct cn_node *call = *out;
    call->function = function;
    if (function->rule == CN_RULE_HASH) {
        call->hash = cn_arena_zalloc(&p->recipe->arena, sizeof *call->hash);
        if (call->hash == NULL)
            return cn_error_memory(p->error);
        call->hash->sep = CN_STR("_");
    }
    p->open++;
    CN_TRY(next_token(p));
    bool keywords = false;
    while (p->lexer.token.kind != CN_TOKEN_CLOSE) {
        CN_TRY(parse_argument(p, call, &keywords));
        if (p->lexer.token.kind == CN_TOKEN_CLOSE)
            break;
        if (p->lexer.token.kind != CN_TOKEN_COMMA)
            return unexpected(p, "an operator, `,` or `)`");
        CN_TRY(next_token(p));
    }
    CN_TRY(next_token(p));
    p->open--;
    CN_TRY(check_arity(p, call));
    if (call->hash != NULL)
        return cn_hash_call_check(p->recipe, p->lexer.let, call, p->error);
    return CN_OK;
}

static enum cn_code parse_name(struct parser *p, struct cn_node **out) {
    struct cn_token name = p->lexer.token;
    CN_TRY(next_token(p));
    if (p->lexer.token.kind == CN_TOKEN_OPEN)
        return parse_call(p, &name, out);
    if (!name.quoted && cn_str_is(name.text, "lambda"))
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, name.position,
                             "lambda is not supported: write the expression itself");
    CN_TRY(weigh(p, name.position));
    CN_TRY(new_node(p, CN_NODE_NAME, name.position, out));
    (*out)->text = name.text;
    return CN_OK;
}

static enum cn_code parse_parenthesis(struct parser *p, struct cn_node **out) {
    size_t position = p->lexer.token.position;
    p->open++;
    CN_TRY(next_token(p));
    if (p->lexer.token.kind == CN_TOKEN_CLOSE)
        return unexpected(p, "an expression");
    CN_TRY(parse_expression(p, out));
    if (p->lexer.token.kind == CN_TOKEN_COMMA)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, p->lexer.token.position,
                             "tuples are not supported: expected an operator or `)`");
    if (p->lexer.token.kind == CN_TOKEN_END)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, p->lexer.token.position,
                             "expected an operator or `)`, found the end; the parenthesis at "
                             "position %zu is not closed",
                             position);
    if (p->lexer.token.kind != CN_TOKEN_CLOSE)
        return unexpected_after_operand(p);
    p->open--;
    return next_token(p);
}

static enum cn_code parse_literal(struct parser *p, enum cn_node_kind kind,
                                  struct cn_node **out) {
    CN_TRY(new_node(p, kind, p->lexer.token.position, out));
    (*out)->boolean = p->lexer.token.kind == CN_TOKEN_TRUE;
    (*out)->integer = (int64_t)p->lexer.token.integer; /* 2**63 becomes INT64_MIN: see parse_power */
    (*out)->real = p->lexer.token.real;
    return next_token(p);
}

static enum cn_code parse_primary(struct parser *p, struct cn_node **out) {
    enum cn_token_kind kind = p->lexer.token.kind;
    switch (kind) {
    case CN_TOKEN_NAME:
        return parse_name(p, out);
    case CN_TOKEN_OPEN:
        return parse_parenthesis(p, out);
    case CN_TOKEN_INT:
    case CN_TOKEN_FLOAT:
    case CN_TOKEN_STRING:
    case CN_TOKEN_TRUE:
    case CN_TOKEN_FALSE:
    case CN_TOKEN_NONE:
        break;
    default:
        return unexpected(p, "a value (a name, a literal, a function or a parenthesis)");
    }
    CN_TRY(weigh(p, p->lexer.token.position));
    if (kind == CN_TOKEN_STRING)
        return parse_string(p, out);
    return parse_literal(p,
                         kind == CN_TOKEN_INT     ? CN_NODE_INT
                         : kind == CN_TOKEN_FLOAT ? CN_NODE_FLOAT
                         : kind == CN_TOKEN_NONE  ? CN_NODE_NONE
                                                  : CN_NODE_BOOL,
                         out);
}

/* ---- operators ---------------------------------------------------------------------------- */

/* A primary, and perhaps `**` and its exponent. behind_minus: the literal 2**63 may stand here, when
 * no `**` follows. */
static enum cn_code parse_power(struct parser *p, bool behind_minus, struct cn_node **out) {
    struct cn_token first = p->lexer.token;
    struct cn_node *base;
    CN_TRY(parse_primary(p, &base));
    bool power = p->lexer.token.kind == CN_TOKEN_POWER;
    if (first.kind == CN_TOKEN_INT && first.integer > INT64_MAX && (power || !behind_minus)) {
        cn_expr_error(p->error, CN_INTEGER_OUT_OF_RANGE, p->lexer.let, first.position,
                      "the integer does not fit int64 (-9223372036854775808 to "
                      "9223372036854775807)");
        cn_error_set_value(p->error, cn_str(p->lexer.text.data + first.position,
                                            first.end - first.position));
        return CN_INTEGER_OUT_OF_RANGE;
    }
    if (!power) {
        *out = base;
        return CN_OK;
    }
    size_t position = p->lexer.token.position;
    CN_TRY(weigh(p, position));
    CN_TRY(next_token(p));
    struct cn_node *exponent;
    CN_TRY(parse_unary(p, &exponent));
    CN_TRY(new_node(p, CN_NODE_POWER, position, out));
    CN_TRY(add_arg(p, *out, base));
    return add_arg(p, *out, exponent);
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

static enum cn_code make_unary(struct parser *p, enum cn_op op, size_t position,
                               struct cn_node *operand, struct cn_node **out) {
    CN_TRY(weigh(p, position));
    CN_TRY(new_node(p, CN_NODE_UNARY, position, out));
    (*out)->op = op;
    return add_arg(p, *out, operand);
}

static enum cn_code parse_unary(struct parser *p, struct cn_node **out) {
    enum cn_op op = unary_op(p->lexer.token.kind);
    CN_TRY(enter(p));
    struct cn_node *operand;
    if (op == CN_OP_NONE) {
        CN_TRY(parse_power(p, false, out));
        p->depth--;
        return CN_OK;
    }
    size_t position = p->lexer.token.position;
    CN_TRY(next_token(p));
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
static enum cn_code extend(struct parser *p, enum cn_node_kind kind, struct cn_operator op,
                           struct cn_node *right, struct cn_node **left) {
    struct cn_node *chain = *left;
    CN_TRY(weigh(p, op.position));
    bool same = chain->kind == kind && kind == CN_NODE_CHAIN &&
                cn_op_level(chain->ops[0].op) == cn_op_level(op.op);
    if (!same) {
        CN_TRY(new_node(p, kind, op.position, &chain));
        CN_TRY(add_arg(p, chain, *left));
    }
    chain->ops[chain->n_args - 1] = op;
    CN_TRY(add_arg(p, chain, right));
    *left = chain;
    return CN_OK;
}

static enum cn_code parse_level(struct parser *p, enum cn_level level, struct cn_node **out);

/* The comparisons behind `left`: `a < b <= c` is one node. */
static enum cn_code parse_comparisons(struct parser *p, struct cn_node **left) {
    struct cn_node *compare = NULL;
    for (;;) {
        struct cn_operator op = {binary_op(p->lexer.token.kind),
                                 (uint32_t)p->lexer.token.position};
        if (op.op == CN_OP_NONE || cn_op_level(op.op) != CN_LEVEL_COMPARE)
            return CN_OK;
        struct cn_node *right;
        CN_TRY(next_token(p));
        CN_TRY(parse_level(p, CN_LEVEL_BIT_OR, &right));
        if (compare == NULL) {
            CN_TRY(extend(p, CN_NODE_COMPARE, op, right, left));
            compare = *left;
            continue;
        }
        CN_TRY(weigh(p, op.position));
        compare->ops[compare->n_args - 1] = op;
        CN_TRY(add_arg(p, compare, right));
    }
}

static enum cn_code parse_operators(struct parser *p, enum cn_level level, struct cn_node **left) {
    for (;;) {
        struct cn_operator op = {binary_op(p->lexer.token.kind),
                                 (uint32_t)p->lexer.token.position};
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
        CN_TRY(next_token(p));
        CN_TRY(parse_level(p, (enum cn_level)(here + 1), &right));
        CN_TRY(extend(p, CN_NODE_CHAIN, op, right, left));
    }
}

/* An expression whose operators bind at least as tightly as `level`. */
static enum cn_code parse_level(struct parser *p, enum cn_level level, struct cn_node **out) {
    CN_TRY(enter(p));
    if (p->lexer.token.kind == CN_TOKEN_NOT && level <= CN_LEVEL_NOT) {
        size_t position = p->lexer.token.position;
        struct cn_node *operand;
        CN_TRY(next_token(p));
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
static enum cn_code parse_expression(struct parser *p, struct cn_node **out) {
    CN_TRY(parse_level(p, CN_LEVEL_OR, out));
    if (p->lexer.token.kind != CN_TOKEN_IF)
        return CN_OK;
    size_t position = p->lexer.token.position;
    struct cn_node *condition;
    struct cn_node *other;
    struct cn_node *value = *out;
    CN_TRY(weigh(p, position));
    CN_TRY(next_token(p));
    CN_TRY(parse_level(p, CN_LEVEL_OR, &condition));
    if (p->lexer.token.kind != CN_TOKEN_ELSE)
        return unexpected(p, "`else` (X if CONDITION else Y)");
    CN_TRY(next_token(p));
    CN_TRY(enter(p));
    CN_TRY(parse_expression(p, &other));
    p->depth--;
    CN_TRY(new_node(p, CN_NODE_CONDITIONAL, position, out));
    CN_TRY(add_arg(p, *out, value));
    CN_TRY(add_arg(p, *out, condition));
    return add_arg(p, *out, other);
}

enum cn_code cn_recipe_parse_let(struct cn_recipe *recipe, size_t let, struct cn_error *error) {
    struct cn_recipe_let *self = &recipe->lets[let];
    struct parser p = {.recipe = recipe, .error = error};
    cn_lexer_init(&p.lexer, self->text, &recipe->arena, (int32_t)let);
    self->first_node = (uint32_t)recipe->n_nodes;
    if (self->text.len > recipe->limits.max_bytes || self->text.len > UINT32_MAX)
        return limit_error(&p, recipe->limits.max_bytes, "--max-expression-bytes",
                           "has too many bytes", recipe->limits.max_bytes);
    size_t valid = cn_utf8_check(self->text.data, self->text.len);
    if (valid < self->text.len)
        return cn_expr_error(error, CN_SYNTAX_ERROR, (int32_t)let, valid,
                             "the byte 0x%02x here is not valid UTF-8",
                             (unsigned char)self->text.data[valid]);
    CN_TRY(next_token(&p));
    if (p.lexer.token.kind == CN_TOKEN_END)
        return cn_expr_error(error, CN_SYNTAX_ERROR, (int32_t)let, 0,
                             "the expression is empty");
    CN_TRY(parse_expression(&p, &self->root));
    if (p.lexer.token.kind != CN_TOKEN_END)
        return unexpected_after_operand(&p);
    self->end_node = (uint32_t)recipe->n_nodes;
    return CN_OK;
}
