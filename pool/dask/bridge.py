"""The server's client of a Dask cluster. Speaks to the server on descriptor 3 (bridge_protocol.h) and ends with that socket.

A task becomes a Dask task that only the workers found usable may run. The bridge sends it again when its worker dies, is cut
off or loses its `colonnade --worker`, when the scheduler is started anew, and when the connection to it is lost; while there
is nothing to send it to, it waits: that it has waited too long is the server's to say.
"""
import asyncio
import ctypes
import logging
import os
import signal
import socket
import struct
import sys
import time
import warnings

import dask

from start import HEAD, SOCKET, STATE, STATE_FRAME, text_field
from confine import confine
from remote import TAIL, TAIL_BYTES, run_morsel
from attempt import AGAIN, BROKEN, Failure, Function, why
from link import CLOSE_SECONDS, CONNECT_SECONDS, Link

VERSION = 1
WORKERS = 1024  # that the server is told of at most
HELLO, SUBMIT, CANCEL, DONE, FAILED = 1, 2, 3, 12, 13
HELLO_FRAME = struct.Struct("<IIQQ32s256s256s256s256s256s256sQ")
SUBMIT_FRAME = struct.Struct("<qII")
DONE_FRAME = struct.Struct("<IIqqqq")
FAILED_FRAME = struct.Struct("<II512s")

BEAT_SECONDS = 0.9
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
DEBUG = bool(os.environ.get("COLONNADE_DASK_DEBUG"))


def warn(text):
    """A line for people, without what a cluster may have put in for their terminals."""
    line = " ".join(str(text).split())
    print("colonnade dask bridge:", "".join(c if c.isprintable() else "?" for c in line), file=sys.stderr, flush=True)


def text_of(field):
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


class Wire:
    """The socket to the server."""

    def __init__(self, connection):
        connection.setblocking(False)
        self.socket, self.sending = connection, asyncio.Lock()

    async def read(self, size):
        data = bytearray(size)
        view = memoryview(data)
        while len(view):
            got = await asyncio.get_running_loop().sock_recv_into(self.socket, view)
            if got == 0:
                raise EOFError
            view = view[got:]
        return data

    async def frame(self):
        kind, _, number, size = HEAD.unpack(await self.read(HEAD.size))
        return kind, number, await self.read(size)

    async def send(self, kind, number, *parts):
        """A frame is never cut, also when its task is cancelled meanwhile."""
        async def whole():
            loop = asyncio.get_running_loop()
            async with self.sending:
                await loop.sock_sendall(self.socket, HEAD.pack(kind, 0, number, sum(map(len, parts))) + parts[0])
                for part in parts[1:]:
                    await loop.sock_sendall(self.socket, part)
        await asyncio.shield(whole())


class Task:
    def __init__(self, number, request, left_ns, retries):
        self.number, self.request = number, request
        self.began = time.monotonic_ns()
        self.left = left_ns / 1e9
        self.retries = retries
        self.attempts = self.bereft = 0
        self.avoided = set()  # workers that it failed on
        self.sent = False
        self.carrier = None


class Bridge:
    def __init__(self, wire, hello):
        self.wire = wire
        (version, isolation, self.answer_size, _, session, scheduler, tls_ca, tls_cert, tls_key, self.identity, setup,
         setup_size) = hello
        if version != VERSION:
            raise SystemExit(f"colonnade dask bridge: the server speaks version {version}, this is {VERSION}")
        self.session, self.address = text_of(session), text_of(scheduler)
        self.tls_ca, self.tls_cert, self.tls_key = text_of(tls_ca), text_of(tls_cert), text_of(tls_key)
        self.setup = setup[:setup_size]
        self.landlock = confine(isolation, [self.tls_ca, self.tls_cert, self.tls_key])
        self.function = Function(run_morsel)
        self.link = None
        self.problem = "the connection is being made"
        self.workers = {}  # of the present link, by address
        self.usable = []
        self.some_usable = asyncio.Event()
        self.indices = {}
        self.tasks = {}
        self.changed = asyncio.Event()
        self.stopping = []  # numbers whose processes are to be ended
        self.background = set()

    def index(self, address):
        return self.indices.setdefault(address, len(self.indices))

    def spawn(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
        return task

    # ---- what the server is told of the cluster ------------------------------------------------------

    def refresh(self):
        """After something became known of workers or connection."""
        self.usable = [worker for worker in self.workers.values() if not worker.problem]
        (self.some_usable.set if self.usable else self.some_usable.clear)()
        self.changed.set()

    def state(self):
        told = sorted(self.workers.values(), key=lambda worker: bool(worker.problem))[:WORKERS]
        head = STATE_FRAME.pack(self.link is not None, len(told), sum(worker.threads for worker in self.usable), self.landlock,
                                text_field(self.address, 256), text_field(self.link.dashboard if self.link else "", 256),
                                text_field(self.problem, 256))
        return head + b"".join(worker.frame() for worker in told)

    async def tell(self):
        """At each change, and often enough that the server knows that this bridge lives."""
        last, told = None, 0
        while True:
            state, now = self.state(), time.monotonic()
            self.changed.clear()
            if state != last or now - told >= BEAT_SECONDS:
                await self.wire.send(STATE, 0, state)
                last, told = state, now
            try:
                await asyncio.wait_for(self.changed.wait(), told + BEAT_SECONDS - now)
            except asyncio.TimeoutError:
                pass

    # ---- the connection ------------------------------------------------------------------------------

    async def stay_connected(self):
        delay, said = 0.2, None
        while True:
            link = Link(self)
            began = time.monotonic()
            try:
                await link.open()
                self.link, self.problem = link, ""
                self.problem = await link.watch()
            except (Exception, asyncio.TimeoutError) as error:
                self.problem = f"no connection to {self.address}: {why(error)}"
                if isinstance(error, OSError):  # of the network; what else goes wrong is not the address
                    self.problem += "; is that where the scheduler is (--dask-scheduler), and does it run?"
            finally:
                self.link = None
                link.lose(self.problem)
                await link.close()
            if time.monotonic() - began > 60:
                delay, said = 0.2, None
            if self.problem != said:
                warn(self.problem)
            said = self.problem
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5)

    # ---- tasks ---------------------------------------------------------------------------------------

    async def read(self):
        """Until the server closes its end."""
        while True:
            kind, number, body = await self.wire.frame()
            if kind == SUBMIT:
                left_ns, retries, _ = SUBMIT_FRAME.unpack_from(body)
                task = Task(number, memoryview(body)[SUBMIT_FRAME.size:], left_ns, retries)
                self.tasks[number] = task
                task.carrier = self.spawn(self.carry(task))
            elif kind == CANCEL and number in self.tasks:
                self.drop(self.tasks[number])

    def drop(self, task):
        """Nobody waits for it any more."""
        task.carrier.cancel()
        self.tasks.pop(task.number, None)
        if task.sent:
            if not self.stopping:  # those that come at once go at once
                asyncio.get_running_loop().call_later(0.02, self.stop)
            self.stopping.append(task.number)

    def stop(self):
        numbers, self.stopping = self.stopping, []
        if self.link:
            self.spawn(self.link.stop(numbers))

    async def carry(self, task):
        """Brings a task to its end: answered, failed, dropped, or past its deadline."""
        timer = asyncio.get_running_loop().call_later(task.left, self.drop, task) if task.left else None
        try:
            answer, attempt = await self.persist(task)
            await self.deliver(task, attempt, answer)
        except Failure as failure:
            await self.fail(task, failure.kind, failure.text)
        except Exception as error:
            warn(f"task {task.number}: {type(error).__name__}: {error}")
            await self.fail(task, BROKEN, why(error))
        finally:
            if timer:
                timer.cancel()
            self.tasks.pop(task.number, None)

    async def fail(self, task, kind, text):
        await self.wire.send(FAILED, task.number, FAILED_FRAME.pack(kind, task.attempts, text_field(text, 512)))

    async def persist(self, task):
        while True:
            while not (self.link and self.usable):
                await self.some_usable.wait()
            task.attempts += 1
            task.sent = True
            try:
                return await self.link.attempt(task)
            except Failure as failure:
                task.bereft += failure.counted == AGAIN
                counted = task.bereft > 1 if failure.counted == AGAIN else failure.counted
                if not counted:
                    task.attempts -= 1
                elif task.attempts > task.retries:
                    raise
                task.avoided.add(failure.place)
                if failure.place in self.workers:
                    self.workers[failure.place].look.set()
                await asyncio.sleep(0.05 if counted else 0.2)  # what the failure changed may be known then

    async def deliver(self, task, attempt, answer):
        """With where the time went: taken off it in the order of what is surest, so that all sums to what passed."""
        arrived, started, computed, ended, address = struct.unpack_from(TAIL, answer, len(answer) - TAIL_BYTES)
        address = text_of(address)
        worker = self.workers.get(address)
        ahead = worker.clock[1] if worker else 0
        left = total = time.monotonic_ns() - task.began
        compute = min(max(computed, 0), left)
        left -= compute
        # Until it was sent the last time, in the scheduler and at the worker.
        schedule = min(max(attempt.began - task.began + attempt.waited + started - arrived, 0), left)
        left -= schedule
        way = arrived - ahead - attempt.began - attempt.waited
        ship = min(max(way, 0) + max(ended - started - computed, 0), left)
        fetch = total - compute - schedule - ship
        done = DONE_FRAME.pack(self.index(address), task.attempts, ship, schedule, compute, fetch)
        await self.wire.send(DONE, task.number, done, memoryview(answer)[:-TAIL_BYTES])

    async def run(self):
        """Ends with the socket."""
        parts = [self.spawn(part) for part in (self.read(), self.tell(), self.stay_connected())]
        done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        for part in done:
            if not isinstance(part.exception(), (EOFError, ConnectionError)):
                raise part.exception()
        rest = list(self.background)
        for task in rest:
            task.cancel()
        if rest:
            await asyncio.wait(rest, timeout=CLOSE_SECONDS + 1)


async def main():
    # The server ends its bridge by closing the socket, never by a signal that a terminal sends to all.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    # Tasks' bytes come and go, and memory that is given back to the system costs more to get again than to fill.
    ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, 256 << 20)
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 64 << 20)
    warnings.simplefilter("ignore")
    if not DEBUG:
        logging.disable(logging.CRITICAL)
    dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s", "distributed.comm.timeouts.tcp": "15s",
                     "distributed.comm.retry.count": 0,
                     # All of them: Dask would look up the source that submits, for each task.
                     "distributed.diagnostics.computations.ignore-modules": [""]})
    wire = Wire(socket.socket(fileno=SOCKET))
    kind, _, body = await wire.frame()
    if kind != HELLO or len(body) != HELLO_FRAME.size:
        raise SystemExit("colonnade dask bridge: the server did not say hello as this bridge knows it")
    await Bridge(wire, HELLO_FRAME.unpack(body)).run()


if __name__ == "__main__":
    code = 0
    try:
        # Not asyncio.run: that would wait for every task that is left, and threads that still look a name up.
        asyncio.new_event_loop().run_until_complete(main())
    except (EOFError, ConnectionError):
        pass
    except SystemExit as end:
        warn(end)
        code = 1
    except Exception as error:
        warn(f"{type(error).__name__}: {error}")
        code = 1
    sys.stderr.flush()
    os._exit(code)
