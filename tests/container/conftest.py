"""Fixtures: the image, built once, and containers of it that are gone when their test is over."""
import http.client
import json
import os
import shutil
import socket
import time

import pytest

import podman
from podman import TOKEN

IMAGE = "localhost/colonnade:test"


class Container:
    """One container. It shares the machine's network, because making another needs more than there is here."""

    def __init__(self, name, *arguments, options=(), network="host", strict=podman.STRICT, image=IMAGE):
        self.name = name
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        address = ["-e", f"COLONNADE_LISTEN=127.0.0.1:{self.port}"] if network == "host" else []
        podman.podman("run", "-d", "--name", name, f"--network={network}", *strict, *address, *options, image, *arguments)

    def ask(self, method, path, body=None, timeout=120, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            try:
                connection.request(method, path, body, {"Authorization": f"Bearer {TOKEN}", **headers})
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused in the middle of the body: the answer is there already
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def json(self, method, path, document=None):
        status, body = self.ask(method, path, json.dumps(document) if document else None)
        assert status == 200, (status, body[:500])
        return json.loads(body)

    def healthy(self):
        return podman.podman("healthcheck", "run", self.name, check=False).returncode == 0

    def wait_ready(self, seconds=30):
        until = time.monotonic() + seconds
        while not self.healthy():
            assert time.monotonic() < until, self.logs()
            time.sleep(0.05)
        return self

    def state(self):
        return podman.inspect("container", self.name)["State"]

    def status(self):
        """What the kernel says of the service's process."""
        with open(f"/proc/{self.state()['Pid']}/status", encoding="utf-8") as lines:
            return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}

    def execute(self, *command):
        return podman.podman("exec", self.name, *command, check=False)

    def logs(self):
        done = podman.podman("logs", self.name, check=False)
        return done.stdout + done.stderr

    def stop(self):
        """Seconds that it took, and the exit status."""
        begun = time.monotonic()
        podman.podman("stop", "-t", "20", self.name)
        seconds = time.monotonic() - begun
        return seconds, self.state()["ExitCode"]


@pytest.fixture(scope="session")
def image():
    for program in ("podman", "buildah", "runc", "mmdebstrap"):
        if not shutil.which(program):
            pytest.exit(f"there is no {program}: make packages-container", returncode=4)
    if os.geteuid() != 0:
        pytest.exit("containers of their own storage and limits need root", returncode=4)
    podman.start_storage()
    try:
        podman.make_base()
        podman.build(IMAGE, "--layers")
        yield IMAGE
    finally:
        podman.remove_storage()


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n", encoding="utf-8")
    path.chmod(0o444)
    return path


@pytest.fixture
def container(image, token_file, request):  # pylint: disable=unused-argument
    """Starts containers that ask for the token."""
    started = []

    def start(*arguments, options=(), **more):
        name = f"colonnade-test-{os.getpid()}-{len(started)}"
        started.append(name)
        mount = ["-v", f"{token_file}:/run/secrets/token:ro"]
        return Container(name, "--token-file", "/run/secrets/token", *arguments, options=[*mount, *options], **more)

    yield start
    for name in started:
        podman.podman("rm", "-f", "-t", "1", "-v", name, check=False)
