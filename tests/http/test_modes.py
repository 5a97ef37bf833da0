"""The modes vector, tuple and row: the same columns and the same errors, whatever a row is.

Tables are random, with nulls, texts that CSV must quote, and rows that fail.
"""
import hashlib
import random

import pytest

EXECUTORS = ["serial", "threads", "processes", "gil"]
MODES = ["vector", "tuple", "row"]
CUTS = [{}, {"chunk_rows": 7}, {"chunk_rows": 100}]
CELLS = {"i": ["1", "-7", "0", "42", "9223372036854775807", ""], "x": ["1.5", "-0.0", "nan", "1e300", "", "0.1", "2"],
         "s": ["a", '"q""q"', '"l\nm"', "", '""', "é", "12", "😀"], "t": ["x", "yy", "", '"a,b"', "007"],
         "p": ["True", "False", ""], "unused": ["", "7", "x y", "2.5"]}
# computed columns, and what they come to when a row that fails is an error
LETS = [
    (["r=(x-i)/(x+i)**2", "k=md5(i,x,s,t,p)", "u=upper(s)+t"], "ok"),
    (["k=md5(*)", "l=sha256(*,frame='length')", "n=is_null(s)", "c=coalesce(s,t,'none')"], "ok"),
    (["k=md5(i,x,s,text='raw')", "h=hmac_sha256(s,t,key='site',null=None)", "z=xxh64(x,as='int64')"], "ok"),
    (["k=md5(s,x,over='table')", "d=i if p else length(t)", "e=None", "f='text'"], "ok"),
    (["i=i/2", "s=str(x)", "m=s+'!'"], "ok"),
    (["d=10//i", "o=i*i*i"], "division_by_zero"),
    (["o=i*i", "v=int(x)"], "integer_out_of_range"),
    (["v=int(x)", "o=i*i"], "integer_out_of_range"),
]


def table(seed, rows):
    draw = random.Random(seed)
    lines = [",".join(draw.choice(cells) for cells in CELLS.values()) for _ in range(rows)]
    return ",".join(CELLS) + "\n" + "\n".join(lines) + "\n"


def answer(reply):
    """What of a reply must not depend on how it was computed: its code, and a text."""
    if reply.status != 200:
        problem = reply.problem
        return reply.code, str({name: problem.get(name) for name in ("code", "detail", "expression", "position", "line",
                                                                     "row", "column", "value")})
    if reply.headers["Content-Type"].startswith("text/csv"):
        return "ok", reply.text + str(reply.headers.get("Colonnade-Errors"))
    return "ok", reply.text.split('"columns":', 1)[1].split(',"execution":', 1)[0]


def agree(send, executors=EXECUTORS):
    """Sends a request on all executors in all modes with all cuts; returns the one answer."""
    answers = {}
    for executor in executors:
        for mode in MODES:
            for cut in CUTS:
                options = {"executor": executor, "mode": mode, **cut}
                answers.setdefault(answer(send(options)), []).append(options)
    assert len(answers) == 1, answers
    return next(iter(answers))


@pytest.mark.parametrize("lets, code", LETS)
@pytest.mark.parametrize("on_error", ["fail", "null"])
def test_csv(server, lets, code, on_error):
    text = table(str(lets), 333)
    base = {"let": lets, "on_error": on_error}
    want = code if on_error == "fail" else "ok"
    found, _ = agree(lambda options: server.post_csv(text, {**base, **options}), EXECUTORS[1:])
    assert found == want
    found, _ = agree(lambda options: server.post_csv(text, {**base, **options},
                                                     headers={"Accept": "application/json"}), ["threads"])
    assert found == want


@pytest.mark.parametrize("lets, code", [(["r=(a-n)/(n+a)**2", "k=md5(a,n,s)", "u=s+'-'"], "ok"),
                                        (["k=md5(*)", "d=1//n"], "division_by_zero"),
                                        (["k=md5(a,over='table',null=None)", "n=n*2"], "ok")])
@pytest.mark.parametrize("on_error", ["fail", "null"])
def test_json(server, lets, code, on_error):
    draw = random.Random(5)
    columns = {"a": [draw.choice([1.5, -0.0, None, 1e300]) for _ in range(250)],
               "n": [draw.choice([1, -7, None, 0]) for _ in range(250)],
               "s": [draw.choice(["x", "", None, "é\n", "\u0000"]) for _ in range(250)],
               "only nulls": [None] * 250, "p": [draw.choice([True, False, None]) for _ in range(250)]}
    body = {"columns": columns, "let": lets, "on_error": on_error, "select": "all"}
    found, _ = agree(lambda options: server.post_json({**body, **options}))
    assert found == (code if on_error == "fail" else "ok")


def test_generated(server):
    body = {"generate": {"rows": 3000, "columns": ["a", "b", "c", "d"], "seed": 3},
            "let": ["r=(a-b)/(c+d)**2", "k=md5(a,b)"], "select": "all"}
    assert agree(lambda options: server.post_json({**body, **options}))[0] == "ok"


def test_types_that_widen_late(server):
    """A column that no expression reads widens in the last row; records hold it all the same."""
    text = "a,b\n" + "1,2\n" * 500 + "2.5,x\n"
    code, found = agree(lambda options: server.post_csv(text, {"let": "k=md5(a)", **options}))
    assert code == "ok" and "\n2.5,x," + hashlib.md5(b"2.5").hexdigest() in found
    assert "\n1,2," + hashlib.md5(b"1.0").hexdigest() in found


def test_names_that_are_not_unique(server):
    text = "a,,a,,b\n1,x,2.50,y,3\n4,,5,z,6\n"
    code, found = agree(lambda options: server.post_csv(text, {"let": ["k=md5(*)", "c=b+1"], **options}))
    assert code == "ok" and f"1,x,2.50,y,3,{hashlib.md5(b'1_x_2.5_y_3').hexdigest()},4\n" in found
    for mode in MODES:
        assert server.post_csv(text, {"let": "k=md5(a)", "mode": mode}).code == "duplicate_name"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [{}, {"select": "all"}, {"limit": 0, "let": "r=a"}, {"select": "a"}])
def test_nothing_to_compute(server, mode, options):
    for text in ("a,b\n", "a,b\n1,2\n3,4\n"):
        want = server.post_csv(text, options)
        assert want.status == 200 and server.post_csv(text, {**options, "mode": mode}).body == want.body


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("executor", EXECUTORS)
def test_the_reply_names_the_mode(server, mode, executor):
    document = server.lets({"k": "md5(a)", "r": "a*2"}, {"a": list(range(4000))}, mode=mode, executor=executor,
                           chunk_rows=1000).json()
    assert document["execution"]["mode"] == mode and document["execution"]["executor"] == executor
    for worker in document["timing"]["workers"]:
        assert sum(worker["stages"].values()) == worker["wall_ns"]
        assert min(worker["stages"].values()) >= 0
        assert worker["stages"]["evaluate"] > 0 and worker["stages"]["hash"] > 0


def test_auto_knows_what_a_mode_costs(server):
    """The estimate of a row grows from vector to tuple to row, and auto never takes gil."""
    costs = []
    for mode in MODES:
        execution = server.lets("a+b", {"a": [1.5] * 20, "b": [2.5] * 20}, mode=mode).json()["execution"]
        assert execution["executor"] in ("serial", "threads")
        costs.append(float(execution["reason"].split(" rows of ")[1].split(" ")[0]))
    assert costs == sorted(set(costs)), costs


def test_a_row_costs_what_it_is(server):
    """Vector, tuple, row: each is dearer than the one before, for arithmetic."""
    body = {"generate": {"rows": 60_000, "columns": ["a", "b", "c", "d"], "seed": 1}, "let": {"r": "(a-b)/(c+d)**2"},
            "limit": 1, "executor": "serial"}

    def evaluate(mode):
        found = []
        for _ in range(3):
            workers = server.post_json({**body, "mode": mode}).json()["timing"]["workers"]
            found.append(sum(worker["stages"]["evaluate"] for worker in workers))
        return min(found)

    vector, row_by_row, records = map(evaluate, MODES)
    assert vector * 2 < row_by_row < records, (vector, row_by_row, records)


@pytest.mark.parametrize("mode, let", [("tuple", "(a-1)/(a+1)**2"), ("row", "a*2"), ("vector", "md5(a)"),
                                       ("tuple", "md5(a)")])
def test_one_lock_under_gil(server, mode, let):
    """Two workers that hold the lock while they compute do not overlap: together they take no longer than the clock."""
    body = {"columns": {"a": list(range(40_000))}, "let": {"r": let}, "limit": 1, "executor": "gil", "workers": 2,
            "mode": mode, "chunk_rows": 2000}
    timing = server.post_json(body).json()["timing"]
    execute = next(entry["ns"] for entry in timing["ledger"] if entry["stage"] == "execute")
    held = 0
    for worker in timing["workers"]:
        assert sum(worker["stages"].values()) == worker["wall_ns"]
        held += sum(worker["stages"].get(stage, 0) for stage in ("parse", "evaluate", "hash", "encode"))
    assert 0 < held <= execute * 1.05


def test_waiting_for_the_lock_is_a_stage(server):
    """Two workers at it for long enough meet, sooner or later."""
    body = {"generate": {"rows": 200_000, "columns": ["a", "b"], "seed": 1}, "let": {"k": "md5(a, b)"}, "limit": 1,
            "executor": "gil", "workers": 2, "mode": "tuple", "chunk_rows": 40_000}
    for _ in range(20):
        workers = server.post_json(body).json()["timing"]["workers"]
        assert all(sum(worker["stages"].values()) == worker["wall_ns"] for worker in workers)
        if sum(worker["stages"].get("lock", 0) for worker in workers) > 0:
            return
    raise AssertionError("nobody ever waited for the lock")


def test_numbers_wait_for_no_lock(server):
    """Arithmetic in vector mode gives the lock up and gives the same bytes; other executors know no lock."""
    body = {"columns": {"a": list(range(40_000))}, "let": {"r": "sin(a)**0.3"}, "workers": 2, "chunk_rows": 2000}
    want = answer(server.post_json({**body, "executor": "serial"}))
    for executor in EXECUTORS:
        reply = server.post_json({**body, "executor": executor})
        assert answer(reply) == want
        if executor != "gil":
            assert not any(worker["stages"].get("lock") for worker in reply.json()["timing"]["workers"])


@pytest.mark.parametrize("mode", ["tuple", "row"])
def test_deadlines_reach_into_calls(server, mode):
    body = {"generate": {"rows": 3_000_000, "columns": ["a", "b"], "seed": 1}, "let": {"k": "sha512(a,b)"}, "limit": 0,
            "mode": mode, "timeout_ms": 150, "chunk_rows": 3_000_000, "executor": "threads"}
    assert server.post_json(body).code == "deadline_exceeded"
