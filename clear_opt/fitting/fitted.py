"""The result of a fit: each query's curve, how sure it is, and the chance of an answer by a cap."""

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
    query_ids
        The queries, shape (n,), in the order of ``rollouts.query_ids``.
    completion
        What to expect of the next completion: success probability, median length in tokens and
        log-spread, each of shape (n,). With shrinkage these are means over what is still open
        about the query, so the spread holds the doubt about the median too. Without, they are
        the most likely values.
    estimate
        State (logit success, log median, log spread) of each query, shape (n, 3): posterior mean
        with shrinkage, most likely value without.
    covariance
        Of the state around the estimate, shape (n, 3, 3).
    prior
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
        """Give the curves in another family, fitted to the same completion curves.

        Parameters
        ----------
        family
            `ShiftedSurge`, `Quadratic` or `Triangular`.
        """
        success, median, spread = self.completion
        shape = curve_shape(spread, family)
        height = np.clip(success * shape.height, _LEAST_HEIGHT, 1.0)
        return family.from_height(median * shape.tau, height, median * shape.width)

    def completion_at(self, caps: ArrayLike) -> np.ndarray:
        """Give P(correct within b tokens) of the next completion, shape (n, m).

        With shrinkage this is the mean over what is still open about the query.

        Parameters
        ----------
        caps
            Tokens >= 0, shape (m,).

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
        """Give a quantile of each query's own threshold, width and height.

        Parameters
        ----------
        q
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
        success, median, spread = (values.mean() for values in self.completion)
        return (
            f"FittedCurves(n={len(self)}, success={success:.3f}, median={median:.0f}, "
            f"spread={spread:.3f}, shrunk={self.prior is not None})"
        )


def surge_draws(estimate: np.ndarray, covariance: np.ndarray) -> SurgeParameters:
    """Give surges of evenly spread states of each query, arrays of shape (n, 256).

    Parameters
    ----------
    estimate
        States (logit success, log median, log spread), shape (n, 3).
    covariance
        Of each state, shape (n, 3, 3).
    """
    found = []
    for first in range(0, max(len(estimate), 1), _AT_ONCE):
        rows = slice(first, first + _AT_ONCE)
        factor = np.linalg.cholesky(covariance[rows])
        state = estimate[rows, None, :] + normal_points() @ factor.transpose(0, 2, 1)
        logit, log_median, log_spread = np.moveaxis(state, -1, 0)
        shape = curve_shape(np.exp(log_spread), ShiftedSurge)
        median = np.exp(log_median)
        found.append((median * shape.tau, median * shape.width, expit(logit) * shape.height))
    return SurgeParameters(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def predictive(found: Posterior) -> Completion:
    """Give the completion to expect next: its success, and moments of its log length if right."""
    success = np.zeros(len(found.mode))
    first, second, within = success.copy(), success.copy(), success.copy()
    base = found.mode[:, 1]  # moments around the mode, so that no digits cancel
    for weight, (logit, log_median, log_spread) in ((w, z.T) for w, z in found.nodes()):
        share = weight * expit(logit)
        success += share
        first += share * (log_median - base)
        second += share * (log_median - base) ** 2
        within += share * np.exp(2.0 * log_spread)
    first, second, within = first / success, second / success, within / success
    return Completion(
        success=success,
        median=np.exp(base + first),
        spread=np.sqrt(within + second - first**2),
    )


def _within(state: np.ndarray, log_caps: np.ndarray) -> np.ndarray:
    logit, log_median, log_spread = state.T[:, :, None]
    return expit(logit) * ndtr((log_caps - log_median) * np.exp(-log_spread))


@cache
def normal_points() -> np.ndarray:
    """Give `_DRAWS` evenly spread points of a standard normal in three dimensions, shape (-1, 3).

    An additive sequence whose steps are powers of the root of x^4 = x + 1 (Roberts 2018), every
    point mirrored, then scaled to mean 0 and covariance 1 exactly.
    """
    steps = np.arange(1, _DRAWS // 2 + 1)[:, None] * 1.2207440846057596 ** -np.arange(1.0, 4.0)
    half = ndtri((0.5 + steps) % 1.0)
    points = np.concatenate([half, -half])
    factor = np.linalg.cholesky(points.T @ points / len(points))
    return np.linalg.solve(factor, points.T).T
