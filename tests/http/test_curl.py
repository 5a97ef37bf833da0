"""The curl calls of the contract and everyday ones, typed as they stand there."""
import gzip
import hashlib
import json
import subprocess

import pytest

from client import curl

FRAME = "a,b,c,d\n42,2.233,23,hello\n1,2.5,3,x\n"
NUMBERS = "a,b,c,d\n0.1,0.7,1.5,2.5\n3.25,-1.0,0.5,0.125\n"


@pytest.fixture
def here(server, tmp_path):
    """Runs a shell command line in a folder with frame.csv, frame.tsv, big.csv.gz."""
    (tmp_path / "frame.csv").write_text(FRAME)
    rows = "".join(f"{k}.5,{k % 9}\n" for k in range(50_000))
    (tmp_path / "big.csv.gz").write_bytes(gzip.compress(f"a,b\n{rows}".encode()))
    (tmp_path / "frame.tsv").write_text(NUMBERS.replace(",", "\t"))

    def run(line):
        line = line.replace("localhost:8080", f"127.0.0.1:{server.port}").replace("curl ", "curl -sS ")
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], cwd=tmp_path, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run.folder = tmp_path
    return run


def keys(text, columns):
    lines = [line.split(",") for line in text.split("\n")[1:-1]]
    return [hashlib.md5("_".join(line[c] for c in columns).encode()).hexdigest() for line in lines]


def test_a_form_with_two_lets(here):
    (here.folder / "frame.csv").write_text(NUMBERS)
    out = here("""curl --form-string 'let=res1=(a-b)/(c+d)**2' --form-string 'let=key=md5(a,b)' """
               "-F data=@frame.csv localhost:8080/v1/compute").decode().split("\n")
    assert out[0] == "a,b,c,d,res1,key"
    want = [(0.1 - 0.7) / 4.0**2, (3.25 + 1.0) / (0.5 + 0.125)**2]
    assert [line.split(",")[4] for line in out[1:3]] == [repr(v) for v in want]
    assert [line.split(",")[5] for line in out[1:3]] == keys(NUMBERS, [0, 1])


def test_a_body_and_a_url_query(here):
    out = here("curl --data-binary @frame.csv --url-query 'let=key=md5(a,b)' localhost:8080/v1/compute")
    lines = FRAME.split("\n")
    want = keys(FRAME, [0, 1])
    assert out.decode() == "\n".join([lines[0] + ",key", f"{lines[1]},{want[0]}", f"{lines[2]},{want[1]}", ""])


def test_a_pipe_through_gzip(here):
    here("zcat big.csv.gz | curl -T - 'localhost:8080/v1/compute?let=r=a/b' | gzip > out.csv.gz")
    lines = gzip.decompress((here.folder / "out.csv.gz").read_bytes()).decode().split("\n")
    assert len(lines) == 50_002 and lines[0] == "a,b,r"
    assert lines[1] == "0.5,0,inf" and lines[9] == f"8.5,8,{8.5 / 8!r}"
    assert lines[50_000] == f"49999.5,4,{49999.5 / 4!r}"


def test_everyday_calls(here):
    out = here("curl -T frame.csv 'localhost:8080/v1/compute?let=r=a*2&select=r'")
    assert out == b"r\n84\n2\n"
    out = here("curl -T frame.csv -X POST -o /dev/null -w '%{http_code}' localhost:8080/v1/compute")
    assert out == b"200"
    out = here("curl --json '{\"columns\": {\"a\": [1, 2]}, \"let\": {\"r\": \"a + 1\"}}' localhost:8080/v1/compute")
    assert json.loads(out)["columns"] == {"r": [2, 3]}
    out = here("""curl -d '{"columns": {"a": [1, 2]}, "let": {"r": "a + 1"}}' localhost:8080/v1/compute""")
    assert json.loads(out)["columns"] == {"r": [2, 3]}
    out = here("curl -F data=@frame.tsv --form-string 'let=r=a+b' -F select=r localhost:8080/v1/compute")
    assert out.decode() == f"r\n{0.1 + 0.7!r}\n2.25\n"
    out = here("curl -F data=@frame.csv -F 'let=r=a+b' -F select=r -H 'Accept: application/json' localhost:8080/v1/compute")
    assert json.loads(out)["columns"] == {"r": [42 + 2.233, 3.5]}
    out = here("cat frame.csv | curl -F data=@- -F 'let=r=a' -F select=r localhost:8080/v1/compute")
    assert out == b"r\n42\n1\n"
    out = here("curl -G localhost:8080/v1/runs --data-urlencode limit=1")
    assert len(json.loads(out)["runs"]) == 1
    out = here("curl --http1.0 -T frame.csv 'localhost:8080/v1/compute?select=a' -X POST")
    assert out == b"a\n42\n1\n"
    out = here("curl --data-binary @frame.csv 'localhost:8080/v1/compute?let=r=a%2Bb&select=r'")
    assert out == b"r\n44.233\n3.5\n"


def test_a_form_part_that_curl_cut_at_a_semicolon(here):
    out = here("curl -F data=@frame.csv -F \"let=key=md5(a, b, sep=';')\" localhost:8080/v1/compute")
    problem = json.loads(out)
    assert problem["status"] == 400 and "--form-string" in problem["detail"]
    out = here("curl -F data=@frame.csv --form-string \"let=key=md5(a, b, sep=';')\" -F select=key "
               "localhost:8080/v1/compute")
    assert out.decode().split() == ["key"] + [hashlib.md5(t).hexdigest() for t in (b"42;2.233", b"1;2.5")]


def test_errors_are_seen_by_fail(server, tmp_path):
    (tmp_path / "bad.csv").write_text("a,b\n1\n")
    code, out, errors = curl("--fail-with-body", "-T", tmp_path / "bad.csv", server.url + "/v1/compute")
    assert code == 22 and json.loads(out)["code"] == "invalid_csv" and "400" in errors


def test_a_large_upload_that_is_refused(server, tmp_path):
    """curl reads the reply although its upload was not wanted to the end."""
    (tmp_path / "large.csv").write_bytes(b"a,b\n" + b"1,2\n" * 3_000_000)
    for _ in range(3):
        code, out, _ = curl("-T", tmp_path / "large.csv", server.url + "/v1/compute?let=r=nosuch(a)")
        assert code == 0 and json.loads(out)["code"] == "unknown_function"
        code, out, _ = curl("-T", tmp_path / "large.csv", server.url + "/v1/compute?let=r=nosuch")
        assert code == 0 and json.loads(out)["code"] == "unknown_column"
