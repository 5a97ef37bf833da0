#!/usr/bin/python3
"""Speaks what `colonnade --worker` speaks (pipe_worker.h), and does what a test tells it: named by COLONNADE_BIN of a Dask
worker. The request's text behind its head says what to do; all else comes back as it is.

FAKE_IDENTITY: what it says that it is. FAKE_SILENT: it says nothing. FAKE_FOLDER: each process leaves a file there, named by its pid.
"""
import ctypes
import os
import pathlib
import signal
import struct
import sys
import time

IDENTITY = b"colonnade 0.0.0 sha256:" + b"ab" * 32
SETUP = b"what it is to be told first"
PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Much smaller than the real ones, which the bridge does not know either.
REQUEST = struct.Struct("<QQ")  # number, size of what follows
ANSWER = struct.Struct("<QQq")  # number, size of the output, CPU time


def read(size):
    data = sys.stdin.buffer.read(size)
    if len(data) < size:
        sys.exit(0)
    return data


def obey(order):
    """An order is a word: sleep SECONDS, crash, exit STATUS, nonsense; crash-once FILE, which the process's parent is written
    into."""
    word, _, argument = order.decode().partition(" ")
    if word == "sleep":
        time.sleep(float(argument))
    elif word == "crash":
        print("the fake worker was told to crash", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "exit":
        sys.exit(int(argument))
    elif word == "crash-once":
        if not os.path.exists(argument):
            pathlib.Path(argument).write_text(str(os.getppid()))
            os.kill(os.getpid(), signal.SIGKILL)


def main():
    folder = os.environ.get("FAKE_FOLDER")
    if folder:
        pathlib.Path(folder, str(os.getpid())).touch()
    if "FAKE_SILENT" in os.environ:
        time.sleep(1000)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # as the real one does
    if "FAKE_DIES" in os.environ:
        sys.exit(os.environ["FAKE_DIES"])
    out = sys.stdout.buffer
    out.write(os.environ.get("FAKE_IDENTITY", IDENTITY.decode()).encode().ljust(256, b"\0"))
    out.flush()
    assert read(len(SETUP)) == SETUP
    while True:
        number, size = REQUEST.unpack(read(REQUEST.size))
        body = read(size)
        if body.startswith(b"!"):
            for order in body[1:].split(b";"):
                obey(order)
        if body == b"!nonsense":
            number += 1
        out.write(ANSWER.pack(number, size, time.process_time_ns()))
        out.write(body)
        out.flush()


if __name__ == "__main__":
    main()
