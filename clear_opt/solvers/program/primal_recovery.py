"""From the prices of a program to whole caps that keep every constraint.

At the prices almost every query has one best state. With m constraints at most m queries need be
split between two (Shapley-Folkman; the mathematics, section 10). Those nearest to a tie are tried
both ways (`patterns`), and are decided together with a few more by a small integer program over
their best states; the others keep theirs. What is left of each limit then goes to whoever gains
most from it.
"""

from __future__ import annotations

import numpy as np

from clear_opt.solvers.program.assignment import IDLE, Assignment
from clear_opt.solvers.program.lagrangian import System
from clear_opt.solvers.program.local_search import settle
from clear_opt.solvers.program.marginal_sets import Spent, kept, spent_on_patterns
from clear_opt.solvers.program.primal_recovery import polish
from clear_opt.solvers.program.candidates import responses, rungs_to_decide, table_around
from clear_opt.solvers.program.ties import best_choice
from clear_opt.solvers.program.branch_and_bound import decide

_WINDOW = 24  # queries nearest to a tie that are decided together, at least
_PER_ROW = 4  # and at least this many for each row
_NODES, _FEW_NODES = 40, 4  # linear programs for them: more where the gap is still
_WIDE = 2e-3  # of the bound or above
_TWICE = 100  # queries of a batch in which the two best candidates are polished, else one


def recover(system: System, prices: np.ndarray) -> Assignment | None:
    """Turn prices into an assignment that keeps every row.

    Parameters
    ----------
    system
        A program whose relaxation is feasible, n >= 1 queries.
    prices
        Of its rows, shape (m,).

    Returns
    -------
    Assignment
        The best one found, ``None`` where no whole caps were found that keep every row.
    """
    bound, polished = system.bound(prices), 2 if len(system.program) <= _TWICE else 1
    candidates = spent_on_patterns(system, prices)
    best = max((spent.value for spent in candidates), default=-np.inf)
    nodes = _NODES if bound - best > _WIDE * abs(bound) else _FEW_NODES
    candidates += _spent_on_window(system, prices, nodes)
    candidates.sort(key=lambda spent: -spent.value)
    found = [polish(spent, bound) for spent in candidates[:polished]]
    return max(found, key=lambda one: one.utility().sum(), default=None)


def _spent_on_window(system: System, prices: np.ndarray, nodes: int) -> list[Spent]:
    """Decide those nearest to a tie together, and spend what is left; larger windows if none."""
    table = table_around(system, responses(system, prices))
    n = len(system.program)
    choice = best_choice(system, prices)
    order = choice.nearest(n)
    order = np.concatenate([order, np.setdiff1d(np.arange(n), order)])
    rungs = rungs_to_decide(table, system)
    size = max(_WINDOW, _PER_ROW * system.m)
    while True:
        chosen = decide(table, system.limits, choice.first, order[:size], rungs, nodes)
        if chosen is not None or size >= n:
            break
        size *= 4
    settled = None if chosen is None else settle(table, system.limits, chosen, prices)
    if settled is None:
        return []
    found = kept(table.assignment(system, settled), prices)
    return [] if found is None else [found]


def best_states(system: System, prices: np.ndarray) -> Assignment:
    """Give each query's best state in whole caps; rows may be over."""
    payoff, funded = system.price_states(prices)
    k = len(system.program.lanes)
    best = payoff.argmax(axis=0)
    floored = system.program.floor > 0
    lane, caps = np.where(floored, 0, IDLE), system.program.floor.copy()
    for index, (state, own) in enumerate(zip(funded, system.program.lanes, strict=True)):
        cap = np.maximum(own.cap_at(state.spend), own.entry_cap)
        lane, caps = np.where(best == index, index, lane), np.where(best == index, cap, caps)
        resting = (best == k + index) & floored
        lane = np.where(resting, index, lane)
    return Assignment(system, lane, caps)
