"""POST /v1/compare: the experiment that explains itself."""
import json
import math
import re
import signal
import threading
import time

import pytest

import client
from client import Server, read_reply, together

FRAME = {"rows": 4000, "columns": ["a", "b", "c", "d"], "distribution": "normal", "seed": 1}
HASH = {"compute": {"generate": FRAME, "let": {"hash": "md5(a, b)"}}}
LONG = {"compute": {"generate": {"rows": 200_000, "columns": ["a", "b"], "seed": 1},
                    "let": {"k": "sha512(a, b)"}}}
EVERY = ["serial", "gil", "threads", "processes"]
STEPS = {"row object", "vectorisation", "shipping", "lock", "crossing", "parallel workers",
         "chunk size"}


def compare(server, document, status=200, **headers):
    reply = server.post_json(document, "/v1/compare", headers=headers)
    assert reply.status == status, reply
    return reply.json() if status == 200 else reply.problem


def case_of(result, executor, workers, mode):
    return next(c for c in result["cases"]
                if (c["executor"], c["workers"], c["mode"]) == (executor, workers, mode))


def check_path(result, path):
    """From case to case, one thing at a time; the product is the ratio."""
    cases = result["cases"]
    at = path["from"]
    for factor in path["factors"]:
        assert factor["from"] == at
        at = factor["to"]
        medians = [cases[factor[end]]["repeat"]["median_ns"] for end in ("from", "to")]
        assert factor["factor"] == pytest.approx(medians[0] / medians[1], rel=1e-12)
        steps = set(re.split(", | and ", factor["step"]))
        assert steps <= STEPS
        assert factor["measured"] == (len(steps) == 1)
        assert ("reason" in factor) == (not factor["measured"])
    assert at == path["to"]
    assert math.prod(f["factor"] for f in path["factors"]) == pytest.approx(path["ratio"], rel=1e-12)


@pytest.fixture(scope="module")
def grid(server):
    """The notebook's question: every executor, one and two workers, every mode."""
    return compare(server, {"workload": HASH, "executors": EVERY, "workers": [1, 2],
                            "modes": ["row", "tuple", "vector"], "repeat": 4})


def test_chunks_of_calls(server):
    """chunk_rows is to a map what chunksize is to Executor.map."""
    calls = {"map": {"function": "calc_hash", "args": [[i, "x"] for i in range(10)]}}
    result = compare(server, {"workload": calls, "executors": ["serial", "processes"], "workers": [2],
                              "chunk_rows": [0, 3, 100], "repeat": 2})
    assert result["identical"]
    assert [(c["executor"], c["chunk_rows"]) for c in result["cases"]] == \
        [(executor, chunk) for chunk in (1, 3, 100) for executor in ("serial", "processes")]
    choice = result["verdict"][0]
    assert re.search(r"in chunks of (1 call|3 calls|100 calls) \(", choice), choice
    assert not any("chunks as chosen" in s or "0 rows" in s for s in result["verdict"])
    starved = [c["case"] for c in result["cases"] if c["executor"] != "serial" and c["chunk_rows"] == 100]
    assert any(s.startswith(f"Caution: case {starved[0]} had fewer tasks than workers") for s in result["verdict"])


def test_every_case_is_there(grid):
    want = [(e, w, m) for m in ("row", "tuple", "vector") for e in EVERY
            for w in ([1] if e == "serial" else [1, 2])]
    assert [(c["executor"], c["workers"], c["mode"]) for c in grid["cases"]] == want
    assert [c["case"] for c in grid["cases"]] == list(range(21))
    for case in grid["cases"]:
        repeat = case["repeat"]
        samples = repeat["samples_ns"]
        assert repeat["runs"] == len(samples) == 4 and all(s > 0 for s in samples)
        assert repeat["min_ns"] == min(samples)
        assert abs(repeat["mean_ns"] - sum(samples) / 4) <= 1
        assert repeat["median_ns"] == pytest.approx(sum(sorted(samples)[1:3]) / 2, abs=1)
        assert case["rows"] == 4000 and 1 <= case["chunk_rows"] <= 4000
        assert case.get("emulation", False) == (case["executor"] == "gil")
        assert re.fullmatch("[0-9a-f]{32}", case["digest"])
        assert case["disturbed"] in (True, False)


def test_more_workers_change_nothing_else(server):
    """The size of a chunk is chosen once for all cases of the same rows, for the most workers."""
    work = {"compute": {"generate": {**FRAME, "rows": 60_000}, "let": {"k": "xxh64(a)"}}}
    result = compare(server, {"workload": work, "executors": EVERY, "workers": [1, 2, 4], "rows": [20_000, 60_000],
                              "chunk_rows": [0, 5000], "modes": "vector", "repeat": 1})
    sizes = {(rows, chunk): {c["chunk_rows"] for c in cases}
             for rows, chunk, cases in zip([20_000, 20_000, 60_000, 60_000], [0, 5000] * 2,
                                           [result["cases"][i:i + 10] for i in range(0, 40, 10)])}
    assert sizes == {(20_000, 0): {2048}, (20_000, 5000): {5000}, (60_000, 0): {4096}, (60_000, 5000): {5000}}
    alone = compare(server, {"workload": work, "executors": "threads", "workers": 1, "repeat": 1})
    assert [c["chunk_rows"] for c in alone["cases"]] == [15360]


def test_too_few_chunks_for_the_workers(server):
    """Nothing is said of parallel workers, or of the lock, that had nothing to do."""
    result = compare(server, {"workload": HASH, "rows": 1000, "executors": EVERY, "workers": [1, 2],
                              "modes": "row", "repeat": 3})
    assert {c["chunk_rows"] for c in result["cases"]} == {1000}
    text = "\n".join(result["verdict"])
    assert "Caution: cases 2, 4 and 6 had fewer chunks than workers" in text, text
    lock = next(s for s in result["verdict"] if s.startswith("Under one interpreter lock"))
    assert re.fullmatch(r"[^.]*x[\d.]+ in mode row( \(within the spread\))?\.", lock), lock
    assert "take turns" not in lock and "overlap" not in lock


def test_results_are_identical(grid):
    assert grid["identical"] is True and grid["differing"] == []
    assert len({c["digest"] for c in grid["cases"]}) == 1


def test_speedups_are_over_serial_in_the_same_mode(grid):
    for case in grid["cases"]:
        serial = case_of(grid, "serial", 1, case["mode"])
        speedup = serial["repeat"]["median_ns"] / case["repeat"]["median_ns"]
        assert case["speedup"] == pytest.approx(speedup, rel=1e-12)
        assert case["efficiency"] == pytest.approx(speedup / case["workers"], rel=1e-12)


def test_the_product_of_the_factors_is_the_ratio(grid):
    path = grid["decomposition"]
    check_path(grid, path)
    medians = [c["repeat"]["median_ns"] for c in grid["cases"]]
    assert medians[path["from"]] == max(medians) and medians[path["to"]] == min(medians)
    assert all(f["measured"] for f in path["factors"])


def test_rows_against_processes(grid):
    path, = grid["paths"]
    assert path["name"] == "row to processes"
    check_path(grid, path)
    assert [f["step"] for f in path["factors"]][:2] == ["row object", "shipping"]
    start, end = grid["cases"][path["from"]], grid["cases"][path["to"]]
    assert (start["executor"], start["mode"]) == ("serial", "row")
    assert (end["executor"], end["mode"]) == ("processes", "tuple")


def figure(value):
    return f"x{value:.3g}"


def test_the_verdict_has_the_numbers(grid):
    verdict = grid["verdict"]
    text = "\n".join(verdict)
    assert grid["workload"] == {"what": "hash = md5(a, b)", "rows": 4000}
    assert verdict[0].startswith("For hash = md5(a, b) over 4,000 rows choose ")
    for path in (grid["decomposition"], grid["paths"][0]):
        for factor in path["factors"]:
            assert figure(factor["factor"]) in text, (factor, text)
    assert figure(grid["decomposition"]["ratio"]) in text
    assert any(s.startswith("Why a factor of ") and "not making a row object" in s for s in verdict)
    assert any("gil, an emulation" in s for s in verdict)
    assert "All 21 cases gave identical results." in verdict
    assert "written in C" in verdict[-1] and "bench/notebook.py" in verdict[-1]
    assert not re.search(r"\b(inf|nan)\b", text)


def test_amdahl_is_null_with_a_reason(grid):
    assert len(grid["amdahl"]) == 9  # three executors in three modes
    for fit in grid["amdahl"]:
        assert fit["executor"] != "serial" and fit["serial_fraction"] is None
        assert fit.get("emulation", False) == (fit["executor"] == "gil")
        assert "three worker counts" in fit["reason"]


def test_the_run_is_recorded(server, grid):
    run = server.run(grid["run"])
    assert run["operation"] == "compare" and run["status"] == 200
    assert run["recipe"] == ["hash = md5(a, b)"]
    timing = grid["timing"]
    stages = {s["stage"]: s["ns"] for s in timing["ledger"]}
    assert sum(stages.values()) + timing["unaccounted_ns"] == timing["wall_ns"]
    samples = sum(sum(c["repeat"]["samples_ns"]) for c in grid["cases"])
    assert stages["execute"] >= samples


def test_defaults(server):
    result = compare(server, {"workload": HASH})
    usable = result["cpus"]["usable"]
    assert usable == server.pools()["cpus"]["usable"]
    counts = [1] if usable == 1 else [1, usable]
    assert [(c["executor"], c["workers"]) for c in result["cases"]] == \
        [("serial", 1)] + [(e, w) for e in ("threads", "processes") for w in counts]
    assert all(c["mode"] == "vector" and c["repeat"]["runs"] == 5 for c in result["cases"])
    assert result["paths"] == []


def test_a_sweep_over_rows_and_chunks(server):
    result = compare(server, {"workload": HASH, "executors": ["serial", "threads"], "workers": 2,
                              "chunk_rows": [100, 1000], "rows": [500, 3000, 9000], "repeat": 1})
    want = [(r, c, e) for r in (500, 3000, 9000) for c in (100, 1000) for e in ("serial", "threads")]
    assert [(c["rows"], c["executor"]) for c in result["cases"]] == [(r, e) for r, _, e in want]
    for case, (rows, chunk, _) in zip(result["cases"], want):
        assert case["chunk_rows"] == min(chunk, rows)
    assert result["identical"] is True
    assert len({c["digest"] for c in result["cases"]}) == 3
    assert {(f["rows"], f["chunk_rows"]) for f in result["amdahl"]} == \
        {(r, c) for r in (500, 3000, 9000) for c in (100, 1000)}
    check_path(result, result["decomposition"])
    assert all(result["cases"][result["decomposition"][end]]["rows"] == 9000
               for end in ("from", "to"))
    text = "\n".join(result["verdict"])
    assert "The choice by size: for 500 rows" in text and "fewer than 3 samples" in text


def test_columns_that_were_sent(server):
    columns = {"a": [1.5, None, 3.0], "s": ["x", "y", "z"]}
    result = compare(server, {"workload": {"compute": {"columns": columns, "let": ["k=md5(a, s)"]}},
                              "executors": ["serial", "auto"], "modes": ["row", "vector"],
                              "workers": 1, "repeat": 1})
    assert result["identical"] and {c["rows"] for c in result["cases"]} == {3}
    chosen = [c for c in result["cases"] if c["executor"] == "auto"]
    assert all(c["placed"] in EVERY for c in chosen) and len(chosen) == 2
    ends = [result["decomposition"][end] for end in ("from", "to")]
    assert all(result["cases"][end]["executor"] == "serial" for end in ends)


def test_a_case_alone(server):
    result = compare(server, {"workload": HASH, "executors": "threads", "workers": 1, "repeat": 1})
    assert result["decomposition"] == {"from": 0, "to": 0, "ratio": 1, "factors": []}
    assert result["cases"][0]["speedup"] is None and result["cases"][0]["efficiency"] is None


# ---- calls --------------------------------------------------------------------------------------

def test_calls_that_sleep_overlap(server):
    work = {"map": {"function": "long_io", "args": [0, 1, 2, 3], "seconds": 0.02}}
    result = compare(server, {"workload": work, "executors": EVERY, "workers": [1, 4], "repeat": 3})
    assert result["identical"] is True
    assert all(c["mode"] is None and c["rows"] == 4 for c in result["cases"])
    for executor in ("gil", "threads", "processes"):
        assert case_of(result, executor, 4, None)["speedup"] > 1.8
        assert case_of(result, executor, 1, None)["speedup"] < 1.8
    check_path(result, result["decomposition"])
    text = "\n".join(result["verdict"])
    assert "sleep more than they compute" in text and "over 4 calls choose" in text
    assert result["paths"] == []


def test_calls_that_compute(server):
    work = {"map": {"function": "long_comp", "args": [0, 1, 2, 3], "iterations": 20000}}
    result = compare(server, {"workload": work, "executors": EVERY, "workers": [1, 2], "repeat": 2})
    assert result["identical"] is True
    assert "long_comp" in result["workload"]["what"]
    assert "sleep more" not in "\n".join(result["verdict"])


# ---- refusals -----------------------------------------------------------------------------------

@pytest.mark.parametrize("members, code, parameter", [
    ({"executors": ["fibers"]}, "invalid_parameter", "executors"),
    ({"executors": ["gil", "gil"]}, "invalid_parameter", "executors"),
    ({"executors": []}, "invalid_parameter", "executors"),
    ({"workers": [0]}, "invalid_parameter", "workers"),
    ({"workers": [65]}, "invalid_parameter", "workers"),
    ({"modes": ["cell"]}, "invalid_parameter", "modes"),
    ({"chunk_rows": [-1]}, "invalid_parameter", "chunk_rows"),
    ({"rows": 0}, "invalid_parameter", "rows"),
    ({"repeat": 1001}, "invalid_parameter", "repeat"),
    ({"repeat": [2]}, "invalid_parameter", "repeat"),
    ({"timeout_ms": 0}, "invalid_parameter", "timeout_ms"),
    ({"mode": "row"}, "unknown_parameter", "mode"),
    ({"workload": {}}, "invalid_parameter", "workload"),
    ({"workload": {**HASH, "map": {}}}, "invalid_parameter", "workload"),
    ({"workload": {"sort": {}}}, "unknown_parameter", "sort"),
    ({"workload": {"map": {"function": "long_io", "args": [1]}}, "modes": ["row"]},
     "invalid_parameter", "modes"),
    ({"workload": {"compute": {**HASH["compute"], "executor": "serial"}}},
     "invalid_parameter", "executor"),
    ({"workload": {"compute": {**HASH["compute"], "repeat": 3}}}, "invalid_parameter", "repeat"),
    ({"workload": {"compute": {"columns": {"a": [1]}, "let": {"r": "a"}}}, "rows": [5]},
     "invalid_parameter", "rows"),
])
def test_what_is_refused(server, members, code, parameter):
    problem = compare(server, {"workload": HASH, **members}, status=400)
    assert (problem["code"], problem.get("parameter")) == (code, parameter), problem


def test_other_refusals(server):
    assert compare(server, "{", 400)["code"] == "invalid_json"
    assert compare(server, "{}", 400)["parameter"] == "workload"
    fault = {"workload": {"compute": {"generate": FRAME, "let": {"r": "md5(a,"}}}}
    problem = compare(server, fault, 400)
    assert problem["code"] == "syntax_error" and problem["expression"] == "md5(a,"
    reply = server.post_json({"workload": HASH}, "/v1/compare?repeat=3")
    assert (reply.status, reply.problem["parameter"]) == (400, "repeat")
    reply = server.post_json({"workload": HASH}, "/v1/compare?let=a")
    assert reply.problem["code"] == "unknown_parameter"
    reply = server.post_csv("a\n1\n", path="/v1/compare")
    assert reply.status == 415
    reply = server.get("/v1/compare")
    assert reply.status == 405 and reply.headers["Allow"] == "POST"


def test_a_trial_that_fails_names_its_case(server):
    work = {"compute": {"columns": {"a": [1, 2, 0]}, "let": {"r": "6 // a"}}}
    problem = compare(server, {"workload": work, "executors": ["threads"], "workers": 1,
                               "modes": ["tuple"]}, status=422)
    assert problem["code"] == "division_by_zero" and problem["row"] == 2
    assert problem["detail"].startswith("threads with 1 worker in mode tuple: ")
    assert problem["expression"] == "6 // a"


def test_limits(launch):
    running = launch("--max-cases", 6, "--max-workers", 3, "--max-rows", 5000)
    fits = {"workload": HASH, "executors": EVERY[2:], "workers": [1, 2, 3], "repeat": 1}
    assert len(compare(running, fits)["cases"]) == 6
    problem = compare(running, {**fits, "executors": EVERY[1:]}, 422)
    assert (problem["code"], problem["limit"]) == ("limit_exceeded", "--max-cases")
    problem = compare(running, {**fits, "workers": [4]}, 400)
    assert problem["limit"] == "--max-workers"
    assert compare(running, {**fits, "workers": 1, "rows": 5000})["cases"][0]["rows"] == 5000
    problem = compare(running, {**fits, "rows": 5001}, 422)
    assert (problem["code"], problem["limit"]) == ("limit_exceeded", "--max-rows")


# ---- ends ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("executor", EVERY)
def test_a_deadline(server, executor):
    begun = time.monotonic()
    problem = compare(server, {"workload": LONG, "executors": executor, "modes": "row",
                               "repeat": 1000, "timeout_ms": 300}, status=504)
    assert problem["code"] == "deadline_exceeded"
    assert time.monotonic() - begun < 10
    assert server.wait_idle()


def begin(server, document):
    """A comparison whose reply nobody reads yet."""
    connection = server.connection(60)
    connection.request("POST", "/v1/compare", json.dumps(document), {"Content-Type": client.JSON})
    return connection


ENDLESS = {"workload": LONG, "executors": ["threads", "processes"], "modes": "row", "repeat": 1000}


def test_a_client_that_leaves_ends_its_experiment(launch):
    running = launch()
    connection = begin(running, ENDLESS)
    client.wait_until(running.working)
    connection.close()
    assert compare(running, {"workload": HASH, "repeat": 1})["identical"]
    assert running.wait_idle()
    ended = [r for r in running.get("/v1/runs").json()["runs"] if r["status"] != 200]
    assert [r["operation"] for r in ended] == ["compare"]
    assert running.run(ended[0]["id"])["error"]["code"] == "cancelled"


def test_one_that_waits_can_leave(launch):
    running = launch()
    first = begin(running, ENDLESS)
    client.wait_until(running.working)
    second = begin(running, ENDLESS)
    time.sleep(0.2)
    second.close()
    late = compare(running, {"workload": HASH, "timeout_ms": 300}, status=504)
    assert late["code"] == "deadline_exceeded"
    first.close()
    assert running.wait_idle()


def test_experiments_run_one_after_another(server):
    results = [None] * 3

    def one(i):
        results[i] = compare(server, {"workload": HASH, "repeat": 3})
    together(one, 3)
    assert all(r["identical"] for r in results)
    assert len({r["cases"][0]["digest"] for r in results}) == 1


def test_other_work_disturbs(launch):
    running = launch()
    connection = begin(running, {"workload": LONG, "executors": "serial", "modes": "row",
                                 "rows": 40_000, "repeat": 6})
    client.wait_until(running.working)
    done = []

    def work():
        while not done:
            running.post_csv("a\n1\n", {"let": "r=a"})
    thread = threading.Thread(target=work)
    thread.start()
    try:
        reply = read_reply(connection.sock.makefile("rb"))
    finally:
        done.append(True)
        thread.join()
        connection.close()
    assert reply.status == 200, reply
    result = reply.json()
    assert result["cases"][0]["disturbed"] is True
    assert any(s.startswith("Caution: case 0 ran beside other work") for s in result["verdict"])
    assert running.wait_idle()
    quiet = compare(running, {"workload": HASH})
    assert not any(c["disturbed"] for c in quiet["cases"])


def as_job(server, document):
    reply = server.post_json(document, "/v1/compare", headers={"Prefer": "respond-async"})
    assert reply.status == 202, reply
    return reply.headers["Location"]


def test_an_experiment_as_a_job(server):
    where = as_job(server, {"workload": HASH, "executors": ["serial", "gil"], "repeat": 2})
    ended = server.get(where, Prefer="wait=30").json()
    assert ended["state"] == "finished", ended
    cases = 1 + len({1, server.pools()["cpus"]["usable"]})
    assert ended["progress"] == {"done_rows": cases * 3 * 4000, "total_rows": cases * 3 * 4000}
    result = server.get(where + "/result").json()
    assert result["identical"] is True and len(result["cases"]) == cases


@pytest.mark.parametrize("executor", EVERY)
def test_a_job_that_is_cancelled_while_it_runs(server, executor):
    where = as_job(server, {**ENDLESS, "executors": executor})
    client.wait_until(lambda: server.get(where).json()["progress"]["done_rows"] > 0)
    assert server.request("DELETE", where).status == 202
    assert server.get(where, Prefer="wait=20").json()["state"] == "cancelled"
    assert server.get(where + "/result").status == 410
    assert server.wait_idle()


def test_sigterm_ends_an_experiment():
    running = Server("--grace-ms", 300)
    connection = begin(running, ENDLESS)
    client.wait_until(running.working)
    running.process.send_signal(signal.SIGTERM)
    reply = read_reply(connection.sock.makefile("rb"))
    assert (reply.status, reply.code) == (503, "draining")
    connection.close()
    assert running.stop() == 0
