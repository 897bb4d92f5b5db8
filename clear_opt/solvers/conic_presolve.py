"""Fewer cones: queries that a price decides are taken out of a large convex program.

A query is funded below its abandonment price and rests at its floor above it. A small program of
queries spread evenly over all abandonment prices tells roughly where the price lies; only queries
whose abandonment price is near it are then left open. Those well above are *sure*: their funded
share is one. Those well below are *dropped*. If the price of what is left lies between the two
groups, every decision was right at that very price, so that it is optimal for the whole program
too; and the dual bound, which covers all queries, meets the value. If not, nothing is claimed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.problem import AllocationProblem


class Presolved(NamedTuple):
    """What is left of a problem once sure queries are marked and hopeless ones are dropped."""

    problem: AllocationProblem
    """Open queries, then sure ones, with the budget that dropped queries' floors leave."""
    sure: int
    """How many queries are sure, the last ones."""
    at_rest: float
    """What the dropped queries' floors are worth, weighted success."""
    low: float
    """The dropped queries' highest abandonment price, weighted success per token, or zero."""
    high: float
    """The sure queries' lowest one, or infinity."""

    def proven(self, price: float) -> bool:
        """Say whether every decision is right at ``price``, the price of what was left."""
        return self.low <= price <= self.high


def spread_sample(problem: AllocationProblem, size: int) -> AllocationProblem:
    """Give ``size`` of the queries, evenly spread in abandonment price, with their part of tokens.

    Parameters
    ----------
    problem
        At least ``size`` queries.
    size
        How many to keep.
    """
    order = np.argsort(problem.envelope.abandonment_price)
    rows = order[((np.arange(size) + 0.5) * (len(problem) / size)).astype(np.int64)]
    room = problem.budget - problem.floor_total
    return _part(problem, rows, problem.floor[rows].sum() + room * size / len(problem))


def presolved(problem: AllocationProblem, low: float, high: float) -> Presolved:
    """Decide all queries whose abandonment price is outside ``low`` to ``high``.

    Parameters
    ----------
    problem
        The whole problem.
    low, high
        Prices between which the optimal one is thought to be, weighted success per token.
    """
    ceded = problem.envelope.abandonment_price
    sure, dropped = ceded > high, ceded < low
    rows = np.concatenate([np.flatnonzero(~sure & ~dropped), np.flatnonzero(sure)])
    floors = problem.floor[dropped].sum()
    at_rest = problem.utility(problem.floor)[dropped].sum()
    return Presolved(
        _part(problem, rows, problem.budget - floors),
        int(sure.sum()),
        float(at_rest),
        float(ceded[dropped].max(initial=0.0)),
        float(ceded[sure].min(initial=np.inf)),
    )


def _part(problem: AllocationProblem, rows: np.ndarray, budget: float) -> AllocationProblem:
    return AllocationProblem(
        problem.curves.take(rows),
        budget,
        floor=problem.floor[rows],
        ceiling=problem.ceiling[rows],
        weight=problem.weight[rows],
    )
