"""The result of a fit: each query's curve with its uncertainty, and its completion curve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
from scipy.special import expit, ndtr, ndtri

from clear_opt.curves import ShiftedSurge
from clear_opt.curves.threshold import ThresholdCurve
from clear_opt.errors import InvalidInputError
from clear_opt.fitting.surge_shape import Completion, curve_shape

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from clear_opt.fitting.posterior import Posterior
    from clear_opt.fitting.prior import Prior

F = TypeVar("F", bound=ThresholdCurve)

_LEAST_HEIGHT = 1e-6  # a curve needs a height above 0, and no data can tell less from it
_DRAWS = 256  # points per query for quantiles: levels are met to about 1 %
_AT_ONCE = 4096  # queries whose draws are held in memory together


class SurgeParameters(NamedTuple):
    """Threshold and width in tokens and height as a probability, arrays of shape (n,)."""

    tau: np.ndarray
    width: np.ndarray
    height: np.ndarray


@dataclass(frozen=True, eq=False, repr=False)
class FittedCurves:
    """Curves fitted to the rollouts of n queries: see `fit_curves`.

    Attributes
    ----------
    query_ids : numpy.ndarray, shape (n,)
        The queries, in the order of ``rollouts.query_ids``.
    completion : Completion
        Success probability, median length in tokens and log-std of the next completion, each of
        shape (n,). With shrinkage they are those of the posterior predictive distribution, so sigma
        includes the uncertainty of the median. Without, they are the maximum likelihood estimates.
    estimate : numpy.ndarray, shape (n, 3)
        State (logit success, log median, log sigma) of each query: posterior mean with shrinkage,
        maximum likelihood estimate without.
    covariance : numpy.ndarray, shape (n, 3, 3)
        Of the state around the estimate.
    prior : Prior or None
        What the queries were shrunk towards; None without shrinkage.
    """

    query_ids: np.ndarray
    completion: Completion
    estimate: np.ndarray
    covariance: np.ndarray
    prior: Prior | None
    _posterior: Posterior

    @cached_property
    def curves(self) -> ShiftedSurge:
        """The surge of each query: least squares on the completion curve of `completion`."""
        return self.curves_as(ShiftedSurge)

    def curves_as(self, family: type[F]) -> F:
        """Return the curves in another family, fitted to the same completion curves.

        Parameters
        ----------
        family : type
            `ShiftedSurge`, `Quadratic` or `Triangular`.
        """
        success, median, sigma = self.completion
        shape = curve_shape(sigma, family)
        height = np.clip(success * shape.height, _LEAST_HEIGHT, 1.0)
        return family.from_height(median * shape.tau, height, median * shape.width)

    def completion_at(self, caps: ArrayLike) -> np.ndarray:
        """Return P(correct within b tokens) of the next completion, shape (n, m).

        With shrinkage this is the posterior predictive probability.

        Parameters
        ----------
        caps : array-like, shape (m,)
            Tokens >= 0.

        Raises
        ------
        InvalidInputError
            If a cap is negative or no number.
        """
        caps = np.atleast_1d(np.asarray(caps, dtype=np.float64))
        wrong = np.flatnonzero(~(caps >= 0))
        if caps.ndim != 1 or wrong.size:
            raise InvalidInputError(
                "must be tokens >= 0",
                column="caps",
                value=caps[wrong[0]] if wrong.size else caps.shape,
                remedy="give a list of caps",
            )
        with np.errstate(divide="ignore"):
            log_caps = np.log(caps)
        if self.prior is None:
            return _within(self.estimate, log_caps)
        chance = np.zeros((len(self), len(caps)))
        for weight, state in self._posterior.nodes():
            chance += weight[:, None] * _within(state, log_caps)
        return chance

    @cached_property
    def standard_error(self) -> SurgeParameters:
        """Standard deviations of each query's own threshold, width and height."""
        return SurgeParameters(
            *(draws.std(axis=1) for draws in surge_draws(self.estimate, self.covariance))
        )

    def quantile(self, q: float) -> SurgeParameters:
        """Return a quantile of each query's own threshold, width and height.

        Parameters
        ----------
        q : float
            Level, in (0, 1): 0.1 and 0.9 bound an 80 % interval.

        Raises
        ------
        InvalidInputError
            If the level lies outside (0, 1).
        """
        if not 0.0 < q < 1.0:
            raise InvalidInputError("lies outside (0, 1)", column="q", value=q)
        return SurgeParameters(
            *(
                np.quantile(draws, q, axis=1)
                for draws in surge_draws(self.estimate, self.covariance)
            )
        )

    def __len__(self) -> int:
        return len(self.query_ids)

    def __repr__(self) -> str:
        success, median, sigma = (values.mean() for values in self.completion)
        return (
            f"FittedCurves(n={len(self)}, success={success:.3f}, median={median:.0f}, "
            f"sigma={sigma:.3f}, shrunk={self.prior is not None})"
        )


def surge_draws(estimate: np.ndarray, covariance: np.ndarray) -> SurgeParameters:
    """Return surges of quasi-random draws of each query's state, arrays of shape (n, 256).

    Parameters
    ----------
    estimate : numpy.ndarray, shape (n, 3)
        States (logit success, log median, log sigma).
    covariance : numpy.ndarray, shape (n, 3, 3)
        Of each state.
    """
    found = []
    for first in range(0, max(len(estimate), 1), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        factor = np.linalg.cholesky(covariance[rows])
        state = estimate[rows, None, :] + normal_points() @ factor.transpose(0, 2, 1)
        logit, log_median, log_sigma = np.moveaxis(state, -1, 0)
        shape = curve_shape(np.exp(log_sigma), ShiftedSurge)
        median = np.exp(log_median)
        found.append((median * shape.tau, median * shape.width, expit(logit) * shape.height))
    return SurgeParameters(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def predictive(found: Posterior) -> Completion:
    """Return the posterior predictive completion: success, and moments of its log length."""
    success = np.zeros(len(found.mode))
    first, second, within = success.copy(), success.copy(), success.copy()
    base = found.mode[:, 1]  # moments around the mode, so that no digits cancel
    for weight, (logit, log_median, log_sigma) in ((w, z.T) for w, z in found.nodes()):
        joint = weight * expit(logit)
        success += joint
        first += joint * (log_median - base)
        second += joint * (log_median - base) ** 2
        within += joint * np.exp(2.0 * log_sigma)
    first, second, within = first / success, second / success, within / success
    return Completion(
        success=success,
        median=np.exp(base + first),
        sigma=np.sqrt(within + second - first**2),
    )


def _within(state: np.ndarray, log_caps: np.ndarray) -> np.ndarray:
    logit, log_median, log_sigma = state.T[:, :, None]
    return expit(logit) * ndtr((log_caps - log_median) * np.exp(-log_sigma))


@cache
def normal_points() -> np.ndarray:
    """Return `_DRAWS` quasi-random points of a standard normal in three dimensions, (256, 3).

    An additive recurrence whose steps are powers of the root of x^4 = x + 1 (M. Roberts, 2018, The
    unreasonable effectiveness of quasirandom sequences), with antithetic points, then scaled to
    mean 0 and covariance 1 exactly.
    """
    steps = np.arange(1, _DRAWS // 2 + 1)[:, None] * 1.2207440846057596 ** -np.arange(1.0, 4.0)
    half = ndtri((0.5 + steps) % 1.0)
    points = np.concatenate([half, -half])
    factor = np.linalg.cholesky(points.T @ points / len(points))
    return np.linalg.solve(factor, points.T).T
