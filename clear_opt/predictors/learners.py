"""What learns from a matrix of features: boosted trees or linear models, behind one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clear_opt.predictors.boosting import BoostedTrees, check_shares
from clear_opt.predictors.unit_range import UnitRange


class Learner(BaseEstimator, ABC):
    """The interface: it makes unfitted regressors, each for one kind of target."""

    @abstractmethod
    def share(self, seed: int, num_threads: int) -> Any:
        """Make a regressor for a share in [0, 1], with ``fit(X, y, sample_weight)``."""

    @abstractmethod
    def mean(self, seed: int, num_threads: int) -> Any:
        """Make a regressor for a mean, with ``fit(X, y, sample_weight)``."""

    @abstractmethod
    def quantile(self, level: float, seed: int, num_threads: int) -> BoostedTrees | None:
        """Make a regressor for a quantile of what an offset leaves; None to leave it as it is."""


class BoostedLearner(Learner):
    """LightGBM (the default): what the models share by many shallow random trees.

    The defaults were chosen on the ZeroEval rollouts by triage efficiency in cross-validation.

    Parameters
    ----------
    trees, learning_rate, leaves, min_rows, penalty
        Of the trees for what the models have in common: see `BoostedTrees`.
    residual_trees
        Trees for each quantile of a model's own lengths; 0 to leave it at its linear head.
    residual_min_weight
        Fewest queries in a leaf of those trees.
    """

    def __init__(
        self,
        trees: int = 400,
        learning_rate: float = 0.03,
        leaves: int = 15,
        min_rows: int = 5,
        penalty: float = 5.0,
        residual_trees: int = 60,
        residual_min_weight: float = 20.0,
    ) -> None:
        self.trees = trees
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_rows = min_rows
        self.penalty = penalty
        self.residual_trees = residual_trees
        self.residual_min_weight = residual_min_weight

    def share(self, seed: int, num_threads: int) -> BoostedTrees:
        """Make trees for a share."""
        return self._trees("cross_entropy", seed, num_threads)

    def mean(self, seed: int, num_threads: int) -> BoostedTrees:
        """Make trees for a mean."""
        return self._trees("regression", seed, num_threads)

    def quantile(self, level: float, seed: int, num_threads: int) -> BoostedTrees | None:
        """Make trees for a quantile of what is left."""
        if self.residual_trees == 0:
            return None
        return BoostedTrees(
            "quantile",
            level=level,
            trees=self.residual_trees,
            learning_rate=0.04,
            leaves=7,
            min_weight=self.residual_min_weight,
            column_share=0.3,
            row_share=0.7,
            seed=seed,
            num_threads=num_threads,
        )

    def _trees(self, objective: Any, seed: int, num_threads: int) -> BoostedTrees:
        return BoostedTrees(
            objective,
            trees=self.trees,
            learning_rate=self.learning_rate,
            leaves=self.leaves,
            min_rows=self.min_rows,
            min_weight=1e-3,
            penalty=self.penalty,
            column_share=0.5,
            row_share=0.7,
            random_cuts=True,
            seed=seed,
            num_threads=num_threads,
        )


class LinearLearner(Learner):
    """Ridge and logistic regression on standardised features: quicker, smaller, less exact.

    A feature more than a tenth beyond its range in training counts as no farther: a line goes on
    for ever, what was learned does not.

    Parameters
    ----------
    penalty
        L2 penalty on the standardised coefficients, as for `sklearn.linear_model.Ridge`.
    """

    def __init__(self, penalty: float = 30.0) -> None:
        self.penalty = penalty

    def share(self, seed: int, num_threads: int) -> Pipeline:
        """Make a logistic regression of a share."""
        return make_pipeline(*_standardised(), LogisticShare(self.penalty))

    def mean(self, seed: int, num_threads: int) -> Pipeline:
        """Make a ridge regression."""
        return make_pipeline(*_standardised(), Ridge(self.penalty))

    def quantile(self, level: float, seed: int, num_threads: int) -> None:
        """Make nothing: the quantiles lie at a fixed distance from the line."""
        return


def _standardised() -> tuple[UnitRange, StandardScaler]:
    return UnitRange(), StandardScaler()


class LogisticShare(RegressorMixin, BaseEstimator):
    """Logistic regression of a share in [0, 1], such as the part of the answers that is right.

    A share s of weight w is learned as a success of weight s w beside a failure of weight
    (1 - s) w, which gives the same likelihood.

    Parameters
    ----------
    penalty
        L2 penalty on the coefficients, >= 0.

    Attributes
    ----------
    regression_
        The fitted `sklearn.linear_model.LogisticRegression`, or None if all shares were alike.
    share_
        Mean share.
    """

    def __init__(self, penalty: float = 1.0) -> None:
        self.penalty = penalty

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticShare:  # noqa: N803
        """Learn from features (n, columns) and shares (n,).

        Raises
        ------
        InvalidInputError
            If a share lies outside [0, 1].
        """
        X, y = validate_data(self, X, y, y_numeric=True)  # noqa: N806
        check_shares(y)
        weight = _check_sample_weight(sample_weight, X)
        self.share_ = float(np.average(y, weights=weight))
        self.regression_ = None
        if 0.0 < self.share_ < 1.0:
            self.regression_ = LogisticRegression(C=1.0 / max(self.penalty, 1e-12), max_iter=1000)
            self.regression_.fit(
                np.vstack([X, X]),
                np.repeat([1, 0], len(y)),
                np.concatenate([weight * y, weight * (1.0 - y)]),
            )
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Give the share expected of each row, shape (n,)."""
        check_is_fitted(self, "share_")
        X = validate_data(self, X, reset=False)  # noqa: N806
        if self.regression_ is None:
            return np.full(len(X), self.share_)
        return self.regression_.predict_proba(X)[:, 1]
