"""Token grids, one per query: what curves and lengths given by points have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from clear_opt.curves.base import require
from clear_opt.curves.numerics import Array, is_traced, namespace
from clear_opt.errors import InvalidInputError


def as_table(values: Any, name: str) -> np.ndarray:
    """Give numbers as an array of shape (m,) or (n, m), or say what is wrong with them."""
    try:
        table = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidInputError(
            "is not a rectangular numeric table",
            column=name,
            remedy="give every query the same number of points",
        ) from None
    if table.ndim not in (1, 2):
        raise InvalidInputError(
            f"has shape {table.shape}", column=name, remedy="give shape (m,) or (n, m)"
        )
    return table


def check_grid(grid: Array) -> None:
    """Refuse grids, shape (n, m), that fall below zero, do not rise, or start differently."""
    require("grid", grid, lambda g: g >= 0, "must be a number >= 0", "the grid is in tokens")
    require(
        "grid",
        grid,
        lambda g: np.diff(g, axis=1, prepend=-1.0) > 0,
        "must exceed the grid point before it",
        "sort the grid and merge duplicates",
    )
    if is_traced(grid):
        return
    starts = np.asarray(grid[:, 0]) > 0
    if starts.any() and not starts.all():
        row = int(np.flatnonzero(starts != starts[0])[0])
        raise InvalidInputError(
            "some grids start at zero and others above",
            column="grid",
            row=row,
            value=float(grid[row, 0]),
            remedy="start all at zero, or none",
        )


def from_zero(grid: Array, values: Array, at_zero: float) -> tuple[Array, Array]:
    """Put a point at zero tokens in front of checked grids that start above, both (n, m)."""
    if is_traced(grid) or not len(grid) or np.asarray(grid[0, 0]) == 0:
        return grid, values
    xp = namespace(grid, values)
    first = xp.zeros((len(grid), 1))
    return xp.concatenate([first, grid], axis=1), xp.concatenate([first + at_zero, values], axis=1)
