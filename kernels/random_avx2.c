/* random_avx2.c: random numbers, four counters in a vector. */
#include <immintrin.h>
#include <stdint.h>

#define WIDE_NAME(name) name##_avx2
#define WIDE_MULTIPLY(x, y) ((wide_bits)_mm256_mul_epu32((__m256i)(x), (__m256i)(y)))
#define WIDE_SQRT(x) _mm256_sqrt_pd(x)
#define WIDE_LOG(x) Sleef_cinz_logd4_u10avx(x)
#define WIDE_SINCOS Sleef___m256d_2
#define WIDE_SINCOSPI(x) Sleef_cinz_sincospid4_u05avx(x)
#define WIDE_STORE_PAIRS(out, even, odd) store_pairs(out, even, odd)

typedef __m256d wide;

static inline void store_pairs(double *out, wide even, wide odd) {
    wide low = _mm256_unpacklo_pd(even, odd);  /* 0 0' 2 2' */
    wide high = _mm256_unpackhi_pd(even, odd); /* 1 1' 3 3' */
    _mm256_storeu_pd(out, _mm256_permute2f128_pd(low, high, 0x20));
    _mm256_storeu_pd(out + 4, _mm256_permute2f128_pd(low, high, 0x31));
}

#include "kernels/random_wide.h"
