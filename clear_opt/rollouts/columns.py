"""The columns of a rollout file, with the location of each row, before any row is checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clear_opt.errors import MissingExtraError

try:
    import pyarrow as pa
except ImportError:
    raise MissingExtraError("pyarrow", "tables") from None

from clear_opt.io import Records, TableError, listed, read_indexed, read_records
from clear_opt.rollouts.checks import OPTIONAL, REQUIRED, WORDS
from clear_opt.rollouts.table import Rollouts

_TRUTH = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}
_LEAVE_OUT = "leave the column out: name the features you want (features=, --features)"


@dataclass(frozen=True, eq=False)
class FileColumns:
    """Values as a file has them, under the names of a rollout table.

    Attributes
    ----------
    path : Path
        The file.
    known : dict of str to array, shape (rows,)
        Values of `REQUIRED` and `OPTIONAL` columns, each of shape (rows,).
    features : dict of str to array
        Values of the other columns that were asked for.
    location : callable
        Maps a row to its location in the file, as a user counts.
    theirs : dict of str to str
        What the file calls a column.
    """

    path: Path
    known: dict[str, np.ndarray]
    features: dict[str, np.ndarray]
    location: Callable[[int], str]
    theirs: dict[str, str]

    def __len__(self) -> int:
        return len(self.known["query_id"])

    def error(self, problem: str, column: str, row: int, remedy: str) -> TableError:
        """Return the error of one entry, with its location in the file."""
        query_id = self.known["query_id"][row]
        return TableError(
            problem,
            path=self.path,
            location=self.location(row),
            query_id=query_id if isinstance(query_id, str) and column != "query_id" else None,
            column=self.theirs.get(column, column),
            value=plain({**self.known, **self.features}[column][row]),
            remedy=remedy,
        )


def read_columns(
    path: str | Path,
    columns: Mapping[str, str] | None = None,
    features: Sequence[str] | None = None,
) -> FileColumns:
    """Read a rollout file by columns; see `clear_opt.rollouts.read_rollouts` for the parameters.

    Raises
    ------
    TableError
        If the file cannot be read, a column is missing, or a feature is neither numbers nor text.
    """
    path = Path(path)
    parquet = path.suffix.lower() == ".parquet"
    found, labels, location, has_types = _parquet(path) if parquet else _records(path)
    renamed = dict(columns or {})
    for ours, theirs in renamed.items():
        if theirs not in found:
            raise TableError(
                f"has no column {theirs!r}, which is to be {ours}",
                path=path,
                remedy=f"columns found: {listed(found)}",
            )
    names = {theirs: ours for ours, theirs in renamed.items()}
    own = {names.get(name, name): name for name in found if name in names or name not in renamed}
    missing = [name for name in REQUIRED if name not in own]
    if missing:
        raise TableError(
            "is missing",
            path=path,
            column=missing[0],
            remedy=f"say which column it is (columns=, --map); columns found: {listed(found)}",
        )
    wanted = [name for name in own if name not in REQUIRED + OPTIONAL]
    if features is not None:
        absent = [name for name in features if name not in wanted]
        if absent:
            raise TableError(
                f"has no column {absent[0]!r} for a feature",
                path=path,
                remedy=f"columns that can be features: {listed(wanted)}",
            )
        wanted = [name for name in wanted if name in features]
    else:
        wanted = [name for name in wanted if name not in labels]
    known = {
        ours: _known(_values(path, found[theirs], theirs), ours, has_types)
        for ours, theirs in own.items()
        if ours in REQUIRED + OPTIONAL
    }
    extra = {
        name: _feature(path, _values(path, found[own[name]], own[name]), own[name], has_types)
        for name in wanted
    }
    return FileColumns(path, known, extra, location, own)


def typed_column(
    records: Records, theirs: str, ours: str | None, *, category: bool | None = None
) -> np.ndarray:
    """Return one column of a file's rows, typed as a column of a rollout table.

    Parameters
    ----------
    records : Records
        The rows.
    theirs : str
        What the file calls the column.
    ours : str or None
        The table's column, or ``None`` for a feature.
    category : bool, optional
        Whether the feature holds categories, where the file does not say: in a CSV a number may be
        the name of one. ``None`` takes a column of numbers alone for numbers.

    Returns
    -------
    Array of shape (rows,), with None or NaN where a value is missing.
    """
    values = _column(records, theirs)
    if ours is None:
        return _feature(records.path, values, theirs, records.has_types, category)
    return _known(values, "query_id" if ours == "custom_id" else ours, records.has_types)


def _column(records: Records, name: str) -> np.ndarray:
    values = (row.values.get(name) for row in records.rows)
    return np.fromiter(values, object, len(records.rows))


def as_arrow(rollouts: Rollouts) -> pa.Table:
    """Return a table of rollouts as pyarrow has it, without NaN: what is missing is null."""
    table = {}
    for name, values in {**rollouts.columns(), **rollouts.features}.items():
        if name == "correct" and np.isin(values, (0.0, 1.0)).all():
            values = values.astype(bool)  # true and false read better than 1.0 and 0.0
        kind = pa.string() if values.dtype == object else None
        table[name] = pa.array(values, kind, from_pandas=True)
    return pa.table(table)


def plain(value: Any) -> Any:
    """Return a NumPy scalar as a Python one, for messages."""
    return value.item() if isinstance(value, np.generic) else value


def _records(path: Path) -> tuple[dict[str, Any], tuple[str, ...], Callable[[int], str], bool]:
    records = read_records(path)
    found = {name: _column(records, name) for name in records.columns}
    return found, records.labels, lambda row: records.rows[row].location, records.has_types


def _parquet(path: Path) -> tuple[dict[str, Any], tuple[str, ...], Callable[[int], str], bool]:
    table, labels = read_indexed(path)
    found = {name: table[name] for name in table.column_names}
    return found, labels, lambda row: f"row {row + 1}", True


def _values(path: Path, column: Any, name: str) -> np.ndarray:
    """One value per row: NumPy numbers, or objects with None where one is missing."""
    if isinstance(column, np.ndarray):
        return column
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        if not column.null_count:
            return column.to_numpy()
        return np.fromiter(column.to_pylist(), object, len(column))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return np.asarray(column.to_numpy(), dtype=object)
    raise TableError(
        f"has the type {kind}, neither numbers nor text",
        path=path,
        column=name,
        remedy=_LEAVE_OUT,
    )


def _known(values: np.ndarray, name: str, has_types: bool) -> np.ndarray:
    """Bring one of the table's own columns nearer to its type; the checks judge the rest."""
    if name in WORDS:
        if values.dtype.kind in "iu":
            return np.fromiter(map(str, values.tolist()), object, len(values))
        if values.dtype == object:
            # A CSV cannot tell an empty text from none.
            empty = "" if not has_types and name in ("text", "source") else None
            return np.fromiter((_word(v, empty) for v in values), object, len(values))
        return values
    if values.dtype != object:
        return values
    words = _TRUTH if name in ("correct", "truncated") else {}
    return np.fromiter((_number(v, words, has_types) for v in values), object, len(values))


def _word(value: Any, empty: str | None) -> Any:
    if value is None:
        return empty
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _number(value: Any, words: Mapping[str, float], has_types: bool) -> Any:
    """Return the number that a cell spells, or the value itself where it spells none."""
    if not isinstance(value, str):
        return value
    truth = words.get(value.strip().lower())
    if truth is not None or has_types:
        return value if truth is None else truth
    spelled = _spelled(value)
    return value if spelled is None else spelled


def _spelled(cell: str) -> float | None:
    try:
        return None if "_" in cell else float(cell)  # Python's own 1_000 is no number elsewhere
    except ValueError:
        return None


def _feature(
    path: Path, values: np.ndarray, name: str, has_types: bool, category: bool | None = None
) -> np.ndarray:
    if values.dtype != object:
        return values
    nested = next((v for v in values if isinstance(v, (list, dict))), None)
    if nested is not None:
        raise TableError(
            f"holds a {'list' if isinstance(nested, list) else 'object'} on some row, "
            "neither a number nor text",
            path=path,
            column=name,
            remedy=_LEAVE_OUT,
        )
    if has_types or category:
        return values
    numbers = [_number_cell(cell) for cell in values]
    words = [n is None and cell is not None for n, cell in zip(numbers, values, strict=True)]
    if category is None and any(words):
        return values
    # Where numbers are wanted, a word stays as it is, to be refused in its place.
    both = zip(values, numbers, words, strict=True)
    kept = [cell if word else number for cell, number, word in both]
    return np.fromiter(kept, object, len(kept)) if any(words) else np.array(kept, np.float64)


def _number_cell(cell: str | None) -> float | None:
    """Return the number that a cell spells; ``NA`` is how R writes a missing one."""
    if cell is None:
        return None
    return math.nan if cell.strip() == "NA" else _spelled(cell)
