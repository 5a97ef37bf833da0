"""Random tables against Python's csv module, and against each other at every cut.

Sizes pass the segment size of uploads (about 1 MiB), where quotes, doubled quotes, CR LF and
multi-byte characters may be torn apart.
"""
import csv
import hashlib
import io
import random

import pytest

from client import read_reply

PIECES = ["", "a", "1", "-7", "2.5", "x y", 'q"q', "l\nm", "c,d", "é", "日本", "😀", "\r\n", '""', "NA", "True",
          "1e5", " 3 ", "'", "`", "\t", "end\n", "007", "nan"]


def table(seed, rows, columns, line_end="\n", cells=None):
    """A valid CSV and what Python's reader makes of it (None for an empty unquoted field)."""
    draw = random.Random(seed)
    cells = cells or PIECES
    out = [",".join(f"c{k}" for k in range(columns))]
    want = []
    for _ in range(rows):
        fields, values = [], []
        for _ in range(columns):
            value = draw.choice(cells) * draw.choice([1, 1, 1, 3])
            quoted = any(c in value for c in '",\r\n') or draw.random() < 0.2 or \
                columns == 1 and value == ""
            fields.append('"' + value.replace('"', '""') + '"' if quoted else value)
            values.append(value if quoted or value else None)
        out.append(",".join(fields))
        want.append(values)
    text = line_end.join(out) + (line_end if draw.random() < 0.8 else "")
    return text.encode(), want


def lengths(values):
    return [None if v is None else len(v) for v in values]


@pytest.mark.parametrize("seed", range(12))
def test_small_random_tables(server, seed):
    draw = random.Random(seed)
    columns = draw.choice([1, 2, 3, 7])
    data, want = table(seed, draw.choice([1, 5, 40, 300]), columns, draw.choice(["\n", "\r\n"]))
    read = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert [[v or "" for v in row] for row in want] == [r for r in read[1:] if r]
    last = f"c{columns - 1}"
    options = {"types": "*:string", "let": [f"n=length({last})", "k=sha256(*, frame='length')"]}
    bodies = set()
    for executor in ("serial", "threads", "processes"):
        for chunk_rows in (1, 2, 3, 17, None):
            cut = {"chunk_rows": chunk_rows} if chunk_rows else {}
            reply = server.post_csv(data, {**options, **cut, "executor": executor})
            assert reply.status == 200, (seed, reply)
            bodies.add(reply.body)
    assert len(bodies) == 1
    document = server.post_csv(data, {**options, "select": "all"}, headers={"Accept": "application/json"}).json()
    got = document["columns"]
    assert [got[f"c{k}"] for k in range(columns)] == [[row[k] for row in want] for k in range(columns)]
    assert got["n"] == lengths([row[-1] for row in want])
    framed = [b"".join(b"-" if v is None else b"%d:%s" % (len(v.encode()), v.encode()) for v in row) for row in want]
    assert got["k"] == [hashlib.sha256(f).hexdigest() for f in framed]


@pytest.mark.parametrize("seed, line_end, columns", [(100, "\n", 3), (101, "\r\n", 4), (102, "\r\n", 1), (103, "\n", 9)])
def test_large_random_tables(server, seed, line_end, columns):
    """Several segments: torn quotes and characters; the reply is checked whole."""
    cells = PIECES + ["日本語" * 50, 'x""y' * 40, "\r\n" * 30, "long " * 500]
    data, want = table(seed, 30_000 // columns, columns, line_end, cells)
    assert len(data) > 3_000_000
    bodies = set()
    for executor, cut in (("serial", {}), ("threads", {"chunk_rows": 777}), ("threads", {}), ("processes", {})):
        reply = server.post_csv(data, {"types": "*:string", "let": "k=md5(*)", "executor": executor, **cut})
        assert reply.status == 200, reply
        bodies.add(reply.body)
    assert len(bodies) == 1
    rows = [r for r in csv.reader(io.StringIO(bodies.pop().decode(), newline="")) if r][1:]
    keys = [hashlib.md5("_".join("None" if v is None else v for v in row).encode()).hexdigest() for row in want]
    assert [r[-1] for r in rows] == keys
    assert [r[:-1] for r in rows] == [[v or "" for v in row] for row in want]


@pytest.mark.parametrize("seed", range(4))
def test_torn_uploads(server, seed):
    """The same bytes in pieces of random sizes, sent as they come."""
    draw = random.Random(seed)
    data, _ = table(seed + 50, 4000, 3, draw.choice(["\n", "\r\n"]))
    want = server.post_csv(data, {"let": "k=md5(*)"}).body
    with server.connect() as connection:
        connection.sendall(b"POST /v1/compute?let=k=md5(*) HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
                           b"Transfer-Encoding: chunked\r\n\r\n")
        at = 0
        while at < len(data):
            size = draw.choice([1, 2, 3, 50, 1000, 40_000])
            piece = data[at:at + size]
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            at += size
        connection.sendall(b"0\r\n\r\n")
        reply = read_reply(connection.makefile("rb"))
    assert reply.status == 200 and reply.body == want


@pytest.mark.parametrize("seed", range(60))
def test_broken_tables_give_one_answer(server, seed):
    """A random byte changed or dropped: whatever is said, it is the same at every cut."""
    draw = random.Random(seed)
    data, _ = table(seed, 200, 3, draw.choice(["\n", "\r\n"]))
    broken = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 5])):
        at = draw.randrange(len(broken))
        change = draw.random()
        if change < 0.4:
            broken[at] = draw.choice(b'",\r\n\0\xff\xc3x1')
        elif change < 0.7:
            del broken[at]
        else:
            broken[at:at] = draw.choice([b'"', b",", b"\r", b"\n", b"\xe6\x97", b'""', b"\0"])
    answers = {}
    for executor in ("serial", "threads", "processes"):
        for chunk_rows in (1, 2, 7, 50, None):
            cut = {"chunk_rows": chunk_rows} if chunk_rows else {}
            reply = server.post_csv(bytes(broken), {"let": ["k=md5(*)", "n=length(c1 + 'x')"], "executor": executor, **cut})
            key = (reply.status, reply.body) if reply.status == 200 else \
                (reply.status, *(str(reply.problem.get(k)) for k in ("code", "line", "column", "value", "detail")))
            answers.setdefault(key, []).append((executor, chunk_rows))
    assert len(answers) == 1, [(k[:3], cuts) for k, cuts in answers.items()]
    assert next(iter(answers))[0] in (200, 400, 422)


@pytest.mark.parametrize("seed", range(40))
def test_broken_json_gives_no_500(server, seed):
    draw = random.Random(seed)
    text = bytearray(b'{"columns": {"a": [1, 2.5, null, -0.0, 1e5], "b": ["x", "\\u00e9\\n", null, "\xe6\x97\xa5", ""], '
                     b'"c": [true, false, null, true, true]}, "let": {"r": "a * 2", "k": "md5(*)"}, "limit": 3, '
                     b'"types": {"a": "float64"}, "nan": "string", "select": ["r", "k", "b"]}')
    assert server.post_json(bytes(text)).status == 200
    for _ in range(60):
        broken = bytearray(text)
        for _ in range(draw.choice([1, 2, 4])):
            at = draw.randrange(len(broken))
            if draw.random() < 0.5:
                broken[at] = draw.choice(b'{}[],:"\\0159.eE-+ntfu\x00\xff\x80 \n')
            else:
                del broken[at:at + draw.choice([1, 1, 3, 20])]
        reply = server.post_json(bytes(broken))
        assert reply.status in (200, 400, 422), (bytes(broken), reply)
        assert reply.code


@pytest.mark.parametrize("seed", range(20))
def test_broken_expressions_give_no_500(server, seed):
    draw = random.Random(seed)
    tokens = ["a", "b", "s", "p", "1", "2.5", "'x'", "(", ")", "+", "-", "*", "**", "/", "//", "%", "<", "<=", "==", "and",
              "or", "not", "if", "else", ",", "md5(", "where(", "round(", "~", "&", "|", "^", "<<", ">>", "None", "True",
              "substr(", "sep=", "`a`", "\\", "\"", "0x", "1e", ".", "!", "=", "é", "\n", "sin(", "coalesce(", "over='table'"]
    columns = {"a": [1, 2, None], "b": [1.5, 0.0, -1.0], "s": ["x", "", None], "p": [True, False, None]}
    lets = ["".join(draw.choice(tokens) + draw.choice(["", " "]) for _ in range(draw.randint(1, 14))) for _ in range(60)]
    for text in lets:
        reply = server.lets(text, columns, on_error="null")
        assert reply.status in (200, 400, 422), (text, reply)
        if reply.status != 200:
            assert 0 <= reply.problem["position"] <= len(text.encode()), (text, reply)
        check = server.post_json({"columns": {"a": "int64", "b": "float64", "s": "string", "p": "bool"},
                                  "let": {"r": text}}, "/v1/check")
        assert check.status == 200, (text, check)
        codes = [e["code"] for e in check.json()["errors"]]
        assert bool(codes) == (reply.status != 200), (text, reply, check)
        if codes:
            assert codes[0] == reply.code, (text, reply, check)
