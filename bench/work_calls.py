"""A function that computes in the interpreter, four times, on two workers."""
import functools
import json

from measure import Contender, Section, Target, in_turns, samples_data, samples_table

CALLS = 4


def by_service(service, iterations, workers, executor):
    """The results, and the seconds of the whole request."""
    document = {"function": "long_comp", "args": list(range(CALLS)), "iterations": iterations, "workers": workers,
                "executor": executor}
    reply, seconds = service.post("/v1/map", json.dumps(document))
    return reply["results"], seconds


def measure(bench):
    iterations, workers = 5000 if bench.quick else 5_000_000, bench.peers.threads
    section = Section("f", f"long_comp × {CALLS}, {iterations:,} iterations, {workers} workers")
    file = bench.folder / "columns.f64"
    with bench.peers.evaluator("a", 1000, file):
        pass  # the Python peer wants some columns
    with bench.service() as service, bench.peers.python(file, 1000) as python:
        ask = functools.partial(by_service, service, iterations, workers)
        expected = python.ask(f"comp processes {CALLS} {iterations}")["results"]
        for executor in ("threads", "processes"):
            if ask(executor)[0] != expected:
                raise SystemExit(f"long_comp: {executor} has other results than CPython")
        found = [Contender(f"Colonnade, {executor}", lambda executor=executor: ask(executor)[1])
                 for executor in ("threads", "processes")]
        found += [Contender(f"CPython, {kind}", lambda kind=kind: python.ask(
            f"comp {kind} {CALLS} {iterations}")["seconds"], most=3) for kind in ("processes", "threads")]
        in_turns(found, bench.repeat)
    section.text = ["The same chain of operations on Python's numbers in `/v1/map` and in CPython, whose pools are "
                    "warm. Colonnade's times are those of whole requests. All results are equal."]
    section.tables = [samples_table("Seconds", found, found[0])]
    section.data = samples_data(found)
    slower = max(found[:2], key=lambda one: one.median)
    section.targets = [Target("`long_comp` × 4, 2 workers", "≤ 0.10 s", f"{slower.median:.3f} s (least "
                              f"{slower.least:.3f}, {slower.name.split(', ')[1]})", slower.median <= 0.10)]
    return section
