"""The expression language: precedence, literals, names, error positions, limits, /v1/check."""
import ast
import math

import pytest

import generator
import oracle
import precise

ONE = {"a": [7], "b": [3], "c": [2], "x": [2.5], "y": [-0.5], "p": [True], "q": [False],
       "s": ["hello"], "t": ["wörld"]}
TYPES = {"a": "int64", "b": "int64", "c": "int64", "x": "float64", "y": "float64", "p": "bool",
         "q": "bool", "s": "string", "t": "string"}
ROW = {name: values[0] for name, values in ONE.items()}

PRECEDENCE = [
    "a + b * c", "a - b - c", "a / b / c", "a * b // c", "a % b * c", "2 ** 3 ** 2", "-2 ** 2",
    "2 ** -1", "-a ** 2", "(-a) ** 2", "~a + 1", "-a * b", "- - a", "+-~a", "a << 1 + 1",
    "a + 1 << 2", "a & b | c", "a | b ^ c & 1", "a ^ b & c", "a >> 1 << 1", "a & b == c",
    "1 < 2 < 3", "3 > 2 > 2", "1 < 3 > 2", "a == 7 == 7", "not p and q", "not (p and q)",
    "p or q and q", "not a == b", "p and not q", "not not p", "a if p else b", "a if q else b if p else c",
    "1 if p else 2 + 10", "(1 if q else 2) + 10", "a if a < b else b", "a + b if p else c",
    "-x ** 2", "x ** 2 * 2", "2 * x ** 2", "x - -y", "a // -b", "-a // b", "-a % b", "a % -b",
    "x % y", "-x // y", "a < b or a > c", "a != b", "a & 3 << 1", "~p", "p & q | p", "p ^ p",
    "1_000 + 0x1F", "0xff", "2.5e-3 + .5", "5. + 1", "1E3", "1e+2", "1_0.2_5", "0", "0.0", "-0.0",
    "9223372036854775807", "-9223372036854775808", "s + 'x' + \"y\"", "s < t", "s == 'hello'",
    "'a' < 'b' < 'c'", "length(t)", "substr(t, 1, 1)", "upper(s)", "str(x) + str(a) + str(p)",
    "minimum(a, b) + maximum(a, b)", "((((a))))", "a+b", " ( a )  +\tb ", "a if(p)else b",
    "not(p)", "round(x)", "where(p, a, x)", "p + p", "True + True", "a == 7.0",
    "9007199254740993 == 9007199254740992.0", "9007199254740993 < 9007199254740993.0",
]


@pytest.mark.parametrize("text", PRECEDENCE)
def test_values_and_precedence_are_pythons(server, text):
    reply = server.lets(text, ONE, nan="string")
    assert reply.status == 200, reply
    expression = oracle.Expression(text.strip(), TYPES)
    want = expression.value(ROW)
    got = reply.columns["r"][0]
    if isinstance(want, precise.Near):
        assert isinstance(got, float) and want.accepts(got)
        return
    want = expression.cast(want, expression.type)
    assert type(got) is type(want) and got == want, (got, want)
    if isinstance(want, float):
        assert math.copysign(1, got) == math.copysign(1, want)
    assert reply.json()["types"]["r"] == expression.type
    assert server.value(canonical(reply), ONE, nan="string")[0] == got


def canonical(reply, at=0):
    name, text = reply.json()["recipe"][at].split(" = ", 1)
    assert name == list(reply.json()["columns"])[at]
    return text


def test_the_canonical_recipe(server):
    lets = {"res1": "(a-b)/(c+x)**2", "key": "md5( a,b )", "r3": "((a))", "r4": "-(a**2)",
            "r5": "(-a)**2", "r6": "not(p and(q))", "r7": "res1+1"}
    got = server.lets(lets, ONE).json()["recipe"]
    assert got == ["res1 = (a - b) / (c + x) ** 2", "key = md5(a, b)", "r3 = a", "r4 = -a ** 2",
                   "r5 = (-a) ** 2", "r6 = not (p and q)", "r7 = res1 + 1"]


def test_the_canonical_recipe_has_the_same_tree(server):
    """Printed and parsed again it is the expression that was sent (Python's parser says so)."""
    make = generator.Generator(seed=99)
    texts = [make.expression(kind, 3) for kind in ("int64", "float64", "bool", "string") * 12]
    texts = [t for t in texts if len(t) < 800]
    columns = {name: [None] for name in generator.TYPES}
    reply = server.lets({f"r{k}": t for k, t in enumerate(texts)}, columns,
                        types={n: t for n, t in generator.TYPES.items() if t != "null"},
                        on_error="null")
    assert reply.status == 200, reply
    for at, text in enumerate(texts):
        printed = reply.json()["recipe"][at].split(" = ", 1)[1]
        assert ast.dump(ast.parse(printed, mode="eval")) == ast.dump(ast.parse(text, mode="eval"))


@pytest.mark.parametrize("text, value", [
    (r"'it\'s'", "it's"), (r'"say \"x\""', 'say "x"'), (r"'a\nb\tc\\'", "a\nb\tc\\"),
    (r"'\x41\u00e9\U0001F600'", "Aé😀"), (r"'\a\b\f\v\r'", "\a\b\f\v\r"), (r"'\101'", "A"),
    (r"'\0'", "\0"), ("'日本'", "日本"), ("''", ""), ('"it\'s"', "it's")])
def test_string_escapes_are_pythons(server, text, value):
    assert server.value(text) == value


def test_backticks(server):
    columns = {"two words": [2], "a`b": [3], "größe": [5], "if": [7], "1": [11], "": [13]}
    assert server.value("`two words` + `a``b` * `größe`", columns) == [17]
    assert server.value("`if` + `1`", columns) == [18]
    reply = server.lets("`two words` + 1", columns)
    assert canonical(reply) == "`two words` + 1"
    plain = server.lets("`x`", {"x": [1]})
    assert plain.columns["r"] == [1]


def test_later_lets_use_earlier_ones(server):
    reply = server.lets({"one": "a + 1", "two": "one * 2", "three": "two - one"}, {"a": [1, 2]})
    assert reply.columns == {"one": [2, 3], "two": [4, 6], "three": [2, 3]}
    forward = server.lets({"one": "two", "two": "a"}, {"a": [1]})
    assert forward.status == 422 and forward.problem["code"] == "unknown_column"


@pytest.mark.parametrize("text, code, position", [
    ("a +", "syntax_error", 3), ("a + * b", "syntax_error", 4), ("(a", "syntax_error", 2),
    ("a)", "syntax_error", 1), ("a b", "syntax_error", 2), ("'open", "syntax_error", 0),
    ("a ++", "syntax_error", 4), ("", "syntax_error", 0), ("a if p", "syntax_error", 6),
    ("a $ b", "syntax_error", 2), ("1.2.3", "syntax_error", None), ("0x", "syntax_error", None),
    ("1__0", "syntax_error", None), ("012", "syntax_error", None), ("a = b", "syntax_error", 2),
    ("a <> b", "syntax_error", None), ("md5(a,,b)", "syntax_error", None), ("a; b", "syntax_error", 1),
    ("a && p", "syntax_error", 2), ("`open", "syntax_error", 0), ("1a", "syntax_error", None),
    ("lambda: 1", "syntax_error", None), ("a.b", "syntax_error", None), ("a[0]", "syntax_error", None),
    ("nosuch + 1", "unknown_column", 0), ("a + nosuch", "unknown_column", 4),
    ("1 + nosuch(a)", "unknown_function", 4), ("s + a", "type_error", None), ("s * 2", "type_error", None),
    ("p and a", "type_error", None), ("not a", "type_error", None), ("a if a else b", "type_error", None),
    ("-s", "type_error", None), ("x & a", "type_error", None), ("~x", "type_error", None),
    ("x << 1", "type_error", None), ("sin(s)", "type_error", None), ("sin()", "type_error", None),
    ("sin(a, b)", "type_error", None), ("length(a)", "type_error", None), ("s < a", "type_error", None),
    ("a if p else s", "type_error", None), ("where(a, 1, 2)", "type_error", None),
    ("coalesce(a, s)", "type_error", None), ("sqrt(s)", "type_error", None),
    ("9223372036854775808", "integer_out_of_range", 0), ("md5(a, sep=1)", "type_error", None),
    ("md5(a, nosuch=1)", "type_error", None), ("hmac_sha256(a, key='nosuch')", "unknown_key", None),
    ("1 + hmac_sha256(a, key='nosuch')", "unknown_key", None)])
def test_faults_and_their_positions(server, text, code, position):
    reply = server.lets({"fine": "a", "r": text}, ONE)
    problem = reply.problem
    assert problem["code"] == code, reply
    assert reply.status == (400 if code == "syntax_error" else 422)
    assert problem.get("expression", "") == text
    assert 0 <= problem["position"] <= len(text.encode())
    if position is not None:
        assert problem["position"] == position, problem


def test_positions_are_byte_offsets(server):
    problem = server.lets(
        "s + '日本' + nosuch", ONE).problem
    assert problem["position"] == len("s + '日本' + ".encode())


def test_near_names_are_suggested(server):
    assert "price" in server.lets("pirce * 2", {"price": [1.5]}).problem["detail"]
    assert "sqrt" in server.lets("sqr(a)").problem["detail"]


def test_a_type_error_on_an_inferred_column_names_its_line_and_value(server):
    text = "a,b\n1,2\n3,4\nn/a,6\n7,8\n"
    for chunk_rows in (1, 2, 100):
        problem = server.post_csv(text, {"let": "r=a * b", "chunk_rows": chunk_rows}).problem
        assert problem["code"] == "type_error"
        assert (problem["line"], problem["value"]) == (4, "n/a"), problem
        assert problem["column"] == "a"


def test_check_gives_types_recipe_and_all_errors(server):
    reply = server.post_json({"columns": {"a": "float64", "n": "int64", "s": "string"},
                              "let": {"r": "(a-1)/n", "key": "md5(a,s)", "k2": "r*2"}}, "/v1/check")
    assert reply.status == 200, reply
    document = reply.json()
    assert document["types"] == {"r": "float64", "key": "string", "k2": "float64"}
    assert document["recipe"] == ["r = (a - 1) / n", "key = md5(a, s)", "k2 = r * 2"]
    bad = server.post_json({"columns": {"a": "float64", "s": "string"},
                            "let": {"r1": "a +", "r2": "nosuch", "r3": "s * 2", "ok": "a * 2",
                                    "r4": "zzz(a)"}}, "/v1/check")
    errors = bad.json()["errors"]
    assert [e["code"] for e in errors] == ["syntax_error", "unknown_column", "type_error",
                                           "unknown_function"], bad
    assert [e["position"] for e in errors][:2] == [3, 0]


@pytest.mark.parametrize("document, code", [
    ({"columns": {"a": "float32"}, "let": {"r": "a"}}, "invalid_parameter"),
    ({"columns": {"a": "int64"}, "let": {"r": "a"}, "nosuch": 1}, "unknown_parameter"),
    ({"columns": ["a"], "let": {"r": "a"}}, "invalid_parameter"),
    ("{", "invalid_json")])
def test_check_refuses(server, document, code):
    reply = server.post_json(document, "/v1/check")
    assert reply.status == 400 and reply.problem["code"] == code, reply


def test_depth_is_limited_without_recursion(server):
    for text in ["(" * 100_000 + "a" + ")" * 100_000, "-" * 60_000 + "a", "not " * 20_000 + "p",
                 "2 ** " * 20_000 + "2", "abs(" * 20_000 + "a" + ")" * 20_000,
                 "1 if p else " * 10_000 + "2", "a" + " + a" * 50_000, "a" + " < a" * 30_000,
                 "p" + " and p" * 30_000, "(" * 100_000, "`" * 99_999, "[" * 50_000]:
        reply = server.lets(text, ONE)
        assert reply.status in (200, 400, 422), (text[:20], reply)
        assert reply.code in ("ok", "limit_exceeded", "syntax_error"), (text[:20], reply)


@pytest.mark.parametrize("flag, fits, exceeds", [
    ("--max-expression-bytes", "a + 1000 + 100", "a + 1000 + 1000"),
    ("--max-expression-depth", "(" * 6 + "-(-(-a))" + ")" * 6, "-" * 40 + "a"),
    ("--max-expression-nodes", "a + a", " + ".join(["a"] * 40))])
def test_limits_of_expressions(launch, flag, fits, exceeds):
    running = launch(flag, 14)
    assert running.lets(fits).status == 200
    reply = running.lets(exceeds)
    assert reply.status == 422, reply
    problem = reply.problem
    assert problem["code"] == "limit_exceeded" and problem["limit"].endswith(flag[2:]), problem
    assert flag in problem["detail"] or flag[2:] in problem["limit"]


def test_unicode_case_and_lengths(server):
    columns = {"s": ["日本語", "😀x", "", "é"]}
    assert server.value("length(s)", columns) == [3, 2, 0, 1]
    assert server.value("substr(s, 1)", columns) == ["本語", "x", "", ""]
    assert server.value("substr(s, 0, 1)", columns) == ["日", "😀", "", "é"]


def test_case_beyond_ascii(server):
    columns = {"s": ["Größe ÄÉÑ", "ΑΒΓ ωψ", "Жизнь", "日本", "Ŧřïçķÿ"]}
    assert server.value("upper(lower(s))", columns)[1:] == [s.lower().upper() for s in columns["s"]][1:]
    assert server.value("lower(s)", columns) == [s.lower() for s in columns["s"]]


def test_exact_rules_of_powers(server):
    values = [1.1, -2.3, 1e200, 5e-324, 3.0000000000000004, 0.1]
    square = server.value("a ** 2", {"a": values}, nan="string")
    assert [float(v) for v in square] == [v * v for v in values]
    root = server.value("a ** 0.5", {"a": [2.0, 3.0, 0.1, -0.0]})
    assert root[:3] == [math.sqrt(2), math.sqrt(3), math.sqrt(0.1)] and \
        math.copysign(1, root[3]) == -1
    assert server.value("a ** -1", {"a": [3.0, 7.0]}) == [1 / 3.0, 1 / 7.0]
    assert server.value("a ** 3", {"a": [-3, 10, 2_000_000]}) == [-27, 1000, 8 * 10**18]
    assert server.value("a ** 0", {"a": [0, None]}) == [1, None]
    assert server.value("a ** b", {"a": [2, 3], "b": [3, 2]}) == [8.0, 9.0]
    wrapped = server.lets("a ** 3", {"a": [3_000_000_000]}, overflow="wrap").columns["r"]
    assert wrapped == [(27 * 10**27 + 2**63) % 2**64 - 2**63]
