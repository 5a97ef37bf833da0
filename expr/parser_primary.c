/* Names, literals, parentheses and calls. */
#include "expr/parser.h"

#include <stdio.h>

static enum cn_code parse_string(struct cn_parser *p, struct cn_node **out) {
    CN_TRY(cn_parser_node(p, CN_NODE_STRING, p->lexer.token.position, out));
    (*out)->text = p->lexer.token.text;
    CN_TRY(cn_parser_next(p));
    if (p->lexer.token.kind != CN_TOKEN_STRING)
        return CN_OK;
    /* Adjacent literals are one. */
    struct cn_buf joined = CN_BUF_INIT;
    bool good = cn_buf_add_str(&joined, (*out)->text);
    enum cn_code code = CN_OK;
    while (good && code == CN_OK && p->lexer.token.kind == CN_TOKEN_STRING) {
        good = cn_buf_add_str(&joined, p->lexer.token.text);
        code = cn_parser_next(p);
    }
    if (good && code == CN_OK) {
        (*out)->text = cn_arena_str(&p->recipe->arena, cn_buf_str(&joined));
        good = (*out)->text.data != NULL;
    }
    cn_buf_release(&joined);
    return !good ? cn_error_memory(p->error) : code;
}

/* `name=` in an argument list; a copy of the lexer looks ahead. */
static bool at_keyword_argument(const struct cn_parser *p) {
    if (p->lexer.token.kind != CN_TOKEN_NAME || p->lexer.token.quoted)
        return false;
    struct cn_lexer ahead = p->lexer;
    /* An error ahead is reported when the parser gets there. */
    return cn_lexer_next(&ahead, NULL) == CN_OK && ahead.token.kind == CN_TOKEN_ASSIGN;
}

static enum cn_code parse_keyword_argument(struct cn_parser *p, struct cn_node *call) {
    struct cn_token name = p->lexer.token;
    if (call->function->rule != CN_RULE_HASH)
        return cn_expr_error(p->error, CN_TYPE_ERROR, p->lexer.let, name.position,
                             "%s() takes no keyword arguments", call->function->doc.name);
    CN_TRY(cn_parser_next(p)); /* = */
    CN_TRY(cn_parser_next(p));
    struct cn_node *value;
    CN_TRY(cn_parse_expression(p, &value));
    return cn_hash_keyword_set(p->recipe, p->lexer.let, call, name.text, name.position, value,
                               p->error);
}

static enum cn_code parse_star(struct cn_parser *p, struct cn_node *call) {
    size_t position = p->lexer.token.position;
    CN_TRY(cn_parser_next(p));
    if (p->lexer.token.kind != CN_TOKEN_COMMA && p->lexer.token.kind != CN_TOKEN_CLOSE)
        return cn_parser_unexpected(p,
                                    "`,` or `)` behind the `*` that stands for all input columns");
    if (call->function->rule != CN_RULE_HASH)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, position,
                             "`*` (all input columns) is an argument of row hashes only");
    struct cn_node *star;
    CN_TRY(cn_parser_weigh(p, position));
    CN_TRY(cn_parser_node(p, CN_NODE_STAR, position, &star));
    return cn_parser_add_arg(p, call, star);
}

static enum cn_code parse_argument(struct cn_parser *p, struct cn_node *call, bool *keywords) {
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
    CN_TRY(cn_parse_expression(p, &arg));
    return cn_parser_add_arg(p, call, arg);
}

static enum cn_code check_arity(struct cn_parser *p, const struct cn_node *call) {
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

static enum cn_code find_function(struct cn_parser *p, const struct cn_token *name,
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
static enum cn_code parse_call(struct cn_parser *p, const struct cn_token *name,
                               struct cn_node **out) {
    const struct cn_function *function;
    CN_TRY(find_function(p, name, &function));
    CN_TRY(cn_parser_weigh(p, name->position));
    CN_TRY(cn_parser_node(p, CN_NODE_CALL, name->position, out));
    struct cn_node *call = *out;
    call->function = function;
    if (function->rule == CN_RULE_HASH) {
        call->hash = cn_arena_zalloc(&p->recipe->arena, sizeof *call->hash);
        if (call->hash == NULL)
            return cn_error_memory(p->error);
        call->hash->sep = CN_STR("_");
    }
    p->open++;
    CN_TRY(cn_parser_next(p));
    bool keywords = false;
    while (p->lexer.token.kind != CN_TOKEN_CLOSE) {
        CN_TRY(parse_argument(p, call, &keywords));
        if (p->lexer.token.kind == CN_TOKEN_CLOSE)
            break;
        if (p->lexer.token.kind != CN_TOKEN_COMMA)
            return cn_parser_unexpected(p, "an operator, `,` or `)`");
        CN_TRY(cn_parser_next(p));
    }
    CN_TRY(cn_parser_next(p));
    p->open--;
    CN_TRY(check_arity(p, call));
    if (call->hash != NULL)
        return cn_hash_call_check(p->recipe, p->lexer.let, call, p->error);
    return CN_OK;
}

static enum cn_code parse_name(struct cn_parser *p, struct cn_node **out) {
    struct cn_token name = p->lexer.token;
    CN_TRY(cn_parser_next(p));
    if (p->lexer.token.kind == CN_TOKEN_OPEN)
        return parse_call(p, &name, out);
    if (!name.quoted && cn_str_is(name.text, "lambda"))
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, name.position,
                             "lambda is not supported: write the expression itself");
    CN_TRY(cn_parser_weigh(p, name.position));
    CN_TRY(cn_parser_node(p, CN_NODE_NAME, name.position, out));
    (*out)->text = name.text;
    return CN_OK;
}

static enum cn_code parse_parenthesis(struct cn_parser *p, struct cn_node **out) {
    size_t position = p->lexer.token.position;
    p->open++;
    CN_TRY(cn_parser_next(p));
    if (p->lexer.token.kind == CN_TOKEN_CLOSE)
        return cn_parser_unexpected(p, "an expression");
    CN_TRY(cn_parse_expression(p, out));
    if (p->lexer.token.kind == CN_TOKEN_COMMA)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, p->lexer.token.position,
                             "tuples are not supported: expected an operator or `)`");
    if (p->lexer.token.kind == CN_TOKEN_END)
        return cn_expr_error(p->error, CN_SYNTAX_ERROR, p->lexer.let, p->lexer.token.position,
                             "expected an operator or `)`, found the end; the parenthesis at "
                             "position %zu is not closed",
                             position);
    if (p->lexer.token.kind != CN_TOKEN_CLOSE)
        return cn_parser_unexpected_tail(p);
    p->open--;
    return cn_parser_next(p);
}

static enum cn_code parse_literal(struct cn_parser *p, enum cn_node_kind kind,
                                  struct cn_node **out) {
    CN_TRY(cn_parser_node(p, kind, p->lexer.token.position, out));
    (*out)->boolean = p->lexer.token.kind == CN_TOKEN_TRUE;
    (*out)->integer =
        (int64_t)p->lexer.token.integer; /* 2**63 becomes INT64_MIN: see parse_power */
    (*out)->real = p->lexer.token.real;
    return cn_parser_next(p);
}

enum cn_code cn_parse_primary(struct cn_parser *p, struct cn_node **out) {
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
        return cn_parser_unexpected(p, "a value (a name, a literal, a function or a parenthesis)");
    }
    CN_TRY(cn_parser_weigh(p, p->lexer.token.position));
    if (kind == CN_TOKEN_STRING)
        return parse_string(p, out);
    return parse_literal(p,
                         kind == CN_TOKEN_INT     ? CN_NODE_INT
                         : kind == CN_TOKEN_FLOAT ? CN_NODE_FLOAT
                         : kind == CN_TOKEN_NONE  ? CN_NODE_NONE
                                                  : CN_NODE_BOOL,
                         out);
}
