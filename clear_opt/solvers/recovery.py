"""Primal recovery (section 1.4): from a price to whole tokens within the budget.

At the clearing price at most one query is split between funded and abandoned. The queries nearest
that margin are tried both ways, each funded set gets the budget spent on it exactly, the best are
rounded to whole blocks, and the simple policies stand by: the answer is never worse than any of
these. In small batches pairs of queries may then exchange tokens.
"""

from __future__ import annotations

import numpy as np

from clear_opt.precision import double_precision
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.batching import bucket, contested
from clear_opt.solvers.exchange import exchange
from clear_opt.solvers.price_search import spend_on
from clear_opt.solvers.rounding import round_to_blocks
from clear_opt.solvers.simple import prefix_tokens, proportional_tokens, uniform_tokens

_TINY = 1e-300  # a query that gains nothing has an abandonment price of zero and is never funded
_ROUNDED = 4  # candidates worth rounding: the best before rounding are the best after, or nearly


def recover(problem: AllocationProblem, price: float) -> np.ndarray:
    """Turn a price into caps.

    Parameters
    ----------
    problem
        A feasible problem of n >= 1 queries.
    price
        Clearing price, or one near it, weighted success per token.

    Returns
    -------
    Whole-block caps, int64, shape (n,), that sum to at most the budget.
    """
    order, margin = _order_by_margin(problem, price)
    candidates = [_remainder_to_margin(problem, price, order, margin)]
    candidates += _spent_on_patterns(problem, price, order, margin)
    whole = [round_to_blocks(problem, tokens) for tokens in candidates]
    whole += [simple(problem) for simple in (uniform_tokens, proportional_tokens, prefix_tokens)]
    best = max(whole, key=lambda tokens: problem.utility(tokens).sum())
    return exchange(problem, best)


def _order_by_margin(problem: AllocationProblem, price: float) -> tuple[np.ndarray, int]:
    """Rank queries from the most to the least deserving; count how many the budget funds."""
    envelope = problem.envelope
    order = np.argsort(-envelope.abandonment_price, kind="stable")
    order = order[envelope.abandonment_price[order] > 0]
    cost = (_fewest(problem, price) - problem.floor)[order]
    room = problem.budget - problem.floor_total
    # A price from a numerical solver can miss the break-even point by its tolerance.
    pays = envelope.abandonment_price[order] >= price * (1 - 1e-9)
    return order, int(((np.cumsum(cost) <= room * (1 + 1e-12)) & pays).sum())


def _fewest(problem: AllocationProblem, price: float) -> np.ndarray:
    """Best response of a funded query; of two equally good ones, the one that takes less."""
    envelope = problem.envelope
    return np.maximum(envelope.response(price, inclusive=False), envelope.tangent)


def _remainder_to_margin(
    problem: AllocationProblem, price: float, order: np.ndarray, margin: int
) -> np.ndarray:
    """Fund the queries above the margin at the price; the marginal one gets what is left."""
    tokens = problem.floor.copy()
    funded = order[:margin]
    tokens[funded] = _fewest(problem, price)[funded]
    if margin < len(order):
        marginal = order[margin]
        left = max(problem.budget - tokens.sum(), 0.0)
        room = problem.envelope.end[marginal] - tokens[marginal]
        tokens[marginal] += min(left, room)
    return tokens


def _spent_on_patterns(
    problem: AllocationProblem, price: float, order: np.ndarray, margin: int
) -> list[np.ndarray]:
    """Spend the budget on funded sets that differ in the queries around the margin."""
    n, size = len(problem), bucket(len(problem))
    window = contested(n)
    first = max(min(margin - window // 2, len(order) - window), 0)
    toggled = order[first : first + window]
    patterns = 1 << window
    on = (np.arange(patterns)[:, None] >> np.arange(len(toggled))) & 1
    funded = np.zeros((patterns + 1, size), dtype=bool)
    funded[:, order[:first]] = True
    funded[:patterns, toggled] = on.astype(bool)
    # The last set is everyone who pays, in case a price from a numerical solver is a little low.
    funded[patterns, :n] = problem.envelope.abandonment_price >= max(price, _TINY)
    envelope = problem.envelope.padded(size)
    with double_precision():
        spent, unsplit = spend_on(envelope, funded, problem.budget, price)
    tokens, unsplit = np.asarray(spent)[:, :n], np.asarray(unsplit)[:, :n]
    affordable = tokens.sum(axis=1) <= problem.budget * (1 + 1e-9)
    values = np.array([problem.utility(row).sum() for row in tokens])
    values[~affordable] = -np.inf
    best = np.argsort(-values, kind="stable")[:_ROUNDED]
    best = [row for row in best if affordable[row]]
    split = [row for row in best if (tokens[row] - unsplit[row]).max() >= problem.block]
    return [tokens[row] for row in best] + [unsplit[row] for row in split]
