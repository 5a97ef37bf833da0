"""The benchmarks work: every workload in its smallest form. Nothing is said about times."""
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

import pytest

import client

BENCH = client.ROOT / "bench"
TOOLS = pathlib.Path(client.BINARY).parent / "bench"
PYTHON = "/usr/bin/python3"
sys.path.insert(0, str(BENCH))


@pytest.fixture(scope="module", autouse=True)
def tools():
    if not os.access(TOOLS / "load", os.X_OK):
        pytest.skip(f"{TOOLS} has no programs (make test-http builds them)")


def run_bench(*arguments):
    return subprocess.run([PYTHON, BENCH / "run.py", "--binary", client.BINARY, "--peers", "none", *arguments],
                          capture_output=True, text=True, timeout=600)


def load(server, *arguments):
    return subprocess.run([TOOLS / "load", "--port", str(server.port), *map(str, arguments)], capture_output=True,
                          text=True, timeout=120)


def test_every_workload(tmp_path):
    done = run_bench("--quick", "--rows", "500", "--output", tmp_path, "--json", tmp_path / "all.json")
    assert done.returncode == 0, done.stderr
    sections = json.loads((tmp_path / "all.json").read_text())["sections"]
    assert list(sections) == list("abcdefgijklmn")
    assert all(section["data"] and section["targets"] for section in sections.values())
    page = (tmp_path / "RESULTS.md").read_text()
    assert page == done.stdout[:-1]
    for section in sections.values():
        for target in section["targets"]:
            assert f"| {target['workload']} | {target['wanted']} | {target['measured']} |" in page
    pictures = sorted(tmp_path.glob("*.svg"))
    assert [picture.stem for picture in pictures] == ["budget", "csv", "dask-memory", "dask", "executors", "expression", "rows", "workers"]
    for picture in pictures:
        assert f"]({picture.name})" in page
        texts = [one.text for one in xml.etree.ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}text")]
        assert len(texts) > 5 and all(texts)


def test_what_is_not_there_is_refused(tmp_path):
    done = run_bench("--quick", "--only", "a,z")
    assert done.returncode == 2 and "there is no workload z" in done.stderr
    done = run_bench("--quick", "--only", "f", "--output", tmp_path, "--repeat", "1")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["RESULTS.md"]


@pytest.fixture
def small(server, tmp_path):
    """A body, the target it goes to, and the right reply."""
    body, reply = tmp_path / "body.csv", tmp_path / "reply.csv"
    body.write_text("a,b\n1,2\n3,4\n")
    reply.write_bytes(server.post_csv(body.read_bytes(), {"let": "r=a+b"}).body)
    return ["--path", "/v1/compute?let=r=a%2Bb", "--body", body, "--expect", reply]


@pytest.mark.parametrize("clients", [1, 8])
def test_load_sends_as_many_as_it_says(server, small, clients):
    done = load(server, *small, "--clients", clients, "--requests", 50)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["requests"] == 50
    assert 0 < found["min_ns"] <= found["p50_ns"] <= found["p90_ns"] <= found["p99_ns"] <= found["max_ns"]


def test_load_keeps_its_pace(server, small):
    """As many requests as were due, never early."""
    found = json.loads(load(server, *small, "--clients", 4, "--rate", 100, "--seconds", 0.5).stdout)
    assert found["requests"] == 50 and found["seconds"] >= 0.49


def test_load_connects_again(launch, small):
    """A service may close a connection on which nothing was asked for a while."""
    impatient = launch("--header-timeout-ms", 200)
    done = load(impatient, *small, "--clients", 1, "--rate", 2, "--seconds", 1.5)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["requests"] == 3


def test_load_tells_a_wrong_reply(server, small, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("a,b,r\n1,2,3\n3,4,8\n")
    done = load(server, *small, "--expect", wrong, "--requests", 1)
    assert done.returncode == 1 and "differs" in done.stderr
    done = load(server, *small[2:], "--path", "/v1/compute?let=r=nothing", "--requests", 1)
    assert done.returncode == 1 and "422" in done.stderr


def test_what_fails_beside_a_measurement_fails_it():
    """Else small requests would be measured beside a job that does not run."""
    import work_small

    class Nowhere:
        url = "http://127.0.0.1:1"

    with pytest.raises(SystemExit, match="Job: .*curl"):
        with work_small.Job(Nowhere, 10) as job:
            job.thread.join(20)
    with pytest.raises(ZeroDivisionError):  # the block's own fault comes first
        with work_small.Job(Nowhere, 10):
            1 / 0


def test_instructions_are_compared(capsys):
    import instructions
    kept = {("avx2", "hex"): 1000, ("avx2", "old"): 5, ("scalar", "hex"): 2000}
    assert instructions.compare({("avx2", "hex"): 1030, ("avx2", "old"): 5, ("scalar", "hex"): 1940}, kept) == 0
    assert capsys.readouterr().out == ""
    assert instructions.compare({("avx2", "hex"): 1031, ("avx2", "new"): 7, ("scalar", "hex"): 1900}, kept) == 3
    told = capsys.readouterr().out
    assert "avx2 hex: 1031 instructions, +3.1% against 1000 - MORE THAN ALLOWED" in told
    assert "avx2 new: 7 instructions, not kept yet" in told and "avx2 old: no longer there" in told
    assert "scalar hex: 1900 instructions, -5.0% against 2000" in told and "RENEW=1" in told


def test_what_is_kept_can_be_read():
    import instructions
    kept = instructions.read_kept()
    assert {level for level, _ in kept} == set(instructions.LEVELS)
    assert ("avx2", "request.csv") in kept and all(count > 0 for count in kept.values())
