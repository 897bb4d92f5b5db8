"""Small grids: the best caps of all, by dynamic programming over the budget in blocks.

Choosing one cap per query within a budget is the multiple-choice knapsack problem. Where all whole
caps of all queries are few, a table of the best value for every number of blocks settles it
(Bellman 1957). Caps and the dual bound at hand make the table smaller first: a cap is of no use if
the bound, less what the query misses by it, is no better than what is known (Dudzinski and
Walukiewicz 1987, "Exact methods for the knapsack problem and its generalizations", EJOR 28).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt._numerics.blocks import ceil_to_block
from clear_opt.defaults import EXACT_CELLS, EXACT_REDUCTION
from clear_opt.problem import AllocationProblem

_OVERHEAD = 1 << 10  # cells of the table that take as long as beginning a row of it
_ROUNDING = 1e-13  # relative; a gain below is none


class _Table(NamedTuple):
    """Caps that queries may have, query by query, each query's in rising order; shape (k,)."""

    query: np.ndarray
    blocks: np.ndarray
    """Blocks beyond the floor."""
    gain: np.ndarray
    """Weighted success beyond that of the floor."""


def best_caps(problem: AllocationProblem, price: float, caps: np.ndarray) -> np.ndarray | None:
    """Return the best caps of all, or ``None`` where the grid is not small enough to say.

    Parameters
    ----------
    problem
        A feasible problem of n >= 1 queries.
    price
        About the clearing price, weighted success per token, >= 0; any gives the same answer, in
        more or less time.
    caps
        Whole-block caps within floors, ceilings and the budget, int64, shape (n,): the better,
        the more can be ruled out.

    Returns
    -------
    Caps of the same kind; those given, if none are better. The grid is small enough where the
    number of whole caps of all queries times the blocks of the budget (and 1,024 more) is at most
    `clear_opt.defaults.EXACT_CELLS`, and up to `clear_opt.defaults.EXACT_REDUCTION` times that
    where enough caps can be ruled out.
    """
    block, room = problem.block, (problem.spendable - problem.floor_total) // problem.block
    end = ceil_to_block(np.asarray(problem.envelope.end), block)
    most = (np.minimum(end, problem.ceiling) - problem.floor) / block
    most = np.clip(most, 0, room)
    if (most.sum() + len(problem)) * (room + _OVERHEAD) > EXACT_REDUCTION * EXACT_CELLS:
        return None
    table = _reduced(problem, _table(problem, most.astype(np.int64)), price, room, caps)
    if table is None:
        return caps
    first = np.flatnonzero(np.diff(table.query, prepend=-1))
    fewest = table.blocks[first]
    widest = np.maximum.reduceat(table.blocks, first) - fewest
    left = min(room - int(fewest.sum()), int(widest.sum()))
    if left < 0:
        return caps
    if len(table.query) * (left + _OVERHEAD) > EXACT_CELLS:
        return None
    chosen = _solved(table, first, left)
    found = problem.floor.astype(np.int64) + block * table.blocks[chosen]
    better = problem.utility(found).sum() > problem.utility(caps).sum()
    return found if better else caps


def _table(problem: AllocationProblem, most: np.ndarray) -> _Table:
    """List the whole caps of all queries that gain more than one block less does."""
    count = most + 1
    query = np.repeat(np.arange(len(most)), count)
    blocks = np.arange(len(query)) - np.repeat(np.cumsum(count) - count, count)
    caps = problem.floor[query] + problem.block * blocks
    value = problem.weight[query] * problem.curves.take(query).value(caps)
    gain = value - np.repeat(value[blocks == 0], count)
    useful = (blocks == 0) | (np.diff(gain, prepend=0.0) > 0)
    return _Table(query[useful], blocks[useful], gain[useful])


def _reduced(
    problem: AllocationProblem, table: _Table, price: float, room: int, caps: np.ndarray
) -> _Table | None:
    """Keep the caps that a better allocation may have; ``None`` where there can be none."""
    first = np.flatnonzero(table.blocks == 0)
    payoff = table.gain - price * problem.block * table.blocks
    best = np.maximum.reduceat(payoff, first)
    reached = float((problem.utility(caps) - problem.utility(problem.floor)).sum())
    bound = price * problem.block * room + float(best.sum())
    spare = bound - reached - _ROUNDING * abs(bound)
    kept = best[table.query] - payoff < spare
    if not np.logical_or.reduceat(kept, first).all():
        return None
    return _Table(*(column[kept] for column in table))


def _solved(table: _Table, first: np.ndarray, left: int) -> np.ndarray:
    """Choose a cap of each query: rows of the table, shape (n,).

    Parameters
    ----------
    table
        Caps to choose from.
    first
        First row of each query, shape (n,): its fewest blocks.
    left
        Blocks for all queries together beyond their fewest.
    """
    last = np.append(first[1:], len(table.query))
    value = np.zeros(left + 1)  # by the blocks that may be spent
    choices = []
    for low, high in zip(first.tolist(), last.tolist(), strict=True):
        choice = np.full(left + 1, low, dtype=np.int32)
        reached = value + table.gain[low]
        for row in range(low + 1, high):
            more = int(table.blocks[row] - table.blocks[low])
            if more > left:
                break
            other = value[: left + 1 - more] + table.gain[row]
            better = other > reached[more:]
            np.copyto(reached[more:], other, where=better)
            np.copyto(choice[more:], row, where=better)
        value = reached
        choices.append(choice)
    chosen = np.empty(len(first), dtype=np.int64)
    for query in range(len(first) - 1, -1, -1):
        chosen[query] = choices[query][left]
        left -= int(table.blocks[chosen[query]] - table.blocks[first[query]])
    return chosen
