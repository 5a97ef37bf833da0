/*
 * utf8_tables.h: which pairs of bytes UTF-8 does not have (Keiser and Lemire, "Validating UTF-8 in
 * less than one instruction per byte", 2021). Private to the variants of utf8.c.
 *
 * Whether a byte may follow the one before it is seen from three half bytes: both of the first and
 * the upper of the second. Each table gives, for its half byte, the set of faults that are still
 * possible; a fault that all three have is there. What a pair cannot show is whether a continuation
 * byte is the third or fourth of its sequence: two of them in a row are right just where the byte
 * two before leads three or more, or the byte three before leads four.
 */
#ifndef CN_KERNELS_UTF8_TABLES_H
#define CN_KERNELS_UTF8_TABLES_H

#include <stddef.h>
#include <stdint.h>

enum {
    TOO_SHORT = 0x01,     /* a lead, then no continuation */
    TOO_LONG = 0x02,      /* ASCII, then a continuation */
    OVERLONG_3 = 0x04,    /* E0, 80 to 9F */
    TOO_LARGE = 0x08,     /* F4 and more, 90 to BF */
    SURROGATE = 0x10,     /* ED, A0 to BF */
    OVERLONG_2 = 0x20,    /* C0 or C1, a continuation */
    OVERLONG_4 = 0x40,    /* F0, 80 to 8F */
    TOO_LARGE_80 = 0x40,  /* F5 and more, 80 to 8F */
    CONTINUATIONS = 0x80, /* two of them */

    /* Those that do not depend on the first byte's lower half. */
    ANY_LOW = TOO_SHORT | TOO_LONG | CONTINUATIONS,
    FROM_F5 = ANY_LOW | TOO_LARGE | TOO_LARGE_80,
    /* Those of every second byte that is a continuation. */
    SECOND = TOO_LONG | OVERLONG_2 | CONTINUATIONS,
};

static const uint8_t cn_utf8_first_high[16] = {
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    TOO_LONG,
    CONTINUATIONS,
    CONTINUATIONS,
    CONTINUATIONS,
    CONTINUATIONS,
    TOO_SHORT | OVERLONG_2,
    TOO_SHORT,
    TOO_SHORT | OVERLONG_3 | SURROGATE,
    TOO_SHORT | TOO_LARGE | TOO_LARGE_80 | OVERLONG_4,
};

static const uint8_t cn_utf8_first_low[16] = {
    ANY_LOW | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
    ANY_LOW | OVERLONG_2,
    ANY_LOW,
    ANY_LOW,
    ANY_LOW | TOO_LARGE,
    FROM_F5,
    FROM_F5,
    FROM_F5,
    FROM_F5,
    FROM_F5,
    FROM_F5,
    FROM_F5,
    FROM_F5,
    FROM_F5 | SURROGATE,
    FROM_F5,
    FROM_F5,
};

static const uint8_t cn_utf8_second_high[16] = {
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    SECOND | OVERLONG_3 | OVERLONG_4 | TOO_LARGE_80,
    SECOND | OVERLONG_3 | TOO_LARGE,
    SECOND | SURROGATE | TOO_LARGE,
    SECOND | SURROGATE | TOO_LARGE,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
    TOO_SHORT,
};

/* Where to begin again when text[0..i) has no fault but may end within a character: at its lead, or
 * at one before. */
static inline size_t cn_utf8_back(const char *text, size_t i) {
    for (size_t back = 1; back <= 3 && back <= i; back++) {
        if (((unsigned char)text[i - back] & 0xC0) != 0x80)
            return i - back;
    }
    return i; /* three continuations: the character is complete */
}

#endif
