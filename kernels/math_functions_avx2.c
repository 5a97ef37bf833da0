/* math_functions_avx2.c: the transcendental functions on four rows. */
#include <immintrin.h>

#define CN_LANES_NAME(name) name##_avx2
/* SLEEF has no cinz functions for AVX2: its functions of that name fuse. Those for AVX do not. */
#define WIDE_SLEEF(function, error) Sleef_cinz_##function##d4_##error##avx
#define WIDE_ABS(x) _mm256_andnot_pd(_mm256_set1_pd(-0.0), x)
#define WIDE_ANY(truth) (_mm256_movemask_pd((__m256d)(truth)) != 0)
#define WIDE_NONE                                                                                  \
    (__m256d) {                                                                                    \
        0                                                                                          \
    }

typedef __m256d wide;

#include "kernels/math_functions_wide.h"
