/* What the parser is made of: tokens, errors, limits, nodes. */
#include "expr/parser.h"

/* ---- errors and limits -------------------------------------------------------------------- */

enum cn_code cn_parser_next(struct cn_parser *p) {
    return cn_lexer_next(&p->lexer, p->error);
}

enum cn_code cn_parser_limit(struct cn_parser *p, size_t position, const char *flag,
                             const char *what, size_t limit) {
    cn_expr_error(p->error, CN_LIMIT_EXCEEDED, p->lexer.let, position,
                  "the expression %s; the limit is %zu (%s)", what, limit, flag);
    cn_error_set_limit(p->error, flag);
    return CN_LIMIT_EXCEEDED;
}

static size_t depth_limit(const struct cn_parser *p) {
    size_t limit = p->recipe->limits.max_depth;
    return limit < CN_EXPR_MAX_DEPTH ? limit : CN_EXPR_MAX_DEPTH;
}

static enum cn_code too_deep(struct cn_parser *p, size_t position) {
    return cn_parser_limit(p, position, "--max-expression-depth", "is nested too deeply",
                           depth_limit(p));
}

enum cn_code cn_parser_enter(struct cn_parser *p) {
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
    if (cn_str_is(word, "AND") || cn_str_is(word, "OR"))
        return "; the words are `and` and `or`, in lower case";
    if (cn_str_is(word, "for") || cn_str_is(word, "lambda"))
        return "; comprehensions and lambda are not supported";
    return "";
}

/* The current token is none that may stand here. */
enum cn_code cn_parser_unexpected(struct cn_parser *p, const char *expected) {
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

enum cn_code cn_parser_unexpected_tail(struct cn_parser *p) {
    if (p->lexer.token.kind == CN_TOKEN_CLOSE)
        return cn_parser_unexpected(p, "an operator or the end (no parenthesis is open)");
    return cn_parser_unexpected(p, p->open > 0 ? "an operator or `)`" : "an operator or the end");
}

/* ---- nodes -------------------------------------------------------------------------------- */

/* Leaves, operators and calls have a weight of 1. */
enum cn_code cn_parser_weigh(struct cn_parser *p, size_t position) {
    if (p->recipe->weight >= p->recipe->limits.max_nodes)
        return cn_parser_limit(p, position, "--max-expression-nodes",
                               "has too many names, literals, operators and calls (of all computed "
                               "columns together)",
                               p->recipe->limits.max_nodes);
    p->recipe->weight++;
    return CN_OK;
}

enum cn_code cn_parser_node(struct cn_parser *p, enum cn_node_kind kind, size_t position,
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

static enum cn_code grow_args(struct cn_parser *p, struct cn_node *node) {
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

enum cn_code cn_parser_add_arg(struct cn_parser *p, struct cn_node *node, struct cn_node *arg) {
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
