"""From fractional caps to whole blocks, never above the budget."""

from __future__ import annotations

import numpy as np

from clear_opt._numerics.blocks import NEARLY, ceil_to_block, floor_to_block
from clear_opt.curves import TabularCurve
from clear_opt.problem import AllocationProblem

_ROUNDS = 64  # each hands every query at most one block; a handful is the rule
_CLIMBS = 64  # queries lifted with what is left over


def round_to_blocks(problem: AllocationProblem, tokens: np.ndarray) -> np.ndarray:
    """Round caps down to whole blocks and hand out the remainder where it helps most.

    Parameters
    ----------
    problem
        A feasible problem of n queries.
    tokens
        Fractional caps, shape (n,), that sum to the budget or less (up to rounding error).

    Returns
    -------
    Whole-block caps within floors and ceilings, int64, shape (n,), that sum to at most the budget.
    """
    block = problem.block
    caps = floor_to_block(tokens, block, NEARLY)
    caps = np.clip(caps, problem.floor, problem.ceiling)
    caps = _take_back(problem, caps)
    if _blocks_left(problem, caps) > len(problem):  # more than rounding down can have left
        caps = _climb(problem, caps)
    caps = _hand_out(problem, caps)
    caps = _release_wasted(problem, caps)
    caps = _climb(problem, caps)
    return _hand_out(problem, caps).astype(np.int64)


def _blocks_left(problem: AllocationProblem, caps: np.ndarray) -> int:
    # Whole numbers, since a sum of floats near 2^53 is even.
    return (problem.spendable - int(caps.sum(dtype=np.int64))) // problem.block


def _take_back(problem: AllocationProblem, caps: np.ndarray) -> np.ndarray:
    """Take single blocks from those who lose least, until the budget holds."""
    while (over := -_blocks_left(problem, caps)) > 0:
        able = np.flatnonzero(caps > problem.floor)
        fewer = caps.copy()
        fewer[able] -= problem.block
        loss = (problem.utility(caps) - problem.utility(fewer))[able]
        taken = able[np.argsort(loss, kind="stable")[:over]]
        caps[taken] -= problem.block
    return caps


def _hand_out(problem: AllocationProblem, caps: np.ndarray) -> np.ndarray:
    """Return single blocks to those who gain most, as long as anybody gains."""
    for _ in range(_ROUNDS):
        if (left := _blocks_left(problem, caps)) <= 0:
            break
        more = np.minimum(caps + problem.block, problem.ceiling)
        gain = problem.utility(more) - problem.utility(caps)
        winners = np.flatnonzero(gain > 0)
        if winners.size == 0:
            break
        if winners.size > left:
            winners = winners[np.argsort(-gain[winners], kind="stable")[:left]]
        caps[winners] += problem.block
    return caps


def _release_wasted(problem: AllocationProblem, caps: np.ndarray) -> np.ndarray:
    """Return queries to their floor whose tokens above it buy nothing."""
    idle = problem.utility(caps) <= problem.utility(problem.floor)
    return np.where(idle, problem.floor, caps)


def _climb(problem: AllocationProblem, caps: np.ndarray) -> np.ndarray:
    """Lift queries to their next worthwhile corner, greatest gain first, while it fits.

    A corner is the tangent point of an abandoned query, or a point of a tabulated curve: caps in
    between gain little or nothing, so single blocks would never get there.
    """
    corners = corners_of(problem)
    for _ in range(_CLIMBS):
        cost = corners - caps[:, None]
        fits = (cost > 0) & (cost <= _blocks_left(problem, caps) * problem.block)
        rows, columns = np.nonzero(fits & (corners <= problem.ceiling[:, None]))
        if rows.size == 0:
            break
        options = corners[rows, columns]
        worth = problem.weight[rows] * problem.curves.take(rows).value(options)
        gain = worth - problem.utility(caps)[rows]
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        caps[rows[best]] = options[best]
    return caps


def corners_of(problem: AllocationProblem) -> np.ndarray:
    """Return caps in whole blocks worth jumping to, shape (n, k)."""
    envelope, curves = problem.envelope, problem.curves
    corners = np.maximum(envelope.tangent, envelope.min_funded)[:, None]
    if isinstance(curves, TabularCurve):
        corners = np.concatenate([corners, curves.grid], axis=1)
    return ceil_to_block(corners, problem.block)
