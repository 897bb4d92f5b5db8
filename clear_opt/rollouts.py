"""Rollouts: what models did on queries, one row per generation, checked row by row."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt.errors import InvalidInputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

REQUIRED = ("query_id", "n_tokens", "correct")
"""Columns every rollout table has."""

OPTIONAL = ("text", "model", "sample", "truncated", "source")
"""Columns a rollout table may have; others are left where they are."""

_WORDS = ("query_id", "text", "model", "source")


@dataclass(frozen=True, eq=False, repr=False)
class Rollouts:
    """A table of generations: row r is one answer of one model to one query.

    All arrays have shape (rows,). They are checked when the table is built; a row that cannot be
    used is an error, never dropped.

    Parameters
    ----------
    query_id
        Which query, text. Rows of one query may be several samples or several models.
    n_tokens
        Length of the completion in whole tokens, >= 0.
    correct
        Whether the answer was right, or the probability that it was, in [0, 1].
    text
        The query's text, the same on every row of a query.
    model
        Which model answered.
    sample
        Number of the sample among those of one query and model.
    truncated
        Whether the generation was cut off, so that ``n_tokens`` is only a lower bound.
    source
        Where the query comes from, e.g. the name of a benchmark.

    Raises
    ------
    InvalidInputError
        Naming row, column and value of the first entry that cannot be used.

    Examples
    --------
    >>> Rollouts(query_id=["a", "a", "b"], n_tokens=[90, 120, 300], correct=[1, 0, 0.5])
    Rollouts(rows=3, queries=2, accuracy=0.500)
    """

    query_id: Any
    n_tokens: Any
    correct: Any
    text: Any = None
    model: Any = None
    sample: Any = None
    truncated: Any = None
    source: Any = None

    def __post_init__(self) -> None:
        rows = len(self.query_id)
        for name in self._columns():
            values = getattr(self, name)
            if len(values) != rows:
                raise InvalidInputError(
                    f"has {len(values)} entries where query_id has {rows}", column=name
                )
            settled = _words(values, name) if name in _WORDS else _numbers(values, name)
            object.__setattr__(self, name, settled)

    def _columns(self) -> list[str]:
        return [field.name for field in fields(self) if getattr(self, field.name) is not None]

    @property
    def query_ids(self) -> np.ndarray:
        """The queries, each once, in the order in which they first appear; shape (queries,)."""
        return self.query_id[self._first_rows()]

    @property
    def models(self) -> tuple[str, ...]:
        """The models, each once, in alphabetical order; empty where no model is named."""
        return () if self.model is None else tuple(sorted(set(self.model)))

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources, each once, in alphabetical order; empty where none is named."""
        return () if self.source is None else tuple(sorted(set(self.source)))

    def take(self, rows: Any) -> Rollouts:
        """Give some of the rows: ``rows`` is an index array, a mask or a slice."""
        return Rollouts(**{name: getattr(self, name)[rows] for name in self._columns()})

    def for_model(self, name: str) -> Rollouts:
        """Give the rows of one model.

        Raises
        ------
        InvalidInputError
            If the table has no row of this model; the message lists those it has.
        """
        if name not in self.models:
            known = ", ".join(self.models) or "none, the table has no model column"
            raise InvalidInputError(
                "has no rollouts", column="model", value=name, remedy=f"models here: {known}"
            )
        return self.take(self.model == name)

    def for_queries(self, query_ids: Sequence[str] | np.ndarray) -> Rollouts:
        """Give the rows of some queries, in the table's order.

        Raises
        ------
        InvalidInputError
            If one of the queries has no row.
        """
        self.index_of(query_ids)
        wanted = set(query_ids)
        return self.take(np.array([name in wanted for name in self.query_id], dtype=bool))

    def index_of(self, query_ids: Sequence[str] | np.ndarray) -> np.ndarray:
        """Give the place of each named query in `query_ids`, integers of shape (len(query_ids),).

        Raises
        ------
        InvalidInputError
            Naming the first query, and its row in the argument, that has no rollout.
        """
        place = {name: i for i, name in enumerate(self.query_ids)}
        for row, name in enumerate(query_ids):
            if name not in place:
                raise InvalidInputError(
                    "has no rollouts",
                    column="query_id",
                    row=row,
                    value=name,
                    remedy="leave the query out, or add its rollouts",
                )
        return np.array([place[name] for name in query_ids], dtype=np.int64)

    def samples_of(self, query_ids: Sequence[str] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give all samples of some queries: pairs of a place in ``query_ids`` and a row.

        Parameters
        ----------
        query_ids
            The queries, n of them; one may occur several times.

        Returns
        -------
        Places and rows, each of shape (number of samples,), ordered by place.

        Raises
        ------
        InvalidInputError
            Naming the first query that has no rollout.
        """
        known = self.index_of(query_ids)
        owner = self.index_of(self.query_id)
        rows = np.argsort(owner, kind="stable")
        count = np.bincount(owner)
        first = np.cumsum(count) - count
        place = np.repeat(np.arange(len(known)), count[known])
        nth = np.arange(len(place)) - np.repeat(
            np.cumsum(count[known]) - count[known], count[known]
        )
        return place, rows[np.repeat(first[known], count[known]) + nth]

    def texts(self) -> list[str]:
        """Give the text of each query, in the order of `query_ids`.

        Raises
        ------
        InvalidInputError
            If the table has no texts, or if two rows of one query differ in their text.
        """
        if self.text is None:
            raise InvalidInputError("is missing", column="text", remedy="add the queries' texts")
        first = self._first_rows()
        unlike = np.flatnonzero(self.text != self.text[first][self.index_of(self.query_id)])
        if unlike.size:
            row = int(unlike[0])
            raise InvalidInputError(
                f"differs from the text of an earlier row of query {self.query_id[row]!r}",
                column="text",
                row=row,
                remedy="give every text its own query_id",
            )
        return self.text[first].tolist()

    def _first_rows(self) -> np.ndarray:
        return np.sort(np.unique(self.query_id, return_index=True)[1])

    def __len__(self) -> int:
        return len(self.query_id)

    def __repr__(self) -> str:
        models = f", models={len(self.models)}" if self.model is not None else ""
        accuracy = f", accuracy={self.correct.mean():.3f}" if len(self) else ""
        return f"Rollouts(rows={len(self)}, queries={len(self.query_ids)}{models}{accuracy})"


def read_rollouts(path: str | Path, model: str | None = None) -> Rollouts:
    """Read rollouts from a Parquet file.

    Parameters
    ----------
    path
        Parquet file with the columns ``query_id``, ``n_tokens`` and ``correct``, and any of
        ``text``, ``model``, ``sample``, ``truncated`` and ``source``; see `Rollouts`.
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
        table = pq.read_table(path, columns=[c for c in REQUIRED + OPTIONAL if c in columns])
    except (OSError, pa.ArrowException) as error:
        raise InvalidInputError(
            f"cannot be read: {error}", column="path", value=path, remedy="give a Parquet file"
        ) from None
    for name in REQUIRED:
        if name not in columns:
            raise InvalidInputError(
                "is missing", column=name, remedy=f"{path} has the columns {', '.join(columns)}"
            )
    rollouts = Rollouts(**{name: _from_arrow(table[name], name) for name in table.column_names})
    return rollouts if model is None else rollouts.for_model(model)


def _from_arrow(column: pa.ChunkedArray, name: str) -> np.ndarray:
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise InvalidInputError(
            "is missing", column=name, row=row, value="null", remedy=_REMEDIES[name]
        )
    return column.to_numpy()


def _words(values: Any, name: str) -> np.ndarray:
    words = np.empty(len(values), dtype=object)
    words[:] = list(values)
    for row, word in enumerate(words):
        if not isinstance(word, str):
            raise InvalidInputError(
                "is not text", column=name, row=row, value=repr(word), remedy=_REMEDIES[name]
            )
    return words


def _numbers(values: Any, name: str) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        row = next(row for row, value in enumerate(values) if not _is_number(value))
        raise InvalidInputError(
            "is not a number", column=name, row=row, value=values[row], remedy=_REMEDIES[name]
        ) from None
    if numbers.ndim != 1:
        raise InvalidInputError(f"has shape {numbers.shape}", column=name, remedy="one per row")
    whole = numbers == np.floor(numbers)
    accepted, problem = {
        "n_tokens": ((numbers >= 0) & whole, "must be a whole number >= 0"),
        "correct": ((numbers >= 0) & (numbers <= 1), "lies outside [0, 1]"),
        "sample": (whole, "must be a whole number"),
        "truncated": ((numbers == 0) | (numbers == 1), "must be true or false"),
    }[name]
    wrong = np.flatnonzero(~(np.isfinite(numbers) & accepted))
    if wrong.size:
        row = int(wrong[0])
        raise InvalidInputError(
            problem, column=name, row=row, value=numbers[row], remedy=_REMEDIES[name]
        )
    return numbers.astype(_KINDS[name])


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


_KINDS = {"n_tokens": np.int64, "correct": np.float64, "sample": np.int64, "truncated": np.bool_}

_REMEDIES = {
    "query_id": "name every query by a text",
    "n_tokens": "count the completion's tokens",
    "correct": "give true or false, or a probability",
    "text": "give an empty text where there is none",
    "model": "name the model on every row",
    "sample": "number the samples of a query",
    "truncated": "say whether the generation was cut off",
    "source": "give an empty text where there is none",
}
