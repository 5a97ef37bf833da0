/*
 * csv_quote.h: which texts need quotes, and texts with them. Internal to the writers of CSV.
 */
#ifndef CN_COLUMNS_CSV_QUOTE_H
#define CN_COLUMNS_CSV_QUOTE_H

#include "columns/csv.h"

/* Nonzero if a byte of the word equals `byte`. Where it is, this does not say (Hacker's Delight,
 * 6-1: a borrow may mark a byte above a true match). */
static inline uint64_t cn_csv_word_has(uint64_t word, char byte) {
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t differs = word ^ ones * (unsigned char)byte;

    return (differs - ones) & ~differs & ones << 7;
}

static inline uint64_t cn_csv_word_marks(uint64_t word, char delimiter) {
    return cn_csv_word_has(word, delimiter) | cn_csv_word_has(word, '"') |
           cn_csv_word_has(word, '\n') | cn_csv_word_has(word, '\r');
}

/* Whether it is empty, or holds the delimiter, a quote, CR or LF. */
static inline bool cn_csv_needs_quotes(struct cn_str text, char delimiter) {
    uint64_t word, marks = 0;
    size_t at = 0;

    if (text.len == 0)
        return true;
    for (; text.len - at >= 8; at += 8) {
        memcpy(&word, text.data + at, 8);
        marks |= cn_csv_word_marks(word, delimiter);
    }
    for (; at < text.len; at++) {
        char c = text.data[at];
        marks |= (uint64_t)(c == delimiter || c == '"' || c == '\n' || c == '\r');
    }
    return marks != 0;
}

/* The bytes of the text in quotes; of text that is there, so it does not overflow. */
static inline size_t cn_csv_quoted_length(struct cn_str text) {
    size_t len = text.len + 2;

    for (size_t i = 0; i < text.len; i++)
        len += text.data[i] == '"';
    return len;
}

/* Writes the text in quotes, quotes in it doubled. Returns the end. */
static inline char *cn_csv_put_quoted(char *to, struct cn_str text) {
    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        *to = text.data[i];
        to += *to == '"';
        *to++ = text.data[i];
    }
    *to++ = '"';
    return to;
}

#endif
