/*
 * utf8_avx2.c: UTF-8 checked 64 bytes at a time (utf8_tables.h). Where a fault stands exactly, the
 * portable one finds out.
 */
#include <immintrin.h>

#include "kernels/table.h"
#include "kernels/utf8_tables.h"

static inline __m256i load_table(const uint8_t table[16]) {
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
}

static inline __m256i upper_halves(__m256i bytes) {
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
}

/* Not 0 in the bytes that may not stand where they do, behind those of `before`. */
static inline __m256i find_faults(__m256i bytes, __m256i before) {
    __m256i lanes = _mm256_permute2x128_si256(before, bytes, 0x21);
    __m256i one = _mm256_alignr_epi8(bytes, lanes, 15); /* the bytes one place before */
    __m256i two = _mm256_alignr_epi8(bytes, lanes, 14);
    __m256i three = _mm256_alignr_epi8(bytes, lanes, 13);
    __m256i pairs = _mm256_and_si256(
        _mm256_and_si256(_mm256_shuffle_epi8(load_table(cn_utf8_first_high), upper_halves(one)),
                         _mm256_shuffle_epi8(load_table(cn_utf8_first_low),
                                             _mm256_and_si256(one, _mm256_set1_epi8(15)))),
        _mm256_shuffle_epi8(load_table(cn_utf8_second_high), upper_halves(bytes)));
    /* The top bit where a third or fourth byte must stand. */
    __m256i later = _mm256_or_si256(_mm256_subs_epu8(two, _mm256_set1_epi8(0xE0 - 0x80)),
                                    _mm256_subs_epu8(three, _mm256_set1_epi8(0xF0 - 0x80)));

    return _mm256_xor_si256(_mm256_and_si256(later, _mm256_set1_epi8((char)0x80)), pairs);
}

size_t cn_utf8_check_avx2(const char *text, size_t len, bool nul) {
    const __m256i zero = _mm256_setzero_si256();
    const __m256i no_nul = nul ? zero : _mm256_set1_epi8(-1);
    __m256i before = zero;
    bool was_ascii = true;
    size_t i = 0;

    for (; len - i >= 64; i += 64) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(text + i));
        __m256i high = _mm256_loadu_si256((const __m256i *)(text + i + 32));
        __m256i nuls =
            _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_min_epu8(low, high), zero), no_nul);
        __m256i any = _mm256_or_si256(_mm256_or_si256(low, high), nuls);
        if (was_ascii && _mm256_movemask_epi8(any) == 0)
            continue;
        if (was_ascii && i > 0)
            before = _mm256_loadu_si256((const __m256i *)(text + i - 32));
        __m256i faults = _mm256_or_si256(find_faults(low, before), find_faults(high, low));
        if (_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_or_si256(faults, nuls), zero)) != -1)
            break;
        before = high;
        was_ascii = _mm256_movemask_epi8(any) == 0;
    }
    i = cn_utf8_back(text, i);
    return i + cn_utf8_check_scalar(text + i, len - i, nul);
}
