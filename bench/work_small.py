"""Small requests: how many a second, how long each takes, and what a large job does to them."""
import json
import statistics
import subprocess

from measure import Beside, Section, Table, Target, number, say
from peers import curl
from work_csv import QUERY, same_file

CLIENTS = 8
SMALL_ROWS = 1000
RATE = 200  # requests a second of the paced load


def median_of(runs, name):
    return statistics.median(run[name] for run in runs)


# ---- as many as it can ----------------------------------------------------------------------------------

def rates_row(name, runs):
    rates = [run["requests"] / run["seconds"] for run in runs]
    return [name, f"{statistics.median(rates):,.0f}", f"{min(rates):,.0f}", f"{max(rates):,.0f}",
            *(number(median_of(runs, part) / 1e6) for part in ("p50_ns", "p99_ns", "max_ns"))]


def measure_rate(bench):
    section = Section("d", f"Requests of {SMALL_ROWS:,} rows of CSV, {CLIENTS} clients that keep their connections")
    body, reply, other = bench.csv(SMALL_ROWS), bench.folder / "small.csv", bench.folder / "small-other.csv"
    lasting = 0.2 if bench.quick else 2
    with bench.service() as service, bench.maybe("FastAPI", bench.peers.fastapi) as fastapi, \
            bench.maybe("ClickHouse", bench.peers.clickhouse) as clickhouse:
        curl(service.url + QUERY, body, reply)
        targets = {"Colonnade": (service.address[1], QUERY, {"body": body, "expect": reply})}
        if fastapi:
            curl(f"http://127.0.0.1:{fastapi.port}/csv", body, other)
            same_file(reply, other)
            targets["FastAPI + pandas"] = fastapi.port, "/csv", {"body": body, "expect": reply}
        if clickhouse:
            form = bench.folder / "small.form"
            kind = clickhouse.form(body, form)
            targets["ClickHouse"] = clickhouse.port, clickhouse.path, {"body": form, "type": kind}
        runs = {name: [] for name in targets}
        for number_of_round in range(bench.repeat):
            say(f"d: round {number_of_round + 1}")
            for name, (port, path, request) in targets.items():
                runs[name].append(bench.peers.load(port, path, clients=CLIENTS, seconds=lasting, **request))
    section.text = [f"`bench/load.c`: each client sends its next request when it has the reply to the last one; "
                    f"{lasting} s a sample. The load takes its share of the machine too. Every reply is compared with "
                    "the right one, byte by byte (but ClickHouse's, which is not exact)."]
    section.tables = [Table("Requests a second, and milliseconds of a request (medians of the samples)",
                            ["", "median", "least", "most", "p50", "p99", "longest"],
                            [rates_row(name, some) for name, some in runs.items()])]
    section.data = runs
    ours = runs["Colonnade"]
    rate = statistics.median(run["requests"] / run["seconds"] for run in ours)
    p99 = median_of(ours, "p99_ns") / 1e6
    section.targets = [Target("1,000-row CSV requests, 8 clients", "≥ 5,000/s, p99 ≤ 5 ms",
                              f"{rate:,.0f}/s, p99 {number(p99)} ms", rate >= 5000 and p99 <= 5)]
    return section


# ---- beside a large job -----------------------------------------------------------------------------------

class Job(Beside):
    """The same large request over and over, until the with-block ends."""

    def __init__(self, service, rows):
        super().__init__()
        self.done = 0
        self.command = ["curl", "-s", "-S", "-f", "-o", "/dev/null", "-H", "Content-Type: application/json", "-d",
                        json.dumps({"generate": {"rows": rows, "columns": ["a", "b", "c", "d"], "seed": 1},
                                    "let": {"r": "(a-b)/(c+d)**2", "k": "md5(a,b)"}, "limit": 0}),
                        service.url + "/v1/compute"]

    def work(self):
        while not self.over.is_set():
            subprocess.run(self.command, check=True)
            self.done += 1


def paced(bench, service, body, reply):
    lasting = 0.5 if bench.quick else 10
    return bench.peers.load(service.address[1], QUERY, body=body, expect=reply, clients=32, rate=RATE, seconds=lasting)


def measure_paced(bench):
    rows = 20_000 if bench.quick else 10**7
    section = Section("i", f"Small requests at a fixed pace, while a job of {rows:,} rows runs")
    body, reply = bench.csv(SMALL_ROWS), bench.folder / "small.csv"
    alone, beside, jobs = [], [], 0
    with bench.service() as service:
        curl(service.url + QUERY, body, reply)
        for number_of_round in range(1 if bench.quick else 3):
            say(f"i: round {number_of_round + 1}")
            alone.append(paced(bench, service, body, reply))
            with Job(service, rows) as job:
                beside.append(paced(bench, service, body, reply))
            jobs += job.done
    section.text = [f"{RATE} requests a second of {SMALL_ROWS:,} rows of CSV are due at fixed times, whatever the "
                    "service does, and a request's time counts from then on. The job (an expression and an md5 over "
                    "generated rows, none of them sent back, `auto`) is begun anew whenever it has ended; it was run "
                    f"{jobs} times in all."]
    head = ["", "p50", "p90", "p99", "longest"]
    section.tables = [Table("Milliseconds of a request (medians of the samples)", head, [
        [name, *(number(median_of(runs, part) / 1e6) for part in ("p50_ns", "p90_ns", "p99_ns", "max_ns"))]
        for name, runs in (("alone", alone), ("beside the job", beside))])]
    ratios = [one["p99_ns"] / other["p99_ns"] for one, other in zip(beside, alone)]
    ratio = statistics.median(ratios)
    section.data = {"alone": alone, "beside": beside}
    section.targets = [Target("p99 of small requests (paced load) while a 10M-row job runs", "≤ 3 × that without it",
                              f"{number(ratio)} × ({number(min(ratios))} to {number(max(ratios))})", ratio <= 3)]
    return section
