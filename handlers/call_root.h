/*
 * call_root.h: the steps x = (x + y) ** 0.5 of long_comp on floats, to the bit as CPython makes
 * them, which calls the C library's pow(), but at the speed of sqrt.
 *
 * Why sqrt may stand for pow here. Let r be the exact root of v and s = sqrt(v), correctly rounded.
 * glibc states for pow(v, 0.5) an error below 0.527 ulp (sysdeps/ieee754/dbl-64/e_pow.c: 0.511 ulp
 * of its exponential, and 512 ln 2 * 1.5 * 2^-68 * 2^53 = 0.016 ulp of its logarithm), which is
 * half an ulp of the last rounding and 0.027 before it. So pow gives s as well unless r lies within
 * 0.027 ulp of the middle between s and a neighbour. With e = v - s * s = (r - s)(r + s), which is
 * 2 s (r - s) up to a factor 1 + 2^-53, that middle is at |e| = s ulp(s). Where |e| exceeds 15/16
 * of it (r within 1/32 = 0.03125 ulp of the middle), pow is asked; that is one step of sixteen.
 *
 * e is exact enough: s is split into a head of 26 bits and the rest, so that all but the square of
 * the rest (relative size 2^-52, rounded at 2^-105) is computed without an error.
 */
#ifndef CN_HANDLERS_CALL_ROOT_H
#define CN_HANDLERS_CALL_ROOT_H

#include <stdbool.h>
#include <stdint.h>

/* v ** 0.5 for a positive, finite v. */
double cn_root(double v);

/* Whether x % 2 == 0, as Python has it for floats. */
bool cn_root_even(double x);

/* Takes at most n steps from *x, which is not even; *x + y is positive. Stops at once when x
 * becomes even. Returns the number of steps. y + n is at most 2^53. */
uint64_t cn_root_steps(double *x, uint64_t y, uint64_t n);

#endif
