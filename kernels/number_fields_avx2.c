/* number_fields_avx2.c: columns of numbers from fields, the digits of one field in a register. */
#include <immintrin.h>

#include "kernels/number_fields_inside.h"
#include "kernels/table.h"

/* The 32 bytes that end with a field and those that end one byte earlier, '0' made 0. */
struct lanes {
    __m256i here;
    __m256i before;
};

static inline __m256i load32(const void *from) {
    return _mm256_loadu_si256((const __m256i *)from);
}

static inline void lanes_load(const char *end, struct lanes *lanes) {
    const __m256i zero = _mm256_set1_epi8('0');
    lanes->here = _mm256_sub_epi8(load32(end - 32), zero);
    lanes->before = _mm256_sub_epi8(load32(end - 33), zero);
}

static inline uint32_t lanes_others(const struct lanes *lanes) {
    __m256i at_most_nine = _mm256_min_epu8(lanes->here, _mm256_set1_epi8(9));
    __m256i digit = _mm256_cmpeq_epi8(at_most_nine, lanes->here);
    return ~(uint32_t)_mm256_movemask_epi8(digit);
}

/* Pairs, then fours, then eights. */
static inline uint64_t lanes_digits(const struct lanes *lanes, unsigned places, unsigned count,
                                    uint32_t *top) {
    const __m256i tens = _mm256_set1_epi16(0x010A);
    const __m256i hundreds = _mm256_set1_epi32(0x00010064);
    const __m256i thousands = _mm256_set1_epi32(0x00012710);
    __m256i behind = load32(cn_field_masks + places);
    __m256i kept = load32(cn_field_masks + count);
    __m256i digits =
        _mm256_or_si256(_mm256_and_si256(lanes->here, behind),
                        _mm256_and_si256(_mm256_andnot_si256(behind, lanes->before), kept));
    __m256i fours = _mm256_madd_epi16(_mm256_maddubs_epi16(digits, tens), hundreds);
    __m256i eights = _mm256_madd_epi16(_mm256_packus_epi32(fours, fours), thousands);
    *top = (uint32_t)((uint64_t)_mm_cvtsi128_si64(_mm256_castsi256_si128(eights)) >> 32);
    uint64_t low = (uint64_t)_mm_cvtsi128_si64(_mm256_extracti128_si256(eights, 1));
    return (low & UINT32_MAX) * UINT64_C(100000000) + (low >> 32);
}

#include "kernels/number_fields_loop.h"

unsigned cn_fields_scan_doubles_avx2(const struct cn_field *fields, size_t n, const char *start,
                                     bool canonical, double *values, uint8_t *marks) {
    /* Not two loops: the one that need not say what is canonical was slower than the one that does.
     */
    return scan_doubles(fields, n, start, canonical, values, marks);
}

unsigned cn_fields_scan_int64s_avx2(const struct cn_field *fields, size_t n, const char *start,
                                    int64_t *values, uint8_t *marks) {
    return scan_int64s(fields, n, start, values, marks);
}

unsigned cn_fields_classify_avx2(const struct cn_field *fields, size_t n, const char *start) {
    return classify_all(fields, n, start);
}
