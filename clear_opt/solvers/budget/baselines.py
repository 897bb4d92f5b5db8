"""Caps by simple rules, without curves' slopes: what solvers must never fall behind.

`clear_opt.policies` offers them to users; recovery keeps them as candidates.
"""

from __future__ import annotations

import numpy as np

from clear_opt._numerics.blocks import ceil_to_block
from clear_opt.problem import AllocationProblem


def uniform_tokens(problem: AllocationProblem) -> np.ndarray:
    """Return the same cap for every query, within floors and ceilings: int64 tokens, (n,)."""
    return water_filling(problem, np.ones(len(problem)))


def proportional_tokens(problem: AllocationProblem) -> np.ndarray:
    """Return caps in proportion to thresholds, within floors and ceilings: int64, shape (n,)."""
    thresholds = np.asarray(problem.curves.threshold, dtype=np.float64)
    return water_filling(problem, thresholds if thresholds.any() else np.ones(len(problem)))


def prefix_tokens(problem: AllocationProblem) -> np.ndarray:
    """Fund queries to their peaks, cheapest threshold first: int64 tokens, shape (n,).

    The query at which the budget runs out gets what is left.
    """
    block = problem.block
    order = np.argsort(problem.curves.threshold, kind="stable")
    peak = np.minimum(ceil_to_block(problem.envelope.end, block), problem.ceiling)
    left = problem.spendable - problem.floor_total
    wanted = np.minimum(np.maximum(peak, problem.floor) - problem.floor, left)[order]
    before = np.cumsum(wanted) - wanted
    tokens = problem.floor.copy()
    tokens[order] += np.clip(left - before, 0.0, wanted)
    return tokens.astype(np.int64)


def water_filling(problem: AllocationProblem, share: np.ndarray) -> np.ndarray:
    """Return water-filling caps: level * share, cut to floors and ceilings, at the highest level.

    Parameters
    ----------
    problem
        A feasible problem of n >= 1 queries.
    share
        Relative claims, >= 0, shape (n,).

    Returns
    -------
    Whole-block caps, int64, shape (n,), that sum to at most the budget.
    """
    block = problem.block

    def caps(level: float) -> np.ndarray:
        whole = np.floor(level * share / block * (1 + 1e-12)) * block
        return np.clip(whole, problem.floor, problem.ceiling)

    low, high = 0.0, (problem.budget + 1.0) / max(share[share > 0].min(initial=np.inf), 1e-300)
    if not np.isfinite(high) or caps(high).sum() <= problem.budget:
        return caps(high if np.isfinite(high) else 0.0).astype(np.int64)
    while (middle := 0.5 * (low + high)) not in (low, high):  # until no number lies between
        if caps(middle).sum() <= problem.budget:
            low = middle
        else:
            high = middle
    return caps(low).astype(np.int64)
