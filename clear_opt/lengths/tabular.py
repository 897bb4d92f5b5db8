"""Completion lengths given by points of their survival function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt._numerics.array_namespace import Array, namespace
from clear_opt.curves.base import require
from clear_opt.curves.grids import as_tables, with_origin
from clear_opt.lengths.base import Lengths, aligned


@dataclass(frozen=True, eq=False, repr=False, init=False)
class TabularLengths(Lengths):
    """P(L > b) as straight lines between points on a token grid, flat beyond the last.

    Parameters
    ----------
    grid : array-like, shape (m,) or (n, m)
        Tokens, strictly increasing along a row, >= 0; shape (m,) for one grid shared by all
        queries. Where grids start above zero the point (0, 1) is put in front.
    survival : array-like, shape (n, m) or (m,)
        P(L > b) at the grid, in [0, 1] and never rising. What is left at
        the last point never ends by itself: its mean spend grows with the cap.

    Raises
    ------
    InvalidInputError
        Naming row, column and value.

    Examples
    --------
    >>> lengths = TabularLengths([100, 200], [[0.5, 0.0]])
    >>> lengths.expected_spend([[100.0, 200.0]]), lengths.mean
    (array([[ 75., 100.]]), array([100.]))
    """

    grid: Array
    survival_at_grid: Array

    def __init__(self, grid: Any, survival: Any) -> None:
        grid, survival = as_tables(grid, survival, "survival")
        _check(survival)
        grid, survival = with_origin(grid, survival, 1.0)
        object.__setattr__(self, "grid", grid)
        object.__setattr__(self, "survival_at_grid", survival)

    def _segment(self, tokens: Array) -> tuple[Array, ...]:
        """Find the segment of each cap.

        Gives its left end, the survival there, the slope of survival, the way into it (all in
        tokens, shape (n, m)), the spend and half the squared spend up to the left end, and
        whether the caps came without an axis of their own.
        """
        xp, tokens = aligned(self, tokens)
        flat = tokens.ndim == 1
        tokens = tokens[:, None] if flat else tokens
        grid, level = self.grid, self.survival_at_grid
        step = xp.diff(grid, axis=1)
        rises = step > 0  # a grid from zero that was traced has its first point twice
        slope = xp.where(rises, xp.diff(level, axis=1), 0.0) / xp.where(rises, step, 1.0)
        zero = xp.zeros((len(grid), 1))
        spend = step * (level[:, :-1] + level[:, 1:]) / 2.0
        spend_to = xp.concatenate([zero, xp.cumsum(spend, axis=1)], axis=1)
        half = _half_square(grid[:, :-1], level[:, :-1], slope, step)
        half_to = xp.concatenate([zero, xp.cumsum(half, axis=1)], axis=1)
        slope = xp.concatenate([slope, zero], axis=1)
        left = xp.maximum((grid[:, None, :] <= tokens[:, :, None]).sum(axis=2) - 1, 0)

        def pick(table: Array) -> Array:
            return xp.take_along_axis(table, left, axis=1)

        # Beyond the last point what survives is flat: nothing grows where it is zero, even at an
        # infinite cap.
        settled = (pick(level) == 0.0) & (pick(slope) == 0.0)
        into = xp.where(settled, 0.0, xp.maximum(tokens - pick(grid), 0.0))
        return *map(pick, (grid, level, slope, spend_to, half_to)), into, flat

    def survival(self, tokens: Array) -> Array:
        """Return P(L > b), shape (n,) or (n, m)."""
        _, level, slope, _, _, into, flat = self._segment(tokens)
        fallen = level + _product(slope, into)
        return fallen[:, 0] if flat else fallen

    def expected_spend(self, tokens: Array) -> Array:
        """Return E min(L, b), the integral of P(L > t) up to b, tokens, shape (n,) or (n, m)."""
        _, level, slope, spend, _, into, flat = self._segment(tokens)
        spend = spend + _product(level, into) + 0.5 * _product(slope, into**2)
        return spend[:, 0] if flat else spend

    def spend_variance(self, tokens: Array) -> Array:
        """Return Var min(L, b), from the integral of 2 t P(L > t), shape (n,) or (n, m)."""
        left, level, slope, spend, half, into, flat = self._segment(tokens)
        xp = namespace(into)
        finite = xp.where(into == xp.inf, 0.0, into)
        spend = spend + level * finite + 0.5 * slope * finite**2
        half = half + _half_square(left, level, slope, finite)
        variance = xp.maximum(2.0 * half - spend**2, 0.0)
        variance = xp.where(into == xp.inf, xp.inf, variance)
        return variance[:, 0] if flat else variance

    def __repr__(self) -> str:
        return f"TabularLengths(n={len(self)}, points={self.grid.shape[1]})"


def _half_square(left: Array, level: Array, slope: Array, into: Array) -> Array:
    """Integrate t P(L > t) from the left end of a segment, ``into`` tokens far."""
    return into * (left * level + into * ((level + left * slope) / 2.0 + into * slope / 3.0))


def _product(factor: Array, into: Array) -> Array:
    """Multiply, where nothing times an infinite way is nothing."""
    xp = namespace(factor, into)
    return factor * xp.where(factor == 0.0, 0.0, into)


def _check(survival: Array) -> None:
    require(
        "survival",
        survival,
        lambda s: (s >= 0) & (s <= 1),
        "lies outside [0, 1]",
        "give probabilities",
    )
    require(
        "survival",
        survival,
        lambda s: np.diff(s, axis=1, prepend=1.0) <= 0,
        "exceeds the point before it",
        "P(L > b) never rises in b",
    )
