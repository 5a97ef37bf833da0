"""Replicas behind a load balancer: the same requests to one server and to two, which share the processors or have their own."""
import concurrent.futures
import contextlib
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import time

import dask_site
from measure import Section, Table, Target, number, say
from peers import curl
from service import Service
from work_csv import QUERY
from work_small import CLIENTS, SMALL_ROWS, median_of

BALANCER = pathlib.Path(__file__).resolve().parents[1] / "deploy" / "haproxy.cfg"
SHARE = 0.4  # of a processor, of a replica that has its own: two of them, and the load, fit on two


@contextlib.contextmanager
def replicas(bench, count, share=0):
    """So many servers; with a share each of them in a control group of its own."""
    with contextlib.ExitStack() as stack:
        servers = []
        for number_of_server in range(count):
            prefix = stack.enter_context(dask_site.Share(share, f"-{number_of_server}")).prefix if share else ()
            servers.append(stack.enter_context(Service(bench.binary, prefix=prefix)))
        yield servers


@contextlib.contextmanager
def balanced(bench, servers):
    """The balancer of deploy/haproxy.cfg before these servers; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    text = BALANCER.read_text(encoding="utf-8").replace("127.0.0.1:8080", f"127.0.0.1:{port}")
    names = ("one", "two")
    for name, address in zip(names, ("127.0.0.1:8081", "127.0.0.1:8082")):
        at = names.index(name)
        if at < len(servers):
            text = text.replace(address, "{}:{}".format(*servers[at].address))
        else:
            text = re.sub(rf"^    server {name} .*\n", "", text, flags=re.MULTILINE)
    file = bench.folder / "haproxy.cfg"
    file.write_text(text, encoding="utf-8")
    with subprocess.Popen(["haproxy", "-q", "-f", file], stdin=subprocess.DEVNULL) as running:
        try:
            until = time.monotonic() + 10
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                if running.poll() is not None or time.monotonic() > until:
                    raise SystemExit("haproxy does not listen")
                time.sleep(0.02)
            yield port
        finally:
            running.terminate()
            running.wait(10)


def rate(bench, ports, seconds, **request):
    """Requests a second of all ports together. There are always two programs that send, so that one more server does not
    bring one more of them."""
    ports = (2 * ports)[:2]
    with concurrent.futures.ThreadPoolExecutor(len(ports)) as pool:
        runs = list(pool.map(lambda port: bench.peers.load(port, QUERY, clients=CLIENTS // len(ports), seconds=seconds,
                                                           **request), ports))
    return {"rate": sum(run["requests"] / run["seconds"] for run in runs), "p99_ns": max(run["p99_ns"] for run in runs)}


def measure_all(bench, share, seconds, label):
    found = {}
    body, reply = bench.csv(SMALL_ROWS), bench.folder / "small.csv"
    with replicas(bench, 2, share) as servers:
        curl(servers[0].url + QUERY, body, reply)
        request, ports = {"body": body, "expect": reply}, [server.address[1] for server in servers]
        ways = {"one server": ports[:1], "two replicas": ports}
        with contextlib.ExitStack() as stack:
            if shutil.which("haproxy"):
                for name, some in (("one server, haproxy", servers[:1]), ("two replicas, haproxy", servers)):
                    ways[name] = [stack.enter_context(balanced(bench, some))]
            for number_of_round in range(bench.repeat):
                say(f"n: {label}, round {number_of_round + 1}")
                for name, where in list(ways.items())[::-1 if number_of_round % 2 else 1]:
                    found.setdefault(name, []).append(rate(bench, where, seconds, **request))
    return found


def ratio(found):
    return statistics.median(two["rate"] / one["rate"] for one, two in zip(found["one server"], found["two replicas"]))


def table(title, found):
    base = statistics.median(run["rate"] for run in found["one server"])
    rows = []
    for name, runs in found.items():
        rates = [run["rate"] for run in runs]
        rows.append([name, *(f"{value:,.0f}" for value in (statistics.median(rates), min(rates), max(rates))),
                     number(median_of(runs, "p99_ns") / 1e6), f"{statistics.median(rates) / base:.2f}"])
    return Table(title, ["", "median", "least", "most", "p99, ms", "× one server"], rows)


def measure(bench):
    seconds = 0.2 if bench.quick else 2
    section = Section("n", f"Replicas: {SMALL_ROWS:,}-row requests by {CLIENTS} clients")
    section.text = [f"`bench/load.c` as in d, {seconds} s a sample, its clients dealt out to the servers, or all sent through "
                    "haproxy with `deploy/haproxy.cfg`, where it is installed. *Sharing*: the replicas have the same "
                    f"{bench.cpus} processors. *Their own*: each may use {SHARE:g} of a processor, as a machine of its own would give it; "
                    "p99 is then made of the pauses in which a control group waits for its next share."]
    shared = measure_all(bench, 0, seconds, "sharing")
    section.tables = [table("Requests a second, sharing the processors", shared)]
    section.data = {"sharing": shared}
    measured = f"{ratio(shared):.2f} × on the same processors"
    try:
        with dask_site.Share(SHARE):
            pass
    except OSError as fault:
        section.text.append(f"Replicas with processors of their own were not measured: {fault}.")
    else:
        apart = measure_all(bench, SHARE, seconds, "their own")
        section.tables.append(table("Requests a second, each with a processor's share of its own", apart))
        section.data["their own"] = apart
        measured += f", {ratio(apart):.2f} × with their own"
    section.targets = [Target("two replicas instead of one server", "told only", measured, None)]
    return section
