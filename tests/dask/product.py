"""The product on a cluster: a server that knows a scheduler, workers that have its binary, and how replies are compared."""
import pathlib
import re
import sys
import threading
import time

import client
from cluster import PYTHON, Cluster, wait_until

WORKER = {"COLONNADE_BIN": client.BINARY}
ASYNC = {"Prefer": "respond-async"}
MIB = 1 << 20
ROWS = 20_000
FRAME = {"generate": {"rows": ROWS, "columns": ["a", "b", "c", "d"], "distribution": "normal", "seed": 7}}
# The four workloads of bench/notebook.py: a function that sleeps, one that computes, an expression over whole columns, and a
# hash of each row.
CALLS = {"sleeping": {"function": "long_io", "args": list(range(8)), "seconds": 0.05},
         "computing": {"function": "long_comp", "args": list(range(8)), "iterations": 20_000}}
COMPUTED = {"expression": {**FRAME, "let": {"r": "(a-b)/(c+d)**2"}},
            "md5": {**FRAME, "let": {"r": "md5(a, b)"}}}
SLOW = {"function": "long_io", "args": list(range(40)), "seconds": 0.1, "chunksize": 1}


def server_on(cluster, *flags, **how):
    return client.Server("--dask-scheduler", cluster.address, "--dask-python", PYTHON, *flags, **how)


def dask_pool(server):
    """What /v1/pools says of the cluster."""
    return server.pool("dask")


def usable(server):
    return [worker for worker in present(server) if worker["usable"]]


def present(server):
    return [worker for worker in dask_pool(server)["workers"] if worker["present"]]


def await_workers(server, count, seconds=60):
    wait_until(lambda: len(usable(server)) == count, seconds, lambda: f"{count} workers: {dask_pool(server)}")


def measured(server):
    """What a cluster costs and is worth, as far as it is known."""
    return server.get("/v1/pools").json()["calibration"].get("dask")


def await_measured(server, workers=2, seconds=60):
    wait_until(lambda: (measured(server) or {}).get("workers") == workers, seconds, lambda: measured(server))
    return measured(server)


def end(server, cluster, failed):
    """Of both; a server that did not end well is a fault, if there is none yet."""
    try:
        if server:
            code = server.stop()
            assert failed or code == 0, code
    finally:
        cluster.close()


class Product:
    """As a context: a cluster of workers with `threads` each, and a server on it that sees them all."""

    def __init__(self, *flags, workers=2, threads=2, scheduler_flags=(), environment=None):
        self.flags, self.count, self.threads = flags, workers, threads
        self.cluster = Cluster(scheduler_flags=scheduler_flags, environment=environment)
        self.server = None

    def __enter__(self):
        self.cluster.__enter__()
        try:
            started = [self.add(wait=False) for _ in range(self.count)]
            for worker in started:
                self.cluster.await_worker(worker)
            self.server = server_on(self.cluster, *self.flags)
            await_workers(self.server, self.count)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, kind, *_):
        end(self.server, self.cluster, kind)

    def add(self, **how):
        how.setdefault("environment", WORKER)
        return self.cluster.add_worker(threads=self.threads, **how)


# ---- replies -------------------------------------------------------------------------------------


def values(body):
    """The bytes of a JSON reply that must not depend on where it was computed: without ids and times."""
    found = re.search(rb'"(?:columns|results)":.*?(?=,"(?:execution|futures)":)', body, re.DOTALL)
    assert found, body[:500]
    return found[0]


def compute(server, document, executor, **more):
    reply = server.post_json({**document, "executor": executor, **more})
    assert reply.status == 200, reply
    assert reply.json()["execution"]["executor"] == executor
    return reply


def called(server, document, executor, **more):
    reply = server.post_json({**document, "executor": executor, **more}, path="/v1/map")
    assert reply.status == 200, reply
    assert reply.json()["execution"]["executor"] == executor
    return reply


# ---- jobs ----------------------------------------------------------------------------------------


class Job:
    def __init__(self, server, document, path="/v1/compute"):
        self.server = server
        reply = server.post_json(document, path=path, headers=ASYNC)
        assert reply.status == 202, reply
        self.id = reply.json()["id"]

    def look(self):
        return self.server.get("/v1/jobs/" + self.id).json()

    def done(self):
        return self.look()["progress"]["done_rows"]

    def await_progress(self, least=1, seconds=60):
        """Until something of it is done, and not all."""
        wait_until(lambda: self.done() >= least, seconds, self.look)
        state = self.look()
        assert state["state"] == "running", state

    def wait(self, seconds=60):
        begun = time.monotonic()
        reply = self.server.request("GET", "/v1/jobs/" + self.id, headers={"Prefer": f"wait={seconds}"}, timeout=seconds + 30)
        state = reply.json()
        assert state["state"] in ("finished", "failed", "cancelled"), (state, time.monotonic() - begun)
        return state

    def result(self):
        return self.server.get(f"/v1/jobs/{self.id}/result")

    def cancel(self):
        return self.server.request("DELETE", "/v1/jobs/" + self.id)


# ---- memory --------------------------------------------------------------------------------------


def resident(pid):
    """Of a process alone, in bytes; 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as lines:
            for line in lines:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def below(pid):
    return [one for one in client.family(pid) if one != pid]


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


class Memory:
    """Samples what named families of processes hold, until the end of the with-block. `curves` has a line a name:
    (seconds, bytes)."""

    def __init__(self, pids, every=0.1):
        self.pids, self.every = dict(pids), every
        self.curves = {name: [] for name in self.pids}
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._sample)

    def __enter__(self):
        self.begun = time.monotonic()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()

    def _sample(self):
        while True:
            for name, pid in self.pids.items():
                held = sum(resident(one) for one in client.family(pid))
                self.curves[name].append((time.monotonic() - self.begun, held))
            if self.over.wait(self.every):
                return

    def least(self, name):
        return min(held for _, held in self.curves[name])

    def most(self, name):
        return max(held for _, held in self.curves[name])
