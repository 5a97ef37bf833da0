"""What was measured, as a page and as a document for programs."""
import os
import pathlib
import platform
import re
import subprocess
import time

HEAD = """\
# What was measured

Written by `make bench`; [docs/performance.md](../docs/performance.md) says how to read it. All contenders ran on one
machine in one run, in turns, and their answers were compared before anything was timed. Ratios are what counts here;
absolute times only tell the scale of this machine.
"""


def machine(bench):
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*: (.*)$", info, re.M)
    system = re.search(r'^PRETTY_NAME="(.*)"', pathlib.Path("/etc/os-release").read_text(encoding="utf-8"), re.M)
    memory = re.search(r"^MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text(encoding="ascii"), re.M)
    return {"CPU": f"{model[1] if model else platform.machine()}, {bench.cpus} CPUs usable",
            "memory": f"{int(memory[1]) / 1e6:.0f} GB", "system": f"{system[1]}, Linux {platform.release()}"}


def commit():
    """The build's commit; a '+' if files differ from it."""
    where = pathlib.Path(__file__).parent
    found = subprocess.run(["git", "rev-parse", "--short=10", "HEAD"], cwd=where, capture_output=True, text=True,
                           check=False)
    if found.returncode:
        return "unknown"
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ":!bench/*.svg", ":!bench/RESULTS.md"], cwd=where,
                             check=False).returncode
    return found.stdout.strip() + ("+" if changed else "")


def about(bench, commit, loads, began):
    versions = ", ".join(f"{name} {version}" for name, version in sorted(bench.peers.versions.items()))
    return {**machine(bench), "Colonnade": f"{bench.version}, commit {commit}, kernels: {bench.level}",
            "peers": versions or "none", "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began)),
            "took": f"{(time.time() - began) / 60:.0f} min; load {loads[0]:.1f} before, {loads[1]:.1f} after"}


def table(head, rows, first_left=1):
    lines = ["| " + " | ".join(head) + " |",
             "|" + "|".join("---" if at < first_left else "---:" for at in range(len(head))) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def verdict(target):
    return {True: "reached", False: "**not reached**", None: "-"}[target.reached]


def page(facts, sections, missing):
    parts = [HEAD, table(["", ""], [[name, text] for name, text in facts.items()], 2)]
    if missing:
        parts.append(f"Not measured: {', '.join(missing)}.")
    targets = [target for section in sections for target in section.targets]
    parts += ["## Figures to reach", table(["workload", "wanted", "measured", ""], [
        [one.workload, one.wanted, one.measured, verdict(one)] for one in targets], 4)]
    for section in sections:
        parts.append(f"## {section.key}. {section.title}")
        parts += section.text
        for one in section.tables:
            parts += [f"**{one.title}**", table(one.head, one.rows)]
        parts += [f"![{section.title}]({name})" for name in section.charts]
    return "\n\n".join(parts) + "\n"


def document(facts, sections):
    return {"about": facts, "sections": {one.key: {
        "title": one.title, "data": one.data, "targets": [vars(target) for target in one.targets]} for one in sections}}


def load():
    return os.getloadavg()[0]
