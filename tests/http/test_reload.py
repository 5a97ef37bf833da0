"""The file of settings, and SIGHUP: what changes while the service runs, and what stays when it is wrong."""
import json
import os
import signal
import socket
import threading
import time

import pytest

from client import certificate, read_reply, wait_until
from test_protocol import CSV, head
from test_settings import TOKEN, run

ROWS = "a\n" + "1\n" * 4


def write(path, document):
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def lines(server):
    return server.stderr().splitlines()


def reload(server):
    """Sends SIGHUP, and waits until the server has said how it went; returns what it said."""
    before = len(lines(server))
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: any("reloaded" in line for line in lines(server)[before:]))
    return lines(server)[before:]


@pytest.fixture
def settings(tmp_path):
    return tmp_path / "settings.json"


def refused(path, **more):
    done = run("--listen", "127.0.0.1:0", "--settings", path, **more)
    assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done
    return done.stderr


# ---- the file --------------------------------------------------------------------------------


def test_a_file_counts_less_than_a_variable_and_that_less_than_a_flag(launch, settings):
    write(settings, {"max-rows": 3, "listen": "127.0.0.1:0", "allow-anonymous": True, "max-body-bytes": "1MiB",
                     "header-timeout-ms": 5000, "max-json-depth": 10})
    running = launch("--settings", settings, listen=None)
    assert running.post_csv(ROWS).problem["limit"] == "--max-rows"
    assert running.post_csv(b"a\n" + b"1" * (1 << 20)).problem["limit"] == "--max-body-bytes"
    assert launch("--settings", settings, env={"COLONNADE_MAX_ROWS": "4"}, listen=None).post_csv(ROWS).status == 200
    wins = launch(f"--settings={settings}", "--max-rows", 4, env={"COLONNADE_MAX_ROWS": "2"}, listen=None)
    assert wins.post_csv(ROWS).status == 200
    named = launch(env={"COLONNADE_SETTINGS": str(settings)}, listen=None)
    assert named.post_csv(ROWS).status == 422


@pytest.mark.parametrize("document, words", [
    ({"nosuch": 1}, ["nosuch"]), ({"settings": "other"}, ["settings"]), ({"--max-rows": 1}, ["--max-rows"]),
    ({"max_rows": 1}, ["max_rows"]), ({"max-rows": "x"}, ["max-rows"]), ({"max-rows": "5"}, ["max-rows", "whole number"]),
    ({"max-rows": 1.5}, ["max-rows"]), ({"max-rows": 0}, ["max-rows", "between 1 and"]), ({"max-rows": -1}, ["max-rows"]),
    ({"max-rows": True}, ["max-rows"]), ({"max-rows": None}, ["max-rows"]), ({"max-rows": [1]}, ["max-rows"]),
    ({"max-body-bytes": "1 MB"}, ["max-body-bytes", "10MiB"]), ({"max-body-bytes": {}}, ["max-body-bytes"]),
    ({"allow-anonymous": "true"}, ["allow-anonymous", "true or false"]), ({"allow-anonymous": 1}, ["allow-anonymous"]),
    ({"listen": 8080}, ["listen", "a text"]), ({"listen": ""}, ["listen"]),
    ('{"max-rows": 1, "max-rows": 2}', ["duplicate", "max-rows"]), ('{"max-rows": 1', ["line 1"]), ("[]", ["no object"]),
    ("", ["line"]), ("7", []), ('{"max-rows": 99999999999999999999}', ["line 1"]), ('{"listen": "a\\u0000b"}', ["line 1"]),
    ({"tls-cert": "x"}, ["--tls-key"])])
def test_files_that_will_not_do(settings, document, words):
    text = refused(write(settings, document))
    assert all(word in text for word in words), text
    assert "--tls-key" in words or str(settings) in text, text


def test_a_file_that_is_too_long(settings, launch):
    assert "longer than 1 MiB" in refused(write(settings, "{}" + " " * (1 << 20)))
    running = launch("--settings", write(settings, "{}" + " " * ((1 << 20) - 2)))
    assert running.stop() == 0


def test_a_file_that_cannot_be_read(tmp_path):
    assert "No such file" in refused(tmp_path / "none")
    assert "Is a directory" in refused(tmp_path)


# ---- reload ----------------------------------------------------------------------------------


def test_limits_change_while_it_runs(launch, settings):
    write(settings, {"max-rows": 3, "max-columns": 1, "max-calls": 1, "max-body-bytes": "1KiB"})
    running = launch("--settings", settings)
    assert running.post_csv(ROWS).problem["limit"] == "--max-rows"
    calls = {"function": "long_comp", "args": [1, 2], "iterations": 1}
    assert running.post_json(calls, "/v1/map").problem["limit"] == "--max-calls"
    assert running.post_csv(b"a\n" + b"1" * 2000).problem["limit"] == "--max-body-bytes"
    write(settings, {"max-rows": 4, "max-calls": 2, "max-body-bytes": "4KiB"})
    assert reload(running) == ["colonnade: reloaded"]
    assert running.post_csv(ROWS).status == 200
    assert running.post_csv("a,b\n1,2\n").status == 200  # what is not in the file any more is as without it
    assert running.post_csv(ROWS + "1\n").problem["limit"] == "--max-rows"
    assert running.post_json(calls, "/v1/map").status == 200
    assert running.post_csv(b"a\n" + b"1" * 2000).status == 200
    job = running.post_csv(ROWS + "1\n", headers={"Prefer": "respond-async"})
    assert running.get(job.headers["Location"], Prefer="wait=10").json()["error"]["limit"] == "--max-rows"


def test_flags_go_on_to_win(launch, settings):
    write(settings, {"max-rows": 4, "max-columns": 1})
    running = launch("--settings", settings, "--max-rows", 3, env={"COLONNADE_MAX_COLUMNS": "2"})
    write(settings, {"max-rows": 100, "max-columns": 100})
    assert reload(running) == ["colonnade: reloaded"]
    assert running.post_csv(ROWS).problem["limit"] == "--max-rows"
    assert running.post_csv("a,b,c\n").problem["limit"] == "--max-columns"


@pytest.mark.parametrize("document, word", [("{", "line 1"), ({"max-rows": "x"}, "max-rows"), ({"max-rows": 9, "nosuch": 1}, "nosuch"),
                                            (None, "No such file"), ({"max-rows": 9, "tls-key": "x"}, "--tls-key")])
def test_what_is_wrong_changes_nothing(launch, settings, document, word):
    write(settings, {"max-rows": 3})
    running = launch("--settings", settings)
    if document is None:
        settings.unlink()
    else:
        write(settings, document)
    said = reload(running)
    assert said[-1] == "colonnade: not reloaded: everything stays as it was", said
    assert word in "\n".join(said[:-1]) and len(said) == 2, said
    assert running.post_csv(ROWS).problem["limit"] == "--max-rows"
    write(settings, {"max-rows": 4})
    assert reload(running) == ["colonnade: reloaded"]
    assert running.post_csv(ROWS).status == 200


def test_what_needs_a_restart_says_so(launch, settings, tmp_path, keys_dir):
    write(settings, {"max-rows": 3})
    write(tmp_path / "token", TOKEN)
    keys = tmp_path / "keys"
    keys.mkdir()
    write(keys / "one", "1")
    running = launch("--settings", settings, "--keys-dir", keys)
    write(settings, {"max-rows": 4, "threads": 7, "max-queued": 9, "token-file": str(tmp_path / "token"), "memory-bytes": "1GiB"})
    for _ in range(2):  # as long as it is so
        said = reload(running)
        for flag in ("threads", "max-queued", "token-file", "memory-bytes"):
            assert f"colonnade: --{flag} has changed, which needs a restart" in said, said
        assert len(said) == 5
    assert running.post_csv(ROWS).status == 200  # the rest holds
    write(settings, {})
    write(keys / "two", "2")
    said = reload(running)
    assert said == [f"colonnade: the keys in {keys} have changed, which needs a restart", "colonnade: reloaded"]
    (keys / "two").rename(keys / ".two")
    assert reload(running) == ["colonnade: reloaded"]
    (keys / "one").unlink()
    assert "the keys in" in reload(running)[0]


def test_a_request_keeps_what_it_began_with(launch, settings):
    write(settings, {"max-body-bytes": 100_000, "max-rows": 5})
    running = launch("--settings", settings)
    with running.connect(20) as connection:
        connection.sendall(head(CSV + b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", b"/v1/compute?let=r=a"))
        stream = connection.makefile("rb")
        assert read_reply(stream).status == 100  # it has begun
        connection.sendall(b"4\r\na\n1\n\r\n")
        write(settings, {"max-body-bytes": 4, "max-rows": 1, "body-timeout-ms": 1})
        reload(running)
        assert running.post_csv("a\n1\n2\n").status == 413
        connection.sendall(b"8\r\n2\n3\n4\n5\n\r\n0\r\n\r\n")
        reply = read_reply(stream)
        assert reply.status == 200 and reply.body.count(b"\n") == 6, reply


def test_deadlines_change(launch, settings):
    write(settings, {"header-timeout-ms": 60_000})
    running = launch("--settings", settings)
    write(settings, {"header-timeout-ms": 300})
    reload(running)
    with running.connect(20) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        assert read_reply(connection.makefile("rb")).status == 408


def test_without_a_file(launch):
    running = launch()
    assert reload(running) == ["colonnade: reloaded"] and running.get("/livez").status == 200


def test_a_new_token_ends_the_sessions_of_the_old_one(launch, tmp_path):
    token = write(tmp_path / "token", "first-token-0123456789\n")
    running = launch("--token-file", token)

    def status(**headers):
        return running.get("/v1/runs", **headers).status

    cookie = running.post_json({"token": "first-token-0123456789"}, "/v1/session").headers["Set-Cookie"].split(";")[0]
    assert status(Cookie=cookie) == 200
    write(token, "second-token-0123456789\n")
    assert status(Authorization="Bearer first-token-0123456789") == 200  # not yet
    assert reload(running) == ["colonnade: reloaded"]
    assert status(Cookie=cookie) == 401 and status(Authorization="Bearer first-token-0123456789") == 401
    assert status(Authorization="Bearer second-token-0123456789") == 200
    for content in ("", "\n"):
        write(token, content)
        said = reload(running)
        assert str(token) in said[0] and "no token" in said[0] and len(said) == 2
        assert status(Authorization="Bearer second-token-0123456789") == 200
    text = running.stderr()
    assert "token-0123456789" not in text


def serial(server):
    """The certificate that a new connection gets."""
    with server.tls.wrap_socket(server.connect_bare(20), server_hostname="localhost") as connection:
        return connection.getpeercert()["subject"][0][0][1]


def test_a_new_certificate_is_used_for_new_connections(tmp_path, launch):
    old, new = certificate(tmp_path, "old"), certificate(tmp_path, "new", key="rsa")
    cert, key = tmp_path / "cert", tmp_path / "key"

    def install(pair, both=True):
        cert.write_bytes(pair[0].read_bytes())
        if both:
            key.write_bytes(pair[1].read_bytes())

    install(old)
    running = launch(tls=(cert, key))
    running.tls.load_verify_locations(new[0])
    connection = running.connection(20)

    def ask():
        connection.request("GET", "/livez")
        return connection.getresponse().read()

    assert serial(running) == "old" and b"alive" in ask()
    install(new, both=False)
    said = reload(running)
    assert "is not that of the certificate" in said[0] and "not reloaded" in said[1]
    assert serial(running) == "old"
    install(new)
    assert reload(running) == ["colonnade: reloaded"]
    assert serial(running) == "new"
    assert b"alive" in ask() and connection.sock.getpeercert()["subject"][0][0][1] == "old"
    connection.close()
    assert running.stop() == 0


def test_everything_or_nothing(tmp_path, launch):
    """A wrong certificate holds back the token and the limits, too."""
    token, cert, key = write(tmp_path / "token", "first\n"), *certificate(tmp_path)
    settings = write(tmp_path / "settings", {"max-rows": 3})
    running = launch("--token-file", token, "--settings", settings, tls=(cert, key))
    running.default_headers = {"Authorization": "Bearer first"}
    good = cert.read_bytes()
    write(token, "second\n")
    write(settings, {"max-rows": 4})
    cert.write_bytes(b"")
    said = reload(running)
    assert str(cert) in said[0] and "not reloaded" in said[1]
    assert running.post_csv(ROWS).problem["limit"] == "--max-rows"
    cert.write_bytes(good)
    assert reload(running) == ["colonnade: reloaded"]
    assert running.get("/v1/runs").status == 401
    running.default_headers = {"Authorization": "Bearer second"}
    assert running.post_csv(ROWS).status == 200
    assert running.stop() == 0


@pytest.mark.threads
def test_reloads_under_load(tmp_path, launch):
    """Requests are answered by the old or by the new settings, never by a mixture, and none is lost."""
    settings, token = write(tmp_path / "settings", {"max-rows": 2}), write(tmp_path / "token", "t0\n")
    pair = certificate(tmp_path)
    running = launch("--settings", settings, "--token-file", token, tls=pair)
    ended, seen = threading.Event(), []

    def ask(_):
        while not ended.is_set():
            reply = running.post_csv(ROWS, {"let": "r=a"}, {"Authorization": "Bearer t0"})
            seen.append((reply.status, reply.problem["limit"] if reply.status == 422 else ""))

    clients = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    for thread in clients:
        thread.start()
    for turn in range(400):
        write(settings, {"max-rows": 2 if turn % 2 else 4})
        reload(running)
        if turn >= 20 and len(seen) > 100:
            break
    ended.set()
    for thread in clients:
        thread.join()
    assert set(seen) == {(200, ""), (422, "--max-rows")}, set(seen)
    assert running.stop() == 0


def test_systemd_is_told(tmp_path, launch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        settings = write(tmp_path / "settings", {})
        running = launch("--settings", settings, env={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(4096) == b"READY=1"
        for document, status in (({}, "STATUS="), ("{", "STATUS=The last reload failed.")):
            write(settings, document)
            begun = time.clock_gettime(time.CLOCK_MONOTONIC)
            reload(running)
            first, second = manager.recv(4096).decode(), manager.recv(4096).decode()
            assert first.startswith("RELOADING=1\nMONOTONIC_USEC=")
            assert begun - 1 < int(first.split("=")[-1]) / 1e6 <= time.clock_gettime(time.CLOCK_MONOTONIC)
            assert second == "READY=1\n" + status
        assert running.stop() == 0
        assert manager.recv(4096) == b"STOPPING=1"


def test_a_hangup_of_the_terminal_leaves_the_workers_alone(launch):
    running = launch()
    family = running.processes()
    for pid in family:
        os.kill(pid, signal.SIGHUP)
    wait_until(lambda: "colonnade: reloaded" in lines(running))
    assert running.post_csv(ROWS, {"let": "r=a", "executor": "processes"}).status == 200
    assert running.processes() == family
