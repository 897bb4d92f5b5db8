"""What the columns of a rollout table may hold: every check of a row, on whole columns at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from clear_opt.defaults import MOST_TOKENS
from clear_opt.errors import InvalidInputError
from clear_opt.rollouts.kinds import as_float, feature_column, kind_of, one_axis

REQUIRED = ("query_id", "n_tokens", "correct")
"""Columns every rollout table has."""

OPTIONAL = ("text", "model", "sample", "truncated", "source", "cap")
"""Columns a rollout table may have; every other column is a feature."""

WORDS = ("query_id", "text", "model", "source")
"""Columns that hold text."""

NAMES = ("query_id", "model")
"""Columns of text that must not be blank."""

REMEDIES = {
    "query_id": "name every query by a text or a whole number",
    "n_tokens": "count the completion's tokens",
    "correct": "give true or false, or a probability",
    "text": "give an empty text where there is none",
    "model": "name the model on every row",
    "sample": "number the samples of a query",
    "truncated": "say whether the generation was cut off",
    "source": "give an empty text where there is none",
    "cap": "give the most tokens the generation could use, or leave the column out",
}
"""What to do about a bad entry, by column."""

_KINDS = {
    "n_tokens": np.int64,
    "correct": np.float64,
    "sample": np.int64,
    "truncated": np.bool_,
    "cap": np.int64,
}
ABOVE_CAP = "exceeds the row's cap"
"""What is wrong with a length above its cap."""

_BROKEN = "holds half of a surrogate pair, which no file can hold"


class Violation(NamedTuple):
    """Rows that one check refuses."""

    column: str
    rows: np.ndarray
    """Their indices, counted from zero, in order."""
    problem: str
    remedy: str


class Checked(NamedTuple):
    """Columns as a table holds them, and what is wrong with them."""

    columns: dict[str, np.ndarray]
    features: dict[str, np.ndarray]
    violations: list[Violation]


def check(columns: Mapping[str, Any], features: Mapping[str, Any]) -> Checked:
    """Convert columns to their types and find every row that cannot be used.

    Parameters
    ----------
    columns : mapping of str to array-like
        Values of `REQUIRED` and of any of `OPTIONAL`, each of shape (rows,).
    features : mapping of str to array-like
        Values of the other columns, by name.

    Returns
    -------
    Checked
        Entries that violate a check are placeholders. ``truncated`` is added where it follows from
        ``cap``.

    Raises
    ------
    InvalidInputError
        If a column is not one value per row, or a feature has the name of a column.
    """
    rows = len(columns["query_id"])
    violations: list[Violation] = []
    checked = {}
    for name, values in columns.items():
        check_column = _words if name in WORDS else _numbers
        checked[name] = check_column(one_axis(values, name, rows), name, violations)
    own = {}
    for name, values in features.items():
        if not isinstance(name, str) or name in REQUIRED + OPTIONAL or not name.strip():
            raise InvalidInputError(
                f"cannot be the name of a feature: {name!r}",
                column="features",
                remedy="give the feature a name of its own",
            )
        own[name] = _feature(one_axis(values, name, rows), name, violations)
    _check_caps(checked, violations)
    return Checked(checked, own, violations)


def _check_caps(checked: dict[str, np.ndarray], violations: list[Violation]) -> None:
    """Compare the columns of a row with one another, where each is sound by itself."""
    sound = np.ones(len(checked["query_id"]), dtype=bool)
    for violation in violations:
        sound[violation.rows] = False
    tokens, correct, cap = checked["n_tokens"], checked["correct"], checked.get("cap")
    if cap is not None:
        _note(
            violations, "n_tokens", sound & (tokens > cap), ABOVE_CAP,
            "correct the count, or leave the caps out: they bound something else",
        )  # fmt: skip
        if "truncated" not in checked:
            checked["truncated"] = (tokens >= cap) & (correct == 0)
    truncated = checked.get("truncated")
    if truncated is not None:
        _note(
            violations, "correct", sound & truncated & (correct > 0),
            "is above 0 on a truncated row, whose answer nobody saw",
            "set correct to 0; or, if the answer was there before the end, truncated to false",
        )  # fmt: skip


def _words(values: np.ndarray, name: str, violations: list[Violation]) -> np.ndarray:
    words = values.astype(object)
    missing = _missing(words)
    _note(violations, name, missing, "is missing", REMEDIES[name])
    words[missing] = ""
    if not set(map(type, words)) <= {str}:
        bad = np.array([not isinstance(word, str) for word in words])
        _note(violations, name, bad, "is not text", REMEDIES[name])
        words[bad] = ""
    if name in NAMES:
        blank = np.array([not word.strip() for word in words], dtype=bool) & ~missing
        _note(violations, name, blank, "is blank", REMEDIES[name])
    _note(violations, name, _broken(words), _BROKEN, "mend the text")
    return words


def _missing(values: np.ndarray) -> np.ndarray:
    """Which entries there are none of; NaN is one, which the checks of its column judge."""
    return np.fromiter(
        (kind_of(value) == "" and not isinstance(value, (float, np.floating)) for value in values),
        dtype=bool,
        count=len(values),
    )


def _broken(words: np.ndarray) -> np.ndarray:
    """Which texts cannot be written to any file."""
    return np.fromiter(
        (word is not None and not word.isascii() and not _encodable(word) for word in words),
        dtype=bool,
        count=len(words),
    )


def _encodable(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _numbers(values: np.ndarray, name: str, violations: list[Violation]) -> np.ndarray:
    missing = np.zeros(len(values), dtype=bool)
    if values.dtype == object:
        missing = _missing(values)
        _note(violations, name, missing, "is missing", REMEDIES[name])
    numbers, unread = _floats(values)
    _note(violations, name, unread, "is not a number", REMEDIES[name])
    whole = (numbers == np.floor(numbers)) & (np.abs(numbers) <= MOST_TOKENS)
    accepted, problem = {
        "n_tokens": ((numbers >= 0) & whole, "must be a whole number >= 0"),
        "correct": ((numbers >= 0) & (numbers <= 1), "lies outside [0, 1]"),
        "sample": (whole, "must be a whole number"),
        "truncated": ((numbers == 0) | (numbers == 1), "must be true or false"),
        "cap": ((numbers >= 1) & whole, "must be a whole number >= 1"),
    }[name]
    _note(violations, name, ~accepted & ~unread & ~missing, problem, REMEDIES[name])
    return np.where(accepted, numbers, 0.0).astype(_KINDS[name])


def _feature(values: np.ndarray, name: str, violations: list[Violation]) -> np.ndarray:
    """Numbers (float64, NaN where missing), or words (objects, None where missing)."""
    column = feature_column(values)
    violations += [Violation(name, *wrong) for wrong in column.wrong]
    if column.values.dtype == object:
        _note(violations, name, _broken(column.values), _BROKEN, "mend the text")
    else:
        infinite = np.isinf(column.values)
        _note(violations, name, infinite, "must be finite", "give NaN where there is no number")
    return column.values


def _floats(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers, NaN where an entry is none, and which entries are none."""
    unread = np.zeros(len(values), dtype=bool)
    if values.dtype.kind in "biuf":
        return values.astype(np.float64), unread
    numbers = np.full(len(values), np.nan)
    for row, value in enumerate(values):
        kind = kind_of(value)
        unread[row] = kind not in ("number", "")
        if kind == "number":
            numbers[row] = as_float(value)
    return numbers, unread


def _note(
    violations: list[Violation], column: str, bad: np.ndarray, problem: str, remedy: str
) -> None:
    if bad.any():
        violations.append(Violation(column, np.flatnonzero(bad), problem, remedy))
