"""Parquet files by columns, each checked as a whole: damaged values never reach a row."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types

from clear_opt.io.errors import TableError
from clear_opt.io.inputs import check_input
from clear_opt.io.labels import check_header, is_label, pandas_index

# What pyarrow lets through besides its own: names, time zones and texts that Python cannot make.
_FAILURES = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError, TypeError)


class Opaque(NamedTuple):
    """A value that is neither number nor text, such as a time: known by its type alone."""

    type: str
    """Name of its type in Arrow."""

    def __repr__(self) -> str:
        return f"<{self.type}>"


def read_parquet(path: str | Path) -> pa.Table:
    """Read a Parquet file by columns.

    Returns
    -------
    pyarrow.Table
        Decimals are float64, dictionaries their values, and an index of pandas is a column.

    Raises
    ------
    TableError
        If the file is missing or no Parquet, two columns have one name, or a column holds what its
        type cannot, such as text that is not UTF-8.
    """
    return read_indexed(path)[0]


def read_indexed(path: str | Path) -> tuple[pa.Table, tuple[str, ...]]:
    """Read a Parquet file as `read_parquet` does, and name the columns that only label its rows.

    Raises
    ------
    TableError
        As `read_parquet`.
    """
    path = check_input(path)
    try:
        # One file, not a dataset: folders named key=value must not become columns.
        with pq.ParquetFile(path) as file:
            table = file.read()
        names = tuple(table.column_names)
    except _FAILURES as error:
        raise TableError(
            f"cannot be read as Parquet: {_line(error)}",
            path=path,
            remedy="check what wrote the file",
        ) from None
    check_header(path, names)
    for position, name in enumerate(names):
        table = table.set_column(position, name, _plain(path, name, table[name]))
    table, index = pandas_index(table)
    labels = [
        name for name in table.column_names if name in index or _numbers_rows(name, table[name])
    ]
    return table, tuple(labels)


def as_objects(path: Path, name: str, column: pa.ChunkedArray) -> list[Any]:
    """Return a column's values as Python's; those that are no number or text as `Opaque`.

    Raises
    ------
    TableError
        If a list or object in it holds what Python cannot.
    """
    if _opaque(column.type):
        value = Opaque(str(column.type))
        return [value if valid else None for valid in column.is_valid().to_pylist()]
    try:
        return column.to_pylist()
    except _FAILURES as error:
        raise TableError(
            f"of type {column.type} cannot be read: {_line(error)}",
            path=path,
            column=name,
            remedy="leave the column out of the file",
        ) from None


def _opaque(kind: pa.DataType) -> bool:
    readable = (
        types.is_integer,
        types.is_floating,
        types.is_boolean,
        types.is_string,
        types.is_large_string,
        types.is_null,
        types.is_nested,
    )
    return not any(test(kind) for test in readable)


def _plain(path: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        column.validate(full=True)
        if types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if types.is_decimal(column.type):
            column = column.cast(pa.float64())
        if types.is_string_view(column.type):
            column = column.cast(pa.large_string())
    except _FAILURES as error:
        raise TableError(
            f"holds what a column of type {column.type} cannot: {_line(error)}",
            path=path,
            column=name,
            remedy="write the file anew; text must be UTF-8",
        ) from None
    return column


def _numbers_rows(name: str, column: pa.ChunkedArray) -> bool:
    whole = types.is_integer(column.type)
    return is_label(name, column.to_pylist() if whole else [None])


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
