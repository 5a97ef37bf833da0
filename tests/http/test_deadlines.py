"""Deadlines and drains in the middle of things: of an upload, of a streamed reply."""
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import threading
import time

import pytest

from client import JSON, SANITIZED, Server, read_reply, wait_until
from test_protocol import CSV, head

ROOM = (512 if SANITIZED else 256) << 20  # AddressSanitizer keeps freed memory for a while
DATA = b"a\n" + b"1234567890\n" * 1_000_000


def upload(connection, target, length=100_000, first=b"a\n1\n2\n"):
    connection.sendall(head(CSV + b"Content-Length: %d\r\n" % length, target) + first)


@pytest.mark.parametrize("first", [b"", b"a\n1\n2\n"])
def test_a_deadline_while_the_body_arrives(server, first):
    with server.connect(20) as connection:
        upload(connection, b"/v1/compute?let=r=a&timeout_ms=400", first=first)
        begun = time.monotonic()
        reply = read_reply(connection.makefile("rb"))
        assert reply.status == 504 and reply.problem["code"] == "deadline_exceeded", reply
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize("executor", [b"serial", b"threads", b"processes"])
def test_a_deadline_while_the_reply_streams(launch, executor):
    """A reader that is too slow sees a broken framing; the run says why; the work has stopped."""
    running = launch("--buffer-bytes", 65536)
    with running.connect() as connection:
        connection.sendall(head(CSV + b"Content-Length: %d\r\n" % len(DATA),
                                b"/v1/compute?let=k=sha512(a)&timeout_ms=1500&executor=" + executor) + DATA)
        stream = connection.makefile("rb")
        time.sleep(3)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            reply = read_reply(stream)
            assert reply.status == 504, reply.status  # the deadline came before the head
            raise ConnectionError
    assert running.wait_idle(10)
    newest = running.get("/v1/runs?limit=1").json()["runs"][0]["id"]
    error = wait_until(lambda: running.run(newest).get("error"))
    assert error["code"] == "deadline_exceeded"


def test_uploads_that_are_abandoned(launch):
    running = launch()
    before = running.descriptors()
    for target in (b"/v1/compute?let=r=a", b"/v1/compute?let=k=md5(*)&executor=processes&chunk_rows=1"):
        for _ in range(10):
            with running.connect() as connection:
                upload(connection, target)
                time.sleep(0.01)
    assert running.wait_idle(10)
    wait_until(lambda: running.descriptors() <= before)


def test_sigterm_while_a_body_arrives():
    """What was accepted is finished; what is new is refused."""
    running = Server()
    with running.connect(30) as connection:
        upload(connection, b"/v1/compute?let=r=a&select=r", length=100_000)
        while running.get("/v1/pools").status != 200:
            pass
        time.sleep(0.3)
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: running.get("/readyz").status == 503)
        refused = running.post_csv("a\n1\n")
        assert refused.status == 503 and refused.problem["code"] == "draining"
        assert refused.headers["Retry-After"]
        connection.sendall(b"3\n" * ((100_000 - 6) // 2))
        reply = read_reply(connection.makefile("rb"))
        assert reply.status == 200 and reply.body == b"r\n1\n2\n" + b"3\n" * ((100_000 - 6) // 2)
    assert running.stop() == 0


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_texts_that_double_are_refused_and_forgotten(launch, executor):
    """Forty doublings are a typed error, and what large texts took is given back."""
    running = launch()

    def doubled(first, times, count):
        lets = {"r0": first}
        lets.update({f"r{k}": f"r{k - 1} + r{k - 1}" for k in range(1, times)})
        return running.post_json({"columns": {"s": ["x" * 700] * count}, "let": lets, "select": ["r0"],
                                  "executor": executor})

    assert doubled("s + s", 3, 5).status == 200
    before = {pid: resident(pid) for pid in running.processes()}
    for number in range(5):
        reply = doubled(f"s + '{number}'", 15, 1)
        assert reply.status == 200, reply
        reply = doubled(f"s + '{number}'", 40, 2)
        assert reply.status == 422 and reply.problem["code"] == "limit_exceeded", reply
    wait_until(lambda: all(resident(pid) <= before.get(pid, 0) + ROOM for pid in running.processes()), 15,
               lambda: {pid: resident(pid) >> 20 for pid in running.processes()})


def resident(pid):
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * 4096
    except OSError:
        return 0


def test_sigterm_while_clients_never_stop_asking():
    """A connection is closed behind its reply, and no new one is taken once the work is done."""
    running = Server("--grace-ms", "20000")
    ended, answered = threading.Event(), []

    def ask(method, path, body):
        connection = running.connection(20)
        while not ended.is_set():
            try:
                connection.request(method, path, body)
                reply = connection.getresponse()
                reply.read()
                answered.append(reply.status)
            except (OSError, http.client.HTTPException):
                connection.close()  # and connects again

    clients = [threading.Thread(target=ask, args=arguments) for arguments in
               [("POST", "/v1/compute?let=r=a", b"a\n1\n")] * 4 + [("GET", "/v1/runs?limit=5", None)] * 3]
    for thread in clients:
        thread.start()
    wait_until(lambda: len(answered) > 100, 20)
    code = running.stop()
    ended.set()
    for thread in clients:
        thread.join()
    assert code == 0 and set(answered) <= {200, 503}


def test_sigterm_answers_all_work_that_it_ends():
    """A server that gets little of the processor has replies under way for long; none of them is cut off."""
    running = Server("--grace-ms", 100)
    experiment = {"workload": {"compute": {"generate": {"rows": 1_000_000, "columns": ["a", "b"], "seed": 1},
                                           "let": {"k": "sha512(a, b)"}}}, "executors": ["threads"], "repeat": 1000}
    connections = [running.connection(60) for _ in range(30)]
    for connection in connections:
        connection.request("POST", "/v1/compare", json.dumps(experiment), {"Content-Type": JSON})
    wait_until(running.working)
    running.process.send_signal(signal.SIGTERM)
    until = time.monotonic() + 30
    while running.process.poll() is None and time.monotonic() < until:
        os.kill(running.pid, signal.SIGSTOP)
        time.sleep(0.026)
        os.kill(running.pid, signal.SIGCONT)
        time.sleep(0.0005)
    replies = [read_reply(connection.sock.makefile("rb")) for connection in connections]
    for connection in connections:
        connection.close()
    assert [reply and (reply.status, reply.code) for reply in replies] == [(503, "draining")] * 30
    assert running.stop() == 0


def test_sigterm_while_all_descriptors_are_in_use():
    """Connections that cannot be taken do not hold up the end."""
    running = Server("--grace-ms", "500")
    clients = []
    try:
        limit = running.descriptors() + 8
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (limit, limit))
        clients = [running.connect_bare(5) for _ in range(24)]
        wait_until(lambda: running.descriptors() >= limit, 10)
        assert running.stop(20) == 0
    finally:
        for client in clients:
            client.close()


@pytest.mark.skipif(SANITIZED, reason="AddressSanitizer has memory of its own")
def test_the_first_bytes_of_chunked_bodies_take_little(launch):
    """Whoever does not say how much will come gets no huge page for a few bytes."""
    running = launch()
    line = head(CSV + b"Transfer-Encoding: chunked\r\n", b"/v1/compute?let=r=a")
    clients = []
    try:
        before = running.resident()
        for _ in range(64):
            clients.append(running.connect(10))
            clients[-1].sendall(line + b"6\r\na\n1\n2\n\r\n")
        time.sleep(1)
        assert running.resident() - before < 32 << 20
        for client in clients:
            client.sendall(b"0\r\n\r\n")
        for client in clients:
            reply = read_reply(client.makefile("rb"))
            assert reply.status == 200 and reply.body == b"a,r\n1,1\n2,2\n"
    finally:
        for client in clients:
            client.close()


@pytest.mark.parametrize("rows", [1, 20, 60])
def test_the_reason_is_true_of_rows_that_were_not_announced(server, rows):
    """Where a body's end is not in sight it is shared, whatever it comes to."""
    body = b"a\n" + b"\n".join([b"x" * (80_000 // rows)] * rows)
    with server.connect(20) as connection:
        connection.sendall(head(CSV + b"Transfer-Encoding: chunked\r\nAccept: application/json\r\n",
                                b"/v1/compute?let=r=length(a)"))
        connection.sendall(b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        reply = read_reply(connection.makefile("rb"))
    reason = reply.json()["execution"]["reason"]
    said = re.fullmatch(r"auto: (\d+) rows of \S+ µs, (over|under) the break-even of (\d+) rows"
                        r"(, [a-z ]+)?(; answered without a crossing)?", reason)
    if said:
        assert int(said[1]) == rows, reason
        assert (said[2] == "over") == (rows >= int(said[3])), reason
    else:
        assert "left to a worker" in reason or "one worker" in reason, reason


@pytest.mark.skipif(SANITIZED, reason="AddressSanitizer has memory of its own")
def test_room_that_chunks_set_aside_is_not_kept(launch):
    """What a chunk will write is guessed from its first rows; what was not used is not kept."""
    running = launch()
    chunk = b"x" * 100 + b"\n", b"z" * 800 + b"\n"  # the first rows write 700 bytes each, the others 100
    body = b"a\n" + (chunk[0] * 1024 + chunk[1] * 1024) * 100
    before = running.resident()
    reply = running.post_csv(body, {"let": "r=replace(substr(a,0,100),'x','yyyyyyy')", "select": "r",
                                    "chunk_rows": 2048, "executor": "threads"})
    assert reply.status == 200 and len(reply.body) == 2 + 100 * 1024 * (701 + 101)
    status = pathlib.Path(f"/proc/{running.pid}/status").read_text(encoding="ascii")
    most = int(re.search(r"VmHWM:\s+(\d+)", status)[1]) << 10
    assert most - before <= len(body) + len(reply.body) + (64 << 20), (most - before) >> 20
