"""--access-log: one line of JSON for each request, whatever becomes of it, and nothing that is nobody's business."""
import json
import os
import re
import signal
import socket
import stat
import subprocess

import pytest

import client
from client import certificate, raw, wait_until

KEYS = ["time", "request", "trace", "client", "method", "path", "route", "operation", "protocol", "tls", "status", "error",
        "complete", "bytes_in", "bytes_out", "duration_ms", "executor", "rows", "agent"]


@pytest.fixture
def log(tmp_path):
    return tmp_path / "access.log"


def lines(log):
    """What stands there; every line is an object with the same members in the same order."""
    found = []
    for line in log.read_bytes().splitlines():
        assert all(0x20 <= byte < 0x7f for byte in line), line
        found.append(json.loads(line))
        assert list(found[-1]) == KEYS, line
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found[-1]["time"])
    return found


def wait_lines(log, count):
    wait_until(lambda: len(lines(log)) >= count)
    found = lines(log)
    assert len(found) == count, found
    return found


def test_there_is_none_unless_it_is_wanted(launch, tmp_path):
    server = launch()
    assert server.get("/livez").status == 200
    assert server.stderr() == ""


def test_a_request(launch, log):
    server = launch("--access-log", log)
    trace = "0123456789abcdef0123456789abcdef"
    body = "a,b\n" + "1,2\n" * 100
    reply = server.post_csv(body, {"let": "c=a+b", "executor": "threads"},
                            {"User-Agent": "the test/1", "traceparent": f"00-{trace}-{'1' * 16}-01"})
    assert reply.status == 200
    line = wait_lines(log, 1)[0]
    duration = line.pop("duration_ms")
    assert 0 < duration < 60000
    assert line.pop("time")
    assert line == {"request": reply.headers["Colonnade-Run"], "trace": trace, "client": "127.0.0.1", "method": "POST",
                    "path": "/v1/compute", "route": "/v1/compute", "operation": "compute", "protocol": "HTTP/1.1", "tls": False,
                    "status": 200, "error": None, "complete": True, "bytes_in": len(body),
                    "bytes_out": len(reply.body), "executor": "threads", "rows": 100, "agent": "the test/1"}


def test_what_was_refused(launch, log):
    server = launch("--access-log", log, "--max-header-bytes", 2048, "--max-body-bytes", 1000)
    cases = [
        (b"GET /v1/nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n", 404, "not_found", None),
        (b"PATCH /v1/runs/x HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "method_not_allowed", "/v1/runs/{id}"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, "ambiguous_request", None),
        (b"GET / HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n", 403, "forbidden_origin", "/"),
        (b"GET /?" + b"x" * 3000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "uri_too_long", None),
        (b"GET /?x=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400, "unknown_parameter", "/"),
        (b"POST /v1/compute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1001\r\n\r\n" + b"x" * 1001, 413, "body_too_large",
         "/v1/compute"),
        (b"GET /livez HTTP/1.0\r\n\r\n", 200, None, "/livez"),
    ]
    for number, (data, status, code, route) in enumerate(cases, 1):
        replies, _ = raw(server, data)
        assert replies[0].status == status, data
        line = wait_lines(log, number)[-1]
        assert (line["status"], line["error"], line["route"]) == (status, code, route)
        assert line["complete"] and line["bytes_out"] == len(replies[0].body)
    assert line["protocol"] == "HTTP/1.0"
    assert line["agent"] is None


def test_nothing_of_what_was_sent_but_its_path(launch, log, tmp_path):
    token = tmp_path / "token"
    token.write_text("TOKEN-SECRET\n")
    keys = tmp_path / "keys"
    keys.mkdir()
    (keys / "k").write_text("KEY-SECRET")
    server = launch("--access-log", log, "--token-file", token, "--keys-dir", keys)
    bearer = {"Authorization": "Bearer TOKEN-SECRET", "Cookie": "colonnade_session=COOKIE-SECRET",
              "Referer": "http://localhost/REFERER-SECRET"}
    head = {**bearer, "Content-Type": "text/csv"}
    target = "/v1/compute?QUERY-SECRET=1&let=x=%27LET-SECRET%27"
    assert server.request("POST", target, b"COLUMN-SECRET\nBODY-SECRET\n", head).status == 400
    target = "/v1/compute?let=x=hmac_sha256(a,key=%27k%27)%2B%27LET-SECRET%27"
    assert server.request("POST", target, b"a\nBODY-SECRET\n", head).status == 200
    assert server.get("/v1/pools", Authorization="Bearer WRONG-SECRET").status == 401
    assert server.post_json({"token": "TOKEN-SECRET"}, "/v1/session").status == 204
    data = b"GET http://user:PASSWORD-SECRET@localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    assert raw(server, data)[0][0].status == 200
    data = b"GET http://user:PASSWORD-SECRET@localhost/livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"
    assert raw(server, data)[0][0].status == 400
    found = wait_lines(log, 6)
    assert sorted(line["path"] for line in found) == ["/livez"] * 2 + ["/v1/compute"] * 2 + ["/v1/pools", "/v1/session"]
    assert "SECRET" not in log.read_text()


def test_no_line_can_be_forged(launch, log):
    server = launch("--access-log", log)
    agents = [b'x","status":200,"y":"', b"\x1b[2J\x07\x08", b"\xff\xfe\xc3", "é€😀\u009b31m".encode(), b"\\u000a\\",
              b"a" * 1000]
    for number, agent in enumerate(agents, 1):
        raw(server, b"GET /v1/%0d%0a%22%7b\"}\\ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: " + agent + b"\r\n\r\n")
        wait_lines(log, number)
    found = lines(log)
    assert found[0]["agent"] == 'x","status":200,"y":"'
    # Controls are refused where heads are checked (and would be escaped).
    assert (found[1]["status"], found[1]["error"]) == (400, "ambiguous_request")
    assert found[2]["agent"] == "\ufffd\ufffd\ufffd"
    assert found[3]["agent"] == "é€😀\u009b31m"
    assert found[4]["agent"] == "\\u000a\\"
    assert found[5]["agent"] == "a" * 128
    assert all(line["path"].startswith('/v1/%0d%0a%22%7b"}') for line in found)
    # Escapes of a path stay as they came; a raw line end cannot get into a head at all.
    raw(server, b"GET /x\x01\x7f\xff HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a\r\n\r\n")
    raw(server, b"GET /ok\r\n{\"time\":1} HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert server.get("/" + "p" * 1000).status == 404
    wait_until(lambda: lines(log)[-1]["path"] == "/" + "p" * 399)


def test_a_client_that_left(launch, log):
    server = launch("--access-log", log)
    body = b'{"function": "long_io", "args": [1], "seconds": 60}'
    with server.connect() as held:
        held.sendall(b"POST /v1/map HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: "colonnade_work_in_flight 1" in server.get("/metrics").text)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: any(line["operation"] == "map" for line in lines(log)))
    line = next(line for line in lines(log) if line["operation"] == "map")
    assert (line["status"], line["complete"], line["bytes_in"]) == (None, False, len(body))


def test_a_head_that_came_too_late(launch, log):
    server = launch("--access-log", log, "--header-timeout-ms", 200)
    with server.connect() as slow:
        slow.sendall(b"GET /slow HTTP/1.1\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    line = wait_lines(log, 1)[0]
    assert (line["status"], line["error"], line["client"]) == (408, "request_timeout", "127.0.0.1")


def test_a_late_head_over_tls(launch, log, tmp_path):
    """Who has not made the handshake is told nothing."""
    server = launch("--access-log", log, "--header-timeout-ms", 300, tls=certificate(tmp_path))
    with server.connect() as slow:
        slow.sendall(b"GET /slow HTTP/1.1\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    line = wait_lines(log, 1)[0]
    assert (line["status"], line["complete"], line["tls"]) == (408, True, True)
    with server.connect_bare(20) as silent:
        silent.sendall(b"\x16\x03\x01")
        assert b"HTTP" not in silent.recv(100)  # an alert at the most
    line = wait_lines(log, 2)[1]
    assert (line["status"], line["complete"], line["tls"], line["error"]) == (None, False, True, "request_timeout")


def test_a_body_that_was_broken_off(launch, log):
    server = launch("--access-log", log)
    with server.connect() as cut:
        cut.sendall(b"POST /v1/compute?let=b=a HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n"
                    b"Content-Length: 1000\r\n\r\na\n1\n")
    line = wait_lines(log, 1)[0]
    assert (line["status"], line["complete"], line["route"], line["bytes_in"]) == (None, False, "/v1/compute", 4)


def test_a_job_and_a_stream(launch, log):
    server = launch("--access-log", log)
    job = server.post_json({"function": "long_io", "args": [1], "seconds": 0}, "/v1/map",
                           {"Prefer": "respond-async"})
    assert job.status == 202
    line = wait_lines(log, 1)[0]
    assert (line["status"], line["operation"], line["route"]) == (202, "map", "/v1/map")
    assert line["request"] == job.json()["id"]
    with server.connect() as stream:
        stream.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = b""
        while b"event: hello" not in told:
            told += stream.recv(4000)
    line = wait_lines(log, 2)[1]
    assert (line["status"], line["route"], line["complete"]) == (200, "/v1/events", False)
    assert line["bytes_out"] > 0


def test_many_connections_lose_nothing(launch, log):
    server = launch("--access-log", log)

    def many(_):
        for _ in range(50):
            assert server.get("/livez").status == 200

    client.together(many, 8)
    found = wait_lines(log, 400)
    assert len({line["request"] for line in found}) == 400
    metrics = server.get("/metrics").text
    assert "colonnade_access_log_dropped_total 0" in metrics
    assert "colonnade_access_log_failures_total 0" in metrics


def test_the_file(launch, log):
    log.write_bytes(b"")
    log.unlink()
    server = client.Server("--access-log", log)
    assert server.get("/livez").status == 200
    wait_lines(log, 1)
    assert stat.S_IMODE(log.stat().st_mode) & ~0o640 == 0
    assert server.stop() == 0
    again = launch("--access-log", log)  # goes on behind what is there
    assert again.get("/livez").status == 200
    wait_lines(log, 2)
    # Worker processes do not hold it.
    for pid in again.processes():
        held = [os.path.realpath(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
        assert (str(log) in held) == (pid == again.pid)


def test_sighup_opens_it_anew(launch, log):
    server = launch("--access-log", log)
    assert server.get("/livez").status == 200
    wait_lines(log, 1)
    old = log.rename(log.with_suffix(".1"))
    assert server.get("/livez").status == 200
    wait_lines(old, 2)
    server.process.send_signal(signal.SIGHUP)
    wait_until(log.exists)
    assert server.get("/livez").status == 200
    wait_lines(log, 1)
    wait_lines(old, 2)


def test_the_end_of_the_service_loses_nothing(log):
    server = client.Server("--access-log", log)
    for _ in range(30):
        assert server.get("/livez").status == 200
    assert server.stop() == 0
    assert len(lines(log)) == 30


def test_standard_error(launch):
    server = launch("--access-log", "-")
    assert server.get("/livez").status == 200
    wait_until(lambda: server.stderr().endswith("\n"))
    assert json.loads(server.stderr())["route"] == "/livez"


def test_a_file_that_cannot_be_opened(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere" / "log"):
        done = subprocess.run([client.BINARY, "--listen", "127.0.0.1:0", "--access-log", str(path)],
                              capture_output=True, timeout=60, check=False)
        assert done.returncode == 2
        assert f"the access log {path} cannot be opened: ".encode() in done.stderr


def test_a_full_disk_does_not_stop_the_service(launch):
    server = launch("--access-log", "/dev/full")
    for _ in range(20):
        assert server.get("/livez").status == 200
    wait_until(lambda: int(re.search(r"colonnade_access_log_dropped_total (\d+)", server.get("/metrics").text)[1]) >= 20)
    metrics = server.get("/metrics").text
    assert "colonnade_access_log_lines_total 0" in metrics
    assert int(re.search(r"colonnade_access_log_failures_total (\d+)", metrics)[1]) > 0
    assert server.stderr().count("cannot be written: No space left on device") == 1  # said once


def test_a_pipe_that_nobody_reads_does_not_stop_the_service(launch, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    server = launch("--access-log", pipe)
    with server.connect() as connection:
        for _ in range(100):  # 256 lines fill the pipe, 4,096 more the ring
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50)
            replies, stream = 0, b""
            while replies < 50:
                stream += connection.recv(1 << 16)
                replies = stream.count(b'{"status":"alive"}')
    wait_until(lambda: int(re.search(r"colonnade_access_log_dropped_total (\d+)",
                                     server.get("/metrics").text)[1]) > 0)
    os.close(reader)  # and then it breaks
    assert server.get("/livez").status == 200
    wait_until(lambda: int(re.search(r"colonnade_access_log_failures_total (\d+)",
                                     server.get("/metrics").text)[1]) > 0)
    assert server.get("/livez").status == 200
