"""Rows of a table file as dictionaries, each with its place in the file as a user counts it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from clear_opt.files.documents import parse_json
from clear_opt.files.errors import TableError
from clear_opt.files.inputs import check_input, read_text

ENDINGS = (".jsonl", ".ndjson", ".csv", ".parquet")
"""File endings that can be read, in lower case."""


class Record(NamedTuple):
    """One row of a table."""

    place: str
    """Where it stands, counted from one, e.g. ``"row 3 (line 4)"``."""
    values: dict[str, Any]
    """Column name to value; ``None``, or no entry, where the table has none."""


@dataclass(frozen=True, repr=False)
class Records:
    """The rows of one file.

    Attributes
    ----------
    path
        The file.
    columns
        Every column of the table, in order of first appearance.
    rows
        The rows, in order.
    typed
        Whether values came with their types (JSON, Parquet); in CSV everything is text.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Record, ...]
    typed: bool

    def __repr__(self) -> str:
        return f"Records({str(self.path)!r}, rows={len(self.rows)}, columns={len(self.columns)})"


def read_records(path: str | Path) -> Records:
    """Read a table file.

    Parameters
    ----------
    path
        JSON Lines (``.jsonl``, ``.ndjson``), CSV (``.csv``, commas, one header line) or Parquet
        (``.parquet``). Text is UTF-8, with or without a byte order mark; blank lines are skipped.

    Returns
    -------
    Records
        Empty CSV cells and JSON nulls are ``None``. A CSV with a header alone, or a JSON Lines file
        without a line, is a table without rows.

    Raises
    ------
    TableError
        If the file is missing, has another ending, is not UTF-8, or is not what its ending says.
    """
    path = Path(path)
    reader = {
        ".jsonl": _read_jsonl,
        ".ndjson": _read_jsonl,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }.get(path.suffix.lower())
    if reader is None:
        raise TableError(
            f"ending {path.suffix!r} is not known" if path.suffix else "has no file ending",
            path=path,
            remedy=f"use one of {', '.join(ENDINGS)}",
        )
    return reader(check_input(path))


def read_parquet(path: str | Path) -> pa.Table:
    """Read a Parquet file by columns.

    Returns
    -------
    pyarrow.Table
        Decimals are float64.

    Raises
    ------
    TableError
        If the file is missing or no Parquet, or two columns have one name.
    """
    path = check_input(path)
    try:
        # One file, not a dataset: folders named key=value must not become columns.
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise TableError(
            f"cannot be read as Parquet: {error}", path=path, remedy="check what wrote the file"
        ) from None
    _check_header(path, tuple(table.column_names))
    for index, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(index, field.name, table[index].cast(pa.float64()))
    return table


def _read_jsonl(path: Path) -> Records:
    rows: list[Record] = []
    columns: dict[str, None] = {}
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028, as they are.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"row {len(rows) + 1} (line {number})"
        values = parse_json(line, path=path, place=place, remedy="put one JSON object on each line")
        if not isinstance(values, dict):
            raise TableError(
                f"holds a JSON {type(values).__name__}, not an object",
                path=path,
                place=place,
                remedy='put one JSON object on each line, e.g. {"query_id": "a", "text": "..."}',
            )
        columns.update(dict.fromkeys(values))
        rows.append(Record(place, values))
    return Records(path, tuple(columns), tuple(rows), typed=True)


def _read_csv(path: Path) -> Records:
    text = read_text(path)
    with _cells_up_to(len(text)):
        lines = _csv_lines(path, text)
        try:
            _, header = next(lines)
        except StopIteration:
            raise TableError(
                "is empty", path=path, remedy="a CSV begins with a header line: query_id,text"
            ) from None
        columns = tuple(name.strip() for name in header)
        _check_header(path, columns)
        rows = []
        for number, cells in lines:
            place = f"row {len(rows) + 1} (line {number})"
            if len(cells) != len(columns):
                raise TableError(
                    f"has {len(cells)} cells where the header has {len(columns)}",
                    path=path,
                    place=place,
                    remedy='put cells that hold a comma or a line break in double quotes ("...")',
                )
            values = (cell if cell.strip() else None for cell in cells)
            rows.append(Record(place, dict(zip(columns, values, strict=True))))
    return Records(path, columns, tuple(rows), typed=False)


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """Each line of cells that is not blank, with the number of the line on which it begins."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    try:
        for cells in reader:
            if cells:
                yield begins, cells
            begins = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"is not valid CSV: {error}",
            path=path,
            place=f"line {begins}",
            remedy="check the double quotes from there on",
        ) from None


@contextmanager
def _cells_up_to(size: int) -> Iterator[None]:
    """Allow cells of ``size`` characters: the standard limit of 128 KiB is below a long prompt."""
    before = csv.field_size_limit(max(size, 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _check_header(path: Path, columns: tuple[str, ...]) -> None:
    twice = [name for name in dict.fromkeys(columns) if columns.count(name) > 1]
    if twice:
        raise TableError(
            "appears twice in the header" if twice[0] else "two columns have no name",
            path=path,
            column=twice[0] or None,
            remedy="give every column one name",
        )


def _read_parquet(path: Path) -> Records:
    table = read_parquet(path)
    rows = (Record(f"row {i}", values) for i, values in enumerate(table.to_pylist(), start=1))
    return Records(path, tuple(table.column_names), tuple(rows), typed=True)
