#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/utf8.h"

/* From memory of exactly that length, so that reading beyond it is found. */
static size_t check(const char *text, size_t len) {
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len > 0)
        memcpy(copy, text, len);
    size_t valid = cn_utf8_check(copy, len);
    free(copy);
    return valid;
}

static bool is_character(uint32_t c) {
    return c < 0xD800 || (c > 0xDFFF && c <= 0x10FFFF);
}

static void every_character_passes(void **state) {
    (void)state;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        char text[4];
        size_t size = cn_utf8_encode(c, text);
        size_t valid = cn_utf8_check(text, size);
        if (!is_character(c)) {
            assert_int_equal(valid, 0);
            continue;
        }
        size_t decoded_size = 0;
        if (valid != size || cn_utf8_decode(text, size, &decoded_size) != c ||
            decoded_size != size || cn_utf8_length(text, size) != 1)
            fail_msg("U+%04X", c);
        for (size_t cut = 1; cut < size; cut++)
            assert_int_equal(cn_utf8_check(text, cut), 0);
    }
}

/* The definition of RFC 3629, byte by byte: what the lead byte says, decoded, must be a character
 * that needs that many bytes. */
static size_t reference_check(const unsigned char *p, size_t len) {
    size_t i = 0;
    while (i < len) {
        static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
        size_t size = p[i] < 0x80   ? 1
                      : p[i] < 0xC0 ? 0
                      : p[i] < 0xE0 ? 2
                      : p[i] < 0xF0 ? 3
                      : p[i] < 0xF8 ? 4
                                    : 0;
        if (size == 0 || len - i < size)
            return i;
        uint32_t c = size == 1 ? p[i] : p[i] & (0x7Fu >> size);
        for (size_t k = 1; k < size; k++) {
            if ((p[i + k] & 0xC0) != 0x80)
                return i;
            c = c << 6 | (p[i + k] & 0x3F);
        }
        if (c < smallest[size] || !is_character(c))
            return i;
        i += size;
    }
    return len;
}

static void agrees_with_the_definition(void **state) {
    (void)state;
    /* All sequences of three bytes, and of four with a lead that takes four. */
    unsigned char text[4];
    for (unsigned a = 0x80; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (unsigned c = 0; c < 256; c++) {
                text[0] = (unsigned char)a;
                text[1] = (unsigned char)b;
                text[2] = (unsigned char)c;
                text[3] = 0xBF;
                size_t len = a >= 0xF0 ? 4 : 3;
                if (cn_utf8_check((char *)text, len) != reference_check(text, len))
                    fail_msg("%02x %02x %02x", a, b, c);
            }
}

static void errors_are_found_wherever_they_stand(void **state) {
    (void)state;
    static const char *const bad[] = {"\xFF",         "\x80",         "\xC0\x80",
                                      "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\xC3",         "\xE2\x82",     "\xF0\x9F\x98"};
    char text[200];
    for (size_t at = 0; at < 150; at++) {
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
            memset(text, 'x', sizeof text);
            text[at / 2] = '\0';
            if (at >= 3)
                memcpy(text + at - 3, "\xE2\x82\xAC", 3);
            size_t size = strlen(bad[i]);
            memcpy(text + at, bad[i], size);
            assert_int_equal(check(text, sizeof text), at);
            assert_int_equal(check(text, at + size), at);
            assert_int_equal(check(text, at), at);
        }
    }
    assert_int_equal(check("", 0), 0);
    assert_int_equal(cn_utf8_check(NULL, 0), 0);
}

static void lengths_and_offsets(void **state) {
    (void)state;
    static const char *const characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    char text[400];
    size_t len = 0, starts[150], count = 0;
    unsigned seed = 1;
    while (count < 100) {
        seed = seed * 1103515245 + 12345;
        const char *c = characters[seed >> 16 & 3];
        starts[count++] = len;
        memcpy(text + len, c, strlen(c));
        len += strlen(c);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(cn_utf8_length(text, starts[i]), i);
        assert_int_equal(cn_utf8_offset(text, len, i), starts[i]);
        assert_int_equal(cn_utf8_length(text + starts[i], len - starts[i]), count - i);
    }
    assert_int_equal(cn_utf8_offset(text, len, count), len);
    assert_int_equal(cn_utf8_offset(text, len, SIZE_MAX), len);
    assert_int_equal(cn_utf8_offset("", 0, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_character_passes),
        cmocka_unit_test(agrees_with_the_definition),
        cmocka_unit_test(errors_are_found_wherever_they_stand),
        cmocka_unit_test(lengths_and_offsets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
