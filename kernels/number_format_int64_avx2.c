/* number_format_int64_avx2.c: integers to text, the digits by byte shuffles. */
#include "kernels/number.h"
#include "kernels/number_format_place.h"
#include "kernels/table.h"

#define LANES 4
#define BLOCK 64

/* From sixteen digits in reverse those behind the first `zeros`, if read from there on. */
static const uint8_t reverse[32] = {15,  14,  13,  12,  11,  10,  9,   8,   7,   6,   5,
                                    4,   3,   2,   1,   0,   128, 128, 128, 128, 128, 128,
                                    128, 128, 128, 128, 128, 128, 128, 128, 128, 128};

/* Writes 16 bytes. */
static inline void store_digits(__m128i digits, unsigned zeros, char *out) {
    __m128i from = _mm_loadu_si128((const __m128i *)(reverse + zeros));
    __m128i text = _mm_or_si128(_mm_shuffle_epi8(digits, from), _mm_set1_epi8('0'));
    _mm_storeu_si128((__m128i *)out, text);
}

/* The zeros before all other digits; the last digit is none of them. */
static inline unsigned leading_zeros(__m128i digits) {
    __m128i is_zero = _mm_cmpeq_epi8(digits, _mm_setzero_si128());
    unsigned others = ~(unsigned)_mm_movemask_epi8(is_zero) & 0xFFFF;
    return (unsigned)__builtin_clz(others | 1) - 16;
}

/* 1 to 922 without zeros before it. Writes 4 bytes, returns how many are wanted. */
static inline size_t write_small(uint64_t value, char *out) {
    uint64_t hundreds = value / 100, tens = value / 10;
    uint64_t text = hundreds | (tens - hundreds * 10) << 8 | (value - tens * 10) << 16;
    unsigned zeros = value < 10 ? 2 : value < 100;
    uint32_t word = (uint32_t)(text | 0x303030) >> (8 * zeros);
    memcpy(out, &word, sizeof word);
    return 3 - zeros;
}

static inline uint64_t magnitude_of(int64_t value) {
    return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}

/* `digits`: the last sixteen. */
static inline size_t place(int64_t value, __m128i digits, char *out) {
    uint64_t magnitude = magnitude_of(value);
    size_t len = value < 0;

    *out = '-';
    if (magnitude >= CN_TEN16) {
        len += write_small(magnitude / CN_TEN16, out + len);
        store_digits(digits, 0, out + len);
        return len + 16;
    }
    unsigned zeros = leading_zeros(digits);
    store_digits(digits, zeros, out + len);
    return len + 16 - zeros;
}

size_t cn_int64_format_avx2(int64_t value, char *out) {
    uint64_t magnitude = magnitude_of(value);

    if (__builtin_expect(magnitude >= CN_TEN16, 0))
        return place(value, cn_split_sixteen(magnitude % CN_TEN16), out);
    return place(value, cn_split_sixteen(magnitude), out);
}

/* x modulo 10^16; 2^-16 of x is divided by 5^16 as in cn_divide_by_ten8(). */
static inline __m256i cut_to_sixteen(__m256i x) {
    const double whole = 0x1p52, rounding = 0x1.8p52;
    const int64_t five16 = 152587890625, whole_bits = INT64_C(0x433) << CN_MANTISSA_BITS;
    __m256i bits = _mm256_or_si256(_mm256_srli_epi64(x, 16), _mm256_set1_epi64x(whole_bits));
    __m256d y =
        _mm256_sub_pd(_mm256_castsi256_pd(bits), _mm256_set1_pd(whole + (double)(five16 / 2)));
    __m256d quotient = _mm256_mul_pd(y, _mm256_set1_pd(1 / (double)five16));
    /* Only its lower half is looked at. */
    __m256i high = _mm256_castpd_si256(_mm256_add_pd(quotient, _mm256_set1_pd(rounding)));
    __m256i low_part = _mm256_mul_epu32(high, _mm256_set1_epi64x(five16));
    __m256i high_part = _mm256_mul_epu32(high, _mm256_set1_epi64x(five16 >> 32));
    __m256i product = _mm256_add_epi64(low_part, _mm256_slli_epi64(high_part, 32));
    return _mm256_sub_epi64(x, _mm256_slli_epi64(product, 16));
}

/* The last sixteen digits of four. */
static inline void split_four(const int64_t *values, __m128i *digits) {
    __m256i value = _mm256_loadu_si256((const __m256i *)values);
    __m256i sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), value);
    __m256i magnitude = _mm256_sub_epi64(_mm256_xor_si256(value, sign), sign);
    /* The least of all stays negative. */
    __m256i large =
        _mm256_or_si256(magnitude, _mm256_cmpgt_epi64(magnitude, _mm256_set1_epi64x(CN_TEN16 - 1)));
    if (_mm256_movemask_pd(_mm256_castsi256_pd(large)) != 0)
        magnitude = cut_to_sixteen(magnitude);
    __m256i high = cn_divide_by_ten8(magnitude);
    __m256i low = _mm256_sub_epi64(magnitude, _mm256_mul_epu32(high, _mm256_set1_epi64x(CN_TEN8)));
    __m256i upper = cn_split_digits(high), lower = cn_split_digits(low);
    __m256i even = _mm256_unpacklo_epi64(lower, upper), odd = _mm256_unpackhi_epi64(lower, upper);
    digits[0] = _mm256_castsi256_si128(even);
    digits[1] = _mm256_castsi256_si128(odd);
    digits[2] = _mm256_extracti128_si256(even, 1);
    digits[3] = _mm256_extracti128_si256(odd, 1);
}

/* n is a multiple of LANES. */
static void format_block(const int64_t *values, size_t n, char *out, uint8_t *lengths) {
    __m128i digits[BLOCK];

    for (size_t i = 0; i < n; i += LANES)
        split_four(values + i, digits + i);
    for (size_t i = 0; i < n; i++)
        lengths[i] = (uint8_t)place(values[i], digits[i], out + i * CN_INT64_TEXT);
}

void cn_int64s_format_avx2(const int64_t *values, size_t n, char *out, uint8_t *lengths) {
    size_t i = 0;

    while (n - i >= LANES) {
        size_t some = n - i < BLOCK ? (n - i) / LANES * LANES : BLOCK;
        format_block(values + i, some, out + i * CN_INT64_TEXT, lengths + i);
        i += some;
    }
    for (; i < n; i++)
        lengths[i] = (uint8_t)cn_int64_format_avx2(values[i], out + i * CN_INT64_TEXT);
}
