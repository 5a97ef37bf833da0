"""HTTPS: what is refused at the start, handshakes, and whatever is done past the library."""
import datetime
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import pytest

import client
from client import SANITIZED, Server, certificate, curl, half_close, raw, read_reply, wait_until
from test_protocol import BODY, CSV, GOOD, HOST, SLOW, head
from test_settings import run

COMPUTE = b"/v1/compute?let=r=a%2Bb"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(pair, keys_dir):
    running = Server("--keys-dir", keys_dir, tls=pair)
    yield running
    assert running.stop() == 0


@pytest.fixture
def launch_secure(pair):
    started = []

    def start(*flags):
        started.append(Server(*flags, tls=pair))
        return started[-1]

    yield start
    codes = [running.stop() for running in started]
    assert codes == [0] * len(codes)


def until_closed(connection, seconds=20):
    """What comes until the server ends the connection (it must), and whether TLS was ended properly."""
    connection.settimeout(seconds)
    got = b""
    while True:
        try:
            piece = connection.recv(65536)
        except (ssl.SSLEOFError, ConnectionError):
            return got, False
        if not piece:
            return got, True
        got += piece


# ---- settings --------------------------------------------------------------------------------


def refused(*arguments):
    done = run("--listen", "127.0.0.1:0", *arguments)
    assert done.returncode == 2 and done.stdout == "", done
    assert done.stderr.startswith("colonnade: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_one_without_the_other(pair):
    assert "--tls-cert needs --tls-key" in refused("--tls-cert", pair[0])
    assert "--tls-key needs --tls-cert" in refused("--tls-key", pair[1])


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_files_that_will_not_do(pair, tmp_path):
    cert, key = pair
    other_cert, other_key = certificate(tmp_path, "other", key="rsa")
    empty, locked, long = tmp_path / "empty", tmp_path / "locked", tmp_path / "long"
    empty.write_bytes(b"")
    long.write_bytes(cert.read_bytes() + b"\n" * 70_000)
    openssl("rsa", "-in", other_key, "-aes256", "-passout", "pass:secret", "-out", locked)
    cut = tmp_path / "cut"
    cut.write_bytes(cert.read_bytes()[:200])
    none = tmp_path / "none"
    for certs, keys, named, reason in [
            (none, key, none, "No such file"), (cert, none, none, "No such file"),
            (tmp_path, key, tmp_path, "Is a directory"), (cert, tmp_path, tmp_path, "Is a directory"),
            (empty, key, empty, "no certificate"), (cert, empty, empty, "no private key"),
            (cut, key, cut, "no certificate"), (key, key, key, "no certificate"), (cert, cert, cert, "no private key"),
            (cert, other_key, other_key, "is not that of the certificate"),
            (other_cert, key, key, "is not that of the certificate"),
            (other_cert, locked, locked, "encrypted"), (long, key, long, "longer than 64 KiB")]:
        text = refused("--tls-cert", certs, "--tls-key", keys)
        assert str(named) in text and reason in text, text
        assert "PRIVATE" not in text


def test_a_certificate_whose_time_is_not_now(tmp_path):
    """Made by an authority of its own, because `openssl req` knows no dates."""
    cert, key = certificate(tmp_path, "authority")
    openssl("req", "-new", "-key", key, "-subj", "/CN=localhost", "-out", tmp_path / "request")
    config = tmp_path / "config"
    config.write_text(f"""[ca]\ndefault_ca=x\n[x]\ndatabase={tmp_path}/index\nnew_certs_dir={tmp_path}
rand_serial=yes\ndefault_md=sha256\npolicy=y\n[y]\ncommonName=supplied\n""")
    now = datetime.datetime.now(datetime.timezone.utc)
    for name, days, reason in (("past", -2, "has expired on"), ("future", 2, "is not valid before")):
        (tmp_path / "index").write_bytes(b"")
        begin, end = (f"{now + datetime.timedelta(days=days + d):%Y%m%d%H%M%SZ}" for d in (-1, 1))
        openssl("ca", "-batch", "-config", config, "-cert", cert, "-keyfile", key, "-in", tmp_path / "request",
                "-startdate", begin, "-enddate", end, "-out", tmp_path / name, "-notext")
        text = refused("--tls-cert", tmp_path / name, "--tls-key", key)
        assert str(tmp_path / name) in text and reason in text, text
    assert f"{now + datetime.timedelta(days=1):%Y-%m-%d}" in text  # two days on, and a day before that


def test_a_chain_is_sent_whole(tmp_path, launch):
    cert, key = certificate(tmp_path, "root", extra=("-addext", "basicConstraints=critical,CA:true"))
    openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-subj", "/CN=leaf", "-out",
            tmp_path / "request", "-addext", "subjectAltName=IP:127.0.0.1")
    openssl("x509", "-req", "-in", tmp_path / "request", "-CA", cert, "-CAkey", key, "-CAcreateserial", "-days", "2",
            "-copy_extensions", "copyall", "-out", tmp_path / "leaf")
    (tmp_path / "chain").write_bytes((tmp_path / "leaf").read_bytes() + cert.read_bytes())
    running = launch(tls=(tmp_path / "chain", tmp_path / "key"))
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{running.port}", "-showcerts", "-CAfile", cert],
                          input=b"", capture_output=True, timeout=30, check=False)
    assert running.stop() == 0
    assert done.stdout.count(b"BEGIN CERTIFICATE") == 2 and b"Verify return code: 0 (ok)" in done.stdout, done.stdout


# ---- handshakes ------------------------------------------------------------------------------


def shake(server, *arguments):
    """The protocol and the cipher that openssl and the server agree on; None: nothing."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", *arguments], input=b"",
                          capture_output=True, timeout=30, check=False)
    line = next((line for line in done.stdout.decode().splitlines() if "Cipher is" in line), "(NONE)")
    return None if "(NONE)" in line else (line.split(",")[1].strip(), line.rsplit(" ", 1)[1])


def test_versions_and_ciphers(secure):
    assert shake(secure)[0] == "TLSv1.3"
    assert shake(secure, "-tls1_2")[0] == "TLSv1.2"
    for old in ("-tls1_1", "-tls1"):
        assert shake(secure, old, "-cipher", "ALL:@SECLEVEL=0") is None
    for weak in ("AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"):
        assert shake(secure, "-tls1_2", "-cipher", weak + ":@SECLEVEL=0") is None, weak
    for good in ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"):
        assert shake(secure, "-tls1_2", "-cipher", good) == ("TLSv1.2", good)


def test_a_client_that_does_not_trust_it(secure):
    code, _, errors = curl("--cacert", "/dev/null", secure.url + "/livez")
    assert code in (60, 77), (code, errors)
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(secure.connect_bare(10), server_hostname="localhost")
    assert secure.get("/livez").status == 200


def test_plain_http_on_the_port_of_tls(secure):
    for request in (b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n", GOOD, b"POST / HTTP/1.0\r\n\r\n" + b"x" * 3000):
        with secure.connect_bare(10) as connection:
            connection.sendall(request)
            got, _ = until_closed(connection)
            assert got.startswith(b"HTTP/1.1 400 ") and b"alive" not in got, got
    for junk in (b"\r\n\r\n", b"\0" * 100, b"\x16\x03\x01\xff\xff" + b"x" * 200, b"\x15\x03\x03\x00\x02\x02\x28", b"z"):
        with secure.connect_bare(10) as connection:
            try:
                connection.sendall(junk)
                half_close(connection)
            except OSError:
                continue  # the server was faster
            got, _ = until_closed(connection)
            assert not got.startswith(b"HTTP/1.1 2"), got
    assert secure.get("/livez").status == 200


def test_tls_on_the_port_of_plain_http(launch):
    running = launch("--header-timeout-ms", 3000)
    if running.tls:
        assert running.stop() == 0
        pytest.skip("all servers of this run speak TLS")
    connection = running.connect_bare(10)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")
    connection.close()
    assert running.get("/livez").status == 200 and running.stop() == 0


@pytest.mark.threads
def test_slow_handshakes_end_with_the_header_timeout(launch_secure):
    running = launch_secure("--header-timeout-ms", 600)
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    idle = [(running.connect_bare(20), first) for first in (b"", b"\x16", hello[:5], hello)]
    begun = time.monotonic()
    for connection, first in idle:
        connection.sendall(first)
    for connection, first in idle:
        got, _ = until_closed(connection)
        assert b"HTTP" not in got, (first, got)
        connection.close()
    assert time.monotonic() - begun < 10
    wait_until(lambda: running.get("/livez").status == 200)


@pytest.mark.threads
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("first", [b"", b"GET /li", b"GET /livez HTTP/1.1\r\n" + HOST + b"X: "])
def test_a_head_that_is_late(launch_secure, pair, version, first):
    running = launch_secure("--header-timeout-ms", 500)
    context = ssl.create_default_context(cafile=pair[0])
    context.minimum_version = context.maximum_version = version
    with context.wrap_socket(running.connect_bare(20), server_hostname="localhost") as connection:
        connection.sendall(first)
        got, proper = until_closed(connection)
        assert got.startswith(b"HTTP/1.1 408 ") and proper, got


def test_an_idle_connection_is_closed_silently(launch_secure):
    running = launch_secure("--header-timeout-ms", 500)
    with running.connect(20) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
        got, _ = until_closed(connection)
        assert got.count(b"HTTP/1.1") == 1 and b" 200 OK" in got


@pytest.mark.skipif(SANITIZED, reason="sanitizers take their own time")
def test_a_handshake_that_stands_still_takes_no_cpu(launch_secure):
    """The library would try again and again."""
    running = launch_secure()
    held = [running.connect_bare(20) for _ in range(4)]
    for connection in held:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
    time.sleep(0.2)
    before = cpu_seconds(running)
    time.sleep(1.5)
    assert cpu_seconds(running) - before < 0.5
    for connection in held:
        connection.close()


def cpu_seconds(server):
    fields = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_handshake_byte_by_byte(secure, version):
    """And a certificate that a slow client takes in small pieces."""
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    bare.connect((secure.host, secure.port))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=secure.tls_cert)
    context.minimum_version = context.maximum_version = version
    session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def flush():
        for byte in outgoing.read():
            bare.sendall(bytes([byte]))

    def step(call, *arguments):
        while True:
            try:
                result = call(*arguments)
                flush()
                return result
            except ssl.SSLWantReadError:
                flush()
                incoming.write(bare.recv(7))

    bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with bare:
        step(session.do_handshake)
        step(session.write, b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
        assert step(session.read, 65536).startswith(b"HTTP/1.1 200 ")


def test_a_client_is_told_why_a_handshake_failed(secure):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-tls1_2", "-cipher",
                           "AES128-GCM-SHA256"], input=b"", capture_output=True, timeout=30, check=False)
    assert b"handshake failure" in done.stderr or b"alert" in done.stderr, done.stderr


@pytest.mark.threads
def test_many_handshakes_leave_nothing_behind(secure):
    before = secure.descriptors()

    def handshakes(_):
        for k in range(60):
            if k % 3 == 0:
                with secure.connect_bare(20) as connection:
                    connection.sendall(b"\x16\x03\x01\x02\x00\x01")
            else:
                secure.connect(20).close()

    client.together(handshakes, 4)
    wait_until(lambda: secure.descriptors() <= before + 1)


# ---- requests --------------------------------------------------------------------------------


@pytest.mark.threads
def test_refusals_in_the_middle_of_a_body(secure):
    """They are sent past the library, and the session is ended properly."""
    for target, first, status, code in ((b"/v1/compute?nosuch=1", b"", 400, "unknown_parameter"),
                                        (b"/v1/compute?let=r=zz", b"a,b\n" + b"1,2\n" * 50_000, 422, "unknown_column")):
        with secure.connect(20) as connection:
            connection.sendall(head(CSV + b"Content-Length: 100000000\r\n", target) + first)
            reply = read_reply(connection.makefile("rb"))
            assert reply.status == status and reply.problem["code"] == code, reply
            assert reply.headers["Connection"] == "close"
            assert until_closed(connection) == (b"", True)


def test_a_fault_behind_the_last_piece_of_a_body(secure):
    """It is known before the piece is handed on, and the body's end comes right behind: no more is read in between."""
    rows = b"a,b\n" + b"1,2\n" * 25_000
    body = b"%x\r\n%s\r\n0\r\nbad header\r\n\r\n" % (len(rows), rows)
    with secure.connect(20) as connection:
        connection.sendall(head(CSV + b"Transfer-Encoding: chunked\r\n", COMPUTE) + body)
        reply = read_reply(connection.makefile("rb"))
        assert reply.status == 400 and reply.problem["code"] == "ambiguous_request", reply
        assert until_closed(connection) == (b"", True)


@pytest.mark.parametrize("first", [b"", b"a\n1\n2\n"])
def test_a_client_that_goes_on_writing_behind_a_refusal(secure, first):
    with secure.connect(20) as connection:
        connection.sendall(head(CSV + b"Content-Length: 100000\r\n", b"/v1/compute?let=r=a&timeout_ms=300") + first)
        stream = connection.makefile("rb")
        connection.settimeout(0.2)
        until = time.monotonic() + 10
        reply = None
        while reply is None and time.monotonic() < until:
            connection.sendall(b"1\n")
            try:
                reply = read_reply(stream)
            except TimeoutError:
                stream = connection.makefile("rb")
        assert reply and reply.status == 504 and reply.problem["code"] == "deadline_exceeded", reply


@pytest.mark.threads
def test_a_body_that_is_late(launch_secure):
    running = launch_secure("--body-timeout-ms", 400)
    with running.connect(20) as connection:
        connection.sendall(head(CSV + b"Content-Length: 100\r\n") + b"a\n")
        reply = read_reply(connection.makefile("rb"))
        assert reply.status == 408 and reply.problem["code"] == "request_timeout", reply


def test_what_is_refused_before_the_body_is_asked_for(secure):
    with secure.connect(20) as connection:
        connection.sendall(head(CSV + b"Expect: 100-continue\r\nContent-Length: 8\r\n", b"/v1/compute?limit=x"))
        assert read_reply(connection.makefile("rb")).status == 400
    with secure.connect(20) as connection:
        connection.sendall(head(CSV + b"Expect: 100-continue\r\nContent-Length: 8\r\n"))
        stream = connection.makefile("rb")
        assert read_reply(stream).status == 100
        connection.sendall(BODY)
        assert read_reply(stream).body == b"a\n1\n"


@pytest.mark.parametrize("request_head", [
    b"GET /livez HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n", b"GET /livez HTTP/1.1\n" + HOST + b"\n",
    b"GET /livez HTTP/1.1\r\n" + HOST + b"X: a\0b\r\n\r\n", b"GET /livez HTTP/1.1\r\n" + HOST + b"X y: z\r\n\r\n",
    b"GET /livez HTTP/1.1\r\n" + HOST + HOST + b"\r\n"])
@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_heads_that_are_ambiguous(secure, request_head, pieces):
    """Also behind a good one, and however they are cut into records."""
    good = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"
    for before in (b"", good):
        with secure.connect(20) as connection:
            data = before + request_head + good
            for at in range(0, len(data), pieces):
                try:
                    connection.sendall(data[at:at + pieces])
                except (ssl.SSLError, ConnectionError):
                    break
            got, _ = until_closed(connection)
            assert got.count(b" 200 OK") == (1 if before else 0) and b"HTTP/1.1 400 " in got, got


def test_keep_alive_and_pipelining(secure):
    replies, closed = raw(secure, GOOD * 5, count=5)
    assert [reply.status for reply in replies] == [200] * 5 and not closed


def test_bodies_in_odd_records(secure):
    body = b"a,b\n" + b"".join(b"%d,%d\n" % (k, k * 7) for k in range(40_000))
    with secure.connect(60) as connection:
        connection.sendall(head(CSV + b"Content-Length: %d\r\n" % len(body), COMPUTE))
        at, size = 0, 1
        while at < len(body):
            connection.sendall(body[at:at + size])
            at, size = at + size, size * 3 % 50_021 + 1
        reply = read_reply(connection.makefile("rb"))
    assert reply.status == 200 and reply.body.count(b"\n") == 40_001
    assert reply.body.endswith(b"39999,279993,319992\n")


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_million_rows(secure, tmp_path, executor):
    """Reply parts by the thousand, and one that streams; a slow reader in between."""
    rows = 1_000_000
    (tmp_path / "t.csv").write_text("a,b\n" + "".join(f"{k},{k % 97}\n" for k in range(rows)))
    code, out, errors = curl("--cacert", secure.tls_cert, "-T", tmp_path / "t.csv", "--limit-rate", "200M",
                             secure.url + f"/v1/compute?let=r=a*2&executor={executor}")
    assert code == 0, errors
    assert out.count(b"\n") == rows + 1 and out.endswith(b"999999,26,1999998\n")


def test_a_large_reply_that_streams(launch_secure):
    running = launch_secure("--buffer-bytes", 65536)
    body = b"a\n" + b"1234567\n" * 300_000
    with running.connect(60) as connection:
        connection.sendall(head(CSV + b"Content-Length: %d\r\n" % len(body), b"/v1/compute?let=r=a*2") + body)
        stream = connection.makefile("rb")
        reply = read_reply(stream)
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert reply.body == b"a,r\n" + b"1234567,2469134\n" * 300_000


def test_a_stream_that_fails_late_is_visibly_broken_off(launch_secure):
    running = launch_secure("--buffer-bytes", 65536)
    body = b"a,b\n" + b"1,1\n" * 300_000 + b"1,0\n"
    connection = running.connection(60)
    connection.request("POST", "/v1/compute?let=r=a//b&let=k=sha512(a)&chunk_rows=1000", body, {"Content-Type": "text/csv"})
    response = connection.getresponse()
    if response.status == 200:
        with pytest.raises((http.client.IncompleteRead, ConnectionError, ssl.SSLError)):
            response.read()
    else:
        assert json.loads(response.read())["code"] == "division_by_zero"
    connection.close()


@pytest.mark.parametrize("executor", ["threads", "processes", "serial"])
def test_work_stops_when_the_client_hangs_up(secure, executor):
    body = json.dumps({**SLOW, "executor": executor}).encode()
    connection = secure.connect()
    connection.sendall(head(b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body), b"/v1/compute") + body)
    wait_until(secure.working)
    connection.close()
    begun = time.monotonic()
    assert secure.wait_idle(30), secure.pools()
    assert time.monotonic() - begun < 15


def test_a_client_that_ends_its_side_of_the_session_is_still_served(secure):
    """By TLS's own end of data; the transport below stays open in both directions."""
    body = json.dumps({**SLOW, "generate": {**SLOW["generate"], "rows": 50_000}, "executor": "threads"}).encode()
    bare = secure.connect_bare(60)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = secure.tls.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def step(call, *arguments):
        while True:
            try:
                result = call(*arguments)
                bare.sendall(outgoing.read())
                return result
            except ssl.SSLWantReadError:
                bare.sendall(outgoing.read())
                piece = bare.recv(65536)
                incoming.write(piece) if piece else incoming.write_eof()

    with bare:
        step(session.do_handshake)
        step(session.write, head(b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body), b"/v1/compute") + body)
        with pytest.raises(ssl.SSLWantReadError):
            session.unwrap()
        bare.sendall(outgoing.read())
        got = b""
        while b"\r\n\r\n" not in got:
            got += step(session.read, 65536)
        assert got.startswith(b"HTTP/1.1 200 "), got


def test_events(secure):
    connection = secure.connection(60)
    connection.request("GET", "/v1/events")
    response = connection.getresponse()
    seen = threading.Event()

    def listen():
        while line := response.readline():
            if line.startswith(b"event: run"):
                seen.set()
                return

    listener = threading.Thread(target=listen)
    listener.start()
    wait_until(lambda: secure.post_csv(BODY, {"let": "r=a"}).status == 200 and seen.wait(0.1))
    listener.join()
    connection.close()


def test_jobs(secure):
    job = secure.post_json({"columns": {"a": [1, 2]}, "let": {"r": "a*2"}}, headers={"Prefer": "respond-async"})
    where = job.headers["Location"]
    assert job.status == 202
    assert secure.get(where, Prefer="wait=20").json()["state"] == "finished"
    assert secure.get(where + "/result").columns["r"] == [2, 4]


def test_too_many_connections(launch_secure):
    running = launch_secure("--max-connections", 4)
    held = [running.connect(20) for _ in range(4)]
    wait_until(lambda: running.get("/v1/runs").status == 503)
    assert running.get("/livez").status == 200
    for connection in held:
        connection.close()
    wait_until(lambda: running.get("/v1/runs").status == 200)


def test_sigterm_while_clients_are_in_every_state(pair, launch):
    running = launch("--grace-ms", 500, tls=pair)
    held = [running.connect_bare(20), running.connect(20), running.connect(20), running.connect(20)]
    held[0].sendall(b"\x16\x03\x01\x02\x00\x01")
    held[2].sendall(b"GET /livez HT")
    held[3].sendall(head(CSV + b"Content-Length: 100000\r\n") + b"a\n1\n")
    assert running.stop(30) == 0
    for connection in held:
        connection.close()


def test_cookies_and_origins(pair, tmp_path, launch):
    (tmp_path / "token").write_text("secret\n")
    running = launch("--token-file", tmp_path / "token", tls=pair)
    reply = running.post_json({"token": "secret"}, "/v1/session")
    pair_, *attributes = reply.headers["Set-Cookie"].split("; ")
    assert sorted(attributes) == ["HttpOnly", "Max-Age=43200", "SameSite=Strict", "Secure"]
    assert running.get("/v1/runs", Cookie=pair_, Origin=running.url).status == 200
    for origin in (running.url.replace("https", "http"), "https://127.0.0.1:1", "null"):
        assert running.get("/v1/runs", Cookie=pair_, Origin=origin).problem["code"] == "forbidden_origin"
    assert running.stop() == 0


def test_the_page(secure):
    assert secure.get("/").status == 200
    absolute = b"GET " + secure.url.encode() + b"/livez HTTP/1.1\r\n" + HOST + b"\r\n"
    assert raw(secure, absolute)[0][0].status == 200


def test_a_client_that_ends_in_the_middle_of_a_record(secure):
    """Its end is found although it came with the last bytes; in a handshake, in a head, in a body."""
    before = secure.descriptors()
    record = b"\x17\x03\x03\x00\xff" + b"x" * 9
    for first in (None, b"", b"GET /live", head(CSV + b"Content-Length: 100\r\n") + b"a\n"):
        for _ in range(20):
            connection = secure.connect_bare(20) if first is None else secure.connect(20)
            if first:
                connection.sendall(first)
            with socket.socket(fileno=os.dup(connection.fileno())) as bare:
                bare.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                bare.sendall(b"\x16\x03" if first is None else record)
                bare.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            try:
                while connection.recv(4096):
                    pass
            except (ssl.SSLError, ConnectionError):
                pass
            connection.close()
    wait_until(lambda: secure.descriptors() <= before + 1, 5)


def test_a_reset_in_the_middle(secure):
    before = secure.descriptors()
    for k in range(40):
        connection = secure.connect(20)
        connection.sendall(head(CSV + b"Content-Length: 100000\r\n") + b"a\n1\n" * k)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.close()
    wait_until(lambda: secure.descriptors() <= before + 1)


def test_the_health_probe(pair, launch):
    running = launch(tls=pair)
    listen = ("--health", "--listen", f"127.0.0.1:{running.port}")
    flags = ("--tls-cert", pair[0], "--tls-key", pair[1])
    assert run(*listen, *flags).returncode == 0
    assert run(*listen, *flags[:2]).returncode == 0  # the key is the server's business
    plain = run(*listen)
    assert plain.returncode == 1 and "400" in plain.stderr
    assert running.stop() == 0
    with socket.create_server(("127.0.0.1", 0)) as silent:
        done = run("--health", "--listen", f"127.0.0.1:{silent.getsockname()[1]}", *flags)
        assert done.returncode == 1 and done.stderr, done
