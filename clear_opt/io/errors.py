"""The error of a table: file, row, query, column and value, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from clear_opt.errors import InvalidInputError

_LONGEST = 60  # characters of an offending value that a message shows
_MOST = 40  # names that a message lists


def listed(names: Iterable[str]) -> str:
    """Return names as a message lists them: none of them empty, too long, or without end.

    Examples
    --------
    >>> listed(["query_id", "", "text"])
    "query_id, '', text"
    >>> listed([])
    'none'
    """
    names = list(names)
    shown = [name if 0 < len(name.strip()) <= _LONGEST else _shown(name) for name in names[:_MOST]]
    rest = [f"and {len(names) - _MOST:,} more"] if len(names) > _MOST else []
    return ", ".join(shown + rest) or "none"


class TableError(InvalidInputError):
    """A table, or one entry of it, that cannot be used.

    Parameters
    ----------
    problem : str
        What is wrong.
    path : str or Path
        The file.
    location : str, default=""
        Where in it, as a user counts, e.g. ``"row 3 (line 4)"``.
    query_id : str, optional
        The query concerned, where it is known.
    column : str, optional
        The column concerned.
    value : object, optional
        The offending value; left out where there is none.
    remedy : str, default=""
        What the user can do.

    Examples
    --------
    >>> print(TableError("must be >= 0", path="q.csv", location="row 3", column="tau", value=-1))
    q.csv, row 3, tau = -1: must be >= 0
    """

    def __init__(
        self,
        problem: str,
        *,
        path: str | Path,
        location: str = "",
        query_id: str | None = None,
        column: str | None = None,
        value: object = None,
        remedy: str = "",
    ) -> None:
        parts = [str(path), location]
        if query_id is not None:
            parts.append(f"query_id {_shown(query_id)}")
        if column is not None:
            parts.append(column if value is None else f"{column} = {_shown(value)}")
        message = f"{', '.join(filter(None, parts))}: {problem}"
        super().__init__(_one_line(message), remedy=_one_line(remedy))
        self.path, self.location, self.query_id = Path(path), location, query_id
        self.column, self.value = column, value


def _one_line(text: str) -> str:
    """Names of files and columns may hold line breaks; a message is one line."""
    return " ".join(text.splitlines())


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
