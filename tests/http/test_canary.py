"""No trace of a key or of the token: not in memory, errors, replies, files, environments or core files.

The secrets are random, so whatever finds their bytes has found them. They are used in every executor and
mode first, and by clients that have them wrong.
"""
import base64
import hashlib
import hmac
import http.client
import json
import os
import re
import resource
import secrets
import signal
import subprocess
import sys

import pytest

from client import SANITIZED, Server, wait_until

EXECUTORS = ("serial", "threads", "processes", "gil", "auto")
MODES = ("vector", "tuple", "row")


def forms(secret):
    """A secret as it could be lying about: itself, its pieces, and what HMAC-SHA-256 makes of it on the way."""
    block = (secret if len(secret) <= 64 else hashlib.sha256(secret).digest()).ljust(64, b"\0")
    swapped = b"".join(block[k:k + 4][::-1] for k in range(0, 64, 4))
    found = {"itself": secret, "its first half": secret[:len(secret) // 2], "its second half": secret[len(secret) // 2:],
             "hex": secret.hex().encode(), "base64": base64.b64encode(secret)[:-4]}
    for name, bytes_of in (("a block", block), ("the block's words", swapped)):
        for pad in (0x00, 0x36, 0x5C):
            padded = bytes(b ^ pad for b in bytes_of)[:min(len(secret), 32)]
            found[f"{name} padded with {pad:#x}"] = padded
    return found


class Canary:
    def __init__(self, folder):
        self.keys = {"short": secrets.token_bytes(24), "block": secrets.token_bytes(64), "long": secrets.token_bytes(300)}
        self.token = secrets.token_urlsafe(40).encode()
        keys_dir = folder / "keys"
        keys_dir.mkdir(mode=0o700)
        for name, key in self.keys.items():
            # a line feed at its end would not be part of it
            self.keys[name] = key = key[:-1] + b"x"
            (keys_dir / name).write_bytes(key)
        token_file = folder / "token"
        token_file.write_bytes(self.token + b"\n")
        token_file.chmod(0o600)
        self.data = folder / "data"
        self.data.mkdir()
        self.folder = folder
        self.server = Server("--keys-dir", keys_dir, "--token-file", token_file, "--data-dir", self.data,
                             "--processes", 2, "--threads", 2)
        self.seen = []  # whatever the server said
        # a client that keeps its connection, and what it sent last in there
        self.kept = http.client.HTTPConnection(self.server.host, self.server.port, timeout=60)

    def ask(self, method, target, body=None, token=None, **headers):
        head = {"Authorization": "Bearer " + (token or self.token).decode("latin-1")}
        head.update({name.replace("_", "-"): value for name, value in headers.items()})
        reply = self.server.request(method, target, body, head)
        self.seen.append(str(reply.headers).encode() + reply.body)
        return reply

    def compute(self, document, token=None, **headers):
        return self.ask("POST", "/v1/compute", json.dumps(document).encode(), token,
                        Content_Type="application/json", **headers)

    def search(self, data, where):
        """Fails if a key's bytes are in the data; returns whether the token's are."""
        for name, key in self.keys.items():
            for how, form in forms(key).items():
                assert form not in data, f"the key {name} ({how}) is in {where}"
        return any(form in data for form in (self.token, self.token[4:-4], self.token.hex().encode()))


def memory_of(pid):
    """(address range, bytes) of everything that a process can read, and a core file would hold more or less of."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        lines = maps.read().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in lines:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r\S+ \S+ \S+ \S+ *(.*)", line)
            if not found or found[3] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            start, end = int(found[1], 16), int(found[2], 16)
            held = b""
            while start < end:  # pieces overlap, so that nothing hides between two of them
                memory.seek(start)
                try:
                    piece = memory.read(min(end - start, 16 << 20))
                except OSError:
                    break
                if not piece:
                    break
                yield f"{found[1]} {found[3]}", held + piece
                held = piece[-400:]
                start += len(piece)


@pytest.fixture(scope="module")
def canary(tmp_path_factory):
    found = Canary(tmp_path_factory.mktemp("canary"))
    try:
        use(found)
        yield found
    finally:
        end(found)


def end(found):
    if found.server.process.poll() is None:
        assert found.server.stop() == 0


def use(canary):
    values = [f"row {k}" for k in range(300)]
    for name, key in canary.keys.items():
        want = [hmac.new(key, value.encode(), hashlib.sha256).hexdigest() for value in values]
        for executor in EXECUTORS:
            for mode in MODES:
                reply = canary.compute({"columns": {"a": values}, "let": {"h": f"hmac_sha256(a, key='{name}')"},
                                        "executor": executor, "mode": mode, "chunk_rows": 40})
                assert reply.status == 200 and reply.columns["h"] == want, (executor, mode, reply)
        text = "a\n" + "\n".join(values) + "\n"
        reply = canary.ask("POST", f"/v1/compute?let=h=hmac_sha256(a,key='{name}',over='table')&executor=processes",
                           text.encode(), Content_Type="text/csv", Accept="application/json")
        assert reply.status == 200, reply
    # a job, an experiment, the record of runs, the page's exchange of the token
    reply = canary.compute({"columns": {"a": values}, "let": {"h": "hmac_sha256(a, key='long')"}},
                           Prefer="respond-async")
    assert reply.status == 202
    wait_until(lambda: canary.ask("GET", reply.headers["Location"]).json()["state"] == "finished", 30)
    reply = canary.ask("POST", "/v1/compare", json.dumps(
        {"workload": {"compute": {"columns": {"a": values}, "let": {"h": "hmac_sha256(a, key='short')"}}},
         "executors": ["threads", "processes"], "repeat": 2}).encode(), Content_Type="application/json")
    assert reply.status == 200, reply
    for target in ("/v1/runs", "/v1/pools", "/v1/functions"):
        assert canary.ask("GET", target).status == 200
    run = canary.ask("GET", "/v1/runs").json()["runs"][0]["id"]
    assert canary.ask("GET", f"/v1/runs/{run}").status == 200
    assert canary.ask("POST", "/v1/session", b"", Content_Type="application/json").status in (204, 400)
    assert canary.ask("POST", "/v1/session", json.dumps({"token": canary.token.decode()}).encode(),
                      Content_Type="application/json").status == 204
    canary.kept.request("GET", "/v1/runs", headers={"Authorization": "Bearer " + canary.token.decode()})
    assert canary.kept.getresponse().read()
    # who has it wrong: an unknown key, a wrong token, one that is nearly right, one too long
    reply = canary.compute({"columns": {"a": values}, "let": {"h": "hmac_sha256(a, key='shor')"}})
    assert reply.status == 422 and reply.code == "unknown_key"
    near = canary.token[:-1] + (b"A" if canary.token[-1:] != b"A" else b"B")
    for token in (b"guess", near, canary.token + b"x", canary.token[:20]):
        assert canary.ask("GET", "/v1/runs", token=token).status == 401
    assert canary.ask("POST", "/v1/session", json.dumps({"token": near.decode()}).encode(), token=near,
                      Content_Type="application/json").status == 401


def test_replies_hold_no_secret(canary):
    assert not canary.search(b"\0".join(canary.seen), "a reply")


def test_standard_error_holds_no_secret(canary):
    assert not canary.search(canary.server.stderr().encode(), "standard error")


def test_files_hold_no_secret(canary):
    for path in canary.data.rglob("*"):
        if path.is_file():
            assert not canary.search(path.read_bytes(), path.name)


@pytest.mark.skipif(SANITIZED, reason="the sanitizers map terabytes, and keep freed memory")
def test_memory_holds_no_key(canary):
    """The server, the fork server and the workers."""
    pids = canary.server.processes()
    assert len(pids) >= 4
    if os.geteuid() != 0:
        with pytest.raises(PermissionError):  # that is how it should be
            next(memory_of(pids[0]))
        pytest.skip("the memory of processes that cannot be attached to can be read by root only")
    token_is_in = []
    control = 0
    for pid in pids:
        total = 0
        for where, data in memory_of(pid):
            total += len(data)
            control += pid == canary.server.pid and str(canary.folder).encode() in data
            if canary.search(data, f"the memory of process {pid}, {where}"):
                token_is_in.append((pid, where))
        assert total > 1 << 20
        for what in ("environ", "cmdline"):
            with open(f"/proc/{pid}/{what}", "rb") as file:
                assert not canary.search(file.read(), what)
    assert [pid for pid, _ in token_is_in if pid != canary.server.pid] == []
    assert control > 0  # what is there is found
    assert token_is_in == []


def leaves_core(folder):
    """Whether a process that aborts leaves a core file in its folder here."""
    script = "import os, resource; " \
        "hard = resource.getrlimit(resource.RLIMIT_CORE)[1]; " \
        "resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)); os.abort()"
    subprocess.run([sys.executable, "-c", script], cwd=folder, stderr=subprocess.DEVNULL, check=False)
    return any(path.name.startswith("core") for path in folder.iterdir())


def test_no_core_file_is_left(canary, tmp_path):
    """A process that cannot be attached to leaves none, whatever the limit is."""
    if not leaves_core(tmp_path):
        pytest.skip("here no process leaves a core file in its folder")
    here = set(os.listdir("."))
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    soft = resource.getrlimit(resource.RLIMIT_CORE)[0]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        running = Server("--keys-dir", canary.folder / "keys", "--processes", 1)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    assert running.lets("hmac_sha256(a, key='long')", {"a": ["x"]}, executor="processes").status == 200
    pool = running.pool("processes")
    for pid in (pool["workers"][0]["pid"], pool["fork_server"]["pid"]):
        os.kill(pid, signal.SIGABRT)
        assert running.lets("a", {"a": [1]}, executor="processes").status == 200
    running.process.send_signal(signal.SIGABRT)
    assert running.process.wait(60) == -signal.SIGABRT
    running.process.stdout.close()
    running.errors.close()
    left = sorted(name for name in set(os.listdir(".")) - here if name.startswith("core"))
    for name in left:
        os.unlink(name)
    assert left == []
