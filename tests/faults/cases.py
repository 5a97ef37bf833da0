"""What is asked of a server while its calls fail: every endpoint, on every executor that it has.

A case is a function that asks and returns what must be the same every time. It asks through `ask`,
which ends the case where a reply is not the one that is wanted (sites.py).
"""
import gzip
import itertools
import json

import client

TOKEN = "a-token-of-at-least-some-length-0123456789"
EXECUTORS = ("auto", "serial", "threads", "processes", "gil", "dask")
ROWS = "".join(f"{k},{k * 0.37!r},n{k % 7}\n" for k in range(60))
TABLE = ("a,b,name\n" + ROWS).encode()
FRAME = {"rows": 50, "columns": ["a", "b"], "distribution": "normal", "seed": 3}
CSV = {"Content-Type": "text/csv"}
JSON = {"Content-Type": "application/json"}
# What differs from one reply to the next.
VOLATILE = {"run", "id", "timing", "pid", "worker", "execution", "started_at", "finished_at", "submitted_at",
            "repeat", "speedup", "efficiency", "disturbed", "amdahl", "decomposition", "verdict", "futures",
            "completion_order", "wall_ns", "progress", "submitted_ns", "reason", "exported_at", "trace",
            "send_ns", "chunks", "recipe", "what"}
fresh = itertools.count(1000)
CASES = {}
CLUSTER = set()  # names of those that need a cluster


def case(function):
    CASES[function.__name__] = function
    return function


def on_cluster(function):
    CLUSTER.add(function.__name__)
    return case(function)


def stable(value):
    """A document without what differs."""
    if isinstance(value, dict):
        return {k: stable(v) for k, v in value.items() if k not in VOLATILE}
    if isinstance(value, list):
        return [stable(v) for v in value]
    return value


def shape(value):
    """The names in a document, and no values."""
    if isinstance(value, dict):
        return {k: shape(v) for k, v in value.items()}
    return [shape(v) for v in value[:1]] if isinstance(value, list) else None


def let():
    """An expression that no plan was made for yet; its values are always the same."""
    n = next(fresh)
    return f"r=a + ({n} - {n})"


def lets():
    n = next(fresh)
    return {"r": f"a + ({n} - {n})", "k": "md5(a, b)"}


def compute(ask, body=TABLE, headers=None, status=200, **options):
    options.setdefault("let", [let(), "k=md5(a, b, lower(name))"])
    reply = ask("POST", "/v1/compute?" + client.query(options), body, headers or CSV, status=status)
    return reply.body if status == 200 else reply.code  # without memory an error loses words, not its code


def compute_json(ask, **options):
    document = {"columns": {"a": list(range(40)), "b": [k / 8 for k in range(40)]}, "let": lets()}
    document.update(options)
    return stable(ask("POST", "/v1/compute", json.dumps(document).encode(), JSON).json())


def on_executors(name, function, executors=EXECUTORS):
    for executor in executors:
        if executor == "dask":
            CLUSTER.add(f"{name}_{executor}")
        CASES[f"{name}_{executor}"] = lambda ask, executor=executor: function(ask, executor)


on_executors("csv", lambda ask, executor: compute(ask, executor=executor, chunk_rows=13))
on_executors("json", lambda ask, executor: compute_json(ask, executor=executor, chunk_rows=11))
on_executors("repeat", lambda ask, executor: compute(ask, executor=executor, repeat=3), EXECUTORS[1:])


@case
def csv_small(ask):
    return compute(ask, b"a,b,name\n1,2,x\n")


@case
def csv_put_chunked(ask):
    return ask("PUT", "/v1/compute?" + client.query({"let": let()}), iter([TABLE[:500], TABLE[500:]]),
               {"Content-Type": "text/csv", "Expect": "100-continue"}).body


@case
def csv_gzip(ask):
    """Packed in, packed out."""
    reply = ask("POST", "/v1/compute?" + client.query({"let": let(), "executor": "threads"}), gzip.compress(TABLE),
                dict(CSV, **{"Content-Encoding": "gzip", "Accept-Encoding": "gzip"}))
    return gzip.decompress(reply.body) if reply.headers.get("Content-Encoding") else reply.body


@case
def csv_wide_types(ask):
    """The last row widens a column, so all chunks are run again."""
    return compute(ask, b"a,b,name\n" + ROWS.encode() + b"0.5,1,x\n", executor="threads", chunk_rows=7)


# Some of it is on disk: it is larger than --buffer-bytes (rig.py), and the reply is not.
LARGE = b"a,b,name\n" + b"".join(b"%d,%d.5,some text to fill the line of row %d\n" % (k, k % 97, k) for k in range(14_000))
FEW = {"select": "r,k", "limit": 9, "let": ["r=concat(str(a), name)", "k=md5(a, b, over='table')"]}


def spooled(ask, executor, last):
    lets = FEW["let"] + [let().replace("r=a", "unused=b", 1)]
    target = "/v1/compute?" + client.query(dict(FEW, let=lets, executor=executor))
    return ask("POST", target, iter([LARGE[:400_000], LARGE[400_000:] + last]), CSV).body


on_executors("csv_on_disk", lambda ask, executor: spooled(ask, executor, b"1,2,x\n"),
             ("threads", "processes", "dask"))


@case
def csv_on_disk_widened(ask):
    """All that was computed before the last row is computed again, of what is read from the disk."""
    return spooled(ask, "threads", b"x,2,x\n")


@case
def form_on_disk(ask):
    parts = [("data", LARGE + LARGE.split(b"\n", 1)[1], "x.csv", "text/csv"), ("select", "r"), ("limit", 9), ("let", let())]
    body, kind = client.form(parts)
    return ask("POST", "/v1/compute", body, {"Content-Type": kind}).body


@case
def csv_options(ask):
    return compute(ask, types="b:string,*:string", select="name,k", rename="k:key", nulls="n3", delimiter="comma",
                   limit=7, let=["k=sha256(a, b, name)"], mode="row")


@case
def csv_tuple(ask):
    return compute(ask, mode="tuple", executor="threads", chunk_rows=17)


@case
def csv_hashes(ask):
    functions = "md5 sha1 sha256 sha512 sha3_256 blake2b512 xxh64 xxh3_64".split()
    return compute(ask, let=[f"h{k}={f}(a, name)" for k, f in enumerate(functions)] +
                   ["m=hmac_sha256(a, key='site')", "n=hmac_sha256(a, key='long')", "t=sha256(a, b, over='table')"])


@case
def csv_to_json(ask):
    return stable(ask("POST", "/v1/compute?" + client.query({"let": let()}), TABLE,
                      dict(CSV, Accept="application/json")).json())


@case
def csv_division_by_zero(ask):
    return compute(ask, let=["r=1 // a"], status=422)


@case
def csv_syntax_error(ask):
    return compute(ask, let=["r=(a +"], status=400)


@case
def form(ask):
    body, kind = client.form([("let", let()), ("executor", "threads"), ("data", TABLE, "t.csv")])
    return ask("POST", "/v1/compute", body, {"Content-Type": kind}).body


@case
def generate(ask):
    document = {"generate": FRAME, "let": lets(), "executor": "threads"}
    return stable(ask("POST", "/v1/compute", json.dumps(document).encode(), JSON).json())


@case
def stream_csv(ask):
    document = {"generate": dict(FRAME, rows=4000), "let": lets(), "select": "all", "executor": "threads"}
    return ask("POST", "/v1/compute", json.dumps(document).encode(), dict(JSON, Accept="text/csv")).body


on_executors("stream", lambda ask, executor: compute(ask, b"a,b,name\n" + ROWS.encode() * 40, executor=executor, chunk_rows=300),
             ("processes", "dask"))


@on_cluster
def csv_keyed_dask(ask):
    """Keys do not leave the server."""
    return compute(ask, let=["m=hmac_sha256(a, key='site')"], executor="dask", status=400)


@case
def stream_json(ask):
    document = {"generate": dict(FRAME, rows=4000), "let": lets(), "select": "all", "executor": "serial"}
    return stable(ask("POST", "/v1/compute", json.dumps(document).encode(), JSON).json())


def call(ask, function, args, executor, **options):
    document = {"function": function, "args": args, "executor": executor, "workers": 2, **options}
    return calls(ask, ask("POST", "/v1/map", json.dumps(document).encode(), JSON).json())


def calls(ask, document):
    """A call may fail by itself, and says so; those that share a map do it in any order."""
    for future in document["futures"]:
        ask.ended(future)
    document["shared_results"].sort(key=json.dumps)
    return stable(document)


on_executors("map_comp", lambda ask, executor: call(ask, "long_comp", [0, 1, 2, 3], executor, iterations=20))
on_executors("map_io", lambda ask, executor: call(ask, "long_io", [0, 1, 2], executor, seconds=0.001))
on_executors("map_hash", lambda ask, executor: call(ask, "calc_hash", [[1, 2.5, "x"], [None, True]], executor),
             ("threads", "processes", "dask"))


@case
def map_repeat(ask):
    return call(ask, "long_comp", [0, 1], "processes", iterations=10, repeat=3, chunksize=2)


@case
def check(ask):
    document = {"columns": {"a": "float64", "b": "string"}, "let": lets()}
    return stable(ask("POST", "/v1/check", json.dumps(document).encode(), JSON).json())


def compared(document):
    cases = [[c[k] for k in ("case", "executor", "mode", "workers", "digest")] for c in document["cases"]]
    return document["identical"], document["differing"], cases


@case
def compare_compute(ask):
    document = {"workload": {"compute": {"generate": FRAME, "let": lets()}}, "workers": [1], "repeat": 2,
                "executors": ["serial", "threads", "processes"], "modes": ["tuple", "vector"]}
    return compared(ask("POST", "/v1/compare", json.dumps(document).encode(), JSON).json())


@case
def compare_map(ask):
    document = {"workload": {"map": {"function": "long_comp", "args": [0, 1], "iterations": 10}}, "repeat": 2,
                "executors": ["serial", "gil", "processes"], "workers": [1]}
    return compared(ask("POST", "/v1/compare", json.dumps(document).encode(), JSON).json())


@on_cluster
def compare_dask(ask):
    document = {"workload": {"compute": {"generate": FRAME, "let": lets()}}, "workers": [1], "repeat": 1,
                "executors": ["serial", "dask"], "modes": ["vector"]}
    return compared(ask("POST", "/v1/compare", json.dumps(document).encode(), JSON).json())


def job(ask, target, body, headers):
    begun = ask("POST", target, body, dict(headers, Prefer="respond-async"), status=202)
    path = begun.headers["Location"]
    state = ask("GET", path, headers={"Prefer": "wait=10"}).json()
    ask.ended(state)
    result = ask("GET", path + "/result")
    ask("DELETE", path, status=204)
    ask("GET", path, status=404)
    return result


@case
def job_compute(ask):
    target = "/v1/compute?" + client.query({"let": [let(), "k=md5(a)"], "executor": "threads", "chunk_rows": 9})
    return job(ask, target, TABLE, CSV).body


def job_on(ask, executor):
    target = "/v1/compute?" + client.query({"let": let(), "executor": executor, "chunk_rows": 9})
    return job(ask, target, TABLE, CSV).body


on_executors("job", job_on, ("processes", "dask"))


@case
def job_map(ask):
    document = {"function": "long_comp", "args": [0, 1], "executor": "threads", "iterations": 10}
    return calls(ask, job(ask, "/v1/map", json.dumps(document).encode(), JSON).json())


@case
def job_compare(ask):
    document = {"workload": {"compute": {"generate": FRAME, "let": lets()}}, "workers": [1], "repeat": 1,
                "executors": ["serial"], "modes": ["vector"]}
    return compared(job(ask, "/v1/compare", json.dumps(document).encode(), JSON).json())


@case
def job_events(ask):
    begun = ask("POST", "/v1/compute?" + client.query({"let": let()}), TABLE,
                dict(CSV, Prefer="respond-async"), status=202)
    events = ask("GET", begun.headers["Location"] + "/events").text
    assert "event: end" in events, events[-300:]


def cancelled(ask, document):
    begun = ask("POST", "/v1/map", json.dumps(document).encode(), dict(JSON, Prefer="respond-async"), status=202)
    path = begun.headers["Location"]
    if ask("DELETE", path, status=(202, 204)).status == 204:
        raise ask.end("typed", "it had failed")
    state = ask("GET", path, headers={"Prefer": "wait=10"}).json()
    ask.ended(state, "cancelled")
    ask("GET", path + "/result", status=410)
    ask("DELETE", path, status=204)


@case
def job_cancelled(ask):
    cancelled(ask, {"function": "long_io", "args": [1, 2], "seconds": 2, "executor": "threads", "workers": 2})


@on_cluster
def job_cancelled_dask(ask):
    """What is under way there is stopped; the next request has to be right at once."""
    cancelled(ask, {"function": "long_comp", "args": [1], "iterations": 10**9, "executor": "dask",
                    "timeout_ms": 2000})  # a job whose name was lost on its way goes on until then
    return compute(ask, executor="dask")


@case
def jobs(ask):
    return shape(ask("GET", "/v1/jobs?limit=3").json())


def run(ask, executor="threads"):
    return ask.once("run", lambda: ask("POST", "/v1/compute?" + client.query({"let": "r=a", "executor": executor}),
                                       TABLE, CSV).headers["Colonnade-Run"])


def listed(ask, options):
    document = ask("GET", "/v1/runs?" + client.query(options)).json()
    if document.get("history", {}).get("error"):
        raise ask.end("typed", document["history"]["error"])
    return shape(document)


@case
def runs(ask):
    return listed(ask, {"limit": 3})


@case
def runs_search(ask):
    return listed(ask, {"q": "r = a", "limit": 2})


@case
def run_document(ask):
    return shape(ask("GET", "/v1/runs/" + run(ask)).json())


@case
def run_trace(ask):
    return shape(ask("GET", f"/v1/runs/{run(ask)}/trace").json())


@on_cluster
def run_trace_dask(ask):
    return shape(ask("GET", f"/v1/runs/{run(ask, 'dask')}/trace").json())


@case
def run_export(ask):
    return shape(ask("GET", f"/v1/runs/{run(ask)}/export").json())


@case
def run_import(ask):
    text = ask.once("export", lambda: ask("GET", f"/v1/runs/{run(ask)}/export").text)
    document = json.loads(text)
    document["run"]["id"] = f"{next(fresh):032x}"
    made = ask("POST", "/v1/runs/import", json.dumps(document).encode(), JSON, status=201)
    return shape(ask("GET", made.headers["Location"]).json())


@case
def events(ask):
    first = ask.stream("/v1/events", b"event: pools")
    assert first.startswith(b"retry:"), first


def plain(name, target, **more):
    def one(ask):
        reply = ask("GET", target, **more)
        return reply.body if reply.status == 200 else reply.code

    CASES[name] = one


plain("home", "/", headers={"Accept-Encoding": "gzip"})
plain("static", "/static/main.js")
plain("livez", "/livez")
plain("readyz", "/readyz")
plain("functions", "/v1/functions")
plain("openapi", "/openapi.json")
plain("not_found", "/v1/nothing", status=404)
plain("head_of_livez", "/livez", headers={"Traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"})


def figures(ask):
    text = ask("GET", "/metrics").text
    names = {line.split("{")[0].split(" ")[0] for line in text.splitlines() if line.startswith("colonnade_")}
    return sorted(names)  # what /proc says of the process is left out where it cannot be read


@case
def metrics(ask):
    return figures(ask)


@on_cluster
def metrics_dask(ask):
    return figures(ask)


@case
def pools(ask):
    return sorted(ask("GET", "/v1/pools").json())


@on_cluster
def pools_dask(ask):
    document = ask("GET", "/v1/pools").json()
    pool = next(p for p in document["pools"] if p["executor"] == "dask")
    if pool["connected"]:  # it is not, for a moment, when a fault has cost the bridge
        assert [w["host"] for w in pool["workers"] if w["present"]] == ["far-0", "far-1"], pool
    return sorted(document), sorted(pool)


@case
def load(ask):
    return sorted(ask("GET", "/v1/load").json())


@case
def session(ask):
    made = ask("POST", "/v1/session", json.dumps({"token": TOKEN}).encode(), JSON, status=204)
    cookie = made.headers["Set-Cookie"].split(";")[0]
    return ask("GET", "/v1/functions", headers={"Cookie": cookie}, token=False).body


@case
def unauthorized(ask):
    return ask("GET", "/v1/functions", token=False, status=401).code
