"""Small batches: let pairs of queries share their tokens anew until no pair gains.

On curves with a hard threshold, trying every funded set already solves a small batch exactly. A
curve worth something below its threshold, or one with several corners, leaves room for splits that
no funded set describes; in a batch of a few queries they matter, in a large one they do not.
"""

from __future__ import annotations

import numpy as np

from clear_opt._numerics.blocks import floor_to_block
from clear_opt.defaults import EXACT_PATTERNS
from clear_opt.problem import AllocationProblem
from clear_opt.solvers.budget.rounding import corners_of

_SPLITS = np.linspace(0.0, 1.0, 129)
_SWEEPS = 32  # each makes the best pairwise_exchange of all pairs; two or three are the rule


def pairwise_exchange(problem: AllocationProblem, caps: np.ndarray) -> np.ndarray:
    """Improve whole-block caps of a batch of up to `EXACT_PATTERNS` queries by exchanges.

    Parameters
    ----------
    problem
        A feasible problem of n queries.
    caps
        Whole-block caps within floors, ceilings and the budget, int64, shape (n,).

    Returns
    -------
    Caps of the same kind, worth at least as much.
    """
    n, block = len(problem), problem.block
    if not 2 <= n <= EXACT_PATTERNS:
        return caps
    caps, corners = caps.astype(np.float64), corners_of(problem)
    one, other = np.triu_indices(n, 1)
    for _ in range(_SWEEPS):
        shared = caps[one] + caps[other] + problem.spendable - caps.sum()
        low = problem.floor[one]
        high = np.minimum(problem.ceiling[one], shared - problem.floor[other])
        options = np.concatenate(
            [
                low[:, None] + _SPLITS * (high - low)[:, None],
                corners[one],
                shared[:, None] - corners[other],
            ],
            axis=1,
        )
        x_i = np.clip(floor_to_block(options, block), low[:, None], high[:, None])
        x_j = np.minimum(shared[:, None] - x_i, problem.ceiling[other][:, None])
        worth = _utility(problem, one, x_i) + _utility(problem, other, x_j)
        utility = problem.utility(caps)
        gain = worth - (utility[one] + utility[other])[:, None]
        pair, split = np.unravel_index(np.argmax(gain), gain.shape)
        if gain[pair, split] <= 1e-12 * utility.sum():
            break
        caps[one[pair]], caps[other[pair]] = x_i[pair, split], x_j[pair, split]
    return caps.astype(np.int64)


def _utility(problem: AllocationProblem, queries: np.ndarray, caps: np.ndarray) -> np.ndarray:
    """Weighted success of each query at each of its options, shape as ``caps``."""
    rows = np.repeat(queries, caps.shape[1])
    values = problem.curves.take(rows).value(caps.ravel())
    return (problem.weight[rows] * values).reshape(caps.shape)
