/*
 * table.h: the kernels that have variants for instruction sets. Private to kernels/ and its tests;
 * others call the functions of the public headers, which go through the table.
 *
 * A variant gives the same bytes as the portable one, for every input. It lives in a file of its
 * own, named for the level that it needs (digest_text_avx2.c), which alone is compiled with the
 * flags of that level. cpu.c puts it into the table.
 */
#ifndef CN_KERNELS_TABLE_H
#define CN_KERNELS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/number_fields.h"

struct cn_kernels {
    /* Lower-case hex: 2 * n characters for n bytes (digest_text.c). */
    void (*hex_encode)(const uint8_t *data, size_t n, char *out);
    /* Numbers of a column of fields (number_fields.h). */
    unsigned (*fields_scan_doubles)(const struct cn_field *fields, size_t n, const char *start,
                                    double *values, uint8_t *marks);
    unsigned (*fields_scan_int64s)(const struct cn_field *fields, size_t n, const char *start,
                                   int64_t *values, uint8_t *marks);
    unsigned (*fields_classify)(const struct cn_field *fields, size_t n, const char *start);
};

/* Written by cn_cpu_use() only: the one variable of the process that is not reached from main. It
 * is the same for everybody from the start on, like the CPU that it describes. */
extern struct cn_kernels cn_kernels;

/* What each level puts in; levels that the compiler's target does not have put in nothing. */
void cn_kernels_use_scalar(struct cn_kernels *kernels);
void cn_kernels_use_avx2(struct cn_kernels *kernels);
void cn_kernels_use_sha(struct cn_kernels *kernels);
void cn_kernels_use_avx512(struct cn_kernels *kernels);

/* ---- the variants -------------------------------------------------------------------------- */

void cn_hex_encode_scalar(const uint8_t *data, size_t n, char *out);
void cn_hex_encode_avx2(const uint8_t *data, size_t n, char *out);

unsigned cn_fields_scan_doubles_scalar(const struct cn_field *fields, size_t n, const char *start,
                                       double *values, uint8_t *marks);
unsigned cn_fields_scan_doubles_avx2(const struct cn_field *fields, size_t n, const char *start,
                                     double *values, uint8_t *marks);
unsigned cn_fields_scan_int64s_scalar(const struct cn_field *fields, size_t n, const char *start,
                                      int64_t *values, uint8_t *marks);
unsigned cn_fields_scan_int64s_avx2(const struct cn_field *fields, size_t n, const char *start,
                                    int64_t *values, uint8_t *marks);
unsigned cn_fields_classify_scalar(const struct cn_field *fields, size_t n, const char *start);
unsigned cn_fields_classify_avx2(const struct cn_field *fields, size_t n, const char *start);

#endif
