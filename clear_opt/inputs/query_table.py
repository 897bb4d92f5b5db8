"""Queries to allocate for: each row checked, texts or curves, limits and weights beside them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from clear_opt.curves import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.inputs.query_curves import LENGTHS, given_curves, given_lengths
from clear_opt.inputs.query_row import REMEDIES, QueryRow, as_text
from clear_opt.io import Record, Records, TableError, listed, read_records
from clear_opt.lengths import LogNormalLengths
from clear_opt.problem import AllocationProblem

if TYPE_CHECKING:
    import pandas as pd

_CURVE = ("tau", "alpha", "beta", "height", "width", *LENGTHS)
_LIMITS = ("weight", "floor", "ceiling")


@dataclass(frozen=True, eq=False, repr=False)
class QueryTable:
    """The queries of one file; arrays have shape (n,).

    Attributes
    ----------
    path : Path
        The file.
    query_ids : tuple of str
        Name of each query, unique.
    texts : tuple of str or None
        Text of each query, or ``None`` where the table gives curves or has no texts.
    curves : ShiftedSurge or None
        Curve of each query, or ``None`` where the table gives texts.
    lengths : LogNormalLengths or None
        Completion length of each query, or ``None`` where the table gives none.
    weight : array
        What a right answer is worth, > 0.
    floor, ceiling : array
        Fewest and most tokens a query may get; the ceiling is infinite where there is none.
    unused_columns : tuple of str
        Columns of the file that nothing was read from.
    locations : tuple of str
        Where each query stands in the file, for messages.
    records : Records
        The rows of the file as they were read.
    """

    path: Path
    query_ids: tuple[str, ...]
    texts: tuple[str, ...] | None
    curves: ShiftedSurge | None
    lengths: LogNormalLengths | None
    weight: np.ndarray
    floor: np.ndarray
    ceiling: np.ndarray
    unused_columns: tuple[str, ...]
    locations: tuple[str, ...]
    records: Records

    def queries(
        self, columns: Sequence[str], categories: Mapping[str, Collection[str]] | None = None
    ) -> pd.DataFrame:
        """Return the columns that a predictor asks for, one row per query.

        Parameters
        ----------
        columns : sequence of str
            Their names: ``text``, and others that hold numbers or categories.
        categories : mapping of str to Collection, optional
            Those that held categories in training, with the categories; then all others held
            numbers. ``None`` where nothing is known: the columns say themselves what they hold.

        Raises
        ------
        TableError
            Naming the first column that the file does not have, or the first row that does not
            hold what its column does.
        """
        import pandas as pd

        from clear_opt.predictors import as_table
        from clear_opt.predictors.queries import check_columns
        from clear_opt.rollouts.columns import typed_column

        found = {}
        for name in columns:
            if name not in self.records.columns and len(self):
                raise TableError(
                    "is missing",
                    path=self.path,
                    column=name,
                    remedy=f"the predictor was trained on {', '.join(columns)}; "
                    f"columns found: {listed(self.records.columns)}",
                )
            if name == "text":
                found[name] = np.array(_texts(self.records, self.query_ids), dtype=object)
            else:
                category = None if categories is None else name in categories
                found[name] = typed_column(self.records, name, None, category=category)
        with self.locating_errors():
            table = as_table(pd.DataFrame(found))
            return table if categories is None else check_columns(table, columns, categories)

    def problem(self, curves: ShiftedSurge, budget: float, block: int = 1) -> AllocationProblem:
        """Return the allocation problem of these queries.

        Parameters
        ----------
        curves : ShiftedSurge
            One curve per query, the table's own or predicted.
        budget : float
            Tokens, >= 0.
        block : int, default=1
            Caps are multiples of this many tokens.

        Raises
        ------
        TableError
            Naming the row of the file whose floor and ceiling leave no whole block.
        """
        with self.locating_errors():
            return AllocationProblem(
                curves, budget, self.floor, self.ceiling, self.weight, block=block
            )

    @contextmanager
    def locating_errors(self) -> Iterator[None]:
        """Turn errors about a row of arrays into errors about the row of the file."""
        try:
            yield
        except InvalidInputError as error:
            if error.row is None:
                raise
            raise TableError(
                str(error).removeprefix(f"row {error.row}, "),
                path=self.path,
                location=self.locations[error.row],
                query_id=self.query_ids[error.row],
            ) from None

    def labels(self, column: str) -> np.ndarray:
        """Return a column of names, such as each query's tenant, as texts of shape (n,).

        Parameters
        ----------
        column : str
            Its name; whole numbers count as names.

        Raises
        ------
        TableError
            If the file has no such column, or naming the first row without a name in it.
        """
        labels = []
        for record, query_id in zip(self.records.rows, self.query_ids, strict=True):
            label = as_text(record.values.get(column))
            if not (isinstance(label, str) and label.strip()):
                there = column in self.records.columns
                raise TableError(
                    "is missing" if label is None else "is not a name",
                    path=self.path,
                    location=record.location if there else "",
                    query_id=query_id if there else None,
                    column=column,
                    value=label,
                    remedy="give every query a text or a whole number"
                    if there
                    else f"columns found: {listed(self.records.columns)}",
                )
            labels.append(label)
        return np.array(labels, dtype=object)

    def __len__(self) -> int:
        return len(self.query_ids)

    def __repr__(self) -> str:
        kind = "curves" if self.curves is not None else "texts" if self.texts else "features"
        return f"QueryTable({str(self.path)!r}, n={len(self)}, {kind})"


def read_queries(
    path: str | Path, *, floor: float = 0.0, ceiling: float | None = None, text_only: bool = False
) -> QueryTable:
    """Read queries to allocate for.

    Parameters
    ----------
    path : str or Path
        JSON Lines, CSV or Parquet (see `read_records`) with the column ``query_id`` (unique) and
        either ``tau`` with (``alpha``, ``beta``) or (``height``, ``width``), or what a predictor
        makes a curve of: ``text`` and columns of numbers or categories. Optional ``weight``,
        ``floor``, ``ceiling``; beside curves ``length_median`` and ``length_spread`` of log-normal
        completion lengths. Where every row has a curve, texts are not used.
    floor : float, default=0.0
        Fewest tokens of queries whose row names none, >= 0.
    ceiling : float, optional
        Most tokens of queries whose row names none; ``None`` for no limit.
    text_only : bool, default=False
        Whether only names and what describes the queries are wanted, no curves and no limits.

    Returns
    -------
    QueryTable

    Raises
    ------
    TableError
        Naming file, row, query, column and value of the first entry that cannot be used.
    """
    if ceiling is not None and ceiling < floor:
        raise InvalidInputError(
            f"is below the floor of {floor:g} tokens", column="ceiling", value=ceiling
        )
    records = read_records(path)
    known = ("query_id", "text") if text_only else tuple(QueryRow.model_fields)
    _check_columns(records, known)
    rows = [_checked(records, record, known) for record in records.rows]
    _check_unique(records, rows)
    has_curves = not rows or any(row.tau is not None for row in rows)
    names = tuple(row.query_id for row in rows)
    limits = _limits(records, rows, floor, ceiling)
    read = {"query_id", *(_LIMITS if not text_only else ()), *(_CURVE if has_curves else ["text"])}
    used = read if rows else set(known)
    return QueryTable(
        path=records.path,
        query_ids=names,
        texts=None if has_curves or "text" not in records.columns else _texts(records, names),
        curves=given_curves(records, rows) if has_curves else None,
        lengths=given_lengths(records, rows) if has_curves else None,
        **limits,
        unused_columns=tuple(
            name for name in records.columns if name not in used and name not in records.labels
        ),
        locations=tuple(record.location for record in records.rows),
        records=records,
    )


def _check_columns(records: Records, known: tuple[str, ...]) -> None:
    if not records.columns:
        return  # JSON Lines without a row
    found = ", ".join(map(repr, records.columns))
    if "query_id" not in records.columns:
        raise TableError(
            "is missing", path=records.path, column="query_id", remedy=f"columns found: {found}"
        )
    describing = {"text", *records.columns} - ({*QueryRow.model_fields} - {"text", "tau"})
    describing -= {*records.labels}
    if "tau" not in known:
        describing -= {"tau"}
    if not describing & set(records.columns):
        wanted = "'text'" if "tau" not in known else "'text', or 'tau' with 'height' and 'width'"
        raise TableError(
            "has no column to allocate by" if "tau" in known else "has no column 'text'",
            path=records.path,
            remedy=f"add {wanted}; columns found: {found}",
        )


def _checked(records: Records, record: Record, known: tuple[str, ...]) -> QueryRow:
    values = {name: record.values.get(name) for name in known}
    query_id = as_text(values["query_id"])
    try:
        return QueryRow.model_validate(values, strict=records.has_types)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        column = str(first["loc"][0])
        value = values[column]
        if value is None:
            problem = "is missing"
        else:
            problem = first["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
        raise TableError(
            problem,
            path=records.path,
            location=record.location,
            query_id=query_id if isinstance(query_id, str) and column != "query_id" else None,
            column=column,
            value=value,
            remedy=REMEDIES[column],
        ) from None


def _check_unique(records: Records, rows: list[QueryRow]) -> None:
    first: dict[str, str] = {}
    for record, row in zip(records.rows, rows, strict=True):
        if row.query_id in first:
            raise TableError(
                f"names the same query as {first[row.query_id]}",
                path=records.path,
                location=record.location,
                column="query_id",
                value=row.query_id,
                remedy="give every query its own query_id",
            )
        first[row.query_id] = record.location


def _texts(records: Records, query_ids: Sequence[str]) -> tuple[str, ...]:
    texts: list[str] = []
    for record, query_id in zip(records.rows, query_ids, strict=True):
        text = record.values.get("text")
        if text is None:
            raise TableError(
                "has no text",
                path=records.path,
                location=record.location,
                query_id=query_id,
                remedy="give the query's text, or leave the query out",
            )
        texts.append(text)
    return tuple(texts)


def _limits(
    records: Records, rows: list[QueryRow], floor: float, ceiling: float | None
) -> dict[str, np.ndarray]:
    floors = _filled((row.floor for row in rows), floor)
    ceilings = _filled((row.ceiling for row in rows), math.inf if ceiling is None else ceiling)
    below = np.flatnonzero(ceilings < floors)
    if below.size:
        where = int(below[0])
        raise TableError(
            f"is below the floor of {floors[where]:g} tokens",
            path=records.path,
            location=records.rows[where].location,
            query_id=rows[where].query_id,
            column="ceiling",
            value=float(ceilings[where]),
            remedy="raise the ceiling or lower the floor (columns, --floor, --ceiling)",
        )
    weight = _filled((row.weight for row in rows), 1.0)
    return {"weight": weight, "floor": floors, "ceiling": ceilings}


def _filled(values: Iterable[float | None], default: float) -> np.ndarray:
    return np.array([default if value is None else value for value in values], dtype=np.float64)
