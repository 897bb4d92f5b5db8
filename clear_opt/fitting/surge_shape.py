"""From the sigma of log-normal lengths to a surge: least squares on the completion curve.

A query whose correct completions have log-normal lengths with median m and log-std s answers
within b tokens with probability height * Phi(log(b / m) / s). Height and median only scale this
curve, so the surge that fits it best depends on s alone. It is found once on a grid of sigmas
and read off by interpolation. Other curves with a threshold are read off in the same way.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import ndtr

from clear_opt.curves import ShiftedSurge
from clear_opt.curves.threshold import ThresholdCurve

SMALLEST_SIGMA = 0.05
"""Sigma below which lengths count as known to 5 %: no estimate from text is finer."""

LARGEST_SIGMA = 1.5
"""Sigma above which all is read as this: the threshold has been 0 since about 0.95."""

_GRID = 61  # sigmas fitted; interpolation between them errs by less than 0.02 medians
_CAPS = 400  # caps per fit


class Completion(NamedTuple):
    """Success and log-normal length of the completions of each query, arrays of shape (n,).

    ``success`` is the probability of a right answer under no cap, ``median`` the median length of
    right answers in tokens, ``sigma`` the standard deviation of their log length.
    """

    success: np.ndarray
    median: np.ndarray
    sigma: np.ndarray


class SurgeShape(NamedTuple):
    """Curves for completion curves of median 1 and height 1, all arrays of one shape.

    ``tau`` and ``width`` (threshold to peak) are multiples of the median length, ``height`` is a
    factor in (0, 1].
    """

    tau: np.ndarray
    width: np.ndarray
    height: np.ndarray


def surge_shape(sigma: np.ndarray) -> SurgeShape:
    """Return the surge nearest to the completion curve of log-normal lengths of each sigma.

    Parameters
    ----------
    sigma : numpy.ndarray, shape (n,)
        Standard deviation of the log of the length. Values outside
        [`SMALLEST_SIGMA`, `LARGEST_SIGMA`] are read as the nearer end.

    Examples
    --------
    >>> shape = surge_shape(np.array([0.3]))
    >>> shape.tau.round(1), shape.width.round(1)
    (array([0.7]), array([1.4]))
    """
    return curve_shape(sigma, ShiftedSurge)


def curve_shape(sigma: np.ndarray, family: type[ThresholdCurve]) -> SurgeShape:
    """Return the curve of another family nearest to each completion curve: as `surge_shape`.

    Parameters
    ----------
    sigma : numpy.ndarray, any shape
        Standard deviation of the log of the length.
    family : type
        `ShiftedSurge`, `Quadratic` or `Triangular`.
    """
    sigmas, shapes = _fitted_grid(family)
    at = np.log(np.clip(sigma, SMALLEST_SIGMA, LARGEST_SIGMA))
    return SurgeShape(*(np.interp(at, np.log(sigmas), values) for values in shapes))


@cache
def _fitted_grid(family: type[ThresholdCurve]) -> tuple[np.ndarray, SurgeShape]:
    sigmas = np.geomspace(SMALLEST_SIGMA, LARGEST_SIGMA, _GRID)
    return sigmas, SurgeShape(*np.transpose([fit_shape(sigma, family) for sigma in sigmas]))


def fit_shape(sigma: float, family: type[ThresholdCurve] = ShiftedSurge) -> SurgeShape:
    """Fit one curve, read as a plateau, to Phi(log(b) / sigma) by least squares over caps b.

    The caps run evenly from 0 to twice the length two sigmas above the median, so the plateau
    counts beside the rise: a surge that peaks at the 90 % quantile loses at large budgets.

    Parameters
    ----------
    sigma : float
        Standard deviation of the log of the length, > 0.
    family : type
        The kind of curve: zero up to a threshold, then one shape up to a peak.
    """
    caps = completion_caps(sigma)
    target = ndtr(np.log(caps) / sigma)
    unit = family.from_height(tau=0.0, height=1.0, width=1.0)

    def residuals(parameters: np.ndarray) -> np.ndarray:
        tau, width, height = parameters
        return height * unit.value((caps - tau) / width) - target

    # About where the answers lie: the threshold near the 10 % quantile, the width growing with
    # the distance between the tails.
    start = np.array([np.exp(-1.3 * sigma), 3.0 * np.sinh(sigma), 0.99])
    bounds = ([0.0, 1e-6, 0.0], [np.inf, np.inf, 1.0])
    return SurgeShape(*least_squares(residuals, start, bounds=bounds, xtol=1e-10).x)


def completion_caps(sigma: float) -> np.ndarray:
    """Return the caps over which the fit is taken, multiples of the median, shape (400,)."""
    return np.linspace(0.0, 2.0 * np.exp(2.0 * sigma), _CAPS + 1)[1:]
