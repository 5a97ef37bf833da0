/*
 * utf8.h: UTF-8, checked and counted (RFC 3629).
 */
#ifndef CN_KERNELS_UTF8_H
#define CN_KERNELS_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Offset of the first byte that is not part of a valid sequence, or len. Overlong forms,
 * surrogates and values past U+10FFFF are invalid. NUL is valid here. ASCII runs are fast. */
size_t cn_utf8_check(const char *text, size_t len);

/* The same, but NUL is invalid too. */
size_t cn_utf8_check_text(const char *text, size_t len);

/* Characters in valid UTF-8. */
size_t cn_utf8_length(const char *text, size_t len);

/* Byte offset of character `index` in valid UTF-8, or len if there are fewer. */
size_t cn_utf8_offset(const char *text, size_t len, size_t index);

/* Decodes the character at the start of valid UTF-8 text; *size is its bytes. */
uint32_t cn_utf8_decode(const char *text, size_t len, size_t *size);
/* Writes a character; returns its bytes (1 to 4). */
size_t cn_utf8_encode(uint32_t character, char out[4]);

#endif
