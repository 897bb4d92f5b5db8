"""Near the margin try queries both ways, and spend the limits anew on each choice.

A choice of states (who is funded by whom) that uses a little more than a limit is not lost: the
others give a little. At the prices that costs only to second order: the best states lose nothing by
a small move along their curves. So choices are ranked by their payoffs less that second-order
loss, and the best few get prices of their own.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from clear_opt.solvers.program.assignment import Assignment
from clear_opt.solvers.program.barrier_method import nearby_prices
from clear_opt.solvers.program.candidates import neighbourhood, responses
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.local_search import repair_and_improve
from clear_opt.solvers.program.ties import BestStates

_TOGGLED = 8  # queries nearest to a tie of which all choices are ranked
_PAIRED = 40  # and of which all choices are ranked that change up to three
_TRIED = 4  # choices that get prices of their own, in batches of up to
_SMALL = 1000  # queries; beyond that one query's gap is negligible


class ProgramCandidate(NamedTuple):
    """An assignment that keeps every row, and the prices that its states have alone."""

    assignment: Assignment
    prices: np.ndarray

    @property
    def value(self) -> float:
        """Weighted success."""
        return float(self.assignment.utility().sum())


def if_feasible(found: Assignment, prices: np.ndarray) -> ProgramCandidate | None:
    """Return an assignment with its prices if it keeps every row, else ``None``."""
    return ProgramCandidate(found, prices) if found.keeps_all_rows() else None


def candidates_near_break_item(
    dual: LagrangianDual, prices: np.ndarray, choice: BestStates
) -> list[ProgramCandidate]:
    """Return the best few choices around the margin, each with the limits spent on it.

    Parameters
    ----------
    dual
        A program whose relaxation is feasible, n >= 1 queries.
    prices
        Of its rows, shape (m,).
    choice
        The best two states of each query at these prices.

    Returns
    -------
    list of ProgramCandidate
        Each keeps every row; may be empty.
    """
    if not 1 <= len(dual.program) <= _SMALL:
        return []
    first, second, loss, use, give = choice
    query = np.arange(len(first))
    near = choice.nearest(_PAIRED)
    excess = use[:, first, query].sum(axis=1) - dual.limits
    change = use[:, second, query] - use[:, first, query]
    flips = _tie_breaks(len(near))
    over = excess + flips @ change[:, near].T
    lost = flips @ loss[near] + _second_order(over, prices, give).sum(axis=1)
    tried = []
    for flip in flips[_different(lost, over)[:_TRIED]]:
        state = first.copy()
        turned = near[flip.astype(bool)]
        state[turned] = second[turned]
        found = reoptimise(dual, state, prices)
        if found is not None:
            tried.append(found)
    return tried


def reoptimise(
    dual: LagrangianDual, state: np.ndarray, prices: np.ndarray
) -> ProgramCandidate | None:
    """Spend the limits on given states, at prices of their own.

    Parameters
    ----------
    dual
        The program.
    state
        Of each query, an index into the 2 K states of `LagrangianDual`, shape (n,).
    prices
        To start from, shape (m,).

    Returns
    -------
    ProgramCandidate
        ``None`` where nothing near these states keeps every row.
    """
    allowed = np.zeros(dual.possible.shape, dtype=bool)
    allowed[state, np.arange(len(state))] = True
    decided = dual.restricted(allowed).decided()
    own = nearby_prices(decided, prices)
    table = neighbourhood(dual, responses(decided, own))
    chosen = repair_and_improve(table, dual.limits, state, own)
    if chosen is None:
        return None
    return if_feasible(table.assignment(dual, chosen), own)


@cache
def _tie_breaks(count: int) -> np.ndarray:
    """List choices of queries to turn, zeros and ones of shape (choices, count)."""
    few = min(count, _TOGGLED)
    every = np.zeros((1 << few, count), dtype=np.int8)
    every[:, :few] = (np.arange(1 << few)[:, None] >> np.arange(few)) & 1
    single = np.eye(count, dtype=np.int8)
    one, other = np.triu_indices(count, 1)
    pairs = single[one] + single[other]
    triples = [pairs[one >= first + 1] + single[first] for first in range(count)]
    return np.unique(np.concatenate([every, single, pairs, *triples]), axis=0)


def _different(lost: np.ndarray, over: np.ndarray) -> np.ndarray:
    """Order choices by what they lose, without those that differ in identical queries only."""
    order = np.argsort(lost, kind="stable")
    # Of all that lose as much the first stands for all that are over by as much.
    key = np.column_stack([lost, over])[order]
    with np.errstate(invalid="ignore"):
        same = np.abs(np.diff(key, axis=0)) <= 1e-9 * np.abs(key[1:])
    return order[np.concatenate([[True], ~same.all(axis=1)])]


def _second_order(over: np.ndarray, prices: np.ndarray, give: np.ndarray) -> np.ndarray:
    """Return what it costs that rows are over or under used, shape (choices, m)."""
    with np.errstate(over="ignore"):  # where nobody can give, being over costs infinitely much
        curved = 0.5 * over**2 / np.where(give > 0, give, 1e-300)
    curved = np.where(curved < 1e200, curved, np.inf)  # sums of rows must not overflow
    # Units that are left over lose their price at most.
    return np.where(over > 0, curved, np.minimum(curved, prices * -over))
