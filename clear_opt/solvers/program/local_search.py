"""Local search over a table of candidate states: repair, improvement, swaps.

All moves look at what changes when one query takes another of its states, for all queries and
states at once. Repair moves reduce the violation of rows; every other move keeps every row and
gains.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clear_opt.solvers.program.candidates import Candidates

_WITHIN = 1e-12  # relative; rounding must not forbid what fits exactly
_GAIN = 1e-12  # of the greatest success of a query; less is rounding
_REPAIRS, _IMPROVEMENTS, _SWAPS = 60, 40, 24  # most rounds of each
_PAIRED = 320  # changes of which all pairs are tried
_FEW = 640  # the same where all queries together have no more
_AT_ONCE = 12  # exchanges made in one round


class _Changes(NamedTuple):
    """What changes when a query takes another of its states."""

    gain: np.ndarray
    """Success, ``-inf`` where there is no such change; shape (s, n)."""
    more: np.ndarray
    """Use of each row, shape (m, s, n)."""
    room: np.ndarray
    """What is left of each row, negative where it is over; shape (m,)."""


def repair_and_improve(
    table: Candidates, limits: np.ndarray, state: np.ndarray, prices: np.ndarray
) -> np.ndarray | None:
    """Mend what is over in a choice of states, then improve it while somebody gains.

    Parameters
    ----------
    table
        States to choose from.
    limits
        Of the rows read as "at most", shape (m,).
    state
        Where to start: an index into the table's states for each query, shape (n,).
    prices
        Of the rows, shape (m,): they say which change costs least.

    Returns
    -------
    Another choice, shape (n,), that keeps every row; ``None`` where none was found.
    """
    mended = _repair(table, limits, state, prices)
    return None if mended is None else _improve(table, limits, mended, prices)


def _changes(table: Candidates, limits: np.ndarray, state: np.ndarray) -> _Changes:
    query = np.arange(len(state))
    now = table.use[:, state, query]
    return _Changes(
        table.value - table.value[state, query],
        table.use - now[:, None, :],
        limits - now.sum(axis=1),
    )


def _repair(
    table: Candidates, limits: np.ndarray, state: np.ndarray, prices: np.ndarray
) -> np.ndarray | None:
    """Change what costs least for what it relieves, many queries at a time."""
    query = np.arange(len(state))
    unit = np.maximum(np.abs(limits), np.abs(table.use).max(axis=(1, 2)))
    unit = np.where(unit > 0, unit, 1.0)
    tiny = _GAIN * float(np.abs(table.value[np.isfinite(table.value)]).max(initial=0.0)) + 1e-300
    for _ in range(_REPAIRS):
        gain, more, room = _changes(table, limits, state)
        least = -_WITHIN * np.abs(limits)
        if (room >= least).all():
            return state
        share, wide = room / unit, (more.reshape(len(unit), -1) / unit[:, None]).reshape(more.shape)
        before = np.maximum(-share, 0.0).sum()
        after = np.maximum(wide - share[:, None, None], 0.0).sum(axis=0)
        relief = np.where(np.isfinite(gain), before - after, 0.0)
        cost = np.tensordot(prices, more, 1) - gain
        # What costs nothing at the prices goes by what it relieves.
        ratio = np.where(relief > 0, relief / np.maximum(cost, tiny), 0.0)
        best = np.argmax(ratio, axis=0)
        order = np.argsort(-ratio[best, query], kind="stable")
        order = order[ratio[best[order], order] > 0]
        if not order.size:
            return None
        so_far = np.cumsum(wide[:, best[order], order], axis=1) - share[:, None]
        over = np.maximum(so_far, 0.0).sum(axis=0)
        taken = order[: int(np.argmin(over)) + 1]
        if not over.min() < before * (1.0 - 1e-9):
            return None
        state = state.copy()
        state[taken] = best[taken]
    return None


def _improve(
    table: Candidates, limits: np.ndarray, state: np.ndarray, prices: np.ndarray
) -> np.ndarray:
    """Take what gains most, first for what it costs and then as it is, while every row holds."""
    query = np.arange(len(state))
    least = _least_gain(table)
    for by_cost in (True, False):
        for _ in range(_IMPROVEMENTS):
            gain, more, room = _changes(table, limits, state)
            room = _with_rounding(room, limits)
            able = gain > least
            for row in range(len(limits)):
                able &= more[row] <= room[row]
            if not able.any():
                return state
            worth = np.where(able, gain, 0.0)
            if by_cost:
                cost = np.maximum(np.tensordot(prices, more, 1), 0.0)
                worth = worth / np.maximum(cost, 1e-3 * worth + 1e-300)
            best = np.argmax(worth, axis=0)
            order = np.argsort(-worth[best, query], kind="stable")
            order = order[worth[best[order], order] > 0]
            used = np.cumsum(more[:, best[order], order], axis=1)
            fits = (used <= room[:, None]).all(axis=0)
            taken = order[: int(np.argmin(fits)) if not fits.all() else len(order)]
            state = state.copy()
            state[taken] = best[taken]
    return state


def swap_pairs(
    table: Candidates, limits: np.ndarray, state: np.ndarray, prices: np.ndarray
) -> np.ndarray:
    """Let two queries change their states together while that gains and every row holds.

    Parameters
    ----------
    table, limits, prices
        As for `repair_and_improve`.
    state
        A choice that keeps every row, shape (n,).

    Returns
    -------
    A choice of at least the same value, shape (n,), that keeps every row.
    """
    least = _least_gain(table)
    for _ in range(_SWAPS):
        gain, more, room = _changes(table, limits, state)
        room = _with_rounding(room, limits)
        chosen = _worth_pairing(gain - np.tensordot(prices, more, 1), state)
        if not len(chosen[0]):
            break
        row, column = chosen
        own, needs = gain[row, column], more[:, row, column]
        both = own[:, None] + own[None, :]
        fits = (column[:, None] != column[None, :]) & (both > least)
        for needed, left in zip(needs, room, strict=True):
            fits &= needed[:, None] + needed[None, :] <= left
        found = np.flatnonzero(np.triu(fits))
        if not found.size:
            break
        found = found[np.argsort(-both.ravel()[found], kind="stable")][: 8 * _AT_ONCE]
        state, changed = state.copy(), np.zeros(len(state), dtype=bool)
        for one, other in zip(*np.unravel_index(found, both.shape), strict=True):
            pair = [one, other]
            need = needs[:, pair].sum(axis=1)
            if changed[column[pair]].any() or (need > room).any():
                continue
            room = room - need
            changed[column[pair]] = True
            state[column[pair]] = row[pair]
            if changed.sum() >= 2 * _AT_ONCE:
                break
        state = _improve(table, limits, state, prices)
    return state


def _worth_pairing(net: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose changes that lose least at the prices, as many of each state, small and large."""
    net = net.copy()
    net[state, np.arange(len(state))] = -np.inf
    if np.isfinite(net).sum() <= _FEW:
        row, column = np.nonzero(np.isfinite(net))
        return row, column
    per_state = max(_PAIRED // len(net), 2)
    if net.shape[1] > per_state:
        columns = np.argpartition(-net, per_state - 1, axis=1)[:, :per_state]
    else:
        columns = np.tile(np.arange(net.shape[1]), (len(net), 1))
    row = np.repeat(np.arange(len(net)), columns.shape[1])
    column = columns.ravel()
    worth = net[row, column]
    order = np.argsort(-worth, kind="stable")[:_PAIRED]
    order = order[np.isfinite(worth[order])]
    return row[order], column[order]


def _least_gain(table: Candidates) -> float:
    return _GAIN * float(np.abs(table.value[np.isfinite(table.value)]).max(initial=0.0))


def _with_rounding(room: np.ndarray, limits: np.ndarray) -> np.ndarray:
    return room + _WITHIN * np.abs(limits)
