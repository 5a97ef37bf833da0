"""Types are those of the whole column, wherever the text was cut; so are the errors."""
import hashlib

import pytest

ROWS = 1500
PLACES = {"first": 0, "middle": ROWS // 2 + 3, "last": ROWS - 1}
CUTS = [("serial", 1), ("serial", 2), ("serial", 7), ("serial", 1000), ("serial", None),
        ("threads", 1), ("threads", 2), ("threads", 7), ("threads", 1000), ("threads", None),
        ("processes", 2), ("processes", 7), ("processes", 1000), ("processes", None)]
ODD = {"a float": "2.5", "a text": "n/a", "a null": "", "an empty string": '""', "a zip": "02134",
       "a big int": "9223372036854775808", "an exponent": "1e3", "nan": "nan", "a sign": "+7",
       "a bool": "True", "a quoted int": '"17"', "a space": " 5 "}
BAD = {"a short row": "1", "a long row": "1,2,3", "a stray quote": '1,x"', "an encoding": b"1,\xff",
       "a NUL": b"1,\0", "text behind a quote": '1,"x"y', "a bare CR": "1,\r2"}


def table(odd, place):
    rows = [f"{k},{k % 10}" for k in range(ROWS)]
    rows[PLACES[place]] = f"{PLACES[place]},{odd}"
    return ("id,v\n" + "\n".join(rows) + "\n").encode()


def options(executor, chunk_rows, *lets):
    found = {"let": list(lets), "executor": executor}
    if chunk_rows:
        found["chunk_rows"] = chunk_rows
    return found


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("odd", list(ODD))
def test_one_odd_cell_gives_the_same_types_and_bytes(server, odd, place):
    data = table(ODD[odd], place)
    seen = {}
    for executor, chunk_rows in CUTS:
        reply = server.post_csv(data, options(executor, chunk_rows, "k=md5(v)", "m=v == v"))
        assert reply.status == 200, (executor, chunk_rows, reply)
        seen.setdefault((reply.headers["Colonnade-Types"], reply.body), []).append((executor, chunk_rows))
    assert len(seen) == 1, [(kind[0], cuts) for kind, cuts in seen.items()]
    kind = next(iter(seen))[0].split("v:")[1]
    want = {"a float": "float64", "a null": "int64", "an exponent": "float64", "nan": "float64",
            "a quoted int": "int64", "a space": "int64"}.get(odd, "string")
    assert kind == want
    # a row that is not the odd one is hashed as the settled type says
    other = 4 if place != "first" else 14
    body = next(iter(seen))[1].decode().split("\n")
    text = "4.0" if want == "float64" else "4"
    assert body[1 + other].split(",")[2] == hashlib.md5(text.encode()).hexdigest()


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("odd", ["a float", "a text", "a bool", "a zip"])
def test_arithmetic_on_an_odd_column(server, odd, place):
    """A type error if the column became text, floats if it became float, at every cut."""
    data = table(ODD[odd], place)
    seen = set()
    for executor, chunk_rows in CUTS:
        reply = server.post_csv(data, options(executor, chunk_rows, "r=v + 1"))
        if odd == "a float":
            assert reply.status == 200, reply
            seen.add(reply.body)
        else:
            problem = reply.problem
            assert (problem["code"], problem["column"]) == ("type_error", "v"), problem
            # a bool and then an int: the int is what made the column text
            line, value = (3, "1") if (odd, place) == ("a bool", "first") else (PLACES[place] + 2, ODD[odd])
            assert (problem["line"], problem["value"]) == (line, value), (executor, chunk_rows, problem)
            seen.add(problem["detail"])
    assert len(seen) == 1


@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("bad", list(BAD))
def test_one_bad_row_gives_the_same_error(server, bad, place):
    rows = [f"{k},{k % 10}".encode() for k in range(ROWS)]
    rows[PLACES[place]] = BAD[bad] if isinstance(BAD[bad], bytes) else BAD[bad].encode()
    data = b"id,v\n" + b"\n".join(rows) + b"\n"
    seen = set()
    for executor, chunk_rows in CUTS:
        problem = server.post_csv(data, options(executor, chunk_rows, "k=md5(v)")).problem
        assert problem["code"] == "invalid_csv", problem
        seen.add((problem["line"], problem["detail"]))
    assert len(seen) == 1 and next(iter(seen))[0] == PLACES[place] + 2, seen


def test_errors_of_the_body_come_before_errors_of_computing(server):
    """A division by zero in the first row, a broken last row: the broken row is reported."""
    data = ("a,b\n1,0\n" + "1,1\n" * 3000 + "1\n").encode()
    for executor, chunk_rows in CUTS:
        problem = server.post_csv(data, options(executor, chunk_rows, "r=a // b")).problem
        assert (problem["code"], problem["line"]) == ("invalid_csv", 3003), problem


def test_a_provisional_failure_goes_when_the_type_widens(server):
    """Int division by zero in the first rows is IEEE once a last float makes the column float."""
    data = ("a,b\n1,0\n" + "1,1\n" * 2000 + "1,0.5\n").encode()
    bodies = set()
    for executor, chunk_rows in CUTS:
        reply = server.post_csv(data, options(executor, chunk_rows, "r=a // b"))
        assert reply.status == 200, (executor, chunk_rows, reply)
        bodies.add(reply.body)
    assert len(bodies) == 1
    lines = bodies.pop().decode().split("\n")
    assert lines[1] == "1,0,inf" and lines[2002] == "1,0.5,2.0"


def test_the_lowest_failing_row_wins_at_every_cut(server):
    rows = ["1,1"] * 2000
    rows[700] = rows[1300] = rows[1999] = "1,0"
    data = ("a,b\n" + "\n".join(rows) + "\n").encode()
    for executor, chunk_rows in CUTS:
        problem = server.post_csv(data, options(executor, chunk_rows, "s=1 // (b + 1)", "r=a // b")).problem
        assert (problem["code"], problem["row"], problem["column"]) == ("division_by_zero", 700, "r")


def test_quotes_and_line_ends_across_every_cut(server):
    """Fields with line ends and doubled quotes, at every small chunk size."""
    rows = [f'{k},"a ""{k}""\n\nb, c",{"" if k % 3 else k / 2}' for k in range(400)]
    data = ("id,t,v\r\n" + "\r\n".join(rows)).encode()
    bodies = set()
    for executor in ("serial", "threads", "processes"):
        for chunk_rows in (1, 2, 3, 5, 64, 399, 400, 401, None):
            if executor == "processes" and chunk_rows == 1:
                continue
            reply = server.post_csv(data, options(executor, chunk_rows, "k=md5(*)", "n=length(t)"))
            assert reply.status == 200, reply
            bodies.add(reply.body)
    assert len(bodies) == 1
