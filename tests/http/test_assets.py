"""The page's files: what they are served as, when they are sent again, and how they are packed."""
import gzip
import hashlib
import pathlib
import re

import pytest

from client import ROOT

CHART = pathlib.Path("/usr/share/javascript/chart.js/chart.min.js")
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
FILES = sorted(path for path in (ROOT / "static").iterdir() if path.suffix in TYPES) + [CHART]


def target(path):
    return "/" if path.name == "index.html" else "/static/" + path.name


def of(server, path, method="GET", **headers):
    return server.request(method, target(path), headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.name)
def path(request):
    return request.param


def test_plain(server, path):
    reply = of(server, path)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == TYPES[path.suffix]
    assert reply.headers["Cache-Control"] == "no-cache"
    assert reply.headers["Vary"] == "Accept-Encoding"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Referrer-Policy"] == "no-referrer"
    assert "Content-Encoding" not in reply.headers
    assert reply.headers["ETag"] == f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
    policy = dict(part.split(" ", 1) for part in reply.headers["Content-Security-Policy"].split("; "))
    assert policy == {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
                      "connect-src": "'self'", "img-src": "'self' data: blob:", "base-uri": "'none'",
                      "form-action": "'none'", "frame-ancestors": "'none'"}


def test_gzipped(server, path):
    plain = of(server, path)
    packed = of(server, path, Accept_Encoding="gzip, deflate, br")
    assert packed.status == 200 and packed.headers["Vary"] == "Accept-Encoding"
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
    if "Content-Encoding" in packed.headers:
        assert packed.headers["Content-Encoding"] == "gzip"
        assert len(packed.body) < len(plain.body) and gzip.decompress(packed.body) == plain.body
        assert packed.headers["ETag"] != plain.headers["ETag"]  # other bytes, so another strong tag
    else:
        assert packed.body == plain.body and len(gzip.compress(plain.body, 9)) + 32 >= len(plain.body)
    assert int(packed.headers["Content-Length"]) == len(packed.body)


def test_head(server, path):
    for coding in ("identity", "gzip"):
        whole, head = (of(server, path, method, Accept_Encoding=coding) for method in ("GET", "HEAD"))
        assert head.status == 200 and head.body == b""
        for name in set(whole.headers) - {"Date"}:
            assert head.headers[name] == whole.headers[name], name


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_not_modified(server, coding):
    path = ROOT / "static" / "dom.js"
    first = of(server, path, Accept_Encoding=coding)
    tag = first.headers["ETag"]
    for known in (tag, "W/" + tag, "*", f'"x", {tag}', f'{tag},"x"', f'"a,b" , W/"c", W/{tag}'):
        for method in ("GET", "HEAD"):
            reply = of(server, path, method, Accept_Encoding=coding, If_None_Match=known)
            assert reply.status == 304 and reply.body == b"", known
            for name in ("ETag", "Cache-Control", "Vary", "Content-Security-Policy", "Referrer-Policy"):
                assert reply.headers[name] == first.headers[name]
            assert reply.headers["Date"]
            assert reply.headers.get("Content-Length", first.headers["Content-Length"]) == \
                first.headers["Content-Length"]
            assert "Content-Type" not in reply.headers and "Content-Encoding" not in reply.headers
    for other in ('"x"', tag.strip('"'), tag[:-1], "", "W/", f'"x{tag[1:]}', '"', ",", tag.upper()):
        reply = of(server, path, Accept_Encoding=coding, If_None_Match=other)
        assert reply.status == 200 and reply.body == first.body, other


def test_the_tag_of_one_form_is_not_that_of_the_other(server):
    path = ROOT / "static" / "dom.js"
    plain, packed = (of(server, path, Accept_Encoding=c).headers["ETag"] for c in ("identity", "gzip"))
    assert of(server, path, Accept_Encoding="gzip", If_None_Match=plain).status == 200
    assert of(server, path, Accept_Encoding="identity", If_None_Match=packed).status == 200


def test_a_304_leaves_the_connection_usable(server):
    tag = of(server, ROOT / "static" / "dom.js").headers["ETag"]
    request = f"GET /static/dom.js HTTP/1.1\r\nHost: {server.host}\r\nIf-None-Match: {tag}\r\n\r\n".encode()
    with server.connect() as connection:
        connection.sendall(request + request + request.replace(b"If-None", b"X-Other"))
        stream = connection.makefile("rb")
        for expected in (b"304", b"304", b"200"):
            assert stream.readline().split()[1] == expected
            while stream.readline().strip():
                pass  # no body follows a 304: the next line is a status line


def test_codings_that_rule_everything_out(server):
    for accepted in ("identity;q=0", "*;q=0", "br, identity;q=0"):
        reply = of(server, CHART, Accept_Encoding=accepted)
        assert reply.status == 406 and reply.problem["code"] == "not_acceptable"
        assert reply.headers["Vary"] == "Accept-Encoding"
    assert of(server, CHART, Accept_Encoding="*;q=0, gzip").headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in of(server, CHART, Accept_Encoding="gzip;q=0").headers


def test_unknown_names(server):
    for name in ("/static/", "/static/nosuch.js", "/static/index.html", "/static/README.md", "/static/embed.sh",
                 "/static/dom.js/", "/static/..%2fdom.js", "/static/../static/../dom.js", "/static/dom.js.gz",
                 "/static/DOM.JS", "/app.js", "/style.css", "/static"):
        assert server.get(name).status == 404, name
    reply = server.request("POST", "/static/dom.js")
    assert reply.status == 405 and reply.headers["Allow"] == "GET, HEAD"
    assert server.get("/static/dom.js?v=1").problem["code"] == "unknown_parameter"


def test_open_without_a_token(launch, tmp_path):
    (tmp_path / "token").write_text("secret\n")
    running = launch("--token-file", tmp_path / "token")
    assert running.get("/").status == 200 and running.get("/static/dom.js").status == 200
    assert running.get("/static/nosuch.js").status == 404  # the names are no secret
    assert running.get("/v1/runs").status == 401
    reply = running.get("/", Origin="http://evil.example")
    assert reply.status == 403


def test_the_page_names_only_files_that_are_there(server):
    """And by relative addresses, so that it works below any path."""
    page = of(server, ROOT / "static" / "index.html").text
    found = re.findall(r'(?:src|href)="([^"#][^"]*)"', page)
    assert found
    for address in found:
        assert not re.match(r"[a-z]+:|/", address) or address == "data:,", address
        if address.startswith("static/"):
            assert server.get("/" + address).status == 200, address
    for path in FILES:
        if path.suffix != ".js" or path == CHART:
            continue
        names = re.findall(r"^(?:import|export) [^;]*?from '([^']*)'|\bimport\('([^']*)'\)", path.read_text(), re.MULTILINE)
        for name in {first or second for first, second in names}:
            assert name.startswith("./") and server.get("/static/" + name[2:]).status == 200, (path.name, name)


def test_the_licence_of_what_is_embedded(server):
    text = of(server, CHART).text
    assert text.startswith("/*!") and "Chart.js v" in text[:200] and "MIT License" in text[:300]
