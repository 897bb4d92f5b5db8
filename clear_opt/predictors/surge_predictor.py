"""Shifted surges from query texts: boosted trees for success and for the length of successes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from clear_opt.curves import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.fitting import Completion, surge_shape
from clear_opt.predictors.text_features import TextFeatures, check_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clear_opt.rollouts import Rollouts

QUANTILES = (0.1, 0.5, 0.9)
"""Quantiles of the log length of correct completions that are learned."""

_NORMAL_RANGE = float(ndtri(QUANTILES[2]) - ndtri(QUANTILES[0]))  # of a spread of 1

_LEAST_HEIGHT = 1e-6  # a curve needs a height above 0, and no data can tell less from it

# The learning problem is small and noisy: every tree sees part of the rows and of the columns.
_ROWS_PER_TREE = 0.7
_COLUMNS_PER_TREE = 0.3


class SurgePredictor(BaseEstimator):
    """Predict a query's shifted surge from its text (design 1.7).

    Gradient boosting (LightGBM) on `TextFeatures` learns the probability of success and the
    10, 50 and 90 % quantiles of the log length of correct completions. A log-normal length with
    that median and spread has a completion curve, and the surge is its least-squares fit.

    Parameters
    ----------
    trees
        Boosting rounds of each of the four models.
    learning_rate
        Weight of each tree.
    leaves
        Most leaves of a tree.
    min_queries
        Fewest training queries in a leaf.
    n_components, max_terms
        As for `TextFeatures`.
    seed
        The same seed, data and machine give the same predictor, byte for byte.
    num_threads
        Threads LightGBM may use.

    Attributes
    ----------
    features_
        The fitted `TextFeatures`.
    success_
        LightGBM booster for the probability of success.
    lengths_
        LightGBM boosters for the log length, one per entry of ``QUANTILES``.
    trained_on_
        What it learned from: numbers of ``queries`` and ``rollouts``, and the names of
        ``models`` and ``sources``.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> texts = [f"Add {k} and {k + 1}." for k in range(8)]
    >>> lengths = [80, 95, 100, 90, 120, 85, 110, 105]
    >>> rollouts = Rollouts([f"q{k}" for k in range(8)], lengths, [1, 1, 0, 1, 1, 1, 0, 1], texts)
    >>> predictor = SurgePredictor(trees=5).fit(rollouts.texts(), rollouts)
    >>> predictor.predict(["Add 3 and 9."])
    ShiftedSurge(n=1, beyond_peak='plateau')
    """

    def __init__(
        self,
        trees: int = 100,
        learning_rate: float = 0.04,
        leaves: int = 7,
        min_queries: int = 20,
        n_components: int = 32,
        max_terms: int = 2000,
        seed: int = 0,
        num_threads: int = 1,
    ) -> None:
        self.trees = trees
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_queries = min_queries
        self.n_components = n_components
        self.max_terms = max_terms
        self.seed = seed
        self.num_threads = num_threads

    def fit(self, queries: Sequence[str], rollouts: Rollouts) -> SurgePredictor:
        """Learn from rollouts.

        Parameters
        ----------
        queries
            Text of each query of ``rollouts.query_ids``, in that order; ``rollouts.texts()``
            where the table holds them.
        rollouts
            What happened. A query counts the same however many rollouts it has for its length,
            and in proportion to their number for its success. With rollouts of several models,
            the curves are those of a typical one.

        Raises
        ------
        InvalidInputError
            If the texts are not one per query, or if no rollout is correct.
        """
        texts = check_texts(queries)
        if len(texts) != len(rollouts.query_ids):
            raise InvalidInputError(
                f"has {len(texts)} texts for the {len(rollouts.query_ids)} queries of the rollouts",
                column="queries",
                remedy="give one text for each of rollouts.query_ids, in that order",
            )
        right = np.flatnonzero(rollouts.correct > 0)
        if not right.size:
            raise InvalidInputError(
                "has no correct rollout", column="correct", remedy="lengths need a few successes"
            )
        query = rollouts.index_of(rollouts.query_id)
        attempts = np.bincount(query)
        successes = np.bincount(query, weights=rollouts.correct)

        self.features_ = TextFeatures(
            n_components=self.n_components, max_terms=self.max_terms, seed=self.seed
        ).fit(texts)
        columns = self.features_.transform(texts)
        self.success_ = self._boost(
            columns,
            successes / attempts,
            attempts / attempts.mean(),
            objective="cross_entropy",
            min_data_in_leaf=self.min_queries,
        )
        # The weights of a query's rollouts add up to 1, so the weight in a leaf (LightGBM calls
        # it the Hessian) counts queries where the number of rows would not.
        share = rollouts.correct[right] / successes[query[right]]
        log_length = np.log(np.maximum(rollouts.n_tokens[right], 1))
        self.lengths_ = [
            self._boost(
                columns[query[right]],
                log_length,
                share,
                objective="quantile",
                alpha=quantile,
                min_data_in_leaf=1,
                min_sum_hessian_in_leaf=self.min_queries,
            )
            for quantile in QUANTILES
        ]
        self.trained_on_ = {
            "queries": len(texts),
            "rollouts": len(rollouts),
            "models": list(rollouts.models),
            "sources": list(rollouts.sources),
        }
        return self

    def predict(self, queries: Sequence[str]) -> ShiftedSurge:
        """Give the curve of each query's text; caps in tokens, heights are probabilities.

        The curve of a text does not depend on the other texts in the call.
        """
        success, median, spread = self.predict_completion(queries)
        shape = surge_shape(spread)
        return ShiftedSurge.from_height(
            tau=median * shape.tau,
            height=np.clip(success * shape.height, _LEAST_HEIGHT, 1.0),
            width=median * shape.width,
        )

    def predict_completion(self, queries: Sequence[str]) -> Completion:
        """Give success, median length and log-spread of each query's text: see `Completion`.

        Raises
        ------
        InvalidInputError
            Naming the first query that is not text.
        """
        check_is_fitted(self, "lengths_")
        columns = self.features_.transform(queries)
        # Quantiles learned apart may cross; sorting them is the nearest order they can have.
        low, median, high = np.sort([self._run(booster, columns) for booster in self.lengths_], 0)
        return Completion(
            success=np.clip(self._run(self.success_, columns), 0.0, 1.0),
            median=np.exp(median),
            spread=(high - low) / _NORMAL_RANGE,
        )

    def _run(self, booster: lgb.Booster, columns: np.ndarray) -> np.ndarray:
        if not len(columns):  # LightGBM refuses an empty batch
            return np.zeros(0)
        return np.asarray(booster.predict(columns, num_threads=self.num_threads))

    def _boost(
        self, columns: np.ndarray, target: np.ndarray, weight: np.ndarray, **task: Any
    ) -> lgb.Booster:
        settings = {
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "bagging_freq": 1,
            "bagging_fraction": max(_ROWS_PER_TREE, 1.0 / len(target)),  # of one row, all
            "feature_fraction": _COLUMNS_PER_TREE,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.num_threads,
            "verbosity": -1,
        }
        data = lgb.Dataset(
            columns,
            label=target,
            weight=weight,
            feature_name=list(self.features_.get_feature_names_out()),
            params={"verbosity": -1},
        )
        return lgb.train({**settings, **task}, data, num_boost_round=self.trees)
