"""Length of one model's answers of one kind, right or wrong, given the difficulty of a query.

The log length is linear in the difficulty, drawn towards what is known beforehand, so that a few
dozen answers suffice. Quantiles of what the line leaves are learned from the features on top of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from clear_opt.defaults import MOST_TOKENS
from clear_opt.predictors.length_shape import LengthShape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.lengths import MixedLengths
    from clear_opt.predictors.learners import Learner

LEVELS = (0.1, 0.5, 0.9)
"""Quantiles of the log length that are learned."""

TOWARDS_PRIOR = np.array([0.05, 2.0, 2.0])
"""Precision of level and slopes around what is known beforehand."""

_ALONG_LENGTH = np.array([0.0, 0.0, 1.0])  # beforehand: as much longer as others' answers are
_LEVEL_WORTH = 10.0  # rollouts that a level known beforehand counts as
_NORMAL_RANGE = float(ndtri(LEVELS[-1]) - ndtri(LEVELS[0]))  # of a spread of 1
_OFFSET_ROLLOUTS = 20.0  # how many rollouts the quantiles of all models count as
_LEAST_VARIANCE = 0.01  # of log lengths around the line: 10 %


class LengthHead(BaseEstimator):
    """Log-normal length of the right answers of a model, or of its wrong ones.

    Parameters
    ----------
    learner
        Makes the regressors for what the line leaves; None to leave it at one spread for all.
    seed, num_threads
        For the learner.

    Attributes
    ----------
    line_
        Level and two slopes, shape (3,).
    offsets_
        Quantiles of what the line leaves, shape (len(LEVELS),).
    residuals_
        Fitted regressors, one per level, or empty.
    shape_
        How log lengths of queries held out scatter around what is predicted.
    range_
        Least and most log length in training, of any model: a median beyond is not predicted.
    """

    shape_: LengthShape
    range_: tuple[float, float] = (0.0, float(np.log(MOST_TOKENS)))  # where stored without it

    def __init__(self, learner: Learner | None, seed: int = 0, num_threads: int = 1) -> None:
        self.learner = learner
        self.seed = seed
        self.num_threads = num_threads

    def fit_line(
        self,
        difficulty: np.ndarray,
        log_length: np.ndarray,
        weight: np.ndarray,
        prior: np.ndarray | None = None,
    ) -> LengthHead:
        """Learn level and slopes.

        Parameters
        ----------
        difficulty
            Of each rollout's query, shape (rows, 2), foretold without the query's own rollouts.
        log_length
            Of each rollout, shape (rows,).
        weight
            Of each rollout, >= 0, shape (rows,).
        prior
            Line to start from, shape (3,). None knows the slopes alone: answers are as much
            longer as those of the other models.
        """
        columns = with_level(difficulty)
        if prior is None:
            self.line_ = _ridge(columns, log_length, weight, TOWARDS_PRIOR)
        else:
            towards = np.array([_LEVEL_WORTH, *TOWARDS_PRIOR[1:]])
            self.line_ = _ridge(columns, log_length, weight, towards, prior)
        return self

    def left_over(self, difficulty: np.ndarray, log_length: np.ndarray) -> np.ndarray:
        """Give what the line leaves of the log length of each rollout, shape (rows,)."""
        return log_length - with_level(difficulty) @ self.line_

    def fit_quantiles(
        self,
        columns: np.ndarray,
        left_over: np.ndarray,
        weight: np.ndarray,
        usual: np.ndarray | None = None,
    ) -> LengthHead:
        """Learn the quantiles of what the line leaves.

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
        self.offsets_ = drawn_quantiles(left_over, weight, usual)
        self.residuals_: list[Any] = []
        if self.learner is None:
            return self
        for level, offset in zip(LEVELS, self.offsets_, strict=True):
            regressor = self.learner.quantile(level, self.seed, self.num_threads)
            if regressor is None or not len(left_over):
                break
            self.residuals_.append(
                regressor.fit(columns, left_over, weight, offset=np.full(len(left_over), offset))
            )
        return self

    def lengths(self, difficulty: np.ndarray, columns: np.ndarray, factor: float) -> MixedLengths:
        """Give the lengths of n queries; ``factor`` calibrates the spreads. As for `predict`."""
        if not len(difficulty):
            return self.shape_.lengths(np.zeros(0), np.zeros(0))
        median, spread = self.predict(difficulty, columns)
        return self.shape_.lengths(median, spread * factor)

    def predict(self, difficulty: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the median length in tokens and the log-spread of each query, each of shape (n,).

        Parameters
        ----------
        difficulty
            Shape (n, 2).
        columns
            Features and difficulty, shape (n, columns).
        """
        left, spread = self.predict_left_over(columns)
        log_median = np.clip(along(self.line_, difficulty) + left, *self.range_)
        return np.exp(log_median), spread

    def predict_left_over(self, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give median and spread of what the line leaves of the log length, each of shape (n,)."""
        left = np.tile(self.offsets_[:, None], len(columns))
        if self.residuals_:
            left += np.array([regressor.predict(columns) for regressor in self.residuals_])
        # Quantiles learned apart may cross; sorting them is the nearest order they can have.
        low, median, high = np.sort(left, axis=0)
        return median, (high - low) / _NORMAL_RANGE


def drawn_quantiles(
    left_over: np.ndarray, weight: np.ndarray, usual: np.ndarray | None
) -> np.ndarray:
    """Give the quantiles at `LEVELS`, drawn towards the usual ones where rollouts are few."""
    own = np.zeros(len(LEVELS))
    if len(left_over):
        own = weighted_quantiles(left_over, weight, LEVELS)
    if usual is not None:
        own = (weight.sum() * own + _OFFSET_ROLLOUTS * usual) / (weight.sum() + _OFFSET_ROLLOUTS)
    return own


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


def with_level(difficulty: np.ndarray) -> np.ndarray:
    """Give the difficulty with a column of ones before it, shape (rows, 3)."""
    return np.column_stack([np.ones(len(difficulty)), difficulty])


def along(line: np.ndarray, difficulty: np.ndarray) -> np.ndarray:
    """Give the line's value at each difficulty, shape (rows,)."""
    # Not a matrix product: its last bits depend on how many rows there are.
    return line[0] + line[1] * difficulty[:, 0] + line[2] * difficulty[:, 1]


def _ridge(
    columns: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    towards: np.ndarray,
    known: np.ndarray | None = None,
) -> np.ndarray:
    """Fit the line by weighted least squares under a prior, in units of its variance."""
    if not weight.sum() > 0:
        return _ALONG_LENGTH if known is None else known
    prior = (_ALONG_LENGTH if known is None else known).copy()
    if known is None:
        prior[0] = np.average(target - columns @ _ALONG_LENGTH, weights=weight)
    variance = np.average((target - columns @ prior) ** 2, weights=weight)
    precision = np.diag(towards) * max(variance, _LEAST_VARIANCE)
    weighted = columns * weight[:, None]
    return np.linalg.solve(
        weighted.T @ columns + precision, weighted.T @ target + precision @ prior
    )
