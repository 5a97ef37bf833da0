"""The units under a real systemd, which runs as a container's first process: it starts, is asked, is hurt, and ends."""
import json
import os
import subprocess
import time

import pytest

import podman
from podman import TOKEN

IMAGE = "localhost/colonnade-systemd:test"
DROP_IN = "/etc/systemd/system/colonnade.service.d/test.conf"


class Machine:
    """A container with systemd, in a network of its own."""

    def __init__(self, name):
        self.name = name
        podman.podman("run", "-d", "--name", name, "--privileged", "--systemd=always", "--network=none",
                      "--ulimit=nofile=20000:20000", "--ulimit=nproc=4096:4096", IMAGE)
        self.wait(lambda: self.shell("systemctl is-system-running").stdout.strip() in ("running", "degraded"))
        # As on a machine; without, what systemd mounts for credentials does not reach the service.
        assert self.shell("mount --make-rshared /").returncode == 0

    def wait(self, condition, seconds=60):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, self.journal()
            time.sleep(0.05)

    def shell(self, script):
        return podman.podman("exec", self.name, "sh", "-c", script, check=False)

    def systemctl(self, *words):
        return self.shell("systemctl " + " ".join(words)).returncode

    def show(self, name):
        return self.shell(f"systemctl show -P {name} colonnade.service").stdout.strip()

    def journal(self):
        return self.shell("journalctl -u colonnade.service -u colonnade.socket --no-pager").stdout

    def write(self, path, text, mode="600"):
        done = subprocess.run(["podman", "exec", "-i", self.name, "sh", "-c",
                               f"mkdir -p $(dirname {path}) && cat >{path} && chmod {mode} {path}"], check=True,
                              env=podman.environment(), input=text, text=True, capture_output=True, timeout=60)
        assert done.returncode == 0

    def pid(self):
        """The service's first process, as this machine counts."""
        inside = self.show("MainPID")
        first = podman.inspect("container", self.name)["State"]["Pid"]
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/status", encoding="utf-8") as lines:
                        status = dict(line.split(":", 1) for line in lines)
                    if status["NSpid"].split()[1:] == [inside] and \
                            os.readlink(f"/proc/{entry}/ns/net") == os.readlink(f"/proc/{first}/ns/net"):
                        return int(entry)
                except (OSError, KeyError):
                    pass
        raise AssertionError("the service has no process")

    def ask(self, path, document=None):
        first = podman.inspect("container", self.name)["State"]["Pid"]
        body = ["--json", json.dumps(document)] if document else []
        done = subprocess.run(["nsenter", f"--net=/proc/{first}/ns/net", "curl", "-sS", "-H", f"Authorization: Bearer {TOKEN}",
                               *body, f"http://127.0.0.1:8080{path}"], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def machine(image):  # pylint: disable=unused-argument
    podman.build(IMAGE, "--layers", "-f", podman.ROOT / "tests/container/systemd.Containerfile")
    name = f"colonnade-test-{os.getpid()}-systemd"
    try:
        yield Machine(name)
    finally:
        podman.podman("rm", "-f", "-t", "2", "-v", name, check=False)


@pytest.fixture
def service(machine):
    """The service, running as the unit has it, with its token."""
    machine.write("/etc/colonnade/token", TOKEN + "\n")
    machine.shell(f"rm -f {DROP_IN}; systemctl daemon-reload; systemctl reset-failed")
    assert machine.systemctl("start", "colonnade") == 0, machine.journal()
    yield machine
    machine.systemctl("stop", "colonnade.socket", "colonnade")


def say(text):
    print(f"    {text}")


def test_without_its_token_it_does_not_start(machine):
    machine.shell("rm -f /etc/colonnade/token")
    assert machine.systemctl("start", "colonnade") != 0
    assert "CREDENTIALS" in machine.journal()
    machine.systemctl("stop", "colonnade")


def test_it_is_ready_when_systemd_says_so(service):
    assert service.shell("colonnade --health").returncode == 0
    with open(f"/proc/{service.pid()}/status", encoding="utf-8") as lines:
        status = dict(line.split(":", 1) for line in lines)
    assert int(status["Uid"].split()[0]) >= 61184 and int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
    say(f"uid {status['Uid'].split()[0]}, no capabilities, {status['Seccomp_filters'].strip()} filters of system calls")


def test_every_executor_works_behind_the_filters(service):
    for executor in ("serial", "threads", "processes", "gil"):
        reply = service.ask("/v1/compute", {"generate": {"rows": 100000, "columns": ["a", "b"], "seed": 1}, "limit": 1,
                                            "let": {"key": "md5(a, b)", "r": "sin(a)"}, "executor": executor})
        assert reply["execution"]["executor"] == executor
        assert reply["columns"]["key"] == ["e883f678014e7bbe4b1e269d111cdd03"]
    isolation = next(pool["isolation"] for pool in service.ask("/v1/pools")["pools"] if pool["executor"] == "processes")
    say(f"workers are confined by {isolation}")
    assert isolation["seccomp"]


def test_a_key_of_a_drop_in(service):
    service.write("/etc/colonnade/keys/site", "a secret")
    service.write(DROP_IN, "[Service]\nLoadCredential=site:/etc/colonnade/keys/site\nEnvironment=COLONNADE_KEYS_DIR=%d\n")
    service.shell("systemctl daemon-reload")
    assert service.systemctl("restart", "colonnade") == 0, service.journal()
    reply = service.ask("/v1/compute", {"columns": {"a": ["x"]}, "let": {"k": "hmac_sha256(a, key='site')"}})
    assert len(reply["columns"]["k"][0]) == 64
    for name in (".token", "token"):
        assert service.ask("/v1/compute", {"columns": {"a": ["x"]},
                                           "let": {"k": f"hmac_sha256(a, key='{name}')"}})["code"] == "unknown_key"


def test_https_of_a_drop_in(service, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost",
                    "-keyout", tmp_path / "key", "-out", tmp_path / "cert"], check=True, stdin=subprocess.DEVNULL,
                   capture_output=True)
    for name in ("cert", "key"):
        service.write(f"/etc/colonnade/{name}.pem", (tmp_path / name).read_text(encoding="utf-8"))
    service.write(DROP_IN, "[Service]\nLoadCredential=.cert:/etc/colonnade/cert.pem\nLoadCredential=.key:/etc/colonnade/key.pem\n"
                           "Environment=COLONNADE_TLS_CERT=%d/.cert COLONNADE_TLS_KEY=%d/.key\n")
    service.shell("systemctl daemon-reload")
    assert service.systemctl("restart", "colonnade") == 0, service.journal()
    assert "listening on https://127.0.0.1:8080" in service.journal()
    assert service.shell("colonnade --health --tls-cert /etc/colonnade/cert.pem").returncode == 0


def test_a_reload_keeps_it_running(service):
    before = service.show("MainPID")
    assert service.systemctl("reload", "colonnade") == 0
    service.wait(lambda: "colonnade: reloaded" in service.journal())
    assert service.show("MainPID") == before and service.shell("colonnade --health").returncode == 0


def test_runs_outlive_a_restart(service):
    run = service.ask("/v1/compute", {"columns": {"a": [1]}, "let": {"r": "a + 1"}})["run"]
    assert service.systemctl("restart", "colonnade") == 0
    assert service.ask(f"/v1/runs/{run}")["id"] == run


def test_it_ends_at_once_and_cleanly(service):
    begun = time.monotonic()
    assert service.systemctl("stop", "colonnade") == 0
    say(f"systemctl stop: {time.monotonic() - begun:.2f} s, {service.show('Result')}, status {service.show('ExecMainStatus')}")
    assert (service.show("Result"), service.show("ExecMainStatus")) == ("success", "0")


def test_it_is_started_again_when_it_was_killed(service):
    before = service.show("MainPID")
    assert service.systemctl("kill", "--kill-who=main", "-s", "KILL", "colonnade") == 0
    service.wait(lambda: service.show("ActiveState") == "active" and service.show("MainPID") not in ("0", before))
    assert service.show("NRestarts") == "1"
    assert service.shell("colonnade --health").returncode == 0


def test_the_socket_is_held_while_the_service_restarts(service):
    assert service.systemctl("stop", "colonnade") == 0
    assert service.systemctl("start", "colonnade.socket") == 0
    assert service.show("ActiveState") == "inactive"
    assert service.ask("/livez") == {"status": "alive"}  # the first connection starts it
    assert service.show("ActiveState") == "active"
    first = podman.inspect("container", service.name)["State"]["Pid"]
    script = """for i in $(seq 40); do curl -sS -o /dev/null -w '%{http_code} ' http://127.0.0.1:8080/livez || echo refused; done"""
    with subprocess.Popen(["nsenter", f"--net=/proc/{first}/ns/net", "sh", "-c", script], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as clients:
        assert service.systemctl("restart", "colonnade") == 0
        said = clients.communicate(timeout=60)[0].split()
    say(f"40 requests while it was restarted: {sorted(set(said))}")
    assert said == ["200"] * 40, said
    assert service.systemctl("stop", "colonnade.socket", "colonnade") == 0


def test_a_wrong_setting_is_not_tried_again(service):
    service.write(DROP_IN, "[Service]\nEnvironment=COLONNADE_MAX_ROWS=many\n")
    service.shell("systemctl daemon-reload")
    assert service.systemctl("restart", "colonnade") != 0
    service.wait(lambda: service.show("ActiveState") == "failed")
    assert (service.show("ExecMainStatus"), service.show("NRestarts")) == ("2", "0")
    assert "COLONNADE_MAX_ROWS is 'many'" in service.journal()
