"""/openapi.json: that it is valid, and that it says what is served: every address, method, parameter, code and reply."""
import copy
import itertools
import json
import re
import shutil
import subprocess
import threading

import pytest

import client
from client import wait_until

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"]
TABLE = "name,a,b\nx,1,2.5\ny,3,4.5\n"


@pytest.fixture(scope="module")
def document(server):
    reply = server.get("/openapi.json")
    assert reply.status == 200
    return reply.json()


@pytest.fixture(scope="module")
def run(server):
    """The id of a run that is there."""
    return server.post_csv(TABLE, {"let": "c=a+b"}).headers["Colonnade-Run"]


def close(schema):
    """The same schema, but members that are not named are an error: the document is open, so that members can be added,
    and a test must not miss one that is."""
    schema = copy.deepcopy(schema)
    todo = [schema]
    while todo:
        node = todo.pop()
        if isinstance(node, dict):
            if "properties" in node and "additionalProperties" not in node:
                node["additionalProperties"] = False
            todo += node.values()
        elif isinstance(node, list):
            todo += node
    return schema


class Validator:
    def __init__(self, document):
        self.components = close(document["components"])

    def __call__(self, value, schema):
        whole = {"components": self.components, "allOf": [close(schema)]}
        jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker()).validate(value)

    def named(self, value, name):
        self(value, {"$ref": f"#/components/schemas/{name}"})


@pytest.fixture(scope="module")
def valid(document):
    return Validator(document)


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method not in ("parameters", "x-query"):
                yield path, method.upper(), operation


def methods_of(item):
    return {m.upper().removeprefix("X-") for m in item if m != "parameters"}


# ---- the document ----------------------------------------------------------------------------------------------------

def test_it_is_valid(server):
    node, npm = shutil.which("node"), client.ROOT / "build" / "npm"
    if not node or not (npm / "node_modules" / "@seriousme").is_dir():
        pytest.skip("there is no node, or build/npm holds no validator (make build/npm/.installed)")
    done = subprocess.run([node, client.ROOT / "tests" / "openapi.mjs", npm], input=server.get("/openapi.json").body,
                          capture_output=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, b"3.1"), done


def test_it_is_one_whole(document):
    """Every reference leads somewhere, every schema is a schema and is used, every operation has a name of its own."""
    text = json.dumps(document)
    references = set(re.findall(r'"\$ref": "#/components/([^"]+)"', text))
    for reference in references:
        section, name = reference.split("/")
        assert name in document["components"][section], reference
    used = {reference.split("/")[1] for reference in references if reference.startswith("schemas/")}
    assert used == set(document["components"]["schemas"])
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert set(schema.get("required", [])) <= set(schema.get("properties", {})), name
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for _, _, operation in operations(document))
    assert document["openapi"] == "3.1.0"


def test_it_can_be_asked_again_cheaply(server):
    reply = server.get("/openapi.json")
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-cache"
    again = server.get("/openapi.json", If_None_Match=reply.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert server.get("/openapi.json", If_None_Match='"other"').status == 200
    assert server.get("/openapi.json").headers["ETag"] == reply.headers["ETag"]


def test_limits_are_those_of_the_settings(launch):
    server = launch("--max-workers", 3, "--max-rows", 1234)
    document = server.get("/openapi.json").json()
    assert document["x-limits"]["max_rows"] == 1234
    parameters = document["paths"]["/v1/compute"]["post"]["parameters"]
    workers = next(p for p in parameters if p.get("name") == "workers")["schema"]
    assert (workers["minimum"], workers["maximum"]) == (1, 3)
    assert document["components"]["schemas"]["MapRequest"]["properties"]["workers"]["maximum"] == 3
    assert server.lets("a", {"a": [1]}, workers=3).status == 200
    assert server.lets("a", {"a": [1]}, workers=4).code == "invalid_parameter"


def test_rights(launch, tmp_path, document):
    assert document["security"] == []
    token = tmp_path / "token"
    token.write_text("secret\n")
    server = launch("--token-file", token)
    assert server.get("/openapi.json").code == "unauthorized"
    locked = server.get("/openapi.json", Authorization="Bearer secret").json()
    assert locked["security"] == [{"bearer": []}, {"cookie": []}]
    assert set(locked["components"]["securitySchemes"]) == {"bearer", "cookie"}
    for path, method, operation in operations(locked):
        status = server.request(method, path.replace("{id}", "app.js"), b"" if method in ("POST", "PUT") else None).status
        if "security" in operation:
            assert operation["security"] == [] and (status != 401 or path == "/v1/session"), path
        else:
            assert status == 401, (path, method)


# ---- addresses and parameters ----------------------------------------------------------------------------------------

def test_every_address_answers_as_it_says(server, document):
    for path, item in document["paths"].items():
        target = path.replace("{id}", "0" * 32)
        stated = methods_of(item)
        if path == "/v1/runs/import":  # which is a run's address too
            stated |= methods_of(document["paths"]["/v1/runs/{id}"])
        for method in METHODS:
            if path.endswith("/events") and method == "GET":
                continue  # lasts
            reply = server.request(method, target, b"" if method in ("POST", "PUT", "QUERY") else None)
            if method in stated:
                assert reply.status != 405, (method, path)
                if reply.status == 404:
                    assert "{id}" in path or path == "/v1/runs/import"
            else:
                assert reply.status == 405, (method, path)
                assert set(reply.headers["Allow"].split(", ")) <= stated, path
                assert path == "/v1/runs/import" or set(reply.headers["Allow"].split(", ")) == stated, path


def test_the_manual_has_the_same_addresses(document):
    page = (client.ROOT / "docs" / "README.md").read_text().split("## Addresses")[1].split("\n## ")[0]
    listed = {}
    for row in re.findall(r"^\| (`/.*?) \| ([A-Z, ]+) \|", page, re.M):
        for path in re.findall(r"`([^`]+)`", row[0]):
            listed[re.sub(r"<\w+>", "{id}", path)] = set(row[1].split(", "))
    assert listed == {path: methods_of(item) - {"HEAD"} for path, item in document["paths"].items()}


def test_parameters(server, document, run):
    """What is stated is taken, at its limits too; one past them, twice, or another name is not."""
    values = {"before": run, "q": "a", "operation": "compute"}
    for path, method, operation in operations(document):
        if method != "GET" or path.endswith("/events"):
            continue
        target = path.replace("{id}", run) if path != "/static/{id}" else "/static/app.js"
        assert server.get(target + "?unheard_of=1").status in (400, 404), path
        for parameter in operation["parameters"]:
            if "$ref" in parameter:
                continue
            name, schema = parameter["name"], parameter["schema"]
            if schema["type"] == "integer":
                taken, refused = [schema["minimum"], schema["maximum"]], [schema["minimum"] - 1, schema["maximum"] + 1]
                assert schema["minimum"] <= schema["default"] <= schema["maximum"]
            else:
                taken, refused = schema.get("enum", [values[name]]), ["nonsense"] if "enum" in schema else []
            for value in taken:
                assert server.get(f"{target}?{name}={value}").status == 200, (path, name, value)
            for value in refused:
                assert server.get(f"{target}?{name}={value}").code == "invalid_parameter", (path, name, value)


def test_defaults_of_numbers_are_the_defaults(launch):
    server = launch()
    for _ in range(60):
        assert server.lets("a", {"a": [1]}).status == 200
    parameters = server.get("/openapi.json").json()["paths"]["/v1/runs"]["get"]["parameters"]
    assert len(server.get("/v1/runs").json()["runs"]) == parameters[0]["schema"]["default"]


def test_options_of_compute(server, document):
    """Each option in its three places: what its schema allows is taken, and what it does not is refused."""
    stated = [p for p in document["paths"]["/v1/compute"]["post"]["parameters"] if "name" in p]
    form = document["components"]["schemas"]["ComputeForm"]["properties"]
    members = document["components"]["schemas"]["ComputeRequest"]["properties"]
    assert {p["name"] for p in stated} == set(form) - {"data"} == set(members) - {"columns", "generate"}
    assert [p["name"] for p in stated] == [
        "let", "select", "drop", "rename", "limit", "executor", "workers", "chunk_rows", "mode", "repeat", "overflow",
        "on_error", "nan", "types", "nulls", "delimiter", "header", "timeout_ms", "retries"]
    texts = {"select": "a", "drop": "a", "rename": "a:z", "types": "a:float64", "nulls": "x", "let": "c=a"}
    for parameter in stated:
        name, schema = parameter["name"], parameter["schema"]
        assert schema == form[name]
        if "enum" in schema:
            taken, refused = schema["enum"], ["nonsense"]
            assert schema["default"] in taken
            assert members[name] == schema
        elif schema.get("type") == "integer":
            taken, refused = [schema["minimum"], schema["minimum"] + 1], [schema["minimum"] - 1, schema["maximum"] + 1]
        else:
            taken, refused = [], []
        if name in texts:
            taken, refused = [texts[name]], []
        elif "anyOf" in schema:
            taken, refused = schema["anyOf"][0]["enum"] + [";"], ["nonsense", ";;"]
        if name == "executor":
            taken = [value for value in taken if value != "dask"]  # this server has no cluster
        assert taken, name
        for value in taken:
            reply = server.post_csv("a,b\n1,2\n", {name: value})
            assert reply.status == 200 or reply.code in ("invalid_csv", "deadline_exceeded"), (name, value, reply)
            reply = server.post_form([(name, value), ("data", "a,b\n1,2\n", "f.csv")])
            assert reply.status == 200 or reply.code in ("invalid_csv", "deadline_exceeded"), (name, value, reply)
        for value in refused:
            assert server.post_csv(TABLE, {name: value}).code == "invalid_parameter", (name, value)


def test_defaults_of_options(server, document):
    """What is stated as the default is what happens without the option."""
    stated = {p["name"]: p["schema"] for p in document["paths"]["/v1/compute"]["post"]["parameters"] if "name" in p}
    for name in ("executor", "mode", "overflow", "on_error", "nan", "header"):
        plain = server.post_csv("a,b\n1,2.5\n", {"let": "c=a/b"}, {"Accept": client.JSON})
        given = server.post_csv("a,b\n1,2.5\n", {"let": "c=a/b", name: stated[name]["default"]}, {"Accept": client.JSON})
        assert plain.columns == given.columns
    plain = server.post_csv(TABLE, {"let": "c=a+b"}, {"Accept": client.JSON}).json()["execution"]
    assert plain["mode"] == stated["mode"]["default"]
    assert plain["reason"].startswith(stated["executor"]["default"])


def test_codes_and_functions(server, document):
    schemas = document["components"]["schemas"]
    source = (client.ROOT / "base" / "error.c").read_text()
    codes = re.findall(r'^ +\[CN_\w+\] = \{"(\w+)"', source, re.M)
    assert schemas["Problem"]["properties"]["code"]["enum"] == [code for code in codes if code != "ok"]
    functions = server.get("/v1/functions").json()["functions"]
    assert schemas["Expression"]["x-functions"] == {f["name"]: f["signature"] for f in functions}


# ---- replies ---------------------------------------------------------------------------------------------------------

def reply_schema(document, path, method, status, media):
    responses = document["paths"][path][method.lower()]["responses"]
    stated = responses.get(str(status)) or document["components"]["responses"]["Problem"]
    return stated["content"][media]["schema"] if "content" in stated else None


def check(document, valid, path, method, reply):
    """The reply is one of those that are stated for its status and media type."""
    media = (reply.headers.get("Content-Type") or "").split(";")[0]
    schema = reply_schema(document, path, method, reply.status, media)
    if media.endswith("json"):
        valid(reply.json(), schema)
    return reply


def test_replies_of_work(server, document, valid):
    generate = {"rows": 3000, "columns": ["a", "b"], "distribution": "normal", "seed": 1}
    compute = [{"columns": {"a": [1, None, 2.5], "s": ["x", "", None], "t": [True, False, None]},
                "let": {"c": "a*2", "d": "s + '!'", "e": "md5(*)"}, "nan": "string"},
               {"generate": generate, "let": ["c=a+b"], "repeat": 3, "executor": "gil", "select": "all", "limit": 3},
               {"columns": {"a": [0]}, "let": {"c": "1//a"}, "on_error": "null"},
               {"columns": {"a": [0]}, "let": {"c": "1//a"}}, {"columns": {"a": [0]}, "let": {"c": "a+"}},
               {"columns": {"a": [0], "b": []}}, {"lett": 1}, {}]
    for body in compute:
        reply = server.post_json(body)
        check(document, valid, "/v1/compute", "POST", reply)
        if reply.status == 200:
            valid.named(body, "ComputeRequest")
    for executor in ("serial", "threads", "processes", "auto"):
        check(document, valid, "/v1/compute", "POST",
              server.post_csv(TABLE * 1, {"let": "c=a+b", "executor": executor}, {"Accept": client.JSON}))
    for body in ({"function": "long_io", "args": [1, 2], "seconds": [0, 0]},
                 {"function": "long_comp", "args": [1, "x", None], "iterations": 10, "executor": "gil", "repeat": 2},
                 {"function": "calc_hash", "args": [[1, 2.5, "x"]], "workers": 1, "chunksize": 2, "timeout_ms": 60000},
                 {"function": "none", "args": []}):
        if check(document, valid, "/v1/map", "POST", server.post_json(body, "/v1/map")).status == 200:
            valid.named(body, "MapRequest")
    for body in ({"columns": {"a": "float64"}, "let": {"c": "a+1", "d": "a+", "e": "f(a)"}},
                 {"columns": {"a": "string"}, "let": ["c=a"], "overflow": "wrap", "on_error": "null"}, {"let": {}}):
        if check(document, valid, "/v1/check", "POST", server.post_json(body, "/v1/check")).status == 200:
            valid.named(body, "CheckRequest")


def test_replies_of_experiments(server, document, valid):
    generate = {"rows": 2000, "columns": ["a", "b"], "distribution": "uniform", "seed": 1}
    for body in ({"workload": {"compute": {"generate": generate, "let": {"c": "a+b"}}},
                  "executors": ["serial", "threads", "gil", "auto"], "workers": [1, 2], "modes": ["vector", "row"],
                  "rows": [1000, 2000], "chunk_rows": 0, "repeat": 2},
                 {"workload": {"map": {"function": "long_comp", "args": [1, 2], "iterations": 100}},
                  "executors": ["serial", "processes"], "workers": 1, "repeat": 1},
                 {"workload": {}}):
        reply = check(document, valid, "/v1/compare", "POST", server.post_json(body, "/v1/compare"))
        if reply.status == 200:
            valid.named(body, "CompareRequest")
            check(document, valid, "/v1/runs/{id}", "GET", server.get("/v1/runs/" + reply.json()["run"]))


def test_replies_about_runs(launch, document, valid, tmp_path):
    server = launch("--data-dir", tmp_path)
    bodies = [{"columns": {"a": [1]}, "let": {"c": "a"}}, {"columns": {"a": [0]}, "let": {"c": "1//a"}}]
    runs = [server.post_json(body).headers["Colonnade-Run"] for body in bodies]
    runs.append(server.post_csv(TABLE, {"let": "c=a+b", "executor": "processes"}).headers["Colonnade-Run"])
    runs.append(server.post_json({"function": "long_io", "args": [1], "seconds": 0}, "/v1/map").json()["run"])
    runs.append(server.post_json({"columns": {"a": "int64"}, "let": {}}, "/v1/check").headers["Colonnade-Run"])
    for one, path in itertools.product(runs, ["/v1/runs/{id}", "/v1/runs/{id}/trace", "/v1/runs/{id}/export"]):
        reply = check(document, valid, path, "GET", server.get(path.replace("{id}", one)))
        assert reply.status == 200
    for target in ("/v1/runs", "/v1/runs?limit=1", "/v1/runs?operation=map", "/v1/runs?limit=x"):
        check(document, valid, "/v1/runs", "GET", server.get(target))
    file = server.get(f"/v1/runs/{runs[2]}/export").json()
    for expected in (200, 201, 400):
        if expected == 201:
            file["run"]["id"] = "f" * 32
        body = {} if expected == 400 else file
        reply = check(document, valid, "/v1/runs/import", "POST", server.post_json(body, "/v1/runs/import"))
        assert reply.status == expected
    check(document, valid, "/v1/runs/{id}", "GET", server.get("/v1/runs/" + "f" * 32))
    check(document, valid, "/v1/runs/{id}", "GET", server.get("/v1/runs/" + "0" * 32))


def test_replies_about_jobs(launch, document, valid):
    server = launch()
    ahead = {"Prefer": "respond-async"}
    jobs = []
    for body, path in (({"columns": {"a": [1]}, "let": {"c": "a"}}, "/v1/compute"),
                       ({"columns": {"a": [0]}, "let": {"c": "1//a"}}, "/v1/compute"),
                       ({"function": "long_io", "args": [1], "seconds": 60}, "/v1/map")):
        reply = check(document, valid, path, "POST", server.post_json(body, path, ahead))
        assert reply.status == 202
        jobs.append(reply.json()["id"])
    for job in jobs[:2]:
        wait_until(lambda: server.get("/v1/jobs/" + job).json()["finished_at"])
    for job in jobs:
        check(document, valid, "/v1/jobs/{id}", "GET", server.get("/v1/jobs/" + job))
        check(document, valid, "/v1/jobs/{id}/result", "GET", server.get(f"/v1/jobs/{job}/result"))
    check(document, valid, "/v1/jobs", "GET", server.get("/v1/jobs"))
    for job, status in ((jobs[2], 202), (jobs[0], 204), (jobs[0], 404)):
        reply = check(document, valid, "/v1/jobs/{id}", "DELETE", server.request("DELETE", "/v1/jobs/" + job))
        assert reply.status == status
    check(document, valid, "/v1/jobs/{id}", "GET", server.get("/v1/jobs/" + jobs[2]))


def test_replies_about_the_service(server, document, valid):
    server.lets("a", {"a": [1]})
    for path in ("/v1/pools", "/v1/load", "/v1/functions", "/livez", "/readyz", "/metrics", "/openapi.json"):
        reply = check(document, valid, path, "GET", server.get(path))
        assert reply.status == 200
    check(document, valid, "/v1/session", "POST", server.request("POST", "/v1/session"))
    check(document, valid, "/v1/session", "DELETE", server.request("DELETE", "/v1/session"))
    check(document, valid, "/", "GET", server.get("/"))


def test_not_ready(launch, document, valid):
    server = launch("--grace-ms", 2000)
    held = threading.Thread(target=lambda: server.post_json({"function": "long_io", "args": [1], "seconds": 60}, "/v1/map"))
    held.start()
    wait_until(lambda: "colonnade_work_in_flight 1" in server.get("/metrics").text)
    server.process.terminate()
    wait_until(lambda: server.get("/readyz").status == 503)
    check(document, valid, "/readyz", "GET", server.get("/readyz"))
    held.join()
