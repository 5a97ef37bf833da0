"""Streamed replies where chunks must be run again, rows fail, or a header never ends."""
import json
import time

import pytest

from client import Server


def words(count, late):
    """A column of ints whose second chunk of 100 holds an identifier, and a column of long texts."""
    return [("02134" if k == 100 else str(k), "y" * (200 if k >= late else 1)) for k in range(count)]


@pytest.mark.parametrize("buffer", [9_000, 20_000, 30_000, 40_000])
@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_widened_chunks_of_a_streamed_json(buffer, executor):
    """Early chunks are run again under wider types while a late one outgrows the buffer."""
    rows = words(1200, 500)
    body = "x,t\n" + "".join(f"{x},{t}\n" for x, t in rows)
    running = Server("--buffer-bytes", buffer)
    for _ in range(5):
        reply = running.post_csv(body, {"let": ['r=concat(str(x),"-")', "m=md5(x)"], "select": "x,r,m,t",
                                        "executor": executor, "chunk_rows": 100},
                                 headers={"Accept": "application/json"})
        columns = reply.json()["columns"]
        assert columns["x"] == [x for x, _ in rows]
        assert columns["r"] == [x + "-" for x, _ in rows]
        assert columns["t"] == [t for _, t in rows]
    assert running.stop() == 0


def test_counts_are_those_of_a_buffered_reply():
    """Unselected lets, and rows behind `limit`, count alike in a streamed JSON reply."""
    frame = {"generate": {"rows": 20_000, "columns": ["a", "b"], "distribution": "normal", "seed": 1},
             "let": {"k": "1 // int(a)", "r": "a+b"}, "on_error": "null", "executor": "serial"}
    cases = [dict(frame, select=["r"], chunk_rows=500), dict(frame, select=["r", "k"], chunk_rows=500),
             dict(frame, select=["r", "k"], chunk_rows=3000, limit=3000)]
    counts = []
    for buffer in ("1GiB", 60_000):
        running = Server("--buffer-bytes", buffer)
        counts.append([running.post_json(case).json()["errors"] for case in cases])
        assert running.stop() == 0
    assert counts[0] == counts[1]
    assert counts[0][0]["k"] > 0


def test_a_deadline_inside_one_row(server):
    """A single row of work that takes seconds ends at its deadline, wherever it runs."""
    lets = {"x0": "a"}
    lets.update({f"x{k}": f"x{k - 1}+x{k - 1}" for k in range(1, 16)})
    lets.update({f"h{k}": f"sha3_256(x15,'{k}')" for k in range(100)})
    for executor in ("serial", "threads", "processes", "auto"):
        begun = time.monotonic()
        reply = server.post_json({"columns": {"a": ["y" * 128]}, "let": lets, "timeout_ms": 100, "executor": executor})
        assert reply.status == 504, reply
        assert time.monotonic() - begun < 10


def test_a_header_that_never_ends(server):
    """Its length may not matter more than in proportion: 32 MiB end in a moment."""
    begun = time.monotonic()
    reply = server.post_csv('"' + "a" * (32 << 20), {})
    assert reply.status == 400 and json.loads(reply.body)["line"] == 1, reply
    assert time.monotonic() - begun < 20
