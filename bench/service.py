"""A Colonnade of the bench's own, and what it is asked."""
import contextlib
import http.client
import json
import os
import re
import signal
import statistics
import subprocess
import time

SERVICE_RUNS = 5  # runs that one request makes of work that takes milliseconds


# ---- the service ---------------------------------------------------------------------------------

class Service:
    """A Colonnade of our own on a free port, ended by its pid."""

    def __init__(self, binary, *flags, prefix=()):
        """`prefix`: words before the command."""
        environment = {name: value for name, value in os.environ.items()
                       if name == "COLONNADE_CPU" or not name.startswith("COLONNADE_")}
        self.process = subprocess.Popen([*prefix, binary, "--listen", "127.0.0.1:0", *flags], stdout=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, env=environment, text=True)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"colonnade (\S+) listening on http://([0-9.]+):(\d+)\n", line)
        if not found:
            self.process.kill()
            self.process.wait()
            raise SystemExit(f"{binary} printed no ready line but {line!r}")
        self.version = found[1]
        self.address = found[2], int(found[3])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.process.stdout.close()

    def connection(self):
        return http.client.HTTPConnection(*self.address, timeout=600)

    @property
    def url(self):
        return "http://{}:{}".format(*self.address)

    @property
    def pid(self):
        return self.process.pid

    def get(self, path):
        with contextlib.closing(self.connection()) as connection:
            connection.request("GET", path)
            return json.load(connection.getresponse())

    def run(self, run):
        """What the service recorded of a run."""
        return self.get(f"/v1/runs/{run}")

    def save(self, path, body, headers, file):
        """A reply's body, into a file."""
        with open(file, "wb") as out:
            self.stream(path, body, headers, out.write)

    def stream(self, path, body, headers, take):
        """A reply's body, piece by piece to `take`; gives the seconds from the request's first byte to the reply's last."""
        with contextlib.closing(self.connection()) as connection:
            connection.connect()
            start = time.perf_counter()
            connection.request("POST", path, body=body, headers={"Content-Type": "application/json", **headers})
            response = connection.getresponse()
            if response.status != 200:
                raise SystemExit(f"{path} replied {response.status}: {response.read()[:1000].decode()}")
            while piece := response.read(1 << 20):
                take(piece)
            return time.perf_counter() - start

    def post(self, path, body):
        """The reply, and the seconds from the request's first byte to the reply's last. Each time by a connection of
        its own: between two requests other cases may run for longer than the service keeps one open."""
        with contextlib.closing(self.connection()) as connection:
            connection.connect()
            start = time.perf_counter()
            connection.request("POST", path, body=body, headers={"Content-Type": "application/json"})
            response = connection.getresponse()
            text = response.read()
            seconds = time.perf_counter() - start
        if response.status != 200:
            raise SystemExit(f"{path} replied {response.status}: {text[:1000].decode()}")
        return json.loads(text), seconds


def service_samples(timing):
    """Execute and gather, in seconds: by `repeat`, or of a single run from its ledger."""
    if timing.get("repeat"):
        return [ns / 1e9 for ns in timing["repeat"]["samples_ns"]]
    ledger = {entry["stage"]: entry["ns"] for entry in timing["ledger"]}
    return [(ledger.get("execute", 0) + ledger.get("gather", 0)) / 1e9]


def ask(service, path, document, results_of):
    """One plain request for the time over HTTP; another with `repeat` if the work is short, whose median is the
    round's sample: every case has one a round, so that none has more chances to be lucky."""
    reply, http_seconds = service.post(path, json.dumps(document))
    samples = service_samples(reply["timing"])
    results = [results_of(reply)]
    if samples[0] < 0.2:
        reply, _ = service.post(path, json.dumps({**document, "repeat": SERVICE_RUNS}))
        samples = [statistics.median(service_samples(reply["timing"]))]
        results.append(results_of(reply))
    return results, samples, http_seconds
