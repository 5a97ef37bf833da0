"""The number kernels equal NumPy bit for bit, on edge values against edge values and at random."""

import math

import numpy
import pytest

RANDOM = 100_000

EDGES = numpy.array(
    [0.0, 5e-324, 1e-310, 2.2250738585072014e-308, 1e-300, 1e-20, 0.1, 0.25, 0.49999999999999994]
    + [0.5, 0.75, 1.0, 1.0000000000000002, 1.5, 2.0, 2.5, 3.0, 3.5, math.pi, 7.0, 10.0, 1e5]
    + [2.0**31, 2.0**51 + 0.5, 2.0**52 - 0.5, 2.0**52, 2.0**52 + 1, 2.0**53, 2.0**53 + 2]
    + [2.0**62, 2.0**63, 1e16, 1e22, 1e100, 1e300, 1.7976931348623157e308, math.inf, math.nan]
)
EDGES = numpy.concatenate([EDGES, -EDGES])

INTEGERS = [0, 1, 2, 3, 5, 7, 10, 63, 64, 100, 2**31, 2**32, 3037000499, 3037000500, 2**53 + 1]
INTEGERS += [2**62, 2**63 - 2, 2**63 - 1]
INTEGERS = numpy.array(INTEGERS + [-i for i in INTEGERS] + [-(2**63)], numpy.int64)


def pairs(values):
    return numpy.repeat(values, len(values)), numpy.tile(values, len(values))


def floats():
    """Edge values against each other, random bits, and numbers of like size."""
    rng = numpy.random.default_rng(1)
    bits = rng.integers(0, 2**64, (2, RANDOM), numpy.uint64, endpoint=False).view(float)
    near = rng.normal(size=(2, RANDOM)) * 10.0 ** rng.integers(-3, 4, (2, RANDOM))
    whole = numpy.round(near)
    columns = zip(pairs(EDGES), bits, near, whole)
    return [numpy.concatenate(column) for column in columns]


def integers():
    rng = numpy.random.default_rng(2)
    edge_a, edge_b = pairs(INTEGERS)
    wide = rng.integers(-(2**63), 2**63 - 1, (2, 10_000), endpoint=True)
    small = rng.integers(-40, 41, (2, 10_000))
    return (
        numpy.concatenate([edge_a, wide[0], small[0], wide[0]]),
        numpy.concatenate([edge_b, wide[1], small[1], small[1]]),
    )


def assert_same_bits(got, want, *operands):
    same = (got.view(numpy.uint64) == want.view(numpy.uint64)) | (
        numpy.isnan(got) & numpy.isnan(want)
    )
    wrong = numpy.flatnonzero(~same)
    assert wrong.size == 0, [(*(x[i] for x in operands), got[i], want[i]) for i in wrong[:5]]


BINARY = {
    "add": numpy.add,
    "sub": numpy.subtract,
    "mul": numpy.multiply,
    "div": numpy.divide,
    "floordiv": numpy.floor_divide,
    "mod": numpy.remainder,
    "fmod": numpy.fmod,
    "copysign": numpy.copysign,
    "nextafter": numpy.nextafter,
}
UNARY = {
    "neg": numpy.negative,
    "pos": numpy.positive,
    "abs": numpy.abs,
    "sqrt": numpy.sqrt,
    "square": numpy.square,
    "reciprocal": numpy.reciprocal,
    "sign": numpy.sign,
    "floor": numpy.floor,
    "ceil": numpy.ceil,
    "trunc": numpy.trunc,
    "round": numpy.rint,
    "degrees": numpy.degrees,
    "radians": numpy.radians,
}


@pytest.mark.parametrize("name", BINARY)
def test_float_binary(lanes, name):
    a, b = floats()
    got, _ = lanes.call(f"cn_{name}_f64", float, a, b)
    with numpy.errstate(all="ignore"):
        assert_same_bits(got, BINARY[name](a, b), a, b)


@pytest.mark.parametrize("name", UNARY)
def test_float_unary(lanes, name):
    a, _ = floats()
    got, _ = lanes.call(f"cn_{name}_f64", float, a)
    with numpy.errstate(all="ignore"):
        assert_same_bits(got, UNARY[name](a), a)


@pytest.mark.parametrize("name", ["minimum", "maximum"])
def test_float_extremes(lanes, name):
    """NumPy's, but that -0 is less than +0."""
    a, b = floats()
    got, _ = lanes.call(f"cn_{name}_f64", float, a, b)
    want = getattr(numpy, name)(a, b)
    zeros = (a == 0) & (b == 0)
    negative = [numpy.signbit(a) | numpy.signbit(b), numpy.signbit(a) & numpy.signbit(b)]
    sign = numpy.where(negative[name == "maximum"], -0.0, 0.0)
    assert_same_bits(got, numpy.where(zeros, sign, want), a, b)


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite"])
def test_float_kinds(lanes, name):
    a, _ = floats()
    got, _ = lanes.call(f"cn_{name}_f64", numpy.uint8, a)
    assert (got == getattr(numpy, name)(a)).all()


COMPARISONS = ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]


@pytest.mark.parametrize("name, ufunc", zip(["lt", "le", "gt", "ge", "eq", "ne"], COMPARISONS))
def test_comparisons(lanes, name, ufunc):
    for kind, (a, b) in {"f64": floats(), "i64": integers()}.items():
        got, _ = lanes.call(f"cn_{name}_{kind}", numpy.uint8, a, b)
        assert (got == getattr(numpy, ufunc)(a, b)).all()


def exact(name, x, y):
    """One row in Python's integers; None: division by zero, or a shift by an impossible count."""
    if name in ("floordiv", "mod") and y == 0 or name in ("shl", "shr") and not 0 <= y <= 63:
        return None
    return {
        "add": lambda: x + y,
        "sub": lambda: x - y,
        "mul": lambda: x * y,
        "neg": lambda: -x,
        "abs": lambda: abs(x),
        "floordiv": lambda: x // y,
        "mod": lambda: x % y,
        "and": lambda: x & y,
        "or": lambda: x | y,
        "xor": lambda: x ^ y,
        "not": lambda: ~x,
        "shl": lambda: wrap(x << y),
        "shr": lambda: x >> y,
        "sign": lambda: (x > 0) - (x < 0),
        "minimum": lambda: min(x, y),
        "maximum": lambda: max(x, y),
    }[name]()


def wrap(x):
    return (x + 2**63) % 2**64 - 2**63


WRAPPING = ["add", "sub", "mul", "neg", "abs", "floordiv"]
PLAIN = ["mod", "and", "or", "xor", "not", "shl", "shr", "sign", "minimum", "maximum"]


@pytest.mark.parametrize("name", WRAPPING + PLAIN)
def test_integers(lanes, name):
    a, b = integers()
    got, fail = lanes.call(f"cn_{name}_i64", numpy.int64, a, b)
    overflow = 2 if name == "floordiv" else 1
    rows = [exact(name, int(x), int(y)) for x, y in zip(a, b)]
    reasons = [1 if r is None else 0 if wrap(r) == r else overflow for r in rows]
    assert fail.tolist() == reasons
    wrapped = [0 if r is None else wrap(r) for r in rows]
    assert got.tolist() == wrapped
    if name in WRAPPING:
        got, fail = lanes.call(f"cn_{name}_wrap_i64", numpy.int64, a, b)
        assert got.tolist() == wrapped
        assert fail.tolist() == [int(r is None) for r in rows]


def test_integer_powers(lanes):
    rng = numpy.random.default_rng(3)
    bases = numpy.concatenate([INTEGERS, numpy.arange(-20, 21)])
    exponents = numpy.array([0, 1, 2, 3, 4, 5, 7, 10, 19, 31, 39, 40, 61, 62, 63, 64, 65, 1000])
    a = numpy.concatenate([numpy.repeat(bases, len(exponents)), rng.integers(-(2**40), 2**40, 5000)])
    b = numpy.concatenate([numpy.tile(exponents, len(bases)), rng.integers(0, 5, 5000)])
    want = [int(x) ** int(y) for x, y in zip(a, b)]
    got, fail = lanes.call("cn_pow_i64", numpy.int64, a, b)
    assert fail.tolist() == [int(wrap(w) != w) for w in want]
    assert got.tolist() == [wrap(w) for w in want]
    got, fail = lanes.call("cn_pow_wrap_i64", numpy.int64, a, b)
    assert got.tolist() == [wrap(w) for w in want] and not fail.any()


def test_integer_rounding(lanes):
    a, _ = integers()
    a = numpy.concatenate([a[:5000], numpy.arange(-1000, 1001) * 5])
    for digits in [-(2**63), -30, -20, -19, -18, -17, -10, -3, -2, -1, 0, 1, 2**63 - 1]:
        b = numpy.full(len(a), digits, numpy.int64)
        got, fail = lanes.call("cn_round_digits_i64", numpy.int64, a, b)
        want = [round(int(x), max(digits, -40)) for x in a]
        assert fail.tolist() == [int(wrap(w) != w) for w in want]
        assert all(g == w for g, w, f in zip(got.tolist(), want, fail) if not f)


def python_round(x, digits):
    try:
        return round(x, digits)
    except OverflowError:
        return None


def test_float_rounding(lanes):
    a, b = floats()
    a = numpy.concatenate([EDGES, a[-2000:], b[4000:8000], numpy.arange(-500, 500) / 8, [2.675]])
    for digits in [-(2**63), -400, -308, -307, -20, -2, -1, 0, 1, 2, 3, 15, 17, 308, 324, 400]:
        got, fail = lanes.call("cn_round_digits_f64", float, a, numpy.full(len(a), digits))
        want = [python_round(x, max(digits, -1000)) for x in a.tolist()]
        assert fail.tolist() == [int(w is None) for w in want]
        fits = fail == 0
        want = numpy.array([w for w in want if w is not None])
        assert_same_bits(got[fits], want, a[fits])


def test_conversions(lanes):
    integer, _ = integers()
    got, _ = lanes.call("cn_to_f64_i64", float, integer)
    assert_same_bits(got, integer.astype(float))
    number, _ = floats()
    number = numpy.concatenate([number, [2.0**63 - 1024, -(2.0**63) - 2048, -(2.0**63), 0.9, -0.9]])
    got, fail = lanes.call("cn_to_i64_f64", numpy.int64, number)
    fits = numpy.array([math.isfinite(x) and -(2**63) <= int(x) < 2**63 for x in number])
    assert (fail == ~fits).all()
    assert got[fits].tolist() == [int(x) for x in number[fits]]
    for kind, values in {"f64": number, "i64": integer}.items():
        got, _ = lanes.call(f"cn_to_bool_{kind}", numpy.uint8, values)
        assert (got == (values != 0)).all()
