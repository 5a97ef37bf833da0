"""What all tests with a cluster need: the black-box tests' client beside them, and Debian's distributed. For those of the product: one on a
cluster; for those of the bridge alone: a cluster whose workers have a fake `colonnade`, and bridges to it."""
import importlib.util
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))


def pytest_configure():
    if not importlib.util.find_spec("distributed"):
        pytest.exit(f"{sys.executable} has no package distributed (make packages-test)", returncode=4)


import cluster  # noqa: E402, it says better what is missing
import player  # noqa: E402
from product import Product  # noqa: E402


class Site:
    """A cluster, and the processes that its workers' `colonnade` left behind."""

    def __init__(self, running, folder):
        self.cluster, self.folder = running, pathlib.Path(folder)

    def worker(self, **how):
        environment = {"COLONNADE_BIN": str(player.FAKE), "FAKE_FOLDER": str(self.folder), **how.pop("environment", {})}
        return self.cluster.add_worker(environment={**environment}, **how)

    def workers(self, count, **how):
        started = [self.worker(wait=False, **how) for _ in range(count)]
        for worker in started:
            self.cluster.await_worker(worker)
        return started

    def processes(self):
        """The pids of the fake `colonnade --worker` processes that live."""
        pids = [int(path.name) for path in self.folder.iterdir()]
        return [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists() and
                "Z" not in pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]]


@pytest.fixture
def site(tmp_path):
    """A cluster of the test's own, without workers yet."""
    with cluster.Cluster() as running:
        yield Site(running, tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One with two workers of two threads, for tests that leave it as it was."""
    with cluster.Cluster() as running:
        made = Site(running, tmp_path_factory.mktemp("fakes"))
        made.workers(2, threads=2)
        yield made


@pytest.fixture
def start():
    """Starts bridges, each waited for until it finds `usable` workers; ends them when the test is over."""
    started = []

    def begin(address, usable=0, **how):
        one = player.Player(address, **how)
        started.append(one)
        if usable:
            one.await_usable(usable)
        return one

    yield begin
    for one in started:
        one.close()


@pytest.fixture
def compiler():
    found = os.environ.get("CC", "").split() or [shutil.which("gcc") or shutil.which("cc")]
    if not found[0]:
        pytest.skip("there is no C compiler")
    return found


@pytest.fixture(scope="module")
def product():
    """The one that is shared by what leaves it as it was."""
    with Product() as made:
        yield made


@pytest.fixture
def server(product):
    return product.server


@pytest.fixture
def fresh():
    """Products of a test's own: those that it does harm to."""
    made = []

    def make(*flags, **how):
        made.append(Product(*flags, **how))
        return made[-1].__enter__()

    yield make
    for one in made:
        one.__exit__(None, None, None)
