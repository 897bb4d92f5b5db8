"""Every choice of one state for each query, where there are few enough: a handful of queries."""

from __future__ import annotations

import numpy as np

_MOST_CHOICES = 300_000


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
