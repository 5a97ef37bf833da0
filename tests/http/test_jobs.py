"""Jobs: a request whose client does not wait for its end."""
import http.client
import json
import re
import signal
import time

import pytest

from client import Server, raw, together, wait_until

ASYNC = {"Prefer": "respond-async"}
MEMBERS = ["id", "operation", "state", "progress", "submitted_at", "started_at", "finished_at", "run", "error"]
PATIENCE = {"Prefer": "wait=60"}


def work(rows=2000, **more):
    document = {"generate": {"rows": rows, "columns": ["a", "b"], "distribution": "normal", "seed": 3},
                "let": {"k": "md5(a, b)", "r": "a * b"}, "chunk_rows": 500, "executor": "threads"}
    document.update(more)
    return document


def long_work(**more):
    """Many seconds of work with a small result, in many small pieces."""
    hashed = "a, b"
    for _ in range(8):
        hashed = f"sha512({hashed}, a)"
    return work(10_000_000, let={"k": f"length({hashed})"}, **{"chunk_rows": 1000, "select": ["k"], **more})


def submit(server, document, prefer="respond-async"):
    reply = server.post_json(document, headers={"Prefer": prefer})
    assert reply.status == 202, reply
    return reply.json()["id"]


def look(server, identity):
    return server.get("/v1/jobs/" + identity).json()


def wait(server, identity):
    reply = server.request("GET", "/v1/jobs/" + identity, headers=PATIENCE)
    assert reply.status == 200, reply
    return reply.json()


def result(server, identity):
    return server.get(f"/v1/jobs/{identity}/result")


def delete(server, identity):
    return server.request("DELETE", "/v1/jobs/" + identity)


@pytest.fixture
def running(server):
    """Makes a job that runs, and cancels it when the test is over."""
    made = []

    def make(where=server, **more):
        made.append((where, submit(where, long_work(**more))))
        wait_until(lambda: look(where, made[-1][1])["progress"]["total_rows"] is not None)
        return made[-1][1]

    yield make
    for where, identity in made:
        if where.process.poll() is None:
            delete(where, identity)


# ---- submitting ---------------------------------------------------------------------------------


def test_what_is_accepted(server):
    """Of work that is long, as short work may have ended before the reply is written."""
    reply = server.post_json(long_work(), headers=ASYNC)
    document = reply.json()
    assert reply.status == 202
    assert delete(server, document["id"]).status == 202
    assert list(document) == MEMBERS
    assert re.fullmatch("[0-9a-f]{32}", document["id"])
    assert reply.headers["Location"] == "/v1/jobs/" + document["id"]
    assert reply.headers["Preference-Applied"] == "respond-async"
    assert reply.headers["Colonnade-Run"] == document["run"]
    assert "total;dur=" in reply.headers["Server-Timing"]
    assert document["operation"] == "compute"
    assert document["state"] in ("pending", "running")
    assert document["finished_at"] is None and document["error"] is None
    assert wait(server, submit(server, work()))["state"] == "finished"


@pytest.mark.parametrize("executor", ["serial", "threads", "processes", "gil", "auto"])
def test_the_result_is_the_plain_reply(server, executor):
    document = work(executor=executor)
    plain = server.post_json(document)
    identity = submit(server, document)
    ended = wait(server, identity)
    assert ended["progress"] == {"done_rows": 2000, "total_rows": 2000}
    assert ended["submitted_at"] <= ended["started_at"] <= ended["finished_at"]
    assert ended["error"] is None
    kept = result(server, identity)
    assert kept.status == 200
    assert sorted(kept.headers) == sorted(plain.headers)
    assert kept.headers["Colonnade-Run"] == ended["run"] == kept.json()["run"]
    for member in ("rows", "columns", "types", "input_types", "recipe", "errors"):
        assert kept.json()[member] == plain.json()[member]
    assert server.run_of(kept)["status"] == 200
    again = result(server, identity)
    assert again.body == kept.body and again.headers["Server-Timing"] == kept.headers["Server-Timing"]


@pytest.mark.parametrize("method", ["POST", "PUT", "QUERY"])
def test_csv_and_its_headers(server, method):
    text = "a,b\n" + "".join(f"{k},{k % 3}\n" for k in range(1000))
    options = {"let": ["r=a//b", "k=md5(*)"], "on_error": "null", "chunk_rows": 100}
    plain = server.post_csv(text, options, method=method)
    reply = server.post_csv(text, options, ASYNC, method=method)
    assert plain.status == 200 and reply.status == 202
    identity = reply.json()["id"]
    wait(server, identity)
    kept = result(server, identity)
    assert kept.body == plain.body
    for name in ("Content-Type", "Colonnade-Rows", "Colonnade-Types", "Colonnade-Errors"):
        assert kept.headers[name] == plain.headers[name], name


def test_a_form_and_another_type(server):
    reply = server.post_form([("data", "a\n1\n2\n", "x.csv"), ("let", "r=a+1")],
                             headers={**ASYNC, "Accept": "application/json"})
    identity = reply.json()["id"]
    wait(server, identity)
    assert result(server, identity).columns["r"] == [2, 3]


def test_many_read_the_result(server):
    identity = submit(server, work(20_000))
    wait(server, identity)
    first = result(server, identity).body

    def read(_):
        assert result(server, identity).body == first

    together(read, 8)


def test_wait_long_enough(server):
    plain = server.post_json(work())
    reply = server.post_json(work(), headers={"Prefer": "respond-async, wait=60"})
    assert reply.status == 200
    assert reply.columns == plain.columns
    assert reply.headers["Preference-Applied"] == "respond-async, wait=60"
    assert reply.headers.get_all("Colonnade-Run") == [reply.json()["run"]]
    assert len(reply.headers.get_all("Server-Timing")) == 1
    assert look(server, reply.json()["run"])["state"] == "finished"
    failed = server.post_json(work(let={"r": "1 // int(a * 0)"}), headers={"Prefer": "respond-async, wait=60"})
    assert failed.status == 422 and failed.problem["code"] == "division_by_zero", failed


def test_wait_not_long_enough(server):
    begun = time.monotonic()
    reply = server.post_json(long_work(), headers={"Prefer": 'wait="1", respond-async; x=y, lenient'})
    assert reply.status == 202, reply
    assert time.monotonic() - begun >= 1
    assert reply.headers["Preference-Applied"] == "respond-async, wait=1"
    identity = reply.json()["id"]
    begun = time.monotonic()
    looked = server.request("GET", "/v1/jobs/" + identity, headers={"Prefer": "wait=1"})
    assert looked.json()["state"] == "running" and time.monotonic() - begun >= 1
    assert delete(server, identity).status == 202


def test_a_client_that_leaves(server):
    """The job of a client that would have waited goes on."""
    with server.connect() as connection:
        body = json.dumps(work(100_000)).encode()
        connection.sendall(b"POST /v1/compute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                           b"Prefer: respond-async, wait=60\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: server.get("/v1/jobs?limit=1").json()["jobs"][0]["progress"]["total_rows"] == 100_000)
    identity = server.get("/v1/jobs?limit=1").json()["jobs"][0]["id"]
    assert wait(server, identity)["state"] == "finished"


def test_where_it_is_not_offered(server):
    reply = server.post_json({"columns": {"a": "int64"}, "let": {"r": "a + 1"}}, "/v1/check", ASYNC)
    assert reply.status == 200 and "Preference-Applied" not in reply.headers
    assert server.request("GET", "/v1/runs", headers=ASYNC).status == 200


def test_other_preferences(server):
    for prefer in ("wait=10", "return=minimal", "x; respond-async", '"respond-async"'):
        reply = server.post_csv("a\n1\n", {"let": "r=a"}, {"Prefer": prefer})
        assert reply.status == 200 and "Preference-Applied" not in reply.headers


# ---- refusals and failures ----------------------------------------------------------------------


def newest(server):
    return [job["id"] for job in server.get("/v1/jobs?limit=1").json()["jobs"]]


@pytest.mark.parametrize("options,headers,code", [
    ({"let": "r=a*/2"}, {}, "syntax_error"),
    ({"lett": "r=a"}, {}, "unknown_parameter"),
    ({"let": "r=a"}, {"Content-Encoding": "br"}, "unsupported_media_type"),
    ({"let": "r=a"}, {"Accept": "image/png"}, "not_acceptable"),
    ({"let": "r=a"}, {"Content-Type": "image/png"}, "unsupported_media_type"),
])
def test_refused_before_there_is_a_job(server, options, headers, code):
    before = newest(server)
    plain = server.post_csv("a\n1\n", options, headers)
    reply = server.post_csv("a\n1\n", options, {**headers, **ASYNC})
    assert reply.problem["code"] == code
    assert reply.problem == plain.problem
    assert "Location" not in reply.headers and "Preference-Applied" not in reply.headers
    assert reply.headers.get("Colonnade-Run") and server.run_of(reply)["error"]["code"] == code
    assert newest(server) == before


def test_refused_while_the_body_arrives(server):
    before = newest(server)
    text = "a,b\n" + "1\n" + "1,2\n" * 700_000
    reply = server.post_csv(text, {"let": "r=a+b"}, ASYNC)
    plain = server.post_csv(text, {"let": "r=a+b"})
    if reply.status == 202:  # the fault was found only when the body was complete
        identity = reply.json()["id"]
        wait(server, identity)
        reply = result(server, identity)
    else:
        assert newest(server) == before
    assert reply.problem == plain.problem


@pytest.mark.parametrize("document,code", [
    (work(let={"r": "1 // int(a * 0)"}), "division_by_zero"),
    (work(let={"r": "nothing"}), "unknown_column"),
    ('{"columns": {"a": [1, 2}', "invalid_json"),
])
def test_a_failed_job(server, document, code):
    plain = server.post_json(document)
    identity = submit(server, document)
    ended = wait(server, identity)
    assert ended["state"] == "failed"
    kept = result(server, identity)
    assert kept.status == plain.status
    assert kept.problem == plain.problem == ended["error"]
    assert ended["error"]["code"] == code
    assert kept.headers["Colonnade-Run"] == ended["run"]
    assert kept.headers["Server-Timing"]
    assert server.run(ended["run"])["error"]["code"] == code


def test_a_deadline(server):
    identity = submit(server, long_work(timeout_ms=300))
    ended = wait(server, identity)
    assert ended["state"] == "failed" and ended["error"]["code"] == "deadline_exceeded"
    assert result(server, identity).status == 504
    assert server.wait_idle()


def test_not_there(server):
    for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/result"), ("GET", "/events")):
        reply = server.request(method, "/v1/jobs/" + "0" * 32 + path)
        assert reply.status == 404 and reply.problem["code"] == "not_found"
    for path, allow in (("", "GET, DELETE, HEAD"), ("/result", "GET, HEAD"), ("/events", "GET, HEAD")):
        reply = server.request("PUT", "/v1/jobs/x" + path, b"")
        assert reply.status == 405 and reply.headers["Allow"] == allow
    assert server.request("DELETE", "/v1/jobs").status == 405
    identity = submit(server, work())
    for path in ("", "/result", "/events"):
        assert server.get(f"/v1/jobs/{identity}{path}?x=1").problem["code"] == "unknown_parameter"


def test_the_list(server):
    identities = [submit(server, work()) for _ in range(3)]
    for identity in identities:
        wait(server, identity)
    listed = server.get("/v1/jobs?limit=3").json()
    assert list(listed) == ["jobs"]
    assert [job["id"] for job in listed["jobs"]] == identities[::-1]
    assert listed["jobs"][0] == look(server, identities[2])
    assert server.get("/v1/jobs?limit=x").problem["code"] == "invalid_parameter"
    assert server.get("/v1/jobs?from=1").problem["code"] == "unknown_parameter"


# ---- cancelling ---------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", ["serial", "threads", "processes", "gil"])
def test_cancelling(server, running, executor):
    identity = running(executor=executor)
    wait_until(lambda: look(server, identity)["state"] == "running")
    early = result(server, identity)
    assert early.status == 409 and early.problem["code"] == "not_finished"
    reply = delete(server, identity)
    assert reply.status == 202
    assert reply.json()["state"] == "cancelled" and reply.json()["error"]["code"] == "cancelled"
    assert look(server, identity)["state"] == "cancelled"
    assert wait(server, identity)["finished_at"]
    gone = result(server, identity)
    assert gone.status == 410 and gone.problem["code"] == "cancelled"
    assert server.wait_idle(5)
    record = server.run(identity)
    assert record["status"] == 410 and record["error"]["code"] == "cancelled"
    forgotten = delete(server, identity)
    assert forgotten.status == 204 and forgotten.body == b""
    assert server.get("/v1/jobs/" + identity).status == 404


def test_forgetting(server):
    identity = submit(server, work())
    wait(server, identity)
    assert delete(server, identity).status == 204
    assert result(server, identity).status == 404
    assert delete(server, identity).status == 404


# ---- events -------------------------------------------------------------------------------------


def read_events(response):
    """(name, data) of each event, as they come."""
    name = None
    for line in response:
        line = line.decode().rstrip("\n")
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])
        else:
            assert line in ("", ":")


@pytest.mark.threads
def test_many_who_wait(server):
    """Replies, ends of jobs and new requests cross each other; nobody waits for ever."""
    def submit_and_wait(_):
        for _ in range(25):
            reply = server.post_json(work(3000, executor="threads"), headers=ASYNC)
            assert reply.status == 202
            ended = server.get("/v1/jobs/" + reply.json()["id"], Prefer="wait=20")
            assert ended.json()["state"] == "finished"
            assert server.get("/v1/jobs/" + reply.json()["id"] + "/result").status == 200
            assert delete(server, reply.json()["id"]).status == 204
    together(submit_and_wait, 8)


def open_events(server, identity):
    connection = server.connection(60)
    connection.request("GET", f"/v1/jobs/{identity}/events")
    response = connection.getresponse()
    assert response.status == 200
    assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    return connection, response


def test_events(server):
    identity = submit(server, work(1_000_000, let={"k": "sha256(a, b)"}, select=["k"]))
    begun = time.monotonic()
    connection, response = open_events(server, identity)
    told = list(read_events(response))
    took = time.monotonic() - begun
    connection.close()
    assert [name for name, _ in told] == ["progress"] * (len(told) - 1) + ["end"]
    assert len(told) >= 2
    assert len(told) <= 4 * took + 3
    for _, data in told[:-1]:
        assert list(data) == ["done_rows", "total_rows", "state"]
    done = [data["done_rows"] for _, data in told[:-1]]
    assert done == sorted(done)
    assert told[-1][1] == look(server, identity)
    assert told[-1][1]["state"] == "finished" and told[-1][1]["progress"]["done_rows"] == 1_000_000
    # of a job that has ended before anybody asked, too
    connection, response = open_events(server, identity)
    assert list(read_events(response)) == [
        ("progress", {**told[-1][1]["progress"], "state": "finished"}), told[-1]]
    connection.close()


def test_events_over_http_1_0(server):
    identity = submit(server, work(500_000))
    replies, _ = raw(server, b"GET /v1/jobs/%s/events HTTP/1.0\r\n\r\n" % identity.encode())
    assert replies[0].status == 200 and replies[0].text.rstrip().rsplit("event: ", 1)[1].startswith("end\n")


def test_events_of_a_job_that_is_cancelled(server, running):
    identity = running()
    connection, response = open_events(server, identity)
    events = read_events(response)
    assert next(events)[0] == "progress"
    delete(server, identity)
    name, data = list(events)[-1]
    assert name == "end" and data["state"] == "cancelled"
    connection.close()


def test_a_silent_stream_is_not_cut(launch):
    """One piece of work tells no progress, for longer than a reply may take to be sent."""
    own = launch("--body-timeout-ms", 300)
    identity = submit(own, long_work(chunk_rows=10_000_000))
    connection, response = open_events(own, identity)
    events = read_events(response)
    assert next(events)[0] == "progress"
    time.sleep(1.2)
    assert delete(own, identity).status == 202
    name, data = list(events)[-1]
    assert name == "end" and data["state"] == "cancelled"
    connection.close()


def test_a_client_that_leaves_its_events(server, running):
    identity = running()
    before = server.descriptors()  # perhaps with a connection that is being closed
    connections = [open_events(server, identity) for _ in range(10)]
    assert server.descriptors() >= before + 6
    for connection, response in connections:
        response.close()
        connection.close()
    wait_until(lambda: server.descriptors() < before + 4)


# ---- what is kept -------------------------------------------------------------------------------


def test_kept_by_count(launch):
    own = launch("--max-jobs", 2)
    first, second = submit(own, long_work()), submit(own, long_work())
    full = own.post_json(work(), headers=ASYNC)
    assert full.status == 503 and full.problem["limit"] == "--max-jobs"
    assert full.problem["code"] == "overloaded" and full.headers["Retry-After"]
    assert own.post_json(work()).status == 200
    delete(own, first)
    third = submit(own, work())
    assert own.get("/v1/jobs/" + first).status == 404
    assert {job["id"] for job in own.get("/v1/jobs").json()["jobs"]} == {second, third}
    delete(own, second)


def test_kept_by_bytes(launch):
    own = launch("--job-bytes", 50_000)
    table = "a\n" + "123456789\n" * 2000  # 20 KB
    kept = []
    for _ in range(3):
        identity = own.post_csv(table, {"let": "a=a"}, ASYNC).json()["id"]
        assert wait(own, identity)["state"] == "finished"
        kept.append(identity)
    assert result(own, kept[0]).status == 404
    assert result(own, kept[1]).status == result(own, kept[2]).status == 200
    reply = own.post_csv(table, {"let": ["r=a*10", "s=a*100"]}, {"Prefer": "respond-async, wait=60"})
    assert reply.status == 422 and reply.problem["limit"] == "--job-bytes", reply
    assert own.post_csv(table, {"let": ["r=a*10", "s=a*100"]}).status == 200


def test_kept_by_time(launch):
    own = launch("--job-keep-ms", 300)
    lasting = submit(own, long_work())
    identity = submit(own, work())
    wait_until(lambda: own.get("/v1/jobs/" + identity).status == 404)
    assert look(own, lasting)["state"] == "running"
    delete(own, lasting)
    wait_until(lambda: own.get("/v1/jobs/" + lasting).status == 404)


# ---- going down ---------------------------------------------------------------------------------


def drain(own):
    own.process.send_signal(signal.SIGTERM)
    wait_until(lambda: own.get("/readyz").status == 503)


def test_a_job_that_somebody_waits_for_is_finished():
    own = Server()
    identity = submit(own, work(1_500_000, let={"k": "sha256(a, b)"}, select=["k"]))
    connection, response = open_events(own, identity)
    events = read_events(response)
    assert next(events)[0] == "progress"
    drain(own)
    refused = own.post_json(work(), headers=ASYNC)
    assert refused.status == 503 and refused.problem["code"] == "draining"
    name, data = list(events)[-1]
    assert name == "end" and data["state"] == "finished"
    connection.close()
    assert own.stop() == 0


def test_a_job_is_finished_within_the_grace_time():
    """Also when nobody waits for it at that moment."""
    own = Server("--grace-ms", 20000)
    calls = {"function": "long_io", "args": [1], "seconds": 0.6, "executor": "threads"}
    reply = own.post_json(calls, "/v1/map", headers=ASYNC)
    wait_until(lambda: look(own, reply.json()["id"])["state"] == "running")
    begun = time.monotonic()
    drain(own)
    assert look(own, reply.json()["id"])["state"] == "running"
    assert own.stop() == 0
    assert time.monotonic() - begun > 0.3


@pytest.mark.parametrize("executor", ["threads", "processes"])
def test_a_job_that_outlasts_the_grace_time_is_cancelled(executor):
    own = Server("--grace-ms", 200)
    identity = submit(own, long_work(executor=executor))
    wait_until(lambda: look(own, identity)["state"] == "running")
    assert own.stop() == 0


def test_events_end_with_the_grace_time():
    own = Server("--grace-ms", 300)
    identity = submit(own, long_work())
    connection, response = open_events(own, identity)
    waiting = read_events(response)
    assert next(waiting)[0] == "progress"
    assert own.stop() == 0
    try:
        names = [name for name, _ in waiting]
    except (http.client.HTTPException, ConnectionError):
        names = []  # the framing is broken, as it should be
    assert "end" not in names
    connection.close()
