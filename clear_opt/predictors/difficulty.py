"""What the models have in common: how hard a query is, and how long its answer.

Many models answer the same queries. The fraction of them that is right, and how much longer than
usual their answers are, is known far better than the outcome of any one model, so this is learned
first and once. Each model's own curve is then a small correction (`clear_opt.predictors.heads`).

The heads are fitted on out-of-fold predictions of the difficulty, as in stacked generalisation
(D. H. Wolpert, 1992, Neural Networks 5, 241-259): in-sample predictions would look too good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clear_opt.fitting import expected_outcomes

if TYPE_CHECKING:
    from clear_opt.predictors.learners import Learner
    from clear_opt.rollouts import Rollouts

_FOLDS = 5  # of the out-of-fold difficulty of the training queries
_ROUNDS = 20  # of backfitting; the error shrinks by a factor of about ten a round
_MIN_PROBABILITY = 0.01  # text cannot tell probabilities beyond 1 % and 99 % apart


class Attempts(NamedTuple):
    """Rollouts as the learners need them, all arrays of shape (rows,).

    ``query`` and ``model`` are indices, ``correct`` is in [0, 1], ``log_length`` the natural log of
    the tokens of a right answer, and ``wrong_log_length`` that of a wrong one. The two are the same
    where the rollout was not cut off.
    """

    query: np.ndarray
    model: np.ndarray
    correct: np.ndarray
    log_length: np.ndarray
    wrong_log_length: np.ndarray

    @classmethod
    def of(cls, rollouts: Rollouts) -> Attempts:
        """Return the rows of a table; of truncated rollouts their expected outcome."""
        model = np.zeros(len(rollouts), dtype=np.int64)
        if rollouts.models:
            model = np.searchsorted(rollouts.models, rollouts.model.astype(str))
        return cls(rollouts.index_of(rollouts.query_id), model, *expected_outcomes(rollouts))

    def take(self, rows: np.ndarray) -> Attempts:
        """Return some of the rows."""
        return Attempts(*(values[rows] for values in self))


class Targets(NamedTuple):
    """What is known of each query, arrays of shape (queries,).

    ``probability`` is the fraction of right answers, ``length`` the excess of the log length of
    right answers over what their models usually take, and the weights count rollouts.
    """

    probability: np.ndarray
    probability_weight: np.ndarray
    length: np.ndarray
    length_weight: np.ndarray


def query_targets(attempts: Attempts, queries: int) -> Targets:
    """Return the effect of each query, with the effects of the models taken out.

    Log lengths are decomposed into additive effects of model and query by backfitting. The effect
    of a query with few rollouts is shrunk towards zero, as by one more rollout of no excess.

    Parameters
    ----------
    attempts : Attempts
        The rollouts.
    queries : int
        Number of queries.
    """
    model_mean, overall = _model_means(attempts), attempts.correct.mean()
    count = np.bincount(attempts.query, minlength=queries).astype(np.float64)
    adjusted = attempts.correct - model_mean[attempts.model] + overall
    total = np.bincount(attempts.query, weights=adjusted, minlength=queries)
    probability = np.clip(total / np.maximum(count, 1.0), 0.0, 1.0)

    weight = attempts.correct
    rights = np.bincount(attempts.query, weights=weight, minlength=queries)
    per_model = np.maximum(np.bincount(attempts.model, weights=weight), 1e-12)
    excess = np.zeros(queries)
    for _ in range(_ROUNDS):
        residual = attempts.log_length - excess[attempts.query]
        model_effect = np.bincount(attempts.model, weights=weight * residual) / per_model
        residual = attempts.log_length - model_effect[attempts.model]
        excess = np.bincount(attempts.query, weights=weight * residual, minlength=queries)
        excess /= rights + 1.0
    return Targets(probability, count / max(count.mean(), 1e-12), excess, rights / (rights + 1.0))


def _model_means(attempts: Attempts) -> np.ndarray:
    count = np.maximum(np.bincount(attempts.model), 1)
    return np.bincount(attempts.model, weights=attempts.correct) / count


class QueryDifficulty(BaseEstimator):
    """Predict a query's difficulty from its features: log odds of success, excess log length.

    Parameters
    ----------
    learner : Learner
        Makes the two regressors.
    random_state : int
        For the learner, and for the folds.
    n_jobs : int or None
        For the learner.

    Attributes
    ----------
    probability_, length_ : estimator
        The fitted regressors; ``length_`` is None without a right answer in training.
    length_range_ : tuple of float
        Least and most excess log length of a query in training; predictions are clipped to it.
    out_of_fold_ : numpy.ndarray, shape (queries, 2)
        Difficulty of each training query, predicted by regressors that were fitted without it.
    """

    def __init__(self, learner: Learner, random_state: int = 0, n_jobs: int | None = None) -> None:
        self.learner = learner
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, columns: np.ndarray, targets: Targets) -> QueryDifficulty:
        """Fit the regressors, and predict the training queries out of fold.

        Parameters
        ----------
        columns : numpy.ndarray, shape (queries, columns)
            Features.
        targets : Targets
            What is known of each query.
        """
        queries = len(columns)
        excess = targets.length[targets.length_weight > 0]
        self.length_range_ = (float(excess.min(initial=0.0)), float(excess.max(initial=0.0)))
        self._fit_on(columns, targets, np.arange(queries))
        fitted_on_all = (self.probability_, self.length_)
        predicted = self.transform(columns)
        folds = np.array_split(
            np.random.default_rng(self.random_state).permutation(queries), min(_FOLDS, queries)
        )
        for fold in folds if len(folds) > 1 else []:
            self._fit_on(columns, targets, np.setdiff1d(np.arange(queries), fold))
            predicted[fold] = self.transform(columns[fold])
        self.probability_, self.length_ = fitted_on_all
        self.out_of_fold_ = predicted
        return self

    def transform(self, columns: np.ndarray) -> np.ndarray:
        """Return log odds of success and excess log length of each query, shape (n, 2)."""
        check_is_fitted(self, "probability_")
        if not len(columns):
            return np.zeros((0, 2))
        probability = np.clip(
            self.probability_.predict(columns), _MIN_PROBABILITY, 1.0 - _MIN_PROBABILITY
        )
        length = np.zeros(len(columns)) if self.length_ is None else self.length_.predict(columns)
        return np.column_stack(
            [np.log(probability / (1.0 - probability)), np.clip(length, *self.length_range_)]
        )

    def _fit_on(self, columns: np.ndarray, targets: Targets, rows: np.ndarray) -> None:
        self.probability_ = self.learner.probability_regressor(self.random_state, self.n_jobs)
        _fit(
            self.probability_,
            columns[rows],
            targets.probability[rows],
            targets.probability_weight[rows],
        )
        known = rows[targets.length_weight[rows] > 0]
        self.length_ = None  # without a right answer nothing is known of lengths
        if known.size:
            self.length_ = self.learner.mean_regressor(self.random_state, self.n_jobs)
            _fit(self.length_, columns[known], targets.length[known], targets.length_weight[known])


def _fit(regressor: object, columns: np.ndarray, target: np.ndarray, weight: np.ndarray) -> None:
    """Fit a regressor or, where it is a pipeline, its last step with the weights."""
    steps = getattr(regressor, "steps", None)
    name = f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"
    regressor.fit(columns, target, **{name: weight})  # type: ignore[attr-defined]
