"""Base learners: regressors for a probability, a mean or a quantile, behind one interface."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clear_opt.predictors.boosting import BoostedTrees, check_probabilities
from clear_opt.predictors.unit_range import UnitRange


class Learner(BaseEstimator, ABC):
    """Interface of a base learner: a recipe that makes unfitted regressors.

    It has no ``fit`` of its own, so it is not an estimator in the sense of scikit-learn. Each
    method takes ``random_state`` (int) and ``n_jobs`` (int or None) for the regressor it makes.
    """

    @abstractmethod
    def probability_regressor(self, random_state: int, n_jobs: int | None) -> Any:
        """Return a regressor of a target in [0, 1], with ``fit(X, y, sample_weight)``."""

    @abstractmethod
    def mean_regressor(self, random_state: int, n_jobs: int | None) -> Any:
        """Return a regressor of a mean, with ``fit(X, y, sample_weight)``."""

    @abstractmethod
    def quantile_regressor(
        self, alpha: float, random_state: int, n_jobs: int | None
    ) -> BoostedTrees | None:
        """Return a regressor of the quantile at level `alpha` that takes an offset, or None.

        None leaves every quantile at its offset, whatever the features.
        """


class BoostedLearner(Learner):
    """Gradient-boosted trees of LightGBM (the default).

    What the models share is learned by many shallow, extremely randomised trees. The defaults were
    chosen on the ZeroEval rollouts by triage efficiency in cross-validation.

    Parameters
    ----------
    n_estimators : int
        Trees for what the models have in common.
    learning_rate : float
        Shrinkage of each of them.
    num_leaves : int
        Most leaves of each.
    min_child_samples : int
        Fewest queries in a leaf.
    reg_lambda : float
        L2 penalty on the leaf values.
    residual_n_estimators : int
        Trees for each quantile of a model's length residuals; 0 keeps the linear head alone.
    residual_min_child_weight : float
        Least weight, in queries, in a leaf of those trees.
    """

    def __init__(
        self,
        n_estimators: int = 400,
        learning_rate: float = 0.03,
        num_leaves: int = 15,
        min_child_samples: int = 5,
        reg_lambda: float = 5.0,
        residual_n_estimators: int = 60,
        residual_min_child_weight: float = 20.0,
    ) -> None:
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.reg_lambda = reg_lambda
        self.residual_n_estimators = residual_n_estimators
        self.residual_min_child_weight = residual_min_child_weight

    def probability_regressor(self, random_state: int, n_jobs: int | None) -> BoostedTrees:
        """Return trees that minimise the cross-entropy."""
        return self._trees("cross_entropy", random_state, n_jobs)

    def mean_regressor(self, random_state: int, n_jobs: int | None) -> BoostedTrees:
        """Return trees that minimise the squared error."""
        return self._trees("regression", random_state, n_jobs)

    def quantile_regressor(
        self, alpha: float, random_state: int, n_jobs: int | None
    ) -> BoostedTrees | None:
        """Return trees that minimise the pinball loss, or None without residual trees."""
        if self.residual_n_estimators == 0:
            return None
        return BoostedTrees(
            "quantile",
            alpha=alpha,
            n_estimators=self.residual_n_estimators,
            learning_rate=0.04,
            num_leaves=7,
            min_child_weight=self.residual_min_child_weight,
            colsample_bytree=0.3,
            subsample=0.7,
            random_state=random_state,
            n_jobs=n_jobs,
        )

    def _trees(self, objective: Any, random_state: int, n_jobs: int | None) -> BoostedTrees:
        return BoostedTrees(
            objective,
            n_estimators=self.n_estimators,
            learning_rate=self.learning_rate,
            num_leaves=self.num_leaves,
            min_child_samples=self.min_child_samples,
            min_child_weight=1e-3,
            reg_lambda=self.reg_lambda,
            colsample_bytree=0.5,
            subsample=0.7,
            extra_trees=True,
            random_state=random_state,
            n_jobs=n_jobs,
        )


class LinearLearner(Learner):
    """Ridge regression and fractional logit on standardised features: faster, smaller, less exact.

    A feature more than a tenth beyond its range in training is held there: a line extrapolates
    without end, what was learned does not.

    Parameters
    ----------
    alpha : float
        L2 penalty on the standardised coefficients, as for `sklearn.linear_model.Ridge`.
    """

    def __init__(self, alpha: float = 30.0) -> None:
        self.alpha = alpha

    def probability_regressor(self, random_state: int, n_jobs: int | None) -> Pipeline:
        """Return a fractional logit."""
        return make_pipeline(*_standardised(), FractionalLogit(self.alpha))

    def mean_regressor(self, random_state: int, n_jobs: int | None) -> Pipeline:
        """Return a ridge regression."""
        return make_pipeline(*_standardised(), Ridge(self.alpha))

    def quantile_regressor(self, alpha: float, random_state: int, n_jobs: int | None) -> None:
        """Return None: the quantiles lie at a fixed distance from the line."""
        return


def _standardised() -> tuple[UnitRange, StandardScaler]:
    return UnitRange(), StandardScaler()


class FractionalLogit(RegressorMixin, BaseEstimator):
    """Logistic regression of a fraction in [0, 1], such as the part of the answers that is right.

    The coefficients maximise the Bernoulli quasi-likelihood [1]_ with an L2 penalty. A fraction y
    of weight w enters as a success of weight w y beside a failure of weight w (1 - y), which gives
    the same likelihood.

    Parameters
    ----------
    alpha : float
        L2 penalty on the coefficients, >= 0, as for `sklearn.linear_model.Ridge`.

    Attributes
    ----------
    regression_ : sklearn.linear_model.LogisticRegression or None
        The fitted regression; None if all fractions are 0 or all are 1.
    mean_ : float
        Weighted mean of the fractions.

    References
    ----------
    .. [1] L. E. Papke and J. M. Wooldridge (1996). Econometric methods for fractional response
       variables. Journal of Applied Econometrics 11, 619-632.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FractionalLogit:  # noqa: N803
        """Fit the regression.

        Parameters
        ----------
        X : array-like, shape (n, columns)
            Features.
        y : array-like, shape (n,)
            Fractions.
        sample_weight : array-like, shape (n,), optional
            Weight of each row, >= 0.

        Returns
        -------
        FractionalLogit
            Itself.

        Raises
        ------
        InvalidInputError
            If a fraction lies outside [0, 1].
        """
        X, y = validate_data(self, X, y, y_numeric=True)  # noqa: N806
        check_probabilities(y)
        weight = _check_sample_weight(sample_weight, X)
        self.mean_ = float(np.average(y, weights=weight))
        self.regression_ = None
        if 0.0 < self.mean_ < 1.0:
            self.regression_ = LogisticRegression(C=1.0 / max(self.alpha, 1e-12), max_iter=1000)
            self.regression_.fit(
                np.vstack([X, X]),
                np.repeat([1, 0], len(y)),
                np.concatenate([weight * y, weight * (1.0 - y)]),
            )
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the expected fraction of each row, shape (n,)."""
        check_is_fitted(self, "mean_")
        X = validate_data(self, X, reset=False)  # noqa: N806
        if self.regression_ is None:
            return np.full(len(X), self.mean_)
        return self.regression_.predict_proba(X)[:, 1]
