"""How much a random test tries: a quarter in `make test`, all of it in `make test-all`."""

import os

ALL = os.environ.get("CLEAR_OPT_TESTS") == "all"
_LEAST = 5


def effort(count):
    """Give how many of ``count`` examples, seeds or instances to try."""
    return count if ALL else min(count, max(_LEAST, count // 4))
