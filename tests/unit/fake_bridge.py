"""A bridge without a cluster, for test_pool_dask.c, which puts MODE and FILE (a path) in front of it. It answers each
task with its first input, or does what MODE says. What a test is to know of is a line in FILE: that it was born, with what a
task came, that one was cancelled."""
import os
import signal
import socket
import struct
import threading
import time

HEAD, SUBMIT = struct.Struct("<IIQQ"), struct.Struct("<qII")
STATE, WORKER = struct.Struct("<IIII256s256s256s"), struct.Struct("<IIIIQ128s64s64s192s")
DONE, FAILED = struct.Struct("<IIqqqq"), struct.Struct("<II512s")
server = socket.socket(fileno=3)
lock = threading.Lock()


def read(size):
    data = bytearray()
    while len(data) < size:
        piece = server.recv(size - len(data))
        if not piece:
            os._exit(0)
        data += piece
    return bytes(data)


def send(kind, number, payload):
    with lock:
        server.sendall(HEAD.pack(kind, 0, number, len(payload)) + payload)


def state(workers):
    rows = [WORKER.pack(index, 2, usable, 0, 1 << 30, b"tcp://10.0.0.%d:1" % address, b"host%d" % address, b"w", problem)
            for index, address, usable, problem in workers]
    usable = sum(row[2] for row in workers)
    send(11, 0, STATE.pack(1, len(rows), 2 * usable, 0, b"tcp://here", b"http://here/status", b"") + b"".join(rows))


def answer(number, payload, worker=0):
    request = payload[SUBMIT.size:]
    table, n_inputs = struct.unpack_from("<QQ", request, 32)
    image = request[request_size:]
    text = b""
    if n_inputs:
        offset, length = struct.unpack_from("<QQ", image, table)
        text = image[offset:offset + length]
    reply = bytearray(answer_size)
    struct.pack_into("<QQ", reply, 0, number, len(text))
    send(12, number, DONE.pack(worker, 1, 1000, 2000, 3000, 4000) + reply + text)


def note(text):
    with open(FILE, "a") as file:
        file.write(text + "\n")


def lived():
    """How many bridges there were, with this one."""
    note("born")
    return open(FILE).read().count("born")


kind, _, _, size = HEAD.unpack(read(HEAD.size))
hello = read(size)
answer_size, request_size = struct.unpack_from("<QQ", hello, 8)
assert kind == 1 and struct.unpack_from("<I", hello)[0] == 1
births = lived()
if MODE == "absent":
    state([(0, 7, 0, b"is another colonnade")])
elif MODE == "nonsense" and births == 1:
    server.sendall(b"\xff" * 100)
else:
    state([(0, 7, 1, b""), (1, 8, 1, b"")])
if MODE == "floods":  # with news of tasks that nobody waits for
    piece = (HEAD.pack(13, 0, 1 << 40, FAILED.size) + FAILED.pack(1, 1, b"")) * 2000
    while True:
        server.sendall(piece)
held = []
while True:
    kind, _, number, size = HEAD.unpack(read(HEAD.size))
    payload = read(size)
    if kind == 3:
        note("cancelled")
    elif MODE == "dies" or (MODE == "dies once" and births == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    elif MODE in ("never", "absent"):
        note("left %d retries %d" % SUBMIT.unpack_from(payload)[:2])
    elif MODE == "fails":
        send(13, number, FAILED.pack(1, 3, b"worker tcp://10.0.0.7:1 died three times"))
    elif MODE == "boasts":
        send(13, number, FAILED.pack(1, 1 << 31, b"tried very often"))
    elif MODE == "stopped" and births == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    elif MODE == "lies":
        send(12, number, DONE.pack(0, 1, 0, 0, 0, 0) + bytes(answer_size))
    elif MODE == "backwards":
        held.append((number, payload))
        if len(held) == 4:
            for one in reversed(held):
                answer(*one, worker=1)
            held.clear()
    elif MODE == "twice":
        answer(number, payload)
        answer(number, payload)
        answer(number + 1000000, payload)
    else:
        answer(number, payload, worker=number % 2)
