"""Numbers from a query's text: counts of what is visible in it, and TF-IDF in few dimensions."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.extmath import randomized_svd
from sklearn.utils.validation import check_is_fitted

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.word_groups import GROUP_OF, WORD_GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every pattern runs in linear time on any text: no repeat is followed by a condition that can fail.
_WORDS = re.compile(r"\w+")
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE_END = re.compile(r"[.!?\u061f](?=\s|$)|[\u3002\uff01\uff1f]")
_PATTERNS = {
    "capitals": re.compile(r"\b[A-Z]"),
    "digits": re.compile(r"\d"),
    "decimals": re.compile(r"\d\.\d"),
    "ratios": re.compile(r"\d/\d"),
    "percents": re.compile(r"%"),
    "amounts": re.compile(r"\$\d"),
    "large_numbers": re.compile(r"\d{3,}"),
    "operators": re.compile(r"[-+*/=<>^%\u00d7\u00f7\u00b1\u2264\u2265]"),
    "equals": re.compile(r"="),
    "powers": re.compile(r"\^"),
    "latex_commands": re.compile(r"\\[A-Za-z]+"),
    "latex_fractions": re.compile(r"\\d?frac"),
    "math_marks": re.compile(r"\$"),
    "drawings": re.compile(r"\[asy\]"),
    "single_letters": re.compile(r"\b[A-Za-z]\b"),
    "brackets": re.compile(r"[(\[{]"),
    "questions": re.compile(r"[?\uff1f\u061f]"),
    "commas": re.compile(r"[,\u3001\uff0c\u060c]"),
    "lines": re.compile(r"\n"),
}
_LONG_WORD = 9  # characters
_LARGEST = 1e30  # numbers above it are read as this

COUNTS = (
    "characters",
    "words",
    "distinct_words",
    "word_length",
    "long_words",
    *_PATTERNS,
    *WORD_GROUPS,
    "numbers",
    "quantities",
    "distinct_numbers",
    "largest_number",
    "smallest_number",
    "mean_log_number",
    "share_of_fractions",
    "share_of_tens",
    "sentences",
    "sentences_with_numbers",
    "longest_sentence",
    "mean_sentence",
    "last_sentence",
    "numbers_in_last_sentence",
    "names",
    "variety",
)
"""Names of the text counts, in the order of their columns."""


def text_counts(texts: Sequence[str]) -> np.ndarray:
    r"""Count what is visible in each text, as log(1 + count); shape (n, len(COUNTS)).

    Examples
    --------
    >>> counts = text_counts(["", r"Is $\sqrt{16} = 4$?"])
    >>> dict(zip(COUNTS, np.expm1(counts[1]).round(1).tolist()))["latex_commands"]
    1.0
    """
    counts = np.array([_count(text) for text in texts], dtype=np.float64)
    return np.log1p(counts).reshape(len(texts), len(COUNTS))


def _count(text: str) -> list[float]:
    words = _WORDS.findall(text)
    lower = [word.lower() for word in words]
    distinct = set(lower)
    groups = [0] * len(WORD_GROUPS)
    for word in lower:
        group = GROUP_OF.get(word)
        if group is not None:
            groups[group] += 1
    numbers = _numbers(text)
    sentences = _sentences(text)
    lengths = [len(_WORDS.findall(sentence)) for sentence in sentences] or [0]
    holding = [len(_NUMBERS.findall(sentence)) for sentence in sentences] or [0]
    return [
        len(text),
        len(words),
        len(distinct),
        sum(map(len, words)) / len(words) if words else 0.0,
        sum(len(word) >= _LONG_WORD for word in words),
        *(len(pattern.findall(text)) for pattern in _PATTERNS.values()),
        *groups,
        len(numbers),
        len(numbers) + groups[0] + groups[1],
        *_of_numbers(numbers),
        len(sentences),
        sum(count > 0 for count in holding),
        max(lengths),
        sum(lengths) / len(lengths),
        lengths[-1],
        holding[-1],
        _names(sentences),
        len(distinct) / (1 + len(words)),
    ]


def _numbers(text: str) -> list[float]:
    found = []
    for written in _NUMBERS.findall(text):
        try:
            found.append(min(float(written.replace(",", "")), _LARGEST))
        except ValueError:  # 1.2.3 is a version, not a number
            continue
    return found


def _of_numbers(numbers: list[float]) -> list[float]:
    """Distinct, largest, smallest, mean log, share with a fraction, share of multiples of ten."""
    if not numbers:
        return [0.0] * 6
    values = np.array(numbers)
    return [
        len(set(numbers)),
        values.max(),
        values.min(),
        np.log1p(values).mean(),
        np.mean(values % 1 != 0),
        np.mean(values % 10 == 0),
    ]


def _sentences(text: str) -> list[str]:
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    parts = (text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True))
    return [part for part in parts if _WORDS.search(part)]


def _names(sentences: list[str]) -> int:
    """Count distinct capitalised words that do not begin a sentence."""
    inner = (word for sentence in sentences for word in _WORDS.findall(sentence)[1:])
    return len({word for word in inner if len(word) > 1 and word[0].isupper()})


class TextFeatures(TransformerMixin, BaseEstimator):
    """Text counts beside a TF-IDF of words and word pairs, reduced by a truncated SVD.

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

    def fit(self, texts: Sequence[str], y: Any = None) -> TextFeatures:
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
        check_is_fitted(self, "components_")
        texts = check_texts(texts)
        reduced = np.zeros((len(texts), len(self.components_)))
        if len(texts) and len(self.components_):
            reduced = self._tfidf(texts) @ self.components_.T.astype(np.float64)
        return np.hstack([text_counts(texts), reduced])

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Name of each column of `transform`; ``input_features`` is for scikit-learn's sake."""
        names = [*COUNTS, *(f"tfidf_{k}" for k in range(len(self.components_)))]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        """Say that the input is a sequence of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags

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
