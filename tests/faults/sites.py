"""Every call that a request reaches, failing in turn (README.md, part A).

    python3 tests/faults/sites.py [CASE...]
"""
import collections
import sys
import threading
import time

from control import ALWAYS, KINDS, ONCE
from rig import CLUSTER, LONG, Ask, Count, Ended, Server, chosen, client, has_programs, new_control, settle, table

GOOD = ("right", "typed", "bare", "cut")
ENOUGH = 2  # a site that failed in so many cases is not tried again, in short


class Trial:
    """One case on a server of its own: its sites, each failing in turn."""

    tried = collections.Counter()  # in how many cases a site was met

    def __init__(self, name, control, modes):
        self.name, self.control, self.modes = name, control, modes
        self.case = table.CASES[name]
        self.outcomes = collections.Counter()
        self.sites = collections.Counter()
        self.problems = []
        self.start()

    def start(self):
        self.control.off()
        self.server = self.serve()
        self.ask = Ask(self.server)
        for _ in range(3):
            self.wanted = self.case(self.ask)
        settle(lambda: self.server.wait_idle(1))

    def serve(self):
        return Server(self.control, *(CLUSTER if self.name in table.CLUSTER else []))

    def attempt(self):
        """(outcome, detail) of asking once."""
        try:
            got = self.case(self.ask)
        except Ended as end:
            return end.outcome, end.detail
        except (AssertionError, KeyError, ValueError) as problem:
            return "wrong", repr(problem)
        return ("right", "") if got == self.wanted else ("wrong", repr(got)[:600])

    def record(self):
        self.control.record()
        for _ in range(2):
            outcome, detail = self.attempt()
            if outcome != "right":
                self.problems.append(f"WITHOUT A FAULT {outcome} {detail}")
            self.trail()
        self.control.off()
        return self.control.sites()

    def trail(self, done=lambda: False):
        """What is done behind the reply belongs to it."""
        settle(done, 0.02)

    def complain(self, site, mode, what):
        how = "once" if mode == ONCE else "always"
        self.problems.append(f"{what} [{how}] {self.control.describe(site)}")

    def recovered(self, site, mode):
        """The next request is right. A worker that could not be started may be waited for a while."""
        outcome, detail = self.attempt()
        until = time.monotonic() + 2
        while outcome == "typed" and site.child and time.monotonic() < until:
            self.outcomes["asked again"] += 1
            outcome, detail = self.attempt()
        if outcome != "right":
            self.complain(site, mode, f"AFTERWARDS {outcome} {detail[:300]}")
        return outcome == "right"

    def crashed(self, site, mode):
        if self.server.alive():
            return False
        self.outcomes["crashed"] += 1
        self.complain(site, mode, f"CRASHED {self.server.process.returncode} {self.server.stderr()[-3000:]}")
        self.start()
        return True

    def fail(self, site, mode):
        kind = KINDS[site.kind]
        if mode == ALWAYS and kind in ("wait", "lock"):
            return  # what is interrupted every time never waits; a file system that locks goes on to
        self.control.set(mode, site.id)
        if mode == ALWAYS and kind == "accept":  # nobody can be answered until there are descriptors again
            threading.Timer(0.3, self.control.off).start()
        outcome, detail = self.attempt()
        if outcome == "right" and not self.control.failed:
            self.trail(lambda: self.control.failed)
        reached = self.control.failed > 0
        self.control.off()
        time.sleep(0)
        if self.crashed(site, mode):
            return
        self.outcomes[outcome if reached or outcome != "right" else "not reached"] += 1
        if outcome not in GOOD:
            self.complain(site, mode, f"{outcome.upper()} {detail[:500]}")
        if not self.recovered(site, mode):
            self.outcomes["broken"] += 1
            self.end()
            self.start()

    def end(self):
        """Stops the server; whatever is still in use makes it abort."""
        self.control.off()
        try:
            code = self.server.stop(30)
            if code != 0:
                self.problems.append(f"EXIT {code}")
        except AssertionError as problem:
            self.problems.append(f"AT THE END {problem}")

    leave = end

    def run(self):
        server = self.server
        before = server.holds()
        found = self.record()
        if not found:
            self.problems.append("THE LIBRARY noted nothing")
        for site in found:
            self.sites[KINDS[site.kind]] += 1
            Trial.tried[site.id] += 1
            if not LONG and Trial.tried[site.id] > ENOUGH:
                self.outcomes["known"] += 1
                continue
            for mode in self.modes:
                self.fail(site, mode)
        if self.server is server:
            if not settle(lambda: server.holds() <= before, 10):
                self.problems.append(f"LEFT descriptors and threads {before} -> {server.holds()}")
        self.leave()


class ClusterTrial(Trial):
    """On a server with a cluster: one for all of these cases, since it first measures what the cluster is worth."""

    kept, to_come = None, 0
    missed = set()  # sites that were once not reached again

    def serve(self):
        if not self.kept or not self.kept.alive():
            server = ClusterTrial.kept = super().serve()
            assert settle(lambda: "dask" in server.pools()["calibration"], 30), server.pools()
        return self.kept

    def trail(self, done=lambda: False):
        """A worker whose program the case has cost gets another one."""
        super().trail(done)
        settle(lambda: done() or has_programs(self.server.pid), 2)

    def record(self):
        """In a case that costs a worker, all that a new one's start reaches is among them."""
        settle(lambda: has_programs(self.server.pid), 2)  # those that start now are not the case's
        found = super().record()
        return [site for site in found if not site.child] + chosen([site for site in found if site.child])

    def fail(self, site, mode):
        if not LONG and (site.child and mode == ONCE or site.id in self.missed):
            return  # a start reaches most of its calls once; the server measures its cluster anew when it likes
        before = self.outcomes["not reached"]
        super().fail(site, mode)
        if self.outcomes["not reached"] > before:
            self.missed.add(site.id)

    def leave(self):
        ClusterTrial.to_come -= 1
        if self.to_come == 0:
            self.end()


class ColdTrial(Trial):
    """The same of the calls that only a server's first request reaches: a new server for each."""

    def __init__(self, name, control, modes):
        self.warm = False
        super().__init__(name, control, modes)

    def start(self):
        self.control.off()
        self.server = self.serve()
        self.ask = Ask(self.server)
        if not self.warm:
            self.control.record()
        self.wanted = self.case(self.ask)
        if not self.warm:
            time.sleep(0.05)
            self.control.off()
            first = {site.id: site for site in self.control.sites()}
            for site in self.record():
                first.pop(site.id, None)
            self.cold, self.warm = list(first.values()), True

    def run(self):
        self.end()
        for site in self.cold:
            self.sites[KINDS[site.kind]] += 1
            for mode in self.modes:
                self.server = self.serve()
                self.ask = Ask(self.server)
                self.fail(site, mode)
                self.end()

    def recovered(self, site, mode):
        return super().recovered(site, mode) or True  # this server ends in any case


COLD = ("csv_auto", "csv_processes", "json_threads", "form", "map_comp_processes", "check", "session")
COLD_CLUSTER = ("csv_dask",)  # what its workers reach at their start is most of it, and the same in each case


def run(names=None, count=None):
    """All that a server reaches every time, then what only a new one does."""
    count, some = count or Count(), bool(names)
    outcomes, sites = collections.Counter(), collections.Counter()
    names = names or list(table.CASES)
    clustered = [name for name in names if name in table.CLUSTER]
    ClusterTrial.to_come = len(clustered)
    run_all(Trial, "", [name for name in names if name not in clustered], count, outcomes, sites)
    run_all(ClusterTrial, "", clustered, count, outcomes, sites)
    cold = [name for name in names if not name.startswith("run_") and (LONG or some or name in COLD) and
            (name not in table.CLUSTER or LONG and name in COLD_CLUSTER)]
    run_all(ColdTrial, "a new server, ", cold, count, outcomes, sites)
    print("sites by kind: " + ", ".join(f"{kind} {n}" for kind, n in sites.most_common()))
    print("outcomes: " + ", ".join(f"{n} {what}" for what, n in outcomes.most_common()))
    return count


def run_all(kind, prefix, names, count, outcomes, sites):
    control = new_control()
    for name in names:
        begun = time.monotonic()
        trial = kind(name, control, (ALWAYS,) if kind is ColdTrial and not LONG else (ONCE, ALWAYS))
        trial.run()
        outcomes.update(trial.outcomes)
        sites.update(trial.sites)
        shown = ", ".join(f"{n} {what}" for what, n in sorted(trial.outcomes.items()))
        count.add(not trial.problems, f"{prefix}{name}: {sum(trial.sites.values())} sites: {shown} "
                                      f"({time.monotonic() - begun:.1f} s)")
        for problem in trial.problems[:40]:
            print("    " + problem, flush=True)
    control.close()


if __name__ == "__main__":
    total = run(sys.argv[1:])
    print(f"faults: {total.passed} passed, {total.failed} failed")
    sys.exit(total.failed > 0)
