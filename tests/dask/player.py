"""Plays the server to a bridge: starts the script as the server does, and speaks the frames of bridge_protocol.h."""
import importlib.util
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time

import cluster
import fake_worker

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = pathlib.Path(os.environ.get("DASK_BRIDGE", ROOT / "build" / "pool" / "dask.py"))
FAKE = pathlib.Path(fake_worker.__file__).resolve()

if not SCRIPT.exists():
    raise RuntimeError(f"there is no script at {SCRIPT}; run `make build/pool/dask.py` or set DASK_BRIDGE")
spec = importlib.util.spec_from_file_location("dask_bridge", SCRIPT)
bridge = importlib.util.module_from_spec(spec)  # for its constants and forms
spec.loader.exec_module(bridge)


def field(data):
    return data.split(b"\0", 1)[0].decode()


class Reply:
    """A DONE or FAILED frame."""

    def __init__(self, kind, body, at):
        self.kind, self.at = kind, at
        if kind == bridge.DONE:
            self.worker, self.attempts, *self.times = bridge.DONE_FRAME.unpack_from(body)
            answer = memoryview(body)[bridge.DONE_FRAME.size:]
            self.number, self.size, self.cpu_ns = fake_worker.ANSWER.unpack_from(answer)
            self.output = answer[fake_worker.ANSWER.size:]
            assert len(self.output) == self.size
        else:
            self.why, self.attempts, detail = bridge.FAILED_FRAME.unpack(body)
            self.detail = field(detail)


class State:
    def __init__(self, body, at):
        self.at = at
        connected, count, self.threads, _, scheduler, dashboard, problem = bridge.STATE_FRAME.unpack_from(body)
        self.connected = bool(connected)
        self.scheduler, self.dashboard, self.problem = field(scheduler), field(dashboard), field(problem)
        self.workers = []
        for index in range(count):
            self.workers.append(StateWorker(body, bridge.STATE_FRAME.size + index * bridge.WORKER_FRAME.size))
        assert len(body) == bridge.STATE_FRAME.size + count * bridge.WORKER_FRAME.size

    def usable(self):
        return [worker for worker in self.workers if worker.usable]


class StateWorker:
    def __init__(self, body, offset):
        self.index, self.threads, self.usable, _, self.memory, *texts = bridge.WORKER_FRAME.unpack_from(body, offset)
        self.address, self.host, self.name, self.problem = map(field, texts)


class Player:
    """A bridge and the server's end of its socket. As a context: the bridge is ended with it."""

    def __init__(self, scheduler, retries=3, tls=("", "", ""), session=None, identity=fake_worker.IDENTITY,
                 setup=fake_worker.SETUP, answer_size=fake_worker.ANSWER.size, prefix=()):
        self.socket, theirs = socket.socketpair()
        self.socket.settimeout(30)
        self.retries = retries  # of the tasks that are submitted
        self.session = session or secrets.token_hex(8)
        self.errors = tempfile.TemporaryFile()
        self.replies, self.states, self.submitted = {}, [], {}
        self.news = threading.Condition()
        self.ended = None
        # As the server does it: the socket is descriptor 3, the program, which is no file, 4.
        program = os.memfd_create("bridge")
        os.write(program, SCRIPT.read_bytes())
        start = ("import os, sys; a, b = int(sys.argv[1]), int(sys.argv[2]); c, d = os.dup2(a, 100), os.dup2(b, 101);"
                 "os.dup2(c, 3); os.dup2(d, 4); os.closerange(5, 200); os.execv(sys.argv[3], sys.argv[3:])")
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", start, str(theirs.fileno()), str(program), cluster.PYTHON, "/proc/self/fd/4"],
            pass_fds=(theirs.fileno(), program), stdin=subprocess.DEVNULL, stderr=self.errors, cwd="/")
        os.close(program)
        theirs.close()
        hello = bridge.HELLO_FRAME.pack(
            bridge.VERSION, 0, answer_size, fake_worker.REQUEST.size, self.session.encode(), scheduler.encode(),
            *[str(path).encode() for path in tls], identity, setup, len(setup))
        self.send(bridge.HELLO, 0, hello)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, kind, number, body=b""):
        self.socket.sendall(bridge.HEAD.pack(kind, 0, number, len(body)) + body)

    def take(self, size):
        data = bytearray(size)
        view = memoryview(data)
        while len(view):
            got = self.socket.recv_into(view)
            if not got:
                raise EOFError
            view = view[got:]
        return bytes(data)

    def read(self):
        try:
            while True:
                try:
                    kind, reserved, number, size = bridge.HEAD.unpack(self.take(bridge.HEAD.size))
                except TimeoutError:
                    continue
                assert reserved == 0
                body = self.take(size)
                with self.news:
                    if kind == bridge.STATE:
                        self.states.append(State(body, time.monotonic()))
                    else:
                        assert number not in self.replies, f"{number} was answered twice"
                        self.replies[number] = Reply(kind, body, time.monotonic())
                    self.news.notify_all()
        except (OSError, EOFError):
            with self.news:
                self.ended = time.monotonic()
                self.news.notify_all()

    def wait(self, test, seconds, what):
        """Until it gives something true, looked at with each frame."""
        end = time.monotonic() + seconds
        with self.news:
            while True:
                value = test()
                if value:
                    return value
                left = end - time.monotonic()
                assert left > 0 and not self.ended, f"not within {seconds} s: {what}; {self.tell()}"
                self.news.wait(min(left, 0.5))

    def tell(self):
        state = self.states[-1] if self.states else None
        workers = [(w.name, w.usable, w.problem) for w in state.workers] if state else []
        return f"state: {state and (state.connected, state.problem)} {workers}; it said: {self.said()}"

    def said(self):
        size = os.fstat(self.errors.fileno()).st_size
        return os.pread(self.errors.fileno(), size, 0).decode(errors="replace")

    def await_state(self, test, seconds=20):
        return self.wait(lambda: self.states and test(self.states[-1]) and self.states[-1], seconds, "a state")

    def await_usable(self, count, seconds=20):
        return self.await_state(lambda state: len(state.usable()) == count, seconds)

    def submit(self, number, body, left=0.0):
        request = fake_worker.REQUEST.pack(number, len(body)) + body
        self.submitted[number] = time.monotonic()
        self.send(bridge.SUBMIT, number, bridge.SUBMIT_FRAME.pack(int(left * 1e9), self.retries, 0) + request)

    def reply(self, number, seconds=20):
        return self.wait(lambda: self.replies.get(number), seconds, f"reply {number}")

    def result(self, number, body, seconds=20):
        """The reply, which must be the body."""
        reply = self.reply(number, seconds)
        assert reply.kind == bridge.DONE, reply.detail
        assert reply.number == number and reply.output == body
        # Measured on this side of the socket it took longer.
        assert min(reply.times) >= 0
        assert sum(reply.times) / 1e9 <= reply.at - self.submitted[number]
        return reply

    def cancel(self, number):
        self.send(bridge.CANCEL, number)

    def close(self, seconds=10):
        """Ends the bridge as the server does; returns how long that took."""
        began = time.monotonic()
        self.socket.close() if self.ended else self.socket.shutdown(socket.SHUT_RDWR)
        try:
            self.process.wait(seconds)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        self.reader.join(5)
        self.socket.close()
        self.errors.close()
        return time.monotonic() - began
