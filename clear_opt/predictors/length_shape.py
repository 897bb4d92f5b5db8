"""How log lengths scatter around their prediction: nearly normal, with a long upper tail.

A normal log length foretells what a cap near the median costs, but too little of what lies beyond:
caps that a price chooses are generous, and the few answers that are far longer than foretold then
cost more than expected. So the misses of queries held out are described by two normals mixed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from clear_opt.fitting.surge_shape import SMALLEST_SPREAD
from clear_opt.lengths import LogNormalLengths, MixedLengths

_PRIOR_WORTH = 30.0  # queries that a shape known beforehand counts as
_NORMAL_POINTS = ndtri((np.arange(60) + 0.5) / 60.0)
_FARTHEST = 8.0  # spreads; a single miss beyond counts as this
_ROUNDS = 300  # of expectation-maximisation, more than it needs
_LEAST_SCALE, _MOST_SCALE = 0.3, 3.0


@dataclass(frozen=True)
class LengthShape:
    """Distribution of (log L - log median) / spread: one normal, or with chance ``tail`` another.

    Attributes
    ----------
    tail
        Weight of the second normal, in [0, 1].
    shift, scale
        Mean and standard deviation of the two, each of shape (2,).
    """

    tail: float
    shift: np.ndarray
    scale: np.ndarray

    def lengths(self, median: np.ndarray, spread: np.ndarray) -> MixedLengths:
        """Give lengths of this shape around medians in tokens and log-spreads, shape (n,)."""
        parts = [
            LogNormalLengths(
                median * np.exp(spread * shift), np.maximum(spread * scale, SMALLEST_SPREAD)
            )
            for shift, scale in zip(self.shift, self.scale, strict=True)
        ]
        return MixedLengths(1.0 - self.tail, *parts)


NORMAL = LengthShape(0.0, np.zeros(2), np.ones(2))
"""Log-normal lengths."""


def fit_shape(misses: np.ndarray, weight: np.ndarray, prior: LengthShape = NORMAL) -> LengthShape:
    """Fit the shape to misses in units of the predicted spread, by expectation-maximisation.

    Parameters
    ----------
    misses
        Shape (rows,).
    weight
        Of each, in queries, >= 0, shape (rows,).
    prior
        Towards which few misses are drawn.

    Examples
    --------
    >>> nothing = fit_shape(np.zeros(0), np.zeros(0))
    >>> nothing.lengths(np.array([100.0]), np.array([0.3])).survival(100.0).round(2)
    array([0.5])
    """
    known = prior.shift[:, None] + prior.scale[:, None] * _NORMAL_POINTS
    worth = np.repeat([1.0 - prior.tail, prior.tail], len(_NORMAL_POINTS))
    points = np.concatenate([np.clip(misses, -_FARTHEST, _FARTHEST), known.ravel()])
    worth = np.concatenate([weight, worth * _PRIOR_WORTH / len(_NORMAL_POINTS)])
    share, shift, scale = np.array([0.85, 0.15]), np.array([-0.1, 0.6]), np.array([0.9, 1.6])
    for _ in range(_ROUNDS):
        away = (points[:, None] - shift) / scale
        log_density = np.log(share / scale) - 0.5 * away**2
        belongs = np.exp(log_density - np.logaddexp.reduce(log_density, axis=1, keepdims=True))
        belongs *= worth[:, None]
        mass = np.maximum(belongs.sum(axis=0), 1e-9)
        share = np.maximum(mass / worth.sum(), 1e-6)
        shift = points @ belongs / mass
        variance = (belongs * (points[:, None] - shift) ** 2).sum(axis=0) / mass
        scale = np.clip(np.sqrt(variance), _LEAST_SCALE, _MOST_SCALE)
    return LengthShape(float(share[1] / share.sum()), shift, scale)
