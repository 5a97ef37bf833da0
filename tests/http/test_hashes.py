"""Row hashes, against hashlib, hmac and xxhash."""
import base64
import hashlib
import hmac
import json
import math

import pytest

from conftest import KEYS

try:
    import xxhash
except ImportError:  # then only the xxh tests are skipped
    xxhash = None

HEADERS = {"Accept": "application/json"}
COLUMNS = {
    "i": [42, -1, 0, None, 9223372036854775807, -9223372036854775808],
    "x": [2.233, 1.0, 1e-05, None, 1e+16, -0.0],
    "p": [True, False, None, True, False, True],
    "s": ["hello", "", "wörld", None, "a_b", "x\ny"],
}
ROWS = list(zip(*COLUMNS.values()))
ALGORITHMS = ["md5", "sha1", "sha256", "sha512", "sha3_256", "blake2b512", "xxh64", "xxh3_64"]


def digest(algorithm, data):
    """The digest's bytes."""
    if algorithm.startswith("xxh"):
        if xxhash is None:
            pytest.skip("python3-xxhash is not installed")
        return (xxhash.xxh64 if algorithm == "xxh64" else xxhash.xxh3_64)(data).digest()
    return hashlib.new({"blake2b512": "blake2b"}.get(algorithm, algorithm), data).digest()


def texts(row, null=("None", "nan", "None", "None")):
    return [null[k] if value is None else str(value) for k, value in enumerate(row)]


def joined(row, sep="_", **options):
    return sep.join(texts(row, **options)).encode()


def test_the_digest_of_the_notebooks_row(server):
    reply = server.lets("md5(a, b, c, d)", {"a": [42], "b": [2.233], "c": [23], "d": ["hello"]})
    assert reply.columns["r"] == ["de8b962de5f8b353cdc9cc1fc89f0b65"]
    assert server.value("md5(42, 2.233, 23, 'hello')") == "de8b962de5f8b353cdc9cc1fc89f0b65"
    reply = server.post_csv("a,b,c,d\n42,2.233,23,hello\n", {"let": "key=md5(*)"})
    assert reply.rows() == [["a", "b", "c", "d", "key"],
                            ["42", "2.233", "23", "hello", "de8b962de5f8b353cdc9cc1fc89f0b65"]]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_algorithms(server, algorithm):
    got = server.value(f"{algorithm}(i, x, p, s)", COLUMNS)
    assert got == [digest(algorithm, joined(row)).hex() for row in ROWS]
    star = server.value(f"{algorithm}(*)", COLUMNS)
    assert star == got
    coded = server.value(f"{algorithm}(i, x, p, s, as='base64')", COLUMNS)
    assert coded == [base64.b64encode(digest(algorithm, joined(row))).decode() for row in ROWS]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_texts_of_every_length(server, algorithm):
    """Around the block sizes, where padding goes wrong."""
    cells = ["x" * n for n in list(range(0, 300)) + [1023, 1024, 1025, 4096, 70_001]]
    got = server.value(f"{algorithm}(s)", {"s": cells})
    assert got == [digest(algorithm, cell.encode()).hex() for cell in cells]


@pytest.mark.parametrize("algorithm", ["xxh64", "xxh3_64"])
def test_xxh_as_int64(server, algorithm):
    got = server.lets(f"{algorithm}(i, s, as='int64')", COLUMNS)
    assert got.json()["types"]["r"] == "int64"
    want = [int.from_bytes(digest(algorithm, f"{texts(r)[0]}_{texts(r)[3]}".encode()), "big", signed=True)
            for r in ROWS]
    assert got.columns["r"] == want
    assert server.lets("md5(i, as='int64')", COLUMNS).code == "type_error"


def test_hmac(server):
    for name, key in KEYS.items():
        got = server.value(f"hmac_sha256(i, x, p, s, key='{name}')", COLUMNS)
        assert got == [hmac.new(key, joined(row), "sha256").hexdigest() for row in ROWS]
    for name in ("nosuch", "../keys/site", "", "site/../site", "."):
        reply = server.lets(f"hmac_sha256(i, key={name!r})", COLUMNS)
        assert reply.status == 422 and reply.problem["code"] == "unknown_key", reply
    assert server.lets("hmac_sha256(i)", COLUMNS).code in ("type_error", "unknown_key")


def test_no_key_in_any_reply(server):
    reply = server.lets("hmac_sha256(i, key='nosuch')", COLUMNS)
    for key in (KEYS["site"], KEYS["binary"]):
        assert key not in reply.body
    run = server.get("/v1/runs?limit=100")
    assert KEYS["site"] not in run.body


@pytest.mark.parametrize("sep", ["", "_", "|", "--", ", ", "é", "'", "\n", "x" * 40])
def test_sep(server, sep):
    got = server.value(f"md5(i, s, sep={sep!r})", COLUMNS)
    assert got == [hashlib.md5(sep.join([texts(r)[0], texts(r)[3]]).encode()).hexdigest() for r in ROWS]


def test_null_texts(server):
    got = server.value("md5(i, x, p, s, null='-')", COLUMNS)
    assert got == [hashlib.md5(joined(r, null="----")).hexdigest() for r in ROWS]
    got = server.value("md5(i, x, p, s, null='')", COLUMNS)
    assert got == [hashlib.md5(joined(r, null=[""] * 4)).hexdigest() for r in ROWS]
    got = server.value("md5(i, x, p, s, null=None)", COLUMNS)
    assert got == [None if None in r else hashlib.md5(joined(r)).hexdigest() for r in ROWS]
    nothing = server.value("md5(n, i)", {"n": [None], "i": [1]})
    assert nothing == [hashlib.md5(b"None_1").hexdigest()]


def framed(row):
    return b"".join(b"-" if v is None else
                    f"{len(str(v).encode())}:{v}".encode() for v in row)


def test_length_frame(server):
    got = server.value("sha256(i, x, p, s, frame='length')", COLUMNS)
    assert got == [hashlib.sha256(framed(r)).hexdigest() for r in ROWS]
    pairs = {"a": ["a_b", "a"], "b": ["c", "b_c"]}
    plain = server.value("md5(a, b)", pairs)
    assert plain[0] == plain[1]
    strict = server.value("md5(a, b, frame='length')", pairs)
    assert strict[0] != strict[1]


@pytest.mark.parametrize("executor", ["serial", "threads", "processes"])
@pytest.mark.parametrize("chunk_rows", [1, 7, 1000])
def test_over_table(server, executor, chunk_rows):
    rows = 500
    values = [k * 0.1 for k in range(rows)]
    names = [f"n{k}" if k % 7 else None for k in range(rows)]
    reply = server.lets({"t": "sha256(a, s, over='table')", "row": "md5(t, a)",
                         "n": "md5(s, null=None, over='table')"},
                        {"a": values, "s": names}, executor=executor, chunk_rows=chunk_rows)
    assert reply.status == 200, reply
    whole = "".join(f"{a}_{s}\n" for a, s in zip(values, names)).encode()
    want = hashlib.sha256(whole).hexdigest()
    assert reply.columns["t"] == [want] * rows
    assert reply.columns["row"] == [hashlib.md5(f"{want}_{a}".encode()).hexdigest() for a in values]
    assert reply.columns["n"] == [None] * rows
    text = "a,s\n" + "".join(f"{a},{s or ''}\n" for a, s in zip(values, names))
    reply = server.post_csv(text, {"let": "t=sha256(a, s, over='table')", "select": "computed",
                                   "executor": executor, "chunk_rows": chunk_rows})
    assert reply.rows() == [["t"]] + [[want]] * rows


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_over_table_of_every_algorithm(server, algorithm):
    want = digest(algorithm, b"".join(joined(r) + b"\n" for r in ROWS)).hex()
    assert server.value(f"{algorithm}(i, x, p, s, over='table')", COLUMNS) == [want] * len(ROWS)
    framed_rows = digest(algorithm, b"".join(framed(r) + b"\n" for r in ROWS))
    got = server.value(f"{algorithm}(*, over='table', frame='length', as='base64')", COLUMNS)
    assert got == [base64.b64encode(framed_rows).decode()] * len(ROWS)


def test_raw_text_is_the_csv_fields_own(server):
    text = 'a,b,s\n1.50, 2 ,"x ""y"""\n02,3,plain\n1e3,,""\n'
    options = {"let": ["raw=md5(a, b, s, text='raw')", "py=md5(a, b, s)", "mix=md5(a + 'z', text='raw')"]}
    reply = server.post_csv(text, options)
    rows = reply.rows()[1:]
    raw = [b'1.50_ 2 _x "y"', b"02_3_plain", b"1e3_None_"]
    python = [b'1.50_2_x "y"', b"02_3_plain", b"1e3_None_"]
    assert [r[3] for r in rows] == [hashlib.md5(t).hexdigest() for t in raw]
    assert [r[4] for r in rows] == [hashlib.md5(t).hexdigest() for t in python]
    assert [r[5] for r in rows] == [hashlib.md5(t + b"z").hexdigest() for t in (b"1.50", b"02", b"1e3")]
    json_in = server.lets("md5(a, text='raw')", {"a": [1.50]})
    assert json_in.columns["r"] == [hashlib.md5(b"1.5").hexdigest()]


def test_one_float_makes_the_ints_float(server):
    """The trap that the manual warns of, and its two cures."""
    ints, mixed = "a\n1\n2\n", "a\n1\n2.5\n"

    def first(text, let, **options):
        return server.post_csv(text, {"let": "k=" + let, "select": "computed", **options}).rows()[1][0]

    assert first(ints, "md5(a)") == hashlib.md5(b"1").hexdigest()
    assert first(mixed, "md5(a)") == hashlib.md5(b"1.0").hexdigest()
    assert first(mixed, "md5(a, text='raw')") == hashlib.md5(b"1").hexdigest()
    assert first(ints, "md5(a)", types="a:float64") == hashlib.md5(b"1.0").hexdigest()


def test_float_texts_are_reprs(server):
    values = [1.0, 1e-05, 1e16, 123456789012345680.0, 0.1, 1e22, 1e-4, 5e-324, 1e15, 9999999999999998.0]
    assert server.value("md5(x)", {"x": values}) == \
        [hashlib.md5(repr(v).encode()).hexdigest() for v in values]
    got = server.post_csv("x\nnan\ninf\n-inf\n-0.0\n", {"let": "k=md5(x)", "select": "computed"})
    assert [r[0] for r in got.rows()[1:]] == [hashlib.md5(str(v).encode()).hexdigest() for v in
                                              (math.nan, math.inf, -math.inf, -0.0)]


def test_hashes_are_functions_of_an_expression(server):
    got = server.value("upper(substr(md5(lower(s), i + 1), 0, 8))", {"s": ["ABC"], "i": [1]})
    assert got == [hashlib.md5(b"abc_2").hexdigest()[:8].upper()]
    assert server.value("md5(a) == md5(b)", {"a": [1, 2], "b": ["1", "x"]}) == [True, False]
    nested = server.value("sha1(md5(a))", {"a": [1]})
    assert nested == [hashlib.sha1(hashlib.md5(b"1").hexdigest().encode()).hexdigest()]
    assert server.value("a if a == 1 else length(md5(a))", {"a": [1, 2]}) == [1, 32]


@pytest.mark.parametrize("text", [
    "md5()", "md5(i, text='other')", "md5(i, frame='x')", "md5(i, over='column')", "md5(i, as='hexx')",
    "md5(i, sep=x)", "md5(i, null=1)", "md5(sep='_')", "md5(i, key='site')", "md5(i, sep='_', sep='-')",
    "sha256(i, as='int64')", "md5(nosuch='x', i)"])
def test_bad_keywords(server, text):
    reply = server.lets(text, COLUMNS)
    assert reply.status in (400, 422), reply
    assert reply.problem["code"] in ("type_error", "syntax_error", "invalid_value"), reply


def test_wycheproof_hmac_vectors(launch, tmp_path, corpora):
    document = json.loads((corpora / "wycheproof/testvectors_v1/hmac_sha256_test.json").read_text())
    keys, cases = {}, []
    for group in document["testGroups"]:
        for case in group["tests"]:
            key, message = bytes.fromhex(case["key"]), bytes.fromhex(case["msg"])
            try:
                message = message.decode()
            except UnicodeDecodeError:
                continue  # a cell is text
            if not key or key.endswith(b"\n"):
                continue
            name = keys.setdefault(key, f"k{len(keys)}")
            cases.append((name, message, case["tag"], case["result"] == "valid", group["tagSize"]))
    for key, name in keys.items():
        (tmp_path / name).write_bytes(key)
        (tmp_path / name).chmod(0o600)
    assert len(cases) > 20
    running = launch("--keys-dir", tmp_path)
    for name, message, tag, valid, size in cases:
        got = running.value(f"hmac_sha256(m, key='{name}')", {"m": [message]})[0]
        assert (got[:size // 4] == tag) == valid, (name, message, got)
