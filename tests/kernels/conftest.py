"""Fixtures of the kernel tests."""

import pytest

from lanes_library import Library


@pytest.fixture(scope="session")
def lanes(tmp_path_factory):
    return Library(tmp_path_factory.mktemp("lanes"))
