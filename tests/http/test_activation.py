"""Sockets that were opened by somebody else: systemd's socket activation."""
import os
import pathlib
import shutil
import socket
import subprocess

import pytest

from client import BINARY, passing, wait_until
from test_settings import TOKEN


def listening(address="127.0.0.1", family=socket.AF_INET):
    made = socket.socket(family)
    made.bind((address, 0))
    made.listen(64)
    return made


def outcome(sockets, *flags, names=None, **environment):
    """Runs what must end by itself."""
    variables = dict(os.environ, **environment)
    command = passing(sockets, variables, names) + [BINARY, *flags]
    return subprocess.run(command, pass_fds=[s.fileno() for s in sockets], env=variables, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=30, check=False)


def refused(*arguments, **more):
    done = outcome(*arguments, **more)
    assert done.returncode == 2 and done.stdout == "", done
    return done.stderr


def test_the_passed_socket_is_served_and_named(launch):
    with listening() as passed:
        port = passed.getsockname()[1]
        early = socket.create_connection(("127.0.0.1", port))  # before there is a service
        early.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
        running = launch(listen=None, passed=[passed])
        assert running.port == port and running.host == "127.0.0.1"
        assert running.tls or b"alive" in early.recv(4096) + early.recv(4096)
        assert running.get("/readyz").status == 200
        assert running.post_csv("a\n1\n", {"let": "r=a", "executor": "processes"}).status == 200
        early.close()
        assert running.stop() == 0
        # Whoever opened it has it still: the next one finds what waits.
        with socket.create_connection(("127.0.0.1", port)):
            again = launch(listen=None, passed=[passed])
            assert again.port == port and again.get("/livez").status == 200
            assert again.stop() == 0


def test_several_sockets(launch):
    first, second = listening(), listening()
    running = launch(listen=None, passed=[first, second])
    ports = [made.getsockname()[1] for made in (first, second)]
    urls = [f"{running.scheme}://127.0.0.1:{port}" for port in ports]
    assert running.line.endswith(f" listening on {urls[0]}, {urls[1]}\n")
    for running.port in ports:
        assert running.get("/livez").status == 200
    assert running.stop() == 0
    for made in (first, second):
        made.close()


def test_sockets_win_over_the_flag(launch):
    with listening() as passed, listening() as taken:
        running = launch(listen=f"127.0.0.1:{taken.getsockname()[1]}", passed=[passed])
        assert running.port == passed.getsockname()[1]
        assert running.stop() == 0


def test_workers_do_not_have_it(launch):
    with listening() as passed:
        inode = os.fstat(passed.fileno()).st_ino
        running = launch(listen=None, passed=[passed])
        holders = []
        for pid in running.processes():
            for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                try:
                    if entry.stat().st_ino == inode and os.readlink(entry).startswith("socket:"):
                        holders.append(pid)
                except OSError:
                    continue
        assert holders == [running.pid] and len(running.processes()) > 2
        assert running.stop() == 0


def test_an_address_of_others_needs_a_token_or_consent(tmp_path, launch):
    (tmp_path / "token").write_text(TOKEN)
    with listening("0.0.0.0") as passed, listening() as local:
        for sockets in ([passed], [local, passed]):
            text = refused(sockets)
            assert "0.0.0.0:" in text and "--token-file" in text and "--allow-anonymous" in text, text
        for flags in (("--token-file", tmp_path / "token"), ("--allow-anonymous",)):
            running = launch(*flags, listen=None, passed=[passed])
            assert running.host == "0.0.0.0"
            running.host = "127.0.0.1"
            assert running.get("/v1/runs").status == (200 if len(flags) == 1 else 401)
            assert running.stop() == 0


def test_sockets_that_will_not_do(tmp_path):
    with socket.socket(socket.AF_UNIX) as path, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, \
            socket.socket() as idle, listening() as good:
        path.bind(str(tmp_path / "socket"))
        path.listen()
        assert "socket 3 (web.socket)" in refused([path], names=["web.socket"])
        assert "not a TCP socket" in refused([path])
        assert "not a TCP socket" in refused([datagrams])
        assert "socket 4 (other)" in refused([good, idle], names=["one", "other", "more"])
        assert "does not listen" in refused([idle])
        with open("/dev/null", "rb") as file:
            assert "socket 3" in refused([file])
        assert "at most 16" in refused([good] * 17)


@pytest.mark.parametrize("variables", [{"LISTEN_PID": "1"}, {"LISTEN_PID": ""}, {"LISTEN_PID": "x"}, {"LISTEN_FDS": "0"},
                                       {"LISTEN_FDS": "-1"}, {"LISTEN_FDS": "1x"}])
def test_what_is_meant_for_another_process_is_left_alone(variables, launch):
    running = launch(env={"LISTEN_FDS": "1", "LISTEN_PID": "1", **variables})
    assert running.get("/livez").status == 200
    assert running.stop() == 0


def test_as_systemd_does_it():
    """The tool that comes with systemd, where there is one."""
    tool = shutil.which("systemd-socket-activate")
    if not tool:
        pytest.skip("there is no systemd-socket-activate here (Debian: systemd)")
    with listening() as free:
        port = free.getsockname()[1]
    process = subprocess.Popen([tool, "-l", f"127.0.0.1:{port}", "--fdname=colonnade", BINARY], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)

    def knocks():
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return True
        except OSError:
            return False

    wait_until(knocks)
    assert process.stdout.readline().endswith(f" listening on http://127.0.0.1:{port}\n")
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()
