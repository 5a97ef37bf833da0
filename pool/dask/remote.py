"""What runs in the processes of a Dask cluster: on its workers a keeper of `colonnade --worker` processes, which carries
tasks to them and their answers back; on its scheduler a watch, which cleans up after its bridge.

start.py, confine.py, this file, fetch.py, attempt.py, link.py and bridge.py, in this order, are one script, whose functions
Dask sends by value: workers and scheduler need nothing of it installed. Python carries bytes here, `colonnade` computes.
"""
import asyncio
import collections
import concurrent.futures
import fcntl
import os
import select
import shutil
import signal
import struct
import subprocess
import threading
import time

import distributed

IDENTITY_BYTES = 256  # as in pipe_worker.h
# Forms of struct's, as texts: these go to the workers too.
NUMBER_AND_SIZE = "<QQ"  # what a request and an answer begin with: its number; how much output follows
# Behind each answer: when the task came, when it had a thread, how long it computed, when its answer was there; the worker.
TAIL = "<qqqq128s"
TAIL_BYTES = struct.calcsize(TAIL)
TOPIC = "colonnade"  # of the events that say how long a task waited where only Dask sees it, and which worker has left
START_SECONDS = 10
GONE = "the bridge has gone"
IDLE_SECONDS = 600
ANSWER_MOST = 1 << 32
PIPE_BYTES = 1 << 20
LAST_BYTES = 1 << 14


def ago(seconds):
    return time.monotonic() - seconds


class Program:
    """A `colonnade --worker`, from its start to its end. Used by one thread at a time; any thread may kill it."""

    def __init__(self, spawner):
        """It dies with the thread that starts it: so that is the spawner's."""
        command = os.environ.get("COLONNADE_BIN") or shutil.which("colonnade")
        if not command:
            raise RuntimeError("this Dask worker finds no program `colonnade`: install it in its PATH, or name it in "
                               "COLONNADE_BIN")
        errors, theirs = os.pipe()
        try:
            # It never waits for somebody to read its errors; what does not fit is lost.
            os.set_blocking(theirs, False)
            os.set_blocking(errors, False)
            self.process = spawner.submit(
                subprocess.Popen, [command, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=theirs, bufsize=0,
                cwd="/", start_new_session=True).result()
        except (OSError, RuntimeError) as error:  # the latter: the spawner has ended
            os.close(errors)
            raise RuntimeError(f"cannot start {command}: {getattr(error, 'strerror', None) or error}") from None
        finally:
            os.close(theirs)
        self.errors, self.said = errors, b""
        self.input, self.output = self.process.stdin.fileno(), self.process.stdout.fileno()
        self.used = time.monotonic()
        for descriptor in (self.input, self.output):
            try:
                fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            except OSError:
                pass  # the user's share of pipe memory is used up: smaller pieces then

    def greet(self, identity, setup):
        """Hears what it is, and tells it what it may have; if that fails it has ended."""
        try:
            theirs = bytearray(IDENTITY_BYTES)
            self.read(memoryview(theirs), time.monotonic() + START_SECONDS)
            if theirs.rstrip(b"\0") != identity.rstrip(b"\0"):
                raise RuntimeError(f"is {describe(theirs)}, but the server is {describe(identity)}")
            self.write(memoryview(setup))
        except BaseException:
            self.end()
            raise

    def read(self, view, until=None):
        """Fills the view."""
        waiting = select.poll()
        waiting.register(self.output, select.POLLIN)
        while len(view):
            if until is not None and not waiting.poll(max(0, until - time.monotonic()) * 1000):
                raise RuntimeError(f"colonnade --worker did not say within {START_SECONDS} s what it is")
            got = os.readv(self.output, [view])
            if got == 0:
                raise RuntimeError(self.obituary())
            view = view[got:]

    def write(self, view):
        try:
            while len(view):
                view = view[os.write(self.input, view):]
        except BrokenPipeError:
            raise RuntimeError(self.obituary()) from None

    def exchange(self, request, answer_size):
        """Has a request answered. Gives the answer with room for a tail, and for how long it was computed."""
        cut = max(len(request) - LAST_BYTES, 0)
        self.write(request[:cut])
        sent = time.monotonic_ns()  # whoever has the last bytes begins, before this thread knows that they are written
        self.write(request[cut:])
        head = bytearray(answer_size)
        self.read(memoryview(head))
        answered = time.monotonic_ns()
        number, size = struct.unpack_from(NUMBER_AND_SIZE, head)
        if number != struct.unpack_from(NUMBER_AND_SIZE, request)[0] or size > ANSWER_MOST:
            raise RuntimeError("colonnade --worker answered nonsense")
        answer = bytearray(answer_size + size + TAIL_BYTES)
        answer[:answer_size] = head
        self.read(memoryview(answer)[answer_size:answer_size + size])
        self.listen()
        self.used = time.monotonic()
        return answer, answered - sent

    def listen(self):
        """Keeps the end of what it says on its standard error."""
        try:
            while piece := os.read(self.errors, 4096):
                self.said = (self.said + piece)[-4096:]
        except BlockingIOError:
            pass

    def obituary(self):
        try:
            code = self.process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            return "colonnade --worker closed its pipes"
        how = f"ended with status {code}"
        if code < 0:
            try:
                how = f"was ended by {signal.Signals(-code).name}"
            except ValueError:
                how = f"was ended by signal {-code}"
        self.listen()
        lines = self.said.decode("utf-8", "replace").strip().splitlines()
        return f"colonnade --worker {how}" + (f": {lines[-1][:200]}" if lines else "")

    def kill(self):
        """Also while another thread waits for its answer, which then sees the end of the pipe."""
        self.process.kill()

    def end(self):
        self.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        if self.errors is not None:
            os.close(self.errors)
            self.errors = None


def describe(identity):
    """An identity for people: its digest is cut."""
    words = bytes(identity).rstrip(b"\0").decode("utf-8", "replace").split()
    return " ".join(word[:19] + "…" if word.startswith("sha256:") else word[:24] for word in words[:3]) or "nothing"


class Keeper(distributed.WorkerPlugin):
    """The plugin of one bridge on a Dask worker. Its processes end with it, and after ten minutes without a task: that is
    for bridges whose end nobody noticed."""

    def __init__(self, name, prefix, identity, setup, answer_size):
        self.name, self.prefix, self.answer_size = name, prefix, answer_size
        self.identity, self.program_setup = identity, setup

    def setup(self, worker):
        self.worker, self.address = worker, worker.address
        self.lock = threading.Lock()
        self.spawner = concurrent.futures.ThreadPoolExecutor(1, "colonnade-spawner")
        self.idle = []
        self.starting = set()  # that have not said yet what they are
        self.busy = {}  # key of a task: its number, its process
        self.unwanted = collections.deque(maxlen=1000)
        self.arrived = {}
        self.problem, self.looked = None, None  # not known yet, "" or a text; when
        self.closed = False
        self.timer = asyncio.get_running_loop().call_later(IDLE_SECONDS / 10, self.tidy)
        self.look()

    def teardown(self, worker):
        with self.lock:
            self.closed = True
            idle, self.idle = self.idle, []
            busy = [process for _, process in self.busy.values() if process]
            starting = list(self.starting)
        self.timer.cancel()
        for process in busy + starting:
            process.kill()  # its thread ends it
        for process in idle:
            process.end()
        self.spawner.shutdown(wait=False)

    def tidy(self):
        with self.lock:
            stale = [process for process in self.idle if process.used < ago(IDLE_SECONDS)]
            self.idle = [process for process in self.idle if process not in stale]
        for process in stale:
            process.end()
        self.timer = asyncio.get_running_loop().call_later(IDLE_SECONDS / 10, self.tidy)

    def transition(self, key, start, finish, **_):
        """Of every task of the worker. When one of ours came, and whether it left again without having run (stolen)."""
        if not isinstance(key, str) or not key.startswith(self.prefix):
            return
        if finish in ("waiting", "ready") and key not in self.arrived:
            self.arrived[key] = time.monotonic_ns()
        elif finish in ("memory", "error", "released", "forgotten"):
            came = self.arrived.pop(key, None)
            if came is not None and start in ("waiting", "ready", "constrained"):
                self.worker.log_event(TOPIC, ["left", key, time.monotonic_ns() - came])

    # ---- whether this worker is one ---------------------------------------------------------------

    def look(self):
        """Starts a process, to see whether it can be done. Not in the worker's loop: it takes a while."""
        self.looked = time.monotonic()

        def start():
            try:
                self.keep(self.start())
            except RuntimeError:
                pass  # self.problem says it

        threading.Thread(target=start, name="colonnade-start", daemon=True).start()

    def start(self):
        process = None
        try:
            process = Program(self.spawner)
            with self.lock:
                self.starting.add(process)
            if self.closed:
                process.kill()  # whoever closed this may not have seen it
            process.greet(self.identity, self.program_setup)
        except RuntimeError as error:
            self.problem = str(error)
            raise
        except Exception as error:
            self.problem = f"cannot start colonnade --worker: {error}"
            raise RuntimeError(self.problem) from None
        finally:
            with self.lock:
                self.starting.discard(process)
        self.problem = ""
        return process

    def check(self):
        """What the worker is good for, and its clock."""
        if self.problem and self.looked < ago(START_SECONDS):
            self.look()  # perhaps somebody has installed the program meanwhile
        return self.problem, time.monotonic_ns()

    # ---- tasks --------------------------------------------------------------------------------------

    def keep(self, process):
        with self.lock:
            if not self.closed:
                self.idle.append(process)
                return
        process.end()

    def take(self):
        """One that lives: whoever ended those that were idle, no task has to find out."""
        while True:
            with self.lock:
                if self.closed:
                    raise RuntimeError(GONE)
                process = self.idle.pop() if self.idle else None
            if process is None:
                return self.start()
            if process.process.poll() is None:
                return process
            process.end()

    def run(self, key, number, request):
        """On a thread of the worker. Raises RuntimeError(text, address)."""
        started = time.monotonic_ns()
        arrived = self.arrived.get(key, started)
        process = None
        try:
            process = self.take()
            with self.lock:
                self.busy[key] = number, process
            if number in self.unwanted or self.closed:
                raise RuntimeError("nobody wants the answer")
            answer, computed = process.exchange(request, self.answer_size)
        except BaseException as error:
            if process:
                process.end()
            text = str(error) if isinstance(error, RuntimeError) else f"{type(error).__name__}: {error}"
            raise RuntimeError(GONE if self.closed else text, self.address) from None
        finally:
            with self.lock:
                self.busy.pop(key, None)
        self.keep(process)
        struct.pack_into(TAIL, answer, len(answer) - TAIL_BYTES, arrived, started, computed, time.monotonic_ns(),
                         self.address.encode()[:127])
        return memoryview(answer)  # which Dask sends without copying it

    def stop(self, numbers):
        """Nobody wants these any more."""
        self.unwanted.extend(numbers)
        with self.lock:  # so that none has gone on to another task
            for number, process in self.busy.values():
                if process and number in numbers:
                    process.kill()


def run_morsel(name, key, number, request):
    """The task of Dask's: small, as its text goes with each one. `request` may be a task itself, which newer ones than 2022.12
    do not run (link.py, Link.attempt)."""
    if isinstance(request, tuple):
        request = request[0](request[1])
    keeper = distributed.get_worker().plugins.get(name)
    if keeper is None:
        raise RuntimeError(GONE, "")
    return keeper.run(key, number, memoryview(request))


def check_worker(name, dask_worker):
    keeper = dask_worker.plugins.get(name)
    return keeper.check() if keeper else (None, None)


async def add_keeper(name, keeper, dask_worker):
    if name not in dask_worker.plugins:
        await dask_worker.plugin_add(keeper, name)


def stop_morsels(name, numbers, dask_worker):
    keeper = dask_worker.plugins.get(name)
    if keeper:
        keeper.stop(numbers)


# ---- on the scheduler -------------------------------------------------------------------------------

class Watch(distributed.SchedulerPlugin):
    """Says when a task waited in the scheduler and when a worker leaves, and takes the keepers away when their bridge is gone, however it went."""

    def __init__(self, name, prefix, client):
        self.name, self.prefix, self.client = name, prefix, client

    async def start(self, scheduler):
        self.scheduler, self.since = scheduler, {}

    def transition(self, key, start, finish, *_, **__):
        if not isinstance(key, str) or not key.startswith(self.prefix):
            return
        if finish == "processing":
            waited = time.monotonic_ns() - self.since.get(key, time.monotonic_ns())
            if waited > 1_000_000:
                self.scheduler.log_event(TOPIC, ["waited", key, waited])
        elif finish == "forgotten":
            self.since.pop(key, None)
        else:
            self.since.setdefault(key, time.monotonic_ns())

    def remove_worker(self, scheduler, worker, **_):
        scheduler.log_event(TOPIC, ["gone", worker, 0])

    def remove_client(self, scheduler, client):
        if client == self.client:
            asyncio.ensure_future(self.clean())

    async def clean(self):
        try:
            self.scheduler.remove_plugin(name=self.name)
            self.scheduler.unsubscribe_topic(TOPIC, self.client)
            await self.scheduler.unregister_worker_plugin(None, self.name)
        except (KeyError, ValueError, OSError):
            pass  # it was taken away already; workers that are gone need nothing


async def begin_watch(name, prefix, client, dask_scheduler):
    watch = Watch(name, prefix, client)
    await watch.start(dask_scheduler)
    dask_scheduler.add_plugin(watch, name=name)
