"""The executor dask: time against rows beside threads and processes, what a row costs on its way, from where on a cluster
pays, and memory of all parts in a large job."""
import json
import math
import statistics
import time
import zlib

import dask_site
from measure import Beside, Contender, Section, Table, Target, in_turns, number, say, seconds
from plot import lines

EXECUTORS = ("threads", "processes", "dask")
SHARE = 0.25   # of one processor: what the server on a host of its own may use
SLEEP_S = 0.1
CORES = (2, 4, 16, 64)  # of other machines, for which break-evens are reckoned
COLUMNS = ["a", "b", "c", "d"]


# ---- the work ------------------------------------------------------------------------------------

class Work:
    """One of the notebook's workloads, or the costly hash: what is sent for so many rows, or calls."""

    def __init__(self, name, title, item, document, most):
        self.name, self.title, self.item, self.document, self.most = name, title, item, document, most

    def sizes(self, bench):
        if bench.quick:
            return [2, 4] if self.item == "call" else [100, 1000]
        if self.item == "call":
            return [1, 4, 16, 64]
        return [10**power for power in range(3, 8) if 10**power <= self.most]

    @property
    def path(self):
        return "/v1/map" if self.item == "call" else "/v1/compute"


def rows_of(let):
    def document(rows):
        return {"generate": {"rows": rows, "columns": COLUMNS, "seed": 1}, "select": "computed", "let": {"r": let}}
    return document


def calls_of(function, **parameters):
    def document(calls):
        return {"function": function, "args": list(range(calls)), "workers": 4, **parameters}
    return document


def works(bench):
    iterations, sleep = (5000, 0.01) if bench.quick else (5_000_000, SLEEP_S)
    costly = "a, b"
    for _ in range(24):
        costly = f"sha512({costly})"
    found = [Work("sleep", f"sleeping {sleep:g} s a call", "call", calls_of("long_io", seconds=sleep), 0),
             Work("compute", f"`long_comp`, {iterations:,} iterations a call", "call",
                  calls_of("long_comp", iterations=iterations), 0),
             Work("expression", "`(a-b)/(c+d)**2`", "row", rows_of("(a-b)/(c+d)**2"), 10**7),
             Work("md5", "`md5(a,b)`", "row", rows_of("md5(a,b)"), 10**7),
             Work("costly", "`sha512` of a, b, and 23 times of its digest", "row", rows_of(costly), 10**6)]
    return [work for work in found if not bench.quick or work.name in ("compute", "md5")]


class Answer:
    """Digest and size of a reply's values, as they come."""

    def __init__(self):
        self.digest, self.size = 0, 0

    def take(self, piece):
        self.digest, self.size = zlib.crc32(piece, self.digest), self.size + len(piece)


def ask(site, work, size, executor):
    """The reply's seconds and its digest; of calls that of their results alone, because the rest has times in it."""
    text = json.dumps({**work.document(size), "executor": executor})
    if work.item == "call":
        reply, took = site.service.post(work.path, text)
        return took, zlib.crc32(json.dumps(reply["results"]).encode())
    answer = Answer()
    return site.service.stream(work.path, text, {"Accept": "text/csv"}, answer.take), answer.digest


# ---- time against rows ---------------------------------------------------------------------------

def measure_size(bench, site, work, size):
    """All executors' answers are compared first; that warms them up too."""
    answers = {executor: ask(site, work, size, executor) for executor in EXECUTORS}
    if len({digest for _, digest in answers.values()}) != 1:
        raise SystemExit(f"{work.name}, {size} {work.item}s: answers differ: {answers}")
    found = [Contender(executor, lambda executor=executor: ask(site, work, size, executor)[0]) for executor in EXECUTORS]
    return in_turns(found, bench.repeat, 60)


def measure_times(bench, site, label, chosen):
    found = {}
    for work in chosen:
        for size in work.sizes(bench):
            say(f"m: {label}, {work.name}, {size:,} {work.item}s")
            found[work.name, size] = measure_size(bench, site, work, size)
    return found


def shown(one):
    return f"{seconds(one.median)} ±{one.spread / 2:.0%}"


def times_table(title, work, found, sizes):
    rows = []
    for size in sizes:
        threads, processes, dask = found[work.name, size]
        best = min((threads, processes), key=lambda one: one.median)
        rows.append([f"{size:,}", shown(threads), shown(processes), shown(dask), f"{dask.median / best.median:.2f}"])
    return Table(title, [f"{work.item}s", *EXECUTORS, "dask / the faster of both"], rows)


def first_win(work, found, sizes):
    """The least size from which on dask was the fastest, up to the greatest that was measured; None: it was not there."""
    won = None
    for size in reversed(sizes):
        threads, processes, dask = found[work.name, size]
        if dask.median >= min(threads.median, processes.median):
            break
        won = size
    return won


# ---- what a row costs ----------------------------------------------------------------------------

def costs(bench, site, work):
    """Processor time of each part for one row, or call, in ns, in a request of many; and that of threads. Medians."""
    size = work.sizes(bench)[-1] if work.item == "call" or bench.quick else min(work.most, bench.rows)
    ask(site, work, size, "dask")
    samples = []
    for _ in range(1 if bench.quick else 3):
        one = {}
        for executor in ("threads", "dask"):
            named = site.named()
            before = {name: sum(map(dask_site.cpu_s, pids)) for name, pids in named.items()}
            took, _ = ask(site, work, size, executor)
            used = {name: (sum(map(dask_site.cpu_s, pids)) - before[name]) / size * 1e9 for name, pids in named.items()}
            one.update(used if executor == "dask" else {"threads": used["server"]})
            one["wall of " + executor] = took / size * 1e9
        samples.append(one)
    return {name: statistics.median(sample[name] for sample in samples) for name in samples[0]}


def rounded_up(size):
    """To two digits: a reckoned size is no better known."""
    step = 10 ** max(len(str(size)) - 2, 0)
    return -(-size // step) * step


def reckon(cost, fixed_s, processors):
    """What follows for k cores elsewhere: a row's time here is what it costs divided by the processors; there it is the
    longest of what no further worker makes shorter (the bridge's or the scheduler's own time, each of which is one thread, and
    what server and bridge together need of the processors here) and what a worker needs for it divided by k. The rows from
    which on that makes up for what a request costs on top."""
    here = cost["threads"] / processors
    floor = max(cost["bridge"], cost["scheduler"], (cost["server"] + cost["bridge"]) / processors)
    there = cost["`colonnade --worker`"] + cost["Dask workers"]
    found = {}
    for cores in CORES:
        gain = here - max(floor, there / cores)
        found[cores] = rounded_up(max(math.ceil(fixed_s * 1e9 / gain), 1)) if gain > 0 else None
    return here, floor, there, found


def break_even_rows(work, cost, fixed_s, processors, won, most):
    here, floor, _, found = reckon(cost, fixed_s, processors)
    row = [work.title, f"{number(here)} ns", f"{number(floor)} ns"]
    row.append(f"from {won:,} {work.item}s" if won else f"none up to {most:,} {work.item}s")
    return row + [f"from {rows:,}" if rows is not None else "never" for rows in found.values()]


def cost_row(work, cost):
    parts = ("threads", "server", "bridge", "scheduler", "Dask workers", "`colonnade --worker`")
    return [f"{work.title}, a {work.item}"] + [number(max(cost[part], 0)) for part in parts]


def fixed_of(work, found, sizes):
    """What the smallest request takes longer on dask than on threads."""
    threads, _, dask = found[work.name, sizes[0]]
    return max(dask.median - threads.median, 0)


# ---- memory --------------------------------------------------------------------------------------

class Memory(Beside):
    """What each part holds, sampled until the with-block ends."""

    def __init__(self, site, every):
        super().__init__()
        self.site, self.every, self.curves = site, every, {}

    def work(self):
        begun, ended = time.monotonic(), False
        while True:
            for name, pids in self.site.named().items():
                held = sum(map(dask_site.resident, pids)) / 1e6
                self.curves.setdefault(name, []).append((time.monotonic() - begun, held))
            if ended:
                return
            ended = self.over.wait(self.every)


def thinned(curve, points=16):
    """The greatest of each part of the time, for a picture."""
    size = max(1, math.ceil(len(curve) / points))
    parts = [curve[at:at + size] for at in range(0, len(curve), size)]
    return [(float(f"{part[-1][0]:.2g}"), max(held for _, held in part)) for part in parts]


def measure_memory(bench, site, work):
    rows = work.sizes(bench)[-1]
    ask(site, work, work.sizes(bench)[0], "dask")
    say(f"m: memory, {rows:,} rows")
    with Memory(site, 0.02 if bench.quick else 0.1) as memory:
        ask(site, work, rows, "dask")
    table = Table(f"MB in memory (resident), {work.title}, {rows:,} rows", ["", "before", "most", "at the end"], [
        [name, *(f"{held:,.0f}" for held in (curve[0][1], max(held for _, held in curve), curve[-1][1]))]
        for name, curve in memory.curves.items()])
    return rows, memory.curves, table


# ---- the section ---------------------------------------------------------------------------------

def add_site(bench, section, label, site, chosen, processors):
    """Times, costs and break-evens of one site; returns the times."""
    found = measure_times(bench, site, label, chosen)
    cost_rows, even_rows = [], []
    for work in chosen:
        sizes = work.sizes(bench)
        section.tables.append(times_table(f"{label}: {work.title}", work, found, sizes))
        if work.name != "sleep":
            say(f"m: {label}, {work.name}, what a {work.item} costs")
            cost = costs(bench, site, work)
            cost_rows.append(cost_row(work, cost))
            section.data[f"{label} {work.name} costs"] = cost
            even_rows.append(break_even_rows(work, cost, fixed_of(work, found, sizes), processors,
                                             first_win(work, found, sizes), sizes[-1]))
    section.tables.append(Table(f"{label}: processor time of each, ns", [
        "", "threads: server", "dask: server", "bridge", "scheduler", "Dask workers' Python", "`colonnade --worker`"], cost_rows))
    section.tables.append(Table(f"{label}: from where on dask is the fastest", [
        "", "computing here", "shipping, at least", "measured", *(f"reckoned, {cores} cores elsewhere" for cores in CORES)],
        even_rows))
    section.data.update({f"{label} {name} {size}": {one.name: one.samples for one in contenders}
                         for (name, size), contenders in found.items()})
    return found


def measure(bench):
    section = Section("m", "The executor dask: a cluster beside one machine")
    section.text = [
        "Whole requests: generated rows, all results back as CSV; or calls of `/v1/map`. All answers are equal, by checksums. "
        "Medians, and half of the range. *Loopback*: scheduler and two workers of a thread each share "
        f"the server's {bench.cpus} processors, so there is nothing to win: it shows what shipping costs. *Hosts*: three network "
        f"namespaces; the server may use {SHARE:g} of a processor, so the two workers add computing power, as other machines would.",
        "*Computing here*: processor time of a row under threads, divided by the processors. *Shipping, at least*: the longest of "
        "what the bridge and the scheduler, which have one thread each, and server and bridge on the server's processors need for a row: no "
        "number of workers makes it shorter. *Reckoned*: from both, the workers' own time divided by the cores elsewhere, and "
        "what the smallest request takes longer on dask. *Never*: shipping, or the workers, cost more than computing here."]
    chosen, processors = works(bench), min(2, bench.cpus)
    with dask_site.Loopback(bench) as site:
        found = add_site(bench, section, "loopback", site, chosen, processors)
        md5 = next(work for work in chosen if work.name == "md5")
        rows, curves, table = measure_memory(bench, site, md5)
    section.tables.append(table)
    section.data["memory"] = curves
    section.charts["dask.svg"] = lines("md5(a, b): time of a request", "rows", "seconds of a request", {
        executor: [(size, found["md5", size][at].median) for size in md5.sizes(bench)]
        for at, executor in enumerate(EXECUTORS)})
    section.charts["dask-memory.svg"] = lines(f"Memory while {rows:,} rows are computed on dask", "seconds", "MB", {
        name.replace("`", ""): thinned(curve) for name, curve in curves.items()}, log=False)
    cause = dask_site.cause_of_no_hosts()
    if cause:
        section.text.append(f"Hosts were not measured: {cause}.")
    else:
        with dask_site.Apart(bench, SHARE) as site:
            add_site(bench, section, "hosts", site, [work for work in chosen if work.name != "sleep"], SHARE)
    grown = {name: max(held for _, held in curves[name]) - curves[name][0][1] for name in ("bridge", "scheduler", "Dask workers")}
    section.targets = [Target(f"memory of bridge, scheduler and Dask workers in a job of {rows:,} rows", "grows by ≤ 128 MB each",
                              ", ".join(f"{name} {held:.0f} MB" for name, held in grown.items()), max(grown.values()) <= 128)]
    return section
