"""SIGTERM under load: no request that was accepted is lost (README.md, part C).

    python3 tests/faults/drain.py [ROUNDS]
"""
import collections
import http.client
import json
import os
import random
import signal
import sys
import threading
import time

from rig import LONG, Count, Server, client, settle, table

ROUNDS = 50 if LONG else 8
AUTH = {"Authorization": "Bearer " + table.TOKEN}
# A request that was sent so long before the signal was accepted, also by a machine that is busy.
MARGIN = 0.25


class Lost(Exception):
    pass


class Round:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.counts = collections.Counter()
        self.wrong = []
        self.term = None  # when the signal was sent
        self.server = Server(None, "--grace-ms", 20000)
        document = {"generate": dict(table.FRAME, rows=30000), "let": {"k": "md5(a, b)"}, "select": "all"}
        self.stream_body = json.dumps(document).encode()
        whole = self.server.post_json(document, headers={"Accept": "text/csv"})
        assert whole.status == 200, whole
        self.stream_right = whole.body

    def guarded(self, client_loop, seed):
        try:
            client_loop(random.Random(seed))
        except Lost as end:
            self.wrong.append(str(end))
        except Exception as problem:  # whatever it is, the reply was not one
            self.wrong.append(f"{client_loop.__name__}: {problem!r}")

    def answered(self, reply, right, what):
        """Whether the client goes on."""
        if reply.status == 200 and reply.body == right:
            self.counts[what] += 1
            return reply.headers.get("Connection", "").lower() != "close"
        if reply.status == 503 and reply.code == "draining" and self.term:
            self.counts["refused: draining"] += 1
            return False
        raise Lost(f"{what}: {reply!r}")

    def no_reply(self, sent, got, what):
        """The connection ended before a reply: allowed if nothing came, and the request came late."""
        if got:
            raise Lost(f"{what}: {got} bytes of a reply")
        if self.term is None or sent < self.term - MARGIN:
            raise Lost(f"{what}: no reply to a request sent {0 if self.term is None else self.term - sent:.3f} s "
                       "before the signal")
        self.counts["not accepted"] += 1

    @staticmethod
    def request(draw):
        rows = [draw.randrange(1000) for _ in range(draw.choice((1, 50, 2000)))]
        body = ("a\n" + "".join(f"{a}\n" for a in rows)).encode()
        right = ("a,r\n" + "".join(f"{a},{a + 1}\n" for a in rows)).encode()
        executor = draw.choice(("auto", "threads", "processes"))
        head = (f"POST /v1/compute?let=r%3Da%2B1&executor={executor} HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
                f"Bearer {table.TOKEN}\r\nContent-Type: text/csv\r\nContent-Length: {len(body)}\r\n\r\n").encode()
        return head + body, right

    def burst(self, draw, count, what):
        """`count` requests at once, again and again on one connection."""
        while self.term is None or time.monotonic() < self.term + 1:
            try:
                connection = self.server.connect(30)
            except ConnectionError as problem:  # a reset: the server stopped listening meanwhile
                if self.term is None:
                    raise Lost(f"{what}: not connected: {problem!r}") from None
                return
            with connection:
                stream = connection.makefile("rb")
                going = True
                while going:
                    made = [self.request(draw) for _ in range(count)]
                    sent = time.monotonic()
                    try:
                        connection.sendall(b"".join(data for data, _ in made))
                    except ConnectionError:
                        pass
                    for _, right in made:
                        going = self.one(stream, right, sent, what) and going

    def one(self, stream, right, sent, what):
        try:
            first = stream.peek(1)
        except ConnectionError:
            first = b""
        if not first:
            self.no_reply(sent, 0, what)
            return False
        try:
            reply = client.read_reply(stream)
        except (http.client.HTTPException, ConnectionError, ValueError, IndexError) as problem:
            raise Lost(f"{what}: a part of a reply: {problem!r}") from None
        return self.answered(reply, right, what)

    def keep_alive(self, draw):
        self.burst(draw, 1, "keep-alive")

    def pipelined(self, draw):
        self.burst(draw, 6, "pipelined")

    def streams(self, _):
        """Replies that outgrow their buffer, read slowly."""
        while self.term is None:
            sent = time.monotonic()
            connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=30)
            got = b""
            try:
                connection.request("POST", "/v1/compute", self.stream_body,
                                   {"Content-Type": "application/json", "Accept": "text/csv", **AUTH})
                response = connection.getresponse()
                while True:
                    piece = response.read(50000)
                    if not piece:
                        break
                    got += piece
                    time.sleep(0.01)
                if not self.answered(client.Reply(response.status, response.headers, got), self.stream_right, "stream"):
                    return
            except (http.client.RemoteDisconnected, ConnectionError):
                return self.no_reply(sent, len(got), "stream")
            finally:
                connection.close()

    def jobs(self, _):
        """A job that was accepted ends, and who waits for it is told."""
        document = {"function": "long_io", "args": [1, 2], "seconds": 0.4, "workers": 2, "executor": "threads"}
        while self.term is None:
            sent = time.monotonic()
            try:
                begun = self.server.request("POST", "/v1/map", json.dumps(document).encode(), {
                    "Content-Type": "application/json", "Prefer": "respond-async", **AUTH})
                if begun.status == 503:
                    self.counts["refused: draining"] += 1
                    return
                assert begun.status == 202, begun
                sent = time.monotonic()
                state = self.server.request("GET", begun.headers["Location"], headers={"Prefer": "wait=10", **AUTH})
            except (http.client.RemoteDisconnected, ConnectionError):
                return self.no_reply(sent, 0, "job")
            if state.json()["state"] != "finished":
                raise Lost(f"job: {state!r}")
            self.counts["job"] += 1

    def run(self):
        clients = [self.keep_alive, self.keep_alive, self.pipelined, self.pipelined, self.streams, self.jobs]
        threads = [threading.Thread(target=self.guarded, args=(loop, i)) for i, loop in enumerate(clients)]
        for thread in threads:
            thread.start()
        time.sleep(self.draw.uniform(0.3, 1.0))
        family = self.server.processes()
        self.term = time.monotonic()
        os.kill(self.server.pid, signal.SIGTERM)
        for thread in threads:
            thread.join(60)
        code = self.server.stop(30)
        left = [pid for pid in family if os.path.exists(f"/proc/{pid}")]
        if left:
            settle(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in left), 5)
            left = [pid for pid in family if os.path.exists(f"/proc/{pid}")]
        assert not self.wrong, self.wrong[:5]
        assert code == 0, f"exit status {code}"
        assert not left, f"left {left}"
        return self.counts


def run(count=None, rounds=ROUNDS):
    count = count or Count()
    totals = collections.Counter()
    begun, problems = time.monotonic(), []
    for seed in range(rounds):
        try:
            totals.update(Round(seed).run())
        except AssertionError as problem:
            problems.append(f"round {seed}: {problem}")
    print(f"      {rounds} rounds: " + ", ".join(f"{n} {what}" for what, n in totals.most_common()))
    count.add(not problems, f"SIGTERM under load ({time.monotonic() - begun:.1f} s)")
    for problem in problems[:10]:
        print("    " + problem[:1500], flush=True)
    return count


if __name__ == "__main__":
    total = run(rounds=int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
    print(f"faults: {total.passed} passed, {total.failed} failed")
    sys.exit(total.failed > 0)
