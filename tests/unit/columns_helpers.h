/*
 * columns_helpers.h: what the tests of the columns room share.
 */
#ifndef CN_TESTS_COLUMNS_HELPERS_H
#define CN_TESTS_COLUMNS_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "columns/csv.h"

/* A small generator with a stated sequence (splitmix64), so that a failure can be repeated. */
struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice) {
    uint64_t z = dice->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline size_t dice_below(struct dice *dice, size_t n) {
    return (size_t)(dice_next(dice) % n);
}

/* Fills `out` with letters of an alphabet in which some letters stand more than once. */
static inline size_t dice_text(struct dice *dice, struct cn_str alphabet, size_t max, char *out) {
    size_t len = dice_below(dice, max + 1);
    for (size_t i = 0; i < len; i++)
        out[i] = alphabet.data[dice_below(dice, alphabet.len)];
    return len;
}

/* A copy that ends at the end of its allocation, so that the sanitizers see a read past it. */
static inline char *exact_copy(const char *text, size_t len) {
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    if (len)
        memcpy(copy, text, len);
    return copy;
}

/* Appends the value of one row as CSV text. */
static inline void write_value(struct cn_buf *out, const struct cn_vector *vector, size_t row,
                               char delimiter) {
    static const size_t widths[] = {
        [CN_TYPE_BOOL] = 1, [CN_TYPE_INT64] = 8, [CN_TYPE_FLOAT64] = 8, [CN_TYPE_STRING] = 16};
    struct cn_vector one = {
        vector->type,
        vector->values ? (const char *)vector->values + row * widths[vector->type] : NULL,
        vector->nulls ? vector->nulls + row : NULL};
    struct cn_csv_cells cell = {.vector = &one};
    struct cn_csv_rows rows = {.cells = &cell, .n_cells = 1, .count = 1, .delimiter = delimiter};
    struct cn_arena arena;
    size_t written;

    cn_arena_init(&arena, 4096);
    assert_true(cn_csv_write_rows(out, &rows, SIZE_MAX, &written, &arena));
    assert_int_equal(written, 1);
    out->len--; /* the line end */
    cn_arena_release(&arena);
}

/* Text for a failing test's output. */
static inline void show_text(const char *what, const char *text, size_t len) {
    print_message("%s: \"", what);
    for (size_t i = 0; i < len; i++) {
        if (text[i] > ' ' && text[i] <= '~')
            print_message("%c", text[i]);
        else
            print_message("\\x%02x", (unsigned char)text[i]);
    }
    print_message("\"\n");
}

#endif
