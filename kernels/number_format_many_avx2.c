/*
 * number_format_many_avx2.c: doubles to text, four in each register.
 *
 * 32 bits of the fraction are looked at instead of 64: one in some ten million is too close to call
 * then, and goes the way of single numbers.
 */
#include "kernels/number_format_block.h"

#define LANES 4
#define LOW_HALF 0xFFFFFFFF
/* In units of 2^-32. The fraction errs by less than 4, ten times that in the test of the digit. */
#define MARGIN 64

static inline __m256i every(int64_t value) {
    return _mm256_set1_epi64x(value);
}

static inline __m256i load(const void *lanes) {
    return _mm256_load_si256((const __m256i *)lanes);
}

static inline void store(void *lanes, __m256i values) {
    _mm256_store_si256((__m256i *)lanes, values);
}

static inline __m256i load_magnitude(const double *values) {
    return _mm256_and_si256(_mm256_loadu_si256((const __m256i *)values), every(INT64_MAX));
}

/* A bit for each lane whose mask is set. */
static inline uint64_t lanes_of(__m256i mask) {
    return (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(mask));
}

static inline __m256i pair_of_scales(const struct cn_power *a, const struct cn_power *b) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)),
                                   _mm_loadu_si128((const __m128i *)b), 1);
}

static inline void find_scales(const double *values, struct cn_format_block *block, size_t i) {
    __m256i biased = _mm256_srli_epi64(load_magnitude(values + i), CN_MANTISSA_BITS);
    __m256i exponent = _mm256_sub_epi64(biased, every(CN_EXPONENT_BIAS));
    /* cn_log10_power2(exponent) and cn_log2_power(-k - 1): the products have 32 bits. */
    __m256i k = _mm256_srai_epi32(_mm256_mul_epi32(exponent, every(1262611)), 22);
    __m256i not_k = _mm256_xor_si256(k, every(-1));
    __m256i log2 = _mm256_srai_epi32(_mm256_mul_epi32(not_k, every(1741647)), 19);
    store(block->k + i, k);
    store(block->shift + i, _mm256_add_epi64(_mm256_add_epi64(exponent, log2), every(5)));

    /* Loads, where gathering would cost more than all else on some machines. */
    const struct cn_power *zero = cn_scales - CN_SCALE_MIN;
    __m256i even = pair_of_scales(zero + block->k[i], zero + block->k[i + 2]);
    __m256i odd = pair_of_scales(zero + block->k[i + 1], zero + block->k[i + 3]);
    store(block->scale_hi + i, _mm256_unpacklo_epi64(even, odd));
    store(block->scale_lo + i, _mm256_unpackhi_epi64(even, odd));
}

/* The upper 96 bits of the product of 128 + 57 bits; what is dropped is less than 3. */
static inline __m256i multiply(__m256i hi, __m256i lo, __m256i significand, __m256i *digits) {
    __m256i low = significand, high = _mm256_srli_epi64(significand, 32);
    __m256i hi_high = _mm256_srli_epi64(hi, 32), lo_high = _mm256_srli_epi64(lo, 32);
    __m256i carried = _mm256_add_epi64(_mm256_srli_epi64(_mm256_mul_epu32(low, hi), 32),
                                       _mm256_srli_epi64(_mm256_mul_epu32(high, lo_high), 32));
    __m256i middle = _mm256_add_epi64(_mm256_mul_epu32(low, hi_high), _mm256_mul_epu32(high, hi));
    middle = _mm256_add_epi64(middle, carried);
    *digits = _mm256_add_epi64(_mm256_mul_epu32(high, hi_high), _mm256_srli_epi64(middle, 32));
    return _mm256_and_si256(middle, every(LOW_HALF));
}

/* Doubles as decimals; masks are all ones or none. */
struct decimals {
    __m256i digits;   /* sixteen */
    __m256i last;     /* one more */
    __m256i exponent; /* of ten, for the first digit */
    __m256i unsure;
};

/* Whether the fraction is near to where something changes; modulo 2^32, a mask for each lane. */
static inline __m256i is_near(__m256i rest, __m256i below, __m256i sum, __m256i tenfold) {
    __m256i near = _mm256_add_epi32(_mm256_sub_epi32(rest, below), every(MARGIN));
    near = _mm256_min_epu32(near, _mm256_add_epi32(sum, every(MARGIN)));
    near = _mm256_min_epu32(near, _mm256_add_epi32(tenfold, every(MARGIN)));
    near = _mm256_cmpeq_epi32(near, _mm256_min_epu32(near, every(2 * MARGIN)));
    return _mm256_slli_epi64(near, 32);
}

/* Sixteen digits of which the first may be zero, and one: as cn_shortest_normal(). */
static inline void normalize(struct decimals *decimals) {
    __m256i digits = decimals->digits, last = decimals->last;
    __m256i small = _mm256_cmpgt_epi64(every(CN_TEN15), digits);
    __m256i ninefold = _mm256_add_epi64(_mm256_slli_epi64(digits, 3), digits);
    __m256i more = _mm256_and_si256(_mm256_add_epi64(ninefold, last), small);
    decimals->digits = _mm256_add_epi64(digits, more);
    decimals->last = _mm256_andnot_si256(small, last);
    decimals->exponent = _mm256_add_epi64(decimals->exponent, small);
}

/* Those that have no decimal here. Zeros have: no digits, with the exponent 0. */
static inline void except_special(struct decimals *decimals, __m256i magnitude) {
    __m256i none = _mm256_setzero_si256();
    __m256i biased = _mm256_srli_epi64(magnitude, CN_MANTISSA_BITS);
    __m256i zero = _mm256_cmpeq_epi64(magnitude, none);
    __m256i special =
        _mm256_or_si256(_mm256_cmpeq_epi64(biased, none), _mm256_cmpeq_epi64(biased, every(0x7FF)));
    decimals->digits = _mm256_andnot_si256(zero, decimals->digits);
    decimals->last = _mm256_andnot_si256(zero, decimals->last);
    decimals->exponent = _mm256_andnot_si256(zero, decimals->exponent);
    decimals->unsure = _mm256_andnot_si256(zero, _mm256_or_si256(decimals->unsure, special));
}

static inline struct decimals find_decimals(__m256i magnitude, const struct cn_format_block *block,
                                            size_t i) {
    __m256i fraction = _mm256_and_si256(magnitude, every(CN_HIDDEN_BIT - 1));
    __m256i hi = load(block->scale_hi + i), shift = load(block->shift + i), digits;
    __m256i significand = _mm256_or_si256(fraction, every(CN_HIDDEN_BIT));
    significand = _mm256_sllv_epi64(significand, shift);
    __m256i rest = multiply(hi, load(block->scale_lo + i), significand, &digits);

    __m256i above = _mm256_srlv_epi64(hi, _mm256_sub_epi64(every(33), shift));
    __m256i power = _mm256_cmpeq_epi64(fraction, _mm256_setzero_si256());
    __m256i below = _mm256_srlv_epi64(above, _mm256_srli_epi64(power, 63));
    __m256i sum = _mm256_add_epi64(rest, above);
    __m256i shorter =
        _mm256_or_si256(_mm256_cmpgt_epi64(below, rest), _mm256_cmpgt_epi64(sum, every(LOW_HALF)));
    __m256i tenfold = _mm256_add_epi64(_mm256_mul_epu32(rest, every(10)), every(0x80000000));
    struct decimals decimals = {
        .digits = _mm256_add_epi64(digits, _mm256_srli_epi64(sum, 32)),
        .last = _mm256_andnot_si256(shorter, _mm256_srli_epi64(tenfold, 32)),
        .exponent = _mm256_add_epi64(load(block->k + i), every(16)),
        .unsure = _mm256_or_si256(is_near(rest, below, sum, tenfold),
                                  _mm256_andnot_si256(shorter, power)),
    };
    normalize(&decimals);
    except_special(&decimals, magnitude);
    return decimals;
}

static inline void store_decimals(const double *values, struct cn_format_block *block, size_t i) {
    struct decimals found = find_decimals(load_magnitude(values + i), block, i);
    __m256i upper = cn_divide_by_ten8(found.digits);
    store(block->upper + i, upper);
    store(block->lower + i,
          _mm256_sub_epi64(found.digits, _mm256_mul_epu32(upper, every(CN_TEN8))));
    store(block->last + i, found.last);
    store(block->exponent + i, found.exponent);
    block->unsure |= lanes_of(found.unsure) << i;
}

/* In each lane, the zero bytes above which the first other one stands. */
static inline __m256i count_zeros(__m256i bytes) {
    __m256i below = _mm256_andnot_si256(bytes, _mm256_add_epi64(bytes, every(-1)));
    __m256i full = _mm256_cmpeq_epi8(below, every(-1));
    __m256i ones = _mm256_sub_epi8(_mm256_setzero_si256(), full);
    return _mm256_sad_epu8(ones, _mm256_setzero_si256());
}

/* As cn_count_digits(). */
static inline __m256i count_digits(__m256i upper, __m256i lower, __m256i last) {
    __m256i none = _mm256_setzero_si256();
    __m256i upper_zeros = _mm256_and_si256(count_zeros(upper), _mm256_cmpeq_epi64(lower, none));
    __m256i zeros = _mm256_add_epi64(count_zeros(lower), upper_zeros);
    __m256i without = _mm256_sub_epi64(every(16), zeros);
    return _mm256_blendv_epi8(every(17), without, _mm256_cmpeq_epi64(last, none));
}

static inline void store_text(__m256i digits, uint64_t offset, char *out) {
    const char *form = (const char *)&cn_forms[-CN_FORM_MIN][0] + (int64_t)offset;
    __m256i text = _mm256_or_si256(_mm256_shuffle_epi8(digits, load(form)), load(form + 32));
    _mm256_storeu_si256((__m256i *)out, text);
}

/* Four texts; `offset` says where their forms are. */
static inline void store_texts(__m256i upper, __m256i lower, __m256i last, __m256i offset,
                               char *out) {
    _Alignas(32) uint64_t offsets[LANES];
    store(offsets, offset);
    /* The copy with the last digit in place of the first. */
    __m256i other = _mm256_or_si256(_mm256_and_si256(upper, every(0x00FFFFFFFFFFFFFF)),
                                    _mm256_slli_epi64(last, 56));
    __m256i even = _mm256_unpacklo_epi64(lower, upper);
    __m256i even_other = _mm256_unpacklo_epi64(lower, other);
    __m256i odd = _mm256_unpackhi_epi64(lower, upper);
    __m256i odd_other = _mm256_unpackhi_epi64(lower, other);
    store_text(_mm256_permute2x128_si256(even, even_other, 0x20), offsets[0], out);
    store_text(_mm256_permute2x128_si256(odd, odd_other, 0x20), offsets[1], out + CN_DOUBLE_TEXT);
    store_text(_mm256_permute2x128_si256(even, even_other, 0x31), offsets[2],
               out + 2 * CN_DOUBLE_TEXT);
    store_text(_mm256_permute2x128_si256(odd, odd_other, 0x31), offsets[3],
               out + 3 * CN_DOUBLE_TEXT);
}

/* As cn_fixed_length(), with the sign. */
static inline void store_lengths(__m256i count, __m256i place, __m256i sign, uint8_t *lengths) {
    __m256i none = _mm256_setzero_si256();
    __m256i zeros = _mm256_max_epi32(_mm256_sub_epi32(none, place), none);
    __m256i len =
        _mm256_max_epi32(_mm256_add_epi32(count, zeros), _mm256_add_epi32(place, every(2)));
    len = _mm256_add_epi32(_mm256_add_epi32(len, every(1)), sign);
    __m256i bytes = _mm256_shuffle_epi8(len, every(0x0800));
    uint32_t four =
        (uint32_t)_mm256_extract_epi16(bytes, 0) | (uint32_t)_mm256_extract_epi16(bytes, 8) << 16;
    memcpy(lengths, &four, sizeof four);
}

/* As cn_place_double(); exponents come later. */
static inline void place_four(const double *values, struct cn_format_block *block, size_t i,
                              char *out, uint8_t *lengths) {
    __m256i sign = _mm256_srli_epi64(_mm256_loadu_si256((const __m256i *)(values + i)), 63);
    __m256i last = load(block->last + i), exponent = load(block->exponent + i);
    __m256i upper = load(block->upper + i), lower = load(block->lower + i);
    __m256i count = count_digits(upper, lower, last);
    __m256i has_exponent = _mm256_or_si256(_mm256_cmpgt_epi64(exponent, every(15)),
                                           _mm256_cmpgt_epi64(every(CN_FORM_MIN), exponent));
    __m256i place = _mm256_andnot_si256(has_exponent, exponent);
    __m256i offset = _mm256_add_epi64(_mm256_slli_epi64(place, 7), _mm256_slli_epi64(sign, 6));

    store_texts(upper, lower, last, offset, out + i * CN_DOUBLE_TEXT);
    store_lengths(count, place, sign, lengths + i);
    store(block->count + i, count);
    block->with_exponent |= lanes_of(has_exponent) << i;
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
        store(block.upper + i, cn_split_digits(load(block.upper + i)));
        store(block.lower + i, cn_split_digits(load(block.lower + i)));
    }
    for (size_t i = 0; i < n; i += LANES)
        place_four(values, &block, i, out, lengths);
    cn_finish_block(&block, values, out, lengths);
}

void cn_doubles_format_avx2(const double *values, size_t n, char *out, uint8_t *lengths) {
    size_t i = 0;

    while (n - i >= LANES) {
        size_t some = n - i < CN_FORMAT_BLOCK ? (n - i) / LANES * LANES : CN_FORMAT_BLOCK;
        format_block(values + i, some, out + i * CN_DOUBLE_TEXT, lengths + i);
        i += some;
    }
    for (; i < n; i++)
        lengths[i] = (uint8_t)cn_double_format_avx2(values[i], out + i * CN_DOUBLE_TEXT);
}
