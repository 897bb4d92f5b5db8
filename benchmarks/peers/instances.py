"""Synthetic batches of shifted surges as plain arrays, the same for the same seed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clear_opt._numerics.arrays import read_only

if TYPE_CHECKING:
    from clear_opt.problem import AllocationProblem


class Instance(NamedTuple):
    """One batch as plain arrays, so that every method starts from the same numbers."""

    tau: np.ndarray
    """Emergence thresholds, tokens, shape (n,)."""
    alpha: np.ndarray
    """Slopes just above the threshold, success per token, shape (n,)."""
    beta: np.ndarray
    """Inverse distances from threshold to peak, per token, shape (n,)."""
    budget: float
    """Tokens."""

    def utility(self, tokens: np.ndarray) -> np.ndarray:
        """Give the chance of a right answer at caps ``tokens``, shape (n,)."""
        x = np.clip(tokens - self.tau, 0.0, 1.0 / self.beta)
        return self.alpha * x * np.exp(-self.beta * x)

    def problem(self) -> AllocationProblem:
        """Give the batch as clear_opt's problem, with nothing computed yet."""
        from clear_opt.curves import ShiftedSurge
        from clear_opt.problem import AllocationProblem

        return AllocationProblem(ShiftedSurge(self.tau, self.alpha, self.beta), self.budget)


def make_instance(n: int, seed: int, share: float) -> Instance:
    """Draw n surges and a budget of ``share`` of what all their peaks together cost.

    Thresholds and widths are log-normal around 200 and 100 tokens, with nine in ten thresholds
    between 60 and 650; heights are uniform on [0.05, 1].

    Examples
    --------
    >>> make_instance(1000, seed=0, share=0.3).problem()
    AllocationProblem(ShiftedSurge, n=1000, budget=110580)
    """
    rng = np.random.default_rng([seed, n])
    tau = 200.0 * np.exp(rng.normal(0.0, 0.7, n))
    width = 100.0 * np.exp(rng.normal(0.0, 0.5, n))
    height = rng.uniform(0.05, 1.0, n)
    budget = np.floor(share * (tau + width).sum())
    # Read-only: no method can change what the next one starts from, and none has to make a copy.
    tau, alpha, beta = map(read_only, (tau, height * math.e / width, 1.0 / width))
    return Instance(tau, alpha, beta, float(budget))
