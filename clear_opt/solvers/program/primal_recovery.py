"""Primal recovery for programs: from prices to whole caps that keep every constraint.

At the prices almost every query has one best state. With m constraints at most m queries need be
split between two (Shapley-Folkman; the mathematics, section 10). Those nearest to a tie are
enumerated (`marginal_sets`), and decided jointly by a restricted integer program; a local search
then spends what is left of each limit where it gains most.
"""

from __future__ import annotations

import numpy as np

from clear_opt.solvers.program.assignment import Assignment
from clear_opt.solvers.program.branch_and_bound import decide
from clear_opt.solvers.program.candidates import (
    Candidates,
    core_states,
    incumbents,
    max_feasible_caps,
    neighbourhood,
    responses,
    states_in,
    states_of,
)
from clear_opt.solvers.program.lagrangian import LagrangianDual
from clear_opt.solvers.program.local_search import repair_and_improve, swap_pairs
from clear_opt.solvers.program.marginal_sets import (
    ProgramCandidate,
    candidates_near_break_item,
    if_feasible,
    reoptimise,
)
from clear_opt.solvers.program.ties import BestStates, best_choice

_WINDOW = 24  # queries nearest to a tie that are decided together, at least
_PER_ROW = 4  # and at least this many for each row
_NODES, _FEW_NODES = 40, 4  # linear programs for them: more where the gap is still
_WIDE = 2e-3  # of the bound or above
_TWICE = 100  # queries of a batch in which the two best candidates are polished, else one

_TURNS = 12  # at most, of three kinds by turns
_LAST = 4  # exchanges at the end, whatever they gain
_NEGLIGIBLE = 1e-8  # of the bound: a gap that nobody would look for
_WORTHWHILE = 1e-3  # of the gap: gains for which another round is tried
_TOGETHER = 24  # queries that are decided together,
_POLISH_NODES = 4  # by so many linear programs


def recover(dual: LagrangianDual, prices: np.ndarray) -> Assignment | None:
    """Turn prices into an assignment that keeps every row.

    Parameters
    ----------
    dual
        A program whose relaxation is feasible, n >= 1 queries.
    prices
        Of its rows, shape (m,).

    Returns
    -------
    Assignment
        The best one found, ``None`` where no whole caps were found that keep every row.
    """
    bound, polished = dual.bound(prices), 2 if len(dual.program) <= _TWICE else 1
    choice = best_choice(dual, prices)
    candidates = candidates_near_break_item(dual, prices, choice)
    best = max((spent.value for spent in candidates), default=-np.inf)
    nodes = _NODES if bound - best > _WIDE * abs(bound) else _FEW_NODES
    candidates += _kernel_search(dual, prices, choice, nodes)
    candidates.sort(key=lambda spent: -spent.value)
    found = [local_search(spent, bound) for spent in candidates[:polished]]
    return max(found, key=lambda one: one.utility().sum(), default=None)


def _kernel_search(
    dual: LagrangianDual, prices: np.ndarray, choice: BestStates, nodes: int
) -> list[ProgramCandidate]:
    """Decide those nearest to a tie together, and spend what is left; larger windows if none."""
    table = neighbourhood(dual, responses(dual, prices))
    n = len(dual.program)
    order = choice.nearest(n)
    order = np.concatenate([order, np.setdiff1d(np.arange(n), order)])
    rungs = core_states(table, dual)
    size = max(_WINDOW, _PER_ROW * dual.m)
    while True:
        chosen = decide(table, dual.limits, choice.first, order[:size], rungs, nodes)
        if chosen is not None or size >= n:
            break
        size *= 4
    settled = None if chosen is None else repair_and_improve(table, dual.limits, chosen, prices)
    if settled is None:
        return []
    found = if_feasible(table.assignment(dual, settled), prices)
    return [] if found is None else [found]


def local_search(spent: ProgramCandidate, bound: float) -> Assignment:
    """Improve an answer by local search in three neighbourhoods, until none of them gains.

    Pairs of queries swap caps and offers; those nearest to a tie are decided jointly (a large
    neighbourhood); and where the funded set has changed, its prices are re-optimised.

    Parameters
    ----------
    spent
        What to improve.
    bound
        What no answer exceeds, weighted success: it tells what is worth a try.
    """
    best, failed, families = spent, 0, states_of(spent.assignment)
    for turn in range(_TURNS):
        if failed == 3 or bound - best.value <= _NEGLIGIBLE * abs(bound):
            break
        way = (_exchange, _large_neighbourhood, _reoptimise)[turn % 3]
        if way is _reoptimise:
            now = states_of(best.assignment)
            found = None if (now == families).all() else _reoptimise(best)
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


def _exchange(spent: ProgramCandidate) -> ProgramCandidate | None:
    """Let two queries at a time change their caps and offers."""
    table, state = _table_of(spent)
    dual = spent.assignment.dual
    state = swap_pairs(table, dual.limits, state, spent.prices)
    return if_feasible(table.assignment(dual, state), spent.prices)


def _reoptimise(spent: ProgramCandidate) -> ProgramCandidate | None:
    """Spend the limits anew on those who are funded."""
    found = spent.assignment
    return reoptimise(found.dual, states_of(found), spent.prices)


def _large_neighbourhood(spent: ProgramCandidate) -> ProgramCandidate | None:
    """Decide the queries nearest to a tie together."""
    table, state = _table_of(spent)
    dual = spent.assignment.dual
    rungs = core_states(table, dual)
    net = table.value - np.tensordot(spent.prices, table.use, 1)
    net[state, np.arange(len(state))] = -np.inf
    salient = 5 * len(dual.free_choices)
    nearest = np.argsort(-net[:salient].max(axis=0), kind="stable")[:_TOGETHER]
    rungs = np.union1d(rungs, state[nearest])
    state = decide(table, dual.limits, state, nearest, rungs, _POLISH_NODES)
    if state is None:
        return None
    state = repair_and_improve(table, dual.limits, state, spent.prices)
    return None if state is None else if_feasible(table.assignment(dual, state), spent.prices)


def _table_of(spent: ProgramCandidate) -> tuple[Candidates, np.ndarray]:
    """List the states around an assignment, and find it among them."""
    found = spent.assignment
    others = responses(found.dual, spent.prices)
    table = neighbourhood(found.dual, incumbents(found, others), max_feasible_caps(found))
    return table, states_in(found, table)
