/* digest_sha512_avx2.c: SHA-512 of 4 rows at once. */
#include <immintrin.h>

#include "kernels/table.h"

#define VECTOR 32
#define KERNEL cn_sha512_rows_avx2
#define SWAP(x) ((lanes)_mm256_shuffle_epi8((__m256i)(x), swapped_bytes()))
#define MAJORITY(x, y, z) ((x & y) | (z & (x | y)))

static inline __m256i swapped_bytes(void) {
    return _mm256_broadcastsi128_si256(
        _mm_setr_epi8(7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8));
}

#include "kernels/digest_sha512_rounds.h"
