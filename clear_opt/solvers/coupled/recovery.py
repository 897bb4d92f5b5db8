"""From the prices of a program to whole caps that keep every constraint.

At the prices almost every query has one best state. With m constraints at most m queries need be
split between two (Shapley-Folkman, design section 1.4). Those nearest to a tie are tried both ways
(`patterns`), and are decided together with a few more by a small integer program over their best
states; the others keep theirs. What is left of each limit then goes to whoever gains most from it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.program.assignment import IDLE, Assignment
from clear_opt.program.system import System
from clear_opt.solvers.coupled.branching import choose_states
from clear_opt.solvers.coupled.enumeration import few_choices, try_all, worth_trying
from clear_opt.solvers.coupled.improve import improve
from clear_opt.solvers.coupled.patterns import spend_on, spent_on_patterns

_WINDOW = 24  # queries nearest to a tie that are decided together, at least
_PER_ROW = 4  # and at least this many for each row
_TIE = 1e-7  # of the greatest success; best states closer than this count as tied
_NODES = 150  # of branch and bound; a gap that is left shows in the certificate
_FEW_NODES = 12  # where choices around the margin are at hand already, and mostly better
_CLOSE = 1e-4  # of the window's value: what branch and bound may leave in a large batch
_LADDER = 12  # caps tried between floor and most for each query of a small batch
_SMALL = 12


class _Options(NamedTuple):
    """States offered to the queries of a window, one entry per state."""

    query: np.ndarray
    lane: np.ndarray
    caps: np.ndarray
    value: np.ndarray
    use: np.ndarray  # (m, states)


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
    decided, gap = best_states(system, prices)
    n = len(decided.lane)
    order = np.argsort(gap, kind="stable")
    size = max(_WINDOW, _PER_ROW * system.m, int((gap <= _tie(system)).sum()))
    candidates: list[Assignment | None] = [*spent_on_patterns(system, prices)]
    nodes = _FEW_NODES if candidates and n > _SMALL else _NODES
    while True:
        size = min(size, n)
        found = _decide(system, prices, decided, order[:size], nodes)
        if found is not None or candidates or size == n:
            break
        size *= 4
    if found is not None:
        candidates += [improve(found, prices), spend_on(system, _states_of(found), prices)]
    kept = [candidate for candidate in candidates if candidate is not None]
    return max(kept, key=lambda candidate: candidate.utility().sum(), default=None)


def _states_of(assignment: Assignment) -> np.ndarray:
    """Give the state of each query as an index into the 2 K states of `System`, shape (n,)."""
    funded = assignment.funded() & (assignment.caps > assignment.system.program.floor)
    k = len(assignment.system.program.lanes)
    # Without a floor all rests are one, that of the first lane.
    lane = np.where(assignment.system.program.floor > 0, np.maximum(assignment.lane, 0), 0)
    return np.where(funded, assignment.lane, k + lane)


def best_states(system: System, prices: np.ndarray) -> tuple[Assignment, np.ndarray]:
    """Give each query's best state in whole caps, and by how much it beats the second, (n,)."""
    payoff, funded = system.price_states(prices)
    k = len(system.program.lanes)
    best = payoff.argmax(axis=0)
    ordered = np.sort(payoff, axis=0)
    second = ordered[-2]
    gap = np.where(np.isfinite(second), ordered[-1] - second, np.inf)
    rest_lane, rest_caps = _resting(system)
    lane, caps = rest_lane, rest_caps
    for index, (state, own) in enumerate(zip(funded, system.program.lanes, strict=True)):
        cap = np.maximum(own.cap_at(state.spend), own.entry_cap)
        lane, caps = np.where(best == index, index, lane), np.where(best == index, cap, caps)
        resting = (best == k + index) & (system.program.floor > 0)
        lane = np.where(resting, index, lane)
    return Assignment(system, lane, caps), gap


def _resting(system: System) -> tuple[np.ndarray, np.ndarray]:
    floor = system.program.floor
    return np.where(floor > 0, 0, IDLE), floor.copy()


def _tie(system: System) -> float:
    return _TIE * max(lane.utility_top for lane in system.program.lanes)


def _decide(
    system: System, prices: np.ndarray, decided: Assignment, window: np.ndarray, nodes: int
) -> Assignment | None:
    """Choose the states of a window by an integer program; the others stay as decided."""
    options = _options(system, prices, window)
    outside = np.ones(len(decided.lane), dtype=bool)
    outside[window] = False
    left = system.limits - decided.use()[:, outside].sum(axis=1)
    tighter = np.zeros(system.m)
    owner = np.searchsorted(np.sort(window), options.query)
    states = options.value, options.use
    few = few_choices(owner)
    for _ in range(3):
        if few:
            chosen = try_all(*states, left - tighter, owner)
        else:
            close = 0.0 if len(window) <= _SMALL else _CLOSE
            chosen = choose_states(*states, left - tighter, owner, nodes=nodes, close=close)
        if chosen is None:
            return None
        lane, caps = decided.lane.copy(), decided.caps.copy()
        lane[options.query[chosen]] = options.lane[chosen]
        caps[options.query[chosen]] = options.caps[chosen]
        found = Assignment(system, lane, caps)
        if found.keeps_all_rows():
            return found
        tighter += 2.0 * np.maximum(-found.slack(), 0.0)
    return None


def _options(system: System, prices: np.ndarray, window: np.ndarray) -> _Options:
    """List the states of a window's queries: rests, break-even caps, and responses."""
    n = len(system.program)
    _, funded = system.price_states(prices)
    states: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []  # lane, caps, exists; each (n,)
    for k, (state, lane) in enumerate(zip(funded, system.program.lanes, strict=True)):
        asked = np.where(system.program.floor > 0, k, IDLE)
        states.append((asked, system.program.floor, system.rests[k]))
        entry, response = lane.entry_cap, np.maximum(lane.cap_at(state.spend), lane.entry_cap)
        here = np.full(n, k)
        states.append((here, response, lane.open))
        states.append((here, entry, lane.open & (entry < response)))
        if (system.sign < 0).any():
            # What is guaranteed may need the last block, of which only a part is of use.
            states.append((here, lane.top_cap, lane.open & (lane.top_cap > response)))
        if len(window) <= _SMALL:
            # In a small batch even a cap below break-even can be the best use of what is left.
            for rung in map(lane.cap_at, np.linspace(lane.start, lane.most, _LADDER + 1)[1:]):
                gains = (rung >= entry) | (~system.program.pinned & (rung > system.program.floor))
                states.append((here, rung, lane.open & gains))
    query, lanes, caps, value, use = [], [], [], [], []
    for lane, cap, exists in states:
        at = Assignment(system, np.where(exists, lane, IDLE), np.where(exists, cap, 0.0))
        rows = window[exists[window]]
        query.append(rows)
        lanes.append(lane[rows])
        caps.append(cap[rows])
        value.append(at.utility()[rows])
        use.append(at.use()[:, rows])
    found = _Options(
        np.concatenate(query),
        np.concatenate(lanes),
        np.concatenate(caps),
        np.concatenate(value),
        np.concatenate(use, axis=1),
    )
    if len(window) > _SMALL:
        return found
    kept = worth_trying(found.value, found.use, found.query)
    return _Options(*(column[..., kept] for column in found))
