"""What a hostile cluster can do in the bridge: a worker's answer that is a program for whoever unpickles it."""
import json
import socket

import distributed
import pytest

from product import dask_pool

# Runs wherever the answer is unpickled, and does what it is to do in the bridge only.
PAYLOAD = """
import json, os, socket, subprocess
told = json.loads({told!r})
def tried(what):
    try:
        what()
        return "done"
    except OSError as error:
        return error.strerror
def read(path):
    with open(path, "rb") as file:
        if not file.read(1):
            raise OSError(0, "there is nothing")
def write(path):
    with open(path, "wb") as file:
        file.write(b"was here")
def serve():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", told["free_port"]))
if os.getpid() == told["bridge"]:
    found = {{
        "a file of the user": tried(lambda: read(told["secret"])),
        "a folder of the user": tried(lambda: os.listdir(os.path.dirname(told["secret"]))),
        "writing": tried(lambda: write(told["secret"] + ".written")),
        "another program": tried(lambda: subprocess.run(["/bin/true"])),
        "the server's memory": tried(lambda: open("/proc/%d/mem" % told["server"], "rb").close()),
        "the server's environment": tried(lambda: read("/proc/%d/environ" % told["server"])),
        "a signal to the server": tried(lambda: os.kill(told["server"], 0)),
        "serving": tried(serve),
        "reading Python's own files": tried(lambda: read(os.__file__)),
    }}
    with socket.create_connection(("127.0.0.1", told["port"])) as home:
        home.sendall(json.dumps(found).encode())
"""


def attack(cluster, payload):
    """Makes the workers answer so to any task."""
    def poison(payload, dask_worker):
        class Poison:
            def __reduce__(self):
                return exec, (payload, {})
        for plugin in dask_worker.plugins.values():
            if type(plugin).__name__ == "Keeper":
                plugin.run = lambda *_: Poison()

    with distributed.Client(cluster.address, timeout=10) as client:
        client.run(poison, payload)


def outcome(one, secret):
    """Of each thing that was tried in the bridge: "done", or why not."""
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        free_port = unused.getsockname()[1]
        unused.close()
        told = {"bridge": dask_pool(one.server)["bridge"]["pid"], "server": one.server.pid, "secret": str(secret),
                "port": listener.getsockname()[1], "free_port": free_port}
        attack(one.cluster, PAYLOAD.format(told=json.dumps(told)))
        reply = one.server.post_json({"let": {"r": "a+1"}, "columns": {"a": [1]}, "executor": "dask", "timeout_ms": 5000})
        assert reply.status >= 500 and reply.json()["code"] in ("worker_lost", "deadline_exceeded", "internal"), reply
        listener.settimeout(10)
        with listener.accept()[0] as home:
            said = b""
            while piece := home.recv(4096):
                said += piece
        return json.loads(said)


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "token"
    file.write_text("secret")
    file.chmod(0o600)
    return file


def test_the_bridge_reads_nothing_and_starts_nothing(fresh, secret):
    one = fresh(workers=1)
    landlock = dask_pool(one.server)["bridge"]["landlock"]
    if landlock < 6:
        pytest.skip(f"this kernel has version {landlock} of Landlock, 6 is the first with all of this")
    found = outcome(one, secret)
    assert found.pop("reading Python's own files") == "done"
    assert set(found.values()) <= {"Permission denied", "Operation not permitted"}, found
    assert not secret.with_name("token.written").exists()


def test_without_isolation_it_can(fresh, secret):
    """So what the test above tries are attacks."""
    one = fresh("--isolation", "off", workers=1)
    assert dask_pool(one.server)["bridge"]["landlock"] == 0
    found = outcome(one, secret)
    assert set(found.values()) == {"done"}, found


def test_it_says_so_where_it_is_required(fresh):
    one = fresh("--isolation", "required", workers=1)
    assert dask_pool(one.server)["bridge"]["landlock"] > 0
    assert one.server.lets("a+1", {"a": [1]}, executor="dask").columns["r"] == [2]
