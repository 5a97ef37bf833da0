"""Fixtures: the servers that the tests talk to."""
import os
import pathlib

import pytest

import client

KEYS = {"site": b"the site's secret", "short": b"k", "binary": bytes(range(1, 256))}


def pytest_configure(config):
    config.addinivalue_line("markers", "threads: work on the thread executor (for ThreadSanitizer)")
    if not os.access(client.BINARY, os.X_OK):
        pytest.exit(f"there is no server binary at {client.BINARY}; run `make` or set "
                    "COLONNADE_BIN", returncode=4)


def pytest_collection_modifyitems(items):
    """Marks what exercises the thread pool: tests with that executor, and those of many clients."""
    for item in items:
        parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
        many = ("clients", "hangs_up", "keep_alive", "large_job", "sigterm", "queued", "cuts_do_not")
        if "million" in item.name:
            continue  # too long under ThreadSanitizer
        if "threads" in parameters or any(word in item.name for word in many) or \
                item.module.__name__ in ("test_inference", "test_timing"):
            item.add_marker("threads")


@pytest.fixture(scope="session")
def keys_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name, content in KEYS.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    folder.chmod(0o700)
    return folder


@pytest.fixture(scope="session")
def server(keys_dir):
    """The one server that most tests share."""
    running = client.Server("--keys-dir", keys_dir)
    yield running
    assert running.stop() == 0


@pytest.fixture
def launch():
    """Starts servers with special settings; ends them when the test is over."""
    started = []

    def start(*flags, **how):
        running = client.Server(*flags, **how)
        started.append(running)
        return running

    yield start
    codes = [running.stop() for running in started]
    assert codes == [0] * len(codes)


@pytest.fixture(scope="session")
def corpora():
    """The folder of test data that others wrote; tests that need it are skipped without."""
    folder = os.environ.get("CORPORA", "")
    if not folder or not pathlib.Path(folder).is_dir():
        pytest.skip("CORPORA names no folder of test data (JSONTestSuite, wycheproof, "
                    "naughty-strings)")
    return pathlib.Path(folder)


@pytest.fixture(scope="session")
def npm_data():
    """Where npm put vega-datasets and csv-spectrum."""
    folder = pathlib.Path(os.environ.get("COLONNADE_NPM", client.ROOT / "build" / "npm"))
    folder = folder / "node_modules"
    if not folder.is_dir():
        pytest.skip("build/npm holds no vega-datasets and csv-spectrum (make build/npm/.installed)")
    return folder


@pytest.fixture(scope="session")
def notebook():
    """The notebook's frame: 100,000 rows of four normals, as NumPy arrays and as CSV."""
    import numpy as np
    rng = np.random.default_rng(20240229)
    columns = {name: rng.standard_normal(100_000) for name in "abcd"}
    lists = [columns[name].tolist() for name in "abcd"]
    text = "a,b,c,d\n" + "".join(f"{a!r},{b!r},{c!r},{d!r}\n" for a, b, c, d in zip(*lists))
    return columns, text.encode()
