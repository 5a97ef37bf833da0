/* lanes_avx2.c: the loops of arith_*_loops.h, compiled for AVX2. */
#define CN_LANES_NAME(name) name##_avx2

#include "kernels/lanes_levels.h"

#include "kernels/arith_bool_loops.h"
#include "kernels/arith_compare_loops.h"
#include "kernels/arith_convert_loops.h"
#include "kernels/arith_f64_loops.h"
#include "kernels/arith_i64_loops.h"
