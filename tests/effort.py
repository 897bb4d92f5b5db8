"""How much a random test tries: a quarter in `make test`, all of it in `make test-all`."""

import os

import pytest

ALL = os.environ.get("CLEAR_OPT_TESTS") == "all"
_LEAST = 5

large = pytest.mark.skipif(not ALL, reason="a larger check: make test-all")
"""Marks what takes long and repeats, with other numbers, what stays in `make test`."""


def effort(count):
    """Give how many of ``count`` examples, seeds or instances to try."""
    return count if ALL else min(count, max(_LEAST, count // 4))
