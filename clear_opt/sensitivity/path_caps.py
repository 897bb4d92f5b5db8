"""Whole-token caps for a budget whose clearing price is known, at a fraction of a solve's cost.

Those above the price are funded and rounded down, single blocks go where they gain most. In a large
batch that is as good as it gets. Where it leaves a gap worth mentioning (a small batch, large
blocks, a wide jump of demand), two ways to use the remainder are rounded with all the care of
`clear_opt.solve`: the next query gets what is left, or those funded share it. If that is not enough
either, as in a batch of a few queries, the caps are those of `clear_opt.solve`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from clear_opt._numerics.blocks import floor_to_block
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.budget.clearing_price import MarketClearing
from clear_opt.solvers.budget.demand import DemandCurve, Taken
from clear_opt.solvers.budget.primal_recovery import recover
from clear_opt.solvers.budget.rounding import round_to_blocks

_NEGLIGIBLE = 1e-4  # a gap of this share of the bound is not worth more work
_WORTH_A_SOLVE = 1e-2  # one of this share is worth all the work of a solve; rare above 100 queries


class Point(NamedTuple):
    """One budget's answer."""

    price: float
    """Clearing price, weighted success per token, >= 0."""
    tokens: np.ndarray
    """Whole-block caps within the budget, int64, shape (n,)."""
    value: float
    """Their weighted success."""
    bound: float
    """No allocation within the budget is worth more."""


def point_at(table: MarketClearing, budget: float) -> Point:
    """Return price, caps and dual bound of one budget.

    Parameters
    ----------
    table
        Prices by tokens of a problem of n >= 1 queries.
    budget
        Tokens, at least the sum of the floors.
    """
    block = table.demand.problem.block
    budget = budget // block * block  # whole blocks can use no more
    demand, at = table.demand, table.clear(budget)
    count = at.above
    if at.upto > count:
        asked = demand.tokens(count, at.price)
        count += int((np.cumsum(demand.d_tokens[count : at.upto]) <= budget - asked).sum())
    taken = demand.taken(count, at.price)
    bound = _bound(demand, taken, at.price, budget)
    tokens = _rounded(demand, taken, at.price, budget)
    value = -np.inf if tokens is None else float(demand.problem.utility(tokens).sum())
    if tokens is None or bound - value > _NEGLIGIBLE * bound:
        problem = demand.problem.with_budget(budget)
        for other in _with_the_remainder(table, taken, count, at.price, budget):
            tokens, value = _better(problem, tokens, value, round_to_blocks(problem, other))
        if bound - value > _WORTH_A_SOLVE * bound:
            tokens, value = _better(problem, tokens, value, recover(problem, at.price))
    assert tokens is not None
    return Point(at.price, tokens, value, max(bound, value))


def _better(
    problem: AllocationProblem, tokens: np.ndarray | None, value: float, other: np.ndarray
) -> tuple[np.ndarray | None, float]:
    worth = float(problem.utility(other).sum())
    return (other, worth) if worth > value or tokens is None else (tokens, value)


def floor_funds(problem: AllocationProblem) -> np.ndarray:
    """Return which queries their floor alone carries past their threshold, boolean, shape (n,)."""
    return (problem.floor > 0) & (problem.floor > np.asarray(problem.curves.threshold))


def _bound(demand: DemandCurve, taken: Taken, price: float, budget: float) -> float:
    """Return the dual bound: caps are best responses (those at the price itself break even)."""
    problem = demand.problem
    start_value = np.asarray(problem.envelope.start_value)[taken.rows]
    gained = float((demand.utility(taken, taken.tokens) - start_value).sum())
    spent = demand.demand_min + float((taken.tokens - problem.floor[taken.rows]).sum())
    # The same sum as price * B + conjugates, free of cancellation.
    return demand.value_min + gained + price * (budget - spent)


def _rounded(demand: DemandCurve, taken: Taken, price: float, budget: float) -> np.ndarray | None:
    """Round down, then give single blocks to those who gain most; None if that is not enough."""
    problem, block = demand.problem, demand.problem.block
    caps = floor_to_block(taken.tokens, block)
    others = demand.demand_min - float(problem.floor[taken.rows].sum())
    left = int(budget // block - (others + caps.sum()) // block)
    if left < 0 or (left > len(caps) and price > 0):
        return None
    more = np.minimum(caps + block, problem.ceiling[taken.rows])
    gain = demand.utility(taken, more) - demand.utility(taken, caps)
    chosen = slice(None) if left >= len(caps) else np.argpartition(-gain, left)[:left]
    caps[chosen] = np.where(gain[chosen] > 0, more[chosen], caps[chosen])
    tokens = problem.floor.astype(np.int64)
    tokens[taken.rows] = caps
    return tokens


def _with_the_remainder(
    table: MarketClearing, taken: Taken, count: int, price: float, budget: float
) -> Iterator[np.ndarray]:
    """Return fractional caps, shape (n,), that use what those above the price leave over."""
    demand = table.demand
    tokens = demand.problem.floor.copy()
    tokens[taken.rows] = taken.tokens
    if count < len(demand.item):
        offered = tokens.copy()
        left = max(budget - tokens.sum(), 0.0)
        offered[demand.item[count]] += min(left, demand.d_tokens[count])
        yield offered
    shared = demand.taken(count, table.price_for_level(budget, count, price))
    tokens[shared.rows] = shared.tokens
    yield tokens
