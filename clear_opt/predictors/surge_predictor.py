"""Shifted surges from queries: what the models have in common, and a head for each of them."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from clear_opt.curves import ShiftedSurge, TabularCurve
from clear_opt.defaults import MOST_SEED
from clear_opt.errors import InvalidInputError
from clear_opt.fitting import Completion, surge_shape
from clear_opt.lengths import MixedLengths
from clear_opt.predictors import distribution
from clear_opt.predictors.completion_curves import completion_curves
from clear_opt.predictors.difficulty import Attempts, QueryDifficulty, query_targets
from clear_opt.predictors.distribution import SurgeDistribution
from clear_opt.predictors.head_fitting import TYPICAL, fit_heads, learn_doubt
from clear_opt.predictors.heads import ModelHead
from clear_opt.predictors.learners import BoostedLearner, Learner
from clear_opt.predictors.queries import as_table, check_columns, query_features
from clear_opt.predictors.spend_error import spend_errors
from clear_opt.predictors.training_range import TrainingRange, outside_features
from clear_opt.rollouts import query_digests

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from sklearn.compose import ColumnTransformer

    from clear_opt.curves.uncertain import UncertainCurves
    from clear_opt.rollouts import Rollouts

_LEAST_HEIGHT = 1e-6  # a curve needs a height above 0, and no data can tell less from it


class SurgePredictor(BaseEstimator):
    """Predict a query's shifted surge from its text and other columns.

    What the models of the rollouts have in common is learned first: how hard a query is, and how
    long its answer (`QueryDifficulty`). Each model has a small head on top of it (`ModelHead`),
    so that a model with few rollouts profits from those of the others. A head gives the
    probability of success and log-normal lengths of right and of wrong answers; the surge is the
    least-squares fit to the completion curve that success and right lengths make.

    Parameters
    ----------
    features
        A `sklearn.compose.ColumnTransformer`, or anything like it, from the table of queries to
        numbers; None takes `query_features` of the table's columns.
    learner
        `BoostedLearner` or `LinearLearner`; None takes the former with its defaults.
    seed
        The same seed, data and machine give the same predictor.
    num_threads
        Threads LightGBM may use.

    Attributes
    ----------
    features_
        The fitted features.
    difficulty_
        The fitted `QueryDifficulty`.
    heads_
        A `ModelHead` for each model, by name, and one for a typical model.
    spread_factor_
        What the heads' spreads are multiplied by, so that 80 % of the right answers to queries
        held out lie inside their 80 % interval.
    wrong_spread_factor_
        The same for wrong answers.
    spend_error_
        Relative error that predicted spends of a model share, by model and for a typical one: see
        `predict_lengths`.
    doubt_
        How far a query's own curve lies from the predicted one: see `predict_distribution`.
    range_
        The `TrainingRange` of the queries.
    columns_
        Names of the columns it was trained on.
    trained_on_
        What it learned from: numbers of ``queries`` and ``rollouts``, names of ``models`` and
        ``sources``, and ``query_digests``.

    Examples
    --------
    >>> from clear_opt.rollouts import Rollouts
    >>> texts = [f"Add {k} and {k + 1}." for k in range(8)]
    >>> lengths = [80, 95, 100, 90, 120, 85, 110, 105]
    >>> rollouts = Rollouts([f"q{k}" for k in range(8)], lengths, [1, 1, 0, 1, 1, 1, 0, 1], texts)
    >>> predictor = SurgePredictor().fit(rollouts.queries(), rollouts)
    >>> predictor.predict(["Add 3 and 9."])
    ShiftedSurge(n=1, beyond_peak='plateau')
    """

    def __init__(
        self,
        features: ColumnTransformer | None = None,
        learner: Learner | None = None,
        seed: int = 0,
        num_threads: int = 1,
    ) -> None:
        self.features = features
        self.learner = learner
        self.seed = seed
        self.num_threads = num_threads

    def fit(self, queries: pd.DataFrame | Sequence[str], rollouts: Rollouts) -> SurgePredictor:
        """Learn from rollouts.

        Parameters
        ----------
        queries
            One row, or text, for each of ``rollouts.query_ids``, in that order:
            ``rollouts.queries()``. Every column is used, even one that tells the outcome:
            `clear_opt.rollouts.choose_features` leaves those out.
        rollouts
            What happened. For one model a query counts the same however many rollouts it has. A
            truncated rollout counts as what its query's curve lets one expect
            (`expected_outcomes`).

        Raises
        ------
        InvalidInputError
            If there is not one row per query or not one column, if no rollout is correct, if a
            model is called like the head that stands for none, or if the seed cannot be used.
        """
        table = as_table(queries)
        if len(table) != len(rollouts.query_ids):
            raise InvalidInputError(
                f"has {len(table)} rows for the {len(rollouts.query_ids)} queries of the rollouts",
                column="queries",
                remedy="give one for each of rollouts.query_ids, in that order",
            )
        if not (rollouts.correct > 0).any():
            raise InvalidInputError(
                "has no correct rollout", column="correct", remedy="lengths need a few successes"
            )
        if not len(table.columns):
            raise InvalidInputError(
                "has no column", column="queries", remedy="add the queries' texts or features"
            )
        if TYPICAL in rollouts.models:
            raise InvalidInputError(
                "is the name of the head that stands for no model",
                column="model",
                value=TYPICAL,
                remedy="call the model something else",
            )
        if not (isinstance(self.seed, Integral) and 0 <= self.seed <= MOST_SEED):
            raise InvalidInputError(
                f"is not a whole number from 0 to {MOST_SEED:,}", column="seed", value=self.seed
            )
        attempts = Attempts.of(rollouts)
        self.columns_ = [str(name) for name in table.columns]
        self.range_ = TrainingRange().fit(table)
        self.features_: Any = (
            query_features(table, self.seed) if self.features is None else clone(self.features)
        )
        columns = as_matrix(self.features_.fit_transform(table))
        self.difficulty_ = QueryDifficulty(self._learner, self.seed, self.num_threads).fit(
            columns, query_targets(attempts, len(table))
        )
        difficulty = self.difficulty_.out_of_fold_
        columns = np.hstack([columns, difficulty])
        self.heads_, self.spread_factor_, self.wrong_spread_factor_ = fit_heads(
            lambda: ModelHead(self._learner, self.seed, self.num_threads),
            columns,
            difficulty,
            attempts,
            rollouts.models,
        )
        predicted = [self._completion(h, difficulty, columns) for h in self.heads_.values()]
        self.doubt_ = learn_doubt(predicted, attempts, rollouts, self.seed)
        lengths = [self._lengths(h, difficulty, columns) for h in self.heads_.values()]
        curves = [completion_curves(*pair) for pair in zip(predicted, lengths, strict=True)]
        errors = spend_errors(curves, lengths, attempts)
        self.spend_error_ = dict(zip(self.heads_, errors, strict=True))
        self.trained_on_ = {
            "queries": len(table),
            "rollouts": len(rollouts),
            "models": list(rollouts.models),
            "sources": list(rollouts.sources),
            "query_digests": query_digests(rollouts),
        }
        return self

    @property
    def models(self) -> tuple[str, ...]:
        """The models that have a head of their own; empty where the rollouts named none."""
        return tuple(name for name in self.heads_ if name != TYPICAL)

    def predict(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> ShiftedSurge:
        """Give the curve of each query; caps in tokens, heights are probabilities.

        The curve of a query does not depend on the other queries in the call.

        Parameters
        ----------
        queries
            Texts, or a table with the columns of training.
        model
            Whose answers; one of `models`. None stands for a typical one.

        Raises
        ------
        InvalidInputError
            Naming what cannot be used of the queries, or a model without rollouts in training.
        """
        success, median, spread = self.predict_completion(queries, model)
        shape = surge_shape(spread)
        return ShiftedSurge.from_height(
            tau=median * shape.tau,
            height=np.clip(success * shape.height, _LEAST_HEIGHT, 1.0),
            width=median * shape.width,
        )

    def predict_completion(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> Completion:
        """Give success, median length and log-spread of each query: see `Completion`.

        The parameters are those of `predict`.
        """
        return self._completion(*self._asked(queries, model))

    def predict_lengths(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> MixedLengths:
        """Give the length of each query's next completion, right or wrong: what a cap will cost.

        Curve and length come from one model of the completion: with the probability of success
        the length is that of a right answer, else that of a wrong one. Each is log-normal but for
        a longer tail, whose shape is learned for each model (`LengthShape`). The
        parameters are those of `predict`.

        Completions are taken to be independent. What all predictions for a model have wrong
        together is ``spend_error_[model]`` of the total, one standard error: of a budget that
        must not be overrun, however many queries share it, keep that much back besides.

        Returns
        -------
        MixedLengths
            Tokens; ``share`` is the probability of success, ``one`` the lengths of right answers,
            ``other`` those of wrong ones.

        Raises
        ------
        InvalidInputError
            As for `predict`.

        Examples
        --------
        >>> from clear_opt.rollouts import Rollouts
        >>> texts = [f"Add {k} and {k + 1}." for k in range(8)]
        >>> rollouts = Rollouts([f"q{k}" for k in range(8)], [90] * 8, [1, 0] * 4, texts)
        >>> predictor = SurgePredictor().fit(rollouts.queries(), rollouts)
        >>> predictor.predict_lengths(["Add 9 and 8."]).expected_spend([[50.0, 500.0]]).round()
        array([[50., 90.]])
        """
        return self._lengths(*self._asked(queries, model))

    def predict_completion_curves(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> TabularCurve:
        """Give each query's completion curve itself, on a grid: P(right and no longer than b).

        `predict` gives the surge nearest to it. Where spend counts instead of caps, prefer these:
        a surge ends at its peak, but a cap that costs nothing unless it is used should leave room
        for the longest answers. The parameters are those of `predict`.

        Returns
        -------
        TabularCurve
            In agreement with `predict_lengths`: its ``share`` times the distribution of its
            ``one``.

        Raises
        ------
        InvalidInputError
            As for `predict`.
        """
        asked = self._asked(queries, model)
        return completion_curves(self._completion(*asked), self._lengths(*asked))

    def predict_distribution(
        self,
        queries: pd.DataFrame | Sequence[str],
        model: str | None = None,
        levels: Sequence[float] = distribution.LEVELS,
    ) -> SurgeDistribution:
        """Give quantiles of each query's own threshold, width and height, and of its length.

        The quantiles of the length are those of the next right answer, calibrated on queries held
        out. Those of the curve are about the query itself: how far its curve may lie from the
        predicted one. They are learned from queries with several rollouts of one model; where
        training had fewer than 20 of them, ``doubt_.learned_from`` is 0, and half of the variance
        of log lengths is taken to lie between queries.

        Parameters
        ----------
        queries, model
            As for `predict`.
        levels
            Ascending, in (0, 1), k of them.

        Raises
        ------
        InvalidInputError
            Naming what cannot be used.
        """
        predicted = self.predict_completion(queries, model)
        return distribution.surge_distribution(predicted, self.doubt_, levels)

    def predict_draws(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> UncertainCurves:
        """Give 256 evenly spread joint draws of each query's own curve.

        They have the doubt that `predict_distribution` tells quantiles of. The parameters are
        those of `predict`.
        """
        predicted = self.predict_completion(queries, model)
        return distribution.uncertain_surges(predicted, self.doubt_)

    def outside_training(self, queries: pd.DataFrame | Sequence[str]) -> np.ndarray:
        """Say which queries are unlike those of training, booleans of shape (n,).

        Their mean is the share of queries for which the curves are guesses: see
        `TrainingRange.outside` for what counts. A text is also outside where its features miss far
        more of it than of any text of training (`TextFeatures.outside`).
        """
        check_is_fitted(self, "range_")
        table = self._table(queries)
        return self.range_.outside(table) | outside_features(self.features_, table)

    def _asked(
        self, queries: pd.DataFrame | Sequence[str], model: str | None
    ) -> tuple[ModelHead, np.ndarray, np.ndarray]:
        """Give the model's head, and difficulty (n, 2) and columns of the queries."""
        check_is_fitted(self, "heads_")
        head = self._head(model)
        table = self._table(queries)
        if not len(table):
            return head, np.zeros((0, 2)), np.zeros((0, 0))
        columns = as_matrix(self.features_.transform(table))
        difficulty = self.difficulty_.transform(columns)
        return head, difficulty, np.hstack([columns, difficulty])

    def _completion(
        self, head: ModelHead, difficulty: np.ndarray, columns: np.ndarray
    ) -> Completion:
        if not len(difficulty):
            return Completion(*(np.zeros(0) for _ in Completion._fields))
        found = head.predict(difficulty, columns)
        return found._replace(spread=found.spread * self.spread_factor_)

    def _lengths(
        self, head: ModelHead, difficulty: np.ndarray, columns: np.ndarray
    ) -> MixedLengths:
        return MixedLengths(
            self._completion(head, difficulty, columns).success,
            head.right_.lengths(difficulty, columns, self.spread_factor_),
            head.wrong_.lengths(difficulty, columns, self.wrong_spread_factor_),
        )

    def _table(self, queries: pd.DataFrame | Sequence[str]) -> pd.DataFrame:
        return check_columns(as_table(queries), self.columns_, self.range_.categories_)

    @property
    def _learner(self) -> Learner:
        return BoostedLearner() if self.learner is None else self.learner

    def _head(self, model: str | None) -> ModelHead:
        if model is None:
            return self.heads_[TYPICAL]
        if model not in self.models:
            raise InvalidInputError(
                "has no rollouts in the predictor's training",
                column="model",
                value=model,
                remedy=f"it knows {', '.join(self.models) or 'no model by name'}; "
                "leave the model out for a typical one",
            )
        return self.heads_[model]


def as_matrix(features: Any) -> np.ndarray:
    """Return what a transformer gives, which may be sparse or a table, as an array of float64."""
    return np.asarray(features.toarray() if issparse(features) else features, dtype=np.float64)
