#!/usr/bin/python3
"""CPython beside Colonnade: four workloads, every way to run them, in one run on one machine.

Threads or processes? A notebook asked it with a function that sleeps, one that computes, a vectorised expression
and a row-wise hash. This program runs those cases in CPython and their counterparts in Colonnade, in turns, so that
whatever else the machine does falls on both. Results are compared before any figure is printed. It adds the case that
explains most: a plain serial `map`, between DataFrame.apply and a pool. README.md says how to read the table.
"""
import argparse
import dataclasses
import functools
import json
import os
import pathlib
import platform
import re
import statistics
import sys
import time

import numpy as np
import pandas as pd

from cpython import (POOLS, bare_threads, calc_hash, chunk_size, func, in_fresh_pool, in_warm_pool, long_comp, long_io,
                     multiprocessing_map, process_pool_map, serial_loop, serial_map, thread_pool_map,
                     thread_pool_parts, timed)
from service import Service, ask

ROOT = pathlib.Path(__file__).resolve().parents[1]
BASE = "serial map"  # every workload has it; the others are measured by it


# ---- cases -----------------------------------------------------------------------------------------

@dataclasses.dataclass
class Case:
    """One row of the table. `run` gives (result, seconds of each sample, seconds over HTTP or None)."""
    system: str
    name: str
    workers: int
    run: object
    digits_may_differ: bool = False
    once: bool = False  # too slow to be repeated, and so far from the others that it need not be
    samples: list = dataclasses.field(default_factory=list)
    http: list = dataclasses.field(default_factory=list)

    @property
    def best(self):
        """What ratios are made of: whatever else a machine does only ever adds to a sample."""
        return min(self.samples)

    @property
    def median(self):
        return statistics.median(self.samples)

    @property
    def spread(self):
        """The range of the samples, in parts of the median."""
        return (max(self.samples) - min(self.samples)) / self.median


@dataclasses.dataclass
class Workload:
    name: str
    title: str
    items: int
    unit: str   # "ms/call" or "us/row"
    results: object = None  # what they must be; by default what CPython gives first
    cases: list = dataclasses.field(default_factory=list)
    rounds: int = 0

    def add(self, system, name, workers, run, **more):
        self.cases.append(Case(system, name, workers, run, **more))

    def find(self, system, name, workers=1):
        return next(c for c in self.cases if (c.system, c.name, c.workers) == (system, name, workers))

    def per_item(self, seconds):
        return seconds / self.items * (1e6 if self.unit == "us/row" else 1e3)


def add_pools(workload, uses, workers, *work):
    """The given pools with each number of workers, fresh and warm."""
    for kind, use in uses.items():
        for label, way in (("fresh", in_fresh_pool), ("warm", in_warm_pool)):
            for count in workers:
                workload.add("CPython", f"{kind}, {label}", count,
                             functools.partial(way, POOLS[kind], use, count, *work))


def calls_workload(service, options, name, function, parameter):
    """A workload of few long calls: (0), (1), ..."""
    title = f"{options.calls} calls of {name}, " + ", ".join(f"{k} = {v:,}" for k, v in parameter.items())
    workload = Workload(name, title, options.calls, "ms/call")
    call, arguments = functools.partial(function, **parameter), range(options.calls)
    for case, way in (("serial loop", serial_loop), (BASE, serial_map)):
        workload.add("CPython", case, 1, functools.partial(timed, functools.partial(way, call, arguments)))
    workload.add("CPython", "threading.Thread", options.calls, functools.partial(
        timed, functools.partial(bare_threads, call, arguments, workers=options.calls)))
    add_pools(workload, {"ThreadPoolExecutor": thread_pool_map, "multiprocessing.Pool": multiprocessing_map,
                         "ProcessPoolExecutor": process_pool_map}, options.workers, call, arguments)
    places = [("serial", 1)] + [(executor, count) for executor in ("threads", "gil", "processes")
                                for count in options.workers]
    places += [("threads", options.calls), ("gil", options.calls)]  # as many as threading.Thread has
    for executor, count in dict.fromkeys(places):
        document = {"function": name, "args": list(arguments), "executor": executor, "workers": count, **parameter}
        workload.add("Colonnade", executor, count, functools.partial(
            ask, service, "/v1/map", document, lambda reply: reply["results"]))
    return workload


def add_service_rows(workload, service, places, columns, expression):
    """Places are (mode, executor, workers). All get the same chunks."""
    for mode, executor, count in places:
        document = {"columns": columns, "let": {"r": expression}, "mode": mode, "executor": executor,
                    "workers": count, "chunk_rows": chunk_size(workload.items)}
        workload.add("Colonnade", f"{mode}, {executor}", count, functools.partial(
            ask, service, "/v1/compute", document, lambda reply: reply["columns"]["r"]))


def expression_workload(service, options, frame):
    """The expression over whole columns, and the same row by row. CPython's own `**` may round the last digit
    otherwise than NumPy's, so its row-wise results need not agree with NumPy's in that."""
    workload = Workload("expression", f"(a-b)/(c+d)**2 over {options.rows:,} rows", options.rows, "us/row")
    columns = [frame[name] for name in "abcd"]
    arrays = [column.to_numpy() for column in columns]
    lists = [array.tolist() for array in arrays]
    workload.results = func(*arrays).tolist()

    def row_by_row(name, workers, run):
        workload.add("CPython", name, workers, run, digits_may_differ=True)

    row_by_row("df.apply", 1, lambda: timed(lambda: frame.apply(lambda x: func(x.a, x.b, x.c, x.d), axis=1).tolist()))
    row_by_row(BASE, 1, lambda: timed(lambda: serial_map(func, *columns)))
    for count in options.workers:
        row_by_row("ProcessPoolExecutor, fresh", count, functools.partial(
            in_fresh_pool, POOLS["ProcessPoolExecutor"], process_pool_map, count, func, *columns))
    workload.add("CPython", "func of Series", 1, lambda: timed(lambda: func(*columns)))
    workload.add("CPython", "func of NumPy arrays", 1, lambda: timed(lambda: func(*arrays)))
    places = [("row", "serial", 1), ("tuple", "serial", 1)]
    places += [("tuple", "processes", count) for count in options.workers] + [("vector", "serial", 1)]
    places += [("vector", executor, count) for executor in ("threads", "processes") for count in options.workers]
    add_service_rows(workload, service, places, dict(zip("abcd", lists)), "(a-b)/(c+d)**2")
    return workload


def hash_workload(service, options, frame):
    """The row-wise hash: the case whose factor the notebook could not explain."""
    workload = Workload("hash", f"md5 of a and b over {options.rows:,} rows", options.rows, "us/row")
    columns = [frame["a"], frame["b"]]
    work = (calc_hash, *columns)
    workload.add("CPython", "df.apply", 1, lambda: timed(
        lambda: frame.apply(lambda x: calc_hash(x.a, x.b), axis=1).tolist()))
    workload.add("CPython", "serial loop", 1, lambda: timed(lambda: serial_loop(*work)))
    workload.add("CPython", BASE, 1, lambda: timed(lambda: serial_map(*work)))
    lists = [column.tolist() for column in columns]
    for count in options.workers:
        workload.add("CPython", "threading.Thread", count, functools.partial(
            timed, functools.partial(bare_threads, calc_hash, *lists, workers=count)))
    workload.add("CPython", "ThreadPoolExecutor, a future a row", options.workers[-1], functools.partial(
        in_fresh_pool, POOLS["ThreadPoolExecutor"], thread_pool_map, options.workers[-1], *work), once=True)
    add_pools(workload, {"ThreadPoolExecutor": thread_pool_parts, "multiprocessing.Pool": multiprocessing_map,
                         "ProcessPoolExecutor": process_pool_map}, options.workers, *work)
    places = [("row", "serial", 1), ("tuple", "serial", 1)]
    places += [("tuple", executor, count) for executor in ("threads", "gil", "processes") for count in options.workers]
    places += [("vector", "serial", 1)]
    places += [("vector", executor, count) for executor in ("threads", "processes") for count in options.workers]
    add_service_rows(workload, service, places, dict(zip("ab", lists)), "md5(a, b)")
    return workload


# ---- running and checking --------------------------------------------------------------------------

def bits(value):
    """What two results must have in common: the bits of a float, type and value of anything else."""
    return value.hex() if isinstance(value, float) else repr(value)


def check(workload, case, result):
    """Stops everything if a result is not what the workload's results are."""
    if isinstance(result, (np.ndarray, pd.Series)):
        result = result.tolist()
    if workload.results is None:
        workload.results = result
    expected = workload.results
    if result == expected and len(result) == len(expected) and list(map(bits, result)) == list(map(bits, expected)):
        return
    if case.digits_may_differ and np.allclose(result, expected, rtol=1e-14, atol=0):
        return
    at = next((n for n, (one, other) in enumerate(zip(result, expected)) if bits(one) != bits(other)),
              min(len(result), len(expected)))
    sys.exit(f"{workload.name}: {case.system} {case.name} with {case.workers} workers gave {len(result)} results, "
             f"the first different one at {at}: {result[at:at + 1]} and not {expected[at:at + 1]}")


def run_round(workload):
    """Every case once; in every second round backwards, which evens out a drift of the machine."""
    for case in workload.cases[::-1 if workload.rounds % 2 else 1]:
        if case.once and case.samples:
            continue
        result, samples, http_seconds = case.run()
        for one in result if case.system == "Colonnade" else [result]:
            check(workload, case, one)
        case.samples += samples
        if http_seconds is not None:
            case.http.append(http_seconds)
    workload.rounds += 1


def run_all(workloads, options):
    """At least one round of each workload, at most --repeat, and no further one that would pass --budget."""
    for workload in workloads:
        times = [time.perf_counter()]
        while workload.rounds < options.repeat:
            if workload.rounds and times[-1] - times[0] + times[-1] - times[-2] > options.budget:
                break
            print(f"{workload.title}: round {workload.rounds + 1} of {options.repeat}", file=sys.stderr, flush=True)
            run_round(workload)
            times.append(time.perf_counter())


# ---- factors -----------------------------------------------------------------------------------------

def decompose(workload, path):
    """The ratio of the first to the last case of a path as a product: each step changes one thing."""
    cases = [workload.find(*place) for _, place in path]
    steps = [(step, before.best / after.best)
             for (step, _), before, after in zip(path[1:], cases, cases[1:])]
    return {"workload": workload.name, "system": cases[0].system, "from": describe(cases[0]), "to": describe(cases[-1]),
            "ratio": cases[0].best / cases[-1].best,
            "factors": [{"step": step, "factor": factor} for step, factor in steps]}


def describe(case):
    return case.name if case.workers == 1 else f"{case.name} with {case.workers} workers"


def pool_path(system, slow, plain, pool, workers):
    """From the row object to a pool, one thing at a time."""
    return [("", (system, slow)), ("row object", (system, plain)), ("shipping", (system, pool, 1)),
            ("parallel workers", (system, pool, workers))]


def decompositions(workloads, options):
    found, most = [], options.workers[-1]
    for workload in (w for w in workloads if w.unit == "us/row"):
        pools = [pool_path("CPython", "df.apply", BASE, "ProcessPoolExecutor, fresh", most)]
        if workload.name == "hash":
            pools += [pool_path("CPython", "df.apply", BASE, "ProcessPoolExecutor, warm", most)]
        pools += [pool_path("Colonnade", "row, serial", "tuple, serial", "tuple, processes", most)]
        found += [decompose(workload, path) for path in pools if most > 1 and 1 in options.workers]
    expression = next((w for w in workloads if w.name == "expression"), None)
    for system, slow, plain, fast in (("CPython", "df.apply", BASE, "func of NumPy arrays"),
                                      ("Colonnade", "row, serial", "tuple, serial", "vector, serial")):
        if expression:
            found.append(decompose(expression, [("", (system, slow)), ("row object", (system, plain)),
                                                ("vectorisation", (system, fast))]))
    return found


# ---- what is printed ---------------------------------------------------------------------------------

def number(value):
    """Three figures, whatever the size."""
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def shown_seconds(seconds):
    for unit, scale in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            break
    return f"{seconds / scale:.3g} {unit}" if seconds / scale < 1000 else f"{seconds / scale:.0f} {unit}"


def table_lines(workload):
    """The cases of one workload as lines of equal columns."""
    base = workload.find("CPython", BASE).best
    rows = [("system", "case", "workers", "median", "min", "spread", workload.unit, "speed", "over HTTP", "samples")]
    for case in workload.cases:
        over_http = shown_seconds(statistics.median(case.http)) if case.http else "-"
        rows.append((case.system, case.name, str(case.workers), shown_seconds(case.median),
                     shown_seconds(case.best), f"{case.spread:.0%}" if len(case.samples) > 1 else "-",
                     number(workload.per_item(case.best)), number(base / case.best), over_http,
                     str(len(case.samples))))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) if column < 2 else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in rows]


def factor_lines(found):
    lines = ["Where the ratios (of minima) come from: each factor changes one thing (above 1: it got faster by that much)"]
    for one in found:
        product = " x ".join(f"{factor['step']} {number(factor['factor'])}" for factor in one["factors"])
        lines.append(f"  {one['workload']}, {one['system']}: {one['from']} -> {one['to']}: "
                     f"{number(one['ratio'])} = {product}")
    return lines


def machine(service):
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    return {"cpu": model[1] if model else platform.machine(), "cpus": len(os.sched_getaffinity(0)),
            "load": os.getloadavg()[0], "python": platform.python_version(), "pandas": pd.__version__,
            "numpy": np.__version__, "colonnade": service.version}


def print_text(about, workloads, found):
    print(f"{about['cpu']}, {about['cpus']} CPUs, load {about['load']:.1f} at the start; Python {about['python']}, "
          f"pandas {about['pandas']}, NumPy {about['numpy']}, Colonnade {about['colonnade']}")
    print("All results are equal. min: the best sample; ms/call, us/row and speed (times as fast as "
          f"CPython's {BASE}) are made of it.")
    for workload in workloads:
        print("", workload.title, *table_lines(workload), sep="\n")
    print("", *factor_lines(found), sep="\n")


def as_json(about, options, workloads, found):
    cases = []
    for workload in workloads:
        base = workload.find("CPython", BASE).best
        for case in workload.cases:
            cases.append({"workload": workload.name, "system": case.system, "case": case.name,
                          "workers": case.workers, "samples_s": case.samples, "median_s": case.median,
                          "min_s": case.best, "spread": case.spread, "items": workload.items,
                          "per_item": workload.per_item(case.best), "unit": workload.unit,
                          "speed": base / case.best, "http_s": case.http})
    return {"machine": about, "options": vars(options), "cases": cases, "decompositions": found}


# ---- the command line --------------------------------------------------------------------------------

def positive(kind):
    def read(text):
        value = kind(text)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{text} is not above 0")
        return value
    read.__name__ = kind.__name__  # what argparse says it wanted
    return read


def worker_counts(text):
    return sorted({positive(int)(count) for count in text.split(",")})


def parse_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add("--seconds", type=positive(float), default=0.5, help="how long a call of long_io sleeps (%(default)s)")
    add("--iterations", type=positive(int), default=5_000_000, help="of a call of long_comp (%(default)s)")
    add("--calls", type=positive(int), default=4, help="calls of long_io and of long_comp (%(default)s)")
    add("--rows", type=positive(int), default=100_000, help="of the frame (%(default)s)")
    add("--workers", type=worker_counts, default=[1, 2], help="of the pools, such as 1,2,4 (1,2)")
    add("--repeat", type=positive(int), default=3, help="rounds of every case (%(default)s)")
    add("--budget", type=positive(float), default=40, metavar="SECONDS",
        help="for the rounds of a workload; the first one is always run (%(default)s)")
    add("--binary", default=str(ROOT / "build" / "colonnade"), help="the service (%(default)s)")
    add("--json", metavar="FILE", help="write everything measured to FILE too")
    add("--quick", action="store_true", help="a small run that only shows that everything works")
    options = parser.parse_args(arguments)
    if options.quick:
        options.seconds, options.iterations, options.rows, options.repeat = 0.01, 5_000, 1_000, 1
    return options


def main(arguments=None):
    options = parse_options(arguments)
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"there is no service at {options.binary}; run `make`, or give --binary")
    draw = np.random.default_rng(42)
    frame = pd.DataFrame({name: draw.standard_normal(options.rows) for name in "abcd"})
    with Service(options.binary) as service:
        about = machine(service)
        workloads = [calls_workload(service, options, "long_io", long_io, {"seconds": options.seconds}),
                     calls_workload(service, options, "long_comp", long_comp, {"iterations": options.iterations}),
                     expression_workload(service, options, frame), hash_workload(service, options, frame)]
        run_all(workloads, options)
    found = decompositions(workloads, options)
    print_text(about, workloads, found)
    if options.json:
        document = as_json(about, options, workloads, found)
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
