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

/* For each byte the numbers of its bits that are set, one a byte, from the lowest on: bit k goes to
 * the place that says how many are set below it. */
#define BIT(n, k) ((uint64_t)(n) >> (k)&1)
#define BELOW(n, k)                                                                                \
    (BIT((n) & ((1 << (k)) - 1), 0) + BIT((n) & ((1 << (k)) - 1), 1) +                             \
     BIT((n) & ((1 << (k)) - 1), 2) + BIT((n) & ((1 << (k)) - 1), 3) +                             \
     BIT((n) & ((1 << (k)) - 1), 4) + BIT((n) & ((1 << (k)) - 1), 5) +                             \
     BIT((n) & ((1 << (k)) - 1), 6))
#define PLACE(n, k) (BIT(n, k) * (k) << (8 * BELOW(n, k)))
#define NUMBERS(n)                                                                                 \
    (PLACE(n, 1) | PLACE(n, 2) | PLACE(n, 3) | PLACE(n, 4) | PLACE(n, 5) | PLACE(n, 6) |           \
     PLACE(n, 7))
#define NUMBERS_4(n) NUMBERS(n), NUMBERS((n) + 1), NUMBERS((n) + 2), NUMBERS((n) + 3)
#define NUMBERS_16(n) NUMBERS_4(n), NUMBERS_4((n) + 4), NUMBERS_4((n) + 8), NUMBERS_4((n) + 12)
#define NUMBERS_64(n)                                                                              \
    NUMBERS_16(n), NUMBERS_16((n) + 16), NUMBERS_16((n) + 32), NUMBERS_16((n) + 48)
static const uint64_t numbers[256] = {NUMBERS_64(0), NUMBERS_64(64), NUMBERS_64(128),
                                      NUMBERS_64(192)};

/* Eight bytes of bits, each looked up. What is written too much is written over. */
static inline uint32_t *put_many(uint32_t *out, uint32_t base, uint64_t bits) {
    __m256i bases = _mm256_set1_epi32((int)base);

    for (unsigned i = 0; i < 8; i++, bits >>= 8) {
        __m256i found =
            _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&numbers[bits & 0xFF]));
        _mm256_storeu_si256((__m256i *)out, _mm256_add_epi32(bases, found));
        bases = _mm256_add_epi32(bases, _mm256_set1_epi32(8));
        out += _mm_popcnt_u64(bits & 0xFF);
    }
    return out;
}

/* A few by one TZCNT each: always eight, because how many there are is hard to foresee. */
static inline uint32_t *put_offsets(uint32_t *out, uint32_t base, uint64_t bits) {
    uint64_t count = (uint64_t)_mm_popcnt_u64(bits);

    if (count > 8)
        return put_many(out, base, bits);
    for (unsigned i = 0; i < 8; i++) {
        out[i] = base + (uint32_t)_tzcnt_u64(bits);
        bits = _blsr_u64(bits);
    }
    return out + count;
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
    size_t count = (size_t)_mm_cvtsi128_si64(half) + (size_t)_mm_extract_epi64(half, 1);
    if (len - i >= 32) {
        __m256i matches =
            _mm256_cmpeq_epi8(_mm256_loadu_si256((const __m256i *)(text + i)), pattern);
        count += count_bits((uint32_t)_mm256_movemask_epi8(matches));
        i += 32;
    }
    return count + cn_text_count_scalar(text + i, len - i, byte);
}
