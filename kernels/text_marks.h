/*
 * text_marks.h: where the bytes stand that structure a text of fields: one delimiter, quotes and
 * line ends.
 *
 * 64 bytes are compared at a time, a bit a byte, and what stands inside quotes follows from the
 * running parity of the quotes' bits (Langdale and Lemire, "Parsing gigabytes of JSON per second",
 * 2019; Ge, Li, Eilebrecht, Chandramouli, Kossmann, "Speculative distributed CSV data parsing for
 * big data analytics", 2019). What a mark means is the caller's business.
 */
#ifndef CN_KERNELS_TEXT_MARKS_H
#define CN_KERNELS_TEXT_MARKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 bytes of a text, bit i for byte i. */
struct cn_text_chunk {
    uint64_t delimiters;
    uint64_t quotes;
    uint64_t feeds;   /* LF */
    uint64_t returns; /* CR */
};

/* The chunks of text[0..len), (len + 63) / 64 of them. No bit is set behind the end. */
void cn_text_chunks(const char *text, size_t len, char delimiter, struct cn_text_chunk *chunks);

/* How often a byte occurs. */
size_t cn_text_count(const char *text, size_t len, char byte);

/* Bit i: the number of bits set in 0..i is odd. */
static inline uint64_t cn_bits_parity(uint64_t bits) {
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* The number of bits set: pairs, fours, bytes, and their sum in the highest byte. For files that
 * may not use the instruction. */
static inline size_t cn_bits_count(uint64_t bits) {
    const uint64_t every = UINT64_C(0x0101010101010101);

    bits -= bits >> 1 & every * 0x55;
    bits = (bits & every * 0x33) + (bits >> 2 & every * 0x33);
    return (size_t)(((bits + (bits >> 4)) & every * 0x0F) * every >> 56);
}

#define CN_TEXT_MARKS_SLACK 128

/* An index of the separators, which are the delimiters and LFs outside quotes. */
struct cn_text_marks {
    uint32_t *at;  /* their offsets, ascending; room for `wanted` + CN_TEXT_MARKS_SLACK */
    size_t wanted; /* the search stops at a multiple of 64 bytes once there are that many */
    size_t count;
    size_t feeds;      /* how many of them are LFs */
    size_t length;     /* bytes that were looked at; there is no other separator in them */
    bool plain;        /* no byte of these is NUL or beyond ASCII; false for one behind them, too */
    bool returns;      /* there are CRs outside quotes */
    bool quotes;       /* there are quotes; if not, the next two are false */
    bool doubled;      /* a quote opens where another one closed: "" inside quotes */
    bool feeds_inside; /* an LF is inside quotes */
};

/*
 * Finds the separators of text[0..len), len at most UINT32_MAX - 64, which begins outside quotes,
 * where a field begins. Stops before the 64 bytes in which the text is irregular: a quote opens
 * elsewhere than at a field's beginning; text stands behind one that closed; a CR outside quotes
 * has no LF behind it. (What is cut off by the text's end is not irregular.)
 */
void cn_text_marks_find(const char *text, size_t len, char delimiter, struct cn_text_marks *marks);

/* A stretch of text. */
struct cn_text_span {
    const char *data;
    uint32_t len;
    uint32_t zero;
};

/* Rows of marks, and where what is between them goes. */
struct cn_text_table {
    const char *text;
    const uint32_t *marks; /* the one before each is looked at too, the first's included */
    size_t columns;
    size_t rows;
    struct cn_text_span *spans; /* column c of row r: spans[c * stride + r] */
    size_t stride;
};

/* Writes the stretch between each of columns * rows marks and the one before, both excluded. May
 * read three marks behind the last one. */
void cn_text_spans(const struct cn_text_table *table);

#endif
