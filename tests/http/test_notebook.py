"""The notebook's frame: 100,000 rows of four normals, against NumPy and hashlib on every row."""
import hashlib
import json

import numpy as np
import pytest

LETS = ["res1=(a-b)/(c+d)**2", "key=md5(a,b)"]
EXECUTORS = ["serial", "threads", "processes"]
CHUNKS = [1, 7, 25000, 100000]
FEWER = 20_000  # rows where every row is a task of its own


@pytest.fixture(scope="module")
def expected(notebook):
    """The computed columns by NumPy and hashlib."""
    columns, _ = notebook
    a, b, c, d = (columns[name] for name in "abcd")
    quotients = (a - b) / (c + d) ** 2
    keys = [hashlib.md5(f"{x!r}_{y!r}".encode()).hexdigest() for x, y in zip(a.tolist(), b.tolist())]
    return quotients, keys


def cut(chunk_rows):
    return FEWER if chunk_rows == 1 else 100_000


@pytest.fixture(scope="module")
def csv_bodies(notebook, expected):
    """The CSV replies that the oracles say are right, by number of rows."""
    lines = notebook[1].decode().split("\n")[1:-1]
    quotients, keys = expected
    rows = [f"{line},{q!r},{k}\n" for line, q, k in zip(lines, quotients.tolist(), keys)]
    return {n: ("a,b,c,d,res1,key\n" + "".join(rows[:n])).encode() for n in (FEWER, 100_000)}


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("chunk_rows", CHUNKS)
def test_csv(server, notebook, csv_bodies, executor, chunk_rows):
    rows = cut(chunk_rows)
    body = b"\n".join(notebook[1].split(b"\n")[:rows + 1]) + b"\n"
    reply = server.post_csv(body, {"let": LETS, "executor": executor, "chunk_rows": chunk_rows})
    assert reply.status == 200, reply
    assert reply.headers["Colonnade-Rows"] == str(rows)
    if reply.body != csv_bodies[rows]:
        got, want = reply.body.split(b"\n"), csv_bodies[rows].split(b"\n")
        differing = [(n, g, w) for n, (g, w) in enumerate(zip(got, want)) if g != w]
        raise AssertionError(f"{len(got)} and {len(want)} lines, {len(differing)} differ: {differing[:3]}")


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("chunk_rows", CHUNKS)
def test_json(server, notebook, expected, executor, chunk_rows):
    rows = cut(chunk_rows)
    document = {"columns": {name: values[:rows].tolist() for name, values in notebook[0].items()},
                "let": LETS, "executor": executor, "chunk_rows": chunk_rows}
    reply = server.post_json(document)
    assert reply.status == 200, reply
    columns = reply.columns
    quotients = np.array(columns["res1"])
    assert (quotients.view(np.uint64) == expected[0][:rows].view(np.uint64)).all()
    assert columns["key"] == expected[1][:rows]
    chunks = reply.json()["execution"]
    assert chunks["executor"] == executor and chunks["chunk_rows"] == chunk_rows
    assert chunks["chunks"] == -(-rows // chunk_rows)


def test_json_columns_are_the_same_bytes(server, notebook):
    """Not only equal values: the text of the columns, for every executor and chunk size."""
    document = {"columns": {name: values[:FEWER].tolist() for name, values in notebook[0].items()},
                "let": LETS}
    texts = set()
    for executor in EXECUTORS:
        for chunk_rows in (7, 999, 25000):
            body = server.post_json({**document, "executor": executor, "chunk_rows": chunk_rows}).body
            start = body.index(b'"columns"')
            texts.add(body[start:body.index(b'"types"', start)])
    assert len(texts) == 1


def test_auto_gives_the_same_and_a_reason(server, notebook, csv_bodies):
    reply = server.post_csv(notebook[1], {"let": LETS})
    assert reply.body == csv_bodies[100_000]
    run = server.run_of(reply)
    assert run["executor"] in EXECUTORS and run["execution"]["reason"].startswith("auto")
    tiny = server.post_csv("a,b,c,d\n1,2,3,4\n", {"let": LETS})
    assert server.run_of(tiny)["execution"]["executor"] == "serial"


def test_csv_in_json_out_and_back(server, notebook, expected):
    options = {"let": LETS, "select": "computed"}
    body = b"\n".join(notebook[1].split(b"\n")[:5001]) + b"\n"
    document = server.post_csv(body, options, headers={"Accept": "application/json"}).json()
    assert document["columns"]["key"] == expected[1][:5000]
    assert document["columns"]["res1"] == expected[0][:5000].tolist()
    columns = {name: values[:5000].tolist() for name, values in notebook[0].items()}
    reply = server.post_json({"columns": columns, "let": LETS}, headers={"Accept": "text/csv"})
    rows = reply.rows()
    assert rows[0] == ["res1", "key"]
    assert rows[1:] == [[repr(q), k] for q, k in zip(expected[0][:5000].tolist(), expected[1][:5000])]


def test_workers_may_be_asked_for(server, notebook, csv_bodies):
    for executor in ("threads", "processes"):
        reply = server.post_csv(notebook[1], {"let": LETS, "executor": executor, "workers": 4,
                                              "chunk_rows": 5000})
        assert reply.body == csv_bodies[100_000]
        assert 1 <= server.run_of(reply)["execution"]["workers"] <= 4
        assert len(server.pool(executor)["workers"]) >= 1


def test_limit_cuts_the_reply_not_the_work(server, notebook, csv_bodies):
    whole = csv_bodies[100_000].split(b"\n")
    for limit in (0, 1, 7, 99_999, 100_000, 200_000):
        reply = server.post_csv(notebook[1], {"let": LETS, "limit": limit, "chunk_rows": 9999})
        assert reply.body == b"\n".join(whole[:min(limit, 100_000) + 1]) + b"\n"
    document = {"columns": {"a": [1, 2, 0]}, "let": {"r": "1 // a"}, "limit": 1}
    assert server.post_json(document).problem["row"] == 2
    nothing = server.post_json({"columns": {"a": [1, 2]}, "let": {"r": "a"}, "limit": 0}).json()
    assert nothing["columns"] == {"r": []} and json.dumps(nothing["rows"]) in ("2", "0")
