/*
 * utf8_avx512.c: as utf8_avx2.c, with one vector for 64 bytes.
 */
#include <immintrin.h>

#include "kernels/table.h"
#include "kernels/utf8_tables.h"

static inline __m512i load_table(const uint8_t table[16]) {
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

static inline __m512i upper_halves(__m512i bytes) {
    return _mm512_and_si512(_mm512_srli_epi16(bytes, 4), _mm512_set1_epi8(15));
}

/* Not 0 in the bytes that may not stand where they do, behind those of `before`. */
static inline __m512i find_faults(__m512i bytes, __m512i before) {
    __m512i lanes = _mm512_alignr_epi32(bytes, before, 12);
    __m512i one = _mm512_alignr_epi8(bytes, lanes, 15); /* the bytes one place before */
    __m512i two = _mm512_alignr_epi8(bytes, lanes, 14);
    __m512i three = _mm512_alignr_epi8(bytes, lanes, 13);
    __m512i pairs = _mm512_and_si512(
        _mm512_and_si512(_mm512_shuffle_epi8(load_table(cn_utf8_first_high), upper_halves(one)),
                         _mm512_shuffle_epi8(load_table(cn_utf8_first_low),
                                             _mm512_and_si512(one, _mm512_set1_epi8(15)))),
        _mm512_shuffle_epi8(load_table(cn_utf8_second_high), upper_halves(bytes)));
    /* The top bit where a third or fourth byte must stand. */
    __m512i later = _mm512_or_si512(_mm512_subs_epu8(two, _mm512_set1_epi8(0xE0 - 0x80)),
                                    _mm512_subs_epu8(three, _mm512_set1_epi8(0xF0 - 0x80)));

    return _mm512_xor_si512(_mm512_and_si512(later, _mm512_set1_epi8((char)0x80)), pairs);
}

size_t cn_utf8_check_avx512(const char *text, size_t len, bool nul) {
    const uint64_t no_nul = nul ? 0 : UINT64_MAX;
    __m512i before = _mm512_setzero_si512();
    bool was_ascii = true;
    size_t i = 0;

    for (; len - i >= 64; i += 64) {
        __m512i bytes = _mm512_loadu_si512(text + i);
        uint64_t nuls = _mm512_testn_epi8_mask(bytes, bytes) & no_nul;
        uint64_t any = _mm512_movepi8_mask(bytes) | nuls;
        if (!was_ascii || any != 0) {
            __m512i faults = find_faults(bytes, before);
            if ((_mm512_test_epi8_mask(faults, faults) | nuls) != 0)
                break;
            was_ascii = any == 0;
        }
        before = bytes;
    }
    i = cn_utf8_back(text, i);
    return i + cn_utf8_check_scalar(text + i, len - i, nul);
}
