"""What a method gives back, and what all methods need: whole tokens, and work on all cores."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np


class Answer(NamedTuple):
    """Whole-token caps, shape (n,), and the price behind them if there is one."""

    tokens: np.ndarray
    price: float | None = None


def whole(tokens: np.ndarray, budget: float) -> np.ndarray:
    """Round down, then hand the tokens lost to the largest fractions, while the budget holds.

    Examples
    --------
    >>> whole(np.array([1.25, 2.75, 3.0]), 7.0)
    array([1, 3, 3])
    """
    caps = np.floor(tokens)
    rest = tokens - caps
    room = min(int(budget - caps.sum()), int((rest > 0).sum()))
    if room > 0:
        caps[np.argpartition(-rest, room - 1)[:room]] += 1
    return caps.astype(np.int64)


def in_blocks(work: Callable[[slice], Any], n: int, size: int) -> list[Any]:
    """Call ``work`` on slices of ``size`` out of n, on all cores; give its answers in order."""
    parts = [slice(first, min(first + size, n)) for first in range(0, n, size)]
    if len(parts) == 1:
        return [work(parts[0])]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(work, parts))
