/*
 * table.c: which variant each level brings. A variant that a level does not bring stays the one of
 * the level below.
 */
#include "kernels/table.h"

#define SCALAR_KERNELS                                                                             \
    {                                                                                              \
        .hex_encode = cn_hex_encode_scalar, .fields_scan_doubles = cn_fields_scan_doubles_scalar,  \
        .fields_scan_int64s = cn_fields_scan_int64s_scalar,                                        \
        .fields_classify = cn_fields_classify_scalar                                               \
    }

struct cn_kernels cn_kernels = SCALAR_KERNELS;

void cn_kernels_use_scalar(struct cn_kernels *kernels) {
    *kernels = (struct cn_kernels)SCALAR_KERNELS;
}

#ifdef __x86_64__

void cn_kernels_use_avx2(struct cn_kernels *kernels) {
    kernels->hex_encode = cn_hex_encode_avx2;
    kernels->fields_scan_doubles = cn_fields_scan_doubles_avx2;
    kernels->fields_scan_int64s = cn_fields_scan_int64s_avx2;
    kernels->fields_classify = cn_fields_classify_avx2;
}

void cn_kernels_use_sha(struct cn_kernels *kernels) {
    (void)kernels;
}

void cn_kernels_use_avx512(struct cn_kernels *kernels) {
    (void)kernels;
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
