"""Rollouts from a table file, and back into one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clear_opt.rollouts.checks import check
from clear_opt.rollouts.table import Rollouts


def read_rollouts(
    path: str | Path,
    model: str | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    features: Sequence[str] | None = None,
) -> Rollouts:
    """Read rollouts from a table file.

    Parameters
    ----------
    path : str or Path
        Parquet, CSV, or JSON Lines (``.jsonl``, ``.ndjson``) with the columns ``query_id``,
        ``n_tokens`` and ``correct``, and any of ``text``, ``model``, ``sample``, ``truncated``,
        ``source`` and ``cap``; see `Rollouts`. Every other column is a feature.
    model : str, optional
        Keep the rows of this model only.
    columns : mapping of str to str, optional
        What the file calls a column, where its name is another: ours to theirs, for example
        ``{"query_id": "problem"}``. A column of the file under our name then is not read.
    features : sequence of str, optional
        Which of the other columns to keep; all of them if not given.

    Notes
    -----
    Names may be whole numbers. ``correct`` and ``truncated`` may be spelled true, false, yes or
    no. In a CSV a column of numbers alone becomes a numeric feature, any other a categorical one,
    an empty cell of ``text`` or ``source`` is an empty text.

    Raises
    ------
    TableError
        If the file cannot be read or lacks a column, or naming file, row, query, column and value
        of the first entry that cannot be used.
    MissingExtraError
        If pyarrow is not installed.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "log.csv"
    >>> lines = ["problem,usage,correct,level", "a,120,yes,3", "b,800,no,5"]
    >>> _ = path.write_text(chr(10).join(lines))
    >>> read_rollouts(path, columns={"query_id": "problem", "n_tokens": "usage"})
    Rollouts(rows=2, queries=2, features=1, accuracy=0.500)
    >>> folder.cleanup()
    """
    from clear_opt.rollouts.columns import read_columns

    table = read_columns(path, columns, features)
    _, _, violations = check(table.known, table.features)
    if violations:
        column, rows, problem, remedy = violations[0]
        raise table.error(problem, column, int(rows[0]), remedy)
    rollouts = Rollouts(**table.known, features=table.features)
    return rollouts if model is None else rollouts.for_model(model)


def write_rollouts(rollouts: Rollouts, path: str | Path) -> None:
    """Write rollouts to a table file, as a whole or not at all.

    Parameters
    ----------
    rollouts : Rollouts
        What to write. Missing features become nulls (empty cells in CSV).
    path : str or Path
        ``.parquet``, ``.csv``, ``.jsonl`` or ``.ndjson``. Parquet and JSON Lines bring back the
        same table; a CSV forgets types, so that a feature of texts that are all numbers comes back
        as numbers.

    Raises
    ------
    TableError
        If the ending is not known or the file cannot be written; what was there before stays.
    MissingExtraError
        If pyarrow is not installed.
    """
    from clear_opt.io import write_table
    from clear_opt.rollouts.columns import as_arrow

    write_table(as_arrow(rollouts), path)
