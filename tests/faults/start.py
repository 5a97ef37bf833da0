"""Every call that a start reaches, failing: the server starts all the same, or says why not and ends.

    python3 tests/faults/start.py
"""
import collections
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from control import ALWAYS, FRAMES, KINDS, ONCE
from rig import CLUSTER, FLAGS, LONG, PATIENCE, Count, Server, chosen, client, environment, has_programs, new_control, settle, table


def below(pid):
    """Processes of the session that a server began."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = pathlib.Path("/proc", entry, "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == pid and fields[0] != "Z":
                found.append(int(entry))
    return found


class Start:
    def __init__(self, control, more=(), executors=("threads", "processes")):
        self.control, self.more, self.executors = control, more, executors
        self.first = Server(control)  # makes the folder with its token, keys and history
        self.home = self.first.home
        assert self.first.stop() == 0

    def begin(self):
        """The process, once it is ready or has ended; None: neither."""
        base = pathlib.Path(self.home.name)
        flags = ["--listen", "127.0.0.1:0", "--token-file", base / "token", "--keys-dir", base / "keys",
                 "--data-dir", base / "data", *FLAGS, *self.more]
        self.control.block.server = 0
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([client.BINARY, *map(str, flags)], stdout=subprocess.PIPE,
                                        stderr=self.errors, env={**os.environ, **environment(self.control)},
                                        start_new_session=True)
        os.set_blocking(self.process.stdout.fileno(), False)
        line = b""

        def came():
            nonlocal line
            line += self.process.stdout.read() or b""
            return line.endswith(b"\n") or self.process.poll() is not None

        return line if settle(came, PATIENCE * 5) else None  # a worker that says nothing is given up after 10 s

    def end(self):
        """Exit status, or why there is none."""
        self.control.off()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(PATIENCE * 4)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "hung at its end"
        finally:
            self.process.stdout.close()
        if not settle(lambda: not below(self.process.pid), 5):
            return f"left processes {below(self.process.pid)}"
        return self.process.returncode

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode("utf-8", "replace")

    def works(self, line):
        """Whether a started server serves: the calls of its pools are told or right."""
        server = client.Server.__new__(client.Server)
        server.tls, server.host, server.port = None, "127.0.0.1", int(line.decode().rsplit(":", 1)[1])
        server.default_headers = {"Authorization": "Bearer " + table.TOKEN}
        body = b"a\n1\n2\n"
        for executor in self.executors:
            until = time.monotonic() + 3
            while True:
                reply = server.post_csv(body, {"let": "r=a", "executor": executor})
                if reply.status == 200 and reply.body == b"a,r\n1,1\n2,2\n":
                    break
                if time.monotonic() > until:
                    return f"{executor}: {reply!r}"
        return ""

    def fail(self, site, mode):
        """(outcome, what is wrong with it)"""
        self.control.set(mode, site.id)
        line = self.begin()
        if line is None:
            status = self.end()
            return "hung", f"no ready line; {status}; {self.said()[-500:]}"
        started = line.endswith(b"\n")
        if started:
            self.is_whole()  # or not, which is seen by what works
        reached = self.control.failed > 0
        self.control.off()
        wrong = self.works(line) if started else ""
        status = self.end()
        said = self.said()
        if wrong or client.SANITIZER.search(said):
            return "wrong", wrong or said[-3000:]
        if started:
            return ("started" if reached else "not reached"), "" if status == 0 else f"exit status {status}"
        # Programs of the workers, which say here what a Dask worker would hear, may find the bridge gone.
        own = [line for line in said.splitlines() if not line.startswith("colonnade --worker: ")]
        if status in (1, 2) and own and own[0].startswith("colonnade: "):
            return "refused", ""
        if all(self.control.object(site, i).startswith(("libcrypto", "libc.")) for i in range(FRAMES)):
            return "crashed in OpenSSL's first steps", ""  # it reads on where it could not begin
        return "crashed", f"exit status {status}: {said[-2000:]!r}"


    def record(self):
        self.control.record()
        assert self.begin(), self.said()
        assert self.is_whole(), self.said()
        self.control.off()
        self.end()
        return self.control.sites()

    def is_whole(self):
        """Whether, behind the ready line, the cluster has come up as well, if there is to be one."""
        return not self.more or settle(lambda: has_programs(self.process.pid), 3)


def run(count=None):
    """A plain start; then, of one with a cluster, what the plain one does not reach. What its workers' programs reach is
    tried where one is killed (sites.py)."""
    count = count or Count()
    control = new_control()
    start = Start(control)
    plain = start.record()
    fail_each("start", start, chosen(plain), count)
    clustered = Start(control, CLUSTER, ("dask",))
    known = {site.id for site in plain}
    fail_each("start with a cluster", clustered,
              chosen([site for site in clustered.record() if site.id not in known and not site.child]), count)
    control.close()
    return count


def fail_each(name, start, sites, count):
    assert sites, "the library noted nothing"
    outcomes, problems, begun = collections.Counter(), [], time.monotonic()
    kinds = collections.Counter(KINDS[site.kind] for site in sites)
    for site in sites:
        for mode in (ONCE, ALWAYS) if LONG else (ONCE,):
            if mode == ALWAYS and KINDS[site.kind] in ("wait", "lock"):
                continue
            outcome, problem = start.fail(site, mode)
            outcomes[outcome] += 1
            if problem:
                problems.append(f"{outcome}: {problem} [{'once' if mode == ONCE else 'always'}] "
                                f"{start.control.describe(site)}")
    count.add(not problems, f"{name}: {len(sites)} sites: " + ", ".join(f"{n} {what}" for what, n in outcomes.items()) +
              f" ({time.monotonic() - begun:.1f} s)")
    for problem in problems[:40]:
        print("    " + problem, flush=True)
    print("sites by kind: " + ", ".join(f"{kind} {n}" for kind, n in kinds.most_common()))


if __name__ == "__main__":
    total = run()
    print(f"faults: {total.passed} passed, {total.failed} failed")
    sys.exit(total.failed > 0)
