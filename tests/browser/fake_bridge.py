#!/usr/bin/python3
"""Stands for the bridge to a Dask cluster (--dask-python), for what the page shows of one: it tells of workers and takes no
work. The scheduler's port says which cluster: 1 one that is there, 2 one that is away and names no page of the web,
3 one whose second worker leaves after half a second."""
import os
import socket
import struct
import threading
import time

HEAD = struct.Struct("<IIQQ")
STATE, WORKER = struct.Struct("<IIII256s256s256s"), struct.Struct("<IIIIQ128s64s64s192s")
HELLO, STATED = 1, 11
SESSION_AT, SESSION, SCHEDULER = 24, 32, 256  # in the greeting: version, retries, two sizes; then these
WORKERS = [WORKER.pack(index, threads, usable, 0, memory, b"tcp://%s:1" % host, host, name, problem)
           for index, (threads, usable, memory, host, name, problem) in enumerate([
               (4, 1, 8 << 30, b"far-1", b"one", b""), (2, 1, 0, b"far-2", b"two", b""),
               (2, 0, 8 << 30, b"far-3", b"three", b"this Dask worker finds no program `colonnade`: install it in its PATH, or name it in COLONNADE_BIN"),
           ])]

server = socket.socket(fileno=3)


def read(size):
    data = b""
    while len(data) < size:
        piece = server.recv(size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return data


def tell(scheduler):
    away = scheduler.endswith(b":2")
    page, problem = (b"javascript:alert(1)", b"no answer from the scheduler") if away else (b"http://127.0.0.1:1/status", b"")
    workers = [] if away else WORKERS
    while True:
        state = STATE.pack(not away, len(workers), 0 if away else 6, 0, scheduler, page, problem) + b"".join(workers)
        server.sendall(HEAD.pack(STATED, 0, 0, len(state)) + state)
        time.sleep(0.5)
        if scheduler.endswith(b":3"):
            workers = [WORKERS[0], WORKERS[2]]


while True:
    kind, _, _, size = HEAD.unpack(read(HEAD.size))
    payload = read(size)
    if kind == HELLO:
        named = payload[SESSION_AT + SESSION:][:SCHEDULER].rstrip(b"\0")
        threading.Thread(target=tell, args=(named,), daemon=True).start()
