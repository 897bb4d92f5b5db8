"""What a predictor has seen, to tell queries unlike it: there its curves are guesses."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from pandas.api import types
from sklearn.base import BaseEstimator

from clear_opt.predictors.queries import TEXT

if TYPE_CHECKING:
    import pandas as pd

_WORD = re.compile(r"\w+")
_MIN_TEXTS = 3  # a word of fewer texts may give one of them away, so it is not kept
_MOST_WORDS = 5000
_LEAST_KNOWN = 0.6  # share of a text's words; of held-out ZeroEval problems all have more
_STRETCH = 2.0  # texts up to this many times shorter or longer than any are still alike
_MARGIN = 0.1  # of the range of a column of numbers


class TrainingRange(BaseEstimator):
    """The range of the training queries: lengths and words of texts, numbers, categories.

    Attributes
    ----------
    lengths_
        Least and most characters of a text; None without texts.
    words_
        Words that occur in at least three texts.
    numbers_
        Least and most of each column of numbers.
    categories_
        Values of each column of categories.
    """

    def fit(self, table: pd.DataFrame) -> TrainingRange:
        """Learn the range of a table as `as_table` gives it."""
        self.lengths_: list[int] | None = None
        self.words_: list[str] = []
        self.numbers_: dict[str, list[float]] = {}
        self.categories_: dict[str, list[str]] = {}
        for name in table.columns:
            values: Any = table[name]
            if name == TEXT:
                sizes = [len(text) for text in values]
                self.lengths_ = [min(sizes, default=0), max(sizes, default=0)]
                self.words_ = _common_words(list(values))
            elif types.is_numeric_dtype(values):
                known = values.dropna()
                if len(known):
                    self.numbers_[str(name)] = [float(known.min()), float(known.max())]
            else:
                self.categories_[str(name)] = sorted(set(values))
        return self

    def outside(self, table: pd.DataFrame) -> np.ndarray:
        """Say of each query whether it lies outside the range; booleans of shape (n,).

        A text does if it is empty where none was, more than twice as long or less than half as
        long as any in training, or if fewer than 60 % of its words are known. A number does if it
        lies beyond the range by a tenth of it, a category if it never occurred.
        """
        outside = np.zeros(len(table), dtype=bool)
        if self.lengths_ is not None:
            known, (least, most) = set(self.words_), self.lengths_
            outside |= np.array(
                [
                    not least / _STRETCH <= len(text) <= most * _STRETCH
                    or _share_known(text, known) < _LEAST_KNOWN
                    for text in table[TEXT]
                ],
                dtype=bool,
            )
        for name, (low, high) in self.numbers_.items():
            margin = _MARGIN * (high - low)
            values = table[name].to_numpy()
            outside |= (values < low - margin) | (values > high + margin)
        for name, values in self.categories_.items():
            outside |= ~table[name].isin(values).to_numpy()
        return outside


def _common_words(texts: list[str]) -> list[str]:
    count = Counter(word for text in texts for word in set(_WORD.findall(text.lower())))
    common = [item for item in count.items() if item[1] >= _MIN_TEXTS]
    common.sort(key=lambda item: (-item[1], item[0]))
    return sorted(word for word, _ in common[:_MOST_WORDS])


def _share_known(text: str, known: set[str]) -> float:
    """Give the share of a text's words that are known; numbers count as known, no words as all."""
    words = [word for word in _WORD.findall(text.lower()) if not word.isnumeric()]
    return sum(word in known for word in words) / len(words) if words else 1.0
