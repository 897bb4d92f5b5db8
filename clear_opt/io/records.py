"""Rows of a table file as dictionaries, each with its location in the file as a user counts it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from clear_opt.io.documents import parse_json
from clear_opt.io.errors import TableError
from clear_opt.io.inputs import check_input, read_text
from clear_opt.io.labels import check_header, is_label, named
from clear_opt.io.parquet import as_objects, read_indexed

ENDINGS = (".jsonl", ".ndjson", ".csv", ".parquet")
"""File endings that can be read, in lower case."""


class Record(NamedTuple):
    """One row of a table."""

    location: str
    """Where it stands, counted from one, e.g. ``"row 3 (line 4)"``."""
    values: dict[str, Any]
    """Column name to value; ``None``, or no entry, where the table has none."""


@dataclass(frozen=True, repr=False)
class Records:
    """The rows of one file.

    Attributes
    ----------
    path : Path
        The file.
    columns : tuple of str
        Every column of the table, in order of first appearance.
    rows : tuple of Record
        The rows, in order.
    has_types : bool
        Whether values came with their types (JSON, Parquet); in CSV everything is text.
    labels : tuple of str, optional
        Those of the columns that number or name the rows, such as pandas' index.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Record, ...]
    has_types: bool
    labels: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Records({str(self.path)!r}, rows={len(self.rows)}, columns={len(self.columns)})"


def read_records(path: str | Path) -> Records:
    """Read a table file.

    Parameters
    ----------
    path : str or Path
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


def _read_jsonl(path: Path) -> Records:
    rows: list[Record] = []
    columns: dict[str, None] = {}
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028, as they are.
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        location = f"row {len(rows) + 1} (line {number})"
        values = parse_json(
            line, path=path, location=location, remedy="put one JSON object on each line"
        )
        if not isinstance(values, dict):
            raise TableError(
                f"holds a JSON {type(values).__name__}, not an object",
                path=path,
                location=location,
                remedy='put one JSON object on each line, e.g. {"query_id": "a", "text": "..."}',
            )
        columns.update(dict.fromkeys(values))
        rows.append(Record(location, values))
    check_header(path, tuple(columns))
    return _labelled(path, tuple(columns), rows, has_types=True)


def _read_csv(path: Path) -> Records:
    text = read_text(path)
    with _cells_up_to(len(text)):
        lines = _csv_lines(path, text)
        try:
            first, header = next(lines)
        except StopIteration:
            raise TableError(
                "is empty", path=path, remedy="a CSV begins with a header line: query_id,text"
            ) from None
        found = list(lines)
    names = tuple(name.strip() for name in header)
    if _has_row_names(text, first, names, found):
        names = ("", *names)
    columns = named(names)
    check_header(path, columns)
    rows = []
    for number, cells in found:
        location = f"row {len(rows) + 1} (line {number})"
        if len(cells) != len(columns):
            raise TableError(
                f"has {len(cells)} cells where the header has {len(columns)}",
                path=path,
                location=location,
                remedy='put cells that hold a comma or a line break in double quotes ("..."); name '
                "a column of row names in the header too (write.csv of R does)",
            )
        values = (cell if cell.strip() else None for cell in cells)
        rows.append(Record(location, dict(zip(columns, values, strict=True))))
    return _labelled(path, columns, rows, has_types=False)


def _has_row_names(
    text: str, header: int, names: Sequence[str], found: Sequence[tuple[int, list[str]]]
) -> bool:
    """Return whether every row begins with a name that the header lacks, as from R's write.table.

    A comma in a text makes rows longer, too: so names must differ, no cell may begin with a space,
    and lines begin with quotes, or names are numbers where nothing in the table looks like prose.
    """
    cells = [cell for _, row in found for cell in row]
    first = [row[0] for _, row in found]
    if (
        not found
        or any(len(row) != len(names) + 1 for _, row in found)
        or len(set(first)) < len(first)
        or any(cell.startswith(" ") for cell in cells)
    ):
        return False
    lines = list(io.StringIO(text, newline=""))
    if all(lines[number - 1].startswith('"') for number in (header, *(n for n, _ in found))):
        return True
    numbered = len(found) > 1 and all(map(str.isdecimal, first))
    return numbered and not any(" " in cell for cell in cells)


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
            location=f"line {begins}",
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


def _labelled(
    path: Path, columns: tuple[str, ...], rows: Sequence[Record], *, has_types: bool
) -> Records:
    labels = tuple(
        name for name in columns if is_label(name, (row.values.get(name) for row in rows))
    )
    return Records(path, columns, tuple(rows), has_types, labels)


def _read_parquet(path: Path) -> Records:
    table, labels = read_indexed(path)
    names = tuple(table.column_names)
    columns = [as_objects(path, name, table[name]) for name in names]
    rows = tuple(
        Record(f"row {i}", dict(zip(names, values, strict=True)))
        for i, values in enumerate(zip(*columns, strict=True), start=1)
    )
    return Records(path, names, rows, has_types=True, labels=labels)
