/*
 * number_format_avx512.c: doubles to text, eight in each register.
 *
 * 52 bits of the fraction are looked at, as the multiplications of AVX-512 IFMA have them. What is
 * too close to call goes the way of single numbers.
 */
#include "kernels/number_format_block.h"

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

static inline __m512i load(const void *lanes) {
    return _mm512_load_si512(lanes);
}

static inline void store(void *lanes, __m512i values) {
    _mm512_store_si512(lanes, values);
}

static inline __m512i load_magnitude(const double *values) {
    return _mm512_and_si512(_mm512_loadu_si512(values), every(INT64_MAX));
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

static inline void find_scales(const double *values, struct cn_format_block *block, size_t i) {
    __m512i biased = _mm512_srli_epi64(load_magnitude(values + i), CN_MANTISSA_BITS);
    __m512i exponent = _mm512_sub_epi64(biased, every(CN_EXPONENT_BIAS));
    /* cn_log10_power2(exponent) and cn_log2_power(-k - 1). */
    __m512i k = _mm512_srai_epi64(_mm512_mul_epi32(exponent, every(1262611)), 22);
    __m512i log2 = _mm512_mul_epi32(_mm512_xor_si512(k, every(-1)), every(1741647));
    log2 = _mm512_srai_epi64(log2, 19);
    store(block->k + i, k);
    store(block->shift + i, _mm512_add_epi64(_mm512_add_epi64(exponent, log2), every(5)));
    const uint64_t *scales = &cn_scales[-CN_SCALE_MIN].hi;
    __m512i index = _mm512_slli_epi64(k, 1);
    store(block->scale_hi + i, _mm512_i64gather_epi64(index, scales, 8));
    store(block->scale_lo + i, _mm512_i64gather_epi64(index, scales + 1, 8));
}

static inline struct decimals find_decimals(__m512i magnitude, const struct cn_format_block *block,
                                            size_t i) {
    __m512i biased = _mm512_srli_epi64(magnitude, CN_MANTISSA_BITS);
    __m512i fraction = _mm512_and_si512(magnitude, every(LIMB_MASK));
    __m512i hi = load(block->scale_hi + i), lo = load(block->scale_lo + i);
    __m512i shift = load(block->shift + i);

    /* The scale in two limbs, so shifted that the third limb of the product is its integer part;
     * the significand is 2^52 and the fraction. */
    __m512i upper = _mm512_srlv_epi64(hi, _mm512_sub_epi64(every(12), shift));
    __m512i lower = _mm512_shrdv_epi64(lo, hi, _mm512_sub_epi64(every(24), shift));
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
        .exponent = _mm512_add_epi64(load(block->k + i), every(16)),
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

static inline void store_decimals(const double *values, struct cn_format_block *block, size_t i) {
    struct decimals found = find_decimals(load_magnitude(values + i), block, i);
    __m512i upper = divide_by_ten8(found.digits);
    store(block->upper + i, upper);
    store(block->lower + i,
          _mm512_sub_epi64(found.digits, _mm512_mul_epu32(upper, every(CN_TEN8))));
    store(block->last + i, found.last);
    store(block->exponent + i, found.exponent);
    block->unsure |= (uint64_t)found.unsure << i;
}

/* As cn_split_digits(). */
static inline __m512i split_digits(__m512i x) {
    /* x / 10^4 is x * ceil(2^52 / 10^4) >> 52. */
    __m512i high = _mm512_madd52hi_epu64(_mm512_setzero_si512(), x, every(450359962738));
    __m512i fours = _mm512_madd52lo_epu64(x, high, every(4294967296 - 10000));
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

/* As cn_place_double(); exponents come later. */
static inline void place_eight(const double *values, struct cn_format_block *block, size_t i,
                               char *out, uint8_t *lengths) {
    _Alignas(64) int64_t offsets[LANES];
    __m512i sign = _mm512_srli_epi64(_mm512_loadu_si512(values + i), 63);
    __m512i last = load(block->last + i), exponent = load(block->exponent + i);
    __m512i upper = load(block->upper + i), lower = load(block->lower + i);
    __m512i count = count_digits(upper, lower, last);
    __mmask8 has_exponent =
        _mm512_cmpge_epu64_mask(_mm512_sub_epi64(exponent, every(CN_FORM_MIN)), every(20));
    __m512i place = _mm512_maskz_mov_epi64((__mmask8)~has_exponent, exponent);
    store(offsets, _mm512_add_epi64(_mm512_slli_epi64(place, 7), _mm512_slli_epi64(sign, 6)));
    /* The copy with the last digit in place of the first. */
    __m512i other = _mm512_or_si512(_mm512_and_si512(upper, every(0x00FFFFFFFFFFFFFF)),
                                    _mm512_slli_epi64(last, 56));
    for (int64_t first = 0; first < LANES; first += 2)
        store_two(upper, lower, other, first, offsets, out + i * CN_DOUBLE_TEXT);

    __m512i behind = _mm512_sub_epi64(count, _mm512_min_epi64(place, _mm512_setzero_si512()));
    __m512i len = _mm512_max_epi64(behind, _mm512_add_epi64(place, every(2)));
    len = _mm512_add_epi64(_mm512_add_epi64(len, every(1)), sign);
    _mm_storel_epi64((__m128i *)(lengths + i), _mm512_cvtepi64_epi8(len));
    store(block->count + i, count);
    block->with_exponent |= (uint64_t)has_exponent << i;
}

/* n is a multiple of LANES. */
static void format_block(const double *values, size_t n, char *out, uint8_t *lengths) {
    struct cn_format_block block;

    block.unsure = 0;
    block.with_exponent = 0;
    for (size_t i = 0; i < n; i += LANES)
        find_scales(values, &block, i);
    for (size_t i = 0; i < n; i += LANES)
        store_decimals(values, &block, i);
    for (size_t i = 0; i < n; i += LANES) {
        store(block.upper + i, split_digits(load(block.upper + i)));
        store(block.lower + i, split_digits(load(block.lower + i)));
    }
    for (size_t i = 0; i < n; i += LANES)
        place_eight(values, &block, i, out, lengths);
    cn_finish_block(&block, values, out, lengths);
}

void cn_doubles_format_avx512(const double *values, size_t n, char *out, uint8_t *lengths) {
    size_t i = 0;

    while (n - i >= LANES) {
        size_t some = n - i < CN_FORMAT_BLOCK ? (n - i) / LANES * LANES : CN_FORMAT_BLOCK;
        format_block(values + i, some, out + i * CN_DOUBLE_TEXT, lengths + i);
        i += some;
    }
    cn_doubles_format_avx2(values + i, n - i, out + i * CN_DOUBLE_TEXT, lengths + i);
}
