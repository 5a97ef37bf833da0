"""The golden cases of tests/golden: stored requests and what must come back, byte for byte.

Each case runs as it is, and then on every executor with several sizes of chunks and in every mode:
all replies must be the expected one, and all problem documents must be alike to the last word.
tests/golden/README.md describes the files.
"""
import json
import re

import pytest

import client

FOLDER = client.ROOT / "tests" / "golden"
EXECUTORS = ["serial", "threads", "processes"]
CUTS = [{"chunk_rows": 1}, {"chunk_rows": 2}, {}, {"mode": "tuple"}, {"mode": "row", "chunk_rows": 2}]
STABLE = ["status", "code", "parameter", "expression", "position", "line", "row", "column", "limit",
          "value"]
CASES = sorted(path.parent.name for path in FOLDER.glob("*/request"))


class Request:
    """What a case sends: its `request` and its `input`."""

    def __init__(self, name):
        lines = (FOLDER / name / "request").read_text(encoding="utf-8").split("\n")
        self.method, self.target = lines[0].split(" ")
        blank = lines.index("") if "" in lines else len(lines)
        self.headers = dict(line.split(": ", 1) for line in lines[1:blank])
        self.options = [line.split("=", 1) for line in lines[blank + 1:] if line]
        path = FOLDER / name / "input"
        self.body = path.read_bytes() if path.exists() else b""

    @property
    def kind(self):
        """Where options stand: 'query', 'form' or 'json'."""
        stated = self.headers.get("Content-Type", "")
        if stated.startswith("multipart/"):
            return "form"
        if stated == client.JSON or stated == "" and self.body.lstrip()[:1] == b"{":
            return "json"
        return "query"

    def varies(self):
        """Whether executor, chunk_rows and mode can be asked for beside what the case says."""
        named = any(f"{name}=" in text for name in ("executor", "chunk_rows", "mode")
                    for text in (self.target, *map("=".join, self.options)))
        if not re.match(r"/v1/compute(\?|$)", self.target) or self.method == "GET" or named:
            return False
        return self.kind == "query" or self.body.lstrip()[:1] == (b"{" if self.kind == "json" else b"-")

    def send(self, server, **extra):
        target, options, body = self.target, list(self.options), self.body
        if self.kind == "query":
            options += extra.items()
        elif extra and self.kind == "json":
            body = self.with_members(extra)
        elif extra:
            body = self.with_parts(extra)
        if options:
            target += ("&" if "?" in target else "?") + client.query(options)
        return server.request(self.method, target, body, self.headers)

    def with_members(self, extra):
        """The options as first members, in the same number of bytes whatever they are."""
        before, after = self.body.split(b"{", 1)
        members = json.dumps(extra)[1:-1] + ("" if after.lstrip()[:1] == b"}" else ",")
        return before + b"{" + members.ljust(80).encode() + after

    def with_parts(self, extra):
        """The options as first parts."""
        boundary = self.body.split(b"\r\n", 1)[0]
        parts = [boundary + f'\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                 for name, value in extra.items()]
        return b"".join(parts) + self.body


def text_of(value):
    """A JSON value as text: 1, 1.0, -0.0 and true differ, and so do orders of members."""
    return json.dumps(value, ensure_ascii=False)


def strict(text):
    """A JSON document that names nothing twice and holds no NaN."""

    def members(pairs):
        assert len({name for name, _ in pairs}) == len(pairs), f"a name twice in {pairs}"
        return dict(pairs)

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, object_pairs_hook=members, parse_constant=refuse)


def check_error(reply, wanted):
    problem = reply.problem
    stable = {name: problem[name] for name in STABLE if name in problem}
    expected = {name: wanted[name] for name in STABLE if name in wanted}
    assert set(wanted) <= set(STABLE), "the case names a member that is not stable"
    assert text_of(stable) == text_of(expected), reply


def check_expect(reply, wanted):
    assert reply.status == 200, reply
    if not reply.headers["Content-Type"].startswith(client.JSON):
        assert reply.body == wanted
        return
    got = strict(reply.text)
    for name, value in strict(wanted.decode("utf-8")).items():
        assert text_of(got[name]) == text_of(value), name


def comparable(reply):
    """What of a reply must not depend on the run."""
    if reply.headers.get("Content-Type", "").startswith("text/"):
        return reply.body
    document = strict(reply.text)
    for name in ("run", "execution", "timing"):
        document.pop(name, None)
    return text_of(document)


def check(reply, name):
    error = FOLDER / name / "error"
    if error.exists():
        check_error(reply, strict(error.read_text(encoding="utf-8")))
    else:
        check_expect(reply, (FOLDER / name / "expect").read_bytes())
    return comparable(reply)


def runs():
    """Each case with each executor; a case that cannot vary once, with None."""
    for name in CASES:
        for executor in EXECUTORS if Request(name).varies() else [None]:
            yield pytest.param(name, executor, id=f"{name}-{executor or 'as-is'}")


@pytest.mark.parametrize("name, executor", runs())
def test_golden(server, name, executor):
    request = Request(name)
    check(request.send(server), name)
    if executor:
        first = check(request.send(server, executor="serial"), name)
        for cut in CUTS:
            assert check(request.send(server, executor=executor, **cut), name) == first, cut


def test_the_cases_are_whole():
    assert len(CASES) >= 60
    for folder in (path for path in FOLDER.iterdir() if path.is_dir()):
        files = {path.name for path in folder.iterdir()}
        assert "request" in files and len(files & {"expect", "error"}) == 1, folder.name
        assert files <= {"request", "input", "expect", "error"}, folder.name
