"""Answers that are hard to bring back: from the server's side of the bridge's socket, with workers and schedulers that are made to
misbehave by what Dask loads into them before they start."""
import asyncio
import textwrap
import time

import pytest

import cluster
from conftest import Site
from player import bridge


@pytest.fixture
def preload(tmp_path_factory):
    """The flags that make a worker or a scheduler load a program first."""
    def flags(text):
        path = tmp_path_factory.mktemp("preload") / "preload.py"
        path.write_text(textwrap.dedent(text))
        return ["--preload", path]
    return flags


def results(one, numbers, body, seconds=20):
    return [one.result(number, body, seconds) for number in numbers]


def test_a_worker_dies_before_its_answer_is_fetched(site, start, preload):
    """Connections to it are refused, which Dask takes for something that passes, at the scheduler for 30 s."""
    doomed = site.worker(flags=preload("""
        import os, signal, threading
        def dask_setup(worker):
            def dying(comm, **asked):
                for listener in worker.listeners:
                    listener.stop()
                for connection in list(worker._comms):
                    connection.abort()
                threading.Timer(1, os.kill, (os.getpid(), signal.SIGKILL)).start()
                raise OSError("dying")
            worker.handlers["get_data"] = dying
        """))
    site.worker()
    one = start(site.cluster.address, usable=2)
    first, until = 1, time.monotonic() + 20
    while doomed.alive():  # it may have nothing to do at first
        assert time.monotonic() < until, doomed.text()
        for number in range(first, first + 8):
            one.submit(number, b"!sleep 0.05")
        results(one, range(first, first + 8), b"!sleep 0.05", 15)
        first += 8


def test_only_the_scheduler_gets_an_answer(site, start, preload):
    site.worker(flags=preload("""
        def dask_setup(worker):
            usual = worker.handlers["get_data"]
            def first(comm, **asked):
                worker.handlers["get_data"] = usual
                comm.abort()
                raise OSError("cut")
            worker.handlers["get_data"] = first
        """))
    one = start(site.cluster.address, usable=1)
    one.submit(1, b"x")
    one.result(1, b"x")


@pytest.mark.parametrize("reached", [True, False], ids=["reached", "not reached"])
def test_a_busy_worker(site, start, preload, reached):
    """As a paused one says that it is, which Dask's scheduler does not expect when it is what asks."""
    unreachable = """
            async def unreachable(comm=None, **asked):
                comm.abort()
                raise OSError("unreachable")
            worker.handlers["identity"] = unreachable
    """
    site.worker(threads=2, flags=preload(f"""
        def dask_setup(worker):
            usual, busy = worker.handlers["get_data"], [{{"status": "busy"}}] * 3
            async def get_data(comm, **asked):
                return busy.pop() if busy else await usual(comm, **asked)
            worker.handlers["get_data"] = get_data
            {"" if reached else unreachable}
        """))
    one = start(site.cluster.address, usable=1, retries=0)
    for number in (1, 2):
        one.submit(number, b"!sleep 1.5")  # so that the bridge sees where it is, and a failure would count
    results(one, (1, 2), b"!sleep 1.5")


def test_an_answer_that_kills_its_workers(site, start, preload):
    """Once is bad luck; then it counts, or there would be no end."""
    for _ in range(2):
        site.worker(nanny=True, flags=preload("""
            import os, signal
            def dask_setup(worker):
                usual = worker.handlers["get_data"]
                def deadly(comm, keys=None, **asked):
                    if any("-7-" in key for key in keys):
                        os.kill(os.getpid(), signal.SIGKILL)
                    return usual(comm, keys=keys, **asked)
                worker.handlers["get_data"] = deadly
            """))
    one = start(site.cluster.address, usable=2, retries=0)
    one.submit(7, b"x")
    reply = one.reply(7, 30)
    assert reply.kind == bridge.FAILED and reply.why == bridge.LOST and reply.attempts == 1
    assert "its answer" in reply.detail, reply.detail
    one.submit(8, b"x")
    one.result(8, b"x")


def test_a_worker_leaves_between_two_questions(tmp_path, start, preload):
    """Asked for what a worker does that has just left the scheduler fails: that is no reason to connect anew."""
    flags = preload("""
        def dask_setup(scheduler):
            usual = scheduler.handlers["processing"]
            async def processing(**asked):
                scheduler.handlers["processing"] = usual
                leaving, = [address for address, worker in scheduler.workers.items() if worker.name == "w1"]
                await scheduler.remove_worker(address=leaving, stimulus_id="test")
                return usual(**asked)
            scheduler.handlers["processing"] = processing
        """)
    with cluster.Cluster(scheduler_flags=flags) as running:
        Site(running, tmp_path).workers(2)
        one = start(running.address, usable=2, retries=0)
        one.submit(1, b"!sleep 3")
        one.submit(2, b"!sleep 3")
        results(one, (1, 2), b"!sleep 3")
        assert all(state.connected for state in one.states if state.at > one.submitted[1])


def test_a_worker_that_the_scheduler_does_not_reach(tmp_path, start, preload):
    """It is listed, so it is waited for when the plugin is handed out; others work meanwhile and afterwards."""
    deaf = preload("""
        def dask_setup(worker):
            def deafen():
                for listener in worker.listeners:
                    listener.stop()
                print("listens no more")
            worker.loop.call_later(1, deafen)
        """)
    with cluster.Cluster(environment={"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s"}) as running:
        site = Site(running, tmp_path)
        site.worker()
        site.worker(name="deaf", flags=deaf).await_line("listens no more")
        one = start(running.address, usable=1, retries=0)
        one.submit(1, b"!sleep 6")
        one.result(1, b"!sleep 6")
        assert all(state.connected for state in one.states if state.at > one.submitted[1])


def test_a_worker_that_missed_the_plugin(site, start, preload):
    """It gets it when it is looked at."""
    site.worker(flags=preload("""
        def dask_setup(worker):
            def unreachable(comm=None, **asked):
                comm.abort()
                raise OSError("unreachable")
            worker.handlers["plugin-add"] = unreachable
        """))
    one = start(site.cluster.address, usable=1)
    one.submit(1, b"x")
    one.result(1, b"x")
    assert all(state.connected for state in one.states[next(i for i, state in enumerate(one.states) if state.connected):])


def test_a_connection_that_nobody_waits_for_goes_back():
    """Dask's pool would count it as used for ever."""
    class Pool:
        serializers = deserializers = None

        def __init__(self):
            self.made, self.back = asyncio.Event(), []

        async def connect(self, address):
            await self.made.wait()
            return f"to {address}"

        def reuse(self, address, connection):
            self.back.append((address, connection))

    async def cancelled():
        pool = Pool()
        asking = asyncio.ensure_future(bridge.Connections(pool).connect("there"))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled() and not pool.back
        pool.made.set()
        await asyncio.sleep(0.01)
        assert pool.back == [("there", "to there")]
        assert await bridge.Connections(pool).connect("here") == "to here" and len(pool.back) == 1

    asyncio.run(cancelled())
