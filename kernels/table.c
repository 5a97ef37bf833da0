/*
 * table.c: which variant each level brings. A variant that a level does not bring stays the one of
 * the level below.
 */
#include "kernels/table.h"

#define SCALAR_KERNELS                                                                             \
    {                                                                                              \
        .hex_encode = cn_hex_encode_scalar, .text_chunks = cn_text_chunks_scalar,                  \
        .text_marks_find = cn_text_marks_find_scalar, .text_count = cn_text_count_scalar,          \
        .text_spans = cn_text_spans_scalar, .utf8_check = cn_utf8_check_scalar,                    \
    }

struct cn_kernels cn_kernels = SCALAR_KERNELS;

void cn_kernels_use_scalar(struct cn_kernels *kernels) {
    *kernels = (struct cn_kernels)SCALAR_KERNELS;
}

#ifdef __x86_64__

void cn_kernels_use_avx2(struct cn_kernels *kernels) {
    kernels->hex_encode = cn_hex_encode_avx2;
    kernels->text_chunks = cn_text_chunks_avx2;
    kernels->text_marks_find = cn_text_marks_find_avx2;
    kernels->text_count = cn_text_count_avx2;
    kernels->text_spans = cn_text_spans_avx2;
    kernels->utf8_check = cn_utf8_check_avx2;
}

void cn_kernels_use_sha(struct cn_kernels *kernels) {
    (void)kernels;
}

void cn_kernels_use_avx512(struct cn_kernels *kernels) {
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
