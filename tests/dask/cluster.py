"""A Dask cluster for tests: a scheduler and workers as processes of their own, ended by their pids.

`prefix` is put before a program's command (["ip", "netns", "exec", NAME]), `host` is the address that it serves on: so
the same rig makes clusters of several hosts.
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

PYTHON = sys.executable  # Debian's own, where distributed is
# Test processes stay small, and say at once what they have to say.
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def free_port(host="127.0.0.1"):
    """A port that nobody serves on, below those that the kernel gives to clients: so it stays free while a scheduler is
    ended and started again."""
    first = 20000 + os.getpid() % 4000 * 2
    for port in list(range(first, 32000)) + list(range(12000, first)):
        with socket.socket() as probe:
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise RuntimeError("no port is free")


def wait_until(test, seconds, what):
    """Calls until it gives something true, which is returned."""
    end = time.monotonic() + seconds
    while True:
        value = test()
        if value:
            return value
        assert time.monotonic() < end, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(0.02)


class Program:
    """A process of the cluster and what it printed."""

    def __init__(self, name, folder, module, arguments, prefix=(), environment=None, cwd=None):
        self.name = name
        self.log = pathlib.Path(folder, name + ".log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*prefix, PYTHON, "-m", module, *[str(a) for a in arguments]], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=cwd or folder, env={**os.environ, **ENVIRONMENT, **(environment or {})}, start_new_session=True)
        self.pid = self.process.pid
        self.stopped = False

    def text(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        return self.process.poll() is None

    def await_line(self, line, seconds=30):
        def printed():
            assert self.alive(), f"{self.name} ended:\n{self.text()}"
            return line in self.text()
        wait_until(printed, seconds, lambda: f"{line!r} from {self.name}:\n{self.text()}")

    def freeze(self):
        """As a host that is cut off: nothing is answered, nothing is closed."""
        os.kill(self.pid, signal.SIGSTOP)
        self.stopped = True

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)
        self.stopped = False

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()

    def stop(self, seconds=10):
        """Asks it to end, then makes it."""
        if self.alive():
            if self.stopped:
                self.thaw()
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        self.kill()


class Cluster:
    """As a context: everything that was started in it is ended with it."""

    def __init__(self, host="127.0.0.1", port=None, prefix=(), scheduler_flags=(), environment=None, protocol="tcp"):
        self.folder_holder = tempfile.TemporaryDirectory(prefix="colonnade-dask-")
        self.folder = pathlib.Path(self.folder_holder.name)
        self.host, self.given_port, self.port, self.prefix = host, port, port or free_port(), prefix
        self.flags, self.environment, self.protocol = scheduler_flags, environment, protocol
        self.workers = []
        self.scheduler = None

    @property
    def address(self):
        return f"{self.protocol}://{self.host}:{self.port}"

    def __enter__(self):
        try:
            self.start_first()
        except BaseException:
            self.close()
            raise
        return self

    def start_first(self, tries=5):
        """On another port if somebody has taken the one that was free a moment ago."""
        for left in reversed(range(tries)):
            try:
                self.start_scheduler()
                return
            except AssertionError as error:
                if self.given_port or not left or "Address already in use" not in str(error):
                    raise
                self.port = free_port(self.host)

    def __exit__(self, *_):
        self.close()

    def start_scheduler(self):
        """Also again, after it was killed: on the same port."""
        assert self.scheduler is None or not self.scheduler.alive()
        log = self.folder / "scheduler.log"
        if log.exists():
            log.rename(self.folder / f"scheduler-{time.monotonic_ns()}.log")
        self.scheduler = Program(
            "scheduler", self.folder, "distributed.cli.dask_scheduler",
            ["--host", f"{self.protocol}://{self.host}", "--port", self.port, "--dashboard-address", f"{self.host}:0",
             "--no-show", *self.flags], self.prefix, self.environment)
        self.scheduler.await_line("Scheduler at:")
        return self.scheduler

    def add_worker(self, name=None, threads=1, memory="1GB", host=None, prefix=None, environment=None, flags=(), nanny=False,
                   wait=True):
        """`environment` is where its `colonnade` is named: COLONNADE_BIN, or PATH. Without a nanny its pid is the one that
        computes."""
        name = name or f"w{len(self.workers)}"
        scheme = [] if self.protocol == "tcp" else ["--protocol", self.protocol]
        worker = Program(
            name, self.folder, "distributed.cli.dask_worker",
            [self.address, "--name", name, "--nthreads", threads, "--memory-limit", memory, "--host", host or self.host,
             "--no-dashboard", "--local-directory", self.folder / "local", "--nanny" if nanny else "--no-nanny", *scheme, *flags],
            self.prefix if prefix is None else prefix, environment)
        self.workers.append(worker)
        if wait:
            self.await_worker(worker)
        return worker

    def await_worker(self, worker, seconds=30):
        worker.await_line("Registered to:", seconds)

    def close(self):
        """Workers first, all at once: each takes a moment to take its leave."""
        for worker in self.workers:
            if worker.alive() and worker.stopped:
                worker.thaw()
            if worker.alive():
                worker.process.terminate()
        for worker in self.workers:
            worker.stop()
        if self.scheduler:
            self.scheduler.stop()
        self.folder_holder.cleanup()
