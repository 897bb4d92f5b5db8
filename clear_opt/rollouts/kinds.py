"""What describes a query: a column of numbers or of texts, by one rule wherever it is read."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from clear_opt.errors import InvalidInputError

MIXED = "give numbers alone or texts alone (None where one is missing), or leave it out"
"""What to do about a column of several kinds."""

_UNKNOWN = {"NAType", "NaTType"}  # pandas' own, which may not be installed
_NUMERIC = "biuf"


class Wrong(NamedTuple):
    """Entries that do not fit into a column."""

    rows: np.ndarray
    """Their indices, in order."""
    problem: str
    remedy: str


class FeatureColumn(NamedTuple):
    """A column in its kind."""

    values: np.ndarray
    """Numbers: float64, NaN where missing. Texts: objects, None where missing."""
    wrong: list[Wrong]
    """Entries that count as missing because they cannot be used."""


def one_axis(values: Any, name: str, rows: int) -> np.ndarray:
    """Return values as an array of shape (rows,), entry by entry where they are no array.

    Raises
    ------
    InvalidInputError
        If they are not one per row, or are masked.
    """
    if isinstance(values, np.ma.MaskedArray):
        raise InvalidInputError(
            "is a masked array, whose mask would be lost",
            column=name,
            remedy="fill it, with NaN or None where an entry is missing, or leave those rows out",
        )
    if len(values) != rows:
        raise InvalidInputError(f"has {len(values)} entries where query_id has {rows}", column=name)
    if hasattr(values, "__array__"):
        array = np.asarray(values)
    else:  # element by element: lists in a list must not become a second axis
        array = np.fromiter(values, dtype=object, count=rows)
    if array.ndim != 1:
        raise InvalidInputError(f"has shape {array.shape}", column=name, remedy="one per row")
    return array


def feature_column(values: np.ndarray) -> FeatureColumn:
    """Return a column in the kind of most of its entries; on a tie, of the first.

    Parameters
    ----------
    values : array, shape (rows,)
        Entries of shape (rows,). Numbers are Python's and NumPy's, decimals and booleans (1 and 0)
        among them; None, NaN, and pandas' NA and NaT are missing.
    """
    if values.dtype.kind in _NUMERIC:
        return FeatureColumn(values.astype(np.float64), [])
    present = values.astype(object)
    if set(map(type, present)) <= {str, type(None)}:  # the rule; no Python code runs for each
        return FeatureColumn(present, [])
    kinds = np.fromiter(map(kind_of, present), dtype=object, count=len(present))
    present[kinds == ""] = None
    counted = {kind: int((kinds == kind).sum()) for kind in ("number", "text")}
    first = next((kind for kind in kinds if kind in counted), "text")
    other = {"number": "text", "text": "number"}[first]
    kind, minority = (other, first) if counted[other] > counted[first] else (first, other)
    like = "a number" if kind == "number" else "text"
    wrong = [
        Wrong(np.flatnonzero(bad), problem, MIXED)
        for bad, problem in (
            (kinds == "neither", "is neither a number nor text"),
            (kinds == minority, f"is not {like} like the other rows"),
        )
        if bad.any()
    ]
    present[kinds != kind] = None
    if kind == "text":
        return FeatureColumn(present, wrong)
    numbers = np.array([np.nan if v is None else as_float(v) for v in present], dtype=np.float64)
    return FeatureColumn(numbers, wrong)


def kind_of(value: Any) -> str:
    """Return ``"number"``, ``"text"``, ``"neither"``, or nothing where an entry is missing."""
    if isinstance(value, str):
        return "text"
    if value is None or type(value).__name__ in _UNKNOWN:
        return ""
    if isinstance(value, np.generic):
        number = value.dtype.kind in _NUMERIC
    else:
        number = isinstance(value, (int, float, Decimal, Fraction))
    if not number:
        return "neither"
    return "" if _is_nan(value) else "number"


def as_float(value: Any) -> float:
    """Return a number as float64, infinite where none of its digits is left."""
    try:
        return float(value)
    except OverflowError:  # a whole number of more digits than a float holds
        return np.inf if value > 0 else -np.inf


def _is_nan(value: Any) -> bool:
    return value.is_nan() if isinstance(value, Decimal) else value != value
