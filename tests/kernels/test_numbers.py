"""Numbers to text and back are CPython's, at every level: the short form of prove_numbers.py."""

from prove_numbers import prove


def test_numbers_are_those_of_python():
    counts, failures = prove(count=200_000, seed=1, processes=2)
    assert not failures, failures[:10]
    assert sum(counts.values()) > 400_000
