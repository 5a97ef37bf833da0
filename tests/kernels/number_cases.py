"""Numbers and texts that are hard to convert, for prove_numbers.py.

Families of doubles and integers are functions of a NumPy generator and a count. What is hard by
construction comes from continued fractions: multiples of 2**e / 10**k that come as near to an
integer as any (as in Paxson, "A program for testing IEEE decimal-binary conversion", 1991, whose
table is here as well).
"""

import math
from fractions import Fraction

import numpy

# Decimals next to the middle between two doubles, and doubles next to the middle of two decimals.
PAXSON_TEXTS = """
5e125 69e267 999e-26 7861e-34 75569e-254 928609e-261 9210917e80 84863171e114 653777767e273
5232604057e-298 27235667517e-109 653532977297e-123 3142213164987e-294 46202199371337e-72
231010996856685e-73 9324754620109615e212 78459735791271921e49 272104041512242479e200
6802601037806061975e198 20505426358836677347e-221 836168422905420598437e-234
4891559871276714924261e222 9e-265 85e-37 623e100 3571e263 81661e153 920657e-23 4603285e-24
87575437e-309 245540327e122 6138508175e120 83356057653e193 619534293513e124 2335141086879e218
36167929443327e-159 609610927149051e-255 3743626360493413e-165 94080055902682397e-242
899810892172646163e283 7120190517612959703e120 25188282901709339043e-252
308984926168550152811e-52 6372891218502368041059e64
""".split()
PAXSON_DOUBLES = [
    (8511030020275656, -342), (5201988407066741, -824), (6406892948269899, 237),
    (8431154198732492, 72), (6475049196144587, 99), (8274307542972842, 726),
    (5381065484265332, -456), (6761728585499734, -1057), (7976538478610756, 376),
    (5982403858958067, 377), (5536995190630837, 93), (7225450889282194, 710),
    (7225450889282194, 709), (8703372741147379, 117), (8944262675275217, -1001),
    (7459803696087692, -707), (6080469016670379, -381), (8385515147034757, 721),
    (7514216811389786, -319), (8397297803260511, -379), (6733459239310543, 202),
    (8091450587292794, -473), (6567258882077402, 952), (6712731423444934, 535),
    (6712731423444934, 534), (5298405411573037, -957), (5137311167659507, -144),
    (6722280709661868, 363), (5344436398034927, -169), (8369123604277281, -853),
    (8995822108487663, -780), (8942832835564782, -383), (8942832835564782, -384),
    (8942832835564782, -385), (6965949469487146, -249), (6965949469487146, -250),
    (6965949469487146, -251), (7487252720986826, 548), (5592117679628511, 164),
    (8887055249355788, 665), (6994187472632449, 690), (8797576579012143, 588),
    (7363326733505337, 272), (8549497411294502, -448),
]  # fmt: skip


def floats_of(bits):
    return numpy.asarray(bits, numpy.uint64).view(numpy.float64)


def random_bits(rng, n):
    return floats_of(rng.integers(0, 2**64, n, numpy.uint64, endpoint=False))


def normals(rng, n):
    return rng.normal(size=n)


def short_decimals(rng, n):
    digits = rng.integers(0, 10 ** rng.integers(1, 10, n))
    return digits / 10.0 ** rng.integers(0, 7, n) * rng.choice([1, -1], n)


def seventeen_digits(rng, n):
    digits = rng.integers(10**16, 10**17, n).tolist()
    exponents = rng.integers(-340, 292, n).tolist()
    return numpy.array([float(f"{d}e{e}") for d, e in zip(digits, exponents)])


def whole_numbers(rng, n):
    return (rng.integers(0, 2**63, n) >> rng.integers(0, 63, n)).astype(float)


def near_2_53(rng, n):
    return 2.0**53 + rng.integers(-(10**6), 10**6, n)


def quarters(rng, n):
    """Exact middles between two decimals of 17 digits are among them."""
    return rng.integers(0, 2**53, n) / 2.0 ** rng.integers(1, 8, n)


def subnormals(rng, n):
    return floats_of(rng.integers(0, 2**52, n, numpy.uint64) >> rng.integers(0, 52, n, numpy.uint64))


def few_bits(rng, n):
    bits = rng.integers(0, 2047, n, numpy.uint64) << numpy.uint64(52)
    for _ in range(3):
        bits |= numpy.uint64(1) << rng.integers(0, 52, n, numpy.uint64)
    return floats_of(bits)


DOUBLES = [random_bits, normals, short_decimals, seventeen_digits, whole_numbers, near_2_53]
DOUBLES += [quarters, subnormals, few_bits]


def any_length(rng, n):
    return rng.integers(-(2**63), 2**63, n) >> rng.integers(0, 63, n)


def nineteen_digits(rng, n):
    return rng.integers(-(2**63), 2**63, n)


INTEGERS = [any_length, nineteen_digits]


def edge_integers():
    near = [base**i + d for base in (2, 10) for i in range(64) for d in (-1, 0, 1)]
    near += [s * (2**63 - i) for i in range(3) for s in (1, -1)] + [-(2**63)] + list(range(12000))
    near += [-i for i in near]
    return numpy.array([i for i in near if -(2**63) <= i < 2**63], numpy.int64)


def boundaries():
    """Zero, infinities, NaN, and the doubles around every power of two and of ten."""
    bits = [(e << 52) + d for e in range(2048) for d in range(-4, 5)]
    tens = numpy.array([float(f"{d}e{e}") for e in range(-324, 309) for d in range(1, 10)])
    bits += [int(b) + d for b in tens.view(numpy.uint64) for d in range(-3, 4)]
    bits += list(range(3000))
    bits = numpy.array([b for b in bits if 0 <= b < 2**63], numpy.uint64)
    table = [float(text) for text in PAXSON_TEXTS] + [math.ldexp(m, e) for m, e in PAXSON_DOUBLES]
    return numpy.concatenate([floats_of(bits), -floats_of(bits), table])


def denominators(x, most):
    """Of the convergents of x: their multiples come nearest to integers."""
    a, b = x.numerator, x.denominator
    before, now = 1, 0
    while b:
        quotient, rest = divmod(a, b)
        before, now = now, quotient * now + before
        if now > most:
            return
        yield now
        a, b = b, rest


def near_misses(exponents):
    """Doubles whose decimals, or whose halfway points to their neighbours, are nearly multiples of
    the last digit's half: there rounding is hardest to decide."""
    found = []
    for e in exponents:
        k = math.floor(e * math.log10(2) + 1e-9)
        unit = Fraction(2) ** e / Fraction(10) ** k
        for scale, step in ((unit, 1), (2 * unit, 1), (unit / 10, 1), (unit / 20, 2)):
            for q in list(denominators(scale, 2**54))[-12:]:
                for most in (2**53 * step - 1, 3 * 2**51 * step, 2**52 * step + q):
                    # n is the significand, or twice as much and one more: of the halfway point
                    n = most // q * q
                    found += [(n // step + d) * 2.0**e for d in (-1, 0, 1)]
    return numpy.array([x for x in found if math.isfinite(x)])


def halfway_texts(values):
    """The exact decimals between neighbours, cut, and a little to either side."""
    for value in values:
        bits = int(numpy.float64(abs(value)).view(numpy.uint64))
        exponent, fraction = bits >> 52, bits & (2**52 - 1)
        n = 2 * (fraction | (2**52 if exponent else 0)) + 1
        e = max(exponent, 1) - 1076
        digits, power = (n << e, 0) if e >= 0 else (n * 5**-e, e)
        for d in (-1, 0, 1):
            yield f"{digits + d}e{power}"
        yield f"{digits}{'0' * 30}1e{power - 31}"
        text = str(digits)
        yield f"{text[0]}.{text[1:19]}e{power + len(text) - 1}"
        yield f"-{text[:17]}.{text[17:]}e{power + len(text) - 17}"


def random_texts(rng, n):
    for _ in range(n):
        digits = "".join(map(str, rng.integers(0, 10, rng.integers(1, 40))))
        point = rng.integers(0, len(digits) + 1)
        text = digits[:point] + "." + digits[point:] if rng.integers(3) else digits
        exponents = ["", f"e{rng.integers(-30, 30)}", f"E{rng.integers(-360, 330):+d}"]
        yield rng.choice(["", "-", "+"]) + text + exponents[rng.integers(3)]
