/*
 * number_fields.h: columns of numbers from the fields of a text, many at once.
 *
 * What a field is and what its value is are exactly as cn_text_scan() (number.h) says. Plain
 * numbers, "-123" and "-0.25" of up to 24 characters, are what there is a fast way for.
 */
#ifndef CN_KERNELS_NUMBER_FIELDS_H
#define CN_KERNELS_NUMBER_FIELDS_H

#include "kernels/number.h"

/* A field: its characters, without the quotes around it. */
struct cn_field {
    const char *data;
    uint32_t len;
    bool quoted;
    bool escaped; /* holds doubled quotes, so that it is no number */
};

/* What was found in a field: one of the kinds, as a bit ... */
enum {
    CN_FIELD_INT64 = 1 << CN_TEXT_INT64,
    CN_FIELD_FLOAT64 = 1 << CN_TEXT_FLOAT64,
    CN_FIELD_BOOL = 1 << CN_TEXT_BOOL,
    CN_FIELD_STRING = 1 << CN_TEXT_STRING,
    CN_FIELD_EMPTY = 16, /* and not quoted */
    /* ... and whether the text is, to the byte, what cn_double_format() or cn_int64_format() makes
     * of the value. Without the mark it may be so or not. */
    CN_FIELD_CANONICAL = 128,
};

/*
 * Reads n fields; marks[i] is what was found in field i. Fields may be read from `start` on, where
 * the text begins that they stand in (a lower bound will do), and never behind their ends.
 * The result is the union of the marks, but CANONICAL is only in it if it is in all of them.
 *
 * doubles: values[i] is the nearest double of an INT64 or FLOAT64 ("-0" is -0.0), else it is 0.
 * An INT64 is not marked as canonical, since a double has a point; without `canonical` nothing is,
 * which takes a third of the time off.
 * int64s: values[i] is that of an INT64, else it is 0.
 */
unsigned cn_fields_scan_doubles(const struct cn_field *fields, size_t n, const char *start,
                                bool canonical, double *values, uint8_t *marks);
unsigned cn_fields_scan_int64s(const struct cn_field *fields, size_t n, const char *start,
                               int64_t *values, uint8_t *marks);
/* The kinds alone. */
unsigned cn_fields_classify(const struct cn_field *fields, size_t n, const char *start);

#endif
