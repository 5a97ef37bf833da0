"""More work than there is room for: the queue, its clients, the memory; what is refused and how.

Places are held by requests whose body does not come: their 100 Continue says that they were let in.
"""
import contextlib
import gzip
import http.client
import json
import socket
import threading
import time

import pytest

import client
from client import read_reply, together, wait_until

MIB = 1 << 20
LEAST = 256 << 10  # what is reserved beside the body (handlers/reserve.h)
SMALL = b"a\n1\n"


class Held:
    """A request whose head was sent. `reply` is what came: a 100, or the refusal."""

    def __init__(self, server, length=4, source="127.0.0.1", chunked=False, job=False, expect=True, query="let=r=a"):
        self.connection = socket.create_connection((server.host, server.port), 60, (source, 0))
        size = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
        self.connection.sendall((f"POST /v1/compute?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
                                 f"{size}\r\n" + ("Expect: 100-continue\r\n" if expect else "") +
                                 ("Prefer: respond-async\r\n" if job else "") + "\r\n").encode())
        self.stream = self.connection.makefile("rb")
        self.reply = read_reply(self.stream) if expect else None

    def send(self, data, chunked=False):
        self.connection.sendall(b"%x\r\n%s\r\n" % (len(data), data) if chunked else data)

    def end(self, data=SMALL):
        """Sends a whole body; the final reply."""
        self.send(data)
        return read_reply(self.stream)

    def close(self):
        self.stream.close()
        self.connection.close()


@pytest.fixture
def hold():
    """Makes held requests; closes them when the test is over, before the server is stopped."""
    with contextlib.ExitStack() as stack:
        def make(*arguments, **options):
            held = Held(*arguments, **options)
            stack.callback(held.close)
            return held
        yield make


def refused(reply, flag, status=503, code="overloaded"):
    assert reply.status == status, reply
    assert reply.problem["code"] == code and reply.problem["limit"] == flag, reply
    if status in (429, 503):
        assert reply.headers["Retry-After"].isdigit() and 1 <= int(reply.headers["Retry-After"]) <= 30


# ---- the queue ------------------------------------------------------------------------------------------

@pytest.mark.parametrize("most", [1, 2, 5])
def test_one_client_fills_the_queue(launch, hold, most):
    server = launch("--max-queued", most)
    held = [hold(server) for _ in range(most)]
    assert [one.reply.status for one in held] == [100] * most
    refused(hold(server).reply, "--max-queued")
    refused(server.post_csv(SMALL, {"let": "r=a"}), "--max-queued")
    assert server.get("/livez").status == 200 and server.get("/v1/runs").status == 200
    assert held[0].end().status == 200
    wait_until(lambda: server.post_csv(SMALL, {"let": "r=a"}).status == 200)
    for one in held[1:]:
        assert one.end().status == 200


def test_a_reply_that_is_not_read_takes_no_place(launch, hold):
    server = launch("--max-queued", 1)
    held = hold(server, length=4_000_002)
    held.send(b"a\n" + b"1234567\n" * 500_000)
    wait_until(lambda: server.post_csv(SMALL, {"let": "r=a"}).status == 200)
    assert read_reply(held.stream).status == 200


def test_another_client_gets_in_beside_it(launch, hold):
    """A queue that one address has filled has places left for others, and those are bounded too."""
    server = launch("--max-queued", 8)
    for _ in range(8):
        assert hold(server).reply.status == 100
    refused(hold(server).reply, "--max-queued")
    beside = hold(server, source="127.0.0.2")
    assert beside.reply.status == 100
    assert beside.end().status == 200
    wait_until(lambda: hold(server, source="127.0.0.2").reply.status == 100)
    assert hold(server, source="127.0.0.3").reply.status == 100  # 8 + 2 places are taken
    refused(hold(server, source="127.0.0.4").reply, "--max-queued")


def test_small_requests_beside_a_full_queue_of_work(launch):
    """The same with work: sleeping calls of one client, requests of another."""
    server = launch("--max-queued", 4)
    document = json.dumps({"function": "long_io", "args": [1], "seconds": 20, "executor": "threads", "timeout_ms": 6000})
    replies = []
    threads = [threading.Thread(target=lambda: replies.append(server.post_json(document, "/v1/map"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    wait_until(lambda: sum(w["state"] == "busy" for w in server.pool("threads")["workers"]) == 4)
    refused(server.post_csv(SMALL, {"let": "r=a"}), "--max-queued")
    for _ in range(20):
        beside = http.client.HTTPConnection(server.host, server.port, 60, source_address=("127.0.0.2", 0))
        beside.request("POST", "/v1/compute?let=r=a", SMALL, {"Content-Type": "text/csv"})
        assert beside.getresponse().status == 200
        beside.close()
    for thread in threads:
        thread.join()
    assert [reply.status for reply in replies] == [504] * 4


def test_requests_of_one_client(launch, hold):
    server = launch("--max-queued", 8, "--max-per-client", 2)
    held = [hold(server), hold(server)]
    assert [one.reply.status for one in held] == [100, 100]
    refused(hold(server).reply, "--max-per-client", 429, "too_many_requests")
    refused(server.post_csv(SMALL, {"let": "r=a"}), "--max-per-client", 429, "too_many_requests")
    assert hold(server, source="127.0.0.2").reply.status == 100
    assert server.get("/v1/runs").status == 200
    assert held[0].end().status == 200
    wait_until(lambda: server.post_csv(SMALL, {"let": "r=a"}).status == 200)


def test_many_clients_of_one_address_do_not_notice(server):
    statuses = []
    together(lambda i: statuses.append(server.post_csv(SMALL, {"let": "r=a"}).status), 64)
    assert statuses == [200] * 64


# ---- how it is refused ------------------------------------------------------------------------------------

def test_a_small_body_costs_no_connection(launch, hold):
    server = launch("--max-queued", 1)
    held = hold(server)
    assert held.reply.status == 100
    with server.connect() as connection:
        stream = connection.makefile("rb")
        request = (b"POST /v1/compute?let=r=a HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
                   b"Content-Length: 4\r\n\r\n" + SMALL)
        for _ in range(3):
            connection.sendall(request)
            reply = read_reply(stream)
            refused(reply, "--max-queued")
            assert reply.headers.get("Connection", "").lower() != "close"
        assert held.end().status == 200
        for _ in range(500):  # as soon as the other reply has been sent
            connection.sendall(request)
            if read_reply(stream).status == 200:
                break
            time.sleep(0.02)
        else:
            raise AssertionError("it is never let in")


def test_a_large_body_is_not_asked_for(launch, hold):
    server = launch("--max-queued", 1)
    assert hold(server).reply.status == 100
    expecting = hold(server, length=20 * MIB)
    refused(expecting.reply, "--max-queued")
    assert expecting.stream.read(1) == b""
    not_expecting = hold(server, length=20 * MIB, expect=False)  # nothing of it is sent
    refused(read_reply(not_expecting.stream), "--max-queued")


# ---- memory -------------------------------------------------------------------------------------------------

def test_a_body_at_the_limit_and_past_it(launch, hold):
    server = launch("--memory-bytes", 64 * MIB)
    fits = hold(server, length=64 * MIB - LEAST)
    assert fits.reply.status == 100
    refused(hold(server, length=64 * MIB - LEAST + 1).reply, "--memory-bytes", 413, "body_too_large")
    refused(server.post_csv(SMALL, {"let": "r=a"}), "--memory-bytes")  # all is reserved
    fits.close()
    wait_until(lambda: server.post_csv(SMALL, {"let": "r=a"}).status == 200)


def test_what_is_declared_is_reserved(launch, hold):
    """A body of 4 MiB has room for itself and six times that: two fit, three do not."""
    server = launch("--memory-bytes", 64 * MIB)
    first, second = hold(server, length=4 * MIB), hold(server, length=4 * MIB)
    assert (first.reply.status, second.reply.status) == (100, 100)
    refused(hold(server, length=4 * MIB).reply, "--memory-bytes")
    assert server.post_csv(SMALL, {"let": "r=a"}).status == 200  # what is small still fits
    first.close()
    wait_until(lambda: hold(server, length=4 * MIB).reply.status == 100)


def test_what_is_not_declared_is_reserved_as_it_comes(launch, hold):
    server = launch("--memory-bytes", 64 * MIB)
    first, second = hold(server, length=4 * MIB), hold(server, chunked=True)
    assert (first.reply.status, second.reply.status) == (100, 100)
    row = b"1234567,1234567\n"
    second.send(b"a,b\n", chunked=True)
    with contextlib.suppress(ConnectionError):
        for _ in range(40):
            second.send(row * (MIB // len(row)), chunked=True)
    refused(read_reply(second.stream), "--memory-bytes")
    # What it had is given back at once, though it stays: the first has its part, and there is no other.
    assert hold(server, length=4 * MIB).reply.status == 100


def test_a_packed_body_counts_as_what_it_comes_to(launch, hold):
    """15 MiB that pack into some KiB: nothing in the head says so."""
    server = launch("--memory-bytes", 64 * MIB)
    packed = gzip.compress(b"a,b\n" + b"1234567,1234567\n" * (15 * MIB // 16))
    headers = {"Content-Encoding": "gzip"}
    assert server.post_csv(packed, {"let": "r=a", "select": "r"}, headers).status == 200
    held = hold(server, length=4 * MIB)
    assert held.reply.status == 100
    refused(server.post_csv(packed, {"let": "r=a", "select": "r"}, headers), "--memory-bytes")
    held.close()
    wait_until(lambda: server.post_csv(packed, {"let": "r=a", "select": "r"}, headers).status == 200)


def test_a_body_that_grows_past_all_there_is(launch, hold):
    server = launch("--memory-bytes", 16 * MIB)
    held = hold(server, chunked=True)
    row = b"1234567,1234567\n"
    held.send(b"a,b\n", chunked=True)
    with contextlib.suppress(ConnectionError):
        for _ in range(30):
            held.send(row * (MIB // len(row)), chunked=True)
    reply = read_reply(held.stream)
    assert reply.status in (413, 422), reply
    assert reply.problem["limit"] == "--memory-bytes" and "Retry-After" not in reply.headers
    assert server.post_csv(SMALL, {"let": "r=a"}).status == 200


def test_what_needs_more_than_all_there_is(launch):
    """A small body that comes to much: alone it is told that it never fits."""
    server = launch("--memory-bytes", 16 * MIB)
    columns = {"a": [1] * 1_500_000, "b": ["x"] * 1_500_000}
    document = {"columns": columns, "let": {"r": "sha3_512(a, b)", "s": "sha3_512(b, a)", "t": "sha3_512(a, a)"}}
    for _ in range(2):
        reply = server.post_json(document)
        assert reply.status == 422 and reply.problem["code"] == "limit_exceeded", reply
        assert reply.problem["limit"] == "--memory-bytes"
        assert server.run_of(reply)["status"] == 422
    assert server.post_csv(SMALL, {"let": "r=a"}).status == 200


def test_a_large_reply_streams_within_it(launch):
    """A reply beyond a quarter of the memory is not kept: it streams, whole and right."""
    server = launch("--memory-bytes", 32 * MIB)
    rows = 400_000
    document = {"generate": {"rows": rows, "columns": ["a"], "seed": 1}, "let": {"k": "sha256(a)"}, "select": "all"}
    reply = server.post_json(document, headers={"Accept": "text/csv"})
    assert reply.status == 200 and len(reply.body) > 30 * MIB and reply.body.count(b"\n") == rows + 1
    assert reply.headers.get("Transfer-Encoding") == "chunked"
    if not client.SANITIZED:
        assert server.resident() < (32 + 48) * MIB


def test_many_uploads_at_once(launch):
    """Every one is answered, memory keeps to the budget, and all of it comes back."""
    server = launch("--memory-bytes", 48 * MIB)
    body = b"a,b\n" + b"0.1234567890123456,1.234567890123456\n" * 140_000
    statuses, most, over = [], [0], threading.Event()

    def watch():
        while not over.is_set():
            most[0] = max(most[0], server.resident())
            time.sleep(0.01)

    def upload(i):
        held = Held(server, length=len(body), query="let=r=a*b&let=k=md5(a,b)")
        with contextlib.closing(held):
            reply = held.end(body) if held.reply.status == 100 else held.reply
            statuses.append(reply.status)
            if reply.status != 200:
                refused(reply, "--memory-bytes")

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        together(upload, 24)
    finally:
        over.set()
        watcher.join()
    assert len(statuses) == 24 and set(statuses) <= {200, 503} and 200 in statuses
    if not client.SANITIZED:
        assert most[0] < (48 + 48) * MIB, most[0]
    # All is given back: one that wants everything is let in.
    def fits():
        with contextlib.closing(Held(server, length=48 * MIB - LEAST)) as held:
            return held.reply.status == 100
    wait_until(fits)


# ---- jobs -------------------------------------------------------------------------------------------------

def test_half_sent_bodies_take_no_jobs_place(launch, hold):
    server = launch("--max-jobs", 1)
    waiting = [hold(server, job=True) for _ in range(3)]
    assert [one.reply.status for one in waiting] == [100] * 3
    document = {"function": "long_io", "args": [1], "seconds": 30, "executor": "threads"}
    job = server.post_json(document, "/v1/map", {"Prefer": "respond-async"})
    assert job.status == 202, job
    refused(hold(server, job=True).reply, "--max-jobs")  # before its body is asked for
    refused(waiting[0].end(), "--max-jobs")
    assert server.request("DELETE", job.headers["Location"]).status == 202
    accepted = waiting[1].end()
    assert accepted.status == 202, accepted
    wait_until(lambda: server.get(accepted.headers["Location"]).json()["state"] == "finished")
    assert waiting[2].end().status == 202  # the one that has ended makes room


def test_results_count_in_the_memory(launch, hold):
    """What is kept is reserved, and given back when it is forgotten."""
    server = launch("--memory-bytes", 64 * MIB)
    document = {"generate": {"rows": 60_000, "columns": ["a"], "seed": 1}, "let": {"k": "sha512(a)"}}
    job = server.post_json(document, headers={"Prefer": "respond-async"})
    assert job.status == 202
    wait_until(lambda: server.get(job.headers["Location"]).json()["state"] == "finished")
    kept = len(server.get(job.headers["Location"] + "/result").body)
    assert kept > 7 * MIB

    def whole(length):
        with contextlib.closing(Held(server, length=length)) as held:
            return held.reply.status

    assert whole(64 * MIB - LEAST) == 503
    assert server.request("DELETE", job.headers["Location"]).status == 204
    wait_until(lambda: whole(64 * MIB - LEAST) == 100)
    too_much = {"generate": {"rows": 150_000, "columns": ["a"], "seed": 1}, "let": {"k": "sha512(a)"}}

    def accepted():
        reply = server.post_json(too_much, headers={"Prefer": "respond-async"})
        return reply if reply.status == 202 else None

    job = wait_until(accepted)  # the one that wanted everything has hung up, which is noticed in a moment
    wait_until(lambda: server.get(job.headers["Location"]).json()["state"] == "failed")
    refused(server.get(job.headers["Location"] + "/result"), "--job-bytes", 422, "limit_exceeded")
