"""A small integer program: one state for each query of a window, every row kept.

Branch and bound, depth first, over linear relaxations. A vertex of such a relaxation has at most as
many split queries as there are rows, so a dive to whole numbers is short.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_array

_MOST_ROUNDINGS = 64  # of one vertex: two states each for half a dozen split queries
_WHOLE = 1e-6  # how far a linear program's share may be from 0 or 1 and count as that


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
    """Give the best whole choice among the states that have a share, ``None`` if none fits."""
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
