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

from control import ALWAYS, FRAMES, KINDS, MEMORY, ONCE
from rig import FLAGS, LONG, PATIENCE, Count, Server, client, new_control, settle, table


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
    def __init__(self, control):
        self.control = control
        self.first = Server(control)  # makes the folder with its token, keys and history
        self.home = self.first.home
        assert self.first.stop() == 0

    def begin(self):
        """The process, once it is ready or has ended; None: neither."""
        base = pathlib.Path(self.home.name)
        flags = ["--listen", "127.0.0.1:0", "--token-file", base / "token", "--keys-dir", base / "keys",
                 "--data-dir", base / "data", *FLAGS]
        environment = dict(os.environ, **self.control.environment)
        self.control.block.server = 0
        if client.SANITIZED:
            environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + \
                ":verify_asan_link_order=0:allocator_may_return_null=1"
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([client.BINARY, *map(str, flags)], stdout=subprocess.PIPE,
                                        stderr=self.errors, env=environment, start_new_session=True)
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
        for executor in ("threads", "processes"):
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
        reached = self.control.failed > 0
        self.control.off()
        wrong = self.works(line) if started else ""
        status = self.end()
        said = self.said()
        if wrong or client.SANITIZER.search(said):
            return "wrong", wrong or said[-3000:]
        if started:
            return ("started" if reached else "not reached"), "" if status == 0 else f"exit status {status}"
        if status in (1, 2) and said.startswith("colonnade: "):
            return "refused", ""
        if all(self.control.object(site, i).startswith(("libcrypto", "libc.")) for i in range(FRAMES)):
            return "crashed in OpenSSL's first steps", ""  # it reads on where it could not begin
        return "crashed", f"exit status {status}: {said[-2000:]!r}"


def chosen(control):
    """Most of a start's allocations are OpenSSL's and libseccomp's, one like the other: in short, some of them."""
    sites = control.sites()
    theirs = [s for s in sites if MEMORY >> s.kind & 1 and s.objects[0] != 0]
    known = {s.id for s in theirs}
    return sites if LONG else [s for s in sites if s.id not in known] + theirs[::20]


def run(count=None):
    count = count or Count()
    control = new_control()
    start = Start(control)
    control.record()
    assert start.begin(), start.said()
    control.block.mode = 0
    start.end()
    sites = chosen(control)
    assert sites, "the library noted nothing"
    outcomes, problems = collections.Counter(), []
    kinds = collections.Counter(KINDS[site.kind] for site in sites)
    for site in sites:
        for mode in (ONCE, ALWAYS) if LONG else (ONCE,):
            if mode == ALWAYS and KINDS[site.kind] in ("wait", "lock"):
                continue
            outcome, problem = start.fail(site, mode)
            outcomes[outcome] += 1
            if problem:
                problems.append(f"{outcome}: {problem} [{'once' if mode == ONCE else 'always'}] {control.describe(site)}")
    control.close()
    count.add(not problems, f"start: {len(sites)} sites: " + ", ".join(f"{n} {what}" for what, n in outcomes.items()))
    for problem in problems[:40]:
        print("    " + problem, flush=True)
    print("sites by kind: " + ", ".join(f"{kind} {n}" for kind, n in kinds.most_common()))
    return count


if __name__ == "__main__":
    total = run()
    print(f"faults: {total.passed} passed, {total.failed} failed")
    sys.exit(total.failed > 0)
