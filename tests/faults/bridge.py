#!/usr/bin/python3 -B
"""Stands for the bridge to a Dask cluster (--dask-python): there is none, and two `colonnade --worker` of one thread, on this
machine, do the tasks. DASK_COLONNADE_BIN is the program; a variable DASK_WORKER_NAME is a worker's variable NAME, so that its
calls can be made to fail as well (rig.py).

A task whose worker dies is sent again as often as it says; a worker that is dead is replaced when there is a task for it, or none
for a while.
"""
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import bridge_frames as frames  # noqa: E402

PROGRAM = os.environ["DASK_COLONNADE_BIN"]
MINE = "DASK_WORKER_"
VARIABLES = {name[len(MINE):]: value for name, value in os.environ.items() if name.startswith(MINE)}
BEAT_SECONDS, IDLE_SECONDS = 0.5, 0.05
hello = frames.greeting()
tasks = queue.SimpleQueue()
lock = threading.Lock()
wanted = set()  # numbers


class Worker:
    """The thread of a Dask worker, and its program, which ends with that thread."""

    def __init__(self, index):
        self.index, self.problem, self.program = index, "is being started", None
        self.number = 0  # of the task that its program has

    def row(self):
        return frames.worker(self.index, 1, b"tcp://127.0.0.1:%d" % (self.index + 1), b"far-%d" % self.index,
                             b"stand-in-%d" % self.index, problem=self.problem.encode()[:191])

    def run(self):
        self.begin_idle()
        tell()
        while True:
            try:
                task = tasks.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                self.begin_idle()
            else:
                self.serve(*task)

    def begin_idle(self):
        try:
            self.begin()
        except OSError:
            pass  # its problem is told, and the next task tries again

    def begin(self):
        """Starts its program, if there is none that lives."""
        if self.program and self.program.poll() is None:
            return
        self.end()
        try:
            self.program = subprocess.Popen([PROGRAM, "--worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=VARIABLES)
            if self.take(len(hello.identity)) != hello.identity:
                raise OSError("is another program")
            self.put(hello.setup)
        except OSError as error:
            self.problem = str(error)
            raise
        self.problem = ""

    def end(self):
        if self.program:
            self.program.kill()
            self.program.wait()
            self.program.stdin.close()
            self.program.stdout.close()
            self.program = None

    def put(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.program.stdin.fileno(), view):]

    def take(self, size):
        data = self.program.stdout.read(size)
        if len(data) < size:
            raise OSError(f"colonnade --worker ended with status {self.program.wait()}")
        return data

    def exchange(self, number, request):
        """(the answer, when the program had the task, when it answered)"""
        with lock:
            if number not in wanted:
                raise OSError("nobody wants the answer")
            self.begin()
            self.number = number
        try:
            self.put(request)
            sent = time.monotonic_ns()
            head = self.take(hello.answer_size)
            answered = time.monotonic_ns()
            return head + self.take(frames.NUMBER_AND_SIZE.unpack_from(head)[1]), sent, answered
        finally:
            with lock:
                self.number = 0

    def serve(self, number, came, retries, request):
        attempts = 0
        while number in wanted:
            began = time.monotonic_ns()
            attempts += 1
            try:
                reply, sent, answered = self.exchange(number, request)
            except OSError as error:
                self.end()
                if attempts <= retries:
                    continue
                frames.give_up(number, attempts, f"worker {self.index}: {error}")
            else:
                frames.answer(number, self.index, attempts,
                              (sent - began, began - came, answered - sent, time.monotonic_ns() - answered), reply)
            wanted.discard(number)
            tell()  # so that what the server does with it is part of every request


def tell():
    frames.tell_state([worker.row() for worker in workers], hello.scheduler, b"http://127.0.0.1:1/status")


def beat():
    while True:
        time.sleep(BEAT_SECONDS)
        tell()


def cancel(number):
    with lock:
        wanted.discard(number)
        for worker in workers:
            if worker.number == number:
                worker.program.kill()


workers = [Worker(0), Worker(1)]
for each in (workers[0].run, workers[1].run, beat):
    threading.Thread(target=each, daemon=True).start()
while True:
    kind, number, payload = frames.frame()
    if kind == frames.SUBMIT:
        _, retries, _ = frames.TASK.unpack_from(payload)
        wanted.add(number)
        tasks.put((number, time.monotonic_ns(), retries, payload[frames.TASK.size:]))
    elif kind == frames.CANCEL:
        cancel(number)
