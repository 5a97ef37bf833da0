/* number_format_avx2.c: numbers to text, the digits by byte shuffles and without branches. */
#include "kernels/number.h"
#include "kernels/number_format_place.h"
#include "kernels/table.h"

/* Zero included: columns may have many. False for what must go another way. */
static inline bool find_decimal(uint64_t magnitude, struct cn_shortest *decimal) {
    bool sure = cn_shortest_quick(magnitude, decimal);
    bool zero = magnitude == 0;
    decimal->digits = zero ? 0 : decimal->digits;
    decimal->last = zero ? 0 : decimal->last;
    decimal->exponent = zero ? 0 : decimal->exponent;
    return (sure && cn_is_normal(magnitude)) || zero;
}

/* The sixteen digits in two lanes, the last ones lower. */
static inline __m128i halve_digits(uint64_t digits) {
    uint64_t high = digits / CN_TEN8;
    return _mm_set_epi64x((int64_t)high, (int64_t)(digits - high * CN_TEN8));
}

static inline __m128i split_digits(uint64_t digits) {
    return _mm256_castsi256_si128(cn_split_digits(_mm256_castsi128_si256(halve_digits(digits))));
}

size_t cn_double_format_avx2(double value, char *out) {
    uint64_t bits = cn_double_bits(value);
    uint64_t magnitude = bits & INT64_MAX;
    struct cn_shortest decimal;

    if (!find_decimal(magnitude, &decimal)) {
        size_t len = cn_write_special(bits, out);
        if (len > 0)
            return len;
        decimal = cn_shortest_exact(magnitude);
    }
    __m128i digits = split_digits(decimal.digits);
    return cn_place_double(_mm256_broadcastsi128_si256(digits),
                           cn_count_digits(digits, decimal.last), decimal.last, decimal.exponent,
                           bits >> 63, out);
}

/* Digits 0 to 922 without zeros before them. Writes 4 bytes, returns how many are wanted. */
static inline size_t write_small(uint64_t value, char *out) {
    uint64_t hundreds = value / 100, tens = value / 10;
    uint64_t text = hundreds | (tens - hundreds * 10) << 8 | (value - tens * 10) << 16;
    unsigned zeros = value < 10 ? 2 : value < 100;
    uint32_t word = (uint32_t)(text | 0x303030) >> (8 * zeros);
    memcpy(out, &word, sizeof word);
    return 3 - zeros;
}

size_t cn_int64_format_avx2(int64_t value, char *out) {
    /* Read from `zeros` on: the digits behind so many. */
    static const uint8_t reverse[32] = {15,  14,  13,  12,  11,  10,  9,   8,   7,   6,   5,
                                        4,   3,   2,   1,   0,   128, 128, 128, 128, 128, 128,
                                        128, 128, 128, 128, 128, 128, 128, 128, 128, 128};
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t len = value < 0;
    unsigned zeros = 0;

    *out = '-';
    if (magnitude >= CN_TEN16) {
        uint64_t high = magnitude / CN_TEN16;
        magnitude -= high * CN_TEN16;
        len += write_small(high, out + len);
    }
    __m128i digits = split_digits(magnitude);
    if (len <= (value < 0)) {
        unsigned zero = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(digits, _mm_setzero_si128()));
        zeros = (unsigned)__builtin_clz((~zero & 0xFFFF) | 1) - 16;
    }
    __m128i from = _mm_loadu_si128((const __m128i *)(reverse + zeros));
    __m128i text = _mm_or_si128(_mm_shuffle_epi8(digits, from), _mm_set1_epi8('0'));
    _mm_storeu_si128((__m128i *)(out + len), text);
    return len + 16 - zeros;
}

void cn_int64s_format_avx2(const int64_t *values, size_t n, char *out, uint8_t *lengths) {
    for (size_t i = 0; i < n; i++)
        lengths[i] = (uint8_t)cn_int64_format_avx2(values[i], out + i * CN_INT64_TEXT);
}
