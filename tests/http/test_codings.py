"""Bodies that come packed, and replies that leave packed: gzip and zstd."""
import gzip
import json
import socket
import struct
import subprocess
import time
import zlib

import pytest

import client
from client import Server, curl, form, query, raw, read_reply
from test_protocol import CSV as CSV_HEAD, head

MIB = 1 << 20
ROWS = 40_000
CODINGS = ["gzip", "zstd"]


def zstd(text, *flags):
    return subprocess.run(["zstd", "-q", "-c", *flags], input=text, stdout=subprocess.PIPE, check=True).stdout


def pack(coding, text):
    text = text.encode() if isinstance(text, str) else text
    return gzip.compress(text, 6) if coding in ("gzip", "x-gzip") else zstd(text)


def unpack(coding, data):
    """Strictly: everything is there, the checksum is right, and nothing follows."""
    if coding == "gzip":
        whole = zlib.decompressobj(31)
        text = whole.decompress(data)
        assert whole.eof and not whole.unused_data
        return text
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def table(rows=ROWS):
    return "a,b\n" + "".join(f"{k}.5,{k * 7919 % 10007}\n" for k in range(rows))


@pytest.fixture(scope="module")
def small():
    """A server whose limits are small."""
    running = Server("--max-body-bytes", 40 * MIB, "--max-inflate-ratio", 50, "--max-window-log", 21,
                     "--buffer-bytes", 256 * 1024)
    yield running
    assert running.stop() == 0


def chunked(server, path, body, piece, headers=b""):
    """A chunked request, a piece at a time; returns the reply."""
    with server.connect() as connection:
        connection.sendall(head(CSV_HEAD + b"Transfer-Encoding: chunked\r\n" + headers, path))
        for at in range(0, len(body), piece):
            part = body[at:at + piece]
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")
        return read_reply(connection.makefile("rb"))


# ---- bodies ---------------------------------------------------------------------------------

@pytest.mark.parametrize("coding", [*CODINGS, "x-gzip", "GZIP", "identity, gzip"])
@pytest.mark.parametrize("rows", [2, ROWS])
def test_stated(server, coding, rows):
    text, options = table(rows), {"let": "r=a*b"}
    plain = server.post_csv(text, options)
    reply = server.post_csv(pack("zstd" if coding == "zstd" else "gzip", text), options, {"Content-Encoding": coding})
    assert reply.status == 200 and reply.body == plain.body, reply
    document = server.run_of(reply)
    assert document["input"] == server.run_of(plain)["input"]  # kind, bytes and digest are of what was inflated
    timing = document["timing"]
    stages = {entry["stage"]: entry["ns"] for entry in timing["ledger"]}
    assert stages["decode"] > 0
    assert sum(stages.values()) + timing["unaccounted_ns"] == timing["wall_ns"]


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("kind", ["text/csv", "application/octet-stream", "application/x-www-form-urlencoded",
                                  "application/gzip", "application/zstd", None])
def test_by_the_first_bytes(server, coding, kind):
    """curl --data-binary @big.csv.gz, without a word about it."""
    text = table(100)
    headers = {"Content-Type": kind} if kind else {}
    target = "/v1/compute?" + query({"let": "r=a*b"})
    reply = server.request("POST", target, pack(coding, text), headers)
    assert reply.status == 200 and reply.body == server.post_csv(text, {"let": "r=a*b"}).body, reply


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_in_pieces(server, coding, stated, piece):
    text = table(300)
    headers = b"Content-Encoding: %s\r\n" % coding.encode() if stated else b""
    reply = chunked(server, b"/v1/compute?let=r=a", pack(coding, text), piece, headers)
    assert reply.status == 200 and reply.body == server.post_csv(text, {"let": "r=a"}).body, reply


@pytest.mark.parametrize("text", ["(", "(a", "(a)\n", "(a),b\n1,2\n", "\x1f", "\x1f,b\n1,2\n", "(\n"])
def test_plain_text_that_begins_alike(server, text):
    """Held back until it is clear; then it is what it is."""
    want = server.request("POST", "/v1/compute", b"\xef\xbb\xbf" + text.encode(), {"Content-Type": "text/csv"})
    for piece in (1, 2, 3, 100):
        reply = chunked(server, b"/v1/compute", text.encode(), piece)
        assert (reply.status, reply.body) == (want.status, want.body), (reply, want)


@pytest.mark.parametrize("coding", CODINGS)
def test_data_part(server, coding):
    text = table(500)
    want = server.post_csv(text, {"let": "r=a*b"}).body
    for name, kind in (("big.csv.gz", "application/gzip"), ("x", "application/octet-stream"), ("x.csv", "text/csv")):
        reply = server.post_form([("data", pack(coding, text), name, kind), ("let", "r=a*b")])
        assert reply.status == 200 and reply.body == want, reply
    tabs = text.replace(",", "\t")
    for name in ("big.tsv.gz", "big.tsv.zst", "big.TSV"):
        reply = server.post_form([("data", pack(coding, tabs), name), ("let", "r=a*b")])
        assert reply.status == 200 and reply.text == want.decode().replace(",", "\t"), reply
    document = json.dumps({"columns": {"a": [1, 2]}})
    reply = server.post_form([("data", pack(coding, document), "x.json.gz"), ("let", "r=a+1")])
    assert reply.status == 200 and reply.columns == {"r": [2, 3]}, reply


@pytest.mark.parametrize("coding", CODINGS)
def test_a_whole_form(server, coding):
    body, kind = form([("data", table(10), "x.csv"), ("let", "r=a*b")])
    headers = {"Content-Type": kind, "Content-Encoding": coding}
    reply = server.request("POST", "/v1/compute", pack(coding, body), headers)
    assert reply.status == 200 and reply.body == server.post_csv(table(10), {"let": "r=a*b"}).body, reply


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("stated", [True, False])
def test_other_endpoints(server, coding, stated):
    headers = {"Content-Encoding": coding} if stated else {}
    for path, document in (
            ("/v1/compute", {"columns": {"a": [1, 2, 3]}, "let": {"r": "a+1"}}),
            ("/v1/map", {"function": "calc_hash", "args": [["x", k] for k in range(100)]}),
            ("/v1/check", {"columns": {"a": "int64"}, "let": {"r": "a+1"}}),
            ("/v1/compare", {"workload": {"compute": {"columns": {"a": [1, 2]}, "let": {"r": "a"}}},
                             "executors": ["serial"], "workers": [1], "modes": ["vector"], "repeat": 1})):
        plain, reply = (server.request("POST", path, body, {"Content-Type": client.JSON, **extra})
                        for body, extra in ((json.dumps(document).encode(), {}),
                                            (pack(coding, json.dumps(document)), headers)))
        assert reply.status == plain.status == 200, (path, reply)
        for member in ("columns", "results", "types", "identical"):
            assert reply.json().get(member) == plain.json().get(member)


@pytest.mark.parametrize("coding", CODINGS)
def test_import(server, launch, coding):
    run = server.post_csv("a\n1\n", {"let": "r=a"}).headers["Colonnade-Run"]
    exported = server.get(f"/v1/runs/{run}/export").body
    other = launch()
    reply = other.request("POST", "/v1/runs/import", pack(coding, exported), {"Content-Type": client.JSON})
    assert reply.status == 201 and other.get("/v1/runs/" + run).status == 200, reply


@pytest.mark.parametrize("coding", CODINGS)
def test_a_job(server, coding):
    text = table(1000)
    reply = server.post_csv(pack(coding, text), {"let": "r=a*b"},
                            {"Content-Encoding": coding, "Prefer": "respond-async"})
    assert reply.status == 202, reply
    job = reply.headers["Location"]
    assert server.get(job, Prefer="wait=20").json()["state"] == "finished"
    assert server.get(job + "/result").body == server.post_csv(text, {"let": "r=a*b"}).body
    broken = server.post_csv(pack(coding, text)[:-1], {"let": "r=a*b"},
                             {"Content-Encoding": coding, "Prefer": "respond-async"})
    if broken.status == 202:  # the end is missing, which only shows there
        document = server.get(broken.headers["Location"], Prefer="wait=20").json()
        assert document["state"] == "failed" and document["error"]["code"] == "invalid_encoding"
    else:
        assert broken.problem["code"] == "invalid_encoding"


def test_a_session_is_not_packed(server):
    reply = server.request("POST", "/v1/session", gzip.compress(b"{}"),
                           {"Content-Type": client.JSON, "Content-Encoding": "gzip"})
    assert reply.status == 415, reply


# ---- broken bodies --------------------------------------------------------------------------

@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("where", ["body", "part"])
def test_broken(server, coding, where):
    text = table(5000)
    packed = pack(coding, text)
    middle = len(packed) // 2
    cases = [(packed[:-1], f"at byte {len(packed) - 1}"), (packed[:middle], f"at byte {middle}"),
             (packed[:5], "at byte 5"), (packed + b"x", f"at byte {len(packed)}"),
             (packed + packed[:3], f"at byte {len(packed) + 3}"),
             (packed[:middle] + bytes(40) + packed[middle + 40:], "at byte "),
             (packed[:-5] + bytes([packed[-5] ^ 1]) + packed[-4:], "at byte ")]
    for body, place in cases:
        if where == "body":
            reply = server.post_csv(body, {"let": "r=a"}, {"Content-Encoding": coding})
        else:
            reply = server.post_form([("let", "r=a"), ("data", body, "x.csv.gz")])
        assert reply.status == 400 and reply.problem["code"] == "invalid_encoding", reply
        assert place in reply.problem["detail"], reply
        document = server.run_of(reply)
        assert document["status"] == 400 and document["error"]["code"] == "invalid_encoding"


@pytest.mark.parametrize("coding", CODINGS)
def test_not_packed_at_all(server, coding):
    for body in (b"", b"a,b\n1,2\n", bytes(100)):
        reply = server.post_csv(body, {"let": "r=1"}, {"Content-Encoding": coding})
        assert reply.status == 400 and reply.problem["code"] == "invalid_encoding", reply


@pytest.mark.parametrize("coding", CODINGS)
def test_packed_twice(server, coding):
    """Only once is it inflated; a gzip file is no table."""
    twice = pack(coding, pack(coding, "a\n1\n"))
    for headers in ({}, {"Content-Encoding": coding}):
        reply = server.post_csv(twice, None, headers)
        assert reply.status == 400 and reply.problem["code"] == "invalid_csv", reply
    assert server.post_form([("data", twice, "x.csv")]).problem["code"] == "invalid_csv"


def test_members_follow_each_other(server):
    text = table(50)
    for coding in CODINGS:
        packed = pack(coding, text[:100]) + pack(coding, "") + pack(coding, text[100:])
        if coding == "zstd":
            packed += b"\x50\x2a\x4d\x18" + struct.pack("<I", 4) + b"skip"
        assert server.post_csv(packed, {"let": "r=a"}).body == server.post_csv(text, {"let": "r=a"}).body


def test_the_fault_of_the_text_comes_first(server):
    """What was read before the break is judged as it is in a plain body."""
    packed = pack("gzip", "a,b\n1\n" + "1,2\n" * 50_000)
    reply = server.post_csv(packed[:-3], {"let": "r=a"})
    assert reply.status == 400 and reply.problem["code"] in ("invalid_csv", "invalid_encoding"), reply


def test_other_codings(server):
    for coding in ("br", "deflate", "gzip, gzip", "gzip, zstd", "gzip;q=1", "\"gzip\""):
        for prefer in ({}, {"Prefer": "respond-async"}):
            reply = server.post_csv("a\n1\n", None, {"Content-Encoding": coding, **prefer})
            assert reply.status == 415 and reply.problem["code"] == "unsupported_media_type", reply
            assert reply.headers["Accept-Encoding"] == "gzip, zstd"
    large = server.post_csv(b"a\n" + b"1\n" * MIB, None, {"Content-Encoding": "br"})
    assert large.status == 415 and large.headers["Accept-Encoding"] == "gzip, zstd"
    assert "Accept-Encoding" not in server.post_csv("a\n", None, {"Content-Type": "image/png"}).headers


# ---- bombs ----------------------------------------------------------------------------------

@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("where", ["body", "part", "json"])
def test_a_bomb(small, coding, where):
    """17 MiB of zeros are refused for their ratio, and hold no memory."""
    bomb = pack(coding, b"a\n" + bytes(17 * MIB))
    before = small.resident()
    for _ in range(5):
        if where == "part":
            reply = small.post_form([("data", bomb, "x.csv.gz")])
        else:
            reply = small.request("POST", "/v1/compute", bomb, {"Content-Type": client.CSV if where == "body" else
                                                                client.JSON})
        if where == "body" and reply.status == 400:  # a NUL was found first
            assert reply.problem["code"] == "invalid_csv"
        else:
            assert reply.status == 413 and reply.problem["limit"] == "--max-inflate-ratio", reply
    if not client.SANITIZED:
        assert small.resident() < before + 80 * MIB


@pytest.mark.parametrize("coding", CODINGS)
def test_the_ratio_limit(launch, coding):
    """Looked at on the way, too, where it may be a little higher than at the end."""
    text = b"a\n" + b"1\n" * (9 * MIB)
    packed = pack(coding, text)
    ratio = -(-len(text) // len(packed))
    assert launch("--max-inflate-ratio", ratio * 21 // 20).post_csv(packed, {"limit": 0}).status == 200
    refused = launch("--max-inflate-ratio", ratio - 1).post_csv(packed, {"limit": 0})
    assert refused.status == 413 and refused.problem["limit"] == "--max-inflate-ratio", refused


@pytest.mark.parametrize("coding", CODINGS)
def test_the_body_limit(launch, coding):
    running = launch("--max-body-bytes", 1000)
    fits = b"a\n" + b"x" * 997 + b"\n"
    assert running.post_csv(pack(coding, fits)).status == 200
    refused = running.post_csv(pack(coding, fits + b"\n"))
    assert refused.status == 413 and refused.problem["limit"] == "--max-body-bytes", refused
    assert running.post_form([("data", pack(coding, fits), "x.csv")]).status == 200
    assert running.post_form([("data", pack(coding, fits + b"\n"), "x.csv")]).problem["limit"] == "--max-body-bytes"


def test_the_window_limit(small):
    text = table(200_000).encode()
    fits, wide = zstd(text, "-1", "--zstd=wlog=21"), zstd(text, "-1", "--zstd=wlog=22")
    assert small.post_csv(fits, {"limit": 0}).status == 200
    reply = small.post_csv(wide, {"limit": 0})
    assert reply.status == 422 and reply.problem["code"] == "limit_exceeded", reply
    assert reply.problem["limit"] == "--max-window-log"


def test_a_deadline_holds_while_it_is_inflated(launch):
    running = launch("--max-inflate-ratio", 100_000, "--body-timeout-ms", 20_000)
    bomb = zstd(b"a\n" + bytes(100 * MIB))  # some KB
    begun = time.monotonic()
    reply = running.request("POST", "/v1/compute", bomb, {"Content-Type": client.JSON})
    assert reply.status in (400, 408), reply
    slow = running.post_csv(bomb, {"timeout_ms": 1})
    assert slow.status in (400, 408, 504), slow
    assert time.monotonic() - begun < 120


# ---- replies --------------------------------------------------------------------------------

@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("rows", [200, 3000, 200_000])
@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_packed_reply(server, coding, rows, accept):
    options = {"let": "r=a*b", "executor": "threads"}
    plain = server.post_csv(table(rows), options, {"Accept": accept})
    reply = server.post_csv(table(rows), options, {"Accept": accept, "Accept-Encoding": coding})
    assert reply.status == 200 and reply.headers["Content-Encoding"] == coding, reply
    assert reply.headers["Vary"] == "Accept-Encoding" and "Content-Encoding" not in plain.headers
    text = unpack(coding, reply.body)
    if accept == "text/csv":
        assert text == plain.body
    else:
        assert json.loads(text)["columns"] == plain.json()["columns"]
    assert len(reply.body) < len(plain.body)
    assert reply.headers["Colonnade-Run"] and "Server-Timing" in reply.headers


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_packed_stream(small, coding, accept):
    """A reply that outgrows its buffer."""
    options, headers = {"let": "r=a*b"}, {"Accept": accept}
    plain = small.post_csv(table(), options, headers)
    reply = small.post_csv(table(), options, {**headers, "Accept-Encoding": coding})
    assert reply.headers["Content-Encoding"] == coding and reply.headers["Transfer-Encoding"] == "chunked"
    text = unpack(coding, reply.body)
    assert text == plain.body if accept == "text/csv" else \
        json.loads(text)["columns"] == plain.json()["columns"]


@pytest.mark.parametrize("coding", CODINGS)
def test_a_broken_stream_stays_broken(small, coding):
    text = table() + "x,1\n"
    reply = small.post_csv(table() + "1,0\n", {"let": "r=int(a)//b", "types": "b:int64"})
    assert reply.status in (200, 422)
    code, out, _ = curl("-H", f"Accept-Encoding: {coding}", "--data-binary", "@-",
                        f"{small.url}/v1/compute?" + query({"let": "r=int(a)//b", "limit": 100000}),
                        data=(table() + "1,0\n").encode())
    if code == 0:  # small enough to be found out before the head left
        assert json.loads(out)["code"] == "division_by_zero"
    else:
        assert code == 18  # curl: the transfer was cut
        with pytest.raises((AssertionError, subprocess.CalledProcessError, zlib.error)):
            unpack(coding, out)
    assert text


def test_which_coding(server):
    for header, want in (("deflate, gzip, br, zstd", "zstd"), ("gzip, deflate", "gzip"), ("zstd;q=0.5, gzip", "gzip"),
                         ("*", "zstd"), ("br", None), ("identity", None), ("gzip;q=0.1, identity;q=0.5", None),
                         ("identity;q=0, gzip;q=0.1", "gzip"), ("x-gzip", "gzip"), ("", None)):
        reply = server.get("/v1/functions", Accept_Encoding=header)
        assert reply.status == 200 and reply.headers.get("Content-Encoding") == want, header


def test_neither_plain_nor_packed(server):
    for header in ("identity;q=0", "identity;q=0, br", "*;q=0"):
        reply = server.post_csv("a\n1\n", None, {"Accept-Encoding": header})
        assert reply.status == 406 and reply.problem["code"] == "not_acceptable", reply
        assert reply.problem["value"] == header


def test_what_is_not_packed(server):
    """Small replies, events, and what is packed already."""
    reply = server.post_csv("a\n1\n", None, {"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in reply.headers and reply.text == "a\n1\n"
    reply = server.post_csv("a\n1\n", None, {"Accept-Encoding": "identity;q=0, gzip"})
    assert reply.headers["Content-Encoding"] == "gzip" and unpack("gzip", reply.body) == b"a\n1\n"
    asset = server.get("/static/chart.min.js", Accept_Encoding="gzip, zstd")
    assert asset.headers["Content-Encoding"] == "gzip" and asset.headers["Vary"] == "Accept-Encoding"
    with server.connect() as connection:
        connection.sendall(head(b"Accept-Encoding: gzip, zstd\r\n", b"/v1/events", b"GET"))
        lines = connection.makefile("rb")
        seen = b""
        while not seen.endswith(b"\r\n\r\n"):
            seen += lines.readline()
        assert b"text/event-stream" in seen and b"Content-Encoding" not in seen


def test_problems_are_packed_too(server):
    expression = "a+" * 2000
    reply = server.post_csv("a\n1\n", {"let": "r=" + expression}, {"Accept-Encoding": "gzip"})
    assert reply.status in (400, 422), reply
    if "Content-Encoding" in reply.headers:
        assert json.loads(unpack("gzip", reply.body))["status"] == reply.status


@pytest.mark.parametrize("coding", CODINGS)
def test_head_is_as_get(server, coding):
    for path in ("/v1/functions", "/v1/runs?limit=1", "/"):
        get, other = (server.request(method, path, headers={"Accept-Encoding": coding}) for method in ("GET", "HEAD"))
        for name in ("Content-Encoding", "Vary", "Content-Type"):
            assert get.headers.get(name) == other.headers.get(name), (path, name)
        assert other.body == b""
    get, other = (server.request(method, "/v1/functions", headers={"Accept-Encoding": coding})
                  for method in ("GET", "HEAD"))
    assert get.headers["Content-Length"] == other.headers["Content-Length"] == str(len(get.body))


@pytest.mark.parametrize("coding", CODINGS)
def test_http_1_0(small, server, coding):
    """A small reply is packed; a large one, which could not be chunked, is plain and whole."""
    line = b"GET /v1/functions HTTP/1.0\r\nAccept-Encoding: %s\r\n\r\n" % coding.encode()
    replies, _ = raw(server, line)
    assert replies[0].headers["Content-Encoding"] == coding
    assert json.loads(unpack(coding, replies[0].body))["functions"]
    body = table().encode()
    for running in (small, server):
        replies, _ = raw(running, b"POST /v1/compute HTTP/1.0\r\nContent-Type: text/csv\r\nAccept-Encoding: %s\r\n"
                         b"Content-Length: %d\r\n\r\n" % (coding.encode(), len(body)) + body)
        assert "Content-Encoding" not in replies[0].headers and replies[0].body == body


@pytest.mark.parametrize("coding", CODINGS)
def test_the_result_of_a_job(server, coding):
    reply = server.post_csv(table(3000), {"let": "r=a"}, {"Prefer": "respond-async", "Accept-Encoding": coding})
    job = reply.headers["Location"]
    server.get(job, Prefer="wait=20")
    plain = server.get(job + "/result")
    packed = server.get(job + "/result", Accept_Encoding=coding)
    assert packed.headers["Content-Encoding"] == coding and unpack(coding, packed.body) == plain.body


@pytest.mark.parametrize("coding", CODINGS)
def test_a_reader_that_leaves(server, coding):
    """Nothing is left behind when the client goes away in the middle of a packed reply."""
    before = server.descriptors()
    for _ in range(10):
        with server.connect() as connection:
            body = table().encode()
            connection.sendall(head(CSV_HEAD + b"Content-Length: %d\r\nAccept-Encoding: %s\r\n" %
                                    (len(body), coding.encode()), b"/v1/compute?let=r=a*b") + body)
            connection.recv(100)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.wait_until(lambda: server.descriptors() <= before)


def test_curl_as_users_type_it(server, tmp_path):
    text = table(20_000)
    (tmp_path / "frame.csv").write_text(text)
    (tmp_path / "frame.csv.gz").write_bytes(gzip.compress(text.encode()))
    target = f"{server.url}/v1/compute?let=r=a*b"
    want = server.post_csv(text, {"let": "r=a*b"}).body
    for arguments in (["--data-binary", f"@{tmp_path}/frame.csv.gz"], ["-T", f"{tmp_path}/frame.csv.gz"],
                      ["-H", "Content-Encoding: gzip", "-T", f"{tmp_path}/frame.csv.gz"],
                      ["--compressed", "--data-binary", f"@{tmp_path}/frame.csv"]):
        code, out, err = curl(*arguments, target)
        assert code == 0 and out == want, (arguments, err)
    code, out, err = curl("-F", f"data=@{tmp_path}/frame.csv.gz", "--form-string", "let=r=a*b", f"{server.url}/v1/compute")
    assert code == 0 and out == want, err


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("where", ["body", "part"])
def test_the_memory_limit(launch, coding, where):
    """What was let in as some KB counts as what it becomes."""
    running = launch("--memory-bytes", 24 * MIB, "--max-inflate-ratio", 100_000)
    bomb = pack(coding, b"a\n" + b"1\n" * (40 * MIB))
    if where == "part":
        reply = running.post_form([("data", bomb, "x.csv.gz")])
    else:
        reply = running.post_csv(bomb, {"let": "r=a"})
    assert (reply.status, reply.problem["limit"]) in ((413, "--memory-bytes"), (422, "--memory-bytes"),
                                                      (503, "--memory-bytes")), reply
    assert running.post_csv(pack(coding, table(10)), {"let": "r=a"}).status == 200
