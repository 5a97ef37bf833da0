"""What the server measures of a cluster, and what `auto` and experiments make of that."""
import re

import pytest

from product import Product, await_measured, await_workers, measured

CALLS = {"function": "long_comp", "args": list(range(8)), "iterations": 40_000_000}
TABLE = {"generate": {"rows": 100_000, "columns": ["a", "b"], "seed": 3}, "let": {"key": "md5(a, b)"}}


@pytest.fixture(scope="module")
def product():
    with Product(workers=2, threads=1) as made:
        yield made


@pytest.fixture
def server(product):
    return product.server


def test_what_is_measured(server):
    found = await_measured(server)
    assert found["workers"] == 2 and found["threads"] == 2
    # Through a scheduler and two programs in Python, and back: not less than some tenths of a millisecond.
    assert 1e5 < found["latency_ns"] < 5e9 and 1e5 < found["task_ns"] < 5e9
    assert found["ship_ns_per_mib"] > 0 and found["ship_alone_ns_per_mib"] > 0
    # The same CPUs as those that it is compared with; of busy ones the workers may get more than the server, or less.
    assert 0.05 < found["speed"] < 20, found


SECONDS = {"s": 1, "ms": 1e-3, "µs": 1e-6}


def follows_from_its_times(execution):
    """Whether `auto` sends it must follow from the times that it gives as its reason."""
    def seconds(what):
        number, unit = re.search(what + r" (\S+) (s|ms|µs)\b", execution["reason"]).groups()
        return float(number) * SECONDS[unit]

    reason = execution["reason"]
    assert re.search(r"; (the 2 Dask workers (would take|take about)|shipping \S+ \S+ to the 2 Dask workers would take) ",
                     reason), execution
    sent = " take about " in reason
    assert (execution["executor"] == "dask") == sent, execution
    if sent:
        assert seconds("take about") * 1.24 < seconds("here would take"), reason
    elif "; shipping " not in reason:
        assert seconds("would take") * 1.26 > seconds("here takes"), reason


def test_auto_says_why(server):
    """On the same CPUs, work that comes back with as many bytes is not worth the way: unless these are busy, of which the
    times that were measured tell. What they make of it is said in any case."""
    await_measured(server)
    many = {**TABLE, "generate": {**TABLE["generate"], "rows": 4_000_000}, "limit": 1}
    follows_from_its_times(server.post_json({**many, "let": {"key": "sha512(a, b)", "other": "sha512(b, a)"}}).json()["execution"])
    few = {**TABLE, "generate": {**TABLE["generate"], "rows": 1000}}
    execution = server.post_json(few).json()["execution"]
    assert execution["executor"] != "dask" and execution["reason"].endswith("; too little to send to Dask")
    follows_from_its_times(server.post_json(CALLS, path="/v1/map").json()["execution"])


def test_without_workers_it_is_said():
    """Of a cluster that has lost its workers nothing is known but that."""
    with Product(workers=1, threads=1) as alone:
        await_measured(alone.server, workers=1)
        alone.cluster.workers[0].kill()
        await_workers(alone.server, 0)
        assert measured(alone.server) is None
        execution = alone.server.post_json(TABLE).json()["execution"]
        assert execution["reason"].endswith("; the Dask cluster has no worker that can be used")


def test_an_experiment_explains_the_way(server):
    await_measured(server)
    body = {"workload": {"compute": TABLE}, "rows": [20_000, 100_000], "workers": [1, 2], "repeat": 2}
    reply = server.post_json(body, path="/v1/compare")
    assert reply.status == 200, reply
    found = reply.json()
    assert found["identical"]
    assert {case["executor"] for case in found["cases"]} == {"serial", "threads", "processes", "dask"}
    text = "\n".join(found["verdict"])
    assert re.search(r"of dask with [12] workers? in mode vector, its workers gave \S+ \S+ to shipping there, \S+ \S+ to "
                     r"waiting in Dask's scheduler, \S+ \S+ to computing and \S+ \S+ to fetching the results\.", text), text
    assert re.search(r"The cluster would win from x|would not make the cluster win|The cluster pays", text), text
    for fit in found["amdahl"]:
        assert fit["executor"] != "dask" or fit["serial_fraction"] is None
