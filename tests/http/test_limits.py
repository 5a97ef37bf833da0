"""Every limit at its value and one past it; deadlines."""
import json
import socket
import ssl
import threading
import time

import pytest

from client import drip, read_reply, wait_until
from test_protocol import CSV, HOST, SLOW, head


def refused(reply, flag, status=422, code="limit_exceeded"):
    assert reply.status == status, reply
    problem = reply.problem
    assert problem["code"] == code and problem["limit"].lstrip("-") == flag.lstrip("-"), problem


def test_body_bytes(launch):
    running = launch("--max-body-bytes", 1000)
    fits = b"a\n" + b"x" * 997 + b"\n"
    assert running.post_csv(fits, {"let": "r=length(a)", "select": "r"}).text == "r\n997\n"
    refused(running.post_csv(fits + b"\n"), "--max-body-bytes", 413, "body_too_large")
    chunked = head(CSV + b"Transfer-Encoding: chunked\r\n", b"/v1/compute")
    for body, status in ((fits, 200), (fits + b"\n", 413)):
        with running.connect() as connection:
            connection.sendall(chunked + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            reply = read_reply(connection.makefile("rb"))
            assert reply.status == status, reply
    document = json.dumps({"columns": {"a": ["x" * 2000]}, "let": {"r": "1"}})
    refused(running.post_json(document), "--max-body-bytes", 413, "body_too_large")


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_rows(launch, executor):
    running = launch("--max-rows", 1000)
    options = {"let": "r=a", "executor": executor, "chunk_rows": 300}
    for rows, fits in ((1000, True), (1001, False), (5000, False)):
        replies = [running.post_csv("a\n" + "1\n" * rows, options),
                   running.post_json({"columns": {"a": [1] * rows}, "let": {"r": "a"}, "executor": executor}),
                   running.post_json({"generate": {"rows": rows, "columns": ["a"], "distribution": "uniform",
                                                   "seed": 1}, "let": {"r": "a"}, "executor": executor})]
        for reply in replies:
            if fits:
                assert reply.status == 200, reply
            else:
                refused(reply, "--max-rows")


def test_columns(launch):
    running = launch("--max-columns", 20)
    for count, fits in ((20, True), (21, False)):
        names = [f"c{k}" for k in range(count)]
        replies = [running.post_csv(",".join(names) + "\n" + ",".join("1" * count) + "\n"),
                   running.post_json({"columns": {n: [1] for n in names}, "select": "all"}),
                   running.post_json({"generate": {"rows": 1, "columns": names, "distribution": "normal",
                                                   "seed": 1}, "select": "all"})]
        for reply in replies:
            if fits:
                assert reply.status == 200, reply
            else:
                refused(reply, "--max-columns")


def test_json_depth(launch):
    running = launch("--max-json-depth", 3)
    assert running.post_json('{"columns": {"a": [1]}, "let": {"r": "a"}}').status == 200
    refused(running.post_json('{"columns": {"a": [[1]]}, "let": {"r": "a"}}'), "--max-json-depth")
    refused(running.post_json('{"columns": {"a": [1]}, "let": {"r": [[["a"]]]}}'), "--max-json-depth")


def test_expression_nodes_and_bytes(launch):
    running = launch("--max-expression-nodes", 3)
    assert running.lets("a + 1").status == 200
    refused(running.lets("-a + 1"), "--max-expression-nodes")
    refused(running.lets({"r": "a + 1", "s": "a"}), "--max-expression-nodes")
    running = launch("--max-expression-bytes", 10)
    assert running.lets("a + 123456").status == 200
    refused(running.lets("a + 1234567"), "--max-expression-bytes")
    refused(running.post_csv("a\n1\n", {"let": "r=a*1*1*11111"}), "--max-expression-bytes")


def test_expression_depth(launch):
    """Past the limit every kind of nesting is refused, below it none is."""
    running = launch("--max-expression-depth", 50)
    forms = [lambda n: "(" * n + "a" + ")" * n, lambda n: "-" * n + "a", lambda n: "abs(" * n + "a" + ")" * n,
             lambda n: "1 if a == 1 else " * n + "2", lambda n: "2.0 ** " * n + "1", lambda n: "not " * n + "True"]
    for form in forms:
        assert running.lets(form(10)).status == 200, form(10)
        refused(running.lets(form(120)), "--max-expression-depth")


def test_header_bytes(launch):
    running = launch("--max-header-bytes", 4096)
    fits = running.request("GET", "/livez", headers={"X-Long": "y" * 3500})
    assert fits.status == 200
    assert running.request("GET", "/livez", headers={"X-Long": "y" * 4096}).status == 431
    many = {f"X-{k}": "y" for k in range(2000)}
    try:
        assert running.request("GET", "/livez", headers=many).status == 431
    except ConnectionError:
        pass
    assert running.request("GET", "/livez?" + "x" * 5000).status in (414, 431)


def test_workers(launch):
    running = launch("--max-workers", 3)
    for executor in ("threads", "processes"):
        assert running.lets("a", {"a": [1]}, workers=3, executor=executor).status == 200
        reply = running.lets("a", {"a": [1]}, workers=4, executor=executor)
        assert reply.status == 400 and reply.problem["parameter"] == "workers", reply
    with_flags = launch("--threads", 3, "--processes", 1)
    assert len(with_flags.pool("threads")["workers"]) == 3
    assert len(with_flags.pool("processes")["workers"]) == 1


ASK = b"GET /v1/functions HTTP/1.1\r\n" + HOST + b"\r\n"


def asked(connection):
    connection.sendall(ASK)
    return read_reply(connection.makefile("rb"))


def test_connections(launch):
    """Past --max-connections a connection is answered 503; probes of health are not."""
    running = launch("--max-connections", 5)
    used = [running.connect() for _ in range(5)]
    for connection in used:
        assert asked(connection).status == 200
    for _ in range(3):
        with running.connect(10) as extra:
            reply = asked(extra)
            refused(reply, "--max-connections", 503, "overloaded")
            assert int(reply.headers["Retry-After"]) >= 1
    assert running.get("/livez").status == 200
    for connection in used:  # who was there first is still served
        assert asked(connection).status == 200
        connection.close()
    wait_until(lambda: running.get("/v1/functions").status == 200)


def test_queued(launch):
    """Past --max-queued requests in flight, new ones are refused at once; the page still works."""
    running = launch("--max-queued", 1)
    replies = []
    slow = threading.Thread(target=lambda: replies.append(running.post_json({**SLOW, "timeout_ms": 3000})))
    slow.start()
    wait_until(running.working)
    begun = time.monotonic()
    reply = running.post_csv("a\n1\n", {"let": "r=a"})
    assert reply.status == 503 and reply.problem["code"] == "overloaded", reply
    assert int(reply.headers["Retry-After"]) >= 1 and time.monotonic() - begun < 2
    assert running.get("/livez").status == 200
    slow.join()
    assert replies[0].status == 504
    assert running.wait_idle(10)  # work that is being stopped still counts
    wait_until(lambda: running.post_csv("a\n1\n", {"let": "r=a"}).status == 200)


def test_memory(launch):
    running = launch("--memory-bytes", 8 << 20)
    big = b"a\n" + b"123456789\n" * 3_000_000
    for _ in range(3):
        try:
            reply = running.post_csv(big, {"let": "k=md5(a)"})
            assert reply.status in (413, 503), reply  # it would never fit, or not now
            assert "memory-bytes" in reply.problem["limit"]
            assert reply.status == 413 or reply.headers["Retry-After"]
        except (ConnectionError, ssl.SSLError):  # the reply was lost behind the upload
            pass
        assert running.post_csv("a\n1\n", {"let": "r=a"}).status == 200


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_deadlines(launch, executor):
    running = launch("--request-timeout-ms", 1500)
    for options in ({"timeout_ms": 300}, {}):
        begun = time.monotonic()
        reply = running.post_json({**SLOW, **options, "executor": executor})
        assert reply.status == 504 and reply.problem["code"] == "deadline_exceeded", reply
        assert time.monotonic() - begun < 10
    assert running.wait_idle(10)
    assert running.lets("a + 1", {"a": [1]}, executor=executor, timeout_ms=1400).columns["r"] == [2]
    failed = running.run_of(reply)
    assert failed["error"]["code"] == "deadline_exceeded"


def test_a_timeout_beyond_the_cap(launch):
    running = launch("--request-timeout-ms", 1000)
    reply = running.lets("a", {"a": [1]}, timeout_ms=10_000_000)
    assert reply.status in (200, 400), reply


def closed_within(connection, seconds):
    """What the server sends until it closes."""
    connection.settimeout(seconds)
    got = b""
    try:
        while True:
            piece = connection.recv(65536)
            if not piece:
                return got
            got += piece
    except ConnectionError:
        return got


def test_a_slow_body_is_408(launch):
    """Absolute, not idle: a byte now and then does not help."""
    running = launch("--body-timeout-ms", 800)
    with running.connect() as connection:
        connection.sendall(head(CSV + b"Content-Length: 1000\r\n"))
        got = drip(connection, b"a", 0.1)
        assert got.startswith(b"HTTP/1.1 408 "), got
        assert b"request_timeout" in got
    assert running.post_csv("a\n1\n").status == 200


def test_a_slow_head_is_closed(launch):
    running = launch("--header-timeout-ms", 500)
    for sent in (b"", b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow"):
        with running.connect() as connection:
            connection.sendall(sent)
            begun = time.monotonic()
            got = closed_within(connection, 15)
            assert got == b"" or got.startswith(b"HTTP/1.1 408 "), got
            assert time.monotonic() - begun < 10
    with running.connect() as connection:
        for _ in range(3):  # a connection that is used lives on
            connection.sendall(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
            assert read_reply(connection.makefile("rb")).status == 200
            time.sleep(0.2)


def test_slow_clients_do_not_hold_up_others(launch):
    running = launch("--body-timeout-ms", 5000)
    slow = []
    for _ in range(30):
        connection = running.connect()
        connection.sendall(head(CSV + b"Content-Length: 100000\r\n") + b"a,b\n1,2\n")
        slow.append(connection)
    for _ in range(20):
        begun = time.monotonic()
        assert running.post_csv("a\n1\n", {"let": "r=a", "executor": "threads"}).status == 200
        assert time.monotonic() - begun < 2
    for connection in slow:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()


@pytest.mark.parametrize("flags", [(), ("--buffer-bytes", 65536)])
def test_a_client_that_does_not_read_is_closed(launch, flags):
    """The deadline of a body holds in the other direction too."""
    running = launch("--body-timeout-ms", 500, *flags)
    before = running.descriptors()
    data = b"a\n" + b"1234567890\n" * 40_000
    with running.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(head(CSV + b"Content-Length: %d\r\n" % len(data), b"/v1/compute?let=k=sha512(a)") + data)
        time.sleep(0.3)
        wait_until(lambda: running.descriptors() <= before, 30)
    assert running.wait_idle(5) and running.post_csv("a\n1\n").status == 200
