"""From a spread of lengths to a surge: least squares on the completion curve (design 1.7).

A query whose correct completions have log-normal lengths with median m and log-spread s answers
within b tokens with probability height * Phi(log(b / m) / s). Height and median only scale this
curve, so the surge that fits it best depends on s alone. It is found once on a grid of spreads
and read off by interpolation.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

from clear_opt.errors import InvalidInputError

SMALLEST_SPREAD = 0.05
"""Log-spread below which lengths are treated as known to 5 %: estimates are not finer."""

LARGEST_SPREAD = 1.5
"""Log-spread above which the curve has no visible threshold; larger ones are read as this."""

GRID_SPREADS = 41
"""Spreads at which the fit is done; between them the interpolation error is below 1e-3."""

_POINTS = 400  # caps per fit
_TAIL = 3.0  # the caps reach this many spreads above the median, well into the plateau


class SurgeShape(NamedTuple):
    """Surges for completion curves of median 1 and height 1, arrays of one shape.

    ``tau`` and ``width`` are multiples of the median length; ``height`` is a factor in (0, 1].
    """

    tau: np.ndarray
    width: np.ndarray
    height: np.ndarray


def fit_shape(spread: float, start: SurgeShape | None = None) -> SurgeShape:
    """Fit tau, width and height to Phi(log(b) / spread) by least squares over the caps b.

    The caps run evenly from 0 to three spreads above the median, so that the plateau counts as
    much as the rise: a surge that peaks at the 90 % quantile loses at large budgets.

    Parameters
    ----------
    spread
        Standard deviation of the log of the length, > 0.
    start
        Where to begin, e.g. the answer for a spread nearby.
    """
    caps = np.linspace(0.0, np.exp(_TAIL * spread), _POINTS + 1)[1:]
    target = ndtr(np.log(caps) / spread)

    def residuals(parameters: np.ndarray) -> np.ndarray:
        tau, width, height = parameters
        y = np.clip((caps - tau) / width, 0.0, 1.0)
        return height * y * np.exp(1.0 - y) - target

    guess = start or SurgeShape(np.exp(-1.3 * spread), 3.0 * np.sinh(spread), np.float64(0.99))
    fit = least_squares(
        residuals, np.stack(guess), bounds=([0.0, 1e-6, 0.0], [np.inf, np.inf, 1.0]), xtol=1e-10
    )
    return SurgeShape(*fit.x)


@cache
def _shapes() -> tuple[np.ndarray, SurgeShape]:
    spreads = np.geomspace(SMALLEST_SPREAD, LARGEST_SPREAD, GRID_SPREADS)
    return spreads, SurgeShape(*np.transpose([fit_shape(spread) for spread in spreads]))


def surge_shape(spread: np.ndarray) -> SurgeShape:
    """Read the fitted surges off the grid, for log-spreads of shape (n,).

    Parameters
    ----------
    spread
        Standard deviations of log length, > 0; read as the nearest end of
        [`SMALLEST_SPREAD`, `LARGEST_SPREAD`] where they lie outside.

    Examples
    --------
    >>> shape = surge_shape(np.array([0.3]))
    >>> shape.tau.round(2), shape.width.round(2), shape.height.round(2)
    (array([0.64]), array([0.97]), array([0.98]))
    """
    spread = np.asarray(spread, dtype=np.float64)
    if not (spread > 0).all():
        raise InvalidInputError("must be positive", column="spread")
    spreads, shapes = _shapes()
    at = np.log(np.clip(spread, spreads[0], spreads[-1]))
    return SurgeShape(*(np.interp(at, np.log(spreads), values) for values in shapes))
