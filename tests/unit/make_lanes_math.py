#!/usr/bin/env python3
"""Writes lanes_math_golden.h: values of the functions to over 100 bits, by mpmath.

Usage: make_lanes_math.py > lanes_math_golden.h
"""

import math

from mpmath import mp, mpf

mp.prec = 2400  # so that no cancellation or argument reduction matters

TINY, SMALLEST, LARGEST = 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308
# SLEEF's own pow gives an infinity here
NEAR_OVERFLOW = float.fromhex("0x1.05ceca1f35e86p+0"), float.fromhex("0x1.ee5fee97d1c8ap+14")
SPREAD = [TINY, -3e-310, SMALLEST, 1e-20, -1e-8, 0.1, -0.7, 1.0, -2.5, 19.5]
POSITIVE = [TINY, 3e-310, SMALLEST, 1e-20, 0.1, 0.9999999, 1.0000001, 2.5, 1e10, 1e300, LARGEST]
ANGLES = [TINY, -1e-310, 1e-8, 0.5, -0.785, 1.5707963267948966, 3.141592653589793, 1e5, -1e15]
ANGLES += [1e22, 6381956970095103.0 * 2.0**797, LARGEST, 3.0 * 2.0**1000]
UNIT = [TINY, -1e-310, 1e-20, 1e-8, -0.3, 0.5, 0.75, -0.9, 0.9999999999999999]
GROWING = SPREAD + [36.5, -40.0, 700.0, 709.5, 709.78, -709.7]
SIZES = [TINY, -1e-310, 1e-20, 1e-8, -0.3, 1.0, 30.0, -1e8, 1e154, -1e155, 1e300, LARGEST]

UNARY = {
    "cbrt": (SPREAD + [1e300, -LARGEST], lambda x: mp.sign(x) * mp.cbrt(abs(x))),
    "exp": (GROWING + [709.7827112, 709.782712893384, -708.5, -730.25, -745.13], mp.exp),
    "expm1": (GROWING, mp.expm1),
    "log": (POSITIVE, mp.log),
    "log2": (POSITIVE, lambda x: mp.log(x) / mp.log(2)),
    "log10": (POSITIVE, lambda x: mp.log(x) / mp.log(10)),
    "log1p": (POSITIVE + [-TINY, -1e-17, -0.3, -0.9999999999999999], mp.log1p),
    "sin": (ANGLES, mp.sin),
    "cos": (ANGLES, mp.cos),
    "tan": (ANGLES, mp.tan),
    "arcsin": (UNIT + [1.0, -1.0], mp.asin),
    "arccos": (UNIT + [-1.0], mp.acos),
    "arctan": (SIZES, mp.atan),
    "sinh": (GROWING + [709.7827129, 710.4, -710.4758600739439], mp.sinh),
    "cosh": (GROWING + [709.7827129, 710.4, -710.4758600739439], mp.cosh),
    "tanh": (GROWING, mp.tanh),
    "arcsinh": (SIZES, mp.asinh),
    "arccosh": ([1.0000000000000002, 1.1, 2.0, 1e8, 1e154, 1e155, 1e300, LARGEST], mp.acosh),
    "arctanh": (UNIT, mp.atanh),
    "degrees": (SPREAD + [1e300], lambda x: x * 180 / mp.pi),
    "radians": (SPREAD + [LARGEST], lambda x: x * mp.pi / 180),
}
BINARY = {
    "pow": (
        [(2.5, 3.5), (0.1, 300.0), (1.0000000000000002, 3.19e18), (-3.0, 5.0), (-3.0, -4.0)]
        + [(TINY, 0.3), (TINY, -0.95), (LARGEST, 0.5), (0.9999999999999999, -6.39e18)]
        + [(10.0, 308.25), NEAR_OVERFLOW, (2.0, -1073.5), (7.5, -366.0)],
        mp.power,
    ),
    "arctan2": (
        [(1.0, 2.0), (-1.0, 2.0), (1.0, -2.0), (-1e300, -1e-300), (TINY, TINY), (1e-310, 3e-309)]
        + [(3e-309, 1.178), (-TINY, 2.0), (LARGEST, LARGEST), (1e-200, -1e200), (1e-9, 1.0)],
        mp.atan2,
    ),
    "hypot": (
        [(3.0, 4.0), (1.0, 1e-9), (TINY, TINY), (1.4e-308, 6e-309), (1e-200, 1e-201)]
        + [(1e200, -1e200), (1.2e308, 1.2e308), (LARGEST, 1e280), (-0.1, 0.7), (1e-310, 1.0)],
        mp.hypot,
    ),
}


def row(name, x, y, exact):
    high = float(exact)
    assert math.isfinite(high), (name, x, y)
    rest = float((exact - mpf(high)) / mpf(math.ulp(high)))
    numbers = ", ".join(float.hex(v) for v in (x, y, high))
    print('    {"%s", cn_%s_f64, %s, %.4f},' % (name, name, numbers, rest))


def main():
    print("/* lanes_math_golden.h: written by make_lanes_math.py with mpmath; do not edit. */")
    print("/* clang-format off */")
    print("static const struct golden goldens[] = {")
    for name, (points, function) in UNARY.items():
        for x in points:
            row(name, x, 0.0, function(mpf(x)))
    for name, (points, function) in BINARY.items():
        for x, y in points:
            row(name, x, y, function(mpf(x), mpf(y)))
    print("};")


if __name__ == "__main__":
    main()
