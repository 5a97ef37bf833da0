"""Sessions: the cookie that stands for the token in a browser, and what it must not let in."""
import json
import re

import pytest

from client import JSON, OVER_TLS, Server, raw

TOKEN = "correct-horse-battery-staple-0123456789"
NAME = "colonnade_session"
SECURE = ["Secure"] if OVER_TLS else []


@pytest.fixture(scope="module")
def token_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("session") / "token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def guarded(token_file):
    running = Server("--token-file", token_file)
    yield running
    assert running.stop() == 0


def sign_in(server, token=TOKEN, **headers):
    return server.post_json({"token": token}, "/v1/session", headers={
        name.replace("_", "-"): value for name, value in headers.items()})


def cookie_of(reply):
    """The pair that a browser would send back."""
    assert reply.status == 204, reply
    return reply.headers["Set-Cookie"].split(";")[0]


def status(server, cookie, **headers):
    return server.get("/v1/runs", Cookie=cookie, **headers).status


def test_a_token_buys_a_cookie(guarded):
    reply = sign_in(guarded)
    assert reply.status == 204 and reply.body == b""
    assert reply.headers["Cache-Control"] == "no-store"
    pair, *attributes = reply.headers["Set-Cookie"].split("; ")
    assert re.fullmatch(NAME + r"=\d{10,}\.[0-9a-f]{64}", pair), pair
    assert sorted(attributes) == ["HttpOnly", "Max-Age=43200", "SameSite=Strict", *SECURE]  # no Path, no Domain
    assert TOKEN not in str(reply.headers)


def test_a_token_comes_unpacked(guarded):
    for coding, status in (("identity", 204), ("gzip", 415), ("identity, zstd", 415), ("br", 415)):
        assert sign_in(guarded, Content_Encoding=coding).status == status, coding


def test_a_page_that_came_by_https_gets_a_secure_cookie(guarded):
    for scheme, secure in (("https", True),) if OVER_TLS else (("https", True), ("http", False)):
        reply = sign_in(guarded, Origin=f"{scheme}://{guarded.host}:{guarded.port}")
        assert reply.status == 204
        assert (reply.headers["Set-Cookie"].split("; ")[-1] == "Secure") == secure


def test_the_header_will_do_too(guarded):
    for body in (None, b"", b"{}"):
        reply = guarded.request("POST", "/v1/session", body, {"Authorization": f"Bearer {TOKEN}"})
        assert status(guarded, cookie_of(reply)) == 200


def test_the_cookie_opens_what_the_token_opens(guarded):
    cookie = cookie_of(sign_in(guarded))
    assert guarded.get("/v1/runs").status == 401
    assert status(guarded, cookie) == 200
    head = {"Cookie": cookie}
    reply = guarded.post_json({"columns": {"a": [1]}, "let": {"r": "a+1"}}, headers=head)
    assert reply.status == 200 and reply.columns["r"] == [2]
    run = reply.headers["Colonnade-Run"]
    assert guarded.get(f"/v1/runs/{run}/trace", Cookie=cookie).status == 200  # a download
    job = guarded.post_json({"columns": {"a": [1]}, "let": {"r": "a+1"}},
                            headers={**head, "Prefer": "respond-async"})
    assert job.status == 202
    # As EventSource asks: no header but the cookie.
    events = guarded.get(job.headers["Location"] + "/events", Cookie=cookie, Accept="text/event-stream")
    assert events.status == 200 and "event: end" in events.text
    assert guarded.get(job.headers["Location"] + "/events", Accept="text/event-stream").status == 401
    deleted = guarded.request("DELETE", job.headers["Location"], headers=head)
    assert deleted.status in (202, 204, 409)


@pytest.mark.parametrize("cookies", [
    "a=b; {}", "{}; a=b", "a=b;{};c", "junk; =; ;;{}", NAME + "=old; {}", "{}; " + NAME + "=", "a=\"x;y\"; {}"])
def test_among_other_cookies(guarded, cookies):
    good = cookie_of(sign_in(guarded))
    assert status(guarded, cookies.format(good)) == 200
    assert status(guarded, cookies.format(good + "0")) == 401


def test_two_cookie_headers(guarded):
    good = cookie_of(sign_in(guarded))
    request = f"GET /v1/runs HTTP/1.1\r\nHost: {guarded.host}\r\nCookie: a=b\r\nCookie: {good}\r\n\r\n"
    replies, _ = raw(guarded, request.encode())
    assert replies[0].status == 200


def test_forged_cookies(guarded):
    good = cookie_of(sign_in(guarded))
    expiry, mac = good.removeprefix(NAME + "=").split(".")
    forged = [f"{int(expiry) + 1}.{mac}", f"{int(expiry) + 86400}.{mac}", f"0{expiry}.{mac}", f"{expiry}.{mac.upper()}",
              f"{expiry}.{mac[:-1]}", f"{expiry}.", expiry, f".{mac}", f"{expiry}.{'0' * 64}", "", f"{mac}.{expiry}",
              f"{'9' * 30}.{mac}", f"-{expiry}.{mac}", TOKEN, "x" * 4000]
    forged += [f"{expiry}.{mac[:i]}{int(mac[i], 16) ^ 1:x}{mac[i + 1:]}" for i in range(0, 64, 9)]
    for value in forged:
        assert status(guarded, f"{NAME}={value}") == 401, value
    assert status(guarded, good) == 200


def test_a_wrong_token_in_the_header_is_not_mended_by_a_cookie(guarded):
    good = cookie_of(sign_in(guarded))
    assert status(guarded, good, Authorization="Bearer wrong") == 401
    assert status(guarded, good, Authorization="Basic dTpw") == 200  # a proxy's own


def test_wrong_tokens(guarded):
    for token in ("wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), TOKEN + "\n"):
        reply = sign_in(guarded, token)
        assert reply.status == 401 and reply.problem["code"] == "unauthorized", token
        assert "Set-Cookie" not in reply.headers and TOKEN not in reply.text
    assert guarded.request("POST", "/v1/session").problem["code"] == "unauthorized"
    assert guarded.post_json({}, "/v1/session").problem["code"] == "unauthorized"
    # of two the body's counts
    assert sign_in(guarded, "wrong", Authorization=f"Bearer {TOKEN}").status == 401


def test_without_a_token_all_paths_look_alike(guarded):
    def looks(method, path, body=None):
        reply = guarded.request(method, path, body)
        return reply.status, reply.body, sorted(set(reply.headers) - {"Date"})

    for method in ("GET", "POST", "DELETE"):
        for body in (None, b"x" * 100):
            nothing = looks(method, "/v1/nothing", body)
            assert nothing[0] == 401
            for path in ("/v1/compute", "/v1/map", "/v1/runs", "/v1/jobs/x", "/metrics"):
                assert looks(method, path, body) == nothing, (method, path)


@pytest.mark.parametrize("body, code, parameter", [
    ({"token": TOKEN, "user": 1}, "unknown_parameter", "user"), ({"columns": {}}, "unknown_parameter", "columns"),
    ({"token": 1}, "invalid_parameter", "token"), ({"token": None}, "invalid_parameter", "token"),
    ({"token": [TOKEN]}, "invalid_parameter", "token"), ({"token": ""}, "invalid_parameter", "token"),
    (f'{{"token": "{TOKEN}", "token": "{TOKEN}"}}', "invalid_parameter", "token"),
    (TOKEN, "invalid_json", None), ("[]", "invalid_parameter", None), ('{"token": "', "invalid_json", None)])
def test_bodies_that_are_refused(guarded, body, code, parameter):
    problem = guarded.post_json(body, "/v1/session").problem
    assert problem["status"] == 400 and problem["code"] == code, problem
    if parameter:
        assert problem["parameter"] == parameter
    assert TOKEN not in json.dumps(problem)


def test_the_body_is_bounded(guarded):
    padded = json.dumps({"token": TOKEN}).encode().ljust(4096)
    assert guarded.post_json(padded, "/v1/session").status == 204
    reply = guarded.post_json(padded + b" ", "/v1/session")
    assert reply.status == 413 and reply.problem["code"] == "body_too_large"
    chunked = guarded.request("POST", "/v1/session", iter([padded, b" "]), {"Content-Type": JSON})
    assert chunked.status == 413
    assert guarded.request("POST", "/v1/session", padded, {"Content-Type": "image/png"}).status == 415


def test_other_methods_and_parameters(guarded):
    assert guarded.get("/v1/session").status == 401  # which methods there are is not for everybody
    reply = guarded.get("/v1/session", Authorization=f"Bearer {TOKEN}")
    assert reply.status == 405 and reply.headers["Allow"] == "POST, DELETE"
    assert guarded.request("POST", "/v1/session?a=1").problem["code"] == "unknown_parameter"


def test_escapes_in_the_token(guarded):
    escaped = "".join(f"\\u{ord(c):04x}" for c in TOKEN)
    assert guarded.post_json('{"token": "%s"}' % escaped, "/v1/session").status == 204


def test_signing_out(guarded):
    good = cookie_of(sign_in(guarded))
    for headers in ({}, {"Cookie": good}, {"Cookie": NAME + "=junk"}):
        reply = guarded.request("DELETE", "/v1/session", headers=headers)
        assert reply.status == 204 and reply.body == b""
        pair, *attributes = reply.headers["Set-Cookie"].split("; ")
        assert pair == NAME + "="
        assert sorted(attributes) == ["HttpOnly", "Max-Age=0", "SameSite=Strict", *SECURE]
    assert guarded.request("DELETE", "/v1/session", b"x").status == 400


def test_pages_of_other_origins(guarded):
    good = cookie_of(sign_in(guarded))
    own = {"Origin": guarded.url}
    other_port = {"Origin": f"http://{guarded.host}:1"}
    assert status(guarded, good, **own) == 200
    for origin in (other_port, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert status(guarded, good, **origin) == 403
        assert sign_in(guarded, **origin).status == 403
        reply = guarded.request("DELETE", "/v1/session", headers=origin)
        assert reply.status == 403 and "Set-Cookie" not in reply.headers
        reply = guarded.post_json({"columns": {"a": [1]}, "let": {"r": "a"}}, headers={"Cookie": good, **origin})
        assert reply.status == 403 and reply.problem["code"] == "forbidden_origin"


def test_restarts(launch, token_file, tmp_path):
    other = tmp_path / "other"
    other.write_text(TOKEN + "x\n")
    cookie = cookie_of(sign_in(launch("--token-file", token_file)))
    assert status(launch("--token-file", token_file), cookie) == 200
    changed = launch("--token-file", other)
    assert status(changed, cookie) == 401
    mixed = cookie_of(sign_in(changed, TOKEN + "x")) + "; " + cookie
    assert status(changed, mixed) == 200


def test_without_a_token(server):
    for body in ({}, {"token": "whatever"}):
        reply = server.post_json(body, "/v1/session")
        assert reply.status == 204 and "Set-Cookie" not in reply.headers
    assert server.request("POST", "/v1/session").status == 204
    assert server.request("DELETE", "/v1/session").status == 204
    assert server.post_json({"tokn": ""}, "/v1/session").problem["code"] == "unknown_parameter"
    assert server.get("/v1/runs", Cookie=NAME + "=junk").status == 200


def test_no_secret_in_the_log(launch, token_file):
    running = launch("--token-file", token_file)
    cookie = cookie_of(sign_in(running))
    sign_in(running, "a-wrong-secret")
    status(running, cookie + "0")
    text = running.stderr()
    assert not any(secret in text for secret in (TOKEN, "a-wrong-secret", cookie.split("=")[1]))
