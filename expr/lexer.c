#include "expr/lexer.h"

#include <stdarg.h>
#include <stdio.h>

#include "expr/literal.h"

static const struct {
    const char *word;
    enum cn_token_kind kind;
} keywords[] = {
    {"and", CN_TOKEN_AND},     {"or", CN_TOKEN_OR},     {"not", CN_TOKEN_NOT},
    {"if", CN_TOKEN_IF},       {"else", CN_TOKEN_ELSE}, {"True", CN_TOKEN_TRUE},
    {"False", CN_TOKEN_FALSE}, {"None", CN_TOKEN_NONE},
};

static const struct {
    char text[3];
    enum cn_token_kind kind;
} signs[] = {
    /* longer ones first */
    {"//", CN_TOKEN_SLASH_SLASH}, {"**", CN_TOKEN_POWER},  {"<=", CN_TOKEN_LE},
    {">=", CN_TOKEN_GE},          {"==", CN_TOKEN_EQ},     {"!=", CN_TOKEN_NE},
    {"<<", CN_TOKEN_SHL},         {">>", CN_TOKEN_SHR},    {"+", CN_TOKEN_PLUS},
    {"-", CN_TOKEN_MINUS},        {"*", CN_TOKEN_STAR},    {"/", CN_TOKEN_SLASH},
    {"%", CN_TOKEN_PERCENT},      {"(", CN_TOKEN_OPEN},    {")", CN_TOKEN_CLOSE},
    {",", CN_TOKEN_COMMA},        {"=", CN_TOKEN_ASSIGN},  {"<", CN_TOKEN_LT},
    {">", CN_TOKEN_GT},           {"&", CN_TOKEN_BIT_AND}, {"|", CN_TOKEN_BIT_OR},
    {"^", CN_TOKEN_BIT_XOR},      {"~", CN_TOKEN_BIT_NOT},
};

/* Signs that users of other languages (or of more of Python) may write. */
static const struct {
    char text[3];
    const char *hint;
} foreign_signs[] = {
    {"&&", "`&&` is not an operator here; write `and`"},
    {"||", "`||` is not an operator here; write `or`"},
    {"<>", "`<>` is not an operator here; write `!=`"},
    {":=", "`:=` is not supported in an expression"},
    {"->", "`->` is not supported in an expression"},
    {"!", "`!` is not an operator here; write `not`"},
    {":", "`:` is not supported in an expression"},
    {".", "attributes (`.`) are not supported; a name that holds a point stands between backticks"},
    {"[", "indexing and lists (`[`) are not supported; use substr(s, start, count) for text"},
    {"]", "`]` is not supported in an expression"},
    {"{", "`{` is not supported in an expression"},
    {"}", "`}` is not supported in an expression"},
    {"@", "`@` is not supported in an expression"},
    {"?", "`?` is not an operator here; write X if CONDITION else Y"},
    {";", "`;` is not supported: one expression only"},
    {"#", "comments are not supported in an expression"},
    {"\\", "a backslash stands only inside strings"},
    {"$", "`$` is not supported; a name that holds it stands between backticks"},
};

enum cn_code cn_expr_error(struct cn_error *error, enum cn_code code, int32_t let, size_t position,
                           const char *format, ...) {
    if (error == NULL || error->code != CN_OK)
        return code;
    char text[sizeof error->detail];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cn_error_set(error, code, "%s", text);
    error->let = let;
    error->position = (int64_t)position;
    return code;
}

void cn_lexer_init(struct cn_lexer *lexer, struct cn_str text, struct cn_arena *arena,
                   int32_t let) {
    *lexer = (struct cn_lexer){.text = text, .arena = arena, .let = let};
}

static bool is_name_start(unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(unsigned char c) {
    return c >= '0' && c <= '9';
}

bool cn_lexer_is_keyword(struct cn_str name) {
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (cn_str_is(name, keywords[i].word))
            return true;
    }
    return false;
}

bool cn_lexer_is_plain_name(struct cn_str name) {
    if (name.len == 0 || !is_name_start((unsigned char)name.data[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (!is_name_start(c) && !is_digit(c))
            return false;
    }
    return !cn_lexer_is_keyword(name);
}

static void skip_blanks(struct cn_lexer *lexer) {
    while (lexer->at < lexer->text.len) {
        char c = lexer->text.data[lexer->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f')
            return;
        lexer->at++;
    }
}

/* r'', f"" and so on: Python's prefixes, none of which is supported. */
static bool is_string_prefix(struct cn_str word) {
    if (word.len == 0 || word.len > 2)
        return false;
    for (size_t i = 0; i < word.len; i++) {
        char c = (char)(word.data[i] | 0x20);
        if (c != 'r' && c != 'b' && c != 'f' && c != 'u' && c != 't')
            return false;
    }
    return true;
}

static enum cn_code lex_word(struct cn_lexer *lexer, struct cn_error *error) {
    struct cn_token *token = &lexer->token;
    size_t end = lexer->at;
    while (end < lexer->text.len && (is_name_start((unsigned char)lexer->text.data[end]) ||
                                     is_digit((unsigned char)lexer->text.data[end])))
        end++;
    token->text = cn_str(lexer->text.data + lexer->at, end - lexer->at);
    token->kind = CN_TOKEN_NAME;
    if (end < lexer->text.len && (lexer->text.data[end] == '\'' || lexer->text.data[end] == '"') &&
        is_string_prefix(token->text))
        return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, token->position,
                             "string prefixes such as %.*s'...' are not supported; write a plain "
                             "string",
                             (int)token->text.len, token->text.data);
    for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++) {
        if (cn_str_is(token->text, keywords[i].word))
            token->kind = keywords[i].kind;
    }
    lexer->at = end;
    return CN_OK;
}

static enum cn_code lex_quoted_name(struct cn_lexer *lexer, struct cn_error *error) {
    struct cn_token *token = &lexer->token;
    struct cn_str text = lexer->text;
    size_t from = lexer->at + 1;
    size_t doubled = 0;
    size_t end = from;
    for (;; end++) {
        if (end >= text.len)
            return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, token->position,
                                 "the backtick that opens a name here is never closed");
        if (text.data[end] != '`')
            continue;
        if (end + 1 >= text.len || text.data[end + 1] != '`')
            break;
        doubled++;
        end++;
    }
    token->kind = CN_TOKEN_NAME;
    token->quoted = true;
    token->text = cn_str(text.data + from, end - from);
    lexer->at = end + 1;
    if (doubled == 0)
        return CN_OK;
    char *copy = cn_arena_alloc(lexer->arena, token->text.len);
    if (copy == NULL)
        return cn_error_memory(error);
    size_t n = 0;
    for (size_t i = from; i < end; i++) {
        copy[n++] = text.data[i];
        if (text.data[i] == '`')
            i++;
    }
    token->text = cn_str(copy, n);
    return CN_OK;
}

static enum cn_code lex_foreign(struct cn_lexer *lexer, struct cn_error *error) {
    struct cn_str rest = cn_str(lexer->text.data + lexer->at, lexer->text.len - lexer->at);
    for (size_t i = 0; i < sizeof foreign_signs / sizeof foreign_signs[0]; i++) {
        size_t len = strlen(foreign_signs[i].text);
        if (rest.len >= len && memcmp(rest.data, foreign_signs[i].text, len) == 0)
            return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, lexer->at, "%s",
                                 foreign_signs[i].hint);
    }
    unsigned char c = (unsigned char)rest.data[0];
    if (c < 0x20 || c == 0x7f)
        return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, lexer->at,
                             "the control character 0x%02x cannot stand in an expression", c);
    size_t size = 1;
    while (size < rest.len && size < 4 && ((unsigned char)rest.data[size] & 0xC0) == 0x80)
        size++;
    return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, lexer->at,
                         "unexpected character `%.*s`; a name that holds it stands between "
                         "backticks",
                         (int)size, rest.data);
}

static enum cn_code lex_sign(struct cn_lexer *lexer, struct cn_error *error) {
    const char *at = lexer->text.data + lexer->at;
    size_t left = lexer->text.len - lexer->at;
    char pair[3] = {at[0], left > 1 ? at[1] : '\0', '\0'};
    if (strcmp(pair, "&&") == 0 || strcmp(pair, "||") == 0 || strcmp(pair, "<>") == 0 ||
        strcmp(pair, "->") == 0)
        return lex_foreign(lexer, error);
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        size_t len = strlen(signs[i].text);
        if (left >= len && memcmp(at, signs[i].text, len) == 0) {
            lexer->token.kind = signs[i].kind;
            lexer->at += len;
            return CN_OK;
        }
    }
    return lex_foreign(lexer, error);
}

enum cn_code cn_lexer_next(struct cn_lexer *lexer, struct cn_error *error) {
    skip_blanks(lexer);
    struct cn_token *token = &lexer->token;
    *token = (struct cn_token){.kind = CN_TOKEN_END, .position = lexer->at, .end = lexer->at};
    if (lexer->at == lexer->text.len)
        return CN_OK;
    unsigned char c = (unsigned char)lexer->text.data[lexer->at];
    unsigned char next =
        lexer->at + 1 < lexer->text.len ? (unsigned char)lexer->text.data[lexer->at + 1] : 0;
    enum cn_code code;
    if (is_name_start(c))
        code = lex_word(lexer, error);
    else if (is_digit(c) || (c == '.' && is_digit(next)))
        code = cn_lexer_number(lexer, error);
    else if (c == '\'' || c == '"')
        code = cn_lexer_string(lexer, error);
    else if (c == '`')
        code = lex_quoted_name(lexer, error);
    else
        code = lex_sign(lexer, error);
    token->end = lexer->at;
    return code;
}

void cn_token_describe(const struct cn_lexer *lexer, const struct cn_token *token, char *out,
                       size_t size) {
    struct cn_str text = cn_str(lexer->text.data + token->position, token->end - token->position);
    int shown = text.len > 40 ? 40 : (int)text.len;
    while (shown > 0 && shown < (int)text.len && ((unsigned char)text.data[shown] & 0xC0) == 0x80)
        shown--;
    const char *more = (size_t)shown < text.len ? "..." : "";
    switch (token->kind) {
    case CN_TOKEN_END:
        snprintf(out, size, "the end");
        break;
    case CN_TOKEN_INT:
    case CN_TOKEN_FLOAT:
        snprintf(out, size, "the number %.*s%s", shown, text.data, more);
        break;
    case CN_TOKEN_STRING:
        snprintf(out, size, "the string %.*s%s", shown, text.data, more);
        break;
    case CN_TOKEN_NAME:
        snprintf(out, size, token->quoted ? "the name %.*s%s" : "the name `%.*s%s`", shown,
                 text.data, more);
        break;
    default:
        snprintf(out, size, "`%.*s`", shown, text.data);
    }
}
