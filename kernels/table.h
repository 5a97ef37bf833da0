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

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cn_digest_batch;
struct cn_text_chunk;
struct cn_text_marks;
struct cn_text_table;
#include "kernels/number_fields.h"

struct cn_kernels {
    /* Lower-case hex: 2 * n characters for n bytes (digest_text.c). */
    void (*hex_encode)(const uint8_t *data, size_t n, char *out);
    /* Numbers to text, one and many (number_format.c); as number.h has them. */
    size_t (*double_format)(double value, char *out);
    size_t (*int64_format)(int64_t value, char *out);
    void (*doubles_format)(const double *values, size_t n, char *out, uint8_t *lengths);
    void (*int64s_format)(const int64_t *values, size_t n, char *out, uint8_t *lengths);
    /* Digests of short rows (digest_batch.h). NULL: one by one, in OpenSSL. */
    void (*md5_rows)(const struct cn_digest_batch *batch);
    void (*sha1_rows)(const struct cn_digest_batch *batch);
    void (*sha256_rows)(const struct cn_digest_batch *batch);
    void (*sha512_rows)(const struct cn_digest_batch *batch);
    /* random.h (random.c). */
    void (*random_uniform)(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);
    void (*random_normal)(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);
    /* UTF-8, with NUL valid or not (utf8.c). */
    size_t (*utf8_check)(const char *text, size_t len, bool nul);
    /* Marks of a text (text_marks.h). */
    void (*text_chunks)(const char *text, size_t len, char delimiter, struct cn_text_chunk *chunks);
    void (*text_marks_find)(const char *text, size_t len, char delimiter,
                            struct cn_text_marks *marks);
    size_t (*text_count)(const char *text, size_t len, char byte);
    void (*text_spans)(const struct cn_text_table *table);
    /* Numbers of a column of fields (number_fields.h). */
    unsigned (*fields_scan_doubles)(const struct cn_field *fields, size_t n, const char *start,
                                    bool canonical, double *values, uint8_t *marks);
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

size_t cn_double_format_scalar(double value, char *out);
size_t cn_int64_format_scalar(int64_t value, char *out);
void cn_doubles_format_scalar(const double *values, size_t n, char *out, uint8_t *lengths);
void cn_int64s_format_scalar(const int64_t *values, size_t n, char *out, uint8_t *lengths);
size_t cn_double_format_avx2(double value, char *out);
size_t cn_int64_format_avx2(int64_t value, char *out);
void cn_doubles_format_avx2(const double *values, size_t n, char *out, uint8_t *lengths);
void cn_int64s_format_avx2(const int64_t *values, size_t n, char *out, uint8_t *lengths);
void cn_doubles_format_avx512(const double *values, size_t n, char *out, uint8_t *lengths);
void cn_md5_rows_scalar(const struct cn_digest_batch *batch);
void cn_md5_rows_avx2(const struct cn_digest_batch *batch);
void cn_md5_rows_avx512(const struct cn_digest_batch *batch);
void cn_sha1_rows_avx2(const struct cn_digest_batch *batch);
void cn_sha1_rows_avx512(const struct cn_digest_batch *batch);
void cn_sha256_rows_avx2(const struct cn_digest_batch *batch);
void cn_sha256_rows_sha(const struct cn_digest_batch *batch);
void cn_sha256_rows_avx512(const struct cn_digest_batch *batch);
void cn_sha512_rows_avx2(const struct cn_digest_batch *batch);
void cn_sha512_rows_avx512(const struct cn_digest_batch *batch);
void cn_random_uniform_scalar(uint64_t seed, uint64_t column, uint64_t first, size_t n,
                              double *out);
void cn_random_normal_scalar(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);
void cn_random_uniform_avx2(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);
void cn_random_normal_avx2(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);
void cn_random_uniform_avx512(uint64_t seed, uint64_t column, uint64_t first, size_t n,
                              double *out);
void cn_random_normal_avx512(uint64_t seed, uint64_t column, uint64_t first, size_t n, double *out);
size_t cn_utf8_check_scalar(const char *text, size_t len, bool nul);
size_t cn_utf8_check_avx2(const char *text, size_t len, bool nul);
size_t cn_utf8_check_avx512(const char *text, size_t len, bool nul);

void cn_text_chunks_scalar(const char *text, size_t len, char delimiter,
                           struct cn_text_chunk *chunks);
void cn_text_chunks_avx2(const char *text, size_t len, char delimiter,
                         struct cn_text_chunk *chunks);
void cn_text_chunks_avx512(const char *text, size_t len, char delimiter,
                           struct cn_text_chunk *chunks);

void cn_text_marks_find_scalar(const char *text, size_t len, char delimiter,
                               struct cn_text_marks *marks);
void cn_text_marks_find_avx2(const char *text, size_t len, char delimiter,
                             struct cn_text_marks *marks);
void cn_text_marks_find_avx512(const char *text, size_t len, char delimiter,
                               struct cn_text_marks *marks);

size_t cn_text_count_scalar(const char *text, size_t len, char byte);
size_t cn_text_count_avx2(const char *text, size_t len, char byte);

void cn_text_spans_scalar(const struct cn_text_table *table);
void cn_text_spans_avx2(const struct cn_text_table *table);
unsigned cn_fields_scan_doubles_scalar(const struct cn_field *fields, size_t n, const char *start,
                                       bool canonical, double *values, uint8_t *marks);
unsigned cn_fields_scan_doubles_avx2(const struct cn_field *fields, size_t n, const char *start,
                                     bool canonical, double *values, uint8_t *marks);
unsigned cn_fields_scan_int64s_scalar(const struct cn_field *fields, size_t n, const char *start,
                                      int64_t *values, uint8_t *marks);
unsigned cn_fields_scan_int64s_avx2(const struct cn_field *fields, size_t n, const char *start,
                                    int64_t *values, uint8_t *marks);
unsigned cn_fields_classify_scalar(const struct cn_field *fields, size_t n, const char *start);
unsigned cn_fields_classify_avx2(const struct cn_field *fields, size_t n, const char *start);

#endif
