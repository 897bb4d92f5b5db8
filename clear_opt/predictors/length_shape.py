"""Distribution of log lengths around their prediction: nearly normal, with a long upper tail.

A normal log length predicts well what a cap near the median costs, but too little beyond: caps that
a price chooses are generous, and the few answers that are far longer than predicted then cost more
than expected. So the standardised residuals of held-out queries are described by a mixture of two
normals, fitted by expectation-maximisation (A. P. Dempster, N. M. Laird and D. B. Rubin, 1977,
Journal of the Royal Statistical Society B 39, 1-38).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from clear_opt.fitting.surge_shape import SMALLEST_SIGMA
from clear_opt.lengths import LogNormalLengths, MixedLengths

_PRIOR_QUERIES = 30.0  # queries that the prior shape counts as
_NORMAL_POINTS = ndtri((np.arange(60) + 0.5) / 60.0)
_MAX_RESIDUAL = 8.0  # standard deviations; larger residuals are clipped to it
_ROUNDS = 300  # of expectation-maximisation, more than it needs
_MIN_SCALE, _MAX_SCALE = 0.3, 3.0


@dataclass(frozen=True)
class LengthShape:
    """Distribution of (log L - log median) / sigma: a mixture of two normals.

    Attributes
    ----------
    tail : float
        Weight of the second normal, in [0, 1].
    shift, scale : numpy.ndarray, shape (2,)
        Mean and standard deviation of the two.
    """

    tail: float
    shift: np.ndarray
    scale: np.ndarray

    def lengths(self, median: np.ndarray, sigma: np.ndarray) -> MixedLengths:
        """Return lengths of this shape, given medians in tokens and log-stds, shape (n,)."""
        parts = [
            LogNormalLengths(
                median * np.exp(sigma * shift), np.maximum(sigma * scale, SMALLEST_SIGMA)
            )
            for shift, scale in zip(self.shift, self.scale, strict=True)
        ]
        return MixedLengths(1.0 - self.tail, *parts)


NORMAL = LengthShape(0.0, np.zeros(2), np.ones(2))
"""Log-normal lengths."""


def fit_shape(
    residuals: np.ndarray, weight: np.ndarray, prior: LengthShape = NORMAL
) -> LengthShape:
    """Fit the shape to standardised residuals, by expectation-maximisation.

    Parameters
    ----------
    residuals : numpy.ndarray, shape (rows,)
        In units of the predicted sigma.
    weight : numpy.ndarray, shape (rows,)
        Of each, in queries, >= 0.
    prior : LengthShape
        Added as pseudo-observations, so that the fit to few residuals is shrunk towards it.

    Examples
    --------
    >>> nothing = fit_shape(np.zeros(0), np.zeros(0))
    >>> nothing.lengths(np.array([100.0]), np.array([0.3])).survival(100.0).round(2)
    array([0.5])
    """
    pseudo = prior.shift[:, None] + prior.scale[:, None] * _NORMAL_POINTS
    pseudo_weight = np.repeat([1.0 - prior.tail, prior.tail], len(_NORMAL_POINTS))
    points = np.concatenate([np.clip(residuals, -_MAX_RESIDUAL, _MAX_RESIDUAL), pseudo.ravel()])
    weights = np.concatenate([weight, pseudo_weight * _PRIOR_QUERIES / len(_NORMAL_POINTS)])
    mixing, shift, scale = np.array([0.85, 0.15]), np.array([-0.1, 0.6]), np.array([0.9, 1.6])
    for _ in range(_ROUNDS):
        z = (points[:, None] - shift) / scale
        log_density = np.log(mixing / scale) - 0.5 * z**2
        responsibility = np.exp(
            log_density - np.logaddexp.reduce(log_density, axis=1, keepdims=True)
        )
        responsibility *= weights[:, None]
        mass = np.maximum(responsibility.sum(axis=0), 1e-9)
        mixing = np.maximum(mass / weights.sum(), 1e-6)
        shift = points @ responsibility / mass
        variance = (responsibility * (points[:, None] - shift) ** 2).sum(axis=0) / mass
        scale = np.clip(np.sqrt(variance), _MIN_SCALE, _MAX_SCALE)
    return LengthShape(float(mixing[1] / mixing.sum()), shift, scale)
