"""A few small words for cvxpy programs, typed and with the None cases settled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import cvxpy as cp
import numpy as np
from cvxpy.constraints.nonpos import Inequality

from clear_opt.errors import SolverError


def at_most(left: Any, right: Any) -> Inequality:
    """Return the constraint left <= right."""
    return Inequality(cp.Expression.cast_to_const(left), cp.Expression.cast_to_const(right))


def total(terms: Iterable[cp.Expression]) -> cp.Expression:
    """Return the sum of one or more terms."""
    first, *others = terms
    for term in others:
        first = first + term
    return first


def numbers(expression: cp.Expression) -> np.ndarray:
    """Return an expression's solved value; a `SolverError` if there is none."""
    if expression.value is None:
        raise SolverError("the convex program left no solution; try solver='dual'")
    return np.asarray(expression.value, dtype=np.float64)


def dual_of(row: Inequality) -> float:
    """Return the dual of a scalar row, >= 0; a `SolverError` if there is none."""
    if row.dual_value is None:
        raise SolverError("the convex program left no dual; try solver='dual'")
    return max(float(np.asarray(row.dual_value, dtype=np.float64)), 0.0)


def duals_of(rows: Inequality) -> np.ndarray:
    """Return the duals of several rows, >= 0, shape (m,); a `SolverError` if there are none."""
    if rows.dual_value is None:
        raise SolverError("the convex program left no dual; try solver='dual'")
    return np.maximum(np.asarray(rows.dual_value, dtype=np.float64).ravel(), 0.0)
