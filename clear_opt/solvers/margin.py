"""Whole caps by a look at the margin: which of the queries there are funded, and at what price.

At the clearing price everybody's choice is settled but for the queries that break even there. What
a funded set is worth follows from the price to second order: the tokens it leaves over (or lacks)
move the price by their number over the slope of demand. So all sets that differ around the margin
are compared by a few sums, and only the best are spent and rounded.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.defaults import EXACT_PATTERNS
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.ladder import TangentLadder

_TRIED = 2  # sets spent and rounded; the best by the estimate is nearly always the best
_STEP = 1e-3  # relative step in price over which the slope of demand is taken
_PATTERNS = (np.arange(1 << EXACT_PATTERNS)[:, None] >> np.arange(EXACT_PATTERNS)) & 1


class Found(NamedTuple):
    """Caps and what is known about them."""

    tokens: np.ndarray
    """Whole-block caps within the budget, int64, shape (n,)."""
    value: float
    """Their weighted success."""
    bound: float
    """The dual bound at the price: no allocation within the budget is worth more."""


def spend_around(problem: AllocationProblem, ladder: TangentLadder, price: float) -> Found | None:
    """Spend the budget on the best funded sets around the margin.

    Parameters
    ----------
    problem
        A feasible problem of n >= 1 queries.
    ladder
        Of the problem, or of the same one with another budget.
    price
        Clearing price, weighted success per token, >= 0.

    Returns
    -------
    Found, or ``None`` where rounding down leaves more than a block for each funded query.
    """
    budget, steps = problem.budget, len(ladder.row)
    if price == 0.0:
        window = slice(steps, steps)
    else:
        above = int(np.searchsorted(-ladder.ranked.abandonment_price, -price))
        first = max(min(above - EXACT_PATTERNS // 2, steps - EXACT_PATTERNS), 0)
        window = slice(first, min(first + EXACT_PATTERNS, steps))
    asked = ladder.taken(window.stop, price)
    more = asked.tokens - ladder.ranked.start[: window.stop]
    gained = ladder.utility(asked, asked.tokens) - ladder.ranked.start_value[: window.stop]
    settled, worth = ladder.least + more[: window.start].sum(), gained[: window.start].sum()
    fewer = ladder.taken(window.stop, price * (1 + _STEP)).tokens
    slope = float((asked.tokens - fewer).sum()) / (_STEP * price) if price > 0 else 0.0

    size = window.stop - window.start
    on = _PATTERNS[: 1 << size, :size].astype(bool)
    left = budget - (settled + on @ more[window])
    value = worth + on @ gained[window] + price * left
    if slope > 0:
        value -= left**2 / (2.0 * slope)
    else:
        value[left < 0] = -np.inf
    pays = gained[window] - price * more[window]
    bound = (
        ladder.least_value + worth + float(np.maximum(pays, 0.0).sum()) + price * (budget - settled)
    )
    best: Found | None = None
    for pattern in np.argsort(-value, kind="stable")[:_TRIED]:
        if best is not None and value[pattern] <= best.value:
            break
        members = np.concatenate(
            [np.arange(window.start), window.start + np.flatnonzero(on[pattern])]
        )
        moved = price - left[pattern] / slope if slope > 0 else price
        tokens = _rounded(problem, ladder, members, max(moved, 0.0))
        if tokens is not None:
            reached = float(problem.utility(tokens).sum())
            if best is None or reached > best.value:
                best = Found(tokens, reached, max(bound, reached))
    return best


def _rounded(
    problem: AllocationProblem, ladder: TangentLadder, members: np.ndarray, price: float
) -> np.ndarray | None:
    """Fund some steps at a price, in whole blocks that spend the budget."""
    block, funded, rows = problem.block, ladder.ranked.take(members), ladder.row[members]
    caps = np.floor(funded.committed(price) / block + 1e-9) * block
    caps = np.minimum(np.maximum(caps, problem.floor[rows]), problem.ceiling[rows])
    others = ladder.least - float(problem.floor[rows].sum())
    left = int((problem.spendable - others - caps.sum()) // block)
    if abs(left) > len(rows) and price > 0:
        return None
    if left < 0:
        changed = np.maximum(caps - block, problem.floor[rows])
    else:
        changed = np.minimum(caps + block, problem.ceiling[rows])
    gain = funded.weight * (funded.curves.value(changed) - funded.curves.value(caps))
    if left < 0:
        gain[changed == caps] = -np.inf
    count = min(abs(left), len(rows))
    chosen = np.argpartition(-gain, count)[:count] if count < len(rows) else np.arange(len(rows))
    if left > 0:
        chosen = chosen[gain[chosen] > 0]
    caps[chosen] = changed[chosen]
    tokens = problem.floor.astype(np.int64)
    tokens[rows] = caps
    return tokens if tokens.sum() <= problem.spendable else None
