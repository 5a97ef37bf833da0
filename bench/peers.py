"""The programs that Colonnade is measured beside, and the tools that measure: started, asked, ended."""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"


def clean_environment():
    """Without what slows NumPy down on some machines (an OpenBLAS kernel for another CPU), or sets the service."""
    leave_out = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    return {name: value for name, value in os.environ.items()
            if name not in leave_out and not name.startswith("COLONNADE_")}


class Peer:
    """A program that answers each line of its input by a line of JSON, the first one unasked."""

    def __init__(self, *command):
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=clean_environment())
        self.about = self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.command[0]} {self.command[1]} ended with {self.process.wait(10)}")
        return json.loads(line)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


class FastApi:
    """uvicorn with the app of peers/, a process a CPU."""

    def __init__(self, workers):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [PYTHON, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port), "--workers", str(workers),
                   "--log-level", "warning", "fastapi_app:app"]
        self.process = subprocess.Popen(command, cwd=HERE / "peers", env=clean_environment(), stdin=subprocess.DEVNULL,
                                        start_new_session=True)
        deadline = time.monotonic() + 60
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise SystemExit("uvicorn did not start")
            time.sleep(0.1)

    def _answers(self):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/openapi.json", timeout=5).close()
            return True
        except (urllib.error.URLError, OSError):
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)  # the session that it began: its workers too
            self.process.wait()


class Peers:
    """Which peers there are, and each one when it is wanted. `which`: "all" must be there, those that are "present" are
    taken, or "none"."""

    def __init__(self, tools, modules, threads, which):
        self.tools, self.modules, self.threads = pathlib.Path(tools), pathlib.Path(modules), threads
        self.missing = [name for name in ("FastAPI", "numexpr", "DuckDB", "Polars")
                        if which == "none" or not self._has(name)]
        self.versions = {}
        if self.missing and which == "all":
            sys.exit(f"these peers are not installed: {', '.join(self.missing)}. `make bench` installs them; "
                     "`--peers present` measures without them")

    def _has(self, name):
        modules = {"FastAPI": "fastapi, uvicorn, pandas", "numexpr": "numexpr"}
        if name in modules:
            return subprocess.run([PYTHON, "-c", f"import {modules[name]}"], stderr=subprocess.DEVNULL,
                                  check=False).returncode == 0
        package = {"DuckDB": "@duckdb/node-api", "Polars": "nodejs-polars"}[name]
        return (self.modules / "node_modules" / package).is_dir()

    def has(self, name):
        return name not in self.missing

    def duckdb(self):
        peer = Peer("node", HERE / "peers/duckdb.mjs", self.modules.resolve(), self.threads)
        self.versions["DuckDB"] = peer.about["version"].lstrip("v")
        return peer

    def polars(self):
        peer = Peer("env", f"POLARS_MAX_THREADS={self.threads}", "node", HERE / "peers/polars.mjs",
                    self.modules.resolve())
        self.versions["Polars (nodejs)"] = peer.about["version"]
        return peer

    def python(self, file, rows):
        peer = Peer(PYTHON, HERE / "peers/python_peer.py", file, rows, self.threads)
        self.versions.update({name: version for name, version in peer.about.items() if version})
        return peer

    def fastapi(self):
        text = subprocess.run([PYTHON, "-c", "import fastapi, uvicorn, pandas; "
                               "print(fastapi.__version__, uvicorn.__version__, pandas.__version__)"],
                              check=True, capture_output=True, text=True).stdout
        self.versions.update(zip(("FastAPI", "uvicorn", "pandas"), text.split()))
        return FastApi(self.threads)

    # ---- programs of this folder ----

    def evaluator(self, expression, rows, file=None):
        """The program `expression`: a peer of its own kind."""
        return Peer(self.tools / "expression", expression, rows, self.threads, *([file] if file else []))

    def transport(self, reply_bytes):
        return Peer(self.tools / "transport", reply_bytes)

    def load(self, port, path, **options):
        """One run of the program `load`: what it measured."""
        command = [self.tools / "load", "--port", port, "--path", path]
        for name, value in options.items():
            command += ["--" + name, value]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{path}: {done.stderr}")
        return json.loads(done.stdout)


def curl(url, body, reply="/dev/null", content_type=None):
    """A file sent as users send it. Seconds, bytes of the reply, and the run's id ('' from peers)."""
    command = ["curl", "-s", "-S", "-T", str(body), "-X", "POST", "-o", str(reply),
               "-w", "%{http_code} %{time_total} %{size_download} %header{colonnade-run}"]
    if content_type:
        command += ["-H", "Content-Type: " + content_type]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    found = re.fullmatch(r"200 ([0-9.]+) (\d+) ?(\w*)", done.stdout)
    if not found:
        raise SystemExit(f"curl {url}: {done.stdout} {done.stderr}")
    return float(found[1]), int(found[2]), found[3]
