"""From a query's difficulty to one model's success and length: a small correction for each model.

A model's log odds of success and its log length are linear in the difficulty, drawn towards the
difficulty itself, so that a few dozen rollouts of a new model suffice. Quantiles of what the line
leaves of the log length are learned from the features on top of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, ndtri
from sklearn.base import BaseEstimator

from clear_opt.defaults import MOST_TOKENS
from clear_opt.fitting import Completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.predictors.difficulty import Attempts
    from clear_opt.predictors.learners import Learner

LEVELS = (0.1, 0.5, 0.9)
"""Quantiles of the log length of right answers that are learned."""

_NORMAL_RANGE = float(ndtri(LEVELS[-1]) - ndtri(LEVELS[0]))  # of a spread of 1
_TOWARDS_DIFFICULTY = np.array([0.05, 2.0, 2.0])  # precision of level and slopes around the prior
_SUCCESS_PRIOR = np.array([0.0, 1.0, 0.0])  # level, slope in log odds, slope in excess length
_LENGTH_PRIOR = np.array([0.0, 0.0, 1.0])
_OFFSET_ROLLOUTS = 20.0  # how many rollouts the quantiles of all models count as
_MOST_LOG_LENGTH = float(np.log(MOST_TOKENS))  # a line goes on for ever, lengths do not
_LEAST_VARIANCE = 0.01  # of log lengths around the line: 10 %


class ModelHead(BaseEstimator):
    """Success and length of one model, given the difficulty and the features of a query.

    Parameters
    ----------
    learner
        Makes the regressors for what the line leaves.
    seed, num_threads
        For the learner.

    Attributes
    ----------
    success_, line_
        Level and two slopes, each of shape (3,).
    offsets_
        Quantiles of what the line leaves, shape (len(LEVELS),).
    residuals_
        Fitted regressors, one per level, or empty.
    """

    def __init__(self, learner: Learner, seed: int = 0, num_threads: int = 1) -> None:
        self.learner = learner
        self.seed = seed
        self.num_threads = num_threads

    def fit_lines(
        self, difficulty: np.ndarray, attempts: Attempts, weight: np.ndarray
    ) -> ModelHead:
        """Learn level and slopes from rollouts of the model.

        Parameters
        ----------
        difficulty
            Of each query, shape (queries, 2), foretold without the query's own rollouts.
        attempts
            The model's rollouts.
        weight
            Of each rollout, shape (rows,), so that a query counts once.
        """
        columns = _with_level(difficulty[attempts.query])
        self.success_ = _logistic(columns, attempts.correct, weight)
        self.line_ = _ridge(columns, attempts.log_length, weight * attempts.correct)
        return self

    def take_average(self, heads: Sequence[ModelHead]) -> ModelHead:
        """Become the head of a typical model: the mean of the others' levels and slopes."""
        self.success_ = np.mean([head.success_ for head in heads], axis=0)
        self.line_ = np.mean([head.line_ for head in heads], axis=0)
        return self

    def left_over(self, difficulty: np.ndarray, attempts: Attempts) -> np.ndarray:
        """Give what the line leaves of the log length of each rollout, shape (rows,)."""
        return attempts.log_length - _with_level(difficulty[attempts.query]) @ self.line_

    def fit_quantiles(
        self,
        columns: np.ndarray,
        left_over: np.ndarray,
        weight: np.ndarray,
        usual: np.ndarray | None = None,
    ) -> ModelHead:
        """Learn the quantiles of what the line leaves, from right answers.

        Parameters
        ----------
        columns
            Features and difficulty of each rollout's query, shape (rows, columns).
        left_over
            What the line leaves of its log length, shape (rows,).
        weight
            Of each rollout, > 0.
        usual
            Quantiles over all models, shape (len(LEVELS),), towards which few rollouts are drawn;
            None where there are no others.
        """
        own = np.zeros(len(LEVELS))
        if len(left_over):
            own = weighted_quantiles(left_over, weight, LEVELS)
        if usual is not None:
            own = (weight.sum() * own + _OFFSET_ROLLOUTS * usual) / (
                weight.sum() + _OFFSET_ROLLOUTS
            )
        self.offsets_ = own
        self.residuals_: list[Any] = []
        for level, offset in zip(LEVELS, own, strict=True):
            regressor = self.learner.quantile(level, self.seed, self.num_threads)
            if regressor is None or not len(left_over):
                break
            self.residuals_.append(
                regressor.fit(columns, left_over, weight, offset=np.full(len(left_over), offset))
            )
        return self

    def predict(self, difficulty: np.ndarray, columns: np.ndarray) -> Completion:
        """Give success, median length and log-spread of each query: see `Completion`.

        Parameters
        ----------
        difficulty
            Shape (n, 2).
        columns
            Features and difficulty, shape (n, columns).
        """
        left, spread = self.predict_left_over(columns)
        return Completion(
            success=expit(_along(self.success_, difficulty)),
            median=np.exp(np.clip(_along(self.line_, difficulty) + left, 0.0, _MOST_LOG_LENGTH)),
            spread=spread,
        )

    def predict_left_over(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give median and spread of what the line leaves of the log length, each of shape (n,)."""
        left = np.tile(self.offsets_[:, None], len(columns))
        if self.residuals_:
            left += np.array([regressor.predict(columns) for regressor in self.residuals_])
        # Quantiles learned apart may cross; sorting them is the nearest order they can have.
        low, median, high = np.sort(left, axis=0)
        return median, (high - low) / _NORMAL_RANGE


def weighted_quantiles(
    values: np.ndarray, weight: np.ndarray, levels: Sequence[float]
) -> np.ndarray:
    """Give quantiles of weighted values, shape (len(levels),).

    Examples
    --------
    >>> weighted_quantiles(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0]), [0.5])
    array([2.])
    """
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weight[order]) - weight[order] / 2.0
    return np.interp(np.array(levels) * weight.sum(), share, values[order])


def _with_level(difficulty: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(difficulty)), difficulty])


def _along(line: np.ndarray, difficulty: np.ndarray) -> np.ndarray:
    # Not a matrix product: its last bits depend on how many rows there are.
    return line[0] + line[1] * difficulty[:, 0] + line[2] * difficulty[:, 1]


def _logistic(columns: np.ndarray, share: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Maximise the likelihood of the shares under a Gaussian prior around the difficulty."""

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        odds = columns @ coefficients
        off = coefficients - _SUCCESS_PRIOR
        value = np.sum(weight * (np.logaddexp(0.0, odds) - share * odds))
        slope = columns.T @ (weight * (expit(odds) - share))
        return (
            float(value + 0.5 * np.sum(_TOWARDS_DIFFICULTY * off**2)),
            slope + _TOWARDS_DIFFICULTY * off,
        )

    return minimize(loss, _SUCCESS_PRIOR, jac=True, method="BFGS").x


def _ridge(columns: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Fit the line by weighted least squares under the same prior, in units of its variance."""
    if not weight.sum() > 0:
        return _LENGTH_PRIOR
    prior = _LENGTH_PRIOR.copy()
    prior[0] = np.average(target - columns @ _LENGTH_PRIOR, weights=weight)
    variance = np.average((target - columns @ prior) ** 2, weights=weight)
    precision = np.diag(_TOWARDS_DIFFICULTY) * max(variance, _LEAST_VARIANCE)
    weighted = columns * weight[:, None]
    return np.linalg.solve(
        weighted.T @ columns + precision, weighted.T @ target + precision @ prior
    )
