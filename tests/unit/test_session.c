/* The session's cookie: made, checked, forged; and the Cookie headers that it must be found in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "handlers/session.h"

#define NOW INT64_C(1800000000)
#define COOKIE CN_SESSION_COOKIE "="

static struct cn_session_key key_of(const char *token) {
    struct cn_session_key key;
    assert_true(cn_session_key_derive(&key, cn_str_c(token)));
    return key;
}

static bool check(const struct cn_session_key *key, const char *cookies) {
    return cn_session_check(key, cn_str_c(cookies), NOW);
}

/* A Cookie header of `before`, the good cookie and `after`. */
static bool check_between(const char *before, const char *after) {
    struct cn_session_key key = key_of("secret");
    char value[CN_SESSION_VALUE_BYTES], header[2048];
    assert_true(cn_session_make(&key, NOW + 10, value));
    snprintf(header, sizeof header, "%s" COOKIE "%s%s", before, value, after);
    return check(&key, header);
}

static void test_make_and_check(void **state) {
    (void)state;
    struct cn_session_key key = key_of("secret");
    char value[CN_SESSION_VALUE_BYTES], header[256];
    assert_true(cn_session_make(&key, NOW + 10, value));
    assert_int_equal(strlen(value), 10 + 1 + 64);
    assert_memory_equal(value, "1800000010.", 11);
    snprintf(header, sizeof header, COOKIE "%s", value);
    assert_true(cn_session_check(&key, cn_str_c(header), NOW));
    assert_true(cn_session_check(&key, cn_str_c(header), NOW + 9));
    assert_false(cn_session_check(&key, cn_str_c(header), NOW + 10));
    assert_false(cn_session_check(&key, cn_str_c(header), INT64_MAX));
    assert_true(cn_session_make(&key, INT64_MAX, value));
    snprintf(header, sizeof header, COOKIE "%s", value);
    assert_true(cn_session_check(&key, cn_str_c(header), NOW));
    assert_false(cn_session_make(&key, -1, value) && check(&key, value));
}

/* The value is what the header says: an HMAC of the expiry, under an HMAC of the token. */
static void test_value(void **state) {
    (void)state;
    struct cn_session_key key = key_of("secret");
    uint8_t mac[32];
    unsigned len = 0;
    char value[CN_SESSION_VALUE_BYTES], hex[65] = "";
    assert_non_null(HMAC(EVP_sha256(), key.bytes, sizeof key.bytes,
                         (const unsigned char *)"1800000010", 10, mac, &len));
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", mac[i]);
    assert_true(cn_session_make(&key, NOW + 10, value));
    assert_string_equal(value + 11, hex);
}

static void test_tokens(void **state) {
    (void)state;
    struct cn_session_key key = key_of("secret"), again = key_of("secret");
    assert_memory_equal(&key, &again, sizeof key);
    assert_true(cn_session_is_token(&key, CN_STR("secret")));
    assert_false(cn_session_is_token(&key, CN_STR("secre")));
    assert_false(cn_session_is_token(&key, CN_STR("secrets")));
    assert_false(cn_session_is_token(&key, CN_STR("Secret")));
    assert_false(cn_session_is_token(&key, CN_STR("")));
    cn_session_key_cleanse(&key);
    static const struct cn_session_key none;
    assert_memory_equal(&key, &none, sizeof key);
}

static void test_other_token(void **state) {
    (void)state;
    struct cn_session_key key = key_of("secret"), other = key_of("secret2");
    char value[CN_SESSION_VALUE_BYTES], header[256];
    assert_true(cn_session_make(&other, NOW + 10, value));
    snprintf(header, sizeof header, COOKIE "%s", value);
    assert_true(check(&other, header));
    assert_false(check(&key, header));
}

/* Every single bit of the value matters, and so does its length. */
static void test_flipped_bits(void **state) {
    (void)state;
    struct cn_session_key key = key_of("secret");
    char value[CN_SESSION_VALUE_BYTES], header[256];
    assert_true(cn_session_make(&key, NOW + 10, value));
    size_t len = strlen(value);
    for (size_t i = 0; i < len; i++)
        for (int bit = 0; bit < 8; bit++) {
            char flipped[CN_SESSION_VALUE_BYTES];
            memcpy(flipped, value, sizeof flipped);
            flipped[i] = (char)(flipped[i] ^ (1 << bit));
            snprintf(header, sizeof header, COOKIE "%s", flipped);
            assert_false(check(&key, header));
        }
    for (size_t n = 0; n < len; n++) {
        snprintf(header, sizeof header, COOKIE "%.*s", (int)n, value);
        assert_false(check(&key, header));
    }
    snprintf(header, sizeof header, COOKIE "%s0", value);
    assert_false(check(&key, header));
    snprintf(header, sizeof header, COOKIE "0%s", value); /* a later expiry with the same digits */
    assert_false(check(&key, header));
}

static void test_forged(void **state) {
    (void)state;
    struct cn_session_key key = key_of("secret");
    static const char *const forged[] = {
        "",
        ";",
        ";;;,,,",
        "=",
        CN_SESSION_COOKIE,
        COOKIE,
        COOKIE ".",
        COOKIE "1800000010",
        COOKIE "1800000010.",
        COOKIE ".0000000000000000000000000000000000000000000000000000000000000000",
        COOKIE "1800000010.0000000000000000000000000000000000000000000000000000000000000000",
        COOKIE "9223372036854775808.00000000000000000000000000000000000000000000000000000000000000",
        COOKIE "99999999999999999999.0000000000000000000000000000000000000000000000000000000000000",
        COOKIE "-1.0000000000000000000000000000000000000000000000000000000000000000",
        COOKIE "+1800000010.000000000000000000000000000000000000000000000000000000000000000",
    };
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++)
        assert_false(check(&key, forged[i]));
}

static void test_headers(void **state) {
    (void)state;
    assert_true(check_between("", ""));
    assert_true(check_between("a=b; ", "; c=d"));
    assert_true(check_between("a=b;", ";c=d"));
    assert_true(check_between("  \t", " \t "));
    assert_true(check_between("a=b, ", ", c=d")); /* two headers, joined */
    assert_true(check_between("junk; =; ;; \x01\xff; ", ";"));
    assert_true(check_between(COOKIE "old; ", ""));
    assert_true(check_between("", "; " COOKIE "old"));
    assert_true(check_between("x" COOKIE "1; ", ""));
    /* the name is all of the name, in its case */
    assert_false(check_between("x", ""));
    assert_false(check_between("a=", ""));
    assert_false(check_between("$", ""));
    struct cn_session_key key = key_of("secret");
    char value[CN_SESSION_VALUE_BYTES], header[256];
    assert_true(cn_session_make(&key, NOW + 10, value));
    snprintf(header, sizeof header, "Colonnade_Session=%s", value);
    assert_false(check(&key, header));
    snprintf(header, sizeof header, COOKIE "\"%s\"", value);
    assert_false(check(&key, header));
}

/* Forgeries that would cost an HMAC each are tried a few times only; cheaper ones do not count. */
static void test_bounded(void **state) {
    (void)state;
    char many[1024] = "";
    size_t n = 0;
    for (int i = 0; i < CN_SESSION_TRIES; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, COOKIE "1800000010.%064d; ", i);
    assert_false(check_between(many, ""));
    assert_true(check_between(many + sizeof COOKIE - 1 + 11 + 64 + 2, ""));
    n = 0;
    for (int i = 0; i < 3 * CN_SESSION_TRIES; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, COOKIE "%d; ", i);
    assert_true(check_between(many, ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_and_check), cmocka_unit_test(test_value),
        cmocka_unit_test(test_tokens),         cmocka_unit_test(test_other_token),
        cmocka_unit_test(test_flipped_bits),   cmocka_unit_test(test_forged),
        cmocka_unit_test(test_headers),        cmocka_unit_test(test_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
