"""SECURITY.md and docs/reliability.md name tests; each exists, and each command of the latter chooses some."""
import re
import shlex
import subprocess

from places import ROOT
import client

SECURITY = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
RELIABILITY = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
FOLDERS = {target: target.replace("-", "s/") for target in ("test-http", "test-deploy", "test-container", "test-dask")}


def known():
    """Every test function and file, and every fuzz target."""
    names = set()
    for path in (ROOT / "tests").rglob("*"):
        if path.suffix in (".py", ".c") and path.name.startswith(("test_", "fuzz_")):
            names.add(path.stem)
            names |= set(re.findall(r"^(?:def|static void) (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE))
    return names


def test_every_test_that_is_named_exists():
    named = set(re.findall(r"`((?:test|fuzz)_\w+)`", SECURITY))
    assert len(named) > 30
    assert named <= known(), named - known()


def test_every_flag_that_is_named_exists():
    shown = subprocess.run([client.BINARY, "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    flags = set(re.findall(r"`(--[a-z-]+)", SECURITY)) - {"--memory"}  # podman's
    assert len(flags) > 5 and [flag for flag in flags if not re.search(rf"^ +{flag}\b", shown, re.MULTILINE)] == []


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)", SECURITY):
        assert (ROOT / target).exists(), target


def commands():
    return sorted(set(re.findall(r"`(make [^`]*)`", RELIABILITY)))


def test_every_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert len(commands()) > 15
    for command in commands():
        assert re.search(rf"^{shlex.split(command)[1]}:", makefile, re.MULTILINE), command


def names_in(folder):
    return [f"{path.name}::{name}" for path in (ROOT / folder).glob("test_*.py")
            for name in re.findall(r"^def (test_\w+)\(", path.read_text(encoding="utf-8"), re.MULTILINE)]


def test_every_choice_chooses_something():
    """Every word of a -k is part of a test's name: one that is misspelt would choose fewer tests, or none."""
    seen = 0
    for command in commands():
        words = shlex.split(command)
        if len(words) > 2 and words[2].startswith("PYTEST="):
            option, choice = shlex.split(words[2].removeprefix("PYTEST="))
            assert option == "-k"
            for word in set(re.findall(r"\w+", choice)) - {"or", "and", "not"}:
                assert [test for test in names_in(FOLDERS[words[1]]) if word in test], (command, word)
                seen += 1
    assert seen > 15
