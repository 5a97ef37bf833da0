"""What a server and its bridge to a Dask cluster say to each other (pool/bridge_protocol.h), for programs that stand for the
bridge. Whoever imports this is one: the socket to the server is there, and its end ends the program."""
import collections
import os
import socket
import struct
import threading

HELLO, SUBMIT, CANCEL, STATE, DONE, FAILED = 1, 2, 3, 11, 12, 13
LOST = 1  # why a task failed
HEAD, GREETING = struct.Struct("<IIQQ"), struct.Struct("<IIQQ32s256s256s256s256s256s256sQ")
TASK = struct.Struct("<qII")  # in front of a request: nanoseconds left, retries
NUMBER_AND_SIZE = struct.Struct("<QQ")  # what an answer begins with: its number; how much output follows it
FACTS, WORKER = struct.Struct("<IIII256s256s256s"), struct.Struct("<IIIIQ128s64s64s192s")
TIMES, GIVEN_UP = struct.Struct("<IIqqqq"), struct.Struct("<II512s")

Greeting = collections.namedtuple(
    "Greeting", "version isolation answer_size request_size session scheduler tls_ca tls_cert tls_key identity setup setup_size")
server = socket.socket(fileno=3)
sending = threading.Lock()


def read(size):
    data = bytearray(size)
    view = memoryview(data)
    while view:
        try:
            got = server.recv_into(view)
        except ConnectionError:
            got = 0
        if got == 0:
            os._exit(0)
        view = view[got:]
    return bytes(data)


def frame():
    """(kind, number, what follows)"""
    kind, _, number, size = HEAD.unpack(read(HEAD.size))
    return kind, number, read(size)


def greeting():
    """The first frame."""
    kind, _, payload = frame()
    assert kind == HELLO, kind
    hello = Greeting(*GREETING.unpack(payload))
    assert hello.version == 1, hello.version
    return hello._replace(scheduler=hello.scheduler.rstrip(b"\0"), setup=hello.setup[:hello.setup_size])


def packed(kind, number, payload):
    return HEAD.pack(kind, 0, number, len(payload)) + payload


def put(frames):
    with sending:
        try:
            server.sendall(frames)
        except ConnectionError:
            os._exit(0)


def send(kind, number, payload):
    put(packed(kind, number, payload))


def worker(index, threads, address, host, name, memory=1 << 30, problem=b""):
    """Of a state. Without a problem it is usable."""
    return WORKER.pack(index, threads, not problem, 0, memory, address, host, name, problem)


def tell_state(workers, scheduler, dashboard=b"", problem=b""):
    """A state; with a problem there is no connection."""
    threads = sum(row[1] for row in map(WORKER.unpack, workers) if row[2])
    send(STATE, 0, FACTS.pack(not problem, len(workers), threads, 0, scheduler, dashboard, problem) + b"".join(workers))


def answer(number, worker_index, attempts, times, reply):
    """`times`: nanoseconds of ship, schedule, compute and fetch."""
    send(DONE, number, TIMES.pack(worker_index, attempts, *times) + reply)


def give_up(number, attempts, text):
    send(FAILED, number, GIVEN_UP.pack(LOST, attempts, text.encode()[:511]))
