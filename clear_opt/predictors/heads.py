"""From a query's difficulty to one model's success and lengths: a small correction for each model.

A model's log odds of success are linear in the difficulty, drawn towards the difficulty itself, so
that a few dozen rollouts of a new model suffice. The lengths of its right and of its wrong answers
have a head each (`clear_opt.predictors.length_head`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator

from clear_opt.fitting import Completion
from clear_opt.predictors.length_head import TOWARDS_PRIOR, LengthHead, along, with_level

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.predictors.learners import Learner

_SUCCESS_PRIOR = np.array([0.0, 1.0, 0.0])  # level, slope in log odds, slope in excess length


class ModelHead(BaseEstimator):
    """Success and lengths of one model, given the difficulty and the features of a query.

    Parameters
    ----------
    learner
        Makes the regressors for what the lines of the lengths leave.
    seed, num_threads
        For the learner.

    Attributes
    ----------
    success_
        Level and two slopes of the log odds, shape (3,).
    right_, wrong_
        The `LengthHead` of right answers, and that of wrong ones.
    """

    def __init__(self, learner: Learner, seed: int = 0, num_threads: int = 1) -> None:
        self.learner = learner
        self.seed = seed
        self.num_threads = num_threads

    def fit_success(
        self, difficulty: np.ndarray, correct: np.ndarray, weight: np.ndarray
    ) -> ModelHead:
        """Learn level and slopes of the log odds.

        Parameters
        ----------
        difficulty
            Of each rollout's query, shape (rows, 2), foretold without the query's own rollouts.
        correct
            Of each rollout, in [0, 1], shape (rows,).
        weight
            Of each rollout, shape (rows,), so that a query counts once.
        """
        self.success_ = _logistic(with_level(difficulty), correct, weight)
        return self

    def take_average(self, heads: Sequence[ModelHead]) -> ModelHead:
        """Become the success of a typical model: the mean of the others' levels and slopes."""
        self.success_ = np.mean([head.success_ for head in heads], axis=0)
        return self

    def take_lengths(self, right: LengthHead, wrong: LengthHead) -> ModelHead:
        """Take the heads of the lengths."""
        self.right_, self.wrong_ = right, wrong
        return self

    def predict(self, difficulty: np.ndarray, columns: np.ndarray) -> Completion:
        """Give success, and median length and log-spread of right answers: see `Completion`.

        Parameters
        ----------
        difficulty
            Of n queries, shape (n, 2).
        columns
            Features and difficulty, shape (n, columns).
        """
        median, spread = self.right_.predict(difficulty, columns)
        return Completion(expit(along(self.success_, difficulty)), median, spread)


def _logistic(columns: np.ndarray, share: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Maximise the likelihood of the shares under a Gaussian prior around the difficulty."""

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        odds = columns @ coefficients
        off = coefficients - _SUCCESS_PRIOR
        value = np.sum(weight * (np.logaddexp(0.0, odds) - share * odds))
        slope = columns.T @ (weight * (expit(odds) - share))
        return (
            float(value + 0.5 * np.sum(TOWARDS_PRIOR * off**2)),
            slope + TOWARDS_PRIOR * off,
        )

    return minimize(loss, _SUCCESS_PRIOR, jac=True, method="BFGS").x
