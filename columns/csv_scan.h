/*
 * csv_scan.h: the bytes of a CSV text that mean something, and one record of it. Internal to the
 * CSV files of this folder.
 *
 * The text is looked at 64 bytes at a time: a comparison gives one bit a byte, and the readers hop
 * from set bit to set bit. The comparison is plain 64-bit arithmetic here; a vector variant only
 * has to give the same bits.
 */
#ifndef CN_COLUMNS_CSV_SCAN_H
#define CN_COLUMNS_CSV_SCAN_H

#include "columns/csv.h"

#define CN_CSV_EVERY_BYTE UINT64_C(0x0101010101010101)
#define CN_CSV_LOW_BITS UINT64_C(0x7f7f7f7f7f7f7f7f)

/* Eight bytes, the first in the lowest bits. */
static inline uint64_t cn_csv_load8(const char *text) {
    uint64_t word;
    memcpy(&word, text, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* The byte in every place of a word. */
static inline uint64_t cn_csv_repeat(char byte) {
    return CN_CSV_EVERY_BYTE * (unsigned char)byte;
}

/* The top bit of every byte of `word` that equals that of `pattern`; exact in every place. */
static inline uint64_t cn_csv_match(uint64_t word, uint64_t pattern) {
    uint64_t differs = word ^ pattern;
    return ~(((differs & CN_CSV_LOW_BITS) + CN_CSV_LOW_BITS) | differs | CN_CSV_LOW_BITS);
}

/* The top bits of eight bytes, as the low eight bits. The products 2^(8i) * 2^(56-7j) of the
 * multiplication are all different, so nothing carries; those with i = j are the result. */
static inline uint64_t cn_csv_gather(uint64_t marks) {
    return ((marks >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

/* 64 bytes at `text`, of which `left` exist; what is missing reads as NUL. `copy` is room for them
 * when they must be completed. */
static inline const char *cn_csv_chunk(const char *text, size_t left, char copy[64]) {
    if (left >= 64)
        return text;
    memset(copy, 0, 64);
    memcpy(copy, text, left);
    return copy;
}

/* ---- marks -------------------------------------------------------------------------------- */

/* The delimiters, quotes, CRs and LFs of a text, in order. */
struct cn_csv_marks {
    const char *base; /* bit 0 of mask */
    const char *end;
    uint64_t mask; /* marks in base[0..64) that were not visited yet */
    uint64_t delimiters;
};

static inline uint64_t cn_csv_marks_load(const struct cn_csv_marks *marks) {
    char copy[64];
    size_t left = (size_t)(marks->end - marks->base);
    const char *text = cn_csv_chunk(marks->base, left, copy);
    const uint64_t quotes = cn_csv_repeat('"');
    const uint64_t feeds = cn_csv_repeat('\n');
    const uint64_t returns = cn_csv_repeat('\r');
    uint64_t mask = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t word = cn_csv_load8(text + 8 * i);
        uint64_t hits = cn_csv_match(word, marks->delimiters) | cn_csv_match(word, quotes) |
                        cn_csv_match(word, feeds) | cn_csv_match(word, returns);
        mask |= cn_csv_gather(hits) << (8 * i);
    }
    if (left < 64)
        mask &= (UINT64_C(1) << left) - 1; /* a NUL may be the delimiter */
    return mask;
}

static inline void cn_csv_marks_init(struct cn_csv_marks *marks, const char *text, const char *end,
                                     char delimiter) {
    marks->base = text;
    marks->end = end;
    marks->delimiters = cn_csv_repeat(delimiter);
    marks->mask = text < end ? cn_csv_marks_load(marks) : 0;
}

/* The next mark, or the end of the text. */
static inline const char *cn_csv_marks_next(struct cn_csv_marks *marks) {
    while (marks->mask == 0) {
        if (marks->end - marks->base <= 64)
            return marks->end;
        marks->base += 64;
        marks->mask = cn_csv_marks_load(marks);
    }
    const char *mark = marks->base + __builtin_ctzll(marks->mask);
    marks->mask &= marks->mask - 1;
    return mark;
}

/* ---- records ------------------------------------------------------------------------------ */

enum cn_csv_fault {
    CN_CSV_FAULT_NONE,
    CN_CSV_FAULT_STRAY_QUOTE,
    CN_CSV_FAULT_BEHIND_QUOTE,
    CN_CSV_FAULT_UNCLOSED,
    CN_CSV_FAULT_BARE_CR,
    CN_CSV_FAULT_TOO_LONG,
    CN_CSV_FAULT_COUNT_FEW_MANY, /* not found by cn_csv_record_read(), which knows no count */
};

/* One record as it was read. */
struct cn_csv_record {
    const char *start;
    const char *end;  /* without its line end; with a fault: how far the text was understood */
    const char *next; /* with its line end */
    size_t n_fields;
    int64_t lines; /* line ends inside quotes; with a fault: before it */
    enum cn_csv_fault fault;
    const char *fault_at;
};

/*
 * Reads the record at `start`, which is before the end of the text and where `marks` stands. The
 * first `room` fields are stored, field i at fields[i * stride].
 */
void cn_csv_record_read(struct cn_csv_marks *marks, const char *start, struct cn_csv_field *fields,
                        size_t stride, size_t room, struct cn_csv_record *record);

/* A record of no bytes but its line end. */
static inline bool cn_csv_record_empty(const struct cn_csv_record *record) {
    return record->end == record->start && record->fault == CN_CSV_FAULT_NONE;
}

/* What cn_csv_check() needs to know of where the text stands. */
struct cn_csv_place {
    const char *start; /* of the part to be checked */
    int64_t line;      /* of start, from 1 */
    int64_t expected;  /* fields of a record */
    struct cn_csv_dialect dialect;
};

/*
 * Checks the encoding of [place->start, record->end) and reports the lowest fault: that of the
 * encoding or that of `record`, the last record read, which began on line `record_line`. On the
 * same line the one that comes first in the text wins; a wrong number of fields is known at the
 * record's end, an unclosed quote stands where it opened. `error` gets line and detail.
 */
enum cn_code cn_csv_check(const struct cn_csv_place *place, const struct cn_csv_record *record,
                          int64_t record_line, struct cn_error *error);

#endif
