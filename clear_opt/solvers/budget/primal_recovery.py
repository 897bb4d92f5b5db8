"""Primal recovery (the mathematics, section 6): from a price to whole tokens within the budget.

At the clearing price at most one query is split between funded and abandoned: the break item of the
knapsack. The best funded sets around it are spent and rounded
(`clear_opt.solvers.budget.marginal_sets`). In a batch of some size that leaves a negligible gap,
which the dual bound certifies. Where a gap remains (a small batch, a tabulated curve, large blocks)
every set around the break item is solved exactly, the simple policies are candidates too, and in
small batches a pairwise exchange follows. The answer is the best of all of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np

from clear_opt.defaults import EXACT_PATTERNS, PATTERN_ELEMENTS
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.budget.baselines import prefix_tokens, proportional_tokens, uniform_tokens
from clear_opt.solvers.budget.demand import DemandCurve, TangentDemand, demand_curve
from clear_opt.solvers.budget.exact import best_caps
from clear_opt.solvers.budget.fixed_sets import solve_fixed_sets
from clear_opt.solvers.budget.marginal_sets import round_near_break_item
from clear_opt.solvers.budget.pair_exchange import pairwise_exchange
from clear_opt.solvers.budget.rounding import round_to_blocks

_TINY = 1e-300  # a query that gains nothing has an abandonment price of zero and is never funded
_ROUNDED = 4  # candidates worth rounding: the best before rounding are the best after, or nearly


def recover(
    problem: AllocationProblem, price: float, demand: DemandCurve | None = None
) -> np.ndarray:
    """Turn a price into caps.

    Parameters
    ----------
    problem
        A feasible problem of n >= 1 queries.
    price
        Clearing price, or one near it, weighted success per token.
    demand
        Of the problem, if it was built already; the problem's budget may be another than then.

    Returns
    -------
    Whole-block caps, int64, shape (n,), that sum to at most the budget.
    """
    found = None
    demand = demand_curve(problem) if demand is None else demand
    if len(problem) > EXACT_PATTERNS and demand.grows:
        found = round_near_break_item(problem, cast(TangentDemand, demand), price)
    if found is None:
        margin = _order_near_break_item(problem, price)
        start = round_to_blocks(problem, _fractional_break_item(problem, price, *margin))
    else:
        start = found.tokens
    best = best_caps(problem, price, start)
    if best is not None:
        return best
    if found is not None and found.good_enough:
        return start
    searched = _searched(problem, price, start)
    best = best_caps(problem, price, searched)  # more can be ruled out than before
    return searched if best is None else best


def _searched(problem: AllocationProblem, price: float, start: np.ndarray) -> np.ndarray:
    """Return the best of caps that are there, every set around the margin, and the simple rules."""
    order, margin = _order_near_break_item(problem, price)
    candidates = [_fractional_break_item(problem, price, order, margin)]
    candidates += _enumerated_sets(problem, price, order, margin)
    whole = [start, *(round_to_blocks(problem, tokens) for tokens in candidates)]
    whole += [simple(problem) for simple in (uniform_tokens, proportional_tokens, prefix_tokens)]
    return pairwise_exchange(problem, max(whole, key=lambda tokens: problem.utility(tokens).sum()))


def enumerated_count(n: int) -> int:
    """Return how many queries nearest the margin are tried both funded and abandoned.

    Eight while that is cheap (so that batches of up to eight queries are solved exactly), at
    least one: by Shapley-Folkman one query is split at the optimal price.

    Examples
    --------
    >>> [enumerated_count(n) for n in (5, 100, 500, 5000)]
    [8, 5, 3, 1]
    """
    return min(int(np.log2(max(PATTERN_ELEMENTS // max(n, 1), 2))), EXACT_PATTERNS)


def _order_near_break_item(problem: AllocationProblem, price: float) -> tuple[np.ndarray, int]:
    """Rank queries from the most to the least deserving; count how many the budget funds."""
    envelope = problem.envelope
    order = np.argsort(-envelope.abandonment_price, kind="stable")
    order = order[envelope.abandonment_price[order] > 0]
    cost = (_fewest(problem, price) - problem.floor)[order]
    room = problem.spendable - problem.floor_total
    # A price from a numerical solver can miss the break-even point by its tolerance.
    pays = envelope.abandonment_price[order] >= price * (1 - 1e-9)
    return order, int(((np.cumsum(cost) <= room * (1 + 1e-12)) & pays).sum())


def _fewest(problem: AllocationProblem, price: float) -> np.ndarray:
    """Best response of a funded query; of two equally good ones, the one that takes less."""
    envelope = problem.envelope
    return np.maximum(envelope.response(price, inclusive=False), envelope.tangent)


def _fractional_break_item(
    problem: AllocationProblem, price: float, order: np.ndarray, margin: int
) -> np.ndarray:
    """Fund the queries above the margin at the price; the marginal one gets what is left."""
    tokens = problem.floor.copy()
    funded = order[:margin]
    tokens[funded] = _fewest(problem, price)[funded]
    if margin < len(order):
        marginal = order[margin]
        left = max(problem.spendable - tokens.sum(), 0.0)
        room = problem.envelope.end[marginal] - tokens[marginal]
        tokens[marginal] += min(left, room)
    return tokens


def _enumerated_sets(
    problem: AllocationProblem, price: float, order: np.ndarray, margin: int
) -> Iterator[np.ndarray]:
    """Spend the budget on funded sets that differ in the queries around the margin."""
    n = len(problem)
    window = enumerated_count(n)
    first = max(min(margin - window // 2, len(order) - window), 0)
    toggled = order[first : first + window]
    patterns = 1 << len(toggled)
    on = (np.arange(patterns)[:, None] >> np.arange(len(toggled))) & 1
    funded = np.zeros((patterns + 1, n), dtype=bool)
    funded[:, order[:first]] = True
    funded[:patterns, toggled] = on.astype(bool)
    # The last set is everyone who pays, in case a price from a numerical solver is a little low.
    funded[patterns] = problem.envelope.abandonment_price >= max(price, _TINY)
    tokens, unsplit = solve_fixed_sets(problem.envelope, funded, problem.spendable, price)
    affordable = tokens.sum(axis=1) <= problem.spendable * (1 + 1e-9)
    query = np.tile(np.arange(n), len(tokens))
    worth = problem.weight[query] * problem.curves.take(query).value(tokens.ravel())
    values = worth.reshape(tokens.shape).sum(axis=1)
    values[~affordable] = -np.inf
    best = np.argsort(-values, kind="stable")[:_ROUNDED]
    for row in best:
        if affordable[row]:
            yield tokens[row]
            if (tokens[row] - unsplit[row]).max() >= problem.block:
                yield unsplit[row]
