"""The image for a cluster: scheduler, two workers and a server of it, each in a container that may do as little as possible,
compute the same bytes as the server alone."""
import os
import re
import socket
import time

import pytest

import conftest
import podman

IMAGE = "localhost/colonnade:dask"
ROWS = 200_000
DOCUMENT = {"generate": {"rows": ROWS, "columns": ["a", "b"], "seed": 3}, "let": {"r": "sin(a)/b", "key": "md5(a, b)"},
            "chunk_rows": 5000}
# As deploy/compose.yaml has them.
STRICT = [word for word in podman.STRICT if not word.startswith("--memory")] + ["--memory=512m", "--memory-swap=512m"]
SPACE = ["--mount=type=tmpfs,destination=/tmp,tmpfs-size=64m,tmpfs-mode=1777"]


def say(text):
    print(f"    {text}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class Part:
    """A scheduler or a worker."""

    def __init__(self, name, *command):
        self.name = f"colonnade-test-{os.getpid()}-{name}"
        podman.podman("run", "-d", "--name", self.name, "--network=host", *STRICT, *SPACE, "--no-healthcheck",
                      f"--entrypoint={command[0]}", IMAGE, *command[1:])

    def logs(self):
        done = podman.podman("logs", self.name, check=False)
        return done.stdout + done.stderr

    def wait_line(self, line, seconds=60):
        until = time.monotonic() + seconds
        while line not in self.logs():
            assert time.monotonic() < until, self.logs()
            time.sleep(0.1)

    def execute(self, *command):
        return podman.podman("exec", self.name, *command, check=False)


@pytest.fixture(scope="module")
def dask_image(image):  # pylint: disable=unused-argument
    podman.build(IMAGE, "--layers", "--target=dask")
    return IMAGE


@pytest.fixture
def cluster(dask_image):  # pylint: disable=unused-argument
    """Its address and its parts."""
    parts, port = [], free_port()
    address = f"tcp://127.0.0.1:{port}"
    try:
        parts.append(Part("scheduler", "dask-scheduler", "--host", "tcp://127.0.0.1", "--port", port,
                          "--dashboard-address", f"127.0.0.1:{free_port()}", "--no-show"))
        parts[0].wait_line("Scheduler at:")
        for number in range(2):
            parts.append(Part(f"worker{number}", "dask-worker", address, "--no-nanny", "--nthreads", 2, "--memory-limit",
                              "256MiB", "--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0",
                              "--local-directory", "/tmp"))
        for part in parts[1:]:
            part.wait_line("Registered to:")
        yield address, parts
    finally:
        for part in parts:
            podman.podman("rm", "-f", "-t", "1", "-v", part.name, check=False)


@pytest.fixture
def server(cluster, token_file):
    name = f"colonnade-test-{os.getpid()}-dask-server"
    mount = ["-v", f"{token_file}:/run/secrets/token:ro", "-e", f"COLONNADE_DASK_SCHEDULER={cluster[0]}"]
    try:
        yield conftest.Container(name, "--token-file", "/run/secrets/token", options=mount, image=IMAGE,
                                 strict=STRICT).wait_ready()
    finally:
        podman.podman("rm", "-f", "-t", "1", "-v", name, check=False)


def dask_pool(server):
    return next(pool for pool in server.json("GET", "/v1/pools")["pools"] if pool["executor"] == "dask")


def test_the_default_image_has_no_python(image):
    done = podman.podman("run", "--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096",
                         "--entrypoint=sh", image, "-c", "command -v python3; exit 0")
    assert done.stdout == ""


def test_what_the_image_for_dask_adds(image, dask_image):
    sizes = [podman.inspect("image", name)["Size"] / 1e6 for name in (image, dask_image)]
    say(f"image {sizes[0]:.0f} MB, for dask {sizes[1]:.0f} MB")
    assert sizes[1] - sizes[0] < 150
    configs = [podman.inspect("image", name)["Config"] for name in (image, dask_image)]
    for member in ("User", "Entrypoint", "ExposedPorts", "Labels", "Env"):
        assert configs[0].get(member) == configs[1].get(member), member
    words = podman.podman("run", "--rm", "--network=none", "--ulimit=nofile=1024:1024", "--ulimit=nproc=4096:4096",
                          "--entrypoint=sh", dask_image, "-c",
                          "for t in gcc make curl pip; do command -v $t; done; ls -A /var/lib/apt/lists; exit 0").stdout
    assert words == ""


def test_a_cluster_of_containers_gives_the_same_bytes(cluster, server):
    until = time.monotonic() + 60
    while sum(worker["present"] and worker["usable"] for worker in dask_pool(server)["workers"]) < 2:
        assert time.monotonic() < until, (dask_pool(server), [part.logs() for part in cluster[1]])
        time.sleep(0.2)
    begun = time.monotonic()
    replies = {}
    for executor in ("serial", "dask"):
        reply = server.json("POST", "/v1/compute", {**DOCUMENT, "executor": executor})
        assert reply["execution"]["executor"] == executor and reply["execution"]["chunks"] == ROWS // 5000
        replies[executor] = reply["columns"]
    assert replies["dask"] == replies["serial"] and len(replies["dask"]["key"]) == ROWS
    say(f"{ROWS:,} rows, serial and dask, in {time.monotonic() - begun:.1f} s: the same")
    for part in cluster[1]:
        done = part.execute("sh", "-c", "cat /proc/1/status; touch /file 2>/dev/null && echo WRITABLE")
        found = dict(re.findall(r"^(Uid|CapEff|NoNewPrivs):\s+(\S+)", done.stdout, re.MULTILINE))
        assert found == {"Uid": "10001", "CapEff": "0" * 16, "NoNewPrivs": "1"} and "WRITABLE" not in done.stdout
