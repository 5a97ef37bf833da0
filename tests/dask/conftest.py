"""What all tests with a cluster need: the black-box tests' client beside them, and Debian's distributed."""
import importlib.util
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "http"))


def pytest_configure():
    if not importlib.util.find_spec("distributed"):
        pytest.exit(f"{sys.executable} has no package distributed (make packages-test)", returncode=4)
