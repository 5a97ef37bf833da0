#include "handlers/call_root.h"

#include <math.h>
#include <string.h>

#define NEAR_TIE (0.9375 * 0x1p-52)
#define REST_BITS UINT64_C(0x7ffffff)
#define EXPONENT_BITS UINT64_C(0x7ff0000000000000)

/* Compilers may know pow(v, 0.5) as sqrt(v), which it is not. */
static double ask_pow(double v) {
    volatile double half = 0.5;
    return pow(v, half);
}

static inline double with_bits(double s, uint64_t mask) {
    uint64_t bits;
    memcpy(&bits, &s, sizeof bits);
    bits &= mask;
    memcpy(&s, &bits, sizeof s);
    return s;
}

/* The root may be near the middle between two doubles. The exponent alone of s is 2^52 ulps. */
static inline bool is_near_tie(double v, double s) {
    double head = with_bits(s, ~REST_BITS), rest = s - head;
    double e = ((v - head * head) - 2 * head * rest) - rest * rest;
    return fabs(e) > NEAR_TIE * s * with_bits(s, EXPONENT_BITS);
}

double cn_root(double v) {
    /* Where squares leave the range of normal numbers, the estimate above does not hold. */
    if (v < 0x1p-900 || v > 0x1p1000)
        return ask_pow(v);
    double s = sqrt(v);
    return is_near_tie(v, s) ? ask_pow(v) : s;
}

/* From 2^53 on all doubles are even; below, adding 2^53 rounds to an even number. */
static inline bool is_even(double x) {
    return (x + 0x1p53) - 0x1p53 == x;
}

bool cn_root_even(double x) {
    double size = fabs(x);
    return size >= 0x1p53 || is_even(size);
}

static uint64_t step_by_step(double *x, uint64_t y, uint64_t n) {
    double at = *x, count = (double)y;
    uint64_t steps = 0;
    while (steps < n) {
        at = cn_root(at + count);
        count += 1;
        steps++;
        if (__builtin_expect(cn_root_even(at), 0))
            break;
    }
    *x = at;
    return steps;
}

/*
 * A step takes as long as an addition and a root, one after the other, while the machine could work
 * on several roots at once. But a step brings two values as near as 1/(2 x) of their distance, so
 * that after some steps the result is the same to the last bit, whatever x was before. So stretches
 * of the loop are done side by side, each beginning with a guess from some steps before it. In the
 * end every stretch must have ended in exactly the bits that the next one began with: then these
 * are the steps that one after the other would have been. If they do not meet, or something rare
 * came by (an even x), all of it is done step by step.
 */
#define STRETCH 4096
#define APPROACH 32
#define LEAST_Y 1024 /* a step divides distances by 64 there */
#define MOST_Y UINT64_C(0x1000000000000)

#ifdef __SSE2__
#include <emmintrin.h>

#define PAIRS 4
#define LANES ((uint64_t)(2 * PAIRS))

/* The fixed point of x = (x + y) ** 0.5, some steps earlier, and those steps. */
static double approach(double y) {
    double at = 0.5 + sqrt(y - APPROACH + 0.25);
    for (int i = APPROACH; i > 0; i--)
        at = cn_root(at + (y - i));
    return at;
}

/* One step of two lanes. The bits of the result say which are near a tie or even. */
static inline int step_pair(__m128d *x, __m128d y, __m128d *v) {
    const __m128d far = _mm_set1_pd(0x1p53);
    __m128d mask = _mm_castsi128_pd(_mm_set1_epi64x((long long)~REST_BITS));
    __m128d exponent = _mm_castsi128_pd(_mm_set1_epi64x((long long)EXPONENT_BITS));
    *v = _mm_add_pd(*x, y);
    __m128d s = _mm_sqrt_pd(*v);
    __m128d head = _mm_and_pd(s, mask), rest = _mm_sub_pd(s, head);
    __m128d cross = _mm_mul_pd(_mm_add_pd(head, head), rest);
    __m128d e = _mm_sub_pd(_mm_sub_pd(*v, _mm_mul_pd(head, head)), cross);
    e = _mm_andnot_pd(_mm_set1_pd(-0.0), _mm_sub_pd(e, _mm_mul_pd(rest, rest)));
    __m128d tie = _mm_mul_pd(_mm_mul_pd(_mm_set1_pd(NEAR_TIE), s), _mm_and_pd(s, exponent));
    __m128d even = _mm_cmpeq_pd(_mm_sub_pd(_mm_add_pd(s, far), far), s);
    *x = s;
    return _mm_movemask_pd(_mm_or_pd(_mm_cmpgt_pd(e, tie), even));
}

/* False: an even x. */
static bool settle(__m128d *x, __m128d v, int lane) {
    double roots[2], sums[2];
    _mm_storeu_pd(roots, *x);
    _mm_storeu_pd(sums, v);
    double exact = ask_pow(sums[lane]);
    if (cn_root_even(roots[lane]) || cn_root_even(exact))
        return false;
    if (exact != roots[lane]) { /* rarely; otherwise the next step need not wait for pow */
        roots[lane] = exact;
        *x = _mm_loadu_pd(roots);
    }
    return true;
}

/* LANES * STRETCH steps. False: nothing is done. */
static bool side_by_side(double *x, uint64_t y) {
    double starts[2 * PAIRS], ends[2 * PAIRS];
    __m128d at[PAIRS], count[PAIRS], sums[PAIRS];
    const __m128d one = _mm_set1_pd(1.0);
    starts[0] = *x;
    for (uint64_t i = 1; i < LANES; i++)
        starts[i] = approach((double)(y + i * STRETCH));
    for (uint64_t i = 0; i < PAIRS; i++) {
        at[i] = _mm_loadu_pd(starts + 2 * i);
        count[i] = _mm_set_pd((double)(y + (2 * i + 1) * STRETCH), (double)(y + 2 * i * STRETCH));
    }
    for (int step = 0; step < STRETCH; step++) {
        unsigned marks = 0;
        for (int i = 0; i < PAIRS; i++) {
            marks |= (unsigned)step_pair(&at[i], count[i], &sums[i]) << (2 * i);
            count[i] = _mm_add_pd(count[i], one);
        }
        while (marks) {
            int lane = __builtin_ctz(marks);
            marks &= marks - 1;
            if (!settle(&at[lane / 2], sums[lane / 2], lane % 2))
                return false;
        }
    }
    for (int i = 0; i < PAIRS; i++)
        _mm_storeu_pd(ends + 2 * i, at[i]);
    for (uint64_t i = 1; i < LANES; i++)
        if (ends[i - 1] != starts[i])
            return false;
    *x = ends[LANES - 1];
    return true;
}
#else
#define LANES ((uint64_t)1)
static bool side_by_side(double *x, uint64_t y) {
    (void)x;
    (void)y;
    return false;
}
#endif

uint64_t cn_root_steps(double *x, uint64_t y, uint64_t n) {
    uint64_t done = 0;
    while (done < n) {
        uint64_t at = y + done, left = n - done;
        uint64_t some = LANES * STRETCH;
        if (at < LEAST_Y) {
            some = LEAST_Y - at;
        } else if (left >= some && at < MOST_Y && *x < 0x1p26 && side_by_side(x, at)) {
            done += some;
            continue;
        }
        some = some < left ? some : left;
        uint64_t steps = step_by_step(x, at, some);
        done += steps;
        if (steps < some || cn_root_even(*x))
            break;
    }
    return done;
}
