"""The executor `dask` of the product, on a real cluster on loopback: the same bytes as every other executor, and what
is refused and told."""
import itertools
import stat
import time

import pytest

import client
from cluster import Cluster, wait_until
from product import (CALLS, COMPUTED, FRAME, MIB, WORKER, Job, await_workers, called, compute, dask_pool, present, server_on,
                     usable, values)


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
    old = one.add(environment=pretender, name="old")
    def left_out():
        return [worker["problem"] for worker in present(one.server) if not worker["usable"] and "prepared" not in worker["problem"]]
    problem, = wait_until(left_out, 30, lambda: dask_pool(one.server))
    assert len(usable(one.server)) == 1
    assert "colonnade 0.0.9" in problem and "colonnade " + one.server.version in problem
    document = {**COMPUTED["md5"], "chunk_rows": 500}
    assert values(compute(one.server, document, "dask").body) == values(compute(one.server, document, "serial").body)
    old.stop()
    wait_until(lambda: len(present(one.server)) == 1, 30, lambda: dask_pool(one.server))
    gone = next(worker for worker in dask_pool(one.server)["workers"] if worker["name"] == "old")
    assert not gone["present"] and gone["problem"] is None, gone  # nothing is to be done about it


def test_a_cluster_without_a_usable_worker(fresh, pretender):
    """The error says what is wrong with them, by the deadline."""
    one = fresh(workers=0)
    one.add(environment=pretender, name="old")
    one.add(environment={"COLONNADE_BIN": "/nonexistent/colonnade"}, name="bare")
    wait_until(lambda: len(present(one.server)) == 2, 30, lambda: dask_pool(one.server))
    begun = time.monotonic()
    problem = one.server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=2000).problem
    assert time.monotonic() - begun < 4
    assert problem["code"] == "deadline_exceeded", problem
    assert "colonnade 0.0.9" in problem["detail"] or "/nonexistent/colonnade" in problem["detail"], problem
    one.add(environment=WORKER, name="right")
    await_workers(one.server, 1)
    assert one.server.lets("a+1", {"a": [1]}, executor="dask").columns["r"] == [2]


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
