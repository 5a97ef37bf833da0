"""deploy/prometheus.yml and alerts.yml: promtool accepts them, the alerts ring, and every metric that is named exists."""
import re
import shutil
import subprocess

import pytest
import yaml

from places import DEPLOY, ROOT
import client

# What Prometheus itself knows of each target.
ITS_OWN = {"up"}
WORDS = {"sum", "rate", "increase", "by", "or", "and", "histogram_quantile", "changes", "job", "instance", "code", "cause",
         "reason", "state", "operation", "executor", "le", "m", "h"}


def promtool(*arguments, cwd=None):
    own = ROOT / "build" / "promtool"
    return subprocess.run([own if own.exists() else "promtool", *map(str, arguments)], stdin=subprocess.DEVNULL, cwd=cwd, timeout=60, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.fixture
def files(tmp_path):
    """The files as compose.yaml mounts them, below a folder of the test's."""
    (tmp_path / "token").write_text("secret\n", encoding="utf-8")
    shutil.copy(DEPLOY / "alerts.yml", tmp_path)
    shutil.copy(ROOT / "tests/deploy/alerts.test.yml", tmp_path)
    text = (DEPLOY / "prometheus.yml").read_text(encoding="utf-8")
    text = text.replace("/run/secrets/colonnade_token", str(tmp_path / "token"))
    (tmp_path / "prometheus.yml").write_text(text.replace("/etc/prometheus/alerts.yml", str(tmp_path / "alerts.yml")),
                                             encoding="utf-8")
    return tmp_path


def test_promtool_accepts_them(files):
    done = promtool("check", "config", files / "prometheus.yml")
    assert done.returncode == 0 and "SUCCESS" in done.stdout and "14 rules found" in done.stdout, done.stdout


@pytest.mark.parametrize("name,old,new", [("prometheus.yml", "metrics_path", "metric_path"),
                                          ("prometheus.yml", "/token", "/nothing"),
                                          ("alerts.yml", "expr: up{", "expr: up{{"), ("alerts.yml", "for: 1m", "fro: 1m")])
def test_promtool_refuses_what_is_wrong(files, name, old, new):
    text = (files / name).read_text(encoding="utf-8")
    assert old in text
    (files / name).write_text(text.replace(old, new, 1), encoding="utf-8")
    assert promtool("check", "config", files / "prometheus.yml").returncode != 0


def test_alerts_ring_when_they_should(files):
    done = promtool("test", "rules", "alerts.test.yml", cwd=files)
    assert done.returncode == 0, done.stdout
    text = (files / "alerts.yml").read_text(encoding="utf-8")
    (files / "alerts.yml").write_text(text.replace("> 0.05 *", "> 0.5 *"), encoding="utf-8")
    assert promtool("test", "rules", "alerts.test.yml", cwd=files).returncode != 0


def named_metrics():
    """The names in the alerts' expressions, without label values, durations and what PromQL calls functions."""
    names = set()
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            names |= set(re.findall(r"[a-z_]\w*", re.sub(r"\{[^}]*\}|\[[^]]*\]|\([a-z, ]*\)(?= \()", "", rule["expr"])))
    return names - WORDS - ITS_OWN


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    """What a server tells: names of series, and for each label of each its values."""
    running = client.Server("--data-dir", tmp_path_factory.mktemp("data"), "--dask-scheduler", "tcp://127.0.0.1:1")
    try:
        reply = running.get("/metrics")
        assert reply.status == 200
    finally:
        assert running.stop() == 0
    told = {}
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", reply.text, re.MULTILINE):
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            told.setdefault(name, {}).setdefault(label, set()).add(value)
        told.setdefault(name, {})
    return told


def test_every_metric_exists(metrics):
    names = named_metrics()
    assert len(names) > 10
    assert names <= set(metrics), names - set(metrics)


def test_every_label_exists(metrics):
    """A selector that matches nothing makes an alert that never rings."""
    text = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
    selectors = re.findall(r"(colonnade_\w+)\{([^}]*)\}", text)
    assert len(selectors) >= 5
    for name, labels in selectors:
        for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', labels):
            known = metrics[name].get(label, set())
            assert set(value.split("|")) <= known, (name, label, operator, value, known)


def test_the_job_is_the_one_that_the_alerts_name():
    plan = yaml.safe_load((DEPLOY / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"] for job in plan["scrape_configs"]}
    assert set(re.findall(r'job="(\w+)"', (DEPLOY / "alerts.yml").read_text(encoding="utf-8"))) == jobs
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
    for target in plan["scrape_configs"][0]["static_configs"][0]["targets"]:
        assert target.split(":")[0] in compose["services"]
