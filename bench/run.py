#!/usr/bin/python3
"""Every workload, beside its peers, in one run on one machine: RESULTS.md and its plots.

Answers are checked for equality before anything is timed; contenders take turns; what is told is medians, least
samples and spreads. README.md lists the workloads.
"""
import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import report
import work_auto
import work_calls
import work_csv
import work_dask
import work_framing
import work_json
import work_memory
import work_overload
import work_replicas
import work_small
import work_space
from measure import Section, say
from peers import Peers
from service import Service

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
WORKLOADS = {
    "a": work_csv.measure,  # and h, which is made of its samples
    "b": work_memory.measure_expression,
    "c": work_memory.measure_md5,
    "d": work_small.measure_rate,
    "e": work_json.measure,
    "f": work_calls.measure,
    "g": work_auto.measure,
    "i": work_small.measure_paced,
    "j": work_space.measure,
    "k": work_framing.measure,
    "l": work_overload.measure,
    "m": work_dask.measure,
    "n": work_replicas.measure,
}


class Bench:
    """What the workloads share: options, files, the service and its peers."""

    def __init__(self, options, folder):
        self.folder = pathlib.Path(folder)
        self.binary, self.quick, self.repeat = options.binary, options.quick, options.repeat
        self.rows = options.rows
        self.cpus = len(os.sched_getaffinity(0))
        tools = options.tools or pathlib.Path(options.binary).parent / "bench"
        self.peers = Peers(tools, options.modules, min(2, self.cpus), options.peers)
        with self.service() as service:
            self.version = service.version
        self.level = os.environ.get("COLONNADE_CPU") or "the best of this CPU"

    def service(self, *flags):
        return Service(self.binary, *flags)

    @contextlib.contextmanager
    def maybe(self, name, start):
        """A peer, or None if it may be missing and is."""
        if not self.peers.has(name):
            yield None
            return
        with start() as peer:
            yield peer

    def csv(self, rows):
        """A file of so many rows of a, b, c, d: normals, as the generator makes them. Made once."""
        file = self.folder / f"frame-{rows}.csv"
        if not file.exists():
            text = json.dumps({"generate": {"rows": rows, "columns": ["a", "b", "c", "d"], "seed": 1}, "select": "all"})
            with self.service() as service:
                service.save("/v1/compute", text, {"Accept": "text/csv"}, file)
        return file


def parse_options(arguments):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    add = parser.add_argument
    add("--only", metavar="a,d", default=",".join(WORKLOADS), help="these workloads (%(default)s)")
    add("--repeat", type=int, default=7, help="samples of each contender (%(default)s)")
    add("--rows", type=int, default=1_000_000, help="of the large frames (%(default)s)")
    add("--quick", action="store_true", help="tiny sizes: does everything work? its figures mean nothing")
    add("--peers", choices=("all", "present", "none"), default="all",
        help="peers: all must be there; those that are; none but NumPy and CPython")
    add("--binary", default=str(ROOT / "build" / "colonnade"), help="the service (%(default)s)")
    add("--tools", help="folder of the programs load, evaluator, transport (that of the service, /bench)")
    add("--modules", default=str(ROOT / "build" / "peers"), help="where npm put DuckDB and Polars (%(default)s)")
    add("--output", help="folder for RESULTS.md and the plots (bench/ for a whole run with peers, else build/bench-results)")
    add("--json", metavar="FILE", help="write all samples to FILE too")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    unknown = [key for key in options.only if key not in WORKLOADS]
    if unknown or options.repeat < 1 or options.rows < 1:
        parser.error(f"there is no workload {', '.join(unknown)}" if unknown else "--repeat and --rows begin at 1")
    if options.quick:
        options.rows, options.repeat = min(options.rows, 2000), min(options.repeat, 2)
    whole = options.only == list(WORKLOADS) and not options.quick and options.peers != "none" and options.repeat >= 5
    options.output = pathlib.Path(options.output or (HERE if whole else ROOT / "build" / "bench-results"))
    return options


def write(options, facts, sections, missing):
    options.output.mkdir(parents=True, exist_ok=True)
    text = report.page(facts, sections, missing)
    (options.output / "RESULTS.md").write_text(text, encoding="utf-8")
    for section in sections:
        for name, picture in section.charts.items():
            (options.output / name).write_text(picture, encoding="utf-8")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report.document(facts, sections), indent=1) + "\n",
                                              encoding="utf-8")
    print(text)
    say(f"written to {options.output}")


def stop(*_):
    raise KeyboardInterrupt


def main(arguments=None):
    options = parse_options(arguments)
    signal.signal(signal.SIGTERM, stop)  # so that servers are ended too
    for program in (options.binary, shutil.which("curl")):
        if not program or not os.access(program, os.X_OK):
            sys.exit(f"there is no {program or 'curl'}; `make bench` builds and installs what is needed")
    began, load, commit = time.time(), report.load(), report.commit()
    with tempfile.TemporaryDirectory(prefix="colonnade-bench-") as folder:
        bench = Bench(options, folder)
        sections, failed = [], []
        for key in options.only:
            say(f"{key}: begins after {time.time() - began:.0f} s")
            try:
                sections.append(WORKLOADS[key](bench))
            except (SystemExit, OSError, subprocess.SubprocessError, ValueError) as fault:
                # what the others found is not lost
                say(f"{key}: {fault}")
                failed.append(key)
                sections.append(Section(key, "not measured", [f"**It failed:** {fault}"]))
    write(options, report.about(bench, commit, (load, report.load()), began), sections, bench.peers.missing)
    if failed:
        sys.exit(f"these workloads failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
