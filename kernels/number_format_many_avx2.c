/*
 * number_format_many_avx2.c: four doubles at a time to text.
 *
 * The steps are those of cn_shortest_quick(), with 32 bits for the fraction instead of 64. One in
 * some ten million is too close to call then, and goes the way of single numbers.
 */
#include "kernels/number.h"
#include "kernels/number_format_place.h"
#include "kernels/table.h"

#define LANES 4
#define LOW_HALF 0xFFFFFFFF
/* In units of 2^-32. The fraction errs by less than 4, ten times that in the test of the digit. */
#define MARGIN 64

/* Doubles in 64-bit lanes, as decimals; masks are all ones or none. */
struct decimals {
    __m256i digits;   /* sixteen */
    __m256i last;     /* one more */
    __m256i exponent; /* of ten, for the first digit */
    __m256i unsure;   /* masks in the lower halves of the lanes */
};

struct scales {
    __m256i hi;
    __m256i lo;
};

static inline __m256i every(int64_t value) {
    return _mm256_set1_epi64x(value);
}

static inline __m256i pair_of_scales(const struct cn_power *a, const struct cn_power *b) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)),
                                   _mm_loadu_si128((const __m128i *)b), 1);
}

/* Loads, where gathering would cost more than all else on some machines. */
static inline struct scales load_scales(__m256i k) {
    _Alignas(32) int64_t index[LANES];
    _mm256_store_si256((__m256i *)index, k);
    const struct cn_power *zero = cn_scales - CN_SCALE_MIN;
    __m256i even = pair_of_scales(zero + index[0], zero + index[2]);
    __m256i odd = pair_of_scales(zero + index[1], zero + index[3]);
    return (struct scales){_mm256_unpacklo_epi64(even, odd), _mm256_unpackhi_epi64(even, odd)};
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
static inline void except_special(struct decimals *decimals, __m256i magnitude, __m256i biased) {
    __m256i zero = _mm256_cmpeq_epi64(magnitude, _mm256_setzero_si256());
    __m256i special = _mm256_or_si256(_mm256_cmpeq_epi64(biased, _mm256_setzero_si256()),
                                      _mm256_cmpeq_epi64(biased, every(0x7FF)));
    decimals->digits = _mm256_andnot_si256(zero, decimals->digits);
    decimals->last = _mm256_andnot_si256(zero, decimals->last);
    decimals->exponent = _mm256_andnot_si256(zero, decimals->exponent);
    decimals->unsure = _mm256_andnot_si256(zero, _mm256_or_si256(decimals->unsure, special));
}

static inline struct decimals find_decimals(__m256i magnitude) {
    __m256i biased = _mm256_srli_epi64(magnitude, CN_MANTISSA_BITS);
    __m256i fraction = _mm256_and_si256(magnitude, every(CN_HIDDEN_BIT - 1));
    __m256i exponent = _mm256_sub_epi64(biased, every(CN_EXPONENT_BIAS));
    /* cn_log10_power2(exponent) and cn_log2_power(-k - 1): the products have 32 bits. */
    __m256i k = _mm256_srai_epi32(_mm256_mul_epi32(exponent, every(1262611)), 22);
    __m256i rest_k = _mm256_xor_si256(k, every(-1));
    __m256i log2 = _mm256_srai_epi32(_mm256_mul_epi32(rest_k, every(1741647)), 19);
    __m256i shift = _mm256_add_epi64(_mm256_add_epi64(exponent, log2), every(5));
    struct scales scales = load_scales(k);

    /* The product from 2^96 on; what is dropped is less than 3. */
    __m256i low = _mm256_sllv_epi64(_mm256_or_si256(fraction, every(CN_HIDDEN_BIT)), shift);
    __m256i high = _mm256_srli_epi64(low, 32);
    __m256i hi_high = _mm256_srli_epi64(scales.hi, 32);
    __m256i lo_high = _mm256_srli_epi64(scales.lo, 32);
    __m256i carried = _mm256_add_epi64(_mm256_srli_epi64(_mm256_mul_epu32(low, scales.hi), 32),
                                       _mm256_srli_epi64(_mm256_mul_epu32(high, lo_high), 32));
    __m256i middle =
        _mm256_add_epi64(_mm256_mul_epu32(low, hi_high), _mm256_mul_epu32(high, scales.hi));
    middle = _mm256_add_epi64(middle, carried);
    __m256i digits =
        _mm256_add_epi64(_mm256_mul_epu32(high, hi_high), _mm256_srli_epi64(middle, 32));
    __m256i rest = _mm256_and_si256(middle, every(LOW_HALF));

    __m256i above = _mm256_srlv_epi64(scales.hi, _mm256_sub_epi64(every(33), shift));
    __m256i power = _mm256_cmpeq_epi64(fraction, _mm256_setzero_si256());
    __m256i below = _mm256_srlv_epi64(above, _mm256_srli_epi64(power, 63));
    __m256i sum = _mm256_add_epi64(rest, above);
    __m256i shorter =
        _mm256_or_si256(_mm256_cmpgt_epi64(below, rest), _mm256_cmpgt_epi64(sum, every(LOW_HALF)));
    __m256i tenfold = _mm256_add_epi64(_mm256_mul_epu32(rest, every(10)), every(0x80000000));
    struct decimals decimals = {
        .digits = _mm256_add_epi64(digits, _mm256_srli_epi64(sum, 32)),
        .last = _mm256_andnot_si256(shorter, _mm256_srli_epi64(tenfold, 32)),
        .exponent = _mm256_add_epi64(k, every(16)),
    };

    /* How near the fraction is to where something changes; modulo 2^32. */
    __m256i near = _mm256_add_epi32(_mm256_sub_epi32(rest, below), every(MARGIN));
    near = _mm256_min_epu32(near, _mm256_add_epi32(sum, every(MARGIN)));
    near = _mm256_min_epu32(near, _mm256_add_epi32(tenfold, every(MARGIN)));
    __m256i is_near = _mm256_cmpeq_epi32(near, _mm256_min_epu32(near, every(2 * MARGIN)));
    decimals.unsure = _mm256_or_si256(is_near, _mm256_andnot_si256(shorter, power));
    normalize(&decimals);
    except_special(&decimals, magnitude, biased);
    return decimals;
}

/* digits / 10^8, for less than 10^16. (x - d / 2) / d, rounded to an integer, is x / d cut, and
 * never near a tie, for integers x and odd d = 10^8 / 2^8. */
static inline __m256i divide_by_ten8(__m256i digits) {
    const double whole = 0x1p52, rounding = 0x1.8p52;
    const int64_t whole_bits = INT64_C(0x433) << CN_MANTISSA_BITS;
    __m256i bits = _mm256_or_si256(_mm256_srli_epi64(digits, 8), every(whole_bits));
    __m256d x = _mm256_sub_pd(_mm256_castsi256_pd(bits), _mm256_set1_pd(whole + 195312));
    __m256d quotient = _mm256_mul_pd(x, _mm256_set1_pd(1.0 / 390625));
    bits = _mm256_castpd_si256(_mm256_add_pd(quotient, _mm256_set1_pd(rounding)));
    return _mm256_and_si256(bits, every(LOW_HALF));
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
    __m256i from = _mm256_load_si256((const __m256i *)form);
    __m256i around = _mm256_load_si256((const __m256i *)(form + 32));
    __m256i text = _mm256_or_si256(_mm256_shuffle_epi8(digits, from), around);
    _mm256_storeu_si256((__m256i *)out, text);
}

/* Four texts; `offset` says where their forms are. */
static inline void store_texts(__m256i upper, __m256i lower, __m256i last, __m256i offset,
                               char *out) {
    _Alignas(32) uint64_t offsets[LANES];
    _mm256_store_si256((__m256i *)offsets, offset);
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

static inline unsigned lanes_of(__m256i mask) {
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(mask)) & 0x55;
}

/* Puts exponents behind the lanes that have one. */
static inline void write_exponents(unsigned lanes, __m256i exponent, __m256i count, __m256i sign,
                                   char *out, uint8_t *lengths) {
    _Alignas(32) int64_t exponents[LANES], counts[LANES], signs[LANES];
    _mm256_store_si256((__m256i *)exponents, exponent);
    _mm256_store_si256((__m256i *)counts, count);
    _mm256_store_si256((__m256i *)signs, sign);
    for (; lanes != 0; lanes &= lanes - 1) {
        unsigned i = (unsigned)__builtin_ctz(lanes) / 2;
        char *text = out + i * CN_DOUBLE_TEXT + signs[i];
        size_t len = cn_write_exponent((int)exponents[i], (size_t)counts[i], text);
        lengths[i] = (uint8_t)(len + (size_t)signs[i]);
    }
}

/*
 * A block goes through the steps in two sweeps: the chain of one step after another is long, and
 * with half of it a CPU has more of them in flight at once.
 */
#define BLOCK 64

struct block {
    _Alignas(32) uint64_t high[BLOCK]; /* eight digits */
    uint64_t low[BLOCK];               /* the other eight */
    uint64_t last[BLOCK];
    int64_t exponent[BLOCK];
    uint8_t unsure[BLOCK / LANES]; /* as lanes_of() */
};

static inline __m256i load(const void *lanes) {
    return _mm256_loadu_si256((const __m256i *)lanes);
}

static inline void store(void *lanes, __m256i values) {
    _mm256_storeu_si256((__m256i *)lanes, values);
}

/* Returns what is not 0 if some are unsure. */
static unsigned find_block(const double *values, size_t n, struct block *block) {
    unsigned all_unsure = 0;

    for (size_t i = 0; i < n; i += LANES) {
        struct decimals found = find_decimals(_mm256_and_si256(load(values + i), every(INT64_MAX)));
        __m256i high = divide_by_ten8(found.digits);
        store(block->high + i, high);
        store(block->low + i,
              _mm256_sub_epi64(found.digits, _mm256_mul_epu32(high, every(CN_TEN8))));
        store(block->last + i, found.last);
        store(block->exponent + i, found.exponent);
        unsigned unsure = lanes_of(found.unsure);
        block->unsure[i / LANES] = (uint8_t)unsure;
        all_unsure |= unsure;
    }
    return all_unsure;
}

/* The lengths of four texts; as cn_fixed_length(), with the sign. */
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

/* As cn_place_double(). */
static inline void place_four(const double *values, const struct block *block, size_t i, char *out,
                              uint8_t *lengths) {
    __m256i sign = _mm256_srli_epi64(load(values), 63);
    __m256i last = load(block->last + i), exponent = load(block->exponent + i);
    __m256i upper = cn_split_digits(load(block->high + i));
    __m256i lower = cn_split_digits(load(block->low + i));
    __m256i count = count_digits(upper, lower, last);
    __m256i has_exponent = _mm256_or_si256(_mm256_cmpgt_epi64(exponent, every(15)),
                                           _mm256_cmpgt_epi64(every(CN_FORM_MIN), exponent));
    __m256i place = _mm256_andnot_si256(has_exponent, exponent);
    __m256i offset = _mm256_add_epi64(_mm256_slli_epi64(place, 7), _mm256_slli_epi64(sign, 6));

    store_texts(upper, lower, last, offset, out);
    store_lengths(count, place, sign, lengths);
    unsigned exponents = lanes_of(has_exponent);
    if (exponents != 0)
        write_exponents(exponents, exponent, count, sign, out, lengths);
}

static void format_singly(const struct block *block, const double *values, size_t n, char *out,
                          uint8_t *lengths) {
    for (size_t i = 0; i < n; i++)
        if (block->unsure[i / LANES] >> (i % LANES * 2) & 1)
            lengths[i] = (uint8_t)cn_double_format_avx2(values[i], out + i * CN_DOUBLE_TEXT);
}

void cn_doubles_format_avx2(const double *values, size_t n, char *out, uint8_t *lengths) {
    struct block block;
    size_t i = 0;

    while (n - i >= LANES) {
        size_t most = n - i < BLOCK ? (n - i) / LANES * LANES : BLOCK;
        char *text = out + i * CN_DOUBLE_TEXT;
        unsigned unsure = find_block(values + i, most, &block);
        for (size_t k = 0; k < most; k += LANES)
            place_four(values + i + k, &block, k, text + k * CN_DOUBLE_TEXT, lengths + i + k);
        if (unsure != 0)
            format_singly(&block, values + i, most, text, lengths + i);
        i += most;
    }
    for (; i < n; i++)
        lengths[i] = (uint8_t)cn_double_format_avx2(values[i], out + i * CN_DOUBLE_TEXT);
}
