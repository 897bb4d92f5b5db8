"""What predictors say of queries that they have not seen, twice held out, computed once.

A model that is trained on top of a predictor needs, for its own training, predictions that have
the errors predictions have on new queries. So for each fold of the outer cross-validation there
are predictions for all queries, and none of them comes from a predictor that has seen that fold
or the query itself: predictors trained without a pair of folds serve for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import expit, logit

from clear_opt.evaluation import query_folds
from clear_opt.fitting import Completion
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import Rollouts

_LEAST_CHANCE = 1e-6  # a success of exactly 0 or 1 has no log odds


@dataclass(frozen=True, eq=False)
class HeldOutStates:
    """Predicted states of all rollouts' queries for each fold; k folds, n rollouts.

    Attributes
    ----------
    fold
        In which fold each rollout's query is, shape (n,).
    state
        Logit of the success, log median and log sigma, shape (k, n, 3): ``state[i]`` comes from
        predictors that have seen neither fold i nor the rollout's own fold.
    columns
        Features of each rollout's query, learned without fold i, shape (k, n, columns).
    """

    fold: np.ndarray
    state: np.ndarray
    columns: np.ndarray

    def __repr__(self) -> str:
        return f"HeldOutStates(folds={len(self.state)}, rollouts={len(self.fold)})"

    def own(self) -> np.ndarray:
        """Give the plain out-of-fold predictions, shape (n, 3)."""
        return self.state[self.fold, np.arange(len(self.fold))]


def held_out_states(rollouts: Rollouts, folds: int = 5, seed: int = 0) -> HeldOutStates:
    """Train predictors without each fold and without each pair of folds; k (k + 1) / 2 fits."""
    parts = query_folds(rollouts.query_ids, folds, seed)
    place = {name: k for k, part in enumerate(parts) for name in part}
    fold = np.array([place[name] for name in rollouts.query_id])
    state = np.full((folds, len(rollouts), 3), np.nan)
    columns = []
    for i in range(folds):
        fitted = _fitted(rollouts.take(fold != i))
        state[i, fold == i] = states(fitted, rollouts.take(fold == i))
        table = rollouts.queries()
        found = np.asarray(fitted.features_.transform(table), dtype=np.float32)
        columns.append(found[rollouts.index_of(rollouts.query_id)])
    for i, j in combinations(range(folds), 2):
        fitted = _fitted(rollouts.take((fold != i) & (fold != j)))
        state[i, fold == j] = states(fitted, rollouts.take(fold == j))
        state[j, fold == i] = states(fitted, rollouts.take(fold == i))
    return HeldOutStates(fold, state, np.stack(columns))


def _fitted(rollouts: Rollouts) -> SurgePredictor:
    return SurgePredictor().fit(rollouts.queries(), rollouts)


def states(fitted: SurgePredictor, rollouts: Rollouts) -> np.ndarray:
    """Predict the state of each rollout's query, with its model, shape (n, 3)."""
    found = np.empty((len(rollouts), 3))
    for model in rollouts.models:
        rows = np.flatnonzero(rollouts.model == model)
        own = rollouts.take(rows)
        predicted = fitted.predict_completion(own.queries(), model=model)
        found[rows] = as_state(predicted)[own.index_of(own.query_id)]
    return found


def as_state(completion: Completion) -> np.ndarray:
    """Give logit success, log median and log sigma, shape (n, 3)."""
    chance = np.clip(completion.success, _LEAST_CHANCE, 1.0 - _LEAST_CHANCE)
    return np.column_stack([logit(chance), np.log(completion.median), np.log(completion.sigma)])


def as_completion(state: np.ndarray) -> Completion:
    """Undo `as_state`."""
    return Completion(expit(state[:, 0]), np.exp(state[:, 1]), np.exp(state[:, 2]))
