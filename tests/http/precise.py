"""High-precision oracles for the functions that need not equal NumPy bit for bit.

Each lies within 1.5 ulp of the exact value; at zeros, infinities and NaN the value is NumPy's.
"""
import math
import struct

import mpmath
import numpy as np

mpmath.mp.prec = 240
TOLERANCE = mpmath.mpf(3) / 2

UNARY = {
    "cbrt": (np.cbrt, lambda x: mpmath.sign(x) * mpmath.root(abs(x), 3)),
    "exp": (np.exp, mpmath.exp), "expm1": (np.expm1, mpmath.expm1),
    "log": (np.log, mpmath.log), "log2": (np.log2, lambda x: mpmath.log(x) / mpmath.log(2)),
    "log10": (np.log10, lambda x: mpmath.log(x) / mpmath.log(10)),
    "log1p": (np.log1p, mpmath.log1p), "sin": (np.sin, mpmath.sin), "cos": (np.cos, mpmath.cos),
    "tan": (np.tan, mpmath.tan), "arcsin": (np.arcsin, mpmath.asin),
    "arccos": (np.arccos, mpmath.acos), "arctan": (np.arctan, mpmath.atan),
    "sinh": (np.sinh, mpmath.sinh), "cosh": (np.cosh, mpmath.cosh),
    "tanh": (np.tanh, mpmath.tanh), "arcsinh": (np.arcsinh, mpmath.asinh),
    "arccosh": (np.arccosh, mpmath.acosh), "arctanh": (np.arctanh, mpmath.atanh),
    "degrees": (np.degrees, lambda x: x * 180 / mpmath.pi),
    "radians": (np.radians, lambda x: x * mpmath.pi / 180),
}
BINARY = {
    "arctan2": (np.arctan2, mpmath.atan2), "hypot": (np.hypot, mpmath.hypot),
    "pow": (np.float_power, mpmath.power),
}
FUNCTIONS = {**UNARY, **BINARY}
HUGE = mpmath.mpf(2) ** 1024


class Near:
    """A value that is right within 1.5 ulp of `exact`."""

    def __init__(self, exact, text):
        self.exact = exact
        self.text = text

    def __repr__(self):
        return f"about {mpmath.nstr(self.exact, 25)} ({self.text})"

    def error(self, got):
        """Distance of a double in ulps of the exact value."""
        if self.exact == 0:
            return mpmath.mpf(0) if got == 0 else mpmath.inf
        exponent = max(int(mpmath.floor(mpmath.log(abs(self.exact), 2))), -1022) - 52
        ulp = mpmath.ldexp(mpmath.mpf(1), min(exponent, 971))
        if math.isnan(got):
            return mpmath.inf
        if math.isinf(got):  # as if the range went on
            got = mpmath.sign(got) * HUGE
        return abs(mpmath.mpf(got) - self.exact) / ulp

    def accepts(self, got):
        if abs(self.exact) >= HUGE:  # beyond the range
            return abs(got) == math.inf and (got > 0) == (self.exact > 0) or \
                self.error(got) <= TOLERANCE
        return self.error(got) <= TOLERANCE


def special(x):
    return x == 0 or math.isinf(x) or math.isnan(x)


def evaluate(name, arguments):
    """What a function may give for these doubles: a float to be met exactly, or a Near."""
    numpy_function, exact_function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        plain = float(numpy_function(*map(np.float64, arguments)))
    if any(special(x) for x in arguments) or math.isnan(plain):
        return plain
    if math.isinf(plain) and name in ("arctanh", "log1p"):  # poles
        return plain
    text = f"{name}({', '.join(map(repr, arguments))})"
    if abs(arguments[0]) > 1e6 and name in ("exp", "expm1", "sinh", "cosh") or \
            name == "pow" and abs(plain) in (0, math.inf):
        return plain
    if abs(arguments[0]) > 1e6 and name == "tanh":
        return Near(mpmath.sign(arguments[0]), text)
    exact = exact_function(*map(mpmath.mpf, arguments))
    return Near(mpmath.re(exact), text)


def same_bits(x, y):
    if math.isnan(x) and math.isnan(y):
        return True
    return struct.pack("<d", x) == struct.pack("<d", y)
