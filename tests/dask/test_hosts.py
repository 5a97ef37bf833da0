"""The executor `dask` between hosts, which are network namespaces: a server on one, scheduler and worker on the second, a
worker on the third. What may break between them breaks in the middle of a job: it completes with the same bytes, or fails with
a type by its deadline, and nothing hangs.

COLONNADE_DASK_ROWS=10000000 is the long form.
"""
import hashlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time

import pytest

import client
import hosts as rig
from cluster import Cluster, wait_until
from product import CALLS, COMPUTED, WORKER, Job, await_workers, called, compute, dask_pool, end, usable, values

ROWS = int(os.environ.get("COLONNADE_DASK_ROWS", 300_000))
DEADLINE_S = max(30, ROWS // 50_000)
DOCUMENT = {"generate": {"rows": ROWS, "columns": ["a", "b"], "distribution": "normal", "seed": 11}, "select": "computed",
            "let": {"k": "md5(a, b)"}, "chunk_rows": 2000, "timeout_ms": DEADLINE_S * 1000}
# The scheduler gives up a worker that is silent for so long, and connections what is not acknowledged.
PATIENCE = {"DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "4s", "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"}
KEEP = ["--job-bytes", "4GiB", "--buffer-bytes", "4GiB", "--memory-bytes", "8GiB", "--request-timeout-ms", "600000"]


class RemoteServer(client.Server):
    """A server on another host, asked from there."""

    def __init__(self, host, *flags, **how):
        self.at = host
        super().__init__(*flags, prefix=host.prefix, **how)

    def connect_bare(self, timeout=120):
        return self.at.connect((self.host, self.port), timeout)

    def connection(self, timeout=120):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        connection.sock = self.connect(timeout)
        return connection


@pytest.fixture(scope="module", autouse=True)
def possible():
    cause = rig.cause_of_none()
    if cause:
        pytest.skip(cause)


class Site:
    """Three hosts and what runs on them."""

    def __enter__(self):
        self.hosts = rig.Hosts("server", "one", "two")
        self.at_server, self.one, self.two = self.hosts.__enter__()
        self.cluster = Cluster(host=self.one.address, port=8786, prefix=self.one.prefix, environment=PATIENCE)
        self.server = None
        try:
            self.cluster.__enter__()
            for host in (self.one, self.two):
                self.add(host)
            self.server = RemoteServer(self.at_server, "--dask-scheduler", self.cluster.address, "--dask-python",
                                       sys.executable, *KEEP, env=PATIENCE)
            await_workers(self.server, 2)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def add(self, host):
        return self.cluster.add_worker(host=host.address, prefix=host.prefix, environment={**WORKER, **PATIENCE})

    def __exit__(self, kind, *_):
        try:
            end(self.server, self.cluster, kind)
        finally:
            self.hosts.close()


@pytest.fixture
def site():
    with Site() as made:
        yield made


@pytest.fixture(scope="module")
def expected():
    """The digest of the job's result, computed without a cluster."""
    alone = client.Server(*KEEP)
    try:
        reply = alone.request("POST", "/v1/compute", json.dumps({**DOCUMENT, "executor": "threads"}),
                              {"Content-Type": client.JSON, "Accept": client.CSV}, timeout=DEADLINE_S)
        assert reply.status == 200, reply
        return hashlib.sha256(reply.body).hexdigest()
    finally:
        assert alone.stop() == 0


def test_the_four_workloads_between_hosts(site):
    for document in CALLS.values():
        assert values(called(site.server, document, "dask").body) == values(called(site.server, document, "serial").body)
    for document in COMPUTED.values():
        dask = compute(site.server, document, "dask", chunk_rows=1000)
        assert values(dask.body) == values(compute(site.server, document, "serial").body)
    addresses = {worker["address"].rsplit(":", 1)[0] for worker in usable(site.server)}
    assert addresses == {f"tcp://{site.one.address}", f"tcp://{site.two.address}"}


def worker_killed(site):
    site.cluster.workers[1].kill()


def link_cut(site):
    site.two.cut()


def link_unplugged(site):
    site.two.unplug()


def link_cut_for_a_moment(site):
    site.two.cut()
    time.sleep(1)
    site.two.mend()


def link_of_the_server_cut_for_a_moment(site):
    site.at_server.cut()
    time.sleep(1)
    site.at_server.mend()


@pytest.mark.parametrize("harm", [worker_killed, link_cut, link_unplugged, link_cut_for_a_moment,
                                  link_of_the_server_cut_for_a_moment])
def test_in_the_middle_of_a_job(site, expected, harm):
    """There is a way to complete, and time for it: so it completes, with the same bytes."""
    job = CsvJob(site.server)
    job.await_progress(ROWS // 4, DEADLINE_S)
    begun = time.monotonic()
    harm(site)
    state = job.wait(DEADLINE_S + 5)
    print(f"{harm.__name__}: {state['state']} {time.monotonic() - begun:.1f} s later, "
          f"{(state['error'] or {}).get('detail', 'the same bytes')}")
    assert state["state"] == "finished", state
    assert hashlib.sha256(job.result().body).hexdigest() == expected
    assert site.server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=20_000).columns["r"] == [2]


@pytest.mark.parametrize("cut", ["the server", "the scheduler"])
def test_a_link_that_stays_cut(site, cut):
    """Nobody can compute: the deadline comes, and says so. When the link is back, so is the cluster."""
    host = site.at_server if cut == "the server" else site.one
    job = CsvJob(site.server, timeout_ms=8000, chunk_rows=200)
    began = time.monotonic()
    job.await_progress(1)
    host.cut()
    state = job.wait(20)
    assert state["state"] == "failed" and state["error"]["code"] in ("deadline_exceeded", "worker_lost"), state
    print(f"the link of {cut} cut: {state['error']['code']} {time.monotonic() - began:.1f} s after the request; its deadline was 8 s")
    assert time.monotonic() - began < 10
    assert site.server.lets("a+1", {"a": [1]}, executor="threads").columns["r"] == [2], "others do not notice"
    host.mend()
    for worker in [one for one in site.cluster.workers if not one.alive()]:
        assert worker.name  # given up by the scheduler, they end: whoever looks after them starts others
        site.add(site.one)
    wait_until(lambda: usable(site.server), 60, lambda: dask_pool(site.server))
    assert site.server.lets("a+1", {"a": [1]}, executor="dask", timeout_ms=20_000).columns["r"] == [2]


class CsvJob(Job):
    def __init__(self, server, **more):
        self.server = server
        headers = {"Prefer": "respond-async", "Accept": client.CSV}
        reply = server.post_json({**DOCUMENT, "executor": "dask", **more}, headers=headers)
        assert reply.status == 202, reply
        self.id = reply.json()["id"]


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_everything_is_removed_afterwards(sign):
    """Also when a program that has hosts and processes on them is ended in the middle."""
    program = ("import signal, subprocess, sys, time\n"
               "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n"
               # What a shell starts in the background ignores it.
               "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
               "import hosts\n"
               "with hosts.Hosts('a', 'b') as (a, b):\n"
               "    subprocess.Popen([*a.prefix, 'sleep', '600'], start_new_session=True)\n"
               "    print('ready', flush=True)\n"
               "    time.sleep(600)\n")
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, cwd=os.path.dirname(rig.__file__)) as running:
        assert running.stdout.readline() == "ready\n", running.stderr.read()
        stem = f"{rig.PREFIX}-{running.pid}"
        assert len([name for name in rig.namespaces() if name.startswith(stem)]) == 3
        inside = rig.ip("netns", "pids", f"{stem}-a").split()
        assert inside
        running.send_signal(sign)
        running.wait(30)
    assert not [name for name in rig.namespaces() if name.startswith(stem)]
    assert not [pid for pid in inside if os.path.exists(f"/proc/{pid}")]
