"""From a query's difficulty to one model's success and lengths: a small correction for each model.

A model's log odds of success are linear in the difficulty. Intercept and slopes have a Gaussian
prior centred on the difficulty itself, so that a few dozen rollouts of a new model suffice: partial
pooling (A. Gelman and J. Hill, 2007, Data analysis using regression and multilevel/hierarchical
models, chapter 12) with a prior that is fixed, not estimated. The lengths of its right and of its
wrong answers have a head each (`clear_opt.predictors.length_head`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.base import BaseEstimator

from clear_opt.fitting import Completion
from clear_opt.predictors.length_head import (
    PRIOR_PRECISION,
    LengthHead,
    add_intercept,
    linear_predictor,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.predictors.learners import Learner

_SUCCESS_PRIOR = np.array([0.0, 1.0, 0.0])  # intercept, slope in log odds, in excess length


class ModelHead(BaseEstimator):
    """Success and lengths of one model, given the difficulty and the features of a query.

    Parameters
    ----------
    learner : Learner
        Makes the regressors of the length residuals.
    random_state, n_jobs : int
        For the learner.

    Attributes
    ----------
    success_ : numpy.ndarray, shape (3,)
        Intercept and two slopes of the log odds.
    right_, wrong_ : LengthHead
        Lengths of right answers, and of wrong ones.
    """

    def __init__(self, learner: Learner, random_state: int = 0, n_jobs: int | None = None) -> None:
        self.learner = learner
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit_success(
        self, difficulty: np.ndarray, correct: np.ndarray, weight: np.ndarray
    ) -> ModelHead:
        """Fit intercept and slopes of the log odds.

        Parameters
        ----------
        difficulty : numpy.ndarray, shape (rows, 2)
            Of each rollout's query, predicted out of fold.
        correct : numpy.ndarray, shape (rows,)
            Of each rollout, in [0, 1].
        weight : numpy.ndarray, shape (rows,)
            Of each rollout, so that a query counts once.
        """
        self.success_ = _logistic_map(add_intercept(difficulty), correct, weight)
        return self

    def take_average(self, heads: Sequence[ModelHead]) -> ModelHead:
        """Set the log odds of a typical model: the mean of the others' coefficients."""
        self.success_ = np.mean([head.success_ for head in heads], axis=0)
        return self

    def take_lengths(self, right: LengthHead, wrong: LengthHead) -> ModelHead:
        """Set the heads of the lengths."""
        self.right_, self.wrong_ = right, wrong
        return self

    def predict(self, difficulty: np.ndarray, columns: np.ndarray) -> Completion:
        """Return success, and median length and log-std of right answers: see `Completion`.

        Parameters
        ----------
        difficulty : numpy.ndarray, shape (n, 2)
            Of n queries.
        columns : numpy.ndarray, shape (n, columns)
            Features and difficulty.
        """
        median, sigma = self.right_.predict(difficulty, columns)
        return Completion(expit(linear_predictor(self.success_, difficulty)), median, sigma)


def _logistic_map(columns: np.ndarray, target: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the posterior mode of a logistic regression under a Gaussian prior."""

    def loss(coefficients: np.ndarray) -> tuple[float, np.ndarray]:
        log_odds = columns @ coefficients
        shift = coefficients - _SUCCESS_PRIOR
        value = np.sum(weight * (np.logaddexp(0.0, log_odds) - target * log_odds))
        gradient = columns.T @ (weight * (expit(log_odds) - target))
        return (
            float(value + 0.5 * np.sum(PRIOR_PRECISION * shift**2)),
            gradient + PRIOR_PRECISION * shift,
        )

    return minimize(loss, _SUCCESS_PRIOR, jac=True, method="BFGS").x
