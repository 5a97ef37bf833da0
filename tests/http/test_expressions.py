"""Expressions against the oracle: operators, functions, types, nulls and edge values."""
import math
import random
import struct

import pytest

import generator
import oracle
import precise

ROWS = generator.table(72, seed=7)
HEADERS = {"Accept": "application/json"}
COUNT = {"int64": 130, "float64": 150, "bool": 110, "string": 80}


def ask(server, lets, rows=ROWS, **options):
    """The reply to (name, expression) pairs on a table, as a form."""
    parts = [("let", f"{name}={text}") for name, text in lets]
    parts += [("types", generator.DECLARED), ("select", "computed")]
    parts += list(options.items())
    parts.append(("data", generator.csv_text(rows).encode(), "table.csv", "text/csv"))
    return server.post_form(parts, headers=HEADERS)


def expected(text, rows=ROWS, wrap=False):
    """(type, values, number of failed rows, first failure) by the oracle."""
    expression = oracle.Expression(text, generator.TYPES, wrap)
    values, failures = [], []
    for number, row in enumerate(rows):
        try:
            value = expression.value(row)
            if not isinstance(value, precise.Near):
                value = expression.cast(value, expression.type)
            values.append(value)
        except oracle.Failure as failure:
            values.append(None)
            failures.append((number, failure.code))
    return expression.type, values, failures


def decode(value, kind):
    if kind == "float64" and isinstance(value, str):
        return {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}[value]
    return value


def agree(want, got, kind):
    if want is None or got is None:
        return want is got
    got = decode(got, kind)
    if isinstance(want, precise.Near):
        return isinstance(got, float) and want.accepts(got)
    if type(want) is not type(got):
        return False
    return precise.same_bits(want, got) if isinstance(want, float) else want == got


def differences(text, reply, name, wrap=False, rows=ROWS):
    kind, values, failures = expected(text, rows, wrap)
    document = reply.json()
    found = []
    if kind != "null" and document["types"][name] != kind:
        found.append(f"{text}: type {document['types'][name]}, not {kind}")
    for number, (want, got) in enumerate(zip(values, document["columns"][name])):
        if not agree(want, got, kind):
            found.append(f"{text}: row {number} {rows[number]}: {got!r}, not {want!r}")
    if len(document["columns"][name]) != len(rows):
        found.append(f"{text}: {len(document['columns'][name])} rows")
    if document["errors"][name] != len(failures):
        found.append(f"{text}: {document['errors'][name]} errors, not {len(failures)}")
    return found


def generated(kind):
    make = generator.Generator(seed=hash_of(kind))
    texts = []
    while len(texts) < COUNT[kind]:
        text = make.expression(kind, depth=1 + len(texts) % 4)
        if text not in texts and len(text) < 1500:
            texts.append(text)
    return texts


def hash_of(kind):
    return sum(kind.encode()) + 20261122


@pytest.mark.parametrize("executor", ["serial", "processes"])
@pytest.mark.parametrize("kind", list(COUNT))
def test_generated_expressions_equal_the_oracle(server, kind, executor):
    texts = generated(kind)
    problems = []
    for start in range(0, len(texts), 20):
        batch = [(f"r{start + k}", text) for k, text in enumerate(texts[start:start + 20])]
        wrap = (start // 20) % 2 == 1
        reply = ask(server, batch, on_error="null", nan="string", executor=executor,
                    chunk_rows=50, overflow="wrap" if wrap else "error")
        assert reply.status == 200, (batch, reply)
        for name, text in batch:
            problems += differences(text, reply, name, wrap)
    assert not problems, f"{len(problems)} differences:\n" + "\n".join(problems[:40])


def test_the_first_failing_row_is_reported(server):
    """on_error=fail: the status, the row and the column of expressions that fail somewhere."""
    checked = 0
    for kind in COUNT:
        for text in generated(kind):
            failures = expected(text)[2]
            if not failures or checked % 3 and len(text) > 60:
                continue
            reply = ask(server, [("r", text)])
            assert reply.status == 422, (text, reply)
            problem = reply.problem
            assert problem["row"] == failures[0][0], (text, problem, failures[:3])
            assert problem["column"] == "r" and problem["expression"] == text, (text, problem)
            assert 0 <= problem["position"] < len(text.encode()), problem
            assert problem["code"] in ("integer_overflow", "integer_out_of_range",
                                       "division_by_zero", "invalid_value"), (text, problem)
            checked += 1
    assert checked > 40


@pytest.mark.parametrize("expression, code, row", [
    ("i + j", "integer_overflow", None), ("i * j", "integer_overflow", None),
    ("-i", "integer_overflow", None), ("abs(i)", "integer_overflow", None),
    ("i ** 2", "integer_overflow", None), ("i // j", "division_by_zero", None),
    ("i % j", "division_by_zero", None), ("mod(i, j)", "division_by_zero", None),
    ("i << j", "integer_out_of_range", None), ("1 >> 64", "integer_out_of_range", 0),
    ("1 << -1", "integer_out_of_range", 0), ("int(x)", "integer_out_of_range", None),
    ("float('abc')", "invalid_value", 0), ("int('x1')", "invalid_value", 0),
    ("1 // 0", "division_by_zero", 0), ("9223372036854775807 + 1", "integer_overflow", 0),
    ("int('99999999999999999999')", "integer_out_of_range", 0),
    ("(-9223372036854775808) // -1", "integer_overflow", 0)])
def test_codes_of_failing_rows(server, expression, code, row):
    reply = ask(server, [("r", expression)])
    assert reply.status == 422 and reply.problem["code"] == code, reply
    first = row if row is not None else expected(expression)[2][0][0]
    assert reply.problem["row"] == first


def test_of_several_failing_lets_the_lowest_row_wins_then_the_first_let(server):
    columns = {"a": [1, 2, 0, 0], "b": [1, 0, 1, 1]}
    for chunk_rows in (1, 2, 100):
        late = server.lets({"late": "1 // a", "early": "1 // b"}, columns, chunk_rows=chunk_rows)
        assert (late.problem["row"], late.problem["column"]) == (1, "early"), late
        same = server.lets({"two": "1 // a", "one": "2 // a"}, columns, chunk_rows=chunk_rows)
        assert (same.problem["row"], same.problem["column"]) == (2, "two"), same


@pytest.mark.parametrize("name", sorted(precise.FUNCTIONS))
def test_functions_are_within_a_unit_and_a_half(server, name):
    """Random arguments of every magnitude, and the edges."""
    draw = random.Random(name)
    values = [v for v in generator.FLOATS if v is not None]
    values += [draw.uniform(-1, 1) for _ in range(150)] + [draw.uniform(-750, 750) for _ in range(150)]
    values += [draw.choice([1, -1]) * 10.0 ** draw.uniform(-300, 300) for _ in range(150)]
    values += [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(50)]
    rows = [dict(dict.fromkeys(generator.TYPES), x=v, y=draw.choice(values)) for v in values]
    text = {"pow": "x ** y"}.get(name, f"{name}(x, y)" if name in precise.BINARY else f"{name}(x)")
    reply = ask(server, [("r", text)], rows, nan="string")
    assert reply.status == 200, reply
    problems = differences(text, reply, "r", rows=rows)
    assert not problems, f"{len(problems)} of {len(rows)}:\n" + "\n".join(problems[:15])


@pytest.mark.parametrize("name", sorted(precise.FUNCTIONS))
def test_functions_of_compound_arguments(server, name):
    make = generator.Generator(seed=len(name) * 1000 + 3)
    lets = []
    for number in range(3):
        arguments = [make.expression(kind, 2) for kind in ("float64", "int64")]
        text = f"{name}({', '.join(arguments if name in precise.BINARY else arguments[:1])})"
        lets.append((f"r{number}", text if name != "pow" else f"({arguments[0]}) ** ({arguments[1]})"))
    lets = [(key, text) for key, text in lets if name != "pow" or
            oracle.literal_number(oracle.Expression(text, generator.TYPES).tree.right) is None]
    reply = ask(server, lets or [("r", "x ** y")], on_error="null", nan="string")
    assert reply.status == 200, reply
    problems = [d for key, text in lets for d in differences(text, reply, key)]
    assert not problems, "\n".join(problems[:15])


@pytest.mark.parametrize("digits", [-3, -1, 0, 1, 2, 3, 5, 10, 15, 17, 300, 330])
def test_round_is_pythons(server, digits):
    draw = random.Random(digits)
    values = [2.675, 0.5, 1.5, 2.5, -0.5, 1.005, 1e16, 5e-324, 1.7976931348623157e308, 0.125]
    values += [draw.uniform(-1000, 1000) for _ in range(300)]
    values += [round(draw.uniform(-100, 100), 2) + 0.005 for _ in range(300)]
    values += [draw.randint(-10**6, 10**6) / 1000 for _ in range(300)]
    values += [struct.unpack("<d", draw.randbytes(8))[0] for _ in range(100)]
    values = [v for v in values if math.isfinite(v)]
    got = server.value(f"round(a, {digits})", {"a": values}, nan="string")
    for value, one in zip(values, got):
        try:
            want = round(value, digits)
        except OverflowError:
            continue
        assert precise.same_bits(want, float(one)), (value, digits, one, want)


def test_an_all_null_column_fits_anywhere(server):
    columns = {"n": [None, None], "a": [1, 2], "s": ["x", "y"], "p": [True, False]}
    for text in ["n + a", "n + s", "n * 2.5", "n and True", "a if n else 1", "sin(n)", "-n",
                 "length(n)", "lower(n)", "n < a", "n == s", "n // a", "a << n", "round(n, 2)"]:
        assert server.value(text, columns) == [None, None], text
    assert server.value("n or True", columns) == [True, True]
    assert server.value("n and False", columns) == [False, False]
    assert server.value("coalesce(n, s)", columns) == ["x", "y"]
    assert server.value("is_null(n)", columns) == [True, True]


def test_a_failure_that_is_not_chosen_is_none(server):
    columns = {"a": [0, 2, None]}
    for text, want in [("1 // a if a != 0 else -1", [-1, 0, None]),
                       ("where(a == 0, -1, 1 // a)", [-1, 0, None]),
                       ("a != 0 and 4 // a == 2", [False, True, None]),
                       ("a == 0 or 4 // a == 2", [True, True, None])]:
        assert server.value(text, columns) == want, text
    assert server.value("coalesce(a, 1 // a)", {"a": [0, 2]}) == [0, 2]


def test_the_same_bits_whatever_the_cpu(launch):
    """Every function with glibc's and the service's own choices of instructions taken away."""
    draw = random.Random(3)
    values = [draw.gauss(0, 1) * 10.0 ** draw.randint(-5, 5) for _ in range(5000)]
    lets = {f"r{k}": f"{name}(a)" for k, name in enumerate(precise.UNARY)}
    lets.update({"h": "hypot(a, 1.5)", "t": "arctan2(a, 2.5)", "p": "abs(a) ** 1.7", "s": "sqrt(abs(a))"})
    frame = {"rows": 5000, "columns": ["u", "v"], "distribution": "normal", "seed": 5}
    seen = set()
    for env in ({}, {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F"}, {"COLONNADE_CPU": "scalar"}):
        running = launch(env=env)
        body = running.lets(lets, {"a": values}, nan="string").body
        normals = running.post_json({"generate": frame, "select": "all"}).body
        seen.add(b"".join(t[t.index(b'"columns"'):t.index(b'"types"')] for t in (body, normals)))
    assert len(seen) == 1
