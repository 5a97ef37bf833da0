"""What every black-box test needs: a server of its own, and requests to it.

Only the standard library: http.client for ordinary requests, sockets for raw bytes, curl for the
calls that users type.
"""
import csv
import functools
import http.client
import io
import json
import os
import pathlib
import re
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("COLONNADE_BIN", str(ROOT / "build" / "colonnade"))
JSON = "application/json"
CSV = "text/csv"
csv.field_size_limit(1 << 30)
SANITIZED = b"__asan_init" in pathlib.Path(BINARY).read_bytes() if os.access(BINARY, os.R_OK) else False
SANITIZER = re.compile(r"Sanitizer|runtime error:|SUMMARY: ")


# Every server speaks TLS then: the same tests over another transport (make test-http-tls).
OVER_TLS = bool(os.environ.get("COLONNADE_TEST_TLS"))


def certificate(folder, name="server", days=2, key="ec", extra=()):
    """Makes a certificate of its own signature; returns the paths of it and of its key."""
    cert, private = pathlib.Path(folder, name + ".pem"), pathlib.Path(folder, name + ".key")
    kinds = {"ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], "rsa": ["-newkey", "rsa:2048"]}
    subprocess.run(["openssl", "req", "-x509", *kinds[key], "-nodes", "-keyout", private, "-out", cert, "-days", str(days),
                    "-subj", "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", *extra],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return cert, private


@functools.cache
def shared_certificate():
    """The one of a whole run over TLS. Its folder goes with the process, and curl trusts it too."""
    shared_certificate.folder = tempfile.TemporaryDirectory()
    made = certificate(shared_certificate.folder.name)
    os.environ["CURL_CA_BUNDLE"] = str(made[0])
    return made


def family(pid):
    """The pids of a process and of everything below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            parents[int(entry)] = int(stat.rsplit(")", 1)[1].split()[1])
    found = {pid}
    while True:
        more = {child for child, parent in parents.items() if parent in found} - found
        if not more:
            return sorted(found)
        found |= more


def passing(sockets, environment, names=None):
    """What stands before a command so that it finds these sockets as its descriptors 3 and up, as after systemd. Their
    numbers go to the child with pass_fds."""
    if not sockets:
        return []
    environment["LISTEN_FDS"] = str(len(sockets))
    if names:
        environment["LISTEN_FDNAMES"] = ":".join(names)
    script = ("import os, sys; n = int(sys.argv[1]); high = [os.dup2(int(f), 100 + k) for k, f in enumerate(sys.argv[2:2 + n])];"
              "os.closerange(3, 100);"
              "[os.dup2(f, 3 + k) for k, f in enumerate(high)]; [os.close(f) for f in high];"
              "os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[2 + n], sys.argv[2 + n:])")
    return [sys.executable, "-c", script, str(len(sockets)), *[str(s.fileno()) for s in sockets]]


class Reply:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self):
        return self.body.decode("utf-8")

    def json(self):
        return json.loads(self.body)

    @property
    def columns(self):
        return self.json()["columns"]

    @property
    def problem(self):
        """The problem document; checks its form on the way."""
        kind = self.headers.get("Content-Type", "")
        assert kind.startswith("application/problem+json"), (self.status, kind, self.body[:500])
        document = json.loads(self.body)
        assert document["status"] == self.status
        assert document["type"] == "/problems/" + document["code"]
        assert document["title"] and document["detail"]
        return document

    @property
    def code(self):
        """The problem's code; 'ok' for a 200."""
        return "ok" if self.status == 200 else self.problem["code"]

    def rows(self, delimiter=","):
        return list(csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter))

    def __repr__(self):
        return f"<Reply {self.status} {self.body[:400]!r}>"


def query(options):
    """A query string of a dict (lists repeat) or of pairs."""
    pairs = []
    for name, value in options.items() if isinstance(options, dict) else options:
        for one in value if isinstance(value, (list, tuple)) else [value]:
            pairs.append((name, str(one)))
    return urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)


def form(parts, boundary="colonnade-test-boundary"):
    """A multipart/form-data body of (name, value[, filename[, type]]); returns body, type."""
    out = []
    for part in parts:
        name, value = part[0], part[1] if isinstance(part[1], bytes) else str(part[1])
        filename = part[2] if len(part) > 2 else None
        kind = part[3] if len(part) > 3 else None
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
        if filename is not None:
            head += f'; filename="{filename}"'
        if kind is not None:
            head += f"\r\nContent-Type: {kind}"
        out += [head.encode() + b"\r\n\r\n",
                value.encode() if isinstance(value, str) else value, b"\r\n"]
    out.append(f"--{boundary}--\r\n".encode())
    return b"".join(out), f"multipart/form-data; boundary={boundary}"


class Server:
    """A running binary. Ends by SIGTERM to its own pid; stop() checks how it ended."""

    def __init__(self, *flags, env=None, listen="127.0.0.1:0", tls=None, passed=(), prefix=()):
        """`tls`: the paths of a certificate and its key; `passed`: sockets, as systemd passes them; `prefix`: words before
        the command."""
        self.errors = tempfile.TemporaryFile()
        tls = tls or (OVER_TLS and shared_certificate())
        if tls:
            flags = ("--tls-cert", tls[0], "--tls-key", tls[1], *flags)
        self.tls_cert = tls and tls[0]
        self.tls = ssl.create_default_context(cafile=tls[0]) if tls else None
        command = [*prefix, BINARY] + (["--listen", listen] if listen else []) + [str(f) for f in flags]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COLONNADE_")
                       or k == "COLONNADE_CPU"}
        environment.update(env or {})
        command = passing(passed, environment) + command
        self.process = subprocess.Popen(command, pass_fds=[s.fileno() for s in passed], stdout=subprocess.PIPE, stderr=self.errors,
                                        stdin=subprocess.DEVNULL, env=environment)
        self.line = self._ready_line(60)
        found = re.fullmatch(r"colonnade (\S+) listening on (https?)://([0-9.]+):(\d+)(?:, .*)?\n", self.line)
        if not found:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"no ready line but {self.line!r}; stderr: {self.stderr()[:2000]}")
        self.version, self.scheme, self.host, self.port = found[1], found[2], found[3], int(found[4])
        assert self.scheme == ("https" if tls else "http")
        self.pid = self.process.pid
        self.default_headers = {}

    def _ready_line(self, seconds):
        line = b""
        until = time.monotonic() + seconds
        descriptor = self.process.stdout.fileno()
        while not line.endswith(b"\n") and time.monotonic() < until:
            if select.select([descriptor], [], [], 0.2)[0]:
                piece = os.read(descriptor, 1)
                if not piece:
                    break
                line += piece
        return line.decode()

    def stderr(self):
        descriptor = self.errors.fileno()  # whose offset is the server's too, so it stays where it is
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0).decode("utf-8", "replace")

    def stop(self, seconds=60):
        """SIGTERM; returns the exit code. Fails on sanitizer reports and on a hanging end. Once more: the same code."""
        if self.errors.closed:
            return self.process.returncode
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("the server did not end after SIGTERM: " + self.stderr()[-2000:])
        finally:
            self.process.stdout.close()
        text = self.stderr()
        self.errors.close()
        assert not SANITIZER.search(text), text[:6000]
        return code

    @property
    def url(self):
        return f"{self.scheme}://{self.host}:{self.port}"

    def connect(self, timeout=120):
        connection = self.connect_bare(timeout)
        return self.tls.wrap_socket(connection, server_hostname=self.host) if self.tls else connection

    def connect_bare(self, timeout=120):
        """Without TLS, whatever the server speaks."""
        return socket.create_connection((self.host, self.port), timeout=timeout)

    def connection(self, timeout=120):
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def request(self, method, target, body=None, headers=None, timeout=120):
        connection = self.connection(timeout)
        try:
            head = dict(self.default_headers)
            head.update(headers or {})
            connection.request(method, target, body=body, headers=head)
            response = connection.getresponse()
            return Reply(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, target, **headers):
        return self.request("GET", target, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post_csv(self, text, options=None, headers=None, path="/v1/compute", method="POST"):
        """CSV in the body, options in the query."""
        head = {"Content-Type": CSV}
        head.update(headers or {})
        target = path + ("?" + query(options) if options else "")
        return self.request(method, target, text.encode() if isinstance(text, str) else text, head)

    def post_json(self, document, path="/v1/compute", headers=None):
        head = {"Content-Type": JSON}
        head.update(headers or {})
        body = document if isinstance(document, bytes) else (
            document if isinstance(document, str) else json.dumps(document)).encode()
        return self.request("POST", path, body, head)

    def post_form(self, parts, path="/v1/compute", headers=None):
        body, kind = form(parts)
        head = {"Content-Type": kind}
        head.update(headers or {})
        return self.request("POST", path, body, head)

    def lets(self, let, columns=None, **options):
        """JSON in, JSON out: let is a dict or a single expression (then the name is r)."""
        if isinstance(let, str):
            let = {"r": let}
        document = {"columns": columns if columns is not None else {"a": [1]}, "let": let}
        document.update(options)
        return self.post_json(document)

    def value(self, expression, columns=None, **options):
        """The values of one expression; of one row its only value."""
        reply = self.lets(expression, columns, **options)
        assert reply.status == 200, (expression, reply)
        values = reply.columns["r"]
        return values if columns is not None else values[0]

    def run_of(self, reply, seconds=10):
        """The finished record of a reply's run."""
        return self.run(reply.headers["Colonnade-Run"], seconds)

    def run(self, identity, seconds=10):
        until = time.monotonic() + seconds
        while True:
            found = self.get("/v1/runs/" + identity)
            if found.status == 200 or time.monotonic() > until:
                assert found.status == 200, found
                return found.json()
            time.sleep(0.02)

    def pools(self):
        return self.get("/v1/pools").json()

    def pool(self, executor):
        return next(p for p in self.pools()["pools"] if p["executor"] == executor)

    def wait_idle(self, seconds=20):
        """Waits until no worker is busy; returns whether it happened."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            states = [w.get("state") for p in self.pools()["pools"] for w in p["workers"]]  # a cluster's have none
            if "busy" not in states and all(p["queued"] == 0 for p in self.pools()["pools"]):
                return True
            time.sleep(0.05)
        return False

    def working(self):
        """Whether a worker is busy."""
        return any(w["state"] == "busy" for p in self.pools()["pools"] for w in p["workers"])

    def processes(self):
        """The pids of the server and of everything below it."""
        return family(self.pid)

    def resident(self):
        """Private and shared resident bytes of the server's own process."""
        for line in pathlib.Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        return 0

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def read_reply(stream, head_only=False):
    """One reply off a socket's file: (status, headers, body), or None at its end."""
    line = stream.readline()
    if not line:
        return None
    status = int(line.split()[1])
    headers = http.client.parse_headers(stream)
    if 100 <= status < 200 or head_only or status == 204:
        return Reply(status, headers, b"")
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = b""
        while True:
            size = stream.readline()
            if not size.endswith(b"\n"):
                raise http.client.IncompleteRead(body)
            size = int(size.split(b";")[0], 16)
            piece = stream.read(size)
            if len(piece) != size:
                raise http.client.IncompleteRead(body + piece)
            body += piece
            stream.readline()
            if size == 0:
                return Reply(status, headers, body)
    if "Content-Length" in headers:
        length = int(headers["Content-Length"])
        body = stream.read(length)
        if len(body) != length:
            raise http.client.IncompleteRead(body)
        return Reply(status, headers, body)
    return Reply(status, headers, stream.read())


def raw(server, data, count=1, timeout=60):
    """Sends bytes; returns `count` replies (those in 100...199 not counted) and whether the
    server closed the connection right behind them."""
    with server.connect(timeout) as connection:
        connection.sendall(data)
        stream = connection.makefile("rb")
        replies = []
        while len(replies) < count:
            reply = read_reply(stream)
            if reply is None:
                break
            if reply.status >= 200:
                replies.append(reply)
        connection.settimeout(0.5)
        try:
            closed = stream.read(1) == b""
        except TimeoutError:
            closed = False
        except ConnectionError:
            closed = True
        return replies, closed


def half_close(connection):
    """Ends the sending side of a connection; what the server sends can still be read."""
    with socket.socket(fileno=os.dup(connection.fileno())) as bare:
        bare.shutdown(socket.SHUT_WR)


def curl(*arguments, data=None, timeout=120):
    """Runs curl; returns (exit code, output bytes, error text)."""
    done = subprocess.run(["curl", "-sS", *[str(a) for a in arguments]], input=data,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def drip(connection, data, pause=0.05, seconds=15):
    """What comes until the server closes, which it must in that time, while `data` is sent to it byte by byte, over and over.

    One thread does both: Python's TLS sockets may not be read and written at once."""
    got, sent, taken = b"", 0, True
    connection.settimeout(pause)
    until = time.monotonic() + seconds
    while True:
        assert time.monotonic() < until, got
        try:
            if not (piece := connection.recv(65536)):
                return got
            got += piece
        except TimeoutError:
            try:
                if taken:
                    connection.sendall(data[sent % len(data):][:1])
                    sent += 1
            except (ConnectionError, ssl.SSLError):
                taken = False
        except (ConnectionError, ssl.SSLError):
            return got


def together(work, count):
    """Runs work(i) for i < count in threads; raises the first failure."""
    failures = []

    def one(i):
        try:
            work(i)
        except BaseException as problem:  # also AssertionError, handed on below
            failures.append(problem)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def wait_until(condition, seconds=20, told=lambda: None):
    """Until it holds; returns what it returned. A test waits for a state, never for a time. `told` says what is, if it fails."""
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, told()
        time.sleep(0.02)
    return found
