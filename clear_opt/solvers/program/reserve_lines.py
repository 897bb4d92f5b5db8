"""What chance bounds keep back of each row, and straight lines above and below it.

The reserve of a limit grows with the square root of what its members' spend varies, so it is
concave in the variance V and no sum over queries. A line in V is one. The tangent at any V lies
above the reserve: caps that are safe under it are safe. The chord over a range of V lies below it
there: no caps with a V in the range escape a bound under it (the mathematics, section 9).
"""

from __future__ import annotations

import numpy as np

from clear_opt.problem.constraints import Limit
from clear_opt.solvers.program.coupling_rows import LinearReserve
from clear_opt.solvers.program.lagrangian import LagrangianDual

_NO_RANGE, _NO_VARIANCE = 1e-12, 1e-100  # relative, and squared units: both lost in rounding


def reserves(dual: LagrangianDual, variance: np.ndarray) -> np.ndarray:
    """Return what is kept back of every row, in units, shape (m, ...).

    Parameters
    ----------
    dual
        A program's rows.
    variance
        Of what is used of each row, squared units, shape (m, ...).
    """
    kept = np.zeros_like(variance)
    for index, row in enumerate(dual.rows):
        if isinstance(row, Limit):
            largest = float(dual.compiled.largest_excess[index])
            kept[index] = dual.program.chance_reserve(row, variance[index], largest)
    return kept


def tangents(dual: LagrangianDual, variance: np.ndarray) -> LinearReserve:
    """Return lines that lie above the reserves and touch them at variances of shape (m,).

    At a variance of zero the tangent is vertical: there the line is so steep that the least
    variance of any member takes the whole limit.
    """
    rate, constant = np.zeros(dual.m), np.zeros(dual.m)
    for index, row in enumerate(dual.rows):
        if not isinstance(row, Limit):
            continue
        largest = float(dual.compiled.largest_excess[index])
        rate[index], constant[index] = dual.program.chance_reserve_tangent(
            row, float(variance[index]), largest
        )
        if variance[index] <= 0 and np.isfinite(least := _least_positive(dual, index)):
            rate[index] = float(row.amount) / least
    return LinearReserve(rate, constant)


def _least_positive(dual: LagrangianDual, index: int) -> float:
    """Return the least variance above zero of what one query uses of a row; infinity if none is."""
    least = np.inf
    for k, offered in enumerate(dual.free_choices):
        states = offered.table
        assert states is not None  # expected spend has finitely many
        spread = dual.rate[index, k, :, None] ** 2 * states.variance
        varies = (spread > 0) & states.usable
        least = min(least, spread[varies].min(initial=np.inf))
    return float(least)


def chords(dual: LagrangianDual, low: np.ndarray, high: np.ndarray) -> LinearReserve:
    """Return lines below the reserves for variances from ``low`` to ``high``, (m,) each."""
    at_low, at_high = reserves(dual, low), reserves(dual, high)
    run = high - low
    # Over next to no range the lower end will do.
    rises = run > _NO_RANGE * high + _NO_VARIANCE
    rate = np.where(rises, at_high - at_low, 0.0) / np.where(rises, run, 1.0)
    return LinearReserve(rate, at_low - rate * low)
