"""Fixtures of the kernel tests."""

import pytest

from lanes_library import Library


@pytest.fixture(scope="session")
def lanes():
    return Library()
