"""The bridge to a Dask cluster, from the server's side of its socket. The workers' `colonnade` is fake_worker.py."""
import os
import random
import signal
import struct
import subprocess
import time

import cluster
import player
from player import bridge


# ---- the frames -----------------------------------------------------------------------------------

FRAMES = {
    "cn_bridge_head": (bridge.HEAD, "kind reserved number size"),
    "cn_bridge_hello": (bridge.HELLO_FRAME, "version isolation answer_size request_size session scheduler tls_ca tls_cert tls_key "
                                            "identity setup setup_size"),
    "cn_bridge_submit": (bridge.SUBMIT_FRAME, "left_ns retries reserved"),
    "cn_bridge_state": (bridge.STATE_FRAME, "connected n_workers n_threads landlock scheduler dashboard problem"),
    "cn_bridge_worker": (bridge.WORKER_FRAME, "index threads usable reserved memory_bytes address host name problem"),
    "cn_bridge_done": (bridge.DONE_FRAME, "worker attempts ship_ns schedule_ns compute_ns fetch_ns"),
    "cn_bridge_failed": (bridge.FAILED_FRAME, "why attempts detail"),
}


def pieces(form):
    """The fields of a form of struct's: '<II4s' gives I, I and 4s."""
    count = ""
    for letter in form.format[1:]:
        if letter.isdigit():
            count += letter
        else:
            yield from [letter] * int(count or 1) if letter != "s" else [count + letter]
            count = ""


def test_the_frames_are_those_of_the_header(compiler, tmp_path):
    lines = []
    for name, (_, fields) in FRAMES.items():
        lines += [f'printf("{name} {field} %zu\\n", offsetof(struct {name}, {field}));' for field in fields.split()]
        lines.append(f'printf("{name} sizeof %zu\\n", sizeof(struct {name}));')
    for name in ("HELLO", "SUBMIT", "CANCEL", "STATE", "DONE", "FAILED", "LOST", "BROKEN", "VERSION", "WORKERS", "SOCKET"):
        lines.append(f'printf("bridge {name} %d\\n", (int)CN_BRIDGE_{name});')
    lines.append('printf("bridge IDENTITY_BYTES %d\\n", CN_PIPE_IDENTITY);')
    for field in ("number", "out_len"):
        lines.append(f'printf("answer {field} %zu\\n", offsetof(struct cn_worker_answer, {field}));')
    lines.append('printf("request number %zu\\n", offsetof(struct cn_worker_request, number));')
    source, program = tmp_path / "sizes.c", tmp_path / "sizes"
    source.write_text("#include <stddef.h>\n#include <stdio.h>\n#include \"pool/bridge_protocol.h\"\n#include \"pool/protocol.h\"\n"
                      "int main(void) {\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
    subprocess.run([*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-I", player.ROOT, source, "-o", program], check=True)
    said = {tuple(line.split()[:2]): int(line.split()[2])
            for line in subprocess.run([program], check=True, capture_output=True, text=True).stdout.splitlines()}
    for name, (form, fields) in FRAMES.items():
        offset = 0
        for field, piece in zip(fields.split(), pieces(form), strict=True):
            assert said.pop((name, field)) == offset, (name, field)
            offset += struct.calcsize("<" + piece)
        assert said.pop((name, "sizeof")) == offset == form.size, name
    assert [said.pop(("answer", "number")), said.pop(("answer", "out_len")), said.pop(("request", "number"))] == [0, 8, 0]
    for (_, name), value in said.items():
        assert getattr(bridge, name) == value, name


# ---- ordinary work --------------------------------------------------------------------------------

def test_state_names_the_cluster(shared, start):
    one = start(shared.cluster.address)
    state = one.await_usable(2)
    assert state.connected and not state.problem and state.scheduler == shared.cluster.address
    assert state.threads == 4 and state.dashboard.startswith("http://127.0.0.1:")
    assert sorted(worker.name for worker in state.workers) == ["w0", "w1"]
    assert sorted(worker.index for worker in state.workers) == [0, 1]
    for worker in state.workers:
        assert worker.threads == 2 and worker.memory == 10 ** 9 and worker.address.startswith("tcp://127.0.0.1:")
        assert worker.host == "127.0.0.1" and not worker.problem
    seen = len(one.states)
    time.sleep(3.2)
    assert len(one.states) - seen >= 3  # at least once a second


def test_answers_come_back_whole_in_any_order(shared, start):
    one = start(shared.cluster.address, usable=2)
    choose = random.Random(7)
    bodies = {number: choose.randbytes(choose.choice((0, 1, 100, 5000, 200_000))) for number in range(1, 301)}
    numbers = list(bodies)
    choose.shuffle(numbers)
    for number in numbers:
        one.submit(number, bodies[number])
    indices = {worker.index for worker in one.states[-1].workers}
    used = {one.result(number, body, 60).worker for number, body in bodies.items()}
    assert used == indices


def test_large_answers(shared, start):
    one = start(shared.cluster.address, usable=2)
    body = random.Random(3).randbytes(9 << 20)
    for number in range(1, 9):
        one.submit(number, body[:len(body) - number] + b"__main__")  # which Dask looks for in what it pickles
    for number in range(1, 9):
        one.result(number, body[:len(body) - number] + b"__main__", 60)


def test_times_sum_and_say_where_the_task_was(shared, start):
    one = start(shared.cluster.address, usable=2)
    for number in range(1, 9):  # four threads: others wait
        one.submit(number, b"!sleep 0.5")
    replies = [one.result(number, b"!sleep 0.5") for number in range(1, 9)]
    waits = sorted(reply.times[1] for reply in replies)
    assert waits[1] < 0.4e9 and waits[-3] >= 0.3e9
    for number, reply in enumerate(replies, 1):
        ship, schedule, compute, fetch = reply.times
        assert 0.5e9 <= compute < 0.8e9 and ship + fetch < compute + schedule
        # Nearly all of what passed on this side is in the sum.
        assert reply.at - one.submitted[number] - sum(reply.times) / 1e9 < 0.3


def test_nothing_is_left_on_the_scheduler(shared, start):
    one = start(shared.cluster.address, usable=2)
    for number in range(1, 101):
        one.submit(number, b"x")
    for number in range(1, 101):
        one.result(number, b"x")
    one.close()
    ask = ("import sys, distributed; c = distributed.Client(sys.argv[1]); import time; time.sleep(0.5);"
           "print(c.run_on_scheduler(lambda dask_scheduler: (len(dask_scheduler.tasks), len(dask_scheduler.task_groups),"
           " [name for name in dask_scheduler.task_prefixes if 'olonn' in name],"
           " [name for name in [*dask_scheduler.plugins, *dask_scheduler.worker_plugins] if 'colonnade' in name])))")
    said = subprocess.run([cluster.PYTHON, "-c", ask, shared.cluster.address], capture_output=True, text=True, cwd="/")
    assert said.stdout.strip() == "(0, 0, ['colonnade'], [])", said
    cluster.wait_until(lambda: not shared.processes(), 5, shared.processes)


def test_first_submitted_is_first_computed(site, start, tmp_path):
    site.worker()
    one = start(site.cluster.address, usable=1)
    one.submit(100, b"!sleep 0.5")
    time.sleep(0.2)
    for number in (7, 3, 5, 1):
        one.submit(number, b"!sleep 0.05")
    order = sorted((one.result(number, b"!sleep 0.05").at, number) for number in (1, 3, 5, 7))
    assert [number for _, number in order] == [1, 3, 5, 7]


# ---- workers that cannot be used ------------------------------------------------------------------

def test_workers_that_are_not_like_the_server(site, start):
    wrong = "colonnade 0.0.1 sha256:" + "cd" * 32
    site.worker(name="other", environment={"FAKE_IDENTITY": wrong}, wait=False)
    site.worker(name="without", environment={"COLONNADE_BIN": "", "PATH": "/bin"}, wait=False)
    site.worker(name="dies", environment={"FAKE_DIES": "no such thing here"}, wait=False)
    site.worker(name="absent", environment={"COLONNADE_BIN": "/nowhere/colonnade"}, wait=False)
    site.worker(name="good", wait=False)
    one = start(site.cluster.address)
    one.await_state(lambda state: len(state.workers) == 5 and len(state.usable()) == 1 and
                    not any("prepared" in worker.problem for worker in state.workers))
    problems = {worker.name: worker.problem for worker in one.states[-1].workers}
    assert problems["good"] == ""
    assert "colonnade 0.0.1 sha256:cdcd" in problems["other"] and "colonnade 0.0.0 sha256:abab" in problems["other"]
    assert "COLONNADE_BIN" in problems["without"] and "PATH" in problems["without"]
    assert problems["dies"] == "colonnade --worker ended with status 1: no such thing here"
    assert problems["absent"] == "cannot start /nowhere/colonnade: No such file or directory"
    for number in range(1, 21):
        one.submit(number, b"x")
    index = {worker.name: worker.index for worker in one.states[-1].workers}["good"]
    assert {one.result(number, b"x").worker for number in range(1, 21)} == {index}


def test_tls(start, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                    tmp_path / "key", "-out", tmp_path / "cert", "-days", "2", "-subj", "/CN=cluster", "-addext",
                    "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    cert, key = tmp_path / "cert", tmp_path / "key"
    flags = ("--tls-ca-file", cert, "--tls-cert", cert, "--tls-key", key)
    with cluster.Cluster(protocol="tls", scheduler_flags=flags) as running:
        running.add_worker(environment={"COLONNADE_BIN": str(player.FAKE)}, flags=flags)
        one = start(running.address, tls=(cert, cert, key))
        one.await_usable(1)
        one.submit(1, b"over TLS" * 100_000)
        one.result(1, b"over TLS" * 100_000)
        plain = start(running.address)
        assert not plain.await_state(lambda state: "no connection" in state.problem).connected
    wrong = tmp_path / "wrong"
    wrong.write_text("no certificate")
    for files, named in (((wrong, cert, key), f"--dask-tls-ca {wrong}"), ((cert, wrong, key), f"--dask-tls-cert {wrong} with"),
                         ((cert, cert, wrong), f"with --dask-tls-key {wrong}")):
        one = start("tls://127.0.0.1:9", tls=files)
        one.await_state(lambda state: named in state.problem and "cannot be used" in state.problem)


def test_what_it_prints_is_for_terminals(start):
    one = start("tcp://a\x1b[31m\x07\nb:1")
    one.await_state(lambda state: "no connection" in state.problem)
    cluster.wait_until(lambda: "no connection" in one.said(), 5, one.said)
    assert "a?[31m? b:1" in one.said() and not set("\x1b\x07") & set(one.said())


def test_tasks_wait_for_a_worker(site, start):
    one = start(site.cluster.address)
    one.await_state(lambda state: state.connected)
    one.submit(1, b"early")
    time.sleep(1)
    assert not one.replies
    site.worker()
    reply = one.result(1, b"early", 10)
    assert reply.times[1] >= 0.9e9 and reply.attempts == 1


def test_a_worker_joins_and_leaves(site, start):
    first = site.worker()
    one = start(site.cluster.address, usable=1)
    site.worker(threads=2)
    state = one.await_usable(2)
    assert state.threads == 3
    indices = {worker.name: worker.index for worker in state.workers}
    first.stop()
    state = one.await_state(lambda state: [worker.name for worker in state.workers] == ["w1"])
    assert state.workers[0].index == indices["w1"] and state.threads == 2
    one.submit(1, b"x")
    assert one.result(1, b"x").worker == indices["w1"]


# ---- what breaks ------------------------------------------------------------------------------------

def test_a_dask_worker_is_killed(site, start):
    first, _ = site.workers(2)
    one = start(site.cluster.address, usable=2)
    for number in range(1, 13):
        one.submit(number, b"!sleep 0.3")
    time.sleep(0.5)
    first.kill()
    for number in range(1, 13):
        one.result(number, b"!sleep 0.3", 30)


def test_the_program_crashes_once(shared, start, tmp_path):
    one = start(shared.cluster.address, usable=2)
    body = f"!crash-once {tmp_path / 'crashed'}".encode()
    one.submit(1, body)
    assert one.result(1, body).attempts == 2
    one.submit(2, b"after")
    one.result(2, b"after")


def test_a_task_follows_the_workers_that_are_there(site, start, tmp_path_factory):
    """It failed on the one, so it is the other's; then that one dies."""
    site.workers(2)
    one = start(site.cluster.address, usable=2)
    note = tmp_path_factory.mktemp("note") / "parent"
    body = f"!crash-once {note};sleep 3".encode()
    one.submit(1, body)
    cluster.wait_until(lambda: note.exists() and note.read_text(), 10, "the crash")
    time.sleep(0.5)
    other, = [worker for worker in site.cluster.workers if worker.pid != int(note.read_text())]
    other.kill()
    assert one.result(1, body, 15).attempts >= 2
    assert len(one.states[-1].usable()) == 1


def test_retries_have_an_end(shared, start):
    one = start(shared.cluster.address, usable=2, retries=2)
    one.submit(1, b"!crash")
    reply = one.reply(1)
    assert reply.kind == bridge.FAILED and reply.why == bridge.LOST and reply.attempts == 3
    assert "was ended by SIGSEGV: the fake worker was told to crash (tcp://127.0.0.1:" in reply.detail
    one.submit(2, b"!nonsense")
    assert "answered nonsense" in one.reply(2).detail
    one.submit(3, b"!exit 7")
    assert "ended with status 7" in one.reply(3).detail


def test_the_scheduler_is_started_again(site, start):
    site.workers(2)
    one = start(site.cluster.address)
    before = one.await_usable(2)
    for number in range(1, 9):
        one.submit(number, b"!sleep 0.4")
    time.sleep(0.5)
    site.cluster.scheduler.kill()
    assert one.await_state(lambda state: not state.connected).problem
    one.submit(9, b"meanwhile")
    for worker in site.cluster.workers:
        worker.stop()  # Dask's workers end with their scheduler
    site.cluster.start_scheduler()
    site.workers(2)
    after = one.await_usable(2)
    assert not {worker.index for worker in after.workers} & {worker.index for worker in before.workers}
    for number in range(1, 9):
        one.result(number, b"!sleep 0.4", 30)
    assert one.result(9, b"meanwhile").attempts == 1
    assert one.said().startswith("colonnade dask bridge: ") and "Traceback" not in one.said()


def test_what_is_cut_off_is_noticed(site, start):
    """A worker of one cluster, and the scheduler of another one, at the same time: both take more than ten seconds."""
    first, _ = site.workers(2)
    one = start(site.cluster.address)
    with cluster.Cluster() as running:
        running.add_worker(environment={"COLONNADE_BIN": str(player.FAKE)})
        two = start(running.address)
        one.await_usable(2)
        two.await_usable(1)
        for number in range(1, 5):
            one.submit(number, b"!sleep 1")
        two.submit(1, b"!sleep 1")
        time.sleep(0.5)
        began = time.monotonic()
        first.freeze()
        running.scheduler.freeze()
        assert "silent" in two.await_state(lambda state: not state.connected, 16).problem
        running.scheduler.thaw()
        for number in range(1, 5):
            one.result(number, b"!sleep 1", 25)
        assert time.monotonic() - began < 20
        problem = {worker.name: worker.problem for worker in one.states[-1].workers}["w0"]
        assert problem.startswith("has been silent for 1")
        first.thaw()
        one.await_usable(2)
        two.result(1, b"!sleep 1", 30)
        # The server takes a bridge that says nothing for dead.
        times = [state.at for state in two.states if state.at > began]
        assert max(b - a for a, b in zip(times, times[1:])) < 3


# ---- nobody wants it any more -------------------------------------------------------------------

def test_cancel_ends_the_process(site, start):
    site.workers(1)
    one = start(site.cluster.address, usable=1)
    one.submit(1, b"!sleep 600")
    one.submit(2, b"!sleep 600")
    time.sleep(0.7)
    running = site.processes()
    assert len(running) == 1
    one.cancel(2)
    one.cancel(1)
    one.submit(3, b"x")
    one.result(3, b"x", 10)
    assert running[0] not in site.processes()
    assert set(one.replies) == {3}


def test_a_deadline_ends_the_process(site, start):
    site.workers(1)
    one = start(site.cluster.address, usable=1)
    one.submit(1, b"!sleep 600", left=1)
    one.submit(2, b"!sleep 0.1", left=30)
    one.result(2, b"!sleep 0.1", 10)
    assert set(one.replies) == {2}


# ---- how it ends ------------------------------------------------------------------------------------

def test_the_end_of_the_socket_ends_all(site, start):
    site.workers(2)
    one = start(site.cluster.address, usable=2)
    for number in range(1, 5):
        one.submit(number, b"!sleep 600")
    time.sleep(0.5)
    assert len(site.processes()) >= 2
    assert one.close() < 4
    assert one.process.returncode == 0
    cluster.wait_until(lambda: not site.processes(), 5, site.processes)


def test_the_end_of_a_dask_worker_ends_its_processes(site, start):
    """Also when it is killed, and while they compute; with a nanny, which starts another worker."""
    worker = site.worker()
    site.worker(nanny=True)
    one = start(site.cluster.address, usable=2)
    for number in (1, 2, 3):
        one.submit(number, b"!sleep 600")
    time.sleep(0.5)
    before = site.processes()
    assert len(before) == 2
    worker.kill()
    pids = subprocess.run(["pgrep", "-P", str(site.cluster.workers[1].pid)], capture_output=True, text=True).stdout.split()
    for pid in pids:
        os.kill(int(pid), signal.SIGKILL)
    cluster.wait_until(lambda: not set(before) & set(site.processes()), 5, site.processes)
    one.await_state(lambda state: [worker.name for worker in state.usable()] == ["w1"])


def test_a_program_that_never_speaks_ends_with_its_dask_worker(site, start):
    """Nobody has heard yet what it is, and it does not look who started it, as the real one does."""
    dask_worker = site.worker(environment={"FAKE_SILENT": "1"})
    start(site.cluster.address)
    cluster.wait_until(site.processes, 20, "a program was started")
    dask_worker.stop()
    cluster.wait_until(lambda: not site.processes(), 5, lambda: f"left: {site.processes()}")


def test_a_bridge_that_is_killed_leaves_nothing(site, start):
    site.workers(1)
    one = start(site.cluster.address, usable=1)
    one.submit(1, b"!sleep 600")
    time.sleep(0.5)
    one.process.kill()
    cluster.wait_until(lambda: not site.processes(), 5, site.processes)
    two = start(site.cluster.address, session=one.session)
    two.await_usable(1)
    two.submit(1, b"x")
    two.result(1, b"x")


def test_it_ends_while_there_is_no_scheduler(start):
    one = start(f"tcp://127.0.0.1:{cluster.free_port()}")
    state = one.await_state(lambda state: "no connection" in state.problem)
    assert not state.connected and "--dask-scheduler" in state.problem, state.problem
    one.submit(1, b"x")
    time.sleep(0.5)
    assert one.close() < 3 and one.process.returncode == 0


def test_it_ignores_what_a_terminal_sends(shared, start):
    one = start(shared.cluster.address, usable=2)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(one.process.pid, number)
    one.submit(1, b"x")
    one.result(1, b"x")
