/*
 * text_marks_avx2.c: 64 bytes are two vectors; offsets by TZCNT, the parity of quotes by PCLMULQDQ.
 */
#include <immintrin.h>

#include "kernels/table.h"
#include "kernels/text_marks.h"

struct comparer {
    __m256i delimiters;
    __m256i any;   /* all bytes, combined by or */
    __m256i least; /* of all bytes */
};

static inline struct comparer comparer_new(char delimiter) {
    return (struct comparer){_mm256_set1_epi8(delimiter), _mm256_setzero_si256(),
                             _mm256_set1_epi8(-1)};
}

static inline bool comparer_is_plain(const struct comparer *comparer) {
    __m256i nul = _mm256_cmpeq_epi8(comparer->least, _mm256_setzero_si256());

    return _mm256_movemask_epi8(_mm256_or_si256(comparer->any, nul)) == 0;
}

struct bytes {
    __m256i low, high;
};

static inline struct bytes load(struct comparer *comparer, const char *text) {
    struct bytes bytes = {_mm256_loadu_si256((const __m256i *)text),
                          _mm256_loadu_si256((const __m256i *)(text + 32))};

    comparer->any = _mm256_or_si256(comparer->any, _mm256_or_si256(bytes.low, bytes.high));
    comparer->least = _mm256_min_epu8(comparer->least, _mm256_min_epu8(bytes.low, bytes.high));
    return bytes;
}

static inline uint64_t bits_of(__m256i low, __m256i high) {
    return (uint32_t)_mm256_movemask_epi8(low) | (uint64_t)(uint32_t)_mm256_movemask_epi8(high)
                                                     << 32;
}

static inline uint64_t match(const struct bytes *bytes, __m256i pattern) {
    return bits_of(_mm256_cmpeq_epi8(bytes->low, pattern), _mm256_cmpeq_epi8(bytes->high, pattern));
}

static inline struct cn_text_chunk compare_all(struct comparer *comparer, const char *text) {
    struct bytes bytes = load(comparer, text);

    return (struct cn_text_chunk){
        .delimiters = match(&bytes, comparer->delimiters),
        .quotes = match(&bytes, _mm256_set1_epi8('"')),
        .feeds = match(&bytes, _mm256_set1_epi8('\n')),
        .returns = match(&bytes, _mm256_set1_epi8('\r')),
    };
}

static inline bool compare_plain(struct comparer *comparer, const char *text,
                                 struct cn_text_chunk *chunk) {
    const __m256i quote = _mm256_set1_epi8('"'), cr = _mm256_set1_epi8('\r');
    struct bytes bytes = load(comparer, text);
    __m256i others = _mm256_or_si256(
        _mm256_or_si256(_mm256_cmpeq_epi8(bytes.low, quote), _mm256_cmpeq_epi8(bytes.high, quote)),
        _mm256_or_si256(_mm256_cmpeq_epi8(bytes.low, cr), _mm256_cmpeq_epi8(bytes.high, cr)));

    chunk->delimiters = match(&bytes, comparer->delimiters);
    chunk->feeds = match(&bytes, _mm256_set1_epi8('\n'));
    return !_mm256_testz_si256(others, others);
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

/* Eight at a time, wanted or not: how many there are is hard to foresee, the rest is written over.
 */
static inline uint32_t *put_offsets(uint32_t *out, uint32_t base, uint64_t bits) {
    uint32_t *end = out + _mm_popcnt_u64(bits);

    do {
        for (unsigned i = 0; i < 8; i++) {
            out[i] = base + (uint32_t)_tzcnt_u64(bits);
            bits = _blsr_u64(bits);
        }
        out += 8;
    } while (out < end);
    return end;
}

#include "kernels/text_marks_loop.h"

void cn_text_chunks_avx2(const char *text, size_t len, char delimiter,
                         struct cn_text_chunk *chunks) {
    make_chunks(text, len, delimiter, chunks);
}

void cn_text_marks_find_avx2(const char *text, size_t len, char delimiter,
                             struct cn_text_marks *marks) {
    find_marks(text, len, delimiter, marks);
}

size_t cn_text_count_avx2(const char *text, size_t len, char byte) {
    const __m256i pattern = _mm256_set1_epi8(byte), zero = _mm256_setzero_si256();
    __m256i sums = zero;
    size_t i = 0;

    while (len - i >= 64) {
        /* A match is -1 in its byte, so that a byte can take 127 rounds of two. */
        __m256i counts = zero;
        for (unsigned round = 0; round < 127 && len - i >= 64; round++, i += 64) {
            __m256i low = _mm256_loadu_si256((const __m256i *)(text + i));
            __m256i high = _mm256_loadu_si256((const __m256i *)(text + i + 32));
            counts = _mm256_sub_epi8(counts, _mm256_add_epi8(_mm256_cmpeq_epi8(low, pattern),
                                                             _mm256_cmpeq_epi8(high, pattern)));
        }
        sums = _mm256_add_epi64(sums, _mm256_sad_epu8(counts, zero));
    }
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return (size_t)_mm_cvtsi128_si64(half) + (size_t)_mm_extract_epi64(half, 1) +
           cn_text_count_scalar(text + i, len - i, byte);
}
