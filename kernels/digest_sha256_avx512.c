/* digest_sha256_avx512.c: SHA-256 of 16 rows at once. */
#include <immintrin.h>

#include "kernels/table.h"

#define VECTOR 64
#define KERNEL cn_sha256_rows_avx512
#define SWAP(x) ((lanes)_mm512_shuffle_epi8((__m512i)(x), swapped_bytes()))
/* One instruction, which compilers do not find; 0xE8 is the column of the truth table. */
#define MAJORITY(x, y, z)                                                                          \
    ((lanes)_mm512_ternarylogic_epi32((__m512i)(x), (__m512i)(y), (__m512i)(z), 0xE8))

static inline __m512i swapped_bytes(void) {
    return _mm512_broadcast_i32x4(
        _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

#include "kernels/digest_sha256_rounds.h"
