"""The account of time of work on a cluster: the ledger is divided and still sums, a worker's lane never overlaps, and
everything that is told of the cluster has the form that /openapi.json states."""
import json
import re

import pytest

from product import Product, called, compute, dask_pool

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

LEDGER = ["receive", "decode", "plan", "queue", "ship", "schedule", "execute", "fetch", "gather", "encode"]
STAGES = {"parse", "evaluate", "hash", "encode", "ship", "schedule", "fetch", "wait"}
ON_THE_WAY = ["ship", "schedule", "fetch"]
COMPUTING = ["parse", "evaluate", "hash", "encode"]
WORK = {"generate": {"rows": 60_000, "columns": ["a", "b"], "seed": 1}, "let": {"r": "a/b", "k": "sha256(a, b)"},
        "chunk_rows": 4000}
CALLS = {"function": "long_comp", "args": list(range(12)), "iterations": 20_000, "chunksize": 2}
# Much computing for each byte, in many chunks, so that several are always under way to a worker.
HEAVY = {"generate": {"rows": 200_000, "columns": ["a"], "seed": 1}, "let": {"r": "cos(sin(" * 20 + "a" + "))" * 20},
         "chunk_rows": 10_000}
HEAVY_CALLS = {"function": "long_comp", "args": list(range(48)), "iterations": 200_000, "chunksize": 2}


@pytest.fixture(scope="module")
def server():
    with Product() as made:
        yield made.server


@pytest.fixture(scope="module")
def matches(server):
    """Whether a document is what the interface says of the schema NAME."""
    components = server.get("/openapi.json").json()["components"]
    for schema in components["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)

    def check(document, name):
        jsonschema.Draft202012Validator({"components": components, "$ref": f"#/components/schemas/{name}"}).validate(document)
    return check


def run_of(server, document):
    return server.get("/v1/runs/" + document["run"]).json()


def check_timing(timing):
    names = [entry["stage"] for entry in timing["ledger"]]
    assert names == [stage for stage in LEDGER if stage in names]
    assert sum(entry["ns"] for entry in timing["ledger"]) + timing["unaccounted_ns"] == timing["wall_ns"]
    assert all(entry["ns"] > 0 for entry in timing["ledger"]) and timing["unaccounted_ns"] >= 0
    for worker in timing["workers"]:
        assert worker["pid"] == 0 and worker["host"] == "127.0.0.1"
        assert set(worker["stages"]) <= STAGES and all(ns >= 0 for ns in worker["stages"].values())
        assert sum(worker["stages"].values()) == worker["wall_ns"] > 0


def check_lanes(run):
    """Within a worker no two chunks overlap, though several were under way to it at once."""
    lanes = {}
    for chunk in run["chunks"]:
        ends = chunk["start_ns"] + sum(chunk["stages"].values())
        lanes.setdefault(chunk["worker"], []).append((chunk["start_ns"], ends))
    assert set(lanes) == {worker["worker"] for worker in run["timing"]["workers"]}
    for spans in lanes.values():
        spans.sort()
        assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:])), spans
        assert spans[0][0] >= 0 and spans[-1][1] <= run["timing"]["wall_ns"]


def check_sums(run):
    """What is listed of a worker's chunks is what its account has, but for the time between them, which it waited."""
    for worker in run["timing"]["workers"]:
        chunks = [chunk["stages"] for chunk in run["chunks"] if chunk["worker"] == worker["worker"]]
        for stage in STAGES - {"wait"}:
            assert sum(stages.get(stage, 0) for stages in chunks) == worker["stages"].get(stage, 0), stage
        assert sum(stages.get("wait", 0) for stages in chunks) <= worker["stages"].get("wait", 0)


def computed(timing):
    """By all workers, as their lanes show it."""
    return sum(worker["stages"].get(stage, 0) for worker in timing["workers"] for stage in COMPUTING)


def length(spans):
    """Of the time that they cover together."""
    total = until = 0
    for begin, end in sorted(spans):
        total += max(0, end - max(begin, until))
        until = max(until, end)
    return total


@pytest.mark.parametrize("repeat", [1, 3])
def test_a_job_is_accounted_for(server, matches, repeat):
    reply = compute(server, WORK, "dask", repeat=repeat)
    document = reply.json()
    check_timing(document["timing"])
    matches(document, "ComputeReply")
    names = [entry["stage"] for entry in document["timing"]["ledger"]]
    assert set(ON_THE_WAY + ["execute"]) & set(names) >= {"ship", "execute"}, names
    timed = re.findall(r"(\w+);dur=", reply.headers["Server-Timing"])
    assert timed == [name for name in LEDGER if name in timed] + ["total"] and "ship" in timed
    run = run_of(server, document)
    matches(run, "Run")
    check_lanes(run)
    if repeat == 1:
        check_sums(run)
    assert sum(worker["chunks"] for worker in run["timing"]["workers"]) == \
        document["execution"]["chunks"] * (1 if repeat == 1 else repeat + 1)


def test_calls_are_accounted_for(server, matches):
    document = called(server, CALLS, "dask").json()
    check_timing(document["timing"])
    matches(document, "MapReply")
    run = run_of(server, document)
    check_lanes(run)
    check_sums(run)
    futures = document["futures"]
    for future in futures:
        assert 0 <= future["submitted_ns"] <= future["started_ns"] <= future["finished_ns"] <= document["timing"]["wall_ns"]
        # Another machine's clock is not this one's, but how long a call took is the same on both.
        assert future["finished_ns"] - future["started_ns"] >= future["cpu_ns"] / 2
    for first, second in zip(futures[::2], futures[1::2]):  # of one task
        assert first["finished_ns"] <= second["started_ns"]


def test_results_on_their_way_back_hide_no_computing():
    """A worker that computes while earlier results go back is shown to compute. With one thread each there is always
    a next chunk to compute, and computing never overlaps; were it hidden, little of it would be left in the lanes."""
    with Product(threads=1) as made:
        job = compute(made.server, HEAVY, "dask").json()
        calls = called(made.server, HEAVY_CALLS, "dask").json()
        for document in (job, calls):
            check_timing(document["timing"])
            run = run_of(made.server, document)
            check_lanes(run)
            check_sums(run)
    # At least one worker computed all through `execute`.
    execute = next(entry["ns"] for entry in job["timing"]["ledger"] if entry["stage"] == "execute")
    assert computed(job["timing"]) >= execute / 2, job["timing"]
    said = sum(length([(future["started_ns"], future["finished_ns"]) for future in calls["futures"]
                       if future["worker"] == worker["worker"]]) for worker in calls["timing"]["workers"])
    assert computed(calls["timing"]) >= said / 2, calls["timing"]


def test_other_executors_have_none_of_it(server):
    for executor in ("serial", "threads", "processes"):
        document = compute(server, WORK, executor).json()
        assert not {"ship", "schedule", "fetch"} & {entry["stage"] for entry in document["timing"]["ledger"]}
        for worker in document["timing"]["workers"]:
            assert "host" not in worker and worker["pid"] > 0 and not {"schedule", "fetch"} & set(worker["stages"])


def test_in_a_trace_each_worker_is_a_process(server):
    run = compute(server, WORK, "dask").json()["run"]
    events = server.get(f"/v1/runs/{run}/trace").json()["traceEvents"]
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert names.pop(server.pid) == "colonnade"
    assert sorted(names.values()) == [f"dask worker {n} on 127.0.0.1" for n in range(len(names))] and names
    chunks = [event for event in events if event.get("cat") == "chunk"]
    assert chunks and {event["pid"] for event in chunks} == set(names)
    order = ["ship", "schedule", "parse", "evaluate", "hash", "encode", "wait", "fetch"]
    for chunk in chunks:
        inside = [event["name"] for event in events if event.get("cat") == "stage" and event["pid"] == chunk["pid"] and
                  chunk["ts"] <= event["ts"] < chunk["ts"] + chunk["dur"] - 0.0005]
        assert inside == [stage for stage in order if stage in inside]


def test_a_run_is_exported_and_imported_with_its_hosts(server):
    run = compute(server, WORK, "dask").json()["run"]
    file = server.get(f"/v1/runs/{run}/export").json()
    file["run"]["id"] = "0" * 31 + "7"
    assert server.post_json(file, path="/v1/runs/import").status in (200, 201)
    back = server.get("/v1/runs/" + file["run"]["id"]).json()
    assert back["timing"] == file["run"]["timing"] and back["chunks"] == file["run"]["chunks"]
    assert {worker["host"] for worker in back["timing"]["workers"]} == {"127.0.0.1"}


def test_the_cluster_is_listed(server, matches):
    compute(server, WORK, "dask")
    document = server.pools()
    matches(document, "Pools")
    pool = dask_pool(server)
    assert pool["connected"] and pool["problem"] is None and pool["dashboard"].startswith("http://127.0.0.1:")
    assert pool["bridge"]["pid"] > 0 and pool["bridge"]["starts"] == 1
    assert sorted(worker["name"] for worker in pool["workers"]) == ["w0", "w1"]
    for worker in pool["workers"]:
        assert worker["host"] == "127.0.0.1" and worker["address"].startswith("tcp://127.0.0.1:")
        assert worker["usable"] and worker["present"] and worker["problem"] is None and worker["threads"] == 2
        assert worker["memory_bytes"] == 10**9
    assert sum(worker["tasks"] for worker in pool["workers"]) > 0 < sum(worker["cpu_ns"] for worker in pool["workers"])
    for other in document["pools"]:
        if other is not pool and other["executor"] != "dask":
            assert not {"scheduler", "dashboard", "connected", "problem", "bridge"} & set(other)


def test_the_metrics_tell_of_it(server):
    def values():
        return dict(re.findall(r"^(\S+) (\S+)$", server.get("/metrics").text, re.M))
    first = values()
    assert first["colonnade_dask_connected"] == "1" and first["colonnade_dask_workers"] == "2"
    assert first["colonnade_dask_threads"] == "4" and first["colonnade_dask_bridge_starts_total"] == "1"
    compute(server, WORK, "dask")
    after = values()
    for name in ('colonnade_stage_seconds_total{operation="compute",stage="ship"}',
                 'colonnade_worker_seconds_total{executor="dask",activity="fetch"}'):
        assert float(after[name]) > float(first[name])
    assert 'colonnade_worker_restarts_total{executor="dask"}' not in after


def test_events_carry_the_cluster(server):
    """The stream begins with the document of the pools."""
    with server.connect() as stream:
        stream.sendall(f"GET /v1/events HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n\r\n".encode())
        stream.settimeout(10)
        seen = b""
        while not re.search(rb"event: pools\r?\ndata: .*\n", seen):
            seen += stream.recv(65536)
    pools = json.loads(re.search(rb"event: pools\r?\ndata: (.*)\n", seen)[1])["pools"]
    assert next(pool for pool in pools if pool["executor"] == "dask")["connected"]
