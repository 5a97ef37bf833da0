/* random_avx512.c: random numbers, eight counters in a vector. */
#include <immintrin.h>
#include <stdint.h>

#define WIDE_NAME(name) name##_avx512
#define WIDE_MULTIPLY(x, y) ((wide_bits)_mm512_mul_epu32((__m512i)(x), (__m512i)(y)))
#define WIDE_SQRT(x) _mm512_sqrt_pd(x)
#define WIDE_LOG(x) Sleef_cinz_logd8_u10avx512fnofma(x)
#define WIDE_SINCOS Sleef___m512d_2
#define WIDE_SINCOSPI(x) Sleef_cinz_sincospid8_u05avx512fnofma(x)
#define WIDE_STORE_PAIRS(out, even, odd) store_pairs(out, even, odd)

typedef __m512d wide;

static inline void store_pairs(double *out, wide even, wide odd) {
    const __m512i first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    const __m512i second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
    _mm512_storeu_pd(out, _mm512_permutex2var_pd(even, first, odd));
    _mm512_storeu_pd(out + 8, _mm512_permutex2var_pd(even, second, odd));
}

#include "kernels/random_wide.h"
