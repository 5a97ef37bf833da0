"""JSON in and out; JSONTestSuite and the naughty strings."""
import json
import math
import struct

import pytest

COLUMNS = {"a": [1.5, 2, None], "name": ["x", "y", "z"]}
EXECUTORS = ["serial", "threads", "processes"]


def back(server, columns, **options):
    """The columns as the service gives them back."""
    reply = server.post_json({"columns": columns, "select": "all", **options})
    assert reply.status == 200, reply
    return reply.columns


def test_the_shape_of_a_reply(server):
    reply = server.post_json({"columns": {"a": [3.0, 1.0], "b": [1.0, 1.0]},
                              "let": {"res1": "(a-b)/(a+b)**2", "key": "md5(a,b)"}})
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8" or \
        reply.headers["Content-Type"].startswith("application/json")
    document = reply.json()
    assert list(document) == ["run", "rows", "columns", "types", "input_types", "recipe", "errors",
                              "execution", "timing"]
    assert document["run"] == reply.headers["Colonnade-Run"] and document["rows"] == 2
    assert document["columns"]["res1"] == [2 / 16, 0.0]
    assert document["types"] == {"res1": "float64", "key": "string"}
    assert document["input_types"] == {"a": "float64", "b": "float64"}
    assert document["recipe"] == ["res1 = (a - b) / (a + b) ** 2", "key = md5(a, b)"]
    assert document["errors"] == {"res1": 0, "key": 0}
    execution = document["execution"]
    assert execution["executor"] in EXECUTORS and execution["mode"] == "vector"
    assert execution["workers"] >= 1 and execution["chunks"] >= 1 and execution["chunk_rows"] >= 1
    assert execution["reason"]


def test_exact_in_both_directions(server):
    ints = [0, -1, 9223372036854775807, -9223372036854775808, 9007199254740993]
    floats = [0.1, -0.0, 5e-324, 1.7976931348623157e308, 1e16, 1e-05, 123456789.123456789]
    got = back(server, {"i": ints + [None] * 2, "x": floats})
    assert got["i"] == ints + [None] * 2
    assert [struct.pack("<d", v) for v in got["x"]] == [struct.pack("<d", v) for v in floats]
    reply = server.post_json({"columns": {"x": [0.1, 100.0, 1e22]}, "select": "all"})
    assert b"[0.1,100.0,1e+22]" in reply.body.replace(b" ", b"")


def test_types_of_arrays(server):
    columns = {"i": [1, 2], "f": [1, 2.0], "e": [1, 1e3], "b": [True, None], "s": [None, "x"],
               "n": [None, None]}
    reply = server.post_json({"columns": columns, "select": "all"})
    assert reply.json()["input_types"] == {"i": "int64", "f": "float64", "e": "float64",
                                           "b": "bool", "s": "string", "n": "null"}
    assert reply.columns == columns
    assert all(isinstance(v, float) for v in reply.columns["f"])
    empty = server.post_json({"columns": {"a": [], "b": []}, "let": {"r": "a"}})
    assert empty.json()["rows"] == 0 and empty.columns == {"r": []}


def test_strings_come_back(server):
    strings = ["", "\"", "\\", "/", "\b\f\n\r\t", "\x01\x1f\x7f", "é", "日本", "😀", "\u2028\ufeff",
               "\u0000", "a\u0000b", "\U0010ffff"]
    assert back(server, {"s": strings})["s"] == strings
    escaped = json.dumps({"columns": {"s": strings}, "select": "all"}, ensure_ascii=False)
    assert server.post_json(escaped).columns["s"] == strings
    lengths = server.value("length(s)", {"s": strings})
    assert lengths == [len(s) for s in strings]


def test_a_nul_is_data_in_json_but_not_in_csv(server):
    reply = server.post_json({"columns": {"s": ["a\0"]}, "select": "all"}, headers={"Accept": "text/csv"})
    assert reply.status == 422 and reply.problem["row"] == 0, reply
    name = server.post_json({"columns": {"a\0b": [1]}, "select": "all"})
    assert name.status == 422, name


def test_nan_option(server):
    columns = {"a": [1.0, 0.0, -1.0]}
    lets = {"r": "a / 0"}
    assert server.lets(lets, columns).columns["r"] == [None, None, None]
    assert server.lets(lets, columns, nan="string").columns["r"] == ["Infinity", "NaN", "-Infinity"]
    refused = server.lets({"fine": "a + 1", "r": "1 / a"}, columns, nan="error")
    assert refused.status == 422 and refused.problem["code"] == "not_finite", refused
    assert (refused.problem["row"], refused.problem["column"]) == (1, "r")
    csv = server.post_json({"columns": columns, "let": lets, "nan": "error"},
                           headers={"Accept": "text/csv"})
    assert csv.status in (200, 422)


@pytest.mark.parametrize("columns, code, column, row", [
    ('{"a": [1, "x"]}', "mixed_types", "a", 1), ('{"a": ["x", 1]}', "mixed_types", "a", 1),
    ('{"a": [1, true]}', "mixed_types", "a", 1), ('{"a": [true, 1.5]}', "mixed_types", "a", 1),
    ('{"a": [null, 1, [2]]}', "mixed_types", "a", 2), ('{"a": [1, {"x": 1}]}', "mixed_types", "a", 1),
    ('{"a": [1, 2], "b": [1]}', "ragged_columns", None, None),
    ('{"a": [1], "b": [1], "c": []}', "ragged_columns", None, None),
    ('{"a": [1, 9223372036854775808]}', "integer_out_of_range", "a", 1),
    ('{"a": [-9223372036854775809]}', "integer_out_of_range", "a", 0),
    ('{"a": [1.5, 9223372036854775808]}', "integer_out_of_range", "a", 1),
    ('{"a": [1e400]}', "not_finite", "a", 0), ('{"a": [1, -1e309]}', "not_finite", "a", 1),
    ('{"a": [1], "a": [2]}', "duplicate_name", "a", None)])
def test_faults_of_columns(server, columns, code, column, row):
    reply = server.post_json(f'{{"columns": {columns}, "let": {{"r": "1"}}}}')
    assert reply.status == 422 and reply.problem["code"] == code, reply
    if column:
        assert reply.problem["column"] == column
    if row is not None:
        assert reply.problem["row"] == row


@pytest.mark.parametrize("body, codes", [
    ("", "invalid_json"), ("{", "invalid_json"), ('{"columns": {"a": [1,]}}', "invalid_json"),
    ('{"columns": {"a": [1]}} x', "invalid_json"), ('{"columns": {"a": [01]}}', "invalid_json"),
    ('{"columns": {"a": [NaN]}}', "invalid_json"), ('{"columns": {"a": [1]}}\0', "invalid_json"),
    ('{"columns": {"a": [1\0]}}', "invalid_json"), ("{'columns': 1}", "invalid_json"),
    ('{"columns": {"a": ["\t"]}}', "invalid_json"), ('{"columns": {"a": ["\\ud800"]}}',
                                                    "invalid_json invalid_encoding"),
    ("[1]", "invalid_json invalid_parameter"), ("42", "invalid_json invalid_parameter"),
    ("{}", "invalid_parameter"), ('{"let": {"r": "1"}}', "invalid_parameter"),
    ('{"columns": []}', "invalid_parameter"), ('{"columns": {"a": 1}}', "invalid_parameter mixed_types"),
    ('{"columns": {"a": [1]}, "generate": {"rows": 1, "columns": ["a"]}}', "invalid_parameter"),
    ('{"columns": {"a": [1]}, "nosuch": 1}', "unknown_parameter"),
    ('{"columns": {"a": [1]}, "limit": "5"}', "invalid_parameter"),
    ('{"columns": {"a": [1]}, "limit": 1.5}', "invalid_parameter"),
    ('{"columns": {"a": [1]}, "limit": 1, "limit": 2}', "invalid_parameter duplicate_name invalid_json"),
    ('{"columns": {"a": [1]}, "columns": {"a": [1]}}', "invalid_parameter duplicate_name invalid_json"),
    ('{"columns": {"a": [1]}, "let": {"r": "1", "r": "2"}}', "duplicate_name"),
    ('{"columns": {"a": [1]}, "let": {"r": 1}}', "invalid_parameter"),
    ('{"columns": {"a": [1]}, "let": ["r"]}', "invalid_parameter"),
    ('{"columns": {"a": [1]}, "select": 5}', "invalid_parameter")])
def test_faults_of_documents(server, body, codes):
    for sent in (body, body.replace(" ", "\n")):
        reply = server.post_json(sent)
        assert reply.status in (400, 422) and reply.problem["code"] in codes.split(), (sent, reply)


def test_invalid_encoding(server):
    for cell in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80"):
        reply = server.post_json(b'{"columns": {"a": ["' + cell + b'"]}, "select": "all"}')
        assert reply.status == 400 and reply.problem["code"] in ("invalid_encoding", "invalid_json"), reply


def test_options_as_json_members(server):
    document = {"columns": {"a": [1, 2, 3], "b": [4, 5, 6]}, "let": ["r=a+b", "s = r * 2"],
                "select": ["s", "a"], "rename": {"s": "double"}, "limit": 2, "executor": "serial",
                "workers": 1, "chunk_rows": 1, "mode": "vector", "repeat": 1, "overflow": "wrap",
                "on_error": "null", "nan": "string", "timeout_ms": 60000}
    reply = server.post_json(document)
    assert reply.status == 200, reply
    assert list(reply.columns) == ["double", "a"]
    assert reply.columns == {"double": [10, 14], "a": [1, 2]}
    typed = server.post_json({"columns": {"a": [1], "s": ["NA"]}, "types": {"a": "float64"},
                              "nulls": ["NA"], "let": {"r": "a", "n": "is_null(s)"}})
    assert typed.status == 200 and typed.columns["r"] == [1.0], typed
    assert isinstance(typed.columns["r"][0], float)


GENERATE = {"rows": 5000, "columns": ["a", "b"], "distribution": "normal", "seed": 42}


def test_generate_is_reproducible(server):
    document = {"generate": GENERATE, "let": {"r": "a - b", "k": "md5(a, b)"}, "select": "all"}
    first = server.post_json(document).columns
    for executor in EXECUTORS:
        for chunk_rows in (7, 999, 5000):
            again = server.post_json({**document, "executor": executor, "chunk_rows": chunk_rows})
            assert again.columns == first, (executor, chunk_rows)
    other = server.post_json({**document, "generate": {**GENERATE, "seed": 43}}).columns
    assert other["a"] != first["a"] and first["a"] != first["b"]
    shorter = server.post_json({**document, "generate": {**GENERATE, "rows": 100}}).columns
    assert shorter["a"] == first["a"][:100]


def test_generate_distributions(server):
    frame = {**GENERATE, "rows": 50_000}
    normal = server.post_json({"generate": frame, "select": "all"}).columns["a"]
    mean = math.fsum(normal) / len(normal)
    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in normal) / len(normal))
    assert abs(mean) < 0.03 and abs(deviation - 1) < 0.03
    inside = sum(abs(v) < 1 for v in normal) / len(normal)
    assert abs(inside - 0.6827) < 0.02
    uniform = server.post_json({"generate": {**frame, "distribution": "uniform"}, "select": "all"}).columns["b"]
    assert 0 <= min(uniform) and max(uniform) < 1 and abs(math.fsum(uniform) / len(uniform) - 0.5) < 0.02
    for bad in ({"rows": -1}, {"rows": "5"}, {"distribution": "cauchy"}, {"columns": []},
                {"columns": ["a", "a"]}, {"nosuch": 1}, {"seed": "x"}, {"columns": "a"}):
        reply = server.post_json({"generate": {**GENERATE, **bad}, "let": {"r": "1"}})
        assert reply.status in (400, 422), (bad, reply)


def suite(corpora):
    return sorted((corpora / "JSONTestSuite" / "test_parsing").glob("*.json"))


def test_json_test_suite_raw(server, corpora):
    """As whole bodies: y_ is never invalid_json, n_ always is refused."""
    wrong = []
    for path in suite(corpora):
        reply = server.post_json(path.read_bytes())
        code = reply.code
        kind = path.name[0]
        if reply.status >= 500 or kind == "n" and reply.status not in (400, 422) or \
                kind == "y" and code in ("invalid_json", "invalid_encoding"):
            wrong.append((path.name, reply.status, code))
        if kind == "n" and code not in ("invalid_json", "invalid_encoding", "limit_exceeded"):
            wrong.append((path.name, reply.status, code))
    assert not wrong


def test_json_test_suite_embedded(server, corpora):
    """As the value of a column, of an element, and of an option."""
    wrong = []
    for path in suite(corpora):
        content = path.read_bytes()
        for before, after in ((b'{"columns": {"a": ', b'}, "let": {"r": "1"}}'),
                              (b'{"columns": {"a": [', b']}, "let": {"r": "1"}}'),
                              (b'{"columns": {"a": [1]}, "let": ', b"}"),
                              (b'{"columns": {"a": [1]}, "nosuch": ', b"}")):
            reply = server.post_json(before + content + after)
            try:  # a text may become valid by what stands around it
                strict = json.loads((before + content + after).decode("utf-8"), parse_constant=int)
            except (ValueError, RecursionError):
                strict = None
            code, kind = reply.code, path.name[0]
            if reply.status >= 500 or kind == "y" and code in ("invalid_json", "invalid_encoding"):
                wrong.append((path.name, before, reply.status, code))
            if kind == "n" and strict is None and code not in \
                    ("invalid_json", "invalid_encoding", "limit_exceeded"):
                wrong.append((path.name, before, reply.status, code))
    assert not wrong


def naughty(corpora):
    return json.loads((corpora / "naughty-strings" / "blns.json").read_text())


def test_naughty_strings_as_cells(server, corpora):
    strings = naughty(corpora)
    got = back(server, {"s": strings})
    assert got["s"] == strings
    reply = server.post_json({"columns": {"s": strings}, "let": {"r": "lower(s) + trim(s) + substr(s, 1, 2)",
                                                               "k": "md5(s)"}})
    assert reply.status == 200, reply
    assert len(reply.columns["r"]) == len(strings)
    cells = [s for s in strings if "\0" not in s]
    text = "i,s\n" + "".join(f'{i},"{s}"\n' for i, s in enumerate(t.replace('"', '""') for t in cells))
    reply = server.post_csv(text.encode(), {"let": "u=s + ''"})
    assert reply.status == 200 and [row[2] for row in reply.rows()[1:]] == cells, reply


def test_naughty_strings_as_names_and_expressions(server, corpora):
    for string in naughty(corpora):
        name = server.post_json({"columns": {string: [1]}, "select": "all"})
        assert name.status in (200, 422), (string, name)
        if name.status == 200:
            assert name.columns == {string: [1]}
            quoted = "`" + string.replace("`", "``") + "` + 1"
            used = server.lets(quoted, {string: [1]})
            assert used.status == 200 and used.columns["r"] == [2], (string, used)
        for expression in (string, f"'{string}'", f"`{string}`", f"md5(a, {string})"):
            reply = server.lets(expression, {"a": [1]})
            assert reply.status in (200, 400, 422), (expression, reply)
            assert reply.code != "internal"
        let = server.post_json({"columns": {"a": [1]}, "let": {string: "a"}})
        assert let.status in (200, 400, 422), (string, let)


def test_naughty_strings_in_the_address(server, corpora):
    from urllib.parse import quote
    for string in naughty(corpora):
        run = server.get("/v1/runs/" + quote(string, safe=""))
        assert run.status in (200, 400, 404), (string, run)
        for target in ("/v1/compute?let=" + quote(string, safe=""),
                       "/v1/compute?" + quote(string, safe="") + "=1"):
            reply = server.request("POST", target, b"a\n1\n", {"Content-Type": "text/csv"})
            assert reply.status in (200, 400, 422), (string, reply)
