#!/usr/bin/python3
"""NumPy, numexpr and CPython: answers each line of standard input by one of JSON; ends with its input.

    python_peer.py FILE ROWS THREADS     the columns a, b, c, d, as the program `evaluator` writes them
    numpy|numexpr ROWS RUNS              seconds of a run of (a-b)/(c+d)**2, and checksums of the results
    pool ROWS                            md5(a, b) row by row in a pool of processes that is warm
    comp processes|threads CALLS ITERATIONS    long_comp in such a pool
"""
import json
import multiprocessing
import pathlib
import sys
import time

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from cpython import calc_hash, long_comp  # noqa: E402

try:
    import numexpr
except ImportError:
    numexpr = None


def by_numpy(a, b, c, d, out):
    np.subtract(a, b, out=out)
    total = c + d
    np.multiply(total, total, out=total)
    np.divide(out, total, out=out)


def by_numexpr(a, b, c, d, out):
    numexpr.evaluate("(a-b)/(c+d)**2", local_dict={"a": a, "b": b, "c": c, "d": d}, out=out)


def checksums(values):
    bits = np.ascontiguousarray(values).view(np.uint64)
    return {"sum": int(bits.sum(dtype=np.uint64)), "xor": int(np.bitwise_xor.reduce(bits))}


def arithmetic(way, columns, out, rows, runs):
    arrays = [column[:rows] for column in columns] + [out[:rows]]
    way(*arrays)
    start = time.perf_counter()
    for _ in range(runs):
        way(*arrays)
    return {"seconds": (time.perf_counter() - start) / runs, **checksums(out[:rows])}


def hash_pool(columns, rows, workers):
    a, b = columns[0][:rows].tolist(), columns[1][:rows].tolist()
    with multiprocessing.Pool(workers) as pool:
        pool.map(abs, range(workers))
        start = time.perf_counter()
        keys = pool.starmap(calc_hash, zip(a, b), chunksize=max(1, rows // (4 * workers)))
        seconds = time.perf_counter() - start
    first = np.array(keys, dtype="S32").view(np.uint64)[::4]  # eight characters of each
    return {"seconds": seconds, "greatest": max(keys), **checksums(first)}


def comp_pool(kind, calls, iterations, workers):
    make = multiprocessing.Pool if kind == "processes" else multiprocessing.pool.ThreadPool
    with make(workers) as pool:
        pool.map(abs, range(workers))
        start = time.perf_counter()
        results = pool.starmap(long_comp, [(i, iterations) for i in range(calls)], chunksize=1)
        return {"seconds": time.perf_counter() - start, "results": results}


def main():
    name, rows, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    columns = np.fromfile(name).reshape(4, rows)
    out = np.empty(rows)
    if numexpr:
        numexpr.set_num_threads(threads)
    versions = {"Python": sys.version.split()[0], "NumPy": np.__version__,
                "numexpr": numexpr.__version__ if numexpr else None}
    print(json.dumps(versions), flush=True)
    for line in sys.stdin:
        what, *rest = line.split()
        if what == "pool":
            reply = hash_pool(columns, int(rest[0]), threads)
        elif what == "comp":
            reply = comp_pool(rest[0], int(rest[1]), int(rest[2]), threads)
        else:
            way = by_numpy if what == "numpy" else by_numexpr
            reply = arithmetic(way, columns, out, int(rest[0]), int(rest[1]))
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
