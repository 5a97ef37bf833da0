/* digest_text_avx2.c: hex, 32 bytes at a time. */
#include <immintrin.h>

#include "kernels/table.h"

void cn_hex_encode_avx2(const uint8_t *data, size_t n, char *out) {
    const __m256i letters = _mm256_broadcastsi128_si256(_mm_setr_epi8(
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'));
    const __m256i low_half = _mm256_set1_epi8(15);
    size_t i = 0;

    for (; n - i >= 16; i += 16) {
        __m256i wide = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(data + i)));
        /* Each byte has become two: its high half in the lower, its low half in the upper. */
        __m256i halves = _mm256_and_si256(
            _mm256_or_si256(_mm256_srli_epi16(wide, 4), _mm256_slli_epi16(wide, 8)), low_half);
        _mm256_storeu_si256((__m256i *)(out + 2 * i), _mm256_shuffle_epi8(letters, halves));
    }
    cn_hex_encode_scalar(data + i, n - i, out + 2 * i);
}
