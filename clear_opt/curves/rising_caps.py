"""Caps at which to tabulate draws of curves: where they rise, in whole tokens."""

from __future__ import annotations

import numpy as np

from clear_opt import defaults
from clear_opt.curves.base import Curve
from clear_opt.curves.tabular import TabularCurve

_MARKS = 9  # caps per draw from which the grid is chosen; more where draws are few
_GOLDEN = 0.5 * (5**0.5 - 1)
_TAIL = 2.0  # a draw that never quite peaks is followed up to this many times its last slope's cap
_BEFORE = (0.25, 0.5, 0.75)  # of the threshold, where draws are worth something below it


def rising_caps(curves: Curve, weights: np.ndarray, points: int) -> np.ndarray:
    """Return a grid of caps for each query from draws of its curve.

    Parameters
    ----------
    curves : Curve
        S draws for each of n queries, query by query.
    weights : array, shape (n, S)
        Of the draws, shape (n, S), a query's adding up to one.
    points : int
        Caps beside zero, >= 2.

    Returns
    -------
    Whole tokens, ascending from zero, shape (n, points + 1). Each cap comes with the token before
    it, up to which a draw that begins there gives nothing.
    """
    n, draws = weights.shape
    marks = np.minimum(_landmarks(curves, draws, points), defaults.MOST_TOKENS - points)
    each = marks.shape[1]
    marks = marks.reshape(n, each * draws)
    weight = np.repeat(weights / each, each, axis=1)
    order = np.argsort(marks, axis=1)
    marks = np.maximum(np.ceil(np.take_along_axis(marks, order, axis=1)), 1.0)
    share = np.take_along_axis(weight, order, axis=1).cumsum(axis=1)
    levels = np.linspace(1.0, 0.0, points // 2)[::-1] * (1 - 1e-9)
    place = np.array([np.searchsorted(row, levels) for row in share], dtype=np.int64)
    place = place.reshape(n, len(levels)).clip(max=marks.shape[1] - 1)
    grid = np.full((n, points), np.inf)
    chosen = _with_the_token_before(np.take_along_axis(marks, place, axis=1))
    grid[:, : chosen.shape[1]] = chosen
    # Where there are few of them, all are taken.
    every = _with_the_token_before(marks)
    few = np.isfinite(every).sum(axis=1) <= points
    width = min(points, every.shape[1])
    grid[few] = np.inf
    grid[few, :width] = every[few, :width]
    # The others follow the last, one token apart.
    extra = np.isinf(grid)
    last = np.where(extra, 0.0, grid).max(axis=1, keepdims=True)
    grid = np.where(extra, last + np.cumsum(extra, axis=1), grid)
    return np.concatenate([np.zeros((n, 1)), grid], axis=1)


def _landmarks(curves: Curve, draws: int, points: int) -> np.ndarray:
    """Return caps from where each draw begins to where it is done, shape (n * S, k)."""
    if isinstance(curves, TabularCurve):
        return np.asarray(curves.grid)
    # Evenly spaced slopes are about evenly spaced caps, whatever the family. Each draw has its
    # own slopes, so that draws that agree fill the gaps of one another.
    count = max(_MARKS, -(-2 * points // draws))
    stagger = np.tile(np.arange(draws) * _GOLDEN % 1.0, len(curves) // draws)
    threshold = np.asarray(curves.threshold)
    steepest = curves.marginal(threshold)
    slopes = [steepest * (1.0 - (k + stagger) / count) for k in range(count)]
    caps = [curves.response(slope) for slope in slopes]
    end = np.minimum(curves.peak, _TAIL * caps[-1])
    begun = bool((np.asarray(curves.value(threshold)) > 0).any())
    before = [share * threshold for share in _BEFORE] if begun else []
    return np.stack([*before, threshold, *caps, end], axis=1)


def _with_the_token_before(marks: np.ndarray) -> np.ndarray:
    """Return whole caps >= 1, shape (n, k), and those one below: ascending, each once, then inf."""
    both = np.concatenate([marks, np.where(marks > 1, marks - 1, np.inf)], axis=1)
    both.sort(axis=1)
    both[:, 1:][both[:, 1:] == both[:, :-1]] = np.inf
    both.sort(axis=1)
    return both
