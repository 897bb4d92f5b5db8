"""Few shapes for many batch sizes: JAX compiles once per shape, so shapes are rounded up."""

from __future__ import annotations

import numpy as np

from clear_opt.defaults import EXACT_PATTERNS, PATTERN_ELEMENTS

_BUCKETS = (8, 32, 128, 512, 2048)


def bucket(n: int) -> int:
    """Give the padded batch size for n queries: five sizes up to 2,048, then powers of two.

    Examples
    --------
    >>> [bucket(n) for n in (1, 100, 500, 5000)]
    [8, 128, 512, 8192]
    """
    return next((size for size in _BUCKETS if n <= size), 1 << max(n - 1, 1).bit_length())


def contested(n: int) -> int:
    """Give how many queries nearest the margin are tried both funded and abandoned.

    Eight while that is cheap (so that batches of up to eight queries are solved exactly), at
    least one: by Shapley-Folkman one query is split at the optimal price.

    Examples
    --------
    >>> [contested(n) for n in (5, 100, 500, 5000)]
    [8, 5, 3, 1]
    """
    affordable = int(np.log2(max(PATTERN_ELEMENTS // bucket(n), 2)))
    return min(affordable, EXACT_PATTERNS)
