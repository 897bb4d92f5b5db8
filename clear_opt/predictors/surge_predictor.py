"""Shifted-surge curves from query texts: gradient boosting for success and length."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator

from clear_opt.curves import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.predictors.features import TextFeatures, check_texts
from clear_opt.predictors.surge_fit import SMALLEST_SPREAD, surge_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.rollouts import Rollouts

QUANTILES = (0.1, 0.5, 0.9)
"""Quantiles of the log length of correct completions that are learned."""


class SurgePredictor(BaseEstimator):
    """todo."""

    def __init__(
        self,
        success_trees: int = 100,
        length_trees: int = 100,
        learning_rate: float = 0.04,
        leaves: int = 7,
        min_queries: int = 20,
        feature_fraction: float = 0.3,
        n_components: int = 32,
        max_terms: int = 2000,
        seed: int = 0,
        num_threads: int = 1,
    ) -> None:
        self.success_trees = success_trees
        self.length_trees = length_trees
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_queries = min_queries
        self.feature_fraction = feature_fraction
        self.n_components = n_components
        self.max_terms = max_terms
        self.seed = seed
        self.num_threads = num_threads

    def fit(self, queries: Sequence[str], rollouts: Rollouts) -> SurgePredictor:
        texts = check_texts(queries)
        self.features_ = TextFeatures(
            n_components=self.n_components, max_terms=self.max_terms, seed=self.seed
        ).fit(texts)
        columns = self.features_.transform(texts)
        query = rollouts.index_of(rollouts.query_id)
        count = np.bincount(query, minlength=len(texts))
        success = np.bincount(query, weights=rollouts.correct) / count
        self.success_ = self._boost(
            columns, success, count / count.mean(), self.success_trees, objective="cross_entropy"
        )
        right = np.flatnonzero(rollouts.correct > 0)
        share = rollouts.correct[right]
        share = share / np.bincount(query, weights=rollouts.correct)[query[right]]
        length = np.log(np.maximum(rollouts.n_tokens[right], 1))
        self.lengths_ = [
            self._boost(
                columns[query[right]],
                length,
                share,
                self.length_trees,
                objective="quantile",
                alpha=alpha,
            )
            for alpha in QUANTILES
        ]
        return self

    def predict(self, queries: Sequence[str]) -> ShiftedSurge:
        success, low, median, high = self.predict_parts(queries)
        spread = (high - low) / (ndtri(QUANTILES[2]) - ndtri(QUANTILES[0]))
        shape = surge_shape(np.maximum(spread, SMALLEST_SPREAD))
        scale = np.exp(median)
        return ShiftedSurge.from_height(
            scale * shape.tau,
            np.clip(success * shape.height, 1e-6, 1.0),
            scale * shape.width,
        )

    def predict_parts(self, queries):
        columns = self.features_.transform(queries)
        success = self.success_.predict(columns, num_threads=self.num_threads)
        logs = [b.predict(columns, num_threads=self.num_threads) for b in self.lengths_]
        return (success, *np.sort(logs, axis=0))

    def _boost(self, columns, target, weight, trees, **objective) -> lgb.Booster:
        parameters: dict[str, Any] = {
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.min_queries,
            "feature_fraction": self.feature_fraction,
            "bagging_fraction": 0.7,
            "bagging_freq": 1,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.num_threads,
            "verbosity": -1,
            **objective,
        }
        data = lgb.Dataset(columns, label=target, weight=weight, params={"verbosity": -1})
        return lgb.train(parameters, data, num_boost_round=trees)
