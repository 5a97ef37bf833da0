"""The manual is true: every example of README.md and docs/ is typed in a shell, and says what the page says.

An example is a block marked `console`. A line that begins with `$ ` is a command; it goes on over lines that end in a
backslash and to the end of a here-document. What follows is the output, errors included. `...` stands for any text.
The examples of a page share a folder. A command `colonnade ... &` starts a server of its own, which the page's later
examples talk to. With COLONNADE_DOCS_WRITE=1, output that differs is written into the pages instead.
"""
import difflib
import html
import os
import re
import shlex
import subprocess

import pytest

import client

PAGES = sorted([client.ROOT / "README.md", *(client.ROOT / "docs").glob("*.md")])
WRITE = os.environ.get("COLONNADE_DOCS_WRITE") == "1"
PRELUDE = """curl() { command curl -sS "$@"; }
colonnade() { "$COLONNADE_BIN" "$@"; }
pidof() { echo "$SERVER_PID"; }
"""
# What differs from run to run, and what stands in its place before two texts are compared.
WILD = [
    (r"(?i)^(date|server-timing): .*$", r"\1: WILD"),
    (r"(Colonnade-Run: |runs/|jobs/|\"(?:run|id|next)\": ?\")[0-9a-f]{32}\b", r"\1RUN"),
    (r"^[0-9a-f]{32}$", "RUN"),
    (r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME"),
    (r"colonnade \d[\w.]*", "colonnade VERSION"),
    (r"auto: [^\"]*", "auto: REASON"),
    (r"\"stages\": ?\{[^}]*\}", "STAGES"),
    (r"\"ledger\": ?(?:\[[^\]]*\]|\{[^}]*\})", "LEDGER"),
    (r"(\"workers\"): ?\[[^\]]*\]", r"\1: WORKERS"),
    (r"(\"cpus\"): ?\{[^}]*\}", r"\1: CPUS"),
    (r"(\"machine\"): ?\{[^}]*\}", r"\1: MACHINE"),
    (r"(\"(?:\w*_ns(?:_per_\w+)?|worker|pid|tid|ts|dur|break_even_rows)\"): ?[\d.e+-]+", r"\1: N"),
]


class Example:
    """One command, its output, and the lines of the page that hold the output."""

    def __init__(self, command, first):
        self.command = command
        self.first = self.end = first
        self.output = ""


def read_command(lines, at):
    """The command that begins at line `at`, and the line behind it."""
    command = [lines[at][2:]]
    at += 1
    ends = re.search(r"<<'?(\w+)'?", command[0])
    while at < len(lines) and (ends and lines[at - 1] != ends[1] or not ends and lines[at - 1].endswith("\\")):
        command.append(lines[at])
        at += 1
    return "\n".join(command), at


def read_examples(lines):
    examples, inside, at = [], False, 0
    while at < len(lines):
        if lines[at].startswith("```"):
            inside = not inside and lines[at] == "```console"
            at += 1
        elif inside and lines[at].startswith("$ "):
            command, at = read_command(lines, at)
            examples.append(Example(command, at))
        else:
            if inside and examples:
                examples[-1].output += lines[at] + "\n"
                examples[-1].end = at + 1
            at += 1
    return examples


def normal(text):
    for pattern, plain in WILD:
        text = re.sub(pattern, plain, text, flags=re.MULTILINE)
    return text.replace("\r\n", "\n").removesuffix("\n")


def same(shown, real):
    pieces = [re.escape(piece) for piece in normal(shown).split("...")]
    return re.fullmatch(r"[\s\S]*?".join(pieces), normal(real)) is not None


class Shell:
    """Runs commands in one folder, with the page's address replaced by the server's."""

    def __init__(self, folder, server, launch):
        self.folder, self.server, self.launch = folder, server, launch
        self.address = "127.0.0.1:8080"  # as the page has it

    def start(self, command):
        words = [str(self.folder / w) if (self.folder / w).exists() else w for w in shlex.split(command)[1:-1]]
        where = words.index("--listen")
        self.address = words[where + 1]
        del words[where:where + 2]
        tls = None
        if "--tls-cert" in words:
            where = words.index("--tls-cert")  # and the key behind it
            tls = words[where + 1], words[where + 3]
            del words[where:where + 4]
        self.server = self.launch(*words, tls=tls)
        return self.shown(self.server.line)

    def shown(self, output):
        return re.sub(rf"\b127\.0\.0\.1:{self.server.port}\b", self.address, output)

    def run(self, command):
        if re.fullmatch(r"colonnade .*&", command):
            return self.start(command)
        command = re.sub(r"\b(localhost|127\.0\.0\.1):80\d\d\b", f"127.0.0.1:{self.server.port}", command)
        done = subprocess.run(["bash", "-c", PRELUDE + command], cwd=self.folder, timeout=120, check=False,
                              env={**os.environ, "COLONNADE_BIN": client.BINARY, "SERVER_PID": str(self.server.pid)}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return self.shown(done.stdout.decode("utf-8", "replace"))


def write(page, lines, changes):
    for example, real in reversed(changes):
        real = real.replace("\r\n", "\n").removesuffix("\n")
        lines[example.first:example.end] = real.split("\n") if real else []
    page.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_examples(page, server, launch, tmp_path):
    lines = page.read_text(encoding="utf-8").splitlines()
    shell = Shell(tmp_path, server, launch)
    changes = []
    for example in read_examples(lines):
        real = shell.run(example.command)
        if not same(example.output, real):
            changes.append((example, real))
    if WRITE:
        write(page, lines, changes)
        return
    report = [line for example, real in changes for line in
              ["$ " + example.command, *difflib.unified_diff(normal(example.output).splitlines(),
                                                             normal(real).splitlines(), "page", "server", lineterm="")]]
    assert not changes, "\n".join(report)


def table_rows(page):
    """The cells of all table rows of a page, backticks removed."""
    rows = []
    for line in (client.ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("| `"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            rows.append([html.unescape(c.strip().replace("`", "").replace("\\|", "|")) for c in cells])
    return rows


def test_every_function_is_in_the_manual(server):
    functions = server.get("/v1/functions").json()["functions"]
    rows = {row[0]: row[1] for row in table_rows("expressions.md")}
    hashes = {row[0]: row[1] for row in table_rows("hashes.md")}
    assert len(functions) > 50
    for function in functions:
        shown = hashes.get(function["name"]) if function["group"] == "hash" else rows.get(function["signature"])
        assert shown == function["summary"], function


def settings_of_help():
    """Each flag with its variable, default and meaning."""
    text = subprocess.run([client.BINARY, "--help"], stdout=subprocess.PIPE, check=True, text=True).stdout
    found = re.findall(r"^ +--([\w-]+)(?: [A-Z]+)? +(.*)\n +\(default: (.*); (COLONNADE_\w+)\)$", text, re.MULTILINE)
    assert len(found) == text.count("(default: ") > 20
    return {flag: [variable, default, meaning] for flag, meaning, default, variable in found}


def test_every_setting_is_in_the_manual():
    assert {row[0].split()[0].removeprefix("--"): row[1:] for row in table_rows("settings.md")} == settings_of_help()


def bare(text):
    """Its letters and digits, without the macros of a man page and the name of a flag's value."""
    return re.sub(r"\bnumber\b|\bN\b|^\.[A-Z][a-z]( Cm)? |\W", "", text, flags=re.MULTILINE).lower()


def test_the_man_page_says_what_help_says():
    """It may say more behind that."""
    manual = (client.ROOT / "docs" / "colonnade.8").read_text(encoding="utf-8")
    found = re.findall(r"^\.It Fl -([\w-]+).*\n((?:(?!\.It).*\n)*?)Default: (.*)\.$", manual, re.MULTILINE)
    told = {flag: (bare(meaning), default) for flag, meaning, default in found}
    for flag, (_, default, meaning) in settings_of_help().items():
        assert told[flag][0].startswith(bare(meaning)) and told[flag][1] == default, (flag, told[flag])


def test_every_code_is_in_the_manual():
    """The table of codes and statuses is that of the sources."""
    source = (client.ROOT / "base" / "error.c").read_text(encoding="utf-8")
    codes = {name: (int(status), title) for name, title, status in
             re.findall(r'\{"(\w+)",\s*"([^"]*)", (\d+)\}', source) if name != "ok"}
    rows = {row[0]: (int(row[1]), row[2]) for row in table_rows("errors.md") if len(row) > 2 and row[1].isdigit()}
    assert codes == rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links(page):
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert "://" in target or (page.parent / target).exists(), target
