/*
 * table.c: which variant each level brings. A variant that a level does not bring stays the one of
 * the level below.
 */
#include "kernels/table.h"

#define SCALAR_KERNELS                                                                             \
    {                                                                                              \
        .double_format = cn_double_format_scalar, .doubles_format = cn_doubles_format_scalar,      \
        .fields_classify = cn_fields_classify_scalar,                                              \
        .fields_scan_doubles = cn_fields_scan_doubles_scalar,                                      \
        .fields_scan_int64s = cn_fields_scan_int64s_scalar, .hex_encode = cn_hex_encode_scalar,    \
        .int64_format = cn_int64_format_scalar, .int64s_format = cn_int64s_format_scalar,          \
        .md5_rows = cn_md5_rows_scalar, .random_normal = cn_random_normal_scalar,                  \
        .random_uniform = cn_random_uniform_scalar, .text_chunks = cn_text_chunks_scalar,          \
        .text_count = cn_text_count_scalar, .text_marks_find = cn_text_marks_find_scalar,          \
        .text_spans = cn_text_spans_scalar, .utf8_check = cn_utf8_check_scalar                     \
    }

struct cn_kernels cn_kernels = SCALAR_KERNELS;

void cn_kernels_use_scalar(struct cn_kernels *kernels) {
    *kernels = (struct cn_kernels)SCALAR_KERNELS;
}

#ifdef __x86_64__

void cn_kernels_use_avx2(struct cn_kernels *kernels) {
    kernels->hex_encode = cn_hex_encode_avx2;
    kernels->double_format = cn_double_format_avx2;
    kernels->int64_format = cn_int64_format_avx2;
    kernels->doubles_format = cn_doubles_format_avx2;
    kernels->int64s_format = cn_int64s_format_avx2;
    kernels->md5_rows = cn_md5_rows_avx2;
    kernels->sha1_rows = cn_sha1_rows_avx2;
    kernels->sha256_rows = cn_sha256_rows_avx2;
    kernels->sha512_rows = cn_sha512_rows_avx2;
    kernels->random_uniform = cn_random_uniform_avx2;
    kernels->random_normal = cn_random_normal_avx2;
    kernels->text_chunks = cn_text_chunks_avx2;
    kernels->text_marks_find = cn_text_marks_find_avx2;
    kernels->text_count = cn_text_count_avx2;
    kernels->text_spans = cn_text_spans_avx2;
    kernels->utf8_check = cn_utf8_check_avx2;
    kernels->fields_scan_doubles = cn_fields_scan_doubles_avx2;
    kernels->fields_scan_int64s = cn_fields_scan_int64s_avx2;
    kernels->fields_classify = cn_fields_classify_avx2;
}

void cn_kernels_use_sha(struct cn_kernels *kernels) {
    kernels->sha256_rows = cn_sha256_rows_sha;
}

void cn_kernels_use_avx512(struct cn_kernels *kernels) {
    kernels->doubles_format = cn_doubles_format_avx512;
    kernels->md5_rows = cn_md5_rows_avx512;
    kernels->sha1_rows = cn_sha1_rows_avx512;
    kernels->sha256_rows = cn_sha256_rows_avx512;
    kernels->sha512_rows = cn_sha512_rows_avx512;
    kernels->random_uniform = cn_random_uniform_avx512;
    kernels->random_normal = cn_random_normal_avx512;
    kernels->text_chunks = cn_text_chunks_avx512;
    kernels->text_marks_find = cn_text_marks_find_avx512;
    kernels->utf8_check = cn_utf8_check_avx512;
}

#else

void cn_kernels_use_avx2(struct cn_kernels *kernels) {
    (void)kernels;
}

void cn_kernels_use_sha(struct cn_kernels *kernels) {
    (void)kernels;
}

void cn_kernels_use_avx512(struct cn_kernels *kernels) {
    (void)kernels;
}

#endif
