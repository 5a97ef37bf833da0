"""Workers that die, stop and loop, disks that are full, clients that vanish (README.md, part B).

    python3 tests/faults/storms.py [NAME...]
"""
import collections
import hashlib
import json
import os
import pathlib
import random
import signal
import socket
import sys
import threading
import time

from control import BY_KIND, bits
from rig import CLUSTER, LONG, Count, Server, bridge_of, children, client, has_programs, new_control, settle, table

KILLS = 1000 if LONG else 150
BRIDGES = 60 if LONG else 6
FIGURES = {}
ROOM = 24 << 20  # resident memory may be so much above what it was


def percentile(values, part):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * part))] if values else 0.0


class Load:
    """Clients that ask until they are told to stop, and look at every reply."""

    def __init__(self, server, clients, draw=None):
        self.server = server
        self.counts = collections.Counter()
        self.wrong = []
        self.stopping = False
        self.draw = draw or self.some
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    @staticmethod
    def some(draw, executors=("processes", "processes", "threads")):
        """(target, body, what is right)"""
        rows = [(draw.randrange(10**6), draw.random()) for _ in range(draw.choice((3, 400, 3000)))]
        body = "a,b\n" + "".join(f"{a},{b!r}\n" for a, b in rows)
        right = "a,b,r,k\n" + "".join(f"{a},{b!r},{a * 2},{hashlib.md5(f'{a}_{b!r}'.encode()).hexdigest()}\n"
                                      for a, b in rows)
        options = {"let": ["r=a*2", "k=md5(a,b)"], "executor": draw.choice(executors),
                   "chunk_rows": draw.choice((97, 1000))}
        return "/v1/compute?" + client.query(options), body.encode(), right.encode()

    def run(self, seed):
        draw = random.Random(seed)
        while not self.stopping and len(self.wrong) < 5:
            target, body, right = self.draw(draw)
            try:
                reply = self.server.request("POST", target, body, {"Content-Type": "text/csv",
                                                                   **self.server.default_headers}, timeout=30)
                self.judge(reply, right)
            except TimeoutError:
                self.counts["hung"] += 1
            except Exception as problem:  # a lost reply
                self.counts["lost"] += 1
                self.wrong.append(repr(problem))

    def judge(self, reply, right):
        if reply.status == 200 and reply.body == right:
            self.counts["right"] += 1
        elif reply.status >= 500 and reply.problem["code"] in ("worker_lost", "overloaded"):
            self.counts[reply.code] += 1
        else:
            self.counts["wrong"] += 1
            self.wrong.append(repr(reply)[:500])


class Watch:
    """How long a worker's place is empty: from its end to the next process that is ready there."""

    def __init__(self, server):
        self.server = server
        self.took = []
        self.pids = {}

    def workers(self):
        return {w["worker"]: w["pid"] or 0 for w in self.server.pool("processes")["workers"]}

    def strike(self, pid, number):
        """Ends a worker, and waits until another is in its place."""
        place = next((k for k, v in self.workers().items() if v == pid), None)
        if place is None or pid == 0:
            return False
        begun = time.monotonic()
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return False
        came = settle(lambda: self.workers().get(place, 0) not in (0, pid), 10)
        self.took.append(time.monotonic() - begun if came else 10)
        return True


def zombies(server):
    found = 0
    for pid in server.processes():
        try:
            state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            continue
        found += state == "Z"
    return found


def measured(server):
    return server.resident(), server.descriptors()


def settled(server, before, seconds=20):
    return settle(lambda: server.resident() <= before[0] + ROOM and server.descriptors() <= before[1], seconds)


def warm(server):
    """Every size and executor a few times, so that what is kept for the next one is there."""
    load = Load(server, 6)
    with load:
        time.sleep(1.5)
    assert not load.wrong, load.wrong
    server.wait_idle()
    time.sleep(0.5)


def killed():
    """Workers killed at random under load: every reply right or typed, each replaced at once."""
    server = Server(None, "--processes", 4, "--max-workers", 8)
    warm(server)
    before, watch, draw = measured(server), Watch(server), random.Random(1)
    with Load(server, 6) as load:
        strikes = 0
        while strikes < KILLS and len(load.wrong) < 5:
            pids = [pid for pid in watch.workers().values() if pid]
            if pids:
                strikes += watch.strike(draw.choice(pids), draw.choice((signal.SIGKILL, signal.SIGSEGV)))
    server.wait_idle()
    restarts = sum(w["restarts"] for w in server.pool("processes")["workers"])
    back = settled(server, before)
    after, left = measured(server), zombies(server)
    p50, p99 = percentile(watch.took, 0.5) * 1000, percentile(watch.took, 0.99) * 1000
    print(f"      {strikes} workers killed, {restarts} restarts: {dict(load.counts)}; replaced in {p50:.0f} ms (p50), "
          f"{p99:.0f} ms (p99); resident {before[0] >> 20} -> {after[0] >> 20} MiB, descriptors {before[1]} -> "
          f"{after[1]}, zombies {left}")
    code = server.stop()
    assert not load.wrong and not load.counts["hung"], load.wrong[:5]
    assert load.counts["right"] > strikes / 10 and restarts >= strikes
    # The contract's 100 ms are those of a machine that is ours alone.
    assert p50 <= 100 and p99 <= (100 if os.environ.get("FAULTS_ALONE") else 1000), (p50, p99)
    assert back and left == 0 and code == 0, (before, after, left, code)


def stopped():
    """A worker that stands still or loops ends at the deadline, and nobody else notices."""
    server = Server(None, "--processes", 2)
    over = []
    for round_ in range(20 if LONG else 5):
        for pid in [w["pid"] for w in server.pool("processes")["workers"] if w["pid"]]:
            os.kill(pid, signal.SIGSTOP)
        begun = time.monotonic()
        reply = server.post_csv(b"a\n1\n", {"let": "r=a", "executor": "processes", "timeout_ms": 300})
        over.append(time.monotonic() - begun - 0.3)
        assert reply.status == 504, reply
        for pid in [w["pid"] for w in server.pool("processes")["workers"] if w["pid"]]:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        assert server.post_csv(b"a\n1\n", {"let": "r=a", "executor": "threads"}).status == 200
    for executor in ("processes", "threads", "serial", "gil"):
        document = {"function": "long_comp", "args": [1, 2], "iterations": 10**11, "executor": executor,
                    "timeout_ms": 300, "workers": 2}
        begun = time.monotonic()
        reply = server.request("POST", "/v1/map", json.dumps(document).encode(),
                               {"Content-Type": "application/json", **server.default_headers})
        over.append(time.monotonic() - begun - 0.3)
        assert reply.status == 504 and reply.code == "deadline_exceeded", reply
        reply = server.post_csv(b"a\n1\n", {"let": "r=a", "executor": executor})
        assert reply.status == 200, (executor, reply)
    print(f"      {len(over)} stopped or looping: answered {max(over) * 1000:.0f} ms behind their deadline at most")
    assert server.stop() == 0
    assert max(over) < (0.25 if os.environ.get("FAULTS_ALONE") else 2), over


def memory_limit():
    """Work that needs more memory than a worker may have: an error that says so, and nobody else's."""
    if client.SANITIZED:
        print("      (a sanitizer needs address space of its own: no limit)")
        return
    server = Server(None, "--processes", 2, "--worker-memory-bytes", "64MiB")
    body = b"s\n" + b"abcdefgh" * 250 + b"\n"
    double = "&".join(f"let=x{k}=x{k - 1}%2Bx{k - 1}" for k in range(1, 17))
    target = f"/v1/compute?let=x0=s&{double}&executor=processes&select=s"
    codes = collections.Counter()
    with Load(server, 2) as load:
        for _ in range(40 if LONG else 10):
            reply = server.request("POST", target, body, {"Content-Type": "text/csv", **server.default_headers})
            codes[reply.code] += 1
    pids = [w["restarts"] for w in server.pool("processes")["workers"]]
    print(f"      work beyond a worker's memory: {dict(codes)}, beside it {dict(load.counts)}, restarts {sum(pids)}")
    assert server.stop() == 0
    assert set(codes) <= {"limit_exceeded", "worker_lost", "overloaded"}, codes
    assert not load.wrong and not load.counts["hung"], load.wrong[:3]


def forkserver_killed():
    """The process that forks dies: it is replaced, and the server is ready again."""
    server = Server(None, "--processes", 2)
    fork = int(pathlib.Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()[0])
    begun = time.monotonic()
    os.kill(fork, signal.SIGKILL)

    def works():
        reply = server.post_csv(b"a\n1\n", {"let": "r=a", "executor": "processes"})
        return reply.status == 200 or reply.code not in ("worker_lost", "overloaded") and 1 / 0

    back = settle(works, 3)
    FIGURES["forkserver"] = time.monotonic() - begun
    assert server.post_csv(b"a\n1\n", {"let": "r=a", "executor": "threads"}).status == 200
    print(f"      the fork server was {'replaced in %.0f ms' % (FIGURES['forkserver'] * 1000) if back else 'NOT replaced'}")
    ready = settle(lambda: server.get("/readyz").status == 200, 3)
    assert server.stop() == 0
    assert back and ready


def lives(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def bridge_killed():
    """The bridge to a cluster and the programs of its workers are killed in turn under load: every reply right or typed,
    another bridge soon, and nothing of a dead one is left."""
    server = Server(None, *CLUSTER, "--dask-retries", 3)
    assert settle(lambda: has_programs(server.pid))
    with Load(server, 2, lambda draw: Load.some(draw, ("dask", "threads"))):
        time.sleep(1)  # what is kept for the next request is there
    server.wait_idle()
    before, draw, took, orphans = measured(server), random.Random(3), [], []
    with Load(server, 4, lambda draw: Load.some(draw, ("dask", "dask", "threads"))) as load:
        for round_ in range(BRIDGES):
            bridge = bridge_of(server.pid)
            programs = children(bridge) if bridge else []
            if round_ % 2 and programs:
                os.kill(draw.choice(programs), signal.SIGKILL)
                time.sleep(0.1)
            if not bridge:
                continue
            begun = time.monotonic()
            orphans += programs
            os.kill(bridge, signal.SIGKILL)
            came = settle(lambda: bridge_of(server.pid) not in (None, bridge) and server.pool("dask")["connected"])
            took.append(time.monotonic() - begun if came else 10)
            time.sleep(0.2)
    server.wait_idle()
    starts = server.pool("dask")["bridge"]
    gone = settle(lambda: not [pid for pid in orphans if lives(pid)], 5)
    works = server.post_csv(b"a\n1\n", {"let": "r=a", "executor": "dask"})
    back, left = settled(server, before), zombies(server)
    print(f"      {len(took)} bridges killed: {dict(load.counts)}; replaced in {percentile(took, 0.5) * 1000:.0f} ms (p50), "
          f"{max(took) * 1000:.0f} ms at most; {starts}; descriptors {before[1]} -> {server.descriptors()}, zombies {left}")
    code = server.stop()
    assert not load.wrong and not load.counts["hung"], load.wrong[:5]
    assert len(took) >= BRIDGES / 2 and max(took) < 5 and load.counts["right"] > len(took), (took, load.counts)
    assert works.status == 200 and works.body == b"a,r\n1,1\n", works
    assert gone and back and left == 0 and code == 0, (gone, before, measured(server) if code is None else code, left)


def told(server):
    """What the list of runs says of the file."""
    return server.get("/v1/runs").json()["history"].get("error")


def ran(server):
    reply = server.post_csv(b"a\n1\n2\n", {"let": "r=a+1"})
    assert reply.status == 200 and reply.body == b"a,r\n1,2\n2,3\n", reply
    return reply.headers["Colonnade-Run"]


def on_disk(server):
    """What a body that does not stay in memory is answered: "ok", or a code."""
    body = b"a,b\n" + b"".join(b"%d,%d\n" % (k, k) for k in range(400_000))
    return server.post_csv(body, {"let": "r=a+b", "select": "r", "limit": 3}).code


def disk_full():
    """Nothing can be written for a while: runs go on, the history says so, and recovers; bodies that need the disk are
    told of it."""
    for what, error in ("full", 28), ("read-only", 30), ("broken", 5):
        control = new_control()
        server = Server(control)
        ran(server)
        control.set(BY_KIND, kinds=bits("write", "sync", "ftruncate", "fallocate"), error=error,
                    path=str(pathlib.Path(server.home.name) / "data"))
        meanwhile = [ran(server) for _ in range(20)]
        large = on_disk(server)
        said = settle(lambda: told(server), 10)
        failed = control.failed
        control.off()
        after = ran(server)
        large_after = on_disk(server)
        back = settle(lambda: not told(server), 10)
        assert server.stop() == 0
        again = Server(None, home=server.home)
        there = [run for run in [*meanwhile, after] if again.get("/v1/runs/" + run).status == 200]
        assert again.stop() == 0
        print(f"      {what}: {failed} calls failed; the history said so: {said}, recovered: {back}, "
              f"{len(there)} of {len(meanwhile) + 1} runs are in the file; a large body: {large}, then {large_after}")
        assert failed > 0 and said and back and after in there, (what, failed, said, back)
        assert (large, large_after) == ("overloaded" if what == "full" else "internal", "ok"), (what, large, large_after)
        control.close()


def damaged():
    """A file that is no database, or half of one; one that another holds; a folder that cannot be."""
    server = Server(None)
    ran(server)
    assert server.stop() == 0
    file = next(p for p in pathlib.Path(server.home.name, "data").iterdir() if p.stat().st_size > 4096)
    good = file.read_bytes()
    for how, content in (("noise", random.Random(1).randbytes(len(good))), ("half", good[:len(good) // 2]),
                         ("empty pages", good[:4096] + bytes(len(good) - 4096))):
        file.write_bytes(content)
        try:
            again = Server(None, home=server.home)
        except RuntimeError as problem:
            assert "colonnade: " in str(problem) and "Sanitizer" not in str(problem), problem
            print(f"      {how}: refused: {str(problem).split('stderr: ')[1].strip()[:120]}")
            continue
        ran(again)
        says = told(again)
        assert again.stop() == 0
        print(f"      {how}: served; the history says: {says}")
    file.write_bytes(good)
    control = new_control()
    control.set(BY_KIND, kinds=bits("write", "open"), error=30, path=str(file.parent))
    try:
        Server(control, home=server.home).stop()
        raise AssertionError("a read-only directory was taken")
    except RuntimeError as problem:
        assert "colonnade: " in str(problem), problem
        print(f"      read-only at the start: {str(problem).split('stderr: ')[1].strip()[:120]}")
    control.close()


def locked():
    """Another program holds the file: runs go on, and a list does not wait long."""
    import sqlite3
    server = Server(None)
    ran(server)
    file = next(p for p in pathlib.Path(server.home.name, "data").iterdir() if p.suffix not in (".lock",) and
                p.read_bytes()[:6] == b"SQLite")
    other = sqlite3.connect(file, timeout=10, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    meanwhile = [ran(server) for _ in range(10)]
    begun = time.monotonic()
    assert server.get("/v1/runs").status == 200
    took = time.monotonic() - begun
    other.execute("ROLLBACK")
    other.close()
    assert settle(lambda: not told(server))
    assert server.stop() == 0
    again = Server(None, home=server.home)
    there = [run for run in meanwhile if again.get("/v1/runs/" + run).status == 200]
    assert again.stop() == 0
    print(f"      locked by another program: the list came in {took * 1000:.0f} ms, {len(there)} of 10 runs are in the file")
    assert took < 2 and len(there) == 10, (took, there)


def vanish(server, draw):
    """A client that does what none should."""
    target, body, _ = Load.some(draw)
    head = (f"POST {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {table.TOKEN}\r\n"
            f"Content-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    data = head + body
    how = draw.choice(("half", "reset", "whole", "head", "nothing", "reading"))
    connection = socket.create_connection((server.host, server.port), timeout=10)
    if how in ("reset", "whole"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    cut = {"half": draw.randrange(len(data)), "reset": draw.randrange(len(data)), "whole": len(data),
           "head": draw.randrange(len(head)), "nothing": 0, "reading": len(data)}[how]
    try:
        connection.sendall(data[:cut])
        if how == "reading":
            connection.recv(10)
    except OSError:
        pass
    connection.close()
    return how


# With the settings as they come the library ends a connection without any traffic after so long. Once in some ten thousands of
# clients that reset their connection, on a busy machine, nothing sooner notices that one has.
SILENCE_S = 70


def clients_vanish():
    """Clients that leave, reset and send half, beside others that do not notice."""
    server = Server(None, "--processes", 2)
    warm(server)
    before, gone = measured(server), collections.Counter()
    draw = random.Random(7)
    with Load(server, 3) as load:
        for _ in range(3000 if LONG else 400):
            gone[vanish(server, draw)] += 1
    server.wait_idle()
    back = settled(server, before, SILENCE_S + 20)
    print(f"      {sum(gone.values())} clients vanished, {dict(load.counts)}; "
          f"resident {before[0] >> 20} -> {server.resident() >> 20} MiB, descriptors {before[1]} -> {server.descriptors()}")
    assert server.stop() == 0
    assert not load.wrong and set(load.counts) == {"right"}, (load.counts, load.wrong[:3])
    assert back, before


STORMS = [killed, stopped, memory_limit, forkserver_killed, bridge_killed, disk_full, damaged, locked, clients_vanish]


def run(names=None, count=None):
    count = count or Count()
    for storm in STORMS:
        if names and storm.__name__ not in names:
            continue
        begun = time.monotonic()
        try:
            storm()
            problem = ""
        except Exception as found:  # each is told, and the next one is tried
            problem = f": {found!r}"[:3000]
        count.add(not problem, f"{storm.__name__} ({time.monotonic() - begun:.1f} s){problem}")
    return count


if __name__ == "__main__":
    total = run(sys.argv[1:])
    print(f"faults: {total.passed} passed, {total.failed} failed")
    sys.exit(total.failed > 0)
