/*
 * lexer.h: the tokens of an expression.
 *
 * The lexer reads one token at a time; a copy of the struct is a bookmark to come back to. Decoded
 * texts (strings, names with doubled backticks) live in the arena.
 */
#ifndef CN_EXPR_LEXER_H
#define CN_EXPR_LEXER_H

#include "base/arena.h"
#include "base/error.h"

enum cn_token_kind {
    CN_TOKEN_END,
    CN_TOKEN_NAME,
    CN_TOKEN_INT,
    CN_TOKEN_FLOAT,
    CN_TOKEN_STRING,
    /* keywords */
    CN_TOKEN_AND,
    CN_TOKEN_OR,
    CN_TOKEN_NOT,
    CN_TOKEN_IF,
    CN_TOKEN_ELSE,
    CN_TOKEN_TRUE,
    CN_TOKEN_FALSE,
    CN_TOKEN_NONE,
    /* signs */
    CN_TOKEN_PLUS,
    CN_TOKEN_MINUS,
    CN_TOKEN_STAR,
    CN_TOKEN_SLASH,
    CN_TOKEN_SLASH_SLASH,
    CN_TOKEN_PERCENT,
    CN_TOKEN_POWER,
    CN_TOKEN_OPEN,
    CN_TOKEN_CLOSE,
    CN_TOKEN_COMMA,
    CN_TOKEN_ASSIGN,
    CN_TOKEN_LT,
    CN_TOKEN_LE,
    CN_TOKEN_GT,
    CN_TOKEN_GE,
    CN_TOKEN_EQ,
    CN_TOKEN_NE,
    CN_TOKEN_BIT_AND,
    CN_TOKEN_BIT_OR,
    CN_TOKEN_BIT_XOR,
    CN_TOKEN_BIT_NOT,
    CN_TOKEN_SHL,
    CN_TOKEN_SHR
};

struct cn_token {
    enum cn_token_kind kind;
    bool quoted;        /* a name between backticks */
    size_t position;    /* of its first byte */
    size_t end;         /* behind its last byte */
    struct cn_str text; /* name, or decoded string */
    uint64_t integer;   /* at most 2**63: that one is legal behind a minus sign only */
    double real;
};

struct cn_lexer {
    struct cn_str text;
    size_t at;
    struct cn_arena *arena;
    int32_t let; /* for errors */
    struct cn_token token;
};

/* `text` must stay valid as long as the tokens; `let` goes into errors. */
void cn_lexer_init(struct cn_lexer *lexer, struct cn_str text, struct cn_arena *arena, int32_t let);

/* Reads the next token into lexer->token. CN_SYNTAX_ERROR, CN_INTEGER_OUT_OF_RANGE (a literal) with
 * let and position. */
enum cn_code cn_lexer_next(struct cn_lexer *lexer, struct cn_error *error);

/* Whether `name` is a word of the grammar, which as a name must stand between backticks. */
bool cn_lexer_is_keyword(struct cn_str name);
/* Whether `name` can be written without backticks. */
bool cn_lexer_is_plain_name(struct cn_str name);

/* What an error text calls the token: "`+`", "the number 12", "the end". */
void cn_token_describe(const struct cn_lexer *lexer, const struct cn_token *token, char *out,
                       size_t size);

/* An error at `position`, unless one is set already. */
enum cn_code cn_expr_error(struct cn_error *error, enum cn_code code, int32_t let, size_t position,
                           const char *format, ...) CN_PRINTF(5, 6);

#endif
