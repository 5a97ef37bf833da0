/* math_functions_avx512.c: the transcendental functions on eight rows. */
#include <immintrin.h>

#define CN_LANES_NAME(name) name##_avx512
#define WIDE_SLEEF(function, error) Sleef_cinz_##function##d8_##error##avx512fnofma
#define WIDE_ABS(x) _mm512_abs_pd(x)
#define WIDE_ANY(truth) (_mm512_movepi64_mask((__m512i)(truth)) != 0)
#define WIDE_NONE                                                                                  \
    (__m512d) {                                                                                    \
        0                                                                                          \
    }

typedef __m512d wide;

#include "kernels/math_functions_wide.h"
