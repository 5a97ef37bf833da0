"""What the record of a run says of its origin: data, request, machine, and a comparison's reply."""
import json
import os
import time

import pytest
import xxhash

import client

DATA = "a,b\n" + "".join(f"{k}.25,{k % 7}\n" for k in range(20_000))
GENERATE = {"rows": 500, "columns": ["a", "b"], "distribution": "uniform", "seed": 3}
MEMBERS = {"input", "request", "machine", "comparison", "error", "chunks", "recipe"}
CSV = "text/csv"


def digest(data):
    data = data.encode() if isinstance(data, str) else data
    return "xxh3_128:" + xxhash.xxh3_128(data).hexdigest()


def upload(data, media_type=CSV):
    data = data.encode() if isinstance(data, str) else data
    return {"kind": "upload", "media_type": media_type, "bytes": len(data), "digest": digest(data)}


def recorded(server, reply):
    run = server.run_of(reply)
    assert MEMBERS <= set(run), run.keys()
    return run


def computed(reply):
    return {name: reply.columns[name] for name in reply.columns}


# ---- uploads ----------------------------------------------------------------------------------

@pytest.mark.parametrize("how", [["--data-binary", "@{file}", "-H", "Content-Type: text/csv"], ["-T", "{file}"],
                                 ["-F", "data=@{file}"], ["-T", "{file}", "-H", "Content-Length:",
                                                          "-H", "Transfer-Encoding: chunked"]])
@pytest.mark.parametrize("size", [3, 1_000, 2_500_000])
def test_digest_however_it_was_sent(server, tmp_path, how, size):
    file = tmp_path / "frame.csv"
    file.write_text("a\n" + "1234567\n" * (size // 8))
    form = "-F" in how
    option = ["--form-string", "let=r=a+1"] if form else []
    url = server.url + "/v1/compute" + ("" if form else "?let=r%3Da%2B1")
    code, identity, error = client.curl(*[part.format(file=file) for part in how], *option, "-o",
                                        os.devnull, "-w", "%header{colonnade-run}", url)
    assert code == 0, error
    run = server.run(identity.decode())
    assert run["input"] == upload(file.read_bytes())
    assert run["request"] == {"path": "/v1/compute", "options": [["let", "r=a+1"]]}


def test_options_as_they_were_given(server):
    options = [["let", "x=a+b"], ["executor", "threads"], ["let", "y = concat('\"ä ', x)"],
               ["rename", "b:c"], ["chunk_rows", "5000"]]
    parts = [(name, value) for name, value in options]
    parts.insert(2, ("data", DATA, "frame.csv"))
    by_form = recorded(server, server.post_form(parts))
    by_query = recorded(server, server.post_csv(DATA, options))
    for run in (by_form, by_query):
        assert run["error"] is None, run["error"]
        assert run["request"] == {"path": "/v1/compute", "options": options}
        assert run["input"] == upload(DATA)
    assert by_form["recipe"] == by_query["recipe"]


def test_media_types(server):
    tsv = DATA.replace(",", "\t")
    run = recorded(server, server.post_csv(tsv, headers={
        "Content-Type": "text/tab-separated-values"}))
    assert run["input"] == upload(tsv, "text/tab-separated-values")
    run = recorded(server, server.post_csv("1,2\n", headers={
        "Content-Type": "text/csv; header=absent"}))
    assert run["input"] == upload("1,2\n", "text/csv; header=absent")
    body = json.dumps({"columns": {"a": [1, 2]}, "let": ["r=a"]}).encode()
    run = recorded(server, server.request("POST", "/v1/compute", body,
                                          {"Content-Type": "application/json"}))
    assert run["input"] == upload(body, "application/json") and run["request"] is None


def test_json_columns_in_a_form(server):
    body = b'{"columns": {"a": [1, 2]}}'
    parts = [("let", "r=a"), ("data", body, "frame.json", "application/json")]
    run = recorded(server, server.post_form(parts))
    assert run["input"] == upload(body, "application/json")
    assert run["request"] == {"path": "/v1/compute", "options": [["let", "r=a"]]}
    parts[1] = ("data", json.dumps({"generate": GENERATE}), "frame.json", "application/json")
    run = recorded(server, server.post_form(parts))
    assert run["input"] == {"kind": "generated", "generate": GENERATE} and run["request"] is None


# ---- what can be sent again -------------------------------------------------------------------

def test_a_generated_frame_again(server):
    text = json.dumps({"generate": GENERATE, "let": ["r = a / b", "h=md5(a, ' \" ')"],
                       "executor": "threads", "workers": 2}, indent=3)
    first = server.request("POST", "/v1/compute", text.encode(),
                           {"Content-Type": "application/json"})
    run = recorded(server, first)
    assert run["input"] == {"kind": "generated", "generate": GENERATE}
    assert run["request"] == {"path": "/v1/compute", "json": json.loads(text)}
    again = server.post_json(run["request"]["json"], path=run["request"]["path"])
    assert again.status == 200 and computed(again) == computed(first)
    assert recorded(server, again)["request"] == run["request"]


def test_generate_says_what_was_not_given(server):
    run = recorded(server, server.post_json({"generate": {"rows": 3, "columns": ["a"]},
                                             "let": ["r=a"]}))
    assert run["input"]["generate"] == {"rows": 3, "columns": ["a"], "distribution": "normal",
                                        "seed": 0}


def test_a_map_again(server):
    body = {"function": "long_io", "args": [1, 2], "seconds": 0.001}
    first = server.post_json(body, path="/v1/map")
    run = recorded(server, first)
    assert run["input"] is None and run["comparison"] is None
    assert run["request"] == {"path": "/v1/map", "json": body}


def test_long_requests_are_not_kept(server):
    short = {"generate": GENERATE, "let": {f"c{k}": "a + 1" for k in range(100)}}
    assert recorded(server, server.post_json(short))["request"]["json"] == short
    body = json.dumps(short) + " " * 70_000
    reply = server.request("POST", "/v1/compute", body.encode(),
                           {"Content-Type": "application/json"})
    run = recorded(server, reply)
    assert reply.status == 200 and run["request"] is None
    assert run["input"] == {"kind": "generated", "generate": GENERATE}


def test_as_a_job(server):
    reply = server.post_csv(DATA, {"let": "r=a"}, headers={"Prefer": "respond-async"})
    assert reply.status == 202
    job = reply.headers["Location"]
    client.wait_until(lambda: server.get(job).json()["state"] == "finished")
    listed = server.get("/v1/runs?limit=20").json()["runs"]
    run = next(r for r in (server.run(entry["id"]) for entry in listed)
               if r["input"] == upload(DATA) and r["recipe"] == ["r = a"])
    assert run["request"] == {"path": "/v1/compute", "options": [["let", "r=a"]]}


# ---- comparisons ------------------------------------------------------------------------------

def test_a_comparison_is_kept(server):
    body = {"workload": {"compute": {"generate": GENERATE, "let": ["r=a*2"]}},
            "executors": ["serial", "threads"], "workers": [1], "repeat": 3}
    reply = server.post_json(body, path="/v1/compare")
    assert reply.status == 200
    run = recorded(server, reply)
    assert run["comparison"] == reply.json() and run["comparison"]["run"] == run["id"]
    assert run["request"] == {"path": "/v1/compare", "json": body}
    assert run["input"] == {"kind": "generated", "generate": GENERATE}


def test_a_comparison_over_data(server):
    body = {"workload": {"compute": {"columns": {"a": [1, 2]}, "let": ["r=a*2"]}},
            "executors": ["serial"], "repeat": 1}
    reply = server.post_json(body, path="/v1/compare")
    run = recorded(server, reply)
    assert run["comparison"] == reply.json() and run["request"] is None
    assert run["input"]["kind"] == "upload" and run["input"]["media_type"] == "application/json"
    body["executors"] = ["nosuch"]
    run = recorded(server, server.post_json(body, path="/v1/compare"))
    assert run["error"]["code"] == "invalid_parameter" and run["comparison"] is None
    assert run["input"]["kind"] == "upload" and run["request"] is None


def test_a_comparison_of_a_map(server):
    body = {"workload": {"map": {"function": "long_io", "args": [1, 2], "seconds": 0.001}},
            "executors": ["threads"], "workers": [1], "repeat": 1}
    run = recorded(server, server.post_json(body, path="/v1/compare"))
    assert run["error"] is None, run["error"]
    assert run["input"] is None and run["request"] == {"path": "/v1/compare", "json": body}


# ---- runs that failed -------------------------------------------------------------------------

def test_failed_runs_have_what_was_known(server):
    run = recorded(server, server.post_csv(DATA, {"let": "r=a +"}))
    assert run["error"]["code"] == "syntax_error"
    assert run["input"] == {"kind": "upload", "media_type": CSV, "bytes": 0, "digest": None}
    assert run["request"]["options"] == [["let", "r=a +"]]
    run = recorded(server, server.post_csv(DATA, {"let": "r=a +"}, {"Content-Type": ""}))
    assert run["input"] == {"kind": "upload", "media_type": None, "bytes": 0, "digest": None}
    run = recorded(server, server.post_form([("let", "r=a +"), ("data", DATA, "frame.csv")]))
    assert run["input"] == upload(DATA) and run["request"]["options"] == [["let", "r=a +"]]
    run = recorded(server, server.post_csv(DATA, {"let": "r=nosuch"}))
    assert run["error"]["code"] == "unknown_column" and run["input"]["kind"] == "upload"
    run = recorded(server, server.post_csv("a\n0\n", {"let": "r=1 // a"}))
    assert run["error"]["code"] == "division_by_zero" and run["input"] == upload("a\n0\n")
    run = recorded(server, server.post_json({"generate": GENERATE, "let": ["r="]}))
    assert run["request"]["json"]["let"] == ["r="] and run["input"]["generate"] == GENERATE
    body = b'{"columns": {"a": [1, '
    run = recorded(server, server.request("POST", "/v1/compute", body,
                                          {"Content-Type": "application/json"}))
    assert run["error"]["code"] == "invalid_json" and run["request"] is None
    assert run["input"] == upload(body, "application/json")
    run = recorded(server, server.post_json({"function": "nosuch", "args": [1]}, path="/v1/map"))
    assert run["request"]["json"]["function"] == "nosuch"
    run = recorded(server, server.post_json({"function": "long_io", "columns": {"a": [1]}},
                                            path="/v1/map"))
    assert run["request"] is None  # it has data


def test_key_names_but_no_keys(server):
    reply = server.post_json({"generate": GENERATE, "let": ["h=hmac_sha256('site', a)"]})
    text = json.dumps(recorded(server, reply))
    assert "site" in text and "the site's secret" not in text


# ---- the rest ---------------------------------------------------------------------------------

def test_machine(server):
    run = recorded(server, server.post_csv("a\n1\n"))
    cpus = server.pools()["cpus"]
    version = server.get("/livez").headers.get("Server", "")
    assert set(run["machine"]) == {"version", "cpu", "usable_cpus", "pid"}
    assert run["machine"]["usable_cpus"] == cpus["usable"]
    assert run["machine"]["pid"] == server.pid
    assert run["machine"]["version"] and (not version or run["machine"]["version"] in version)
    model = run["machine"]["cpu"]
    assert model and model.isascii() and model.isprintable() and model == " ".join(model.split())


def test_what_is_listed(server):
    reply = server.post_json({"generate": GENERATE, "let": ["r=a*2", "s=r"]})
    failed = server.post_csv("a\nx\n", {"let": "r=a*2"})
    server.run_of(reply), server.run_of(failed)
    listed = {run["id"]: run for run in server.get("/v1/runs?limit=20").json()["runs"]}
    first = listed[reply.headers["Colonnade-Run"]]
    assert first["recipe"] == ["r = a * 2", "s = r"] and first["input_kind"] == "generated"
    assert first["error_code"] is None and "chunks" not in first
    second = listed[failed.headers["Colonnade-Run"]]
    assert second["input_kind"] == "upload" and second["error_code"] == failed.code


def test_ten_thousand_chunks(server):
    body = {"generate": {"rows": 10_000, "columns": ["a"]}, "let": ["r=a*2"], "chunk_rows": 1,
            "executor": "threads", "select": "computed"}
    reply = server.post_json(body)
    run = recorded(server, reply)
    assert len(run["chunks"]) == run["execution"]["chunks"] == 10_000
    started = time.perf_counter()
    server.run_of(reply)
    print(f"10,000 chunks: {time.perf_counter() - started:.3f} s")
    body["generate"]["rows"] = 20_000
    run = recorded(server, server.post_json(body))
    assert run["execution"]["chunks"] == 20_000 and len(run["chunks"]) == 16_384
