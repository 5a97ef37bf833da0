/*
 * number_format_avx512.c: eight doubles at a time to text.
 *
 * The steps are those of cn_shortest_quick(), with a fraction of 52 bits, as the multiplications of
 * AVX-512 IFMA have them. What is too close to call goes the way of single numbers.
 */
#include "kernels/number.h"
#include "kernels/number_format_place.h"
#include "kernels/table.h"

#define LANES 8
#define LIMB 52
#define LIMB_MASK (((int64_t)1 << LIMB) - 1)
/* In units of 2^-52. The fraction errs by less than 4, ten times that in the test of the digit. */
#define MARGIN 64

struct decimals {
    __m512i digits;   /* sixteen */
    __m512i last;     /* one more */
    __m512i exponent; /* of ten, for the first digit */
    __mmask8 unsure;
};

static inline __m512i every(int64_t value) {
    return _mm512_set1_epi64(value);
}

/* Whether the lowest 52 bits are less than 2 * MARGIN. */
static inline __mmask8 is_near(__m512i difference) {
    __m512i moved = _mm512_add_epi64(difference, every(MARGIN));
    return _mm512_testn_epi64_mask(moved, every(LIMB_MASK & ~(2 * MARGIN - 1)));
}

/* Sixteen digits of which the first may be zero, and one: as cn_shortest_normal(). Zeros have no
 * digits, and the exponent 0. */
static inline void normalize(struct decimals *decimals, __mmask8 zero) {
    __m512i digits = decimals->digits, last = decimals->last;
    __mmask8 small = _mm512_cmplt_epu64_mask(digits, every(CN_TEN15));
    __mmask8 some = (__mmask8)~zero;
    __m512i ninefold = _mm512_add_epi64(_mm512_slli_epi64(digits, 3), digits);
    digits = _mm512_mask_add_epi64(digits, small, digits, _mm512_add_epi64(ninefold, last));
    decimals->digits = _mm512_maskz_mov_epi64(some, digits);
    decimals->last = _mm512_maskz_mov_epi64((__mmask8)(some & ~small), last);
    __m512i exponent = decimals->exponent;
    exponent = _mm512_mask_sub_epi64(exponent, small, exponent, every(1));
    decimals->exponent = _mm512_maskz_mov_epi64(some, exponent);
}

static inline struct decimals find_decimals(__m512i magnitude) {
    __m512i biased = _mm512_srli_epi64(magnitude, CN_MANTISSA_BITS);
    __m512i fraction = _mm512_and_si512(magnitude, every(LIMB_MASK));
    __m512i exponent = _mm512_sub_epi64(biased, every(CN_EXPONENT_BIAS));
    /* cn_log10_power2(exponent), and from cn_log2_power(-k - 1) the shift 1 .. 4. */
    __m512i k = _mm512_srai_epi64(_mm512_mul_epi32(exponent, every(1262611)), 22);
    __m512i log2 = _mm512_mul_epi32(_mm512_xor_si512(k, every(-1)), every(1741647));
    __m512i shift = _mm512_add_epi64(exponent, _mm512_srai_epi64(log2, 19));
    __m512i index = _mm512_slli_epi64(k, 1);
    const uint64_t *scales = &cn_scales[-CN_SCALE_MIN].hi;
    __m512i hi = _mm512_i64gather_epi64(index, scales, 8);
    __m512i lo = _mm512_i64gather_epi64(index, scales + 1, 8);

    /* The scale in two limbs, so shifted that the third limb of the product is its integer part;
     * the significand is 2^52 and the fraction. */
    __m512i upper = _mm512_srlv_epi64(hi, _mm512_sub_epi64(every(12 - 5), shift));
    __m512i lower = _mm512_shrdv_epi64(lo, hi, _mm512_sub_epi64(every(24 - 5), shift));
    lower = _mm512_and_si512(lower, every(LIMB_MASK));
    __m512i middle = _mm512_madd52lo_epu64(lower, fraction, upper);
    middle = _mm512_madd52hi_epu64(middle, fraction, lower);
    __m512i digits = _mm512_madd52hi_epu64(upper, fraction, upper);
    digits = _mm512_add_epi64(digits, _mm512_srli_epi64(middle, LIMB));
    __m512i rest = _mm512_and_si512(middle, every(LIMB_MASK));

    __mmask8 power = _mm512_testn_epi64_mask(fraction, fraction);
    __m512i above = _mm512_srli_epi64(upper, 1);
    __m512i below = _mm512_mask_srli_epi64(above, power, above, 1);
    __m512i sum = _mm512_add_epi64(rest, above);
    __mmask8 shorter = (__mmask8)(_mm512_cmplt_epu64_mask(rest, below) |
                                  _mm512_cmpgt_epu64_mask(sum, every(LIMB_MASK)));
    __m512i tenfold = _mm512_add_epi64(_mm512_slli_epi64(rest, 3), _mm512_add_epi64(rest, rest));
    tenfold = _mm512_add_epi64(tenfold, every((int64_t)1 << (LIMB - 1)));
    struct decimals decimals = {
        .digits = _mm512_add_epi64(digits, _mm512_srli_epi64(sum, LIMB)),
        .last = _mm512_maskz_srli_epi64((__mmask8)~shorter, tenfold, LIMB),
        .exponent = _mm512_add_epi64(k, every(16)),
    };

    __mmask8 zero = _mm512_testn_epi64_mask(magnitude, magnitude);
    __mmask8 special = _mm512_cmpge_epu64_mask(_mm512_sub_epi64(biased, every(1)), every(0x7FE));
    __mmask8 near =
        (__mmask8)(is_near(_mm512_sub_epi64(rest, below)) | is_near(sum) | is_near(tenfold));
    decimals.unsure = (__mmask8)((near | special | (power & ~shorter)) & ~zero);
    normalize(&decimals, zero);
    return decimals;
}

/* digits / 10^8, for less than 10^16: of 2^-8 of it, by 2^70 / 390625, rounded up. */
static inline __m512i divide_by_ten8(__m512i digits) {
    const int64_t factor = 3022314549036573;
    __m512i x = _mm512_srli_epi64(digits, 8);
    return _mm512_srli_epi64(_mm512_madd52hi_epu64(_mm512_setzero_si512(), x, every(factor)), 18);
}

/* As cn_split_digits(). */
static inline __m512i split_digits(__m512i x) {
    __m512i high = _mm512_srli_epi64(_mm512_mul_epu32(x, every(109951163)), 40);
    __m512i fours = _mm512_add_epi64(x, _mm512_mul_epu32(high, every(4294967296 - 10000)));
    __m512i hundreds = _mm512_srli_epi16(_mm512_mulhi_epu16(fours, _mm512_set1_epi32(5243)), 3);
    __m512i rest = _mm512_sub_epi16(fours, _mm512_mullo_epi16(hundreds, _mm512_set1_epi32(100)));
    __m512i twos = _mm512_or_si512(rest, _mm512_slli_epi32(hundreds, 16));
    __m512i factor = _mm512_set1_epi16(256 - 10);
    __asm__("" : "+v"(factor));
    __m512i tens = _mm512_mulhi_epu16(twos, _mm512_set1_epi16(6554));
    return _mm512_add_epi16(twos, _mm512_mullo_epi16(tens, factor));
}

/* As cn_count_digits(). The digits are in reverse, so the lowest bit that is set is of the last. */
static inline __m512i count_digits(__m512i upper, __m512i lower, __m512i last) {
    __mmask8 none = _mm512_testn_epi64_mask(lower, lower);
    /* The first counts even if it is zero. */
    __m512i first = _mm512_or_si512(upper, every((int64_t)1 << 56));
    __m512i digits = _mm512_mask_mov_epi64(lower, none, first);
    __m512i before = _mm512_mask_mov_epi64(every(9), none, every(1));
    __m512i bit = _mm512_and_si512(digits, _mm512_sub_epi64(_mm512_setzero_si512(), digits));
    __m512i count = _mm512_add_epi64(before, _mm512_srli_epi64(_mm512_lzcnt_epi64(bit), 3));
    return _mm512_mask_mov_epi64(count, _mm512_test_epi64_mask(last, last), every(17));
}

static inline __m512i load_two(const char *a, const char *b) {
    return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_load_si256((const __m256i *)a)),
                              _mm256_load_si256((const __m256i *)b), 1);
}

/* Lanes `first` and the next one of eight texts. */
static inline void store_two(__m512i upper, __m512i lower, __m512i other, int64_t first,
                             const int64_t *offsets, char *out) {
    const __m512i pattern = _mm512_setr_epi64(0, 8, 0, 8, 1, 9, 1, 9);
    __m512i from_lane = _mm512_add_epi64(pattern, every(first));
    __m512i digits = _mm512_permutex2var_epi64(lower, from_lane, upper);
    digits =
        _mm512_mask_permutexvar_epi64(digits, 0x88, _mm512_sub_epi64(from_lane, every(8)), other);
    const char *forms = (const char *)&cn_forms[-CN_FORM_MIN][0];
    const char *a = forms + offsets[first], *b = forms + offsets[first + 1];
    __m512i text = _mm512_shuffle_epi8(digits, load_two(a, b));
    text = _mm512_or_si512(text, load_two(a + 32, b + 32));
    _mm512_storeu_si512(out + (size_t)first * CN_DOUBLE_TEXT, text);
}

/* Puts exponents behind the lanes that have one. */
static void write_exponents(unsigned lanes, __m512i exponent, __m512i count, __m512i sign,
                            char *out, uint8_t *lengths) {
    _Alignas(64) int64_t exponents[LANES], counts[LANES], signs[LANES];
    _mm512_store_si512(exponents, exponent);
    _mm512_store_si512(counts, count);
    _mm512_store_si512(signs, sign);
    for (; lanes != 0; lanes &= lanes - 1) {
        unsigned i = (unsigned)__builtin_ctz(lanes);
        char *text = out + i * CN_DOUBLE_TEXT + signs[i];
        size_t len = cn_write_exponent((int)exponents[i], (size_t)counts[i], text);
        lengths[i] = (uint8_t)(len + (size_t)signs[i]);
    }
}

static void format_singly(unsigned lanes, const double *values, char *out, uint8_t *lengths) {
    for (; lanes != 0; lanes &= lanes - 1) {
        unsigned i = (unsigned)__builtin_ctz(lanes);
        lengths[i] = (uint8_t)cn_double_format_avx2(values[i], out + i * CN_DOUBLE_TEXT);
    }
}

static inline void format_eight(const double *values, char *out, uint8_t *lengths) {
    _Alignas(64) int64_t offsets[LANES];
    __m512i bits = _mm512_loadu_si512(values);
    __m512i sign = _mm512_srli_epi64(bits, 63);
    struct decimals found = find_decimals(_mm512_and_si512(bits, every(INT64_MAX)));
    __m512i high = divide_by_ten8(found.digits);
    __m512i low = _mm512_sub_epi64(found.digits, _mm512_mul_epu32(high, every(CN_TEN8)));
    __m512i upper = split_digits(high), lower = split_digits(low);
    __m512i count = count_digits(upper, lower, found.last);

    __mmask8 has_exponent =
        _mm512_cmpge_epu64_mask(_mm512_sub_epi64(found.exponent, every(CN_FORM_MIN)), every(20));
    __m512i place = _mm512_maskz_mov_epi64((__mmask8)~has_exponent, found.exponent);
    _mm512_store_si512(offsets,
                       _mm512_add_epi64(_mm512_slli_epi64(place, 7), _mm512_slli_epi64(sign, 6)));
    /* The copy with the last digit in place of the first. */
    __m512i other = _mm512_or_si512(_mm512_and_si512(upper, every(0x00FFFFFFFFFFFFFF)),
                                    _mm512_slli_epi64(found.last, 56));
    for (int64_t first = 0; first < LANES; first += 2)
        store_two(upper, lower, other, first, offsets, out);

    __m512i behind = _mm512_sub_epi64(count, _mm512_min_epi64(place, _mm512_setzero_si512()));
    __m512i len = _mm512_max_epi64(behind, _mm512_add_epi64(place, every(2)));
    len = _mm512_add_epi64(_mm512_add_epi64(len, every(1)), sign);
    _mm_storel_epi64((__m128i *)lengths, _mm512_cvtepi64_epi8(len));

    if (has_exponent != 0)
        write_exponents(has_exponent, found.exponent, count, sign, out, lengths);
    if (__builtin_expect(found.unsure != 0, 0))
        format_singly(found.unsure, values, out, lengths);
}

void cn_doubles_format_avx512(const double *values, size_t n, char *out, uint8_t *lengths) {
    size_t i = 0;

    for (; n - i >= LANES; i += LANES)
        format_eight(values + i, out + i * CN_DOUBLE_TEXT, lengths + i);
    cn_doubles_format_avx2(values + i, n - i, out + i * CN_DOUBLE_TEXT, lengths + i);
}
