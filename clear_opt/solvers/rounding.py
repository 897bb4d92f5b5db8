"""From fractional caps to whole blocks, never above the budget."""

from __future__ import annotations

import numpy as np

from clear_opt.problem import AllocationProblem

_ROUNDS = 64  # each hands every query at most one block; a handful is the rule
_NEWCOMERS = 64  # abandoned queries tried for what is left over


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
    caps = np.floor(tokens / block + 1e-9) * block
    caps = np.clip(caps, problem.floor, problem.ceiling)
    caps = _take_back(problem, caps)
    caps = _hand_out(problem, caps)
    caps = _release_wasted(problem, caps)
    caps = _fund_newcomers(problem, caps)
    return _hand_out(problem, caps).astype(np.int64)


def _blocks_left(problem: AllocationProblem, caps: np.ndarray) -> int:
    return int((problem.spendable - caps.sum()) // problem.block)


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
    """Give single blocks to those who gain most, as long as anybody gains."""
    for _ in range(_ROUNDS):
        left = _blocks_left(problem, caps)
        more = np.minimum(caps + problem.block, problem.ceiling)
        gain = problem.utility(more) - problem.utility(caps)
        winners = np.flatnonzero(gain > 0)
        if left <= 0 or winners.size == 0:
            break
        if winners.size > left:
            winners = winners[np.argsort(-gain[winners], kind="stable")[:left]]
        caps[winners] += problem.block
    return caps


def _release_wasted(problem: AllocationProblem, caps: np.ndarray) -> np.ndarray:
    """Return queries to their floor whose tokens above it buy nothing."""
    idle = problem.utility(caps) <= problem.utility(problem.floor)
    return np.where(idle, problem.floor, caps)


def _fund_newcomers(problem: AllocationProblem, caps: np.ndarray) -> np.ndarray:
    """Fund abandoned queries, best return first, that fit into what is left."""
    left = _blocks_left(problem, caps) * problem.block
    envelope, block = problem.envelope, problem.block
    entry = np.ceil(np.maximum(envelope.tangent, envelope.least) / block) * block
    fits = (caps <= problem.floor) & (entry - caps <= left) & (entry <= problem.ceiling)
    fits &= envelope.abandonment_price > 0
    waiting = np.flatnonzero(fits)
    ranked = np.argsort(-envelope.abandonment_price[waiting], kind="stable")
    for query in waiting[ranked[:_NEWCOMERS]]:
        if entry[query] - caps[query] <= left:
            left -= entry[query] - caps[query]
            caps[query] = entry[query]
    return caps
