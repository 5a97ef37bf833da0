/*
 * check_parse_texts.h: fields to be read as numbers. Each writes one of PARSE_TEXT bytes at most,
 * and returns its length.
 */
#ifndef CN_TESTS_KERNELS_CHECK_PARSE_TEXTS_H
#define CN_TESTS_KERNELS_CHECK_PARSE_TEXTS_H

#include <stddef.h>

#define PARSE_TEXT 64

size_t parse_any_text(char *out);       /* of all sorts, numbers and others */
size_t parse_formatted_text(char *out); /* as a normal number is written */
size_t parse_short_text(char *out);     /* two digits behind the point */
size_t parse_exponent_text(char *out);  /* small numbers, with an exponent */
size_t parse_integer_text(char *out);   /* below a million */

#endif
