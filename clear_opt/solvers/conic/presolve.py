"""Fewer cones: queries that a price decides are taken out of a large convex program.

A query is funded below its abandonment price and rests at its floor above it. A small program of
queries spread evenly over all abandonment prices tells roughly where the price lies. Around that
guess demand is counted at a few prices: the optimal price lies between one at which all queries
together ask for the budget or more, and one at which they ask for no more than the budget. Queries
whose abandonment price is above that window are *sure*, their funded share is one; those below are
*dropped*; the others stay open.

What this proves: with the price inside the window, every decision is right at that very price, so
the optimum of what is left is one of the whole program. A wrong guess makes the window wider, never
wrong. What it does not prove: that abandonment prices are right. They come from the envelope, which
the dual solver reads too, so that a fault there could hide; `cross_check` therefore solves the
whole program.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt._numerics.array_namespace import saturating
from clear_opt.problem import AllocationProblem

_EDGES = (1 / 3, 1 / 1.5, 1 / 1.15, 1.15, 1.5, 3.0)
"""Where demand is counted, as multiples of the guess."""


class Presolved(NamedTuple):
    """What is left of a problem once sure queries are marked and hopeless ones are dropped."""

    problem: AllocationProblem
    """Open queries, then sure ones, with the budget that dropped queries' floors leave."""
    sure: int
    """How many queries are sure, the last ones; at least one is open."""
    at_rest: float
    """What the dropped queries' floors are worth, weighted success."""
    low: float
    """The dropped queries' highest abandonment price, weighted success per token, or zero."""
    high: float
    """The sure queries' lowest one, or infinity."""

    def proven(self, price: float) -> bool:
        """Return whether every decision is right at ``price``, the price of what was left."""
        return self.low <= price <= self.high


def spread_sample(problem: AllocationProblem, size: int) -> AllocationProblem:
    """Return ``size`` queries, evenly spread in abandonment price, with their part of tokens.

    Parameters
    ----------
    problem
        At least ``size`` queries.
    size
        How many to keep.
    """
    order = np.argsort(problem.envelope.abandonment_price)
    rows = order[((np.arange(size) + 0.5) * (len(problem) / size)).astype(np.int64)]
    room = problem.spendable - problem.floor_total
    return problem.part(rows, problem.floor[rows].sum() + room * size / len(problem))


@saturating
def presolved(problem: AllocationProblem, guess: float) -> Presolved:
    """Decide the queries that every price decides which could be optimal.

    Parameters
    ----------
    problem
        The whole problem, n >= 1 queries.
    guess
        About where the price is, weighted success per token, >= 0.
    """
    low, high = _window(problem, guess)
    ceded = problem.envelope.abandonment_price
    sure, dropped = ceded > high, ceded < low
    if (sure | dropped).all():
        nearest = int(np.argmin(np.maximum(low - ceded, ceded - high)))
        sure[nearest] = dropped[nearest] = False
    rows = np.concatenate([np.flatnonzero(~sure & ~dropped), np.flatnonzero(sure)])
    floors = problem.floor[dropped].sum()
    at_rest = problem.utility(problem.floor)[dropped].sum()
    return Presolved(
        problem.part(rows, problem.spendable - floors),
        int(sure.sum()),
        float(at_rest),
        float(ceded[dropped].max(initial=0.0)),
        float(ceded[sure].min(initial=np.inf)),
    )


def _window(problem: AllocationProblem, guess: float) -> tuple[float, float]:
    """Return two prices between which the optimal one is, the nearest of those that are tried."""
    envelope, budget = problem.envelope, problem.spendable
    low, high = 0.0, np.inf
    for price in guess * np.array(_EDGES):
        if envelope.response(price).sum() >= budget:
            low = float(price)
        if envelope.response(price, inclusive=False).sum() <= budget:
            high = float(price)
            break
    return low, high
