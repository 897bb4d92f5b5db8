"""Curves and lengths that the rows of a query table give themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clear_opt.curves import ShiftedSurge
from clear_opt.errors import InvalidInputError
from clear_opt.inputs.query_row import QueryRow
from clear_opt.io import Records, TableError
from clear_opt.lengths import LogNormalLengths

LENGTHS = ("length_median", "length_spread")
"""Columns that describe a completion's length."""


def given_curves(records: Records, rows: Sequence[QueryRow]) -> ShiftedSurge:
    """Return the curve of each row, or the error that names the first row without one."""
    slopes = [_slopes(records, rows, index) for index in range(len(rows))]
    alpha, beta = np.array(slopes).reshape(-1, 2).T
    try:
        return ShiftedSurge([row.tau for row in rows], alpha, beta)
    except InvalidInputError as error:
        where = error.row or 0
        raise TableError(
            str(error).removeprefix(f"row {where}, "),
            path=records.path,
            location=records.rows[where].location,
            query_id=rows[where].query_id,
        ) from None


def given_lengths(records: Records, rows: Sequence[QueryRow]) -> LogNormalLengths | None:
    """Return the lengths of the rows, ``None`` where no row has any; not to all is an error."""
    if all(getattr(row, name) is None for row in rows for name in LENGTHS):
        return None
    for record, row in zip(records.rows, rows, strict=True):
        for name in LENGTHS:
            if getattr(row, name) is None:
                raise TableError(
                    "is missing",
                    path=records.path,
                    location=record.location,
                    query_id=row.query_id,
                    column=name,
                    remedy=f"give every row {' and '.join(LENGTHS)}, or leave both columns out",
                )
    return LogNormalLengths(
        [row.length_median for row in rows], [row.length_spread for row in rows]
    )


def _slopes(records: Records, rows: Sequence[QueryRow], index: int) -> tuple[float, float]:
    """Alpha and beta of one row, or the error that says why it has none."""
    row = rows[index]
    violation, slopes = row.curve_violation(), row.slopes()
    if violation is None and slopes is not None:
        return slopes
    remedy = "a curve is tau with height and width, or tau with alpha and beta"
    if row.tau is None and row.text is not None:
        by_tau = next(i for i, other in enumerate(rows) if other.tau is not None)
        violation = f"has a text but no tau, while {records.rows[by_tau].location} has a tau"
        remedy = "give every row a curve, or take the curve columns out to use the texts"
    elif slopes is not None and row.tau is not None:
        remedy = "keep one of the two pairs of columns"
    raise TableError(
        violation or "",
        path=records.path,
        location=records.rows[index].location,
        query_id=row.query_id,
        remedy=remedy,
    )
