"""/v1/events and /v1/load: what the service says of itself while it works."""
import http.client
import json
import re
import signal
import socket
import threading
import time

import pytest

from client import Server, half_close, raw, together, wait_until

QUICK = {"columns": {"a": [1, 2]}, "let": {"r": "a * 2"}}
POINT = ["at", "requests", "failed", "p50_ns", "p90_ns", "p99_ns", "max_ns"]


class Events:
    """A stream that was opened: an iterator of (name, data, id)."""

    def __init__(self, server, last_id=None, timeout=30, receive_bytes=None):
        self.socket = socket.socket()
        self.socket.settimeout(timeout)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.connect((server.host, server.port))
        if server.tls:
            self.socket = server.tls.wrap_socket(self.socket, server_hostname=server.host)
        head = f"GET /v1/events HTTP/1.1\r\nHost: {server.host}:{server.port}\r\n"
        headers = dict(server.default_headers, **({"Last-Event-ID": last_id} if last_id else {}))
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.socket.sendall(head.encode() + b"\r\n")
        self.response = None
        self.last_id = last_id
        self.comments = 0

    def begin(self):
        self.response = http.client.HTTPResponse(self.socket)
        self.response.begin()
        assert self.response.status == 200, self.response.read()
        assert self.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert self.response.headers["Cache-Control"] == "no-store"
        assert self.response.headers["X-Accel-Buffering"] == "no"

    def __enter__(self):
        self.begin()
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.response:
            self.response.close()
        self.socket.close()

    def __iter__(self):
        return self

    def __next__(self):
        name, data = None, None
        while True:
            line = self.response.readline().decode()
            if not line:
                raise StopIteration
            line = line.rstrip("\n")
            if line == "" and name:
                return name, data, self.last_id
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif field == "id":
                self.last_id = value
            elif line.startswith(":"):
                self.comments += 1
            else:
                assert line == "" or field == "retry", line

    def until(self, wanted, condition=lambda data: True):
        """The data of the next event of that name for which the condition holds."""
        for name, data, _ in self:
            if name == wanted and condition(data):
                return data
        raise AssertionError(f"the stream ended before {wanted}")


def is_busy(pools):
    return any(worker["state"] == "busy" for pool in pools["pools"] for worker in pool["workers"])


def compute(server, times, document=None):
    """Requests one after the other on one connection; their ids."""
    connection = server.connection(60)
    ids = []
    for _ in range(times):
        connection.request("POST", "/v1/compute", body=json.dumps(document or QUICK),
                           headers={"Content-Type": "application/json", **server.default_headers})
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        ids.append(response.headers["Colonnade-Run"])
    connection.close()
    return ids


# ---- the begin ----------------------------------------------------------------------------------


def test_hello_and_pools_come_at_once(server):
    with Events(server) as events:
        name, hello, _ = next(events)
        assert name == "hello" and list(hello) == ["version", "instance"]
        assert hello["version"] == server.version
        assert re.fullmatch(r"[0-9a-f]{16}", hello["instance"])
        assert re.fullmatch(hello["instance"] + r"-\d+", events.last_id)
        name, pools, _ = next(events)
        assert name == "pools" and list(pools) == list(server.pools())
    with Events(server) as events:
        assert next(events)[1] == hello


def test_as_bytes(server):
    replies, closed = raw(server, b"GET /v1/events HTTP/1.0\r\n\r\n")
    assert closed and replies[0].status == 200
    assert re.fullmatch(r"retry: 1000\nid: [0-9a-f]{16}-\d+\nevent: hello\ndata: \{.*\}\n\n"
                        r"event: pools\ndata: \{.*\}\n\n", replies[0].text)
    assert int(replies[0].headers["Content-Length"]) == len(replies[0].body)
    head = server.request("HEAD", "/v1/events")
    assert head.status == 200 and head.body == b""
    assert head.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    with server.connect() as connection:  # not a byte behind the head
        connection.sendall(b"HEAD /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.makefile("rb").read().count(b"\r\n\r\n") == 1


def test_requests_that_are_refused(server):
    assert server.get("/v1/events?limit=3").problem["code"] == "unknown_parameter"
    wrong = server.request("POST", "/v1/events")
    assert wrong.status == 405 and wrong.headers["Allow"] == "GET, HEAD"


def test_a_token_is_needed(launch, tmp_path):
    token = tmp_path / "token"
    token.write_text("correct-horse-battery-staple-0123456789\n")
    own = launch("--token-file", token)
    assert own.get("/v1/events").status == own.get("/v1/load").status == 401
    own.default_headers = {"Authorization": "Bearer " + token.read_text().strip()}
    with Events(own) as events:
        assert next(events)[0] == "hello"
    assert own.get("/v1/load").status == 200


# ---- runs ---------------------------------------------------------------------------------------


@pytest.mark.threads
def test_every_run_is_told_in_order(server):
    """500 quick requests by five clients, and two who listen."""
    made, told = [], []

    def listen(_):
        with Events(server) as events:
            next(events)
            ready.wait(30)
            runs = []
            while len(runs) < 500:
                name, data, last_id = next(events)
                assert name != "missed"
                if name == "run":
                    runs.append((data["id"], last_id))
            told.append(runs)

    def ask(_):
        ready.wait(30)
        made.extend(compute(server, 100))

    server.wait_idle()
    ready = threading.Barrier(7)
    together(lambda i: (listen if i < 2 else ask)(i), 7)
    assert told[0] == told[1]
    assert {identity for identity, _ in told[0]} == set(made)
    numbers = [int(last_id.split("-")[1]) for _, last_id in told[0]]
    assert numbers == list(range(numbers[0], numbers[0] + 500))
    listed = [run["id"] for run in server.get("/v1/runs?limit=500").json()["runs"]]
    assert [identity for identity, _ in reversed(told[0])] == listed


def test_a_run_as_in_the_list(server):
    with Events(server) as events:
        next(events)
        identity = compute(server, 1)[0]
        data = events.until("run")
    assert data["id"] == identity
    assert data == server.get("/v1/runs?limit=1").json()["runs"][0]


def test_a_run_is_told_soon(server):
    """A request waits for no tick: ten of them take less than ten ticks."""
    with Events(server) as events:
        next(events)
        begun = time.monotonic()
        for _ in range(10):
            identity = compute(server, 1)[0]
            events.until("run", lambda data, identity=identity: data["id"] == identity)
        assert time.monotonic() - begun < 2


def test_resume(server):
    with Events(server) as events:
        next(events)
        ids = compute(server, 3)
        assert events.until("run")["id"] == ids[0]
        last_id = events.last_id
    ids += compute(server, 2)
    with Events(server, last_id) as events:
        assert [events.until("run")["id"] for _ in range(4)] == ids[1:]
    # of another instance, and no id at all: what comes from now on
    for strange in ["0123456789abcdef-1", "nonsense", "-", last_id + "x"]:
        with Events(server, strange) as events:
            next(events)
            identity = compute(server, 1)[0]
            assert events.until("run")["id"] == identity


# ---- pools --------------------------------------------------------------------------------------


def test_pools_while_something_changes(server):
    server.wait_idle()
    with Events(server) as events:
        assert not is_busy(events.until("pools"))
        call = threading.Thread(target=server.post_json, args=(
            {"function": "long_io", "args": [1], "seconds": 1, "executor": "threads"}, "/v1/map"))
        begun = time.monotonic()
        call.start()
        pools = [events.until("pools", is_busy)]
        while is_busy(pools[-1]):
            pools.append(events.until("pools"))
        took = time.monotonic() - begun
        call.join()
        assert len(pools) <= 4 * took + 2  # four a second
        assert all(a != b for a, b in zip(pools, pools[1:]))
        # nothing changes, nothing is told
        told = []
        events.socket.settimeout(0.9)
        try:
            while True:
                told.append(next(events)[0])
        except TimeoutError:
            pass
        assert told.count("pools") <= 1, told


# ---- load ---------------------------------------------------------------------------------------


def load(server, **parameters):
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    document = server.get("/v1/load" + ("?" + query if query else "")).json()
    assert list(document) == ["period_ns", "now", "points"]
    assert document["period_ns"] == 1_000_000_000
    return document


def total(server, member="requests"):
    return sum(point[member] for point in load(server)["points"])


def test_load(launch):
    own = launch()
    assert load(own)["points"] == []
    with Events(own) as events:
        next(events)
        for _ in range(3):
            compute(own, 5)
            own.post_json({"columns": {"a": [1]}, "let": {"r": "nosuch"}})
            time.sleep(0.7)
        own.get("/v1/runs")  # does no work, and is not counted
        wait_until(lambda: total(own) == 18)
        points = load(own)["points"]
        assert total(own, "failed") == 3
        told = []
        while sum(point["requests"] for point in told) < 18:
            told.append(events.until("load"))
    assert told == points
    assert [point["at"] for point in points] == sorted({point["at"] for point in points})
    for point in points:
        assert list(point) == POINT and point["at"].endswith(":%s.000000Z" % point["at"][17:19])
        assert 0 < point["p50_ns"] <= point["p90_ns"] <= point["p99_ns"] <= point["max_ns"] < 60e9
    assert load(own, seconds=300)["points"] == points
    assert len(load(own, seconds=1)["points"]) <= 1


def test_load_has_the_duration_of_the_work(launch):
    """A request takes until its reply was sent, a job until its work has ended; each counts once."""
    own = launch()
    calls = {"function": "long_io", "args": [1], "seconds": 0.3, "executor": "threads"}
    assert own.post_json(calls, "/v1/map").status == 200
    wait_until(lambda: total(own) == 1)
    assert max(point["max_ns"] for point in load(own)["points"]) >= 0.3e9
    for prefer in ("respond-async", "respond-async, wait=10"):
        before = total(own)
        reply = own.post_json({**calls, "seconds": 0.6}, "/v1/map", {"Prefer": prefer})
        assert reply.status in (200, 202)
        wait_until(lambda: total(own) == before + 1)
        assert max(point["max_ns"] for point in load(own)["points"]) >= 0.6e9
    assert total(own, "failed") == 0
    refused = own.post_json({**calls, "function": "nosuch"}, "/v1/map", {"Prefer": "respond-async"})
    wait_until(lambda: total(own) == 4)
    if refused.status == 202:
        assert own.request("GET", refused.headers["Location"], headers={"Prefer": "wait=9"}).json()["error"]
    assert total(own, "failed") == 1


@pytest.mark.parametrize("query, code", [
    ("seconds=0", "invalid_parameter"), ("seconds=301", "invalid_parameter"), ("seconds=x", "invalid_parameter"),
    ("seconds=1&seconds=1", "invalid_parameter"), ("limit=1", "unknown_parameter")])
def test_load_parameters(server, query, code):
    problem = server.get("/v1/load?" + query).problem
    assert problem["status"] == 400 and problem["code"] == code
    assert problem["parameter"] == query.split("=")[0]


# ---- bounds and ends ----------------------------------------------------------------------------


def test_as_many_streams_as_are_allowed(launch):
    own = launch("--max-streams", 2)
    with Events(own) as first, Events(own) as second:
        assert next(first)[0] == next(second)[0] == "hello"
        full = own.get("/v1/events")
        assert full.status == 503 and full.problem["code"] == "overloaded" and full.headers["Retry-After"]
        assert full.problem["limit"] == "--max-streams"
        assert own.post_json(QUICK).status == 200
    wait_until(lambda: own.request("HEAD", "/v1/events").status == 200, 10)


LARGE = {"columns": {"a": [1]}, "let": {"r": "length('" + "x" * 60000 + "')"}}


def test_a_client_that_does_not_read(launch):
    """It is told how much it missed; others do not notice."""
    own = launch()
    slow = Events(own, receive_bytes=4096)
    with Events(own) as fast:
        assert next(fast)[0] == "hello"
        with slow:
            assert next(slow)[0] == "hello"
            ids = []
            for document, times in [(LARGE, 12), (QUICK, 110)]:  # fills the socket, then the record
                for _ in range(times):
                    ids += compute(own, 10, document)
                    assert [fast.until("run")["id"] for _ in range(10)] == ids[-10:]
            told, missed = [], 0
            while len(told) + missed < len(ids):
                name, data, _ = next(slow)
                if name == "run":
                    assert data["id"] == ids[len(told) + missed]
                    told.append(data["id"])
                elif name == "missed":
                    missed += data["runs"]
            assert missed > 0 and told[-1] == ids[-1]


def test_a_client_that_does_not_read_is_cut(launch):
    own = launch("--body-timeout-ms", 500)
    before = own.descriptors()
    with Events(own, receive_bytes=4096) as slow:
        assert next(slow)[0] == "hello"
        compute(own, 100, LARGE)
        wait_until(lambda: own.descriptors() <= before)
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            list(slow)


def test_a_stream_lasts(launch):
    """Longer than a reply may take to be sent, silent and not."""
    own = launch("--body-timeout-ms", 200, "--request-timeout-ms", 300)
    with Events(own) as events:
        next(events)
        for i in range(60):
            identity = compute(own, 1)[0]
            assert events.until("run")["id"] == identity
            time.sleep(0.5 if i % 30 == 0 else 0.02)


def test_clients_that_leave(server):
    server.wait_idle()
    before = server.descriptors()
    streams = [Events(server) for _ in range(10)]
    for stream in streams:
        stream.begin()
        next(stream)
    assert server.descriptors() >= before + 6
    for stream in streams:
        stream.close()
    wait_until(lambda: server.descriptors() < before + 4, 10)  # sooner than a sign of life is due


def test_a_client_that_sends_no_more_is_still_told(server):
    with Events(server) as events:
        events.until("pools")
        half_close(events.socket)
        for _ in range(3):
            identity = compute(server, 1)[0]
            assert events.until("run")["id"] == identity
            time.sleep(0.2)
        assert events.comments >= 1


@pytest.mark.threads
def test_streams_end_with_the_server():
    own = Server()
    streams = [Events(own) for _ in range(5)]
    for stream in streams:
        stream.begin()
        assert next(stream)[0] == "hello"
    begun = time.monotonic()
    own.process.send_signal(signal.SIGTERM)
    for stream in streams:
        assert list(stream)[-1][:2] == ("end", {"reason": "draining"})
    assert own.stop() == 0
    assert time.monotonic() - begun < 10  # a third of the grace time
    for stream in streams:
        stream.close()


def test_nobody_waits_for_a_client_that_does_not_read():
    own = Server()
    with Events(own, receive_bytes=4096) as slow:
        assert next(slow)[0] == "hello"
        compute(own, 100, LARGE)
        begun = time.monotonic()
        assert own.stop() == 0
        assert time.monotonic() - begun < 15  # half the grace time


@pytest.mark.parametrize("kept", [False, True])
def test_a_restarted_server_is_another_instance(kept, tmp_path):
    """Also if it still has the runs: numbers go on then, and nothing counts as missed."""
    flags = ["--data-dir", tmp_path] if kept else []
    own = Server(*flags)
    with Events(own) as events:
        instance = next(events)[1]["instance"]
        compute(own, 1)
        events.until("run")
        last_id = events.last_id
    assert own.stop() == 0
    own = Server(*flags)
    for _ in range(2):
        with Events(own, last_id) as events:
            assert next(events)[1]["instance"] != instance
            identity = compute(own, 1)[0]
            name = "pools"
            while name in ("pools", "load"):
                name, data, _ = next(events)
            assert name == "run" and data["id"] == identity
    assert own.stop() == 0
