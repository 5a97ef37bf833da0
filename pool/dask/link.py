"""One connection to a scheduler: which workers there are and what they are good for, and the ways of tasks through Dask."""
import asyncio
import secrets
import ssl
import struct
import time

import distributed

from start import text_field
from fetch import Fetcher, Gone
from attempt import AGAIN, Attempt, Carried, Failure, of_dask, why
from remote import TOPIC, Keeper, add_keeper, begin_watch, check_worker, stop_morsels

WORKER_FRAME = struct.Struct("<IIIIQ128s64s64s192s")

POLL_SECONDS = 1
SILENT_SECONDS = 10  # a worker is taken for cut off then
PATIENCE_SECONDS = 10  # with the scheduler
CHECK_SECONDS = 60  # between looks at a worker: Dask writes a line into its log each time
RECHECK_SECONDS = 10  # if it had a problem
CONNECT_SECONDS = 5
PREPARE_SECONDS = 20
CLOSE_SECONDS = 2


def check_certificates(ca, cert, key):
    """What is wrong with them, by their names: what Dask says of it has none."""
    context = ssl.create_default_context()
    for names, load in ((f"--dask-tls-ca {ca}", lambda: context.load_verify_locations(ca)),
                        (f"--dask-tls-cert {cert} with --dask-tls-key {key}", lambda: context.load_cert_chain(cert, key, ""))):
        try:
            load()
        except OSError as error:
            raise OSError(f"{names} cannot be used: {why(error)}") from None


class Worker:
    """What is known of a worker of the cluster."""

    def __init__(self, index, address):
        self.index, self.address = index, address
        self.host = self.name = ""
        self.threads = self.memory = 0
        self.checked = None  # not yet, "" if it is sound, or its problem
        self.absent = ""  # why Dask does not reach it just now
        self.heard = (0, time.monotonic())  # by the scheduler: the time that it says, and when it last said another one
        self.silent = False
        self.reachable = False  # from here, without the scheduler
        self.clock = (float("inf"), 0)  # the shortest round trip, and what its clock was ahead of ours then
        self.care = None
        self.look = asyncio.Event()  # now, not only in a while

    @property
    def problem(self):
        return self.absent or ("is being prepared" if self.checked is None else self.checked)

    def frame(self):
        return WORKER_FRAME.pack(self.index, self.threads, not self.problem, 0, self.memory, text_field(self.address, 128),
                                 text_field(self.host, 64), text_field(self.name, 64), text_field(self.problem, 192))


class Link:
    """One connection to a scheduler, until it is lost."""

    def __init__(self, bridge):
        self.bridge = bridge
        self.name = f"colonnade-{bridge.session}-{secrets.token_hex(4)}"
        # Dask keeps books on each first part of keys that it has ever seen: "colonnade" for all. What comes between it and
        # the number begins with a digit, so that it is no part of that; each task is a group of its own, so that Dask does
        # not hold back what looks like the roots of a large graph.
        self.prefix = f"('colonnade-0{bridge.session}-"
        self.client = self.stream = self.fetcher = None
        self.attempts = {}  # by key
        self.serial = 0
        self.dashboard = ""
        self.keeper = self.registering = None

    async def open(self):
        bridge = self.bridge
        security = None
        if bridge.tls_ca:
            check_certificates(bridge.tls_ca, bridge.tls_cert, bridge.tls_key)
            security = distributed.Security(tls_ca_file=bridge.tls_ca, tls_client_cert=bridge.tls_cert or None,
                                            tls_client_key=bridge.tls_key or None, require_encryption=True)
        self.client = distributed.Client(bridge.address, asynchronous=True, security=security, timeout=CONNECT_SECONDS,
                                         set_as_default=False)
        await asyncio.wait_for(self.client, CONNECT_SECONDS * 2)
        self.stream, self.fetcher = self.stream_now(), Fetcher(self.client)
        try:
            self.stream.interval = 0.001  # 10 ms would be waited for between two submissions
        except AttributeError:
            pass  # no part of its public face, and only faster
        await self.on_scheduler(begin_watch, self.name, self.prefix, self.client.id)
        self.client.subscribe_topic(TOPIC, self.hear)
        self.keeper = Keeper(self.name, self.prefix, bridge.identity, bridge.setup, bridge.answer_size)
        register = getattr(self.client, "register_plugin", None) or self.client.register_worker_plugin
        # It waits for every worker, also for those that do not answer.
        self.registering = asyncio.ensure_future(register(self.keeper, name=self.name))
        try:
            self.dashboard = self.client.dashboard_link or ""
        except (KeyError, AttributeError):
            pass  # it has none

    def stream_now(self):
        """What Dask's client sends over. It makes a new one without a word, perhaps to a new scheduler, which knows neither
        the watch nor the plugin."""
        return getattr(self.client, "scheduler_comm", None)

    async def on_scheduler(self, function, *arguments):
        return await asyncio.wait_for(self.client.run_on_scheduler(function, *arguments), PATIENCE_SECONDS)

    async def watch(self):
        """Keeps the list of workers. Returns why the connection is lost."""
        heard = time.monotonic()
        while True:
            if self.client.status != "running" or self.stream_now() is not self.stream:
                return "the connection to the scheduler was closed"
            failed = self.registering.done() and self.registering.exception()
            if failed and not isinstance(failed, OSError):  # of a worker that is not reached: look_after sees to it
                return f"the workers do not take the plugin: {why(failed)}"
            try:
                await asyncio.wait_for(self.poll(), heard + PATIENCE_SECONDS - time.monotonic())
                heard = time.monotonic()
            except (OSError, asyncio.TimeoutError):
                if time.monotonic() > heard + PATIENCE_SECONDS - POLL_SECONDS:
                    return f"the scheduler has been silent for {PATIENCE_SECONDS} s"
            await asyncio.sleep(POLL_SECONDS)

    async def poll(self):
        workers = (await self.client.scheduler.identity())["workers"]
        self.note(workers)
        if self.attempts:
            self.place(await self.client.processing())  # of all: asked for one that has just left it fails

    def note(self, workers):
        """What the scheduler says of its workers."""
        known = self.bridge.workers
        for address in [address for address in known if address not in workers]:
            self.forget(address)
        for address, said in workers.items():
            worker = known.get(address)
            if worker is None:
                worker = known[address] = Worker(self.bridge.index(address), address)
                worker.care = asyncio.ensure_future(self.look_after(worker))
            worker.name, worker.host = str(said.get("name", "")), str(said.get("host", ""))
            worker.threads, worker.memory = said.get("nthreads", 0), said.get("memory_limit") or 0
            if said.get("last_seen") != worker.heard[0]:
                worker.heard = (said.get("last_seen"), time.monotonic())
            # Dask hears workers the less often the more there are.
            silence = time.monotonic() - worker.heard[1]
            worker.silent = silence > SILENT_SECONDS + len(workers) / 100
            status = said.get("status", "running")
            worker.absent = f"has been silent for {silence:.0f} s" if worker.silent else \
                "" if status == "running" else f"is {status.replace('_', ' ')}, says Dask"
        self.bridge.refresh()

    def forget(self, address):
        """A worker that has left. Who waits for an answer from it waits for nothing; what it had to do goes to others by
        Dask itself."""
        worker = self.bridge.workers.pop(address, None)
        if worker:
            worker.care.cancel()
        for attempt in list(self.attempts.values()):
            if attempt.source == address:
                attempt.abandon(attempt.bereft())

    def place(self, processing):
        """Where the tasks are; takes away those that are where nothing comes from, if there are other workers."""
        at = {key: address for address, keys in processing.items() for key in keys}
        known, usable = self.bridge.workers, self.bridge.usable
        silent = [worker.address for worker in known.values() if worker.silent]
        for key, attempt in list(self.attempts.items()):
            attempt.place = at.get(key, attempt.place)
            if attempt.source:
                if attempt.source not in known:
                    attempt.abandon(attempt.bereft())
                elif attempt.source in silent:
                    attempt.abandon(Failure(f"its answer could not be fetched: {attempt.source} {known[attempt.source].absent}"))
            elif usable and attempt.place in silent:
                worker = known[attempt.place]
                attempt.abandon(Failure(f"{worker.address} {worker.absent}", place=worker.address))
            elif usable and key not in at and not any(worker.address in attempt.targets for worker in usable):
                attempt.abandon(Failure("the Dask workers that were to do it have left", counted=attempt.place is not None))

    async def look_after(self, worker):
        """Asks a worker what it is good for, and what time it has."""
        quick, began = 5, time.monotonic()
        # A wait that ends at the moment in which this is cancelled may go on.
        while self.bridge.workers.get(worker.address) is worker:
            sent = time.monotonic_ns()
            try:
                answers = await asyncio.wait_for(
                    self.client.run(check_worker, self.name, workers=[worker.address]), PATIENCE_SECONDS)
                back = time.monotonic_ns()
                worker.checked, clock = answers[worker.address]
                if clock is None and self.registering.done() and time.monotonic() > began + CONNECT_SECONDS:
                    # It was not reached when all others got it, or has come and got none.
                    await asyncio.wait_for(self.client.run(add_keeper, self.name, self.keeper, workers=[worker.address]),
                                           PATIENCE_SECONDS)
                    began = time.monotonic()
                if worker.checked is None and time.monotonic() > began + PREPARE_SECONDS:
                    worker.checked = "does not start what computes on it"
                if clock is not None:
                    worker.clock = min(worker.clock, (back - sent, clock - (sent + back) // 2))
                    quick -= 1
            except asyncio.TimeoutError:
                worker.checked = f"has not answered for {PATIENCE_SECONDS} s"
            except Exception as error:
                worker.checked = f"cannot be asked: {why(error)}"
            worker.reachable = not worker.checked and not worker.silent and await self.reaches(worker)
            self.bridge.refresh()
            # One clock runs away from another by some µs a second: a new round trip may be a little longer.
            worker.clock = (worker.clock[0] * 1.1, worker.clock[1])
            worker.look.clear()
            try:
                await asyncio.wait_for(worker.look.wait(), 0.1 if worker.checked is None or quick > 0 else
                                       RECHECK_SECONDS if worker.problem else CHECK_SECONDS)
            except asyncio.TimeoutError:
                pass

    async def reaches(self, worker):
        """Whether a worker can be talked to from here."""
        try:
            await asyncio.wait_for(self.client.rpc(worker.address).identity(), CLOSE_SECONDS)
            return True
        except Exception:
            return False

    def hear(self, event):
        """Of a task that waited where only Dask sees it, or of a worker that has left: sooner than by asking."""
        kind, key, waited = event[1]
        if kind == "gone":
            self.forget(key)
            self.bridge.refresh()
            return
        attempt = self.attempts.get(key)
        if attempt and kind == "left":
            attempt.waited += waited
        elif attempt:
            attempt.waited = max(attempt.waited, waited)

    async def attempt(self, task):
        """Runs a task by Dask: the answer, which attempt it was. Raises Failure."""
        self.serial += 1
        key = f"{self.prefix}{task.number}-{self.serial}', 0)"
        targets = [worker.address for worker in self.bridge.usable]
        targets = [address for address in targets if address not in task.avoided] or targets
        attempt = self.attempts[key] = Attempt(task, targets)
        future = None
        try:
            # That an argument is a task itself makes Dask 2022.12 send all of it beside its messages, as it is; else it would
            # be copied into and out of four of them.
            future = self.client.submit(
                self.bridge.function, self.name, key, task.number, (memoryview, Carried(task.request)), key=key, pure=False,
                workers=targets, allow_other_workers=False, priority=-task.number)
            await self.either(attempt, future.exception())
            if future.status == "error":
                raise of_dask(await future.exception())
            if future.status != "finished":
                raise Failure("Dask has dropped it", counted=AGAIN if future.status == "lost" else attempt.place is not None)
            return await self.either(attempt, self.fetch(attempt, key)), attempt
        except Failure:
            raise
        except Gone:
            raise attempt.bereft() from None
        except Exception as error:
            counted = attempt.place is not None
            raise Failure(f"Dask failed: {why(error)}", counted=counted, place=attempt.place) from None
        finally:
            del self.attempts[key]
            if future is not None:
                future.release()

    async def fetch(self, attempt, key):
        """The answer, without the scheduler where that works."""
        for address in await self.fetcher.holders(key):
            worker = self.bridge.workers.get(address)
            if worker is None:
                continue
            attempt.source = address
            if worker.reachable:
                try:
                    return await self.fetcher.from_worker(key, address)
                except OSError:
                    worker.reachable = False
                    worker.look.set()
            return await self.fetcher.from_scheduler(key)
        raise Gone

    async def either(self, attempt, waited):
        """What is waited for, unless the attempt is abandoned."""
        waiting = asyncio.ensure_future(waited)
        try:
            await asyncio.wait({waiting, attempt.cut}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                if waiting.cancelled():
                    raise Failure("Dask has dropped it", counted=attempt.place is not None)
                return waiting.result()
            raise attempt.cut.result()
        finally:
            if not waiting.done():
                waiting.add_done_callback(lambda future: future.cancelled() or future.exception())
                waiting.cancel()

    def lose(self, reason):
        """Nothing comes over it any more."""
        for worker in self.bridge.workers.values():
            worker.care.cancel()
        self.bridge.workers.clear()
        self.bridge.refresh()
        for attempt in list(self.attempts.values()):
            attempt.abandon(Failure(reason, counted=attempt.place is not None))

    async def stop(self, numbers):
        """Ends the processes that compute these, wherever they are."""
        targets = [worker.address for worker in self.bridge.usable]
        if targets:
            try:
                await asyncio.wait_for(self.client.run(stop_morsels, self.name, numbers, workers=targets, on_error="ignore"),
                                       CLOSE_SECONDS)
            except Exception:
                pass  # what is cut off ends by its own deadline

    async def close(self):
        """Its watch on the scheduler sees it go, and clears up after it."""
        if self.registering:
            self.registering.cancel()
        if self.client:
            try:
                await asyncio.wait_for(self.client.close(), CLOSE_SECONDS)
            except (Exception, asyncio.CancelledError):
                pass
