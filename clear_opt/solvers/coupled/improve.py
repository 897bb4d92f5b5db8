"""Spend what is left of a program's limits: single steps first, then whole moves."""

from __future__ import annotations

import numpy as np

from clear_opt.program.assignment import IDLE, Assignment

_STRIDES = (64, 16, 4, 1)  # blocks per step: what one rounded query left is spent in few rounds
_ROUNDS = 64
_MOVES = 48


def improve(assignment: Assignment, prices: np.ndarray) -> Assignment:
    """Raise caps, fund queries and change offers while somebody gains and every row holds.

    Parameters
    ----------
    assignment
        Keeps every row.
    prices
        Of the rows, shape (m,): they say whose gain is cheapest.

    Returns
    -------
    Assignment
        Of at least the same value, keeping every row.
    """
    for stride in _STRIDES:
        assignment = _raise_caps(assignment, prices, stride)
    assignment = _move(assignment, prices)
    return _raise_caps(assignment, prices, 1)


def _raise_caps(assignment: Assignment, prices: np.ndarray, stride: int) -> Assignment:
    """Give further blocks to those who gain most for what they cost, many at a time."""
    system = assignment.system
    for _ in range(_ROUNDS):
        slack, utility, use = assignment.slack(), assignment.utility(), assignment.use()
        higher = assignment.caps.copy()
        for k, lane in enumerate(system.program.lanes):
            here = assignment.lane == k
            higher[here] = lane.next_cap(assignment.caps, stride)[here]
        raised = Assignment(system, assignment.lane, higher)
        gain, more = raised.utility() - utility, raised.use() - use
        able = (gain > 0) & (more <= _room(slack, system.limits)[:, None]).all(axis=0)
        if not able.any():
            break
        rows = np.flatnonzero(able)
        rows = rows[np.argsort(-_worth(gain, more, prices)[rows], kind="stable")]
        fits = (np.cumsum(more[:, rows], axis=1) <= _room(slack, system.limits)[:, None]).all(
            axis=0
        )
        winners = rows[: int(np.argmin(fits)) if not fits.all() else len(rows)]
        caps = assignment.caps.copy()
        caps[winners] = higher[winners]
        assignment = Assignment(system, assignment.lane, caps)
    return assignment


def _move(assignment: Assignment, prices: np.ndarray) -> Assignment:
    """Fund queries or change their offers, greatest gain first, as far as what is left allows."""
    system = assignment.system
    _, funded = system.price_states(prices)
    states = []
    for k, (state, lane) in enumerate(zip(funded, system.program.lanes, strict=True)):
        response = np.maximum(lane.cap_at(state.spend), lane.entry_cap)
        states += [(k, caps, lane.open) for caps in (lane.entry_cap, response)]
    tables = []
    for k, caps, exists in states:
        at = Assignment(system, np.where(exists, k, IDLE), np.where(exists, caps, 0.0))
        tables.append((at.utility(), at.use()))
    for _ in range(_MOVES):
        slack, utility, use = assignment.slack(), assignment.utility(), assignment.use()
        best, target = 0.0, None
        for (k, caps, exists), (worth, needed) in zip(states, tables, strict=True):
            fits = ((needed - use) <= _room(slack, system.limits)[:, None]).all(axis=0)
            gain = np.where(exists & fits, worth - utility, 0.0)
            query = int(np.argmax(gain))
            if gain[query] > best * (1 + 1e-12):
                best, target = float(gain[query]), (query, k, caps[query])
        if target is None:
            break
        query, k, cap = target
        lane, caps = assignment.lane.copy(), assignment.caps.copy()
        lane[query], caps[query] = k, cap
        assignment = Assignment(system, lane, caps)
    return assignment


def _room(slack: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Give what may still be used: rounding must not forbid what fits exactly."""
    return np.maximum(slack, 0.0) + 1e-12 * np.abs(limits)


def _worth(gain: np.ndarray, more: np.ndarray, prices: np.ndarray) -> np.ndarray:
    """Give the gain for what it costs at the prices; where they are zero, the gain itself."""
    cost = np.maximum(prices @ more, 0.0)
    least = 1e-12 * float(cost.max(initial=0.0))
    return gain / np.maximum(cost, least) if least > 0 else gain
