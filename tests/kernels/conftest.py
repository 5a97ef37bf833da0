"""Fixtures of the kernel tests."""

import pytest

from lanes_library import Library


@pytest.fixture(scope="session")
def library():
    return Library()


@pytest.fixture(scope="session", params=["scalar", "avx2", "avx512"])
def lanes(library, request):
    """The kernels at each level that has lanes of its own."""
    if not library.use(request.param):
        pytest.skip("this CPU does not go so far")
    return library
