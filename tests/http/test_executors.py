"""Executors under fire: workers killed while mixed clients run; a million rows; baselines."""
import hashlib
import os
import random
import signal
import threading
import time

import numpy as np
import pytest

from client import SANITIZED, curl, wait_until

SECONDS = float(os.environ.get("COLONNADE_SOAK", "10"))
MEBI = 1 << 20
ROOM = (512 if SANITIZED else 64) * MEBI  # AddressSanitizer keeps freed memory for a while


def job(draw):
    """A request and the check of its reply: (document, check)."""
    rows = draw.choice([1, 10, 500, 5_000, 40_000])
    first = draw.randint(-1000, 1000)
    executor = draw.choice(["processes", "processes", "processes", "threads", "serial", "auto"])
    options = {"executor": executor, "chunk_rows": draw.choice([max(1, rows // 7), 997, 20_000])}
    kind = draw.choice(["csv", "json", "error", "type"])
    text = "a,b\n" + "".join(f"{first + k},{k}.5\n" for k in range(rows))
    if kind == "csv":
        want = "a,b,k,r\n" + "".join(
            f"{first + k},{k}.5,{hashlib.md5(f'{first + k}_{k}.5'.encode()).hexdigest()},{(first + k) / (k + 0.5)!r}\n"
            for k in range(rows))
        return text, {"let": ["k=md5(a,b)", "r=a/b"], **options}, lambda r: r.status == 200 and r.text == want
    if kind == "json":
        values = [(first + k) * 3 - 1 for k in range(rows)]
        document = {"columns": {"a": [first + k for k in range(rows)]}, "let": {"r": "a * 3 - 1"}, **options}
        return document, None, lambda r: r.status == 200 and r.columns["r"] == values
    if kind == "error":
        bad = text + "1,0.0\n2,x\n"
        return bad, {"let": "r=a*b", **options}, lambda r: r.status == 422 and r.problem["line"] == rows + 3
    return text, {"let": "k=length(a)", **options}, lambda r: r.status == 422 and r.problem["code"] == "type_error"


def settled(running, memory, descriptors, seconds=15):
    """Whether memory and descriptors come back near their baselines."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if running.resident() <= memory + ROOM and running.descriptors() <= descriptors:
            return True
        time.sleep(0.1)
    return False


def test_workers_killed_at_random(launch):
    """Every reply is right or a typed error; workers come back; nothing leaks."""
    running = launch("--processes", 4)
    for executor in ("processes", "threads", "serial"):
        running.post_csv("a\n" + "1\n" * 50_000, {"let": "k=md5(a)", "executor": executor, "chunk_rows": 999})
    time.sleep(0.5)
    memory, descriptors = running.resident(), running.descriptors()
    stop = time.monotonic() + SECONDS
    wrong, counts, kills = [], {"right": 0, "lost": 0}, [0]

    def killer():
        draw = random.Random(1)
        while time.monotonic() < stop:
            pids = [w["pid"] for w in running.pool("processes")["workers"] if w["pid"]]
            if pids:
                try:
                    os.kill(draw.choice(pids), draw.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM]))
                    kills[0] += 1
                except ProcessLookupError:
                    pass
            time.sleep(draw.uniform(0.01, 0.1))

    def client(seed):
        draw = random.Random(seed)
        while time.monotonic() < stop and len(wrong) < 5:
            body, options, check = job(draw)
            try:
                reply = running.post_json(body) if options is None else running.post_csv(body, options)
                if check(reply):
                    counts["right"] += 1
                elif reply.status == 500 and reply.problem["code"] == "worker_lost" or reply.status == 503:
                    counts["lost"] += 1
                else:
                    wrong.append((options, reply))
            except Exception as problem:  # a lost or broken reply
                wrong.append((options, repr(problem)))

    threads = [threading.Thread(target=killer)] + [threading.Thread(target=client, args=(k,)) for k in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:5]
    assert kills[0] > SECONDS and counts["right"] > SECONDS * 2, (kills, counts)
    assert counts["lost"] <= counts["right"]
    pool = running.pool("processes")
    assert sum(w["restarts"] for w in pool["workers"]) >= 1
    assert running.wait_idle(20)
    assert settled(running, memory, descriptors + 4), (memory, running.resident(), descriptors, running.descriptors())
    pids = [w["pid"] for w in running.pool("processes")["workers"]]
    zombies = [p for p in running.processes() if p not in pids and
               open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"]
    assert len(zombies) <= 1


def test_a_killed_worker_comes_back(launch):
    running = launch("--processes", 2)
    before = running.pool("processes")["workers"]
    for worker in before:
        os.kill(worker["pid"], signal.SIGKILL)

    def replaced():
        after = running.pool("processes")["workers"]
        new = all(w["pid"] and w["pid"] not in [b["pid"] for b in before] for w in after)
        return after if new and len(after) >= 2 else None

    after = wait_until(replaced, told=lambda: running.pool("processes"))
    assert sum(w["restarts"] for w in after) >= 2
    assert running.lets("a * 2", {"a": [1, 2]}, executor="processes").columns["r"] == [2, 4]
    assert running.get("/readyz").status == 200


def test_a_stopped_worker_costs_its_deadline_only(launch):
    """SIGSTOP: the request ends with 504, and the worker is replaced."""
    running = launch("--processes", 1)
    pid = running.pool("processes")["workers"][0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    begun = time.monotonic()
    reply = running.lets("a", {"a": [1]}, executor="processes", timeout_ms=500)
    assert reply.status == 504, reply
    assert time.monotonic() - begun < 5
    assert running.lets("a", {"a": [1]}, executor="threads").status == 200
    wait_until(lambda: running.lets("a", {"a": [7]}, executor="processes", timeout_ms=1000).status == 200)
    assert running.pool("processes")["workers"][0]["pid"] != pid


def test_pools_grow_when_asked(launch):
    running = launch("--threads", 1, "--processes", 1)
    for executor in ("threads", "processes"):
        reply = running.lets("md5(a)", {"a": list(range(6000))}, executor=executor, workers=5, chunk_rows=20)
        assert reply.columns["r"][7] == hashlib.md5(b"7").hexdigest()
        assert 1 <= reply.json()["execution"]["workers"] <= 5
        assert 1 < len(running.pool(executor)["workers"]) <= 5


def test_many_small_requests_leave_nothing_behind(launch):
    """The record of runs is bounded, and so is what a chunk or a run leaves."""
    running = launch()
    connection = running.connection(60)

    def ask(count):
        for _ in range(count):
            connection.request("POST", "/v1/compute?let=r=a*2", b"a\n1\n2\n", {"Content-Type": "text/csv"})
            assert connection.getresponse().read() == b"a,r\n1,2\n2,4\n"

    ask(2000)
    memory, descriptors = running.resident(), running.descriptors()
    ask(6000)
    for executor in ("threads", "processes"):
        for _ in range(10):
            reply = running.post_csv("a\n" + "1\n" * 5000, {"let": "r=a", "executor": executor, "chunk_rows": 1})
            assert reply.status == 200
    assert settled(running, memory, descriptors), (memory, running.resident())
    assert len(running.get("/v1/runs?limit=100000").json()["runs"]) < 8000


def test_a_small_request_is_not_held_up_by_a_large_job(launch):
    running = launch()
    done = []
    lets = {f"h{k}": f"sha3_256(a, b, 'x{k}')" for k in range(30)}
    document = {"generate": {"rows": 120_000, "columns": ["a", "b"], "distribution": "uniform", "seed": 1},
                "let": lets, "limit": 0}
    for executor in ("threads", "processes"):
        large = threading.Thread(target=lambda: done.append(running.post_json({**document, "executor": executor})))
        large.start()
        time.sleep(0.3)
        small = 0
        while large.is_alive() and small < 50:
            reply = running.lets("a + 1", {"a": [1, 2]}, executor=executor)
            assert reply.columns["r"] == [2, 3]
            small += large.is_alive()
        large.join()
        assert done[-1].status == 200 and small >= 3, (small, done[-1])


@pytest.fixture(scope="module")
def million(tmp_path_factory):
    """A CSV of a million rows on disk, with its columns."""
    rng = np.random.default_rng(8)
    a, b = rng.standard_normal(1_000_000), rng.integers(-10**12, 10**12, 1_000_000)
    path = tmp_path_factory.mktemp("million") / "t.csv"
    with open(path, "w", encoding="ascii") as out:
        out.write("a,b,name\n")
        out.writelines(f"{x!r},{y},n{y % 1000}\n" for x, y in zip(a.tolist(), b.tolist()))
    return path, a, b


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_a_million_rows_through_curl(launch, million, executor, tmp_path):
    path, a, b = million
    running = launch()
    running.post_csv("a\n1\n", {"let": "r=a", "executor": executor})
    memory, descriptors = running.resident(), running.descriptors()
    for _ in range(2):
        out = tmp_path / "out.csv"
        code, _, errors = curl("-f", "-T", path, "-X", "POST", "-o", out,
                               f"{running.url}/v1/compute?let=r=a*2-b&let=k=md5(a,b,name)&executor={executor}")
        assert code == 0, errors
        count = 0
        with open(out, encoding="ascii") as lines:
            assert lines.readline() == "a,b,name,r,k\n"
            got = []
            for count, line in enumerate(lines, 1):
                left, b_text, name, r, key = line[:-1].split(",")
                got.append(float(r))
                if count % 37 == 1:
                    assert key == hashlib.md5(f"{left}_{b_text}_{name}".encode()).hexdigest(), line
        assert count == 1_000_000
        assert (np.array(got).view(np.uint64) == (a * 2 - b).view(np.uint64)).all()
        out.unlink()
    assert settled(running, memory, descriptors + 2, 40), (memory, running.resident())


def test_twenty_clients_of_one_kind_at_once(server):
    """The same reply for all of them, from one shared pool."""
    text = "a,b\n" + "".join(f"{k},{k}.25\n" for k in range(3000))
    replies = []

    def client(k):
        for executor in ("threads", "processes", "auto"):
            replies.append(server.post_csv(text, {"let": ["r=a*b", "k=sha256(a,b)"], "executor": executor,
                                                  "chunk_rows": 100 + k}).body)

    threads = [threading.Thread(target=client, args=(k,)) for k in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == 60 and len(set(replies)) == 1
