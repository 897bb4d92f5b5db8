"""Shifted surges from queries: what the models have in common, and a head for each of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from clear_opt.curves import ShiftedSurge, TabularCurve
from clear_opt.errors import InvalidInputError
from clear_opt.fitting import Completion, surge_shape
from clear_opt.lengths import MixedLengths
from clear_opt.predictors import distribution
from clear_opt.predictors.completion_curves import completion_curves
from clear_opt.predictors.difficulty import Attempts, QueryDifficulty, query_targets
from clear_opt.predictors.distribution import SurgeDistribution
from clear_opt.predictors.head_fitting import TYPICAL, estimate_uncertainty, fit_heads
from clear_opt.predictors.heads import ModelHead
from clear_opt.predictors.learners import BoostedLearner, Learner
from clear_opt.predictors.parameters import check_random_state, thread_count
from clear_opt.predictors.queries import as_matrix, as_table, check_columns, query_features
from clear_opt.predictors.spend_error import spend_errors
from clear_opt.predictors.training_range import TrainingRange, features_out_of_distribution
from clear_opt.predictors.training_table import training_table
from clear_opt.rollouts import query_digests

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from sklearn.compose import ColumnTransformer

    from clear_opt.curves.uncertain import UncertainCurves
    from clear_opt.rollouts import Rollouts

_MIN_HEIGHT = 1e-6  # a curve needs a height above 0; no data can distinguish less


class SurgePredictor(BaseEstimator):
    """Predict a query's shifted surge from its text and other columns.

    What the models of the rollouts have in common is learned first: how hard a query is, and how
    long its answer (`QueryDifficulty`). Each model has a small head (`ModelHead`), fitted to the
    out-of-fold predictions of that difficulty as in stacked generalisation [1]_ and shrunk towards
    it, so that a model with few rollouts profits from those of the others. A head predicts the
    probability of success and log-normal lengths of right and of wrong answers; the surge is the
    least-squares fit to the completion curve of success and right lengths.

    Parameters
    ----------
    features : transformer or None
        A `sklearn.compose.ColumnTransformer`, or anything like it, from the table of queries to
        numbers; None takes `query_features` of the table's columns.
    learner : Learner or None
        `BoostedLearner` or `LinearLearner`; None takes the former with its defaults.
    random_state : int
        The same integer, data and machine give the same predictor. Only integers are accepted:
        a generator cannot be stored with the predictor.
    n_jobs : int or None
        Threads of LightGBM, as in scikit-learn: None means 1, -1 all processors.

    Attributes
    ----------
    features_ : transformer
        The fitted features.
    difficulty_ : QueryDifficulty
        What the models have in common.
    heads_ : dict
        A `ModelHead` for each model, by name, and one for a typical model.
    sigma_factor_ : float
        Factor on the log-std of right answers, calibrated so that 80 % of those to held-out queries
        lie inside their 80 % interval.
    wrong_sigma_factor_ : float
        The same for wrong answers.
    spend_error_ : dict
        Relative standard error of predicted total spend that does not average out over queries, by
        model and for a typical one: see `predict_lengths`.
    uncertainty_ : Uncertainty
        Covariance of a query's own curve around the predicted one: see `predict_distribution`.
    range_ : TrainingRange
        Range of the training queries.
    columns_ : list of str
        Names of the columns it was trained on.
    trained_on_ : dict
        What it learned from: numbers of ``queries`` and ``rollouts``, names of ``models`` and
        ``sources``, and ``query_digests``.

    References
    ----------
    .. [1] D. H. Wolpert (1992). Stacked generalization. Neural Networks 5, 241-259.

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
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.features = features
        self.learner = learner
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, queries: pd.DataFrame | Sequence[str], rollouts: Rollouts) -> SurgePredictor:
        """Fit the predictor to rollouts.

        Parameters
        ----------
        queries : DataFrame or sequence of str, shape (n,)
            One row, or text, for each of ``rollouts.query_ids``, in that order:
            ``rollouts.queries()``. Every column is used, even one that reveals the outcome:
            `clear_opt.rollouts.choose_features` leaves those out.
        rollouts : Rollouts
            Recorded answers. For one model a query counts the same however many rollouts it has. A
            truncated rollout counts with its expected outcome (`expected_outcomes`).

        Returns
        -------
        SurgePredictor
            Itself.

        Raises
        ------
        InvalidInputError
            If there is not one row per query or not one column, if no rollout is correct, if a
            model is called like the head that stands for none, or if `random_state` or `n_jobs`
            cannot be used.
        """
        table = training_table(queries, rollouts)
        check_random_state(self.random_state)
        thread_count(self.n_jobs)
        attempts = Attempts.of(rollouts)
        self.columns_ = [str(name) for name in table.columns]
        self.range_ = TrainingRange().fit(table)
        self.features_: Any = (
            query_features(table, self.random_state)
            if self.features is None
            else clone(self.features)
        )
        columns = as_matrix(self.features_.fit_transform(table))
        self.difficulty_ = QueryDifficulty(self._learner, self.random_state, self.n_jobs).fit(
            columns, query_targets(attempts, len(table))
        )
        difficulty = self.difficulty_.out_of_fold_
        columns = np.hstack([columns, difficulty])
        self.heads_, self.sigma_factor_, self.wrong_sigma_factor_ = fit_heads(
            lambda: ModelHead(self._learner, self.random_state, self.n_jobs),
            columns,
            difficulty,
            attempts,
            rollouts.models,
        )
        predicted = [self._completion(h, difficulty, columns) for h in self.heads_.values()]
        self.uncertainty_ = estimate_uncertainty(predicted, attempts, rollouts, self.random_state)
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
        """Return the predicted curve of each query; caps in tokens, heights are probabilities.

        The curve of a query does not depend on the other queries in the call.

        Parameters
        ----------
        queries : DataFrame or sequence of str, shape (n,)
            Texts, or a table with the columns of training.
        model : str, optional
            Whose answers; one of `models`. By default a typical one's.

        Returns
        -------
        ShiftedSurge
            One curve per query.

        Raises
        ------
        InvalidInputError
            Naming what cannot be used of the queries, or a model without rollouts in training.
        """
        success, median, sigma = self.predict_completion(queries, model)
        shape = surge_shape(sigma)
        return ShiftedSurge.from_height(
            tau=median * shape.tau,
            height=np.clip(success * shape.height, _MIN_HEIGHT, 1.0),
            width=median * shape.width,
        )

    def predict_completion(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> Completion:
        """Return success, median length and log-std of each query: see `Completion`.

        The parameters are those of `predict`.
        """
        return self._completion(*self._inputs(queries, model))

    def predict_lengths(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> MixedLengths:
        """Return the length of each query's next completion, right or wrong: what a cap will cost.

        Curve and length come from one model of the completion: with the probability of success
        the length is that of a right answer, else that of a wrong one. Each is log-normal but for
        a longer tail, whose shape is learned for each model (`LengthShape`). The
        parameters are those of `predict`.

        Completions are taken to be independent. ``spend_error_[model]`` is the relative standard
        error of the total that does not average out over queries: keep that much back of a budget
        that must not be overrun, however many queries share it.

        Returns
        -------
        MixedLengths
            Tokens; ``probability`` is that of success, ``one`` the lengths of right answers,
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
        return self._lengths(*self._inputs(queries, model))

    def predict_completion_curves(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> TabularCurve:
        """Return each query's completion curve on a grid: P(right and no longer than b).

        `predict` returns the surge nearest to it. Where spend counts instead of caps, prefer these:
        a surge ends at its peak, but a cap that costs nothing unless it is used should leave room
        for the longest answers. The parameters are those of `predict`.

        Returns
        -------
        TabularCurve
            Consistent with `predict_lengths`: its ``probability`` times the distribution function
            of its ``one``.

        Raises
        ------
        InvalidInputError
            As for `predict`.
        """
        inputs = self._inputs(queries, model)
        return completion_curves(self._completion(*inputs), self._lengths(*inputs))

    def predict_distribution(
        self,
        queries: pd.DataFrame | Sequence[str],
        model: str | None = None,
        levels: Sequence[float] = distribution.LEVELS,
    ) -> SurgeDistribution:
        """Return quantiles of each query's own threshold, width and height, and of its length.

        The quantiles of the length are those of the next right answer, calibrated on held-out
        queries. Those of the curve describe the query itself: how far its curve may lie from the
        predicted one. They are estimated from queries with several rollouts of one model; if
        training had fewer than 20 of them, ``uncertainty_.learned_from`` is 0, and half of the
        variance of log lengths is taken to lie between queries.

        Parameters
        ----------
        queries, model
            As for `predict`.
        levels : sequence of float, shape (k,)
            Ascending, in (0, 1).

        Raises
        ------
        InvalidInputError
            Naming what cannot be used.
        """
        predicted = self.predict_completion(queries, model)
        return distribution.surge_distribution(predicted, self.uncertainty_, levels)

    def predict_draws(
        self, queries: pd.DataFrame | Sequence[str], model: str | None = None
    ) -> UncertainCurves:
        """Return 256 quasi-random joint draws of each query's own curve.

        They are drawn from the distribution whose quantiles `predict_distribution` returns. The
        parameters are those of `predict`.
        """
        predicted = self.predict_completion(queries, model)
        return distribution.uncertain_surges(predicted, self.uncertainty_)

    def out_of_distribution(self, queries: pd.DataFrame | Sequence[str]) -> np.ndarray:
        """Return which queries are unlike those of training, booleans of shape (n,).

        For such queries the curves are guesses. See `TrainingRange.out_of_distribution` for the
        criteria. A text also counts if its features miss far more of it than of any text of
        training (`TextFeatures.out_of_distribution`).
        """
        check_is_fitted(self, "range_")
        table = self._table(queries)
        return self.range_.out_of_distribution(table) | features_out_of_distribution(
            self.features_, table
        )

    def _inputs(
        self, queries: pd.DataFrame | Sequence[str], model: str | None
    ) -> tuple[ModelHead, np.ndarray, np.ndarray]:
        """Return the model's head, and difficulty (n, 2) and columns of the queries."""
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
        raw = head.predict(difficulty, columns)
        return raw._replace(sigma=raw.sigma * self.sigma_factor_)

    def _lengths(
        self, head: ModelHead, difficulty: np.ndarray, columns: np.ndarray
    ) -> MixedLengths:
        return MixedLengths(
            self._completion(head, difficulty, columns).success,
            head.right_.lengths(difficulty, columns, self.sigma_factor_),
            head.wrong_.lengths(difficulty, columns, self.wrong_sigma_factor_),
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
