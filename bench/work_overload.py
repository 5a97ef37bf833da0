"""Ten times more work than there is room for: what is still served, what refusals cost, and who is spared."""
import json
import statistics

from measure import Beside, Section, Table, Target, number, say
from peers import curl
from work_csv import QUERY
from work_small import SMALL_ROWS, median_of

PLACES = 16  # --max-queued
CROWD = 64  # connections of those who ask too much
POLITE_RATE = 50  # requests a second of the client beside them, from an address of its own


def work(bench):
    """Some ten milliseconds on one core, made in the pool, and nothing to send back. Whoever is refused costs the two
    sides together about a tenth of a millisecond; nine of them for each that is served must not be what is measured."""
    file = bench.folder / "overload.json"
    rows = 50_000 if bench.quick else 300_000
    file.write_text(json.dumps({"generate": {"rows": rows, "columns": ["a", "b", "c", "d"], "seed": 1},
                                "let": {"r": "(a-b)/(c+d)**2", "k": "md5(a,b)"}, "limit": 0, "executor": "threads"}))
    return rows, {"body": file, "type": "application/json"}


def crowd(bench, port, request, rate, seconds):
    return bench.peers.load(port, "/v1/compute", clients=CROWD, rate=f"{rate:.1f}", seconds=seconds, refusals=True,
                            **request)


class Crowd(Beside):
    """The crowd goes on until the with-block ends, half a second at a time."""

    def __init__(self, *arguments):
        super().__init__()
        self.arguments, self.runs = arguments, []

    def work(self):
        while not self.over.is_set():
            self.runs.append(crowd(*self.arguments, 0.5))


def polite(bench, port, body, reply, seconds):
    return bench.peers.load(port, QUERY, body=body, expect=reply, clients=8, rate=POLITE_RATE, seconds=seconds,
                            source="127.0.0.2")


def per_second(run):
    return run["requests"] / run["seconds"]


def spread(values, decimals=2):
    return f"{statistics.median(values):.{decimals}f} ({min(values):.{decimals}f} to {max(values):.{decimals}f})"


def rounds(bench, service, request):
    seconds = 0.3 if bench.quick else 3
    port, body, reply = service.address[1], bench.csv(SMALL_ROWS), bench.folder / "small.csv"
    found = {"peak": [], "ten times": [], "alone": [], "beside": []}
    curl(service.url + QUERY, body, reply)
    for number_of_round in range(bench.repeat):
        say(f"l: round {number_of_round + 1}")
        found["peak"].append(bench.peers.load(port, "/v1/compute", clients=PLACES, seconds=seconds, **request))
        rate = 10 * per_second(found["peak"][-1])
        found["ten times"].append(crowd(bench, port, request, rate, seconds))
        found["alone"].append(polite(bench, port, body, reply, seconds))
        with Crowd(bench, port, request, rate):
            found["beside"].append(polite(bench, port, body, reply, seconds))
    return found


def measure(bench):
    rows, request = work(bench)
    section = Section("l", "Ten times more than it can do")
    with bench.service("--max-queued", str(PLACES)) as service:
        found = rounds(bench, service, request)
    over = found["ten times"]
    goodput = [per_second(one) / per_second(peak) for one, peak in zip(over, found["peak"])]
    refused = [one["refused_p99_ns"] / 1e6 for one in over if one["refused"]]
    section.text = [
        f"Work of {rows:,} generated rows, nothing sent back, with `--max-queued {PLACES}`. Peak: {PLACES} clients that "
        f"each send when they have a reply. Then ten times that rate is offered by {CROWD} connections, at fixed times "
        "whatever the service does, and a refusal's time counts from when its request was due. Every reply is a 200, "
        "or a 503 with `Retry-After`: any other ends the measurement, and so does one that never comes. Beside that "
        f"crowd, and alone, a client with another address sends {POLITE_RATE} requests a second of {SMALL_ROWS:,} rows "
        "of CSV, each of which must be answered, and right. Those who ask take their share of the machine too."]
    section.tables = [
        Table("Requests a second that were served", ["", "median", "least", "most"], [
            [name, *(f"{figure:,.0f}" for figure in (statistics.median(some), min(some), max(some)))]
            for name, some in (("peak", [per_second(run) for run in found["peak"]]),
                               ("at ten times that", [per_second(run) for run in over]))]),
        Table("Milliseconds (medians of the samples)", ["", "p50", "p99", "longest"], [
            ["a refusal", *(number(median_of(over, "refused_" + part) / 1e6) for part in ("p50_ns", "p99_ns", "max_ns"))],
            *([name, *(number(median_of(found[key], part) / 1e6) for part in ("p50_ns", "p99_ns", "max_ns"))]
              for name, key in (("the other client, alone", "alone"), ("beside the crowd", "beside")))])]
    section.data = found
    section.targets = [
        Target("served at ten times overload, of the peak", "≥ 0.9", spread(goodput), statistics.median(goodput) >= 0.9),
        Target("refusals then, p99", "≤ 5 ms", spread(refused) + " ms" if refused else "none",
               bool(refused) and statistics.median(refused) <= 5)]
    return section
