"""Memory: while a large request is served, and after it."""
import pathlib
import re
import time

from measure import Beside, Section, Table, Target, say
from peers import curl
from work_csv import QUERY

EVERY_S = 0.02
GIVEN_BACK_S = 60
MARGIN = 64 << 20


def family(pid):
    """A process, its children and theirs."""
    found = [pid]
    for one in found:
        try:
            children = pathlib.Path(f"/proc/{one}/task/{one}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found += [int(child) for child in children.split()]
    return found


def resident(pid):
    """Bytes in memory of the service and its worker processes; what they share counts once (Pss)."""
    total = 0
    for one in family(pid):
        try:
            text = pathlib.Path(f"/proc/{one}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue  # it has ended
        found = re.search(r"^Pss:\s+(\d+)", text, re.M)
        total += int(found[1]) << 10 if found else 0  # a process that has just ended has no memory
    return total


class Watch(Beside):
    """The greatest number of bytes while the with-block runs."""

    def __init__(self, pid):
        super().__init__()
        self.pid, self.most = pid, 0

    def work(self):
        while not self.over.wait(EVERY_S):
            self.most = max(self.most, resident(self.pid))


def given_back(pid, baseline):
    """Seconds until memory is where it was, give or take 16 MB; None: not within a minute."""
    begun = time.monotonic()
    while time.monotonic() - begun < GIVEN_BACK_S:
        if resident(pid) <= baseline + (16 << 20):
            return time.monotonic() - begun
        time.sleep(0.25)
    return None


def megabytes(size):
    return f"{size / 1e6:,.0f}"


def measure(bench):
    section = Section("j", f"Memory: a request of {bench.rows:,} rows of CSV")
    body, small = bench.csv(bench.rows), bench.csv(1000)
    rows, peaks, returned, allowed = [], [], [], 0
    for executor in ("threads", "processes"):
        with bench.service() as service:
            for _ in range(20):
                curl(f"{service.url}{QUERY}&executor={executor}", small)
            baseline = resident(service.pid)
            with Watch(service.pid) as watch:
                for _ in range(3):
                    _, reply_bytes, _ = curl(f"{service.url}{QUERY}&executor={executor}", body)
            say(f"j: {executor}: waiting for memory to be given back")
            back = given_back(service.pid, baseline)
            after = resident(service.pid)
        allowed = body.stat().st_size + reply_bytes + MARGIN
        peaks.append(watch.most)
        returned.append(back)
        rows.append([executor, *map(megabytes, (baseline, watch.most, allowed, after)),
                     "no" if back is None else f"{back:.1f} s"])
    section.text = ["Bytes in memory of the server and its worker processes, shared ones counted once (Pss), every "
                    f"{EVERY_S * 1e3:.0f} ms. Before: after 20 small requests. The large request is sent three times. "
                    "Given back: within 16 MB of before."]
    section.tables = [Table("MB", ["executor", "before", "most", "body + reply + 64 MiB", "after", "given back"], rows)]
    section.data = {"most": peaks, "returned_s": returned}
    section.targets = [
        Target("memory while serving a large request", "≤ body + reply + 64 MB",
               f"{megabytes(max(peaks))} MB of {megabytes(allowed)}", max(peaks) <= allowed),
        Target("memory after it", "back to baseline", "after " + ", ".join(
            "more than 60 s" if one is None else f"{one:.1f} s" for one in returned), None not in returned)]
    return section
