"""The timing account: ledgers that sum exactly, runs, traces, pools and the service's own pages."""
import json
import os
import re

import pytest

LEDGER = ["receive", "decode", "plan", "queue", "execute", "gather", "encode"]
STAGES = ["parse", "evaluate", "hash", "encode", "ship", "lock", "wait"]
EXECUTORS = ["serial", "threads", "processes"]
DATA = "a,b\n" + "".join(f"{k}.25,{k % 7}\n" for k in range(20_000))
LETS = ["r=(a-b)/(a+b+1)**2", "key=md5(a,b)"]


def check_timing(timing):
    """The sums, exactly."""
    stages = [entry["stage"] for entry in timing["ledger"]]
    assert stages == [s for s in LEDGER if s in stages] and len(set(stages)) == len(stages), stages
    assert all(isinstance(e["ns"], int) and e["ns"] >= 0 for e in timing["ledger"])
    total = sum(e["ns"] for e in timing["ledger"]) + timing["unaccounted_ns"]
    assert total == timing["wall_ns"] and timing["wall_ns"] > 0
    assert timing["unaccounted_ns"] >= 0
    for worker in timing["workers"]:
        assert set(worker["stages"]) <= set(STAGES)
        assert sum(worker["stages"].values()) == worker["wall_ns"], worker
        assert all(isinstance(v, int) and v >= 0 for v in worker["stages"].values())
        assert worker["chunks"] >= 1 and worker["pid"] > 0 and worker["cpu_ns"] >= 0


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("chunk_rows", [100, 5000, 100_000])
def test_ledgers_sum_exactly(server, executor, chunk_rows):
    columns = {"a": [k / 4 for k in range(20_000)], "b": [k % 7 for k in range(20_000)]}
    for reply in (server.post_json({"columns": columns, "let": LETS, "executor": executor,
                                    "chunk_rows": chunk_rows}),
                  server.post_csv(DATA, {"let": LETS, "executor": executor, "chunk_rows": chunk_rows},
                                  headers={"Accept": "application/json"})):
        assert reply.status == 200, reply
        document = reply.json()
        check_timing(document["timing"])
        workers = document["timing"]["workers"]
        assert sum(w["chunks"] for w in workers) == document["execution"]["chunks"]
        assert document["execution"]["workers"] >= len(workers) >= 1
        busy = {name for w in workers for name, ns in w["stages"].items() if ns}
        assert {"evaluate", "hash"} <= busy, busy
        if executor == "processes":
            assert all(w["pid"] != server.pid for w in workers)
        else:
            assert all(w["pid"] == server.pid for w in workers)


def test_server_timing(server):
    for accept in ("text/csv", "application/json"):
        reply = server.post_csv(DATA, {"let": LETS}, headers={"Accept": accept})
        entries = [re.fullmatch(r"(\w+);dur=(\d+(?:\.\d+)?)", e.strip()) for e in
                   reply.headers["Server-Timing"].split(",")]
        assert all(entries), reply.headers["Server-Timing"]
        names = [e[1] for e in entries]
        assert names[-1] == "total" and names[:-1] == [s for s in LEDGER if s in names]
        total = float(entries[-1][2])
        assert total >= sum(float(e[2]) for e in entries[:-1]) - 0.1
        if accept == "application/json":
            assert abs(total - reply.json()["timing"]["wall_ns"] / 1e6) < max(5, total)


def test_ids(server):
    seen = set()
    for _ in range(50):
        run = server.post_csv("a\n1\n", {"let": "r=a"}).headers["Colonnade-Run"]
        assert re.fullmatch(r"[0-9A-Za-z_-]{8,64}", run)
        seen.add(run)
    assert len(seen) == 50
    failed = server.post_csv("a\n1\n", {"let": "r=1//0"})
    assert failed.headers["Colonnade-Run"]
    assert server.get("/v1/runs/" + failed.headers["Colonnade-Run"]).status == 200


def test_traceparent_is_echoed(server):
    value = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    reply = server.post_csv("a\n1\n", {"let": "r=a"}, headers={"traceparent": value})
    assert reply.headers.get("traceparent") == value


def test_the_list_of_runs(server):
    newest = server.post_csv(DATA, {"let": LETS, "executor": "threads"}).headers["Colonnade-Run"]
    server.run(newest)
    runs = server.get("/v1/runs?limit=3").json()["runs"]
    assert len(runs) == 3
    entry = next(r for r in runs if r["id"] == newest)
    assert set(entry) >= {"id", "started_at", "operation", "executor", "workers", "mode", "rows",
                          "status", "wall_ns"}
    assert entry["operation"] == "compute" and entry["executor"] == "threads"
    assert entry["rows"] == 20_000 and entry["mode"] == "vector" and entry["wall_ns"] > 0
    assert entry["status"] in (200, "ok", "finished")
    assert re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", str(entry["started_at"]))
    assert [r["started_at"] for r in runs] == sorted((r["started_at"] for r in runs), reverse=True)
    for bad in ("limit=x", "limit=-1", "nosuch=1"):
        assert server.get("/v1/runs?" + bad).status == 400, bad


@pytest.mark.parametrize("executor", EXECUTORS)
def test_one_run(server, executor):
    reply = server.post_csv(DATA, {"let": LETS, "executor": executor, "chunk_rows": 3000})
    run = server.run_of(reply)
    check_timing(run["timing"])
    assert run["recipe"] == ["r = (a - b) / (a + b + 1) ** 2", "key = md5(a, b)"]
    assert run["send_ns"] >= 0 and not run.get("error")
    assert run["execution"]["executor"] == executor
    chunks = sorted(run["chunks"], key=lambda c: c["chunk"])
    assert [c["chunk"] for c in chunks] == list(range(7))
    assert [c["first_row"] for c in chunks] == [k * 3000 for k in range(7)]
    assert sum(c["rows"] for c in chunks) == 20_000
    for chunk in chunks:
        assert chunk["start_ns"] >= 0 and set(chunk["stages"]) <= set(STAGES) and chunk["pid"] > 0
    by_worker = {}
    for chunk in chunks:
        by_worker.setdefault(chunk["worker"], []).append(chunk)
    for worker in run["timing"]["workers"]:
        assert len(by_worker[worker["worker"]]) == worker["chunks"]


@pytest.mark.parametrize("executor", EXECUTORS + ["gil"])
def test_workers_are_numbered_as_they_came(server, executor):
    """Numbers are the run's own, from 0; the pid tells which process it was."""
    reply = server.post_csv(DATA, {"let": LETS, "executor": executor, "chunk_rows": 500,
                                   "workers": 2}, headers={"Accept": "application/json"})
    run = server.run_of(reply)
    workers = run["timing"]["workers"]
    assert [w["worker"] for w in workers] == list(range(len(workers)))
    assert reply.json()["timing"]["workers"] == workers
    came = []
    for chunk in sorted(run["chunks"], key=lambda c: c["start_ns"]):
        if chunk["worker"] not in came:
            came.append(chunk["worker"])
        assert chunk["pid"] == workers[chunk["worker"]]["pid"]
    assert came == sorted(came) == list(range(len(workers)))


@pytest.mark.parametrize("executor", EXECUTORS + ["gil"])
def test_an_emulation_is_called_one(server, executor):
    reply = server.lets("md5(a)", {"a": list(range(2000))}, executor=executor)
    run = server.run_of(reply)
    listed = next(r for r in server.get("/v1/runs?limit=5").json()["runs"] if r["id"] == run["id"])
    for place in (reply.json()["execution"], run["execution"], run, listed):
        assert place["executor"] == executor
        assert place.get("emulation") == (True if executor == "gil" else None)
    trace = server.get(f"/v1/runs/{run['id']}/trace").text
    assert ("gil (emulated) worker 0" in trace) == (executor == "gil")


@pytest.mark.parametrize("mode", ["vector", "tuple", "row"])
def test_the_mode_is_told(server, mode):
    reply = server.lets("md5(a)", {"a": list(range(2000))}, mode=mode)
    run = server.run_of(reply)
    assert reply.json()["execution"]["mode"] == run["mode"] == run["execution"]["mode"] == mode


def test_a_run_that_never_began_has_no_place(server):
    run = server.run_of(server.lets("a+", {"a": [1]}))
    assert run["executor"] is None and run["mode"] is None and run["timing"]["workers"] == []
    assert server.get(f"/v1/runs/{run['id']}/trace").status == 200


def test_a_failed_run_keeps_its_error(server):
    reply = server.post_csv("a\n1\n0\n", {"let": "r=1//a"})
    run = server.run_of(reply)
    assert run["error"]["code"] == "division_by_zero" and run["status"] in (422, "failed"), run


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_trace_is_a_chrome_trace(server, executor):
    reply = server.post_csv(DATA, {"let": LETS, "executor": executor, "chunk_rows": 3000})
    server.run_of(reply)
    trace = server.get(f"/v1/runs/{reply.headers['Colonnade-Run']}/trace")
    assert trace.status == 200 and trace.headers["Content-Type"].startswith("application/json")
    events = json.loads(trace.body)["traceEvents"]
    complete = [e for e in events if e["ph"] == "X"]
    assert complete
    for event in events:
        assert isinstance(event["pid"], int) and isinstance(event.get("tid", 0), int)
        assert isinstance(event["name"], str) and event["ph"] in "XMBEiIbesftnC", event
    for event in complete:
        assert event["ts"] >= 0 and event["dur"] >= 0
    named = {e["name"] for e in events if e["ph"] == "M"}
    assert {"process_name", "thread_name"} <= named
    assert {e["pid"] for e in complete} <= {e["pid"] for e in events if e["name"] == "process_name"}
    if executor == "processes":
        assert len({e["pid"] for e in complete}) >= 2
    # nothing overlaps within a thread unless it is nested
    lanes = {}
    for event in complete:
        lanes.setdefault((event["pid"], event["tid"]), []).append((event["ts"], -event["dur"]))
    for spans in lanes.values():
        stack = []
        for start, duration in sorted(spans):
            end = start - duration
            while stack and stack[-1] <= start + 0.002:
                stack.pop()
            assert not stack or end <= stack[-1] + 0.01, (start, end, stack)
            stack.append(end)


def test_pools(server):
    document = server.pools()
    cpus = document["cpus"]
    assert cpus["online"] == os.cpu_count()
    assert cpus["affinity"] == len(os.sched_getaffinity(server.pid))
    assert 1 <= cpus["usable"] <= cpus["affinity"]
    quota = cpus["quota"]
    assert quota is None or quota >= 0
    pools = {p["executor"]: p for p in document["pools"]}
    assert {"threads", "processes"} <= set(pools)
    for pool in pools.values():
        assert pool["queued"] >= 0
        for worker in pool["workers"]:
            assert set(worker) >= {"worker", "pid", "state", "tasks", "restarts", "cpu_ns"}
    pids = [w["pid"] for w in pools["processes"]["workers"]]
    assert len(set(pids)) == len(pids) >= cpus["usable"]
    family = server.processes()
    assert set(pids) <= set(family) and server.pid not in pids
    calibration = document["calibration"]
    assert calibration["dispatch_ns"] > 0 and calibration["ship_ns_per_mib"] > 0
    assert calibration["break_even_rows"] >= 1
    before = sum(w["tasks"] for w in pools["processes"]["workers"])
    server.post_csv(DATA, {"let": LETS, "executor": "processes", "chunk_rows": 1000})
    assert sum(w["tasks"] for w in server.pool("processes")["workers"]) >= before + 20


FUNCTIONS = """abs sign sqrt cbrt exp expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2
    sinh cosh tanh arcsinh arccosh arctanh hypot degrees radians mod fmod copysign nextafter floor ceil round
    trunc minimum maximum clip where coalesce is_null isnan isinf isfinite int float bool str lower upper length
    trim substr concat starts_with ends_with contains replace md5 sha1 sha256 sha512 sha3_256 blake2b512 xxh64
    xxh3_64 hmac_sha256""".split()


def test_functions_are_listed(server):
    body = server.get("/v1/functions").json()
    listed = {entry["name"]: entry for entry in body["functions"]}
    assert set(FUNCTIONS) == set(listed)
    for name, entry in listed.items():
        assert entry["signature"].startswith(name + "(")
        lines = [v for k, v in entry.items() if k not in ("name", "signature", "group")]
        assert lines and all(isinstance(v, str) and v and "\n" not in v for v in lines)


def test_live_ready_and_front_page(server):
    assert server.get("/livez").status == 200 and server.get("/readyz").status == 200
    page = server.get("/")
    assert page.status == 200 and page.headers["Content-Type"].startswith("text/html")
    assert b"<script>alert" not in page.body
    server.post_csv("a\n1\n", {"let": "r='<script>alert(1)</script>'"})
    assert b"<script>alert" not in server.get("/").body
