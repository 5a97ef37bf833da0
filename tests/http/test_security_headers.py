"""What every reply tells a browser; origins, hosts and preflights; cookies over TLS."""
import json
import re

import pytest

from client import JSON, raw, read_reply
from test_protocol import BODY, CSV, HOST, head

TOKEN = "correct-horse-battery-staple-0123456789"
GUARDS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
          "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin", "Cache-Control": "no-store"}
EVERYWHERE = set(GUARDS) - {"Content-Security-Policy", "Cache-Control"}  # the page has its own
DOCUMENT = {"columns": {"a": [1, 2]}, "let": {"r": "a*2"}}


def of(server, method, target, body=None, **headers):
    return server.request(method, target, body, {name.replace("_", "-"): value for name, value in headers.items()})


def check(reply, guards=GUARDS):
    for name, value in guards.items():
        assert reply.headers.get_all(name) == [value], (name, reply.status, str(reply.headers))
    for name in reply.headers:
        assert not name.lower().startswith("access-control-"), name
        assert name.lower() not in ("server", "x-powered-by", "strict-transport-security"), name


@pytest.mark.parametrize("method, target, body, headers, status", [
    ("GET", "/livez", None, {}, 200), ("HEAD", "/livez", None, {}, 200), ("GET", "/readyz", None, {}, 200),
    ("GET", "/v1/runs", None, {}, 200), ("GET", "/v1/pools", None, {}, 200), ("GET", "/v1/functions", None, {}, 200),
    ("GET", "/v1/load", None, {}, 200), ("GET", "/v1/jobs", None, {}, 200),
    ("POST", "/v1/compute?let=r=a", b"a\n1\n", {}, 200),
    ("POST", "/v1/compute", json.dumps(DOCUMENT), {"Content_Type": JSON}, 200),
    ("POST", "/v1/check", json.dumps({"columns": {"a": "int64"}, "let": {"r": "a"}}), {"Content_Type": JSON}, 200),
    ("POST", "/v1/map", json.dumps({"function": "long_comp", "args": [1], "iterations": 1}), {"Content_Type": JSON}, 200),
    ("POST", "/v1/session", None, {}, 204), ("DELETE", "/v1/session", None, {}, 204),
    ("GET", "/nosuch", None, {}, 404), ("GET", "/v1/runs/nosuch", None, {}, 404), ("DELETE", "/v1/runs", None, {}, 405),
    ("POST", "/v1/compute?nosuch=1", b"a\n1\n", {}, 400), ("POST", "/v1/compute?let=r=zz", b"a\n1\n", {}, 422),
    ("POST", "/v1/compute", b"a\n1\n", {"Content_Type": "image/png"}, 415),
    ("POST", "/v1/compute", b"a\n1\n", {"Accept": "image/png"}, 406),
    ("GET", "/v1/runs", None, {"Origin": "http://evil.example"}, 403), ("OPTIONS", "/v1/compute", None, {}, 405)])
def test_every_reply(server, method, target, body, headers, status):
    reply = of(server, method, target, body, **headers)
    assert reply.status == status, reply
    check(reply)


def test_streams_jobs_and_exports(server):
    job = server.post_json(DOCUMENT, headers={"Prefer": "respond-async"})
    where = job.headers["Location"]
    for reply in (job, server.get(where, Prefer="wait=20"), server.get(where + "/result"), server.get(where + "/events")):
        assert reply.status in (200, 202)
        check(reply)
    run = server.post_json(DOCUMENT).headers["Colonnade-Run"]
    server.run(run)
    for ending in ("", "/trace", "/export"):
        reply = server.get(f"/v1/runs/{run}{ending}")
        assert reply.status == 200
        check(reply)
    connection = server.connection(20)
    connection.request("GET", "/v1/events")
    check(connection.getresponse())
    connection.close()


def test_refusals_in_the_middle_of_a_body(server):
    with server.connect(20) as connection:
        connection.sendall(head(CSV + b"Content-Length: 100000000\r\n", b"/v1/compute?nosuch=1"))
        check(read_reply(connection.makefile("rb")))


@pytest.mark.parametrize("target", ["/", "/static/app.js", "/static/nosuch.js"])
def test_the_page_runs_only_what_is_its_own(server, target):
    reply = of(server, "GET", target)
    check(reply, {name: GUARDS[name] for name in EVERYWHERE})
    assert "frame-ancestors 'none'" in reply.headers["Content-Security-Policy"]
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not re.search(r"unsafe|https?:|\*", reply.headers["Content-Security-Policy"])
    if target == "/":
        assert reply.headers["Cross-Origin-Opener-Policy"] == "same-origin-allow-popups"


def test_nobody_is_told_how_to_cross_origins(server):
    for method, target in (("OPTIONS", "/v1/compute"), ("OPTIONS", "/v1/session"), ("OPTIONS", "/")):
        for origin in ("http://evil.example", "null", server.url):
            reply = of(server, method, target, Origin=origin, Access_Control_Request_Method="POST",
                       Access_Control_Request_Headers="authorization")
            assert reply.status == (405 if origin == server.url else 403), (target, origin, reply)
            check(reply)
    replies, _ = raw(server, b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n")
    assert 400 <= replies[0].status < 500


def origins(server):
    """Foreign ones."""
    own = f"{server.host}:{server.port}"
    other = "http" if server.tls else "ftp"
    yield from ("http://evil.example", "https://evil.example", "null", "", f"{server.scheme}://{server.host}",
                f"{server.scheme}://{server.host}:1", f"{server.scheme}://localhost:{server.port}", f"{other}://{own}",
                f"{server.scheme}://{own}.evil.example", f"{server.scheme}://user@{own}", f"{server.scheme}://{own}/",
                f"{server.scheme}://{own} {server.scheme}://evil.example", own, "file://")


def test_foreign_origins(server):
    for origin in origins(server):
        for method, target, body in (("GET", "/v1/runs", None), ("POST", "/v1/compute", BODY), ("GET", "/", None),
                                     ("POST", "/v1/session", None), ("GET", "/livez", None), ("GET", "/nosuch", None)):
            reply = of(server, method, target, body, Origin=origin)
            assert reply.status == 403 and reply.problem["code"] == "forbidden_origin", (origin, target, reply)
    for origin in (server.url, server.url.upper()):
        assert of(server, "GET", "/v1/runs", Origin=origin).status == 200


def test_two_origins(server):
    own = b"Origin: " + server.url.encode() + b"\r\n"
    host = f"Host: {server.host}:{server.port}\r\n".encode()
    for lines in (own + own, own + b"Origin: http://evil.example\r\n", b"Origin: null\r\n" + own):
        replies, _ = raw(server, b"GET /v1/runs HTTP/1.1\r\n" + host + lines + b"\r\n")
        assert replies[0].status == 403, replies


@pytest.mark.parametrize("host, good", [
    ("localhost", True), ("LOCALHOST:80", True), ("127.0.0.1", True), ("127.0.0.1:1", True), ("[::1]", True), ("[::1]:8080", True),
    ("evil.example", False), ("localhost.evil.example", False), ("127.0.0.1.evil.example", False), ("evil.example:8080", False),
    ("[::2]", False), ("127.0.0.2", False), ("0.0.0.0", False), ("[", False), ("", False),
    ("localhost.", False), ("127.1", False)])
def test_hosts_on_loopback(server, host, good):
    """A name that was made to point here is not ours (DNS rebinding)."""
    replies, _ = raw(server, f"GET /v1/runs HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert replies[0].status == (200 if good else 403), replies
    assert good or replies[0].problem["code"] == "forbidden_origin"


def test_hosts_with_a_token(launch, tmp_path):
    """Then the token is what counts: the service may have any name."""
    (tmp_path / "token").write_text(TOKEN)
    running = launch("--token-file", tmp_path / "token")
    line = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
    for lines, status in ((line, 200), (b"", 401), (line + line, 401), (line + b"Authorization: Bearer x\r\n", 401)):
        replies, _ = raw(running, b"GET /v1/runs HTTP/1.1\r\nHost: any.example\r\n" + lines + b"\r\n")
        assert replies[0].status == status, (lines, replies)
        check(replies[0])
