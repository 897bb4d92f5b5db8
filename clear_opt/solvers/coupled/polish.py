"""Improve whole caps that keep every row, by ever new tables of what could be changed."""

from __future__ import annotations

import numpy as np

from clear_opt.solvers.program.assignment import Assignment
from clear_opt.solvers.program.local_search import settle, swap
from clear_opt.solvers.program.marginal_sets import Spent, kept, spend_on
from clear_opt.solvers.program.candidates import (
    Table,
    caps_that_fit,
    centres_of,
    families_of,
    responses,
    rungs_to_decide,
    states_in,
    table_around,
)
from clear_opt.solvers.program.branch_and_bound import decide

_TURNS = 12  # at most, of three kinds by turns
_LAST = 4  # exchanges at the end, whatever they gain
_NEGLIGIBLE = 1e-8  # of the bound: a gap that nobody would look for
_WORTHWHILE = 1e-3  # of the gap: gains for which another round is tried
_TOGETHER = 24  # queries that are decided together,
_NODES = 4  # by so many linear programs


def polish(spent: Spent, bound: float) -> Assignment:
    """Improve an answer in three ways, one after the other, until none of them gains.

    Queries exchange caps and offers in pairs; those nearest to a tie are decided together; where
    others are funded now than the limits were spent on, they are spent anew.

    Parameters
    ----------
    spent
        What to improve.
    bound
        What no answer exceeds, weighted success: it tells what is worth a try.
    """
    best, failed, families = spent, 0, families_of(spent.assignment)
    for turn in range(_TURNS):
        if failed == 3 or bound - best.value <= _NEGLIGIBLE * abs(bound):
            break
        way = (_exchange, _together, _respend)[turn % 3]
        if way is _respend:
            now = families_of(best.assignment)
            found = None if (now == families).all() else _respend(best)
            families = now
        else:
            found = way(best)
        least = _WORTHWHILE * (bound - best.value)
        failed = 0 if found is not None and found.value > best.value + least else failed + 1
        if found is not None and found.value > best.value:
            best = found
    for _ in range(_LAST):
        found = _exchange(best)
        if found is None or found.value <= best.value:
            break
        best = found
    return best.assignment


def _exchange(spent: Spent) -> Spent | None:
    """Let two queries at a time change their caps and offers."""
    table, state = _table_of(spent)
    system = spent.assignment.system
    state = swap(table, system.limits, state, spent.prices)
    return kept(table.assignment(system, state), spent.prices)


def _respend(spent: Spent) -> Spent | None:
    """Spend the limits anew on those who are funded."""
    found = spent.assignment
    return spend_on(found.system, families_of(found), spent.prices)


def _together(spent: Spent) -> Spent | None:
    """Decide the queries nearest to a tie together."""
    table, state = _table_of(spent)
    system = spent.assignment.system
    rungs = rungs_to_decide(table, system)
    net = table.value - np.tensordot(spent.prices, table.use, 1)
    net[state, np.arange(len(state))] = -np.inf
    salient = 5 * len(system.program.lanes)
    nearest = np.argsort(-net[:salient].max(axis=0), kind="stable")[:_TOGETHER]
    rungs = np.union1d(rungs, state[nearest])
    state = decide(table, system.limits, state, nearest, rungs, _NODES)
    if state is None:
        return None
    state = settle(table, system.limits, state, spent.prices)
    return None if state is None else kept(table.assignment(system, state), spent.prices)


def _table_of(spent: Spent) -> tuple[Table, np.ndarray]:
    """List the states around an assignment, and find it among them."""
    found = spent.assignment
    others = responses(found.system, spent.prices)
    table = table_around(found.system, centres_of(found, others), caps_that_fit(found))
    return table, states_in(found, table)
