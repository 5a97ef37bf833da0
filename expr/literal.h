/*
 * literal.h: numbers and strings of an expression, as Python's lexer reads them.
 */
#ifndef CN_EXPR_LITERAL_H
#define CN_EXPR_LITERAL_H

#include "expr/lexer.h"

/* Both read the literal at lexer->at into lexer->token and move lexer->at behind it. */
enum cn_code cn_lexer_number(struct cn_lexer *lexer, struct cn_error *error);
enum cn_code cn_lexer_string(struct cn_lexer *lexer, struct cn_error *error);

#endif
