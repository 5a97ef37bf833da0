"""Text to double to text, as Python's: published cases and a million random bit patterns."""
import math
import pathlib
import random
import re
import struct

import numpy as np
import pytest

SOURCES = [pathlib.Path("/usr/lib/python3.11/test/formatfloat_testcases.txt")]
PATTERNS = 1_000_000


def cases():
    found = [path for path in SOURCES if path.exists()]
    if not found:
        pytest.skip("formatfloat_testcases.txt is not installed (libpython3.11-testsuite)")
    texts = set()
    for line in found[0].read_text().splitlines():
        if line.startswith("%") and "->" in line:
            _, value, _, formatted = re.match(r"(\S+)\s+(\S+)\s+(->)\s+(\S+)", line).groups()
            texts.update({value, formatted})
    return sorted(texts)


def doubles(count, seed):
    """Finite doubles of random bits."""
    bits = np.random.default_rng(seed).integers(0, 2**64, size=count, dtype=np.uint64)
    values = bits.view(np.float64)
    return values[np.isfinite(values)]


def same(got, want):
    """Two lists of texts, compared with a short account of what differs."""
    if got != want:
        differing = [(g, w) for g, w in zip(got, want) if g != w]
        raise AssertionError(f"{len(got)} and {len(want)} texts; {len(differing)} differ: {differing[:20]}")


def through_csv(server, texts, **options):
    reply = server.post_csv("x\n" + "\n".join(texts) + "\n",
                            {"let": "y=+x", "select": "computed", "types": "x:float64", **options})
    assert reply.status == 200, reply
    return reply.text.split("\n")[1:-1]


def through_json(server, texts):
    body = '{"columns": {"x": [' + ",".join(texts) + ']}, "types": {"x": "float64"}, "let": {"y": "+x"}}'
    reply = server.post_json(body)
    assert reply.status == 200, reply
    inside = re.search(rb'"columns":\s*\{"y":\s*\[([^\]]*)\]', reply.body)[1]
    return inside.decode().replace(" ", "").split(",")


def test_published_cases(server):
    texts = [t for t in cases() if re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][-+]?\d+)?", t)]
    assert len(texts) > 200
    want = [repr(float(t)) for t in texts]
    same(through_csv(server, texts), want)
    finite = [t for t in texts if math.isfinite(float(t))]
    same(through_json(server, finite), [repr(float(t)) for t in finite])


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_million_random_patterns_in_csv(server, executor):
    values = doubles(PATTERNS // 2, seed=len(executor))
    want = [repr(v) for v in values.tolist()]
    same(through_csv(server, want, executor=executor), want)


def test_half_a_million_random_patterns_in_json(server):
    values = doubles(PATTERNS // 2, seed=3)
    want = [repr(v) for v in values.tolist()]
    same(through_json(server, want), want)


def test_long_texts(server):
    """More digits than needed, between two doubles, and at exact halves."""
    draw = random.Random(5)
    texts = []
    for value in doubles(3000, seed=9).tolist():
        low, high = sorted((value, math.nextafter(value, math.inf)))
        form = draw.choice(["%.17g", "%.25g", "%.40e", "%.17e", "%.770e"])
        texts.append(form % value)
        if math.isfinite(high) and abs(high) < 1e300:
            from fractions import Fraction
            half = (Fraction(low) + Fraction(high)) / 2
            if abs(half) > Fraction(1, 10**40):
                digits = draw.choice([30, 200])
                scaled = round(half * 10**digits)
                sign, body = ("-", -scaled) if scaled < 0 else ("", scaled)
                whole = str(body).rjust(digits + 1, "0")
                texts.append(f"{sign}{whole[:-digits]}.{whole[-digits:]}")
    want = [repr(float(t)) for t in texts]
    same(through_csv(server, texts), want)
    finite = [t for t in texts if math.isfinite(float(t))]
    same(through_json(server, finite), [repr(float(t)) for t in finite])


def test_denormals_and_powers(server):
    values = [struct.unpack("<d", struct.pack("<Q", n))[0] for n in
              [*range(1, 400), *(1 << k for k in range(63)), *((1 << k) - 1 for k in range(1, 62))]]
    values += [2.0**k for k in range(-1074, 1024)] + [float(f"1e{k}") for k in range(-323, 309)]
    values += [math.nextafter(float(f"1e{k}"), 0) for k in range(-320, 309)]
    values = [v for v in values if math.isfinite(v)] + [-0.0]
    want = [repr(v) for v in values]
    same(through_csv(server, want), want)
    same(through_json(server, want), want)


def test_integers(server):
    draw = random.Random(11)
    ints = [draw.randint(-2**63, 2**63 - 1) >> draw.randint(0, 63) for _ in range(50_000)]
    ints += [2**63 - 1, -2**63, 0, *(10**k for k in range(19)), *(10**k - 1 for k in range(19))]
    texts = [str(i) for i in ints]
    reply = server.post_csv("x\n" + "\n".join(texts) + "\n", {"let": "y=+x", "select": "computed"})
    same(reply.text.split("\n")[1:-1], texts)
    assert server.value("+x", {"x": ints}) == ints
