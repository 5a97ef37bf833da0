"""Workers can do nothing but compute; the fork server can be killed; memory and deadlines hold."""
import hashlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

import client
from client import SANITIZED, wait_until

SECONDS = float(os.environ.get("COLONNADE_SOAK", "10"))
MEBI = 1 << 20


def look(pid, what):
    """What /proc says of a process that nobody but root may look into."""
    path = pathlib.Path("/proc", str(pid), what)
    try:
        if what == "fd":
            return {int(name): os.readlink(path / name) for name in os.listdir(path)}
        return path.read_bytes()
    except PermissionError:
        pytest.skip(f"{path} can be read by root only")


def family(running):
    """The fork server's pid, and the workers'."""
    pool = running.pool("processes")
    return pool["fork_server"]["pid"], [w["pid"] for w in pool["workers"] if w["pid"]]


# ---- what they hold -------------------------------------------------------------------------------

def test_pools_say_how_workers_are_confined(server):
    pool = server.pool("processes")
    assert pool["isolation"]["level"] == "available"
    assert set(pool["isolation"]) == {"level", "seccomp", "landlock", "memory_bytes"}
    assert pool["isolation"]["memory_bytes"] >= 16 * MEBI
    # 1, unless it was so busy that the fork server counted as gone
    assert pool["fork_server"]["starts"] >= 1 and pool["fork_server"]["pid"] > 1
    assert "isolation" not in server.pool("threads")


def test_descriptors_privileges_and_environment(launch):
    running = launch("--processes", 2, env={"COLONNADE_DATA_DIR": "", "SOME_SECRET": "in-the-environment"})
    for executor in ("processes", "threads"):
        assert running.lets("sha3_256(a)", {"a": [1, 2, 3]}, executor=executor, chunk_rows=1).status == 200
    fork_server, workers = family(running)
    assert set(look(fork_server, "fd")) == {0, 1, 2, 3}
    for pid in workers:
        held = look(pid, "fd")
        assert set(held) == {0, 1, 2, 3, 4, 5}
        assert held[0] == held[1] == "/dev/null" and held[3].startswith("socket:")
        assert held[4].startswith("/memfd:colonnade-window") and held[5].startswith("/memfd:colonnade-window")
    isolation = running.pool("processes")["isolation"]
    for pid in [fork_server] + workers:
        status = dict(line.split(":\t", 1) for line in look(pid, "status").decode().splitlines() if ":\t" in line)
        assert int(status["CapEff"], 16) == 0 and status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == ("2" if isolation["seccomp"] else "0")
        assert b"SOME_SECRET" not in look(pid, "environ")
        core = next(line for line in look(pid, "limits").decode().splitlines() if line.startswith("Max core"))
        assert core.split()[4:6] == ["0", "0"]
    if isolation["seccomp"] and isolation["landlock"]:
        assert running.stderr() == ""


def test_settings_of_isolation(launch):
    running = launch("--isolation", "off")
    assert "not confined" in running.stderr()
    isolation = running.pool("processes")["isolation"]
    assert isolation["level"] == "off" and not isolation["seccomp"] and isolation["landlock"] == 0
    assert running.lets("a", {"a": [1]}, executor="processes").columns["r"] == [1]
    available = launch().pool("processes")["isolation"]
    if available["seccomp"] and available["landlock"]:
        assert launch("--isolation", "required").pool("processes")["isolation"]["level"] == "required"
    for flags, words in ((["--isolation", "some"], "expected available, required or off"),
                         (["--worker-memory-bytes", str(16 * MEBI - 1)], "less than 16MiB"),
                         (["--fork-server"], "for the server itself")):
        ended = subprocess.run([client.BINARY] + flags, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                               text=True)
        assert ended.returncode == 2 and words in ended.stderr, (flags, ended)


# ---- the fork server ------------------------------------------------------------------------------

def test_a_killed_fork_server_is_replaced(launch, tmp_path):
    """Also when the program's file is gone: what runs is started again."""
    program = tmp_path / "colonnade"
    shutil.copy(client.BINARY, program)
    original, client.BINARY = client.BINARY, str(program)
    try:
        running = launch("--processes", 2)
    finally:
        client.BINARY = original
    program.unlink()
    for kill in (signal.SIGKILL, signal.SIGABRT, signal.SIGKILL):
        fork_server, workers = family(running)
        os.kill(fork_server, kill)
        assert running.lets("md5(a)", {"a": [7]}, executor="processes").columns["r"] == [hashlib.md5(b"7").hexdigest()]
        wait_until(lambda: len(set(family(running)[1]) - set(workers)) == 2)
        assert family(running)[0] not in (fork_server, None)
        assert not set(workers) & set(running.processes())
    assert running.pool("processes")["fork_server"]["starts"] == 4
    assert running.get("/readyz").status == 200


def test_fork_servers_killed_under_load(launch):
    """Every reply is right or a typed error, and other executors do not notice."""
    running = launch("--processes", 3)
    stop = time.monotonic() + SECONDS
    wrong, counts, kills = [], {"right": 0, "lost": 0}, [0]
    text = "a\n" + "".join(f"{k}\n" for k in range(4000))
    want = "a,k\n" + "".join(f"{k},{hashlib.md5(str(k).encode()).hexdigest()}\n" for k in range(4000))

    def killer():
        draw = random.Random(3)
        while time.monotonic() < stop:
            pid = running.pool("processes")["fork_server"]["pid"]
            try:
                if pid:
                    os.kill(pid, signal.SIGKILL)
                    kills[0] += 1
            except ProcessLookupError:
                pass
            time.sleep(draw.uniform(0.05, 0.4))

    def ask(executor):
        while time.monotonic() < stop and len(wrong) < 5:
            reply = running.post_csv(text, {"let": "k=md5(a)", "executor": executor, "chunk_rows": 500})
            if reply.status == 200 and reply.text == want:
                counts["right"] += 1
            elif executor == "processes" and reply.status == 500 and reply.problem["code"] == "worker_lost":
                counts["lost"] += 1
            else:
                wrong.append((executor, reply))

    threads = [threading.Thread(target=killer)]
    threads += [threading.Thread(target=ask, args=(e,)) for e in ["processes"] * 6 + ["threads", "serial"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]
    assert kills[0] > SECONDS / 2 and counts["right"] > SECONDS and counts["lost"] < counts["right"], (kills, counts)
    wait_until(lambda: running.get("/readyz").status == 200)
    assert running.post_csv(text, {"let": "k=md5(a)", "executor": "processes"}).text == want
    wait_until(lambda: len(running.processes()) == 2 + len(family(running)[1]))


# ---- memory and deadlines --------------------------------------------------------------------------

@pytest.mark.skipif(SANITIZED, reason="the sanitizers reserve more addresses than any limit")
def test_the_memory_of_a_worker_is_limited(launch):
    """A task that needs more ends with a typed error; its worker and the others go on."""
    running = launch("--processes", 1, "--worker-memory-bytes", "32MiB")
    before = running.pool("processes")["workers"]
    text = "a\n" + "0.12345678901234567\n" * 1_500_000
    options = {"let": ["h=sha512(a)"], "chunk_rows": 1_500_000}
    reply = running.post_csv(text, {**options, "executor": "processes", "workers": 1})
    assert reply.status == 422 and reply.problem["code"] == "limit_exceeded", reply
    assert reply.problem["limit"] == "--worker-memory-bytes" and "33554432" in reply.problem["detail"]
    after = running.pool("processes")["workers"]
    assert [w["pid"] for w in after] == [w["pid"] for w in before] and after[0]["restarts"] == 0
    assert running.post_csv(text, {**options, "executor": "threads"}).status == 200
    reply = running.post_csv(text, {"let": ["h=sha512(a)"], "executor": "processes", "chunk_rows": 20_000})
    assert reply.status == 200 and len(reply.body) > 1_500_000 * 128


def test_a_deadline_reaches_a_worker_that_is_stopped(launch):
    """It is ended 250 ms later, and nobody else waits for it."""
    running = launch("--processes", 2)
    _, workers = family(running)
    os.kill(workers[0], signal.SIGSTOP)
    replies = []

    def ask(seed):
        begun = time.monotonic()
        reply = running.lets("a + 1", {"a": [seed]}, executor="processes", timeout_ms=300)
        replies.append((reply.status, time.monotonic() - begun))

    while not any(status == 504 for status, _ in replies):
        threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(replies) < 200
    assert {status for status, _ in replies} == {200, 504}
    late = max(seconds for status, seconds in replies if status == 504) - 0.3
    print(f"the reply came {late * 1000:.0f} ms after its deadline")
    assert 0 <= late < 5
    wait_until(lambda: workers[0] not in family(running)[1])
