"""Clients that send or read a byte now and then, and more clients than there is room for.

Every deadline is absolute: it does not matter that something still moves. Others are served meanwhile."""
import pathlib
import resource
import socket
import time

import pytest

from client import OVER_TLS, drip, read_reply, together, wait_until
from test_protocol import CSV, HOST, head

ASK = b"GET /v1/functions HTTP/1.1\r\n" + HOST + b"\r\n"
LIVEZ = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
SLACK = 8  # seconds; for machines that do much else


def closed_after(connection, seconds):
    """What came until the server closed, which it must do in that time."""
    connection.settimeout(seconds)
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionError:
        pass
    return got


def served(running):
    begun = time.monotonic()
    assert running.get("/livez").status == 200
    assert running.post_csv("a\n1\n", {"let": "r=a+1"}).body == b"a,r\n1,2\n"
    assert time.monotonic() - begun < SLACK


def dripped(running, first, more):
    """What the server says to a client that sends `first` at once and drips `more` for ever."""
    got = []
    with running.connect() as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(first)
        together(lambda slow: got.append(drip(connection, more, seconds=2 * SLACK)) if slow else served(running), 2)
    return got[0]


@pytest.mark.parametrize("first,more", [
    (b"", b"GET /livez HTTP/1.1\r\n" + b"X: y\r\n" * 50), (b"", b"\r\n"), (b"GET /", b"a"),
    (LIVEZ[:-2], b"X: y\r\n")], ids=["from_the_start", "empty_lines", "target", "fields"])
@pytest.mark.parametrize("before", [b"", LIVEZ, LIVEZ * 3], ids=["first", "second", "fourth"])
def test_a_head_that_drips(launch, first, more, before):
    """Each head of a connection has its own time, and no byte adds to it."""
    running = launch("--header-timeout-ms", 600)
    got = dripped(running, before + first, more)
    assert got.count(b"HTTP/1.1 200 ") == len(before) // len(LIVEZ), got
    assert got.count(b"HTTP/1.1 ") == len(before) // len(LIVEZ) + 1 and b"HTTP/1.1 408 " in got, got


CHUNKED = head(CSV + b"Transfer-Encoding: chunked\r\n")


@pytest.mark.parametrize("first,more", [
    (head(CSV + b"Content-Length: 1000000\r\n"), b"1\n"), (CHUNKED, b"2\r\n1\n\r\n"), (CHUNKED + b"1000\r\n", b"1\n"),
    (CHUNKED + b"1", b"0"), (CHUNKED + b"1;", b"a"), (CHUNKED + b"2\r\na\n\r\n0\r\nX: ", b"y"),
    (CHUNKED + b"2\r\na\n\r\n0\r\n", b"X: y\r\n")],
    ids=["length", "chunks", "in_a_chunk", "size", "extension", "trailer", "trailers"])
def test_a_body_that_drips(launch, first, more):
    running = launch("--body-timeout-ms", 600)
    got = dripped(running, first, more)
    assert got.startswith(b"HTTP/1.1 408 ") and b'"request_timeout"' in got, got
    assert got.count(b"HTTP/1.1 ") == 1, got


def slow_reader(running):
    """A socket with hardly any room for what it does not read."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(60)
    connection.connect((running.host, running.port))
    return connection


def gone(running, connection):
    """Whether the server has closed the other end of this connection."""
    port = "%04X" % connection.getsockname()[1]
    ours = "%04X" % running.port
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state = line.split()[:4]
        if local.endswith(":" + ours) and remote.endswith(":" + port) and state == "01":
            return False
    return True


@pytest.mark.skipif(OVER_TLS, reason="its client speaks plain HTTP")
@pytest.mark.parametrize("flags", [(), ("--buffer-bytes", 65536)], ids=["buffered", "streamed"])
def test_a_reply_that_is_read_a_byte_at_a_time(launch, flags):
    """A reader has --body-timeout-ms and a second for each MiB."""
    running = launch("--body-timeout-ms", 600, *flags)
    body = b"a\n" + b"1234567890\n" * 350_000  # more than the sockets hold between them
    with slow_reader(running) as connection:
        connection.sendall(head(CSV + b"Content-Length: %d\r\n" % len(body)) + body)
        until = time.monotonic() + 0.6 + len(body) / (1 << 20) + SLACK
        got = b""
        while not gone(running, connection):
            assert time.monotonic() < until
            got += connection.recv(1)
            served(running)
            time.sleep(0.05)
        assert got.startswith(b"HTTP/1.1 200 OK"[:len(got)])
        rest = closed_after(connection, SLACK)
        assert len(got + rest) < len(body)
    wait_until(lambda: running.wait_idle(1), 10)


@pytest.mark.skipif(OVER_TLS, reason="its client speaks plain HTTP")
def test_a_client_that_pipelines_and_does_not_read(launch):
    """Its replies are not heaped up, and it is closed."""
    running = launch("--body-timeout-ms", 600)
    served(running)
    before = running.resident()
    with slow_reader(running) as connection:
        connection.settimeout(0.2)
        sent, until = 0, time.monotonic() + 0.6 + SLACK
        while not gone(running, connection):
            assert time.monotonic() < until
            try:
                sent += connection.send(ASK * 200)
            except TimeoutError:
                pass
            except OSError:
                break
            served(running)
        assert sent < 64 << 20
    assert running.resident() - before < 64 << 20


# ---- more connections than there is room for ------------------------------------------------------


def asked(connection, ask=ASK):
    connection.sendall(ask)
    return read_reply(connection.makefile("rb"))


@pytest.mark.parametrize("times", [1, 3, 40])
def test_silent_connections(launch, times):
    """Many times as many as are taken connect and say nothing: health checks are answered, others are
    told at once that it is full, and when the silent ones have had their time all are served."""
    running = launch("--max-connections", 8, "--header-timeout-ms", 3000)
    silent = [running.connect() for _ in range(8 * times)]
    try:
        for _ in range(3):
            begun = time.monotonic()
            with running.connect(10) as connection:
                assert asked(connection, LIVEZ).status == 200
            with running.connect(10) as connection:
                reply = asked(connection)
                assert reply.status == 503 and reply.problem["code"] == "overloaded", reply
                assert reply.problem["limit"] == "--max-connections" and int(reply.headers["Retry-After"]) >= 1
            assert time.monotonic() - begun < 2
        assert running.descriptors() < 8 + 64 + 64 + 100
        wait_until(lambda: running.get("/v1/functions").status == 200, 3 + SLACK)
    finally:
        for connection in silent:
            connection.close()


def told(connection):
    """What an idle connection was told before it was closed; None: it still is open."""
    try:
        connection.setblocking(False)
        return connection.recv(4096)
    except BlockingIOError:
        return None


@pytest.mark.skipif(OVER_TLS, reason="over TLS they are closed without a word")
def test_who_makes_way_is_told_so(launch):
    """The excess connections that were silent longest get a 503 when others need their place."""
    running = launch("--max-connections", 1, "--header-timeout-ms", 60000)
    first = running.connect(20)
    assert asked(first, LIVEZ).status == 200
    silent = [running.connect() for _ in range(64 + 10)]
    try:
        heard = {}

        def ten_are_told():
            for number, connection in enumerate(silent):
                heard[number] = heard.get(number) or told(connection)
            return sum(text is not None for text in heard.values()) >= 10

        wait_until(ten_are_told, 10)
        assert asked(first).status == 200  # who was in time keeps its place
        gone_numbers = [number for number, text in heard.items() if text is not None]
        assert len(gone_numbers) <= 11 and max(gone_numbers) < 40, gone_numbers
        for number in gone_numbers:
            assert heard[number].startswith(b"HTTP/1.1 503 ") and b"Retry-After: " in heard[number], heard[number]
    finally:
        for connection in [first] + silent:
            connection.close()


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


@pytest.mark.skipif(OVER_TLS, reason="who waits for a descriptor cannot shake hands")
def test_no_descriptors_left(launch):
    """Without descriptors connections wait, nothing spins, and later all is well."""
    running = launch("--header-timeout-ms", 60000)
    clients = []
    served(running)
    limit = running.descriptors() + 8
    before = resource.prlimit(running.pid, resource.RLIMIT_NOFILE)
    try:
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, (limit, before[1]))
        clients = [running.connect(20) for _ in range(40)]
        wait_until(lambda: running.descriptors() >= limit, 10)
        assert asked(clients[0], LIVEZ).status == 200  # who is in is served
        cpu, begun = cpu_seconds(running.pid), time.monotonic()
        time.sleep(1.5)
        assert cpu_seconds(running.pid) - cpu < 0.5 * (time.monotonic() - begun)
        for connection in clients[:20]:  # room again: those that waited are taken
            connection.close()
        for connection in clients[-4:]:
            connection.close()
        wait_until(lambda: asked(clients[20], LIVEZ).status == 200, 20)
    finally:
        for connection in clients:
            connection.close()
        resource.prlimit(running.pid, resource.RLIMIT_NOFILE, before)
    wait_until(lambda: running.descriptors() < limit, 20)
    served(running)
