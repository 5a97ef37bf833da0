/*
 * number.h: numbers from text and to text, exactly.
 */
#ifndef CN_KERNELS_NUMBER_H
#define CN_KERNELS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a text is, by the rules for CSV fields (section 5 of the HTTP contract). */
enum cn_text_kind { CN_TEXT_INT64, CN_TEXT_FLOAT64, CN_TEXT_BOOL, CN_TEXT_STRING };

/*
 * Classifies a text: blanks (space, tab) around a number do not count. int64: -?digits within
 * int64, no zero before another digit, no '+'. float64: decimal with point and/or exponent under
 * the same rules ("5.", ".5", "1e+16" are floats; "1e400" too), and nan, inf, -inf in any case.
 * bool: True False true false, no blanks. Everything else, integers beyond int64 included, is a
 * string. The empty text is a string.
 */
enum cn_text_kind cn_text_classify(const char *text, size_t len);

/* The same, and the value: *i for int64, *d for float64 (correctly rounded), *i = 0/1 for bool. */
enum cn_text_kind cn_text_scan(const char *text, size_t len, int64_t *i, double *d);

/*
 * Text to double, correctly rounded (round half to even), beyond the range ±inf, below it ±0.
 * Accepts [+-]? (digits [. digits*] | . digits) ([eE] [+-]? digits)?, and [+-]?(nan|inf|infinity)
 * in any case; the whole text must match, blanks are not skipped. Any number of digits.
 * Eisel-Lemire (Lemire, "Number parsing at a gigabyte per second", 2021) with an exact fallback.
 */
bool cn_double_parse(const char *text, size_t len, double *value);

/* [+-]?digits within int64, the whole text. *overflow (may be NULL): it was an integer, but beyond.
 */
bool cn_int64_parse(const char *text, size_t len, int64_t *value, bool *overflow);

#define CN_DOUBLE_TEXT 32
#define CN_INT64_TEXT 24

/*
 * The shortest text that reads back as the same double, the closest of those, as Python's repr
 * writes it: 1.0, 0.1, 1e-05, 1e+16, 1234567890123456.0, inf, -inf, nan, -0.0. Returns the length;
 * no NUL is written; `out` must have CN_DOUBLE_TEXT bytes, any of which may be overwritten.
 * Schubfach (Giulietti, 2020), behind a quicker way for nearly all (number_format_core.h).
 */
size_t cn_double_format(double value, char *out);
/* Likewise, with CN_INT64_TEXT bytes. */
size_t cn_int64_format(int64_t value, char *out);

/* The same for n values: the text of values[i] begins at out + i * CN_DOUBLE_TEXT (CN_INT64_TEXT),
 * its length is put into lengths[i]. Any byte of out[0 .. n * CN_DOUBLE_TEXT) may be overwritten.
 */
void cn_doubles_format(const double *values, size_t n, char *out, uint8_t *lengths);
void cn_int64s_format(const int64_t *values, size_t n, char *out, uint8_t *lengths);

/* Python's round(value, digits): the exact value rounded half to even at that decimal place. Any
 * digits, negative too; NaN and infinities as they are; overflow to ±inf is possible (the caller
 * reports it). */
double cn_double_round(double value, int64_t digits);

#endif
