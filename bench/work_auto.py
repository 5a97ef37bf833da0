"""`auto` against each executor that one could pick by hand, from few rows to many."""
import json
import urllib.parse

from measure import Contender, Section, Table, Target, in_turns, paired_ratio, say, seconds
from plot import lines

EXECUTORS = ("auto", "serial", "threads", "processes")
WORK = {"cheap": "(a-b)/(c+d)**2", "costly": "exp(sin(a))*log1p(abs(b))+arctan2(c,d)**3", "hash": "md5(a,b)"}
SAMPLE_S = 0.05  # of so many seconds of requests the median is taken
MOST_REQUESTS = 200


def generated(bench, service, rows, expression, executor):
    """A request without rows in it or in its reply."""
    body = bench.folder / f"auto-{executor}.json"
    body.write_text(json.dumps({"generate": {"rows": rows, "columns": ["a", "b", "c", "d"], "seed": 1}, "limit": 0,
                                "let": {"r": expression}, "executor": executor}), encoding="ascii")
    return service.address[1], "/v1/compute", {"body": body, "type": "application/json"}


def csv(bench, service, rows, expression, executor):
    let = urllib.parse.quote("r=" + expression, safe="")
    return service.address[1], f"/v1/compute?let={let}&executor={executor}", {"body": bench.csv(rows), "type": "text/csv"}


def sample(bench, port, path, options):
    """The median request of some, in seconds, on one connection."""
    once = bench.peers.load(port, path, requests=1, **options)["seconds"]
    requests = max(1, min(MOST_REQUESTS, int(SAMPLE_S / once)))
    if requests == 1:
        return once
    return bench.peers.load(port, path, requests=requests, **options)["p50_ns"] / 1e9


def measure_case(bench, service, way, rows, expression):
    """Contenders by executor; and auto's ratio to the best other one, with its range. The best is the one with the least
    median; ratios are those of the same rounds."""
    found = [Contender(executor, lambda executor=executor: sample(bench, *way(bench, service, rows, expression, executor)))
             for executor in EXECUTORS]
    in_turns(found, bench.repeat, 20)
    best = min(found[1:], key=lambda one: one.median)
    return found, best, paired_ratio(found[0], best)


def sizes(bench, source):
    if bench.quick:
        return [10, 1000]
    return [10**power for power in range(1, 8 if source == "generated" else 7)]


def row_of(rows, found, best, ratio):
    return [f"{rows:,}", *(seconds(one.median) for one in found), best.name,
            f"{ratio[0]:.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})"]


def measure(bench):
    section = Section("g", "`auto` against the executors that can be picked by hand")
    section.text = ["Medians of requests on one connection, by `bench/load.c`. *generated*: the server makes the rows and "
                    "sends none back. *CSV*: the body has the rows, and all of them come back. The ratio is that of `auto` "
                    "to the best of the others, of the same rounds: median (least to most)."]
    worst, points = (0, ""), {}
    with bench.service() as service:
        for source, way in (("generated", generated), ("CSV", csv)):
            for name, expression in WORK.items():
                rows_of_table = []
                for rows in sizes(bench, source):
                    say(f"g: {source}, {name}, {rows:,} rows")
                    found, best, ratio = measure_case(bench, service, way, rows, expression)
                    rows_of_table.append(row_of(rows, found, best, ratio))
                    worst = max(worst, (ratio[0], f"{source}, {name}, {rows:,} rows"))
                    section.data[f"{source} {name} {rows}"] = {one.name: one.samples for one in found}
                    if (source, name) == ("CSV", "hash"):
                        for one in found:
                            points.setdefault(one.name, []).append((rows, one.median))
                section.tables.append(Table(f"{source}, {name}: `{expression}`",
                                            ["rows", *EXECUTORS, "best", "auto / best"], rows_of_table))
    section.charts["executors.svg"] = lines("CSV in, CSV out with md5(a, b), by executor", "rows", "seconds of a request",
                                            points)
    section.targets = [Target("`auto` against the best hand-picked executor, any size from 10 to 10M rows",
                              "never over 1.05 ×", f"at most {worst[0]:.2f} × ({worst[1]})", worst[0] <= 1.05)]
    return section
