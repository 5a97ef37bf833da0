#include "kernels/utf8.h"

#include <string.h>

#include "kernels/table.h"

#define HIGH_BITS 0x8080808080808080u
#define LOW_BITS 0x0101010101010101u

static uint64_t load8(const char *p) {
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

static bool in_range(unsigned char c, unsigned low, unsigned high) {
    return c >= low && c <= high;
}

/* Bytes of the valid sequence of two bytes or more at p, or 0 (table 3-7 of the Unicode
 * standard: the second byte's range depends on the first). */
static size_t check_sequence(const unsigned char *p, size_t len) {
    unsigned char lead = p[0];
    size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || len < size)
        return 0;
    unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (!in_range(p[1], low, high))
        return 0;
    for (size_t i = 2; i < size; i++)
        if (!in_range(p[i], 0x80, 0xBF))
            return 0;
    return size;
}

/* Top bits, one set at least if a byte is not ASCII, or NUL and `text` is set. */
static inline uint64_t odd_bytes(uint64_t word, bool text) {
    return (text ? (word - LOW_BITS) | word : word) & HIGH_BITS;
}

/* `nul` is what a NUL byte counts as: valid or not. */
static inline size_t check(const char *text, size_t len, bool nul) {
    size_t i = 0;
    while (i < len) {
        while (len - i >= 32) {
            const char *p = text + i;
            if (odd_bytes(load8(p), !nul) | odd_bytes(load8(p + 8), !nul) |
                odd_bytes(load8(p + 16), !nul) | odd_bytes(load8(p + 24), !nul))
                break;
            i += 32;
        }
        while (len - i >= 8 && !odd_bytes(load8(text + i), !nul))
            i += 8;
        /* A stretch that is not ASCII, or the end. */
        while (i < len) {
            if ((unsigned char)text[i] < 0x80) {
                if (!nul && text[i] == 0)
                    return i;
                i++;
                if (len - i >= 8 && !odd_bytes(load8(text + i), !nul))
                    break;
                continue;
            }
            size_t size = check_sequence((const unsigned char *)text + i, len - i);
            if (size == 0)
                return i;
            i += size;
        }
    }
    return len;
}

size_t cn_utf8_check_scalar(const char *text, size_t len, bool nul) {
    return nul ? check(text, len, true) : check(text, len, false);
}

size_t cn_utf8_check(const char *text, size_t len) {
    return cn_kernels.utf8_check(text, len, true);
}

size_t cn_utf8_check_text(const char *text, size_t len) {
    return cn_kernels.utf8_check(text, len, false);
}

static bool is_continuation(char c) {
    return ((unsigned char)c & 0xC0) == 0x80;
}

/* Continuation bytes among eight: the top bit set and the one below it clear. */
static size_t count_continuations8(uint64_t word) {
    return (size_t)__builtin_popcountll((word >> 7) & ~(word >> 6) & LOW_BITS);
}

size_t cn_utf8_length(const char *text, size_t len) {
    size_t i = 0, continuations = 0;
    for (; len - i >= 8; i += 8)
        continuations += count_continuations8(load8(text + i));
    for (; i < len; i++)
        continuations += is_continuation(text[i]);
    return len - continuations;
}

size_t cn_utf8_offset(const char *text, size_t len, size_t index) {
    size_t i = 0, seen = 0;
    /* Whole words, as long as the character cannot begin in them. */
    while (len - i >= 8) {
        size_t here = 8 - count_continuations8(load8(text + i));
        if (seen + here > index)
            break;
        seen += here;
        i += 8;
    }
    for (; i < len; i++) {
        if (is_continuation(text[i]))
            continue;
        if (seen == index)
            return i;
        seen++;
    }
    return len;
}

uint32_t cn_utf8_decode(const char *text, size_t len, size_t *size) {
    unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80) {
        *size = 1;
        return lead;
    }
    size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (need > len) /* not valid, but never read beyond it */
        need = len;
    uint32_t character = lead & (0xFFu >> (need + 1));
    for (size_t i = 1; i < need; i++)
        character = character << 6 | ((unsigned char)text[i] & 0x3F);
    *size = need;
    return character;
}

size_t cn_utf8_encode(uint32_t character, char out[4]) {
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        out[0] = (char)(0xC0 | character >> 6);
        out[1] = (char)(0x80 | (character & 0x3F));
        return 2;
    }
    if (character < 0x10000) {
        out[0] = (char)(0xE0 | character >> 12);
        out[1] = (char)(0x80 | (character >> 6 & 0x3F));
        out[2] = (char)(0x80 | (character & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | (character >> 18 & 0x07));
    out[1] = (char)(0x80 | (character >> 12 & 0x3F));
    out[2] = (char)(0x80 | (character >> 6 & 0x3F));
    out[3] = (char)(0x80 | (character & 0x3F));
    return 4;
}
