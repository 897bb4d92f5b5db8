"""Length of one model's answers of one kind, right or wrong, given the difficulty of a query.

The log length is linear in the difficulty, shrunk towards a prior (ridge regression), so that a few
dozen answers suffice. Quantiles of the residuals are learned from the features on top of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from clear_opt.predictors.length_shape import LengthShape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.lengths import MixedLengths
    from clear_opt.predictors.learners import Learner

LEVELS = (0.1, 0.5, 0.9)
"""Levels of the quantiles of the log length that are learned."""

PRIOR_PRECISION = np.array([0.05, 2.0, 2.0])
"""Precision of intercept and slopes around their prior mean, in units of the residual variance."""

_PRIOR_MEAN = np.array([0.0, 0.0, 1.0])  # as much longer as the other models' answers are
_INTERCEPT_ROLLOUTS = 10.0  # rollouts that a prior intercept counts as
_NORMAL_RANGE = float(ndtri(LEVELS[-1]) - ndtri(LEVELS[0]))  # of a sigma of 1
_QUANTILE_ROLLOUTS = 20.0  # rollouts that the quantiles pooled over models count as
_MIN_VARIANCE = 0.01  # of residual log lengths: 10 %


class LengthHead(BaseEstimator):
    """Log-normal length of the right answers of a model, or of its wrong ones.

    Parameters
    ----------
    learner : Learner or None
        Makes the quantile regressors of the residuals; None uses one sigma for all queries.
    random_state, n_jobs : int
        For the learner.

    Attributes
    ----------
    coef_ : numpy.ndarray, shape (3,)
        Intercept and two slopes of the log length.
    residual_quantiles_ : numpy.ndarray, shape (len(LEVELS),)
        Quantiles of the residuals.
    quantile_regressors_ : list
        Fitted regressors of the residuals, one per level, or empty.
    shape_ : LengthShape
        Distribution of the standardised residuals of held-out queries.
    range_ : tuple of float
        Least and most log length in training, of any model; predicted medians are clipped to it.
    """

    shape_: LengthShape
    range_: tuple[float, float]

    def __init__(
        self, learner: Learner | None, random_state: int = 0, n_jobs: int | None = None
    ) -> None:
        self.learner = learner
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit_line(
        self,
        difficulty: np.ndarray,
        log_length: np.ndarray,
        weight: np.ndarray,
        prior: np.ndarray | None = None,
    ) -> LengthHead:
        """Fit intercept and slopes.

        Parameters
        ----------
        difficulty : numpy.ndarray, shape (rows, 2)
            Of each rollout's query, predicted out of fold.
        log_length : numpy.ndarray, shape (rows,)
            Of each rollout.
        weight : numpy.ndarray, shape (rows,)
            Of each rollout, >= 0.
        prior : numpy.ndarray, shape (3,), optional
            Prior mean of the coefficients. By default only the slopes have one: answers are as
            much longer as those of the other models.
        """
        columns = add_intercept(difficulty)
        if prior is None:
            self.coef_ = _ridge(columns, log_length, weight, PRIOR_PRECISION)
        else:
            precision = np.array([_INTERCEPT_ROLLOUTS, *PRIOR_PRECISION[1:]])
            self.coef_ = _ridge(columns, log_length, weight, precision, prior)
        return self

    def residuals(self, difficulty: np.ndarray, log_length: np.ndarray) -> np.ndarray:
        """Return the residual log length of each rollout, shape (rows,)."""
        return log_length - add_intercept(difficulty) @ self.coef_

    def fit_quantiles(
        self,
        columns: np.ndarray,
        residuals: np.ndarray,
        weight: np.ndarray,
        pooled: np.ndarray | None = None,
    ) -> LengthHead:
        """Fit the quantiles of the residuals.

        Parameters
        ----------
        columns : numpy.ndarray, shape (rows, columns)
            Features and difficulty of each rollout's query.
        residuals : numpy.ndarray, shape (rows,)
            Residual log lengths.
        weight : numpy.ndarray, shape (rows,)
            Of each rollout, > 0.
        pooled : numpy.ndarray, shape (len(LEVELS),), optional
            Quantiles over all models, towards which those of few rollouts are shrunk.
        """
        self.residual_quantiles_ = shrunk_quantiles(residuals, weight, pooled)
        self.quantile_regressors_: list[Any] = []
        if self.learner is None:
            return self
        for level, offset in zip(LEVELS, self.residual_quantiles_, strict=True):
            regressor = self.learner.quantile_regressor(level, self.random_state, self.n_jobs)
            if regressor is None or not len(residuals):
                break
            self.quantile_regressors_.append(
                regressor.fit(columns, residuals, weight, offset=np.full(len(residuals), offset))
            )
        return self

    def lengths(
        self, difficulty: np.ndarray, columns: np.ndarray, sigma_factor: float
    ) -> MixedLengths:
        """Return the lengths of n queries, every sigma times ``sigma_factor``: as `predict`."""
        if not len(difficulty):
            return self.shape_.lengths(np.zeros(0), np.zeros(0))
        median, sigma = self.predict(difficulty, columns)
        return self.shape_.lengths(median, sigma * sigma_factor)

    def predict(self, difficulty: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the median length in tokens and the log-std of each query, each of shape (n,).

        Parameters
        ----------
        difficulty : numpy.ndarray, shape (n, 2)
            Of n queries.
        columns : numpy.ndarray, shape (n, columns)
            Features and difficulty.
        """
        residual, sigma = self.predict_residuals(columns)
        log_median = np.clip(linear_predictor(self.coef_, difficulty) + residual, *self.range_)
        return np.exp(log_median), sigma

    def predict_residuals(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return median and standard deviation of the residual log length, each of shape (n,)."""
        quantiles = np.tile(self.residual_quantiles_[:, None], len(columns))
        if self.quantile_regressors_:
            quantiles += np.array([each.predict(columns) for each in self.quantile_regressors_])
        # Quantiles learned separately may cross; sorting never moves them away from the true ones
        # (V. Chernozhukov, I. Fernandez-Val and A. Galichon, 2010, Econometrica 78, 1093-1125).
        low, median, high = np.sort(quantiles, axis=0)
        return median, (high - low) / _NORMAL_RANGE


def shrunk_quantiles(
    residuals: np.ndarray, weight: np.ndarray, pooled: np.ndarray | None
) -> np.ndarray:
    """Return the quantiles at `LEVELS`, shrunk towards the pooled ones where rollouts are few."""
    own = np.zeros(len(LEVELS))
    if len(residuals):
        own = weighted_quantiles(residuals, weight, LEVELS)
    if pooled is not None:
        own = (weight.sum() * own + _QUANTILE_ROLLOUTS * pooled) / (
            weight.sum() + _QUANTILE_ROLLOUTS
        )
    return own


def weighted_quantiles(
    values: np.ndarray, weight: np.ndarray, levels: Sequence[float]
) -> np.ndarray:
    """Return quantiles of weighted values, shape (len(levels),).

    Examples
    --------
    >>> weighted_quantiles(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), [0.5])
    array([2.])
    """
    order = np.argsort(values, kind="stable")
    cumulative = np.cumsum(weight[order]) - weight[order] / 2.0
    return np.interp(np.array(levels) * weight.sum(), cumulative, values[order])


def add_intercept(difficulty: np.ndarray) -> np.ndarray:
    """Return the difficulty with a column of ones before it, shape (rows, 3)."""
    return np.column_stack([np.ones(len(difficulty)), difficulty])


def linear_predictor(coef: np.ndarray, difficulty: np.ndarray) -> np.ndarray:
    """Return intercept plus slopes times difficulty, shape (rows,)."""
    # Not a matrix product: its last bits depend on the number of rows.
    return coef[0] + coef[1] * difficulty[:, 0] + coef[2] * difficulty[:, 1]


def _ridge(
    columns: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    precision: np.ndarray,
    prior_mean: np.ndarray | None = None,
) -> np.ndarray:
    """Return the coefficients by weighted least squares under a Gaussian prior."""
    if not weight.sum() > 0:
        return _PRIOR_MEAN if prior_mean is None else prior_mean
    prior = (_PRIOR_MEAN if prior_mean is None else prior_mean).copy()
    if prior_mean is None:
        prior[0] = np.average(target - columns @ _PRIOR_MEAN, weights=weight)
    variance = np.average((target - columns @ prior) ** 2, weights=weight)
    penalty = np.diag(precision) * max(variance, _MIN_VARIANCE)
    weighted = columns * weight[:, None]
    return np.linalg.solve(weighted.T @ columns + penalty, weighted.T @ target + penalty @ prior)
