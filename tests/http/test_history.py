"""Runs that survive a restart: saving, lists over memory and file, export and import."""
import copy
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest

import client

EXPERIMENT = {"workload": {"compute": {"generate": {"rows": 1000, "columns": ["a", "b"],
                                                    "distribution": "normal", "seed": 1},
                                       "let": {"r": "a + b"}}},
              "executors": ["serial", "threads"], "repeat": 2}


@pytest.fixture
def launch():
    """As conftest.py's, for servers that a test ends itself."""
    started = []

    def start(*flags):
        started.append(client.Server(*flags))
        return started[-1]

    yield start
    codes = [running.stop() for running in started if not running.errors.closed]
    assert codes == [0] * len(codes)


def compute(server, let="r=a/b", **options):
    return server.post_csv("a,b\n1,2\n3,4\n", {"let": let, **options}).headers["Colonnade-Run"]


def ids(server, **options):
    """The ids of the listed runs, page after page where a limit is given."""
    found, before = [], None
    while True:
        target = "/v1/runs?" + client.query({**options, **({"before": before} if before else {})})
        page = server.get(target).json()
        found += [run["id"] for run in page["runs"]]
        before = page["next"]
        if before is None or "limit" not in options:
            return found


def saved(folder):
    """The ids in the file, oldest first."""
    out = subprocess.run(["sqlite3", "-readonly", folder / "history.sqlite3", "SELECT id FROM run ORDER BY seq"],
                         capture_output=True, text=True, timeout=20)
    return out.stdout.split()


def wait_saved(folder, wanted, seconds=20):
    client.wait_until(lambda: set(wanted) <= set(saved(folder)), seconds, lambda: (wanted, saved(folder)))


def start_fails(*flags):
    done = subprocess.run([client.BINARY, "--listen", "127.0.0.1:0", *map(str, flags)], capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stderr


# ---- restarts ----------------------------------------------------------------------------------

def test_a_restart_keeps_runs_and_comparisons(launch, tmp_path):
    first = launch("--data-dir", tmp_path)
    good = compute(first)
    bad = compute(first, "r=a/nothing")
    experiment = first.post_json(EXPERIMENT, "/v1/compare")
    assert experiment.status == 200
    compared = experiment.json()["run"]
    before = {run: first.run(run) for run in (good, bad, compared)}
    listed = first.get("/v1/runs").json()["runs"]
    assert first.stop() == 0

    second = launch("--data-dir", tmp_path)
    assert {run: second.run(run) for run in before} == before
    assert second.get("/v1/runs").json()["runs"] == listed
    assert second.run(compared)["comparison"]["verdict"] == experiment.json()["verdict"]
    trace = second.get(f"/v1/runs/{good}/trace").json()["traceEvents"]
    assert any(event.get("cat") == "chunk" for event in trace)
    newer = compute(second)
    assert ids(second) == [newer, compared, bad, good]


def test_what_was_sent_just_before_the_end_is_there(launch, tmp_path):
    first = launch("--data-dir", tmp_path)
    made = [compute(first) for _ in range(30)]
    assert first.stop() == 0
    assert saved(tmp_path) == made
    second = launch("--data-dir", tmp_path)
    assert all(second.run(run)["send_ns"] > 0 for run in made)


def test_kill_9_loses_at_most_the_last_moment(launch, tmp_path):
    first = client.Server("--data-dir", tmp_path)
    early = [compute(first) for _ in range(5)]
    wait_saved(tmp_path, early)
    late = [compute(first) for _ in range(200)]
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    first.process.stdout.close()
    first.errors.close()
    second = launch("--data-dir", tmp_path)
    kept = ids(second, limit=1000)[::-1]
    assert kept[:5] == early
    assert kept == (early + late)[:len(kept)]
    newer = compute(second)
    assert ids(second, limit=1)[0] == newer


def test_without_a_data_dir_nothing_is_written(launch, tmp_path):
    first = launch("--history-days", 1)
    run = compute(first)
    assert ids(first) == [run]
    assert not list(tmp_path.iterdir())


# ---- lists -------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A server with more runs than memory keeps: the oldest are in the file alone."""
    folder = tmp_path_factory.mktemp("history")
    first = client.Server("--data-dir", folder)
    experiment = first.post_json(EXPERIMENT, "/v1/compare").json()["run"]
    marked = [compute(first, "Special=a+b"), compute(first, "special=a*nothing")]
    rest = many(first, 400)
    assert first.stop() == 0
    second = client.Server("--data-dir", folder)
    rest += many(second, 1300)
    second.all = ([experiment] + marked + rest)[::-1]
    second.experiment, second.marked = experiment, marked
    yield second
    assert second.stop() == 0


def many(server, count):
    """The ids of runs made over one connection."""
    connection = server.connection(60)
    made = []
    for _ in range(count):
        connection.request("POST", "/v1/compute?let=r=a*2", b"a\n1\n", {"Content-Type": "text/csv"})
        response = connection.getresponse()
        response.read()
        made.append(response.headers["Colonnade-Run"])
    connection.close()
    return made


def test_pages_have_no_gap_and_no_double(full):
    assert ids(full, limit=100000) == full.all
    for limit in (7 if not client.SANITIZED else 97, 333):
        assert ids(full, limit=limit) == full.all
    assert ids(full, limit=len(full.all)) == full.all


def test_the_end_of_the_list_is_said(full):
    assert full.get(f"/v1/runs?limit={len(full.all)}").json()["next"] is None
    page = full.get(f"/v1/runs?limit={len(full.all) - 1}").json()
    assert page["next"] == page["runs"][-1]["id"]
    assert full.get("/v1/runs?limit=0").json()["runs"] == []
    assert full.get("/v1/runs?before=" + full.all[-1]).json() == {
        "runs": [], "next": None, "history": {"durable": True}}


@pytest.mark.parametrize("word", ["special", "SPECIAL compute", "spec"])
def test_search_finds_in_the_file(full, word):
    assert ids(full, q=word) == [full.marked[0]]


def test_search_by_more(full):
    assert ids(full, q="unknown_column") == [full.marked[1]]
    assert ids(full, q=full.experiment[:12]) == [full.experiment]
    assert ids(full, operation="compare") == [full.experiment]
    assert ids(full, operation="compare", q="r =") == [full.experiment]
    assert ids(full, operation="map") == []
    assert ids(full, q="special nothing_like_it") == []
    assert ids(full, q="%_'\"") == []
    assert ids(full, q="r a 2", limit=500) == full.all[:1700] + ids(full, q="r a 2", before=full.all[1699])
    assert ids(full, operation="compute", limit=1000) == full.all[:-1]


@pytest.mark.parametrize("target, parameter", [
    ("before=0123456789abcdef0123456789abcdef", "before"), ("before=%27", "before"),
    ("operation=dance", "operation"), ("q=" + "+".join("abcdefghijklmnopq"), "q"),
    ("limit=-1", "limit"), ("limit=1&limit=2", "limit"), ("q=a&q=b", "q")])
def test_bad_lists(full, target, parameter):
    reply = full.get("/v1/runs?" + target)
    assert (reply.status, reply.problem["code"], reply.problem["parameter"]) == (
        400, "invalid_parameter", parameter)


def test_unknown_parameter_of_the_list(full):
    reply = full.get("/v1/runs?order=up")
    assert (reply.status, reply.problem["code"], reply.problem["parameter"]) == (400, "unknown_parameter", "order")


def test_old_runs_are_whole(full):
    old = full.marked[0]
    document = full.run(old)
    assert document["recipe"] == ["Special = a + b"]
    assert document["timing"]["wall_ns"] == document["wall_ns"]
    assert full.get(f"/v1/runs/{old}/trace").json()["traceEvents"]
    assert full.get(f"/v1/runs/{old}/export").json()["run"] == document
    for path in ("", "/trace", "/export"):
        assert full.get("/v1/runs/" + "0" * 32 + path).code == "not_found"


# ---- bounds ------------------------------------------------------------------------------------

def test_the_oldest_go_when_there_is_too_much(launch, tmp_path):
    running = launch("--data-dir", tmp_path, "--history-bytes", 1 << 20)
    made = [compute(running, f"r=a+{k}", executor="serial") for k in range(5)]
    big = "a\n" + "1\n" * 3000
    for _ in range(8):
        reply = running.post_csv(big, {"let": "r=a", "executor": "serial", "chunk_rows": 2})
        made.append(reply.headers["Colonnade-Run"])
    wait_saved(tmp_path, made[-1:])
    assert running.stop() == 0
    kept = saved(tmp_path)
    assert kept == made[-len(kept):]
    assert 0 < len(kept) < len(made)
    assert (tmp_path / "history.sqlite3").stat().st_size < 4 << 20


def test_a_damaged_file_is_said_and_memory_still_shown(launch, tmp_path):
    first = launch("--data-dir", tmp_path)
    old = [compute(first) for _ in range(20)]
    assert first.stop() == 0
    second = launch("--data-dir", tmp_path)
    with open(tmp_path / "history.sqlite3", "r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 60000)
    new = compute(second)
    listed = second.get("/v1/runs").json()
    assert [run["id"] for run in listed["runs"]] == [new]
    assert "cannot be read" in listed["history"]["error"]
    assert second.get("/v1/runs/" + old[0]).code == "internal"
    assert second.run(new)["status"] == 200


def test_damaged_rows_are_left_out_of_the_list(launch, tmp_path):
    first = launch("--data-dir", tmp_path)
    made = [compute(first) for _ in range(8)]
    assert first.stop() == 0
    file = sqlite3.connect(tmp_path / "history.sqlite3")
    file.execute("UPDATE run SET id = 'x' WHERE seq = 2")
    file.execute("UPDATE run SET id = x'' WHERE seq = 3")
    file.execute("UPDATE run SET summary = CAST(replace(summary, 'compute', x'fffe') AS TEXT) WHERE seq = 5")
    file.execute("UPDATE run SET summary = substr(summary, 1, 50) WHERE seq = 7")
    file.execute("UPDATE document SET json = substr(json, 9) WHERE seq = 8")
    file.commit()
    file.close()
    second = launch("--data-dir", tmp_path)
    listed = second.get("/v1/runs").json()
    assert [run["id"] for run in listed["runs"]] == [made[k - 1] for k in (8, 6, 4, 1)]
    assert listed["history"] == {"durable": True, "error": "The history is damaged: 4 runs cannot be read."}
    assert ids(second, limit=1) == [made[k - 1] for k in (8, 6, 4, 1)]
    assert second.get("/v1/runs/" + made[7]).code == "internal"
    assert second.run(made[0])["id"] == made[0]


def test_the_end_does_not_wait_for_who_holds_the_file(tmp_path):
    running = client.Server("--data-dir", tmp_path)
    wait_saved(tmp_path, [compute(running)])
    other = sqlite3.connect(tmp_path / "history.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(5):
        compute(running)
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(60) == 0
    assert time.monotonic() - began < 4
    assert "5 runs were not saved" in running.stderr()
    running.stop()
    other.close()


# ---- whose directory it is ---------------------------------------------------------------------

def test_one_server_a_directory(launch, tmp_path):
    running = launch("--data-dir", tmp_path)
    status, text = start_fails("--data-dir", tmp_path)
    assert status == 2
    assert str(tmp_path) in text and "another server" in text
    run = compute(running)
    wait_saved(tmp_path, [run])


@pytest.mark.parametrize("make, why", [
    (None, "No such file"),
    (lambda path: path.write_text(""), "no directory"),
    (lambda path: (path.mkdir(), (path / "history.sqlite3").write_bytes(b"no database" * 500)), "not a database"),
    (lambda path: (path.mkdir(), (path / "history.sqlite3").write_bytes(b"x" * 50)), "not a database"),
    (lambda path: (path.mkdir(), subprocess.run(["sqlite3", path / "history.sqlite3", "CREATE TABLE x (y)"])),
     "not made by Colonnade"),
    (lambda path: (path.mkdir(), subprocess.run(
        ["sqlite3", path / "history.sqlite3", "CREATE TABLE x (y); PRAGMA application_id = 0x436f6c6e; "
         "PRAGMA user_version = 99"])), "newer Colonnade"),
], ids=["missing", "file", "garbage", "short", "foreign", "newer"])
def test_what_cannot_be_a_history(tmp_path, make, why):
    path = tmp_path / "data"
    if make:
        make(path)
    status, text = start_fails("--data-dir", path)
    assert status == 2
    assert text.startswith("colonnade: ") and str(path) in text and why in text


# ---- export and import -------------------------------------------------------------------------

@pytest.fixture(scope="module")
def exporter():
    running = client.Server()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def importer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("importer")
    running = client.Server("--data-dir", folder, "--max-import-bytes", 1 << 20)
    running.folder = folder
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def exported(exporter):
    """A file of each kind of run."""
    text = "a,b\n" + "".join(f"{k},2\n" for k in range(500))
    runs = {"compute": exporter.post_csv(text, {"let": "r=a/b", "executor": "processes", "chunk_rows": 50}),
            "repeat": exporter.post_csv(text, {"let": "r=a/b", "executor": "gil", "repeat": 3, "chunk_rows": 50}),
            "failed": exporter.post_csv("a\n1\nx\n", {"let": "r=a//0"}),
            "counted": exporter.post_csv("a\n1\n2\n", {"let": "r=a//0", "on_error": "null"}),
            "map": exporter.post_json({"function": "long_comp", "calls": [[3], [4]]}, "/v1/map"),
            "generated": exporter.post_json({"generate": {"rows": 10, "columns": ["a"], "seed": 7,
                                                          "distribution": "uniform"}, "let": {"r": "a*2"}}),
            "compare": exporter.post_json(EXPERIMENT, "/v1/compare")}
    files = {}
    for name, reply in runs.items():
        run = reply.headers["Colonnade-Run"] or exporter.get("/v1/runs?limit=1").json()["runs"][0]["id"]
        exporter.run(run)
        reply = exporter.get(f"/v1/runs/{run}/export")
        assert reply.headers["Content-Disposition"] == f'attachment; filename="colonnade-run-{run[:8]}.json"'
        files[name] = reply.body
    return files


KINDS = ["compute", "repeat", "failed", "counted", "map", "generated", "compare"]


@pytest.mark.parametrize("kind", KINDS)
def test_export_and_import(exported, importer, kind):
    file = json.loads(exported[kind])
    assert set(file) == {"colonnade_run", "exported_at", "run", "trace"}
    run = file["run"]["id"]
    assert importer.get("/v1/runs/" + run).status == 404
    reply = importer.post_json(exported[kind], "/v1/runs/import")
    assert (reply.status, reply.json()) == (201, {"id": run, "imported": True})
    assert reply.headers["Location"] == "/v1/runs/" + run
    again = importer.post_json(exported[kind], "/v1/runs/import")
    assert (again.status, again.json()) == (200, {"id": run, "imported": False})
    back = importer.get(f"/v1/runs/{run}/export").json()
    assert back["run"].pop("imported") is True
    assert back["run"] == file["run"]
    assert back["trace"]["traceEvents"]
    listed = importer.get("/v1/runs?limit=1").json()["runs"][0]
    assert listed["id"] == run and listed["imported"] is True
    wait_saved(importer.folder, [run])


def test_imported_runs_survive_too(exported, launch, tmp_path):
    first = launch("--data-dir", tmp_path)
    run = json.loads(exported["compare"])["run"]["id"]
    assert first.post_json(exported["compare"], "/v1/runs/import").status == 201
    assert first.stop() == 0
    second = launch("--data-dir", tmp_path)
    document = second.run(run)
    assert document.pop("imported") is True
    assert document == json.loads(exported["compare"])["run"]
    assert second.post_json(exported["compare"], "/v1/runs/import").status == 200
    assert ids(second) == [run]


def test_a_large_file_and_one_too_large(exported, importer, launch):
    """Beyond 256 KiB the file is read on a thread of its own."""
    file = json.loads(exported["compute"])
    file["run"]["id"] = "1" * 32
    padding = (600 << 10) * "x"
    file["run"]["recipe"] = [padding]
    assert importer.post_json(file, "/v1/runs/import").status == 201
    assert importer.run("1" * 32)["recipe"] == [padding]
    file["run"]["id"] = "2" * 32
    file["run"]["recipe"] = [padding * 2]
    reply = importer.post_json(file, "/v1/runs/import")
    assert (reply.status, reply.problem["code"], reply.problem["limit"]) == (
        422, "limit_exceeded", "--max-import-bytes")
    body = json.dumps(file).encode()
    small = launch("--max-import-bytes", len(body))
    assert small.post_json(body, "/v1/runs/import").status == 201
    assert small.post_json(body + b" ", "/v1/runs/import").code == "limit_exceeded"


def test_what_no_memory_keeps_is_refused(exported, launch):
    """The store of runs takes 32 MiB, whatever the flag says."""
    file = json.loads(exported["compute"])
    file["run"]["recipe"] = [(33 << 20) * "x"]
    body = json.dumps(file).encode()
    wide = launch("--max-import-bytes", 200 << 20)
    head = {"Content-Type": "application/json"}
    for reply in (launch().post_json(body, "/v1/runs/import"), wide.post_json(body, "/v1/runs/import")):
        assert (reply.status, reply.problem["code"], reply.problem["limit"]) == (
            422, "limit_exceeded", "--max-import-bytes")
    reply = wide.request("POST", "/v1/runs/import", None, {**head, "Content-Length": str(129 << 20)})
    assert (reply.status, reply.problem["limit"]) == (422, "--max-import-bytes")


@pytest.mark.parametrize("kind, path, item", [
    ("compare", ["differing"], 0), ("compare", ["verdict"], ""),
    ("compare", ["decomposition", "factors"], {"step": "", "factor": 1, "from": 0, "to": 0})])
def test_lists_have_bounds(exported, launch, kind, path, item):
    file = change(json.loads(exported[kind]), ["run", "comparison"] + path, [item] * ((1 << 16) + 1))
    reply = launch().post_json(file, "/v1/runs/import")
    assert (reply.status, reply.problem["parameter"]) == (400, ".".join(["run.comparison"] + path))
    assert "at most 65536" in reply.problem["detail"]


@pytest.mark.parametrize("seed", ["compute", "comparison", "failed", "older"])
def test_the_kept_files_are_taken(launch, seed):
    """The fuzz target begins with them: they must lead behind the first check."""
    path = pathlib.Path(__file__).parents[1] / "fuzz" / "corpus" / "import" / seed
    assert launch().post_json(path.read_bytes(), "/v1/runs/import").status == 201


def change(file, path, value):
    """A copy with one member changed; value `...` removes it."""
    file = copy.deepcopy(file)
    at = file
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return file


@pytest.mark.parametrize("kind, path, value, code, parameter", [
    ("compute", ["colonnade_run"], 2, "invalid_parameter", "colonnade_run"),
    ("compute", ["colonnade_run"], ..., "invalid_parameter", "colonnade_run"),
    ("compute", ["run"], ..., "invalid_parameter", "run"),
    ("compute", ["run"], [], "invalid_parameter", "run"),
    ("compute", ["extra"], 1, "unknown_parameter", "extra"),
    ("compute", ["run", "extra"], 1, "unknown_parameter", "run.extra"),
    ("compute", ["run", "id"], "../../etc/passwd", "invalid_parameter", "run.id"),
    ("compute", ["run", "id"], 7, "invalid_parameter", "run.id"),
    ("compute", ["run", "started_at"], "yesterday", "invalid_parameter", "run.started_at"),
    ("compute", ["run", "operation"], "<script>", "invalid_parameter", "run.operation"),
    ("compute", ["run", "wall_ns"], 1, "invalid_parameter", "run.wall_ns"),
    ("compute", ["run", "timing", "ledger", 2, "ns"], "fast", "invalid_parameter", "run.timing.ledger[2].ns"),
    ("compute", ["run", "timing", "ledger", 2, "ns"], -5, "invalid_parameter", "run.timing.ledger[2].ns"),
    ("compute", ["run", "chunks", 3, "worker"], None, "invalid_parameter", "run.chunks[3].worker"),
    ("compute", ["run", "chunks", 3, "stages"], {"x": 1}, "unknown_parameter", "run.chunks[3].stages.x"),
    ("compute", ["run", "recipe"], "r = a", "invalid_parameter", "run.recipe"),
    ("failed", ["run", "error", "code"], "none", "invalid_parameter", "run.error.code"),
    ("compare", ["run", "comparison", "cases"], [], "invalid_parameter", "run.comparison.cases"),
    ("compare", ["run", "comparison", "cases", 1, "repeat", "samples_ns", 0], "x", "invalid_parameter",
     "run.comparison.cases[1].repeat.samples_ns[0]"),
    ("compare", ["run", "comparison", "decomposition", "to"], 99, "invalid_parameter", "run.comparison"),
    ("compare", ["run", "comparison", "verdict"], None, "invalid_parameter", "run.comparison.verdict"),
])
def test_bad_files_are_refused_by_name(exported, importer, kind, path, value, code, parameter):
    before = ids(importer, limit=1000)
    reply = importer.post_json(change(json.loads(exported[kind]), path, value), "/v1/runs/import")
    assert (reply.status, reply.problem["code"], reply.problem["parameter"]) == (400, code, parameter)
    assert ids(importer, limit=1000) == before


@pytest.mark.parametrize("body, code", [
    (b"", "invalid_json"), (b"[]", "invalid_parameter"), (b"{", "invalid_json"), (b"{}x", "invalid_json"),
    (b"\xff", "invalid_json"), (b'{"colonnade_run": 1, "x": "\xff"}', "invalid_encoding"),
    (b"[" * 5000 + b"]" * 5000, "limit_exceeded")])
def test_what_is_no_file(importer, body, code):
    assert importer.post_json(body, "/v1/runs/import").code == code


def test_a_newer_file_says_so(exported, importer):
    file = {**json.loads(exported["compute"]), "colonnade_run": 2, "news": []}
    assert "newer Colonnade" in importer.post_json(file, "/v1/runs/import").problem["detail"]


def test_members_of_later_comparisons_stay(exported, importer):
    file = change(json.loads(exported["compare"]), ["run", "comparison", "news"], {"x": [0.1, 1e300]})
    file["run"]["id"] = "3" * 32
    assert importer.post_json(file, "/v1/runs/import").status == 201
    assert importer.run("3" * 32)["comparison"] == file["run"]["comparison"]


def test_other_ways_to_ask(importer):
    assert importer.request("POST", "/v1/runs/import", b"a,b", {"Content-Type": "text/csv"}).status == 415
    assert importer.post_json(b"{}", "/v1/runs/import?limit=1").code == "unknown_parameter"
    reply = importer.request("POST", "/v1/runs", b"{}")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists("/dev/shm"), reason="wants a small file system")
def test_a_full_disk_does_not_stop_the_service(tmp_path):
    """A tmpfs of 300 KiB, if it may be mounted; else nothing is shown."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", disk], capture_output=True).returncode:
        pytest.skip("no right to mount")
    try:
        running = client.Server("--data-dir", disk)
        made = many(running, 600)
        client.wait_until(lambda: "cannot be written" in running.stderr())
        assert running.stderr().count("cannot be written") == 1
        assert compute(running)
        history = running.get("/v1/runs").json()["history"]
        assert history["durable"] is True and "cannot be written" in history["error"]
        assert set(made[-300:]) <= set(ids(running, limit=5000))
        assert running.stop() == 0
    finally:
        subprocess.run(["umount", "-l", disk], capture_output=True)
