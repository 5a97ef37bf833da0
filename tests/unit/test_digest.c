#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "kernels/digest.h"

static void hex_of(enum cn_digest_kind kind, struct cn_str key, struct cn_str text, char *hex) {
    struct cn_digest *digest = NULL;
    struct cn_hmac_key hmac;
    assert_true(cn_hmac_key_make(&hmac, key));
    assert_int_equal(cn_digest_new(&digest, kind, &hmac, NULL), CN_OK);
    uint8_t out[CN_DIGEST_MAX_SIZE];
    const size_t offsets[] = {0, text.len};
    assert_int_equal(cn_digest_rows(digest, text.data, offsets, 1, out, NULL), CN_OK);
    size_t size = cn_digest_size(kind);
    cn_hex_encode(out, size, hex);
    hex[2 * size] = '\0';
    cn_digest_free(digest);
}

static void published_vectors(void **state) {
    (void)state;
    static const struct {
        enum cn_digest_kind kind;
        const char *text;
        const char *hex;
    } cases[] = {
        /* RFC 1321 */
        {CN_DIGEST_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
        {CN_DIGEST_MD5, "a", "0cc175b9c0f1b6a831c399e269772661"},
        {CN_DIGEST_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
        {CN_DIGEST_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
        {CN_DIGEST_MD5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
        {CN_DIGEST_MD5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
         "d174ab98d277d9f5a5611c2c9f419d9f"},
        {CN_DIGEST_MD5,
         "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
         "57edf4a22be3c955ac49da2e2107b67a"},
        {CN_DIGEST_MD5, "42_2.233_23_hello", "de8b962de5f8b353cdc9cc1fc89f0b65"},
        /* FIPS 180-4, FIPS 202 */
        {CN_DIGEST_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {CN_DIGEST_SHA1, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {CN_DIGEST_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {CN_DIGEST_SHA256, "abc",
         "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {CN_DIGEST_SHA512, "abc",
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
         "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
        {CN_DIGEST_SHA3_256, "",
         "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"},
        {CN_DIGEST_SHA3_256, "abc",
         "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"},
        /* RFC 7693 */
        {CN_DIGEST_BLAKE2B512, "abc",
         "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
         "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"},
        /* xxHash, canonical form */
        {CN_DIGEST_XXH64, "", "ef46db3751d8e999"},
        {CN_DIGEST_XXH64, "abc", "44bc2cf5ad770999"},
        {CN_DIGEST_XXH3_64, "", "2d06800538d394c2"},
        {CN_DIGEST_XXH3_64, "abc", "78af5f94892f3950"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char hex[2 * CN_DIGEST_MAX_SIZE + 1];
        hex_of(cases[i].kind, cn_str_c(NULL), cn_str_c(cases[i].text), hex);
        assert_string_equal(hex, cases[i].hex);
    }
}

/* RFC 4231 */
static void hmac_vectors(void **state) {
    (void)state;
    char key[131], text[50], hex[65];
    memset(key, 0x0b, 20);
    hex_of(CN_DIGEST_HMAC_SHA256, cn_str(key, 20), CN_STR("Hi There"), hex);
    assert_string_equal(hex, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hex_of(CN_DIGEST_HMAC_SHA256, CN_STR("Jefe"), CN_STR("what do ya want for nothing?"), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof key);
    memset(text, 0xdd, sizeof text);
    hex_of(CN_DIGEST_HMAC_SHA256, cn_str(key, 20), cn_str(text, 50), hex);
    assert_string_equal(hex, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    hex_of(CN_DIGEST_HMAC_SHA256, cn_str(key, 131),
           CN_STR("Test Using Larger Than Block-Size Key - Hash Key First"), hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    /* An empty key is a key. */
    hex_of(CN_DIGEST_HMAC_SHA256, cn_str(NULL, 0), CN_STR(""), hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* Rows one after the other in one context, pieces of one text, and single texts: all the same. */
static void ways_agree(void **state) {
    (void)state;
    enum { ROWS = 300 };
    static char base[ROWS * ROWS];
    size_t offsets[ROWS + 1] = {0};
    for (size_t i = 0; i < sizeof base; i++)
        base[i] = (char)(i * 131 % 251);
    for (size_t i = 0; i < ROWS; i++)
        offsets[i + 1] = offsets[i] + i;
    for (int k = 0; k < CN_DIGEST_KIND_COUNT; k++) {
        enum cn_digest_kind kind = (enum cn_digest_kind)k;
        size_t size = cn_digest_size(kind);
        assert_true(size <= CN_DIGEST_MAX_SIZE);
        struct cn_digest *digest = NULL;
        struct cn_hmac_key key;
        assert_true(cn_hmac_key_make(&key, CN_STR("key")));
        assert_int_equal(cn_digest_new(&digest, kind, &key, NULL), CN_OK);
        uint8_t *rows = malloc(ROWS * size);
        assert_non_null(rows);
        assert_int_equal(cn_digest_rows(digest, base, offsets, ROWS, rows, NULL), CN_OK);
        for (size_t i = 0; i < ROWS; i++) {
            char expected[2 * CN_DIGEST_MAX_SIZE + 1], hex[2 * CN_DIGEST_MAX_SIZE + 1] = "";
            hex_of(kind, CN_STR("key"), cn_str(base + offsets[i], i), expected);
            cn_hex_encode(rows + i * size, size, hex);
            assert_string_equal(hex, expected);

            uint8_t out[CN_DIGEST_MAX_SIZE];
            assert_int_equal(cn_digest_begin(digest, NULL), CN_OK);
            for (size_t at = 0; at < i; at += 37)
                assert_int_equal(cn_digest_update(digest, base + offsets[i] + at,
                                                  i - at < 37 ? i - at : 37, NULL),
                                 CN_OK);
            assert_int_equal(cn_digest_update(digest, NULL, 0, NULL), CN_OK);
            assert_int_equal(cn_digest_end(digest, out, NULL), CN_OK);
            assert_memory_equal(out, rows + i * size, size);
        }
        /* A text that was begun and not ended leaves nothing behind. */
        assert_int_equal(cn_digest_begin(digest, NULL), CN_OK);
        assert_int_equal(cn_digest_update(digest, "rest", 4, NULL), CN_OK);
        uint8_t again[CN_DIGEST_MAX_SIZE];
        assert_int_equal(cn_digest_rows(digest, base, offsets + 7, 1, again, NULL), CN_OK);
        assert_memory_equal(again, rows + 7 * size, size);
        const size_t nothing[] = {0, 0};
        assert_int_equal(cn_digest_rows(digest, NULL, nothing, 1, again, NULL), CN_OK);
        assert_memory_equal(again, rows, size);
        free(rows);
        cn_digest_free(digest);
    }
    cn_digest_free(NULL);
}

/* More rows than one batch, a few of them long, in one call and one by one. */
static void many_rows(void **state) {
    (void)state;
    enum { ROWS = 1500, LONG = 6000 };
    static size_t offsets[ROWS + 1];
    for (size_t i = 0; i < ROWS; i++)
        offsets[i + 1] = offsets[i] + (i % 400 == 17 ? LONG + i
                                       : i % 7 == 0  ? 56 + i % 90
                                                     : i % 50);
    char *base = malloc(offsets[ROWS]);
    uint8_t *rows = malloc((size_t)ROWS * CN_DIGEST_MAX_SIZE);
    assert_non_null(base);
    assert_non_null(rows);
    for (size_t i = 0; i < offsets[ROWS]; i++)
        base[i] = (char)(i * 31 % 253);
    for (int k = 0; k < CN_DIGEST_KIND_COUNT; k++) {
        enum cn_digest_kind kind = (enum cn_digest_kind)k;
        size_t size = cn_digest_size(kind);
        struct cn_digest *digest = NULL;
        struct cn_hmac_key key;
        assert_true(cn_hmac_key_make(&key, CN_STR("key")));
        assert_int_equal(cn_digest_new(&digest, kind, &key, NULL), CN_OK);
        assert_int_equal(cn_digest_rows(digest, base, offsets, ROWS, rows, NULL), CN_OK);
        for (size_t i = 0; i < ROWS; i++) {
            uint8_t alone[CN_DIGEST_MAX_SIZE];
            assert_int_equal(cn_digest_rows(digest, base, offsets + i, 1, alone, NULL), CN_OK);
            assert_memory_equal(alone, rows + i * size, size);
        }
        cn_digest_free(digest);
    }
    free(rows);
    free(base);
}

static void names(void **state) {
    (void)state;
    static const char *const expected[] = {"md5",    "sha1",     "sha256",
                                           "sha512", "sha3_256", "blake2b512",
                                           "xxh64",  "xxh3_64",  "hmac_sha256"};
    for (int i = 0; i < CN_DIGEST_KIND_COUNT; i++)
        assert_string_equal(cn_digest_name((enum cn_digest_kind)i), expected[i]);
}

static void hex_and_base64(void **state) {
    (void)state;
    uint8_t bytes[256];
    char hex[513], expected[513];
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    for (size_t n = 0; n <= 256; n++) {
        memset(hex, '#', sizeof hex);
        cn_hex_encode(bytes + 256 - n, n, hex);
        for (size_t i = 0; i < n; i++)
            snprintf(expected + 2 * i, 3, "%02x", bytes[256 - n + i]);
        assert_memory_equal(hex, expected, 2 * n);
        assert_int_equal(hex[2 * n], '#');
    }
    /* RFC 4648 */
    static const char *const base64[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                         "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t n = 0; n < 7; n++) {
        char out[16];
        size_t len = cn_base64_encode((const uint8_t *)"foobar", n, out);
        assert_int_equal(len, strlen(base64[n]));
        assert_memory_equal(out, base64[n], len);
    }
    char out[8];
    assert_int_equal(cn_base64_encode((const uint8_t *)"\xFB\xEF\xFF", 3, out), 4);
    assert_memory_equal(out, "++//", 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors), cmocka_unit_test(hmac_vectors),
        cmocka_unit_test(ways_agree),        cmocka_unit_test(names),
        cmocka_unit_test(many_rows),         cmocka_unit_test(hex_and_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
