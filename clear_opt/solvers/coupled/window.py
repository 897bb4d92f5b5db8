"""Decide the queries nearest to a tie together, by a small integer program.

Whatever the rows, at the prices almost every query has one best state, and only few need be decided
anew; the others keep theirs.
"""

from __future__ import annotations

import numpy as np

from clear_opt.solvers.program.branch_and_bound import choose_states
from clear_opt.solvers.program.branch_and_bound import few_choices, try_all
from clear_opt.solvers.program.candidates import Table

_CLOSE = 1e-5  # relative difference to the best possible value at which to stop
_TRIES = 3  # rows are kept to the linear solver's tolerance only: then again, a little tighter


def decide(
    table: Table,
    limits: np.ndarray,
    state: np.ndarray,
    window: np.ndarray,
    rungs: np.ndarray,
    nodes: int,
) -> np.ndarray | None:
    """Choose the states of a window's queries anew.

    Parameters
    ----------
    table
        States to choose from.
    limits
        Of the rows read as "at most", shape (m,).
    state
        A choice of states, shape (n,), that queries outside the window keep.
    window
        Different queries, shape (q,).
    rungs
        Which of the table's states of each query may be chosen, shape (r,).
    nodes
        Linear programs to solve at most, where there are too many choices to try all.

    Returns
    -------
    A choice, shape (n,), that keeps every row; ``None`` where none was found.
    """
    value = table.value[rungs][:, window]
    use = table.use[:, rungs][:, :, window]
    owner, rung = np.nonzero(undominated(value, use).T)
    outside = np.ones(len(state), dtype=bool)
    outside[window] = False
    kept = np.flatnonzero(outside)
    left = limits - table.use[:, state[kept], kept].sum(axis=1)
    tighter = np.zeros(len(limits))
    worth, used, few = value[rung, owner], use[:, rung, owner], few_choices(owner)
    for _ in range(_TRIES):
        room = left - tighter
        if few:
            chosen = try_all(worth, used, room, owner)
        else:
            chosen = choose_states(worth, used, room, owner, nodes=nodes, close=_CLOSE)
        if chosen is None:
            return None
        found = state.copy()
        found[window[owner[chosen]]] = rungs[rung[chosen]]
        over = table.use[:, found, np.arange(len(found))].sum(axis=1) - limits
        if (over <= 1e-12 * np.abs(limits)).all():
            return found
        tighter += 2.0 * np.maximum(over, 0.0)
    return None


def undominated(value: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Say which states exist and are worth more or use less than any other of the query, (r, q)."""
    exists = np.isfinite(value)
    worth = np.where(exists, value, np.inf)
    no_worse = (worth[:, None] >= worth) & exists[:, None] & exists
    for used in use:
        no_worse &= used[:, None] <= used
    # Of equal states the first is kept.
    first = np.arange(len(value))[:, None] < np.arange(len(value))
    beats = no_worse & (~no_worse.swapaxes(0, 1) | first[:, :, None])
    return exists & ~beats.any(axis=0)
