"""What happens to a cluster while the executor `dask` works on it: the same bytes, or a typed error by the deadline; and memory
that does not grow with the work."""
import hashlib
import json
import os
import time

import distributed
import pytest

import client
from cluster import wait_until
from product import (CALLS, COMPUTED, FRAME, MIB, SLOW, Job, Memory, await_measured, await_workers, below, called, command_line,
                     compute, dask_pool, present, server_on, usable, values)

# A worker that says nothing for so long has left, for the scheduler. Dask's own default is 5 minutes.
IMPATIENT = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "3s"}


# Stands between a Dask worker and the real program, and takes eight bytes from the end of each output.
LIAR = """#!/usr/bin/python3
import os, struct, subprocess, sys
real = subprocess.Popen([os.environ["REAL"], "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
def carry(source, size, sink=None):
    data = source.read(size)
    if len(data) < size:
        sys.exit(0)
    if sink:
        sink.write(data)
        sink.flush()
    return data
theirs, ours = sys.stdin.buffer, sys.stdout.buffer
carry(real.stdout, 256, ours)  # the identity
setup, answer, request = struct.unpack("<III", carry(theirs, 12, real.stdin))  # struct cn_pipe_setup begins so
carry(theirs, setup - 12, real.stdin)
while True:
    head = carry(theirs, request, real.stdin)
    carry(theirs, struct.unpack_from("<Q", head, 48)[0], real.stdin)
    head = bytearray(carry(real.stdout, answer))
    output = carry(real.stdout, struct.unpack_from("<Q", head, 8)[0])[:-8]
    struct.pack_into("<Q", head, 8, len(output))
    ours.write(head + output)
    ours.flush()
"""


def slow_job(server, **more):
    """A job of four seconds on one worker of two threads, whose results are known."""
    return Job(server, {**SLOW, "executor": "dask", **more}, "/v1/map")


def right(job):
    found = job.result().json()
    assert found["results"] == [2 * n for n in SLOW["args"]], [one for one in found["futures"] if one["state"] != "finished"]
    return True


def test_a_worker_killed_in_the_middle(fresh):
    one = fresh()
    job = slow_job(one.server)
    job.await_progress(4)
    one.cluster.workers[0].kill()
    assert job.wait()["state"] == "finished" and right(job)
    await_workers(one.server, 1)
    one.add()
    await_workers(one.server, 2)
    assert values(called(one.server, CALLS["computing"], "dask").body) == \
        values(called(one.server, CALLS["computing"], "serial").body)


def test_workers_killed_again_and_again_under_computing(fresh):
    """A large table's bytes are what they are, with three deaths on the way."""
    one = fresh()
    document = {**FRAME, "generate": {**FRAME["generate"], "rows": 300_000}, "let": {"r": "sha512(sha512(a, b), c)"},
                "chunk_rows": 1000, "mode": "row"}
    job = Job(one.server, {**document, "executor": "dask"})
    for number in range(3):
        job.await_progress(30_000 * (number + 1))
        one.cluster.workers[number].kill()
        one.add(wait=False)
    state = job.wait(120)
    assert state["state"] == "finished", state
    assert values(job.result().body) == values(compute(one.server, document, "threads").body)


def test_a_program_killed_below_a_worker(fresh):
    """Only `colonnade --worker` dies; its Dask worker starts another one."""
    one = fresh(workers=1)
    job = slow_job(one.server)
    job.await_progress(4)
    victims = below(one.cluster.workers[0].pid)
    assert victims, "the worker runs no program"
    for pid in victims:
        os.kill(pid, 9)
    assert job.wait()["state"] == "finished" and right(job)
    assert len(usable(one.server)) == 1


def test_a_worker_that_is_stopped(fresh):
    """It looks alive to TCP. The scheduler gives it up, and its work is done elsewhere."""
    one = fresh(environment=IMPATIENT)
    job = slow_job(one.server, timeout_ms=60_000)
    job.await_progress(4)
    one.cluster.workers[0].freeze()
    assert job.wait()["state"] == "finished" and right(job)
    one.cluster.workers[0].thaw()


def test_a_stopped_worker_costs_its_deadline_at_most(fresh):
    one = fresh(workers=1)
    job = slow_job(one.server, timeout_ms=2500)
    job.await_progress(4)
    one.cluster.workers[0].freeze()
    begun = time.monotonic()
    state = job.wait()
    assert state["state"] == "failed" and state["error"]["code"] == "deadline_exceeded", state
    assert time.monotonic() - begun < 4
    one.cluster.workers[0].thaw()


@pytest.mark.parametrize("path", ["/v1/map", "/v1/compute"])
def test_deadlines(server, path):
    document = {"function": "long_io", "args": [1, 2], "seconds": 30} if path == "/v1/map" else \
        {**COMPUTED["md5"], "generate": {**FRAME["generate"], "rows": 2_000_000}, "mode": "row", "chunk_rows": 500}
    begun = time.monotonic()
    problem = server.post_json({**document, "executor": "dask", "timeout_ms": 500}, path=path).problem
    assert problem["code"] == "deadline_exceeded" and time.monotonic() - begun < 2.5
    assert server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=20_000).columns["r"] == [2], "the workers are free again"


def test_a_job_is_cancelled(server):
    job = Job(server, {"function": "long_io", "args": list(range(100)), "seconds": 0.5, "executor": "dask"}, "/v1/map")
    job.await_progress()
    begun = time.monotonic()
    assert job.cancel().status in (200, 202)
    assert job.wait()["state"] == "cancelled" and time.monotonic() - begun < 3
    assert server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=20_000).columns["r"] == [2], "the workers are free again"


def test_a_client_that_hangs_up(product, server):
    """Its work does not hold the workers."""
    with distributed.Client(product.cluster.address, set_as_default=False) as cluster:
        def under_way():
            return sum(len(tasks) for tasks in cluster.processing().values())
        wait_until(lambda: under_way() == 0, 20, cluster.processing)
        connection = server.connection()
        connection.request("POST", "/v1/map", json.dumps({"function": "long_io", "args": list(range(8)), "seconds": 30,
                                                          "executor": "dask"}), {"Content-Type": client.JSON})
        wait_until(lambda: under_way() > 0, 20, cluster.processing)
        connection.close()
        wait_until(lambda: under_way() == 0, 20, cluster.processing)
    assert server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=20_000).columns["r"] == [2]


def test_a_result_that_makes_no_sense(fresh, tmp_path):
    """A program that is the server's own, and whose results lose their ends on the way: whoever gave them is named."""
    liar = tmp_path / "colonnade"
    liar.write_text(LIAR, encoding="ascii")
    liar.chmod(0o755)
    one = fresh(workers=0)
    one.add(environment={"COLONNADE_BIN": str(liar), "REAL": client.BINARY})
    await_workers(one.server, 1)
    named = f"of dask on {present(one.server)[0]['host']} gave a result that no sound worker gives"
    problem = one.server.post_json({**COMPUTED["md5"], "executor": "dask", "chunk_rows": 20_000}).problem
    assert problem["code"] == "worker_lost" and named in problem["detail"] and "rows 0 to" in problem["detail"], problem
    lost = one.server.post_json({**CALLS["sleeping"], "executor": "dask"}, path="/v1/map").json()["futures"]
    assert all(future["state"] == "failed" and named in str(future) for future in lost), lost


def test_all_workers_gone(fresh):
    one = fresh()
    for worker in one.cluster.workers:
        worker.kill()
    begun = time.monotonic()
    problem = one.server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=2000).problem
    assert problem["code"] in ("worker_lost", "deadline_exceeded"), problem
    assert time.monotonic() - begun < 4
    assert one.server.lets("a+1", {"a": [1]}, executor="threads").columns["r"] == [2], "others do not notice"
    one.add()
    await_workers(one.server, 1)
    assert one.server.lets("a+1", {"a": [1]}, executor="dask").columns["r"] == [2]


def test_a_scheduler_that_is_started_again(fresh):
    """In the middle of a job: it goes on with the new one, or fails with a type, in time; the next one works."""
    one = fresh()
    job = slow_job(one.server, timeout_ms=40_000)
    job.await_progress(4)
    one.cluster.scheduler.kill()
    one.cluster.start_scheduler()
    for worker in list(one.cluster.workers):  # as whatever looks after them does: without a scheduler they end
        worker.stop()
    for _ in range(2):
        one.add()
    state = job.wait()
    if state["state"] == "finished":
        assert right(job)
    else:
        assert state["error"]["code"] in ("worker_lost", "deadline_exceeded"), state
    await_workers(one.server, 2)
    assert one.server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=20_000).columns["r"] == [2]


def test_a_bridge_that_is_killed(fresh):
    """The server starts another one, and sends again what was under way."""
    one = fresh()
    job = slow_job(one.server)
    job.await_progress(4)
    bridge = dask_pool(one.server)["bridge"]
    assert bridge["starts"] == 1 and bridge["pid"] in below(one.server.pid)
    os.kill(bridge["pid"], 9)
    assert job.wait()["state"] == "finished" and right(job)
    await_workers(one.server, 2)
    assert dask_pool(one.server)["bridge"]["starts"] == 2


def test_a_server_that_ends_leaves_nothing(product):
    """Its bridge ends, and so do its programs on the workers."""
    def programs():
        return {pid for worker in product.cluster.workers for pid in below(worker.pid)
                if b"--worker" in command_line(pid)}
    await_measured(product.server)  # which starts all the programs that its server uses
    before = programs()
    leaving = server_on(product.cluster)
    await_workers(leaving, 2)
    compute(leaving, COMPUTED["md5"], "dask", chunk_rows=500)
    children = below(leaving.pid)
    assert programs() > before
    assert leaving.stop() == 0
    wait_until(lambda: programs() <= before, 20, lambda: f"{programs()} and before {before}")
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]


# ---- memory --------------------------------------------------------------------------------------


def test_memory_stays_bounded(fresh):
    """A streamed reply of 130 MB and more, with a buffer of 8 MiB: the server, its bridge, the scheduler, the workers and
    the programs on them hold a bounded part of it."""
    rows = int(os.environ.get("COLONNADE_DASK_ROWS", 1_000_000))
    one = fresh("--buffer-bytes", 8 * MIB, threads=1)
    document = {"generate": {"rows": rows, "columns": ["a"], "seed": 5}, "select": "computed", "chunk_rows": 5000,
                "let": {"k": "sha512(a)"}}
    compute(one.server, {**document, "generate": {**document["generate"], "rows": 50_000}}, "dask")  # all is started
    parts = {"server": one.server.pid, "scheduler": one.cluster.scheduler.pid,
             "bridge": dask_pool(one.server)["bridge"]["pid"]}
    for worker in one.cluster.workers:
        programs = below(worker.pid)
        assert programs, "the worker runs no program"
        parts |= {worker.name: worker.pid, **{f"a program of {worker.name}": pid for pid in programs[:1]}}
    digests, memory = {}, None
    for executor in ("serial", "dask"):
        with Memory(parts) as memory:
            digests[executor] = streamed_digest(one.server, {**document, "executor": executor})
    assert digests["dask"] == digests["serial"] and digests["dask"][1] > rows * 128
    print(f"{rows:,} rows, a reply of {digests['dask'][1] // MIB} MiB")
    frame = 8 * rows
    for name in parts:
        grown = memory.most(name) - memory.curves[name][0][1]
        allowed = (frame if name == "server" else 0) + 96 * MIB
        print(f"{name}: {memory.curves[name][0][1] // MIB} MiB before, {memory.most(name) // MIB} at most")
        assert grown < allowed, (name, grown / MIB, [held // MIB for _, held in memory.curves[name]])


def streamed_digest(server, document):
    """Digest and size of a reply that is not kept."""
    connection = server.connection(600)
    try:
        connection.request("POST", "/v1/compute", json.dumps(document), {"Content-Type": client.JSON, "Accept": client.CSV})
        reply = connection.getresponse()
        assert reply.status == 200, reply.read(2000)
        digest, size = hashlib.sha256(), 0
        while piece := reply.read(1 << 18):
            digest.update(piece)
            size += len(piece)
        return digest.hexdigest(), size
    finally:
        connection.close()
