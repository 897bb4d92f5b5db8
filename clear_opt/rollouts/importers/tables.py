"""Rollouts from a table, where bad rows are refused one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clear_opt.rollouts.columns import read_columns
from clear_opt.rollouts.importers.imported import Imported, build_imported


def import_table(
    source: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    features: Sequence[str] | None = None,
    model: str | None = None,
) -> Imported:
    """Import a table of rollouts; a row that cannot be used is refused, the others are kept.

    Parameters
    ----------
    source : str or Path
        Parquet, CSV or JSON Lines.
    columns : mapping of str to str, optional
        As for `clear_opt.rollouts.read_rollouts`.
    features : sequence of str, optional
        As for `read_rollouts`, but features that are outcomes are left out unless they are named.
    model : str, optional
        Name of the model, for a table without the column ``model``.

    Raises
    ------
    TableError
        If the file cannot be read or lacks a column, or no row can be used.
    """
    table = read_columns(source, columns, features)
    known = dict(table.known)
    if model is not None and "model" not in known:
        known["model"] = table.known["query_id"].astype(object)
        known["model"][:] = model
    notes = [f"the table names the models itself: {model!r} is not used"] if (
        model is not None and "model" in table.known
    ) else []  # fmt: skip
    named = None if features is None else list(table.features)
    return build_imported(table.path, known, table.features, table.location, [], notes, named=named)
