"""CSV in, CSV out over HTTP; the executors against each other; how time divides."""
import contextlib

import numpy as np
import pandas as pd

from measure import (Contender, Section, Table, Target, in_turns, number, paired_ratio, samples_data, samples_table, say,
                     seconds)
from peers import curl
from plot import bars, lines

QUERY = "/v1/compute?let=r=(a-b)/(c%2Bd)**2&let=k=md5(a,b)"
EXECUTORS = ("auto", "threads", "processes", "serial")
DUCKDB = ("COPY (SELECT a, b, c, d, (a-b)/((c+d)*(c+d)) AS r, md5(concat(a, '_', b)) AS k FROM read_csv('{0}', "
          "header=true, columns={{'a': 'DOUBLE', 'b': 'DOUBLE', 'c': 'DOUBLE', 'd': 'DOUBLE'}})) "
          "TO '{1}' (HEADER, DELIMITER ',')")
STAGES = ("parse", "evaluate", "hash", "encode", "ship", "wait")


def same_file(one, other):
    with open(one, "rb") as first, open(other, "rb") as second:
        while True:
            left, right = first.read(1 << 22), second.read(1 << 22)
            if left != right:
                raise SystemExit(f"{one} and {other} differ")
            if not left:
                return


def read(file):
    return pd.read_csv(file, float_precision="round_trip")


def compare_numbers(ours, theirs, who):
    """Columns that both have are equal to the bit; how many keys differ, because their texts do."""
    for name in "abcdr":
        if not np.array_equal(ours[name].to_numpy().view(np.uint64), theirs[name].to_numpy().view(np.uint64)):
            raise SystemExit(f"{who} has other values in column {name}")
    if "k" not in theirs:
        return None
    return int((ours.k.to_numpy() != theirs.k.to_numpy()).sum())


def compare_inexact(ours, theirs, who):
    """Rows in another order, and numbers that are not read exactly: the first column is equal but for the last digits.
    How many digests are not ours."""
    if not np.allclose(np.sort(ours.a.to_numpy()), np.sort(theirs.a.to_numpy()), rtol=1e-14, atol=0):
        raise SystemExit(f"{who} has other values in column a")
    return int((~theirs.k.isin(ours.k)).sum())


def check(bench, service, body, peers):
    """Every contender's answer, before any time is taken: a paragraph about what could be compared."""
    reply, other = bench.folder / "reply.csv", bench.folder / "other.csv"
    curl(service.url + QUERY, body, reply)
    for executor in EXECUTORS[1:]:
        curl(f"{service.url}{QUERY}&executor={executor}", body, other)
        same_file(reply, other)
    told, ours = ["All executors' replies are the same bytes."], read(reply)
    if peers["FastAPI"]:
        curl(f"http://127.0.0.1:{peers['FastAPI'].port}/csv", body, other)
        same_file(reply, other)
        told.append("FastAPI's are those bytes too.")
    if peers["DuckDB"]:
        peers["DuckDB"].ask(DUCKDB.format(body, other))
        differing = compare_numbers(ours, read(other), "DuckDB")
        told.append("DuckDB's numbers are equal to the bit, in the same order; "
                    + (f"its text form of some numbers is another, and with it {differing:,} of {bench.rows:,} digests."
                       if differing else "and so are its digests."))
    if peers["Polars"]:
        peers["Polars"].ask(f"{body} {other}")
        compare_numbers(ours, read(other), "Polars")
        told.append("Polars has no MD5 and computes the expression alone; its numbers are equal to the bit.")
    if peers["ClickHouse"]:
        peers["ClickHouse"].send(body, other)
        differing = compare_inexact(ours, read(other), "ClickHouse")
        told.append("ClickHouse gives rows in another order and does not read numbers exactly: column a is equal to "
                    f"14 digits, and {differing:,} of {bench.rows:,} digests are others.")
    return " ".join(told), reply


def contenders(bench, service, body, peers, transport):
    other = bench.folder / "other.csv"
    found = [Contender(f"Colonnade, {executor}", lambda executor=executor: curl(
        f"{service.url}{QUERY}&executor={executor}", body)[0]) for executor in EXECUTORS]
    if transport:
        found.append(Contender("transport alone", lambda: curl(
            f"http://127.0.0.1:{transport.about['port']}/", body)[0]))
    ways = {"DuckDB": ("DuckDB, file to file", lambda: peers["DuckDB"].ask(DUCKDB.format(body, other))["seconds"], 0),
            "Polars": ("Polars, file to file, no md5", lambda: peers["Polars"].ask(f"{body} {other}")["seconds"], 0),
            "ClickHouse": ("ClickHouse, HTTP, inexact", lambda: peers["ClickHouse"].send(body), 0),
            "FastAPI": ("FastAPI + pandas", lambda: curl(f"http://127.0.0.1:{peers['FastAPI'].port}/csv", body)[0], 2)}
    return found + [Contender(name, run, most) for peer, (name, run, most) in ways.items() if peers[peer]]


def by_rows(section, bench, service, peers, found):
    """Seconds by rows, of `auto` and of the peers: the smaller tables here, the large one has been measured."""
    points = {one.name: [(bench.rows, one.median)] for one in found if not one.name.startswith("Colonnade") or
              one.name == "Colonnade, auto"}
    points.pop("transport alone")
    for power in range(1, 4):
        rows = max(1, bench.rows // 10**power)
        some = contenders(bench, service, bench.csv(rows), peers, None)
        for one in in_turns([one for one in some if one.name in points], min(bench.repeat, 5), 30):
            points[one.name].insert(0, (rows, one.median))
    section.charts["rows.svg"] = lines("CSV in, CSV out, an expression and an md5", "rows", "seconds", points)
    section.tables.append(Table("Seconds by rows", ["rows", *points], [
        [f"{rows:,}", *(seconds(some[at][1]) for some in points.values())]
        for at, (rows, _) in enumerate(next(iter(points.values())))]))
    section.data["by_rows_s"] = points


# ---- how time divides ---------------------------------------------------------------------------------

def budget(service, bench, body):
    """A worker's nanoseconds a row by stage, of one request of each executor."""
    found = {}
    for executor in ("serial", "threads", "processes"):
        _, _, run = curl(f"{service.url}{QUERY}&executor={executor}", body)
        workers = service.run(run)["timing"]["workers"]
        found[executor] = {stage: sum(one["stages"].get(stage, 0) for one in workers) / bench.rows for stage in STAGES}
    return found


def by_workers(service, bench, body):
    """Seconds of each executor with 1, 2, ... workers."""
    counts = sorted({1, 2, bench.cpus, 2 * bench.cpus})
    found = [Contender(f"{executor} {count}", lambda executor=executor, count=count: curl(
        f"{service.url}{QUERY}&executor={executor}&workers={count}", body)[0])
        for executor in ("threads", "processes") for count in counts]
    in_turns(found, min(bench.repeat, 5), 60)
    return {executor: [(count, bench.rows / next(c.median for c in found if c.name == f"{executor} {count}"))
                       for count in counts] for executor in ("threads", "processes")}


def divide(section, service, bench, body):
    stages, rates = budget(service, bench, body), by_workers(service, bench, body)
    section.tables.append(Table(
        "A worker's time by stage, ns a row (all workers together; `wait` is for the body to arrive)",
        ["executor", *STAGES], [[name, *(number(one[stage]) for stage in STAGES)] for name, one in stages.items()]))
    section.tables.append(Table("Rows a second, by workers", ["executor", *(str(n) for n, _ in rates["threads"])],
                                [[name, *(f"{rate:,.0f}" for _, rate in points)] for name, points in rates.items()]))
    section.charts["budget.svg"] = bars("A row's way through the workers", "nanoseconds a row", {
        name: {stage: one[stage] for stage in STAGES if stage != "wait"} for name, one in stages.items()})
    section.charts["workers.svg"] = lines("CSV in, CSV out: rows a second by workers", "workers", "rows a second",
                                          rates, log=False)
    section.data |= {"budget_ns": stages, "rows_a_second": rates}


# ---- the workload -------------------------------------------------------------------------------------

def measure(bench):
    section = Section("a", f"CSV in, CSV out over HTTP: {bench.rows:,} rows, an expression and an md5")
    body = bench.csv(bench.rows)
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(bench.service())
        peers = {name: stack.enter_context(bench.maybe(name, start)) for name, start in (
            ("FastAPI", bench.peers.fastapi), ("DuckDB", bench.peers.duckdb), ("Polars", bench.peers.polars),
            ("ClickHouse", bench.peers.clickhouse))}
        say("a: checking that all answers are equal")
        told, reply = check(bench, service, body, peers)
        sizes = body.stat().st_size, reply.stat().st_size
        transport = stack.enter_context(bench.peers.transport(sizes[1]))
        found = in_turns(contenders(bench, service, body, peers, transport), bench.repeat, 240)
        by_rows(section, bench, service, peers, found)
        divide(section, service, bench, body)
    ours = found[0]
    section.text = [f"`curl -s -T FILE -X POST -o /dev/null 'URL{QUERY}'`: {sizes[0] / 1e6:.0f} MB in, "
                    f"{sizes[1] / 1e6:.0f} MB out, curl's own time. DuckDB and Polars read and write files, without "
                    "HTTP. *transport alone*: a libmicrohttpd that drops as many bytes and sends as many.", told]
    section.tables.insert(0, samples_table("Seconds of a request", found, ours, bench.rows))
    section.charts["csv.svg"] = bars(f"CSV in, CSV out: {bench.rows:,} rows, an expression and an md5",
                                     "seconds, median", {one.name: {"seconds": one.median} for one in found})
    section.data["samples_s"] = samples_data(found)
    section.targets = [Target("CSV in, CSV out over HTTP, 1M rows", "0.30 s, then 0.25 s", f"{ours.median:.2f} s "
                              f"(least {ours.least:.2f})", ours.median <= 0.30)]
    ratio, low, high = paired_ratio(found[2], found[1])
    section.targets.append(Target("`processes` against `threads`, 1M rows", "≤ 1.25 ×",
                                  f"{ratio:.2f} × ({low:.2f} to {high:.2f})", ratio <= 1.25))
    return section
