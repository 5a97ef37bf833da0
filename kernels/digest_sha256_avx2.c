/* digest_sha256_avx2.c: SHA-256 of 8 rows at once. */
#include <immintrin.h>

#include "kernels/table.h"

#define VECTOR 32
#define KERNEL cn_sha256_rows_avx2
#define SWAP(x) ((lanes)_mm256_shuffle_epi8((__m256i)(x), swapped_bytes()))
#define MAJORITY(x, y, z) ((x & y) | (z & (x | y)))

static inline __m256i swapped_bytes(void) {
    return _mm256_broadcastsi128_si256(
        _mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
}

#include "kernels/digest_sha256_rounds.h"
