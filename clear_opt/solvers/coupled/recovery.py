"""From the prices of a program to whole caps that keep every constraint.

At the prices almost every query has one best state. With m constraints at most m queries need be
split between two (Shapley-Folkman, design section 1.4). Those nearest to a tie are tried both ways
(`patterns`), and are decided together with a few more by a small integer program over their best
states; the others keep theirs. What is left of each limit then goes to whoever gains most from it.
"""

from __future__ import annotations

import numpy as np

from clear_opt.program.assignment import IDLE, Assignment
from clear_opt.program.system import System
from clear_opt.solvers.coupled.exchange import settle
from clear_opt.solvers.coupled.patterns import Spent, polish, spent_on_patterns
from clear_opt.solvers.coupled.table import responses, table_around
from clear_opt.solvers.coupled.window import decide

_WINDOW = 24  # queries nearest to a tie that are decided together, at least
_PER_ROW = 4  # and at least this many for each row
_SMALL = 12  # queries of a batch in which even caps far from the responses are tried
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
    candidates = [*spent_on_patterns(system, prices), *_spent_on_window(system, prices)]
    candidates.sort(key=lambda spent: -spent.value)
    bound, n = system.bound(prices), len(system.program)
    found = [polish(spent, bound) for spent in candidates[: 2 if n <= _TWICE else 1]]
    return max(found, key=lambda one: one.utility().sum(), default=None)


def _spent_on_window(system: System, prices: np.ndarray) -> list[Spent]:
    """Decide those nearest to a tie together, and spend what is left; larger windows if none."""
    table = table_around(system, responses(system, prices))
    few, n = 5 * len(system.program.lanes), len(system.program)
    payoff = system.price_states(prices).payoff
    state = payoff.argmax(axis=0)
    ordered = np.sort(payoff, axis=0)
    order = np.argsort(ordered[-1] - ordered[-2], kind="stable")
    rungs = np.arange(len(table.value) if n <= _SMALL else few)
    size = max(_WINDOW, _PER_ROW * system.m)
    while True:
        chosen = decide(table, system.limits, state, order[:size], rungs)
        if chosen is not None or size >= n:
            break
        size *= 4
    settled = None if chosen is None else settle(table, system.limits, chosen, prices)
    if settled is None:
        return []
    found = table.assignment(system, settled)
    return [Spent(found, prices)] if found.keeps_all_rows() else []


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
