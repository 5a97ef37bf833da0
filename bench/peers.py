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
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"


def clean_environment():
    """Without what slows NumPy down on some machines (an OpenBLAS kernel for another CPU), or sets the service."""
    leave_out = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
    return {name: value for name, value in os.environ.items()
            if name not in leave_out and (name == "COLONNADE_CPU" or not name.startswith("COLONNADE_"))}


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


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def end(process):
    """By its pid; what began a session of its own with all that belongs to it, if it does not end by itself."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class FastApi:
    """uvicorn with the app of peers/, a process a CPU."""

    def __init__(self, workers):
        self.port = free_port()
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
        end(self.process)


class ClickHouse:
    """ClickHouse's server over HTTP, with so many threads for a query; its table is a file in the request (a form), so
    that it stores nothing. Its folder is removed at the end."""

    USERS = """<yandex><profiles><default><max_threads>{threads}</max_threads></default></profiles>
<users><default><password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>
<quota>default</quota></default></users><quotas><default></default></quotas></yandex>
"""
    CONFIG = """<yandex><logger><level>error</level><console>1</console></logger>
<http_port>{port}</http_port><tcp_port>{other_port}</tcp_port><listen_host>127.0.0.1</listen_host>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><users_config>{folder}/users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>10000000</mark_cache_size></yandex>
"""
    QUERY = {"query": "SELECT a, b, c, d, (a-b)/((c+d)*(c+d)) AS r, "
             "lower(hex(MD5(concat(toString(a), '_', toString(b))))) AS k FROM t FORMAT CSVWithNames",
             "t_structure": "a Float64, b Float64, c Float64, d Float64",
             "t_format": "CSVWithNames"}
    BINARY = "/usr/sbin/clickhouse-server"

    def __init__(self, threads):
        self.port = free_port()
        self.path = "/?" + urllib.parse.urlencode(self.QUERY)
        self.folder = tempfile.TemporaryDirectory(prefix="colonnade-bench-")
        folder = pathlib.Path(self.folder.name)
        for name in ("data", "tmp"):
            (folder / name).mkdir()
        (folder / "users.xml").write_text(self.USERS.format(threads=threads), encoding="ascii")
        (folder / "config.xml").write_text(self.CONFIG.format(port=self.port, other_port=free_port(), folder=folder),
                                           encoding="ascii")
        self.process = subprocess.Popen([self.BINARY, f"--config-file={folder}/config.xml"], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        self.version = self._wait()

    def _wait(self):
        deadline, url = time.monotonic() + 60, f"http://127.0.0.1:{self.port}/?query=SELECT%20version()"
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=5) as reply:
                    return reply.read().decode().strip()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.__exit__()
        raise SystemExit("clickhouse-server did not start")

    def send(self, body, reply="/dev/null"):
        """Seconds of a request."""
        return curl(f"http://127.0.0.1:{self.port}{self.path}", body, reply, form="t")[0]

    def form(self, body, file):
        """The body of such a request, in a file; its type."""
        with open(file, "wb") as out:
            out.write(b'--colonnade\r\nContent-Disposition: form-data; name="t"; filename="t.csv"\r\n\r\n')
            out.write(pathlib.Path(body).read_bytes() + b"\r\n--colonnade--\r\n")
        return "multipart/form-data; boundary=colonnade"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        self.folder.cleanup()


class Peers:
    """Which peers there are, and each one when it is wanted. `which`: "all" must be there, those that are "present" are
    taken, or "none"."""

    def __init__(self, tools, modules, threads, which):
        self.tools, self.modules, self.threads = pathlib.Path(tools), pathlib.Path(modules), threads
        self.missing = [name for name in ("ClickHouse", "DuckDB", "FastAPI", "Polars", "numexpr")
                        if which == "none" or not self._has(name)]
        self.versions = {}
        wanted = [name for name in self.missing if name != "ClickHouse"]  # its package starts a service: see README.md
        if wanted and which == "all":
            sys.exit(f"these peers are not installed: {', '.join(wanted)}. `make bench` installs them; "
                     "`--peers present` measures without them")

    def _has(self, name):
        if name == "ClickHouse":
            return os.access(ClickHouse.BINARY, os.X_OK)
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

    def clickhouse(self):
        peer = ClickHouse(self.threads)
        self.versions["ClickHouse"] = peer.version
        return peer

    # ---- programs of this folder ----

    def evaluator(self, expression, rows, file=None):
        """The program `evaluator`: a peer of its own kind."""
        return Peer(self.tools / "evaluator", expression, rows, self.threads, *([file] if file else []))

    def transport(self, reply_bytes):
        return Peer(self.tools / "transport", reply_bytes)

    def load(self, port, path, **options):
        """One run of the program `load`: what it measured."""
        command = [self.tools / "load", "--port", port, "--path", path]
        for name, value in options.items():
            command += ["--" + name] if value is True else ["--" + name, value]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{path}: {done.stderr}")
        return json.loads(done.stdout)


def curl(url, body, reply="/dev/null", content_type=None, form=None):
    """A file sent as users send it, or as a part of a form. Seconds, bytes of the reply, the run's id, if any."""
    command = ["curl", "-s", "-S", "-o", str(reply),
               "-w", "%{http_code} %{time_total} %{size_download} %header{colonnade-run}"]
    command += ["-F", f"{form}=@{body}"] if form else ["-T", str(body), "-X", "POST"]
    if content_type:
        command += ["-H", "Content-Type: " + content_type]
    done = subprocess.run([*command, url], capture_output=True, text=True, check=False)
    found = re.fullmatch(r"200 ([0-9.]+) (\d+) ?(\w*)", done.stdout)
    if not found:
        raise SystemExit(f"curl {url}: {done.stdout} {done.stderr}")
    return float(found[1]), int(found[2]), found[3]
