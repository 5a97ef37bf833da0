"""JSON in, JSON out."""
import json

from measure import Contender, Section, Target, in_turns, samples_data, samples_table, say
from peers import curl

KIND = "application/json"


def make_body(bench):
    """The frame of the CSV workload as a JSON body; its numbers are the same texts."""
    file = bench.folder / f"frame-{bench.rows}.json"
    with open(bench.csv(bench.rows), encoding="ascii") as table:
        names = next(table).strip().split(",")
        columns = zip(*(line.rstrip("\n").split(",") for line in table))
        text = ",".join(f'"{name}":[{",".join(values)}]' for name, values in zip(names, columns))
    file.write_text('{"columns":{' + text + '},"let":{"r":"(a-b)/(c+d)**2","k":"md5(a,b)"}}', encoding="ascii")
    return file


def check(bench, urls, body):
    """r and k of every reply, as Python reads them."""
    reply, expected = bench.folder / "reply.json", None
    for name, url in urls.items():
        curl(url, body, reply, KIND)
        columns = json.loads(reply.read_bytes())["columns"]
        expected = expected or columns
        if columns != expected:
            raise SystemExit(f"{name} replies other columns")


def measure(bench):
    section = Section("e", f"JSON in, JSON out over HTTP: {bench.rows:,} rows, an expression and an md5")
    body = make_body(bench)
    with bench.service() as service, bench.maybe("FastAPI", bench.peers.fastapi) as fastapi:
        urls = {"Colonnade": service.url + "/v1/compute"}
        if fastapi:
            urls["FastAPI + pandas"] = f"http://127.0.0.1:{fastapi.port}/json"
        say("e: checking that all answers are equal")
        check(bench, urls, body)
        found = in_turns([Contender(name, lambda url=url: curl(url, body, content_type=KIND)[0],
                                    most=0 if name == "Colonnade" else 2) for name, url in urls.items()], bench.repeat)
        _, reply_bytes, _ = curl(urls["Colonnade"], body, content_type=KIND)
    section.text = [f"Four columns in ({body.stat().st_size / 1e6:.0f} MB), the two computed ones out "
                    f"({reply_bytes / 1e6:.0f} MB); curl's own time. Both replies' columns are equal."]
    ours = found[0]
    section.tables = [samples_table("Seconds of a request", found, ours, bench.rows)]
    section.data = samples_data(found)
    section.targets = [Target("JSON in and out, 1M rows", "≤ 0.5 s", f"{ours.median:.2f} s (least {ours.least:.2f})",
                              ours.median <= 0.5)]
    body.unlink()
    return section
