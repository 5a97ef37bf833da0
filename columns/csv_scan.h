/*
 * csv_scan.h: the bytes of a CSV text that mean something, and one record of it. Internal to the
 * CSV files of this folder.
 *
 * Two readers know the rules. One reads a record byte by byte, as it were: it hops from mark to
 * mark, understands all that may stand there, and finds the faults. The other one takes rows as
 * they nearly always are, whole runs of them, from an index of the separators (csv_rows.c), and
 * leaves every other record to the first.
 */
#ifndef CN_COLUMNS_CSV_SCAN_H
#define CN_COLUMNS_CSV_SCAN_H

#include "columns/csv.h"
#include "kernels/text_marks.h"

/* ---- marks -------------------------------------------------------------------------------- */

/* The delimiters, quotes, CRs and LFs of a text, in order. */
struct cn_csv_marks {
    const char *base; /* bit 0 of mask */
    const char *end;
    uint64_t mask; /* marks in base[0..64) that were not visited yet */
    char delimiter;
};

static inline uint64_t cn_csv_marks_load(const struct cn_csv_marks *marks) {
    size_t left = (size_t)(marks->end - marks->base);
    struct cn_text_chunk chunk;

    cn_text_chunks(marks->base, left < 64 ? left : 64, marks->delimiter, &chunk);
    return chunk.delimiters | chunk.quotes | chunk.feeds | chunk.returns;
}

static inline void cn_csv_marks_init(struct cn_csv_marks *marks, const char *text, const char *end,
                                     char delimiter) {
    marks->base = text;
    marks->end = end;
    marks->delimiter = delimiter;
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

/* ---- rows --------------------------------------------------------------------------------- */

/* An index of the separators of a part of the text that begins at a record start, and how far it
 * was used. */
struct cn_csv_window {
    const char *text;
    const char *at; /* the next record */
    struct cn_text_marks marks;
    size_t used;  /* marks before `at` */
    size_t feeds; /* LFs among the marks from there on: as many records are complete */
};

/* The most that one window spans, and the marks that it may need. */
#define CN_CSV_WINDOW_BYTES ((size_t)1 << 30)
size_t cn_csv_window_marks(size_t n_columns);

/* Looks for the next `rows` rows of text[0..end), or fewer; text < end. The index lies in the
 * block. It is right up to the first fault of a record, and may stop before that record's end. */
void cn_csv_window_open(struct cn_csv_window *window, const struct cn_csv_block *block,
                        const char *text, const char *end, char delimiter, size_t rows);

/* Puts the next rows into the block from row `row` on, as long as there are complete ones with the
 * right number of fields, and returns how many. *lines counts on. */
size_t cn_csv_window_take(struct cn_csv_window *window, struct cn_csv_block *block, size_t row,
                          int64_t *lines);

/* Goes on behind a record that was read in another way and ends before `next`. */
void cn_csv_window_skip(struct cn_csv_window *window, const char *next);

/* ---- faults ------------------------------------------------------------------------------- */

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
