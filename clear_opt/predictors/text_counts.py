"""Counts of what is visible in a query's text: words, numbers, sentences, marks of mathematics."""

from __future__ import annotations

import re
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.predictors.texts import (
    Found,
    JoinedTexts,
    distinct_pairs,
    numbered,
    pieces,
    sizes,
)
from clear_opt.predictors.word_groups import GROUP_OF, WORD_GROUPS

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every pattern runs in linear time on any text: no repeat is followed by a condition that can fail.
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
    counts = np.zeros((len(texts), len(COUNTS)))
    for piece in pieces(texts):
        found = _counts(texts[piece])
        counts[piece] = np.column_stack([found[name] for name in COUNTS])
    return np.log1p(counts)


def _counts(texts: Sequence[str]) -> dict[str, np.ndarray]:
    """Return the counts by name, each of shape (n,)."""
    joined, n = JoinedTexts(texts), len(texts)
    words, numbers = joined.words(), joined.find(_NUMBERS)
    # A sentence begins with a text or after a mark; one without a word is none.
    begins = np.union1d(joined.begins, joined.places(_SENTENCE_END) + 1)
    of_word, of_number = (np.searchsorted(begins, f.place, side="right") for f in (words, numbers))
    counts = {"characters": sizes(texts)}
    counts |= {name: joined.counts(pattern) for name, pattern in _PATTERNS.items()}
    counts |= _of_words(words, of_word, n)
    counts |= _of_numbers(numbers, n)
    counts |= _of_sentences(words.row, of_word, of_number, n)
    counts["quantities"] = counts["numbers"] + counts["number_words"] + counts["fraction_words"]
    return counts


def _of_words(words: Found, sentence: np.ndarray, n: int) -> dict[str, np.ndarray]:
    number, spelled = numbered(words.what)
    same, lower = numbered(list(map(str.lower, spelled)))
    no_group = len(WORD_GROUPS)
    group = np.fromiter(map(GROUP_OF.get, lower, repeat(no_group)), np.int64, len(lower))
    size, meaning = sizes(spelled)[number], same[number]
    in_group = np.bincount(
        words.row * (no_group + 1) + group[meaning], minlength=n * (no_group + 1)
    ).reshape(n, no_group + 1)
    initials = map(str.isupper, map(itemgetter(0), spelled))
    name = (np.fromiter(initials, bool, len(spelled)) & (sizes(spelled) > 1))[number]
    name[_firsts(sentence)] = False  # there every word has a capital
    count = np.bincount(words.row, minlength=n)
    distinct = _distinct(words.row, meaning, n)
    return {
        "words": count,
        "distinct_words": distinct,
        "word_length": _mean(words.row, size, n),
        "long_words": np.bincount(words.row[size >= _LONG_WORD], minlength=n),
        "names": _distinct(words.row[name], number[name], n),
        "variety": distinct / (1 + count),
        **dict(zip(WORD_GROUPS, in_group.T, strict=False)),
    }


def _of_numbers(found: Found, n: int) -> dict[str, np.ndarray]:
    written = list(map(str.replace, found.what, repeat(","), repeat("")))
    points = np.fromiter(map(str.count, written, repeat(".")), np.int64, len(written))
    known = np.flatnonzero(points <= 1)  # 1.2.3 is a version, not a number
    row = found.row[known]
    values = np.fromiter(map(float, map(written.__getitem__, known.tolist())), float, len(known))
    values = np.minimum(values, _LARGEST)
    _, same = np.unique(values, return_inverse=True)
    return {
        "numbers": np.bincount(row, minlength=n),
        "distinct_numbers": _distinct(row, same, n),
        "largest_number": _largest(row, values, n),
        "smallest_number": -_largest(row, -values, n),
        "mean_log_number": _mean(row, np.log1p(values), n),
        "share_of_fractions": _mean(row, values % 1 != 0, n),
        "share_of_tens": _mean(row, values % 10 == 0, n),
    }


def _of_sentences(
    word_row: np.ndarray, of_word: np.ndarray, of_number: np.ndarray, n: int
) -> dict[str, np.ndarray]:
    """Count sentences, given the sentence of each word and of each number."""
    first = _firsts(of_word)
    row = word_row[first]
    length = np.diff(first, append=len(of_word))
    # A number is a word, so its sentence is among those of the words.
    holding = np.bincount(np.searchsorted(of_word[first], of_number), minlength=len(first))
    last = np.flatnonzero(np.diff(row, append=n))
    last_length, last_holding = np.zeros(n), np.zeros(n)
    last_length[row[last]], last_holding[row[last]] = length[last], holding[last]
    return {
        "sentences": np.bincount(row, minlength=n),
        "sentences_with_numbers": np.bincount(row[holding > 0], minlength=n),
        "longest_sentence": _largest(row, length, n),
        "mean_sentence": _mean(row, length, n),
        "last_sentence": last_length,
        "numbers_in_last_sentence": last_holding,
    }


def _distinct(row: np.ndarray, number: np.ndarray, n: int) -> np.ndarray:
    """Count each row's distinct numbers."""
    return np.bincount(distinct_pairs(row, number)[0], minlength=n)


def _firsts(group: np.ndarray) -> np.ndarray:
    """Return the places where an ascending array begins a new value."""
    return np.flatnonzero(np.diff(group, prepend=-1))


def _largest(row: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Return each row's largest value, 0 where it has none; ``row`` ascends."""
    first = _firsts(row)
    largest = np.zeros(n)
    if first.size:
        largest[row[first]] = np.maximum.reduceat(values, first)
    return largest


def _mean(row: np.ndarray, values: np.ndarray, n: int) -> np.ndarray:
    """Return each row's mean value, 0 where it has none."""
    # Summed in order, so that a row's mean does not depend on the other rows.
    total = np.bincount(row, weights=values, minlength=n)
    return total / np.maximum(np.bincount(row, minlength=n), 1)
