"""Gradient boosting on a matrix of numbers: LightGBM as a scikit-learn regressor kept as text."""

from __future__ import annotations

from typing import Any, Literal

import lightgbm as lgb
import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.tree_text import check_trees


def check_shares(shares: np.ndarray) -> None:
    """Check that every share lies in [0, 1].

    Raises
    ------
    InvalidInputError
        Naming the first that does not.
    """
    wrong = np.flatnonzero((shares < 0) | (shares > 1))
    if wrong.size:
        row = int(wrong[0])
        raise InvalidInputError("lies outside [0, 1]", column="y", row=row, value=shares[row])


class BoostedTrees(RegressorMixin, BaseEstimator):
    """LightGBM for a mean, a share in [0, 1] or a quantile, optionally on top of an offset.

    Unlike LightGBM's own wrapper it takes an offset at prediction too, weighs a leaf by the weight
    in it (so a query with many rollouts counts once), and its state is LightGBM's text format.

    Parameters
    ----------
    objective
        ``"regression"`` for the mean, ``"cross_entropy"`` for a share in [0, 1] (predicted as a
        probability), ``"quantile"`` for the quantile `level`.
    level
        Which quantile, in (0, 1).
    trees, learning_rate, leaves
        Boosting rounds, weight of each tree, most leaves of a tree.
    min_rows, min_weight
        Fewest rows, and least weight, in a leaf.
    penalty
        L2 penalty on the leaves.
    column_share, row_share
        Share of columns and rows that a tree sees.
    random_cuts
        Cut each column at one random place per node ("extremely randomised"), not the best one.
    seed
        The same seed and data give the same trees.
    num_threads
        Threads LightGBM may use.

    Attributes
    ----------
    booster_
        The fitted `lightgbm.Booster`.
    """

    def __init__(
        self,
        objective: Literal["regression", "cross_entropy", "quantile"] = "regression",
        *,
        level: float = 0.5,
        trees: int = 100,
        learning_rate: float = 0.05,
        leaves: int = 7,
        min_rows: int = 1,
        min_weight: float = 1.0,
        penalty: float = 0.0,
        column_share: float = 1.0,
        row_share: float = 1.0,
        random_cuts: bool = False,
        seed: int = 0,
        num_threads: int = 1,
    ) -> None:
        self.objective = objective
        self.level = level
        self.trees = trees
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.min_rows = min_rows
        self.min_weight = min_weight
        self.penalty = penalty
        self.column_share = column_share
        self.row_share = row_share
        self.random_cuts = random_cuts
        self.seed = seed
        self.num_threads = num_threads

    def fit(self, X: Any, y: Any, sample_weight: Any = None, offset: Any = None) -> BoostedTrees:  # noqa: N803
        """Learn.

        Parameters
        ----------
        X
            Numbers, shape (n, columns); NaN stands for a missing one.
        y
            Targets, shape (n,).
        sample_weight
            Weight of each row, >= 0.
        offset
            What to start from instead of a constant, shape (n,); for ``"cross_entropy"`` as the
            logarithm of the odds.

        Raises
        ------
        InvalidInputError
            If a share lies outside [0, 1].
        """
        X, y = validate_data(self, X, y, y_numeric=True, ensure_all_finite="allow-nan")  # noqa: N806
        if self.objective == "cross_entropy":
            check_shares(y)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        data = lgb.Dataset(
            np.asarray(X, dtype=np.float64),
            label=y,
            weight=weight,
            init_score=offset,
            params={"verbosity": -1},
        )
        self.booster_ = lgb.train(self._settings(len(y)), data, num_boost_round=self.trees)
        return self

    def predict(self, X: Any, offset: Any = None) -> np.ndarray:  # noqa: N803
        """Give the prediction for each row, shape (n,), on top of ``offset`` where one is given."""
        check_is_fitted(self, "booster_")
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan", ensure_min_samples=0)  # noqa: N806
        raw = np.zeros(0)
        if len(X):  # LightGBM refuses an empty batch
            raw = np.asarray(
                self.booster_.predict(
                    np.asarray(X, dtype=np.float64), raw_score=True, num_threads=self.num_threads
                )
            )
        if offset is not None:
            raw = raw + offset
        return 1.0 / (1.0 + np.exp(-raw)) if self.objective == "cross_entropy" else raw

    def _settings(self, rows: int) -> dict[str, Any]:
        return {
            "objective": self.objective,
            "alpha": self.level,
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.min_rows,
            "min_sum_hessian_in_leaf": self.min_weight,
            "lambda_l2": self.penalty,
            "feature_fraction": self.column_share,
            "bagging_fraction": max(self.row_share, 1.0 / rows),  # of one row, all
            "bagging_freq": 1 if self.row_share < 1.0 else 0,
            "extra_trees": self.random_cuts,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": self.num_threads,
            "verbosity": -1,
        }

    def __sklearn_tags__(self) -> Any:
        """Say that missing numbers are allowed."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def __getstate__(self) -> dict[str, Any]:
        """Give the state with the trees as text."""
        state: dict[str, Any] = {**super().__getstate__()}  # type: ignore[dict-item]
        if "booster_" in state:
            state["booster_"] = self.booster_.model_to_string()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state, reading the trees from text once that is known to be sound."""
        state = dict(state)
        if "booster_" in state:
            check_trees(state["booster_"], state["n_features_in_"])
            state["booster_"] = lgb.Booster(model_str=state["booster_"])
        super().__setstate__(state)
