"""A bridge without a cluster, for test_pool_dask.c, which puts MODE and FILE (a path) in front of it. It answers each
task with its first input, or does what MODE says. What a test is to know of is a line in FILE: that it was born, with what a
task came, that one was cancelled."""
import os
import signal
import struct
import sys

sys.path.insert(0, "tests")  # it is read from memory, in the folder of the whole
import bridge_frames as frames  # noqa: E402


def state(workers):
    frames.tell_state([frames.worker(index, 2, b"tcp://10.0.0.%d:1" % address, b"host%d" % address, b"w", problem=problem)
                       for index, address, problem in workers], b"tcp://here", b"http://here/status")


def answer(number, payload, worker=0):
    request = payload[frames.TASK.size:]
    table, n_inputs = struct.unpack_from("<QQ", request, 32)
    image = request[hello.request_size:]
    text = b""
    if n_inputs:
        offset, length = struct.unpack_from("<QQ", image, table)
        text = image[offset:offset + length]
    reply = bytearray(hello.answer_size)
    frames.NUMBER_AND_SIZE.pack_into(reply, 0, number, len(text))
    frames.answer(number, worker, 1, (1000, 2000, 3000, 4000), reply + text)


def note(text):
    with open(FILE, "a") as file:
        file.write(text + "\n")


def lived():
    """How many bridges there were, with this one."""
    note("born")
    return open(FILE).read().count("born")


hello = frames.greeting()
births = lived()
if MODE == "absent":
    state([(0, 7, b"is another colonnade")])
elif MODE == "explains":
    frames.tell_state([], b"tcp://here", problem=b"this Python has no package")
elif MODE == "nonsense" and births == 1:
    frames.server.sendall(b"\xff" * 100)
else:
    state([(0, 7, b""), (1, 8, b"")])
if MODE == "floods":  # with news of tasks that nobody waits for
    piece = frames.packed(frames.FAILED, 1 << 40, frames.GIVEN_UP.pack(frames.LOST, 1, b"")) * 2000
    while True:
        frames.put(piece)
held = []
while True:
    kind, number, payload = frames.frame()
    if kind == frames.CANCEL:
        note("cancelled")
    elif MODE == "dies" or (MODE == "dies once" and births == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    elif MODE == "explains":
        os._exit(3)  # as bridge_protocol.h has it: the last state says why
    elif MODE in ("never", "absent"):
        note("left %d retries %d" % frames.TASK.unpack_from(payload)[:2])
    elif MODE == "fails":
        frames.give_up(number, 3, "worker tcp://10.0.0.7:1 died three times")
    elif MODE == "boasts":
        frames.give_up(number, 1 << 31, "tried very often")
    elif MODE == "stopped" and births == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    elif MODE == "lies":
        frames.answer(number, 0, 1, (0, 0, 0, 0), bytes(hello.answer_size))
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
