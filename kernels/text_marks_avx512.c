/*
 * text_marks_avx512.c: 64 bytes are one vector, comparisons give masks, offsets are compressed.
 */
#include <immintrin.h>

#include "kernels/table.h"
#include "kernels/text_marks.h"

struct comparer {
    __m512i delimiters;
    __m512i any;   /* all bytes, combined by or */
    __m512i least; /* of all bytes */
};

static inline struct comparer comparer_new(char delimiter) {
    return (struct comparer){_mm512_set1_epi8(delimiter), _mm512_setzero_si512(),
                             _mm512_set1_epi8(-1)};
}

static inline bool comparer_is_plain(const struct comparer *comparer) {
    return (_mm512_movepi8_mask(comparer->any) |
            _mm512_testn_epi8_mask(comparer->least, comparer->least)) == 0;
}

static inline __m512i load(struct comparer *comparer, const char *text) {
    __m512i bytes = _mm512_loadu_si512(text);

    comparer->any = _mm512_or_si512(comparer->any, bytes);
    comparer->least = _mm512_min_epu8(comparer->least, bytes);
    return bytes;
}

static inline struct cn_text_chunk compare_all(struct comparer *comparer, const char *text) {
    __m512i bytes = load(comparer, text);

    return (struct cn_text_chunk){
        .delimiters = _mm512_cmpeq_epi8_mask(bytes, comparer->delimiters),
        .quotes = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"')),
        .feeds = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n')),
        .returns = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r')),
    };
}

static inline bool compare_plain(struct comparer *comparer, const char *text,
                                 struct cn_text_chunk *chunk) {
    __m512i bytes = load(comparer, text);
    uint64_t quotes = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"'));
    uint64_t returns = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\r'));

    chunk->delimiters = _mm512_cmpeq_epi8_mask(bytes, comparer->delimiters);
    chunk->feeds = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
    return (quotes | returns) != 0;
}

/* The product with all ones, without carries. */
static inline uint64_t parity(uint64_t bits) {
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), _mm_set1_epi8(-1), 0);

    return (uint64_t)_mm_cvtsi128_si64(product);
}

static inline size_t count_bits(uint64_t bits) {
    return (size_t)_mm_popcnt_u64(bits);
}

/* The numbers 0 to 63 whose bit is set, moved together, then widened 16 at a time. */
static inline uint32_t *put_offsets(uint32_t *out, uint32_t base, uint64_t bits) {
    static const uint8_t numbers[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    __m512i found = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(numbers));
    __m512i bases = _mm512_set1_epi32((int)base);
    size_t count = count_bits(bits);

#define PUT(part)                                                                                  \
    _mm512_storeu_si512(                                                                           \
        out + 16 * (part),                                                                         \
        _mm512_add_epi32(bases, _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(found, part))))
    PUT(0);
    if (count > 16) {
        PUT(1);
        if (count > 32) {
            PUT(2);
            PUT(3);
        }
    }
#undef PUT
    return out + count;
}

#include "kernels/text_marks_loop.h"

void cn_text_chunks_avx512(const char *text, size_t len, char delimiter,
                           struct cn_text_chunk *chunks) {
    make_chunks(text, len, delimiter, chunks);
}

void cn_text_marks_find_avx512(const char *text, size_t len, char delimiter,
                               struct cn_text_marks *marks) {
    find_marks(text, len, delimiter, marks);
}
