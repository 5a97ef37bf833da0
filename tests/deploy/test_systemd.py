"""deploy/systemd: systemd accepts the units and finds them well closed; `make install` puts them where it looks."""
import re
import shutil
import subprocess

import pytest

from places import DEPLOY, ROOT

UNITS = ("colonnade.service", "colonnade.socket")
# Of 10: what a service may still do that it need not. Colonnade needs the network and a place for its record of runs.
EXPOSURE = 1.5


def run(*command):
    return subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, timeout=60, check=False, cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def units(tmp_path):
    """The units, with a program that exists wherever the tests run."""
    for name in UNITS:
        text = (DEPLOY / "systemd" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/usr/local/sbin/colonnade", "/bin/true"), encoding="utf-8")
    return tmp_path


def verify(folder):
    """systemd says of unknown settings that it ignores them, and ends with 0: so what it says counts."""
    return run("systemd-analyze", "verify", "--man=no", *(folder / name for name in UNITS)).stdout


def test_systemd_accepts_them(units):
    assert verify(units) == ""


@pytest.mark.parametrize("old,new", [("ProtectSystem=", "ProtectSytem="), ("Type=notify", "Type=notfy"),
                                     ("[Service]", "[Servce]"), ("SystemCallFilter=@system-service", "SystemCallFilter=@sys"),
                                     ("OOMPolicy=continue", "OOMPolicy=ignore"), ("ExecStart=/", "ExecStart=")])
def test_systemd_refuses_what_is_wrong(units, old, new):
    text = (units / UNITS[0]).read_text(encoding="utf-8")
    assert old in text
    (units / UNITS[0]).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert verify(units) != ""


def test_it_is_well_closed(units):
    done = run("systemd-analyze", "security", "--offline=true", "--no-pager", units / UNITS[0])
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    print(score[0])
    assert float(score[1]) <= EXPOSURE, done.stdout


def test_install_puts_them_where_systemd_looks(tmp_path):
    for prefix in ("/usr", "/opt/colonnade"):
        for goal in ("install", "uninstall"):
            done = run("make", "--no-print-directory", "--old-file=build/colonnade", f"DESTDIR={tmp_path}",
                       f"PREFIX={prefix}", goal)
            assert done.returncode == 0, done.stdout
            folder = tmp_path / prefix[1:] / "lib/systemd/system"
            assert all((folder / name).exists() == (goal == "install") for name in UNITS)
            if goal == "install":
                assert f"\nExecStart={prefix}/sbin/colonnade\n" in (folder / UNITS[0]).read_text(encoding="utf-8")
                assert shutil.which("colonnade", path=str(tmp_path / prefix[1:] / "sbin"))


def test_the_end_takes_no_longer_than_systemd_waits():
    text = (DEPLOY / "systemd" / UNITS[0]).read_text(encoding="utf-8")
    grace = re.search(r"\| `--grace-ms MS` \| \S+ \| (\d+) \|", (ROOT / "docs/settings.md").read_text(encoding="utf-8"))
    assert int(re.search(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[1]) > int(grace[1]) / 1000
    assert "\nRestartPreventExitStatus=2\n" in text
