"""What chance bounds keep back of each row, and straight lines above and below it.

The reserve of a limit grows with the square root of what its members' spend varies, so it is
concave in the variance V and no sum over queries. A line in V is one. The tangent at any V lies
above the reserve: caps that are safe under it are safe. The chord over a range of V lies below it
there: no caps with a V in the range escape a bound under it (the mathematics, section 9).
"""

from __future__ import annotations

import numpy as np

from clear_opt.problem.constraints import Limit
from clear_opt.solvers.program.lagrangian import Margin, System

_NO_RANGE, _NO_VARIANCE = 1e-12, 1e-100  # relative, and squared units: both lost in rounding


def reserves(system: System, variance: np.ndarray) -> np.ndarray:
    """Give what is kept back of every row, in units, shape (m, ...).

    Parameters
    ----------
    system
        A program's rows.
    variance
        Of what is used of each row, squared units, shape (m, ...).
    """
    kept = np.zeros_like(variance)
    for index, row in enumerate(system.rows):
        if isinstance(row, Limit):
            largest = float(system.largest_excess[index])
            kept[index] = system.program.kept_back(row, variance[index], largest)
    return kept


def tangents(system: System, variance: np.ndarray) -> Margin:
    """Give lines that lie above the reserves and touch them at variances of shape (m,).

    At a variance of zero the tangent is vertical: there the line is so steep that the least
    variance of any member takes the whole limit.
    """
    rate, constant = np.zeros(system.m), np.zeros(system.m)
    for index, row in enumerate(system.rows):
        if not isinstance(row, Limit):
            continue
        largest = float(system.largest_excess[index])
        rate[index], constant[index] = system.program.kept_back_line(
            row, float(variance[index]), largest
        )
        if variance[index] <= 0 and np.isfinite(least := _least_positive(system, index)):
            rate[index] = float(row.amount) / least
    return Margin(rate, constant)


def _least_positive(system: System, index: int) -> float:
    """Give the least variance above zero of what one query uses of a row; infinity if none is."""
    least = np.inf
    for k, lane in enumerate(system.free_lanes):
        states = lane.table
        assert states is not None  # expected spend has finitely many
        spread = system.rate[index, k, :, None] ** 2 * states.variance
        varies = (spread > 0) & states.usable
        least = min(least, spread[varies].min(initial=np.inf))
    return float(least)


def chords(system: System, low: np.ndarray, high: np.ndarray) -> Margin:
    """Give lines that lie below the reserves for variances from ``low`` to ``high``, (m,) each."""
    at_low, at_high = reserves(system, low), reserves(system, high)
    run = high - low
    # Over next to no range the lower end will do.
    rises = run > _NO_RANGE * high + _NO_VARIANCE
    rate = np.where(rises, at_high - at_low, 0.0) / np.where(rises, run, 1.0)
    return Margin(rate, at_low - rate * low)
