"""Detect queries out of distribution: unlike those of training, so that curves are guesses."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from pandas.api import types
from sklearn.base import BaseEstimator

from clear_opt.predictors.embedding import SentenceEmbedding
from clear_opt.predictors.queries import TEXT
from clear_opt.predictors.text_features import TextFeatures
from clear_opt.predictors.texts import lower_words, numbered, pieces, sizes, texts_with
from clear_opt.predictors.unit_range import MARGIN

if TYPE_CHECKING:
    import pandas as pd

_MIN_TEXTS = 3  # rarer words are not stored: they could reveal a text
_MOST_WORDS = 5000
_MIN_KNOWN = 0.6  # fraction of known words; all held-out ZeroEval problems have more
_STRETCH = 2.0  # factor by which a text may be shorter or longer than any in training


class TrainingRange(BaseEstimator):
    """The range of the training queries: lengths and words of texts, numbers, categories.

    Attributes
    ----------
    lengths_ : list of int or None
        Least and most characters of a text; None without texts.
    words_ : list of str
        Words that occur in at least three texts.
    numbers_ : dict
        Least and most of each column of numbers.
    categories_ : dict
        Values of each column of categories.
    """

    def fit(self, table: pd.DataFrame) -> TrainingRange:
        """Learn the range of a table as returned by `as_table`."""
        self.lengths_: list[int] | None = None
        self.words_: list[str] = []
        self.numbers_: dict[str, list[float]] = {}
        self.categories_: dict[str, list[str]] = {}
        for name in table.columns:
            values: Any = table[name]
            if name == TEXT:
                size = sizes(list(values)).tolist()
                self.lengths_ = [min(size, default=0), max(size, default=0)]
                self.words_ = _common_words(list(values))
            elif types.is_numeric_dtype(values):
                known = values.dropna()
                if len(known):
                    self.numbers_[str(name)] = [float(known.min()), float(known.max())]
            else:
                self.categories_[str(name)] = sorted(set(values))
        return self

    def out_of_distribution(self, table: pd.DataFrame) -> np.ndarray:
        """Return which queries lie outside the range, booleans of shape (n,).

        A text does if it is empty where none was, more than twice as long or less than half as
        long as any in training, or if fewer than 60 % of its words are known. A number does if it
        lies beyond the range by a tenth of it, a category if it never occurred.
        """
        outside = np.zeros(len(table), dtype=bool)
        if self.lengths_ is not None:
            texts, (least, most) = list(table[TEXT]), self.lengths_
            size = sizes(texts)
            outside |= (size < least / _STRETCH) | (size > most * _STRETCH)
            outside |= _known_fractions(texts, set(self.words_)) < _MIN_KNOWN
        for name, (low, high) in self.numbers_.items():
            margin = MARGIN * (high - low)
            values = table[name].to_numpy()
            outside |= (values < low - margin) | (values > high + margin)
        for name, values in self.categories_.items():
            outside |= ~table[name].isin(values).to_numpy()
        return outside


def features_out_of_distribution(features: Any, table: pd.DataFrame) -> np.ndarray:
    """Return which queries a step of the features calls out of distribution, shape (n,).

    Parameters
    ----------
    features : transformer
        Fitted. `TextFeatures` and `SentenceEmbedding` are asked, as steps of a
        `sklearn.compose.ColumnTransformer`.
    table : pandas.DataFrame
        As returned by `as_table`.
    """
    outside = np.zeros(len(table), dtype=bool)
    for _, step, columns in getattr(features, "transformers_", ()):
        if isinstance(step, TextFeatures | SentenceEmbedding):
            texts: Any = table[columns]
            outside |= step.out_of_distribution(texts)
    return outside


def _common_words(texts: list[str]) -> list[str]:
    count: Counter[str] = Counter()
    for piece in pieces(texts):
        words = lower_words(texts[piece])
        count.update(texts_with(words.row, words.what))
    common = [item for item in count.items() if item[1] >= _MIN_TEXTS]
    common.sort(key=lambda item: (-item[1], item[0]))
    return sorted(word for word, _ in common[:_MOST_WORDS])


def _known_fractions(texts: list[str], known: set[str]) -> np.ndarray:
    """Return the fraction of each text's words that are known, numbers aside; 1 without words."""
    fraction = np.ones(len(texts))
    for piece in pieces(texts):
        words = lower_words(texts[piece])
        number, distinct = numbered(words.what)
        spelled = ~np.fromiter(map(str.isnumeric, distinct), bool, len(distinct))[number]
        row = words.row[spelled]
        met = np.fromiter(map(known.__contains__, distinct), bool, len(distinct))[number][spelled]
        n = len(fraction[piece])
        count = np.bincount(row, minlength=n)
        some = count > 0
        fraction[piece][some] = np.bincount(row[met], minlength=n)[some] / count[some]
    return fraction
