/*
 * number_array.h: the numbers of a JSON array (RFC 8259), many at once.
 *
 * Only what is certainly a JSON number and has the usual form is read: at most 19 digits that
 * count, an exponent of at most three digits, then ',' at once, then any blanks. At whatever else
 * stands there, valid or not, reading stops: the caller reads that cell in its own way, and comes
 * back for those behind it.
 */
#ifndef CN_KERNELS_NUMBER_ARRAY_H
#define CN_KERNELS_NUMBER_ARRAY_H

#include <stddef.h>
#include <stdint.h>

/* A part of a text: cells are read from `at` on, which is behind a '[' or ',' and blanks. Bytes are
 * read anywhere between start and end, which is the text's own: never behind it. */
struct cn_number_text {
    const char *start;
    const char *at;
    const char *end;
};

/* At most `room` cells into `values`, text->at moves behind them and their commas; returns how many
 * there were. Doubles: the nearest to each, of integers too ("-0" is the integer 0, so 0.0).
 * Integers beyond int64 (and the least of it), and values beyond the range of doubles, are left to
 * the caller.
 */
size_t cn_array_read_doubles(struct cn_number_text *text, size_t room, double *values);
/* Stops at the first number that has a point or an exponent. */
size_t cn_array_read_int64s(struct cn_number_text *text, size_t room, int64_t *values);

#endif
