"""The service in a container that may do as little as possible: it works, heeds its limits, and ends at once."""
import concurrent.futures
import os
import pathlib
import signal
import time

import podman

MIB = 1 << 20
LET = "let=r=a/b&let=key=md5(a,b)"


def say(text):
    print(f"    {text}")


def table(size):
    """A table of about `size` bytes."""
    rows = b"".join(b"%d.%d,%d.%d\n" % (n, n * 7919 % 100003, n + 1, n * 104729 % 100003) for n in range(1, 20001))
    return b"a,b\n" + rows * (size // len(rows) + 1)


def isolation_of(running):
    """What the service could take from its workers inside of the container."""
    pools = running.json("GET", "/v1/pools")["pools"]
    return next(pool["isolation"] for pool in pools if pool["executor"] == "processes")


def test_it_will_not_serve_everybody_by_accident(image):
    done = podman.podman("run", "--rm", "--network=none", *podman.STRICT, image, check=False)
    assert done.returncode == 2
    assert "--token-file" in done.stderr


def test_it_can_do_little_and_that_is_enough(container):
    running = container().wait_ready()
    status = running.status()
    say(f"uid {status['Uid'].split()[0]}, effective capabilities {status['CapEff']}, no new privileges "
        f"{status['NoNewPrivs']}, seccomp {status['Seccomp']}")
    assert status["Uid"].split() == ["10001"] * 4 and status["Gid"].split() == ["10001"] * 4
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    for path in ("/file", "/tmp/file", "/run/file", "/data/file", "/dev/shm/file"):
        if running.execute("touch", path).returncode == 0:
            assert path == "/dev/shm/file", f"{path} is writable"
    for executor in ("serial", "threads", "processes", "gil"):
        code, body = running.ask("POST", f"/v1/compute?{LET}&executor={executor}&chunk_rows=1000", table(MIB))
        assert code == 200 and body.count(b"\n") > 20000, (executor, code, body[:300])
    assert running.ask("GET", "/v1/runs", Authorization="Bearer wrong")[0] == 401
    say(f"workers are confined by {isolation_of(running)}")
    assert isolation_of(running)["seccomp"]


def test_the_default_address_in_a_network_of_its_own(container):
    running = container(network="none").wait_ready()
    assert "listening on http://0.0.0.0:8080" in running.logs()


def test_the_health_check_sees_a_server_that_hangs(container):
    running = container().wait_ready()
    pid = running.state()["Pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert not running.healthy()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert running.healthy()


def test_it_stops_at_once_and_cleanly(container):
    running = container().wait_ready()
    seconds, code = running.stop()
    say(f"podman stop: {seconds:.2f} s, exit status {code}")
    assert code == 0 and seconds < 1
    running = container().wait_ready()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # with a request that runs
        reply = pool.submit(running.json, "POST", "/v1/map", {"function": "long_io", "args": [1], "seconds": 1})
        while not any(w["state"] != "idle" for p in running.json("GET", "/v1/pools")["pools"] for w in p["workers"]):
            assert not reply.done()
        seconds, code = running.stop()
        assert reply.result()["results"] == [2]
    say(f"with a request of 1 s: {seconds:.2f} s, exit status {code}; the request was answered")
    assert code == 0 and seconds < 3


def test_the_volume_keeps_the_record_of_runs(container):
    volume = f"colonnade-test-{os.getpid()}"
    options = ["-v", f"{volume}:/data"]
    try:
        running = container("--data-dir", "/data", options=options).wait_ready()
        run = running.json("POST", "/v1/compute", {"columns": {"a": [1, 2]}, "let": {"r": "a * 2"}})["run"]
        assert running.stop()[1] == 0
        again = container("--data-dir", "/data", options=options).wait_ready()
        assert again.json("GET", f"/v1/runs/{run}")["id"] == run
        assert again.stop()[1] == 0
    finally:
        podman.podman("rm", "-a", "-f", "-t", "1", check=False)
        podman.podman("volume", "rm", "-f", volume, check=False)


def memory_group(pid):
    """The folder of the control group that limits this process's memory."""
    for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return pathlib.Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes", "memory.max_usage_in_bytes"
        if not controllers and not pathlib.Path("/sys/fs/cgroup/memory").exists():
            return pathlib.Path("/sys/fs/cgroup" + path), "memory.max", "memory.peak"
    raise AssertionError("no control group of memory")


def killed_for_memory(folder):
    for name in ("memory.oom_control", "memory.events"):
        if (folder / name).exists():
            pairs = dict(line.split() for line in (folder / name).read_text(encoding="utf-8").splitlines())
            return int(pairs["oom_kill"])
    raise AssertionError("the control group does not count its kills")


def test_many_uploads_in_a_small_container(container):
    """256 MiB for all; twelve clients at a time send 12 MiB each, three times, and come back when they are told to. All get
    their reply in the end, and the kernel never has to kill anything."""
    running = container().wait_ready()
    folder, limit, peak = memory_group(running.state()["Pid"])
    assert int((folder / limit).read_text(encoding="utf-8")) == 256 * MIB
    body = table(12 * MIB)

    def send(number):
        """How often it was told to come back."""
        executor = ("threads", "processes", "auto")[number % 3]
        for refused in range(200):
            code, reply = running.ask("POST", f"/v1/compute?{LET}&select=computed&executor={executor}", body)
            if code == 200:
                assert reply.count(b"\n") == body.count(b"\n"), "a short reply"
                return refused
            assert code == 503, (code, reply[:500])
            time.sleep(0.1)
        raise AssertionError("never served")

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        refusals = sum(pool.map(send, range(36)))
    used = int((folder / peak).read_text(encoding="utf-8")) / MIB
    say(f"36 uploads of 12 MiB by 12 clients: all served in {time.monotonic() - begun:.1f} s, after {refusals} times 503; the "
        f"most memory {used:.0f} of 256 MiB, killed {killed_for_memory(folder)}")
    assert refusals > 0, "there was room for all: the test tells nothing"
    assert killed_for_memory(folder) == 0 and running.state()["Running"]
    assert running.stop()[1] == 0
