"""The check of request framing that stands in front of the HTTP library: nanoseconds a request, in process."""
import json
import subprocess

from measure import Contender, Section, Target, in_turns, samples_data, samples_table

KINDS = {"curl": "a head of curl", "browser": "a head of a browser", "body": "1 MB with its length",
         "chunks": "1 MB in chunks of 16 KiB"}
COUNT = 100_000
HEAD_NS = 1000  # of a small request, which takes a hundred times as long in all


def ask(bench, kind):
    count = 100 if bench.quick else COUNT
    done = subprocess.run([bench.peers.tools / "framing", kind, str(count)], capture_output=True, check=True)
    return json.loads(done.stdout)


def measure(bench):
    sizes = {kind: ask(bench, kind) for kind in KINDS}
    names = {kind: f"{name} ({sizes[kind]['head']} bytes)" for kind, name in KINDS.items()}
    found = [Contender(names[kind], lambda kind=kind: ask(bench, kind)["seconds"]) for kind in KINDS]
    in_turns(found, bench.repeat)
    section = Section("k", "The check of request framing, in front of the HTTP library")
    section.text = ["Every byte of a connection passes `server/framing.c` before the library sees it. This is what it takes of "
                    "one request, in process; in brackets the bytes of the head. It makes no system call and copies nothing."]
    section.tables = [samples_table("one request", found, found[0])]
    section.data = samples_data(found)
    section.targets = [Target("the check of a small request's framing", f"≤ {HEAD_NS:,} ns",
                              f"{found[0].median * 1e9:.0f} ns (least {found[0].least * 1e9:.0f})",
                              found[0].median * 1e9 <= HEAD_NS)]
    return section
