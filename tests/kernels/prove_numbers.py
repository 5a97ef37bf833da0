#!/usr/bin/env python3
"""Compares numbers to text and back with CPython, to the byte and to the bit, at every CPU level.

    prove_numbers.py [--count 10000000] [--seed 1]

count: random values of each of the larger families. What is hard is in number_cases.py.
"""

import argparse
import ctypes
import multiprocessing
import sys
import time

import numpy

import number_cases as cases
from lanes_library import build

BLOCK = 50_000
WIDTH = {numpy.float64: 32, numpy.int64: 24}
NAME = {numpy.float64: "doubles", numpy.int64: "int64s"}
library = None


def start():
    global library
    library = build()
    for name in ("prove_doubles_parse", "prove_int64s_parse"):
        getattr(library, name).restype = ctypes.c_size_t


def levels():
    """Uses each level in turn."""
    for level in range(library.cn_cpu_best() + 1):
        library.cn_cpu_use(level)
        yield level


def address(array):
    return ctypes.c_void_p(array.ctypes.data)


def formatted(function, values):
    """The texts, a newline behind each."""
    n = len(values)
    out = numpy.full((n, WIDTH[values.dtype.type]), ord("#"), numpy.uint8)
    lengths = numpy.zeros(n, numpy.uint8)
    getattr(library, function)(address(values), ctypes.c_size_t(n), address(out), address(lengths))
    out[numpy.arange(n), lengths] = ord("\n")
    return out[numpy.arange(out.shape[1]) <= lengths[:, None]].tobytes()


def differences(what, got, want, shown):
    """Messages about elements of two lists that are not equal."""
    wrong = [i for i in range(len(want)) if got[i] != want[i]]
    return [f"{what}: {shown[i]!r} gave {got[i]!r}, not {want[i]!r}" for i in wrong[:3]]


def check_format(values):
    """Texts from numbers, and these texts back."""
    listed = values.tolist()
    texts = list(map(repr, listed))
    want = ("\n".join(texts) + "\n").encode()
    kind = NAME[values.dtype.type]
    failures = []
    for level in levels():
        for function in (f"cn_{kind}_format", f"prove_{kind}_format"):
            got = formatted(function, values)
            if got != want:
                lines = got.decode("latin-1").split("\n")
                shown = [x.hex() if isinstance(x, float) else x for x in listed]
                failures += differences(f"{function} at level {level}", lines, texts, shown)
    return failures + check_parse(texts, values)


def check_parse(texts, want):
    blob = ("\n".join(texts) + "\n").encode()
    offsets = numpy.zeros(len(texts) + 1, numpy.int64)
    numpy.cumsum([len(text) + 1 for text in texts], out=offsets[1:])
    function = f"prove_{NAME[want.dtype.type]}_parse"
    failures = []
    for level in levels():
        got = numpy.empty_like(want)
        n = ctypes.c_size_t(len(texts))
        read = getattr(library, function)(blob, address(offsets), n, address(got))
        if read != len(texts):
            failures.append(f"{function} at level {level}: {len(texts) - read} texts refused")
        same = got.view(numpy.uint64) == want.view(numpy.uint64)
        if want.dtype == numpy.float64:
            same |= numpy.isnan(got) & numpy.isnan(want)
        for i in numpy.flatnonzero(~same)[:3]:
            failures.append(f"{function} at level {level}: {texts[i]} gave {got[i]!r}, not {want[i]!r}")
    return failures


def check_texts(texts):
    texts = list(texts)
    return check_parse(texts, numpy.array([float(text) for text in texts])), len(texts)


def run(task):
    """One task: (family, seed, count, arguments); returns family, count and failures."""
    family, seed, n, argument = task
    rng = numpy.random.default_rng(seed)
    if family == "near misses":
        values = cases.near_misses(argument)
    elif family == "boundaries":
        values = cases.boundaries()
    elif family == "edge integers":
        values = cases.edge_integers()
    elif family == "halfway texts":
        failures, n = check_texts(cases.halfway_texts(cases.random_bits(rng, n)))
        return family, n, failures
    elif family == "random texts":
        failures, n = check_texts([*cases.random_texts(rng, n), *cases.PAXSON_TEXTS])
        return family, n, failures
    else:
        values = getattr(cases, family)(rng, n)
    return family, len(values), check_format(values)


def tasks(count, seed):
    """The tasks of a proof with `count` random patterns of bits; other families are smaller."""
    every = max(1, 10_000_000 // count)
    for first in range(0, 16):
        yield "near misses", 0, 0, range(-1074 + first, 972, 16 * min(every, 4))
    yield "boundaries", 0, 0, None
    yield "edge integers", 0, 0, None
    shares = [(family.__name__, count // 10) for family in cases.DOUBLES + cases.INTEGERS]
    shares[0] = (shares[0][0], count)
    shares += [("halfway texts", count // 1000), ("random texts", count // 100)]
    for family, total in shares:
        for first in range(0, total, BLOCK):
            seed += 1
            yield family, seed, min(BLOCK, total - first), None


def prove(count, seed, processes):
    """Returns how many values each family had, and what was wrong."""
    counts, failures = {}, []
    build()
    context = multiprocessing.get_context("fork")
    with context.Pool(processes, start) as pool:
        for family, n, found in pool.imap_unordered(run, tasks(count, seed)):
            counts[family] = counts.get(family, 0) + n
            failures += found
    return counts, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    begun = time.monotonic()
    counts, failures = prove(arguments.count, arguments.seed, arguments.processes)
    for family, n in counts.items():
        print(f"{family:18} {n:10,}")
    print(f"{sum(counts.values()):,} values at {build().cn_cpu_best() + 1} levels, one and many, "
          f"{len(failures)} differences, {time.monotonic() - begun:.0f} s")
    for failure in failures[:40]:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
