"""What is known of a query's completions: how often they are right, and how long they are then."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Completion(NamedTuple):
    """Success and length of the completions of each query, arrays of shape (n,).

    ``success`` is the probability of a right answer under no cap, ``median`` the median length of
    right answers in tokens, ``spread`` the standard deviation of their log length.
    """

    success: np.ndarray
    median: np.ndarray
    spread: np.ndarray
