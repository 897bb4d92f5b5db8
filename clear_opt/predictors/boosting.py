"""Gradient boosting on a matrix of numbers: LightGBM as a scikit-learn regressor kept as text."""

from __future__ import annotations

from typing import Any, Literal

import lightgbm as lgb
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.parameters import check_random_state, thread_count
from clear_opt.predictors.tree_text import check_trees


def check_probabilities(values: np.ndarray) -> None:
    """Check that every target lies in [0, 1].

    Raises
    ------
    InvalidInputError
        Naming the first that does not.
    """
    wrong = np.flatnonzero((values < 0) | (values > 1))
    if wrong.size:
        row = int(wrong[0])
        raise InvalidInputError("lies outside [0, 1]", column="y", row=row, value=values[row])


class BoostedTrees(RegressorMixin, BaseEstimator):
    """Gradient-boosted trees for a mean, a probability or a quantile, by LightGBM.

    The parameters have the names of `lightgbm.LGBMRegressor`. Unlike that wrapper it takes an
    offset at prediction too, weighs a leaf by the sample weights in it (so a query with many
    rollouts counts once), and is stored in LightGBM's text format.

    Parameters
    ----------
    objective : {"regression", "cross_entropy", "quantile"}
        ``"regression"`` for the mean, ``"cross_entropy"`` for a target in [0, 1] (predicted as a
        probability), ``"quantile"`` for the quantile at level `alpha`.
    alpha : float
        Level of the quantile, in (0, 1).
    n_estimators : int
        Boosting rounds.
    learning_rate : float
        Shrinkage of each tree.
    num_leaves : int
        Most leaves of a tree.
    min_child_samples : int
        Fewest rows in a leaf.
    min_child_weight : float
        Least sum of weights (of Hessians, for ``"cross_entropy"``) in a leaf.
    reg_lambda : float
        L2 penalty on the leaf values.
    colsample_bytree : float
        Fraction of the columns that a tree is grown on.
    subsample : float
        Fraction of the rows that a tree is grown on; drawn anew for every tree if below 1.
    extra_trees : bool
        Try one random threshold per column and node instead of the best one (extremely randomised
        trees [2]_).
    random_state : int
        The same integer and data give the same trees.
    n_jobs : int or None
        Threads of LightGBM: None means 1, -1 all processors.

    Attributes
    ----------
    booster_ : lightgbm.Booster
        The fitted model.

    References
    ----------
    .. [1] G. Ke et al. (2017). LightGBM: A highly efficient gradient boosting decision tree. NIPS.
    .. [2] P. Geurts, D. Ernst and L. Wehenkel (2006). Extremely randomized trees. Machine Learning
       63, 3-42.
    """

    def __init__(
        self,
        objective: Literal["regression", "cross_entropy", "quantile"] = "regression",
        *,
        alpha: float = 0.5,
        n_estimators: int = 100,
        learning_rate: float = 0.05,
        num_leaves: int = 7,
        min_child_samples: int = 1,
        min_child_weight: float = 1.0,
        reg_lambda: float = 0.0,
        colsample_bytree: float = 1.0,
        subsample: float = 1.0,
        extra_trees: bool = False,
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.objective = objective
        self.alpha = alpha
        self.n_estimators = n_estimators
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_child_samples = min_child_samples
        self.min_child_weight = min_child_weight
        self.reg_lambda = reg_lambda
        self.colsample_bytree = colsample_bytree
        self.subsample = subsample
        self.extra_trees = extra_trees
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> BoostedTrees:  # noqa: N803
        """Fit the trees.

        Parameters
        ----------
        X : array-like, shape (n, columns)
            Numbers; NaN stands for a missing one.
        y : array-like, shape (n,)
            Targets.
        sample_weight : array-like, shape (n,), optional
            Weight of each row, >= 0.
        offset : array-like, shape (n,), optional
            Initial score of each row instead of a constant; log odds for ``"cross_entropy"``.

        Returns
        -------
        BoostedTrees
            Itself.

        Raises
        ------
        InvalidInputError
            If a target of ``"cross_entropy"`` lies outside [0, 1], or if `random_state` or
            `n_jobs` cannot be used.
        """
        X, y = validate_data(self, X, y, y_numeric=True, ensure_all_finite="allow-nan")  # noqa: N806
        if self.objective == "cross_entropy":
            check_probabilities(y)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        data = lgb.Dataset(
            np.asarray(X, dtype=np.float64),
            label=y,
            weight=weight,
            init_score=offset,
            params={"verbosity": -1},
        )
        self.booster_ = lgb.train(self._settings(len(y)), data, num_boost_round=self.n_estimators)
        return self

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:  # noqa: N803
        """Return the prediction for each row.

        Parameters
        ----------
        X : array-like, shape (n, columns)
            As in training.
        offset : array-like, shape (n,), optional
            Added to the score of each row.

        Returns
        -------
        numpy.ndarray
            Shape (n,); probabilities for ``"cross_entropy"``.
        """
        check_is_fitted(self, "booster_")
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", ensure_min_samples=0)  # noqa: N806
        raw = np.zeros(0)
        if len(X):  # LightGBM refuses an empty batch
            raw = np.asarray(
                self.booster_.predict(
                    np.asarray(X, dtype=np.float64),
                    raw_score=True,
                    num_threads=thread_count(self.n_jobs),
                )
            )
        if offset is not None:
            raw = raw + offset
        return 1.0 / (1.0 + np.exp(-raw)) if self.objective == "cross_entropy" else raw

    def _settings(self, rows: int) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "alpha": self.alpha,
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_child_samples,
            "min_sum_hessian_in_leaf": self.min_child_weight,
            "lambda_l2": self.reg_lambda,
            "feature_fraction": self.colsample_bytree,
            "bagging_fraction": max(self.subsample, 1.0 / rows),  # at least one row
            "bagging_freq": 1 if self.subsample < 1.0 else 0,
            "extra_trees": self.extra_trees,
            "seed": check_random_state(self.random_state),
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": thread_count(self.n_jobs),
            "verbosity": -1,
        }

    def __sklearn_tags__(self) -> Any:
        """Return tags that allow missing numbers."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with the trees as text."""
        state: dict[str, Any] = {**super().__getstate__()}  # type: ignore[dict-item]
        if "booster_" in state:
            state["booster_"] = self.booster_.model_to_string()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; the trees are checked before LightGBM reads them."""
        state = dict(state)
        if "booster_" in state:
            check_trees(state["booster_"], state["n_features_in_"])
            state["booster_"] = lgb.Booster(model_str=state["booster_"])
        super().__setstate__(state)
