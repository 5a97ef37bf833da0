/* Tokens: numbers, strings and names as Python reads them. */
#include "tests/unit/expr_helpers.h"

#include "expr/lexer.h"

/* The tokens of a text, one word each; "error N" ends them. */
static void tokens(const char *text, char *out, size_t size) {
    struct cn_arena arena;
    struct cn_lexer lexer;
    struct cn_error error;
    char number[CN_DOUBLE_TEXT + 1];
    size_t at = 0;
    cn_error_init(&error);
    cn_arena_init(&arena, 1024);
    cn_lexer_init(&lexer, cn_str_c(text), &arena, 0);
    out[0] = '\0';
    while (at < size) {
        const struct cn_token *token = &lexer.token;
        if (cn_lexer_next(&lexer, &error) != CN_OK) {
            snprintf(out + at, size - at, "error %d", (int)error.position);
            break;
        }
        if (token->kind == CN_TOKEN_END)
            break;
        if (token->kind == CN_TOKEN_INT)
            at +=
                (size_t)snprintf(out + at, size - at, "i%llu ", (unsigned long long)token->integer);
        else if (token->kind == CN_TOKEN_FLOAT)
            at += (size_t)snprintf(out + at, size - at, "f%.*s ",
                                   (int)cn_double_format(token->real, number), number);
        else if (token->kind == CN_TOKEN_STRING || token->kind == CN_TOKEN_NAME)
            at += (size_t)snprintf(out + at, size - at, "%c<%.*s> ",
                                   token->kind == CN_TOKEN_NAME ? 'n' : 's', (int)token->text.len,
                                   token->text.data);
        else
            at += (size_t)snprintf(out + at, size - at, "%.*s ",
                                   (int)(token->end - token->position), text + token->position);
    }
    cn_arena_release(&arena);
}

static void reads_at(const char *text, const char *expected, const char *file, int line) {
    char got[1024];
    tokens(text, got, sizeof got);
    _assert_string_equal(got, expected, file, line);
}
#define reads(text, expected) reads_at(text, expected, __FILE__, __LINE__)

static void integers(void **state) {
    (void)state;
    reads("0 00 0_0 42 1_000", "i0 i0 i0 i42 i1000 ");
    reads("0x1f 0XFF 0o17 0b101 0x_1", "i31 i255 i15 i5 i1 ");
    reads("9223372036854775807", "i9223372036854775807 ");
    reads("9223372036854775808", "i9223372036854775808 ");
    reads("1 9223372036854775809", "i1 error 2");
    reads("0xffffffffffffffffffff", "error 0");
    reads("1_", "error 0");
    reads("1__0", "error 0");
    reads("0123", "error 0");
    reads("0_1", "error 0");
    reads("0x", "error 0");
    reads("0xg", "error 0");
    reads("0b12", "error 0");
    reads("12abc", "error 0");
    reads("_1", "n<_1> ");
}

static void floats(void **state) {
    (void)state;
    reads("2.5e-3 .5 5. 1e5 1E+5 012.5 0e0", "f0.0025 f0.5 f5.0 f100000.0 f100000.0 f12.5 f0.0 ");
    reads("1_0.2_5 1e1_0", "f10.25 f10000000000.0 ");
    reads("1e400", "finf ");
    reads("0.1", "f0.1 ");
    reads("1e", "error 0");
    reads("1e+", "error 0");
    reads("1_.5", "error 0");
    reads("1._5", "error 0");
    reads("1.5.2", "f1.5 f0.2 ");
    reads("1j", "error 0");
    reads("1.5x", "error 0");
    reads("0.00000000000000000000000000000000000000000000000000000000000000000000000000000001",
          "f1e-80 ");
}

static void strings(void **state) {
    (void)state;
    reads("'x' \"y\" ''", "s<x> s<y> s<> ");
    reads("'a\\'b' \"a\\\"b\" 'a\"b'", "s<a'b> s<a\"b> s<a\"b> ");
    reads("'\\x41\\101\\u00e9\\U0001F600'", "s<AA\xc3\xa9\xf0\x9f\x98\x80> ");
    reads("'\\t\\n\\\\'", "s<\t\n\\> ");
    reads("'\\q'", "s<\\q> ");
    reads("'\\xff\\777'", "s<\xc3\xbf\xc7\xbf> ");
    reads("'a\\\nb'", "s<ab> ");
    reads("'abc", "error 0");
    reads("'abc\\'", "error 0");
    reads("'a\nb'", "error 0");
    reads("'\\x4'", "error 1");
    reads("'\\u00g0'", "error 1");
    reads("'\\ud800'", "error 1");
    reads("'\\U00110000'", "error 1");
    reads("'\\N{DASH}'", "error 1");
    reads("r'x'", "error 0");
    reads("Rb\"x\"", "error 0");
    reads("'''x'''", "error 0");
    reads("\"\"\"x\"\"\"", "error 0");
}

static void names(void **state) {
    (void)state;
    reads("a _b c1 `odd name` `a``b` ``", "n<a> n<_b> n<c1> n<odd name> n<a`b> n<> ");
    reads("and or not if else True False None", "and or not if else True False None ");
    reads("`and` is in lambda", "n<and> n<is> n<in> n<lambda> ");
    reads("`abc", "error 0");
    reads("a\xc3\xa4", "n<a> error 1");
    assert_true(cn_lexer_is_plain_name(cn_str_c("a1")));
    assert_false(cn_lexer_is_plain_name(cn_str_c("1a")));
    assert_false(cn_lexer_is_plain_name(cn_str_c("")));
    assert_false(cn_lexer_is_plain_name(cn_str_c("None")));
}

static void signs(void **state) {
    (void)state;
    reads("a**b//c<=d>=e==f!=g<<h>>i",
          "n<a> ** n<b> // n<c> <= n<d> >= n<e> == n<f> != n<g> << n<h> >> n<i> ");
    reads("+-*/%()< >&|^~,=", "+ - * / % ( ) < > & | ^ ~ , = ");
    reads(" \t\r\n\fa ", "n<a> ");
    const char *foreign[] = {"&&", "||", "<>", "!", ":=", ":",  ".", "[",  "]",    "{",
                             "}",  "@",  "?",  ";", "#",  "\\", "$", "->", "\x01", "\x7f"};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        char got[64];
        tokens(foreign[i], got, sizeof got);
        assert_string_equal(got, "error 0");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(floats), cmocka_unit_test(strings),
        cmocka_unit_test(names),    cmocka_unit_test(signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
