"""Uncertainty of a prediction: quantiles of a query's own curve, and of the length of its answer.

A query's own state scatters around its prediction as a random effect. Its covariance is estimated
from queries with repeated rollouts (see `clear_opt.fitting.fit_curves`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import logit, ndtri

from clear_opt.curves import ShiftedSurge
from clear_opt.curves.uncertain import UncertainCurves
from clear_opt.errors import InvalidInputError
from clear_opt.fitting import Completion, SurgeParameters, fit_curves, surge_draws

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.rollouts import Rollouts

LEVELS = (0.1, 0.5, 0.9)
"""Default levels of quantiles: the median and the ends of an 80 % interval."""

_MIN_PROBABILITY = 1e-4  # a state of exactly 0 or 1 has no log odds
_MIN_REPEATED = 20  # queries with repeated rollouts from which the covariance can be estimated
_DEFAULT_LOGIT_SD = 1.0  # otherwise: a probability of 50 % means 27 to 73 %
_DEFAULT_BETWEEN = 0.5  # otherwise: fraction of the variance of log lengths between queries
_DEFAULT_LOG_SIGMA_SD = 0.2  # otherwise: relative uncertainty of sigma
_MIN_WITHIN = 0.05
_MIN_SIGMA = 1e-3
_MIN_HEIGHT = 1e-6  # a curve needs a height above 0


@dataclass(frozen=True, eq=False, repr=False)
class SurgeDistribution:
    """Quantiles of each query's own surge, and of the length of its next right answer.

    Attributes
    ----------
    levels : numpy.ndarray, shape (k,)
        Ascending, in (0, 1).
    tau, width : numpy.ndarray, shape (n, k)
        Threshold, and distance from threshold to peak, in tokens.
    height : numpy.ndarray, shape (n, k)
        A probability.
    length : numpy.ndarray, shape (n, k)
        Tokens of a right answer: comparable with a single rollout.
    """

    levels: np.ndarray
    tau: np.ndarray
    width: np.ndarray
    height: np.ndarray
    length: np.ndarray

    def __len__(self) -> int:
        return len(self.tau)

    def __repr__(self) -> str:
        levels = ", ".join(f"{level:g}" for level in self.levels)
        return f"SurgeDistribution(n={len(self)}, levels=[{levels}])"


@dataclass(frozen=True)
class Uncertainty:
    """Covariance of a query's own state around the predicted one.

    Attributes
    ----------
    covariance : numpy.ndarray, shape (3, 3)
        Of (logit success, log median, log sigma) around the prediction.
    within_ratio : float
        Standard deviation of log lengths among the answers to one query, relative to the predicted
        one, which also holds the differences between queries.
    learned_from : int
        Queries with repeated rollouts it was estimated from; 0 where there were too few and a
        convention stands in.
    """

    covariance: np.ndarray
    within_ratio: float
    learned_from: int


def fit_uncertainty(predicted: Completion, repeated: Rollouts, typical_sigma: float) -> Uncertainty:
    """Estimate the uncertainty from queries with several rollouts each.

    Answers to one query differ, and queries of the same prediction differ. Only repeated rollouts
    separate the two. With fewer than 20 such queries half of the variance of log lengths is taken
    to lie between queries, and log odds of success to have a standard deviation of 1.

    Parameters
    ----------
    predicted : Completion
        Of each query of ``repeated.query_ids``, in that order.
    repeated : Rollouts
        Of one model, at least two per query; may be empty.
    typical_sigma : float
        Median of the predicted log-stds.
    """
    queries = len(predicted.success)
    if queries < _MIN_REPEATED:
        between = _DEFAULT_BETWEEN * max(typical_sigma, _MIN_WITHIN) ** 2
        covariance = np.diag([_DEFAULT_LOGIT_SD**2, between, _DEFAULT_LOG_SIGMA_SD**2])
        return Uncertainty(covariance, float(np.sqrt(1.0 - _DEFAULT_BETWEEN)), 0)
    within_ratio = min(_within_sigma(repeated) / max(typical_sigma, _MIN_WITHIN), 1.0)
    own = np.maximum(within_ratio * predicted.sigma, _MIN_WITHIN)
    fitted = fit_curves(repeated, prior=predicted._replace(sigma=own))
    assert fitted.prior is not None
    return Uncertainty(fitted.prior.covariance, within_ratio, queries)


def surge_distribution(
    predicted: Completion, uncertainty: Uncertainty, levels: Sequence[float]
) -> SurgeDistribution:
    """Return quantiles of the surges around a prediction.

    Parameters
    ----------
    predicted : Completion
        Of n queries.
    uncertainty : Uncertainty
        Of their states.
    levels : sequence of float, shape (k,)
        Ascending, in (0, 1).

    Raises
    ------
    InvalidInputError
        If a level lies outside (0, 1) or they do not ascend.
    """
    checked = np.asarray(levels, dtype=np.float64)
    if (
        checked.ndim != 1
        or not ((checked > 0) & (checked < 1)).all()
        or (np.diff(checked) <= 0).any()
    ):
        raise InvalidInputError(
            "must ascend between 0 and 1",
            column="levels",
            value=list(levels),
            remedy="e.g. 0.1, 0.9",
        )
    draws = _own_surges(predicted, uncertainty)
    tau, width, height = (np.quantile(values, checked, axis=1).T for values in draws)
    sigma = np.maximum(predicted.sigma, _MIN_SIGMA)
    length = predicted.median[:, None] * np.exp(sigma[:, None] * ndtri(checked))
    return SurgeDistribution(checked, tau, width, height, length)


def uncertain_surges(predicted: Completion, uncertainty: Uncertainty) -> UncertainCurves:
    """Return quasi-random joint draws of each query's own surge around a prediction."""
    tau, width, height = _own_surges(predicted, uncertainty)
    return UncertainCurves.from_arrays(
        ShiftedSurge.from_height, tau=tau, height=np.maximum(height, _MIN_HEIGHT), width=width
    )


def _own_surges(predicted: Completion, uncertainty: Uncertainty) -> SurgeParameters:
    """Return the parameters of the draws, arrays of shape (n, 256)."""
    sigma = np.maximum(predicted.sigma, _MIN_SIGMA)
    success = np.clip(predicted.success, _MIN_PROBABILITY, 1.0 - _MIN_PROBABILITY)
    own = np.log(np.maximum(uncertainty.within_ratio * sigma, _MIN_SIGMA))
    state = np.column_stack([logit(success), np.log(predicted.median), own])
    return surge_draws(state, np.broadcast_to(uncertainty.covariance, (len(state), 3, 3)))


def _within_sigma(rollouts: Rollouts) -> float:
    """Return the standard deviation of right answers' log lengths around their query's mean."""
    owner = rollouts.index_of(rollouts.query_id)
    right = np.flatnonzero(rollouts.correct > 0.5)
    log_length, query = np.log(np.maximum(rollouts.n_tokens[right], 1)), owner[right]
    count = np.bincount(query)
    mean = np.bincount(query, weights=log_length) / np.maximum(count, 1)
    freedom = np.maximum(count - 1, 0).sum()
    if freedom == 0:
        return _MIN_WITHIN
    return float(np.sqrt(np.sum((log_length - mean[query]) ** 2) / freedom))
