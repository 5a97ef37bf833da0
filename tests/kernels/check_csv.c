/*
 * The CSV reader and the cutter as wholes: the same rows at every level, and their time for the
 * kinds of text that matter.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "columns/csv.h"
#include "kernels/table.h"
#include "tests/kernels/check.h"

#define TEXT_BYTES ((size_t)4 << 20)
#define FIELD_ROOM 64

enum kind { FLOATS, RETURNS, INTS, WIDE, QUOTED, ESCAPED, ACCENTS, KIND_COUNT };

static const struct {
    const char *name;
    size_t columns;
} kinds[KIND_COUNT] = {
    [FLOATS] = {"floats", 4},   [RETURNS] = {"floats_crlf", 4}, [INTS] = {"ints", 20},
    [WIDE] = {"wide", 1000},    [QUOTED] = {"quoted", 4},       [ESCAPED] = {"escaped", 4},
    [ACCENTS] = {"accents", 4},
};

struct work {
    struct cn_str text;
    struct cn_csv_block block;
    size_t columns;
    size_t rows_per_cut;
    uint64_t sum;
};

static int print_field(char *out, enum kind kind, size_t column) {
    static const char *const words[] = {"plain words, in quotes", "short",
                                        "some \"\"doubled\"\" ones", "two\nlines"};
    static const char *const accents[] = {"caf\xC3\xA9", "na\xC3\xAFve r\xC3\xA9sum\xC3\xA9",
                                          "\xE2\x82\xAC 12", "na\xC3\xAFvet\xC3\xA9"};
    size_t word = (size_t)check_below(kind == ESCAPED ? 4 : 2);

    switch (kind) {
    case INTS:
        return snprintf(out, FIELD_ROOM, "%d", (int)(check_below(100000) >> check_below(17)));
    case QUOTED:
    case ESCAPED:
        return snprintf(out, FIELD_ROOM, "\"%s\"", words[word]);
    case ACCENTS:
        if (column == 1)
            return snprintf(out, FIELD_ROOM, "%s", accents[check_below(4)]);
        return snprintf(out, FIELD_ROOM, "%.17g", (double)check_random() / 1e19);
    default:
        return snprintf(out, FIELD_ROOM, "%.17g", (double)check_random() / 1e19 - 0.5);
    }
}

static struct cn_str make_text(enum kind kind) {
    char *text = malloc(TEXT_BYTES + 65536), *at = text;

    if (!text)
        abort();
    while ((size_t)(at - text) < TEXT_BYTES) {
        for (size_t c = 0; c < kinds[kind].columns; c++) {
            at += print_field(at, kind, c);
            *at++ = ',';
        }
        at[-1] = '\n';
        if (kind == RETURNS)
            memcpy(at++ - 1, "\r\n", 2);
    }
    return cn_str(text, (size_t)(at - text));
}

static void read_text(void *context) {
    struct work *work = context;
    struct cn_csv_reader reader;

    cn_csv_reader_init(&reader, work->text, (struct cn_csv_dialect){',', true}, work->columns);
    do {
        if (cn_csv_reader_next(&reader, &work->block, NULL) != CN_OK)
            abort();
    } while (work->block.rows > 0);
}

static void cut_text(void *context) {
    struct work *work = context;
    struct cn_csv_cutter cutter;

    cn_csv_cutter_init(&cutter, work->rows_per_cut, false);
    for (size_t at = 0; at < work->text.len;) {
        size_t left = work->text.len - at, scanned;
        size_t have = at + (left < 65536 ? left : 65536);
        work->sum += cn_csv_cutter_scan(&cutter, work->text.data, at, have, &scanned);
        at = scanned;
    }
}

static uint64_t add(uint64_t sum, uint64_t value) {
    return (sum ^ value) * UINT64_C(0x9E3779B97F4A7C15);
}

/* All that the reader says of a text, as one number. */
static uint64_t sum_text(struct work *work) {
    const struct cn_csv_block *block = &work->block;
    struct cn_csv_reader reader;
    uint64_t sum = 0;

    cn_csv_reader_init(&reader, work->text, (struct cn_csv_dialect){',', true}, work->columns);
    while (cn_csv_reader_next(&reader, &work->block, NULL) == CN_OK && block->rows > 0) {
        for (size_t row = 0; row < block->rows; row++) {
            sum = add(sum, (uint64_t)(block->row[row].start - work->text.data));
            sum = add(sum, (uint64_t)(block->row[row].end - work->text.data));
            sum = add(sum, (uint64_t)(block->row[row].next - work->text.data));
            sum = add(sum, (uint64_t)block->row[row].line);
            for (size_t c = 0; c < work->columns; c++) {
                const struct cn_csv_field *field = &block->fields[c * block->capacity + row];
                sum = add(sum, (uint64_t)(field->data - work->text.data));
                sum = add(sum, field->len * 4u + field->quoted * 2u + field->escaped);
            }
        }
    }
    return add(sum, (uint64_t)reader.rows);
}

static void check_cuts(struct work *work, enum kind kind) {
    static uint64_t sums[KIND_COUNT][2];
    static char names[KIND_COUNT][2][32];

    for (size_t i = 0; i < 2; i++) {
        work->rows_per_cut = i * 1000;
        work->sum = 0;
        cut_text(work);
        if (sums[kind][i] == 0)
            sums[kind][i] = work->sum;
        check_that(work->sum == sums[kind][i], "cutting %s", kinds[kind].name);
        char *name = names[kind][i];
        snprintf(name, sizeof names[kind][i], "cut_%s_%s", i ? "rows" : "any", kinds[kind].name);
        check_time(name,
                   i ? (void (*)(void))cn_kernels.text_chunks
                     : (void (*)(void))cn_kernels.text_count,
                   "byte", work->text.len, cut_text, work);
    }
}

void check_csv(void) {
    static struct cn_str texts[KIND_COUNT]; /* those of the first level */
    static uint64_t sums[KIND_COUNT];
    static char names[KIND_COUNT][32];

    for (enum kind kind = 0; kind < KIND_COUNT; kind++) {
        struct work work = {.columns = kinds[kind].columns};
        struct cn_arena arena;

        if (!texts[kind].data)
            texts[kind] = make_text(kind);
        work.text = texts[kind];
        cn_arena_init(&arena, 1 << 16);
        if (cn_csv_block_init(&work.block, work.columns, &arena, NULL) != CN_OK)
            abort();
        uint64_t sum = sum_text(&work);
        if (sums[kind] == 0)
            sums[kind] = sum;
        check_that(sum == sums[kind], "reading %s", kinds[kind].name);
        snprintf(names[kind], sizeof names[kind], "read_%s", kinds[kind].name);
        check_time(names[kind], (void (*)(void))cn_kernels.text_marks_find, "byte", work.text.len,
                   read_text, &work);
        check_cuts(&work, kind);
        cn_arena_release(&arena);
    }
}
