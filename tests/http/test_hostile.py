"""Hostile bodies: each gets a right answer or a typed error, in time, and takes no more memory than is stated here.

A case is a request, mostly to a server of its own. The peak of the resident memory of the server and its workers, above what
they took before the request, must not exceed

    16 x body + what may be kept of a reply (--buffer-bytes) + 64 MiB + what the case says (`room`)

where a case may name: the texts of a block of rows (256 MiB a worker), the reply of a chunk (256 MiB a worker, three times
as much while it grows), a column (640 bytes) and a chunk (400 bytes). `pytest -s` prints the table.
"""
import json
import pathlib
import resource
import time

import pytest

import client
from client import Server, form, query

MIB = 1 << 20
BUFFER = 32 * MIB
WORKERS = 2
TEXTS = WORKERS * 256 * MIB
CHUNK_REPLY = WORKERS * 3 * 256 * MIB
COLUMN = 640
CHUNK = 400
# Sanitizers are slow, and take memory of their own: the same with a tenth of the bytes.
SCALE = 10 if client.SANITIZED else 1
SECONDS = 8  # the deadline of what runs into one
TABLE = []


def status_of(pid, key):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def memory(server, key):
    return sum(status_of(pid, key) for pid in server.processes())


@pytest.fixture(scope="module", autouse=True)
def shown():
    yield
    print("\n" + "\n".join(f"{name:34s} body {body / MIB:7.1f} MiB  grew {grown / MIB:7.1f} of {most / MIB:7.1f} MiB "
                           f"{seconds:6.2f} s  {outcome}" for name, body, grown, most, seconds, outcome in TABLE))


# ---- requests -------------------------------------------------------------------------------

def n(count):
    return max(count // SCALE, 1)


def js(document, path="/v1/compute", **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return "POST", path, body, {"Content-Type": client.JSON, **headers}


def csv(text, options=None, **headers):
    target = "/v1/compute" + ("?" + query(options) if options else "")
    return "POST", target, text if isinstance(text, bytes) else text.encode(), {"Content-Type": client.CSV, **headers}


def let(expression, columns=None, **options):
    lets = {"r": expression} if isinstance(expression, str) else expression
    return js({"columns": columns or {"a": [1.5], "s": ["x"]}, "let": lets, **options})


def parts(items):
    body, kind = form(items)
    return "POST", "/v1/compute", body, {"Content-Type": kind}


def raw_form(body):
    return "POST", "/v1/compute", body, {"Content-Type": "multipart/form-data; boundary=bb"}


def doubled(times, rows=1, last="r"):
    lets = {"r0": "s+s", **{f"r{k}": f"r{k - 1}+r{k - 1}" for k in range(1, times)}}
    lets["r"] = f"length(r{times - 1})" if last == "length" else f"r{times - 1}"
    return let(lets, {"s": ["x" * 100] * rows}, select=["r"])


def replaced(times):
    text = "s"
    for _ in range(times):
        text = f"replace({text},'x','xxxxxxxxxxxxxxxx')"
    return text


def generate(rows, columns, **options):
    return js({"generate": {"rows": rows, "columns": columns, "distribution": "uniform", "seed": 1}, "limit": 0,
               "timeout_ms": SECONDS * 1000, **options})


def compare(**members):
    work = {"compute": {"generate": {"rows": 1000, "columns": ["a"], "distribution": "normal", "seed": 1},
                        "let": {"r": "a"}}}
    return js({"workload": work, "executors": ["serial"], "workers": [1], "modes": ["vector"], "repeat": 1,
               "timeout_ms": SECONDS * 1000, **members}, "/v1/compare")


def names(count):
    return [f"c{k}" for k in range(count)]


# ---- the cases: name, request, what may come of it, room, flags -------------------------------

WIDE = 1_000_000 // SCALE
OK, LIMIT = "ok", "limit_exceeded"
DATA_PART = b"--bb\r\nContent-Disposition: form-data; name=\"data\"\r\n\r\n"
CASES = [
    # expressions
    ("nested parentheses", lambda: let("(" * 30000 + "a" + ")" * 30000), LIMIT),
    ("unary minus", lambda: let("-" * 60000 + "a"), LIMIT),
    ("not", lambda: let("not " * 15000 + "True"), LIMIT),
    ("a+a+... beyond the nodes", lambda: let("+".join(["a"] * 30000)), LIMIT),
    ("a+a+... within the nodes", lambda: let("+".join(["a"] * 4900)), OK),
    ("a<a<...", lambda: let("<".join(["a"] * 4900)), OK),
    ("2**2**...", lambda: let("**".join(["2"] * 4000)), LIMIT),
    ("9**9**9**9", lambda: let("9**9**9**9"), "ok integer_overflow"),
    ("a if a else a if ...", lambda: let("a if a>0 else " * 3000 + "a"), LIMIT),
    ("an integer of 60,000 digits", lambda: let("9" * 60000), "integer_out_of_range"),
    ("an exponent of 60,000 digits", lambda: let("1e" + "9" * 60000), "ok syntax_error"),
    ("a fraction of 60,000 digits", lambda: let("1." + "9" * 60000), OK),
    ("a text of 60,000 bytes", lambda: let("'" + "x" * 60000 + "'"), OK),
    ("texts doubled 40 times", lambda: doubled(40), LIMIT, TEXTS),
    ("texts doubled in 1,000 rows", lambda: doubled(18, 1000), LIMIT, TEXTS),
    ("texts doubled, their length", lambda: doubled(30, 1, "length"), LIMIT, TEXTS),
    ("texts joined 8 billion times", lambda: let({f"r{k}": "concat(" + ",".join([f"r{k - 1}" if k else "s"] * 2000) + ")"
                                                  for k in range(3)}, {"s": ["x" * 100]}, select=["r2"]), LIMIT, TEXTS),
    ("texts replaced by longer ones", lambda: let("md5(" + replaced(12 if SCALE == 1 else 3) + ")", {"s": ["x" * 100]}),
     LIMIT if SCALE == 1 else OK, TEXTS),
    ("an empty text replaced", lambda: csv("s\n" + "x" * n(5_000_000) + "\n", {"let": "r=replace(s,'','yy')"}), OK),
    ("round to 10**9 digits", lambda: let({"r": "round(a,1000000000)", "q": "round(a,-1000000000)",
                                           "p": "round(a,9223372036854775807)"}), OK),
    ("substr at its extremes", lambda: let({"r": "substr(s,9223372036854775807,9223372036854775807)",
                                            "q": "substr(s,0,9223372036854775807)"}), OK),
    ("a huge separator", lambda: let("md5(" + ",".join(["a"] * 200) + ",sep='" + "y" * 50000 + "')",
                                     {"a": [1.5] * 10000}, timeout_ms=SECONDS * 1000), "ok deadline_exceeded", TEXTS),
    # JSON
    ("JSON: arrays in arrays", lambda: js(b'{"columns":{"a":' + b"[" * n(5_000_000)), LIMIT),
    ("JSON: objects in objects", lambda: js(b'{"a":' * n(2_000_000)), LIMIT),
    ("JSON: a key of 20 MB", lambda: js({"columns": {"k" * n(20_000_000): [1]}}), OK),
    ("JSON: a text of 50 MB", lambda: js({"columns": {"k": ["v" * n(50_000_000)]}, "let": {"r": "length(k)"}}), OK),
    ("JSON: an integer of 20 MB", lambda: js(b'{"columns":{"a":[1' + b"0" * n(20_000_000) + b"]}}"),
     "integer_out_of_range"),
    ("JSON: a fraction of 20 MB", lambda: js(b'{"columns":{"a":[0.' + b"3" * n(20_000_000) + b"]}}"), OK),
    ("JSON: empty objects", lambda: js(b'{"columns":{"a":[' + b"{}," * n(5_000_000) + b"{}]}}"), "mixed_types"),
    ("JSON: nulls", lambda: js(b'{"columns":{"a":[' + b"null," * n(5_000_000) + b'null]},"let":{"r":"a"}}'), OK),
    ("JSON: ones", lambda: js(b'{"columns":{"a":[' + b"1," * n(10_000_000) + b'1]},"let":{"r":"a+1"}}'), OK),
    ("JSON: empty texts", lambda: js(b'{"columns":{"a":[' + b'"",' * n(5_000_000) + b'""]},"let":{"r":"a"}}'), OK),
    ("JSON: one member again and again", lambda: js(b"{" + b'"let":{},' * n(1_000_000) + b'"columns":{"a":[1]}}'),
     "invalid_parameter"),
    ("JSON: unknown members", lambda: js(b"{" + b",".join(b'"x%d":1' % k for k in range(n(1_000_000))) + b"}"),
     "unknown_parameter"),
    ("JSON: 300,000 lets", lambda: js({"columns": {"a": [1]}, "let": {f"r{k}": "a" for k in range(300_000)}}),
     "limit_exceeded invalid_parameter"),
    ("JSON: a long select", lambda: js(b'{"columns":{"a":[1]},"select":[' + b'"a",' * n(5_000_000) + b'"a"]}'),
     "limit_exceeded invalid_parameter"),
    ("JSON: a million columns", lambda: js({"columns": {name: [1] for name in names(WIDE)}}), LIMIT),
    ("JSON: as many, allowed", lambda: js({"columns": {name: [1] for name in names(WIDE)}, "select": "all"}), OK,
     WIDE * COLUMN, ("--max-columns", 1_000_000)),
    # CSV
    ("CSV: a million columns", lambda: csv(",".join(names(WIDE)) + "\n" + ",".join("1" * WIDE) + "\n"), LIMIT),
    ("CSV: as many, allowed", lambda: csv(",".join(names(WIDE)) + "\n" + ",".join("1" * WIDE) + "\n", {"let": "r=c5"}),
     OK, WIDE * COLUMN, ("--max-columns", 1_000_000)),
    ("CSV: 10,000 columns of nothing", lambda: csv(",".join(names(10000)) + "\n" + ("," * 9999 + "\n") * n(1000),
                                                   {"let": "r=c5"}), OK, 10000 * COLUMN),
    ("CSV: the same to JSON", lambda: csv(",".join(names(10000)) + "\n" + ("," * 9999 + "\n") * n(1000),
                                          {"select": "all"}, Accept=client.JSON), OK, 10000 * COLUMN),
    ("CSV: a row of 100 MB", lambda: csv("a,b\n" + "x" * n(50_000_000) + "," + "y" * n(50_000_000) + "\n",
                                         {"let": "r=length(a)"}), OK),
    ("CSV: a field of 100 MB", lambda: csv("a\n" + "x" * n(100_000_000) + "\n", {"let": "r=md5(a)"}), OK),
    ("CSV: the same, doubled", lambda: csv("a\n" + "x" * n(100_000_000) + "\n", {"let": "r=a+a"}), OK),
    ("CSV: a field of 50M quotes", lambda: csv('a\n"' + '""' * n(50_000_000) + '"\n', {"let": "r=length(a)"}), OK),
    ("CSV: a quote that never ends", lambda: csv('a\n"' + "x\n" * n(50_000_000), {"let": "r=a"}), "invalid_csv"),
    ("CSV: a name of 50 MB", lambda: csv("x" * n(50_000_000), {"let": "r=1"}), OK),
    ("CSV: 10M rows", lambda: csv(b"a\n" + b"1\n" * n(10_000_000), {"let": "r=a+1"}), OK),
    ("CSV: 10M rows by processes", lambda: csv(b"a\n" + b"1\n" * n(10_000_000), {"let": "r=a+1",
                                                                               "executor": "processes"}), OK),
    ("CSV: 10M rows, the last a text", lambda: csv(b"a\n" + b"1\n" * n(10_000_000) + b"x\n", {"let": "r=a"}), OK),
    ("CSV: 10M empty rows", lambda: csv(b"a\n" + b"\n" * n(10_000_000), {"let": "r=coalesce(a,1)"}), OK),
    ("CSV: 64 times as long a reply", lambda: csv(b"a\n" + b"1\n" * n(3_000_000), {"let": "r=sha512(a)", "select": "r"}),
     OK, CHUNK_REPLY),
    ("CSV: 5,000 times as long a reply", lambda: csv(b"a\n" + b"1\n" * n(1_000_000),
                                                     {"let": "r='" + "x" * 10000 + "'", "select": "r",
                                                      "timeout_ms": SECONDS * 1000}),
     "ok limit_exceeded deadline_exceeded", CHUNK_REPLY),
    ("CSV: a row a chunk", lambda: csv(b"a\n" + b"1\n" * n(500_000), {"let": "r=a", "chunk_rows": 1}), OK,
     n(500_000) * CHUNK),
    ("CSV: too many chunks", lambda: csv(b"a\n" + b"1\n" * 1_100_000, {"let": "r=a", "chunk_rows": 1}), LIMIT,
     1_100_000 * CHUNK),
    # forms and query strings
    ("form: half a million lets", lambda: parts([("let", f"r{k}=1") for k in range(n(500_000))] + [("data", "a\n1\n")]),
     LIMIT),
    ("form: lets of 1 MB", lambda: parts([("let", f"r{k}=1" + " " * 1_000_000) for k in range(n(60))] +
                                         [("data", "a\n1\n")]), "syntax_error limit_exceeded"),
    ("form: a head without end", lambda: raw_form(b"--bb\r\nX: " + b"y" * n(5_000_000)), "invalid_multipart"),
    ("form: all but a boundary", lambda: raw_form(DATA_PART + b"\r\n--b" * n(5_000_000)), "invalid_multipart"),
    ("form: CRs", lambda: raw_form(DATA_PART + b"\r" * n(20_000_000)), "invalid_multipart"),
    ("form: no boundary", lambda: raw_form(b"x" * n(50_000_000)), "invalid_multipart"),
    ("query: 60,000 ampersands", lambda: ("POST", "/v1/compute?" + "&" * 60000, b"a\n1\n", {}),
     "ok invalid_parameter unknown_parameter"),
    ("query: 5,000 lets", lambda: ("POST", "/v1/compute?" + "&".join(f"let=r{k}=a" for k in range(5000)), b"a\n1\n", {}),
     OK),
    ("query: 30,000 nulls", lambda: ("POST", "/v1/compute?nulls=" + ",".join("x" * 30000), b"a\n1\n", {}), LIMIT),
    ("query: 5,000 types", lambda: ("POST", "/v1/compute?types=" + ",".join(f"{c}:int64" for c in names(5000)),
                                    b"a\n1\n", {}), "unknown_column"),
    ("limit 2**64", lambda: csv("a\n1\n", {"limit": 2 ** 64}), "invalid_parameter"),
    ("limit 2**63 - 1", lambda: csv("a\n1\n", {"limit": 2 ** 63 - 1}), "ok invalid_parameter"),
    # made on the server
    ("generate: 100M rows", lambda: generate(100_000_000, ["a"], let={"r": "a"}), "ok deadline_exceeded"),
    ("generate: 10,000 columns", lambda: generate(1_000_000, names(10000), let={"r": "c5"}), "ok deadline_exceeded",
     10000 * COLUMN),
    ("generate: 100M rows twice", lambda: generate(100_000_000, names(50), let={"r": "c5"}, repeat=2), LIMIT, 0,
     ("--memory-bytes", 1 << 30)),
    ("map: 10M arguments", lambda: js(b'{"function":"long_comp","iterations":1,"args":[' + b"1," * n(10_000_000) + b"1]}",
                                      "/v1/map"), LIMIT),
    ("map: an integer of 1 MB", lambda: js(b'{"function":"long_comp","timeout_ms":8000,"args":[' + b"9" * 1_000_000 +
                                           b"]}", "/v1/map"), "ok invalid_parameter limit_exceeded"),
    ("map: 2**63 iterations", lambda: js({"function": "long_comp", "args": [1], "iterations": 2 ** 63}, "/v1/map"),
     "invalid_parameter"),
    ("map: 1e308 seconds", lambda: js(b'{"function":"long_io","args":[1],"seconds":1e308,"timeout_ms":1000}', "/v1/map"),
     "deadline_exceeded invalid_parameter"),
    ("map: texts of 10 MB", lambda: js({"function": "calc_hash", "args": [["x" * n(10_000_000), 1.5]] * 3}, "/v1/map"),
     OK),
    ("map: 10M values to hash", lambda: js(b'{"function":"calc_hash","args":[[' + b"1," * n(10_000_000) + b"1]]}",
                                           "/v1/map"), OK),
    ("compare: too many cases", lambda: compare(chunk_rows=list(range(1, 100_000))), LIMIT),
    ("compare: 900 cases, 1,000 times", lambda: compare(chunk_rows=list(range(1, 900)), repeat=1000, timeout_ms=2000),
     "deadline_exceeded"),
    ("compare: 100M rows of 50 columns", lambda: compare(
        workload={"compute": {"generate": {"rows": 100_000_000, "columns": names(50), "distribution": "normal",
                                           "seed": 1}, "let": {"r": "c1"}}}), LIMIT, 0, ("--memory-bytes", 1 << 30)),
    ("compare: a long list", lambda: js(b'{"workers":[' + b"1," * n(5_000_000) + b"1]}", "/v1/compare"),
     "invalid_parameter"),
    ("check: 20,000 lets", lambda: js({"columns": {"a": "int64"}, "let": {f"r{k}": "a" for k in range(20000)}},
                                      "/v1/check"), "limit_exceeded body_too_large"),
    ("import: arrays in arrays", lambda: js(b"[" * n(10_000_000), "/v1/runs/import"), "limit_exceeded invalid_json"),
]


@pytest.fixture(scope="module")
def shared():
    """For small bodies, which need no server of their own: what it holds is counted before each."""
    running = Server("--threads", WORKERS, "--processes", WORKERS, "--buffer-bytes", BUFFER)
    yield running
    assert running.stop() == 0


def forget_peaks(server):
    for pid in server.processes():
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def limit_memory(server):
    """Far above what is asserted: a case that runs away fails, and does not take the machine with it."""
    for pid in server.processes():
        resource.prlimit(pid, resource.RLIMIT_AS, (12 << 30, 12 << 30))


@pytest.mark.parametrize("name,request_of,wanted,room,flags", [(*case, *(0, ())[len(case) - 3:]) for case in CASES],
                         ids=[case[0] for case in CASES])
def test_hostile(launch, shared, name, request_of, wanted, room, flags):
    request = request_of()
    server = shared
    if flags or room or len(request[2]) > MIB // 4:
        server = launch("--threads", WORKERS, "--processes", WORKERS, "--buffer-bytes", BUFFER, *flags)
    if not client.SANITIZED:
        limit_memory(server)
    forget_peaks(server)
    before = memory(server, "VmRSS:")
    begun = time.monotonic()
    reply = server.request(*request, timeout=300)
    seconds = time.monotonic() - begun
    grown = memory(server, "VmHWM:") - before
    most = 16 * len(request[2]) + BUFFER + 64 * MIB + room
    code = reply.code if reply.status != 200 else OK
    TABLE.append((name, len(request[2]), grown, most, seconds, f"{reply.status} {code}"))
    assert code in wanted.split(), reply
    if code == LIMIT and "limit" not in reply.problem:
        assert len(reply.problem["detail"]) > 20  # says what to do instead
    if not client.SANITIZED:
        assert grown <= most, f"{name}: {grown / MIB:.1f} MiB, and {most / MIB:.1f} are stated"
    assert server.get("/livez").status == 200


FORMULAS = ["=1+1", "+1", "-1+2", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", "'=1", '"=1"', "=HYPERLINK(\"x\")"]


def test_formulas_are_data():
    """What a spreadsheet would take for a formula comes back byte for byte: a table is not changed on its way."""
    with_quotes = "a,b\n" + "".join('"' + text.replace('"', '""') + f'",{k}\n' for k, text in enumerate(FORMULAS))
    server = Server()
    try:
        reply = server.post_csv(with_quotes, {"let": "r=a+''"})
        assert reply.status == 200, reply
        assert "".join(line.rsplit(",", 1)[0] + "\n" for line in reply.text.splitlines()) == with_quotes
        assert [row[2] for row in reply.rows()[1:]] == FORMULAS
        bare = "a\n=1+1\n+1\n-1\n@x\n"
        assert server.post_csv(bare).text == bare
        assert server.lets("a", {"a": FORMULAS}).columns["r"] == FORMULAS
    finally:
        assert server.stop() == 0
