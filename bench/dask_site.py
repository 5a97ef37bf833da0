"""Clusters for workload m: scheduler and workers on this machine, or on hosts that are network namespaces, with a server
whose share of a processor is limited, so that workers really add some. The rigs are those of tests/dask."""
import http.client
import os
import pathlib
import sys
import time

from service import Service

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "dask"))

import hosts  # noqa: E402  (found by the line above)
from cluster import Cluster, wait_until  # noqa: E402

PYTHON = "/usr/bin/python3"  # Debian's own: it has distributed


# ---- processes -----------------------------------------------------------------------------------

def children(pid):
    """Those of all threads: a child is its thread's."""
    found = []
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += map(int, task.read_text(encoding="ascii").split())
        except OSError:
            pass  # the thread has ended
    return found


def is_python(pid):
    try:
        return b"python" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return False


def below(pid):
    """All descendants."""
    found = children(pid)
    for one in found:
        found += children(one)
    return found


def cpu_s(pid):
    """Processor time of a process, to the nanosecond: its ticks of 10 ms would be 10 ns for each of a million rows."""
    try:
        return time.clock_gettime(~pid << 3 | 2)  # as clock_getcpuclockid(3) makes it, which Python does not have
    except OSError:
        return 0


def resident(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


# ---- a share of a processor ----------------------------------------------------------------------

class Share:
    """A control group, version 1 or 2: what is started behind `prefix` gets so much of a processor and no more."""

    PERIOD_US = 10_000  # short, so that the rest of the time is not spent in long pauses

    def __init__(self, processors, suffix=""):
        self.processors = processors
        root = pathlib.Path("/sys/fs/cgroup")
        self.first = (root / "cpu").is_dir()  # version 1 has a folder for each controller
        self.folder = root / ("cpu" if self.first else "") / f"colonnade-bench-{os.getpid()}{suffix}"
        self.prefix = ["sh", "-c", f'echo $$ >"{self.folder}/cgroup.procs" && exec "$@"', "sh"]

    def __enter__(self):
        quota = int(self.processors * self.PERIOD_US)
        self.folder.mkdir()
        try:
            if self.first:
                (self.folder / "cpu.cfs_period_us").write_text(str(self.PERIOD_US), encoding="ascii")
                (self.folder / "cpu.cfs_quota_us").write_text(str(quota), encoding="ascii")
            else:
                (self.folder / "cpu.max").write_text(f"{quota} {self.PERIOD_US}", encoding="ascii")
        except OSError:
            self.folder.rmdir()
            raise
        return self

    def __exit__(self, *_):
        until = time.monotonic() + 5
        while (self.folder / "cgroup.procs").read_text(encoding="ascii") and time.monotonic() < until:
            time.sleep(0.05)
        self.folder.rmdir()


def cause_of_no_hosts():
    cause = hosts.cause_of_none()
    if not cause:
        try:
            with Share(0.5):
                pass
        except OSError as fault:
            cause = f"no share of a processor: {fault}"
    return cause


# ---- sites ---------------------------------------------------------------------------------------

class RemoteService(Service):
    """One on another host, asked from there."""

    def __init__(self, host, share, *arguments):
        self.host = host
        super().__init__(*arguments, prefix=[*share.prefix, *host.prefix])

    def connection(self):
        connection = http.client.HTTPConnection(*self.address, timeout=600)
        connection.connect = lambda: None
        connection.sock = self.host.connect(self.address, 600)
        return connection


class Site:
    """As a context: a cluster and a server on it. `named` has the processes of each part."""

    def __init__(self, bench, workers=2, threads=1):
        self.bench, self.count, self.threads = bench, workers, threads
        self.service, self.around = None, []

    def enter(self, context):
        entered = context.__enter__()
        self.around.append(context)
        return entered

    def __enter__(self):
        try:
            self.open()
            wait_until(lambda: self.usable() == self.count, 60, lambda: f"{self.count} workers: {self.pool()}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        while self.around:
            self.around.pop().__exit__(None, None, None)

    def flags(self):
        return ["--dask-scheduler", self.cluster.address, "--dask-python", PYTHON]

    def worker(self):
        return {"COLONNADE_BIN": str(pathlib.Path(self.bench.binary).resolve())}

    def pool(self):
        return next(pool for pool in self.service.get("/v1/pools")["pools"] if pool["executor"] == "dask")

    def usable(self):
        return sum(worker["present"] and worker["usable"] for worker in self.pool()["workers"])

    def named(self):
        """Name -> pids."""
        server = self.service.pid
        bridge = [pid for pid in below(server) if is_python(pid)]
        workers = [worker.pid for worker in self.cluster.workers]
        return {"server": [server] + [pid for pid in below(server) if pid not in bridge], "bridge": bridge,
                "scheduler": [self.cluster.scheduler.pid], "Dask workers": workers,
                "`colonnade --worker`": [pid for worker in workers for pid in below(worker)]}


class Loopback(Site):
    def open(self):
        self.cluster = self.enter(Cluster())
        for _ in range(self.count):
            self.cluster.add_worker(threads=self.threads, environment=self.worker(), wait=False)
        for worker in self.cluster.workers:
            self.cluster.await_worker(worker)
        self.service = self.enter(self.bench.service(*self.flags()))


class Apart(Site):
    """Three hosts: the server with a share of a processor, the scheduler with a worker, another worker."""

    def __init__(self, bench, share):
        super().__init__(bench)
        self.share = share

    def open(self):
        server, one, two = self.enter(hosts.Hosts("server", "one", "two"))
        self.cluster = self.enter(Cluster(host=one.address, port=8786, prefix=one.prefix))
        for host in (one, two):
            self.cluster.add_worker(threads=self.threads, host=host.address, prefix=host.prefix, environment=self.worker())
        limited = self.enter(Share(self.share))
        self.service = self.enter(RemoteService(server, limited, self.bench.binary, *self.flags()))
