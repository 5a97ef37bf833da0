"""Bodies larger than --buffer-bytes, of which --data-dir keeps what is not in memory: the same bytes, little memory, no file left."""
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import threading

import pytest

import client
from client import Server, query, read_reply, wait_until
from test_codings import chunked, pack
from test_protocol import CSV as CSV_HEAD, head

MIB = 1 << 20
BUFFER = MIB
ROWS = 260_000  # 12 MB of them: several times what is in memory
EXECUTORS = ["serial", "threads", "processes", "gil", "auto"]
LET = {"let": ["r=a*b", "m=md5(a,c)"]}
SLOW = {"let": "k=length(" + "sha512(" * 60 + "a" + ")" * 61, "select": "k"}  # many seconds, and little to keep


def table(rows=ROWS, last="", delimiter=",", end="\n"):
    lines = [f"{k},{k * 7919 % 100_003 / 8},\"word {k % 1009}, with a comma\",{k % 7}" for k in range(rows)]
    return (end.join(["a,b,c,d", *lines]) + end).replace(",", delimiter) + last


TABLE = table()


@pytest.fixture(scope="module")
def spooling(tmp_path_factory):
    """A server that keeps 1 MiB of a body; at the end of the tests nothing is left on its disk."""
    folder = tmp_path_factory.mktemp("data")
    running = Server("--data-dir", folder, "--buffer-bytes", BUFFER, "--max-inflate-ratio", 1000)
    running.folder = folder
    yield running
    nothing_left(running)
    assert running.stop() == 0


def metric(server, name):
    return int(float(re.search(rf"^colonnade_{name}(?:{{.*}})? (\S+)$", server.get("/metrics").text, re.M)[1]))


def files(server):
    """Of bodies, that the server has open; none has a name."""
    found = []
    for entry in os.listdir(f"/proc/{server.pid}/fd"):
        try:
            name = os.readlink(f"/proc/{server.pid}/fd/{entry}")
        except OSError:
            continue
        if name.startswith(str(server.folder)) and "history" not in name:
            found.append(name)
    return found


def names(server):
    return sorted(n for n in os.listdir(server.folder) if not n.startswith("history."))


def nothing_left(server):
    wait_until(lambda: metric(server, "spool_files") == 0 and not files(server))
    assert metric(server, "spool_used_bytes") == 0 and names(server) == []


def result(reply):
    """What two replies to the same must have in common, whatever the run."""
    if reply.headers["Content-Type"].startswith("application/json"):
        document = reply.json()
        return reply.status, {k: document[k] for k in ("rows", "columns", "types", "input_types", "errors")}
    if reply.status != 200:
        return reply.status, {k: v for k, v in reply.problem.items() if k != "run"}
    return reply.status, reply.body, reply.headers["Colonnade-Rows"], reply.headers["Colonnade-Types"]


def same(server, spooling, text, options, headers=None):
    """The reply to a body; the same as from a server that keeps all of it in memory."""
    want = server.post_csv(text, options, headers)
    got = spooling.post_csv(text, options, headers)
    assert result(got) == result(want)
    return got


# ---- the same bytes -------------------------------------------------------------------------

@pytest.mark.parametrize("executor", EXECUTORS)
def test_columns(server, spooling, executor):
    reply = same(server, spooling, TABLE, dict(LET, executor=executor))
    assert reply.status == 200 and reply.headers["Transfer-Encoding"] == "chunked"
    assert reply.body.count(b"\n") == ROWS + 1


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_a_digest_of_the_table(server, spooling, executor):
    same(server, spooling, TABLE, {"let": ["t=sha256(a,b,over='table')", "u=md5(c,t,over='table')", "r=a+1"],
                                   "select": "r,t,u", "executor": executor})


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_the_last_row_widens_the_types(server, spooling, executor):
    """Whatever was computed of numbers is computed once more, of texts, from the disk."""
    text = TABLE + 'x12,,"",zero\n'
    same(server, spooling, text, {"let": ["r=concat(str(a),'-')", "m=md5(a,d)"], "executor": executor})


@pytest.mark.parametrize("options", [
    {"limit": 7}, {"limit": 150_001}, {"limit": 0}, {"select": "m"}, {"select": "c,r,a"}, {"rename": "a:first"},
    {"chunk_rows": 3000}, {"workers": 3}, {"mode": "row"}, {"repeat": 3}, {"repeat": 2, "select": "m", "limit": 10},
    {"types": "a:float64"}, {"nulls": "3"}, {"on_error": "null", "let": ["r=1//(a-130000)", "m=b"]}], ids=str)
def test_options(server, spooling, options):
    reply = same(server, spooling, TABLE, {**LET, **options})
    assert reply.status == 200, reply


@pytest.mark.parametrize("options", [{}, {"limit": 5}, {"select": "m", "repeat": 2}], ids=str)
def test_a_reply_of_json(server, spooling, options):
    """Each column is a pass of its own over what is on disk."""
    same(server, spooling, TABLE, {**LET, **options}, {"Accept": "application/json"})


def test_other_forms(server, spooling):
    same(server, spooling, table(end="\r\n"), LET)
    same(server, spooling, table(delimiter="\t"), LET, {"Content-Type": "text/tab-separated-values"})
    same(server, spooling, "\ufeff" + TABLE, LET)
    same(server, spooling, TABLE.split("\n", 1)[1], {"let": "r=column_1*column_2"}, {"Content-Type": "text/csv; header=absent"})


def test_records_larger_than_a_segment(server, spooling):
    """The piece of a record that waits for its end is carried on, and leaves no gap in the file."""
    long = "x" * (3 * MIB) + "\n" + "y" * 1000
    text = "a,t\n" + "".join(f'{k},"{long if k % 3 == 1 else k}"\n' for k in range(12))
    same(server, spooling, text, {"let": ["r=length(t)", "m=md5(t)"]})


# ---- the same errors ------------------------------------------------------------------------

@pytest.mark.parametrize("last, options", [
    ("1,2\n", LET), ("1,\"2", LET), ("x,2,3,4\n", {"let": "r=a*b"}), ("0,0,0,0\n", {"let": "r=1//a"}),
    ("999999,0,0,0\n", {"let": "r=1//(a-999999)", "select": "r", "limit": 300_000}), ("1,2,3,4,5\n", {"let": "r=a", "limit": 1})], ids=str)
def test_what_is_wrong_at_the_end(server, spooling, last, options):
    """Also where the field that made a column a text has to be found again."""
    reply = same(server, spooling, TABLE + last, options)
    assert reply.status in (400, 422), reply
    nothing_left(spooling)


def test_the_first_fault_is_told(server, spooling):
    text = TABLE.replace("\n200000,", "\n200000,7,", 1).replace("\n100000,", "\n100000,8,", 1)
    assert same(server, spooling, text, LET).problem["line"] == 100_002


# ---- ways in --------------------------------------------------------------------------------

def test_a_body_of_unknown_length(server, spooling):
    want = server.post_csv(TABLE, LET)
    for piece in (4093, 300_000):
        reply = chunked(spooling, ("/v1/compute?" + query(LET)).encode(), TABLE.encode(), piece)
        assert reply.status == 200 and reply.body == want.body


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_packed(server, spooling, coding):
    packed = pack(coding, TABLE)
    want = server.post_csv(TABLE, LET).body
    assert spooling.post_csv(packed, LET, {"Content-Encoding": coding}).body == want
    assert spooling.post_csv(packed, LET).body == want
    parts = [("let", LET["let"][0]), ("data", packed, "big.csv." + coding[:2], "application/" + coding), ("let", LET["let"][1])]
    assert spooling.post_form(parts).body == want


@pytest.mark.parametrize("kind", ["text/csv", "application/octet-stream"])
def test_a_form(server, spooling, kind):
    """Its data waits for the end of the form, on disk, and is not written once more then."""
    lets = [("let", one) for one in LET["let"]]
    data = ("data", TABLE, "frame.csv", kind)
    want = result(server.post_csv(TABLE, LET))
    for parts in ([*lets, data], [data, *lets], [lets[0], data, lets[1], ("executor", "processes")]):
        assert result(spooling.post_form(parts)) == want
    parts = [("data", TABLE + "1,2\n"), *lets]
    assert result(spooling.post_form(parts)) == result(server.post_form(parts))


def test_a_form_of_json(server, spooling):
    """JSON is read as a whole: it stays in memory, and nothing is on disk."""
    document = json.dumps({"columns": {"a": list(range(700_000))}})
    before = metric(spooling, "spool_used_bytes")
    for kind in ("application/json", "application/octet-stream"):
        reply = spooling.post_form([("data", document, "frame", kind), ("let", "r=a+1"), ("select", "r"), ("limit", 3)])
        assert reply.status == 200 and reply.columns == {"r": [1, 2, 3]}
    assert metric(spooling, "spool_used_bytes") == before == 0


def test_jobs(server, spooling):
    want = server.post_csv(TABLE, {**LET, "limit": 5000})
    reply = spooling.post_csv(TABLE, {**LET, "limit": 5000}, {"Prefer": "respond-async"})
    assert reply.status == 202, reply
    place = f"/v1/jobs/{reply.json()['id']}"
    assert spooling.request("GET", place, headers={"Prefer": "wait=60"}).json()["state"] == "finished"
    assert spooling.get(place + "/result").body == want.body
    nothing_left(spooling)


def test_many_at_once(server, spooling):
    want = [server.post_csv(table(80_000 + k), LET).body for k in range(4)]

    def one(k):
        assert spooling.post_csv(table(80_000 + k), LET).body == want[k]
    client.together(one, 4)


# ---- ways out -------------------------------------------------------------------------------

def begin(server, text=TABLE, target="/v1/compute?let=r=a", more=b""):
    """Sends a body that does not end; when it returns, some of it is on disk."""
    connection = server.connect()
    connection.sendall(head(CSV_HEAD + b"Transfer-Encoding: chunked\r\n" + more, target.encode()))
    data = text.encode()
    connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
    wait_until(lambda: metric(server, "spool_files") == 1 and metric(server, "spool_used_bytes") > 4 * MIB)
    return connection


def test_a_file_without_a_name(spooling):
    nothing_left(spooling)
    with begin(spooling) as connection:
        assert names(spooling) == []
        assert [name.endswith("(deleted)") for name in files(spooling)] == [True]
        connection.sendall(b"0\r\n\r\n")
        assert read_reply(connection.makefile("rb")).status == 200
    nothing_left(spooling)


def test_a_client_that_goes(spooling):
    """In the middle of the body, and of the reply."""
    begin(spooling).close()
    nothing_left(spooling)
    with begin(spooling) as connection:
        connection.sendall(b"0\r\n\r\n")
        assert connection.recv(100_000).startswith(b"HTTP/1.1 200")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    nothing_left(spooling)


def test_a_deadline(spooling):
    reply = spooling.post_csv(TABLE, dict(SLOW, timeout_ms=700))
    assert reply.status == 504, reply
    nothing_left(spooling)


def test_a_job_that_is_cancelled(spooling):
    reply = spooling.post_csv(TABLE, SLOW, {"Prefer": "respond-async"})
    assert reply.status == 202 and metric(spooling, "spool_files") == 1
    assert spooling.request("DELETE", f"/v1/jobs/{reply.json()['id']}").status in (200, 202, 204)
    nothing_left(spooling)


def test_the_end_of_the_server(tmp_path):
    """However it ends."""
    running = Server("--data-dir", tmp_path, "--buffer-bytes", BUFFER)
    running.folder = tmp_path
    with begin(running):
        running.process.kill()
        running.process.wait()
    assert names(running) == []
    assert running.stop() == -signal.SIGKILL


# ---- memory ---------------------------------------------------------------------------------

def most_resident(server):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{server.pid}/status").read_text())[1]) * 1024


def take(connection):
    """The chunked reply of a connection: its head, its length, its lines, its end."""
    stream = connection.makefile("rb")
    status = int(stream.readline().split()[1])
    headers = http.client.parse_headers(stream)
    length = lines = 0
    end = b""
    while status == 200:
        size = int(stream.readline(), 16)
        piece = stream.read(size)
        assert len(piece) == size and stream.readline() == b"\r\n"
        if size == 0:
            break
        length += size
        lines += piece.count(b"\n")
        end = (end + piece)[-30:]
    return status, headers, length, lines, end


def stream(server, rows, times, target):
    """Sends `times` times the same rows, and counts what comes back."""
    data = "".join(f"{k},{k % 97}.5,some text of the row {k % 10_007}\n" for k in range(rows)).encode()

    def send(connection):
        connection.sendall(head(CSV_HEAD + b"Transfer-Encoding: chunked\r\n", target.encode()) + b"6\r\na,b,t\n\r\n")
        for _ in range(times):
            connection.sendall(b"%x\r\n%s\r\n" % (len(data), data))
        connection.sendall(b"0\r\n\r\n")

    with server.connect(600) as connection:
        sender = threading.Thread(target=send, args=(connection,))
        sender.start()
        reply = take(connection)
        sender.join()
    return len(data) * times, reply


@pytest.mark.parametrize("executor", ["threads", "serial"])
def test_memory_is_bounded(launch, tmp_path, executor):
    """A body of 160 MB and a reply that is larger, in 64 MiB for all of it."""
    server = launch("--data-dir", tmp_path, "--buffer-bytes", 4 * MIB, "--memory-bytes", 64 * MIB)
    size, (status, headers, length, lines, end) = stream(
        server, 100_000, 40, f"/v1/compute?let=r=a%2Bb&select=a,b,t,r&executor={executor}")
    assert size > 140 * 1000 * 1000 and status == 200 and headers["Colonnade-Rows"] == "4000000"
    assert lines == 4_000_001 and length > size and end.endswith(f",{99_999 + 99_999 % 97 + 0.5}\n".encode())
    assert most_resident(server) < 100 * MIB, most_resident(server) / MIB


def refused(server, headers, body):
    """The reply to a body that nobody reads to its end."""
    with server.connect() as connection:
        try:
            connection.sendall(head(headers, b"/v1/compute?let=r=d" if b"csv" in headers else b"/v1/compute") + body)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return read_reply(connection.makefile("rb"))


def test_more_than_all_memory_is_let_in(launch, tmp_path):
    """By what it says of its length; without --data-dir the refusal says what would help."""
    server = launch("--data-dir", tmp_path, "--memory-bytes", 24 * MIB, "--buffer-bytes", 2 * MIB)
    plain = launch("--memory-bytes", 24 * MIB, "--buffer-bytes", 2 * MIB)
    text = TABLE * 4
    assert len(text) > 40 * MIB
    reply = server.post_csv(text, {"let": "r=d", "select": "r", "limit": 9})
    assert reply.status == 200 and reply.body.count(b"\n") == 10
    data = text.encode()
    for got in (refused(plain, CSV_HEAD + b"Content-Length: %d\r\n" % len(data), data),
                refused(plain, CSV_HEAD + b"Transfer-Encoding: chunked\r\n", b"%x\r\n" % len(data) + data)):
        assert got.code in ("body_too_large", "limit_exceeded") and got.problem["limit"] == "--memory-bytes" and "--data-dir" in got.problem["detail"], got


def test_json_is_not_kept_on_disk(launch, tmp_path):
    server = launch("--data-dir", tmp_path, "--memory-bytes", 24 * MIB, "--buffer-bytes", 2 * MIB)
    text = json.dumps({"columns": {"a": [123456] * 4_000_000}, "let": {"r": "a"}})
    for kind in (b"application/json", b"application/octet-stream"):
        reply = refused(server, b"Content-Length: %d\r\nContent-Type: %s\r\n" % (len(text), kind), text.encode())
        assert reply.status == 413 and reply.problem["limit"] == "--memory-bytes", reply
        assert "CSV" in reply.problem["detail"]


# ---- the disk -------------------------------------------------------------------------------

def test_the_limit_of_all_files(launch, tmp_path):
    server = launch("--data-dir", tmp_path, "--buffer-bytes", BUFFER, "--spool-bytes", 16 * MIB)
    server.folder = tmp_path
    with begin(server) as connection:
        reply = server.post_csv(TABLE, LET)
        assert reply.status == 503 and reply.problem["limit"] == "--spool-bytes" and "Retry-After" in reply.headers, reply
        connection.sendall(b"0\r\n\r\n")
        assert read_reply(connection.makefile("rb")).status == 200
    nothing_left(server)
    reply = server.post_csv(TABLE * 2, LET)
    assert reply.status == 413 and reply.problem["limit"] == "--spool-bytes", reply
    nothing_left(server)
    assert server.post_csv(TABLE, LET).status == 200
    assert metric(server, "spool_limit_bytes") == 16 * MIB
    assert re.search(r'rejections_total{reason="spool"} 1$', server.get("/metrics").text, re.M)


def test_a_full_disk(launch, tmp_path):
    """A file that may not grow is one; the server lives on, and serves what needs no disk."""
    server = launch("--data-dir", tmp_path, "--buffer-bytes", BUFFER)
    server.folder = tmp_path
    _, hard = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    for form in (False, True):
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (5 * MIB + 12345, hard))
        reply = server.post_form([("data", TABLE), ("let", "r=a")]) if form else server.post_csv(TABLE, LET)
        assert reply.status == 503 and reply.code == "overloaded" and reply.problem["limit"] == "--data-dir", reply
        assert "File too large" in reply.problem["detail"]
        assert server.post_csv(table(1000), LET).status == 200
        nothing_left(server)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (hard, hard))
        assert server.post_csv(TABLE, LET).status == 200


def test_a_directory_where_nothing_can_be_made(tmp_path):
    if os.geteuid() == 0:
        folder = "/proc/self"
    else:
        folder = tmp_path / "shut"
        folder.mkdir(mode=0o500)
    done = subprocess.run([client.BINARY, "--listen", "127.0.0.1:0", "--data-dir", str(folder)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "--data-dir" in done.stderr, done


def test_what_is_remembered_of_chunks_counts(launch):
    """A few hundred bytes each, which of very many come to more than their text."""
    server = launch("--memory-bytes", 8 * MIB, "--buffer-bytes", BUFFER)
    text = "a\n" + "1\n" * 60_000
    reply = server.post_csv(text, {"let": "r=a", "chunk_rows": 1})
    assert reply.status == 422 and reply.problem["limit"] == "--memory-bytes", reply
    assert server.post_csv(text, {"let": "r=a", "chunk_rows": 100}).status == 200
    assert server.post_csv(text, {"let": "r=a"}).status == 200
