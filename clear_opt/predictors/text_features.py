"""Numbers from a query's text: counts of what is visible in it, and TF-IDF in few dimensions."""

from __future__ import annotations

from collections import Counter
from itertools import compress, pairwise, repeat
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted

from clear_opt.predictors.directions import FARTHER, significant
from clear_opt.predictors.parameters import check_random_state
from clear_opt.predictors.text_counts import COUNTS, text_counts
from clear_opt.predictors.texts import check_texts, lower_words, pieces, texts_with

if TYPE_CHECKING:
    from collections.abc import Sequence


class TextFeatures(TransformerMixin, BaseEstimator):
    """Text counts beside a TF-IDF of words and word pairs, reduced by a truncated SVD.

    The features of a text do not depend on the other texts in the call.

    Parameters
    ----------
    n_components : int
        Dimensions kept of the TF-IDF.
    max_terms : int
        Size of the vocabulary of words and word pairs: those in the most texts.
    min_texts : int
        A term in fewer texts is left out.
    random_state : int
        Of the randomised SVD [1]_.

    Attributes
    ----------
    vocabulary_ : list of str
        The terms.
    idf_ : numpy.ndarray, shape (terms,)
        Inverse document frequency of each term.
    components_ : numpy.ndarray, shape (at most n_components, terms)
        Directions of the SVD in which the texts differ by more than rounding, float32.
    farthest_ : float
        Distance from these directions beyond which the TF-IDF of no text of training lies.

    References
    ----------
    .. [1] N. Halko, P. G. Martinsson and J. A. Tropp (2011). Finding structure with randomness.
       SIAM Review 53, 217-288.
    """

    farthest_: float = np.inf  # without directions no text is out of distribution

    def __init__(
        self,
        n_components: int = 32,
        max_terms: int = 2000,
        min_texts: int = 3,
        random_state: int = 0,
    ) -> None:
        self.n_components = n_components
        self.max_terms = max_terms
        self.min_texts = min_texts
        self.random_state = random_state

    def fit(self, texts: Sequence[str], y: Any = None) -> TextFeatures:
        """Learn vocabulary, frequencies and directions from the texts."""
        texts = check_texts(texts)
        frequency = _frequency(texts)
        known = [item for item in frequency.items() if item[1] >= self.min_texts]
        known.sort(key=lambda item: (-item[1], item[0]))
        self.vocabulary_ = sorted(term for term, _ in known[: self.max_terms])
        counts = np.array([frequency[term] for term in self.vocabulary_], dtype=np.float64)
        self.idf_ = np.log((1.0 + len(texts)) / (1.0 + counts)) + 1.0
        self.components_ = np.zeros((0, len(self.vocabulary_)), dtype=np.float32)
        rank = min(self.n_components, len(self.vocabulary_), len(texts))
        if rank:
            tfidf = self._tfidf(texts)
            _, sizes, directions = randomized_svd(
                tfidf, rank, random_state=check_random_state(self.random_state)
            )
            # Rounded here rather than on saving, so that a stored predictor predicts the same bits.
            self.components_ = directions[significant(sizes, len(texts))].astype(np.float32)
            self.farthest_ = float(self._distances(tfidf).max()) + FARTHER
        return self

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Return the features, float64, shape (n, len(COUNTS) + components)."""
        check_is_fitted(self, "components_")
        texts = check_texts(texts)
        reduced = np.zeros((len(texts), len(self.components_)))
        if len(texts) and len(self.components_):
            reduced = self._tfidf(texts) @ self.components_.T.astype(np.float64)
        return np.hstack([text_counts(texts), reduced])

    def out_of_distribution(self, texts: Sequence[str]) -> np.ndarray:
        """Return which texts combine known terms as no text of training does, shape (n,).

        The part of its TF-IDF outside the directions is then longer, by a tenth of a text's length,
        than that of any text of training.
        """
        check_is_fitted(self, "components_")
        texts = check_texts(texts)
        if not (len(texts) and len(self.components_)):
            return np.zeros(len(texts), dtype=bool)
        return self._distances(self._tfidf(texts)) > self.farthest_

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the name of each column of `transform`; ``input_features`` is ignored."""
        names = [*COUNTS, *(f"tfidf_{k}" for k in range(len(self.components_)))]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Return tags for an input of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

    def _distances(self, tfidf: csr_matrix) -> np.ndarray:
        """Return the length of what the directions miss of each row, shape (n,)."""
        whole = np.asarray(tfidf.multiply(tfidf).sum(axis=1)).ravel()
        captured = np.sum((tfidf @ self.components_.T.astype(np.float64)) ** 2, axis=1)
        return np.sqrt(np.maximum(whole - captured, 0.0))

    def _tfidf(self, texts: Sequence[str]) -> csr_matrix:
        scaled = TfidfTransformer(sublinear_tf=True)
        scaled.idf_ = self.idf_
        counts = [self._term_counts(texts[piece]) for piece in pieces(texts)]
        return csr_matrix(scaled.transform(vstack(counts, format="csr"), copy=False))

    def _term_counts(self, texts: Sequence[str]) -> csr_matrix:
        """Count each term of the vocabulary in each text, shape (n, terms)."""
        row, terms = _terms(texts)
        column_of = dict(zip(self.vocabulary_, range(len(self.vocabulary_)), strict=True))
        column = np.fromiter(map(column_of.get, terms, repeat(-1)), np.int64, len(terms))
        known = column >= 0
        return csr_matrix(
            (np.ones(known.sum()), (row[known], column[known])), (len(texts), len(column_of))
        )


def _terms(texts: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return the words and the pairs of words of the texts, and which text each is in."""
    words = lower_words(texts)
    pairs = list(map(" ".join, pairwise(words.what)))
    together = words.row[1:] == words.row[:-1]
    return (
        np.concatenate([words.row, words.row[1:][together]]),
        [*words.what, *compress(pairs, together)],
    )


def _frequency(texts: Sequence[str]) -> Counter[str]:
    """Count the texts that each term is in."""
    frequency: Counter[str] = Counter()
    for piece in pieces(texts):
        frequency.update(texts_with(*_terms(texts[piece])))
    return frequency
