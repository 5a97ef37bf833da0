"""POST /v1/map: functions over arguments, with CPython as the oracle, and the notebook's experiments."""
import cmath
import hashlib
import json
import os
import random
import signal
import socket
import struct
import sys
import threading
import time

import pytest

from client import SANITIZED, wait_until

EXECUTORS = ["serial", "threads", "processes", "gil"]
DEFAULT = 5_000_000
SLEEP = 0.15
if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


def ask(server, function, args, **members):
    return server.post_json({"function": function, "args": args, **members}, "/v1/map")


def mapped(server, function, args, **members):
    reply = ask(server, function, args, **members)
    assert reply.status == 200, reply
    return reply.json()


def long_comp(i, iterations):
    """The notebook's function."""
    x = i
    for y in range(iterations):
        if x % 2 == 0:
            x = (x - y) ** 2
        else:
            x = (x + y) ** 0.5
    return x


def outcome(i, iterations):
    """What CPython makes of a call, in the words of the service: (result) or (None, code, part of the detail)."""
    try:
        x = long_comp(i, iterations)
    except OverflowError as error:
        return None, "not_finite", f"OverflowError: {error}"
    except TypeError:
        return None, "type_error", "complex"
    if isinstance(x, complex):
        return None, "type_error", f"({x.real:.17g}"[:8]
    return (x,)


def check_calls(server, args, iterations, **members):
    reply = mapped(server, "long_comp", args, iterations=iterations, **members)
    for i, result, future in zip(args, reply["results"], reply["futures"], strict=True):
        want = outcome(i, iterations)
        if len(want) == 1:
            assert future["state"] == "finished", (i, iterations, future)
            assert (type(result), repr(result)) == (type(want[0]), repr(want[0])), (i, iterations)
            assert repr(future["result"]) == repr(result)
        else:
            assert (future["state"], future["result"], result) == ("failed", None, None), (i, iterations, want, result)
            assert future["error"]["code"] == want[1], (i, iterations, want, future)
            assert want[2] in future["error"]["detail"], (i, iterations, want, future)


# ---- long_comp is CPython's ---------------------------------------------------------------------

def numbers(seed):
    """Ints and floats of every size and sign that matter."""
    draw = random.Random(seed)
    yield from range(-64, 257)
    yield from (True, False, 0.0, -0.0, 1.0, 2.0, -2.0, -3.0, 0.5, -0.5, 4.0, 6.0, 1e16, 2.0**53, 2.0**53 - 1, 1e300)
    yield from (5e-324, 1e-310, 2.5e-308, 1.7976931348623157e308, -1e300, 1e154, 1.3407807929942597e154)
    for power in (31, 32, 52, 53, 54, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024):
        yield from (2**power - 1, 2**power, 2**power + 1, -(2**power), 1 - 2**power, 2**power + 2, 3 * 2**(power - 1) + 1)
    for digits in (20, 76, 77, 78, 154, 155, 308, 309, 310, 1000):
        first = draw.randrange(10**(digits - 1), 10**digits)
        yield from (first, first + 1, -first)
    for _ in range(400):
        yield draw.randrange(-10**12, 10**18)
        yield draw.randrange(10**30)
        yield draw.uniform(-10, 1e9)
        yield float(draw.randrange(10**9))
        yield draw.lognormvariate(0, 200) if draw.random() < 0.5 else float(draw.randrange(2**53)) * 2.0**draw.randrange(400)


@pytest.mark.parametrize("iterations", [0, 1, 2, 3, 4, 10])
def test_long_comp_is_cpythons(server, iterations):
    check_calls(server, list(numbers(iterations)), iterations, executor="threads", chunksize=100)


def test_long_comp_over_more_steps(server):
    args = [0, 1, 2, 3, -4, 7, 10**6, 10**15 + 1, 2.5, 1e9, 123456789.75]
    check_calls(server, args, 1000, executor="processes")
    check_calls(server, args[:6], 70_000, executor="gil")


@pytest.mark.parametrize("executor", EXECUTORS)
def test_long_comp_of_the_notebook(server, executor):
    reply = mapped(server, "long_comp", [0, 1, 2, 3], executor=executor, workers=2)
    assert reply["results"] == [2236.5678097446853] * 4
    assert reply["execution"]["executor"] == executor


def test_complex_results_name_themselves(server):
    reply = mapped(server, "long_comp", [-3, -9.0], iterations=1)
    for i, future in zip([-3, -9], reply["futures"]):
        assert str(complex(i) ** 0.5 if i == -3 else cmath.exp(0.5 * cmath.log(i)))[:6] in future["error"]["detail"]
        assert str(i ** 0.5) in future["error"]["detail"]
    reply = mapped(server, "long_comp", [-3], iterations=2)
    assert "unsupported operand" in reply["futures"][0]["error"]["detail"]


def test_iterations_of_each(server):
    args, each = list(range(40)), [k % 7 for k in range(40)]
    reply = mapped(server, "long_comp", args, iterations=each, chunksize=3, executor="processes")
    assert [repr(r) for r in reply["results"]] == [repr(long_comp(i, n)) for i, n in zip(args, each)]


def test_digits_are_bounded(server):
    """Squaring takes time that nobody could stop."""
    reply = mapped(server, "long_comp", [10**20000, 10**19998], iterations=1, executor="serial")
    assert reply["futures"][0]["error"]["code"] == "limit_exceeded"
    assert reply["results"][1] == 10**39996
    assert mapped(server, "long_comp", [10**20000], iterations=0)["results"] == [10**20000]
    assert mapped(server, "long_comp", [10**20000 + 1], iterations=1)["futures"][0]["error"]["code"] == "not_finite"


# ---- long_io and calc_hash ----------------------------------------------------------------------

@pytest.mark.parametrize("executor", EXECUTORS)
def test_long_io_doubles(server, executor):
    args = [0, 1, -1, 5, 49, 50, 99, -500, 10**40 - 1, -5 * 10**30, 2**63, 1.5, -0.0, 1e308, True, False]
    reply = mapped(server, "long_io", args, seconds=0, executor=executor)
    want = [i * 2 for i in args[:13]] + [None, 2, 0]
    assert [repr(r) for r in reply["results"]] == [repr(w) for w in want]
    assert all(f["state"] == "finished" for f in reply["futures"])


def test_long_io_takes_numbers(server):
    reply = mapped(server, "long_io", ["a", None, [1], {"a": 1}, 4], seconds=0)
    assert reply["results"] == [None, None, None, None, 8]
    assert [f.get("error", {}).get("code") for f in reply["futures"]] == ["type_error"] * 4 + [None]
    assert "str" in reply["futures"][0]["error"]["detail"]


def text_of(value):
    return str(value)


def test_calc_hash_is_hashlibs(server):
    rows = [[42, 2.233, 23, "hello"], [], [None, True, False], [1e16, 1e-5, -0.0, 0.1, 5e-324, 1e22], [10**50, -10**19],
            ["", "_", "ä€😀", "a\nb\"\\"], [1.0, 1, "1"]]
    draw = random.Random(7)
    rows += [[draw.gauss(0, 1), draw.randrange(10**20), str(draw.random())] for _ in range(300)]
    want = [hashlib.md5("_".join(text_of(v) for v in row).encode()).hexdigest() for row in rows]
    assert want[0] == "de8b962de5f8b353cdc9cc1fc89f0b65"
    for executor in EXECUTORS:
        assert mapped(server, "calc_hash", rows, executor=executor, chunksize=7)["results"] == want
    reply = server.request("POST", "/v1/map", b'{"function": "calc_hash", "args": [[-0, 1E2, "\\u00e4"]]}',
                           {"Content-Type": "application/json"})
    assert reply.json()["results"] == [hashlib.md5("0_100.0_ä".encode()).hexdigest()]


def test_calc_hash_takes_plain_values(server):
    reply = mapped(server, "calc_hash", [1, "a", [[1]], [{}], [2]])
    assert [f["state"] for f in reply["futures"]] == ["failed"] * 4 + ["finished"]
    assert {f["error"]["code"] for f in reply["futures"][:4]} == {"type_error"}


def test_a_large_body_is_read_on_a_worker(server):
    rows = [[k, k / 7, f"text {k}"] for k in range(20_000)]
    reply = mapped(server, "calc_hash", rows, executor="threads", chunksize=500)
    assert reply["results"] == [hashlib.md5("_".join(map(str, row)).encode()).hexdigest() for row in rows]
    assert [k for k, _ in reply["shared_results"]].sort() == rows.sort()
    assert len(reply["shared_results"]) == len(rows)


# ---- the notebook's experiments -----------------------------------------------------------------

def wall(server, function, executor, **members):
    started = time.monotonic()
    reply = mapped(server, function, [0, 1, 2, 3], executor=executor, **members)
    return time.monotonic() - started, reply


@pytest.mark.parametrize("executor", EXECUTORS)
def test_sleeping_calls_overlap(server, executor):
    """Four calls that sleep: at once, except one after the other."""
    mapped(server, "long_io", [0, 1, 2, 3], executor=executor, workers=4, seconds=0)  # the workers are there
    took, reply = wall(server, "long_io", executor, workers=4, seconds=SLEEP)
    rounds = 4 if executor == "serial" else 1
    assert reply["results"] == [0, 2, 4, 6]
    assert took >= rounds * SLEEP * 0.99
    assert took < rounds * SLEEP + 2 * SLEEP, (executor, took)
    assert len({f["worker"] for f in reply["futures"]}) == (1 if executor == "serial" else 4)
    assert all(f["finished_ns"] - f["started_ns"] >= SLEEP * 0.99e9 for f in reply["futures"])


def test_computing_calls_take_turns_under_the_lock(server):
    reply = mapped(server, "long_comp", [1, 1], iterations=20 * DEFAULT, executor="gil", workers=2)
    assert reply["execution"]["emulation"] is True
    assert reply["results"][0] == reply["results"][1]
    assert sum(f["lock_ns"] for f in reply["futures"]) > 0
    for worker in reply["timing"]["workers"]:
        assert worker["stages"]["lock"] > 0
    busy = sum(f["cpu_ns"] for f in reply["futures"])
    span = max(f["finished_ns"] for f in reply["futures"]) - min(f["started_ns"] for f in reply["futures"])
    assert busy <= span * 1.1  # never two at a time
    assert "emulation" not in mapped(server, "long_io", [1], seconds=0, executor="threads")["execution"]


def test_uneven_loads(server):
    reply = mapped(server, "long_io", [0, 1, 2], seconds=[0.3, 0.15, 0], executor="threads", workers=3)
    assert reply["completion_order"] == [2, 1, 0]
    assert reply["results"] == [0, 2, 4]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_what_the_caller_sees_of_a_dictionary(server, executor):
    reply = mapped(server, "long_io", [3, 1, 2], seconds=0.01, executor=executor, workers=3)
    shared = reply["shared_results"]
    if executor == "processes":
        assert shared == []
    else:
        assert sorted(shared) == [[1, 2], [2, 4], [3, 6]]
        assert [k for k, _ in shared] == [[3, 1, 2][i] for i in reply["completion_order"]] or executor != "serial"


def test_keys_of_the_dictionary_are_pythons(server):
    args = [1, 1.0, True, 0, -0.0, 1e22, 10**22, 2.5]
    want = {}
    for i in args:
        want[i] = i * 2
    shared = mapped(server, "long_io", args, seconds=0, executor="serial")["shared_results"]
    assert [[repr(k), repr(v)] for k, v in shared] == [[repr(k), repr(v)] for k, v in want.items()]
    rows = [[1, "a"], [1.0, "a"], [True, "a"], ["1", "a"], [1, "b"]]
    want = {}
    for row in rows:
        want.setdefault(tuple(row), row)
    shared = mapped(server, "calc_hash", rows, executor="serial")["shared_results"]
    assert [k for k, _ in shared] == list(want.values())
    assert mapped(server, "long_io", ["x", 1], seconds=0, executor="serial")["shared_results"] == [[1, 2]]


@pytest.mark.parametrize("executor", ["serial", "threads", "gil"])
@pytest.mark.parametrize("iterations", [0, 1])
@pytest.mark.parametrize("args", [[True, 1], [1, True], [False, 0, 0.0], [0.0, False]])
def test_long_comp_leaves_its_key_as_it_was(server, args, iterations, executor):
    want = {}
    for i in args:
        want[i] = long_comp(i, iterations)
    shared = mapped(server, "long_comp", args, iterations=iterations, executor=executor, workers=1)["shared_results"]
    assert [[repr(k), repr(v)] for k, v in shared] == [[repr(k), repr(v)] for k, v in want.items()]


# ---- futures and times --------------------------------------------------------------------------

@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("chunksize", [1, 3, 100])
def test_futures(server, executor, chunksize):
    reply = mapped(server, "long_comp", list(range(10)), iterations=20_000, executor=executor, workers=2,
                   chunksize=chunksize)
    futures, timing = reply["futures"], reply["timing"]
    assert [f["index"] for f in futures] == list(range(10))
    assert sorted(reply["completion_order"]) == list(range(10))
    ends = [futures[i]["finished_ns"] for i in reply["completion_order"]]
    assert ends == sorted(ends)
    for future in futures:
        assert 0 <= future["submitted_ns"] <= future["started_ns"] <= future["finished_ns"] <= timing["wall_ns"]
        assert future["cpu_ns"] >= 0 and future["lock_ns"] >= 0
        assert future["started_at"].endswith("Z") and len(future["started_at"]) == 27
    for start in range(0, 10, chunksize):
        chunk = futures[start:start + chunksize]
        assert len({(f["worker"], f["pid"], f["submitted_ns"]) for f in chunk}) == 1
        assert all(a["finished_ns"] <= b["started_ns"] for a, b in zip(chunk, chunk[1:]))
    workers = {w["worker"]: w for w in timing["workers"]}
    assert sorted(workers) == list(range(len(workers)))
    assert {f["worker"] for f in futures} == set(workers)
    if executor != "processes":  # there, shipping comes between taking a task and beginning it
        firsts = [min(f["started_ns"] for f in futures if f["worker"] == w) for w in sorted(workers)]
        assert firsts == sorted(firsts)
    assert sum(w["chunks"] for w in workers.values()) == -(-10 // chunksize)
    for worker in workers.values():
        assert sum(worker["stages"].values()) == worker["wall_ns"]
    assert sum(s["ns"] for s in timing["ledger"]) + timing["unaccounted_ns"] == timing["wall_ns"]
    assert (os.getpid() not in {f["pid"] for f in futures}) and all(f["pid"] > 0 for f in futures)
    assert ({f["pid"] for f in futures} == {server.pid}) == (executor != "processes")


def test_the_run_is_recorded(server):
    reply = ask(server, "long_comp", [0, 1, 2], iterations=100, executor="threads", chunksize=2)
    document = reply.json()
    assert reply.headers["Colonnade-Run"] == document["run"]
    assert "execute;dur=" in reply.headers["Server-Timing"]
    run = server.get("/v1/runs/" + document["run"]).json()
    assert run["operation"] == "map" and run["rows"] == 3 and run["mode"] is None and run["status"] == 200
    assert run["recipe"] == ["long_comp(i, iterations=100)"]
    assert run["execution"]["chunks"] == 2
    assert [(c["first_row"], c["rows"]) for c in run["chunks"]] == [(0, 2), (2, 1)]
    assert {c["worker"] for c in run["chunks"]} == {w["worker"] for w in run["timing"]["workers"]}
    assert run["timing"]["wall_ns"] == document["timing"]["wall_ns"]
    failed = ask(server, "long_comp", 5)
    run = server.get("/v1/runs/" + failed.headers["Colonnade-Run"]).json()
    assert run["operation"] == "map" and run["status"] == 400 and run["error"]["code"] == "invalid_parameter"


@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_trace_says_what_is_an_emulation(server, executor):
    run = mapped(server, "long_comp", [0, 1], iterations=100, executor=executor)["run"]
    events = server.get(f"/v1/runs/{run}/trace").json()["traceEvents"]
    request = next(e for e in events if e.get("cat") == "request" and e["name"] == "map")
    assert request["args"]["executor"] == executor
    assert request["args"].get("emulation") == (True if executor == "gil" else None)


@pytest.mark.parametrize("executor", EXECUTORS)
def test_cpu_time_is_within_the_call(server, executor):
    """A call cannot have computed for longer than it took, but for a little between two clocks."""
    for future in mapped(server, "long_comp", [0, 1, 2], iterations=100_000, executor=executor)["futures"]:
        taken = future["finished_ns"] - future["started_ns"]
        assert 0 < future["cpu_ns"] <= taken * 1.1 + 1_000_000
        assert future["lock_ns"] == 0 or executor == "gil"


def test_repeat(server):
    reply = mapped(server, "long_comp", [0, 1], iterations=100_000, repeat=5, executor="threads", workers=2)
    repeat = reply["timing"]["repeat"]
    assert repeat["runs"] == 5 == len(repeat["samples_ns"])
    assert 0 < repeat["min_ns"] <= repeat["median_ns"] <= max(repeat["samples_ns"])
    assert len(reply["futures"]) == 2 and len(reply["shared_results"]) == 2
    assert sum(w["chunks"] for w in reply["timing"]["workers"]) == 2 * (1 + 5)  # the warm-up too
    assert len(server.get("/v1/runs/" + reply["run"]).json()["chunks"]) == 2
    assert sum(repeat["samples_ns"]) <= reply["timing"]["wall_ns"]
    assert "repeat" not in mapped(server, "long_comp", [0], iterations=1)["timing"]


def test_auto_says_why(server):
    small = mapped(server, "long_comp", [0, 1], iterations=3)["execution"]
    assert small["executor"] == "serial" and small["reason"].startswith("auto: ")
    sleeping = mapped(server, "long_io", [0, 1], seconds=0.01, workers=2)["execution"]
    assert sleeping["executor"] == "threads" and "sleep" in sleeping["reason"]
    large = mapped(server, "long_comp", [0, 1, 2, 3], workers=2)["execution"]
    assert large["executor"] in ("threads", "serial") and "work" in large["reason"]
    assert mapped(server, "long_io", [], seconds=0)["results"] == []


# ---- what ends early ----------------------------------------------------------------------------

def idle(server, executor):
    pools = server.get("/v1/pools").json()["pools"]
    return all(w["state"] == "idle" for p in pools if p["executor"] == executor for w in p["workers"])


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("work", [("long_io", {"seconds": 60}), ("long_comp", {"iterations": 10**14})])
def test_deadline(server, executor, work):
    started = time.monotonic()
    reply = ask(server, work[0], [1, 3, 5], executor=executor, workers=2, timeout_ms=150, **work[1])
    assert reply.status == 504 and reply.code == "deadline_exceeded"
    assert time.monotonic() - started < (10 if SANITIZED else 3)
    wait_until(lambda: idle(server, executor))


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_client_that_leaves_takes_its_calls_along(server, executor):
    body = json.dumps({"function": "long_comp", "args": [1] * 50, "iterations": 10**14, "executor": executor}).encode()
    with server.connect() as connection:
        connection.sendall(b"POST /v1/map HTTP/1.1\r\nHost: %s:%d\r\nContent-Type: application/json\r\n"
                           b"Content-Length: %d\r\n\r\n" % (server.host.encode(), server.port, len(body)) + body)
        wait_until(lambda: not idle(server, executor))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
    wait_until(lambda: idle(server, executor))


def test_a_lost_worker_costs_its_calls_only(launch):
    running = launch("--processes", 1)
    killed = set()

    def kill_sleeper(seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until and len(killed) < 2:
            pools = running.get("/v1/pools").json()["pools"]
            for worker in next(p for p in pools if p["executor"] == "processes")["workers"]:
                if worker["state"] == "busy" and worker["pid"] and worker["pid"] not in killed:
                    killed.add(worker["pid"])
                    os.kill(worker["pid"], signal.SIGKILL)
            time.sleep(0.02)

    thread = threading.Thread(target=kill_sleeper)
    thread.start()
    reply = mapped(running, "long_io", [1, 2, 3, 4], seconds=[1.5, 1.5, 0, 0], chunksize=2, executor="processes", workers=1)
    thread.join()
    assert len(killed) == 2
    assert reply["results"] == [None, None, 6, 8]
    assert [f["state"] for f in reply["futures"]] == ["failed", "failed", "finished", "finished"]
    assert {f["error"]["code"] for f in reply["futures"][:2]} == {"worker_lost"}
    assert "SIGKILL" in reply["futures"][0]["error"]["detail"]


def test_more_tasks_than_slots(server):
    args = list(range(5000))
    reply = mapped(server, "long_io", args, seconds=0, executor="threads", workers=2)
    assert reply["results"] == [2 * i for i in args]
    assert len(reply["shared_results"]) == len(args)


# ---- what is refused ----------------------------------------------------------------------------

REFUSED = [
    ({"args": [1]}, 400, "invalid_parameter", "function"),
    ({"function": "long_io"}, 400, "invalid_parameter", "args"),
    ({"function": 5, "args": []}, 400, "invalid_parameter", "function"),
    ({"function": "sleep", "args": []}, 422, "unknown_function", "function"),
    ({"function": "long_io", "args": {"a": 1}}, 400, "invalid_parameter", "args"),
    ({"function": "long_io", "args": [1], "columns": {"a": [1]}}, 400, "unknown_parameter", "columns"),
    ({"function": "long_io", "args": [1], "second": 1}, 400, "unknown_parameter", "second"),
    ({"function": "long_io", "args": [1], "mode": "row"}, 400, "unknown_parameter", "mode"),
    ({"function": "long_io", "args": [1], "seconds": -1}, 400, "invalid_parameter", "seconds"),
    ({"function": "long_io", "args": [1], "seconds": "1"}, 400, "invalid_parameter", "seconds"),
    ({"function": "long_io", "args": [1], "seconds": None}, 400, "invalid_parameter", "seconds"),
    ({"function": "long_io", "args": [1], "seconds": [1, 2]}, 400, "invalid_parameter", "seconds"),
    ({"function": "long_io", "args": [1, 2], "seconds": [1, "x"]}, 400, "invalid_parameter", "seconds"),
    ({"function": "long_io", "args": [1], "iterations": 1}, 400, "invalid_parameter", "iterations"),
    ({"function": "long_comp", "args": [1], "seconds": 1}, 400, "invalid_parameter", "seconds"),
    ({"function": "long_comp", "args": [1], "iterations": 1.5}, 400, "invalid_parameter", "iterations"),
    ({"function": "long_comp", "args": [1], "iterations": -1}, 400, "invalid_parameter", "iterations"),
    ({"function": "long_comp", "args": [1], "iterations": 2**53 + 1}, 400, "invalid_parameter", "iterations"),
    ({"function": "long_comp", "args": [1], "iterations": True}, 400, "invalid_parameter", "iterations"),
    ({"function": "calc_hash", "args": [[1]], "seconds": 1}, 400, "invalid_parameter", "seconds"),
    ({"function": "long_io", "args": [1], "chunksize": 0}, 400, "invalid_parameter", "chunksize"),
    ({"function": "long_io", "args": [1], "chunksize": "1"}, 400, "invalid_parameter", "chunksize"),
    ({"function": "long_io", "args": [1], "executor": "fork"}, 400, "invalid_parameter", "executor"),
    ({"function": "long_io", "args": [1], "workers": 0}, 400, "invalid_parameter", "workers"),
    ({"function": "long_io", "args": [1], "repeat": 1001}, 400, "invalid_parameter", "repeat"),
    ({"function": "long_io", "args": [1], "timeout_ms": 0}, 400, "invalid_parameter", "timeout_ms"),
]


@pytest.mark.parametrize("document, status, code, parameter", REFUSED)
def test_refused(server, document, status, code, parameter):
    reply = server.post_json(document, "/v1/map")
    assert (reply.status, reply.code) == (status, code)
    assert reply.problem["parameter"] == parameter


def test_refused_bodies(server):
    for body, code in [(b"", "invalid_json"), (b"[1]", "invalid_parameter"), (b"{", "invalid_json"), (b"a,b\n1,2\n", "invalid_json"),
                       (b'{"function": "long_io", "function": "long_io", "args": []}', "invalid_parameter"),
                       (b'{"function": "long_io", "args": [1e400]}', "not_finite"),
                       (b'{"function": "calc_hash", "args": [[1, [2, {"a": -1e999}]]]}', "not_finite")]:
        reply = server.request("POST", "/v1/map", body)
        assert reply.code == code, (body, reply)
    assert "columns" not in server.request("POST", "/v1/map", b"[1]").problem["detail"]
    reply = server.request("POST", "/v1/map", b'{"function": "long_io", "args": [3], "seconds": 0}',
                           {"Content-Type": "application/x-www-form-urlencoded"})
    assert reply.json()["results"] == [6]
    for kind in ("text/csv", "multipart/form-data; boundary=x", "image/png"):
        assert server.request("POST", "/v1/map", b"{}", {"Content-Type": kind}).status == 415
    assert server.request("POST", "/v1/map?executor=serial", b"{}").code == "invalid_parameter"
    assert server.request("POST", "/v1/map?let=a", b"{}").code == "unknown_parameter"
    reply = server.request("GET", "/v1/map")
    assert reply.status == 405 and reply.headers["Allow"] == "POST"


def test_lengths_are_named(server):
    problem = ask(server, "long_io", [1, 2, 3], seconds=[0, 0]).problem
    assert "2" in problem["detail"] and "3" in problem["detail"]
    assert ask(server, "nothing", []).problem["value"] == "nothing"
    for name in ("long_io", "long_comp", "calc_hash"):
        assert name in ask(server, "nothing", []).problem["detail"]


def test_max_calls(launch):
    running = launch("--max-calls", 3)
    assert mapped(running, "long_io", [1, 2, 3], seconds=0)["results"] == [2, 4, 6]
    problem = ask(running, "long_io", [1, 2, 3, 4], seconds=0).problem
    assert problem["status"] == 422 and problem["code"] == "limit_exceeded" and problem["limit"] == "--max-calls"
