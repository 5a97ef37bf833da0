/*
 * text_spans_avx2.c: four columns of a row at a time.
 */
#include <immintrin.h>

#include "kernels/table.h"
#include "kernels/text_marks.h"

/* `width` columns from `column` on; it is constant in the callers. */
__attribute__((always_inline)) static inline void place_columns(const struct cn_text_table *table,
                                                                size_t column, unsigned width) {
    const __m256i text = _mm256_set1_epi64x((long long)(uintptr_t)table->text);
    const uint32_t *mark = table->marks + column;
    struct cn_text_span *first = table->spans + column * table->stride;
    struct cn_text_span *second = first + table->stride;
    struct cn_text_span *third = second + table->stride;
    struct cn_text_span *fourth = third + table->stride;

    for (size_t r = 0; r < table->rows; r++, mark += table->columns) {
        __m128i before = _mm_loadu_si128((const __m128i *)(mark - 1));
        __m128i starts = _mm_sub_epi32(before, _mm_set1_epi32(-1));
        __m128i lengths = _mm_sub_epi32(_mm_loadu_si128((const __m128i *)mark), starts);
        __m256i data = _mm256_add_epi64(text, _mm256_cvtepu32_epi64(starts));
        __m256i len = _mm256_cvtepu32_epi64(lengths);
        __m256i even = _mm256_unpacklo_epi64(data, len);
        __m256i odd = _mm256_unpackhi_epi64(data, len);
        _mm_storeu_si128((__m128i *)(first + r), _mm256_castsi256_si128(even));
        if (width > 1)
            _mm_storeu_si128((__m128i *)(second + r), _mm256_castsi256_si128(odd));
        if (width > 2)
            _mm_storeu_si128((__m128i *)(third + r), _mm256_extracti128_si256(even, 1));
        if (width > 3)
            _mm_storeu_si128((__m128i *)(fourth + r), _mm256_extracti128_si256(odd, 1));
    }
}

void cn_text_spans_avx2(const struct cn_text_table *table) {
    size_t c = 0;

    for (; table->columns - c >= 4; c += 4)
        place_columns(table, c, 4);
    switch (table->columns - c) {
    case 3:
        place_columns(table, c, 3);
        break;
    case 2:
        place_columns(table, c, 2);
        break;
    case 1:
        place_columns(table, c, 1);
        break;
    default:
        break;
    }
}
