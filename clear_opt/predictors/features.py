"""Numbers from a query's text: counts of what is visible in it, and TF-IDF in few dimensions."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd

from clear_opt.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every pattern runs in linear time on any text: no repeat is followed by a condition that can fail.
_PATTERNS = {
    "words": re.compile(r"\w+"),
    "capitals": re.compile(r"\b[A-Z]"),
    "digits": re.compile(r"\d"),
    "numbers": re.compile(r"\d+(?:[.,]\d+)*"),
    "large_numbers": re.compile(r"\d{3,}"),
    "operators": re.compile(r"[-+*/=<>^%\u00d7\u00f7\u00b1\u2264\u2265]"),
    "latex_commands": re.compile(r"\\[A-Za-z]+"),
    "math_marks": re.compile(r"\$"),
    "brackets": re.compile(r"[(\[{]"),
    "sentences": re.compile(r"[.!?\u061f](?=\s|$)|[\u3002\uff01\uff1f]"),
    "questions": re.compile(r"[?\uff1f\u061f]"),
    "commas": re.compile(r"[,\u3001\uff0c\u060c]"),
    "lines": re.compile(r"\n"),
}

COUNTS = ("characters", *_PATTERNS, "distinct_words", "word_length")
"""Names of the text counts, in the order of their columns."""


def text_counts(texts: Sequence[str]) -> np.ndarray:
    r"""Count what is visible in each text, as log(1 + count); shape (n, len(COUNTS)).

    Examples
    --------
    >>> counts = text_counts(["", r"Is $\sqrt{16} = 4$?"])
    >>> dict(zip(COUNTS, np.expm1(counts[1]).round(1).tolist()))["latex_commands"]
    1.0
    """
    return np.log1p(np.array([_count(text) for text in texts], dtype=np.float64)).reshape(
        len(texts), len(COUNTS)
    )


def _count(text: str) -> list[float]:
    found = [float(len(pattern.findall(text))) for pattern in _PATTERNS.values()]
    words = _PATTERNS["words"].findall(text.lower())
    length = sum(map(len, words)) / len(words) if words else 0.0
    return [float(len(text)), *found, float(len(set(words))), length]


class TextFeatures(BaseEstimator):
    """Text counts beside a TF-IDF of words and word pairs, reduced by a truncated SVD.

    Everything fitted is a list of strings or an array of numbers, so it is stored without pickle.
    The features of a text do not depend on the other texts in the call.

    Parameters
    ----------
    n_components
        Dimensions kept of the TF-IDF.
    max_terms
        Words and word pairs known at most: those in the most texts.
    min_texts
        A term in fewer texts is not learned.
    seed
        Of the randomised SVD.

    Attributes
    ----------
    vocabulary_
        The terms, a list of text.
    idf_
        Inverse document frequency of each term, shape (terms,).
    components_
        Directions of the SVD, float32, shape (at most n_components, terms).
    """

    def __init__(
        self, n_components: int = 32, max_terms: int = 2000, min_texts: int = 3, seed: int = 0
    ) -> None:
        self.n_components = n_components
        self.max_terms = max_terms
        self.min_texts = min_texts
        self.seed = seed

    def fit(self, texts: Sequence[str]) -> TextFeatures:
        """Learn vocabulary, frequencies and directions from the texts."""
        texts = check_texts(texts)
        analyse = _vectorizer(None).build_analyzer()
        frequency = Counter(term for text in texts for term in set(analyse(text)))
        known = [item for item in frequency.items() if item[1] >= self.min_texts]
        known.sort(key=lambda item: (-item[1], item[0]))
        self.vocabulary_ = sorted(term for term, _ in known[: self.max_terms])
        counts = np.array([frequency[term] for term in self.vocabulary_], dtype=np.float64)
        self.idf_ = np.log((1.0 + len(texts)) / (1.0 + counts)) + 1.0
        self.components_ = np.zeros((0, len(self.vocabulary_)), dtype=np.float32)
        rank = min(self.n_components, len(self.vocabulary_), len(texts))
        if rank:
            _, _, directions = randomized_svd(self._tfidf(texts), rank, random_state=self.seed)
            # Rounded here rather than on saving, so that a stored predictor predicts the same bits.
            self.components_ = directions.astype(np.float32)
        return self

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Give the features, float64, shape (n, len(COUNTS) + components)."""
        texts = check_texts(texts)
        reduced = np.zeros((len(texts), len(self.components_)))
        if len(texts) and len(self.components_):
            reduced = self._tfidf(texts) @ self.components_.T.astype(np.float64)
        return np.hstack([text_counts(texts), reduced])

    @property
    def names(self) -> list[str]:
        """Name of each column of `transform`."""
        return [*COUNTS, *(f"tfidf_{k}" for k in range(len(self.components_)))]

    def _tfidf(self, texts: Sequence[str]) -> csr_matrix:
        vectorizer = _vectorizer(self.vocabulary_)
        vectorizer.idf_ = self.idf_
        return csr_matrix(vectorizer.transform(texts))


def check_texts(texts: Sequence[str]) -> list[str]:
    """Give the texts as a list, or name the first that is none.

    Raises
    ------
    InvalidInputError
        Naming the row that is not text, or saying that one text was given instead of several.
    """
    if isinstance(texts, str):
        raise InvalidInputError(
            "is a single text", column="queries", remedy="give a sequence of texts"
        )
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInputError(
                "is not text",
                column="text",
                row=row,
                value=repr(text),
                remedy="give an empty text where there is none",
            )
    return texts


def _vectorizer(vocabulary: list[str] | None) -> TfidfVectorizer:
    return TfidfVectorizer(
        vocabulary=vocabulary, ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b"
    )
