"""`repeat`: the same work several times over, as IPython's %timeit does it."""
import hashlib
import statistics

import pytest

import client
from test_timing import check_timing

EXECUTORS = ["serial", "threads", "processes", "gil"]
ROWS = 20_000
COLUMNS = {"a": [k / 4 for k in range(ROWS)], "b": [k % 7 for k in range(ROWS)],
           "s": [f"t{k % 11}" for k in range(ROWS)]}
CSV = "a,b,s\n" + "".join(f"{a!r},{b},{s}\n" for a, b, s in zip(*COLUMNS.values()))
LETS = ["r=(a-b)/(a+b+1)**2", "key=md5(a,b,s)"]
AS_JSON = {"Accept": "application/json"}


def check_repeat(timing, runs):
    """The samples' sums, against Python's own."""
    repeat = timing["repeat"]
    samples = repeat["samples_ns"]
    assert set(repeat) == {"runs", "mean_ns", "stddev_ns", "min_ns", "median_ns", "samples_ns"}
    assert repeat["runs"] == runs == len(samples)
    assert all(isinstance(s, int) and s > 0 for s in samples)
    assert repeat["min_ns"] == min(samples)
    assert abs(repeat["mean_ns"] - statistics.fmean(samples)) <= 0.51
    assert abs(repeat["stddev_ns"] - statistics.pstdev(samples)) <= 0.51
    assert abs(repeat["median_ns"] - statistics.median(samples)) <= 0.51
    # the samples lie, one behind the other, in execute and gather, and so does the warm-up
    spent = {e["stage"]: e["ns"] for e in timing["ledger"]}
    assert sum(samples) < spent["execute"] + spent.get("gather", 0) + spent.get("encode", 0)


@pytest.mark.parametrize("executor", EXECUTORS)
@pytest.mark.parametrize("kind", ["json", "csv", "form", "generate"])
def test_samples(server, executor, kind):
    options = {"let": LETS, "executor": executor, "workers": 2, "chunk_rows": 3000}

    def send(**more):
        if kind == "csv":
            return server.post_csv(CSV, {**options, **more}, headers=AS_JSON)
        if kind == "form":
            parts = [("let", let) for let in LETS] + [("data", CSV, "frame.csv")]
            parts += [(n, v) for n, v in {**options, **more}.items() if n != "let"]
            return server.post_form(parts, headers=AS_JSON)
        document = {**options, **more, "columns": COLUMNS}
        if kind == "generate":
            del document["columns"]
            document["generate"] = {"rows": ROWS, "columns": ["a", "b"], "seed": 3}
            document["let"] = ["r=(a-b)/(a+b+1)**2", "key=md5(a,b)"]
        return server.post_json(document)

    plain, repeated = send(), send(repeat=4)
    assert plain.status == repeated.status == 200, (plain, repeated)
    plain, document = plain.json(), repeated.json()
    assert "repeat" not in plain["timing"]
    for member in ("rows", "columns", "types", "input_types", "recipe", "errors"):
        assert document[member] == plain[member], member
    check_timing(document["timing"])
    check_repeat(document["timing"], 4)
    chunks = document["execution"]["chunks"]
    assert chunks == 7
    # warm-up and runs; CSV's types were right at once
    assert sum(w["chunks"] for w in document["timing"]["workers"]) == 5 * chunks
    assert [w["worker"] for w in document["timing"]["workers"]] == \
        list(range(len(document["timing"]["workers"])))
    busy = {name for w in document["timing"]["workers"] for name, ns in w["stages"].items() if ns}
    if kind in ("csv", "form"):
        assert "parse" in busy  # each run works from the text
    record = server.run_of(repeated)
    assert record["timing"]["repeat"] == document["timing"]["repeat"]
    check_timing(record["timing"])
    assert len(record["chunks"]) == chunks


def test_csv_out(server):
    """The reply has no room for the samples; the record of the run has."""
    plain = server.post_csv(CSV, {"let": LETS, "on_error": "null"})
    reply = server.post_csv(CSV, {"let": LETS, "on_error": "null", "repeat": 3})
    assert reply.status == 200 and reply.body == plain.body
    record = server.run_of(reply)
    check_timing(record["timing"])
    check_repeat(record["timing"], 3)
    assert "repeat" not in server.run_of(plain)["timing"]
    # nothing overlaps: no chunk began before the body had ended
    received = sum(e["ns"] for e in record["timing"]["ledger"] if e["stage"] == "receive")
    assert min(c["start_ns"] for c in record["chunks"]) > received


def test_one_is_as_without(server):
    document = server.lets("a+1", {"a": [1, 2]}, repeat=1).json()
    assert document["columns"]["r"] == [2, 3] and "repeat" not in document["timing"]


@pytest.mark.parametrize("rows", [0, 1])
def test_next_to_nothing(server, rows):
    """Also with an executor that would answer at once."""
    for executor in ("auto", "serial"):
        reply = server.lets("a+1", {"a": [1] * rows}, repeat=5, executor=executor)
        assert reply.status == 200 and reply.columns["r"] == [2] * rows
        repeat = reply.json()["timing"]["repeat"]
        assert repeat["runs"] == len(repeat["samples_ns"]) == 5
        check_timing(reply.json()["timing"])
        assert "without a crossing" not in reply.json()["execution"]["reason"]
        csv = server.post_csv("a\n" + "1\n" * rows, {"let": "r=a+1", "repeat": 5,
                                                     "executor": executor})
        assert csv.text == "a,r\n" + "1,2\n" * rows


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_table_digests(server, kind):
    """Digests over the table are made anew in each run, also one that takes in another."""
    lets = ["d=md5(a, over='table')", "e=md5(d, b, over='table')", "k=md5(a, d)"]

    def send(**more):
        if kind == "csv":
            return server.post_csv(CSV, {"let": lets, **more}, headers=AS_JSON)
        return server.post_json({"columns": COLUMNS, "let": lets, **more})

    plain = send()
    want = hashlib.md5("".join(f"{a!r}\n" for a in COLUMNS["a"]).encode()).hexdigest()
    assert plain.columns["d"][0] == want
    for executor in ("threads", "processes"):
        reply = send(repeat=3, executor=executor, chunk_rows=4000)
        assert reply.status == 200, reply
        assert reply.columns == plain.columns
        check_timing(reply.json()["timing"])
        check_repeat(reply.json()["timing"], 3)


@pytest.mark.parametrize("limit", [None, 10])
def test_errors_are_counted_once(server, limit):
    """on_error=null: what could not be computed in the result, not in all runs together; rows
    behind the limit count too."""
    text = "a,b\n" + "".join(f"{k},{k % 10}\n" for k in range(5000))
    lets = ["r=a//b", "t=md5(a//b, over='table')", "u=a%b"]
    for let in (lets, [lets[0], lets[2]]):
        options = {"let": let, "on_error": "null", "chunk_rows": 700, "executor": "threads"}
        if limit is not None:
            options["limit"] = limit
        plain = server.post_csv(text, options, headers=AS_JSON).json()
        reply = server.post_csv(text, {**options, "repeat": 4}, headers=AS_JSON).json()
        assert plain["errors"]["r"] == 500
        assert reply["errors"] == plain["errors"] and reply["columns"] == plain["columns"]
        csv = server.post_csv(text, {**options, "repeat": 4})
        assert csv.headers["Colonnade-Errors"] == server.post_csv(text, options).headers["Colonnade-Errors"]


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_faults_are_those_of_a_plain_call(server, executor):
    late = [("a\n" + "1\n" * 4000 + "0\n0\n", "r=1//a", "division_by_zero"),
            ("a\n" + "1\n" * 4000 + '"x', "r=a", "invalid_csv"),
            ("a\n" + "1\n" * 4000 + "x\n", "r=a+1", "type_error")]
    for text, let, code in late:
        options = {"let": let, "executor": executor, "chunk_rows": 300}
        plain = server.post_csv(text, options)
        reply = server.post_csv(text, {**options, "repeat": 3})
        assert reply.code == plain.code == code
        problem = {k: v for k, v in reply.problem.items() if k != "run"}
        assert problem == {k: v for k, v in plain.problem.items() if k != "run"}
        record = server.run_of(reply)
        assert record["error"]["code"] == code and "repeat" not in record["timing"]


def test_types_that_widen_late(server):
    """The first pass settles them; all runs are made under them."""
    text = "a,b\n" + "1,1\n" * 5000 + "2.5,x\n"
    options = {"let": ["r=a*2", "k=md5(a,b)"], "chunk_rows": 500, "executor": "threads"}
    plain = server.post_csv(text, options)
    reply = server.post_csv(text, {**options, "repeat": 3})
    assert reply.status == 200 and reply.body == plain.body


@pytest.fixture(scope="module")
def small():
    """A server whose replies soon outgrow what it keeps."""
    running = client.Server("--buffer-bytes", 65_536)
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
@pytest.mark.parametrize("accept", ["text/csv", "application/json"])
def test_streamed(small, executor, accept):
    """A reply that is not kept: every sample is of all chunks, and the result streams after them."""
    text = "a,b\n" + "".join(f"{k},{k % 10}\n" for k in range(30_000))
    options = {"let": ["r=a//b", "k=md5(a,b)"], "on_error": "null", "executor": executor,
               "chunk_rows": 2000}
    plain = small.post_csv(text, options, headers={"Accept": accept})
    reply = small.post_csv(text, {**options, "repeat": 3}, headers={"Accept": accept})
    assert reply.status == 200 and reply.headers["Transfer-Encoding"] == "chunked"
    if accept == "text/csv":
        assert reply.body == plain.body
    else:
        assert reply.columns == plain.columns and reply.json()["errors"] == {"r": 3000, "k": 0}
        check_repeat(reply.json()["timing"], 3)
    record = small.run_of(reply)
    check_repeat(record["timing"], 3)
    assert sum(e["ns"] for e in record["timing"]["ledger"]) + record["timing"]["unaccounted_ns"] \
        == record["timing"]["wall_ns"]


def test_a_late_fault_of_a_large_reply(small):
    """The runs see every row before the reply begins, so that it is a status, no broken stream."""
    text = "a\n" + "1\n" * 60_000 + "0\n"
    reply = small.post_csv(text, {"let": ["r=1//a", "k=md5(a)"], "repeat": 2, "executor": "threads"})
    assert reply.code == "division_by_zero" and reply.problem["row"] == 60_000


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
def test_a_deadline_between_the_runs(server, executor):
    document = {"generate": {"rows": 100_000, "columns": ["a", "b"]}, "let": {"k": "sha512(a, b)"},
                "executor": executor, "repeat": 1000, "timeout_ms": 700}
    reply = server.post_json(document)
    assert reply.code == "deadline_exceeded"
    record = server.run_of(reply)
    assert record["status"] == 504
    assert server.wait_idle()
    assert len(record["timing"].get("repeat", {}).get("samples_ns", [])) < 1000


def test_a_deadline_while_the_frame_is_made(server):
    """Which is not done on a thread that serves connections."""
    document = {"generate": {"rows": 3_000_000, "columns": ["a", "b", "c", "d"]}, "let": {"r": "a"},
                "limit": 1, "repeat": 2, "timeout_ms": 60}
    reply = server.post_json(document)
    assert reply.code == "deadline_exceeded"
    assert server.wait_idle()
    assert server.run_of(reply)["status"] == 504


def test_a_generated_frame_has_to_fit(launch):
    running = launch("--memory-bytes", 64 << 20)
    document = {"generate": {"rows": 1_000_000, "columns": [f"c{k}" for k in range(9)]},
                "let": {"r": "c0+c1"}, "limit": 1}
    fits = running.post_json({**document, "repeat": 2, "generate": {"rows": 100_000, "columns": ["c0", "c1"]}})
    assert fits.status == 200
    reply = running.post_json({**document, "repeat": 2})
    assert reply.code == "limit_exceeded" and reply.problem["limit"] == "--memory-bytes"
    assert reply.problem["parameter"] == "generate"
    assert running.post_json(document).status == 200  # made where it is computed on


@pytest.mark.parametrize("value", [0, 1001, -1, 1.5, "two"])
def test_what_it_may_be(server, value):
    reply = server.lets("a", {"a": [1]}, repeat=value)
    assert reply.code == "invalid_parameter" and reply.problem["parameter"] == "repeat"
