"""What the models have in common: how hard a query is, and how long its answer.

Many models answer the same queries. The share of them that is right, and how much longer than
usual their answers are, is known far better than the outcome of any one model, so this is learned
first and once. Each model's own curve is then a small correction (`clear_opt.predictors.heads`).
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

_FOLDS = 5  # in which the training queries' own difficulty is foretold without them
_ROUNDS = 20  # of the additive fit; it closes in by a factor of about ten a round
_LEAST_SHARE = 0.01  # a difficulty beyond 1 % and 99 % cannot be told from text


class Attempts(NamedTuple):
    """Rollouts as the learners need them, all arrays of shape (rows,).

    ``query`` and ``model`` are places, ``correct`` is in [0, 1], ``log_length`` the natural log of
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
        """Read a table; a rollout that was cut off counts as what its query lets one expect."""
        model = np.zeros(len(rollouts), dtype=np.int64)
        if rollouts.models:
            model = np.searchsorted(rollouts.models, rollouts.model.astype(str))
        return cls(rollouts.index_of(rollouts.query_id), model, *expected_outcomes(rollouts))

    def take(self, rows: np.ndarray) -> Attempts:
        """Give some of the rows."""
        return Attempts(*(values[rows] for values in self))


class Targets(NamedTuple):
    """What is known of each query, arrays of shape (queries,).

    ``share`` is the part of right answers, ``length`` the excess of the log length of right
    answers over what their models usually take, and the weights count rollouts.
    """

    share: np.ndarray
    share_weight: np.ndarray
    length: np.ndarray
    length_weight: np.ndarray


def query_targets(attempts: Attempts, queries: int) -> Targets:
    """Take the models' levels out of the rollouts, and average over the models.

    A query with few rollouts is drawn towards zero excess, as one more rollout of no excess would.
    """
    usual, overall = _model_means(attempts), attempts.correct.mean()
    count = np.bincount(attempts.query, minlength=queries).astype(np.float64)
    level = attempts.correct - usual[attempts.model] + overall
    total = np.bincount(attempts.query, weights=level, minlength=queries)
    share = np.clip(total / np.maximum(count, 1.0), 0.0, 1.0)

    weight = attempts.correct
    rights = np.bincount(attempts.query, weights=weight, minlength=queries)
    per_model = np.maximum(np.bincount(attempts.model, weights=weight), 1e-12)
    excess = np.zeros(queries)
    for _ in range(_ROUNDS):
        left = attempts.log_length - excess[attempts.query]
        usual = np.bincount(attempts.model, weights=weight * left) / per_model
        left = attempts.log_length - usual[attempts.model]
        excess = np.bincount(attempts.query, weights=weight * left, minlength=queries)
        excess /= rights + 1.0
    return Targets(share, count / max(count.mean(), 1e-12), excess, rights / (rights + 1.0))


def _model_means(attempts: Attempts) -> np.ndarray:
    count = np.maximum(np.bincount(attempts.model), 1)
    return np.bincount(attempts.model, weights=attempts.correct) / count


class QueryDifficulty(BaseEstimator):
    """Foretell a query's difficulty from its features: log odds of success, excess log length.

    Parameters
    ----------
    learner
        What learns.
    seed, num_threads
        For the learner, and for the folds.

    Attributes
    ----------
    share_, length_
        The fitted regressors.
    lengths_
        Least and most excess log length of a query in training, beyond which none is foretold.
    out_of_fold_
        Difficulty of the training queries as foretold without them, shape (queries, 2).
    """

    lengths_: tuple[float, float] = (-np.inf, np.inf)  # of a predictor stored without it

    def __init__(self, learner: Learner, seed: int = 0, num_threads: int = 1) -> None:
        self.learner = learner
        self.seed = seed
        self.num_threads = num_threads

    def fit(self, columns: np.ndarray, targets: Targets) -> QueryDifficulty:
        """Learn from the features (queries, columns) and what is known of each query."""
        queries = len(columns)
        excess = targets.length[targets.length_weight > 0]
        self.lengths_ = (float(excess.min(initial=0.0)), float(excess.max(initial=0.0)))
        self._learn(columns, targets, np.arange(queries))
        whole = (self.share_, self.length_)
        own = self.transform(columns)
        folds = np.array_split(
            np.random.default_rng(self.seed).permutation(queries), min(_FOLDS, queries)
        )
        for fold in folds if len(folds) > 1 else []:
            self._learn(columns, targets, np.setdiff1d(np.arange(queries), fold))
            own[fold] = self.transform(columns[fold])
        self.share_, self.length_ = whole
        self.out_of_fold_ = own
        return self

    def transform(self, columns: np.ndarray) -> np.ndarray:
        """Give log odds of success and excess log length of each query, shape (n, 2)."""
        check_is_fitted(self, "share_")
        if not len(columns):
            return np.zeros((0, 2))
        share = np.clip(self.share_.predict(columns), _LEAST_SHARE, 1.0 - _LEAST_SHARE)
        length = np.zeros(len(columns)) if self.length_ is None else self.length_.predict(columns)
        return np.column_stack([np.log(share / (1.0 - share)), np.clip(length, *self.lengths_)])

    def _learn(self, columns: np.ndarray, targets: Targets, rows: np.ndarray) -> None:
        self.share_ = self.learner.share(self.seed, self.num_threads)
        _fit(self.share_, columns[rows], targets.share[rows], targets.share_weight[rows])
        known = rows[targets.length_weight[rows] > 0]
        self.length_ = None  # without a right answer nothing is known of lengths
        if known.size:
            self.length_ = self.learner.mean(self.seed, self.num_threads)
            _fit(self.length_, columns[known], targets.length[known], targets.length_weight[known])


def _fit(regressor: object, columns: np.ndarray, target: np.ndarray, weight: np.ndarray) -> None:
    """Fit a regressor or, where it is a pipeline, its last step with the weights."""
    steps = getattr(regressor, "steps", None)
    name = f"{steps[-1][0]}__sample_weight" if steps else "sample_weight"
    regressor.fit(columns, target, **{name: weight})  # type: ignore[attr-defined]
