"""A restricted integer program: one state for each query near the break items, every row kept.

`decide` optimises the queries nearest to a tie jointly; the others keep their best state at the
prices. This is kernel search with one kernel (Angelelli, Mansini and Speranza 2010). Where there
are few choices in all, `try_all` enumerates them.

Branch and bound, depth first, over linear relaxations. A vertex of such a relaxation splits at most
as many queries as there are rows, so a dive to an integer solution is short.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from clear_opt.solvers.program.candidates import Candidates

_MOST_ROUNDINGS = 64  # of one vertex: two states each for half a dozen split queries
_WHOLE = 1e-6  # how far a linear program's share may be from 0 or 1 and count as that
_MOST_CHOICES = 300_000
_CLOSE = 1e-5  # relative difference to the best possible value at which to stop
_TRIES = 3  # rows are kept to the linear solver's tolerance only: then again, a little tighter


def choose_states(
    value: np.ndarray,
    use: np.ndarray,
    limits: np.ndarray,
    owner: np.ndarray,
    *,
    nodes: int,
    close: float = 0.0,
) -> np.ndarray | None:
    """Choose one state for each query so that every row holds and the value is greatest.

    Parameters
    ----------
    value
        Of each state, shape (s,).
    use
        Of each row by each state, shape (m, s).
    limits
        What the chosen states may use of each row together, shape (m,).
    owner
        Query of each state, integers from 0 to q - 1, each with at least one state; shape (s,).
    nodes
        Most linear programs to solve; at least until a first choice is found, ten times as many.
    close
        Relative difference to the best possible value at which to stop.

    Returns
    -------
    Indices of the chosen states, shape (q,), ``None`` if no choice keeps every row or none was
    found.

    Examples
    --------
    >>> worth, cost = np.array([0.0, 5.0, 0.0, 4.0]), np.array([[0.0, 3.0, 0.0, 2.0]])
    >>> choose_states(worth, cost, np.array([4.0]), np.array([0, 0, 1, 1]), nodes=10)
    array([1, 2])
    """
    size = len(value)
    stack = [(np.zeros(size), np.ones(size))]
    best, chosen, solved, most = -np.inf, None, 0, None
    while stack and solved < (nodes if chosen is not None else 10 * nodes):
        low, high = stack.pop()
        answer, solved = relaxed_choice(value, use, limits, owner, low, high), solved + 1
        if answer is None:
            continue
        bound, share = answer
        most = bound if most is None else most
        if bound <= best + close * abs(most):
            continue
        inner = np.minimum(share, 1.0 - share)
        if inner.max() <= _WHOLE:
            best, chosen = bound, np.flatnonzero(share > 0.5)
            continue
        # Few queries are split: whole choices among their shares are nearly as good.
        rounded = _rounded(value, use, limits, owner, share)
        if rounded is not None and (worth := float(value[rounded].sum())) > best:
            best, chosen = worth, rounded
            if bound <= best + close * abs(most):
                continue
        # Settle the query's largest share first: taken in one branch, ruled out in the other.
        split = int(np.argmax(np.where(inner > _WHOLE, share, 0.0)))
        without, taken = high.copy(), high.copy()
        without[split] = 0.0
        taken[owner == owner[split]] = 0.0
        taken[split] = 1.0
        stack += [(low, without), (low, taken)]
    return chosen


def _rounded(
    value: np.ndarray, use: np.ndarray, limits: np.ndarray, owner: np.ndarray, share: np.ndarray
) -> np.ndarray | None:
    """Return the best whole choice among the states that have a share, ``None`` if none fits."""
    having = np.flatnonzero(share > _WHOLE)
    having = having[np.argsort(owner[having], kind="stable")]
    options = np.split(having, np.flatnonzero(np.diff(owner[having])) + 1)
    if np.prod([float(len(states)) for states in options]) > _MOST_ROUNDINGS:
        return None
    choices = np.array(list(product(*options)))
    size = np.maximum(np.abs(use).max(axis=1, initial=0.0), np.abs(limits))
    fits = (use[:, choices].sum(axis=2) <= (limits + 1e-12 * size)[:, None]).all(axis=0)
    if not fits.any():
        return None
    return choices[np.argmax(np.where(fits, value[choices].sum(axis=1), -np.inf))]


def relaxed_choice(
    value: np.ndarray,
    use: np.ndarray,
    limits: np.ndarray,
    owner: np.ndarray,
    low: np.ndarray | float = 0.0,
    high: np.ndarray | float = 1.0,
    *,
    room: float = 1e-9,
) -> tuple[float, np.ndarray] | None:
    """Let each query mix its states, with shares between ``low`` and ``high``: a vertex.

    Parameters
    ----------
    value, use, limits, owner
        As for `choose_states`.
    low, high
        Of the share of each state, shape (s,).
    room
        By how much a row may be exceeded, relative to its size: rounding of what came before.

    Returns
    -------
    The greatest value and the shares, shape (s,); ``None`` if there is none.
    """
    size = np.maximum(np.abs(use).max(axis=1, initial=0.0), np.abs(limits))
    unit = np.where(size > 0, size, 1.0)
    scale = max(float(np.abs(value).max(initial=0.0)), 1e-300)
    states, queries = len(value), int(owner.max()) + 1
    ones = csr_array((np.ones(states), (owner, np.arange(states))), (queries, states))
    found = linprog(
        -value / scale,
        A_ub=csr_array(use / unit[:, None]),
        b_ub=limits / unit + room,
        A_eq=ones,
        b_eq=np.ones(queries),
        bounds=np.column_stack([low + np.zeros(states), high + np.zeros(states)]),
        method="highs-ds",
    )
    return None if found.x is None else (-scale * float(found.fun), np.asarray(found.x))


def try_all(
    value: np.ndarray, use: np.ndarray, limits: np.ndarray, owner: np.ndarray
) -> np.ndarray | None:
    """Choose the states of greatest value that keep every row, by trying all choices.

    Parameters
    ----------
    value, use, limits, owner
        As for `clear_opt.solvers.program.branch_and_bound.choose_states`.

    Returns
    -------
    Indices of the chosen states, shape (q,); ``None`` if no choice keeps every row.

    Examples
    --------
    >>> worth, cost = np.array([0.0, 5.0, 0.0, 4.0]), np.array([[0.0, 3.0, 0.0, 2.0]])
    >>> try_all(worth, cost, np.array([4.0]), np.array([0, 0, 1, 1]))
    array([1, 2])
    """
    choices, total, used = all_choices(value, use, owner)
    size = np.maximum(np.abs(use).max(axis=1, initial=0.0), np.abs(limits))
    fits = (used <= (limits + 1e-12 * size)[:, None]).all(axis=0)
    if not fits.any():
        return None
    return choices[:, int(np.argmax(np.where(fits, total, -np.inf)))]


def all_choices(
    value: np.ndarray, use: np.ndarray, owner: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """List every choice: its states, shape (q, c), its value, (c,), and its use, (m, c).

    Parameters are those of `try_all`.
    """
    choices = np.zeros((0, 1), dtype=np.int64)
    total, used = np.zeros(1), np.zeros((len(use), 1))
    for query in range(int(owner.max()) + 1):
        states = np.flatnonzero(owner == query)
        choices = np.vstack([np.repeat(choices, len(states), axis=1), np.tile(states, len(total))])
        total = (total[:, None] + value[states]).ravel()
        used = (used[:, :, None] + use[:, None, states]).reshape(len(use), -1)
    return choices, total, used


def few_choices(owner: np.ndarray) -> bool:
    """Whether `try_all` is quick."""
    return float(np.prod(np.bincount(owner).astype(np.float64))) <= _MOST_CHOICES


def decide(
    table: Candidates,
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
    """Return which states exist and are not dominated by another of the query, (r, q)."""
    exists = np.isfinite(value)
    worth = np.where(exists, value, np.inf)
    no_worse = (worth[:, None] >= worth) & exists[:, None] & exists
    for used in use:
        no_worse &= used[:, None] <= used
    # Of equal states the first is kept.
    first = np.arange(len(value))[:, None] < np.arange(len(value))
    beats = no_worse & (~no_worse.swapaxes(0, 1) | first[:, :, None])
    return exists & ~beats.any(axis=0)
