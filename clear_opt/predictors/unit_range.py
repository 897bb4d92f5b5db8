"""Columns brought to [0, 1] over their range in training, and held near it elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

MARGIN = 0.1
"""Part of a column's range by which a number may lie beyond it and still be like those in it."""

_ROUNDING = 16.0 * float(np.finfo(np.float64).eps)  # relative: sums of a few equal numbers


class UnitRange(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Scale each column to [0, 1]; a number beyond its range in training by a tenth counts as that.

    Unlike `sklearn.preprocessing.MinMaxScaler` it takes numbers of any size, and a column that
    varies by no more than rounding is constant: zero everywhere.

    Attributes
    ----------
    low_, high_ : numpy.ndarray, shape (columns,)
        Ends of each column's range.
    """

    def fit(self, X: Any, y: Any = None) -> UnitRange:  # noqa: N803
        """Learn the range of each column of numbers, shape (n, columns)."""
        X = validate_data(self, X, dtype=np.float64)  # noqa: N806
        self.low_, self.high_ = X.min(axis=0), X.max(axis=0)
        return self

    def transform(self, X: Any) -> np.ndarray:  # noqa: N803
        """Return the scaled numbers, those of training in [0, 1], shape (n, columns)."""
        check_is_fitted(self, "low_")
        X = validate_data(self, X, reset=False, dtype=np.float64)  # noqa: N806
        size = np.maximum(np.abs(self.low_), np.abs(self.high_))
        size = np.where(size > 0, size, 1.0)
        low, high = self.low_ / size, self.high_ / size
        varies = high - low > _ROUNDING
        # Held within twice its size first, so that no difference overflows.
        near = np.clip(X / 2.0, -size, size) / size * 2.0
        scaled = (near - low) / np.where(varies, high - low, 1.0)
        return np.where(varies, np.clip(scaled, -MARGIN, 1.0 + MARGIN), 0.0)
