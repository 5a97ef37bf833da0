/*
 * parser.h: what the parts of the parser share. Private to the parser.
 */
#ifndef CN_EXPR_PARSER_H
#define CN_EXPR_PARSER_H

#include "expr/ast.h"
#include "expr/lexer.h"

struct cn_parser {
    struct cn_recipe *recipe;
    struct cn_lexer lexer;
    size_t depth;
    size_t open; /* parentheses that are open */
    struct cn_error *error;
};

/* ---- parser_nodes.c: tokens, errors, limits, nodes ------------------------------------------ */

enum cn_code cn_parser_next(struct cn_parser *p);
/* The current token is none that may stand here; `expected` says what may. */
enum cn_code cn_parser_unexpected(struct cn_parser *p, const char *expected);
/* The same, behind a complete operand. */
enum cn_code cn_parser_unexpected_tail(struct cn_parser *p);
enum cn_code cn_parser_limit(struct cn_parser *p, size_t position, const char *flag,
                             const char *what, size_t limit);
/* One level deeper; whoever succeeds lowers p->depth again. */
enum cn_code cn_parser_enter(struct cn_parser *p);
/* Counts a leaf, an operator or a call: each has a weight of 1. */
enum cn_code cn_parser_weigh(struct cn_parser *p, size_t position);
enum cn_code cn_parser_node(struct cn_parser *p, enum cn_node_kind kind, size_t position,
                            struct cn_node **out);
enum cn_code cn_parser_add_arg(struct cn_parser *p, struct cn_node *node, struct cn_node *arg);

/* ---- parser_primary.c: names, literals, parentheses, calls ---------------------------------- */

enum cn_code cn_parse_primary(struct cn_parser *p, struct cn_node **out);

/* ---- parser.c: operators -------------------------------------------------------------------- */

/* X, or X if CONDITION else Y with Y again such an expression. */
enum cn_code cn_parse_expression(struct cn_parser *p, struct cn_node **out);

#endif
