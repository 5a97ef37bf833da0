"""/metrics: the form of the text, and that its numbers are those of what the test did."""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

import client
from client import wait_until

SAMPLE = re.compile(r'([a-z_]+)(\{[^}]*\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """One answer of /metrics: values by (name, frozenset of labels)."""

    def __init__(self, text):
        self.text = text
        self.types, self.values, family = {}, {}, None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                family = line.split()[2]
                assert family not in self.types, f"{family} begins twice"
            elif line.startswith("# TYPE "):
                assert line.split()[2] == family
                self.types[family] = line.split()[3]
            else:
                found = SAMPLE.fullmatch(line)
                assert found, line
                name, labels = found[1], frozenset(LABEL.findall(found[2] or ""))
                base = re.sub("_(bucket|sum|count)$", "", name) \
                    if self.types[family] == "histogram" else name
                assert base == family, f"{line} stands under {family}"
                assert (name, labels) not in self.values, line
                self.values[name, labels] = float(found[3])

    def __call__(self, name, **labels):
        return self.values[name, frozenset(labels.items())]

    def total(self, name, **labels):
        """The sum of all samples that have these labels."""
        wanted = frozenset(labels.items())
        return sum(v for (n, own), v in self.values.items() if n == name and wanted <= own)

    def counters(self):
        for (name, labels), value in self.values.items():
            base = re.sub("_(bucket|sum|count)$", "", name)
            if self.types.get(name) == "counter" or self.types.get(base) == "histogram":
                yield (name, labels), value


def read(server, **headers):
    reply = server.get("/metrics", **headers)
    assert reply.status == 200, reply
    return Metrics(reply.text)


def read_settled(server):
    """A request is counted when it is over, a moment after its client has the reply."""
    wait_until(lambda: read(server)("colonnade_requests_in_flight") == 1)
    return read(server)


def test_the_form(server):
    reply = server.get("/metrics")
    assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.text.endswith("\n")
    metrics = Metrics(reply.text)
    assert metrics("colonnade_build_info", version=server.version,
                   cpu_level=next(dict(labels)["cpu_level"] for (name, labels) in metrics.values
                                  if name == "colonnade_build_info")) == 1
    for name, kind in metrics.types.items():
        assert (kind == "counter") == name.endswith("_total"), (name, kind)
        assert not re.search("_(ms|ns|us|mib|kb|milliseconds)(_|$)", name), name
    head = server.request("HEAD", "/metrics")
    assert head.status == 200 and head.body == b""
    assert server.get("/metrics?x=1").code == "unknown_parameter"


def test_the_manual_lists_them_all(server):
    page = (client.ROOT / "docs" / "metrics.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*)\|", page, re.M)
    metrics = read(server)
    assert sorted(name for name, _ in rows) == sorted(metrics.types)
    for name, labels in rows:
        for (sample, own) in metrics.values:
            if re.sub("_(bucket|sum|count)$", "", sample) == name or sample == name:
                assert {key for key, _ in own} - {"le"} == set(re.findall(r"`(\w+)`", labels)), name


def test_only_who_has_a_cluster_can_lose_it(server, launch):
    """Nobody answers at that address: 0 is a cluster that is away; without a scheduler there is no value to ring for."""
    names = {"colonnade_dask_connected", "colonnade_dask_workers", "colonnade_dask_threads", "colonnade_dask_bridge_starts_total"}
    metrics = read(server)
    assert names <= set(metrics.types)
    assert not [name for name, _ in metrics.values if name in names]
    metrics = read(launch("--dask-scheduler", "tcp://127.0.0.1:1"))
    assert {name for name, _ in metrics.values if name in names} == names
    assert metrics("colonnade_dask_connected") == metrics("colonnade_dask_workers") == 0


def test_promtool_finds_nothing_to_complain_of(server):
    own = client.ROOT / "build" / "promtool"
    promtool = own if own.exists() else shutil.which("promtool")
    if not promtool:
        pytest.skip("there is no promtool (make build/promtool)")
    done = subprocess.run([promtool, "check", "metrics"], input=server.get("/metrics").body,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 and not done.stdout and not done.stderr, done


def test_counters_are_what_was_asked(launch):
    server = launch()
    before = read_settled(server)
    body = "a,b\n" + "1,2\n" * 1000
    for _ in range(7):
        reply = server.post_csv(body, {"let": "c=a+b", "executor": "threads"})
        assert reply.status == 200
    sent = 7 * len(reply.body)
    for _ in range(3):
        assert server.lets("a/0+", {"a": [1]}).code == "syntax_error"
    assert server.post_json({"function": "long_io", "args": [1, 2], "seconds": 0,
                             "executor": "gil"}, "/v1/map").status == 200
    assert server.get("/v1/nowhere").status == 404
    assert server.request("DELETE", "/v1/pools").status == 405
    after = read_settled(server)

    def more(name, **labels):
        return after.total(name, **labels) - before.total(name, **labels)

    assert more("colonnade_responses_total", operation="compute", status="2xx") == 7
    assert more("colonnade_responses_total", operation="compute", status="4xx") == 3
    assert more("colonnade_responses_total", operation="map", status="2xx") == 1
    assert more("colonnade_responses_total", operation="none", status="4xx") == 1
    assert more("colonnade_responses_total", operation="pools", status="4xx") == 1
    assert more("colonnade_errors_total") == 5
    assert more("colonnade_errors_total", code="syntax_error") == 3
    assert more("colonnade_errors_total", code="not_found") == 1
    assert more("colonnade_errors_total", code="method_not_allowed") == 1
    assert more("colonnade_request_duration_seconds_count", operation="compute",
                executor="threads") == 7
    assert more("colonnade_request_duration_seconds_count", operation="compute",
                executor="none") == 3
    assert more("colonnade_request_duration_seconds_count", operation="map", executor="gil") == 1
    assert more("colonnade_request_duration_seconds_count") == 11
    assert more("colonnade_rows_total", operation="compute") == 7000
    assert more("colonnade_rows_total", operation="map") == 2
    assert more("colonnade_request_body_bytes_total") >= 7 * len(body)
    assert more("colonnade_response_body_bytes_total") >= sent
    assert more("colonnade_pool_tasks_total", executor="threads") >= 7
    assert more("colonnade_plan_cache_hits_total") + more("colonnade_plan_cache_misses_total") >= 7
    assert more("colonnade_aborted_requests_total") == 0
    assert more("colonnade_connections_total") >= 13


def test_the_durations_and_stages_are_those_of_the_runs(launch):
    server = launch()
    walls = []
    for _ in range(5):
        reply = server.post_csv("a\n" + "1\n" * 20000, {"let": "h=md5(a)", "executor": "processes"})
        walls.append(server.run_of(reply)["wall_ns"] / 1e9)
    metrics = read_settled(server)
    labels = {"operation": "compute", "executor": "processes"}
    count = metrics("colonnade_request_duration_seconds_count", **labels)
    total = metrics("colonnade_request_duration_seconds_sum", **labels)
    assert count == 5
    # Sending comes on top of the walls.
    assert sum(walls) <= total <= sum(walls) + 5 * 5
    buckets = sorted((float(dict(own)["le"]), value) for (name, own), value in
                     metrics.values.items() if name == "colonnade_request_duration_seconds_bucket"
                     and frozenset(labels.items()) <= own)
    assert [bound for bound, _ in buckets] == [.0005, .001, .0025, .005, .01, .025, .05, .1, .25,
                                               .5, 1, 2.5, 5, 10, 30, 60, float("inf")]
    values = [value for _, value in buckets]
    assert values == sorted(values) and values[-1] == count
    assert metrics.total("colonnade_stage_seconds_total", operation="compute") == \
        pytest.approx(sum(walls), rel=1e-6)
    assert metrics("colonnade_worker_seconds_total", executor="processes", activity="hash") > 0
    assert metrics.total("colonnade_worker_seconds_total", executor="threads") == 0


def test_no_counter_goes_back_and_no_label_is_new(launch):
    """Also not when strange requests come, and when extra workers retire."""
    server = launch()
    random.seed(20261128)
    last = read(server)
    names = set(last.values)
    for round_number in range(30):
        for _ in range(10):
            method = random.choice(["GET", "POST", "BREW", "PUT", "DELETE", "HEAD", "X" * 30])
            path = random.choice(["/", "/v1/compute", "/v1/runs/", "/v1/jobs/", "/%00", "//", "/x",
                                  "/v1/runs/" + "f" * 32, "/metrics"]) + \
                "".join(random.choice("abc/%~\"\\{}") for _ in range(random.randrange(12)))
            body = random.choice([None, b"", b"a\n1\n", b"{", bytes(random.randrange(256)
                                                                   for _ in range(40))])
            try:
                server.request(method, path, body, {"User-Agent": 'x"}\\', "traceparent": "junk"})
            except (OSError, client.http.client.HTTPException):
                pass
        with server.connect() as raw:
            raw.sendall(random.choice([b"\r\n", b"NONSENSE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                                       b"GET /" + b"x" * 100000, b"POST /v1/compute HTTP/1.1\r\n"]))
        server.post_json({"function": "long_io", "args": [0] * 8, "seconds": 0, "workers": 8,
                          "executor": random.choice(["threads", "processes", "gil"])}, "/v1/map")
        metrics = read(server)
        assert set(metrics.values) == names, round_number
        now = dict(metrics.counters())
        for key, value in last.counters():
            assert now[key] >= value, key
        last = metrics
    assert last.total("colonnade_responses_total", operation="none") > 0


def test_killed_workers_are_counted_by_signal(launch):
    server = launch()
    assert read(server).total("colonnade_worker_deaths_total") == 0
    for number, (sent, cause) in enumerate([(signal.SIGKILL, "SIGKILL"), (signal.SIGSEGV, "SIGSEGV"),
                                            (signal.SIGXCPU, "other")], 1):
        pid = next(w["pid"] for w in server.pool("processes")["workers"] if w["pid"])
        os.kill(pid, sent)
        wait_until(lambda: read(server)("colonnade_worker_restarts_total",
                                        executor="processes") == number)
        metrics = read(server)
        assert metrics("colonnade_worker_deaths_total", executor="processes", cause=cause) == 1
        assert metrics.total("colonnade_worker_deaths_total") == number
    metrics = read(server)
    workers = len(server.pool("processes")["workers"])
    assert metrics.total("colonnade_pool_workers", executor="processes") == workers


def test_a_worker_that_had_to_be_killed(launch):
    """One that is stopped does not see that its task is cancelled."""
    server = launch("--processes", 1, "--max-workers", 1)
    pid = server.pool("processes")["workers"][0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    reply = server.post_json({"function": "long_comp", "args": [1], "executor": "processes",
                              "timeout_ms": 300}, "/v1/map")
    assert reply.status == 504
    wait_until(lambda: read(server).total("colonnade_worker_deaths_total") == 1)
    assert read(server)("colonnade_worker_deaths_total", executor="processes", cause="stopped") == 1


def test_jobs_by_state(launch):
    server = launch()
    ahead = {"Prefer": "respond-async"}
    job = server.post_json({"function": "long_io", "args": [1], "seconds": 0}, "/v1/map", ahead)
    slow = server.post_json({"function": "long_io", "args": [1], "seconds": 60}, "/v1/map", ahead)
    assert job.status == slow.status == 202
    wait_until(lambda: read(server)("colonnade_jobs", state="finished") == 1)
    wait_until(lambda: read(server)("colonnade_jobs", state="running") == 1)
    # The one that ended counts as a request of work, the one that runs not yet.
    assert read(server).total("colonnade_request_duration_seconds_count", operation="map") == 1
    assert server.request("DELETE", slow.headers["Location"]).status == 202
    wait_until(lambda: read(server)("colonnade_jobs_ended_total", state="cancelled") == 1)
    metrics = read(server)
    assert metrics("colonnade_jobs", state="running") == 0
    assert metrics("colonnade_jobs_ended_total", state="finished") == 1
    assert metrics("colonnade_job_result_bytes") > 0
    assert metrics("colonnade_responses_total", operation="map", status="2xx") == 2


def test_what_is_refused_has_a_reason(launch):
    server = launch("--max-queued", 1, "--max-streams", 1, "--grace-ms", 3000)
    work = {"function": "long_io", "args": [1], "seconds": 60, "timeout_ms": 60000}
    held = threading.Thread(target=lambda: server.post_json(work, "/v1/map"))
    held.start()
    wait_until(lambda: read(server)("colonnade_work_in_flight") == 1)
    assert server.lets("a", {"a": [1]}).code == "overloaded"
    with server.connect() as stream:
        stream.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        wait_until(lambda: read(server)("colonnade_event_streams") == 1)
        assert server.get("/v1/events").code == "overloaded"
        wait_until(lambda: read(server)("colonnade_rejections_total", reason="queue") == 1)
        wait_until(lambda: read(server)("colonnade_rejections_total", reason="streams") == 1)
    wait_until(lambda: read(server)("colonnade_event_streams") == 0)
    assert read(server)("colonnade_work_limit") == 1
    server.process.send_signal(signal.SIGTERM)
    wait_until(lambda: read(server)("colonnade_draining") == 1)  # and it is still answered
    assert server.lets("a", {"a": [1]}).code == "draining"
    wait_until(lambda: read(server)("colonnade_rejections_total", reason="draining") == 1)
    held.join()


def test_it_is_answered_beyond_the_connections(launch):
    server = launch("--max-connections", 2)
    with server.connect() as one, server.connect() as two:
        for held in (one, two):
            held.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert held.recv(1000).startswith(b"HTTP/1.1 200")
        assert server.get("/v1/pools").code == "overloaded"
        wait_until(lambda: read(server)("colonnade_connections") == 3)
        metrics = read(server)
        assert metrics("colonnade_connections_limit") == 2
        wait_until(lambda: read(server)("colonnade_rejections_total", reason="connections") == 1)


def test_a_client_that_left(launch):
    server = launch()
    with server.connect() as held:
        body = b'{"function": "long_io", "args": [1], "seconds": 60}'
        held.sendall(b"POST /v1/map HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                     b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: read(server)("colonnade_work_in_flight") == 1)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_until(lambda: read(server)("colonnade_aborted_requests_total") == 1)
    metrics = read(server)
    assert metrics("colonnade_responses_total", operation="map", status="none") == 1
    assert metrics("colonnade_responses_total", operation="map", status="2xx") == 0


def test_a_head_that_came_too_late(launch):
    server = launch("--header-timeout-ms", 200)
    with server.connect() as slow:
        slow.sendall(b"GET / HTTP/1.1\r\n")
        assert slow.recv(100).startswith(b"HTTP/1.1 408")
    wait_until(lambda: read(server)("colonnade_errors_total", code="request_timeout") == 1)
    metrics = read(server)
    assert metrics("colonnade_responses_total", operation="none", status="4xx") == 1
    assert metrics("colonnade_responses_total", operation="none", status="none") == 0


def test_the_history_is_counted(launch, tmp_path):
    server = launch("--data-dir", tmp_path)
    for _ in range(5):
        assert server.lets("a+1", {"a": [1]}).status == 200
    wait_until(lambda: read(server)("colonnade_history_saved_runs_total") == 5)
    metrics = read(server)
    assert metrics("colonnade_history_unsaved_runs") == 0
    assert metrics("colonnade_history_failures_total") == 0


def test_reloads_are_told(launch, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test\n")
    server = launch("--token-file", token)
    server.default_headers = {"Authorization": "Bearer a-token-of-this-test"}
    first = read(server)
    assert first("colonnade_config_last_reload_successful") == 1
    assert first("colonnade_config_last_reload_success_timestamp_seconds") == first("process_start_time_seconds")
    token.rename(tmp_path / "moved")
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: read(server)("colonnade_config_last_reload_successful") == 0)
    (tmp_path / "moved").rename(token)
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: read(server)("colonnade_config_last_reload_successful") == 1)
    assert read(server)("colonnade_config_last_reload_success_timestamp_seconds") > \
        first("colonnade_config_last_reload_success_timestamp_seconds")


def test_it_needs_the_token(launch, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token-of-this-test\n")
    server = launch("--token-file", token)
    assert server.get("/metrics").status == 401
    server.default_headers = {"Authorization": "Bearer a-token-of-this-test"}
    wait_until(lambda: read(server)("colonnade_errors_total", code="unauthorized") == 1)
    assert "a-token-of-this-test" not in read(server).text


def test_the_process(launch):
    server = launch()
    metrics = read(server)
    assert abs(metrics("process_start_time_seconds") - time.time()) < 120
    assert 0 < metrics("colonnade_uptime_seconds") < 120
    assert metrics("process_open_fds") <= metrics("process_max_fds")
    # The connection of the request is one more than afterwards.
    wait_until(lambda: abs(read(server)("process_open_fds") - server.descriptors()) <= 2)
    assert metrics("process_resident_memory_bytes") == pytest.approx(server.resident(), rel=0.5)
    assert metrics("process_cpu_seconds_total") > 0


def test_memory_in_use_is_told(launch):
    server = launch("--memory-bytes", "64MiB")
    assert read(server)("colonnade_memory_limit_bytes") == 64 << 20
    with server.connect() as held:
        held.sendall(b"POST /v1/compute?let=b=a HTTP/1.1\r\nHost: localhost\r\n"
                     b"Content-Type: text/csv\r\nContent-Length: 5000000\r\n\r\na\n" + b"1\n" * 1000000)
        wait_until(lambda: read(server)("colonnade_memory_used_bytes") >= 2000000)
    wait_until(lambda: read(server)("colonnade_memory_used_bytes") == 0)
