"""The bridge's beginning: looks whether this Python has what the bridge is made of, and else tells the server why there is none."""
import os
import socket
import struct
import sys

SOCKET = 3
STATE = 11
HEAD = struct.Struct("<IIQQ")
STATE_FRAME = struct.Struct("<IIII256s256s256s")
SAID_WHY = 3  # exit status: the last state says why


def text_field(text, size):
    """Cut so that it stays UTF-8, and a NUL fits."""
    return text.encode("utf-8", "replace")[:size - 1].decode("utf-8", "ignore").encode()


def look():
    try:
        import distributed  # noqa: F401 (it brings dask and cloudpickle)
    except Exception as error:  # a broken installation raises anything
        problem = (f"{sys.executable} cannot load Dask's package distributed ({str(error) or type(error).__name__}); install it "
                   "for that Python, or name one that has it with --dask-python")
        state = STATE_FRAME.pack(0, 0, 0, 0, b"", b"", text_field(" ".join(problem.split()), 256))
        with socket.socket(fileno=SOCKET) as server:
            server.setblocking(True)
            server.sendall(HEAD.pack(STATE, 0, 0, len(state)) + state)
            # What the server has said must be read: closing would take back what it has not read yet.
            server.shutdown(socket.SHUT_WR)
            while server.recv(4096):
                pass
        os._exit(SAID_WHY)


if __name__ == "__main__":
    look()
