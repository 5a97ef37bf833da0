"""HTTP as bytes: framing, 100-continue, keep-alive, odd pieces, hang-ups."""
import json
import socket
import ssl
import struct
import time

import pytest

import client
from client import OVER_TLS, half_close, raw, read_reply

HOST = b"Host: 127.0.0.1\r\n"
BODY = b"a,b\n1,2\n"
GOOD = (b"POST /v1/compute?select=a HTTP/1.1\r\n" + HOST +
        b"Content-Type: text/csv\r\nContent-Length: 8\r\n\r\n" + BODY)
SLOW_LETS = {f"h{k}": f"sha3_256(a, b, 'x{k}')" for k in range(40)}
SLOW = {"generate": {"rows": 3_000_000, "columns": ["a", "b"], "distribution": "uniform", "seed": 1},
        "let": SLOW_LETS, "limit": 0, "chunk_rows": 2000}


def head(lines, target=b"/v1/compute?select=a", method=b"POST", host=HOST, version=b"HTTP/1.1"):
    return method + b" " + target + b" " + version + b"\r\n" + host + lines + b"\r\n"


CSV = b"Content-Type: text/csv\r\n"


@pytest.mark.parametrize("request_bytes", [
    head(CSV + b"Content-Length: 8\r\nContent-Length: 8\r\n") + BODY,
    head(CSV + b"Content-Length: 8\r\nContent-Length: 4\r\n") + BODY,
    head(CSV + b"Content-Length: 8, 8\r\n") + BODY,
    head(CSV + b"Content-Length: 8\r\nTransfer-Encoding: chunked\r\n") + b"8\r\na,b\n1,2\n\r\n0\r\n\r\n",
    head(CSV + b"Transfer-Encoding: chunked\r\nContent-Length: 8\r\n") + b"8\r\na,b\n1,2\n\r\n0\r\n\r\n",
    head(CSV + b"Transfer-Encoding: gzip, chunked\r\n") + b"0\r\n\r\n",
    head(CSV + b"Transfer-Encoding: gzip\r\n"), head(CSV + b"Transfer-Encoding: identity\r\n"),
    head(CSV + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
    head(CSV + b"Transfer-Encoding: xchunked\r\n") + b"0\r\n\r\n",
    head(CSV + b"Content-Length: 8\r\n", host=b"") + BODY,
    head(CSV + HOST + b"Content-Length: 8\r\n") + BODY,
    head(CSV + b"Host: other\r\nContent-Length: 8\r\n") + BODY,
    head(CSV + b"X : y\r\nContent-Length: 8\r\n") + BODY,
    head(CSV + b"X y: z\r\nContent-Length: 8\r\n") + BODY,
    head(CSV + b"Content-Length : 8\r\n") + BODY, head(CSV + b"Content-Length: +8\r\n") + BODY,
    head(CSV + b"Content-Length: -8\r\n") + BODY, head(CSV + b"Content-Length: 0x8\r\n") + BODY,
    head(CSV + b"Content-Length: 8 8\r\n") + BODY, head(CSV + b"Content-Length: \r\n") + BODY,
    head(CSV + b"X(: y\r\nContent-Length: 8\r\n") + BODY])
def test_ambiguous_framing_is_refused_and_closed(server, request_bytes):
    """400 and a close; nothing behind it is served."""
    got = everything(server, request_bytes + b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
    assert got.startswith(b"HTTP/1.1 400 "), got
    assert b" 200 OK" not in got and b"alive" not in got, got
    kind = got.split(b"\r\n\r\n")[0].lower()
    assert b"application/problem+json" not in kind or b'"ambiguous_request"' in got, got


@pytest.mark.threads
@pytest.mark.parametrize("target,document,headers", [
    ("/v1/map", {"function": "long_io", "args": [1, 2], "seconds": 0.05, "executor": "threads"}, b""),
    ("/v1/map", {"function": "long_comp", "args": [1], "iterations": 10**8, "executor": "gil"}, b""),
    ("/v1/compare", {"workload": {"map": {"function": "long_io", "args": [1], "seconds": 0.01}},
                     "executors": ["serial"], "repeat": 1}, b""),
    ("/v1/map", {"function": "long_io", "args": [1], "seconds": 0.05, "executor": "threads"},
     b"Prefer: respond-async, wait=5\r\n"),
    ("/v1/compute", {"generate": {"rows": 20000, "columns": ["a"]}, "let": {"h": "md5(a)"},
                     "executor": "threads", "chunk_rows": 100}, b"")])
def test_a_client_that_resets_right_after_its_request(server, target, document, headers):
    """The reply that is still owed must find its request alive, and the next client a server."""
    body = json.dumps(document).encode()
    lines = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    data = head(lines + headers, target.encode()) + body
    for round_ in range(40):
        connections = [server.connect() for _ in range(4)]
        for connection in connections:
            connection.sendall(data)
        time.sleep(0.0002 * (round_ % 4))
        for connection in connections:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
    assert server.get("/livez").status == 200
    assert server.get("/v1/jobs").status == 200
    client.wait_until(lambda: all(worker["state"] == "idle" for pool in server.get("/v1/pools").json()["pools"]
                                  for worker in pool["workers"]))


def everything(server, data, timeout=20):
    """All bytes that come back until the server closes (it must)."""
    with server.connect(timeout) as connection:
        connection.sendall(data)
        got = b""
        while True:
            try:
                piece = connection.recv(65536)
            except ConnectionError:
                return got
            if not piece:
                return got
            got += piece


@pytest.mark.parametrize("request_bytes", [
    b"\r\n" + GOOD, GOOD.replace(b"Host:", b"hOsT:"), GOOD.replace(b"Content-Length: 8", b"Content-Length:8"),
    head(CSV + b"Transfer-Encoding: chunked\r\n") + b"4;ext=1\r\na,b\n\r\n4\r\n1,2\n\r\n0\r\nTrailer: x\r\n\r\n",
    head(CSV + b"Transfer-Encoding: Chunked\r\n") + b"08\r\na,b\n1,2\n\r\n0\r\n\r\n",
    GOOD.replace(b"Host: 127.0.0.1", b"Host: localhost:8080")])
def test_framing_that_is_fine(server, request_bytes):
    replies, _ = raw(server, request_bytes)
    assert replies[0].status == 200 and replies[0].body == b"a\n1\n", replies


def test_broken_requests_get_an_answer_or_a_close(server):
    for data in (b"GARBAGE\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", b"\0\0\0\0\r\n\r\n",
                 b"GET /livez HTTP/1.1\r\n" + b"A" * 100 + b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"):
        try:
            replies, _ = raw(server, data, timeout=3)
        except (TimeoutError, ConnectionError, IndexError, ValueError):
            continue
        assert not replies or 400 <= replies[0].status < 600, (data, replies)
    assert server.get("/livez").status == 200


def test_foreign_hosts_and_origins(server):
    reply, _ = raw(server, GOOD.replace(b"Host: 127.0.0.1", b"Host: evil.example"))
    assert reply[0].status == 403 and reply[0].problem["code"] == "forbidden_origin"
    foreign = server.post_csv(BODY, headers={"Origin": "http://evil.example"})
    assert foreign.status == 403 and foreign.problem["code"] == "forbidden_origin"
    own = server.post_csv(BODY, headers={"Origin": server.url})
    assert own.status == 200, own
    assert server.post_csv(BODY, headers={"Origin": "null"}).status == 403


EXPECT = CSV + b"Expect: 100-continue\r\nContent-Length: 8\r\n"


def expecting(server, request_head, body=BODY):
    """Sends a head; the body only after a 100. Returns (saw a 100, the final reply)."""
    with server.connect(20) as connection:
        connection.sendall(request_head)
        stream = connection.makefile("rb")
        reply = read_reply(stream)
        if reply.status != 100:
            return False, reply
        connection.sendall(body)
        while reply.status < 200:
            reply = read_reply(stream)
        return True, reply


def test_continue_is_sent_for_a_good_request(server):
    went_on, reply = expecting(server, head(EXPECT))
    assert went_on and reply.status == 200 and reply.body == b"a\n1\n"


@pytest.mark.parametrize("target, lines, status, code", [
    (b"/v1/compute?nosuch=1", EXPECT, 400, "unknown_parameter"),
    (b"/v1/compute?limit=x", EXPECT, 400, "invalid_parameter"),
    (b"/v1/compute?let=r=%zz", EXPECT, 400, "invalid_parameter"),
    (b"/v1/compute?let=r=a%2B%2B", EXPECT, 400, "syntax_error"),
    (b"/v1/compute?let=r=nosuch(a)", EXPECT, 422, "unknown_function"),
    (b"/nosuch", EXPECT, 404, "not_found"),
    (b"/v1/compute", EXPECT.replace(b"text/csv", b"image/png"), 415, "unsupported_media_type"),
    (b"/v1/compute", EXPECT + b"Accept: image/png\r\n", 406, "not_acceptable"),
    (b"/v1/compute", EXPECT + b"Content-Encoding: br\r\n", 415, "unsupported_media_type"),
    (b"/v1/compute", EXPECT.replace(b"Content-Length: 8", b"Content-Length: 99999999999999"), 413,
     "body_too_large")])
def test_what_is_wrong_with_the_head_is_said_before_the_body(server, target, lines, status, code):
    went_on, reply = expecting(server, head(lines, target))
    assert not went_on, "the body was asked for"
    assert reply.status == status and reply.problem["code"] == code, reply


def test_keep_alive_and_pipelining(server):
    replies, closed = raw(server, GOOD * 5, count=5)
    assert [r.status for r in replies] == [200] * 5 and not closed
    assert len({r.headers["Colonnade-Run"] for r in replies}) == 5
    last, closed = raw(server, GOOD.replace(CSV, CSV + b"Connection: close\r\n"))
    assert last[0].status == 200 and closed
    after_error, closed = raw(server, GOOD.replace(b"select=a", b"select=zzz") + GOOD, count=2)
    assert [r.status for r in after_error] == [422, 200]


@pytest.mark.parametrize("sizes", [[1], [2, 1, 3], [7, 1000, 1], [4095, 1, 4096], [65536]])
def test_chunked_uploads_in_odd_pieces(server, sizes):
    body = b"a,b\n" + b"".join(b'%d,"x\r\ny%d"\n' % (k, k) for k in range(60 if sizes == [1] else 4000))
    pieces, at, turn = [], 0, 0
    while at < len(body):
        size = sizes[turn % len(sizes)]
        pieces.append(body[at:at + size])
        at, turn = at + size, turn + 1
    data = head(CSV + b"Transfer-Encoding: chunked\r\n", b"/v1/compute")
    data += b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
    with server.connect() as connection:
        for start in range(0, len(data), 1 if sizes == [1] else 1 << 20):
            connection.sendall(data[start:start + (1 if sizes == [1] else 1 << 20)])
        reply = read_reply(connection.makefile("rb"))
    assert reply.status == 200 and reply.body == body


def test_a_body_that_ends_early(launch):
    """Fewer bytes than announced and a close: no reply, and the server lives on."""
    running = launch("--body-timeout-ms", 2000)
    before = running.descriptors()
    for sent in (b"", b"a,b\n1"):
        with running.connect() as connection:
            connection.sendall(head(CSV + b"Content-Length: 100\r\n") + sent)
            time.sleep(0.05)
    for lines in (b"Transfer-Encoding: chunked\r\n", b"Content-Length: 100\r\n"):
        with running.connect() as connection:
            connection.sendall(head(CSV + lines) + b"8\r\na,b\n1,2\n\r\n")
            half_close(connection)
            connection.settimeout(10)
            assert b" 200 " not in connection.recv(4096).split(b"\r\n")[0]
    got = everything(running, head(CSV + b"Transfer-Encoding: chunked\r\n") + b"zz\r\nabc\r\n0\r\n\r\n")
    assert got == b"" or got.startswith(b"HTTP/1.1 400 "), got
    client.wait_until(lambda: running.descriptors() <= before + 2)


def started(server, executor):
    """A connection whose long computation runs."""
    import json
    body = json.dumps({**SLOW, "executor": executor}).encode()
    connection = server.connect()
    connection.sendall(head(b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body),
                            b"/v1/compute") + body)
    client.wait_until(server.working, told=server.pools)
    return connection


@pytest.mark.parametrize("executor", ["threads", "processes", "serial"])
def test_work_stops_when_the_client_hangs_up(launch, executor):
    running = launch()
    connection = started(running, executor)
    time.sleep(0.3)
    connection.close()
    begun = time.monotonic()
    assert running.wait_idle(30), running.pools()
    assert time.monotonic() - begun < 15
    assert running.post_csv(BODY, {"let": "r=a", "executor": executor}).status == 200


def test_a_client_that_shut_its_sending_side_is_still_served(server):
    import json
    body = json.dumps({**SLOW, "generate": {**SLOW["generate"], "rows": 50_000}, "executor": "threads"}).encode()
    for data, want in ((GOOD, b"a\n1\n"),
                       (head(b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body),
                             b"/v1/compute") + body, None)):
        if OVER_TLS and want is None:
            continue  # whoever ends the transport below TLS before the reply is taken for gone
        with server.connect() as connection:
            connection.sendall(data)
            half_close(connection)
            stream = connection.makefile("rb")
            reply = read_reply(stream)
            while reply.status < 200:
                reply = read_reply(stream)
            assert reply.status == 200, reply
            assert want is None or reply.body == want


def test_http_10(server):
    request = (b"POST /v1/compute?select=a HTTP/1.0\r\nContent-Type: text/csv\r\nContent-Length: 8\r\n\r\n" + BODY)
    for data in (request, request.replace(b"\r\n\r\n", b"\r\nHost: 127.0.0.1\r\n\r\n", 1)):
        replies, closed = raw(server, data)
        assert replies[0].status == 200 and replies[0].body == b"a\n1\n" and closed, replies
        assert "Transfer-Encoding" not in replies[0].headers


def test_a_body_where_none_belongs(server):
    reply = server.request("GET", "/v1/pools", b"hello")
    assert reply.status in (200, 400), reply
    assert server.get("/livez").status == 200


def test_query_method_and_put(server):
    for method in (b"PUT", b"QUERY"):
        replies, _ = raw(server, GOOD.replace(b"POST", method))
        assert replies[0].status == 200 and replies[0].body == b"a\n1\n"
    refused, _ = raw(server, GOOD.replace(b"POST", b"BREW"))
    assert refused[0].status in (400, 405, 501)


def test_oversized_heads(server):
    for data, status in ((b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
                         (b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"y" * 300_000 + b"\r\n\r\n", 431)):
        for attempt in range(10):
            try:
                assert raw(server, data)[0][0].status == status
                break
            except (ConnectionError, ssl.SSLError):  # a client that still writes may lose the reply in a reset
                assert attempt < 9


def test_many_idle_connections_do_not_matter(server):
    idle = [server.connect() for _ in range(50)]
    try:
        assert client.together(lambda i: server.post_csv(BODY, {"let": "r=a+b"}), 8) is None
        assert server.post_csv(BODY, {"let": "r=a+b"}).status == 200
    finally:
        for connection in idle:
            connection.close()
