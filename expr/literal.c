#include "expr/literal.h"

#include "kernels/number.h"
#include "kernels/utf8.h"

/* ---- numbers ------------------------------------------------------------------------------ */

/* Of a digit in any base; large for what is none. */
static int digit_value(unsigned char c) {
    int value = cn_hex_digit((char)c);
    return value >= 0 ? value : 99;
}

static unsigned char byte_at(const struct cn_lexer *lexer, size_t at) {
    return at < lexer->text.len ? (unsigned char)lexer->text.data[at] : 0;
}

static bool is_decimal(unsigned char c) {
    return c >= '0' && c <= '9';
}

/* Whether a byte could carry a number on, so that what stands before it is no whole literal. */
static bool continues_number(unsigned char c) {
    return is_decimal(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c >= 0x80;
}

/* Behind the digits of `base` at `at`, single underscores between them allowed. *good: it neither
 * ends with an underscore nor has two in a row; at least one digit. */
static size_t skip_digits(const struct cn_lexer *lexer, size_t at, int base, bool *good) {
    bool digit = false;
    *good = true;
    for (;; at++) {
        unsigned char c = byte_at(lexer, at);
        if (digit_value(c) < base) {
            digit = true;
        } else if (c == '_') {
            if (!digit)
                *good = false;
            digit = false;
        } else {
            break;
        }
    }
    if (!digit)
        *good = false;
    return at;
}

static enum cn_code bad_number(const struct cn_lexer *lexer, size_t position, const char *why,
                               struct cn_error *error) {
    return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, position, "%s", why);
}

/* The value of digits [from, to), at most 2**63. */
static enum cn_code integer_value(struct cn_lexer *lexer, size_t from, size_t to, int base,
                                  struct cn_error *error) {
    const uint64_t most = (uint64_t)1 << 63;
    uint64_t value = 0;
    for (size_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)lexer->text.data[i];
        if (c == '_')
            continue;
        uint64_t digit = (uint64_t)digit_value(c);
        if (value > (most - digit) / (uint64_t)base) {
            cn_expr_error(error, CN_INTEGER_OUT_OF_RANGE, lexer->let, lexer->token.position,
                          "the integer does not fit int64 (-9223372036854775808 to "
                          "9223372036854775807); a float is written with a point: 1e20");
            cn_error_set_value(error, cn_str(lexer->text.data + lexer->token.position,
                                             to - lexer->token.position));
            return CN_INTEGER_OUT_OF_RANGE;
        }
        value = value * (uint64_t)base + digit;
    }
    lexer->token.kind = CN_TOKEN_INT;
    lexer->token.integer = value;
    lexer->at = to;
    return CN_OK;
}

static enum cn_code lex_based(struct cn_lexer *lexer, int base, struct cn_error *error) {
    size_t from = lexer->at + 2;
    /* One underscore may follow the prefix. */
    if (byte_at(lexer, from) == '_')
        from++;
    bool good;
    size_t to = skip_digits(lexer, from, base, &good);
    if (!good || continues_number(byte_at(lexer, to)))
        return bad_number(lexer, lexer->token.position,
                          base == 16  ? "invalid hexadecimal literal"
                          : base == 8 ? "invalid octal literal"
                                      : "invalid binary literal",
                          error);
    return integer_value(lexer, from, to, base, error);
}

static enum cn_code float_value(struct cn_lexer *lexer, size_t to, struct cn_error *error) {
    size_t from = lexer->at;
    char small[64];
    char *digits = small;
    if (to - from > sizeof small) {
        digits = cn_arena_alloc(lexer->arena, to - from);
        if (digits == NULL)
            return cn_error_memory(error);
    }
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        if (lexer->text.data[i] != '_')
            digits[n++] = lexer->text.data[i];
    }
    if (!cn_double_parse(digits, n, &lexer->token.real))
        return bad_number(lexer, from, "invalid number", error);
    lexer->token.kind = CN_TOKEN_FLOAT;
    lexer->at = to;
    return CN_OK;
}

/* Behind fraction and exponent; *is_float says whether there was one. */
static size_t skip_fraction(const struct cn_lexer *lexer, size_t at, bool *is_float, bool *good) {
    bool part = true;
    if (byte_at(lexer, at) == '.') {
        *is_float = true;
        at++;
        if (is_decimal(byte_at(lexer, at)) || byte_at(lexer, at) == '_') {
            at = skip_digits(lexer, at, 10, &part);
            *good = *good && part;
        }
    }
    if ((byte_at(lexer, at) | 0x20) == 'e') {
        *is_float = true;
        at++;
        if (byte_at(lexer, at) == '+' || byte_at(lexer, at) == '-')
            at++;
        at = skip_digits(lexer, at, 10, &part);
        *good = *good && part;
    }
    return at;
}

enum cn_code cn_lexer_number(struct cn_lexer *lexer, struct cn_error *error) {
    size_t from = lexer->at;
    if (byte_at(lexer, from) == '0') {
        unsigned char mark = byte_at(lexer, from + 1) | 0x20;
        if (mark == 'x' || mark == 'o' || mark == 'b')
            return lex_based(lexer, mark == 'x' ? 16 : mark == 'o' ? 8 : 2, error);
    }
    bool good = true;
    bool is_float = false;
    size_t digits_end = from;
    if (byte_at(lexer, from) != '.')
        digits_end = skip_digits(lexer, from, 10, &good);
    size_t to = skip_fraction(lexer, digits_end, &is_float, &good);
    unsigned char next = byte_at(lexer, to);
    if (good && (next | 0x20) == 'j')
        return bad_number(lexer, from, "complex numbers are not supported", error);
    if (!good || continues_number(next))
        return bad_number(lexer, from,
                          "invalid decimal literal; digits may be grouped by single underscores, "
                          "and a blank must follow before a word",
                          error);
    if (is_float)
        return float_value(lexer, to, error);
    if (byte_at(lexer, from) == '0') {
        for (size_t i = from; i < to; i++) {
            if (byte_at(lexer, i) != '0' && byte_at(lexer, i) != '_')
                return bad_number(lexer, from,
                                  "leading zeros in decimal integer literals are not permitted; "
                                  "use an 0o prefix for octal integers",
                                  error);
        }
    }
    return integer_value(lexer, from, to, 10, error);
}

/* ---- strings ------------------------------------------------------------------------------ */

/* Reads up to `most` (exactly, if `exact`) digits of `base` at *at. */
static bool read_code(const struct cn_lexer *lexer, size_t *at, size_t most, int base, bool exact,
                      uint32_t *value) {
    size_t n = 0;
    *value = 0;
    while (n < most && digit_value(byte_at(lexer, *at)) < base) {
        *value = *value * (uint32_t)base + (uint32_t)digit_value(byte_at(lexer, *at));
        (*at)++;
        n++;
    }
    return exact ? n == most : n > 0;
}

/* A character by its number: \x41, \u00e9, \U0001F600 or octal; *at stands behind the backslash. */
static enum cn_code escape_number(const struct cn_lexer *lexer, size_t *at, char **out,
                                  struct cn_error *error) {
    size_t position = *at - 1;
    unsigned char c = byte_at(lexer, *at);
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
    uint32_t value;
    if (c >= '0' && c <= '7') {
        read_code(lexer, at, 3, 8, false, &value);
    } else {
        (*at)++;
        if (!read_code(lexer, at, digits, 16, true, &value))
            return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, position,
                                 "the escape \\%c needs %zu hexadecimal digits", c, digits);
    }
    if (value > 0x10FFFF)
        return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, position,
                             "the escape names no character: the last one is \\U0010ffff");
    if (value >= 0xD800 && value <= 0xDFFF)
        return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, position,
                             "the escape names a surrogate, which is no character; write "
                             "\\U and eight digits for the whole character");
    *out += cn_utf8_encode(value, *out);
    return CN_OK;
}

static enum cn_code escape(const struct cn_lexer *lexer, size_t *at, char **out,
                           struct cn_error *error) {
    static const char letters[] = "abfnrtv\\'\"";
    static const char values[] = "\a\b\f\n\r\t\v\\'\"";
    unsigned char c = byte_at(lexer, *at);
    const char *letter = c != 0 ? strchr(letters, c) : NULL;
    if (letter != NULL) {
        *(*out)++ = values[letter - letters];
        (*at)++;
        return CN_OK;
    }
    if (c == 'x' || c == 'u' || c == 'U' || (c >= '0' && c <= '7'))
        return escape_number(lexer, at, out, error);
    if (c == 'N')
        return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, *at - 1,
                             "\\N{...} is not supported; write the character, or \\u and four "
                             "digits");
    if (c == '\n') { /* an escaped line end is dropped, as in Python */
        (*at)++;
        return CN_OK;
    }
    *(*out)++ = '\\'; /* unknown escapes stay as they are */
    return CN_OK;
}

enum cn_code cn_lexer_string(struct cn_lexer *lexer, struct cn_error *error) {
    struct cn_str text = lexer->text;
    size_t at = lexer->at;
    char quote = text.data[at];
    size_t position = at;
    if (byte_at(lexer, at + 1) == (unsigned char)quote &&
        byte_at(lexer, at + 2) == (unsigned char)quote)
        return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, position,
                             "triple-quoted strings are not supported");
    at++;
    size_t end = at;
    bool escapes = false;
    while (end < text.len && text.data[end] != quote && text.data[end] != '\n' &&
           text.data[end] != '\r') {
        if (text.data[end] == '\\') {
            escapes = true;
            end++;
        }
        end++;
    }
    if (end >= text.len || text.data[end] != quote)
        return cn_expr_error(error, CN_SYNTAX_ERROR, lexer->let, position,
                             "the string that begins here is never closed");
    lexer->token.kind = CN_TOKEN_STRING;
    lexer->token.text = cn_str(text.data + at, end - at);
    lexer->at = end + 1;
    if (!escapes)
        return CN_OK;
    /* No escape is longer decoded than written, except an octal one: \777 is two bytes of three. */
    char *copy = cn_arena_alloc(lexer->arena, end - at + 1);
    if (copy == NULL)
        return cn_error_memory(error);
    char *out = copy;
    while (at < end) {
        if (text.data[at] != '\\') {
            *out++ = text.data[at++];
            continue;
        }
        at++;
        CN_TRY(escape(lexer, &at, &out, error));
    }
    lexer->token.text = cn_str(copy, (size_t)(out - copy));
    return CN_OK;
}
