"""Replies that outgrow --buffer-bytes: streamed, right, and broken off when a later row fails."""
import hashlib
import http.client
import json
import socket
import time

import pytest

from client import curl, read_reply, wait_until

ROWS = 60_000
BUFFER = 65_536


@pytest.fixture(scope="module")
def small():
    """A server whose reply buffer is small."""
    from client import Server
    running = Server("--buffer-bytes", BUFFER)
    yield running
    assert running.stop() == 0


def table(rows=ROWS):
    return "a,b\n" + "".join(f"{k}.5,{k % 97 + 1}\n" for k in range(rows))


def key(a, b):
    return hashlib.md5(f"{a!r}_{b}".encode()).hexdigest()


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
@pytest.mark.parametrize("chunk_rows", [None, 500])
def test_large_csv(small, executor, chunk_rows):
    options = {"let": ["k=md5(a,b)", "r=a/b"], "executor": executor}
    if chunk_rows:
        options["chunk_rows"] = chunk_rows
    reply = small.post_csv(table(), options)
    assert reply.status == 200, reply
    want = "a,b,k,r\n" + "".join(f"{k}.5,{k % 97 + 1},{key(k + 0.5, k % 97 + 1)},{(k + 0.5) / (k % 97 + 1)!r}\n"
                                 for k in range(ROWS))
    assert reply.text == want
    assert reply.headers.get("Transfer-Encoding") == "chunked" or "Content-Length" in reply.headers
    assert reply.headers["Colonnade-Run"] and "Server-Timing" in reply.headers


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_large_json(small, executor):
    columns = {"a": [k + 0.5 for k in range(ROWS)], "b": [k % 97 + 1 for k in range(ROWS)]}
    reply = small.post_json({"columns": columns, "let": {"k": "md5(a,b)", "r": "a/b"}, "executor": executor,
                             "chunk_rows": 3000})
    assert reply.status == 200, reply
    document = reply.json()
    assert document["rows"] == ROWS
    assert document["columns"]["r"] == [(k + 0.5) / (k % 97 + 1) for k in range(ROWS)]
    assert document["columns"]["k"] == [key(k + 0.5, k % 97 + 1) for k in range(ROWS)]
    timing = document["timing"]
    assert sum(e["ns"] for e in timing["ledger"]) + timing["unaccounted_ns"] == timing["wall_ns"]


def test_over_table_digests_and_types_are_settled_before_it_streams(small):
    data = table() + "x,1\n"
    reply = small.post_csv(data, {"let": "t=md5(a, over='table')", "chunk_rows": 500})
    texts = "".join(line.split(",")[0] + "\n" for line in data.split("\n")[1:-1])
    assert {row[2] for row in reply.rows()[1:]} == {hashlib.md5(texts.encode()).hexdigest()}
    assert small.post_csv(data, {"let": "r=a*2"}).problem["line"] == ROWS + 2
    assert small.post_csv(table() + "1\n", {"let": "r=a*2"}).problem["line"] == ROWS + 2


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_a_late_failure_is_never_a_short_reply(small, executor, accept):
    """The last row divides by zero: a clean 422, or a framing that is visibly broken off."""
    rows = 200_000
    data = "a,b\n" + "".join(f"{k},{k % 9 + 1}\n" for k in range(rows)) + "1,0\n"
    run = None
    try:
        connection = small.connection(60)
        connection.request("POST", "/v1/compute?let=r=a//b&let=k=md5(a)&chunk_rows=1000&executor=" + executor,
                           data, {"Content-Type": "text/csv", "Accept": accept})
        response = connection.getresponse()
        run = response.headers["Colonnade-Run"]
        body = response.read()
        assert response.status == 422, (response.status, body[-200:])
        assert json.loads(body)["row"] == rows
    except (http.client.IncompleteRead, ConnectionError):
        assert run
    finally:
        connection.close()
    error = wait_until(lambda: small.run(run).get("error"))
    assert error["code"] == "division_by_zero" and error["row"] == rows, error


def test_curl_sees_a_broken_reply(small, tmp_path):
    rows = 300_000
    (tmp_path / "t.csv").write_text("a,b\n" + "1,1\n" * rows + "1,0\n")
    code, out, errors = curl("--fail", "-T", tmp_path / "t.csv", small.url + "/v1/compute?let=r=a//b&let=k=sha512(a)")
    assert code in (18, 22, 56), (code, errors, len(out))


def test_nothing_is_streamed_to_http_10(small):
    data = table(5000).encode()
    with small.connect() as connection:
        connection.sendall(b"POST /v1/compute?let=k=sha512(a) HTTP/1.0\r\nContent-Type: text/csv\r\n"
                           b"Content-Length: %d\r\n\r\n" % len(data) + data)
        reply = read_reply(connection.makefile("rb"))
    assert reply.status == 200 and reply.headers["Content-Length"] == str(len(reply.body))
    assert len(reply.rows()) == 5001 and len(reply.body) > BUFFER


def test_a_slow_reader_gets_everything_and_holds_nobody_up(small):
    data = table().encode()
    with small.connect() as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        slow.sendall(b"POST /v1/compute?let=k=sha512(a) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(data) + data)
        time.sleep(0.5)
        for _ in range(20):
            assert small.post_csv("a\n1\n", {"let": "r=a"}).status == 200
        reply = read_reply(slow.makefile("rb"))
    assert reply.status == 200
    lines = reply.text.split("\n")
    assert len(lines) == ROWS + 2 and lines[ROWS].endswith(hashlib.sha512(f"{ROWS - 1}.5".encode()).hexdigest())


def test_a_reader_that_leaves_in_the_middle(small):
    data = table().encode()
    for _ in range(5):
        with small.connect() as connection:
            connection.sendall(b"POST /v1/compute?let=k=sha512(a) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                               b"Content-Type: text/csv\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
            connection.recv(1000)
    assert small.wait_idle(20)
    assert small.post_csv("a\n1\n", {"let": "r=a"}).status == 200
