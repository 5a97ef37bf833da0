"""A server whose calls can be made to fail, and what is asked of it."""
import atexit
import http.client
import os
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "http"))

import client  # noqa: E402
import cases as table  # noqa: E402
from control import MEMORY, Control  # noqa: E402

LIBRARY = os.environ.get("FAULTS_LIBRARY", str(ROOT / "build" / "faults" / "faults.so"))
LONG = os.environ.get("FAULTS") == "long"
PATIENCE = 20 if client.SANITIZED else 5  # seconds, after which a request counts as hung


def is_typed(problem):
    """Whether an error is what a fault may be told as. A worker takes memory that it cannot have for its limit."""
    return problem.get("code") in ("internal", "overloaded", "worker_lost") or \
        problem.get("code") == "limit_exceeded" and "--worker-memory-bytes" in problem.get("detail", "")


FLAGS = ["--threads", 2, "--processes", 2, "--http-threads", 1, "--max-workers", 4, "--buffer-bytes", "64KiB",
         "--max-jobs", 100, "--grace-ms", 5000]
# With these there is the executor dask.
CLUSTER = ["--dask-scheduler", "tcp://127.0.0.1:1", "--dask-python", ROOT / "tests" / "faults" / "bridge.py", "--dask-retries", 1]


def environment(control):
    """Of a server; the bridge hands what begins with DASK_WORKER_ on to its workers."""
    variables = dict(control.environment) if control else {}
    if client.SANITIZED:
        variables["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + \
            ":verify_asan_link_order=0:allocator_may_return_null=1"
    workers = {"DASK_WORKER_" + name: value for name, value in variables.items()}
    return {**variables, **workers, "DASK_COLONNADE_BIN": os.path.abspath(client.BINARY)}


class Ended(Exception):
    """A case ended with something else than its reply: typed, bare, cut, hung, wrong."""

    def __init__(self, outcome, detail=""):
        super().__init__(outcome, detail)
        self.outcome, self.detail = outcome, detail


@atexit.register
def end_all():
    for process in Server.begun:
        if process.poll() is None:
            process.kill()
            process.wait()


class Server(client.Server):
    """One with faults.so in front of the C library, a token, keys and a history."""

    begun = []

    def __init__(self, control, *flags, home=None, env=None):
        self.home = home or tempfile.TemporaryDirectory(prefix="faults-")
        base = pathlib.Path(self.home.name)
        if not (base / "token").exists():
            (base / "token").write_text(table.TOKEN + "\n")
            (base / "token").chmod(0o600)
            (base / "keys").mkdir(mode=0o700)
            for name, secret in ("site", b"secret"), ("long", bytes(range(1, 100))):
                (base / "keys" / name).write_bytes(secret)
                (base / "keys" / name).chmod(0o600)
            (base / "data").mkdir(mode=0o700)
        if control:
            control.block.server = 0
        super().__init__("--token-file", base / "token", "--keys-dir", base / "keys", "--data-dir", base / "data",
                         *FLAGS, *flags, env={**environment(control), **(env or {})})
        self.begun.append(self.process)
        self.default_headers = {"Authorization": "Bearer " + table.TOKEN}

    def holds(self):
        """Descriptors and threads, less those of workers that were started beside the first ones."""
        workers = {p["executor"]: len(p["workers"]) for p in self.pools()["pools"] if p["executor"] != "dask"}
        threads = len(os.listdir(f"/proc/{self.pid}/task"))
        return self.descriptors() - 4 * workers["processes"], threads - sum(workers.values())

    def alive(self):
        return self.process.poll() is None


class Ask:
    """Asks a server for one case; ends the case where the reply is not the one that is wanted."""

    end = Ended

    def __init__(self, server):
        self.server = server
        self.kept = {}

    def once(self, name, make):
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    def __call__(self, method, target, body=None, headers=None, status=200, token=True):
        head = dict(headers or {})
        if token:
            head.update(self.server.default_headers)
        try:
            reply = self.exchange(method, target, body, head)
        except TimeoutError:
            raise Ended("hung", f"{method} {target}") from None
        except (http.client.HTTPException, ConnectionError, ValueError) as problem:
            raise Ended("cut", repr(problem)) from None
        wanted = status if isinstance(status, tuple) else (status,)
        if reply.status in wanted and (reply.status < 400 or self.judge(reply).outcome == "wrong" and reply.body):
            return reply
        raise self.judge(reply)

    def exchange(self, method, target, body, head):
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=PATIENCE)
        try:
            connection.request(method, target, body=body, headers=head)
            response = connection.getresponse()
            return client.Reply(response.status, response.headers, response.read())
        except (BrokenPipeError, ConnectionResetError):  # it may have been answered all the same
            if connection.sock:
                reply = client.read_reply(connection.sock.makefile("rb"))
                if reply:
                    return reply
            raise
        finally:
            connection.close()

    @staticmethod
    def judge(reply):
        if not reply.headers.get("Content-Type", "").startswith("application/problem+json"):
            bare = reply.status >= 400 and not reply.body or reply.status in (413, 431, 500, 503)
            return Ended("bare" if bare else "wrong", repr(reply))
        try:
            problem = reply.problem
        except (AssertionError, ValueError, KeyError):
            return Ended("wrong", "a bad problem document: " + repr(reply))
        return Ended("typed" if is_typed(problem) else "wrong", repr(reply))

    def ended(self, state, wanted="finished"):
        """How a job may have ended."""
        if state["state"] == wanted:
            return
        typed = state["state"] == "failed" and is_typed(state["error"] or {})
        raise Ended("typed" if typed else "wrong", repr(state))

    def stream(self, target, until):
        """The beginning of an endless reply's body."""
        try:
            with self.server.connect(PATIENCE) as connection:
                connection.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                                   f"{table.TOKEN}\r\n\r\n".encode())
                got = b""
                while until not in got:
                    piece = connection.recv(1 << 16)
                    if not piece:
                        break
                    got += piece
        except TimeoutError:
            raise Ended("hung", target) from None
        except ConnectionError as problem:
            raise Ended("cut", repr(problem)) from None
        head, _, body = got.partition(b"\r\n\r\n")
        if until in got:
            return body.partition(b"\r\n")[2]
        if b" 200 " in head[:20] or not head:
            raise Ended("cut", repr(got[:200]))
        status = int(head.split()[1])
        headers = http.client.parse_headers(_Bytes(head.partition(b"\r\n")[2] + b"\r\n\r\n"))
        raise self.judge(client.Reply(status, headers, body))


class _Bytes:
    def __init__(self, data):
        self.lines = data.splitlines(keepends=True)

    def readline(self, _=None):
        return self.lines.pop(0) if self.lines else b""


class Count:
    """Cases, as the steps of the tests count them."""

    def __init__(self):
        self.passed = self.failed = 0

    def add(self, good, text):
        self.passed += bool(good)
        self.failed += not good
        print(("ok    " if good else "FAILED ") + text, flush=True)


def new_control():
    return Control(LIBRARY, client.BINARY)


def children(pid):
    """Pids of those that a process has started; none if it has ended."""
    found = []
    try:
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    except OSError:
        pass
    return found


def bridge_of(pid):
    """The child of a server that is the bridge, once it has the program that stands for one; None: there is none."""
    for child in children(pid):
        try:
            words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(CLUSTER[CLUSTER.index("--dask-python") + 1]).encode() in words:
            return child
    return None


def has_programs(pid):
    """Both workers behind a server's bridge have a program that has begun to serve, which it does behind its last step: to
    confine itself."""
    return [is_confined(program) for program in children(bridge_of(pid))] == [True, True]


def is_confined(pid):
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
        return "\nSeccomp:\t2\n" in status and "\nState:\tZ" not in status
    except OSError:
        return False


def chosen(sites):
    """Most of a start's allocations are OpenSSL's and libseccomp's, one like the other: in short, some of them."""
    theirs = [site for site in sites if MEMORY >> site.kind & 1 and site.objects[0] != 0]
    known = {site.id for site in theirs}
    return sites if LONG else [site for site in sites if site.id not in known] + theirs[::20]


def settle(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


__all__ = ["Ask", "CLUSTER", "Count", "Ended", "FLAGS", "LONG", "PATIENCE", "Server", "bridge_of", "children", "chosen", "client",
           "environment", "has_programs", "new_control", "settle", "table"]
