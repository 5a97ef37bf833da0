"""The executor `dask` of the product, on a real cluster on loopback: the same bytes as every other executor, whatever
happens to the cluster meanwhile, or a typed error by the deadline."""
import hashlib
import itertools
import json
import os
import stat
import time

import distributed
import pytest

import client
from cluster import Cluster, wait_until
from product import (WORKER, Job, Memory, Product, await_workers, below, called, command_line, compute, dask_pool, present,
                     server_on, usable, values)

ROWS = 20_000
FRAME = {"generate": {"rows": ROWS, "columns": ["a", "b", "c", "d"], "distribution": "normal", "seed": 7}}
# The four workloads of bench/notebook.py: a function that sleeps, one that computes, an expression over whole columns, and a
# hash of each row.
CALLS = {"sleeping": {"function": "long_io", "args": list(range(8)), "seconds": 0.05},
         "computing": {"function": "long_comp", "args": list(range(8)), "iterations": 20_000}}
COMPUTED = {"expression": {**FRAME, "let": {"r": "(a-b)/(c+d)**2"}},
            "md5": {**FRAME, "let": {"r": "md5(a, b)"}}}
SLOW = {"function": "long_io", "args": list(range(40)), "seconds": 0.1, "chunksize": 1}
MIB = 1 << 20
# A worker that says nothing for so long has left, for the scheduler. Dask's own default is 5 minutes.
IMPATIENT = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "3s"}


@pytest.fixture(scope="module")
def product():
    """The one that is shared by what leaves it as it was."""
    with Product() as made:
        yield made


@pytest.fixture
def server(product):
    return product.server


@pytest.fixture
def fresh():
    """Products of a test's own: those that it does harm to."""
    made = []

    def make(*flags, **how):
        made.append(Product(*flags, **how))
        return made[-1].__enter__()

    yield make
    for one in made:
        one.__exit__(None, None, None)


# ---- the same bytes ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CALLS)
def test_calls(server, name):
    serial, dask = (called(server, CALLS[name], executor) for executor in ("serial", "dask"))
    assert values(dask.body) == values(serial.body)
    futures = dask.json()["futures"]
    assert all(future["state"] == "finished" and future["worker"] is not None for future in futures)
    assert len({future["worker"] for future in futures}) == 2, "both workers took part"


@pytest.mark.parametrize("mode", ["vector", "tuple", "row"])
@pytest.mark.parametrize("name", COMPUTED)
def test_computed(server, name, mode):
    document = {**COMPUTED[name], "mode": mode, "chunk_rows": 1000}
    serial, dask = (compute(server, document, executor) for executor in ("serial", "dask"))
    assert values(dask.body) == values(serial.body)


def table(rows):
    """Texts, quotes, nulls, numbers as people write them, and a column whose type only the last row settles."""
    lines = ["name,a,b,late"]
    for n in range(rows):
        lines.append(f'"n, ""{n}""",{"" if n % 13 == 0 else n * 0.1},{n % 97},{n}')
    return "\n".join(lines + ["end,1,2,x", ""]).encode()


@pytest.mark.parametrize("chunk_rows", [None, 250])
@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_tables(server, accept, chunk_rows):
    options = {"let": ["r=a/b", "key=md5(name, late)", "low=lower(name)"], "on_error": "null"}
    if chunk_rows:
        options["chunk_rows"] = chunk_rows
    replies = {executor: server.post_csv(table(5000), {**options, "executor": executor}, {"Accept": accept})
               for executor in ("serial", "threads", "dask")}
    assert all(reply.status == 200 for reply in replies.values()), replies
    bodies = {executor: reply.body if accept == "text/csv" else values(reply.body) for executor, reply in replies.items()}
    assert bodies["dask"] == bodies["serial"] == bodies["threads"]


@pytest.mark.parametrize("let", ["r=a//zero", "r=int(name)", "r=md5(over='table')"])
def test_rows_that_fail_are_the_same(server, let):
    """The error of the lowest row; and how many failed, where they become nulls."""
    text = b"name,a,zero\n" + b"".join(b"%d,%d,%d\n" % (n, n, n % 1500) for n in range(1, 4000)) + b"x,1,0\n"
    for more in ({}, {"on_error": "null"}):
        serial, dask = (server.post_csv(text, {"let": let, "chunk_rows": 200, "executor": executor, **more},
                                        {"Accept": "application/json"}) for executor in ("serial", "dask"))
        assert dask.status == serial.status
        if serial.status != 200:
            assert dask.problem == serial.problem
        else:
            assert values(dask.body) == values(serial.body)


@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_streamed_replies(product, accept):
    """Of a reply that is larger than its buffer."""
    document = {**FRAME, "generate": {**FRAME["generate"], "rows": 60_000}, "let": {"k": "md5(a, b)"}, "select": "all"}
    with_small = server_on(product.cluster, "--buffer-bytes", 256 * 1024)
    try:
        await_workers(with_small, 2)
        bodies = []
        for executor in ("serial", "dask"):
            reply = with_small.post_json({**document, "executor": executor}, headers={"Accept": accept})
            assert reply.status == 200, reply
            bodies.append(reply.body if accept == "text/csv" else values(reply.body))
        assert bodies[0] == bodies[1] and len(bodies[0]) > 4 * MIB
    finally:
        assert with_small.stop() == 0


def test_a_job_and_its_progress(server):
    document = {**COMPUTED["md5"], "generate": {**FRAME["generate"], "rows": 400_000}, "chunk_rows": 2000}
    job, seen = Job(server, {**document, "executor": "dask"}), set()
    while job.look()["state"] in ("pending", "running"):
        seen.add(job.done())
        time.sleep(0.005)
    state = job.wait()
    assert state["state"] == "finished" and state["progress"] == {"done_rows": 400_000, "total_rows": 400_000}
    assert any(0 < done < 400_000 for done in seen), seen
    assert values(job.result().body) == values(compute(server, document, "serial").body)


def test_compare_takes_it(server):
    document = {"workload": {"compute": {**COMPUTED["md5"]}}, "executors": ["serial", "threads", "dask"], "repeat": 2}
    reply = server.post_json(document, path="/v1/compare")
    assert reply.status == 200, reply
    found = reply.json()
    assert found["identical"] is True
    assert {case["executor"] for case in found["cases"]} == {"serial", "threads", "dask"}


def test_many_at_once(server):
    """Requests of several clients share the cluster, and get their own."""
    def one(number):
        document = {**FRAME, "generate": {**FRAME["generate"], "seed": number}, "let": {"r": "md5(a, c)"}, "chunk_rows": 2500}
        assert values(compute(server, document, "dask").body) == values(compute(server, document, "serial").body)
    client.together(one, 6)


def test_over_tls(tmp_path):
    """A cluster that asks for certificates: with one of its authority the server is let in, without it is told."""
    cert, key = client.certificate(tmp_path)
    other_cert, other_key = client.certificate(tmp_path, name="other")
    flags = ["--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key]
    with Cluster(protocol="tls", scheduler_flags=flags) as cluster:
        cluster.add_worker(environment=WORKER, flags=flags)
        for names, let_in in (((cert, cert, key), True), ((cert, other_cert, other_key), False)):
            server = server_on(cluster, *itertools.chain(*zip(("--dask-tls-ca", "--dask-tls-cert", "--dask-tls-key"), names)))
            try:
                if let_in:
                    await_workers(server, 1)
                    document = {**COMPUTED["md5"], "chunk_rows": 2000}
                    assert values(compute(server, document, "dask").body) == values(compute(server, document, "serial").body)
                else:
                    wait_until(lambda: cluster.address in (dask_pool(server)["problem"] or ""), 30, lambda: dask_pool(server))
                    assert not dask_pool(server)["connected"] and not usable(server)
            finally:
                assert server.stop() == 0


# ---- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize("path,document", [
    ("/v1/compute", {"columns": {"a": [1]}, "let": {"r": "a"}, "executor": "dask"}),
    ("/v1/map", {"function": "long_io", "args": [1], "executor": "dask"}),
    ("/v1/compare", {"workload": {"compute": {"columns": {"a": [1]}, "let": {"r": "a"}}}, "executors": ["serial", "dask"]})])
def test_without_the_setting_it_says_how_to_set_it(path, document):
    plain = client.Server()
    try:
        for headers in ({}, {"Prefer": "respond-async, wait=10"}):
            problem = plain.post_json(document, path=path, headers=headers).problem
            assert problem["code"] == "invalid_parameter" and "--dask-scheduler" in problem["detail"], problem
    finally:
        assert plain.stop() == 0


def test_keys_stay_here(product, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    (keys / "site").write_bytes(b"the site's secret")
    (keys / "site").chmod(0o600)
    holder = server_on(product.cluster, "--keys-dir", keys)
    try:
        await_workers(holder, 2)
        document = {**FRAME, "let": {"k": "hmac_sha256(a, key='site')"}, "chunk_rows": 1000}
        problem = holder.post_json({**document, "executor": "dask"}).problem
        assert problem["code"] == "invalid_parameter" and "key" in problem["detail"], problem
        assert holder.post_json({**document, "executor": "auto"}).json()["execution"]["executor"] != "dask"
    finally:
        assert holder.stop() == 0


@pytest.fixture
def pretender(tmp_path):
    """A program that says it was another build of Colonnade."""
    path = tmp_path / "colonnade"
    path.write_text("#!/usr/bin/python3\nimport sys, time\n"
                    "sys.stdout.buffer.write(b'colonnade 0.0.9 sha256:' + b'0' * 64 + bytes(169))\n"
                    "sys.stdout.buffer.flush()\ntime.sleep(60)\n", encoding="ascii")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"COLONNADE_BIN": str(path)}


def test_another_build_is_not_used(fresh, pretender):
    """A cluster of which one worker is another build gives no mixed answers: that one is left out, and it is said why."""
    one = fresh(workers=1)
    one.add(environment=pretender, name="old")
    wait_until(lambda: len(present(one.server)) == 2, 30, lambda: dask_pool(one.server))
    assert len(usable(one.server)) == 1
    left_out = next(worker for worker in present(one.server) if not worker["usable"])
    assert "colonnade 0.0.9" in left_out["problem"] and "colonnade " + one.server.version in left_out["problem"]
    document = {**COMPUTED["md5"], "chunk_rows": 500}
    assert values(compute(one.server, document, "dask").body) == values(compute(one.server, document, "serial").body)


def test_a_cluster_without_a_usable_worker(fresh, pretender):
    """The error says what is wrong with them, by the deadline."""
    one = fresh(workers=0)
    one.add(environment=pretender, name="old")
    one.add(environment={"COLONNADE_BIN": "/nonexistent/colonnade"}, name="bare")
    wait_until(lambda: len(present(one.server)) == 2, 30, lambda: dask_pool(one.server))
    begun = time.monotonic()
    problem = one.server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=2000).problem
    assert time.monotonic() - begun < 4
    assert problem["code"] in ("worker_lost", "deadline_exceeded"), problem
    one.add(environment=WORKER, name="right")
    await_workers(one.server, 1)
    assert one.server.lets("a+1", {"a": [1]}, executor="dask").columns["r"] == [2]


# ---- what happens to a cluster -------------------------------------------------------------------


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
    before = programs()
    leaving = server_on(product.cluster)
    await_workers(leaving, 2)
    compute(leaving, COMPUTED["md5"], "dask", chunk_rows=500)
    children = below(leaving.pid)
    assert programs() > before
    assert leaving.stop() == 0
    wait_until(lambda: programs() <= before, 20, lambda: f"{programs()} and before {before}")
    assert not [pid for pid in children if os.path.exists(f"/proc/{pid}")]


# ---- what is told --------------------------------------------------------------------------------


def test_the_pool_lists_the_cluster(product):
    pool = dask_pool(product.server)
    assert pool["scheduler"] == product.cluster.address and pool["connected"] is True and pool["problem"] is None
    assert sorted(worker["name"] for worker in pool["workers"]) == ["w0", "w1"]
    for worker in pool["workers"]:
        assert worker["threads"] == 2 and worker["address"].startswith("tcp://127.0.0.1:") and worker["host"]


def test_times_sum(server):
    """Every moment of the request, and of each worker, belongs to one stage; hosts are named."""
    for document in COMPUTED.values():
        timing = compute(server, {**document, "chunk_rows": 1000}, "dask").json()["timing"]
        ledger = {entry["stage"]: entry["ns"] for entry in timing["ledger"]}
        assert sum(ledger.values()) + timing["unaccounted_ns"] == timing["wall_ns"]
        assert {"ship", "schedule", "fetch"} & set(ledger), ledger
        assert timing["workers"] and {worker["host"] for worker in timing["workers"]} != {None}
        for worker in timing["workers"]:
            assert sum(worker["stages"].values()) == worker["wall_ns"], worker
    plain = compute(server, COMPUTED["md5"], "threads").json()["timing"]
    assert not {"schedule", "fetch"} & {entry["stage"] for entry in plain["ledger"]}


# ---- memory --------------------------------------------------------------------------------------


def test_memory_stays_bounded(fresh):
    """A job whose input and output are larger than the buffers of any: a streamed reply of 100 MB, of rows that the server
    reads from CSV, with a buffer of 8 MiB."""
    rows = int(os.environ.get("COLONNADE_DASK_ROWS", 1_000_000))
    one = fresh("--buffer-bytes", 8 * MIB, threads=1)
    document = {"generate": {"rows": rows, "columns": ["a"], "seed": 5}, "select": "computed", "chunk_rows": 5000,
                "let": {"k": "sha512(a)"}}
    compute(one.server, {**document, "generate": {**document["generate"], "rows": 50_000}}, "dask")  # all is started
    parts = {"server": one.server.pid, "scheduler": one.cluster.scheduler.pid,
             **{worker.name: worker.pid for worker in one.cluster.workers}}
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
