"""Columns that number or name the rows: what pandas and R write beside the data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from clear_opt.io.documents import parse_json
from clear_opt.io.errors import TableError

# pandas' unnamed index in Parquet and in a CSV read back; jsonlite's row names; readr's unnamed.
_WRITTEN = re.compile(r"__index_level_\d+__|Unnamed: \d+(\.\d+)*|_row|\.\.\.\d+")
# What reset_index() of pandas, read.csv and tibbles of R call them: columns of data may be, too.
_USUAL = re.compile(r"index|level_\d+|X(\.\d+)?|row[._]?names?")


def is_label(name: str, values: Iterable[Any]) -> bool:
    """Return whether a column numbers or names the rows, by its name and, in doubt, its values."""
    if _WRITTEN.fullmatch(name):
        return True
    if not _USUAL.fullmatch(name):
        return False
    seen = [str(value) for value in values]
    return all(map(str.isdecimal, seen)) and len(set(seen)) == len(seen)


def named(columns: Sequence[str]) -> tuple[str, ...]:
    """Return columns with names for unnamed ones at the beginning, the names pandas gives them."""
    names = list(columns)
    for position, name in enumerate(columns):
        if name:
            break
        tries = (f"Unnamed: {position}{more}" for more in ("", *(f".{k}" for k in range(1, 99))))
        names[position] = next(own for own in tries if own not in names)
    return tuple(names)


def check_header(path: Path, columns: tuple[str, ...]) -> None:
    """Refuse columns without a name, and a name that two of them have."""
    unnamed = sum(not name.strip() for name in columns)
    twice = next((name for name, count in Counter(columns).items() if count > 1), "")
    if unnamed:
        problem = f"{'a column has' if unnamed == 1 else 'two columns have'} no name"
    elif twice:
        problem = "appears twice in the header"
    else:
        return
    raise TableError(
        problem, path=path, column=twice or None, remedy="give every column one name of its own"
    )


def pandas_index(table: pa.Table) -> tuple[pa.Table, tuple[str, ...]]:
    """Return a table with pandas' index as columns, and those columns' names.

    A named index that only counts is kept in the metadata of the schema alone.
    """
    try:
        text = (table.schema.metadata or {}).get(b"pandas", b"{}").decode()
        written = parse_json(text, path="").get("index_columns", [])
    except (UnicodeDecodeError, TableError, AttributeError):
        return table, ()  # metadata that pandas did not write
    names = []
    for level in written if isinstance(written, list) else ():
        if isinstance(level, dict):
            counted = _counted(level, len(table))
            name = level.get("name")
            if counted is None or not isinstance(name, str) or name in table.column_names:
                continue
            table = table.append_column(name, pa.array(counted, pa.int64()))
            names.append(name)
        elif isinstance(level, str) and level in table.column_names:
            names.append(level)
    return table, tuple(names)


def _counted(level: dict[str, Any], rows: int) -> range | None:
    bounds = [level.get(name) for name in ("start", "stop", "step")]
    bounds = [bound for bound in bounds if isinstance(bound, int) and abs(bound) < 2**62]
    if level.get("kind") != "range" or len(bounds) != 3 or bounds[2] == 0:
        return None
    counted = range(bounds[0], bounds[1], bounds[2])
    return counted if len(counted) == rows else None
