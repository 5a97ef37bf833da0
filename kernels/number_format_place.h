/*
 * number_format_place.h: digits to text by byte shuffles: what the AVX2 and AVX-512 variants of
 * number_format share. Only for files that are compiled for AVX2 at least, and the table's own.
 */
#ifndef CN_KERNELS_NUMBER_FORMAT_PLACE_H
#define CN_KERNELS_NUMBER_FORMAT_PLACE_H

#include "kernels/number_format_text.h"

/*
 * The text of a decimal with its point at a certain place. The sixteen digits come in reverse, each
 * a byte, twice; in the second copy the last of all stands in place of the first, which the second
 * half of a text has never. Byte j of the text is byte from[j] of its half (none if the highest bit
 * is set), with the bits of around[j]: sign, point, or those that make a character of a digit.
 */
struct cn_form {
    _Alignas(32) uint8_t from[32];
    uint8_t around[32];
};

/* By exponent of the first digit, -4 .. 15, and sign. */
#define CN_FORM_MIN (-4)
extern const struct cn_form cn_forms[20][2];

#ifdef __AVX2__
#include <immintrin.h>

/*
 * Digits of numbers under 10^8 in 64-bit lanes, each a byte, the last digit lowest. Numbers of four
 * digits, then of two, then of one: x / d is x * ceil(2^n / d) >> n, and x + (x / d) * (2^m - d)
 * has x / d in the bits from m on, the rest below.
 */
static inline __m256i cn_split_digits(__m256i x) {
    __m256i high = _mm256_srli_epi64(_mm256_mul_epu32(x, _mm256_set1_epi64x(109951163)), 40);
    __m256i fours =
        _mm256_add_epi64(x, _mm256_mul_epu32(high, _mm256_set1_epi64x(4294967296 - 10000)));
    __m256i hundreds = _mm256_srli_epi16(_mm256_mulhi_epu16(fours, _mm256_set1_epi32(5243)), 3);
    __m256i rest = _mm256_sub_epi16(fours, _mm256_mullo_epi16(hundreds, _mm256_set1_epi32(100)));
    __m256i twos = _mm256_or_si256(rest, _mm256_slli_epi32(hundreds, 16));
    /* A multiplication, which the compiler would replace by five instructions. */
    __m256i factor = _mm256_set1_epi16(256 - 10);
    __asm__("" : "+x"(factor));
    __m256i tens = _mm256_mulhi_epu16(twos, _mm256_set1_epi16(6554));
    return _mm256_add_epi16(twos, _mm256_mullo_epi16(tens, factor));
}

/* x / 10^8 in 64-bit lanes, for less than 10^16. (y - d / 2) / d, rounded to an integer, is y / d
 * cut, and never near a tie, for integers y = x / 2^8 and odd d = 10^8 / 2^8. */
static inline __m256i cn_divide_by_ten8(__m256i x) {
    const double whole = 0x1p52, rounding = 0x1.8p52;
    const int64_t whole_bits = INT64_C(0x433) << CN_MANTISSA_BITS;
    __m256i bits = _mm256_or_si256(_mm256_srli_epi64(x, 8), _mm256_set1_epi64x(whole_bits));
    __m256d y = _mm256_sub_pd(_mm256_castsi256_pd(bits), _mm256_set1_pd(whole + 195312));
    __m256d quotient = _mm256_mul_pd(y, _mm256_set1_pd(1.0 / 390625));
    bits = _mm256_castpd_si256(_mm256_add_pd(quotient, _mm256_set1_pd(rounding)));
    return _mm256_and_si256(bits, _mm256_set1_epi64x(0xFFFFFFFF));
}

/* The sixteen digits of a number in two lanes, the last ones lower; each a byte, in reverse. */
static inline __m128i cn_split_sixteen(uint64_t x) {
    uint64_t high = x / CN_TEN8;
    __m128i halves = _mm_set_epi64x((int64_t)high, (int64_t)(x - high * CN_TEN8));
    return _mm256_castsi256_si128(cn_split_digits(_mm256_castsi128_si256(halves)));
}

/* How many digits there are up to the last that is not zero. */
static inline size_t cn_count_digits(__m128i digits, uint64_t last) {
    unsigned zero = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(digits, _mm_setzero_si128()));
    size_t count = 16 - (size_t)__builtin_ctz(~zero);
    return count + ((17 - count) & cn_mask(last != 0));
}

/* Writes CN_DOUBLE_TEXT bytes, returns the length; `digits` are the sixteen, in both halves. */
static inline size_t cn_place_double(__m256i digits, size_t count, uint64_t last, int exponent,
                                     size_t sign, char *out) {
    bool has_exponent = cn_has_exponent(exponent);
    int place = has_exponent ? 0 : exponent;
    const struct cn_form *form = &cn_forms[place - CN_FORM_MIN][sign];
    __m256i text = _mm256_shuffle_epi8(digits, _mm256_load_si256((const __m256i *)form->from));
    text = _mm256_or_si256(text, _mm256_load_si256((const __m256i *)form->around));
    _mm256_storeu_si256((__m256i *)out, text);
    out += sign;
    out[17 + (-place & (int)cn_mask(place < 0))] = (char)('0' + last);
    if (has_exponent)
        return sign + cn_write_exponent(exponent, count, out);
    return sign + cn_fixed_length(count, exponent);
}

#endif
#endif
