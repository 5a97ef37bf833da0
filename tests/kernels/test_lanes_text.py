"""The text kernels equal Python's own str, int and float, with the Unicode version of the tables."""

import random
import unicodedata

import numpy

# all that are assigned, but surrogates and private ones
CHARACTERS = [chr(c) for c in range(0x110000)]
CHARACTERS = [c for c in CHARACTERS if unicodedata.category(c) not in ("Cn", "Co", "Cs")]
ALPHABET = list("aAbB zZ.'1\0\x1f\t") + list("ßẞİıΣσςΑάΰŉǰﬁﬃ\u0301\u00ad\u02b0\u0345ᾳᾼ\u2003\u3000𐐀𐐨😀")


def texts(count, longest, seed):
    rng = random.Random(seed)
    return ["".join(rng.choices(ALPHABET, k=rng.randrange(longest + 1))) for _ in range(count)]


def integers(count, seed):
    rng = random.Random(seed)
    edges = [0, 1, 2, 5, 100, 2**31, 2**63 - 1, -1, -2, -5, -100, -(2**63)]
    return numpy.array([rng.choice(edges + [rng.randint(-12, 12)]) for _ in range(count)])


def test_case_of_every_character(lanes):
    """Each on its own, and at either side of a sigma that may be final."""
    cells = ["{0} A{0}Σ {0}Σ AΣ{0} AΣ{0}B".format(c) for c in CHARACTERS]
    for kernel, change in (("cn_lower_str", str.lower), ("cn_upper_str", str.upper)):
        got, _ = lanes.call(kernel, str, cells)
        wrong = [(c, g) for c, g in zip(cells, got) if g != change(c)]
        assert not wrong, wrong[:10]


def test_case_of_texts(lanes):
    cells = texts(20_000, 24, 1)
    assert lanes.call("cn_lower_str", str, cells)[0] == [c.lower() for c in cells]
    assert lanes.call("cn_upper_str", str, cells)[0] == [c.upper() for c in cells]


def test_trim(lanes):
    cells = [f" {c}x{c}\n" for c in CHARACTERS] + texts(20_000, 6, 2)
    assert lanes.call("cn_trim_str", str, cells)[0] == [c.strip() for c in cells]


def test_length_and_substr(lanes):
    cells = texts(20_000, 12, 3)
    assert lanes.call("cn_length_str", numpy.int64, cells)[0].tolist() == list(map(len, cells))
    start, count = integers(len(cells), 4), integers(len(cells), 5)
    got, fail = lanes.call("cn_substr_str", str, cells, start, count)
    assert fail.tolist() == [int(c < 0) for c in count]
    for i, cell in enumerate(cells):
        begin = max(len(cell) + int(start[i]), 0) if start[i] < 0 else int(start[i])
        assert fail[i] or got[i] == cell[begin : begin + int(count[i])]


def test_search_and_join(lanes):
    cells, parts, others = texts(20_000, 8, 6), texts(20_000, 2, 7), texts(20_000, 3, 8)
    parts = [c[-1:] if i % 3 else p for i, (c, p) in enumerate(zip(cells, parts))]
    pairs = list(zip(cells, parts))
    for name, want in {
        "starts_with": [c.startswith(p) for c, p in pairs],
        "ends_with": [c.endswith(p) for c, p in pairs],
        "contains": [p in c for c, p in pairs],
        "lt": [c < p for c, p in pairs],
        "le": [c <= p for c, p in pairs],
        "gt": [c > p for c, p in pairs],
        "ge": [c >= p for c, p in pairs],
        "eq": [c == p for c, p in pairs],
        "ne": [c != p for c, p in pairs],
    }.items():
        got, _ = lanes.call(f"cn_{name}_str", numpy.uint8, cells, parts)
        assert got.astype(bool).tolist() == want, name
    assert lanes.call("cn_concat2_str", str, cells, parts)[0] == [c + p for c, p in pairs]
    got, _ = lanes.call("cn_replace_str", str, cells, parts, others)
    assert got == [c.replace(p, o) for (c, p), o in zip(pairs, others)]


def outcome(convert, text):
    """The value and the kernel's reason of failure; underscores and other digits are refused."""
    if "_" in text or any(c.isdecimal() and c > "9" for c in text):
        return 0, 1
    try:
        value = convert(text)
    except ValueError:
        return 0, 1
    if convert is int and not -(2**63) <= value < 2**63:
        return 0, 2
    return value, 0


def test_numbers_of_texts(lanes):
    rng = random.Random(9)
    spaces = ["", "", " ", "\t\n", "\x85", "\u3000 ", "\x1c", "\x1f"]
    middles = ["", "0", "-0", "+7", "007", "9223372036854775807", "9223372036854775808", "1_0", "x"]
    middles += ["-9223372036854775808", "-9223372036854775809", "1.5", ".5", "5.", ".", "1e3", "e3"]
    middles += ["nan", "-inf", "Infinity", "+NaN", "1e400", "1e-400", "--1", "+ 1", "1 2", "1\0", "٣"]
    middles += ["0x10", "12345678901234567890123", "infinit", "0" * 50 + "1", "1e", "1e+", "1e-5"]
    cells = [rng.choice(spaces) + m + rng.choice(spaces) for m in middles for _ in range(40)]
    for kernel, kind, convert in (("cn_to_i64_str", numpy.int64, int), ("cn_to_f64_str", float, float)):
        got, fail = lanes.call(kernel, kind, cells)
        want = [outcome(convert, c) for c in cells]
        assert fail.tolist() == [reason for _, reason in want]
        assert list(map(repr, got.tolist())) == [repr(convert(value)) for value, _ in want]


def test_texts_of_numbers(lanes):
    rng = numpy.random.default_rng(10)
    bits = rng.integers(0, 2**64, 20_000, numpy.uint64, endpoint=False)
    number = numpy.concatenate([bits.view(float), [0.0, -0.0, 1.0, 1e16, 1e-5, numpy.nan, numpy.inf]])
    assert lanes.call("cn_to_str_f64", str, number)[0] == [repr(x) for x in number.tolist()]
    integer = numpy.concatenate([bits.view(numpy.int64), [0, -1, 2**63 - 1, -(2**63)]])
    assert lanes.call("cn_to_str_i64", str, integer)[0] == [str(x) for x in integer.tolist()]
    truth = numpy.array([0, 1, 1], numpy.uint8)
    assert lanes.call("cn_to_str_bool", str, truth)[0] == ["False", "True", "True"]
