"""Many texts read as one: a pattern is looked for once in all of them, not once in each.

Python code that runs once per text would take longer than the trees. So texts are joined, compiled
code finds and numbers what is in them, and NumPy says which text each find belongs to.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from typing import NamedTuple

import numpy as np

from clear_opt.errors import InvalidInputError

_WORD = re.compile(r"\w+")

# No word, number or case of a letter reaches across it, and nothing that is counted contains it.
_SEPARATOR = " "
_PIECE = 1_000_000  # characters read at once, so that memory does not grow with the texts


def check_texts(texts: Sequence[str]) -> list[str]:
    """Return the texts as a list, or name the first that is none.

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
    if all(issubclass(kind, str) for kind in set(map(type, texts))):
        return texts
    row = next(row for row, text in enumerate(texts) if not isinstance(text, str))
    raise InvalidInputError(
        "is not text",
        column="text",
        row=row,
        value=repr(texts[row]),
        remedy="give an empty text where there is none",
    )


def pieces(texts: Sequence[str]) -> Iterator[slice]:
    """Cut texts into runs of about a million characters.

    Examples
    --------
    >>> list(pieces(["a" * 700_000, "b" * 700_000, "c"]))
    [slice(0, 1, None), slice(1, 3, None)]
    """
    piece = np.cumsum(sizes(texts)) // _PIECE
    cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(texts)]
    return (slice(a, b) for a, b in pairwise(cuts) if a < b)


def sizes(texts: Sequence[str]) -> np.ndarray:
    """Return the number of characters of each text, shape (n,)."""
    return np.fromiter(map(len, texts), np.int64, len(texts))


def numbered(names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return each name's number in order of appearance, shape (names,), and the distinct names.

    Examples
    --------
    >>> numbered(["b", "a", "b"])
    (array([0, 1, 0]), ['b', 'a'])
    """
    number: defaultdict[str, int] = defaultdict(count().__next__)
    numbers = np.fromiter(map(number.__getitem__, names), np.int64, len(names))
    return numbers, list(number)


def distinct_pairs(row: np.ndarray, number: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out repeated pairs of a row and a number >= 0; ascending by row, then by number.

    Examples
    --------
    >>> distinct_pairs(np.array([0, 2, 0]), np.array([7, 5, 7]))
    (array([0, 2]), array([7, 5]))
    """
    many = int(number.max(initial=0)) + 1
    pairs = np.sort(row * many + number)  # quicker than np.unique, which hashes
    return np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], many)


class Found(NamedTuple):
    """What a pattern matched, in order of appearance."""

    what: list[str]
    place: np.ndarray
    """Where each begins in the joined texts, shape (finds,)."""
    row: np.ndarray
    """Which text each is in, shape (finds,)."""


class JoinedTexts:
    """Texts side by side.

    Parameters
    ----------
    texts
        Any number of them.

    Examples
    --------
    >>> JoinedTexts(["one two", "", "three"]).words()
    Found(what=['one', 'two', 'three'], place=array([0, 4, 9]), row=array([0, 0, 2]))
    """

    def __init__(self, texts: Sequence[str]) -> None:
        ends = np.cumsum(sizes(texts) + len(_SEPARATOR))
        self._whole = _SEPARATOR.join(texts)
        self.begins = np.concatenate([[0], ends[:-1]])[: len(texts)]
        """Where each text begins, shape (n,)."""

    def words(self) -> Found:
        """Find the words: letters, digits and underscores side by side."""
        # Words are many: a match object for each, only for its position, would be slow.
        letters = np.frombuffer(self._whole.encode("utf-32-le", "surrogatepass"), "<u4")
        known = np.flatnonzero(np.bincount(letters))
        of_word = np.zeros(int(known.max(initial=0)) + 1, dtype=bool)
        of_word[known] = np.fromiter(map(bool, map(_WORD.match, map(chr, known.tolist()))), bool)
        place = np.flatnonzero(np.diff(of_word[letters].view(np.int8), prepend=np.int8(0)) > 0)
        return Found(_WORD.findall(self._whole), place, self._rows(place))

    def find(self, pattern: re.Pattern[str]) -> Found:
        """Find the matches of a pattern without groups."""
        place = self.places(pattern)
        return Found(pattern.findall(self._whole), place, self._rows(place))

    def places(self, pattern: re.Pattern[str]) -> np.ndarray:
        """Return where the matches of a pattern begin, shape (finds,)."""
        # A mapped method of a match runs no Python code, unlike a loop over the matches.
        return np.fromiter(map(re.Match.start, pattern.finditer(self._whole)), np.int64)

    def counts(self, pattern: re.Pattern[str]) -> np.ndarray:
        """Count the matches of a pattern in each text, shape (n,)."""
        return np.bincount(self._rows(self.places(pattern)), minlength=len(self.begins))

    def _rows(self, place: np.ndarray) -> np.ndarray:
        return np.searchsorted(self.begins, place, side="right") - 1


def lower_words(texts: Sequence[str]) -> Found:
    """Find the words of the texts written in lower case."""
    return JoinedTexts(list(map(str.lower, texts))).words()


def texts_with(row: np.ndarray, names: Sequence[str]) -> dict[str, int]:
    """Count the texts that each name is in, given the text of each of its appearances.

    Examples
    --------
    >>> texts_with(np.array([0, 0, 1]), ["a", "a", "b"])
    {'a': 1, 'b': 1}
    """
    number, distinct = numbered(names)
    found = np.bincount(distinct_pairs(row, number)[1], minlength=len(distinct))
    return dict(zip(distinct, found.tolist(), strict=True))
