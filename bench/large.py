"""Bodies larger than memory: CSV of many gigabytes through a server that may use little, and the curve of its memory.

A generated table is sent in chunked coding, and every byte of the reply is compared with what it must be. With --limit the
server runs in a control group of that size (which needs root).
"""
import argparse
import contextlib
import http.client
import pathlib
import re
import socket
import tempfile
import threading
import time

from measure import Beside
from service import Service

MARK = b"\x00" * 7  # in a block's rows: the number of the block comes here
ROWS = 100_000
LET = "/v1/compute?let=r%3Da*b%2B0.5&let=s%3Da%3C50000"
HEADER = b"n,a,b,t\n"
EVERY_S = 0.05
CGROUPS = pathlib.Path("/sys/fs/cgroup")


# ---- the table -----------------------------------------------------------------------------------

def block(number, template):
    """Rows that no other block has."""
    return template.replace(MARK, b"%07d" % (1_000_000 + number))


def make_template():
    return b"".join(b"%s,%d,%d.25,text %x of the row\n" % (MARK, k, k * 7919 % 1000, k * 104_729 % (1 << 24))
                    for k in range(ROWS))


def expected(service, template):
    """The same of the reply, by a request whose body is small."""
    with contextlib.closing(service.connection()) as connection:
        connection.request("POST", LET, HEADER + block(0, template), {"Content-Type": "text/csv"})
        response = connection.getresponse()
        text = response.read()
    if response.status != 200:
        raise SystemExit(f"{LET} replied {response.status}: {text[:1000].decode()}")
    header, rows = text.split(b"\n", 1)
    if rows.count(b"\n") != ROWS or rows.count(b"\n1000000,") != ROWS - 1:
        raise SystemExit("the reply to the first block is not what was asked for")
    first, second = rows.split(b"\n", 2)[:2]
    if first != b"1000000,0,0.25,text 0 of the row,0.5,True" or not second.startswith(b"1000000,1,919.25,"):
        raise SystemExit(f"the reply begins with {first + second!r}")
    return header + b"\n", rows.replace(b"\n1000000,", b"\n" + MARK + b",").replace(b"1000000,", MARK + b",", 1)


# ---- the control group ---------------------------------------------------------------------------

class Group:
    """A control group of version 1 or 2 whose memory is limited; gone at the end."""

    def __init__(self, limit):
        old = (CGROUPS / "memory").is_dir()
        self.path = (CGROUPS / "memory" if old else CGROUPS) / f"colonnade-bench-{id(self):x}"
        self.path.mkdir()
        self.set("memory.limit_in_bytes" if old else "memory.max", limit)
        self.usage = "memory.usage_in_bytes" if old else "memory.current"
        self.anonymous = "total_rss" if old else "anon"
        self.peak = "memory.max_usage_in_bytes" if old else "memory.peak"

    def set(self, name, value):
        (self.path / name).write_text(str(value), encoding="ascii")

    def get(self, name):
        return int((self.path / name).read_text(encoding="ascii"))

    def stat(self, name):
        return int(re.search(rf"^{name} (\d+)", (self.path / "memory.stat").read_text(encoding="ascii"), re.M)[1])

    def prefix(self):
        return ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs; exec "$@"', "in-group"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for _ in range(50):
            try:
                self.path.rmdir()
                return
            except OSError:  # the last process leaves it in a moment
                time.sleep(0.1)


# ---- one body ------------------------------------------------------------------------------------

class Traffic:
    def __init__(self):
        self.sent = self.received = 0
        self.sent_s = self.first_s = self.failure = None


def send(connection, traffic, template, blocks, begun):
    try:
        connection.sendall(b"POST " + LET.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(HEADER), HEADER))
        for number in range(blocks):
            data = block(number, template)
            connection.sendall(b"%x\r\n" % len(data))
            connection.sendall(data)
            connection.sendall(b"\r\n")
            traffic.sent += len(data)
        connection.sendall(b"0\r\n\r\n")
        traffic.sent_s = time.monotonic() - begun
    except OSError as problem:  # the reply says why
        traffic.failure = problem


class Check:
    """Compares a text that comes in pieces with the one that it must be."""

    def __init__(self, header, template, blocks):
        self.parts = iter([header])
        self.template, self.blocks, self.number, self.at = template, blocks, 0, 0
        self.part = header

    def take(self, piece):
        piece = memoryview(piece)
        while len(piece) > 0:
            if self.at == len(self.part):
                if self.number == self.blocks:
                    raise SystemExit("the reply is too long")
                self.part, self.at = block(self.number, self.template), 0
                self.number += 1
            n = min(len(piece), len(self.part) - self.at)
            if piece[:n] != memoryview(self.part)[self.at:self.at + n]:
                raise SystemExit(f"the reply differs in block {self.number}")
            self.at += n
            piece = piece[n:]

    def end(self):
        if self.number != self.blocks or self.at != len(self.part):
            raise SystemExit(f"the reply ends in block {self.number} of {self.blocks}")


def receive(connection, traffic, check, begun):
    response = http.client.HTTPResponse(connection)
    response.begin()
    traffic.first_s = time.monotonic() - begun
    if response.status != 200:
        raise SystemExit(f"{LET} replied {response.status}: {response.read()[:1000].decode()}")
    buffer = bytearray(1 << 20)
    while n := response.readinto(buffer):
        check.take(memoryview(buffer)[:n])
        traffic.received += n
    check.end()
    if int(response.headers["Colonnade-Rows"]) != check.blocks * ROWS:
        raise SystemExit("Colonnade-Rows is wrong")


# ---- the curve -----------------------------------------------------------------------------------

def status(pid, name):
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+)", text, re.M)
    return int(found[1]) << 10 if found else 0


def on_disk(pid):
    """Bytes of the server's files without a name: the only ones that are open for reading and not in memory."""
    total = 0
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(entry.readlink())
            if target.endswith("(deleted)") and not target.startswith("/memfd:"):
                total += entry.stat().st_blocks * 512
    return total


class Curve(Beside):
    """Samples while the with-block runs: seconds, bytes sent, received, on disk, resident, of the group and its own,
    and how long a health check took."""

    def __init__(self, service, traffic, group):
        super().__init__()
        self.service, self.traffic, self.group, self.samples = service, traffic, group, []
        self.begun = time.monotonic()

    def health_s(self):
        begun = time.monotonic()
        with contextlib.closing(self.service.connection()) as connection:
            connection.request("GET", "/livez")
            connection.getresponse().read()
        return time.monotonic() - begun

    def work(self):
        while not self.over.wait(EVERY_S):
            self.samples.append((time.monotonic() - self.begun, self.traffic.sent, self.traffic.received,
                                 on_disk(self.service.pid), status(self.service.pid, "VmRSS"),
                                 self.group.get(self.group.usage) if self.group else 0,
                                 self.group.stat(self.group.anonymous) if self.group else 0, self.health_s()))

    def health(self):
        """The median, the slowest of a hundred, and the slowest check."""
        times = sorted(sample[7] for sample in self.samples)
        return times[len(times) // 2], times[len(times) * 99 // 100], times[-1]

    def table(self, lines):
        """What was most in each part of the time."""
        parts = min(lines, len(self.samples))
        for part in range(parts):
            some = self.samples[len(self.samples) * part // parts:len(self.samples) * (part + 1) // parts]
            last = some[-1]
            yield [f"{last[0]:.0f}", *(f"{last[i] / 1e9:.2f}" for i in (1, 2, 3)), f"{max(s[4] for s in some) / 2**20:.0f}",
                   *([f"{max(s[i] for s in some) / 2**20:.0f}" for i in (5, 6)] if self.group else [])]


def print_table(head, rows):
    print("| " + " | ".join(head) + " |\n|" + "---:|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def run(arguments, gigabytes, group):
    flags = ["--data-dir", arguments.data_dir, "--memory-bytes", arguments.memory_bytes, "--buffer-bytes", arguments.buffer_bytes,
             "--max-body-bytes", "1024GiB", "--max-rows", "4000000000", "--request-timeout-ms", "86400000"]
    template = make_template()
    blocks = max(1, round(gigabytes * 1e9 / len(template)))
    traffic = Traffic()
    with Service(arguments.binary, *flags, prefix=group.prefix() if group else ()) as service:
        check = Check(*expected(service, template), blocks)
        before = status(service.pid, "VmRSS")
        begun = time.monotonic()
        with socket.create_connection(service.address) as connection, Curve(service, traffic, group) as curve:
            sender = threading.Thread(target=send, args=(connection, traffic, template, blocks, begun))
            sender.start()
            receive(connection, traffic, check, begun)
            sender.join()
        seconds = time.monotonic() - begun
        peak = status(service.pid, "VmHWM")
        left = on_disk(service.pid)
    return {"sent": traffic.sent, "received": traffic.received, "seconds": seconds, "sent_s": traffic.sent_s,
            "first_s": traffic.first_s, "before": before, "peak": peak, "rows": blocks * ROWS, "left": left,
            "group": group.get(group.peak) if group else 0, "curve": list(curve.table(arguments.lines)), "health": curve.health()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default="build/colonnade")
    parser.add_argument("--gigabytes", default="1", help="sizes of bodies, with commas between them (%(default)s)")
    parser.add_argument("--memory-bytes", default="512MiB")
    parser.add_argument("--buffer-bytes", default="64MiB")
    parser.add_argument("--data-dir", help="where the server keeps bodies; a new directory below here if not given")
    parser.add_argument("--limit", type=int, help="MiB of a control group for the server")
    parser.add_argument("--lines", type=int, default=16, help="of the curve of the last body (%(default)s)")
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        arguments.data_dir = arguments.data_dir or folder
        for gigabytes in map(float, arguments.gigabytes.split(",")):
            with Group(arguments.limit << 20) if arguments.limit else contextlib.nullcontext() as group:
                results.append(run(arguments, gigabytes, group))
    curve = ["s", "GB sent", "GB received", "GB on disk", "MiB resident",
             *(["MiB of the group", "of these, not of files"] if arguments.limit else [])]
    print_table(curve, results[-1]["curve"])
    print_table(["GB", "rows", "GB of the reply", "s until all was sent", "until the reply began", "until its end", "MB/s in and out",
                 "MiB resident before", "most", *(["most of the group"] if arguments.limit else []), "ms of a health check: p50, p99, most"],
                [[f"{r['sent'] / 1e9:.2f}", f"{r['rows']:,}", f"{r['received'] / 1e9:.2f}", f"{r['sent_s']:.1f}", f"{r['first_s']:.1f}",
                  f"{r['seconds']:.1f}", f"{(r['sent'] + r['received']) / r['seconds'] / 1e6:.0f}", f"{r['before'] / 2**20:.0f}",
                  f"{r['peak'] / 2**20:.0f}", *([f"{r['group'] / 2**20:.0f}"] if arguments.limit else []), ", ".join(f"{t * 1e3:.0f}" for t in r["health"])]
                 for r in results])
    print("Every byte of the replies was compared.")


if __name__ == "__main__":
    main()
