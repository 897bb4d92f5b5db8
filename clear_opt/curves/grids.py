"""Token grids, one per query: what curves and lengths given by points have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from clear_opt._numerics.array_namespace import (
    Array,
    as_one_kind,
    is_traced,
    namespace,
    numbers_or_traced,
)
from clear_opt._numerics.arrays import is_repeated, once, read_only
from clear_opt.curves.base import require
from clear_opt.errors import InvalidInputError


def as_tables(grid: Any, values: Any, column: str) -> tuple[Array, Array]:
    """Return checked grids and what is known at their points as arrays of one shape (n, m).

    Parameters
    ----------
    grid : array-like
        Tokens, shape (m,) or (n, m).
    values : array-like
        Shape (m,) or (n, m).
    column : str
        Name the user knows the values by.

    Returns
    -------
    The two, float64; `with_origin` makes them ready for a curve.

    Raises
    ------
    InvalidInputError
        Naming row, column and value.
    """
    grid, values = _as_table(grid, "grid"), _as_table(values, column)
    if grid.shape[1] != values.shape[1] or grid.shape[1] == 0:
        raise InvalidInputError(
            f"the grid has {grid.shape[1]} points and {column!r} has {values.shape[1]}",
            remedy="give one number for each grid point, at least one",
        )
    try:
        shape = np.broadcast_shapes(grid.shape, values.shape)
    except ValueError:
        raise InvalidInputError(
            f"the grid has {len(grid)} rows and {column!r} has {len(values)}",
            remedy="give one grid for all queries, or one each",
        ) from None
    grid, values = (namespace(v).broadcast_to(v, shape) for v in (grid, values))
    _check_grid(grid)
    return grid, values


def with_origin(grid: Array, values: Array, at_zero: float) -> tuple[Array, Array]:
    """Put a point at zero tokens in front of checked grids that start above, both (n, m).

    Where a JAX transformation passes through the grid nobody knows where it starts. The point is
    then put in front in any case; a grid from zero has it twice, and the second one counts.
    """
    if is_traced(grid) or (len(grid) and grid[0, 0] > 0):
        grid, values = _prepended(grid, 0.0), _prepended(values, at_zero)
    grid, values = as_one_kind(grid, values)
    return grid, values


def _prepended(table: Array, first: float) -> Array:
    if is_traced(table):
        xp = namespace(table)
        return xp.concatenate([xp.full((len(table), 1), first, table.dtype), table], axis=1)
    rows = once(table)
    longer = read_only(np.concatenate([np.full((len(rows), 1), first), rows], axis=1))
    return np.broadcast_to(longer, (len(table), longer.shape[1])) if is_repeated(table) else longer


def _as_table(values: Any, column: str) -> Array:
    """Return numbers as an array of shape (1, m) or (n, m), or say what is wrong with them."""
    table = numbers_or_traced(values, column)
    if table.ndim not in (1, 2):
        raise InvalidInputError(
            f"has shape {table.shape}", column=column, remedy="give shape (m,) or (n, m)"
        )
    return namespace(table).atleast_2d(table)


def _check_grid(grid: Array) -> None:
    """Refuse grids, shape (n, m), that fall below zero, do not rise, or start differently."""
    if is_traced(grid):
        return
    grid = once(grid)
    require("grid", grid, lambda g: g >= 0, "must be a number >= 0", "the grid is in tokens")
    require(
        "grid",
        grid,
        lambda g: np.diff(g, axis=1, prepend=-1.0) > 0,
        "must exceed the grid point before it",
        "sort the grid and merge duplicates",
    )
    starts = grid[:, 0] > 0
    if starts.any() and not starts.all():
        row = int(np.flatnonzero(starts != starts[0])[0])
        raise InvalidInputError(
            "some grids start at zero and others above",
            column="grid",
            row=row,
            value=float(grid[row, 0]),
            remedy="start all at zero, or none",
        )
