"""Rollouts from a table file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.rollouts.checks import OPTIONAL, REMEDIES, REQUIRED
from clear_opt.rollouts.table import Rollouts

if TYPE_CHECKING:
    import pyarrow as pa


def read_rollouts(path: str | Path, model: str | None = None) -> Rollouts:
    """Read rollouts from a Parquet file.

    Parameters
    ----------
    path
        Parquet file with the columns ``query_id``, ``n_tokens`` and ``correct``, and any of
        ``text``, ``model``, ``sample``, ``truncated``, ``source`` and ``cap``; every other column
        is a feature. See `Rollouts`.
    model
        Keep the rows of this model only.

    Raises
    ------
    InvalidInputError
        If the file cannot be read, lacks a column, or holds an entry that cannot be used.
    MissingExtraError
        If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingExtraError("pyarrow", "tables") from None
    try:
        columns = pq.read_schema(path).names
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InvalidInputError(
            f"cannot be read: {error}", column="path", value=path, remedy="give a Parquet file"
        ) from None
    for name in REQUIRED:
        if name not in columns:
            raise InvalidInputError(
                "is missing", column=name, remedy=f"{path} has the columns {', '.join(columns)}"
            )
    known = [name for name in columns if name in REQUIRED + OPTIONAL]
    rollouts = Rollouts(
        **{name: _from_arrow(table[name], name) for name in known},
        features={name: table[name].to_numpy() for name in columns if name not in known},
    )
    return rollouts if model is None else rollouts.for_model(model)


def _from_arrow(column: pa.ChunkedArray, name: str) -> np.ndarray:
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InvalidInputError(
            "is missing", column=name, row=row, value="null", remedy=REMEDIES[name]
        )
    return column.to_numpy()
