/*
 * str.h: a view of bytes that somebody else owns.
 *
 * A cn_str is not NUL-terminated and may hold NUL bytes. It is valid as long as the memory that it
 * points into; whoever hands one out says which memory that is.
 */
#ifndef CN_BASE_STR_H
#define CN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct cn_str {
    const char *data;
    size_t len;
};

#define CN_STR(literal) ((struct cn_str){(literal), sizeof(literal) - 1})

static inline struct cn_str cn_str(const char *data, size_t len) {
    return (struct cn_str){data, len};
}

/* `text` may be NULL: the empty string. */
static inline struct cn_str cn_str_c(const char *text) {
    return (struct cn_str){text ? text : "", text ? strlen(text) : 0};
}

static inline bool cn_str_equal(struct cn_str a, struct cn_str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool cn_str_is(struct cn_str a, const char *text) {
    return cn_str_equal(a, cn_str_c(text));
}

/* The value of a hexadecimal digit, -1 for any other byte. */
static inline int cn_hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

#endif
