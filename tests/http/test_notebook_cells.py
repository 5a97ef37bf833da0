"""One test for each cell of the notebook: threads or processes, and how to run a function over rows.

Sleeps are scaled down; what matters is their ratio to the wall time. CPython, hashlib and NumPy say what is right.
"""
import hashlib
import json
import math
import os
import statistics
import subprocess
import threading

import numpy as np
import pytest

import client

SLEEP = 0.25  # the notebook's is 2 s
CALLS = [0, 1, 2, 3]
ANSWER = 2236.5678097446853  # of long_comp for 0, 1, 2 and 3
POOLS = ["threads", "processes", "gil"]
EXECUTORS = ["serial", *POOLS]
MODES = ["row", "tuple", "vector"]
UNEVEN = [0.9, 0.3, 0.6, 0.01]  # seconds of each call; they end in the order 3, 1, 2, 0, also on a busy machine


def long_comp(i, iterations):
    """The notebook's function in CPython."""
    x = i
    for y in range(iterations):
        x = (x - y) ** 2 if x % 2 == 0 else (x + y) ** 0.5
    return x


def calc_hash(*values):
    return hashlib.md5("_".join(map(str, values)).encode()).hexdigest()


def call_map(server, function, args, executor, workers=4, **more):
    document = {"function": function, "args": args, "executor": executor, "workers": workers, **more}
    reply = server.post_json(document, path="/v1/map")
    assert reply.status == 200, reply
    reply = reply.json()
    assert reply["function"] == function and reply["execution"]["executor"] == executor
    assert [future["index"] for future in reply["futures"]] == list(range(len(args)))
    return reply


def sleeps(reply):
    """The wall time in sleeps."""
    return reply["timing"]["wall_ns"] / 1e9 / SLEEP


def span(future):
    assert future["submitted_ns"] <= future["started_ns"] <= future["finished_ns"], future
    return future["started_ns"], future["finished_ns"]


# ---- functions that sleep ------------------------------------------------------------------------

def test_serial_long_io(server):
    reply = call_map(server, "long_io", CALLS, "serial", workers=1, seconds=SLEEP)
    assert reply["results"] == [i * 2 for i in CALLS]
    assert 4 <= sleeps(reply)
    spans = [span(future) for future in reply["futures"]]
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:]))
    assert reply["completion_order"] == CALLS


@pytest.mark.parametrize("executor", POOLS)
def test_threads_and_processes_long_io(server, executor):
    """Whoever sleeps needs no processor and no interpreter lock: four sleep in the time of one."""
    reply = call_map(server, "long_io", CALLS, executor, seconds=SLEEP)
    assert reply["results"] == [i * 2 for i in CALLS]
    assert 1 <= sleeps(reply) < 2.2
    assert max(span(f)[0] for f in reply["futures"]) < min(span(f)[1] for f in reply["futures"])


@pytest.mark.parametrize("executor", POOLS)
def test_max_workers_long_io(server, executor):
    """With two workers, four sleeps are two rounds."""
    reply = call_map(server, "long_io", CALLS, executor, workers=2, seconds=SLEEP)
    assert 2 <= sleeps(reply) < 3.9


def test_sleeping_calls_leave_the_pool_to_those_that_compute(server):
    """128 calls on 64 workers sleep twice; meanwhile the same pool computes for others."""
    replies, answered, over = [], [], threading.Event()

    def work(which):
        if which == 0:
            try:
                replies.append(call_map(server, "long_io", list(range(128)), "threads", workers=64, seconds=SLEEP))
            finally:
                over.set()
        while which == 1 and not over.is_set():
            answered.append(server.value("a + 1", {"a": [1, 2]}, executor="threads", workers=2))

    client.together(work, 2)
    assert len(answered) > 5 and set(map(tuple, answered)) == {(2, 3)}
    assert replies[0]["results"] == [i * 2 for i in range(128)]
    assert 2 <= sleeps(replies[0])


# ---- functions that compute ----------------------------------------------------------------------

@pytest.mark.parametrize("executor", EXECUTORS)
def test_long_comp(server, executor):
    reply = call_map(server, "long_comp", CALLS, executor, workers=2)
    assert list(map(repr, reply["results"])) == [repr(ANSWER)] * 4
    assert [f["state"] for f in reply["futures"]] == ["finished"] * 4
    assert [f["result"] for f in reply["futures"]] == reply["results"]
    assert all(f["cpu_ns"] > 0 for f in reply["futures"])


def test_long_comp_is_cpythons(server):
    """Whatever the argument and however often it goes round; 2**31 grows past a float."""
    def expected_of(i, iterations):
        try:
            return long_comp(i, iterations)
        except OverflowError:
            return None

    arguments = [0, 1, 2, 3, 4, 5, 8, 10, 99, 100, 12345, 2**31, 2**53 + 1]
    for iterations in (1, 2, 3, 7, 5000):
        expected = [expected_of(i, iterations) for i in arguments]
        reply = call_map(server, "long_comp", arguments, "serial", iterations=iterations)
        assert list(map(repr, reply["results"])) == list(map(repr, expected)), iterations


def test_gil_long_comp_takes_turns(server):
    """Under one interpreter lock, two threads together compute no more than one could; somebody waited for it."""
    reply = call_map(server, "long_comp", CALLS, "gil", workers=2)
    assert {f["worker"] for f in reply["futures"]} <= {0, 1}
    assert sum(f["cpu_ns"] for f in reply["futures"]) <= 1.1 * reply["timing"]["wall_ns"]
    assert max(f["lock_ns"] for f in reply["futures"]) > 0
    assert "emulat" in json.dumps(reply["execution"])
    sleeping = call_map(server, "long_io", CALLS, "gil", seconds=SLEEP)
    assert max(f["lock_ns"] for f in sleeping["futures"]) < SLEEP * 1e9


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_long_comp_has_no_lock_elsewhere(server, executor):
    reply = call_map(server, "long_comp", CALLS, executor, workers=2)
    assert [f["lock_ns"] for f in reply["futures"]] == [0] * 4


# ---- concurrent.futures --------------------------------------------------------------------------

@pytest.mark.parametrize("executor", EXECUTORS)
def test_executor_map(server, executor):
    """Results come by position, whoever ends first."""
    more = {"seconds": UNEVEN} if executor != "serial" else {"seconds": [s / 10 for s in UNEVEN]}
    reply = call_map(server, "long_io", [7, -1, 5, 0], executor, **more)
    assert reply["results"] == [14, -2, 10, 0]


@pytest.mark.parametrize("executor", POOLS)
def test_submit_and_as_completed(server, executor):
    reply = call_map(server, "long_io", CALLS, executor, seconds=UNEVEN)
    assert reply["completion_order"] == [3, 1, 2, 0]
    ends = [reply["futures"][at]["finished_ns"] for at in reply["completion_order"]]
    assert ends == sorted(ends)


def test_future_exception(server):
    """-3 ** 0.5 is complex in CPython: that call fails, the others keep their results."""
    assert isinstance(long_comp(-3, 1), complex)
    for executor in EXECUTORS:
        reply = call_map(server, "long_comp", [0, -3, 1], executor, iterations=1)
        assert reply["results"] == [long_comp(0, 1), None, long_comp(1, 1)]
        assert [f["state"] for f in reply["futures"]] == ["finished", "failed", "finished"]
        error = reply["futures"][1]["error"]
        assert error["code"] and error["detail"]


def test_map_with_chunksize(server):
    """Calls of one chunk go to one worker, one after the other."""
    reply = call_map(server, "long_io", list(range(6)), "processes", workers=2, chunksize=3, seconds=0.02)
    assert reply["results"] == [i * 2 for i in range(6)]
    for chunk in (reply["futures"][:3], reply["futures"][3:]):
        assert len({future["pid"] for future in chunk}) == 1
        spans = [span(future) for future in chunk]
        assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:]))


# ---- what is shared ------------------------------------------------------------------------------

@pytest.mark.parametrize("executor", ["serial", "threads", "gil"])
def test_shared_dictionary_of_threads(server, executor):
    """All threads write into one dictionary, in the order in which they end."""
    seconds = UNEVEN if executor != "serial" else 0.01
    reply = call_map(server, "long_io", CALLS, executor, seconds=seconds)
    assert reply["shared_results"] == [[i, i * 2] for i in reply["completion_order"]]


def test_shared_dictionary_of_processes(server):
    """A process writes into its own copy; the caller's stays empty."""
    reply = call_map(server, "long_io", CALLS, "processes", seconds=0.01)
    assert reply["results"] == [0, 2, 4, 6] and reply["shared_results"] == []


@pytest.mark.parametrize("executor", EXECUTORS)
def test_getpid(server, executor):
    reply = call_map(server, "long_io", CALLS, executor, workers=2, seconds=0.05)
    pids = {future["pid"] for future in reply["futures"]}
    if executor == "processes":
        assert server.pid not in pids and len(pids) == 2
    else:
        assert pids == {server.pid}


# ---- a function over the rows of a frame ---------------------------------------------------------

@pytest.fixture(scope="module")
def frame(notebook):
    """The first rows of the notebook's frame, as NumPy arrays."""
    return {name: values[:20_000] for name, values in notebook[0].items()}


@pytest.fixture(scope="module")
def keys(frame):
    return [calc_hash(a, b) for a, b in zip(frame["a"].tolist(), frame["b"].tolist())]


def compute(server, frame, let, **options):
    columns = {name: values.tolist() for name, values in frame.items()}
    reply = server.post_json({"columns": columns, "let": {"r": let}, **options})
    assert reply.status == 200, reply
    return reply


def column_text(reply):
    """The bytes of the computed columns."""
    return reply.body[reply.body.index(b'"columns"'):reply.body.index(b'"types"')]


def test_calc_hash_of_one_row(server):
    row = [42, 2.233, 23, "hello"]
    reply = call_map(server, "calc_hash", [row], "serial")
    assert reply["results"] == [calc_hash(*row)] == ["de8b962de5f8b353cdc9cc1fc89f0b65"]


@pytest.mark.parametrize("executor", EXECUTORS)
def test_calc_hash_over_rows(server, frame, keys, executor):
    rows = list(zip(frame["a"][:200].tolist(), frame["b"][:200].tolist()))
    reply = call_map(server, "calc_hash", rows, executor, workers=2, chunksize=25)
    assert reply["results"] == keys[:200]


def test_vectorised_expression(server, frame):
    a, b, c, d = (frame[name] for name in "abcd")
    expected = (a - b) / (c + d) ** 2
    for mode in MODES:
        reply = compute(server, frame, "(a-b)/(c+d)**2", mode=mode)
        assert reply.json()["execution"]["mode"] == mode
        assert (np.array(reply.columns["r"]).view(np.uint64) == expected.view(np.uint64)).all(), mode


@pytest.mark.parametrize("mode", MODES)  # df.apply(axis=1), map(func, df.a, df.b), whole columns
def test_apply_and_tuple_map(server, frame, keys, mode):
    first = None
    for executor in EXECUTORS:
        reply = compute(server, frame, "md5(a, b)", mode=mode, executor=executor, workers=2)
        execution = reply.json()["execution"]
        assert (execution["executor"], execution["mode"]) == (executor, mode)
        if first is None:
            first = column_text(reply)
            assert reply.columns["r"] == keys
        assert column_text(reply) == first, executor


def test_process_pool_with_chunksize(server, frame, keys):
    for chunk_rows, chunks in ((2500, 8), (6000, 4), (20_000, 1)):
        reply = compute(server, frame, "md5(a, b)", mode="tuple", executor="processes", workers=2,
                        chunk_rows=chunk_rows)
        assert reply.columns["r"] == keys
        reply = reply.json()
        assert (reply["execution"]["chunks"], reply["execution"]["chunk_rows"]) == (chunks, chunk_rows)
        assert server.pid not in {worker["pid"] for worker in reply["timing"]["workers"]}


def test_gil_hashes_take_turns(server, notebook):
    """Row hashes hold the interpreter lock, as hashlib does for short inputs."""
    for _ in range(20):  # on a busy machine one worker may have done it all before the other came
        reply = compute(server, notebook[0], "md5(a, b)", mode="tuple", executor="gil", workers=2, limit=1,
                        chunk_rows=5000).json()
        workers, stages = reply["timing"]["workers"], {e["stage"]: e["ns"] for e in reply["timing"]["ledger"]}
        assert sum(worker["stages"].get("hash", 0) for worker in workers) <= 1.1 * stages["execute"]
        if sum(worker["stages"].get("lock", 0) for worker in workers) > 0:
            return
    pytest.fail("nobody ever waited for the lock")


# ---- %timeit, and the question at the end --------------------------------------------------------

@pytest.mark.parametrize("executor", EXECUTORS)
def test_timeit(server, frame, keys, executor):
    reply = compute(server, frame, "md5(a, b)", executor=executor, repeat=5)
    assert reply.columns["r"] == keys
    repeat = reply.json()["timing"]["repeat"]
    samples = repeat["samples_ns"]
    assert repeat["runs"] == len(samples) == 5 and min(samples) > 0
    assert repeat["min_ns"] == min(samples)
    assert repeat["median_ns"] == statistics.median(samples)
    assert abs(repeat["mean_ns"] - statistics.mean(samples)) <= 1
    assert min(abs(repeat["stddev_ns"] - f(samples)) for f in (statistics.stdev, statistics.pstdev)) <= 1


def test_timeit_long_comp(server):
    reply = call_map(server, "long_comp", CALLS, "threads", workers=2, iterations=10_000, repeat=3)
    assert reply["results"] == [long_comp(i, 10_000) for i in CALLS]
    assert len(reply["timing"]["repeat"]["samples_ns"]) == 3


def test_why_a_factor_of_ten_and_not_of_two(server):
    """The notebook left it open: the factor is a product, and most of it is not the processes."""
    workload = {"compute": {"generate": {"rows": 20_000, "columns": ["a", "b", "c", "d"], "distribution": "normal",
                                         "seed": 1}, "let": {"hash": "md5(a, b)"}}}
    reply = server.post_json({"workload": workload, "executors": EXECUTORS, "workers": [1, 2], "modes": MODES,
                              "repeat": 3}, path="/v1/compare")
    assert reply.status == 200, reply
    reply = reply.json()
    assert reply["identical"] is True and reply["differing"] == []
    assert len(reply["cases"]) == 3 + 3 * 3 * 2  # serial once a mode
    found = reply["decomposition"]
    product = math.prod(factor["factor"] for factor in found["factors"])
    assert abs(product / found["ratio"] - 1) < 0.01
    assert reply["verdict"] and all(isinstance(sentence, str) for sentence in reply["verdict"])


def test_bench_runs_the_notebook_in_cpython_too(tmp_path):
    """The whole bench, small: equal results everywhere, and factors whose product is their ratio."""
    done = subprocess.run(["/usr/bin/python3", client.ROOT / "bench" / "notebook.py", "--quick", "--binary",
                           client.BINARY, "--json", tmp_path / "out.json"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=120, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    assert "All results are equal" in done.stdout
    found = json.loads((tmp_path / "out.json").read_text())
    systems = {(case["workload"], case["system"]) for case in found["cases"]}
    assert systems == {(w, s) for w in ("long_io", "long_comp", "expression", "hash") for s in ("CPython", "Colonnade")}
    for one in found["decompositions"]:
        product = math.prod(factor["factor"] for factor in one["factors"])
        assert abs(product / one["ratio"] - 1) < 1e-9
