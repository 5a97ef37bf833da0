"""Settings, start and end: flags, environment, tokens, addresses, SIGTERM."""
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

from client import BINARY, Server, certificate, wait_until
from test_protocol import SLOW

FLAGS = """listen settings tls-cert tls-key token-file allow-anonymous keys-dir max-body-bytes max-inflate-ratio max-window-log max-rows max-columns max-expression-bytes
    max-expression-nodes max-expression-depth max-json-depth max-header-bytes max-connections max-streams max-queued
    max-per-client
    max-workers max-calls max-cases max-jobs job-bytes job-keep-ms data-dir history-bytes history-days max-import-bytes
    buffer-bytes spool-bytes memory-bytes header-timeout-ms body-timeout-ms request-timeout-ms grace-ms threads
    processes""".split()
TOKEN = "correct-horse-battery-staple-0123456789"


def run(*arguments, env=None):
    return subprocess.run([BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, timeout=30, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, **(env or {})})


def test_help_lists_every_setting():
    done = run("--help")
    assert done.returncode == 0 and not done.stderr
    for flag in FLAGS:
        assert re.search(rf"--{flag}\b", done.stdout), flag
        assert "COLONNADE_" + flag.upper().replace("-", "_") in done.stdout or "COLONNADE_<FLAG>" in done.stdout
    assert "127.0.0.1:8080" in done.stdout


@pytest.mark.parametrize("arguments", [
    ["--nosuch"], ["--listen"], ["--listen", "nonsense"], ["--listen", "127.0.0.1"], ["--listen", "127.0.0.1:99999"],
    ["--max-rows", "x"], ["--max-rows", "-1"], ["--max-rows", ""], ["--max-rows", "1e3"], ["extra"],
    ["--keys-dir", "/nosuch/folder"], ["--token-file", "/nosuch/file"], ["--listen", "0.0.0.0:0"],
    ["--max-rows", "99999999999999999999999"], ["--listen", "127.0.0.1:0", "--max-workers", "0"], ["--history-bytes", "1"],
    ["--history-days", "x"], ["--max-import-bytes", "0"], ["--data-dir", ""]])
def test_bad_flags_are_refused_at_the_start(arguments):
    done = run(*arguments)
    assert done.returncode == 2, done
    assert done.stdout == "" and done.stderr.strip(), done
    if len(arguments) > 1 and arguments[-1]:
        flag, value = arguments[-2:]
        assert flag.lstrip("-") in done.stderr or value in done.stderr, done.stderr


def refused(arguments, because):
    done = run(*arguments)
    assert done.returncode == 2 and because in done.stderr, done


@pytest.mark.parametrize("address", [
    "h:8786", "tcp://:8786", "tcp://h", "tcp://h:", "tcp://h:0", "tcp://h:00000", "tcp://h:65536", "tcp://h:-1", "tcp://h:1/x",
    "tcp://::1:8786", "tcp://[::1:8786", "tcp://::1]:8786", "tcp://[h]:8786", "tcp://[]:8786", "tcp://[::1]x:8786", "tcp://a,b:80",
    "tcp://h?x:80", "tcp://a\nb:80", "tcp://a\x1b[31m:80", "tcp://" + "h" * 250 + ":80"])
def test_a_scheduler_that_can_be_at_no_such_address(address):
    refused(["--dask-scheduler", address], "--dask-scheduler is '")


@pytest.mark.parametrize("address", ["tcp://h:65535", "tcp://sched_1.dask-2.local:1", "tcp://[::1]:8786", "tcp://[fe80::1%eth0]:8786",
                                     "tcp://10.0.0.1:08786"])
def test_a_scheduler_that_need_not_be_there(launch, address):
    server = launch("--dask-scheduler", address)
    assert server.pool("dask")["scheduler"] == address and not server.pool("dask")["connected"]


def test_certificates_for_dask_belong_together(tmp_path):
    cert, key = certificate(tmp_path)
    files = {"--dask-tls-ca": cert, "--dask-tls-cert": cert, "--dask-tls-key": key}
    flags = [str(word) for pair in files.items() for word in pair]
    for wrong in (flags, flags[:2], ["--dask-scheduler", "tls://h:1", *flags[:4]], ["--dask-scheduler", "tcp://h:1", *flags],
                  ["--dask-scheduler", "tls://h:1"]):
        refused(wrong, "belong together")
    for name in files:
        gone = [str(word) for pair in {**files, name: tmp_path / "gone.pem"}.items() for word in pair]
        refused(["--dask-scheduler", "tls://h:1", *gone], f"{name} {tmp_path}/gone.pem: No such file")


def test_another_address_needs_a_token_or_consent():
    for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
        done = run("--listen", address)
        assert done.returncode == 2 and done.stdout == "", done
        assert "--token-file" in done.stderr and "--allow-anonymous" in done.stderr, done.stderr


def test_a_taken_port(launch):
    running = launch()
    done = run("--listen", f"127.0.0.1:{running.port}")
    assert done.returncode != 0 and done.stdout == "" and done.stderr.strip(), done


def test_environment(launch):
    running = launch(env={"COLONNADE_MAX_ROWS": "2", "COLONNADE_LISTEN": "127.0.0.1:0"}, listen=None)
    assert running.post_csv("a\n1\n2\n").status == 200
    assert running.post_csv("a\n1\n2\n3\n").problem["code"] == "limit_exceeded"
    wins = launch("--max-rows", "3", env={"COLONNADE_MAX_ROWS": "2"})
    assert wins.post_csv("a\n1\n2\n3\n").status == 200
    equals = launch("--max-rows=1")
    assert equals.post_csv("a\n1\n2\n").status == 422
    assert run(env={"COLONNADE_MAX_ROWS": "x"}).returncode == 2


def test_the_ready_line(launch):
    running = launch()
    assert re.fullmatch(rf"colonnade \S+ listening on http://127\.0\.0\.1:{running.port}\n", running.line)
    assert running.get("/readyz").status == 200
    done = run("--version")
    assert done.returncode == 0 and running.version in done.stdout


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def test_tokens(launch, token_file):
    running = launch("--token-file", token_file)
    good = {"Authorization": f"Bearer {TOKEN}"}
    for path in ("/livez", "/readyz", "/"):
        assert running.get(path).status == 200, path
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer"},
                    {"Authorization": f"Bearer {TOKEN}x"}, {"Authorization": f"Bearer {TOKEN[:-1]}"},
                    {"Authorization": f"Basic {TOKEN}"}, {"Authorization": "Bearer "}):
        for method, path, body in (("POST", "/v1/compute", b"a\n1\n"), ("GET", "/v1/runs", None),
                                   ("GET", "/v1/pools", None), ("GET", "/v1/functions", None)):
            reply = running.request(method, path, body, headers)
            assert reply.status == 401 and reply.problem["code"] == "unauthorized", (headers, reply)
            assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert running.request("POST", "/v1/compute", b"a\n1\n", good).body == b"a\n1\n"
    assert running.request("GET", "/v1/runs", None, {"Authorization": f"bearer {TOKEN}"}).status == 200
    front = running.get("/").body
    assert TOKEN.encode() not in front


def test_a_bad_token_file(tmp_path):
    empty = tmp_path / "empty"
    empty.write_text("\n")
    assert run("--listen", "127.0.0.1:0", "--token-file", empty).returncode == 2


def test_allow_anonymous_on_loopback(launch):
    assert launch("--allow-anonymous").post_csv("a\n1\n").status == 200


def test_the_token_and_keys_are_in_no_error_output(token_file, keys_dir):
    running = Server("--token-file", token_file, "--keys-dir", keys_dir)
    running.request("GET", "/v1/runs", None, {"Authorization": "Bearer " + TOKEN})
    running.request("GET", "/v1/runs", None, {"Authorization": "Bearer wrong"})
    text = running.stderr()
    assert running.stop() == 0
    assert TOKEN not in text and "the site's secret" not in text


def test_sigterm_finishes_what_runs():
    """A request in flight is answered, new work is not taken, the exit code is 0."""
    for executor in ("threads", "processes"):
        running = Server()
        replies = []
        document = {**SLOW, "generate": {**SLOW["generate"], "rows": 60_000}, "executor": executor}
        client = threading.Thread(target=lambda: replies.append(running.post_json(document)))
        client.start()
        wait_until(running.working)
        until = time.monotonic() + 60
        running.process.send_signal(signal.SIGTERM)
        seen = set()
        while running.process.poll() is None and time.monotonic() < until:
            try:
                seen.add(("ready", running.get("/readyz").status))
                seen.add(("work", running.post_csv("a\n1\n").status))
            except OSError:
                pass
            time.sleep(0.05)
        client.join()
        assert replies and replies[0].status == 200, replies
        assert ("work", 200) not in list(seen) or ("ready", 503) in seen, seen
        assert running.stop() == 0


def test_sigterm_with_a_grace_that_is_too_short():
    running = Server("--grace-ms", 300)
    outcome = []

    def client():
        try:
            outcome.append(running.post_json({**SLOW, "executor": "processes"}).status)
        except (OSError, ValueError) as problem:
            outcome.append(problem)
        except Exception as problem:  # http.client's own
            outcome.append(problem)

    thread = threading.Thread(target=client)
    thread.start()
    time.sleep(1)
    family = running.processes()
    begun = time.monotonic()
    code = running.stop(30)
    thread.join()
    assert time.monotonic() - begun < 20 and outcome and outcome[0] != 200
    assert code in (0, 1)
    time.sleep(0.3)
    left = [p for p in family if pathlib.Path(f"/proc/{p}").exists()
            and "colonnade" in pathlib.Path(f"/proc/{p}/cmdline").read_text()]
    assert not left, "no process is left behind"


def test_no_process_is_left_when_the_server_is_killed():
    """Even SIGKILL of the server ends its fork server and workers."""
    running = Server()
    family = running.processes()
    assert len(family) >= 3
    running.process.kill()
    running.process.wait()
    wait_until(lambda: not any(pathlib.Path(f"/proc/{p}/stat").exists()
                               and pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
                               for p in family))
    running.process.stdout.close()
    running.errors.close()


def test_a_worker_says_who_it_is_and_reads_no_settings():
    said = []
    for env in ({}, {"COLONNADE_LISTEN": "nonsense", "COLONNADE_CPU": "scalar"}):
        done = subprocess.run([BINARY, "--worker"], stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True,
                              env={**os.environ, **env})
        assert len(done.stdout) == 256 and not done.stderr
        said.append(done.stdout.rstrip(b"\0").decode())
    version = run("--version").stdout.split()[1]
    assert re.fullmatch(rf"colonnade {re.escape(version)} sha256:[0-9a-f]{{64}}", said[0])
    assert said[0] == said[1]


def test_a_worker_takes_no_other_argument():
    for arguments in (["--worker", "--listen", "127.0.0.1:0"], ["--listen", "127.0.0.1:0", "--worker"]):
        done = run(*arguments)
        assert done.returncode == 2 and done.stdout == "" and "worker" in done.stderr
